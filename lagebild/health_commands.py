"""`lagebild health`: whether the pipeline lives, for whoever watches it from outside."""

import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from lagebild import options
from lagebild.errors import UserError

if TYPE_CHECKING:
    from lagebild.settings import Settings


def _older_than(name: str, unit: str, default: float | None, text: str):
    return click.option(name, type=click.FloatRange(min=0), default=default, show_default=True, metavar=unit, help=text)


@click.command(
    epilog="Exit codes: 0 all is well, 1 something is silent or fails (each is told), or a problem that the message"
    " explains, 2 wrong usage, 130 stopped by Ctrl-C."
)
@_older_than("--inbox", "HOURS", 2, "A complete file waits longer than this.")
@_older_than("--held", "DAYS", 14, "A delivery waits longer for a decision, or a checked build to be published.")
@_older_than("--published", "DAYS", None, "The publication in force is older. Default: it may be.")
@_older_than("--free", "GB", 2, "Less than this is free on a disk of the pipeline's.")
@click.option("--tell", "is_told", is_flag=True, help="Tell the channels of lagebild alerts, once for each change.")
@options.form
@options.pass_settings
def health(
    settings: "Settings", inbox: float, held: float, published: float | None, free: float, is_told: bool, form: str
) -> None:
    """Say whether the pipeline lives, from outside of Airflow: for cron, systemd or a monitor.

    Looks at PostgreSQL, the heartbeats of Airflow's components, the last runs by the clock, files that wait, deliveries
    that are held, builds, the publication and the disk. It changes nothing.

    \b
    Examples:
      lagebild health
      lagebild health --tell
      lagebild health -q || mail -s "Lagebild is silent" statistics@example.org
      lagebild health --format json | jq '.checks[] | select(.is_well | not)'
    """
    from lagebild import health as asked

    limits = asked.Limits(
        inbox=timedelta(hours=inbox),
        held=timedelta(days=held),
        published=None if published is None else timedelta(days=published),
        free_bytes=int(free * 1e9),
    )
    found = asked.checks(settings, limits)
    is_well = all(check.is_well for check in found)
    if form == "json":
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        options.echo_json({"is_well": is_well, "checked_at": moment, "checks": [asdict(check) for check in found]})
    else:
        from lagebild import output

        shown = found if output.current.level > output.Level.QUIET else [one for one in found if not one.is_well]
        for check in shown:
            click.echo(check)
    if is_told:
        from lagebild import alerts

        try:
            asked.tell(settings, found)
        except alerts.NotSent as error:
            raise UserError(f"not everybody was told: {error}", remedy="lagebild alerts --try") from error
    sys.exit(not is_well)
