"""The landing zone: every delivery's bytes, unchanged, under the name of their SHA-256."""

import contextlib
import fcntl
import hashlib
import os
import re
import uuid
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lagebild.errors import UserError
from lagebild.settings import Settings

if TYPE_CHECKING:
    from ingest.ledger import Delivery

BLOCK_BYTES = 1 << 20


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def path_of(source: str, period: str, digest: str, suffix: str) -> str:
    """Path below the landing folder: `<source>/<period>/<sha256><suffix>`."""
    return f"{source}/{period}/{digest}{suffix}"


def land(settings: Settings, file: Path, landing_path: str) -> Path:
    """Copy a file into the landing zone, whole or not at all; the same bytes again change nothing.

    UserError when the bytes are not those that the name vouches for: the file was still being written.
    """
    target = settings.landing / landing_path
    if target.exists():
        return target
    settings.landing.mkdir(parents=True, exist_ok=True, mode=0o700)  # closes everything below it
    target.parent.mkdir(parents=True, exist_ok=True)
    _clear(target)
    # A name of its own, so that two loads of the same file at once do not write into each other's copy.
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    digest = hashlib.sha256()
    try:
        with file.open("rb") as original, _locked(temporary) as copy:
            while block := original.read(BLOCK_BYTES):
                digest.update(block)
                copy.write(block)
            copy.flush()
            os.fsync(copy.fileno())
            if re.fullmatch("[0-9a-f]{64}", target.stem) and digest.hexdigest() != target.stem:
                raise UserError(
                    f"{file} changed while it was read", remedy="load it again once it is written completely"
                )
            os.chmod(temporary, 0o400)
            temporary.rename(target)  # before the lock goes: another load would clear the copy away
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return target


def _locked(path: Path) -> IO[bytes]:
    """A new file under a lock that says that whoever writes it is alive.

    Made again where another load took it for left over in the moment before it was locked.
    """
    while True:
        copy = path.open("wb")
        fcntl.flock(copy, fcntl.LOCK_EX)
        if path.exists():
            return copy
        copy.close()


def _clear(target: Path) -> None:
    """Remove the unfinished copies of a file whose writers were killed: nobody holds their lock any more."""
    for left in target.parent.glob(f".{target.name}.*"):
        with contextlib.suppress(OSError), left.open("rb") as copy:
            fcntl.flock(copy, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


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
