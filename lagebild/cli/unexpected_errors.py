"""Unexpected errors: one line on the screen, the traceback in a file."""

import os
import tempfile
import traceback
from datetime import datetime
from pathlib import Path

from lagebild.core import output


def report(error: BaseException) -> str:
    """Write the traceback to a file; the message for the screen. With `-v` it includes the traceback."""
    text = _text(error)
    path = _written(text)
    message = f"this was not expected: {_name(error)} (traceback: {path})"
    return f"{message}\n{text.rstrip()}" if output.is_verbose() else message


def _text(error: BaseException) -> str:
    """The traceback with its causes. Details of database errors are left out: they may contain a row."""
    found = traceback.TracebackException.from_exception(error)
    causes = f"{_text(error.__cause__)}\nThe error above led to this one:\n\n" if error.__cause__ else ""
    if not error.__cause__ and error.__context__ and not error.__suppress_context__:
        causes = f"{_text(error.__context__)}\nWhile that was handled came this:\n\n"
    return f"{causes}Traceback (most recent call last):\n{''.join(found.stack.format())}{_name(error, whole=True)}\n"


def _name(error: BaseException, whole: bool = False) -> str:
    """Type and message (first line, or all); for a database error only the part without values."""
    message = error.diag.message_primary if hasattr(error, "diag") else str(error)
    lines = (message or "").strip().splitlines()
    shown = "\n".join(lines) if whole else "".join(lines[:1])[:200]
    return f"{type(error).__name__}: {shown}" if shown else type(error).__name__


def _written(text: str) -> Path:
    """The file in the state folder's `logs/`, or in the temporary folder if that is not writable."""
    for folder in (_logs(), Path(tempfile.gettempdir())):
        path = folder / f"lagebild-{datetime.now():%Y%m%dT%H%M%S%f}-{os.getpid()}.log"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except OSError:
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        return path
    return Path(os.devnull)


def _logs() -> Path:
    from lagebild.core import settings

    try:
        return settings.load().home / "logs"
    except Exception:  # the settings themselves may be what is broken
        return settings.ROOT / ".lagebild" / "logs"
