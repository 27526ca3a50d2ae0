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

from ingest import contracts
from ingest.contracts import Contract
from ingest.deliveries import delivery_ledger
from ingest.deliveries.deletion import ask_deletion, finish_deletions, give_up_bytes
from ingest.deliveries.delivery_ledger import Delivery
from ingest.inbox import retention
from ingest.inbox.retention import Old
from ingest.loading.snapshots import digests
from lagebild.core import database
from lagebild.core.settings import Settings

# A file that no delivery names is what a killed load left: its original still lies where it was loaded from.
LEFT_OVER = timedelta(days=1)
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
    return [*landed, *retention.due(settings, say)]


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
    return [*found, *retention.apply(settings, say)]


def left_over(connection: Connection, landing: Path, contract: Contract) -> list[str]:
    """Landed files of a source that no delivery names, also half-written copies."""
    known = {delivery.landing_path for delivery in delivery_ledger.of_source(connection, contract.source)}
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
    for delivery in delivery_ledger.of_source(connection, contract.source):
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
