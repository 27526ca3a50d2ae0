"""The error class whose message is for users."""

from collections.abc import Iterable


class UserError(Exception):
    """A problem that the user can fix: what is wrong (with file and line), and the remedy."""

    def __init__(self, message: str, remedy: str | None = None):
        super().__init__(message if remedy is None else f"{message}\n  what to do: {remedy}")
        self.message = message
        self.remedy = remedy


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question to start a remedy with; empty if no known name is similar."""
    from difflib import get_close_matches  # late: hardly ever needed

    near = get_close_matches(name, list(known), 1)
    return f"did you mean {near[0]}? " if near else ""
