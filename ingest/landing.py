"""The landing zone: every delivery's bytes, unchanged, under the name of their SHA-256."""

import hashlib
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from ingest import unfinished
from lagebild.errors import UserError
from lagebild.settings import Settings

if TYPE_CHECKING:
    from ingest.ledger import Delivery

BLOCK_BYTES = 8 << 20
"""Large: between blocks Python's lock is needed, which the loader's imports hold meanwhile."""
_UNFINISHED = ".unfinished-"


class Changed(UserError):
    """A file was written while it was read: what was read is a mixture, and thrown away."""


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def path_of(source: str, period: str, digest: str, suffix: str) -> str:
    """Path below the landing folder: `<source>/<period>/<sha256><suffix>`."""
    return f"{source}/{period}/{digest}{suffix}"


def land(settings: Settings, file: Path, source: str, period: str) -> tuple[str, Path]:
    """Copy a file into the landing zone, whole or not at all; the same bytes again change nothing.

    Returns their SHA-256 (hexadecimal) and where they lie. Changed when the file was still being written.
    """
    suffix = file.suffix.lower()
    folder = (settings.landing / path_of(source, period, "", suffix)).parent
    settings.landing.mkdir(parents=True, exist_ok=True, mode=0o700)  # closes everything below it
    folder.mkdir(parents=True, exist_ok=True)
    unfinished.clear(folder, f"{_UNFINISHED}*")
    # A name of its own, so that two loads of the same file at once do not write into each other's copy.
    temporary = folder / f"{_UNFINISHED}{uuid.uuid4().hex}"
    digest = hashlib.sha256()
    try:
        with file.open("rb", buffering=0) as original, unfinished.locked(temporary) as copy:
            before = os.fstat(original.fileno())
            while block := original.read(BLOCK_BYTES):
                digest.update(block)
                copy.write(block)
            copy.flush()
            os.fsync(copy.fileno())
            after = os.fstat(original.fileno())
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                raise Changed(f"{file} changed while it was read", remedy="load it again once it is written completely")
            target = settings.landing / path_of(source, period, digest.hexdigest(), suffix)
            if target.exists():
                temporary.unlink()
            else:
                os.chmod(temporary, 0o400)
                temporary.rename(target)  # before the lock goes: another load would clear the copy away
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return digest.hexdigest(), target


def require(settings: Settings, delivery: "Delivery") -> None:
    """Raise UserError when the bytes of a delivery are not in the landing zone any more; it says when and why."""
    if (settings.landing / delivery.landing_path).exists():
        return
    gone = f"the landed bytes {settings.landing / delivery.landing_path} are gone"
    if delivery.erased_at:
        gone = (
            f"the landed bytes of delivery {delivery.delivery_id} were erased on {delivery.erased_at:%Y-%m-%d}:"
            f" {delivery.erased_why}"
        )
    raise UserError(gone, remedy="ask the supplier for the file again")
