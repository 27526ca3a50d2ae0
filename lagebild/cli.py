"""The command line: `lagebild --help`. Exit codes: 0 done, 1 a problem the message explains, 2 wrong usage."""

import os
import sys
from pathlib import Path

import click
from rich.console import Console

from lagebild import (
    calendar_commands,
    contract_commands,
    decision_commands,
    delivery_commands,
    fetch_commands,
    figure_commands,
    inbox_commands,
    options,
    privacy_commands,
    publication_commands,
    warm,
)
from lagebild import settings as settings_module
from lagebild.errors import UserError
from lagebild.settings import Settings

# Modules that cost time to import (dbt, Great Expectations, Airflow) are imported by the commands that need them.


def main(is_warm: bool = False) -> None:
    """Run the command line; a UserError becomes a message and exit code 1, never a traceback.

    `is_warm`: this is the stack's parent process, which is not asked again.
    """
    try:
        if not is_warm and (code := warm.run(settings_module.load().home, sys.argv[1:])) is not None:
            sys.exit(code)
        cli()
    except UserError as error:
        click.echo(f"lagebild: {error}", err=True)
        sys.exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="lagebild")
@click.pass_context
def cli(context: click.Context) -> None:
    """Pipeline and warehouse for municipal integration policy.

    \b
    Examples:
      lagebild run                                                        first run, on the bundled deliveries
      lagebild explain cost_per_person --place 05913000 --year 2019       where a figure comes from
      lagebild held                                                       deliveries that wait for a decision
    """
    context.obj = settings_module.load()


@cli.command()
@options.pass_settings
def run(settings: Settings) -> None:
    """Start the stack, load what is new, build, publish, extract, and print the headline figures."""
    from lagebild.stack import commands

    commands.run(settings, Console())


@cli.command()
@options.pass_settings
def up(settings: Settings) -> None:
    """Start PostgreSQL and Airflow, and bring the warehouse to this code's migrations."""
    from lagebild.stack import commands

    commands.up(settings, Console())


@cli.command()
@options.pass_settings
def down(settings: Settings) -> None:
    """Stop Airflow and PostgreSQL; the state stays."""
    from lagebild.stack import commands

    commands.down(settings, Console())


@cli.command()
@options.pass_settings
def status(settings: Settings) -> None:
    """Show what runs, where the state lies, and how to connect."""
    from lagebild.stack import commands

    commands.status(settings, Console())


@cli.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@options.pass_settings
def airflow(settings: Settings, arguments: tuple[str, ...]) -> None:
    """Airflow's own command line, with this checkout's settings.

    \b
    Examples:
      lagebild airflow pools list
      lagebild airflow backfill create --dag-id backfill__genesis --from-date 2019-01-01 --to-date 2020-12-31
    """
    from lagebild.stack import airflow as stack

    os.execve(sys.executable, [sys.executable, "-m", "airflow", *arguments], stack.environment(settings))


@cli.command()
@options.pass_settings
def migrate(settings: Settings) -> None:
    """Bring the warehouse to this code's migrations, contracts and marts."""
    from lagebild.warehouse.migrate import migrate as run_migrations

    applied = run_migrations(settings)
    click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


@cli.command()
@click.argument("delivery_id", type=int)
@options.pass_settings
def reload(settings: Settings, delivery_id: int) -> None:
    """Load landed bytes again after a contract or code fix, as a new attempt."""
    from ingest.load import reload as load_again
    from lagebild.gatekeeper import check_pending

    delivery = load_again(settings, delivery_id)
    decided = {d.delivery_id: d for d in check_pending(settings, delivery.source)}
    options.renew_receipts(settings)
    click.echo(decided.get(delivery.delivery_id, delivery))


@cli.command()
@options.pass_settings
def build(settings: Settings) -> None:
    """Build the marts from the accepted deliveries, check them and publish them."""
    from lagebild.warehouse import build as builds

    publication_id = builds.run(settings, click.echo)
    click.echo("nothing new to build" if publication_id is None else f"publication {publication_id} is in force")


@cli.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Another file than docs/index.html of the state folder.",
)
@options.pass_settings
def docs(settings: Settings, out: Path | None) -> None:
    """Write dbt's documentation (models, columns, tests, lineage) as one page that opens without a server."""
    from lagebild.warehouse import docs as page

    click.echo(page.write(settings, out or settings.home / "docs" / "index.html"))


