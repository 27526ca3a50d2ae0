"""Health checks from outside of Airflow: for cron, systemd or a monitor.

A process that hangs reports nothing: so each check asks when something last succeeded, and fails if that is too long
ago. Nothing is changed, and each check takes a few seconds at most.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import psycopg

from lagebild.core import alerts, atomic_files, database, disk
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings

TIMEOUT_SECONDS = 10
TOLD = "health-told.json"
"""What was wrong at the last notification."""
HEARTBEAT_MAY_BE = timedelta(minutes=2)
"""Airflow's components write a heartbeat every few seconds; the machine may be busy."""
OFTEN = {"receive_files": timedelta(minutes=30)}
DAILY = ("build_warehouse", "watch_deliveries", "retention", "housekeeping")
RUNS = OFTEN | dict.fromkeys(DAILY, timedelta(hours=26))
"""Scheduled DAGs, and the maximum age of their last success."""


@dataclass(frozen=True)
class Limits:
    """Limits beyond which a check fails."""

    inbox: timedelta = timedelta(hours=2)
    """How long a complete file may wait in an inbox, or a loaded one for its check."""
    build: timedelta = timedelta(hours=26)
    """How long an accepted delivery may wait for a build."""
    held: timedelta = timedelta(days=14)
    """How long a delivery may wait for a decision, or a checked build for its approval."""
    published: timedelta | None = None
    """How old the current publication may be; None: any age, because deliveries may come once a year."""
    free_bytes: int = 2_000_000_000


@dataclass(frozen=True)
class Check:
    """A check and its result."""

    name: str
    is_well: bool
    told: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{'ok' if self.is_well else 'FAIL':<5} {self.name:<18} {self.told}"
        return line if self.is_well or not self.remedy else f"{line}\n      what to do: {self.remedy}"


def checks(settings: Settings, limits: Limits) -> list[Check]:
    """All checks in order of dependence. A check that cannot run fails."""
    found = list(_disk(settings, limits))
    reached, warehouse = _reached("warehouse", lambda: database.parameters(settings))
    found.append(reached)
    if warehouse:
        with warehouse:
            found += _asked(warehouse, lambda: _warehouse(settings, warehouse, limits), "warehouse")
    from lagebild.local import postgres  # late: psutil and what the stack needs

    reached, metadata = _reached("airflow_database", lambda: {"conninfo": postgres.airflow_dsn(settings)})
    found.append(reached)
    if metadata:
        with metadata:
            found += _asked(metadata, lambda: _airflow(metadata), "airflow")
    return [*found, *_components(settings)]


def tell(settings: Settings, found: list[Check]) -> bool:
    """Notify each channel once of what is wrong, and again when that changes or all is well. Whether it notified.

    NotSent if a channel was not reached; the next call tries again.
    """
    path = settings.home / TOLD
    unwell = [check for check in found if not check.is_well]
    names = sorted({check.name for check in unwell})
    known = json.loads(path.read_text()) if path.exists() else []
    if names == known:
        return False
    message = alerts.Message(
        f"Lagebild: {', '.join(names)}" if names else "Lagebild: all is well again",
        "\n".join(map(str, unwell or found)),
        [asdict(check) for check in unwell],
    )
    alerts.to_each(alerts.notifiers(settings), lambda channel: channel.send(message))
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_files.write(path, json.dumps(names))
    return True


# --- each of them -----------------------------------------------------------------------------------------------------


def _reached(name: str, parameters) -> tuple[Check, psycopg.Connection | None]:
    try:
        connection = psycopg.connect(
            **{"connect_timeout": TIMEOUT_SECONDS, "application_name": "lagebild health", **parameters()},
            autocommit=True,
        )
        connection.execute("select set_config('statement_timeout', %s, false)", [f"{TIMEOUT_SECONDS}s"])
        return Check(name, True, f"PostgreSQL {connection.info.server_version // 10000} answers"), connection
    except UserError as error:
        return Check(name, False, error.message, error.remedy or ""), None
    except psycopg.Error as error:
        told = f"no connection: {str(error).strip().splitlines()[0]}"
        return Check(name, False, told, "lagebild stack status shows whether it runs; make up starts it"), None


