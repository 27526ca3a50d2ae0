"""Airflow beside the warehouse: three components of one parent, one home, no port that is not asked for.

`airflow standalone` would import everything once more to check the metadata database, and serve logs on fixed ports.
So the scheduler (with the local executor's workers in it), the DAG processor and the API server are forked by a parent
of ours (`parent.py`), each leading a process group of its own. Nothing of ours is deferred: there is no triggerer.
"""

import base64
import contextlib
import hashlib
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

from lagebild import database, lineage
from lagebild.errors import UserError
from lagebild.settings import BERLIN, ROOT, Settings
from lagebild.stack import pidfile, pools, ports, postgres, supervisor
from lagebild.stack.parent import GO, MIGRATED
from lagebild.stack.rest import Rest

ADMIN = "admin"
DAGS = ROOT / "dags"
PARENT = "parent"
COMPONENTS = (PARENT, "scheduler", "dag-processor", "api-server")
JOBS = {"scheduler": "SchedulerJob", "dag-processor": "DagProcessorJob"}
"""Components whose heartbeat stands in Airflow's metadata, and under which name."""
# Marks our processes and all that they fork. AIRFLOW_HOME alone could also stand in a user's own shell.
MARK = "LAGEBILD_COMPONENT"
SECRETS = {
    "airflow_fernet": "AIRFLOW__CORE__FERNET_KEY",
    "airflow_api": "AIRFLOW__API__SECRET_KEY",
    "airflow_jwt": "AIRFLOW__API_AUTH__JWT_SECRET",
}
"""The keys in Airflow's configuration, by the secret each comes from."""
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
    """Make Airflow's API answer; returns the epoch second since when the present processes run.

    Idempotent: living components stay, missing ones are started. Raises UserError naming the log.
    """
    with ports.locked(settings, "airflow"):
        if set(components(settings)) != set(COMPONENTS) or not _is_on_wanted_port(settings):
            # Half a stack (something was killed) or left-overs of a killed run: begin anew rather than guess.
            if processes(settings):
                say("ending what an earlier run of Airflow left behind")
                _stop(settings)
            _start_all(settings, say, dags)
        _wait_until_healthy(settings, say)
        return components(settings)[PARENT].create_time()


def environment(settings: Settings, dags: Path = DAGS, secrets: Collection[str] = tuple(SECRETS)) -> dict[str, str]:
    """Airflow's whole configuration, as environment variables; `airflow.cfg` stays empty. Of keys only `secrets`."""
    port = str(settings.ports().get("airflow", 0))
    own = Path(sys.executable).parent
    dsn = postgres.airflow_dsn(settings)
    configured = {
        "AIRFLOW_HOME": str(home(settings)),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": BERLIN.key,
        "AIRFLOW__CORE__EXECUTOR": "lagebild.stack.workers.WorkersOnDemand",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # The default asks DNS, which takes seconds where there is none.
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_passwords_path(settings)),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{ports.HOST}:{port}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _sqlalchemy_url(settings, dsn, "psycopg2"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": _sqlalchemy_url(settings, dsn, "psycopg_async"),
        # Each connection is asked before it is used, so that a restart of the server costs a connection and no task.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_PRE_PING": "True",
        # Asked here, before anything starts; each component would read all of Airflow's migrations to ask once more.
        "AIRFLOW__DATABASE__CHECK_MIGRATIONS": "False",
        # What is kept open while nothing happens; each is a process of PostgreSQL with 7 MB. More come when needed.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE": "2",
        "AIRFLOW__API__HOST": ports.HOST,
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__API__BASE_URL": f"http://{ports.HOST}:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__INSTANCE_NAME": "Lagebild",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "1",
        # A worker notices the end of its task at once or, where the task's pipes close before its process is gone, at
        # the next heartbeat: with the default a third of all tasks held their worker for 5 s.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        **_metrics(settings),
        **_lineage(settings),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "60",
        # A new contract does not touch the DAG file, so the file is read again now and then.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        # dbt's locks are open when Airflow ends a task's process: Python says so as an error at the end of its log.
        "PYTHONWARNINGS": ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), "ignore:resource_tracker"])),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "SCARF_ANALYTICS": "false",
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "GX_ANALYTICS_ENABLED": "false",
        # setproctitle would overwrite the memory behind /proc/<pid>/environ, by which we know our processes.
        "SPT_NOENV": "1",
        "PYTHONUNBUFFERED": "1",
        # Else each of the API server's threads keeps a part of the heap for itself: 100 MB that nothing is in.
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
    return inherited | configured | proxies | variables(settings)


def _metrics(settings: Settings) -> dict[str, str]:
    """Where metrics go, and how often the scheduler counts for them; without an endpoint nothing of it is imported."""
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


def _lineage(settings: Settings) -> dict[str, str]:
    """OpenLineage's provider, where it is installed: off, or with a transport that lets names out and nothing else."""
    lineage.require(settings)
    if not settings.sends_lineage:
        return {"AIRFLOW__OPENLINEAGE__DISABLED": "True"}
    return {
        "AIRFLOW__OPENLINEAGE__NAMESPACE": lineage.NAMESPACE,
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps({"type": "lagebild.stack.lineage_transport.Names"}),
        "AIRFLOW__OPENLINEAGE__DISABLE_SOURCE_CODE": "True",
    }