@cli.command()
@click.argument("mart")
@click.option("--place", help="AGS or region code, e.g. 05913000; for programmes their id, or nothing.")
@click.option("--year", type=int, help="Year of the figure; for programmes it may be left out.")
@click.option("--method", help="One costing method instead of all.")
@click.option("--publication", "publication_id", type=int, help="A former publication instead of the current one.")
@click.option("--language", type=click.Choice(["de", "en"]), default="en", show_default=True)
@options.form
@options.pass_settings
def explain(
    settings: Settings,
    mart: str,
    place: str | None,
    year: int | None,
    method: str | None,
    publication_id: int | None,
    language: str,
    form: str,
) -> None:
    """Print where a figure comes from: its tree down to the lines of the deliveries.

    \b
    Examples:
      lagebild explain cost_per_person --place 05913000 --year 2019
      lagebild explain cost_extrapolation --place 05913000 --year 2019 --language de
      lagebild explain integration_course --place 00 --year 2024 --format json
      lagebild explain funding_cliff --place suedosteuropa
    """
    from lagebild.warehouse import explain as explanation
    from lagebild.warehouse import marts

    if explanation.needs_place_and_year(marts.definition(mart)) and (place is None or year is None):
        raise click.UsageError(f"{mart} is asked for by --place and --year")
    chain = explanation.explain(settings, mart, place, year, publication_id, method)
    if form == "json":
        options.echo_json(chain)
    else:
        click.echo(explanation.as_text(chain, language))


@cli.command()
@click.option("--place", required=True, help="AGS of the municipality, e.g. 05913000.")
@click.option("--from-publication", required=True, type=int)
@click.option("--to-publication", required=True, type=int)
@click.option("--from-year", required=True, type=int)
@click.option("--to-year", type=int, help="The same year unless given.")
@options.form
@options.pass_settings
def bridge(
    settings: Settings,
    place: str,
    from_publication: int,
    to_publication: int,
    from_year: int,
    to_year: int | None,
    form: str,
) -> None:
    """Print what changed between two publications: data, method, price, quantity, rounding.

    \b
    Example: lagebild bridge --place 05913000 --from-publication 1 --to-publication 2 --from-year 2019
    """
    from lagebild.warehouse.bridge import as_text
    from lagebild.warehouse.bridge import bridge as parts_of

    parts = parts_of(settings, place, from_publication, to_publication, from_year, to_year or from_year)
    if form == "json":
        options.echo_json(parts)
    else:
        click.echo(as_text(parts))


@cli.command()
@click.option("--publication", "publication_id", type=int, help="A former publication instead of the current one.")
@click.option("--recipient", default="reviewer", show_default=True)
@click.option("--purpose", default="review", show_default=True, help="What the extract is for; it is registered.")
@options.pass_settings
def extract(settings: Settings, publication_id: int | None, recipient: str, purpose: str) -> None:
    """Write the package for a reviewer, and register that it was released."""
    from extracts.release import release

    click.echo(release(settings, publication_id, recipient, purpose))


@cli.group()
def keys() -> None:
    """Pseudonym keys, one a municipality and purpose."""


@keys.command()
@click.option("--municipality", required=True, help="AGS of 8 digits.")
@click.option("--purpose", required=True, help="As the contract names it under pseudonym_purpose.")
@options.pass_settings
def create(settings: Settings, municipality: str, purpose: str) -> None:
    """Make a key. Back it up: without it, later deliveries cannot be joined to earlier ones.

    \b
    Example: lagebild keys create --municipality 05913000 --purpose integration_statistics
    """
    from ingest import privacy

    if not (len(municipality) == 8 and municipality.isdigit()):
        raise click.BadParameter("an AGS has 8 digits", param_hint="--municipality")
    path = privacy.key_path(settings, municipality, purpose)
    made = privacy.ensure_key(settings, municipality, purpose)
    click.echo(f"made {path}" if made else f"{path} is there already and was left as it is")


keys.add_command(privacy_commands.rotate)
cli.add_command(privacy_commands.erase)
cli.add_command(privacy_commands.retention)
cli.add_command(delivery_commands.deliveries)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@options.pass_settings
def backup(settings: Settings, folder: Path) -> None:
    """Write database, landing zone, keys and secrets into FOLDER."""
    from lagebild.backup import backup as back_up

    click.echo(back_up(settings, folder))


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@options.pass_settings
def restore(settings: Settings, folder: Path) -> None:
    """Restore a backup from FOLDER into an empty warehouse."""
    from lagebild.backup import restore as bring_back

    click.echo(bring_back(settings, folder))


calendar_commands.add_to(cli)
contract_commands.add_to(cli)
decision_commands.add_to(cli)
fetch_commands.add_to(cli)
figure_commands.add_to(cli)
inbox_commands.add_to(cli)
publication_commands.add_to(cli)


if __name__ == "__main__":
    main()
