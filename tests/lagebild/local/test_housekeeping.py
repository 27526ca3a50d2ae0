"""What Airflow keeps of its runs gets old and goes; what goes on, or is still shown, stays. On Airflow's own schema."""

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from airflow.utils import db_cleanup
from psycopg.conninfo import make_conninfo

from lagebild.core import database, settings
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.local import airflow, health, housekeeping
from tests.bench import growth, page
from tests.conftest import settings_in

OLD, YOUNG = timedelta(days=200), timedelta(days=10)
DAG, GONE = "ingest__ledger", "ingest__closed"


@pytest.fixture(scope="module")
def metadata(cluster: Settings, tmp_path_factory) -> Settings:
    """Settings with Airflow's metadata database, as Airflow makes it: once, it takes seconds."""
    name = f"airflow_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    administration = database.parameters(cluster) | {"dbname": "postgres"}
    with psycopg.connect(**administration, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    dsn = make_conninfo(**(database.parameters(cluster) | {"dbname": name}))
    own = replace(cluster, home=tmp_path_factory.mktemp("housekeeping"), airflow_dsn=dsn)
    (airflow.home(own) / "logs").mkdir(parents=True)
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(command, env=airflow.environment(own), cwd=airflow.home(own), capture_output=True, check=True)
    return own


@pytest.fixture
def stack(metadata: Settings, tmp_path: Path) -> Iterator[Settings]:
    """The same with a run of today, and two years of runs before it: one of a DAG a week."""
    own = replace(metadata, home=tmp_path)
    (airflow.home(own) / "logs").mkdir(parents=True)
    with psycopg.connect(own.airflow_dsn) as connection:
        connection.execute("truncate dag_bundle, dag, dag_run, task_instance, xcom, log, job cascade")
        connection.execute("insert into dag_bundle (name) values ('dags-folder')")
        for dag_id in (DAG, GONE):
            seed(connection, dag_id)
            growth.copy_run(connection, dag_id, "manual__today", 104, timedelta(weeks=1))
    yield own


def seed(
    connection: psycopg.Connection, dag_id: str, run_id: str = "manual__today", at: datetime | None = None
) -> None:
    """A DAG and a run of it now, with one task and what belongs to it."""
    now, version, instance = at or datetime.now(UTC), uuid.uuid4(), uuid.uuid4()
    rows = {
        "dag": {"dag_id": dag_id, "bundle_name": "dags-folder", "is_paused": False, "is_stale": False,
                "max_active_tasks": 1, "max_consecutive_failed_dag_runs": 0, "timetable_type": "cron",
                "has_task_concurrency_limits": False, "last_parsed_time": now, "partition_mapper_info": "{}"},
        "dag_version": {"id": version, "version_number": 1, "dag_id": dag_id, "bundle_name": "dags-folder",
                        "created_at": now - timedelta(days=800), "last_updated": now},
        "dag_run": {"dag_id": dag_id, "run_id": run_id, "run_type": "scheduled", "state": "success",
                    "queued_at": now, "logical_date": now, "start_date": now, "end_date": now, "run_after": now,
                    "created_dag_version_id": version},
        "task_instance": {"id": instance, "task_id": "load", "dag_id": dag_id, "run_id": run_id,
                          "start_date": now, "end_date": now, "state": "success", "try_number": 1,
                          "pool": "default_pool", "pool_slots": 1, "updated_at": now, "dag_version_id": version},
        "log": {"dttm": now, "dag_id": dag_id, "task_id": "load", "run_id": run_id, "event": "success"},
    }  # fmt: skip
    for table, row in rows.items():
        missing = _required(connection, table) - row.keys()
        assert not missing, f"{table} also needs {missing}"
        names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
        connection.execute(f"insert into {table} ({names}) values ({marks})", list(row.values()))
    connection.execute(
        "insert into xcom (dag_run_id, task_id, key, dag_id, run_id, value, timestamp)"
        " select id, 'load', 'return_value', dag_id, run_id, '1', now() from dag_run where dag_id = %s",
        [dag_id],
    )


def _required(connection: psycopg.Connection, table: str) -> set[str]:
    query = "select column_name from information_schema.columns where table_name = %s and is_nullable = 'NO'"
    return {name for (name,) in connection.execute(f"{query} and column_default is null", [table])}


def rows(own: Settings, query: str) -> list[tuple]:
    with psycopg.connect(own.airflow_dsn) as connection:
        return connection.execute(query).fetchall()


def log_of(own: Settings, run_id: str, age: timedelta, dag_id: str = DAG) -> Path:
    path = airflow.home(own) / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / "task_id=load" / "attempt=1.log"
    return written(path, age)


def written(path: Path, age: timedelta, size: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x" * size)
    moment = (datetime.now() - age).timestamp()
    os.utime(path, (moment, moment))
    return path


def test_old_runs_and_their_logs_go_and_young_ones_stay(stack):
    run_ids = dict(rows(stack, f"select run_id, start_date from dag_run where dag_id = '{DAG}'"))
    now = datetime.now(UTC)
    logs = {run_id: log_of(stack, run_id, now - began) for run_id, began in run_ids.items()}
    with psycopg.connect(stack.airflow_dsn) as connection:  # a DAG without a file any more, its last run long ago
        connection.execute("delete from dag_run where dag_id = %s and start_date > now() - interval '300 days'", [GONE])
        connection.execute("update dag set last_parsed_time = now() - interval '300 days' where dag_id = %s", [GONE])

    cleaned = housekeeping.clean(stack)

    limit = now - timedelta(days=stack.airflow_log_days)
    young = {run_id for run_id, began in run_ids.items() if began >= limit}
    assert 10 < len(young) < 20
    for table in ("dag_run", "task_instance", "xcom", "log"):
        assert {run for (run,) in rows(stack, f"select run_id from {table} where dag_id = '{DAG}'")} == young, table
    assert {run_id for run_id, log in logs.items() if log.exists()} == young
    assert cleaned.runs == len(run_ids) - len(young) and cleaned.log_bytes == 100 * cleaned.runs
    assert cleaned.rows["dag_run"] > 100
    # The last run of a DAG stays, for Airflow reckons the next one from it; also of one that is gone.
    assert rows(stack, f"select count(*) from dag_run where dag_id = '{GONE}'") == [(1,)]
    assert rows(stack, "select count(*) from dag_version") == [(2,)]
    # And no archive grows in their place.
    archives = "select count(*) from pg_tables where tablename like '\\_airflow\\_deleted%'"
    assert rows(stack, archives) == [(0,)]
    assert re.search(r"rows of the metadata: .*\d+ of dag_run.*; logs of \d+ runs, 0.0 MB", str(cleaned))


def test_a_log_that_is_still_shown_or_was_written_lately_stays(stack):
    (known,) = rows(stack, f"select run_id from dag_run where dag_id = '{DAG}' order by start_date desc limit 1")[0]
    shown = log_of(stack, known, OLD)
    going_on = log_of(stack, "manual__long_ago", YOUNG)
    unknown = log_of(stack, "manual__forgotten", OLD)
    other = log_of(stack, known, OLD, dag_id="of_another")  # the same name of a run that is gone
    assert housekeeping._remove_logs(stack, datetime.now(UTC) - timedelta(days=90)) == (2, 200)
    assert shown.exists() and going_on.exists()
    assert not unknown.exists() and not other.exists()


def test_logs_of_no_run_go_by_their_age(stack):
    logs = airflow.home(stack) / "logs"
    old = written(logs / "dag_processor" / "2026-01-01" / "dags-folder" / "ingest.py.log", OLD)
    young = written(logs / "dag_processor" / "2026-07-01" / "dags-folder" / "ingest.py.log", YOUNG)
    (logs / "dag_processor" / "latest").symlink_to(logs / "dag_processor" / "2026-07-01")
    callback = written(logs / "executor_callbacks" / DAG / "manual__1" / "id", OLD)
    assert housekeeping._remove_logs(stack, datetime.now(UTC) - timedelta(days=90)) == (0, 200)
    assert young.exists() and (logs / "dag_processor" / "latest").exists()
    assert not old.parent.parent.exists() and not callback.parent.exists()


def test_a_components_log_is_begun_anew_under_its_writer(tmp_path, monkeypatch):
    own = settings_in(tmp_path)
    monkeypatch.setattr(housekeeping, "COMPONENT_LOG_BYTES", 1_000)
    path = airflow.log_path(own, "scheduler")
    small = written(airflow.log_path(own, "dag-processor"), YOUNG)
    with open(path, "a") as log:  # as airflow.py opens it
        log.write("before\n" * 1_000)
        log.flush()
        assert list(housekeeping._rotated(own)) == ["scheduler"]
        log.write("after\n")
    assert path.read_text() == "after\n"  # not behind a hole as large as what was cut off
    assert path.with_suffix(".log.1").read_text() == "before\n" * 1_000
    assert small.exists() and not small.with_suffix(".log.1").exists()


def test_what_airflow_cannot_clean_is_told(stack):
    old = log_of(stack, "manual__forgotten", OLD)
    rename = "alter table log rename column {} to {}"
    with psycopg.connect(stack.airflow_dsn) as connection:
        connection.execute(rename.format("dttm", "elsewhere"))
    try:
        # Airflow itself would only warn, and end well.
        with pytest.raises(UserError, match=r"could not be cleaned[\s\S]*\['log'\]"):
            housekeeping.clean(stack)
    finally:
        with psycopg.connect(stack.airflow_dsn) as connection:
            connection.execute(rename.format("elsewhere", "dttm"))
    assert old.exists()  # a log goes only after its rows


def test_copies_stand_before_their_run_under_airflows_own_names(stack):
    # In the night when an hour comes twice here: names are of UTC.
    at = datetime(2026, 10, 25, 3, 0, tzinfo=UTC)
    with psycopg.connect(stack.airflow_dsn) as connection:
        seed(connection, "hourly", "scheduled__2026-10-25T03:00:00+00:00", at)
        growth.copy_run(connection, "hourly", "scheduled__2026-10-25T03:00:00+00:00", 4, timedelta(hours=1))
    names = [f"scheduled__2026-10-{day}:00:00+00:00" for day in ("24T23", "25T00", "25T01", "25T02", "25T03")]
    for table in ("dag_run", "task_instance", "xcom", "log"):
        found = rows(stack, f"select run_id from {table} where dag_id = 'hourly' order by 1")
        assert [name for (name,) in found] == names, table
    began = rows(stack, "select extract(epoch from run_after)::bigint from dag_run where dag_id = 'hourly' order by 1")
    assert [second for (second,) in began] == [at.timestamp() - n * 3600 for n in (4, 3, 2, 1, 0)]


def test_what_is_of_today_cannot_be_asked_away(stack):
    with pytest.raises(ValueError, match="is not a day ago"):
        housekeeping.clean(stack, datetime.now(UTC) - timedelta(hours=1))


def test_every_table_that_airflow_cleans_is_cleaned_or_left_out_on_purpose():
    # An upgrade that adds one is noticed here. `dag`: see housekeeping; the others are not of this Airflow.
    left_out = {"dag", "_xcom_archive", "celery_taskmeta", "celery_tasksetmeta"}
    assert set(housekeeping.TABLES) == set(db_cleanup.config_dict) - left_out


def test_how_long_runs_are_kept_is_a_setting():
    own = settings.load({"LAGEBILD_AIRFLOW_LOG_DAYS": "30"})
    assert settings.load(own.variables()).airflow_log_days == 30
    assert settings.load({}).airflow_log_days == 90
    for wrong in ("0", "P2Y", "-1", "99999999"):
        with pytest.raises(UserError, match="LAGEBILD_AIRFLOW_LOG_DAYS"):
            settings.load({"LAGEBILD_AIRFLOW_LOG_DAYS": wrong})


def test_the_page_says_what_a_year_makes_of_it():
    runs = [
        growth.Runs("receive_files", 105_120, 1_000, 500, 4_096),
        growth.Runs(DAG, 365, 10_000, 5_000, 40_960),
    ]
    text = page.render_growth(growth.Growth(365, runs, 12_000_000, 120_000_000, 90, 30.0, 9, 118_000_000, 4e7, 2e6))
    assert "| 105,120 | 105 " in text and "| 105,485 | 109 " in text
    assert "grew from 12 to 120 MB" in text and "40 MB of which are in use" in text


# --- what `lagebild stack health` reads of the same schema ------------------------------------------------------------


def test_health_tells_what_of_airflow_is_silent(stack):
    def told() -> dict[str, health.Check]:
        with psycopg.connect(stack.airflow_dsn) as connection:
            return {check.name: check for check in health._airflow(connection)}

    def execute(statement: str, *values: object) -> None:
        with psycopg.connect(stack.airflow_dsn) as connection:
            connection.execute(statement, values)

    assert not any(check.is_well for check in told().values())
    assert told()["scheduler"].told == "does not run"
    for job in airflow.JOBS.values():
        execute(
            "insert into job (state, job_type, start_date, latest_heartbeat) values"
            " ('running', %s, now() - interval '10 days', now())",
            job,
        )
    with psycopg.connect(stack.airflow_dsn) as connection:
        for dag_id in health.RUNS:
            seed(connection, dag_id)
    assert [check for check in told().values() if not check.is_well] == []

    execute("update job set latest_heartbeat = now() - interval '10 minutes' where job_type = 'DagProcessorJob'")
    assert told()["dag-processor"].told == "its last heartbeat is 10 minutes old"
    execute("update dag_run set end_date = now() - interval '40 minutes'")
    assert [name for name, check in told().items() if not check.is_well] == ["dag-processor", "receive_files"]
    execute("update dag set is_paused = true where dag_id = 'retention'")
    assert not told()["retention"].is_well and "paused" in told()["retention"].told
    execute("update dag_run set state = 'failed'")
    assert "not succeeded yet" in told()["build_warehouse"].told and not told()["build_warehouse"].is_well
    execute("update job set start_date = now() where job_type = 'SchedulerJob'")  # it was down until now
    assert told()["build_warehouse"].is_well and told()["receive_files"].is_well
