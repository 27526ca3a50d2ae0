"""`lagebild figures ...`: what became of the figures of the source documents."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lagebild import options

if TYPE_CHECKING:
    from lagebild.settings import Settings


@click.group()
def figures() -> None:
    """Figures of the source documents, held against the marts.

    \b
    Example: lagebild figures docs
    """


@figures.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Another file than docs/figures.md.")
@options.pass_settings
def docs(settings: "Settings", out: Path | None) -> None:
    """Write docs/figures.md from the seed and the publication in force; fail where the two do not agree.

    \b
    Example: lagebild figures docs
    """
    from lagebild.settings import ROOT
    from lagebild.warehouse import figures as held

    out = out or ROOT / "docs" / "figures.md"
    out.write_text(held.page(held.compare(settings)), encoding="utf-8")
    click.echo(out)
