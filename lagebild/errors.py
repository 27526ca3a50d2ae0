"""The one error that a user is meant to read."""


class UserError(Exception):
    """A problem that the user can mend: what is wrong (naming file and line), and the remedy."""

    def __init__(self, message: str, remedy: str | None = None):
        super().__init__(message if remedy is None else f"{message}\n  what to do: {remedy}")
        self.message = message
        self.remedy = remedy
