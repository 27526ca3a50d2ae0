"""Protection, naturalisation and day care from the delivered file to the mart and its trees."""

import csv
import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from lagebild.core.settings import ROOT
from lagebild.provenance import explain
from tests.support import BUNDLED, accept, build_models, deliver, query

SHARED = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared")
SAMPLES = SHARED / "samples" / "genesis_ffcsv"
PROTECTED = "12531-0043_2024_flat.csv"
NATURALISED = "12511-X-1_2023-2025_flat.csv"
FOREIGNERS = (BUNDLED / "replies" / "destatis" / "12521-0041.2024.csv").read_bytes()
SYRIAN_MEN = (
    "select status, persons, parts_persons, tree_difference_persons, tree_difference_low, tree_difference_high,"
    " tree_verdict from {}.protection_status where region_code = '05913000' and sex = 'male' and nationality = '475'"
    " and status like 'SCHUTZST-AK-%%' order by status"
)
TREE = [
    ("SCHUTZST-AK-1", 6215, 6215, 0, -6, 6, "agrees"),
    ("SCHUTZST-AK-2", 5800, 5800, 0, -6, 6, "agrees"),
    ("SCHUTZST-AK-3", 5650, None, None, None, None, None),
    ("SCHUTZST-AK-4", 150, None, None, None, None, None),
    ("SCHUTZST-AK-5", 415, None, None, None, None, None),
]
NINE = {
    "00": Decimal("31.2"), "14521": Decimal("5.1"), "06413000": Decimal("76.6"), "08111000": Decimal("52.8"),
    "05122000": Decimal("45.8"), "06632": Decimal("28.8"), "03459008": Decimal("38.6"), "14713000": Decimal("18.2"),
    "13003000": Decimal("22.0"),
}  # fmt: skip
"""Children with a migration background among those in day care, per cent, as the report prints them."""


