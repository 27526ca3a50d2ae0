"""`lagebild mapping ...`: what the mapping of a city's ledger still lacks."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lagebild import options

if TYPE_CHECKING:
    from lagebild.settings import Settings


@click.group()
def mapping() -> None:
    """The mapping of products and accounts to areas of cost (seed cost_mapping), by municipality.

    \b
    Example: lagebild mapping missing --place Bochum
    """


@mapping.command()
@click.option("--place", required=True, help="Name or AGS of the municipality, e.g. Bochum or 05911000.")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@options.pass_settings
def missing(settings: "Settings", place: str, form: str) -> None:
    """Print the rows that the mapping of a municipality lacks, to be filled in.

    As CSV they have the header of dbt_project/seeds/cost_mapping.csv, and the largest amounts come first. Fill in
    cost_area, treatment (attributed or excluded, then exclusion_reason), bearer and attribution_rule in your own
    cost_mapping.csv (LAGEBILD_CONFIG_DIR): what is put below other rows may bring its header along, and a row without
    treatment decides nothing. What is told beside the rows goes to standard error.

    \b
    Examples:
      lagebild mapping missing --place Bochum >> .lagebild/config/cost_mapping.csv
      lagebild mapping missing --place 05911000 --format json
    """
    from lagebild import places
    from lagebild.warehouse import mapping as rows

    municipality_ags = places.municipality(settings, place)
    found = rows.missing(settings, municipality_ags)
    if form == "json":
        options.echo_json([asdict(one) for one in found])
    else:
        click.echo(rows.as_csv(found), nl=False)
    total = sum(abs(one.amount_eur or 0) for one in found)
    told = (
        f"{len(found)} rows, {total:,.2f} EUR of {municipality_ags} are not mapped" if found else "nothing is missing"
    )
    hidden = sum(one.amount_eur is None for one in found)
    click.echo(told + (f"; the amounts of {hidden} rows are confidential" if hidden else ""), err=True)
