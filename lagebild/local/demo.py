"""The demo's suppliers, on 127.0.0.1 only: a GENESIS service that replays recorded replies, and an SFTP server.

They replace the services and inboxes of a real city, so that the first run uses logins, a job to wait for, and host
keys like a real one. They run with the stack, in the demo only.
"""

import asyncio
import contextlib
import signal
import time
from pathlib import Path

import asyncssh

from ingest.inbox.stores import base
from ingest.pulls.replay import ReplayServer
from lagebild.core.errors import UserError
from lagebild.core.settings import DEMO_GENESIS, DEMO_REPLIES, DEMO_SFTP, DEMO_USER, Settings, with_demo
from lagebild.core.settings import load as load_settings
from lagebild.local import ports
from lagebild.local.background import Background

SERVER = Background("demo", "lagebild.local.demo", (DEMO_GENESIS, DEMO_SFTP))
START_SECONDS = 30


def start(settings: Settings) -> Settings:
    """Start both suppliers with logins; the settings for them."""
    SERVER.start(settings)
    joined = with_demo(settings)
    for name in ("destatis", base.access_name(joined.inboxes[-1])):
        (settings.secrets / f"{name}_user").write_text(DEMO_USER)
        settings.secret(f"{name}_password")
    return joined


def wait(settings: Settings) -> None:
    """Wait until both answer. UserError with the log if they do not."""
    deadline = time.monotonic() + START_SECONDS
    while any(ports.is_free(settings.ports()[name]) for name in SERVER.port_names):
        if SERVER.process(settings) is None or time.monotonic() > deadline:
            log = SERVER.log_path(settings)
            raise UserError(f"the demo's suppliers do not answer:\n{log.read_text()[-2000:]}", remedy=f"read {log}")
        time.sleep(0.1)


def sent(settings: Settings) -> Path:
    """The folder that the SFTP server shows as `/upload`."""
    return SERVER.folder(settings) / "sftp" / "upload"


class Account(asyncssh.SSHServer):
    """One account, one password."""

    def __init__(self, password: str):
        self._password = password

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username == DEMO_USER and password == self._password


async def serve_files(settings: Settings) -> asyncssh.SSHAcceptor:
    """Serve the folder above `sent` over SFTP; adds the host key to the known hosts of clients."""
    port = settings.ports()[DEMO_SFTP]
    password = settings.secret(f"{base.access_name(settings.inboxes[-1])}_password")
    folder = sent(settings)
    folder.mkdir(parents=True, exist_ok=True)
    key = asyncssh.generate_private_key("ssh-ed25519")
    public = key.export_public_key().decode().strip()
    known = settings.secrets / "known_hosts"
    others = known.read_text().splitlines() if known.exists() else []
    kept = [line for line in others if not line.startswith(f"[{ports.HOST}]:")]
    known.write_text("\n".join([*kept, f"[{ports.HOST}]:{port} {public}", ""]))
    root = str(folder.parent).encode()
    return await asyncssh.listen(
        ports.HOST,
        port,
        server_host_keys=[key],
        server_factory=lambda: Account(password),
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=root),
        allow_pty=False,
        session_factory=None,
    )


async def serve(settings: Settings) -> None:
    """Serve until stopped."""
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    async with await serve_files(settings):
        await end.wait()


def main() -> None:
    settings = load_settings()
    with contextlib.ExitStack() as stack:
        stack.enter_context(ReplayServer(DEMO_REPLIES, port=settings.ports()[DEMO_GENESIS]))
        asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
