"""Write small state files atomically: a concurrent reader sees the old text or the new one."""

import os
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Replace the file's content by `text`; readable by its owner only."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
