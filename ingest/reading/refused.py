"""The one error by which a file is refused."""


class Refused(Exception):
    """The delivery cannot be read as its contract says: what is wrong (with line), and what to do."""

    def __init__(self, message: str, remedy: str):
        """Both are a `Message` wherever a file that was sent is read."""
        super().__init__(message)
        self.message = message
        self.remedy = remedy
