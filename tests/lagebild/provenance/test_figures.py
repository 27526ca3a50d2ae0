"""docs/figures.md: up to date, and every claim in it recomputed from the marts of a build on the bundled deliveries."""

import csv
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from lagebild.core.errors import UserError
from lagebild.core.settings import ROOT
from lagebild.provenance import figures

PUBLISHED = ROOT.parent / "shared" / "facts" / "published_figures.csv"


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
        "reproduced": 24, "retraced": 3, "carried": 90, "contradicted": 2, "none": 40,
    }  # fmt: skip


def test_every_published_figure_is_in_the_copy():
    if not PUBLISHED.exists():
        pytest.skip(f"the list of published figures is not here: {PUBLISHED}")
    with PUBLISHED.open(encoding="utf-8", newline="") as handle:
        published = {row["figure_id"]: Decimal(row["value"]) for row in csv.DictReader(handle)}
    assert {figure.figure_id: figure.value for figure in figures.figures()} == published


def test_every_figure_names_its_source_and_its_mart_or_why_none():
    for figure in figures.figures():
        assert figure.source_document, figure.figure_id
        assert bool(figure.mart) == bool(figure.row) == bool(figure.column) == (figure.relation != "none")
        assert figure.mart or figure.remark, figure.figure_id
