"""Bring a warehouse to the state this code expects: roles, numbered migrations, tables.

Safe to run at any time and by several at once, and to run again after it was cut off. What a column cannot become is
refused before anything changes. Readers of `marts` are not disturbed: tables and columns are added, views gain columns
at their end, nothing is dropped, and whatever they could wait for gives way to them (`locks.py`).
"""

import hashlib
from functools import partial
from pathlib import Path

from psycopg import Connection

from ingest import contracts, tables
from lagebild import database
from lagebild.errors import UserError
from lagebild.settings import Settings
from lagebild.warehouse import locks, marts, roles, schedule

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 7_260_190_001  # any number, the same for every migration run


def migrate(settings: Settings) -> list[str]:
    """Return the names of the migrations that were applied now."""
    with database.connect(settings, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [_LOCK])  # until the connection closes
        own = [contracts.load(source) for source in contracts.sources()]
        for contract in own:
            tables.check(connection, contract)
        for mart in marts.definitions():
            marts.check_columns(connection, mart)
        with connection.transaction():
            roles.ensure(connection, settings)
        applied = _apply(connection, sorted(MIGRATIONS.glob("*.sql")))
        marts.refuse_gone(connection)  # behind the migrations: one of them may have dropped its views
        for contract in own:
            with connection.transaction():
                tables.sync(connection, contract)
        with connection.transaction():
            schedule.sync(connection, own)
        for mart in marts.definitions():
            marts.sync(connection, mart)
        return applied


def _apply(connection: Connection, files: list[Path]) -> list[str]:
    connection.execute(
        "create table if not exists public.lagebild_migration ("
        "name text primary key, sha256 text not null, applied_at timestamptz not null default now())"
    )
    done = dict(connection.execute("select name, sha256 from public.lagebild_migration").fetchall())
    unknown = sorted(set(done) - {file.name for file in files})
    if unknown:
        raise UserError(
            f"the warehouse has migration {unknown[-1]}, which this code does not know",
            remedy="the warehouse was migrated by a newer version: update this checkout (git pull)",
        )
    applied = []
    for file in files:
        text = file.read_text()
        digest = hashlib.sha256(text.encode()).hexdigest()
        if file.name in done:
            if done[file.name] != digest:
                raise UserError(
                    f"{file} was changed after it had been applied",
                    remedy=f"restore it (git checkout {file.name}) and put the change into a new migration",
                )
            continue
        locks.patiently(connection, partial(_apply_one, connection, file.name, text, digest), f"migration {file.name}")
        applied.append(file.name)
    return applied


def _apply_one(connection: Connection, name: str, text: str, digest: str) -> None:
    connection.execute(text)
    connection.execute("insert into public.lagebild_migration (name, sha256) values (%s, %s)", [name, digest])
