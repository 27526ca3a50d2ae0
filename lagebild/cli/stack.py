"""The local stack: `lagebild run`, and `lagebild stack up`, `down`, `status`, `credentials`, `airflow`."""

import os
import sys
from typing import TYPE_CHECKING

import click

from lagebild.cli import options
from lagebild.core import output

if TYPE_CHECKING:
    from lagebild.core.settings import Settings


@click.command()
@options.pass_settings
def run(settings: "Settings") -> None:
    """Do everything that is due, start to end.

    Starts the stack, loads new deliveries, builds and publishes marts, writes the extract, and prints the headline
    figures. After an error or Ctrl-C the next run continues where this one stopped.

    \b
    Examples:
      lagebild run
      lagebild run -v           every task and test as a line
      lagebild run -q           only errors, for cron
    """
    from lagebild.local import commands

    commands.run(settings)


@click.command()
@options.pass_settings
def up(settings: "Settings") -> None:
    """Start PostgreSQL and Airflow.

    Also applies new migrations to the warehouse.

    \b
    Examples:
      lagebild stack up
      lagebild stack up -v            every migration as a line
    """
    from lagebild.local import commands

    commands.up(settings)


@click.command()
@options.pass_settings
def bi(settings: "Settings") -> None:
    """Start Superset with the dashboards.

    The stack must run. The first start makes an environment of its own (700 MB); `lagebild stack down` stops it, and
    what was set in it stays. Dashboards are files in bi/: what was changed in Superset is named and kept aside.

    \b
    Examples:
      lagebild stack bi
      lagebild stack credentials      passwords of viewer and admin
    """
    from lagebild.core import boards
    from lagebild.local.bi import Superset

    superset = Superset(settings)
    with boards.board() as board:
        superset.up(board)
    for line in superset.lines():
        output.say(line)


@click.command()
@options.pass_settings
def down(settings: "Settings") -> None:
    """Stop Airflow and PostgreSQL; data is kept.

    \b
    Example: lagebild stack down
    """
    from lagebild.local import commands

    commands.down(settings)


@click.command()
@options.form
@options.pass_settings
def status(settings: "Settings", form: str) -> None:
    """Show what runs and how to connect.

    Shows no password: see `lagebild stack credentials`.

    \b
    Examples:
      lagebild stack status
      lagebild stack status --format json
    """
    from lagebild.local import status as found

    lines = found.lines(settings)
    if form == "text":
        click.echo("\n".join(lines))
        return
    told = [line.partition(":") for line in lines]
    options.echo_json([{"about": about.strip(), "value": value.strip() or None} for about, _, value in told])


@click.command(epilog=options.exit_codes("if the stack was never started here"))
@options.form
@options.pass_settings
def credentials(settings: "Settings", form: str) -> None:
    """Show passwords for BI tools and Airflow.

    Keep the output out of logs.

    \b
    Examples:
      lagebild stack credentials
      psql "$(lagebild stack credentials --format json | jq -r .bi_reader)"
    """
    from lagebild.local import status as found

    shown = found.credentials(settings)
    if form == "json":
        options.echo_json(shown)
        return
    click.echo(f"for BI tools:   {shown['bi_reader']}")
    if login := shown["airflow"]:
        click.echo(f"Airflow:        {login['url']}  user {login['user']}, password {login['password']}")
    for login in shown["dashboards"]:
        click.echo(f"dashboards:     {login['url']}  user {login['user']}, password {login['password']}")


@click.command(epilog=options.exit_codes("if the stack was never started here"))
@click.argument("tool", type=click.Choice(["pbids", "odc", "odbc"]))
@options.pass_settings
def connection(settings: "Settings", tool: str) -> None:
    """Print a connection file for a BI tool.

    For Power BI Desktop (pbids), Excel (odc) or any program with ODBC (odbc, a section of odbc.ini). No password is in
    it: the tool asks for that of bi_reader. What was tried with which tool: docs/tools/README.md.

    \b
    Examples:
      lagebild stack connection pbids > lagebild.pbids
      lagebild stack connection odbc >> ~/.odbc.ini
    """
    from lagebild.core import database
    from lagebild.local import connections

    click.echo(connections.FORMS[tool](database.parameters(settings, database.BI_READER)), nl=False)


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    epilog="Exit codes: those of Airflow's own command line.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@options.pass_settings
def airflow(settings: "Settings", arguments: tuple[str, ...]) -> None:
    """Run Airflow's own command line.

    It runs with the settings of this checkout.

    \b
    Examples:
      lagebild stack airflow pools list
      lagebild stack airflow backfill create --dag-id backfill__genesis --from-date 2019-01-01 --to-date 2020-12-31
    """
    from lagebild.local import airflow as stack

    os.execve(sys.executable, [sys.executable, "-m", "airflow", *arguments], stack.environment(settings))
