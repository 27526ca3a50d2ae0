"""What several commands take and print the same way."""

import json
from typing import Any

import click

from lagebild.settings import Settings

pass_settings = click.make_pass_decorator(Settings)
form = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)


def echo_json(found: Any) -> None:
    """Print as JSON; what JSON has no type for (a day, an amount) as text, an amount with every digit."""
    click.echo(json.dumps(found, default=str, indent=2, ensure_ascii=False))


def renew_receipts(settings: Settings) -> None:
    """Tell the senders of files what became of them; an inbox that cannot be reached is said and told later."""
    from ingest import receipts

    receipts.renew(settings, lambda line: click.echo(line, err=True))
