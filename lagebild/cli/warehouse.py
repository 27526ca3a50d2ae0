"""From accepted deliveries to figures: migrate, build, extract, explain, and the documentation of the models."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lagebild.cli import options
from lagebild.core import output

if TYPE_CHECKING:
    from lagebild.core.settings import Settings


@click.command()
@options.pass_settings
def migrate(settings: "Settings") -> None:
    """Apply migrations, contracts and marts.

    Brings the warehouse to the version of this code.

    \b
    Example: lagebild warehouse migrate
    """
    from lagebild.warehouse.migrate import migrate as run_migrations

    applied = run_migrations(settings)
    click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


@click.command()
@click.option("--publish", "publishes", is_flag=True, help="Publish without approval if all checks passed.")
@options.pass_settings
def build(settings: "Settings", publishes: bool) -> None:
    """Build, check and publish the marts.

    Builds from the accepted deliveries. With LAGEBILD_PUBLISH=ask (the default for your own files) the checked marts
    wait for `lagebild publication publish`. If dbt fails on a new delivery, it is set aside and the others are
    published; the command names it and ends with exit code 1. If a check of the marts fails, nothing is published and
    the last publication stays in force.

    \b
    Examples:
      lagebild publication build
      lagebild publication build --publish
      lagebild publication build -v         every model and test as a line
    """
    from lagebild.cli.building import watched
    from lagebild.warehouse.build import set_aside, waiting, waiting_message

    publication_id = watched(settings, publishes or None)
    if publication_id is not None:
        output.say(f"publication {publication_id} is in force")
    elif (build_id := waiting(settings)) is not None:
        output.say(waiting_message(build_id))
    else:
        output.say("nothing new to build")
    if left_out := set_aside(settings):
        lines = [f"the publication in force was made without {len(left_out)} accepted:", *map(str, left_out)]
        click.echo("\n  ".join(lines), err=True)
        click.get_current_context().exit(1)


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write. Default: docs/index.html in the state folder.",
)
@options.pass_settings
def docs(settings: "Settings", out: Path | None) -> None:
    """Write the documentation of all models.

    dbt's documentation (models, columns, tests, lineage) as one page that opens without a server.

    \b
    Example: lagebild warehouse docs --out /tmp/models.html
    """
    from lagebild.warehouse import dbt_docs as page

    click.echo(page.write(settings, out or settings.home / "docs" / "index.html"))


@click.command()
@click.argument("mart")
@click.option("--place", help="Name, AGS or region code, e.g. Dortmund; for programmes an id (optional).")
@click.option("--year", type=int, help="Year of the figure; optional for programmes.")
@click.option("--method", help="Only this costing method.")
@click.option("--publication", "publication_id", type=int, help="An earlier publication. Default: the current one.")
@click.option("--language", type=click.Choice(["de", "en"]), default="en", show_default=True)
@options.form
@options.pass_settings
def explain(
    settings: "Settings",
    mart: str,
    place: str | None,
    year: int | None,
    method: str | None,
    publication_id: int | None,
    language: str,
    form: str,
) -> None:
    """Show where a figure comes from.

    Prints its tree, down to the lines of the delivered files.

    \b
    Examples:
      lagebild figure explain cost_per_person --place Dortmund --year 2019
      lagebild figure explain cost_extrapolation --place 05913000 --year 2019 --language de
      lagebild figure explain integration_course --place 00 --year 2024 --format json
      lagebild figure explain funding_cliff --place suedosteuropa
    """
    from lagebild.provenance import explain as explanation
    from lagebild.warehouse import marts

    if explanation.needs_place_and_year(marts.definition(mart)) and (place is None or year is None):
        raise click.UsageError(f"{mart} is asked for by --place and --year")
    chain = explanation.explain(settings, mart, place, year, publication_id, method)
    if form == "json":
        options.echo_json(asdict(chain))
    else:
        click.echo(explanation.as_text(chain, language))


@click.command()
@click.option("--place", required=True, help="Name or AGS of the municipality, e.g. Dortmund or 05913000.")
@click.option("--from-publication", required=True, type=int)
@click.option("--to-publication", required=True, type=int)
@click.option("--from-year", required=True, type=int)
@click.option("--to-year", type=int, help="Default: the same year.")
@options.form
@options.pass_settings
def bridge(
    settings: "Settings",
    place: str,
    from_publication: int,
    to_publication: int,
    from_year: int,
    to_year: int | None,
    form: str,
) -> None:
    """Show why a cost changed.

    Splits the difference between two publications or years into data, method, price, quantity and rounding.

    \b
    Example: lagebild figure bridge --place 05913000 --from-publication 1 --to-publication 2 --from-year 2019
    """
    from lagebild.core import places
    from lagebild.warehouse.bridge import as_text
    from lagebild.warehouse.bridge import bridge as parts_of

    ags = places.municipality(settings, place)
    parts = parts_of(settings, ags, from_publication, to_publication, from_year, to_year or from_year)
    if form == "json":
        options.echo_json(parts)
    else:
        click.echo(as_text(parts))


@click.command()
@click.option("--publication", "publication_id", type=int, help="An earlier publication. Default: the current one.")
@click.option("--recipient", default="reviewer", show_default=True)
@click.option("--purpose", default="review", show_default=True, help="What the extract is for. It is registered.")
@click.option("--publisher", default="", help="Publisher of the data, if no delivery or setting names it.")
@click.option("--licence", default="", help="Licence, if no setting names it: a name, a URL or a text.")
@options.pass_settings
def extract(
    settings: "Settings",
    publication_id: int | None,
    recipient: str,
    purpose: str,
    publisher: str,
    licence: str,
) -> None:
    """Write a package for a reviewer.

    The release is registered. For an office that receives packages again and again: lagebild release. Your own data
    needs a publisher first: LAGEBILD_PUBLISHER in .env, or --publisher.

    \b
    Examples:
      lagebild publication extract --recipient ministry --purpose "budget hearing"
      lagebild publication extract --publication 3
      lagebild publication extract --publisher "Stadt Bochum, Kämmerei" --licence DL-DE-BY-2.0
    """
    from extracts.attribution import Statement
    from extracts.release import release

    statement = Statement(publisher.strip(), licence.strip())
    click.echo(release(settings, publication_id, recipient, purpose, statement=statement).folder)
