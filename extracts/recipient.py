"""Recipients of releases: one YAML file each, read and checked.

`extracts/recipients/` holds those of the demo, `<config>/recipients/` a house's own. What stands in such a file:
docs/runbooks/releases.md.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from datetime import date
from pathlib import Path
from typing import Any, get_args, get_type_hints

from extracts import package
from extracts.model import Recipient
from lagebild.core import yaml_files
from lagebild.core.errors import UserError, did_you_mean
from lagebild.core.variables import inbox_url

FOLDER = "recipients"
SHIPPED = package.ROOM / FOLDER
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
RUNBOOK = "docs/runbooks/releases.md"
REVIEWER = Recipient("reviewer", "", "", "review of the published figures", "de", "public", schedule="each_publication")
"""Of a house that names no recipient: whoever reviews the figures."""
_REQUIRED = ("office", "legal_basis", "purpose", "language", "profile")
_LISTS = ("marts", "places")
_KEYS = tuple(field.name for field in fields(Recipient) if field.name != "name")
_AGS_DIGITS = (2, 3, 5, 8)
_PARAGRAPH = re.compile(r"(§{1,2}|\bArt\.|\bArtikel|\bArticle) ?\d")
_MONTHS = {"monthly": 1, "quarterly": 3, "half_yearly": 6, "yearly": 12}


def known(config: Path, demo: bool) -> dict[str, Recipient]:
    """Every recipient by name: the house's own, in the demo also those that are shipped; else the reviewer alone."""
    folders = [SHIPPED] * demo + [config / FOLDER]
    found = {path.stem: read(path) for folder in folders for path in sorted(folder.glob("*.yml"))}
    return found or {REVIEWER.name: REVIEWER}


def named(config: Path, demo: bool, name: str) -> Recipient:
    """The recipient of that name; UserError names the known ones."""
    recipients = known(config, demo)
    if name not in recipients:
        raise UserError(
            f"there is no recipient {name}",
            remedy=f"{did_you_mean(name, recipients)}known are {', '.join(sorted(recipients))};"
            f" a new one is a file {config / FOLDER}/{name}.yml ({RUNBOOK})",
        )
    return recipients[name]


def read(path: Path) -> Recipient:
    """The recipient that a file describes; UserError with file, line and remedy of the first fault."""
    text = path.read_text(encoding="utf-8")
    try:
        content = yaml_files.parsed(text)
    except Exception as error:  # of the parser, which has several
        raise UserError(f"{path} is no YAML: {error}", remedy=f"mend it as {RUNBOOK} shows") from error
    if not isinstance(content, Mapping):
        raise UserError(f"{path} is empty, or no list of keys and values", remedy=f"see {RUNBOOK}")
    return _checked(_File(path, text), content)


def recorded(content: Mapping[str, Any]) -> Recipient:
    """The recipient that the register recorded (`written`)."""
    values: dict[str, Any] = {key: tuple(value) if key in _LISTS else value for key, value in content.items()}
    return Recipient(**values)


def written(recipient: Recipient) -> dict[str, Any]:
    """The recipient as the register records it."""
    return {key: list(value) if key in _LISTS else value for key, value in asdict(recipient).items()}


def is_due(recipient: Recipient, published_on: date, last_on: date | None) -> bool:
    """Whether a publication of that day is to be released, when the last release was of a publication of `last_on`."""
    if recipient.schedule == "on_request":
        return False
    if last_on is None or recipient.schedule == "each_publication":
        return True
    return _period(recipient, published_on) > _period(recipient, last_on)


