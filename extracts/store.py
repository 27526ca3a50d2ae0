"""The bytes of released files, each once under its SHA-256: `<extracts>/store/ab/abcd...`.

A release made again takes its files from here, under any later version of the code. Nothing is removed.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path

from lagebild.core.errors import UserError
from lagebild.warehouse.releases import File

STORE = "store"
_BLOCK = 1 << 20


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def keep(extracts: Path, folder: Path) -> list[File]:
    """Store every file of a folder; the files by name. What is stored already is left alone."""
    kept = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest = sha256(path)
        stored = _path(extracts, digest)
        if not stored.exists() or stored.stat().st_size != path.stat().st_size:
            stored.parent.mkdir(parents=True, exist_ok=True)
            draft = stored.with_name(f".{uuid.uuid4().hex}.part")
            shutil.copyfile(path, draft)
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            draft.replace(stored)
        kept.append(File(path.relative_to(folder).as_posix(), digest, path.stat().st_size))
    return kept


def bring(extracts: Path, files: Iterable[File], folder: Path) -> None:
    """Copy stored files into a folder; UserError names the first that is missing or is not what it was."""
    for file in files:
        stored, target = _path(extracts, file.sha256), folder / file.name
        if not stored.is_file() or sha256(stored) != file.sha256:
            said = "is not what was released" if stored.is_file() else "is missing"
            raise UserError(
                f"{stored}, the stored {file.name}, {said}",
                remedy="restore the folder `store` from a backup, or make the release again from the database:"
                " lagebild release --rebuild N",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(stored, target)


def stored_bytes(extracts: Path, file: File) -> bytes:
    """The bytes of a small stored file."""
    return _path(extracts, file.sha256).read_bytes()


def _path(extracts: Path, digest: str) -> Path:
    return extracts / STORE / digest[:2] / digest
