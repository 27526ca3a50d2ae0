"""A stack that loses one part after another, as when a kernel runs out of memory, comes back, and says so."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest

from lagebild.core import embedded
from lagebild.core.errors import UserError
from lagebild.core.settings import ROOT, Settings
from lagebild.local import airflow, ports, postgres, service, supervisor
from tests.conftest import settings_in
from tests.end_to_end.conftest import lagebild
from tests.support import drop, query

AWAY_AND_BACK_SECONDS = 240
"""A busy machine takes its time; what does not come back does not come back in that time either."""


def until(found: Callable[[], object], what: str) -> object:
    deadline = time.monotonic() + AWAY_AND_BACK_SECONDS
    while True:
        with contextlib.suppress(psycopg.Error, psutil.Error, OSError, UserError):
            if value := found():
                return value
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


def backends(own: Settings) -> list[int]:
    """Process numbers of the server's sessions with Airflow's metadata, but this one."""
    with psycopg.connect(postgres.airflow_dsn(own)) as connection:
        found = "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        return [pid for (pid,) in connection.execute(found)]


def works(own: Settings, source: str) -> None:
    """All components live, and a file that is sent now is loaded by the scheduler."""
    until(lambda: airflow.is_running(own), f"not all came back: {supervisor.lines(airflow.home(own))}")
    drop(own, source)
    rest = airflow.client(own)
    until(lambda: "ingest_files" in rest.dags(), "the DAGs are not read")
    run = rest.trigger("ingest_files")
    until(lambda: rest.run(run).is_finished, f"{rest.tasks(run)}")
    assert query(own, "select state from raw.delivery where source = %s", source) == [("accepted",)]


@pytest.mark.nightly
def test_what_is_killed_comes_back_and_is_told(own):
    began = lagebild(own, "up")
    assert began.returncode == 0, began.stdout
    home = airflow.home(own)
    works(own, "employment")
    assert supervisor.ends(home) == {}

    def ended() -> dict:
        """What ended, one more backend killed: the server restarts all, and who asks nothing meanwhile survives."""
        for backend in backends(own)[:1]:
            os.kill(backend, signal.SIGKILL)
        return supervisor.ends(home)

    until(ended, "nothing ended: the test shows nothing")
    works(own, "eu2_series")
    until(lambda: all(end.restarts for end in supervisor.ends(home).values()), "not started again")

    first = airflow.components(own)["scheduler"]
    workers = first.children()
    first.kill()
    until(lambda: (now := airflow.components(own).get("scheduler")) and now.pid != first.pid, "no other scheduler")
    assert not [one for one in workers if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert "scheduler" in supervisor.ends(home)
    works(own, "ledger")

    cluster = embedded.locate(own, create=False)
    psutil.Process(embedded.postmaster_of(cluster)[0]).kill()
    until(lambda: postgres.is_running(own), "PostgreSQL is not started again")
    works(own, "funding")

    told = lagebild(own, "status").stdout
    assert "started again" in told and "given up" not in told, told
    well = until(lambda: (now := lagebild(own, "health", "--free", "0")).returncode == 0 and now, "health is not well")
    assert "FAIL" not in well.stdout and "scheduler" in well.stdout

    airflow.components(own)["parent"].kill()  # nobody is left to start anything
    os.killpg(airflow.components(own)["dag-processor"].pid, signal.SIGKILL)
    silent = until(lambda: (now := lagebild(own, "health")).returncode == 1 and now, "health does not notice")
    assert "FAIL  dag-processor" in silent.stdout, silent.stdout
    assert lagebild(own, "up").returncode == 0 and airflow.is_running(own)

    assert lagebild(own, "down").returncode == 0
    assert airflow.processes(own) == [] and not postgres.is_running(own)
    assert subprocess.run(["pgrep", "-f", str(own.home)], capture_output=True, text=True).stdout == ""


class Unit:
    """What systemd does with a service of `docker/systemd/`: starts it, and again where it ends."""

    COMMAND = (sys.executable, "-m", "lagebild.local.service")

    def __init__(self, name: str, environment: dict[str, str], log: Path):
        self.command, self.environment, self.log = [*self.COMMAND, name], environment, log
        self.start()

    def start(self) -> None:
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )

    def look(self) -> None:
        if self.process.poll() is not None:
            self.start()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
        supervisor.end_session(self.process.pid)


@pytest.mark.nightly
def test_the_services_of_a_server_outlive_its_postgresql(city, tmp_path):
    server = settings_in(tmp_path / "server")
    settings = replace(city, airflow_port=ports.free(), practice=True, publish="auto")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAGEBILD_")}
    environment |= settings.variables()
    prepared = subprocess.run([*Unit.COMMAND, "prepare"], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert prepared.returncode == 0, prepared.stderr
    units = [Unit(name, environment, tmp_path / f"{name}.log") for name in service.COMMANDS]

    def kept(found: bool) -> bool:
        for unit in units:
            unit.look()
        return found

    def health() -> bool:
        return kept(lagebild(settings, "health", "--free", "0").returncode == 0)

    def loads(source: str) -> None:
        until(health, "\n".join((tmp_path / f"{name}.log").read_text()[-2000:] for name in service.COMMANDS))
        drop(settings, source)
        rest = airflow.client(settings)
        until(lambda: "ingest_files" in rest.dags(), "the DAGs are not read")
        run = rest.trigger("ingest_files")
        until(lambda: kept(True) and rest.run(run).is_finished, f"{rest.tasks(run)}")
        assert query(settings, "select state from raw.delivery where source = %s", source) == [("accepted",)]

    try:
        loads("employment")
        postgres.stop(server)
        assert not health()
        time.sleep(5)
        postgres.start(server, durable=False)
        loads("eu2_series")
    finally:
        for unit in units:
            unit.stop()
    assert airflow.processes(settings) == []
