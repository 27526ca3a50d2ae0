"""The landing zone: every delivery's bytes, unchanged, under the name of their SHA-256."""

import hashlib
import os
import shutil
from pathlib import Path

from lagebild.settings import Settings


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def path_of(source: str, period: str, digest: str, suffix: str) -> str:
    """Path below the landing folder: `<source>/<period>/<sha256><suffix>`."""
    return f"{source}/{period}/{digest}{suffix}"


def land(settings: Settings, file: Path, landing_path: str) -> Path:
    """Copy a file into the landing zone, whole or not at all; the same bytes again change nothing."""
    target = settings.landing / landing_path
    if target.exists():
        return target
    settings.landing.mkdir(parents=True, exist_ok=True, mode=0o700)  # closes everything below it
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    with file.open("rb") as original, temporary.open("wb") as copy:
        shutil.copyfileobj(original, copy, 1 << 20)
        copy.flush()
        os.fsync(copy.fileno())
    os.chmod(temporary, 0o400)
    temporary.rename(target)
    return target
