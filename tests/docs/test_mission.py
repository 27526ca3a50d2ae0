"""docs/mission.md: a row for each thing asked for, and every mart, command, DAG and target it names is there."""

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lagebild.core.settings import ROOT
from lagebild.warehouse import marts
from tests.lagebild.cli.test_cli import commands

PAGE = ROOT / "docs" / "mission.md"
FACTS = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared") / "facts" / "mission.csv"
STATES = ("works", "in part", "not built")


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        for line in text.splitlines()
        if re.match(r"\| \d+ \|", line)
    ]


def faults(text: str) -> Iterator[str]:
    """Cells that are empty, states that are none, things that are not there, sums that are wrong."""
    known = {
        "mart": {mart.name for mart in marts.definitions() if mart.schema == "marts"},
        "command": {" ".join(path) for path, _ in commands()},
        "dag": {path.stem for path in (ROOT / "dags").glob("*.py")},
        "target": set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)),
        "page": {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")},
        "schema": {marts.HISTORY},
    }
    found = rows(text)
    for number, *cells in found:
        if len(cells) != 5 or not all(cells):
            yield f"row {number}: an empty cell"
            continue
        _, _, where, state, remark = cells
        if state not in STATES:
            yield f"row {number}: {state!r} is no state"
        if (where == "none") != (state == "not built"):
            yield f"row {number}: {state}, and is in {where}"
        named = re.findall(r"(\w+) `([^`]+)`", where)
        if where != "none" and not named:
            yield f"row {number}: nothing is named in {where!r}"
        yield from (f"row {number}: no {kind} {name}" for kind, name in named if name not in known.get(kind, ()))
        for link in re.findall(r"\]\(([^)]+)\)", remark):
            if not (ROOT / "docs" / link).exists():
                yield f"row {number}: no page {link}"
        if state != "works" and len(remark) < 20:
            yield f"row {number}: does not say what would be needed"
    counted = Counter(cells[-2] for cells in found)
    for state in STATES:
        if f"| {state} | {counted[state]} |" not in text:
            yield f"{state}: {counted[state]} rows, and the page says another number"


def test_every_row_names_what_is_there_or_says_what_would_be_needed():
    assert list(faults(PAGE.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("mart `refinancing`", "mart `refinance`", "row 8: no mart refinance"),
        ("command `source fetch`", "command `source get`", "row 29: no command source get"),
        ("| works |", "| done |", "'done' is no state"),
        ("target `bi-test`", "target `bi-look`", "row 39: no target bi-look"),
        ("| none | not built |", "| none | works |", "works, and is in none"),
        ("Needs the state's table of payments as a delivery.", "", "row 24: an empty cell"),
        ("(tutorial/own-city.md)", "(tutorial/town.md)", "row 53: no page tutorial/town.md"),
    ],
)
def test_a_page_that_says_otherwise_than_the_house_is_noticed(old, new, told):
    text = PAGE.read_text(encoding="utf-8")
    body = text.index("| 1 |")
    assert old in text[body:]
    assert told in "\n".join(faults(text[:body] + text[body:].replace(old, new, 1)))


def test_the_page_has_each_thing_that_is_asked_for():
    if not FACTS.exists():
        pytest.skip(f"the list of what is asked for is not beside the checkout: {FACTS}")
    with FACTS.open(encoding="utf-8", newline="") as file:
        asked = [row["id"] for row in csv.DictReader(file)]
    assert [number for number, *_ in rows(PAGE.read_text(encoding="utf-8"))] == asked


def test_the_page_of_figures_has_few_in_no_mart():
    text = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
    assert int(re.search(r"\| In no mart, and why \| (\d+) \|", text)[1]) <= 3
