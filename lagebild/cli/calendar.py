"""`lagebild delivery calendar` and `lagebild stack alerts`: what is late, and who is notified."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lagebild.cli import options
from lagebild.core.errors import UserError

if TYPE_CHECKING:
    from lagebild.core.settings import Settings


@click.command(epilog=options.exit_codes("with --late if something is late"))
@click.option("--late", "is_late_only", is_flag=True, help="Only what is late; exit code 1 if anything is.")
@options.form
@options.pass_settings
def calendar(settings: "Settings", is_late_only: bool, form: str) -> None:
    """List what was due and when it came.

    Due dates are your own expectations: each contract states them under due. BI tools read the same list in
    marts.delivery_calendar.

    \b
    Examples:
      lagebild delivery calendar
      lagebild delivery calendar --late --format json
    """
    from lagebild.review.calendar import entries

    found = [entry for entry in entries(settings) if entry.is_late or not is_late_only]
    if form == "json":
        options.echo_json([asdict(entry) for entry in found])
    else:
        click.echo("\n".join(map(str, found)) or "nothing is late")
    if is_late_only and found:
        sys.exit(1)


@click.command()
@click.option("--try", "is_tried", is_flag=True, help="Send a test message to each channel.")
@options.form
@options.pass_settings
def alerts(settings: "Settings", is_tried: bool, form: str) -> None:
    """List who is notified of problems.

    These channels (LAGEBILD_ALERT_* in .env.example) are notified of late deliveries and failed or late runs.

    \b
    Examples:
      lagebild stack alerts --try
      lagebild stack alerts --format json
    """
    from lagebild.core import alerts as channels

    if is_tried and form == "json":
        raise click.UsageError("--try prints the trial message, which is no JSON: leave one of the two out")
    found = channels.notifiers(settings)
    if form == "json":
        options.echo_json([{"channel": channel.name, "told": str(channel)} for channel in found])
    else:
        click.echo("\n".join(map(str, found)) or "nobody is told: alerts are off (LAGEBILD_ALERT_ENABLED)")
    if is_tried:
        trial = channels.Message("Lagebild: a trial", "lagebild stack alerts --try sent this message. Nothing is late.")
        try:
            channels.to_each(found, lambda channel: channel.send(trial))
        except channels.NotSent as error:
            raise UserError(str(error), remedy="see LAGEBILD_ALERT_* in .env.example") from error
        click.echo(f"sent to {len(found)}")
