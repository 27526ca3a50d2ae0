"""Erase a person: from the rows and rejected rows of a municipality and purpose, and from the landing zone.

The person is found by the pseudonym only, which is computed from the identifier with the key chain. Data that cannot be
distinguished is treated as the person's: see `docs/runbooks/erase-a-person.md`.

All database changes commit in one transaction, with the list of files to delete. Files are deleted afterwards; after an
interruption the next erasure or retention run deletes the rest.
"""

import getpass
from dataclasses import dataclass
from pathlib import Path

from psycopg import Connection, sql

from ingest import contracts
from ingest.deliveries import deletion, pseudonyms
from ingest.deliveries.delivery_ledger import Delivery
from ingest.deliveries.pseudonyms import KeyChain
from ingest.inbox import inbox
from ingest.inbox.stores import base
from ingest.loading import erased_persons
from ingest.loading.snapshots import digests
from ingest.privacy import person_tables, retention, rotation
from ingest.privacy.person_tables import Scope
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.core.version import code_version

WHY = deletion.PERSON_WAS_ERASED


@dataclass(frozen=True)
class Erasure:
    """How much was erased, never whose; and which files could not be searched."""

    loaded_rows: int
    rejected_rows: int
    blanked_rows: int
    landed_files: int
    unseen: tuple[str, ...]
    """Files that wait for their load, or whose load was interrupted: they were not searched."""

    def __str__(self) -> str:
        lines = [
            f"erased {self.loaded_rows} rows and {self.rejected_rows} rejected rows; emptied {self.blanked_rows}"
            f" rejected rows of which nobody can say whose they are; deleted {self.landed_files} landed files"
        ]
        if self.unseen:
            lines.append("not looked into, load or delete them and erase again: " + ", ".join(self.unseen))
        return "\n".join(lines)


def erase(settings: Settings, municipality: str, purpose: str, identifier: str, unseen_too: bool = False) -> Erasure:
    """Remove a person by the identifier as it is in the deliveries. UserError; no output names the person.

    Waits for loads that use the key, and runs as the owner of the warehouse: no other role may delete rows of `raw`.
    If the person is not found and was never erased, this is an error and nothing changes: the identifier may be
    mistyped. With `unseen_too` data that may be theirs is erased anyway, and older files cannot bring them back.
    """
    if not identifier.strip():
        raise UserError("the identifier is empty", remedy="one line: the identifier as it stands in the deliveries")
    person_tables.contracts_of(purpose)
    deletion.finish_deletions(settings)
    waiting = _waiting(settings, purpose)
    with database.connect(settings) as connection:
        pseudonyms.lock_key(connection, municipality, purpose)
        key = pseudonyms.load_key(connection, settings.keys, municipality, purpose)
        pseudonym = key.pseudonym(identifier.strip())
        scope = person_tables.scope(connection, municipality, purpose)
        lines, holders, loaded_rows = _delete_rows(connection, scope, pseudonym)
        counted = _count_again(connection, settings.landing, settings.config, scope, key, identifier.strip())
        holders, loaded_rows = holders | set(counted), loaded_rows + len(counted)
        rejected_rows = _delete_rejected(connection, scope, lines, pseudonym)
        if not (
            loaded_rows
            or rejected_rows
            or unseen_too
            or erased_persons.is_recorded(connection, key, identifier.strip())
        ):
            raise _not_found(connection, scope, (*waiting, *_left_over(connection, settings.landing, purpose)))
        blanked_rows = _blank_rejected(connection, scope)
        paths = _paths_to_delete(settings.landing, scope, holders)
        for delivery in scope.deliveries:
            if delivery.landing_path in paths:
                deletion.give_up_bytes(connection, delivery, WHY)
        for path in sorted(paths):
            deletion.ask_deletion(connection, path)
        unseen = (*waiting, *_left_over(connection, settings.landing, purpose))
        erasure = Erasure(loaded_rows, rejected_rows, blanked_rows, len(paths), unseen)
        erased_persons.record(connection, key, identifier.strip())
        _record(connection, municipality, purpose, erasure)
    deletion.finish_deletions(settings)
    digests.forget(settings.home, *scope.sources)
    rotation.vacuum(settings, [table.name for table in scope.tables] + ["rejected_row"])
    return erasure


