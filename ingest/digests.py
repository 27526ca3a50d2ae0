"""Digests of a snapshot's rows, beside the warehouse: with them the loader knows which rows of the next one are new.

A row is two hashes of 64 bits, of its key and of all that raw keeps of it, and the place where raw holds it. They are
kept in the state folder, readable by their owner only, for the last snapshot of a series. The file is a cache: where
it is missing, damaged, or of another contract, code, key or erasure, it is made anew from raw.
"""

import contextlib
import fcntl
import json
import os
import shutil
import uuid
import zlib
from pathlib import Path
from typing import Any, Self

import numpy as np

from ingest.keys import ENTRY, PARTS
from lagebild.settings import Settings

LINE_BITS = 40
"""A place is the number of a delivery in the file's own list, and below it the line there."""
_BUCKETS_A_ROW = 2


def path_of(settings: Settings, source: str, series: str, delivery_id: int) -> Path:
    """Where the digests of a delivery's snapshot lie."""
    return _folder(settings, source) / series / f"{delivery_id}.digests"


def forget(settings: Settings, *sources: str) -> None:
    """Delete all digests of sources: rows were erased or given other pseudonyms, or landed bytes given up.

    Digests that another process put there since are deleted, too, and one that is left would not be read: it is of
    another key or another number of rows.
    """
    for source in sources:
        shutil.rmtree(_folder(settings, source), ignore_errors=True)


def _folder(settings: Settings, source: str) -> Path:
    return settings.home / "digests" / source


class Draft:
    """Digests that are being written; nobody sees them before `keep`. Gone when the block ends, unless kept."""

    def __init__(self, path: Path):
        self._path = path
        for folder in (path.parent.parent.parent, path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _clear(path.parent)
        self._draft = path.with_name(f".{uuid.uuid4().hex}")
        self._file = os.fdopen(os.open(self._draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
        fcntl.flock(self._file, fcntl.LOCK_EX)  # says that whoever writes is alive
        self._counts: list[int] = []
        self._sums: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._draft.unlink(missing_ok=True)

    def write(self, entries: np.ndarray) -> None:
        """Add the next of the parts (ENTRY, sorted by key), all `PARTS` of them in order."""
        self._counts.append(len(entries))
        self._sums.append(zlib.crc32(entries.data))
        self._file.write(entries.data)

    def keep(self, identity: dict[str, Any], deliveries: list[int], also: int | None = None) -> None:
        """Put the digests in their place; of the series only those of the delivery `also` stay beside them."""
        about = {"identity": identity, "deliveries": deliveries, "counts": self._counts, "sums": self._sums}
        text = json.dumps(about).encode()
        self._file.write(text + len(text).to_bytes(8, "little"))
        self._file.flush()
        stays = {self._path.name, f"{also}.digests"}
        for old in self._path.parent.glob("*.digests"):
            if old.name not in stays:
                old.unlink(missing_ok=True)
        self._draft.rename(self._path)


def _clear(folder: Path) -> None:
    """Remove drafts whose writers were killed: nobody holds their lock any more."""
    for left in folder.glob(".*"):
        with contextlib.suppress(OSError), left.open("rb") as draft:
            fcntl.flock(draft, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


class Digests:
    """The digests of a snapshot, read from a file; `deliveries` are those whose rows it holds."""

    def __init__(self, file: Any, deliveries: list[int], counts: list[int], contents: "Members"):
        self.deliveries = deliveries
        self.contents = contents
        self._file = file
        self._counts = iter(counts)
        file.seek(0)

    def part(self) -> np.ndarray:
        """The next part (ENTRY, sorted by key), from the first to the last of `PARTS`."""
        return np.frombuffer(self._file.read(next(self._counts) * ENTRY.itemsize), ENTRY)

    def close(self) -> None:
        self._file.close()


def read(path: Path, identity: dict[str, Any]) -> Digests | None:
    """The digests in a file; None unless they are there, whole, and of exactly this identity."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    about = _about(file)
    if about is None or about["identity"] != identity:
        file.close()
        return None
    contents, filled = np.empty(sum(about["counts"]), np.uint64), 0
    file.seek(0)
    for count, expected in zip(about["counts"], about["sums"], strict=True):
        data = file.read(count * ENTRY.itemsize)
        if zlib.crc32(data) != expected:
            file.close()
            return None
        contents[filled : filled + count] = np.frombuffer(data, ENTRY)["content"]
        filled += count
    return Digests(file, about["deliveries"], about["counts"], Members(contents))


def _about(file: Any) -> dict[str, Any] | None:
    size = file.seek(0, os.SEEK_END)
    if size < 8:
        return None
    file.seek(-8, os.SEEK_END)
    length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= size - 8:
        return None
    file.seek(-8 - length, os.SEEK_END)
    try:
        about = json.loads(file.read(length))
        is_whole = len(about["counts"]) == PARTS and sum(about["counts"]) * ENTRY.itemsize == size - 8 - length
    except (ValueError, KeyError, TypeError):
        return None
    return about if is_whole else None


class Members:
    """A set of hashes (uint64), 8 bytes each and as much again: asked for whole blocks at once."""

    def __init__(self, hashes: np.ndarray):
        hashes.sort()
        self._hashes = np.append(hashes, np.uint64(0))  # a place to look at behind the last one
        self._bits = max(1, int(len(hashes) * _BUCKETS_A_ROW).bit_length() - 1)
        self._shift = np.uint64(64 - self._bits)
        buckets = np.arange(1 << self._bits, dtype=np.uint64) << self._shift
        self._starts = np.searchsorted(hashes, buckets).astype(np.uint32)
        self._starts = np.append(self._starts, np.uint32(len(hashes)))

    def has(self, hashes: np.ndarray) -> np.ndarray:
        """Which of the hashes are in the set."""
        bucket = hashes >> self._shift
        place, end = self._starts[bucket], self._starts[bucket + np.uint64(1)]
        found = (self._hashes[place] == hashes) & (place < end)
        open_ = np.flatnonzero(~found & (place + 1 < end))
        while len(open_):
            place[open_] += 1
            found[open_] = self._hashes[place[open_]] == hashes[open_]
            open_ = open_[~found[open_] & (place[open_] + 1 < end[open_])]
        return found
