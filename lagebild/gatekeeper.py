"""Check loaded deliveries with the expectations, and accept or hold them in the ledger."""

from collections.abc import Iterator
from contextlib import contextmanager

from expectations import gate
from ingest import contracts, counts, ledger
from ingest.ledger import Delivery
from lagebild import database
from lagebild.errors import UserError
from lagebild.settings import Settings

_TURN = 726_019  # any number, the same for every process that checks


def check_pending(settings: Settings, source: str | None = None) -> list[Delivery]:
    """Run the gate on every loaded delivery of `source`, or of all sources; decide each and return them.

    One process at a time checks a source until nothing is pending: other processes wait and find their deliveries
    decided. Different sources are checked in parallel.
    """
    decided: list[Delivery] = []
    while pending := ledger.deliveries(settings, source, states=("loaded",)):
        of_one = pending[0].source
        with _turn(settings, of_one):
            loaded = ledger.deliveries(settings, of_one, states=("loaded",))
            decided += [ledger.decide(settings, d.delivery_id, _problems(settings, d)) for d in loaded]
    return decided


@contextmanager
def _turn(settings: Settings, source: str) -> Iterator[None]:
    """Wait until no other process checks this source. The lock is released with the connection."""
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s, hashtext(%s))", [_TURN, source])
        yield


def _problems(settings: Settings, delivery: Delivery) -> list[str]:
    """Reasons to hold the delivery; empty to accept it. A gate that cannot run is a reason."""
    problems = []
    try:
        limit = contracts.load(delivery.source).max_rejected
        if delivery.rejected is not None and delivery.rejected > limit:
            rejected = counts.as_text(delivery.rejected, contracts.is_about_persons(delivery.source))
            problems.append(f"{rejected} rejected rows, more than the contract's {limit}")
        verdicts = gate.check_delivery(settings, delivery.delivery_id)
    except UserError as error:
        return [*problems, f"the gate could not run: {error.message}"]
    return problems + [
        f"{v.expectation}: {v.observed} (expected {v.expected})"
        for v in verdicts
        if not v.passed and v.severity == "hold"
    ]
