"""What tests of several rooms share: putting bundled deliveries into a warehouse, and asking it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from expectations import gate
from ingest import bundled, contracts
from ingest.contracts import Contract
from ingest.deliveries import delivery_ledger, pseudonyms
from ingest.deliveries.delivery_ledger import Delivery
from ingest.deliveries.pseudonyms import KeyChain
from ingest.loading import intake
from lagebild.core import database
from lagebild.core.settings import Settings
from lagebild.warehouse import build, transform
from lagebild.warehouse.steps import Step
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
    for purpose in {PURPOSE, contracts.load(source).pseudonym_purpose or PURPOSE}:
        pseudonyms.ensure_key(settings.keys, MUNICIPALITY, purpose)
    drop(settings, source, content, name)
    (delivery,) = drain(settings, source)
    return delivery


def query(settings: Settings, statement: str, *values: Any, role: str = database.ADMIN) -> list[tuple]:
    """Rows of a statement, by default with the rights of the owner."""
    with database.connect(settings, role) as connection:
        return connection.execute(statement, values or None).fetchall()


def deliver_all(settings: Settings) -> None:
    """Deliver every bundled file and accept it; the structure tables are those that the table prints."""
    for source in contracts.sources():
        accept(settings, source)
        contract = contracts.load(source)
        for path in sorted((BUNDLED / source).iterdir()):
            if contract.period_of(path.name) not in (None, contract.period_of(contract.example)):
                accept(settings, source, path.read_bytes(), path.name)


def accept(settings: Settings, source: str, content: bytes | None = None, name: str | None = None) -> Delivery:
    """Deliver and accept, as a correction where the period has an accepted delivery already."""
    delivery = delivery_ledger.decide(settings, deliver(settings, source, content, name).delivery_id, [])
    if delivery.state == "held":
        delivery = delivery_ledger.accept(settings, delivery.delivery_id, "a correction", supersedes=True)
    return delivery


def build_models(settings: Settings, *models: str) -> int:
    """Begin a build and make these models and all before them in schema `build`, without tests; the build's id."""
    build_id = build.begin(settings)
    make_models(settings, build_id, *models)
    return build_id


def step(settings: Settings, function: Callable, *arguments: Any, **named: Any) -> Any:
    """What a function that works by a build's connection returns, by one of its own."""
    with build.at_work(settings) as connection:
        return function(connection, *arguments, **named)


def load_file(settings: Settings, contract: Contract, file: Path, *arguments: Any, **named: Any) -> Delivery:
    """`intake.load_file`, by a connection of its own."""
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        return intake.load_file(connection, settings, contract, file, *arguments, **named)


def load_key(settings: Settings, municipality: str, purpose: str) -> KeyChain:
    """The chain of pseudonym keys in force."""
    with database.connect(settings, database.LOADER) as connection:
        return pseudonyms.load_key(connection, settings.keys, municipality, purpose)


def connecting(monkeypatch) -> list[str]:
    """Who connects to PostgreSQL from now on, in order; dbt and Great Expectations have drivers of their own."""
    connect, users = psycopg.connect, []

    def counted(*arguments: Any, **named: Any) -> psycopg.Connection:
        users.append(named["user"])
        return connect(*arguments, **named)

    monkeypatch.setattr(psycopg, "connect", counted)
    return users


def run_layers(settings: Settings, build_id: int, *layers: str) -> None:
    """`build.run_layers`, by a connection of its own."""
    step(
        settings,
        build.run_layers,
        transform.environment(settings),
        build_id,
        *layers,
        done=partial(transform.tell_lineage, settings),
    )


def run_dbt(
    settings: Settings, build_id: int, select: list[str], *options: str, tell: Callable[[Step], None] | None = None
) -> None:
    """`build.dbt`, by a connection of its own."""
    done = partial(transform.tell_lineage, settings)
    step(settings, build.dbt, transform.environment(settings), build_id, select, *options, tell=tell, done=done)


def checked(settings: Settings, delivery_id: int) -> list[gate.Verdict]:
    """The gate's verdicts on a delivery, which it has written."""
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        return gate.check_delivery(connection, delivery_id, settings.config)


def make_models(settings: Settings, build_id: int, *models: str) -> None:
    """The same in a build that has begun."""
    no_tests = [option for kind in ("test", "unit_test") for option in ("--exclude-resource-type", kind)]
    run_dbt(settings, build_id, [f"+{model}" for model in models], *no_tests)
