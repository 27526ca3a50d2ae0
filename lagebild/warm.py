"""Commands that need heavy libraries, or are asked often, are run by the stack's parent process: it has them imported.

This side is cheap: it hands over what the command line was given, passes signals on, and ends with the same exit code.
Where there is no such process (or `LAGEBILD_WARM=0`), the caller runs the command itself.
"""

import os
import sys
from pathlib import Path

SOCKET = "commands.sock"
COMMANDS = ("delivery held", "delivery load", "delivery reload", "figure explain", "publication build")
FORMER = tuple(name.split()[1] for name in COMMANDS)
"""Their names before there were groups (`FORMER` of `lagebild.cli`)."""


def main() -> None:
    """The program `lagebild`: ends with the command's exit code. What the parent runs, needs no command line here."""
    os.umask(0o077)  # whatever is written (deliveries, logs, packages) is this user's until he opens it
    arguments = sys.argv[1:]
    code = run(arguments)
    if code is None:
        from lagebild import cli

        code = cli.run(arguments)
    sys.exit(code)


def run(arguments: list[str]) -> int | None:
    """The exit code of a command that the stack's parent process ran; None where it did not take it."""
    words = [word for word in arguments if not word.startswith("-")][:2]
    is_taken = " ".join(words) in COMMANDS or words[:1] and words[0] in FORMER
    if not is_taken or {"-h", "--help"} & set(arguments) or os.environ.get("LAGEBILD_WARM") == "0":
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
    """The state folder; what is wrong with a setting, the command itself says."""
    from lagebild import settings
    from lagebild.errors import UserError

    try:
        return settings.load().home
    except UserError:
        return Path(os.devnull)


def address(folder: int, name: str) -> str:
    """The address of a socket in an open folder: a path may be longer than the 107 bytes that an address holds."""
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
    """A socket that leads to the parent process; None where there is none."""
    import socket

    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.stat().st_uid != os.getuid():  # root may connect to anybody's, and is served by its own alone
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