def variables(settings: Settings) -> dict[str, str]:
    """The settings as the variables they are read from, so that tasks see the same ones as whoever started Airflow."""
    values = {
        "LAGEBILD_HOME": settings.home,
        "LAGEBILD_DROP_DIR": settings.drop,
        "LAGEBILD_LANDING_DIR": settings.landing,
        "LAGEBILD_KEYS_DIR": settings.keys,
        "LAGEBILD_EXTRACTS_DIR": settings.extracts,
        "LAGEBILD_CONFIG_DIR": settings.config_dir or "",
        "LAGEBILD_SECRETS_DIR": settings.secrets,
        "LAGEBILD_WAREHOUSE_DSN": settings.warehouse_dsn or "",
        "LAGEBILD_AIRFLOW_DSN": settings.airflow_dsn or "",
        "LAGEBILD_POSTGRES_PORT": settings.postgres_port or "",
        "LAGEBILD_AIRFLOW_PORT": settings.airflow_port or "",
        "LAGEBILD_DEMO": int(settings.demo),
        "LAGEBILD_PRACTICE": int(settings.practice),
        "LAGEBILD_PUBLISH": settings.publish or "",
        "LAGEBILD_ALERT_ENABLED": "" if settings.alert_enabled is None else int(settings.alert_enabled),
        "LAGEBILD_ALERT_SMTP": settings.alert_smtp or "",
        "LAGEBILD_ALERT_FROM": settings.alert_from,
        "LAGEBILD_ALERT_TO": settings.alert_to,
        "LAGEBILD_ALERT_WEBHOOK": settings.alert_webhook or "",
        **{f"LAGEBILD_{name.upper()}_URL": url for name, url in settings.host_urls.items()},
        "LAGEBILD_METRICS_ENDPOINT": settings.metrics_endpoint or "",
        "LAGEBILD_LINEAGE_FILE": settings.lineage_file or "",
        "LAGEBILD_LINEAGE_ENDPOINT": settings.lineage_endpoint or "",
        "LAGEBILD_PULL": " ".join(sorted(settings.pull)),
        "LAGEBILD_INBOXES": " ".join(settings.inboxes),
        "LAGEBILD_INBOX_SETTLE_SECONDS": int(settings.inbox_settle_seconds),
        "LAGEBILD_RECEIPT_DAYS": settings.receipt_days,
        "LAGEBILD_UNCLAIMED_DAYS": settings.unclaimed_days or "",
        "LAGEBILD_AIRFLOW_LOG_DAYS": settings.airflow_log_days,
        **_stated("LAGEBILD_PUBLISHER", settings.publishers),
        **_stated("LAGEBILD_LICENCE", settings.licences),
    }
    return {name: str(value) for name, value in values.items()}


def _stated(variable: str, by_source: dict[str, str]) -> dict[str, str]:
    return {f"{variable}_{source.upper()}".rstrip("_"): text for source, text in by_source.items()}


def _start_all(settings: Settings, say: Callable[[str], None], dags: Path) -> None:
    _prepare(settings, say)
    for name in COMPONENTS:  # those that come are waited for, and the parent forks them one after another
        (home(settings) / f"{name}.pid").unlink(missing_ok=True)
    is_new = _needs_migration(settings)
    # It imports what they need, which takes most of the time, while the database is made ready; they wait for us.
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
            # Earlier versions ran one; Airflow's pages would show for ever that it does not answer.
            connection.execute("delete from job where job_type = 'TriggererJob'")
        pools.ensure(settings)
        with contextlib.suppress(BrokenPipeError):  # it ended already: noticed when we wait for it
            parent.stdin.write(GO * (len(COMPONENTS) - 1))


def take_over(settings: Settings, *names: str) -> None:
    """Let Airflow's metadata know that no process of these components, by their names, is alive.

    A scheduler that was killed still counts as alive for a while, and as long as it does its tasks are not taken over.
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
    """What Airflow reads besides its environment: the login, and a configuration in which nothing stands."""
    _write_password(settings)
    write_empty_configuration(settings)


def write_empty_configuration(settings: Settings) -> None:
    """Airflow would write its defaults here, and they would outlive an upgrade."""
    home(settings).mkdir(parents=True, exist_ok=True)
    (home(settings) / "airflow.cfg").write_text("# Every setting stands in lagebild/stack/airflow.py.\n")


def _spawn(settings: Settings, dags: Path, *options: str) -> subprocess.Popen:
    path = log_path(settings, PARENT)
    if path.exists():
        path.replace(path.with_suffix(".log.1"))
    with open(path, "a") as log:  # at its end, wherever that is: housekeeping cuts it off
        child = subprocess.Popen(
            [sys.executable, "-m", "lagebild.stack.parent", str(home(settings)), *options],
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
            # One that was not forked yet has no file; whether it ever will be, the parent's life tells. One that ended
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
    """End all of this checkout's Airflow, tasks included, and wait until it is gone."""
    if not settings.home.exists():
        return
    with ports.locked(settings, "airflow"):
        _stop(settings)


def _stop(settings: Settings) -> None:
    """SIGINT to the groups (SIGTERM would orphan children), then, to what is left and ours, SIGTERM and SIGKILL."""
    for process in components(settings).values():
        with contextlib.suppress(ProcessLookupError):
            # The workers ignore SIGINT, and the scheduler waits until their tasks are through.
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
    # Orphans of a killed run have no scheduler that would end them: they get no time to finish.
    while (left := processes(settings)) and components(settings) and time.monotonic() < deadline:
        time.sleep(0.2)
    _, left = psutil.wait_procs(left, timeout=min(seconds, 2))
    return left


def processes(settings: Settings) -> list[psutil.Process]:
    """Every living process of this checkout's Airflow, orphans of earlier runs included; never the caller itself."""
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
    """The living components by name."""
    found = {name: pidfile.process(home(settings) / f"{name}.pid") for name in COMPONENTS}
    return {name: process for name, process in found.items() if process}


def is_running(settings: Settings) -> bool:
    """Whether every component lives and the API answers."""
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
    """False when this very Airflow version left the database as it is: asking Airflow itself costs seconds."""
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
