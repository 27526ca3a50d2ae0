"""Commands on publications: list, publish, roll back, compare."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lagebild.cli import options

if TYPE_CHECKING:
    from lagebild.core.settings import Settings


@click.command()
@click.option("--last", type=click.IntRange(min=1), help="Only the latest N.")
@options.form
@options.pass_settings
def publications(settings: "Settings", last: int | None, form: str) -> None:
    """List publications and what is new in each.

    Shows date, build and version of the code, and which publication is in force.

    \b
    Examples:
      lagebild publication list
      lagebild publication list --last 5 --format json
    """
    from lagebild.warehouse import publications as published

    found = published.listing(settings)[-(last or 0) :]
    if form == "json":
        options.echo_json([asdict(one) | {"is_rolled_back": one.is_rolled_back} for one in found])
    else:
        click.echo("\n".join(map(str, found)) or "nothing was published yet: lagebild publication build")


@click.command()
@click.argument("build_id", type=int, metavar="[BUILD]", required=False)
@options.pass_settings
def publish(settings: "Settings", build_id: int | None) -> None:
    """Publish a checked build.

    Without a number it publishes the build that waits for approval (`lagebild stack status` names it). Refused if a
    later build has begun, or deliveries were accepted or withdrawn since: only what was reviewed is published.

    \b
    Examples:
      lagebild publication publish
      lagebild publication publish 12
    """
    from lagebild.warehouse import build

    click.echo(f"publication {build.approve(settings, build_id)} is in force")


@click.command()
@click.argument("publication_id", type=int, metavar="PUBLICATION")
@click.option("--reason", required=True, help="Why. Readers see it in marts.publication_rollback.")
@options.pass_settings
def rollback(settings: "Settings", publication_id: int, reason: str) -> None:
    """Return to an earlier publication.

    It takes effect for every reader at once. Builds are blocked until the cause is fixed: withdraw the delivery, or
    correct the code.

    \b
    Example: lagebild publication rollback 4 --reason "the employees of 2019 were delivered for the wrong district"
    """
    from lagebild.warehouse import publications as published

    click.echo(published.as_text(settings, published.rollback(settings, publication_id, reason)))


@click.command()
@click.argument("former", type=int)
@click.argument("latter", type=int)
@click.option("--mart", help="All rows of this mart only.")
@options.form
@options.pass_settings
def diff(settings: "Settings", former: int, latter: int, mart: str | None, form: str) -> None:
    """Compare two publications.

    Shows which figures differ, by how much, and why.

    \b
    Examples:
      lagebild publication diff 4 5
      lagebild publication diff 4 5 --mart cost_per_person
      lagebild publication diff 4 5 --format json
    """
    from lagebild.warehouse import difference

    found = difference.difference(settings, former, latter, mart)
    if form == "json":
        options.echo_json(asdict(found))
    else:
        click.echo(difference.as_text(found, None if mart else difference.SHOWN_ROWS))
