"""`lagebild calendar`: what was due, when it came, and what is late."""

import json
import sys
from dataclasses import asdict

import click

from lagebild.settings import Settings


@click.command()
@click.option("--late", "is_late_only", is_flag=True, help="Only what is late; exit code 1 when something is.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.make_pass_decorator(Settings)
def calendar(settings: Settings, is_late_only: bool, form: str) -> None:
    """List what was due, when it came, and in what state it is. BI reads the same as marts.delivery_calendar.

    Due dates are the house's own expectations, as the contracts state them under due.

    \b
    Exit codes: 0; with --late 1 when something is late.
    Examples:
      lagebild calendar
      lagebild calendar --late --format json
    """
    from lagebild.delivery_calendar import entries

    found = [entry for entry in entries(settings) if entry.is_late or not is_late_only]
    if form == "json":
        click.echo(json.dumps([asdict(entry) for entry in found], default=str, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(map(str, found)) or "nothing is late")
    if is_late_only and found:
        sys.exit(1)
