"""Digests of a snapshot's rows: with them the loader knows which rows of the next snapshot are new.

A row is hashes of 64 bits, of its key, of all that raw keeps of it, and (under a secret key) of its texts in the file,
and the place where raw holds it. They are kept in the state folder, readable by their owner only, for the last
snapshots of a series. The file is a cache: if it is missing, damaged, or of another contract, code, key or erasure,
it is made again from raw, without the texts.
"""

import json
import os
import shutil
import uuid
import zlib
from pathlib import Path
from typing import Any, Self

import numpy as np

from ingest.loading.keys import ENTRY, PARTS
from lagebild.core import lazy, partial_files

kernels = lazy.module("ingest.reading.kernels")

LINE_BITS = 40
"""A place is the number of a delivery in the file's own list, and below it the line there."""


def path_of(home: Path, source: str, series: str, delivery_id: int) -> Path:
    """Path of the digests of a delivery's snapshot."""
    return _folder(home, source) / series / f"{delivery_id}.digests"


def forget(home: Path, *sources: str) -> None:
    """Delete all digests of sources: rows were erased or given other pseudonyms, or landed bytes given up.

    Digests that another process put there since are deleted, too, and one that is left would not be read: it is of
    another key or another number of rows.
    """
    for source in sources:
        shutil.rmtree(_folder(home, source), ignore_errors=True)


def _folder(home: Path, source: str) -> Path:
    return home / "digests" / source


class Draft:
    """Digests being written; not visible before `keep`. Deleted when the block ends, unless kept."""

    def __init__(self, path: Path):
        self._path = path
        for folder in (path.parent.parent.parent, path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial_files.clear(path.parent, ".*")
        self._draft = path.with_name(f".{uuid.uuid4().hex}")
        self._file = partial_files.locked(self._draft)
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

    def keep(self, identity: dict[str, Any], deliveries: list[int], texts: str | None, also: int | None = None) -> None:
        """Put the digests in their place; of the series only those of the delivery `also` stay beside them."""
        about = {
            "identity": identity,
            "deliveries": deliveries,
            "counts": self._counts,
            "sums": self._sums,
            "texts": texts,
        }
        text = json.dumps(about).encode()
        self._file.write(text + len(text).to_bytes(8, "little"))
        self._file.flush()
        stays = {self._path.name, f"{also}.digests"}
        for old in self._path.parent.glob("*.digests"):
            if old.name not in stays:
                old.unlink(missing_ok=True)
        self._draft.rename(self._path)


class Digests:
    """The digests of a snapshot, read from a file."""

    def __init__(self, file: Any, deliveries: list[int], counts: list[int], members: "Members", by_text: bool):
        self.deliveries = deliveries
        """Those that brought its rows."""
        self.members = members
        """Hashes of the rows: of their texts in the file, else of their contents."""
        self.by_text = by_text
        self._file = file
        self._counts = iter(counts)
        file.seek(0)

    def part(self) -> np.ndarray:
        """The next part (ENTRY, sorted by key), from the first to the last of `PARTS`."""
        return np.frombuffer(self._file.read(next(self._counts) * ENTRY.itemsize), ENTRY)

    def close(self) -> None:
        self._file.close()


def read(path: Path, identity: dict[str, Any], texts: str | None) -> Digests | None:
    """The digests in a file; None unless they are there, whole, and of exactly this identity.

    `texts`: rows shall be told by their texts, if the file has their hashes, and those are made in this way.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    about = _about(file)
    if about is None or about["identity"] != identity:
        file.close()
        return None
    by_text = texts is not None and about["texts"] == texts
    hashes, filled = np.empty(sum(about["counts"]), np.uint64), 0
    file.seek(0)
    for count, expected in zip(about["counts"], about["sums"], strict=True):
        data = file.read(count * ENTRY.itemsize)
        if zlib.crc32(data) != expected:
            file.close()
            return None
        hashes[filled : filled + count] = np.frombuffer(data, ENTRY)["text" if by_text else "content"]
        filled += count
    return Digests(file, about["deliveries"], about["counts"], Members(hashes), by_text)


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
    """A set of hashes (uint64) in about 16 bytes each: asked for whole blocks at once, it remembers what was found."""

    def __init__(self, hashes: np.ndarray):
        bits = max(1, len(hashes).bit_length() - 1)
        self._shift = np.uint64(64 - bits)
        self._starts = np.zeros((1 << bits) + 2, np.int32)
        self._hashes, self._numbers = np.empty(len(hashes), np.uint64), np.empty(len(hashes), np.int32)
        kernels.bucket(hashes, self._shift, self._starts, self._hashes, self._numbers)
        self._is_found = np.zeros(len(hashes) + 1, bool)
        self._passed = 0

    def has(self, hashes: np.ndarray) -> np.ndarray:
        """Which of the hashes are in the set."""
        found = np.empty(len(hashes), np.int64)
        kernels.find(self._hashes, self._numbers, self._starts, self._shift, hashes, found)
        self._is_found[found] = True  # the last one stands for those that are not there
        return found >= 0

    def were_found(self, count: int) -> np.ndarray:
        """Which of the next `count` members, in the order in which they were given, `has` was asked for."""
        self._passed += count
        return self._is_found[self._passed - count : self._passed]
