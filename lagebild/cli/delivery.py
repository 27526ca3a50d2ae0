"""What the ledger of deliveries knows: `lagebild delivery list`, `rejected`, `statistics`."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lagebild.cli import options

if TYPE_CHECKING:
    from decimal import Decimal

    from lagebild.core.settings import Settings


STATES = ("received", "loaded", "accepted", "held", "refused", "superseded", "withdrawn")
"""As in `ingest.deliveries.delivery_ledger`, which takes time to import; a test holds them together."""


@click.command()
@click.option("--source", help="Only this source.")
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only this state; can be repeated.")
@options.form
@options.pass_settings
def deliveries(settings: "Settings", source: str | None, states: tuple[str, ...], form: str) -> None:
    """List all deliveries with rows and state.

    \b
    Example: lagebild delivery list --source register --state held --format json
    """
    from ingest import contracts
    from ingest.deliveries import delivery_ledger

    if source is not None:
        contracts.load(source)  # a source that does not exist has no deliveries, but that would be no answer
    found = delivery_ledger.deliveries(settings, source, states)
    if form == "json":
        options.echo_json([asdict(delivery) for delivery in found])
    else:
        click.echo("\n".join(map(str, found)) or "the ledger has no such delivery")


@click.command()
@click.argument("delivery_id", type=int, metavar="DELIVERY")
@options.form
@options.pass_settings
def rejected(settings: "Settings", delivery_id: int, form: str) -> None:
    """Show why rows of a delivery were rejected.

    Groups them by field and rule, with lines and example values. Values are hidden for personal data.

    \b
    Examples:
      lagebild delivery rejected 12
      lagebild delivery rejected 12 --format json
    """
    from ingest.deliveries import delivery_ledger
    from ingest.deliveries import rejected as reasons
    from lagebild.core import database

    with database.connect(settings, database.LOADER) as connection:
        delivery = delivery_ledger.get(connection, delivery_id)
        found = reasons.faults(connection, delivery)
    if form == "json":
        options.echo_json([asdict(fault) for fault in found])
        return
    click.echo(delivery)
    click.echo("\n".join(f"  {fault}" for fault in found) or "  no row was rejected")


@click.command()
@click.argument("delivery_id", type=int, metavar="DELIVERY")
@options.form
@options.pass_settings
def statistics(settings: "Settings", delivery_id: int, form: str) -> None:
    """Show the exact statistics of a delivery.

    Beside them stand the statistics of the accepted deliveries that the checks compared it with. For personal data
    verdicts, logs and pages say only "lower than usual"; this command shows the figures to those who may read them.
    Do not pass them on.

    \b
    Examples:
      lagebild delivery statistics 12
      lagebild delivery statistics 12 --format json
    """
    from expectations import history
    from ingest.deliveries import delivery_ledger
    from lagebild.core import database

    with database.connect(settings, database.LOADER) as connection:
        delivery = delivery_ledger.get(connection, delivery_id)
        found = history.stored_statistics(connection, delivery_id)
    if form == "json":
        named = [
            {
                "statistic": name,
                "value": value,
                "before": [dict(zip(("delivery_id", "value"), b, strict=True)) for b in past],
            }
            for name, value, past in found
        ]
        options.echo_json(named)
        return
    click.echo(delivery)
    for name, value, past in found:
        before = ", ".join(f"{_short(number)} (delivery {other})" for other, number in past)
        click.echo(f"  {name}: {_short(value)}; before: {before or 'nothing accepted'}")
    if not found:
        click.echo("  no statistics: it was never checked")


def _short(value: "Decimal | None") -> str:
    return "no value" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")
