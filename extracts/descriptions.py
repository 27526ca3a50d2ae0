"""What the marts and columns of a package are, in the language of its recipient.

The English text is that of the mart (its dbt YAML, carried as the database's comment), without what it says to
developers. The German one stands in `descriptions.de.yml`: by column, and `in` a mart where the column means something
else there; `of` are digests of the English texts that it was translated from.
"""

import re
from functools import cache
from hashlib import sha256
from typing import Any

from extracts.model import Language
from extracts.package import ROOM
from lagebild.core import yaml_files

DESCRIPTIONS = ROOM / "descriptions.de.yml"
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
