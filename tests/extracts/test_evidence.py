"""What is computed is never called published or delivered: the table of docs/methods/evidence.md against the marts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import pytest

from extracts import package, recipient, signs
from extracts.contents import Contents
from lagebild.core import seeds
from lagebild.core.settings import ROOT
from lagebild.warehouse import marts as definitions
from tests.extracts.test_key_figures import gathered

PAGE = ROOT / "docs" / "methods" / "evidence.md"
SOURCE_CLASSES = {"published", "delivered"}


@dataclass(frozen=True)
class Line:
    """Which computed figures have their class in a column; `printed`: column and value where a source printed them."""

    mart: str
    column: str
    figures: tuple[str, ...]
    printed: tuple[str, ...] = ()


def table() -> list[Line]:
    found = []
    for line in PAGE.read_text().splitlines():
        cells = [tuple(re.findall(r"`([a-z0-9_]+)`", cell)) for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0]:
            found.append(Line(cells[0][0], cells[1][0], cells[2], cells[3]))
    return found


def untold(lines: Iterable[Line]) -> set[tuple[str, str]]:
    """Figures of the package's marts that are computed by an operation and stand in no line."""
    told = {(line.mart, figure) for line in lines for figure in line.figures}
    trees = {entry.name: definitions.definition(entry.name).meta.get("trees", {}) for entry in package.load().every}
    computed = {(mart, figure) for mart, of in trees.items() for figure, tree in of.items() if "operation" in tree}
    assert len(computed) > 20
    return computed - told


def called_source(contents: Contents, lines: Iterable[Line]) -> set[tuple[str, str, str | None]]:
    """Mart, computed figure and class, where a number of it has no class or is called published or delivered."""
    marts = {mart.entry.name: mart for mart in contents.marts}
    found = set()
    for line in lines:
        for row in marts[line.mart].rows:
            values = signs.named(marts[line.mart], row)
            if line.printed and values[line.printed[0]] == line.printed[1]:
                continue
            said = values[line.column]
            wrong = said is None or said in SOURCE_CLASSES or (values.get("evidence") == "synthetic" != said)
            found |= {(line.mart, figure, said) for figure in line.figures if wrong and values[figure] is not None}
    return found


@pytest.fixture
def told(published_warehouse) -> Contents:
    return gathered(published_warehouse, recipient.named(recipient.SHIPPED, True, "statistics_office"))


def test_the_page_names_each_class_and_each_computed_figure():
    text = PAGE.read_text()
    assert all(f"| `{row['evidence_class']}` |" in text for row in seeds.rows("evidence_class"))
    lines = table()
    for line in lines:
        columns = definitions.definition(line.mart).columns
        assert {line.column, *line.figures, *line.printed[:1]} <= set(columns), line
        assert line.column == "evidence" or line.column.endswith("_evidence")
    assert untold(lines) == set()


def test_a_computed_figure_that_the_page_forgets_is_found():
    lines = [replace(line, figures=()) if line.mart == "refinancing" else line for line in table()]
    assert untold(lines) == {("refinancing", "rate_pct"), ("refinancing", "gap_eur")}


def test_no_computed_figure_is_called_published_or_delivered(told):
    lines = table()
    assert called_source(told, lines) == set()
    # the class of the rows is not the class of what was computed from them
    rows = [replace(line, column="evidence") for line in lines if line.mart in ("toleration", "published_claim")]
    assert {("toleration", "share_pct", "published"), ("published_claim", "compared_per_claimed", "published")} <= (
        called_source(told, rows)
    )
    unprinted = [replace(line, printed=()) for line in lines if line.mart == "eu2_population"]
    assert ("eu2_population", "change_persons", "published") in called_source(told, unprinted)