def next_on(recipient: Recipient, published_on: date) -> date | None:
    """The day from which the next publication is released; None where only the publications say when."""
    months = _MONTHS.get(recipient.schedule)
    if months is None:
        return None
    first = (_period(recipient, published_on) + 1) * months
    return date(first // 12, first % 12 + 1, 1)


def _period(recipient: Recipient, day: date) -> int:
    """Number of the period of the schedule in which a day is."""
    return (day.year * 12 + day.month - 1) // _MONTHS[recipient.schedule]


class _File:
    """A recipient's file, to say where a fault is."""

    def __init__(self, path: Path, text: str):
        self._path, self._lines = path, text.splitlines()

    @property
    def name(self) -> str:
        return self._path.stem

    def fault(self, key: str, said: str, remedy: str) -> UserError:
        line = next((n for n, text in enumerate(self._lines, 1) if re.match(rf"{re.escape(key)}\s*:", text)), None)
        return UserError(f"{self._path}{f', line {line}' if line else ''}: {said}", remedy=remedy)


def _checked(file: _File, content: Mapping[str, Any]) -> Recipient:
    if not NAME.fullmatch(file.name):
        raise file.fault(
            "", f"{file.name!r} cannot name a folder", "name the file with a-z, 0-9, - and _, such as ministry-nrw.yml"
        )
    for key in content:
        if key not in _KEYS:
            raise file.fault(
                str(key),
                f"{key} is no key of a recipient",
                f"{did_you_mean(str(key), _KEYS)}known are {', '.join(_KEYS)}",
            )
    for key in _REQUIRED:
        if not str(content.get(key) or "").strip():
            raise file.fault(key, f"{key} is missing or empty", f"say it, as {RUNBOOK} shows")
    for key, value in content.items():
        is_list = key in _LISTS
        parts = value if is_list and isinstance(value, list) else [value]
        if is_list != isinstance(value, list) or not all(isinstance(part, str) for part in parts):
            wanted = 'a list of texts (a key such as "05913000" in quotes)' if is_list else "a text"
            raise file.fault(key, f"{key} is not {wanted}", "write it so; quotes make a number or a date a text")
    for key, choices in _choices().items():
        if key in content and content[key] not in choices:
            more = "; another profile needs a decision page" if key == "profile" else ""
            raise file.fault(key, f"{key} is {content[key]!r}", f"one of {', '.join(choices)}{more}")
    values: dict[str, Any] = {key: tuple(value) if key in _LISTS else value.strip() for key, value in content.items()}
    recipient = Recipient(name=file.name, **values)
    _check_profile(file, recipient)
    _check_marts(file, recipient)
    _check_places(file, recipient.places)
    _check_address(file, recipient.delivery)
    return recipient


def _choices() -> dict[str, tuple[str, ...]]:
    """By key of a closed list its values."""
    hints = {key: get_args(hint) for key, hint in get_type_hints(Recipient).items() if key not in _LISTS}
    return {key: values for key, values in hints.items() if values}


def _check_profile(file: _File, recipient: Recipient) -> None:
    if recipient.profile == "statistics_unit" and not _PARAGRAPH.search(recipient.legal_basis):
        raise file.fault(
            "legal_basis",
            "a statistics unit receives unprotected figures, and its legal basis names no paragraph",
            "name the paragraph or article that allows it, such as: § 16 Abs. 5 BStatG",
        )


def _check_marts(file: _File, recipient: Recipient) -> None:
    entries = package.load().marts_of(recipient.profile)
    allowed = [one.name for one in entries]
    for one in entries:
        if one.name in recipient.marts and one.caption and one.caption not in recipient.marts:
            raise file.fault(
                "marts",
                f"figures of {one.name} have their caption in {one.caption}, which is not in the list",
                f"add {one.caption}: a cost figure is not released without its caption",
            )
    for mart in recipient.marts:
        if mart not in allowed:
            raise file.fault(
                "marts",
                f"profile {recipient.profile} has no mart {mart}",
                f"{did_you_mean(mart, allowed)}extracts/package.yml names all",
            )


def _check_places(file: _File, places: Iterable[str]) -> None:
    for place in places:
        if not place.isdecimal() or len(place) not in _AGS_DIGITS:
            raise file.fault(
                "places",
                f"{place!r} is no key of a place",
                "an AGS of 8 digits, or its first 2 (state), 3 or 5 (district)",
            )


def _check_address(file: _File, address: str) -> None:
    if not address or (address.startswith("file:///") and address.strip("/") != "file:"):
        return
    try:
        inbox_url(address)
    except UserError as error:  # not repeated: a part of it may be secret
        raise file.fault(
            "delivery",
            "the address is no place to put a package, or holds a password",
            "file:///FOLDER, sftp://USER@HOST/FOLDER or s3://BUCKET/PREFIX?endpoint=URL; passwords and keys are files"
            " of the secrets folder (docs/runbooks/receive-files.md)",
        ) from error
