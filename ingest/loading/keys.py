"""Find rows of a delivery that repeat a key; hashes go to temporary files, so memory stays small."""

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

import numpy as np

ENTRY = np.dtype([("key", "u8"), ("content", "u8"), ("line", "i8"), ("text", "u8")])
PART_BITS = 7
PARTS = 1 << PART_BITS
FEW = 1 << 17
"""Rows held in memory (4 MB): creating files would take longer than loading a small delivery."""


@dataclass(frozen=True)
class Doubled:
    """Lines (int64, sorted) to reject: exact repeats of an earlier row, and rows with conflicting keys."""

    repeats: np.ndarray
    conflicts: np.ndarray


class Keys(contextlib.ExitStack):
    """Collects the hashes of keys and contents: few in memory; of many 32 bytes a row on disk, one part in memory."""

    def __enter__(self) -> "Keys":
        self._few: list[np.ndarray] = []
        self._files: list[BinaryIO] = []
        return super().__enter__()

    def add(self, keys: np.ndarray, contents: np.ndarray, lines: np.ndarray, texts: np.ndarray | None = None) -> None:
        """Take note of rows: hashes (uint64) of key and content, physical lines, hashes of their texts if there are."""
        entries = np.empty(len(keys), ENTRY)
        entries["key"], entries["content"], entries["line"] = keys, contents, lines
        entries["text"] = 0 if texts is None else texts
        self._few.append(entries)
        if self._files or sum(map(len, self._few)) > FEW:
            self._write()

    def _write(self) -> None:
        """Move what is in memory into the files."""
        if not self._files:
            self._files = [self.enter_context(tempfile.TemporaryFile()) for _ in range(PARTS)]  # noqa: SIM115
        entries, self._few = np.concatenate(self._few), []
        part = _part_of(entries["key"])
        order = np.argsort(part, kind="stable")
        entries, bounds = entries[order], np.searchsorted(part[order], np.arange(PARTS + 1))
        for file, first, after in zip(self._files, bounds, bounds[1:], strict=False):
            file.write(entries[first:after].data)

    def parts(self) -> Iterator[np.ndarray]:
        """What was collected, part by part (`PARTS` of them), each sorted by key."""
        if self._files:
            for file in self._files:
                file.seek(0)
                yield _sorted(np.frombuffer(file.read(), ENTRY))
            return
        entries = _sorted(np.concatenate([np.empty(0, ENTRY), *self._few]))
        bounds = np.searchsorted(_part_of(entries["key"]), np.arange(PARTS + 1))
        for first, after in pairwise(bounds.tolist()):
            yield entries[first:after]

    def doubled(self) -> Doubled:
        """The rows that share a key: all but the first where the rows are the same, all if they are not."""
        return together(doubled_in(entries) for entries in self.parts())


def _part_of(keys: np.ndarray) -> np.ndarray:
    return (keys >> np.uint64(64 - PART_BITS)).astype(np.uint8)


def _sorted(entries: np.ndarray) -> np.ndarray:
    return entries[np.argsort(entries["key"])]


def together(found: Iterable[Doubled]) -> Doubled:
    """The lines of several parts."""
    repeats, conflicts = zip(*((part.repeats, part.conflicts) for part in found), strict=True)
    return Doubled(np.sort(np.concatenate(repeats)), np.sort(np.concatenate(conflicts)))


def doubled_in(entries: np.ndarray) -> Doubled:
    """The rows of a part (sorted by key) that share a key."""
    same = entries["key"][1:] == entries["key"][:-1]
    if not same.any():
        return Doubled(np.empty(0, np.int64), np.empty(0, np.int64))
    shared = entries[np.append(same, False) | np.append(False, same)]
    shared = shared[np.lexsort((shared["line"], shared["key"]))]
    _, group, sizes = np.unique(shared["key"], return_inverse=True, return_counts=True)
    firsts = np.cumsum(sizes) - sizes
    differs = shared["content"] != shared["content"][firsts][group]
    is_conflict = np.bincount(group, differs).astype(bool)[group]
    is_repeat = ~is_conflict
    is_repeat[firsts] = False
    return Doubled(shared["line"][is_repeat], shared["line"][is_conflict])
