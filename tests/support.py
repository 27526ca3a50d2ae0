"""What tests of several rooms share: putting bundled deliveries into a warehouse, and asking it."""

from pathlib import Path
from typing import Any

from ingest import bundled, contracts, ledger, privacy
from ingest.ledger import Delivery
from lagebild import database
from lagebild.settings import Settings
from lagebild.warehouse import build
from tests.inboxes import drain

BUNDLED = Path(bundled.__file__).parent
MUNICIPALITY, PURPOSE = "05913000", "integration_statistics"


def bundled_bytes(source: str) -> bytes:
    """The bundled example of a source, as its contract names it."""
    return (BUNDLED / source / contracts.load(source).example).read_bytes()


def drop(settings: Settings, source: str, content: bytes | None = None, name: str | None = None) -> Path:
    """Put the bundled example of a source, or other bytes under its name, into the drop folder."""
    target = settings.drop / source / (name or contracts.load(source).example)
    target.parent.mkdir(parents=True, exist_ok=True)
    if content == b"":
        target.with_name(f"{target.name}.ok").touch()  # an empty file is not complete without
    target.write_bytes(bundled_bytes(source) if content is None else content)
    return target


def deliver(settings: Settings, source: str, content: bytes | None = None, name: str | None = None) -> Delivery:
    """Drop and load one delivery; returns the ledger's row."""
    privacy.ensure_key(settings, MUNICIPALITY, PURPOSE)
    drop(settings, source, content, name)
    (delivery,) = drain(settings, source)
    return delivery


def query(settings: Settings, statement: str, *values: Any, role: str = database.ADMIN) -> list[tuple]:
    """Rows of a statement, by default with the rights of the owner."""
    with database.connect(settings, role) as connection:
        return connection.execute(statement, values or None).fetchall()


def deliver_all(settings: Settings) -> None:
    """Deliver every bundled example and accept it; the structure tables are those that the table prints."""
    for source in contracts.sources():
        accept(settings, source)


def accept(settings: Settings, source: str, content: bytes | None = None, name: str | None = None) -> Delivery:
    """Deliver and accept, as a correction where the period has an accepted delivery already."""
    delivery = ledger.decide(settings, deliver(settings, source, content, name).delivery_id, [])
    if delivery.state == "held":
        delivery = ledger.accept(settings, delivery.delivery_id, "a correction", supersedes=True)
    return delivery


def build_models(settings: Settings, *models: str) -> int:
    """Begin a build and make these models and all before them in schema `build`, without tests; the build's id."""
    build_id = build.begin(settings)
    make_models(settings, build_id, *models)
    return build_id


def make_models(settings: Settings, build_id: int, *models: str) -> None:
    """The same in a build that has begun."""
    no_tests = [option for kind in ("test", "unit_test") for option in ("--exclude-resource-type", kind)]
    build.dbt(settings, build_id, [f"+{model}" for model in models], *no_tests)
