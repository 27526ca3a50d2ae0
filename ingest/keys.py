"""Which rows of a delivery repeat a key: hashes go to temporary files, memory stays small however long the file is."""

import contextlib
import tempfile
from dataclasses import dataclass

import numpy as np

_ENTRY = np.dtype([("key", "u8"), ("content", "u8"), ("line", "i8")])
_PARTS = 64


@dataclass(frozen=True)
class Doubled:
    """Lines (int64, sorted) that may not stay: exact repeats of an earlier row, and rows whose keys conflict."""

    repeats: np.ndarray
    conflicts: np.ndarray


class Keys(contextlib.ExitStack):
    """Collects the hashes of keys and contents; 24 bytes a row on disk, one part in memory at a time."""

    def __enter__(self) -> "Keys":
        self._files = [self.enter_context(tempfile.TemporaryFile()) for _ in range(_PARTS)]  # noqa: SIM115
        return super().__enter__()

    def add(self, keys: np.ndarray, contents: np.ndarray, lines: np.ndarray) -> None:
        """Take note of rows: hashes (uint64) of key and content, and physical lines."""
        part = (keys >> np.uint64(58)).astype(np.uint8)
        order = np.argsort(part, kind="stable")
        entries = np.empty(len(keys), _ENTRY)
        entries["key"], entries["content"], entries["line"] = keys[order], contents[order], lines[order]
        bounds = np.searchsorted(part[order], np.arange(_PARTS + 1))
        for file, first, after in zip(self._files, bounds, bounds[1:], strict=False):
            file.write(entries[first:after].data)

    def doubled(self) -> Doubled:
        """The rows that share a key: all but the first where the rows are the same, all where they are not."""
        found = [self._doubled(file) for file in self._files]
        return Doubled(*(np.sort(np.concatenate(lines)) for lines in zip(*found, strict=True)))

    @staticmethod
    def _doubled(file) -> tuple[np.ndarray, np.ndarray]:
        file.seek(0)
        entries = np.frombuffer(file.read(), _ENTRY)
        order = np.argsort(entries["key"])
        keys = entries["key"][order]
        same = keys[1:] == keys[:-1]
        if not same.any():
            return np.empty(0, np.int64), np.empty(0, np.int64)
        is_shared = np.append(same, False) | np.append(False, same)
        shared = entries[order[is_shared]]
        shared = shared[np.lexsort((shared["line"], shared["key"]))]
        _, group, sizes = np.unique(shared["key"], return_inverse=True, return_counts=True)
        firsts = np.cumsum(sizes) - sizes
        differs = shared["content"] != shared["content"][firsts][group]
        is_conflict = np.bincount(group, differs).astype(bool)[group]
        is_repeat = ~is_conflict
        is_repeat[firsts] = False
        return shared["line"][is_repeat], shared["line"][is_conflict]
