"""Run commands that need heavy libraries, or are used often, in the stack's parent process, which has imported them.

This side is cheap: it passes on the command line and signals, and returns the same exit code.
If there is no such process (or `LAGEBILD_WARM=0`), the caller runs the command itself.
"""

import os
import sys
from pathlib import Path

SOCKET = "commands.sock"
COMMANDS = ("delivery held", "delivery load", "delivery reload", "figure explain", "publication build")
FORMER = tuple(name.split()[1] for name in COMMANDS)
"""Their names before there were groups (`FORMER` of `lagebild.cli.main`)."""


def run(arguments: list[str]) -> int | None:
    """The exit code of a command run by the stack's parent process; None if that did not accept it."""
    words = [word for word in arguments if not word.startswith("-")][:2]
    is_known = " ".join(words) in COMMANDS or "".join(words[:1]) in FORMER
    if not is_known or {"-h", "--help"} & set(arguments) or os.environ.get("LAGEBILD_WARM") == "0":
        return None
    connection = _connected(_home() / "airflow" / SOCKET)
    if connection is None:
        return None
    import json
    import signal
    import socket

    with connection:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, lambda number, frame: connection.send(bytes([number])))
        umask = os.umask(0o077)
        os.umask(umask)
        call = {
            "arguments": arguments,
            "folder": os.getcwd(),
            "umask": umask,
            "environment": dict(os.environ) | {"LAGEBILD_WARM": "0"},
        }
        text = json.dumps(call).encode()
        try:
            socket.send_fds(connection, [len(text).to_bytes(4, "big")], [0, 1, 2])
            connection.sendall(text)
            reply = _whole(connection)
        except OSError:
            reply = b""
        if not reply:
            print("lagebild: the stack ended while it ran this command; make status shows what runs", file=sys.stderr)
            return 1
        return json.loads(reply)


def _home() -> Path:
    """The state folder. Errors in settings are reported by the command itself."""
    from lagebild.core import settings
    from lagebild.core.errors import UserError

    try:
        return settings.load().home
    except UserError:
        return Path(os.devnull)


def address(folder: int, name: str) -> str:
    """The address of a socket in an open folder: addresses are limited to 107 bytes, paths are not."""
    return f"/proc/self/fd/{folder}/{name}"


def received(connection) -> tuple[dict, list[int]]:
    """What `run` sent: the call, and the three standard descriptors."""
    import json
    import socket

    head, descriptors, _, _ = socket.recv_fds(connection, 4, 3)
    length, text = int.from_bytes(head, "big"), b""
    while len(text) < length:
        part = connection.recv(length - len(text))
        if not part:
            break
        text += part
    return json.loads(text), descriptors


def _connected(path: Path):
    """A socket connected to the parent process; None if it does not run."""
    import socket

    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.stat().st_uid != os.getuid():  # root can connect to any socket, but only its own serves it
            raise OSError(f"{path} is of another account")
        connection.connect(address(folder, path.name))
        return connection
    except OSError:
        connection.close()
        return None
    finally:
        os.close(folder)


def _whole(connection) -> bytes:
    parts = []
    while part := connection.recv(4096):
        parts.append(part)
    return b"".join(parts)
