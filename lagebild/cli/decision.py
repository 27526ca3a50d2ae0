"""Decisions on deliveries: `lagebild delivery held`, `accept`, `refuse`, `withdraw`; pages of all checks."""

from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lagebild.cli import options

if TYPE_CHECKING:
    from lagebild.core.settings import Settings

_reason = click.option("--reason", required=True, help="Why. It is logged and shown to readers: name no person.")


@click.command()
@options.form
@options.pass_settings
def held(settings: "Settings", form: str) -> None:
    """List deliveries that wait for a decision.

    Shows which checks failed, in which lines, and whom to ask.

    \b
    Examples:
      lagebild delivery held
      lagebild delivery held --format json
    """
    from lagebild.review.decisions import waiting

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
    help="Last day of the acceptance; required if checks failed. The first build after that day holds it again.",
)
@click.option("--supersedes", is_flag=True, help="It replaces the accepted delivery of its period.")
@options.pass_settings
def accept(settings: "Settings", delivery_id: int, reason: str, until: datetime | None, supersedes: bool) -> None:
    """Accept a held delivery.

    If checks failed, an expiry date (--until) is required.

    \b
    Examples:
      lagebild delivery accept 12 --supersedes --reason "corrected by the supplier on 3 March"
      lagebild delivery accept 13 --until 2027-03-31 --reason "the office confirms it; a correction comes by March"
    """
    from ingest.deliveries import delivery_ledger

    last_day: date | None = until.date() if until else None
    click.echo(delivery_ledger.accept(settings, delivery_id, reason, supersedes, last_day))
    options.renew_receipts(settings)


@click.command()
@click.argument("delivery_id", type=int, metavar="DELIVERY")
@_reason
@options.pass_settings
def refuse(settings: "Settings", delivery_id: int, reason: str) -> None:
    """Refuse a held delivery.

    The supplier sends a corrected file, which is a new delivery.

    \b
    Example: lagebild delivery refuse 12 --reason "sent back on 3 March: line 5 is misprinted"
    """
    from ingest.deliveries import delivery_ledger

    click.echo(delivery_ledger.refuse(settings, delivery_id, reason))
    options.renew_receipts(settings)


@click.command()
@click.argument("delivery_id", type=int, metavar="DELIVERY")
@_reason
@options.pass_settings
def withdraw(settings: "Settings", delivery_id: int, reason: str) -> None:
    """Withdraw an accepted or superseded delivery.

    The delivery that it superseded is in force again.

    \b
    Example: lagebild delivery withdraw 12 --reason "the office took the figure back"
    """
    from ingest.deliveries import delivery_ledger

    click.echo(delivery_ledger.withdraw(settings, delivery_id, reason))
    options.renew_receipts(settings)


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to. Default: quality-docs in the state folder.",
)
@options.pass_settings
def quality_docs(settings: "Settings", out: Path | None) -> None:
    """Write the results of all checks as pages.

    The pages (Data Docs) open without a server and contain no personal data.

    \b
    Example: lagebild warehouse quality-docs --out /tmp/checks
    """
    from expectations import docs

    click.echo("writing the pages (Great Expectations takes some seconds to start)", err=True)
    click.echo(docs.write(settings, out or docs.folder(settings)))
