"""Commands that the stack's parent process runs for the command line: as if they had run in the caller."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lagebild.cli import main
from lagebild.core.settings import ROOT
from lagebild.local import parent, warm
from tests.support import bundled_bytes, query

SERVER = """
import sys
from pathlib import Path
from lagebild.local import parent
{prepared}
kept = parent.supervisor.Supervisor(Path(sys.argv[1]).parent, None, None)
parent.signal.signal(parent.signal.SIGCHLD, lambda *_: parent._reap(kept.ended))
with parent.listening(Path(sys.argv[1])) as listener:
    parent.serve(listener, kept)
"""
# Stands for the command line: says what it sees, and does what it is asked.
ECHO = """
import json, multiprocessing, os, time, lagebild.cli.main
def run(arguments):
    global held
    if "semaphore" in arguments:
        held = multiprocessing.get_context("spawn").RLock()
    seen = {"arguments": arguments, "folder": os.getcwd(), "read": sys.stdin.readline()}
    print(json.dumps(seen | {"mine": os.environ.get("MINE"), "marked": os.environ.get("OF_THE_SERVER")}))
    print("a warning", file=sys.stderr)
    if "sleep" in arguments:
        try:
            print(os.getpid(), flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            return 130
    return 7
lagebild.cli.main.run = run
"""


@contextlib.contextmanager
def serving(home: Path, prepared: str = "", **environment: str):
    """A parent process that serves commands of this state folder."""
    folder = home / "airflow"
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", SERVER.format(prepared=prepared), str(folder / warm.SOCKET)]
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment)
    try:
        deadline = time.monotonic() + 30
        while not (folder / warm.SOCKET).exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.1)  # bound; now it listens
        yield server
    finally:
        server.kill()
        server.wait()


def call(home: Path, *arguments: str, **options) -> subprocess.Popen:
    code = "import sys; from lagebild.local import warm; sys.exit(warm.run(sys.argv[1:]))"
    environment = os.environ | {"LAGEBILD_HOME": str(home), "MINE": "yes", "PYTHONPATH": str(ROOT)}
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, **options)


@pytest.fixture
def home(tmp_path):
    # longer than the address of a socket may be
    return tmp_path / ("a long name" * 12)


def test_a_command_runs_in_the_callers_folder_environment_and_streams_and_gives_its_exit_code(home, tmp_path):
    with serving(home, ECHO, OF_THE_SERVER="yes"):
        client = call(home, "-v", "load", "a file.csv", cwd=tmp_path)
        out, err = client.communicate("typed\n", timeout=30)
    assert client.returncode == 7
    seen = json.loads(out)
    assert seen["arguments"] == ["-v", "load", "a file.csv"]
    assert seen["folder"] == str(tmp_path) and seen["mine"] == "yes" and seen["marked"] is None
    assert seen["read"] == "typed\n" and "a warning" in err


def test_a_semaphore_that_a_command_made_is_not_called_leaked_on_the_callers_screen(home):
    with serving(home, ECHO):
        _, err = call(home, "build", "semaphore").communicate("\n", timeout=30)
    assert err == "a warning\n"


def asleep(home: Path) -> tuple[subprocess.Popen, int]:
    """A caller whose command sleeps, and the process that runs the command."""
    client = call(home, "load", "sleep")
    client.stdin.write("\n")
    client.stdin.flush()
    client.stdout.readline()
    return client, int(client.stdout.readline())


def test_ctrl_c_reaches_the_command(home):
    with serving(home, ECHO):
        client, _ = asleep(home)
        client.send_signal(signal.SIGINT)
        assert client.wait(30) == 130


def test_a_command_ends_when_its_caller_is_killed(home):
    with serving(home, ECHO):
        client, pid = asleep(home)
        client.kill()
        client.wait()
        deadline = time.monotonic() + 10
        while psutil.pid_exists(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("command", ["delivery held", "figure explain", "explain"])
def test_questions_are_answered_there_too(home, command):
    with serving(home, ECHO):
        out, _ = call(home, *command.split(), "--format", "json").communicate("\n", timeout=30)
    assert json.loads(out)["arguments"] == [*command.split(), "--format", "json"]


def test_whatever_the_parent_runs_is_a_command_by_its_new_and_its_old_name():
    for name, old in zip(warm.COMMANDS, warm.FORMER, strict=True):
        assert main.FORMER[old] == name


def test_who_only_hands_over_imports_no_command_line(home):
    code = "import sys; from lagebild.local import warm; warm.run(['held']); print('loaded:', *sys.modules)"
    with serving(home, ECHO):
        environment = os.environ | {"LAGEBILD_HOME": str(home), "PYTHONPATH": str(ROOT)}
        told = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, input="\n"
        ).stdout
    loaded = {name.split(".")[0] for name in told.partition("loaded:")[2].split()}
    assert '["held"]' in told and not loaded & {"click", "psycopg", "psutil", "asyncio", "subprocess", "ingest"}


def test_a_socket_of_another_account_is_left_alone(home, monkeypatch):
    monkeypatch.setenv("LAGEBILD_HOME", str(home))
    with serving(home, ECHO):
        own = os.getuid()
        monkeypatch.setattr(warm.os, "getuid", lambda: own + 1)
        assert warm.run(["held"]) is None


def test_other_commands_help_and_a_stack_that_is_down_are_the_callers_own_affair(home, monkeypatch):
    monkeypatch.setenv("LAGEBILD_HOME", str(home))
    for arguments in ([], ["status"], ["delivery"], ["delivery", "load", "--help"], ["delivery", "load", "x.csv"]):
        assert warm.run(arguments) is None
    with serving(home, ECHO):
        monkeypatch.setenv("LAGEBILD_WARM", "0")
        assert warm.run(["load", "x.csv"]) is None


def test_another_account_is_not_served(home):
    if os.getuid() != 0:
        pytest.skip("only root can become another account")
    with serving(home, ECHO):
        path = home / "airflow" / warm.SOCKET
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o666)  # even then
        for folder in (path.parent, *path.parent.parents):
            if folder.is_relative_to("/tmp/pytest-of-root"):
                folder.chmod(0o755)
        code = (
            "import os, sys; os.setuid(65534); from lagebild.local import warm; sys.exit(warm.run(sys.argv[1:]) or 0)"
        )
        environment = os.environ | {"LAGEBILD_HOME": str(home), "PYTHONPATH": str(ROOT)}
        found = subprocess.run(
            [sys.executable, "-c", code, "load", "x"], env=environment, capture_output=True, text=True, check=False
        )
    assert "arguments" not in found.stdout


def test_a_file_is_loaded_and_checked_by_the_parent_process(warehouse, tmp_path):
    file = tmp_path / "eu2_series_2007-2019.csv"
    file.write_bytes(bundled_bytes("eu2_series"))
    environment = {name: value for name, value in warehouse.variables().items()}
    with serving(warehouse.home):
        code = "import sys; from lagebild.local import warm; sys.exit(warm.run(sys.argv[1:]))"
        found = subprocess.run(
            [sys.executable, "-c", code, "load", str(file)],
            env=os.environ | environment | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert found.returncode == 0, found.stdout + found.stderr
    assert query(warehouse, "select state from raw.delivery") == [("accepted",)]


def test_code_and_contracts_that_changed_are_read_anew_after_a_fork(tmp_path, monkeypatch):
    monkeypatch.setattr(parent, "ROOMS", ("room",))
    monkeypatch.setattr(parent, "ROOT", tmp_path)
    (tmp_path / "room").mkdir()
    (tmp_path / "uv.lock").touch()
    module = tmp_path / "room" / "thing.py"
    module.write_text("x = 1")
    before = parent.fingerprint()
    monkeypatch.setitem(sys.modules, "room.thing", object())
    parent._forget_changed(before)
    assert "room.thing" in sys.modules
    module.write_text("x = 22")
    parent._forget_changed(before)
    assert "room.thing" not in sys.modules
