"""Airflow beside the warehouse: three components with one parent and one home; no fixed ports.

`airflow standalone` would import everything again to check the metadata database, and serve logs on fixed ports. So
our own parent (`parent.py`) forks the scheduler (with the local executor's workers), the DAG processor and the API
server, each with its own process group. There is no triggerer, because no task of ours is deferred.
"""

import base64
import contextlib
import hashlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import psutil
import psycopg

from lagebild.core import database, lineage
from lagebild.core.errors import UserError
from lagebild.core.settings import BERLIN, ROOT, Settings
from lagebild.local import pidfile, ports, postgres, supervisor
from lagebild.local.handshake import GO, MIGRATED
from lagebild.local.rest import Rest
from lagebild.orchestration import pools

ADMIN = "admin"
DAGS = ROOT / "dags"
PARENT = "parent"
COMPONENTS = (PARENT, "scheduler", "dag-processor", "api-server")
JOBS = {"scheduler": "SchedulerJob", "dag-processor": "DagProcessorJob"}
"""Components with a heartbeat in Airflow's metadata, and its name."""
# Marks our processes and their children. AIRFLOW_HOME alone could also be set in a user's shell.
MARK = "LAGEBILD_COMPONENT"
SECRETS = {
    "airflow_fernet": "AIRFLOW__CORE__FERNET_KEY",
    "airflow_api": "AIRFLOW__API__SECRET_KEY",
    "airflow_jwt": "AIRFLOW__API_AUTH__JWT_SECRET",
}
"""Keys in Airflow's configuration, by the name of their secret."""
START_TIMEOUT_SECONDS = 180
TASKS_MAY_FINISH_SECONDS = 20
TERM_SECONDS = 10


def home(settings: Settings) -> Path:
    return settings.home / "airflow"


def url(settings: Settings) -> str | None:
    port = settings.ports().get("airflow")
    return None if port is None else f"http://{ports.HOST}:{port}"


def client(settings: Settings) -> Rest:
    """The REST client of the running API server."""
    address = url(settings)
    if address is None:
        raise UserError("Airflow was never started here", remedy="make up")
    return Rest(address, ADMIN, settings.secret("airflow_admin"))


def log_path(settings: Settings, name: str) -> Path:
    """The log of a component; the one before is beside it as `.log.1`."""
    return home(settings) / "logs" / f"{name}.log"


# --- start -----------------------------------------------------------------------------------------------------------


def start(settings: Settings, say: Callable[[str], None] = lambda line: None, dags: Path = DAGS) -> float:
    """Start Airflow until its API answers; returns the epoch second at which the running processes started.

    Idempotent: running components stay, missing ones are started. UserError names the log.
    """
    with ports.locked(settings, "airflow"):
        if set(components(settings)) != set(COMPONENTS) or not _is_on_wanted_port(settings):
            # Some components or remains of a killed run: restart everything rather than guess.
            if processes(settings):
                say("ending what an earlier run of Airflow left behind")
                stop_server(settings)
            _start_all(settings, say, dags)
        _wait_until_healthy(settings, say)
        return components(settings)[PARENT].create_time()


