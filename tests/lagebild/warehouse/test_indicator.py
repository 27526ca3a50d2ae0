"""Indicators from delivered tables to the mart: values of recorded tables, two sources side by side, the gaps."""

import csv
import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from lagebild.core.settings import ROOT
from lagebild.provenance import explain
from tests.support import accept, build_models, bundled_bytes, query

SAMPLES = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared") / "samples" / "genesis_ffcsv"
TABLES = {
    "12531-0043_de_flat.subset_ruhr.csv": "12531-0043_2024_flat.csv",
    "13111-01-03-4_de_flat.csv": "13111-01-03-4_2025_flat.csv",
    "12211-0001_de_flat.csv": "12211-0001_2024_flat.csv",
}
VALUE = (
    "select value, value_low, value_high, numerator, denominator, reason from build.indicator where indicator_code = %s"
    " and category = %s and population_group = %s and sex = %s and region_code = %s"
)


@pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded tables of the GENESIS family are not here")
def test_recorded_tables_give_the_indicators_that_were_computed_from_them_by_hand(warehouse):
    for sample, name in TABLES.items():
        accept(warehouse, "genesis", (SAMPLES / sample).read_bytes(), name)
    build_models(warehouse, "indicator", "indicator_gap")

    def of(*key: str) -> tuple:
        (row,) = query(warehouse, VALUE, *key)
        return row

    assert of("employees_foreign_share", "workplace", "foreign", "all", "00") == (
        *(Decimal("16.73"), None, None, Decimal(5837916), Decimal(34885481), None),
    )
    assert of("employees_foreign_share", "workplace", "foreign", "all", "05")[3:5] == (1193812, 7350231)
    # no district is published: a sign is no zero
    districts = (
        "select count(*), count(value), count(value_sign), min(reason) from build.indicator"
        " where indicator_code = 'employees_foreign_share' and region_level in ('district', 'municipality')"
        " and sex = 'all'"
    )
    assert query(warehouse, districts) == [(489, 0, 489, "cell_not_published")]
    # rounded to 5: two to either side; the table has no total over the sexes, so all is the sum of two
    male = of("A9", "recognised", "475", "male", "05913000")
    assert male[:4] == (6215, 6213, 6217, 6215)
    both = of("A9", "recognised", "475", "all", "05913000")
    female = of("A9", "recognised", "475", "female", "05913000")
    assert (both[0], both[2] - both[0]) == (male[0] + female[0], 4)

    with (SAMPLES / "12211-0001_de_flat.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [r for r in csv.DictReader(file, delimiter=";") if r["2_variable_attribute_code"] == ""]
    young_to_old = {"ALT015B20", "ALT060B65"} | {f"ALT0{a}B{a + 5}" for a in range(20, 60, 5)}
    sums = {
        measure: sum(
            Decimal(1000) * Decimal(r["value"])
            for r in rows
            if r["value_variable_code"] == measure and r["3_variable_attribute_code"] in young_to_old
        )
        for measure in ("ERW041", "ERW040", "ERW042", "BEV036")
    }
    for code, numerator, denominator in (("E1a", "ERW041", "BEV036"), ("E4", "ERW042", "ERW040")):
        found = of(code, "all", "all", "all", "00")
        assert found[3:] == (sums[numerator], sums[denominator], None)
        assert found[0] == round(100 * sums[numerator] / sums[denominator], 2)
    assert 70 < of("E1a", "all", "all", "all", "00")[0] < 85
    # what was delivered is no gap; what nobody has seen is one, with its table
    gaps = "select population_group, reason, table_code from build.indicator_gap where indicator_code = %s"
    assert set(query(warehouse, gaps, "E4")) == {("with_background", "cells_not_known", "12211-0204")}
    assert query(warehouse, gaps, "employees_foreign_share") == []


def test_wegweiser_and_the_office_stand_side_by_side(warehouse):
    reply = json.loads(bundled_bytes("wegweiser"))
    dortmund, guetersloh = reply["data"]["regions"]
    dortmund |= {"ars": "059130000000", "name": "Dortmund (synthetisch)"}
    guetersloh |= {"ars": "057540000000", "name": "Gütersloh, LK (synthetisch)", "type": "LANDKREIS"}
    reply["years"] = [2023, 2024]
    for indicator in reply["data"]["indicators"]:
        if indicator["friendlyUrl"] == "bevoelkerung":
            indicator["regionYearValues"] = [[600000, 603462], [360000, 363983]]
    name = "wegweiser-nrw-beispiel_2024.json"
    accept(warehouse, "wegweiser", json.dumps(reply, ensure_ascii=False).encode(), name)
    accept(warehouse, "genesis")
    build_models(warehouse, "indicator")
    pairs = (
        "select region_code, value, compared_value, difference, verdict from build.indicator"
        " where indicator_code = 'population' and sex = 'all' and compared_source = 'wegweiser' order by 1"
    )
    # made up, so that it retraces and confirms nothing
    assert query(warehouse, pairs) == [
        ("05754", 363982, 363983, -1, "differs"),
        ("05913000", 603462, 603462, 0, "retraced"),
    ]
    own = "select count(*), min(evidence) from build.indicator where source = 'wegweiser' and indicator_code = %s"
    assert query(warehouse, own, "bevoelkerung") == [(4, "synthetic")]


def test_the_bundle_has_indicators_with_trees_and_says_what_is_missing(published_warehouse):
    counts = "select source, count(*), count(value) from marts.indicator group by 1 order by 1"
    assert query(published_warehouse, counts) == [("genesis", 90, 70), ("wegweiser", 7, 7)]
    gaps = "select reason, count(*) > 0 from marts.indicator_gap group by 1 order by 1"
    assert [reason for reason, _ in query(published_warehouse, gaps)] == [
        *("cells_not_known", "table_not_delivered", "table_not_known"),
    ]
    chain = explain.explain(published_warehouse, "indicator", "05913000", 2024)
    trees = [tree for trees in chain.trees for tree in trees if tree["operation"] == "percentage"]
    (share,) = trees
    numerator, denominator = share["children"]
    assert (share["value"], numerator["value"], denominator["value"]) == (Decimal("50.64"), 305602, 603462)
    lines = [leaf["first_line"] for operand in share["children"] for leaf in operand["children"]]
    assert lines == [19, 17]
    assert {leaf["file_name"] for operand in share["children"] for leaf in operand["children"]} == {
        "12411-01-01-4_2024_flat.csv"
    }
    wegweiser = explain.explain(published_warehouse, "indicator", "05998004", 2023)
    assert "wegweiser-nrw-beispiel_2023.json" in explain.as_text(wegweiser, "en")
