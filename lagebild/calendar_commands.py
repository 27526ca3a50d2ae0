"""`lagebild calendar` and `lagebild alerts`: what was due and when it came, and who is told."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lagebild import options
from lagebild.errors import UserError

if TYPE_CHECKING:
    from lagebild.settings import Settings


@click.command(epilog=options.exit_codes("with --late when something is late"))
@click.option("--late", "is_late_only", is_flag=True, help="Only what is late; exit code 1 when something is.")
@options.form
@options.pass_settings
def calendar(settings: "Settings", is_late_only: bool, form: str) -> None:
    """List what was due, when it came, and in what state it is. BI reads the same as marts.delivery_calendar.

    Due dates are the house's own expectations, as the contracts state them under due.

    \b
    Examples:
      lagebild calendar
      lagebild calendar --late --format json
    """
    from lagebild.delivery_calendar import entries

    found = [entry for entry in entries(settings) if entry.is_late or not is_late_only]
    if form == "json":
        options.echo_json([asdict(entry) for entry in found])
    else:
        click.echo("\n".join(map(str, found)) or "nothing is late")
    if is_late_only and found:
        sys.exit(1)


@click.command()
@click.option("--try", "is_tried", is_flag=True, help="Send a trial message to each.")
@options.form
@options.pass_settings
def alerts(settings: "Settings", is_tried: bool, form: str) -> None:
    """List the channels that are told of late deliveries and runs (LAGEBILD_ALERT_* in .env.example).

    \b
    Examples:
      lagebild alerts --try
      lagebild alerts --format json
    """
    from lagebild import alerts as channels

    if is_tried and form == "json":
        raise click.UsageError("--try prints the trial message, which is no JSON: leave one of the two out")
    found = channels.notifiers(settings)
    if form == "json":
        options.echo_json([{"channel": channel.name, "told": str(channel)} for channel in found])
    else:
        click.echo("\n".join(map(str, found)) or "nobody is told: alerts are off (LAGEBILD_ALERT_ENABLED)")
    if is_tried:
        trial = channels.Message("Lagebild: a trial", "lagebild alerts --try sent this message. Nothing is late.")
        try:
            channels.to_each(found, lambda channel: channel.send(trial))
        except channels.NotSent as error:
            raise UserError(str(error), remedy="see LAGEBILD_ALERT_* in .env.example") from error
        click.echo(f"sent to {len(found)}")
