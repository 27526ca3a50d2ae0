"""Where the ledger and the expectations meet: a loaded delivery is accepted or held."""

from expectations import gate
from ingest import contracts, ledger
from ingest.ledger import Delivery
from lagebild.errors import UserError
from lagebild.settings import Settings


def check_pending(settings: Settings, source: str) -> list[Delivery]:
    """Run the gate on every loaded delivery of `source`, decide each, and return the decided ones."""
    pending = ledger.deliveries(settings, source, states=("loaded",))
    return [ledger.decide(settings, delivery.delivery_id, _problems(settings, delivery)) for delivery in pending]


def _problems(settings: Settings, delivery: Delivery) -> list[str]:
    """Why the delivery must wait; empty if it may pass. A gate that cannot run is a reason to wait."""
    limit = contracts.load(delivery.source).max_rejected
    problems = []
    if delivery.rejected is not None and delivery.rejected > limit:
        problems.append(f"{delivery.rejected} rejected rows, more than the contract's {limit}")
    try:
        verdicts = gate.check_delivery(settings, delivery.delivery_id)
    except UserError as error:
        return [*problems, f"the gate could not run: {error.message}"]
    return problems + [
        f"{v.expectation}: {v.observed} (expected {v.expected})"
        for v in verdicts
        if not v.passed and v.severity == "hold"
    ]
