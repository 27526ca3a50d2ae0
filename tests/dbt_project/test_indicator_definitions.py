"""The definitions of indicators and the changes of territories are whole."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from ingest.pulls import catalogue
from lagebild.core.settings import DBT_PROJECT

Row = dict[str, str]
CODES = [
    *("A1", "A2a", "A4", "A8", "A9", "B1", "B2", "C1", "C2", "D3", "D4", "D8"),
    *("E1", "E2", "E3", "E4", "E5", "E7", "E8", "G1"),
]
PLACEHOLDER = re.compile(r"\{\w*\}")
CELLS = re.compile(r"total|[A-Z0-9]+=[A-Z0-9-]*|[A-Z0-9]+=\{sex(_sum)?\}")


def rows(seed: str) -> list[Row]:
    with (DBT_PROJECT / "seeds" / f"{seed}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def tables(row: Row) -> Iterator[str]:
    yield from (row[f"{operand}_table"] for operand in ("numerator", "denominator") if row[f"{operand}_table"])


def unpulled(definitions: list[Row], pulled: set[str]) -> list[str]:
    """Definitions whose table nothing pulls: the catalogue lacks it."""
    return sorted(
        {f"{row['indicator_code']}: {table}" for row in definitions for table in tables(row) if table not in pulled}
    )


def unsound(row: Row) -> list[str]:
    """What a definition says that nobody could compute, or leaves unsaid."""
    found = []
    for operand in ("numerator", "denominator"):
        table, measure, cells = (row[f"{operand}_{part}"] for part in ("table", "measure", "cells"))
        if bool(measure) != bool(cells) or (cells and not table):
            found.append(f"{operand}: a cell is a table, a measure and attributes")
        wrong = [part for cell in cells.split(" + ") if cell for part in cell.split(";") if not CELLS.fullmatch(part)]
        found += [f"{operand}: {part}" for part in wrong]
    of_sex = [set(PLACEHOLDER.findall(row[f"{operand}_cells"])) for operand in ("numerator", "denominator")]
    if row["formula"] == "percentage" and all(row[f"{o}_cells"] for o in ("numerator", "denominator")):
        found += ["one operand by sex, the other not"] * (of_sex[0] != of_sex[1])
    whole = bool(row["numerator_cells"]) and (row["formula"] == "count" or bool(row["denominator_cells"]))
    if whole == bool(row["missing_de"] and row["missing_en"]):
        found.append("what is missing is said where something is, and nowhere else")
    return found + [f"no {column}" for column in ("label_de", "label_en", "source_document") if not row[column]]


def test_each_table_of_a_definition_is_pulled() -> None:
    assert unpulled(rows("indicator_definition"), {entry.id for entry in catalogue.entries()}) == []
    lacking = {"indicator_code": "E1", "numerator_table": "1-1", "denominator_table": "2-2"}
    assert unpulled([lacking], {"2-2"}) == ["E1: 1-1"]


def test_each_definition_can_be_computed_or_says_what_is_missing() -> None:
    assert {r["indicator_code"]: what for r in rows("indicator_definition") if (what := unsound(r))} == {}
    row = rows("indicator_definition")[-1]
    assert unsound(row) == []
    assert unsound(row | {"numerator_measure": ""}) == ["numerator: a cell is a table, a measure and attributes"]
    assert unsound(row | {"numerator_cells": "NAT=NATA"}) == ["one operand by sex, the other not"]
    assert unsound(row | {"denominator_cells": "GES={sex};women"}) == ["denominator: women"]
    assert unsound(row | {"missing_de": "x", "missing_en": "x"})[0].startswith("what is missing")
    assert unsound(row | {"numerator_cells": "", "numerator_measure": ""})[0].startswith("what is missing")
    assert unsound(row | {"label_en": ""}) == ["no label_en"]


def test_every_indicator_that_was_asked_for_is_defined() -> None:
    known = {row["indicator_code"] for row in rows("indicator_definition") if row["indicator_set"] == "laender"}
    assert [code for code in CODES if not any(re.fullmatch(rf"{code}[a-z]?", name) for name in known)] == []


def test_the_shares_of_a_place_are_the_whole_of_it() -> None:
    shares: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for row in rows("territorial_change"):
        shares[row["from_code"], row["valid_on"], row["basis"], row["share_on"]] += Decimal(row["share"])
    assert set(shares.values()) == {Decimal(1)}
    bases = {(code, day): set() for code, day, _, _ in shares}
    for code, day, basis, _ in shares:
        bases[code, day].add(basis)
    assert all(found == {"population", "area"} for found in bases.values())


def test_each_dissolved_district_of_the_state_has_its_successor() -> None:
    changes = {row["from_code"]: row["valid_on"] for row in rows("territorial_change")}
    gone = [r for r in rows("place") if r["valid_to"] and r["place_kind"] != "municipality"]
    assert gone and {r["district_code"] for r in gone} <= set(changes)
