"""Options and output shared by several commands."""

import functools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lagebild.core.settings import Settings

form = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)


def pass_settings(function: Callable) -> Callable:
    """Pass the settings to a command. They are read when it runs, so its help also works if they are wrong."""

    @functools.wraps(function)
    def with_settings(*arguments: Any, **named: Any) -> Any:
        from lagebild.core import settings
        from lagebild.orchestration import known

        found, variables = settings.load(), settings.given()
        if known.are_any(found, variables):
            known.require_known(found, variables)
        return function(found, *arguments, **named)

    return with_settings


def exit_codes(one: str) -> str:
    """The epilog of a command whose exit code 1 has another meaning besides an error."""
    return f"Exit codes: 0 done, 1 {one}, or a problem that the message explains, 2 wrong usage, 130 stopped by Ctrl-C."


def echo_json(found: Any) -> None:
    """Print as JSON; dates and amounts as strings, amounts with all digits."""
    click.echo(json.dumps(found, default=str, indent=2, ensure_ascii=False))


def renew_receipts(settings: "Settings") -> None:
    """Update the receipts of sent files. An inbox that cannot be reached is reported and updated later."""
    from ingest.inbox import receipts

    receipts.renew(settings, lambda line: click.echo(line, err=True))
