"""Where people put files: a local folder, SFTP, S3, each as a store of files below one folder, through fsspec.

What enters: the inbox's label (`drop`, or the URL of a store). What leaves: listings, bytes, renames. Links are no
files and are never followed; `taken/`, `receipts/`, hidden names and those of uploads under way are not listed.
"""

import contextlib
import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ingest.connectors.access import access_of
from ingest.landing import ChangedWhileRead
from ingest.messages import Message
from lagebild.errors import UserError
from lagebild.settings import Settings

DROP = "drop"
"""The label of the drop folder; others are their URL."""
TAKEN, RECEIPTS = "taken", "receipts"
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
        with self._told(), _changed_if_gone(entry.path):
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
    def _told(self) -> Iterator[None]:
        """Say of what a store or its library fails with which store it was; never with its credentials."""
        with _told(self.label):
            yield


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


class Sftp(Store):
    """A folder of an SFTP server, whose host key stands in `known_hosts` of the secrets folder."""

    def __init__(self, label: str, settings: Settings):
        parts = urlsplit(label)
        with _told(label):
            filesystem = _sftp_filesystem(label, settings)
        path = parts.path.removeprefix("/~/") if parts.path.startswith("/~/") else parts.path
        super().__init__(label, filesystem, path)

    def _described(self, path: str) -> dict[str, Any]:
        return self._fs.described(self._full(path))

    def _rename(self, full: str, target: str) -> None:
        self._fs.rename_at_once(full, target)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._fs.disconnect()


class S3(Store):
    """A prefix of a bucket. An object appears whole and cannot be renamed: it is read by its ETag, then removed."""

    renames = False

    def __init__(self, label: str, settings: Settings):
        import s3fs

        parts = urlsplit(label)
        endpoint = parse_qs(parts.query).get("endpoint", [None])[0]
        access = access_of(access_name(label), settings)
        filesystem = s3fs.S3FileSystem(
            key=access.user if access else None,  # without: what the machine's role or AWS_* variables allow
            secret=access.password if access else None,
            endpoint_url=endpoint,
            use_listings_cache=False,
            skip_instance_cache=True,
            config_kwargs={"connect_timeout": TIMEOUT_SECONDS, "read_timeout": TIMEOUT_SECONDS},
        )
        super().__init__(label, filesystem, f"{parts.netloc}{parts.path}")

    def entry(self, path: str) -> Entry | None:
        with self._told():
            try:
                info = self._described(path)
            except FileNotFoundError:
                return None
            return self._entry(path, info) if info["type"] == "file" else None

    def _described(self, path: str) -> dict[str, Any]:
        return self._fs.info(self._full(path), refresh=True)

    def fetch(self, entry: Entry, target: Path) -> None:
        with self._told(), _changed_if_gone(entry.path), self._fs.open(self._full(entry.path), "rb") as file:
            # Each part is asked for by the ETag of the moment of opening: parts of two objects cannot mix.
            if self._entry(entry.path, file.details).version != entry.version:
                raise ChangedWhileRead(f"{entry.path} changed while it was read")
            with target.open("wb") as copy:
                shutil.copyfileobj(file, copy, 1 << 20)
        if target.stat().st_size != entry.size:
            raise ChangedWhileRead(f"{entry.path} changed while it was read")

    def write(self, path: str, content: bytes) -> None:
        with self._told():
            self._fs.pipe_file(self._full(path), content)  # an object appears whole

    def put(self, file: Path, path: str) -> None:
        with self._told():
            self._fs.put_file(str(file), self._full(path))

    def remove(self, entry: Entry) -> bool:
        now = self.entry(entry.path)
        if now is None or now.version != entry.version:
            return now is None
        bucket, key, _ = self._fs.split_path(self._full(entry.path))
        etag = entry.version.partition(" ")[2]
        # The condition closes the moment between look and removal, where a store knows it.
        for condition in ({"IfMatch": etag}, {}):
            try:
                with self._told():
                    self._fs.call_s3("delete_object", Bucket=bucket, Key=key, **condition)
                return True
            except StoreError as error:
                now = self.entry(entry.path)
                if now is None or now.version != entry.version:
                    return now is None
                if not condition or "NotImplemented" not in str(error):
                    raise
        return True

    def remove_folder(self, path: str) -> None:
        """A prefix without objects is gone."""

    def _require_root(self) -> None:
        bucket = self._root.partition("/")[0]
        self._fs.call_s3("head_bucket", Bucket=bucket)

    def _entry(self, path: str, info: dict[str, Any]) -> Entry:
        changed = info.get("LastModified")
        return Entry(path, info["size"], f"{info['size']} {info['ETag']}", changed.timestamp() if changed else None)


