"""`lagebild sandbox`: changed models beside the publication in force, and what they change."""

import contextlib
import getpass
import re
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lagebild.cli import options

if TYPE_CHECKING:
    from lagebild.core.settings import Settings

ROLES = ("bi_reader", "statistics_office", "lagebild_builder")


def _own_name() -> str:
    name = re.sub("[^a-z0-9_]", "_", getpass.getuser().lower())[:40]
    return name if name[0].isalpha() else f"u{name}"[:40]


@click.command()
@click.option("--name", default=_own_name, show_default="your account", help="Whose it is: schema sandbox_<name>.")
@click.option(
    "--role", type=click.Choice(ROLES), default=ROLES[0], show_default=True,
    help="Whose rights it has. Readers see protected marts alone; the builder sees every input.",
)  # fmt: skip
@click.option("--keep", "keeps", is_flag=True, help="Keep the schema until the next build, to query it.")
@click.option("--mart", help="All rows of this mart only.")
@options.form
@options.pass_settings
def sandbox(settings: "Settings", name: str, role: str, keeps: bool, mart: str | None, form: str) -> None:
    """Try changed models without publishing.

    Builds the models that differ from what is published, and all behind them, in a schema of your own on the inputs of
    the last publication, and shows the difference of every mart. It never publishes.

    \b
    Examples:
      lagebild sandbox --role lagebild_builder
      lagebild sandbox --role lagebild_builder --mart cost_per_person
      lagebild sandbox --name anna --keep --format json
    """
    from lagebild.cli.building import steps_shown
    from lagebild.warehouse import difference, marts
    from lagebild.warehouse import sandbox as sandboxes

    asked = None if mart is None else marts.definition(mart).name
    with steps_shown("sandbox") if form == "text" else contextlib.nullcontext() as tell:
        found = sandboxes.run(settings, name, role, keeps, tell)
    if asked is not None:
        found = found.only(asked)
    if form == "json":
        options.echo_json(asdict(found))
    else:
        click.echo(sandboxes.as_text(found, None if asked else difference.SHOWN_ROWS))
