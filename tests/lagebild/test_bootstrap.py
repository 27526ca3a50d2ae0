"""The bootstrap runs with the system's Python, so it is run as a script of its own in a copy of the checkout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lagebild import bootstrap
from lagebild.core.settings import ROOT


@pytest.fixture
def checkout(tmp_path):
    """A copy with a uv on PATH that writes down how it was called and makes a python that does so, too."""
    for name in ("Makefile", "lagebild/bootstrap.py", *bootstrap.MADE_FROM):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    tool(tmp_path / "bin" / "python", 'echo "$@" >> calls\n')
    tool(
        tmp_path / "bin" / "uv",
        'if [ "$1" = --version ]; then echo uv 0.13.9; exit; fi\n'
        'echo "$@" >> calls\necho "bytecode: $UV_COMPILE_BYTECODE" > told\n'
        "mkdir -p .venv/bin\ncp bin/python .venv/bin/python\n"
        'for n in $(seq 200); do echo " + package$n" >&2; done\n',
    )
    return tmp_path


def tool(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o755)


def run(checkout, path="bin"):
    environment = {"PATH": f"{checkout / path}:/usr/bin:/bin", "HOME": str(checkout)}
    return subprocess.run(
        [sys.executable, "-S", checkout / "lagebild" / "bootstrap.py"], env=environment, capture_output=True, text=True
    )


def test_the_lock_is_followed_once_and_again_when_it_changed(checkout):
    assert run(checkout).returncode == 0
    assert run(checkout).returncode == 0
    calls = (checkout / "calls").read_text().splitlines()
    assert len(calls) == 2 and calls[0].startswith("sync --locked --python /")
    assert calls[1] == "-c import ingest.reading.kernels"
    assert (checkout / "told").read_text() == "bytecode: 1\n"
    with open(checkout / "uv.lock", "a") as lock:
        lock.write("# changed\n")
    assert run(checkout).returncode == 0
    assert len((checkout / "calls").read_text().splitlines()) == 4


def test_what_uv_says_of_each_package_is_for_a_file(checkout):
    result = run(checkout)
    assert len(result.stdout.splitlines()) == 2 and result.stderr == ""
    assert (checkout / ".lagebild" / "logs" / "environment.log").read_text().count("package") == 200


def test_loops_that_cannot_be_compiled_leave_no_stamp(checkout):
    tool(checkout / "bin" / "python", "exit 1\n")
    result = run(checkout)
    assert result.returncode == 1 and "kernels.py could not be compiled" in result.stderr
    assert not (checkout / ".lagebild" / "environment").exists()


def test_a_failing_sync_leaves_no_stamp(checkout):
    tool(checkout / "bin" / "uv", 'if [ "$1" = --version ]; then echo uv 0.13.9; exit; fi\necho no index\nexit 3\n')
    result = run(checkout)
    assert result.returncode == 1 and "no index" in result.stderr and "what to do" in result.stderr
    assert not (checkout / ".lagebild" / "environment").exists()


def test_a_uv_too_old_for_the_lock_is_not_used(checkout, monkeypatch):
    tool(checkout / "bin" / "uv", "echo uv 0.4.0\n")
    monkeypatch.setenv("PATH", f"{checkout / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(bootstrap, "TOOLS", checkout / "none")
    assert bootstrap.find_uv() is None


def test_a_machine_without_uv_pip_and_venv_is_told_the_one_package(checkout):
    """`-S` hides pip, a module in the script's folder hides venv and ensurepip."""
    (checkout / "empty").mkdir()
    for name in ("venv", "ensurepip", "pip"):
        (checkout / "lagebild" / f"{name}.py").write_text("raise ImportError('not on this machine')\n")
    environment = {"PATH": f"{checkout / 'empty'}:/usr/bin:/bin", "PYTHONPATH": str(checkout / "lagebild")}
    result = subprocess.run(
        [sys.executable, "-S", checkout / "lagebild" / "bootstrap.py"], env=environment, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert "apt install python3-venv" in result.stderr


def test_too_old_a_python_is_named():
    with pytest.raises(bootstrap.CannotError, match=r"Python 3\.9, and Python 3\.11 to 3\.13"):
        bootstrap.check_python((3, 9))


@pytest.mark.parametrize("target", ["down", "status"])
def test_without_an_environment_down_and_status_say_so_and_end_well(checkout, target):
    result = subprocess.run(["make", target], cwd=checkout, env=os.environ, capture_output=True, text=True)
    assert result.returncode == 0
    assert "make run" in result.stdout


def test_help_names_every_target(checkout):
    result = subprocess.run(["make"], cwd=checkout, capture_output=True, text=True, check=True)
    for target in ("run", "up", "down", "status", "test", "lint", "help"):
        assert f"make {target} " in result.stdout