def labels(settings: Settings) -> list[str]:
    """Every inbox of this house: the drop folder, then those of LAGEBILD_INBOXES."""
    return [DROP, *settings.inboxes]


@contextlib.contextmanager
def opened(settings: Settings, label: str) -> Iterator[Store]:
    """The store of an inbox, connected; StoreError if it cannot be reached."""
    store = _store(settings, label)
    try:
        yield store
    finally:
        store.close()


def _store(settings: Settings, label: str) -> Store:
    if label == DROP:
        return Local(label, settings.drop)
    scheme = urlsplit(label).scheme
    if scheme == "file":
        return Local(label, Path(unquote(urlsplit(label).path)))
    return {"sftp": Sftp, "s3": S3}[scheme](label, settings)


def access_name(label: str) -> str:
    """The name under which an inbox's user, password and key are kept: `inbox_` and its host or bucket."""
    return "inbox_" + re.sub(r"[^a-z0-9]+", "_", (urlsplit(label).hostname or "").lower())


def _sftp_filesystem(label: str, settings: Settings) -> Any:
    from asyncssh import ConnectionLost
    from asyncssh.sftp import SFTPNoSuchFile, SFTPOpUnsupported
    from fsspec.asyn import sync
    from sshfs import SSHFileSystem
    from sshfs.utils import wrap_exceptions
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

    class FileSystem(SSHFileSystem):
        """sshfs with a rename that never copies: sshfs' own, where it cannot copy, removes the file all the same.

        And with a `rmdir`: of its own nothing would come, not even an error.
        """

        async def _rename_at_once(self, path: str, target: str) -> None:
            async with self._pool.get() as channel:
                try:
                    try:
                        await channel.posix_rename(path, target)
                    except SFTPOpUnsupported:
                        await channel.rename(path, target)
                except SFTPNoSuchFile as error:
                    raise FileNotFoundError(path) from error

        @wrap_exceptions
        async def _described(self, path: str) -> dict[str, Any]:
            async with self._pool.get() as channel:
                return self._decode_attributes(await channel.lstat(path))

        @wrap_exceptions
        async def _remove_folder(self, path: str) -> None:
            async with self._pool.get() as channel:
                await channel.rmdir(path)

        def rmdir(self, path: str) -> None:
            sync(self.loop, self._remove_folder, path)

        def described(self, path: str) -> dict[str, Any]:
            return sync(self.loop, self._described, path)

        def rename_at_once(self, path: str, target: str) -> None:
            sync(self.loop, self._rename_at_once, path, target)

        def disconnect(self) -> None:
            self._finalize(self.loop, self._pool, self._stack)

    parts, name = urlsplit(label), access_name(label)
    known_hosts, key = settings.secrets / "known_hosts", settings.secrets / f"{name}_key"
    if not known_hosts.exists():
        raise StoreError(
            Message("inbox_server_unknown", inbox=label, path=known_hosts), remedy=Message("ask_server_key")
        )
    access = access_of(access_name(label), settings)
    user = (access.user if access else "") or parts.username
    password = access.password if access else None
    if not user or not (password or key.exists()):
        raise StoreError(Message("inbox_no_access", inbox=label), remedy=Message("put_private_key", key=key, name=name))
    # A server that many ask at once turns some away before it says who it is.
    patiently = Retrying(
        retry=retry_if_exception_type((ConnectionResetError, ConnectionLost)),
        wait=wait_random_exponential(max=10),
        stop=stop_after_attempt(4),
        reraise=True,
    )
    return patiently(
        FileSystem,
        parts.hostname,
        port=parts.port or 22,
        username=user,
        password=password or None,
        client_keys=[str(key)] if key.exists() else None,
        known_hosts=str(known_hosts),
        config=None,  # neither keys, nor agents, nor settings of whoever runs this
        agent_path=None,
        connect_timeout=TIMEOUT_SECONDS,
        login_timeout=TIMEOUT_SECONDS,
        keepalive_interval=TIMEOUT_SECONDS,
        sftp_client_kwargs={"path_errors": "surrogateescape"},
        skip_instance_cache=True,
    )


@contextlib.contextmanager
def _changed_if_gone(path: str) -> Iterator[None]:
    from s3fs.utils import FileExpired

    try:
        yield
    except (FileNotFoundError, FileExpired) as error:
        raise ChangedWhileRead(f"{path} changed while it was read") from error


@contextlib.contextmanager
def _told(label: str) -> Iterator[None]:
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
