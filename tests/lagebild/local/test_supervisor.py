"""Whatever ends is started again, with growing pauses, and not for ever; the real components: end to end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from lagebild.core.settings import ROOT
from lagebild.local import pidfile, supervisor
from lagebild.local.supervisor import ABANDONED, PAUSES_SECONDS, STEADY_SECONDS, Supervisor

FAILED, KILLED = 1 << 8, signal.SIGKILL
"""Statuses as `waitpid` gives them."""


class Stage:
    """A supervisor with a clock that is set by hand and processes that only have numbers, which no process has."""

    def __init__(self, home: Path):
        self.now, self.number, self.given_up = 0.0, 2**22, []
        self.supervisor = Supervisor(home, self.start, lambda name, end: self.given_up.append(name), lambda: self.now)
        self.supervisor.started("scheduler", self.start("scheduler"))

    def start(self, name: str) -> int:
        self.number += 1
        return self.number

    def end(self, status: int = FAILED) -> float | None:
        """Let the present process end; the pause before the next one."""
        self.supervisor.ended(self.number, status)
        return self.supervisor.step()

    def wait(self, seconds: float) -> bool:
        """Whether one was started when so much time is over."""
        before, self.now = self.number, self.now + seconds
        self.supervisor.step()
        return self.number > before


@pytest.fixture
def stage(tmp_path):
    (tmp_path / "logs").mkdir()
    return Stage(tmp_path)


def test_each_end_in_a_row_waits_longer_and_the_last_one_is_told_with_its_log(stage, tmp_path):
    (tmp_path / "logs" / "scheduler.log").write_text("".join(f"line {n}\n" for n in range(50)))
    for pause in PAUSES_SECONDS:
        assert stage.end() == pause
        assert not stage.wait(pause - 0.5) and stage.wait(0.5)
    assert stage.given_up == []
    assert stage.end() is None and stage.given_up == ["scheduler"]
    assert not stage.wait(10_000)
    told = "\n".join(supervisor.lines(tmp_path))
    assert f"after {len(PAUSES_SECONDS) + 1} ends in a row" in told and "exit code 1" in told
    assert told.endswith("line 49") and "line 37" not in told.splitlines()[1]
    assert (tmp_path / supervisor.FILE).stat().st_mode & 0o077 == 0


def test_who_ran_for_long_begins_with_the_first_pause_again(stage, tmp_path):
    for _ in range(3 * len(PAUSES_SECONDS)):
        assert stage.end(KILLED) == PAUSES_SECONDS[0]
        assert stage.wait(PAUSES_SECONDS[0])
        stage.now += STEADY_SECONDS
    (line,) = supervisor.lines(tmp_path)
    assert "signal SIGKILL" in line and f"started again {3 * len(PAUSES_SECONDS)} times" in line


def test_nothing_is_started_that_was_abandoned_and_nothing_for_a_command_that_ended(stage, tmp_path):
    stage.supervisor.ended(stage.number + 7, FAILED)
    assert stage.supervisor.step() is None
    assert stage.end(ABANDONED << 8) is None and not stage.wait(10_000)
    assert supervisor.ends(tmp_path) == {}


def test_a_new_parent_knows_nothing_of_the_ends_before_it(stage, tmp_path):
    stage.end()
    assert supervisor.ends(tmp_path)
    Stage(tmp_path)
    assert supervisor.ends(tmp_path) == {} and supervisor.lines(tmp_path) == []


PARENT = """
import os, sys, time
from pathlib import Path
from lagebild.local import parent; from lagebild.local import supervisor
home = Path(sys.argv[1])
def run(name, log, again):
    if name == "broken":
        print("no such option", file=sys.stderr)
        sys.exit(3)
    worker = os.fork()  # as the scheduler's: nothing tells it when the scheduler is killed
    if worker == 0:
        os.setpgid(0, 0)
        time.sleep(60)
    (home / f"worker-{os.getpid()}").write_text(str(worker))
    time.sleep(60)
parent._run_component = lambda name, log, again: (parent._write_into(log), run(name, log, again))
supervisor.PAUSES_SECONDS = (0.05, 0.05)
told = lambda name, end: (home / "told").write_text(f"{name} {end.why} {end.last_lines}")
kept = supervisor.Supervisor(home, lambda name: parent._component(home, name, again=True), told)
parent.signal.signal(parent.signal.SIGCHLD, lambda *_: parent._reap(kept.ended))
for name in ("scheduler", "broken"):
    kept.started(name, parent._component(home, name))
with parent.listening(home / "socket") as listener:
    parent.serve(listener, kept)
"""


def until(found: Callable[[], object], seconds: float = 60) -> object:
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


def test_a_killed_process_is_replaced_and_its_workers_go_with_it(tmp_path):
    (tmp_path / "logs").mkdir()
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], cwd=ROOT, start_new_session=True)

    def scheduler() -> psutil.Process | None:
        found = pidfile.process(tmp_path / "scheduler.pid")
        return found if found and (tmp_path / f"worker-{found.pid}").exists() else None

    first = until(scheduler)
    orphan = psutil.Process(int(until((tmp_path / f"worker-{first.pid}").read_text)))
    try:
        os.kill(first.pid, signal.SIGKILL)
        second = until(lambda: (now := scheduler()) and now.pid != first.pid and now)
        until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)
        told = until(lambda: (tmp_path / "told").exists() and (tmp_path / "told").read_text())
        assert told.startswith("broken exit code 3") and "no such option" in told
        known = until(lambda: (now := supervisor.ends(tmp_path)) and now["broken"].is_given_up and now)
        assert (known["scheduler"].why, known["scheduler"].restarts) == ("signal SIGKILL", 1)
        assert known["broken"].restarts == 2
        assert second.is_running() and parent.poll() is None
    finally:
        parent.send_signal(signal.SIGINT)
        parent.wait(30)
        for left in tmp_path.glob("worker-*"):
            for pid in (int(left.name.partition("-")[2]), int(left.read_text() or 0)):
                if psutil.pid_exists(pid) and pid:
                    os.kill(pid, signal.SIGKILL)
