"""Restart components of the stack that end; give up on those that end repeatedly. Both are logged.

If memory runs out, the kernel kills a backend of PostgreSQL, the server restarts all backends, and scheduler and DAG
processor end. The stack's parent (`parent.py`) has one supervisor; `lagebild stack status` and `health` read its file.
"""

import contextlib
import json
import os
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import psutil

from lagebild.core import atomic_files
from lagebild.core.settings import BERLIN

FILE = "supervised.json"
PAUSES_SECONDS = (1, 2, 5, 15, 30)
"""Pauses before consecutive restarts. After the last one the supervisor gives up on the component."""
STEADY_SECONDS = 120
"""After a component ran this long, its next end does not count as consecutive."""
ABANDONED = 75
"""Exit code of a component that must not be restarted: the process that started the stack is gone."""
LAST_LINES = 12


@dataclass
class End:
    """Ends of a component since the parent started."""

    at: str
    """ISO time."""
    why: str
    restarts: int = 0
    in_a_row: int = 0
    """Number of consecutive ends, including the last one."""
    is_given_up: bool = False
    last_lines: list[str] = field(default_factory=list)
    """Last lines of its log, if the supervisor gave up."""


class Supervisor:
    """Restarts components. `ended` may be called in a signal handler; everything else happens in `step`."""

    def __init__(
        self,
        home: Path,
        start: Callable[[str], int],
        give_up: Callable[[str, End], None],
        clock: Callable[[], float] = time.monotonic,
    ):
        self._home, self._start, self._give_up, self._clock = home, start, give_up, clock
        self._running: dict[int, tuple[str, float]] = {}
        self._due: dict[str, float] = {}
        self._ended: deque[tuple[int, int]] = deque()
        self._ends: dict[str, End] = {}
        (home / FILE).unlink(missing_ok=True)

    def started(self, name: str, pid: int) -> None:
        """Supervise this component, which leads its own session."""
        self._running[pid] = (name, self._clock())

    def ended(self, pid: int, status: int) -> None:
        """Note that a child ended, with the status of `waitpid`; also for children that are no components."""
        self._ended.append((pid, status))

    def step(self) -> float | None:
        """Do what is due; seconds until the next step, None if nothing waits."""
        while self._ended:
            pid, status = self._ended.popleft()
            if pid in self._running:
                self._note(pid, os.waitstatus_to_exitcode(status))
        for name in [name for name, moment in self._due.items() if moment <= self._clock()]:
            del self._due[name]
            self._ends[name].restarts += 1
            self.started(name, self._start(name))
            self._say(name, "is started again")
            self._write()
        return max(min(self._due.values()) - self._clock(), 0) if self._due else None

    def _note(self, pid: int, code: int) -> None:
        name, since = self._running.pop(pid)
        if code == ABANDONED:
            return
        end_session(pid)  # its remaining processes would run beside its successor
        known = self._ends.get(name)
        is_in_a_row = known is not None and self._clock() - since < STEADY_SECONDS
        end = End(
            at=datetime.now(BERLIN).isoformat(timespec="seconds"),
            why=f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}",
            restarts=known.restarts if known else 0,
            in_a_row=known.in_a_row + 1 if is_in_a_row else 1,
        )
        self._ends[name] = end
        if end.in_a_row > len(PAUSES_SECONDS):
            end.is_given_up, end.last_lines = True, last_lines(self._home / "logs" / f"{name}.log")
            self._say(name, f"ended {end.in_a_row} times in a row, at last by {end.why}, and is given up on")
            self._give_up(name, end)
        else:
            pause = PAUSES_SECONDS[end.in_a_row - 1]
            self._due[name] = self._clock() + pause
            self._say(name, f"ended ({end.why}); it is started again in {pause} s")
        self._write()

    def _write(self) -> None:
        atomic_files.write(self._home / FILE, json.dumps({name: asdict(end) for name, end in self._ends.items()}))

    def _say(self, name: str, what: str) -> None:
        os.write(2, f"{datetime.now(BERLIN):%Y-%m-%d %H:%M:%S} {name} {what}\n".encode())


def ends(home: Path) -> dict[str, End]:
    """Ends since the parent of this folder started, by component."""
    path = home / FILE
    with contextlib.suppress(FileNotFoundError):
        return {name: End(**values) for name, values in json.loads(path.read_text()).items()}
    return {}


def lines(home: Path) -> list[str]:
    """The same as text; with the last log lines of components that the supervisor gave up on."""
    found = []
    for name, end in sorted(ends(home).items()):
        if end.is_given_up:
            found.append(
                f"{name} was given up on at {end.at} ({end.why}) after {end.in_a_row} ends in a row;"
                f" make down, then make up starts it anew. Its last lines ({home / 'logs' / f'{name}.log'}):"
            )
            found += [f"    {line}" for line in end.last_lines]
        else:
            found.append(f"{name} ended at {end.at} ({end.why}), started again {end.restarts} times since make up")
    return found


def last_lines(path: Path, count: int = LAST_LINES) -> list[str]:
    """The end of a log; empty if there is none."""
    return path.read_text(errors="replace").splitlines()[-count:] if path.exists() else []


def end_session(leader: int) -> None:
    """Kill the rest of a session whose leader ended: workers and tasks without a parent.

    The session id is not reused while one of them runs.
    """
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if process.pid != leader and os.getsid(process.pid) == leader:
                os.kill(process.pid, signal.SIGKILL)
