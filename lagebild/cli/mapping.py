"""`lagebild figure unmapped`: what the mapping of a city's ledger still lacks."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lagebild.cli import options

if TYPE_CHECKING:
    from lagebild.core.settings import Settings


@click.command()
@click.option("--place", required=True, help="Name or AGS of the municipality, e.g. Bochum or 05911000.")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@options.pass_settings
def unmapped(settings: "Settings", place: str, form: str) -> None:
    """List products and accounts not mapped yet.

    The seed cost_mapping maps products and accounts of a ledger to areas of cost. The missing rows are printed as CSV
    with its header, the largest amounts first. Append them to your own cost_mapping.csv (LAGEBILD_CONFIG_DIR), where a
    repeated header does no harm, and fill in cost_area, treatment (attributed or excluded, then exclusion_reason),
    bearer and attribution_rule. A row without treatment has no effect. The summary goes to standard error.

    \b
    Examples:
      lagebild figure unmapped --place Bochum >> .lagebild/config/cost_mapping.csv
      lagebild figure unmapped --place 05911000 --format json
    """
    from lagebild.core import places
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
