"""The landing zone: every delivery's bytes, unchanged, under the name of their SHA-256."""

import hashlib
import mmap
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lagebild.core import partial_files
from lagebild.core.errors import UserError

if TYPE_CHECKING:
    from ingest.deliveries.delivery_ledger import Delivery

WINDOW_BYTES = 16 << 20
_UNFINISHED = ".unfinished-"


class ChangedWhileRead(UserError):
    """The file changed while being read; the copy was discarded."""


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def path_of(source: str, period: str, digest: str, suffix: str) -> str:
    """Path below the landing folder: `<source>/<period>/<sha256><suffix>`."""
    return f"{source}/{period}/{digest}{suffix}"


def land(landing: Path, file: Path, source: str, period: str, suffix: str | None = None) -> tuple[str, Path]:
    """Copy a file into the landing zone, completely or not at all. Landing the same bytes again changes nothing.

    `suffix` is the ending of the copy; default: that of the file.
    Returns the SHA-256 (hexadecimal) and the path. ChangedWhileRead if the file was still being written.
    """
    suffix = (file.suffix if suffix is None else suffix).lower()
    folder = (landing / path_of(source, period, "", suffix)).parent
    landing.mkdir(parents=True, exist_ok=True, mode=0o700)  # closes everything below it
    folder.mkdir(parents=True, exist_ok=True)
    partial_files.clear(folder, f"{_UNFINISHED}*")
    # A unique name, so that two concurrent loads of the same file do not write into each other's copy.
    temporary = folder / f"{_UNFINISHED}{uuid.uuid4().hex}"
    try:
        with partial_files.locked(temporary) as copy:
            before = _version(file)
            _copy(file, copy)
            digest = _sum_of_copy(temporary)
            os.fsync(copy.fileno())
            if _version(file) != before:
                said = f"{file} changed while it was read"
                raise ChangedWhileRead(said, remedy="load it again once it is written completely")
            target = landing / path_of(source, period, digest, suffix)
            if target.exists():
                temporary.unlink()
            else:
                os.chmod(temporary, 0o400)
                temporary.rename(target)  # before the lock goes: another load would clear the copy away
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return digest, target


def _version(file: Path) -> tuple[int, int, int] | None:
    """Values that change with a file's bytes; None if there is no file."""
    try:
        stat = file.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _copy(file: Path, to: BinaryIO) -> None:
    """Copy within the kernel. The original's cached pages are released at once: only the copy is read from now on."""
    with file.open("rb", buffering=0) as original:
        at = 0
        while sent := os.sendfile(to.fileno(), original.fileno(), at, WINDOW_BYTES):
            os.posix_fadvise(original.fileno(), at, sent, os.POSIX_FADV_DONTNEED)
            at += sent


def _sum_of_copy(path: Path) -> str:
    """SHA-256 of a file that nobody else writes: a mapped file must not become shorter.

    It reads large windows, so that it rarely asks for Python's lock (which imports hold) and takes little memory.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        for start in range(0, size, WINDOW_BYTES):
            window = min(WINDOW_BYTES, size - start)
            with mmap.mmap(file.fileno(), window, offset=start, access=mmap.ACCESS_READ) as part:
                digest.update(part)
    return digest.hexdigest()


def require(landing: Path, delivery: "Delivery") -> None:
    """Raise UserError if the bytes of a delivery are no longer in the landing zone; the message says when and why."""
    if (landing / delivery.landing_path).exists():
        return
    gone = f"the landed bytes {landing / delivery.landing_path} are gone"
    if delivery.erased_at:
        gone = (
            f"the landed bytes of delivery {delivery.delivery_id} were erased on {delivery.erased_at:%Y-%m-%d}:"
            f" {delivery.erased_why}"
        )
    raise UserError(gone, remedy="ask the supplier for the file again")
