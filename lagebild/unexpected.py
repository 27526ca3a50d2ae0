"""Errors that nobody expected: one line for the person, the traceback into a file for whoever mends it."""

import os
import tempfile
import traceback
from datetime import datetime
from pathlib import Path

from lagebild import output


def report(error: BaseException) -> str:
    """The message for the screen. With `-v` it holds the traceback, too, which is written in any case."""
    text = _text(error)
    path = _written(text)
    message = f"this was not expected: {_name(error)} (traceback: {path})"
    return f"{message}\n{text.rstrip()}" if output.is_verbose() else message


def _text(error: BaseException) -> str:
    """The traceback with those of its causes. What a database says in detail may show a row, and is left out."""
    found = traceback.TracebackException.from_exception(error)
    causes = f"{_text(error.__cause__)}\nThe error above led to this one:\n\n" if error.__cause__ else ""
    if not error.__cause__ and error.__context__ and not error.__suppress_context__:
        causes = f"{_text(error.__context__)}\nWhile that was handled came this:\n\n"
    return f"{causes}Traceback (most recent call last):\n{''.join(found.stack.format())}{_name(error, whole=True)}\n"


def _name(error: BaseException, whole: bool = False) -> str:
    """Kind and message: its first line, or all of it; of a database's error only what holds no values."""
    message = error.diag.message_primary if hasattr(error, "diag") else str(error)
    lines = (message or "").strip().splitlines()
    shown = "\n".join(lines) if whole else "".join(lines[:1])[:200]
    return f"{type(error).__name__}: {shown}" if shown else type(error).__name__


def _written(text: str) -> Path:
    """The file, below the state folder's `logs/`; in a temporary folder where that cannot be written to."""
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
    from lagebild import settings

    try:
        return settings.load().home / "logs"
    except Exception:  # the settings themselves may be what is broken
        return settings.ROOT / ".lagebild" / "logs"
