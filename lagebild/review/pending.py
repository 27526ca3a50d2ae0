"""Check loaded deliveries with the expectations, and accept or hold them in the ledger."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from psycopg import Connection

from expectations import gate
from ingest import contracts
from ingest.contracts import counts
from ingest.contracts.messages import Message
from ingest.deliveries import delivery_ledger
from ingest.deliveries.delivery_ledger import Delivery
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings

_TURN = 726_019  # any number, the same for every process that checks


def check_pending(settings: Settings, source: str | None = None) -> list[Delivery]:
    """Run the gate on every loaded delivery of `source`, or of all sources; decide each and return them.

    One process at a time checks a source until nothing is pending: other processes wait and find their deliveries
    decided. Different sources are checked in parallel.
    """
    decided: list[Delivery] = []
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        while pending := delivery_ledger.found(connection, source, ("loaded",)):
            of_one = pending[0].source
            with _turn(connection, of_one):
                for delivery in delivery_ledger.found(connection, of_one, ("loaded",)):
                    decided.append(
                        delivery_ledger.decide(
                            settings, delivery.delivery_id, _problems(connection, delivery, settings.config)
                        )
                    )
    return decided


@contextmanager
def _turn(connection: Connection, source: str) -> Generator[None]:
    """Wait until no other process checks this source; the turn ends at the latest with the connection."""
    turn = [_TURN, source]
    connection.execute("select pg_advisory_lock(%s, hashtext(%s))", turn)
    yield
    connection.execute("select pg_advisory_unlock(%s, hashtext(%s))", turn)


def _problems(connection: Connection, delivery: Delivery, config: Path) -> list[Message]:
    """Reasons to hold the delivery; empty to accept it. A gate that cannot run is a reason."""
    problems = []
    try:
        limit = contracts.load(delivery.source).max_rejected
        if delivery.rejected is not None and delivery.rejected > limit:
            problems.append(_too_many(delivery, limit))
        verdicts = gate.check_delivery(connection, delivery.delivery_id, config)
    except UserError as error:
        return [*problems, Message("gate_could_not_run", error=error.message)]
    known = {str(said): said for said in _without_figures(delivery)}
    return problems + [
        Message(
            "check_failed", expectation=v.expectation, observed=known.get(v.observed, v.observed), expected=v.expected
        )
        for v in verdicts
        if not v.passed and v.severity == "hold"
    ]


def _too_many(delivery: Delivery, limit: int) -> Message:
    """That more rows were rejected than the contract allows, the number as `ingest/contracts/counts.py` gives it."""
    if not contracts.is_about_persons(delivery.source):
        return Message("too_many_rejected", count=delivery.rejected, limit=limit)
    if delivery.rejected < counts.SMALLEST:
        return Message("too_many_rejected_below", count=counts.SMALLEST, limit=limit)
    return Message("too_many_rejected_about", count=counts.rounded(delivery.rejected), limit=limit)


def _without_figures(delivery: Delivery) -> list[Message]:
    """What `expectations/history.py` says of a source about persons."""
    return [Message(code, delivery=delivery.delivery_id) for code in ("lower_than_usual", "higher_than_usual")]
