"""Delete old records that Airflow keeps about itself; they grow with every run.

Three things: rows of the metadata database, with `airflow db clean`; logs of runs whose tasks are no longer in the
metadata; logs of the components, which grow while the stack is up. The warehouse's own records (deliveries, decisions,
publications, downloads) are not touched.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.local import airflow, ports, postgres

# All tables that Airflow cleans except `dag`: a removed DAG whose last run is kept (it always is) would abort the
# command half-way (apache/airflow#71864). One row per DAG does not grow.
TABLES = (
    "asset_event",
    "callback",
    "connection_test_request",
    "dag_run",
    "dag_version",
    "deadline",
    "import_error",
    "job",
    "log",
    "partitioned_asset_key_log",
    "revoked_token",
    "task_instance",
    "task_instance_history",
    "task_reschedule",
    "task_state_store",
    "trigger",
    "xcom",
)
YOUNGEST = timedelta(days=1)
"""Younger files may belong to a running DAG run."""
COMPONENT_LOG_BYTES = 10_000_000
_BATCH_ROWS = 10_000
_FOUND = re.compile(r"^Checking table (\w+)\s+Found (\d+) rows", re.MULTILINE)


@dataclass(frozen=True)
class Cleaned:
    """What was deleted."""

    rows: dict[str, int]
    """Rows of the metadata database, by table, without rows deleted by foreign keys."""
    runs: int
    """Folders of logs, one a run."""
    log_bytes: int
    rotated: tuple[str, ...]
    """Components whose log was rotated; the old log is beside it as `.log.1`."""

    def __str__(self) -> str:
        rows = ", ".join(f"{count} of {table}" for table, count in sorted(self.rows.items()) if count)
        parts = [f"rows of the metadata: {rows or 'none'}", f"logs of {self.runs} runs, {self.log_bytes / 1e6:.1f} MB"]
        return "; ".join([*parts, *(f"the {name}'s log was begun anew" for name in self.rotated)])


def clean(settings: Settings, older_than: datetime | None = None) -> Cleaned:
    """Delete what is older than a moment (default: `airflow_log_days` ago). Safe while tasks run.

    It also works in tasks, from which Airflow hides the database: the settings have its address. UserError with the
    reason if Airflow could not clean a table; what was deleted before stays deleted.
    """
    older_than = older_than or datetime.now(UTC) - timedelta(days=settings.airflow_log_days)
    if older_than > datetime.now(UTC) - YOUNGEST:
        raise ValueError(f"{older_than} is not a day ago: runs that go on would lose their rows")
    with ports.locked(settings, "housekeeping"):
        rows = _clean_metadata(settings, older_than)
        runs, freed = _remove_logs(settings, older_than)
        return Cleaned(rows, runs, freed, tuple(_rotated(settings)))


def _clean_metadata(settings: Settings, older_than: datetime) -> dict[str, int]:
    command = [sys.executable, "-m", "airflow", "db", "clean", "--yes", "--error-on-cleanup-failure"]
    # Without an archive: copies of deleted rows would grow as well.
    command += ["--skip-archive", "--batch-size", str(_BATCH_ROWS), "--tables", ",".join(TABLES)]
    command += ["--clean-before-timestamp", older_than.isoformat()]
    result = subprocess.run(
        command,
        env=airflow.environment(settings),
        cwd=airflow.home(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        reason = "\n".join((result.stderr or result.stdout).strip().splitlines()[-5:])
        raise UserError(
            f"Airflow's metadata could not be cleaned:\n{reason}",
            remedy="nothing of the warehouse is concerned; the next run of housekeeping tries again",
        )
    return {table: int(count) for table, count in _FOUND.findall(result.stdout)}


def _remove_logs(settings: Settings, older_than: datetime) -> tuple[int, int]:
    """Remove logs last written before a moment; number of runs and bytes. Runs still shown in Airflow keep theirs."""
    logs, limit = airflow.home(settings) / "logs", older_than.timestamp()
    with psycopg.connect(postgres.airflow_dsn(settings)) as connection:
        known = set(connection.execute("select distinct dag_id, run_id from task_instance").fetchall())
    runs = freed = 0
    for folder in sorted(logs.glob("dag_id=*/run_id=*")):
        name = (folder.parent.name.removeprefix("dag_id="), folder.name.removeprefix("run_id="))
        files = list(_files(folder))
        if name not in known and all(written < limit for _, written, _ in files):
            shutil.rmtree(folder, ignore_errors=True)
            runs, freed = runs + 1, freed + sum(size for *_, size in files)
    for folder in logs.iterdir():  # by day, of the DAG processor, or of callbacks: no run to ask for
        if folder.is_dir() and not folder.name.startswith("dag_id="):
            for path, written, size in list(_files(folder)):
                if written < limit:
                    path.unlink(missing_ok=True)
                    _remove_empty(path.parent, folder)
                    freed += size
    return runs, freed


def _rotated(settings: Settings) -> Iterator[str]:
    """Rotate large logs of components.

    The writer keeps the file open for appending, so the text is copied and the file truncated; a line written at that
    moment may be lost.
    """
    for name in airflow.COMPONENTS:
        path = airflow.log_path(settings, name)
        if path.exists() and path.stat().st_size > COMPONENT_LOG_BYTES:
            draft = path.with_suffix(".log.new")
            shutil.copyfile(path, draft)
            os.truncate(path, 0)
            draft.replace(path.with_suffix(".log.1"))
            yield name


def _files(folder: Path) -> Iterator[tuple[Path, float, int]]:
    """Files below a folder with time of last change and size; links are skipped."""
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and not path.is_symlink():
                status = path.stat()
                yield path, status.st_mtime, status.st_size


def _remove_empty(folder: Path, top: Path) -> None:
    """Remove a folder and its parents below `top` that are empty now."""
    with contextlib.suppress(OSError):
        while folder != top:
            folder.rmdir()
            folder = folder.parent
