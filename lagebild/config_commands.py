"""`lagebild config`: what a city configures outside the product's files, checked."""

from typing import TYPE_CHECKING

import click

from lagebild import options

if TYPE_CHECKING:
    from lagebild.settings import Settings


@click.command()
@options.pass_settings
def config(settings: "Settings") -> None:
    """Check your city's own rows in LAGEBILD_CONFIG_DIR, and print how many there are in each file.

    The first fault is named with file and line. A build checks the same before it begins.

    \b
    Example: lagebild config
    """
    from lagebild import overlay

    click.echo("\n".join(overlay.lines(settings)))
