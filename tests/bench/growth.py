"""How much Airflow writes about itself in a year, and what housekeeping leaves of it.

    python -m tests.bench.growth [--home .lagebild] [--days 365]

Real runs of a stack that is up (`make run`) are copied, in a PostgreSQL of the bench's own, as often as a year has
days, and `receive_files` as often as it has five minutes: rows with their indexes, dates shifted, nothing estimated.
Their logs are counted, not copied. The figures are written into `docs/benchmarks.md`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo
from rich.console import Console

from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.progress import Board
from lagebild.core.settings import ROOT, Settings
from lagebild.core.settings import load as load_settings
from lagebild.local import airflow, housekeeping, postgres
from tests.bench import page
from tests.conftest import remove_state, settings_in

PREFIX = "lagebild-growth-"
OFTEN, TIMES_A_DAY = "receive_files", 288
COPIED = ("dag_run", "task_instance", "xcom", "task_map", "rendered_task_instance_fields", "log")
"""Tables with rows of a run, those that others refer to first."""


@dataclass(frozen=True)
class Runs:
    """One DAG's runs of a year."""

    dag_id: str
    count: int
    bytes_a_run: float
    """Of the metadata database, indexes included."""
    log_bytes_a_run: int
    log_disk_a_run: int
    """The same in whole blocks, folders included: what the disk has to give."""


@dataclass(frozen=True)
class Growth:
    """What a year makes of an almost empty metadata database."""

    days: int
    runs: list[Runs]
    before_bytes: int
    after_bytes: int
    kept_days: int
    clean_seconds: float
    cleaned_rows: int
    left_bytes: int
    """After housekeeping and a vacuum: what the next runs do not fill anew."""
    left_in_use_bytes: int
    component_bytes_a_day: float


def main() -> int:
    arguments = _arguments()
    try:
        settings = load_settings(dict(os.environ) | ({"LAGEBILD_HOME": arguments.home} if arguments.home else {}))
        with Board(Console()) as board:
            found = measured(settings, arguments.days, board)
    except UserError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    text = page.render_growth(found)
    print(f"\n{text}")
    print(page.write_growth(arguments.output, text))
    return 0


def measured(settings: Settings, days: int, board: Board) -> Growth:
    """Copy the runs of a stack that is up; UserError where it has none."""
    samples = newest_runs(settings)
    if OFTEN not in samples:
        raise UserError(f"{OFTEN} has not run yet in {settings.home}", remedy="make run, then wait five minutes")
    component_bytes = _component_bytes_a_day(settings)
    folder = Path(tempfile.gettempdir(), f"{PREFIX}{os.getpid()}")
    folder.mkdir()
    folder.chmod(0o755)  # the server's user passes through
    own = settings_in(folder)
    try:
        board.doing("starting a PostgreSQL of the bench's own")
        postgres.start(own, durable=False)
        own = replace(own, airflow_dsn=postgres.airflow_dsn(own))
        airflow.home(own).mkdir(parents=True)
        (airflow.home(own) / "logs").mkdir()
        _copy_database(settings, own)
        with psycopg.connect(own.airflow_dsn, autocommit=True) as connection:
            before = vacuumed_bytes(connection)
            runs = []
            for dag_id, run_id in samples.items():
                count = days * (TIMES_A_DAY if dag_id == OFTEN else 1)
                board.doing(f"{count:,} runs of {dag_id}")
                # Its other real runs stand where the copies will: each logical date is there once.
                connection.execute("delete from dag_run where dag_id = %s and run_id <> %s", [dag_id, run_id])
                size = vacuumed_bytes(connection)
                copy_run(connection, dag_id, run_id, count, timedelta(days=days) / count)
                grown = (vacuumed_bytes(connection) - size) / count
                runs.append(Runs(dag_id, count, grown, *_log_bytes(settings, dag_id, run_id)))
            after = vacuumed_bytes(connection)
            board.doing(f"removing what is older than {own.airflow_log_days} days")
            began = time.monotonic()
            cleaned = housekeeping.clean(own)
            seconds = time.monotonic() - began
            left = vacuumed_bytes(connection)
            board.doing("writing the tables anew")
            connection.execute("vacuum full")
            in_use = vacuumed_bytes(connection)
    finally:
        remove_state(own)
    rows = sum(cleaned.rows.values())
    return Growth(days, runs, before, after, own.airflow_log_days, seconds, rows, left, in_use, component_bytes)


