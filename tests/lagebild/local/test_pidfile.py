"""A process is known again whatever the clock does, and no other one is taken for it."""

import json
import os
import subprocess
import sys

import psutil
import pytest

from lagebild.local import pidfile


@pytest.fixture
def remembered(tmp_path):
    path = tmp_path / "scheduler.pid"
    pidfile.write(path, os.getpid())
    return path


def test_a_clock_that_is_set_makes_no_other_process_of_it(remembered, monkeypatch):
    began = psutil.Process.create_time
    for step in (5, -5, 86_400):
        monkeypatch.setattr(psutil.Process, "create_time", lambda self, step=step: began(self) + step)
        assert pidfile.process(remembered).pid == os.getpid()


def test_nothing_reads_the_time_of_day(remembered):
    # It is what a step of the clock changes: the start as psutil tells it stands on it.
    assert set(json.loads(remembered.read_text())) == {"pid", "boot", "ticks"}
    assert remembered.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("changed", [{"ticks": 1}, {"boot": "of-yesterday"}, {"pid": 1}, {"ticks": None}])
def test_another_process_and_one_of_before_a_reboot_are_not_it(remembered, changed):
    remembered.write_text(json.dumps(json.loads(remembered.read_text()) | changed))
    assert pidfile.process(remembered) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", "17", '{"pid": "x"}', '{"pid": -1}'])
def test_half_a_file_names_no_process(tmp_path, text):
    (tmp_path / "x.pid").write_text(text)
    assert pidfile.process(tmp_path / "x.pid") is None
    assert pidfile.process(tmp_path / "none.pid") is None


def test_a_process_that_ended_is_not_found(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    pidfile.write(tmp_path / "x.pid", child.pid)
    assert pidfile.process(tmp_path / "x.pid").pid == child.pid
    child.communicate(b"\n")
    assert pidfile.process(tmp_path / "x.pid") is None
    with pytest.raises(psutil.NoSuchProcess):
        pidfile.write(tmp_path / "x.pid", child.pid)
