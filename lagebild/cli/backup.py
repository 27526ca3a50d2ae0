"""Keep what cannot be made again: `lagebild warehouse backup` and `restore`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lagebild.cli import options

if TYPE_CHECKING:
    from lagebild.core.settings import Settings


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@options.pass_settings
def backup(settings: "Settings", folder: Path) -> None:
    """Back up database, files, keys and secrets.

    FOLDER must be new or empty.

    \b
    Example: lagebild warehouse backup /mnt/backups/2026-11-30
    """
    from lagebild.local.backup import backup as back_up

    click.echo(back_up(settings, folder))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@options.pass_settings
def restore(settings: "Settings", folder: Path) -> None:
    """Restore a backup into an empty warehouse.

    \b
    Example: lagebild warehouse restore /mnt/backups/2026-11-30
    """
    from lagebild.local.backup import restore as bring_back

    click.echo(bring_back(settings, folder))