def _not_found(connection: Connection, scope: Scope, waiting: tuple[str, ...]) -> UserError:
    """Message if nothing was found, with files that could not be searched; without the identifier."""
    (masked,) = connection.execute(
        "select count(*) from raw.rejected_row where delivery_id = any(%(deliveries)s) and fields is not null",
        scope.values,
    ).fetchone()
    unread = sum(delivery.loaded is None for delivery in scope.deliveries)
    blind = [
        f"{count} {what}" for count, what in ((masked, "rejected rows (masked)"), (unread, "refused files")) if count
    ]
    listed = ", ".join([*blind, *waiting])
    return UserError(
        f"nothing of this person is stored, and nothing was changed: looked into {len(scope.deliveries) - unread}"
        f" deliveries of {', '.join(scope.sources)} for {scope.municipality} and purpose {scope.purpose}"
        + (f"; could not look into {listed}" if listed else ""),
        remedy="compare the identifier with the delivered file (leading zeros, blanks), municipality and purpose; where"
        " it is right, --unseen erases what may be theirs and keeps older files from bringing them",
    )


def _delete_rows(connection: Connection, scope: Scope, pseudonym: str) -> tuple[list[tuple[int, int]], set[int], int]:
    """Delete the person's rows: (delivery, line) of those that name one, who held the person, and how many there were.

    A row of a source with a history is removed from every snapshot.
    """
    lines, holders, total = [], [], 0
    for table in scope.tables:
        has_person = sql.SQL(" or ").join(
            sql.SQL("t.{} = %(pseudonym)s").format(sql.Identifier(column)) for column in table.columns
        )
        if table.has_delivery:
            holders += connection.execute(
                sql.SQL("select t.delivery_id from {} as t where {} and ({})").format(
                    table.snapshots, table.in_scope, has_person
                ),
                scope.values | {"pseudonym": pseudonym},
            ).fetchall()
        found = sql.SQL("delivery_id, line_number" if table.has_delivery else "null::bigint, null::bigint")
        rows = connection.execute(
            sql.SQL("delete from {} as t where {} and ({}) returning {}").format(
                table.identifier, table.in_scope, has_person, found
            ),
            scope.values | {"pseudonym": pseudonym},
        ).fetchall()
        named = [row for row in rows if row[0] is not None]
        if table.has_history and named:
            connection.cursor().executemany(
                sql.SQL("delete from {} where delivery_id = %s and line_number = %s").format(table.ends), named
            )
        lines += named
        total += len(rows)
    held = [delivery_id for (delivery_id,) in holders]
    _count(connection, "erased_loaded", held)
    return lines, set(held), total


def _count_again(
    connection: Connection, landing: Path, config: Path, scope: Scope, key: KeyChain, identifier: str
) -> list[int]:
    """Count deliveries of which raw holds counts alone without the person; the delivery of each record of theirs."""
    found: list[int] = []
    for delivery in scope.deliveries:
        if delivery.source in contracts.sources() and contracts.load(delivery.source).counted:
            from ingest.loading import load  # with numpy, which an erasure of rows does not wait for

            digest = erased_persons.digest(key, identifier)
            dropped = load.count_without(connection, landing, config, delivery, key, digest)
            found += [delivery.delivery_id] * dropped
    _count(connection, "erased_loaded", found)
    return found


