"""Files that are being written: a lock says that their writer is alive; what killed ones left is cleared away."""

import contextlib
import fcntl
import os
from pathlib import Path
from typing import BinaryIO


def locked(path: Path) -> BinaryIO:
    """A new file, for its owner's eyes only, under its writer's lock.

    Made again where another process took it for left over in the moment before it was locked.
    """
    while True:
        file = os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb")
        fcntl.flock(file, fcntl.LOCK_EX)
        if path.exists():
            return file
        file.close()


def clear(folder: Path, pattern: str) -> None:
    """Remove files of killed writers: nobody holds their lock any more."""
    for left in folder.glob(pattern):
        with contextlib.suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
