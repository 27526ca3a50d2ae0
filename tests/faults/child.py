"""The loading process of a case: forked from a prepared parent, so that each starts in milliseconds.

    python -m tests.faults.child        reads addresses of sockets, one a line, and forks a child for each

The child asks at its socket what to do, loads, and answers. File operations below the case's folder are seen through
Python's audit events (and `os.fsync`, which has none); what a library in C opens by itself is not.
"""

import contextlib
import errno
import importlib
import os
import re
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

import psycopg.types.json  # noqa: F401
from psycopg import pq  # noqa: F401

from ingest import contracts
from ingest.deliveries import delivery_ledger
from ingest.loading import intake, keys, load
from lagebild.core import database
from lagebild.core.settings import Settings
from tests.faults.proxy import CUT, DISK_FULL, KILL, LOCK_TIMEOUT

_FILE_EVENTS = ("open", "os.rename", "os.remove", "os.link", "os.symlink", "os.mkdir", "os.rmdir", "os.truncate")
_ERRORS = {DISK_FULL: errno.ENOSPC, LOCK_TIMEOUT: errno.EAGAIN}


@dataclass(frozen=True)
class Task:
    """What a child does: load the drop folder of `source` by `loader` ("module:function"), break at a file."""

    settings: Settings
    folder: Path
    source: str
    loader: str
    operation: str | None = None
    """Name of the file operation to break at: the `turn`-th of this name."""
    turn: int = 1
    kind: str | None = None


class Files:
    """Sees the file operations below a folder, in order, and raises a fault at one of them."""

    def __init__(self, task: Task, parent: Connection):
        self.seen: list[tuple[float, str]] = []
        self.is_watching = False
        self._task, self._parent = task, parent
        self._folder = str(task.folder)
        sync = os.fsync

        def fsync(descriptor: int) -> None:
            self._at("fsync", os.readlink(f"/proc/self/fd/{descriptor}"))
            sync(descriptor)

        os.fsync = fsync
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple) -> None:
        if not self.is_watching or event not in _FILE_EVENTS:
            return
        name = event.removeprefix("os.")
        if event == "open":
            name = "open for writing" if arguments[2] & (os.O_WRONLY | os.O_RDWR) else "open for reading"
        target = arguments[1] if event in ("os.rename", "os.link", "os.symlink") else arguments[0]
        if isinstance(target, (str, bytes, os.PathLike)):
            self._at(name, os.fsdecode(target))

    def _at(self, name: str, path: str) -> None:
        if not self.is_watching or not path.startswith(self._folder):
            return
        short = re.sub(r"[0-9a-f]{64}", "<sha256>", os.path.relpath(path, self._folder))
        short = re.sub(r"[0-9a-f]{32}", "<unique>", short)
        name = f"file: {name} {re.sub(rf'[.]{os.getpid()}$', '.<pid>', short)}"
        self.seen.append((time.monotonic(), name))
        turn = sum(seen == name for _, seen in self.seen)
        if (name, turn) == (self._task.operation, self._task.turn):
            self._break(self._task.kind)

    def _break(self, kind: str) -> None:
        self.is_watching = False
        self._parent.send(("fired", None))
        if kind == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        elif kind == CUT:
            self._parent.send(("cut", None))
            self._parent.recv()
        else:
            raise OSError(_ERRORS[kind], os.strerror(_ERRORS[kind]))
        self.is_watching = True


def drain(settings: Settings, source: str) -> list[str]:
    """The loader as it is, without the inbox around it: every file of a source's folder; returns the states."""
    states = []
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        for file in sorted((settings.drop / source).iterdir()):
            states.append(intake.load_file(connection, settings, contracts.load(source), file).state)
            file.unlink()
    return states


def accept(settings: Settings, source: str) -> list[str]:
    """Accept what is held, as a correction. As for all verbs: once more when it was done, it finds nothing to do."""
    held = delivery_ledger.deliveries(settings, source, ("held",))
    return [delivery_ledger.accept(settings, d.delivery_id, "because", supersedes=True).state for d in held]


def withdraw(settings: Settings, source: str) -> list[str]:
    """Withdraw the correction that is accepted."""
    accepted = [d for d in delivery_ledger.deliveries(settings, source, ("accepted",)) if d.supersedes is not None]
    return [delivery_ledger.withdraw(settings, d.delivery_id, "because").state for d in accepted]


def reload(settings: Settings, source: str) -> list[str]:
    """Load again what is held."""
    held = delivery_ledger.deliveries(settings, source, ("held",))
    return [load.reload(settings, d.delivery_id).state for d in held]


def _run(address: str) -> None:
    parent = Client(address, family="AF_UNIX")
    parent.send(("pid", os.getpid()))
    task: Task = parent.recv()
    module, _, function = task.loader.partition(":")
    loader = getattr(importlib.import_module(module), function)
    tempfile.tempdir = str(task.folder / "tmp")  # what is spilled is seen, too
    keys.FEW = 0  # and a small delivery spills as a large one does
    files = Files(task, parent)
    answer: tuple[str, Any]
    try:
        files.is_watching = True
        answer = ("done", loader(task.settings, task.source))
    except Exception as error:
        answer = ("error", f"{type(error).__name__}: {error}")
    files.is_watching = False
    parent.send(("files", files.seen))
    parent.send(answer)


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended children vanish by themselves
    for line in sys.stdin:
        if os.fork() == 0:
            with contextlib.suppress(KeyboardInterrupt):
                _run(line.strip())
            os._exit(0)


if __name__ == "__main__":
    main()
