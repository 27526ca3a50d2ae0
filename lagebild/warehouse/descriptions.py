"""What marts and columns are, in German and English: headings, descriptions, units.

The English description is that of the mart (its dbt YAML, carried as the database's comment), without what it says to
developers. The German one stands in `dbt_project/texts/descriptions.de.yml`: by column, and `in` a mart where the
column means something else there; `of` are digests of the English texts that it was translated from. Headings in both
languages stand in `dbt_project/texts/labels.yml`.
"""

import re
from functools import cache
from hashlib import sha256
from typing import Any, Literal

from lagebild.core import yaml_files
from lagebild.core.settings import DBT_PROJECT

Language = Literal["de", "en"]
TEXTS = DBT_PROJECT / "texts"
DESCRIPTIONS, LABELS = TEXTS / "descriptions.de.yml", TEXTS / "labels.yml"
UNITS = {
    "_eur": "EUR", "_pct": "%", "_persons": "persons", "_days": "days", "_points": "percentage points",
    "_cases": "cases", "persons": "persons", "persons_low": "persons", "persons_high": "persons",
    "per_100_inhabitants": "per 100 inhabitants",
}  # fmt: skip
"""Unit by the end of a column's name; the longest end counts."""
_FOR_DEVELOPERS = re.compile(r" ?\((?:see |of the )?seeds? [^()]*\)")
"""A pointer to the file of the models that has the codes; a package explains them itself."""


def of_mart(mart: str, english: str, language: Language) -> str:
    """What a mart is; `english` as the database has it."""
    return _german_mart(mart).get("de", "") if language == "de" and _german_mart(mart) else for_readers(english)


def of_column(mart: str, column: str, english: str, language: Language) -> str:
    """What a column of a mart is; `english` as the database has it. Empty where nothing is said in either language."""
    found = german_column(mart, column) if language == "de" else None
    return found["de"] if found else for_readers(english)


def german_column(mart: str, column: str) -> dict[str, Any] | None:
    """The entry of `descriptions.de.yml` for that column: `de` and `of`; None if there is none."""
    entry = _german()["columns"].get(column)
    if entry is None:
        return None
    found = entry.get("in", {}).get(mart) or entry
    return found if "de" in found else None


def label(column: str, language: Language) -> str | None:
    """The heading of a column; None where it has none."""
    return labels().get(column, {}).get(language)


def unit_of(column: str) -> str:
    """The unit of a column, by the end of its name; empty where it says none."""
    ends = [end for end in UNITS if column.endswith(end)]
    return UNITS[max(ends, key=len)] if ends else ""


@cache
def labels() -> dict[str, dict[str, str]]:
    """The headings: column -> language -> text."""
    return yaml_files.read(LABELS) or {}


def for_readers(english: str) -> str:
    """The English text without pointers to files of the models."""
    return _FOR_DEVELOPERS.sub("", english)


def digest(english: str) -> str:
    """What `of` says of an English text; blanks and line breaks do not count. Its letter keeps YAML from a number."""
    return f"x{sha256(' '.join(english.split()).encode()).hexdigest()[:7]}"


def _german_mart(mart: str) -> dict[str, Any]:
    return _german()["marts"].get(mart) or {}


@cache
def _german() -> dict[str, Any]:
    return yaml_files.read(DESCRIPTIONS)
