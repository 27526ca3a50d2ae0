"""What a build's tests of staging forbid, asked of one delivery: it is held, and no build ever fails on it.

The definition is dbt's, beside each staging model: `unique_combination`, `not_null`, and `relationships` with a seed.
Nothing is said twice. Where a model writes a column of its key otherwise than raw holds it, `config.meta.key_in_raw` of
the model says how, and a test compares both on every row. Of several deliveries that hold a key staging takes the
latest period's, so that only rows of one delivery can meet. Where each line of a file is a row of its own, nothing can.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from expectations.suite import HOLD, Expectation, no_row
from lagebild.core import seeds, yaml_files
from lagebild.core.settings import DBT_PROJECT

STAGING = DBT_PROJECT / "models" / "staging"
_READS = re.compile(r"\bdelivered\('(?P<source>\w+)', '(?P<entity>\w+)'")
_BY_LINE = "line_number"


@dataclass(frozen=True)
class Tested:
    """What dbt tests of a staging model, in the words of raw."""

    model: str
    key: dict[str, str]
    """By column of staging, what raw holds of it, as SQL; empty if each line is a row."""
    required: dict[str, str] = field(default_factory=dict)
    """Columns that may not be empty, in the same way."""
    codes: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """By column what raw holds of it, and the seed and its column that lists the values there are."""


@cache
def tested(source: str) -> tuple[Tested, ...]:
    """What dbt tests of the staging models that read a source."""
    found = []
    for path in sorted(STAGING.glob("*/stg_*.sql")):
        if source in {match["source"] for match in _READS.finditer(path.read_text(encoding="utf-8"))}:
            found.append(_of_model(path.stem, _entry(path.parent.name, path.stem)))
    return tuple(found)


def expectations(source: str, owner: str) -> list[Expectation]:
    """What must hold of a delivery of the source, so that the tests of its staging models pass."""
    return [expectation for model in tested(source) for expectation in _expectations(model, owner)]


def _entry(folder: str, model: str) -> dict[str, Any]:
    entries = yaml_files.read(STAGING / folder / f"_{folder}__models.yml")["models"]
    return next(entry for entry in entries if entry["name"] == model)


def _of_model(model: str, entry: dict[str, Any]) -> Tested:
    in_raw = entry.get("config", {}).get("meta", {}).get("key_in_raw", {})
    key: list[str] = []
    for test in entry.get("data_tests", ()):
        if isinstance(test, dict) and "unique_combination" in test:
            columns = test["unique_combination"]["arguments"]["columns"]
            key = [] if _BY_LINE in columns else columns
    required, codes = {}, {}
    for column in entry["columns"]:
        name = column["name"]
        for test in column.get("data_tests", ()):
            if test == "not_null":
                required[name] = in_raw.get(name, name)
            elif isinstance(test, dict) and "relationships" in test:
                to = test["relationships"]["arguments"]
                codes[name] = (in_raw.get(name, name), seeds.referred(to["to"]), to["field"])
    return Tested(model, {column: in_raw.get(column, column) for column in key}, required, codes)


def _expectations(model: Tested, owner: str) -> Iterator[Expectation]:
    columns = {**model.key, **model.required}
    if model.key:
        values, names = ", ".join(model.key.values()), ", ".join(model.key)
        shown = " || ' ' || ".join(f"coalesce(({sql})::text, '-')" for sql in model.key.values())
        yield no_row(
            "rows_have_keys_of_their_own",
            f"""
            select line_number, observed
            from (
                select line_number, {shown} as observed, count(*) over (partition by {values}) as alike
                from batch
            ) as keyed
            where alike > 1
            order by line_number
            """,
            why="Two rows with one key are two answers to one question: a build refuses both, and all other sources"
            " would wait for it.",
            expected=f"no two rows alike in {names}, as the marts write them",
            severity=HOLD,
            owner=owner,
        )
    if columns:
        missing = " or ".join(f"({sql}) is null" for sql in columns.values())
        yield no_row(
            "rows_have_a_whole_key",
            f"select line_number, 'a part of the key is empty' as observed from batch where {missing} order by 1",
            why="A row of which nobody can say what it is about can be counted nowhere, and stops the build.",
            expected=f"a value in each of {', '.join(columns)}",
            severity=HOLD,
            owner=owner,
        )
    for column, (sql, seed, listed_in) in model.codes.items():
        listed = ", ".join(f"'{value}'" for value in _listed(seed, listed_in))
        yield no_row(
            f"{column}_is_listed",
            f"select line_number, {sql} as observed from batch where {sql} not in ({listed}) order by 1",
            why="A code that the house does not know yet would stop the build of every source: it is described first.",
            expected=f"a code of dbt_project/seeds/{seed}.csv",
            severity=HOLD,
            owner=owner,
        )


def _listed(seed: str, column: str) -> list[str]:
    return sorted({row[column].replace("'", "''") for row in seeds.rows(seed)})
