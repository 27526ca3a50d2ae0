"""Rotate a pseudonym key: every stored pseudonym is wrapped once more, in one transaction.

new pseudonym = HMAC-SHA256(new key, old pseudonym). No identifier is needed for it, and later deliveries
pass the whole chain, so that the same person has the same pseudonym in old and new rows. It does not cure
a leaked key: see `docs/runbooks/rotate-a-key.md`.

The order in which a rotation may die anywhere and nothing is lost:
1. the new key is written as `<ags>.<purpose>.<n>.key.pending`, on the disk before anything else;
2. one transaction wraps every pseudonym and writes version n into `raw.pseudonym_key`;
3. the file is renamed to `<ags>.<purpose>.<n>.key`.
Before the commit the pending key counts for nothing, and the next rotation throws it away. After the commit
whoever reads the chain (`privacy.chain`) finds version n, and does step 3 if it is still to do.
"""

import getpass
import re
from dataclasses import dataclass

from psycopg import Connection, sql

from ingest.deliveries import pseudonyms
from ingest.loading import erased_persons
from ingest.loading.snapshots import digests
from ingest.privacy import person_tables
from ingest.privacy.person_tables import Scope
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.core.version import code_version

BATCH_PSEUDONYMS = 50_000
_PSEUDONYM = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Rotation:
    """What a rotation did: the version of the chain after it, and rows wrapped."""

    municipality: str
    purpose: str
    version: int
    loaded_rows: int
    rejected_rows: int

    def __str__(self) -> str:
        return (
            f"{self.municipality} {self.purpose}: key version {self.version} is in force;"
            f" {self.loaded_rows} rows and {self.rejected_rows} rejected rows were wrapped"
        )


def rotate(settings: Settings, municipality: str, purpose: str) -> Rotation:
    """Add a key to the chain and wrap every pseudonym with it.

    Waits for loads that use the key; loads that come meanwhile wait, or are told to load again. Runs as the
    owner of the warehouse: no working role may change rows of `raw`.
    """
    with database.connect(settings) as connection:
        pseudonyms.lock_key(connection, municipality, purpose)
        # Reads every key that is in force, and finishes a rotation that died after its commit.
        version = pseudonyms.load_key(connection, settings.keys, municipality, purpose).version + 1
        key = _pending_key(settings, municipality, purpose, version)
        scope = person_tables.scope(connection, municipality, purpose)
        _require_assigned(scope)
        _collect(connection, scope)
        _wrap(connection, key)
        erased_persons.wrap(connection, municipality, purpose, key)
        rotation = Rotation(municipality, purpose, version, *_replace(connection, scope))
        connection.execute(
            "insert into raw.pseudonym_key (municipality, purpose, version, rotated_by, code_version)"
            " values (%s, %s, %s, %s, %s) on conflict (municipality, purpose) do update set version ="
            " excluded.version, rotated_at = now(), rotated_by = excluded.rotated_by,"
            " code_version = excluded.code_version",
            [municipality, purpose, version, getpass.getuser(), code_version()],
        )
    pseudonyms.activate(settings.keys, municipality, purpose, version)
    digests.forget(settings.home, *scope.sources)
    vacuum(settings, [table.name for table in scope.tables] + ["rejected_row"])
    return rotation


def vacuum(settings: Settings, tables: list[str]) -> None:
    """Give up the row versions that were replaced or deleted in tables of `raw`."""
    with database.connect(settings, autocommit=True) as connection:
        for table in tables:
            connection.execute(sql.SQL("vacuum {}").format(sql.Identifier("raw", table)))


