"""Commands on the ledger: what is there, in which state, and since when."""

import json
from dataclasses import asdict

import click

from ingest.ledger import STATES
from lagebild.settings import Settings


@click.command()
@click.option("--source", help="Only this source.")
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only this state; may be repeated.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.make_pass_decorator(Settings)
def deliveries(settings: Settings, source: str | None, states: tuple[str, ...], form: str) -> None:
    """List the ledger: every delivery, its rows and its state.

    \b
    Example: lagebild deliveries --source register --state held --format json
    """
    from ingest import contracts, ledger

    if source is not None:
        contracts.load(source)  # a source that does not exist has no deliveries, but that would be no answer
    found = ledger.deliveries(settings, source, states)
    if form == "json":
        click.echo(json.dumps([asdict(delivery) for delivery in found], default=str, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(map(str, found)) or "the ledger has no such delivery")
