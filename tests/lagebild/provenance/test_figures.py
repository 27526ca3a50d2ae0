"""docs/figures.md: up to date, and every claim in it recomputed from the marts of a build on the bundled deliveries."""

import csv
import os
import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from lagebild.core.errors import UserError
from lagebild.core.settings import ROOT
from lagebild.provenance import figures

PUBLISHED = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared") / "facts" / "published_figures.csv"


def test_the_page_is_what_the_marts_say(published_warehouse):
    compared = figures.compare(published_warehouse)
    assert [(c.figure.figure_id, c.computed) for c in compared if not c.holds] == []
    assert figures.page(compared) == (ROOT / "docs" / "figures.md").read_text(encoding="utf-8"), (
        "lagebild figure docs writes it again"
    )
    # a claim that the marts do not bear out keeps the page from being written
    first = next(c for c in compared if c.figure.relation == "reproduced")
    for wrong in (
        replace(first, computed=first.figure.value + 1),
        replace(first, figure=replace(first.figure, relation="contradicted")),
        replace(first, computed=None),
    ):
        with pytest.raises(UserError, match=first.figure.figure_id):
            figures.page([wrong])


def test_reproduced_and_retraced_are_counted_apart():
    assert Counter(figure.relation for figure in figures.figures()) == {
        "reproduced": 28, "retraced": 4, "carried": 121, "contradicted": 3, "none": 3,
    }  # fmt: skip


def test_every_published_figure_is_in_the_copy():
    if not PUBLISHED.exists():
        pytest.skip(f"the list of published figures is not here: {PUBLISHED}")
    with PUBLISHED.open(encoding="utf-8", newline="") as handle:
        published = {row["figure_id"]: Decimal(row["value"]) for row in csv.DictReader(handle)}
    assert {figure.figure_id: figure.value for figure in figures.figures()} == published


def test_each_carried_figure_says_what_would_settle_it(published_warehouse):
    """A table with its period, the five digits of a statistics, or who else; and what official figures say."""
    settled, carried = figures.settlements(), [f for f in figures.figures() if f.relation == "carried"]
    assert [figure.figure_id for figure in carried if figure.figure_id not in settled] == []
    for figure_id, by in settled.items():
        assert re.fullmatch(r"(\d{5})?", by.statistics_code) and by.period, figure_id
        assert by.table_code in ("", f"{by.statistics_code}{by.table_code[5:]}") and (by.statistics_code or by.note)
    compared = {c.figure.figure_id: c for c in figures.compare(published_warehouse)}
    assert {figure_id: (c.official.value, c.official.verdict) for figure_id, c in compared.items() if c.official} == {
        "tab1_bg_2018": (Decimal(337_000), "plausible"),
        "tab1_ro_2018": (Decimal(696_000), "plausible"),
        "de_population_2019": (Decimal(83_166_711), "plausible"),
        "third_country_inflow_2019": (Decimal(597_000), "contradicted"),
    }
    # a figure that is not carried has no column for it, and one of which nothing is known has an empty cell
    page = figures.page([replace(compared["tab1_bg_2018"], settlement=None, official=None)])
    assert "Of the carried ones 0 are held" in page and "| 337,015 | 0 |  |  |  |" in page


def test_every_figure_names_its_source_and_its_mart_or_why_none():
    for figure in figures.figures():
        assert figure.source_document, figure.figure_id
        assert bool(figure.mart) == bool(figure.row) == bool(figure.column) == (figure.relation != "none")
        assert figure.mart or figure.remark, figure.figure_id
