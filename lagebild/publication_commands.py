"""Commands on publications: publish what waits, which there are, back to one of them, what differs between two, and
which packages were handed out."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lagebild import options

if TYPE_CHECKING:
    from lagebild.settings import Settings


@click.command()
@click.option("--last", type=click.IntRange(min=1), help="Only so many, the latest ones.")
@options.form
@options.pass_settings
def publications(settings: "Settings", last: int | None, form: str) -> None:
    """List the publications: when, from which build and code, what is new in each, which one is in force.

    \b
    Examples:
      lagebild publications
      lagebild publications --last 5 --format json
    """
    from lagebild.warehouse import publications as published

    found = published.listing(settings)[-(last or 0) :]
    if form == "json":
        options.echo_json([asdict(one) | {"is_rolled_back": one.is_rolled_back} for one in found])
    else:
        click.echo("\n".join(map(str, found)) or "nothing was published yet: lagebild build")


@click.command()
@click.argument("build_id", type=int, metavar="[BUILD]", required=False)
@options.pass_settings
def publish(settings: "Settings", build_id: int | None) -> None:
    """Publish BUILD, whose marts are checked and wait; without a number the one that waits.

    Refused where a later build has begun, or where deliveries were accepted or withdrawn since: what was looked at is
    published, or nothing. `lagebild status` names the build that waits.

    \b
    Examples:
      lagebild publish
      lagebild publish 12
    """
    from lagebild.warehouse import build

    click.echo(f"publication {build.approve(settings, build_id)} is in force")


@click.command()
@click.argument("publication_id", type=int, metavar="PUBLICATION")
@click.option("--reason", required=True, help="Why; it is kept, and readers see it in marts.publication_rollback.")
@options.pass_settings
def rollback(settings: "Settings", publication_id: int, reason: str) -> None:
    """Put PUBLICATION in force again, at once and for every reader.

    Nothing is built while all that it takes back still stands: withdraw the delivery, or mend the code.

    \b
    Example: lagebild rollback 4 --reason "the employees of 2019 were delivered for the wrong district"
    """
    from lagebild.warehouse import publications as published

    click.echo(published.as_text(settings, published.rollback(settings, publication_id, reason)))


@click.command()
@click.argument("former", type=int)
@click.argument("latter", type=int)
@click.option("--mart", help="Only this mart, every row of it.")
@options.form
@options.pass_settings
def diff(settings: "Settings", former: int, latter: int, mart: str | None, form: str) -> None:
    """Print which figures differ between publications FORMER and LATTER, by how much, and due to what.

    \b
    Examples:
      lagebild diff 4 5
      lagebild diff 4 5 --mart cost_per_person
      lagebild diff 4 5 --format json
    """
    from lagebild.warehouse import difference

    found = difference.difference(settings, former, latter, mart)
    if form == "json":
        options.echo_json(asdict(found))
    else:
        click.echo(difference.as_text(found, None if mart else difference.SHOWN_ROWS))


@click.command()
@click.option("--unsafe", is_flag=True, help="Only packages of publications from before figures were protected.")
@options.form
@options.pass_settings
def releases(settings: "Settings", unsafe: bool, form: str) -> None:
    """List the packages that were handed out: when, of which publication, to whom, for what.

    An unsafe one may tell its recipient what today is confidential: such a package is not made any more, and what it
    holds is known there.

    \b
    Examples:
      lagebild releases
      lagebild releases --unsafe --format json
    """
    from lagebild.warehouse import releases as registered

    found = [one for one in registered.listing(settings) if one.is_unsafe or not unsafe]
    if form == "json":
        options.echo_json([asdict(one) for one in found])
    else:
        click.echo("\n".join(map(str, found)) or f"no {'unsafe ' * unsafe}package was handed out")
