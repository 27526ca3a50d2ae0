"""What is decided before and after Airflow runs; the running stack itself is tested end to end."""

import json
import os
import subprocess
import sys
import time

import psutil
import pytest

from lagebild.core import settings as settings_module
from lagebild.local import airflow, pidfile
from lagebild.local.workers import WorkersOnDemand
from tests.conftest import settings_in

SLEEPER = "import time; time.sleep(60)"
STUBBORN = f"import signal; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]; {SLEEPER}"


def process(home, code=SLEEPER, **environment):
    values = os.environ | {"AIRFLOW_HOME": str(home)} | environment
    child = subprocess.Popen([sys.executable, "-c", code], env=values, start_new_session=True)
    deadline = time.monotonic() + 5
    while psutil.Process(child.pid).environ().get("AIRFLOW_HOME") != str(home) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)  # until the signals are set
    return child


@pytest.fixture
def settings(tmp_path):
    settings = settings_in(tmp_path / "home")
    airflow.home(settings).mkdir(parents=True)
    return settings


def test_orphans_of_this_home_are_ended_and_no_others(settings, tmp_path):
    orphan = process(airflow.home(settings), STUBBORN, **{airflow.MARK: "scheduler"})
    of_another_checkout = process(tmp_path / "other", **{airflow.MARK: "scheduler"})
    of_the_users_shell = process(airflow.home(settings))
    try:
        assert [p.pid for p in airflow.processes(settings)] == [orphan.pid]
        monkey = airflow.TERM_SECONDS
        airflow.TERM_SECONDS = 0.5
        try:
            airflow.stop(settings)
        finally:
            airflow.TERM_SECONDS = monkey
        assert airflow.processes(settings) == []
        assert of_another_checkout.poll() is None and of_the_users_shell.poll() is None
    finally:
        for child in (orphan, of_another_checkout, of_the_users_shell):
            child.kill()
            child.wait()


def test_a_component_is_interrupted_first(settings, tmp_path):
    # It tells by a file: its exit code may be collected by whoever waits for it first.
    told = tmp_path / "interrupted"
    code = f"import signal, sys; signal.signal(2, lambda *a: sys.exit(open({str(told)!r}, 'w').close())); {SLEEPER}"
    child = process(airflow.home(settings), code, **{airflow.MARK: "api-server"})
    pidfile.write(airflow.home(settings) / "api-server.pid", child.pid)
    assert list(airflow.components(settings)) == ["api-server"]
    airflow.stop(settings)
    child.wait()
    assert told.exists()


def test_a_stale_pid_that_another_process_has_now_is_no_component(settings):
    (airflow.home(settings) / "scheduler.pid").write_text(json.dumps({"pid": os.getpid(), "started": 1.0}))
    assert airflow.components(settings) == {}


def test_tasks_see_the_settings_of_whoever_started_airflow(settings, monkeypatch):
    monkeypatch.setenv("LAGEBILD_DEMO", "0")
    monkeypatch.setattr(settings_module, "_dotenv", lambda path: {})
    assert settings_module.load(settings.variables()) == settings


def test_telemetry_is_off_and_a_shells_airflow_settings_do_not_leak_in(settings, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    settings.home.joinpath("ports.json").write_text('{"postgres": 1, "airflow": 2}')
    environment = airflow.environment(settings)
    assert environment["AIRFLOW__CORE__EXECUTOR"] == f"{WorkersOnDemand.__module__}.{WorkersOnDemand.__name__}"
    assert environment["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"
    assert environment["GX_ANALYTICS_ENABLED"] == environment["SCARF_ANALYTICS"] == "false"
    assert "127.0.0.1" in environment["no_proxy"]


def test_the_password_file_holds_the_secret_and_is_private(settings):
    airflow._write_password(settings)
    path = airflow._passwords_path(settings)
    assert json.loads(path.read_text()) == {"admin": settings.secret("airflow_admin")}
    assert path.stat().st_mode & 0o077 == 0
