"""What a connector is told of the last answer, and what it hands back."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Known:
    """What is known of the host's last answer that was delivered."""

    address_sha256: str | None = None
    """SHA-256 of the address that it came from."""
    etag: str | None = None
    last_modified: str | None = None
    last_change: str | None = None


@dataclass(frozen=True)
class Answer:
    """A file, or why there is none."""

    path: Path | None = None
    address_sha256: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    last_change: str | None = None
    """When the host last changed what it holds, in its own words."""
    why: str | None = None
    """Without a file: what says that nothing is new, or that nothing is there."""
    is_absent: bool = False
    """Without a file: the host has nothing for this, which is not the same as nothing new."""
