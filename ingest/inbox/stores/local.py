"""A folder on this machine as a store."""

import os
import stat
from pathlib import Path
from typing import Any

from ingest.inbox.stores.base import Entry, Store


class Local(Store):
    """A folder of this machine, or one mounted here."""

    def __init__(self, label: str, folder: Path):
        from fsspec.implementations.local import LocalFileSystem

        super().__init__(label, LocalFileSystem(), str(folder))

    def local(self, path: str) -> Path:
        return Path(self._full(path))

    def _described(self, path: str) -> dict[str, Any]:
        full = self._full(path)
        mode = os.lstat(full).st_mode
        kind = "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"
        return {"type": kind, "name": full}

    def _require_root(self) -> None:
        """A drop folder that nobody made yet is empty."""

    def _entry(self, path: str, info: dict[str, Any]) -> Entry:
        found = os.lstat(info["name"])
        return Entry(path, found.st_size, f"{found.st_size} {found.st_mtime_ns}", found.st_ctime)

    def _rename(self, full: str, target: str) -> None:
        os.rename(full, target)  # not shutil's, as fsspec does it: that copies where it cannot rename