def _asked(connection: psycopg.Connection, look, name: str) -> list[Check]:
    """The checks, or one failed check if they could not run."""
    try:
        return list(look())
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        remedy = "make up (on a server: lagebild warehouse migrate)"
        return [Check(name, False, "it is not prepared for this version", remedy)]
    except psycopg.Error as error:  # its details may show a row
        return [Check(name, False, f"it cannot be asked: {error.diag.message_primary or type(error).__name__}")]
    except UserError as error:
        return [Check(name, False, error.message, error.remedy or "")]


def _disk(settings: Settings, limits: Limits) -> Iterator[Check]:
    """Free space of each file system."""
    named = {"state": settings.home, "drop": settings.drop, "landing": settings.landing, "extracts": settings.extracts}
    for on in disk.under(named):
        told = f"{on.free / 1e9:.1f} GB of {on.total / 1e9:.0f} GB are free for {', '.join(on.names)}"
        remedy = "make room, or a larger disk: a load that meets its end is rolled back and tried again"
        yield Check("disk", on.free >= limits.free_bytes, told, remedy)


def _warehouse(settings: Settings, connection: psycopg.Connection, limits: Limits) -> Iterator[Check]:
    yield _inboxes(settings, connection, limits)
    (unchecked,) = _row(connection, "select min(received_at) from raw.delivery where state in ('received', 'loaded')")
    remedy = "lagebild delivery load SOURCE checks it"
    yield _since("checks", unchecked, limits.inbox, "a delivery is loaded and not checked", remedy)
    count, held = _row(connection, "select count(*), min(received_at) from raw.delivery where state = 'held'")
    told = f"{count} deliveries wait for a decision, the first"
    remedy = "lagebild delivery held; then lagebild delivery accept, or refuse, DELIVERY"
    yield _since("held", held, limits.held, told, remedy)
    yield _builds(settings, connection, limits)
    (waits,) = _row(connection, "select min(ended_at) from raw.build where state = 'waiting'")
    remedy = "lagebild publication publish"
    yield _since("approval", waits, limits.held, "a checked build waits to be published", remedy)
    yield _publication(connection, limits)


def _inboxes(settings: Settings, connection: psycopg.Connection, limits: Limits) -> Check:
    """Files in the drop folder now, and files that the last poll saw elsewhere or claimed."""
    from ingest.inbox import inbox  # late: the contracts

    waiting = connection.execute("select seen_at, source from raw.inbox_file where state <> 'done'").fetchall()
    for source, files in inbox.local_files(settings).items():
        for file in files:
            try:
                waiting.append((datetime.fromtimestamp(file.stat().st_ctime, UTC), source))
            except FileNotFoundError:
                continue  # it is being loaded
    oldest, name = min(waiting, default=(None, ""))
    told = f"{len(waiting)} files wait in the inboxes, the oldest (of {name})"
    remedy = "lagebild stack status: does Airflow run? lagebild delivery load SOURCE"
    return _since("inboxes", oldest, limits.inbox, told, remedy)


def _builds(settings: Settings, connection: psycopg.Connection, limits: Limits) -> Check:
    from lagebild.warehouse import build  # late

    ended = "select state, reason from raw.build where state not in ('running', 'overtaken')"
    state, reason = _row(connection, f"{ended} order by build_id desc limit 1") or (None, None)
    (accepted,) = _row(connection, "select max(decided_at) from raw.delivery where state = 'accepted'")
    if accepted is None or build.is_current(settings):
        return Check("builds", True, "every accepted delivery is built" if accepted else "nothing is accepted yet")
    if state == "stopped":
        first = (reason or "no reason is known").splitlines()[0]
        return Check("builds", False, f"the last build failed: {first}", "mend it; then lagebild publication build")
    remedy = "lagebild publication build; DAG build_warehouse in Airflow shows why it does not"
    return _since("builds", accepted, limits.build, "an accepted delivery waits for a build", remedy)


