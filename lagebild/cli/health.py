"""`lagebild stack health`: check the pipeline from outside."""

import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from lagebild.cli import options
from lagebild.core.errors import UserError

if TYPE_CHECKING:
    from lagebild.core.settings import Settings


def _older_than(name: str, unit: str, default: float | None, text: str):
    return click.option(name, type=click.FloatRange(min=0), default=default, show_default=True, metavar=unit, help=text)


@click.command(
    epilog="Exit codes: 0 all is well, 1 a check failed (each is listed) or a problem that the message explains,"
    " 2 wrong usage, 130 stopped by Ctrl-C."
)
@_older_than("--inbox", "HOURS", 2, "Fail if a complete file waits longer.")
@_older_than("--held", "DAYS", 14, "Fail if a decision or an approval waits longer.")
@_older_than("--published", "DAYS", None, "Fail if the current publication is older. Default: any age.")
@_older_than("--free", "GB", 2, "Fail if a disk has less free space.")
@click.option("--tell", "is_told", is_flag=True, help="Notify the channels of `lagebild stack alerts` of each change.")
@options.form
@options.pass_settings
def health(
    settings: "Settings", inbox: float, held: float, published: float | None, free: float, is_told: bool, form: str
) -> None:
    """Check the pipeline from outside of Airflow.

    For cron, systemd or a monitor. Checks PostgreSQL, the heartbeats of Airflow's components, the last scheduled runs,
    waiting files, held deliveries, builds, the publication and the disks. Changes nothing.

    \b
    Examples:
      lagebild stack health
      lagebild stack health --tell
      lagebild stack health -q || mail -s "Lagebild is silent" statistics@example.org
      lagebild stack health --format json | jq '.checks[] | select(.is_well | not)'
    """
    from lagebild.local import health as asked

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
        from lagebild.core import output

        shown = found if output.current.level > output.Level.QUIET else [one for one in found if not one.is_well]
        for check in shown:
            click.echo(check)
    if is_told:
        from lagebild.core import alerts

        try:
            asked.tell(settings, found)
        except alerts.NotSent as error:
            raise UserError(f"not everybody was told: {error}", remedy="lagebild stack alerts --try") from error
    sys.exit(not is_well)
