"""What several commands take and print the same way."""

import functools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lagebild.settings import Settings

form = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)


def pass_settings(function: Callable) -> Callable:
    """Give a command the settings, read when it runs: its help does not wait for them, and shows in spite of them."""

    @functools.wraps(function)
    def with_settings(*arguments: Any, **named: Any) -> Any:
        from ingest.connectors import known
        from lagebild import settings

        found, variables = settings.load(), settings.given()
        if known.are_any(found, variables):
            known.require_known(found, variables)
        return function(found, *arguments, **named)

    return with_settings


def exit_codes(one: str) -> str:
    """What stands below the help of a command whose exit code 1 also says something else than that it failed."""
    return f"Exit codes: 0 done, 1 {one}, or a problem that the message explains, 2 wrong usage, 130 stopped by Ctrl-C."


def echo_json(found: Any) -> None:
    """Print as JSON; what JSON has no type for (a day, an amount) as text, an amount with every digit."""
    click.echo(json.dumps(found, default=str, indent=2, ensure_ascii=False))


def renew_receipts(settings: "Settings") -> None:
    """Tell the senders of files what became of them; an inbox that cannot be reached is said and told later."""
    from ingest import receipts

    receipts.renew(settings, lambda line: click.echo(line, err=True))