def newest_runs(settings: Settings) -> dict[str, str]:
    """The newest successful run of each DAG, by DAG."""
    query = (
        "select distinct on (dag_id) dag_id, run_id from dag_run where state = 'success' order by 1, start_date desc"
    )
    with psycopg.connect(postgres.airflow_dsn(settings)) as connection:
        return dict(connection.execute(query).fetchall())


def copy_run(connection: Connection, dag_id: str, run_id: str, count: int, step: timedelta) -> None:
    """So many copies of a run with all its rows, each a step older than the one before it.

    They end a step before the run itself.
    """
    for table in COPIED:
        columns = connection.execute(
            "select column_name, data_type from information_schema.columns where table_name = %s", [table]
        ).fetchall()
        values = {name: _copied(table, name, kind) for name, kind in columns if (table, name) not in _NUMBERED}
        names = sql.SQL(", ").join(map(sql.Identifier, values))
        insert = sql.SQL(
            "insert into {} ({}) select {} from {} as o cross join generate_series(1, %(count)s) as n"
            " where o.dag_id = %(dag_id)s and o.run_id = %(run_id)s"
        ).format(sql.Identifier(table), names, sql.SQL(", ").join(values.values()), sql.Identifier(table))
        connection.execute(insert, {"count": count, "step": step, "dag_id": dag_id, "run_id": run_id})


_NUMBERED = (("dag_run", "id"), ("log", "id"))
"""Numbers that the database gives itself."""
# As long as Airflow's own: scheduled__2026-11-30T09:00:00+00:00
_RUN_ID = (
    "'scheduled__' || to_char((select run_after from dag_run where dag_id = %(dag_id)s and run_id = %(run_id)s)"
    " at time zone 'UTC' - n * %(step)s, 'YYYY-MM-DD\"T\"HH24:MI:SS') || '+00:00'"
)


def _copied(table: str, name: str, kind: str) -> sql.Composable:
    """What a column of a copy has, given the original `o` and the number `n` of the copy."""
    if name == "run_id":
        return sql.SQL(_RUN_ID)
    if (table, name) == ("task_instance", "id"):
        return sql.SQL("uuidv7(-n * %(step)s)")
    if (table, name) == ("xcom", "dag_run_id"):
        return sql.SQL(f"(select id from dag_run where dag_id = %(dag_id)s and run_id = {_RUN_ID})")
    if kind == "timestamp with time zone":
        return sql.SQL("o.{} - n * %(step)s").format(sql.Identifier(name))
    return sql.SQL("o.{}").format(sql.Identifier(name))


def vacuumed_bytes(connection: Connection) -> int:
    """How large the database is when what was deleted can be filled again."""
    connection.execute("vacuum (analyze)")
    return connection.execute("select pg_database_size(current_database())").fetchone()[0]


def _copy_database(origin: Settings, own: Settings) -> None:
    with tempfile.NamedTemporaryFile(suffix=".sql") as file:
        _client(origin, postgres.airflow_dsn(origin), "pg_dump", "--no-owner", "--no-acl", "-f", file.name)
        _client(own, own.airflow_dsn, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", file.name)


def _client(settings: Settings, dsn: str, program: str, *arguments: str) -> None:
    parameters = database.parameters(replace(settings, warehouse_dsn=dsn))
    password = parameters.pop("password", "")
    result = subprocess.run(
        [postgres.binaries(settings) / program, f"--dbname={make_conninfo(**parameters)}", *arguments],
        env=os.environ | {"PGPASSWORD": password}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode:
        raise UserError(f"{program} failed: {result.stderr.strip()[-500:]}")


def _log_bytes(settings: Settings, dag_id: str, run_id: str) -> tuple[int, int]:
    """A run's logs: their bytes, and what they take of the disk."""
    folder = airflow.home(settings) / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
    places = [folder, *folder.rglob("*")] if folder.exists() else []
    sizes = [path.stat() for path in places]
    files = sum(status.st_size for path, status in zip(places, sizes, strict=True) if path.is_file())
    return files, sum(status.st_blocks * 512 for status in sizes)


def _component_bytes_a_day(settings: Settings) -> float:
    """What the components write into their own logs, in three minutes, as if for a day."""
    seconds = 180
    paths = [airflow.log_path(settings, name) for name in airflow.COMPONENTS]

    def size() -> int:
        return sum(path.stat().st_size for path in paths if path.exists())

    before, began = size(), time.monotonic()
    time.sleep(seconds)
    return (size() - before) / (time.monotonic() - began) * 86_400


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ONLY=growth", description=__doc__.splitlines()[0])
    parser.add_argument("--home", help="state folder of the stack; default: this checkout's")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--against", help=argparse.SUPPRESS)  # `make bench ONLY=...` passes it on
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
