"""Running a program and saying what it cost: seconds, memory, CPU of the client and of the server."""

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

_TICKS = os.sysconf("SC_CLK_TCK")
_SAMPLE_SECONDS = 0.03


@dataclass(frozen=True)
class Cost:
    """What one run of a program cost, its process start included."""

    seconds: float
    client_seconds: float
    """CPU of the process and of its children that it waited for."""
    server_seconds: float
    """CPU of the whole PostgreSQL server meanwhile, checkpointer and writers included."""
    peak_mb: float
    """Resident memory at its highest, MiB: the kernel's mark, or, where larger, the sum with its children."""
    output: str


class Failed(Exception):
    """The program ended with an error; the text is what it printed."""


def run(command: list[str | Path], environment: dict[str, str], postmaster: int, cwd: Path) -> Cost:
    """Run a program to its end; Failed with its output where it fails."""
    before = server_seconds(postmaster)
    with tempfile.TemporaryFile("w+") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=cwd
        )
        sampler = Sampler(process.pid)
        sampler.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        sampler.end()
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise Failed(f"{command[0]} ended with {process.returncode}:\n{text}")
    _wait_for_backends(postmaster)
    return Cost(
        seconds=seconds,
        client_seconds=usage.ru_utime + usage.ru_stime,
        server_seconds=server_seconds(postmaster) - before,
        # Not ru_maxrss: Linux starts it at what the parent had when it forked.
        peak_mb=sampler.peak_kb / 1024,
        output=text,
    )


def server_seconds(postmaster: int) -> float:
    """CPU seconds that the server used since it started.

    The postmaster's own, those of its ended children (the kernel adds them up when it reaps them), and those of its
    living ones. Exact to 10 ms a process.
    """
    while True:
        before = cpu_ticks(postmaster)
        living = sum(cpu_ticks(child.pid)[0] for child in _children(postmaster))
        own, ended = cpu_ticks(postmaster)
        if before[1] == ended:  # else one was reaped meanwhile, and would be counted twice or not at all
            return (own + ended + living) / _TICKS


class Sampler(threading.Thread):
    """Looks now and then at the memory of a process: its high-water mark, and the sum with its descendants.

    It must not take CPU from what it looks at: it asks the kernel for the children, and searches no list of processes.
    """

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.peak_kb = 0
        self._pid, self._ended = pid, threading.Event()

    def run(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            resident = [_status_kb(pid, "VmRSS") for pid in descendants(self._pid)]
            self.peak_kb = max(self.peak_kb, sum(resident), _status_kb(self._pid, "VmHWM"))

    def end(self) -> None:
        self._ended.set()
        self.join()


def descendants(pid: int, deep: bool = True) -> list[int]:
    """The process and all its descendants; its children alone, without itself, where not `deep`."""
    found = [pid]
    for member in found if deep else [pid]:  # grows while it is walked
        tasks: list[Path] = []
        with contextlib.suppress(OSError):  # it ended while it was looked at
            tasks += Path(f"/proc/{member}/task").glob("*/children")
        for task in tasks:
            with contextlib.suppress(OSError):
                found += map(int, task.read_text().split())
    return found if deep else found[1:]


def _status_kb(pid: int, name: str) -> int:
    """A figure of /proc/<pid>/status; 0 for a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def cpu_ticks(pid: int) -> tuple[int, int]:
    """(own, of ended and reaped children) from /proc/<pid>/stat; zeros for a process that has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0, 0
    user, system, child_user, child_system = map(int, text.rpartition(")")[2].split()[11:15])
    return user + system, child_user + child_system


def _wait_for_backends(postmaster: int) -> None:
    """Until the program's server processes have ended too: only then the postmaster has their CPU on its account."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        # A backend's title names its client's address.
        if not any("127.0.0.1" in _title(child) for child in _children(postmaster)):
            return
        time.sleep(0.01)
