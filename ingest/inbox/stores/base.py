"""Where people put files: a local folder, SFTP, S3, each as a store of files below one folder, through fsspec.

What enters: the inbox's label (`drop`, or the URL of a store). What leaves: listings, bytes, renames. Links are no
files and are never followed; `taken/`, `receipts/`, hidden names and those of uploads under way are not listed.
"""

import contextlib
import re
import uuid
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from ingest.contracts.inbox_names import RECEIPTS, TAKEN
from ingest.contracts.messages import Message
from ingest.deliveries.landing import ChangedWhileRead
from lagebild.core.errors import UserError

DROP = "drop"
"""The label of the drop folder; others are their URL."""
UNDER_WAY = (".part", ".partial", ".filepart", ".tmp", ".crdownload", ".download", ".opdownload")
"""How uploaders (of this house, WinSCP, others) and browsers name what they have not finished."""
SYSTEM = ("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r")
"""What Windows and macOS put into folders for themselves, in small letters."""
LOCKS = ("~$", "~wrl")
"""How the names begin that Office gives to the locks of open files, and to its drafts."""
MARKERS = (".ok", ".sha256")
"""Beside a file they say that it is complete."""
MAX_NAME_BYTES = 255
"""Of a file's name on the usual file systems."""
FOLDERS_DEEP = 2
"""How many folders below the inbox are looked into."""
_DEEPEST = 20
TIMEOUT_SECONDS = 30
_LIBRARIES = ("asyncssh", "sshfs", "botocore", "aiobotocore", "aiohttp")


@dataclass(frozen=True)
class Entry:
    """A file of a store."""

    path: str
    """Below the inbox, with `/`."""
    size: int
    version: str
    """Changes when the bytes do: size and time of change, or size and ETag."""
    changed_at: float | None
    """Epoch seconds by the store's clock; of a local file the time that nobody can set (ctime)."""

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


class StoreError(UserError):
    """Store unreachable or access denied. Nothing is lost: the next poll tries again."""


def is_listed(name: str) -> bool:
    """Whether a file of this name is looked at: not hidden, no upload under way, and not a system's own or a lock."""
    small = name.lower()
    is_own = small in SYSTEM or small.startswith(LOCKS) or small.endswith((".swp", ".swo"))
    return not (name.startswith(".") or is_own or small.endswith(UNDER_WAY))


def _is_of_system(name: str) -> bool:
    """Also LibreOffice's locks, and what macOS puts beside files on foreign disks."""
    return name.lower() in (*SYSTEM, ".ds_store") or name.lower().startswith((*LOCKS, ".~lock.", "._"))


def _ways(folder: str) -> list[str]:
    """A folder and those that hold it."""
    parts = folder.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]


def _is_looked_into(folder: str) -> bool:
    """Whether people may put files into a folder: not hidden, not ours, not too deep."""
    parts = folder.split("/")
    return not parts[-1].startswith(".") and len(parts) <= FOLDERS_DEEP and folder not in (TAKEN, RECEIPTS)


def is_plain(path: str) -> bool:
    """Whether a path leads to a file that people put into an inbox, and nowhere else."""
    parts = path.split("/")
    is_own = len(parts) > 1 and parts[0] in (TAKEN, RECEIPTS)
    return not is_own and all(part not in ("", ".", "..") and "\0" not in part for part in parts) and _is_text(path)


def markers(path: str) -> list[str]:
    """The paths of a file's markers, as far as names can be so long."""
    name = path.rpartition("/")[2]
    return [f"{path}{marker}" for marker in MARKERS if len(f"{name}{marker}".encode()) <= MAX_NAME_BYTES]


