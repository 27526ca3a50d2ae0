"""Seeds of the dbt project as stored on disk: small tables of the method, versioned with the code."""

import csv
import re
from collections.abc import Iterator

from lagebild.core.settings import DBT_PROJECT

FOLDER = DBT_PROJECT / "seeds"
_REF = re.compile(r"ref\('(\w+)'\)")


def numbered(seed: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row by column, with the physical line on which it ends, from 1."""
    with (FOLDER / f"{seed}.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        for row in reader:
            yield reader.line_num, row


def rows(seed: str) -> list[dict[str, str]]:
    """The rows by column, in their order."""
    return [row for _, row in numbered(seed)]


def referred(to: str) -> str:
    """The seed that a test's `to: ref('...')` names."""
    return _REF.fullmatch(to)[1]