def year_before(content: bytes) -> bytes:
    """The table of foreigners a year before, all its counts halved and rounded to 5."""
    head, *lines = content.decode("utf-8-sig").splitlines()
    rows = [line.replace("2024-12-31", "2023-12-31").split(";") for line in lines]
    for row in rows:
        row[-4] = str(int(row[-4]) // 10 * 5) if row[-4].isdigit() else row[-4]
    return ("\ufeff" + "\n".join([head, *(";".join(row) for row in rows)]) + "\n").encode()


def test_statuses_are_a_tree_and_each_difference_is_led_back_to_its_lines(published_warehouse):
    assert query(published_warehouse, SYRIAN_MEN.format("marts")) == TREE
    # a part that is not printed is unknown: 35 persons without status, 30 and 5 of them printed, the third is not there
    without = (
        "select persons, persons_low, persons_high, parts_in_tree, parts_printed, parts_persons, tree_verdict,"
        " tree_reason from marts.protection_status where region_code = '05913000' and sex = 'male'"
        " and nationality = '475' and status = 'SCHUTZST-X'"
    )
    assert query(published_warehouse, without) == [(35, 33, 37, 3, 2, None, "not_comparable", "node_not_printed")]
    chain = explain.explain(published_warehouse, "protection_status", "05913000", 2024)
    (row, tree) = next(
        (row, trees[0])
        for row, trees in zip(chain.rows, chain.trees, strict=True)
        if (row["status"], row["sex"], row["nationality"]) == ("SCHUTZST-AK-1", "male", "475")
    )
    own, parts = tree["children"]
    assert (own["value"], own["row_numbers"]) == (6215, str(row["line_number"]))
    assert [leaf["value"] for leaf in parts["children"]] == [5800, 415]
    lines = (BUNDLED / "genesis" / PROTECTED).read_text(encoding="utf-8-sig").splitlines()
    assert [lines[int(leaf["row_numbers"]) - 1].split(";")[21] for leaf in parts["children"]] == ["5800", "415"]
    verdicts = query(published_warehouse, "select distinct tree_verdict from marts.protection_status")
    assert {verdict for (verdict,) in verdicts} == {"agrees", "rounding", "not_comparable", None}


def test_what_is_made_up_of_naturalisations_says_so_in_each_row(published_warehouse):
    raw = "select distinct evidence from raw.genesis__value where statistics_code = %s"
    assert query(published_warehouse, raw, "12511") == [("synthetic",)]
    assert query(published_warehouse, raw, "12531") == [("published",)]
    assert query(published_warehouse, "select distinct evidence, rate_evidence from marts.naturalisation") == [
        ("synthetic", "synthetic")
    ]
    all_of_dortmund = (
        "select reference_year, naturalised_persons, potential_persons, per_100_potential, required_residence_years,"
        " change_persons, change_reason, year_end_reason from marts.naturalisation"
        " where nationality = 'ALL' and sex = 'all' order by 1"
    )
    assert query(published_warehouse, all_of_dortmund) == [
        (2023, 2000, 100000, Decimal("2.00"), 8, None, "year_before_not_delivered", "foreigners_not_delivered"),
        (2024, 3000, 120000, Decimal("2.50"), 5, 1000, "law_changed_between", "foreigners_not_delivered"),
        (2025, 4000, None, None, 5, 1000, "law_changed_between", "foreigners_not_delivered"),
    ]
    signs = (
        "select distinct nationality, naturalised_persons, value_sign, reason from marts.naturalisation"
        " where reason is not null"
    )
    assert query(published_warehouse, signs) == [("125", None, "-", "sign_instead_of_value")]


def test_a_made_up_table_of_genesis_is_refused_among_real_data(warehouse):
    real_data = replace(warehouse, demo=False)
    made_up = (BUNDLED / "genesis" / NATURALISED).read_bytes()
    refused = deliver(real_data, "genesis", made_up, NATURALISED)
    assert refused.state == "refused" and "is marked synthetic" in refused.reason
    assert deliver(real_data, "genesis", (BUNDLED / "genesis" / PROTECTED).read_bytes(), PROTECTED).state == "loaded"


def test_the_nine_printed_shares_are_carried_and_none_of_them_is_an_attendance(published_warehouse):
    shares = (
        "select region_code, day_care_share_printed_pct, attendance_pct, attendance_reason, evidence"
        " from marts.early_education where population_group = 'migration_background' and age_class = 'not_stated'"
    )
    found = query(published_warehouse, shares)
    assert {row[0]: row[1] for row in found} == NINE and len(found) == 9
    assert {row[2:] for row in found} == {(None, "share_is_not_attendance", "published")}
    # made up: 1,600 of 8,000 children are 20 %, though a third of those in day care; counted on two days
    made_up = (
        "select population_group, attendance_pct, attendance_date_basis, day_care_share_recomputed_pct,"
        " day_care_share_verdict, evidence from marts.early_education"
        " where region_code = '05913000' and age_class = 'under_3' order by 1"
    )
    assert query(published_warehouse, made_up) == [
        ("all", Decimal("30.0"), "other_day", None, "not_recomputable", "synthetic"),
        ("migration_background", Decimal("20.0"), "other_day", Decimal("33.3"), "agrees", "synthetic"),
    ]
    chain = explain.explain(published_warehouse, "early_education", "14521", 2020)
    assert "early_education_2021.csv" in explain.as_text(chain, "de")


def test_the_nine_shares_are_those_of_the_list_of_published_figures():
    figures = SHARED / "facts" / "published_figures.csv"
    if not figures.exists():
        pytest.skip(f"the list of published figures is not here: {figures}")
    with figures.open(encoding="utf-8", newline="") as handle:
        printed = [row for row in csv.DictReader(handle) if row["unit"] == "percent" and "day care" in row["indicator"]]
    assert sorted(Decimal(row["value"]) for row in printed) == sorted(NINE.values())


@pytest.mark.long
@pytest.mark.nightly
def test_rates_are_over_the_stock_of_the_end_and_over_the_mean(warehouse):
    accept(warehouse, "genesis", (BUNDLED / "genesis" / NATURALISED).read_bytes(), NATURALISED)
    accept(warehouse, "genesis", FOREIGNERS, "12521-0041_2024_flat.csv")
    accept(warehouse, "genesis", year_before(FOREIGNERS), "12521-0041_2023_flat.csv")
    build_models(warehouse, "provenance")
    rates = (
        "select nationality, naturalised_persons, foreign_persons_year_end, per_100_foreigners_year_end,"
        " foreign_persons_mean, per_100_foreigners_mean, foreigners_evidence, rate_evidence from build.naturalisation"
        " where reference_year = 2024 and sex = 'all' and nationality in ('125', '154') order by 1"
    )
    # 57 of 5,700 and of (5,700 + 2,850) / 2; 77 of 7,720 and of (7,720 + 3,860) / 2
    assert query(warehouse, rates) == [
        ("125", 57, 5700, Decimal("1.00"), Decimal("4275.0"), Decimal("1.33"), "published", "synthetic"),
        ("154", 77, 7720, Decimal("1.00"), Decimal("5790.0"), Decimal("1.33"), "published", "synthetic"),
    ]
    nodes = (
        "select node_path, operation, value, refers_to_figure, file_name from build.provenance"
        " where mart = 'naturalisation' and row_key = '12511-X-1|05913|2024|154|all' and figure = %s"
        " order by node_order"
    )
    assert query(warehouse, nodes, "per_100_foreigners_mean") == [
        ("1", "percentage", Decimal("1.33"), None, None),
        ("1.1", "refers", Decimal(77), "naturalised_persons", None),
        ("1.2", "refers", Decimal("5790.0"), "foreign_persons_mean", None),
    ]
    assert query(warehouse, nodes, "foreign_persons_mean")[1:] == [
        ("1.1", "refers", Decimal(7720), "foreign_persons_year_end", None),
        ("1.2", "refers", Decimal(3860), "foreign_persons_previous_year_end", None),
    ]
    assert query(warehouse, nodes, "foreign_persons_previous_year_end")[1:] == [
        ("1.1", "read", Decimal(3860), None, "12521-0041_2023_flat.csv")
    ]


def test_the_recorded_tables_have_their_totals_and_their_tree(warehouse):
    sample, living = SAMPLES / "12531-0043_de_flat.subset_ruhr.csv", SAMPLES / "12211-Z-11_de_q_flat.csv"
    if not sample.exists() or not living.exists():
        pytest.skip(f"the recorded tables are not here: {SAMPLES}")
    accept(warehouse, "genesis", sample.read_bytes(), PROTECTED)
    accept(warehouse, "genesis", living.read_bytes(), "12211-Z-11_2019_flat.csv")
    build_models(warehouse, "protection_status")
    assert query(warehouse, SYRIAN_MEN.format("build")) == TREE
    totals = "select classification_codes, count(*) from build.official_statistic where is_total group by 1"
    assert query(warehouse, totals) == [("LBFORM01=LB-INS", 489)]
    # all rows count a person once a level: those at the top alone are the men who seek protection
    men = "select sum(persons) from build.protection_status where region_code = '05913000' and sex = 'male'"
    ((of_all_rows,),) = query(warehouse, men)
    ((of_the_top,),) = query(warehouse, f"{men} and status_level = 1")
    assert of_all_rows == 46560 and of_the_top < of_all_rows / 2
    apart = "select max(abs(tree_difference_persons)) from build.protection_status where tree_verdict = 'rounding'"
    assert query(warehouse, apart) == [(5,)]
    assert query(warehouse, "select count(*) from build.protection_status where tree_verdict = 'differs'") == [(0,)]
    assert query(warehouse, "select count(*) from build.protection_status where persons = 0") == [(0,)]