def _delete_rejected(connection: Connection, scope: Scope, lines: list[tuple[int, int]], pseudonym: str) -> int:
    """Delete the rejected rows that are known to be the person's: of the same lines, or with the pseudonym."""
    rows = connection.execute(
        "delete from raw.rejected_row where delivery_id = any(%(deliveries)s) and ("
        " (delivery_id, line_number) in (select * from unnest(%(ids)s::bigint[], %(lines)s::bigint[]))"
        " or exists (select 1 from jsonb_each_text(fields) as f where f.value = %(pseudonym)s)"
        ") returning delivery_id",
        scope.values | {"ids": [i for i, _ in lines], "lines": [line for _, line in lines], "pseudonym": pseudonym},
    ).fetchall()
    _count(connection, "erased_rejected", [delivery_id for (delivery_id,) in rows])
    return len(rows)


def _blank_rejected(connection: Connection, scope: Scope) -> int:
    """Empty the other rejected rows: their personal fields are masked, so any of them may be the person's.

    Line number, code and field of each reason stay, so that the ledger's counts stay correct.
    """
    return connection.execute(
        "update raw.rejected_row set fields = null, reasons = (select coalesce(jsonb_agg("
        "jsonb_build_object('code', r ->> 'code', 'field', r ->> 'field', 'message', 'erased')), '[]')"
        " from jsonb_array_elements(reasons) as r) where delivery_id = any(%(deliveries)s)"
        " and (fields is not null or exists (select 1 from jsonb_array_elements(reasons) as r"
        " where r ->> 'message' <> 'erased'))",
        scope.values,
    ).rowcount


def _paths_to_delete(landing: Path, scope: Scope, held_the_person: set[int]) -> set[str]:
    """Landed files that held the person, or may have, and are not gone already.

    A file is kept only if all its records were loaded in some attempt and no row was the person's.
    """
    by_path: dict[str, list[Delivery]] = {}
    for delivery in scope.deliveries:
        by_path.setdefault(delivery.landing_path, []).append(delivery)

    def is_clean(attempts: list[Delivery]) -> bool:
        held = any(d.delivery_id in held_the_person or d.erased_loaded for d in attempts)
        return not held and any(d.loaded is not None and d.rejected == 0 for d in attempts)

    def is_there(path: str, attempts: list[Delivery]) -> bool:
        return any(d.erased_at is None for d in attempts) or (landing / path).exists()

    return {path for path, attempts in by_path.items() if not is_clean(attempts) and is_there(path, attempts)}


def _waiting(settings: Settings, purpose: str) -> list[str]:
    """Files in inboxes that were not searched, and inboxes that cannot be reached now."""
    own = {contract.source for contract in person_tables.contracts_of(purpose)}
    here = inbox.local_files(settings)
    found = [f"drop/{file.relative_to(settings.drop)}" for source in sorted(own) for file in here.get(source, [])]
    arrivals = inbox.waiting(settings, say=found.append) if settings.inboxes else []
    return found + [a.key for a in arrivals if a.source in own and a.inbox != base.DROP]


def _left_over(connection: Connection, landing: Path, purpose: str) -> list[str]:
    """Landed files of interrupted loads."""
    owners = person_tables.contracts_of(purpose)
    return [f"landing/{path}" for owner in owners for path in retention.left_over(connection, landing, owner)]


def _count(connection: Connection, column: str, deliveries: list[int]) -> None:
    """Add one for each entry to a delivery's number of erased rows."""
    connection.execute(
        sql.SQL(
            "update raw.delivery as d set {column} = d.{column} + e.rows from"
            " (select id, count(*) as rows from unnest(%s::bigint[]) as id group by id) as e where d.delivery_id = e.id"
        ).format(column=sql.Identifier(column)),
        [deliveries],
    )


def _record(connection: Connection, municipality: str, purpose: str, erasure: Erasure) -> None:
    connection.execute(
        "insert into raw.erasure (municipality, purpose, erased_by, code_version, loaded_rows, rejected_rows,"
        " blanked_rows, landed_files) values (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            municipality, purpose, getpass.getuser(), code_version(),
            erasure.loaded_rows, erasure.rejected_rows, erasure.blanked_rows, erasure.landed_files,
        ],
    )  # fmt: skip
