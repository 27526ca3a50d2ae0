"""Start, stop and look at the local stack: `lagebild run`, `up`, `down`, `status`, `credentials`, `airflow`."""

import os
import sys
from typing import TYPE_CHECKING

import click

from lagebild import options

if TYPE_CHECKING:
    from lagebild.settings import Settings


@click.command()
@options.pass_settings
def run(settings: "Settings") -> None:
    """Start the stack, load what is new, build, publish, extract, and print the headline figures.

    What was done stays done: after an error or Ctrl-C the next run goes on from there.

    \b
    Examples:
      lagebild run
      lagebild run -v           every task and test as a line
      lagebild run -q           nothing but errors, for cron
    """
    from lagebild.stack import commands

    commands.run(settings)


@click.command()
@options.pass_settings
def up(settings: "Settings") -> None:
    """Start PostgreSQL and Airflow, and bring the warehouse to this code's migrations.

    \b
    Examples:
      lagebild up
      lagebild up -v            every migration as a line
    """
    from lagebild.stack import commands

    commands.up(settings)


@click.command()
@options.pass_settings
def down(settings: "Settings") -> None:
    """Stop Airflow and PostgreSQL; the state stays.

    \b
    Example: lagebild down
    """
    from lagebild.stack import commands

    commands.down(settings)


@click.command()
@options.form
@options.pass_settings
def status(settings: "Settings", form: str) -> None:
    """Show what runs, where the state lies, and how to connect. No password is shown: see lagebild credentials.

    \b
    Examples:
      lagebild status
      lagebild status --format json
    """
    from lagebild.stack import status as found

    lines = found.lines(settings)
    if form == "text":
        click.echo("\n".join(lines))
        return
    told = [line.partition(":") for line in lines]
    options.echo_json([{"about": about.strip(), "value": value.strip() or None} for about, _, value in told])


@click.command(epilog=options.exit_codes("when the stack was never started here"))
@options.form
@options.pass_settings
def credentials(settings: "Settings", form: str) -> None:
    """Show the passwords: the address for BI tools with its own, and the login of Airflow. Not for a log.

    \b
    Examples:
      lagebild credentials
      psql "$(lagebild credentials --format json | jq -r .bi_reader)"
    """
    from lagebild.stack import status as found

    shown = found.credentials(settings)
    if form == "json":
        options.echo_json(shown)
        return
    click.echo(f"for BI tools:   {shown['bi_reader']}")
    if login := shown["airflow"]:
        click.echo(f"Airflow:        {login['url']}  user {login['user']}, password {login['password']}")


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    epilog="Exit codes: those of Airflow's own command line.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@options.pass_settings
def airflow(settings: "Settings", arguments: tuple[str, ...]) -> None:
    """Airflow's own command line, with this checkout's settings.

    \b
    Examples:
      lagebild airflow pools list
      lagebild airflow backfill create --dag-id backfill__genesis --from-date 2019-01-01 --to-date 2020-12-31
    """
    from lagebild.stack import airflow as stack

    os.execve(sys.executable, [sys.executable, "-m", "airflow", *arguments], stack.environment(settings))
