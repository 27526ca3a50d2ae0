"""The board on which a command shows its progress, chosen by where it prints to."""

import sys

from lagebild.core.output import can_draw, current


def board(is_error: bool = False):
    """A progress board for this command, on standard output or standard error."""
    from lagebild.core.progress import Board, Plain

    stream = sys.stderr if is_error else sys.stdout
    if not can_draw(stream):
        return Board(Plain(stream), current)
    from rich.console import Console

    return Board(Console(file=stream), current)
