"""A folder on an SFTP server as a store."""

import contextlib
from typing import Any
from urllib.parse import urlsplit

from ingest.contracts.messages import Message
from ingest.inbox.stores.base import TIMEOUT_SECONDS, Store, StoreError, access_name, faults_named
from lagebild.core.credentials import access_of
from lagebild.core.settings import Settings


class Sftp(Store):
    """A folder of an SFTP server, whose host key stands in `known_hosts` of the secrets folder."""

    def __init__(self, label: str, settings: Settings):
        parts = urlsplit(label)
        with faults_named(label):
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
