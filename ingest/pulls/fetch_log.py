"""The ledger of downloads `raw.fetch`: one row per attempt; open attempts are resumed, not restarted.

    asked -> [waiting ->] fetched -> delivered          unchanged, absent and failed from any of the open states

Each change commits at once, so that it survives a kill.
"""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import class_row

from lagebild.core import database
from lagebild.core.settings import Settings
from lagebild.core.version import code_version

OPEN = ("asked", "waiting", "fetched")
FINISHED = ("delivered", "unchanged", "absent")
"""States of an attempt that need not be tried again before the next tick of its schedule."""


@dataclass(frozen=True)
class Fetch:
    """A row of the ledger of downloads."""

    fetch_id: int
    source: str
    entry: str
    key: str
    host: str
    state: str
    job: str | None
    polls: int
    address_sha256: str | None
    etag: str | None
    last_modified: str | None
    last_change: str | None
    file_name: str | None
    sha256: str | None
    bytes: int | None
    delivery_id: int | None
    reason: str | None
    code_version: str
    asked_at: datetime
    polled_at: datetime | None
    fetched_at: datetime | None
    settled_at: datetime | None
    job_removed_at: datetime | None

    def __str__(self) -> str:
        job = f", job {self.job}" if self.job else ""
        file = f" ({self.file_name}, {self.bytes} bytes)" if self.file_name else ""
        delivery = f", delivery {self.delivery_id}" if self.delivery_id else ""
        reason = f": {self.reason}" if self.reason else ""
        return (
            f"fetch {self.fetch_id} {self.source} {self.key}{file} from {self.host} {self.state}{job}{delivery}"
            f" [{self.settled_at or self.asked_at:%Y-%m-%d %H:%M}]{reason}"
        )


_COLUMNS = ", ".join(Fetch.__dataclass_fields__)


@contextmanager
def alone(settings: Settings, source: str, key: str) -> Generator[Connection | None]:
    """A connection that commits each statement, while no other process works at this key; None if one does."""
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        lock = "select pg_try_advisory_lock(hashtextextended(%s, 0))"
        (is_alone,) = connection.execute(lock, [f"fetch {source} {key}"]).fetchone()
        yield connection if is_alone else None
        # A server ends a session a moment after the client left: the next step must not find the lock still held.
        connection.execute("select pg_advisory_unlock_all()")


def fetches(settings: Settings, source: str | None = None) -> list[Fetch]:
    """Every attempt, oldest first, of one source or all."""
    with database.connect(settings, database.LOADER) as connection:
        return _select(connection, "source = coalesce(%s, source)", [source])


def under_way(connection: Connection, source: str, key: str | None = None) -> list[Fetch]:
    """The open attempts of a source, or the one of a key."""
    where = "source = %s and key = coalesce(%s, key) and state = any(%s)"
    return _select(connection, where, [source, key, list(OPEN)])


def get(connection: Connection, fetch_id: int) -> Fetch | None:
    """One attempt."""
    return next(iter(_select(connection, "fetch_id = %s", [fetch_id])), None)


def last_finished(connection: Connection, source: str, key: str) -> Fetch | None:
    """The last finished, successful attempt of a key: it has the host's last answer."""
    found = _select(connection, "source = %s and key = %s and state = any(%s)", [source, key, list(FINISHED)])
    return found[-1] if found else None


def finished_at(connection: Connection, source: str) -> dict[str, datetime]:
    """By key, when it was last finished."""
    rows = connection.execute(
        "select key, max(settled_at) from raw.fetch where source = %s and state = any(%s) group by key",
        [source, list(FINISHED)],
    )
    return dict(rows.fetchall())


def change_told(connection: Connection, source: str, entry: str, seconds: float) -> str | None:
    """When the host last changed the table, as it said for any year of the entry in the last seconds."""
    row = connection.execute(
        "select last_change from raw.fetch where source = %s and entry = %s and last_change is not null"
        " and asked_at > clock_timestamp() - make_interval(secs => %s) order by fetch_id desc limit 1",
        [source, entry, seconds],
    ).fetchone()
    return row[0] if row else None


def seconds_since_asked(connection: Connection, fetch_id: int) -> float:
    """How long ago an attempt began, by the clock of the database."""
    age = "select extract(epoch from clock_timestamp() - asked_at)::float from raw.fetch where fetch_id = %s"
    (seconds,) = connection.execute(age, [fetch_id]).fetchone()
    return seconds


def is_any_young(settings: Settings, seconds: float) -> bool:
    """Whether an open attempt of any source began in the last seconds, by the clock of the database."""
    with database.connect(settings, database.LOADER) as connection:
        since = "asked_at > clock_timestamp() - make_interval(secs => %s)"
        return bool(_select(connection, f"state = any(%s) and {since}", [list(OPEN), seconds]))


