"""`lagebild figures ...`: what became of the figures of the source documents."""

from pathlib import Path

import click

from lagebild.settings import ROOT, Settings


def add_to(cli: click.Group) -> None:
    """Hang the commands of this module into the command line."""
    cli.add_command(figures)


@click.group()
def figures() -> None:
    """Figures of the source documents, held against the marts."""


@figures.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=ROOT / "docs" / "figures.md")
@click.pass_obj
def docs(settings: Settings, out: Path) -> None:
    """Write docs/figures.md from the seed and the publication in force; fail where the two do not agree.

    \b
    Example: lagebild figures docs
    """
    from lagebild.warehouse import figures as held

    out.write_text(held.page(held.compare(settings)), encoding="utf-8")
    click.echo(out)
