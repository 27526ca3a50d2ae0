"""`lagebild stack config`: check what a city configures outside the product's files."""

from typing import TYPE_CHECKING

import click

from lagebild.cli import options

if TYPE_CHECKING:
    from lagebild.core.settings import Settings


@click.command()
@options.form
@options.pass_settings
def config(settings: "Settings", form: str) -> None:
    """Check and list your city's configuration.

    LAGEBILD_CONFIG_DIR may hold rows of the method, layouts of your own files and rules on their columns, what to
    fetch, and your own sources. An error names file and line. Each build checks rows, layouts and sources first.

    \b
    Examples:
      lagebild stack config
      lagebild stack config --format json
    """
    from lagebild.warehouse import overlay

    if form == "json":
        options.echo_json(overlay.in_force(settings.config))
    else:
        click.echo("\n".join(overlay.lines(settings.config)))
