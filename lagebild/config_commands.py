"""`lagebild config`: what a city configures outside the product's files, checked."""

from typing import TYPE_CHECKING

import click

from lagebild import options

if TYPE_CHECKING:
    from lagebild.settings import Settings


@click.command()
@options.form
@options.pass_settings
def config(settings: "Settings", form: str) -> None:
    """Check and list what your city configures in LAGEBILD_CONFIG_DIR.

    That are rows of the method, layouts of its own files and rules on their columns, what it pulls, and its own
    sources. What is wrong is named with file and line. A build checks rows, layouts and sources before it begins.

    \b
    Examples:
      lagebild config
      lagebild config --format json
    """
    from lagebild import overlay

    if form == "json":
        options.echo_json(overlay.in_force(settings))
    else:
        click.echo("\n".join(overlay.lines(settings)))
