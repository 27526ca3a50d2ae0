"""The one error that a user is meant to read."""

from collections.abc import Iterable


class UserError(Exception):
    """A problem that the user can mend: what is wrong (naming file and line), and the remedy."""

    def __init__(self, message: str, remedy: str | None = None):
        super().__init__(message if remedy is None else f"{message}\n  what to do: {remedy}")
        self.message = message
        self.remedy = remedy


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question for the beginning of a remedy; empty where no known name is near."""
    from difflib import get_close_matches  # late: hardly ever needed

    near = get_close_matches(name, list(known), 1)
    return f"did you mean {near[0]}? " if near else ""
