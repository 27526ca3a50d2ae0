"""Bring a warehouse to the state this code expects: roles, numbered migrations, tables.

Safe to run at any time and by several at once. Readers of `marts` are not disturbed: tables and
columns are added, views gain columns at their end, nothing is dropped.
"""

import hashlib
from pathlib import Path

from psycopg import Connection

from ingest import contracts, tables
from lagebild import database
from lagebild.errors import UserError
from lagebild.settings import Settings
from lagebild.warehouse import marts, roles, schedule

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 7_260_190_001  # any number, the same for every migration run


def migrate(settings: Settings) -> list[str]:
    """Return the names of the migrations that were applied now."""
    with database.connect(settings) as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        roles.ensure(connection, settings)
        applied = _apply(connection, sorted(MIGRATIONS.glob("*.sql")))
        every = [contracts.load(source) for source in contracts.sources()]
        for contract in every:
            tables.sync(connection, contract)
        schedule.sync(connection, every)
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
        connection.execute(text)
        connection.execute("insert into public.lagebild_migration (name, sha256) values (%s, %s)", [file.name, digest])
        applied.append(file.name)
    return applied
