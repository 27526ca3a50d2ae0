"""What a variable of the environment is: its name, the form of its text, its default, and who reads it.

`lagebild/core/settings.py` lists all of them, once. `.env.example`, the page `docs/settings.md`, what Airflow's
processes are given and the tests of `docker/` come from there.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lagebild.core.errors import UserError

PREFIX = "LAGEBILD_"
PIPELINE, AIRFLOW, COMMANDS, DBT, COMPOSE = "pipeline", "Airflow's processes", "commands", "dbt", "compose"
EVERY, WAREHOUSE, HOST = "every container", "containers with the warehouse's password", "compose itself"
"""To whom the compose file hands a variable on; `HOST`: for folders, ports and images, and no container sees it."""


@dataclass(frozen=True)
class Form:
    """A form that a text must have, in words, and what reads it: name and text in, the value out; UserError else."""

    says: str
    read: Callable[[str, str], Any]
    unit: str = ""


@dataclass(frozen=True)
class Variable:
    """A variable. In a name `<HOST>` stands for one of several, and what is in brackets may be left out."""

    name: str
    form: Form
    about: str
    """Sentences for whoever sets it; the first says what it is."""
    heading: str = ""
    """Under which it is listed; none: the project sets it for its own processes, and nobody else does."""
    default: str = ""
    """The text that counts where none is set; `$LAGEBILD_HOME` in it is the state folder."""
    otherwise: str = ""
    """The same in words, where no text says it."""
    example: str = ""
    shown: tuple[str, ...] = ()
    """Lines of `.env.example`, where one with the example or the default would not do."""
    is_secret: bool = False
    readers: tuple[str, ...] = (PIPELINE, AIRFLOW)
    compose: str | None = EVERY
    """To whom the compose file hands it on; None: to nobody."""
    fixed_in: tuple[str, ...] = ()
    """Where it is no choice: `compose`, `systemd`."""

    @cached_property
    def pattern(self) -> re.Pattern:
        """Every name that it may have; its group is what stands for the part in angle brackets."""
        optional = self.name.replace("[", "(?:").replace("]", ")?")
        return re.compile(re.sub("<[A-Z]+>", "([A-Z0-9_]+)", optional))

    @property
    def is_family(self) -> bool:
        """Whether there are several of it."""
        return "<" in self.name

    @property
    def bare_name(self) -> str | None:
        """The name that it has where nothing is added; None where something must be."""
        name = re.sub(r"\[.*\]", "", self.name)
        return None if "<" in name else name

    def named(self, of: str = "") -> str:
        """The name of one of a family, such as that of a host; without one the bare name."""
        whole = self.name.replace("[", "").replace("]", "") if of else self.bare_name
        return re.sub("<[A-Z]+>", of.upper(), whole)

    def given(self, values: dict[str, str]) -> Iterator[tuple[str, str, str]]:
        """Of a family: what is set, as the part that stands in angle brackets (small letters), name and text."""
        for name, text in values.items():
            if (stated := text.strip()) and (match := self.pattern.fullmatch(name)):
                yield (match[1] or "").lower(), name, stated


def written(value: Any) -> str:
    """The text from which a value is read again."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, frozenset | tuple):
        return " ".join(sorted(value) if isinstance(value, frozenset) else value)
    return str(int(value)) if isinstance(value, float) else str(value)


# --- forms -----------------------------------------------------------------------------------------------------------


def _is_number(text: str) -> bool:
    """Whether a text is digits alone, and such that `int` knows them."""
    return text.isascii() and text.isdigit()


def _port(name: str, text: str) -> int | None:
    if text and not (_is_number(text) and 0 < int(text) < 65536):
        raise UserError(f"{name}={text} is not a port", remedy="set a number from 1 to 65535, or unset it")
    return int(text) if text else None


def _seconds(name: str, text: str) -> int:
    if not _is_number(text):
        raise UserError(f"{name}={text} is no number of seconds", remedy="such as 30")
    return int(text)


def flag(remedy: str) -> Form:
    """0 or 1; nothing set and no default is None."""

    def read(name: str, text: str) -> bool | None:
        if text not in ("", "0", "1"):
            raise UserError(f"{name}={text} is neither 0 nor 1", remedy=remedy)
        return text == "1" if text else None

    return Form("0 or 1", read)


def days(such_as: str) -> Form:
    """Whole days, from 1 to a century, or nothing."""

    def read(name: str, text: str) -> int | None:
        if text and not (_is_number(text) and 0 < int(text) <= 36_500):
            raise UserError(f"{name}={text} is no number of days", remedy=f"such as {such_as}")
        return int(text) if text else None

    return Form("number", read, unit="days")


def url(*schemes: str) -> Form:
    """Scheme and host, without a password."""

    def read(name: str, text: str) -> str | None:
        try:
            parts = urlsplit(text)
            is_one = parts.scheme in schemes and bool(parts.hostname) and not parts.password and parts.port != 0
        except ValueError:
            is_one = False
        if text and not is_one:  # not repeated: a part of it may be secret
            form = f"{schemes[0]}://HOST without a password in it"
            raise UserError(f"{name} is not an URL of the form {form}", remedy=".env.example shows one")
        return text or None

    return Form(f"URL ({' or '.join(schemes)})", read)


def one_of(*words: str) -> Form:
    """One of these words, or nothing."""

    def read(name: str, text: str) -> str | None:
        if text and text not in words:
            told = f"{name}={text} is neither {' nor '.join(words)}"
            raise UserError(told, remedy=f"set {' or '.join(words)}, or unset it")
        return text or None

    return Form(" or ".join(words), read)


def inbox_url(text: str) -> str:
    """The URL of an SFTP or S3 store; UserError where it is none, or holds a password."""
    try:
        parts = urlsplit(text)
        is_one = parts.scheme in ("sftp", "s3") and bool(parts.hostname) and not parts.password and parts.port != 0
        is_one = is_one and (not parts.query or parts.query.startswith("endpoint=http")) and not parts.fragment
    except ValueError:
        is_one = False
    if not is_one:  # not repeated: a part of it may be secret
        raise UserError(
            "something that is no inbox, or that holds a password, was given as one",
            remedy="sftp://USER@HOST/FOLDER or s3://BUCKET/PREFIX?endpoint=URL (LAGEBILD_INBOXES: spaces between them)",
        )
    return text.rstrip("/")


def _class_path(name: str, text: str) -> str | None:
    if text and not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", text):
        raise UserError(f"{name} is no path of a class", remedy="such as package.module.ClassName")
    return text or None


def _json_object(name: str, text: str) -> str | None:
    try:
        is_object = not text or isinstance(json.loads(text), dict)
    except ValueError:
        is_object = False
    if not is_object:  # not repeated: a part of it may be secret
        raise UserError(f"{name} is no JSON object", remedy="""such as {"url": "https://vault.example.org"}""")
    return text or None


CLASS_PATH = Form("path of a Python class", _class_path)
JSON_OBJECT = Form("JSON object", _json_object)
FOLDER = Form("folder", lambda name, text: Path(text).expanduser().resolve() if text else None)
PORT = Form("port", _port)
SECONDS = Form("number", _seconds, unit="seconds")
TEXT = Form("text", lambda name, text: text)
TEXT_OR_NONE = Form("text", lambda name, text: text or None)
NAMES = Form("names, spaces between them", lambda name, text: frozenset(text.split()))
INBOXES = Form("URLs (sftp or s3), spaces between them", lambda name, text: tuple(map(inbox_url, text.split())))
