"""Verbosity of every command: `-v`, `-q` and `--no-progress`.

Every command imports this module, so it is cheap. The library that draws on a terminal is imported if there is one.
"""

import os
import shutil
import sys
import textwrap
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TextIO

import click


class Level(IntEnum):
    """Verbosity."""

    QUIET = 0
    """Errors, and the output of commands that list something."""
    NORMAL = 1
    VERBOSE = 2
    """Every step, also in a pipe, and the traceback of an unexpected error."""


@dataclass
class Output:
    """What this process may print."""

    level: Level = Level.NORMAL
    is_drawing: bool = True
    """Whether to draw on a terminal; otherwise it gets plain lines, like a pipe."""


current = Output()
"""Settings of the command in this process."""


def reset() -> None:
    """Reset the options of an earlier command in this process."""
    current.level, current.is_drawing = Level.NORMAL, True


def is_verbose() -> bool:
    return current.level == Level.VERBOSE


def say(line: str = "", stands_out: bool = False) -> None:
    """Print a line unless quiet. On a terminal, long lines wrap between words."""
    if current.level == Level.QUIET:
        return
    if can_draw(sys.stdout):
        width = shutil.get_terminal_size().columns
        if len(line) > width and "\n" not in line:
            line = textwrap.fill(line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        line = click.style(line, fg="yellow", bold=True) if stands_out and "NO_COLOR" not in os.environ else line
    click.echo(line)


def can_draw(stream: TextIO) -> bool:
    """Whether a stream is a terminal whose lines can be redrawn.

    FORCE_COLOR and similar variables do not count: in a pipe, control codes would fill the log.
    """
    return current.is_drawing and stream.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")


# --- the options -----------------------------------------------------------------------------------------------------


def _set_level(level: Level):
    def callback(context: click.Context, parameter: click.Parameter, is_given: bool) -> None:
        if not is_given:
            return
        if current.level not in (Level.NORMAL, level):
            raise click.UsageError("--verbose and --quiet exclude each other", context)
        current.level = level

    return callback


def _draw_nothing(context: click.Context, parameter: click.Parameter, is_given: bool) -> None:
    current.is_drawing = current.is_drawing and not is_given


def options() -> list[click.Option]:
    """The options of every command; they may be given before and after its name."""
    common: dict[str, Any] = {"is_flag": True, "expose_value": False}
    return [
        click.Option(
            ["-v", "--verbose"], callback=_set_level(Level.VERBOSE), help="Every step, and tracebacks.", **common
        ),
        click.Option(["-q", "--quiet"], callback=_set_level(Level.QUIET), help="Only errors.", **common),
        click.Option(
            ["--no-progress"], callback=_draw_nothing, help="Plain lines on a terminal, as in a pipe.", **common
        ),
    ]
