"""What everything that was started from here costs: a command, the servers that it starts, all that these fork.

Linux only. A server outlives the command that started it, and then belongs to nobody; so this process asks the kernel
to be given such orphans, and nothing gets lost: what ended is on the account of whoever waited for it, up to here.
"""

import contextlib
import ctypes
import os
import resource
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from lagebild.core.errors import UserError
from tests.bench.measure import Failed, cpu_ticks, descendants

_TICKS = os.sysconf("SC_CLK_TCK")
_PR_SET_CHILD_SUBREAPER = 36
_REAP_SECONDS = 0.1
_TAIL_LINES = 40


@dataclass(frozen=True)
class Ran:
    """A command that ended well."""

    began_at: float
    """Epoch seconds."""
    seconds: float
    family_seconds: float
    """CPU of the command and of everything else of the family meanwhile."""
    output: str

    @property
    def lines(self) -> int:
        """How many lines it printed, both streams together."""
        return len(self.output.splitlines())


@dataclass(frozen=True)
class Memory:
    """Memory of all living members, MiB."""

    pss_mb: float
    """What is shared is divided among those who share it: the sum is what the machine has to give."""
    rss_mb: float
    processes: int


class Family:
    """`with Family() as family:` everything that `family.run` starts is its member, and so is whatever that starts."""

    def __init__(self) -> None:
        self._clients: set[int] = set()
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._reaper = threading.Thread(target=self._reap, daemon=True)

    def __enter__(self) -> "Family":
        if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
            raise UserError("this kernel does not hand over orphaned processes: nothing can be counted here")
        self._reaper.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._reaper.join()

    def run(
        self, command: list[str | Path], environment: dict[str, str], cwd: Path, timeout: float = 1200, ends: int = 0
    ) -> Ran:
        """Run a command to its end, its output not on a terminal.

        Failed, with the end of its output, where its exit code is another than `ends`, or where it takes too long.
        """
        before = self.cpu_seconds()
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            began_at, began = time.time(), time.monotonic()
            with self._lock:  # the reaper must not take it for an orphan before we know its number
                process = subprocess.Popen(
                    command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=cwd
                )
                self._clients.add(process.pid)
            timer = threading.Timer(timeout, process.kill)
            timer.start()
            try:
                code = process.wait()
            finally:
                seconds = time.monotonic() - began
                timer.cancel()
                with self._lock:
                    self._clients.discard(process.pid)
            output.seek(0)
            text = output.read()
        if code != ends:
            why = f"did not end within {timeout:.0f} s" if seconds >= timeout else f"ended with {code}"
            tail = "\n".join(text.splitlines()[-_TAIL_LINES:])
            raise Failed(f"{' '.join(map(str, command))} {why}:\n{tail}")
        return Ran(began_at, seconds, self.cpu_seconds() - before, text)

    def cpu_seconds(self) -> float:
        """User and system time of all members since the beginning, living and ended. Exact to 10 ms a process."""
        for _ in range(50):
            ended, ticks = _ended_seconds(), _ticks()
            again = _ticks()
            # Else somebody ended between two looks, and would be counted twice or not at all.
            is_still = {pid: of[1] for pid, of in ticks.items()} == {pid: of[1] for pid, of in again.items()}
            if is_still and ended == _ended_seconds():
                break
        return ended + sum(own + waited for own, waited in ticks.values()) / _TICKS

    def memory(self) -> Memory:
        """What the living members hold now; Failed where the kernel does not say."""
        pss = rss = processes = 0
        for pid in _members():
            try:
                sizes = _rollup(pid)
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
            except OSError as error:
                raise Failed(f"the memory of process {pid} cannot be read: {error}") from error
            pss, rss, processes = pss + sizes.get("Pss", 0), rss + sizes.get("Rss", 0), processes + 1
        return Memory(pss / 1024, rss / 1024, processes)

    def _reap(self) -> None:
        """Wait for orphans that ended: whoever looks for a server would find it a zombie, and wait for its end."""
        while not self._ended.wait(_REAP_SECONDS):
            for pid in descendants(os.getpid(), deep=False):
                with self._lock, contextlib.suppress(ChildProcessError):
                    if pid not in self._clients:
                        os.waitpid(pid, os.WNOHANG)


def _members() -> list[int]:
    return [pid for pid in descendants(os.getpid()) if pid != os.getpid()]


def _ended_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _ticks() -> dict[int, tuple[int, int]]:
    return {pid: cpu_ticks(pid) for pid in _members()}


def _rollup(pid: int) -> dict[str, int]:
    """KiB by name, from /proc/<pid>/smaps_rollup; nothing of a zombie, which holds none."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