def _pending_key(settings: Settings, municipality: str, purpose: str, version: int) -> bytes:
    """A new key, written as pending; one that a rotation left before its commit was never used and goes."""
    if pseudonyms.key_path(settings.keys, municipality, purpose, version).exists():
        raise UserError(
            f"{pseudonyms.key_path(settings.keys, municipality, purpose, version)} is there, and this warehouse was"
            " never rotated to it: it is another warehouse's, or this one was restored from before that rotation",
            remedy="give every warehouse its own LAGEBILD_KEYS_DIR, or move the file away (keep it beside the backup)",
        )
    pending = pseudonyms.pending_path(settings.keys, municipality, purpose, version)
    pending.unlink(missing_ok=True)
    return pseudonyms.write_key(pending)


def _require_assigned(scope: Scope) -> None:
    """Refuse to wrap rows of which nobody can say whose key they carry."""
    for delivery in scope.deliveries:
        contract = person_tables.contracts.load(delivery.source)
        if delivery.loaded and contract.municipality_of(delivery.file_name) is None:
            raise UserError(
                f"{delivery}: its file name names no municipality, so nobody knows the key of its rows",
                remedy=f"let file_name in {contract.path} match the names of all deliveries that were loaded",
            )


def _collect(connection: Connection, scope: Scope) -> None:
    """Write every distinct pseudonym of the scope into a table of this transaction."""
    connection.execute("create temporary table collected (old text primary key) on commit drop")
    connection.execute("create temporary table wrapped (old text primary key, new text not null) on commit drop")
    for table in scope.tables:
        for column in table.columns:
            connection.execute(
                sql.SQL(
                    "insert into collected select distinct t.{column} from {table} as t where {scope}"
                    " and t.{column} is not null on conflict do nothing"
                ).format(column=sql.Identifier(column), table=table.identifier, scope=table.in_scope),
                scope.values,
            )
    for key in scope.reject_keys:
        connection.execute(
            "insert into collected select distinct fields ->> %(key)s from raw.rejected_row"
            " where delivery_id = any(%(deliveries)s) and fields ->> %(key)s ~ '^[0-9a-f]{64}$' on conflict do nothing",
            scope.values | {"key": key},
        )


def _wrap(connection: Connection, key: bytes) -> None:
    """Compute the new pseudonyms here: the key must not reach the database."""
    with connection.cursor(name="collected") as cursor:
        cursor.execute("select old from collected")
        while batch := cursor.fetchmany(BATCH_PSEUDONYMS):
            with connection.cursor() as writer, writer.copy("copy wrapped (old, new) from stdin") as copy:
                for (old,) in batch:
                    if not _PSEUDONYM.fullmatch(old):
                        raise UserError("a value where a pseudonym belongs is none", remedy="nothing was changed")
                    copy.write_row((old, pseudonyms.pseudonym(key, old)))
    connection.execute("analyze wrapped")


def _replace(connection: Connection, scope: Scope) -> tuple[int, int]:
    """Put the new pseudonyms in place of the old ones; how many rows and rejected rows changed."""
    loaded = rejected = 0
    for table in scope.tables:
        for column in table.columns:
            parts = {"column": sql.Identifier(column), "table": table.identifier, "scope": table.in_scope}
            changed = connection.execute(
                sql.SQL(
                    "update {table} as t set {column} = w.new from wrapped as w where t.{column} = w.old and {scope}"
                ).format(**parts),
                scope.values,
            ).rowcount
            (expected,) = connection.execute(
                sql.SQL("select count(t.{column}) from {table} as t where {scope}").format(**parts), scope.values
            ).fetchone()
            if changed != expected:
                raise UserError(
                    f"{changed} of {expected} pseudonyms in raw.{table.name} would have been wrapped",
                    remedy="nothing was changed: report this as a defect",
                )
            loaded += changed
    for key in scope.reject_keys:
        rejected += connection.execute(
            "update raw.rejected_row as r set fields = r.fields || jsonb_build_object(%(key)s::text, w.new)"
            " from wrapped as w where r.delivery_id = any(%(deliveries)s) and r.fields ->> %(key)s = w.old",
            scope.values | {"key": key},
        ).rowcount
    return loaded, rejected
