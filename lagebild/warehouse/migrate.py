"""Migrate a warehouse to the state this code expects: roles, numbered migrations, tables, guards against readers.

Safe to run at any time, concurrently, and again after an interruption. Impossible changes are refused before anything
changes. Readers of `marts` are not disturbed: tables and columns are added, views gain columns at their end, nothing is
dropped, and changes never block readers for long (`locks.py`).
"""

import contextlib
import hashlib
from collections.abc import Generator
from functools import partial
from pathlib import Path

import psycopg
from psycopg import Connection, sql

from ingest import contracts
from ingest.contracts import Contract
from ingest.loading import raw_tables
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.warehouse import guards, locks, marts, relations, roles, schedule

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 7_260_190_001  # any number, the same for every migration run


def migrate(settings: Settings) -> list[str]:
    """Return the names of the migrations that were applied now."""
    with database.connect(settings, autocommit=True) as connection, _owned(connection):
        connection.execute("select pg_advisory_lock(%s)", [_LOCK])  # until the connection closes
        declared = marts.declared_columns(connection)
        with connection.transaction():
            roles.ensure(connection, settings)
        files = sorted(MIGRATIONS.glob("*.sql"))
        own = [contracts.load(source) for source in contracts.sources()]
        applied = locks.patiently(connection, partial(_apply, connection, files, own, declared), "the migrations")
        for contract in own:
            with connection.transaction():
                raw_tables.sync(connection, contract)
        with connection.transaction():
            schedule.sync(connection, own)
        for mart in marts.definitions():
            marts.sync(connection, mart)
        with connection.transaction():
            relations.sync(connection)
        guards.ensure(connection)
        return applied


@contextlib.contextmanager
def _owned(connection: Connection) -> Generator[None]:
    """Add to a permission error who has the right: a database belongs to the role that migrates it."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        user, name = connection.info.user, connection.info.dbname
        owned = sql.SQL("alter database {} owner to {}").format(sql.Identifier(name), sql.Identifier(user))
        raise UserError(
            f"{user} may not change database {name}: {error.diag.message_primary}",
            remedy=f"the user of LAGEBILD_WAREHOUSE_DSN owns the database: {owned.as_string(connection)}",
        ) from error


def _apply(
    connection: Connection, files: list[Path], own: list[Contract], declared: dict[str, dict[str, str]]
) -> list[str]:
    """Apply pending numbered migrations, and check that the rest can follow: all or nothing."""
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
    raw_tables.check(connection, *own)
    marts.check(connection, declared)
    marts.restore_views(connection)
    return applied
