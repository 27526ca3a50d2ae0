"""Every code that a column of the package can hold has its text in German and in English."""

import re
from collections.abc import Iterator

import pytest

from extracts import codes, marts, package, tables
from extracts.contents import Contents
from extracts.texts import GERMAN
from lagebild.core import yaml_files
from lagebild.core.settings import DBT_PROJECT

PACKAGE = package.load()
NAMES = {entry.name for entry in PACKAGE.marts}
_CODED = re.compile(r"(^|_)(reason|evidence|verdict|sign)$")


def accepted() -> Iterator[tuple[str, str]]:
    """Column and value of every test of accepted values in the marts of the package."""
    for path in DBT_PROJECT.glob("models/marts/*/_*__models.yml"):
        for model in yaml_files.read(path)["models"]:
            if model["name"] not in NAMES:
                continue
            for column in model["columns"]:
                for test in column.get("data_tests") or []:
                    if isinstance(test, dict) and "accepted_values" in test:
                        for value in test["accepted_values"]["arguments"]["values"]:
                            yield column["name"], str(value)


def unexplained(found: set[tuple[str, str]]) -> list[str]:
    """`column: code` of those without a text."""
    return sorted(f"{column}: {code}" for column, code in found if not codes.text(column, code, "de"))


def test_every_value_that_a_mart_accepts_is_explained():
    assert unexplained(set(accepted())) == []


def test_every_text_is_there_in_both_languages_and_differs_from_its_code():
    columns = [*codes._columns(), "reason", "share_reason", "persons_status", "rate_evidence"]
    rows = list(codes.rows(columns))
    assert len(rows) > 700
    assert [row for row in rows if not row[2].strip() or not row[3].strip()] == []


def test_a_column_that_names_no_list_is_said(monkeypatch):
    monkeypatch.setattr(codes, "_columns", lambda: {"sex": ["sexes"]})
    with pytest.raises(codes.UserError, match=r"columns\.sex names no list 'sexes'"):
        codes.of_column("sex")


def test_no_reason_tells_by_which_rule_a_number_is_protected():
    reasons = codes.of_column("reason")
    assert "confidential" in reasons
    assert {"one_district", "rate_too_coarse"} & reasons.keys() == set()


@pytest.mark.parametrize("lost", ["verdict", "region_level"])
def test_a_lost_list_is_noticed(monkeypatch, lost):
    lists = {**codes._lists(), lost: {}}
    monkeypatch.setattr(codes, "_lists", lambda: lists)
    found = {(column, value) for column, value in accepted()} | {("region_level", "state")}
    assert unexplained(found) != []


def test_every_code_of_the_demo_is_explained_and_listed(published_warehouse):
    with marts.reader(published_warehouse) as connection:
        read = tuple(marts.mart(connection, entry, 1) for entry in PACKAGE.marts)
        contents = Contents(PACKAGE, marts.publication(connection, 1), read, [], [], [], {}, GERMAN)
    coded = {
        (column.name, str(value))
        for mart in read
        for column in tables.written_columns(mart)
        if codes.of_column(column.name) or _CODED.search(column.name)
        for value in _values(mart, column.name)
        if value is not None and str(value)
    }
    assert len(coded) > 150
    assert unexplained(coded) == []
    listed = tables.codes_bytes(contents).decode("utf-8-sig").splitlines()
    assert listed[0] == '"column";"code";"text_de";"text_en"'
    assert '"sex";"female";"weiblich";"female"' in listed


def _values(mart: marts.Mart, name: str) -> set:
    position = [column.name for column in tables.written_columns(mart)].index(name)
    return {row[position] for row in tables.written_rows(mart)}
