"""The tutorial is followed literally, in a copy of the code, to a figure that was computed by hand."""

import re
from decimal import Decimal

import pytest

from lagebild.core.settings import ROOT
from tests.docs.test_runbooks import checkout, follow
from tests.support import query

__all__ = ["checkout"]
pytestmark = pytest.mark.long

PAGE = "../tutorial/own-city.md"
OWN = ("LAGEBILD_DEMO", "LAGEBILD_PRACTICE")  # what the page's own .env says


@pytest.mark.nightly
def test_a_second_city_comes_to_a_figure_as_the_tutorial_says(warehouse, checkout):
    make = checkout.parent / "bin" / "make"
    make.write_text("#!/bin/sh\n")  # the tests' PostgreSQL runs, and has the migrations
    make.chmod(0o755)

    def step(section: str, before: str = "") -> str:
        return follow(PAGE, section, warehouse, checkout, before=before, without=OWN)

    assert "made " in step("A warehouse of your own")
    with pytest.raises(AssertionError, match="DELIVERY: set it to the number"):
        step("Load what the figure needs")  # a number that nobody set stops the shell
    ((number,),) = query(
        warehouse, "select delivery_id from raw.delivery where source = 'employment' and state = 'held'"
    )
    printed = step("Load what the figure needs", before=f"DELIVERY={number}")
    assert "reference_date_in_the_period (hold; ask" in printed
    states = query(warehouse, "select source, state from raw.delivery order by delivery_id")
    assert states == [
        ("ledger", "accepted"), ("register", "accepted"), ("employment", "refused"), ("employment", "accepted")
    ]  # fmt: skip

    printed = step("The first build: no figure yet")
    assert "mapping_incomplete" in printed
    missing = (checkout / "missing.csv").read_text().splitlines()
    filled = (checkout / "docs/tutorial/files/cost_mapping_05911000.csv").read_text().splitlines()
    assert missing[0] == filled[0]
    keys = [[line.split(",")[:6] for line in lines[1:]] for lines in (missing, filled)]
    assert keys[0] == keys[1]  # in this order
    decided = step("Decide what is cost")
    assert "nothing is missing" in decided, decided[-1500:]

    printed = step("The figure")
    # 12 x 10,000.00 + 24,500.40 + 36,250.32 over 40 - 16: over 26 and over 22 it is one rate in steps of 10,000
    assert query(
        warehouse,
        "select total_cost_eur, denominator_persons, cost_per_person_eur, rate_step_eur, evidence, reason"
        " from marts.cost_per_person where municipality_ags = '05911000' and reference_year = 2024",
    ) == [(Decimal("180750.72"), 24, Decimal(10000), Decimal(10000), "synthetic", None)]
    assert re.search(r"10,000 EUR", printed) and "ledger_05911000_2024.csv" in printed
    assert "register_05911000_2024-12-31.csv" in printed and "UEB0" not in printed


def test_the_tutorial_is_linked():
    for page in ("README.md", "docs/README.md"):
        assert "tutorial/own-city.md" in (ROOT / page).read_text()