def environment(settings: Settings, dags: Path = DAGS, secrets: Collection[str] = tuple(SECRETS)) -> dict[str, str]:
    """Airflow's whole configuration, as environment variables; `airflow.cfg` stays empty. Only the keys `secrets`."""
    port = str(settings.ports().get("airflow", 0))
    own = Path(sys.executable).parent
    dsn = postgres.airflow_dsn(settings)
    configured = {
        "AIRFLOW_HOME": str(home(settings)),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": BERLIN.key,
        "AIRFLOW__CORE__EXECUTOR": "lagebild.local.workers.WorkersOnDemand",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # The default asks DNS, which takes seconds if there is none.
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_passwords_path(settings)),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{ports.HOST}:{port}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _sqlalchemy_url(settings, dsn, "psycopg2"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": _sqlalchemy_url(settings, dsn, "psycopg_async"),
        # Each connection is tested before use, so that a restart of the server breaks no task.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_PRE_PING": "True",
        # Checked once before the start; otherwise each component reads all of Airflow's migrations to check again.
        "AIRFLOW__DATABASE__CHECK_MIGRATIONS": "False",
        # Idle connections; each is a PostgreSQL process of 7 MB. More are opened when needed.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE": "2",
        "AIRFLOW__API__HOST": ports.HOST,
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__API__BASE_URL": f"http://{ports.HOST}:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__INSTANCE_NAME": "Lagebild",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "1",
        # A worker notices the end of its task at once, or at the next heartbeat if the task's pipes close before its
        # process ends: with the default a third of all tasks held their worker for 5 s.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        **_secrets_backend(settings.secrets_backend, settings.secrets_backend_kwargs or "{}"),
        **_metrics(settings),
        **_lineage(settings),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "60",
        # A new contract does not change the DAG file, so the file is read again regularly.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        # dbt's locks are open when Airflow ends a task's process; Python would log that as an error.
        "PYTHONWARNINGS": ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), "ignore:resource_tracker"])),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "SCARF_ANALYTICS": "false",
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "GX_ANALYTICS_ENABLED": "false",
        # setproctitle would overwrite the memory behind /proc/<pid>/environ, by which we know our processes.
        "SPT_NOENV": "1",
        "PYTHONUNBUFFERED": "1",
        # Otherwise each thread of the API server keeps its own part of the heap: 100 MB that are unused.
        "MALLOC_ARENA_MAX": "1",
        "PATH": os.pathsep.join([str(own), os.environ.get("PATH", "/usr/bin:/bin")]),
    }
    configured |= {SECRETS[name]: settings.secret(name) for name in secrets}
    if fernet := configured.get("AIRFLOW__CORE__FERNET_KEY"):
        configured["AIRFLOW__CORE__FERNET_KEY"] = _fernet_key(fernet)
    # An address for OpenLineage in somebody's shell would get events as the provider makes them: with messages and SQL.
    foreign = ("AIRFLOW_", "OPENLINEAGE_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    no_proxy = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1,localhost"]))
    proxies = {"no_proxy": no_proxy, "NO_PROXY": no_proxy}
    return inherited | configured | proxies | settings.variables()


def _lineage(settings: Settings) -> dict[str, str]:
    """OpenLineage's provider, where it is installed: off, or with a transport that lets names out and nothing else."""
    lineage.require(settings)
    if not settings.sends_lineage:
        return {"AIRFLOW__OPENLINEAGE__DISABLED": "True"}
    return {
        "AIRFLOW__OPENLINEAGE__NAMESPACE": lineage.NAMESPACE,
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps({"type": "lagebild.local.lineage_transport.Names"}),
        "AIRFLOW__OPENLINEAGE__DISABLE_SOURCE_CODE": "True",
    }


def _secrets_backend(path: str | None, kwargs: str) -> dict[str, str]:
    """A store of connections outside of Airflow, for its server and for the processes of tasks; UserError if it is not
    installed: Airflow would go on without it, and every login would be missing."""
    if not path:
        return {}
    module, _, name = path.rpartition(".")
    try:
        getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"LAGEBILD_SECRETS_BACKEND: there is no {path} in this environment ({error})",
            remedy="install the provider that has it into the environment, or correct the name",
        ) from error
    return {
        "AIRFLOW__SECRETS__BACKEND": path,
        "AIRFLOW__SECRETS__BACKEND_KWARGS": kwargs,
        "AIRFLOW__WORKERS__SECRETS_BACKEND": path,
        "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS": kwargs,
    }


def _metrics(settings: Settings) -> dict[str, str]:
    """Settings of metrics; without an endpoint nothing for them is imported."""
    seconds = "60" if settings.metrics_endpoint else "3600"
    counted = {f"AIRFLOW__SCHEDULER__{name}_METRICS_INTERVAL": seconds for name in ("POOL", "TI", "DAGRUN")}
    if not settings.metrics_endpoint:
        return counted
    return counted | {
        "AIRFLOW__METRICS__OTEL_ON": "True",
        # By name and tags, not once more with the tags in the name.
        "AIRFLOW__METRICS__LEGACY_NAMES_ON": "False",
        "OTEL_SERVICE_NAME": "lagebild",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": settings.metrics_endpoint.rstrip("/") + "/v1/metrics",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
        "OTEL_METRIC_EXPORT_INTERVAL": "30000",
    }