def results_left(connection: Connection, source: str, key: str | None = None) -> list[Fetch]:
    """Attempts whose job's result still lies on the host, though it, or a later one of the same key, was delivered."""
    where = (
        "source = %s and key = coalesce(%s, key) and job is not null and job_removed_at is null"
        " and settled_at is not null and exists ("
        "select 1 from raw.fetch as later where later.source = this.source and later.key = this.key"
        " and later.fetch_id >= this.fetch_id and later.state in ('delivered', 'unchanged'))"
    )
    return _select(connection, where, [source, key])


def begin(connection: Connection, source: str, entry: str, key: str, host: str) -> Fetch:
    """A new attempt, before anything is asked."""
    (fetch_id,) = connection.execute(
        "insert into raw.fetch (source, entry, key, host, state, code_version) values (%s, %s, %s, %s, 'asked', %s)"
        " returning fetch_id",
        [source, entry, key, host, code_version()],
    ).fetchone()
    return _written(connection, fetch_id)


def write(connection: Connection, fetch_id: int, **values: Any) -> Fetch:
    """Write columns of an open attempt; `polled_at` and the like are set by the database's clock to now if True."""
    parts = [
        sql.SQL("{} = {}").format(
            sql.Identifier(name), sql.SQL("clock_timestamp()") if value is True else sql.Placeholder()
        )
        for name, value in values.items()
    ]
    connection.execute(
        sql.SQL("update raw.fetch set {} where fetch_id = %s and state = any(%s)").format(sql.SQL(", ").join(parts)),
        [*(value for value in values.values() if value is not True), fetch_id, list(OPEN)],
    )
    return _written(connection, fetch_id)


def _written(connection: Connection, fetch_id: int) -> Fetch:
    """An attempt that was written just now; LookupError if its row is gone."""
    if (found := get(connection, fetch_id)) is None:
        raise LookupError(f"fetch {fetch_id} is no longer in raw.fetch")
    return found


def settle(connection: Connection, fetch_id: int, state: str, reason: str | None = None, **values: Any) -> Fetch:
    """Set the final state of an open attempt; finished attempts do not change."""
    return write(connection, fetch_id, state=state, reason=reason, settled_at=True, **values)


def write_removal(connection: Connection, fetch_id: int, problem: str | None) -> None:
    """Record that the result was removed on the host, or why not."""
    connection.execute(
        "update raw.fetch set reason = coalesce(%(problem)s, reason),"
        " job_removed_at = case when %(problem)s::text is null then clock_timestamp() end where fetch_id = %(id)s",
        {"problem": problem, "id": fetch_id},
    )


def delivery_of(connection: Connection, source: str, period: str, sha256: str, states: tuple[str, ...]) -> int | None:
    """The last delivery of exactly these bytes in one of the states."""
    row = connection.execute(
        "select max(delivery_id) from raw.delivery"
        " where source = %s and period = %s and sha256 = %s and state = any(%s)",
        [source, period, sha256, list(states)],
    ).fetchone()
    return row[0]


def _select(connection: Connection, where: str, values: list) -> list[Fetch]:
    with connection.cursor(row_factory=class_row(Fetch)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from raw.fetch as this where {where} order by fetch_id", values
        ).fetchall()


def folder_of(home: Path, source: str) -> Path:
    """Where fetched files of a source lie until they are loaded, each in a folder named by its attempt."""
    return home / "fetched" / source


def path_of(home: Path, fetch: Fetch) -> Path:
    """The file that an attempt fetched."""
    return folder_of(home, fetch.source) / str(fetch.fetch_id) / (fetch.file_name or "")


def waiting_files(settings: Settings, source: str) -> list[Path]:
    """Fetched files that are not loaded yet, oldest first; what killed processes left of others is deleted."""
    folders = [
        path for path in folder_of(settings.home, source).glob("*") if path.is_dir()
    ]  # before the ledger is asked
    with database.connect(settings, database.LOADER) as connection:
        known = {fetch.fetch_id: fetch for fetch in under_way(connection, source)}
    for folder in folders:
        if not folder.name.isdigit() or int(folder.name) not in known:
            shutil.rmtree(folder, ignore_errors=True)
    paths = [path_of(settings.home, fetch) for fetch in known.values() if fetch.state == "fetched"]
    return [path for path in paths if path.exists()]


def waiting_sources(settings: Settings) -> set[str]:
    """Sources with a fetched file that is not loaded yet."""
    with database.connect(settings, database.LOADER) as connection:
        fetched = _select(connection, "state = 'fetched'", [])
    return {fetch.source for fetch in fetched if path_of(settings.home, fetch).exists()}
