"""`lagebild figure docs`: compare the figures of the source documents with the marts."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lagebild.cli import options

if TYPE_CHECKING:
    from lagebild.core.settings import Settings


@click.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write. Default: docs/figures.md.")
@options.pass_settings
def docs(settings: "Settings", out: Path | None) -> None:
    """Write docs/figures.md.

    Compares the figures of the source documents (seed source_figure) with the current publication; fails if they
    disagree.

    \b
    Example: lagebild figure docs
    """
    from lagebild.core.settings import ROOT
    from lagebild.provenance import figures as held

    out = out or ROOT / "docs" / "figures.md"
    out.write_text(held.page(held.compare(settings)), encoding="utf-8")
    click.echo(out)