def _start_all(settings: Settings, say: Callable[[str], None], dags: Path) -> None:
    _prepare(settings, say)
    for name in COMPONENTS:  # wait for those that start; the parent forks them one after another
        (home(settings) / f"{name}.pid").unlink(missing_ok=True)
    is_new = _needs_migration(settings)
    # It imports their libraries, the slowest part, while the database is prepared; the components wait for us.
    parent = _spawn(settings, dags, *["--migrate"] * is_new)
    with parent.stdin, parent.stdout:
        if is_new:
            say("preparing Airflow's metadata database")
            if parent.stdout.readline() != MIGRATED:
                log = log_path(settings, "migrate")
                told = f"Airflow's metadata database could not be prepared:\n{_tail(log)}"
                raise UserError(told, remedy=f"read {log}; then make up")
            _schema_path(settings).write_text(f"{version('apache-airflow')} {_revision(settings)}")
        take_over(settings, *JOBS)
        with psycopg.connect(postgres.airflow_dsn(settings)) as connection:
            # Earlier versions ran one; Airflow's pages would always show that it does not answer.
            connection.execute("delete from job where job_type = 'TriggererJob'")
        pools.ensure(postgres.airflow_dsn(settings))
        with contextlib.suppress(BrokenPipeError):  # it ended already: noticed when we wait for it
            parent.stdin.write(GO * (len(COMPONENTS) - 1))


def take_over(settings: Settings, *names: str) -> None:
    """Mark these components as ended in Airflow's metadata.

    A killed scheduler still counts as alive for a while, and until then nobody takes over its tasks.
    """
    with psycopg.connect(postgres.airflow_dsn(settings)) as connection:
        query = "update job set state = 'failed', end_date = now() where state = 'running' and job_type = any(%s)"
        connection.execute(query, [[JOBS[name] for name in names if name in JOBS]])


def _prepare(settings: Settings, say: Callable[[str], None]) -> None:
    before = settings.ports().get("airflow")
    port = ports.choose(settings, "airflow", settings.airflow_port, "LAGEBILD_AIRFLOW_PORT")
    if before not in (None, port):
        say(f"Airflow is now on port {port} ({before} is taken or another was set)")
    ports.remember(settings, airflow=port)
    (home(settings) / "logs").mkdir(parents=True, exist_ok=True)
    write_files(settings)


def write_files(settings: Settings) -> None:
    """Write the files that Airflow reads besides its environment: the login, and an empty configuration."""
    _write_password(settings)
    write_empty_configuration(settings)


def write_empty_configuration(settings: Settings) -> None:
    """Otherwise Airflow writes its defaults here, and they survive an upgrade."""
    home(settings).mkdir(parents=True, exist_ok=True)
    (home(settings) / "airflow.cfg").write_text("# Every setting stands in lagebild/local/airflow.py.\n")


