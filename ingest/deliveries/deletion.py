"""Landed bytes that are to go: asked for in the database, done once that is committed."""

from pathlib import Path

from psycopg import Connection

from ingest.deliveries import delivery_ledger, pseudonyms
from ingest.deliveries.delivery_ledger import Delivery
from lagebild.core import database
from lagebild.core.settings import Settings

PERSON_WAS_ERASED = "a person was erased"


def give_up_bytes(connection: Connection, delivery: Delivery, why: str) -> None:
    """Write down that the landed bytes of a delivery are erased; the first reason stands."""
    if delivery.erased_at is not None:
        return
    connection.execute(
        "update raw.delivery set erased_at = now(), erased_why = %s where delivery_id = %s and erased_at is null",
        [why, delivery.delivery_id],
    )
    delivery_ledger.record(connection, delivery.delivery_id, delivery.state, f"landed bytes erased: {why}")


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
                delivery_ledger.lock_period(connection, source, period)
                in_use = any(delivery.erased_at is None for delivery in delivery_ledger.of_path(connection, path))
                if not in_use:
                    _delete(settings.landing / path)
                    gone.append(path)
                connection.execute("delete from raw.landing_deletion where landing_path = %s", [path])
    return gone


def _delete(file: Path) -> None:
    if file.exists():
        file.unlink()
        pseudonyms.sync_folder(file.parent)
