"""Retention: landed bytes of personal sources are deleted when the contract's time is over, and what inboxes keep.

Path, hash and ledger stay, and `lagebild figure explain` says when and why the bytes went. A decision and the list of
files to delete (`raw.landing_deletion`) commit together, the files go afterwards; what was cut off in between
is finished by the next run.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from psycopg import Connection

from ingest import contracts, digests, inbox_retention, ledger, privacy
from ingest.contracts import Contract
from ingest.inbox_retention import Old
from ingest.ledger import Delivery
from lagebild import database
from lagebild.settings import Settings

# A file that no delivery names is what a killed load left: its original still lies where it was loaded from.
LEFT_OVER = timedelta(days=1)
PERSON_WAS_ERASED = "a person was erased"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Due:
    """A landed file whose time is over, the deliveries that named it, and why it goes."""

    landing_path: str
    deliveries: tuple[Delivery, ...]
    why: str

    def facts(self) -> dict[str, str]:
        """The same for programs: what goes, and why."""
        return {"path": f"landing/{self.landing_path}", "why": self.why}

    def __str__(self) -> str:
        numbers = ", ".join(str(delivery.delivery_id) for delivery in self.deliveries)
        return f"{self.landing_path} ({f'delivery {numbers}' if numbers else 'of no delivery'}): {self.why}"

    @property
    def logged(self) -> str:
        """The same for a log: a landed file is named by its hash."""
        return str(self)


def due(settings: Settings, say: Callable[[str], None] = _log.warning) -> list[Due | Old]:
    """What `apply` would delete now, by path; an inbox that cannot be reached is said."""
    with database.connect(settings, database.LOADER) as connection:
        landed = _due(connection, settings.landing)
    return [*landed, *inbox_retention.due(settings, say)]


def apply(settings: Settings, say: Callable[[str], None] = _log.warning) -> list[Due | Old]:
    """Delete what is landed and what inboxes keep whose time is over; what was deleted.

    An inbox that cannot be reached is said, and left for the next time.
    """
    finish_deletions(settings)
    with database.connect(settings, database.LOADER) as connection:
        found = _due(connection, settings.landing)
        for entry in found:
            for delivery in entry.deliveries:
                give_up_bytes(connection, delivery, entry.why)
            ask_deletion(connection, entry.landing_path)
    finish_deletions(settings)
    digests.forget(settings.home, *{delivery.source for entry in found for delivery in entry.deliveries})
    return [*found, *inbox_retention.apply(settings, say)]


def give_up_bytes(connection: Connection, delivery: Delivery, why: str) -> None:
    """Write down that the landed bytes of a delivery are erased; the first reason stands."""
    if delivery.erased_at is not None:
        return
    connection.execute(
        "update raw.delivery set erased_at = now(), erased_why = %s where delivery_id = %s and erased_at is null",
        [why, delivery.delivery_id],
    )
    ledger.record(connection, delivery.delivery_id, delivery.state, f"landed bytes erased: {why}")


def ask_deletion(connection: Connection, landing_path: str) -> None:
    """Put a landed file on the list of those to delete."""
    connection.execute(
        "insert into raw.landing_deletion (landing_path) values (%s) on conflict do nothing", [landing_path]
    )


def finish_deletions(settings: Settings) -> list[str]:
    """Delete the files on the list, and take them off it; the paths that are gone now.

    A file that came again meanwhile, as a delivery of its own that has its bytes still, is left alone.
    """
    gone = []
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        asked = connection.execute("select landing_path from raw.landing_deletion order by 1").fetchall()
        for (path,) in asked:
            with connection.transaction():
                source, period = path.split("/")[:2]
                ledger.lock_period(connection, source, period)
                in_use = any(delivery.erased_at is None for delivery in ledger.of_path(connection, path))
                if not in_use:
                    _delete(settings.landing / path)
                    gone.append(path)
                connection.execute("delete from raw.landing_deletion where landing_path = %s", [path])
    return gone


def left_over(connection: Connection, landing: Path, contract: Contract) -> list[str]:
    """Landed files of a source that no delivery names, also half-written copies."""
    known = {delivery.landing_path for delivery in ledger.of_source(connection, contract.source)}
    files = (landing / contract.source).rglob("*")
    paths = (str(file.relative_to(landing)) for file in files if file.is_file())
    return sorted(path for path in paths if path not in known)


def _due(connection: Connection, landing: Path) -> list[Due]:
    (now,) = connection.execute("select now()").fetchone()
    found = []
    for contract in (contracts.load(source) for source in contracts.sources()):
        if contract.has_personal_fields:
            found += _of_source(connection, landing, contract, now)
    return sorted(found, key=lambda entry: entry.landing_path)


def _of_source(connection: Connection, landing: Path, contract: Contract, now: datetime) -> list[Due]:
    duration = contract.retention.text
    (limit,) = connection.execute("select %s - %s::interval", [now, duration]).fetchone()
    by_path: dict[str, list[Delivery]] = {}
    for delivery in ledger.of_source(connection, contract.source):
        by_path.setdefault(delivery.landing_path, []).append(delivery)
    found = []
    for path, deliveries in by_path.items():
        is_over = all(d.erased_at is not None or d.received_at < limit for d in deliveries)
        # Bytes that were erased and came again as a no-op lie there once more: they go as well.
        is_open = any(d.erased_at is None for d in deliveries) or (landing / path).exists()
        if is_over and is_open:
            found.append(Due(path, tuple(deliveries), f"retention of {duration} is over"))
    for path in left_over(connection, landing, contract):
        if (landing / path).stat().st_mtime < (now - LEFT_OVER).timestamp():
            found.append(Due(path, (), "left by a load that was cut off"))
    return found


def _delete(file: Path) -> None:
    if file.exists():
        file.unlink()
        privacy.sync_folder(file.parent)