def _spawn(settings: Settings, dags: Path, *options: str) -> subprocess.Popen:
    path = log_path(settings, PARENT)
    if path.exists():
        path.replace(path.with_suffix(".log.1"))
    with open(path, "a") as log:  # at its end, wherever that is: housekeeping cuts it off
        child = subprocess.Popen(
            [sys.executable, "-m", "lagebild.local.parent", str(home(settings)), *options],
            env=environment(settings, dags) | {MARK: PARENT},
            cwd=home(settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            bufsize=0,
        )
    pidfile.write(home(settings) / f"{PARENT}.pid", child.pid)
    return child


def _wait_until_healthy(settings: Settings, say: Callable[[str], None]) -> None:
    deadline, beat = time.monotonic() + START_TIMEOUT_SECONDS, time.monotonic()
    started = beat
    rest = client(settings)
    while time.monotonic() < deadline:
        alive = components(settings)
        for name in COMPONENTS:
            # A component that was not forked yet has no file; it will be while the parent lives. One that ended
            # once is started again.
            if name not in alive and (home(settings) / f"{name}.pid").exists() and not _is_once_ended(settings, name):
                path = log_path(settings, name)
                raise UserError(
                    f"Airflow's {name} ended while starting:\n{_tail(path)}", remedy=f"read {path}; then make up"
                )
        health = rest.health() if "api-server" in alive else None
        if health and health.get("scheduler", {}).get("status") == "healthy" and set(alive) == set(COMPONENTS):
            return
        if time.monotonic() - beat > 5:
            beat = time.monotonic()
            say(f"waiting for Airflow ({beat - started:.0f} s)")
        time.sleep(0.3)
    raise UserError(
        f"Airflow did not answer within {START_TIMEOUT_SECONDS} s",
        remedy=f"read the logs in {home(settings) / 'logs'}; then make down and make up",
    )


def _is_once_ended(settings: Settings, name: str) -> bool:
    end = supervisor.ends(home(settings)).get(name)
    return end is not None and end.in_a_row == 1


def _is_on_wanted_port(settings: Settings) -> bool:
    return settings.airflow_port in (None, settings.ports().get("airflow"))


# --- stop and look ---------------------------------------------------------------------------------------------------


def stop(settings: Settings) -> None:
    """Stop all Airflow processes of this checkout, tasks included, and wait until they ended."""
    if not settings.home.exists():
        return
    with ports.locked(settings, "airflow"):
        stop_server(settings)


def stop_server(settings: Settings) -> None:
    """SIGINT to the process groups (SIGTERM would orphan children), then SIGTERM and SIGKILL to the rest of ours."""
    for process in components(settings).values():
        with contextlib.suppress(ProcessLookupError):
            # The workers ignore SIGINT, and the scheduler waits until their tasks end.
            os.killpg(process.pid, signal.SIGINT)
    for wait, number in ((TASKS_MAY_FINISH_SECONDS, signal.SIGTERM), (TERM_SECONDS, signal.SIGKILL), (5, None)):
        left = _gone_within(settings, wait)
        if not left:
            return
        for process in left if number else ():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
    names = ", ".join(str(process.pid) for process in processes(settings))
    raise UserError(f"these processes of Airflow do not end: {names}", remedy="end them by hand (kill -9), make down")


def _gone_within(settings: Settings, seconds: float) -> list[psutil.Process]:
    deadline = time.monotonic() + seconds
    # Orphans of a killed run have no scheduler to end them: they are stopped at once.
    while (left := processes(settings)) and components(settings) and time.monotonic() < deadline:
        time.sleep(0.2)
    _, left = psutil.wait_procs(left, timeout=min(seconds, 2))
    return left


def processes(settings: Settings) -> list[psutil.Process]:
    """All running Airflow processes of this checkout, including orphans of earlier runs, except the caller."""
    mine = str(home(settings))
    own_line = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            values = {} if process.pid in own_line else process.environ()
            if values.get("AIRFLOW_HOME") == mine and MARK in values and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def components(settings: Settings) -> dict[str, psutil.Process]:
    """The running components by name."""
    found = {name: pidfile.process(home(settings) / f"{name}.pid") for name in COMPONENTS}
    return {name: process for name, process in found.items() if process}


def is_running(settings: Settings) -> bool:
    """Whether all components run and the API answers."""
    return set(components(settings)) == set(COMPONENTS) and client(settings).health() is not None


# --- metadata database -----------------------------------------------------------------------------------------------


def _schema_path(settings: Settings) -> Path:
    return home(settings) / "schema"


def _revision(settings: Settings) -> str | None:
    with psycopg.connect(postgres.airflow_dsn(settings)) as connection:
        if connection.execute("select to_regclass('alembic_version')").fetchone()[0] is None:
            return None
        return connection.execute("select max(version_num) from alembic_version").fetchone()[0]


def _needs_migration(settings: Settings) -> bool:
    """False if this Airflow version migrated the database already: asking Airflow itself takes seconds."""
    path = _schema_path(settings)
    return not path.exists() or path.read_text() != f"{version('apache-airflow')} {_revision(settings)}"


def _sqlalchemy_url(settings: Settings, dsn: str, driver: str) -> str:
    # Both drivers are libpq's, which knows every option of a connection string as it stands.
    return database.url(replace(settings, warehouse_dsn=dsn), driver=f"postgresql+{driver}")


# --- secrets ---------------------------------------------------------------------------------------------------------


def _fernet_key(secret: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()).decode()


def _passwords_path(settings: Settings) -> Path:
    return settings.secrets / "airflow_passwords.json"


def _write_password(settings: Settings) -> None:
    path = _passwords_path(settings)
    text = json.dumps({ADMIN: settings.secret("airflow_admin")}) + "\n"
    if not path.exists() or path.read_text() != text:
        descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(text)


def _tail(path: Path) -> str:
    return "\n".join(supervisor.last_lines(path))
