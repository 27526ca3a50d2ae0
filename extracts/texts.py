"""The words of a package, in the language of its recipient: sentences, titles, headings, codes, numbers, dates.

Sentences stand in `phrases.yml`, a block a writer; titles in `package.yml`, headings and what marts and columns are in
`dbt_project/texts/`, what a code means in the seeds and in `codes.yml`, what contracts say of their data in
`sources.de.yml`. Each has German and English; where one is missing nothing is written.
"""

import difflib
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

from extracts.model import Language
from extracts.package import ROOM, load
from lagebild.core import yaml_files
from lagebild.core.errors import UserError
from lagebild.warehouse import descriptions

PHRASES, SOURCES = ROOM / "phrases.yml", ROOM / "sources.de.yml"
LANGUAGES: tuple[Language, ...] = ("de", "en")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
"""In English, whatever the locale."""
_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Texts:
    """All words in one language."""

    language: Language

    def say(self, key: str, **values: Any) -> str:
        """The sentence `block.name` of `phrases.yml` with its values filled in; UserError if there is none."""
        return _phrase(key)[self.language].format(**values)

    def title(self, mart: str) -> str:
        """The title of a mart of the package, by its name."""
        return next(entry.title for entry in load().marts_of("statistics_unit") if entry.name == mart)[self.language]

    def label(self, column: str) -> str:
        """The heading of a column; the column's own name where it has none."""
        return descriptions.label(column, self.language) or column

    def description(self, mart: str, column: str | None = None, english: str = "") -> str:
        """What a mart is, or a column of it; `english` is its comment in the database."""
        if column is None:
            return descriptions.of_mart(mart, english, self.language)
        return descriptions.of_column(mart, column, english, self.language)

    def code(self, column: str, value: str) -> str | None:
        """What a code in that column means; None if the column holds no codes, or not this one."""
        from extracts import codes  # late: reads a dozen seeds

        return codes.text(column, value, self.language)

    def source(self, text: str) -> str:
        """What a contract says of its data (title, source, licence), in German where `sources.de.yml` has it."""
        return _sources().get(text, text) if self.language == "de" else text

    def place(self, key: str, name: str) -> str:
        """The name of a place: of the country and its states in this language, else as its source calls it."""
        return self.say(f"place.{key}") if f"place.{key}" in phrase_keys() else name

    def truth(self, value: bool) -> str:
        """What stands for true and false: ja and nein, yes and no."""
        return self.say("workbook.true" if value else "workbook.false")

    def number(self, value: Decimal | int, digits: int) -> str:
        """1.234,50 in German, 1,234.50 in English, rounded half up, with a proper minus."""
        rounded = Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        text = f"{abs(rounded):,f}"
        if self.language == "de":
            text = text.translate(str.maketrans(",.", ".,"))
        return f"{_MINUS}{text}" if rounded < 0 else text

    def date(self, value: date) -> str:
        """31.12.2024 in German, 31 December 2024 in English."""
        if self.language == "de":
            return f"{value:%d.%m.%Y}"
        return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


GERMAN = Texts("de")


def phrase_keys() -> list[str]:
    """Every key of `phrases.yml`, as `block.name`."""
    return [f"{block}.{name}" for block, names in _phrases().items() for name in names]


def _phrase(key: str) -> dict[str, str]:
    block, _, name = key.partition(".")
    found = _phrases().get(block, {}).get(name)
    if not found or any(not found.get(language) for language in LANGUAGES):
        near = difflib.get_close_matches(key, phrase_keys(), 1)
        raise UserError(
            f"{PHRASES}: {key} has no text in {' and '.join(LANGUAGES)}",
            remedy=f"write both{f', or say {near[0]}' if near and near[0] != key else ''}",
        )
    return found


@cache
def _phrases() -> dict[str, dict[str, dict[str, str]]]:
    return yaml_files.read(PHRASES) or {}


@cache
def _sources() -> dict[str, str]:
    return yaml_files.read(SOURCES) or {}
