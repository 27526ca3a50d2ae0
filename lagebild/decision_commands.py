"""What waits for a person and what the person says: `lagebild held`, `accept`, `refuse`, `withdraw`, `quality-docs`."""

from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lagebild import options

if TYPE_CHECKING:
    from lagebild.settings import Settings

_reason = click.option("--reason", required=True, help="Why; it is logged and shown to readers, so name no person.")


@click.command()
@options.form
@options.pass_settings
def held(settings: "Settings", form: str) -> None:
    """List the deliveries that wait for a decision: what failed, in which lines, and whom to ask.

    \b
    Examples:
      lagebild held
      lagebild held --format json
    """
    from lagebild.decisions import waiting

    found = waiting(settings)
    if form == "json":
        entries = [asdict(entry) | {"decisions": entry.decisions} for entry in found]
        options.echo_json(entries)
    else:
        click.echo("\n\n".join(map(str, found)) or "nothing is held")


@click.command()
@click.argument("delivery_id", type=int, metavar="DELIVERY")
@_reason
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Last day of the acceptance; due where the checks found something. The first build after it holds again.",
)
@click.option("--supersedes", is_flag=True, help="It corrects the accepted delivery of its period.")
@options.pass_settings
def accept(settings: "Settings", delivery_id: int, reason: str, until: datetime | None, supersedes: bool) -> None:
    """Accept the held DELIVERY; in spite of what the checks found only until a day.

    \b
    Examples:
      lagebild accept 12 --supersedes --reason "corrected by the supplier on 3 March"
      lagebild accept 13 --until 2027-03-31 --reason "the office confirms the figure; a correction comes by March"
    """
    from ingest import ledger

    last_day: date | None = until.date() if until else None
    click.echo(ledger.accept(settings, delivery_id, reason, supersedes, last_day))
    options.renew_receipts(settings)


@click.command()
@click.argument("delivery_id", type=int, metavar="DELIVERY")
@_reason
@options.pass_settings
def refuse(settings: "Settings", delivery_id: int, reason: str) -> None:
    """Send the held DELIVERY back; the supplier's corrected file comes as a new one.

    \b
    Example: lagebild refuse 12 --reason "sent back on 3 March: line 5 is misprinted"
    """
    from ingest import ledger

    click.echo(ledger.refuse(settings, delivery_id, reason))
    options.renew_receipts(settings)


@click.command()
@click.argument("delivery_id", type=int, metavar="DELIVERY")
@_reason
@options.pass_settings
def withdraw(settings: "Settings", delivery_id: int, reason: str) -> None:
    """Withdraw an accepted DELIVERY, and the one it superseded is in force again; or a superseded one.

    \b
    Example: lagebild withdraw 12 --reason "the office took the figure back"
    """
    from ingest import ledger

    click.echo(ledger.withdraw(settings, delivery_id, reason))
    options.renew_receipts(settings)


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Another folder than quality-docs of the state folder.",
)
@options.pass_settings
def quality_docs(settings: "Settings", out: Path | None) -> None:
    """Write what every check said as pages (Data Docs) that open without a server and hold no person's value.

    \b
    Example: lagebild quality-docs --out /tmp/checks
    """
    from expectations import docs

    click.echo("writing the pages (Great Expectations takes some seconds to start)", err=True)
    click.echo(docs.write(settings, out or docs.folder(settings)))
