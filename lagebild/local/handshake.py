"""What the stack's parent and who started it say to each other."""

GO = b"g"
MIGRATED, NOT_MIGRATED = b"migrated\n", b"failed\n"