def shown(path: str) -> str:
    """A path as text, also where its bytes are none."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:  # bytes that are no UTF-8
        return False
    return True


class Store:
    """Files below one folder of an fsspec file system."""

    renames = True
    """Whether a file can be renamed at once, so that whoever writes its name again makes a new one."""

    def __init__(self, label: str, filesystem: Any, root: str):
        self.label, self._fs, self._root = label, filesystem, root.rstrip("/") or "/"

    def entries(self) -> list[Entry]:
        """Every file that people put here, by path."""
        with self._told():
            self._require_root()
            found, left = [], [""]
            while left:
                folders, files = self._inside(left.pop())
                found += [entry for entry in files if is_listed(entry.name)]
                left += [path for path in folders if _is_looked_into(path)]
            return sorted(found, key=lambda entry: entry.path)

    def others(self) -> list[Entry]:
        """Every file that `entries` leaves out and no system put here: uploads, hidden ones, those in deep folders."""
        with self._told():
            found, left = [], [""]
            while left:
                folder = left.pop()
                folders, files = self._inside(folder)
                is_seen = not folder or all(map(_is_looked_into, _ways(folder)))
                left_out = [e for e in files if not (is_seen and is_listed(e.name))]
                found += [e for e in left_out if e.size and not _is_of_system(e.name)]
                left += [path for path in folders if path not in (TAKEN, RECEIPTS) and path.count("/") < _DEEPEST]
            return sorted(found, key=lambda entry: entry.path)

    def inside(self, folder: str) -> tuple[list[str], list[Entry]]:
        """Paths of the folders, and the files, in a folder of our own; none if it is not there, or is a link."""
        with self._told(), contextlib.suppress(FileNotFoundError):
            if self._described(folder)["type"] == "directory":
                return self._inside(folder)
        return [], []

    def entry(self, path: str) -> Entry | None:
        """A file as it is now; None if there is none, or something else, such as a link."""
        folders = [str(folder) for folder in PurePosixPath(path).parents if str(folder) != "."]
        with self._told(), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if any(self._described(folder)["type"] != "directory" for folder in folders):
                return None  # nor in a folder that is a link
            info = self._described(path)
            return self._entry(path, info) if info["type"] == "file" else None
        return None

    def local(self, path: str) -> Path | None:
        """The file on this machine, where it needs no copy."""
        return None

    def fetch(self, entry: Entry, target: Path) -> None:
        """Copy a file's bytes; ChangedWhileRead if they were written meanwhile."""
        with self._told(), changed_if_gone(entry.path):
            self._fs.get_file(self._full(entry.path), str(target))
        now = self.entry(entry.path)
        if now is None or now.version != entry.version or target.stat().st_size != entry.size:
            raise ChangedWhileRead(f"{entry.path} changed while it was read")

    def head(self, path: str, most: int = 4096) -> bytes:
        """The first bytes of a small file."""
        with self._told(), self._fs.open(self._full(path), "rb") as file:
            return file.read(most)

    def move(self, path: str, target: str) -> bool:
        """Rename, the folder of `target` is made; False if the file is gone."""
        with self._told():
            self._make_folder(str(PurePosixPath(target).parent))
            try:
                self._rename(self._full(path), self._full(target))
            except FileNotFoundError:
                return False
            return True

    def write(self, path: str, content: bytes) -> None:
        """Write a file whole or not at all."""
        draft = f"{PurePosixPath(path).parent}/.{uuid.uuid4().hex}.part"
        with self._told():
            self._make_folder(str(PurePosixPath(path).parent))
            self._fs.pipe_file(self._full(draft), content)
            self._rename(self._full(draft), self._full(path))

    def put(self, file: Path, path: str) -> None:
        """Write a file of this machine, whole or not at all; for stores that cannot rename."""
        raise NotImplementedError

    def remove(self, entry: Entry) -> bool:
        """Remove a file if it is still this version; whether it is gone."""
        now = self.entry(entry.path)
        if now is None or now.version != entry.version:
            return now is None
        with self._told(), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._full(entry.path))
        return True

    def remove_folder(self, path: str) -> None:
        """Remove a folder if it is empty."""
        with contextlib.suppress(OSError, StoreError), self._told():
            self._fs.rmdir(self._full(path))

    def close(self) -> None:
        """End the connection."""

    def _make_folder(self, path: str) -> None:
        """Make a folder of our own; StoreError if somebody put a link in its place, which could lead anywhere."""
        own = path.partition("/")[0]
        with contextlib.suppress(FileNotFoundError):
            if self._described(own)["type"] != "directory":
                raise StoreError(Message("inbox_folder_taken", inbox=self.label, folder=own), Message("remove_it"))
        self._fs.makedirs(self._full(path), exist_ok=True)

    def _full(self, path: str) -> str:
        return self._root if path in ("", ".") else f"{self._root.rstrip('/')}/{path}"

    def _inside(self, folder: str) -> tuple[list[str], list[Entry]]:
        """Paths of the folders, and the files, in a folder; links are neither."""
        folders, files = [], []
        for path, info in self._listed(folder):
            if info["type"] == "directory":
                folders.append(path)
            elif info["type"] == "file" and not info.get("islink"):
                with contextlib.suppress(FileNotFoundError):  # it went meanwhile
                    files.append(self._entry(path, info))
        return folders, files

    def _listed(self, folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """(path below the inbox, fsspec's description) of everything in a folder; nothing if there is none."""
        full = self._full(folder)
        try:
            listed = self._fs.ls(full, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return
        for info in listed:
            name = info["name"].rstrip("/").rpartition("/")[2]
            if info["name"].strip("/") != full.strip("/") and name:
                yield name if folder in ("", ".") else f"{folder}/{name}", info

    def _described(self, path: str) -> dict[str, Any]:
        """fsspec's description of what lies there, of a link itself; FileNotFoundError where nothing does."""
        raise NotImplementedError

    def _require_root(self) -> None:
        if not self._fs.exists(self._root):
            raise FileNotFoundError(f"there is no folder {self._root}")

    def _entry(self, path: str, info: dict[str, Any]) -> Entry:
        changed_at = info["mtime"].timestamp() if info.get("mtime") else None
        return Entry(path, info["size"], f"{info['size']} {changed_at}", changed_at)

    def _rename(self, full: str, target: str) -> None:
        raise NotImplementedError

    @contextlib.contextmanager
    def _told(self) -> Generator[None]:
        """Say of what a store or its library fails with which store it was; never with its credentials."""
        with faults_named(self.label):
            yield


def access_name(label: str) -> str:
    """The name under which an inbox's user, password and key are kept: `inbox_` and its host or bucket."""
    return "inbox_" + re.sub(r"[^a-z0-9]+", "_", (urlsplit(label).hostname or "").lower())


@contextlib.contextmanager
def changed_if_gone(path: str) -> Generator[None]:
    from s3fs.utils import FileExpired

    try:
        yield
    except (FileNotFoundError, FileExpired) as error:
        raise ChangedWhileRead(f"{path} changed while it was read") from error


@contextlib.contextmanager
def faults_named(label: str) -> Generator[None]:
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not isinstance(error, OSError) and type(error).__module__.partition(".")[0] not in _LIBRARIES:
            raise
        said = f"{type(error).__name__}: {error}".strip()[:300]
        is_other_key = type(error).__name__ == "HostKeyNotVerifiable"
        remedy = Message("server_key_differs" if is_other_key else "next_look_tries")
        raise StoreError(Message("inbox_unusable", inbox=label, error=said), remedy) from error