def _publication(connection: psycopg.Connection, limits: Limits) -> Check:
    row = _row(
        connection,
        "select p.publication_id, p.published_at from published.publication as p"
        " join published.current_publication as c using (publication_id)",
    )
    if row is None:
        remedy = "lagebild publication build; lagebild publication publish"
        return Check("publication", limits.published is None, "there is none yet", remedy)
    number, published = row
    is_well = limits.published is None or _age(published) <= limits.published
    told = f"publication {number} is {_told(_age(published))} old"
    return Check("publication", is_well, told, "lagebild delivery calendar --late")


def _airflow(connection: psycopg.Connection) -> Iterator[Check]:
    from lagebild.local.airflow import JOBS

    beats = dict(
        connection.execute(
            "select job_type, max(latest_heartbeat) from job where state = 'running' group by job_type"
        ).fetchall()
    )
    for component, job in JOBS.items():
        last = beats.get(job)
        is_well = last is not None and _age(last) <= HEARTBEAT_MAY_BE
        told = "does not run" if last is None else f"its last heartbeat is {_told(_age(last))} old"
        yield Check(component, is_well, told, "lagebild stack status; make up (on a server: restart its service)")
    # Runs that were missed because the stack was down do not count.
    (since,) = _row(connection, "select max(start_date) from job where job_type = 'SchedulerJob'")
    dags = connection.execute(
        "select d.dag_id, d.is_paused, max(r.end_date) from dag as d left join dag_run as r"
        " on r.dag_id = d.dag_id and r.state = 'success' where d.dag_id = any(%s) group by 1, 2",
        [list(RUNS)],
    ).fetchall()
    known = {dag_id: (is_paused, last) for dag_id, is_paused, last in dags}
    for dag_id, limit in RUNS.items():
        is_paused, last = known.get(dag_id, (False, None))
        newest = max(filter(None, (last, since)), default=None)
        silent = newest is None or _age(newest) > limit
        told = f"last succeeded {_told(_age(last))} ago" if last else "has not succeeded yet"
        remedy = f"look at DAG {dag_id} in Airflow; make up where the scheduler does not run"
        if is_paused:
            told, remedy = "is paused: nothing is done by itself", f"lagebild stack airflow dags unpause {dag_id}"
        yield Check(dag_id, not (is_paused or silent), told, remedy)


def _components(settings: Settings) -> Iterator[Check]:
    """Checks that only work on this machine: the API server, and components that the supervisor gave up on."""
    from lagebild.local import airflow, supervisor
    from lagebild.local.ports import HOST
    from lagebild.local.rest import Rest

    port = settings.ports().get("airflow") or settings.airflow_port
    if port is None:
        yield Check("api-server", False, "it was never started here", "make up")
    else:
        is_there = Rest(f"http://{HOST}:{port}", "", "").health() is not None
        told = f"{'answers' if is_there else 'does not answer'} on {HOST}:{port}"
        yield Check("api-server", is_there, told, "lagebild stack status; make up (on a server: restart its service)")
    for name, end in supervisor.ends(airflow.home(settings)).items():
        told = f"{name} ended {'for good ' if end.is_given_up else ''}at {end.at} ({end.why})"
        restarts = "" if end.is_given_up else f", started again {end.restarts} times"
        yield Check("supervisor", not end.is_given_up, told + restarts, "lagebild stack status shows its last lines")


# --- words ------------------------------------------------------------------------------------------------------------


def _row(connection: psycopg.Connection, query: str) -> tuple | None:
    return connection.execute(query).fetchone()


def _since(name: str, moment: datetime | None, limit: timedelta, told: str, remedy: str) -> Check:
    """Passes if nothing waits, or not longer than the limit."""
    if moment is None:
        return Check(name, True, "nothing waits")
    age = _age(moment)
    return Check(name, age <= limit, f"{told} for {_told(age)}", remedy)


def _age(moment: datetime) -> timedelta:
    return max(datetime.now(UTC) - moment, timedelta(0))


def _told(age: timedelta) -> str:
    for unit, seconds in (("days", 172_800), ("hours", 7_200), ("minutes", 120)):
        if age.total_seconds() >= seconds:
            return f"{age.total_seconds() / (seconds / 2):.0f} {unit}"
    return f"{age.total_seconds():.0f} s"
