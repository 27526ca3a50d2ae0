"""Employment and minimum income from the delivered tables to the marts: golden figures, and what is not published."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from lagebild.core.settings import ROOT, Settings
from tests.support import accept, build_models, query

SAMPLES = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared") / "samples"
EMPLOYEES = "13111-01-03-4_2025_flat.csv"
GOLDEN = {  # place: employees who are foreign, all, their share
    "DG": (5_837_916, 34_885_481, Decimal("16.73")),
    "05": (1_193_812, 7_350_231, Decimal("16.24")),
}


def sample(name: str) -> bytes:
    path = SAMPLES / name
    if not path.is_file():
        pytest.skip(f"the recorded file is not here: {path}")
    return path.read_bytes()


def foreign(settings: Settings, schema: str) -> dict[str, tuple]:
    """By place as delivered, of the employees at the workplace on 30 June 2025."""
    rows = query(
        settings,
        f"select source_region_code, persons, total_persons, share_of_employees_pct from {schema}.employment"
        " where table_code = '13111-01-03-4' and nationality = 'ALL' and sex = 'all' and place_basis = 'workplace'"
        " and reference_date = '2025-06-30' and persons is not null",
    )
    return {place: tuple(counts) for place, *counts in rows}


def test_the_bundled_tables_yield_the_published_shares_and_rates(published_warehouse):
    found = foreign(published_warehouse, "marts")
    assert {place: found[place] for place in GOLDEN} == GOLDEN
    # 801 of them work in no state
    assert sum(count for place, (count, *_) in found.items() if place != "DG") == 5_837_115
    rates = query(
        published_warehouse,
        "select region_code, persons, per_100_inhabitants, persons_low from marts.minimum_income"
        " where source = 'ldb_22811_05i' and benefit = 'sgb_ii' and region_code in ('05', '05112000', '05913000')"
        " order by region_code",
    )
    assert rates == [
        ("05", 1_557_269, Decimal("8.63"), None),
        ("05112000", 71_734, Decimal("14.28"), None),
        ("05913000", 88_984, Decimal("14.75"), None),
    ]


def test_what_is_not_published_is_no_zero_and_says_why(published_warehouse):
    districts = query(
        published_warehouse,
        "select distinct persons, value_sign, reason, share_of_employees_pct, share_reason from marts.employment"
        " where table_code = '13111-01-03-4' and region_level in ('district', 'municipality') order by value_sign",
    )
    assert districts == [
        (None, "-", "dash_is_no_zero", None, "dash_is_no_zero"),
        (None, ".", "unknown_or_secret", None, "unknown_or_secret"),
    ]
    secret = "select distinct persons, value_sign, reason, rate_reason from marts.minimum_income"
    assert query(published_warehouse, f"{secret} where nationality = '423'") == [
        (None, "*", "confidential", "confidential")
    ]
    wachtendonk = query(
        published_warehouse,
        "select benefit, persons, persons_low, persons_high, reason from marts.minimum_income"
        " where region_code = '05154060' and source = 'ldb_22811_05i' and benefit in ('total', 'subsistence_sgb_xii')"
        " order by benefit",
    )
    # the total adds up three counts that are each rounded to 5
    assert wachtendonk == [("subsistence_sgb_xii", None, None, None, "dash_is_no_zero"), ("total", 516, 510, 522, None)]


def test_a_rate_of_another_year_stands_apart(published_warehouse):
    rates = query(
        published_warehouse,
        "select reference_year, persons, per_100_inhabitants, reason, published_rate_pct, recomputed_rate_pct,"
        " recomputed_reason, rate_verdict from marts.minimum_income"
        " where source = 'ldb_22811_01i' and region_code = '05913000'",
    )
    assert rates == [(2023, None, None, "rate_without_count", Decimal("17.50"), None, "no_count_of_that_year", None)]


def test_employees_by_residence_alone_are_set_against_inhabitants(published_warehouse):
    rates = query(
        published_warehouse,
        "select place_basis, nationality, persons, inhabitants_persons, per_100_inhabitants, per_100_inhabitants_low,"
        " per_100_inhabitants_high, rate_reason from marts.employment where source = 'ba_nationality'"
        " and region_code = '05913000' and nationality in ('125', 'EU2', 'TOTAL') and sex = 'all' order by 1, 2",
    )
    places = [row[:2] for row in rates]
    assert places == [(basis, group) for basis in ("residence", "workplace") for group in ("125", "EU2", "TOTAL")]
    # 2,300 of 5,700, which may be 5,698 to 5,702
    assert rates[0][2:] == (2300, 5700, Decimal("40.35"), Decimal("40.34"), Decimal("40.37"), None)
    # of a group the sum of its countries, each rounded
    assert rates[1][2:] == (5600, 13420, Decimal("41.73"), Decimal("41.72"), Decimal("41.74"), None)
    assert rates[2][3] == 603_462
    assert {row[-1] for row in rates[3:]} == {"employees_by_workplace"}


def test_places_without_keys_are_named_by_the_seed(published_warehouse):
    rows = query(
        published_warehouse,
        "select region_code, source_region_code, persons, share_of_employees_pct, reason from marts.employment"
        " where source = 'ldb_13111_54i' and region_code in ('05', '05334', '05354', '05754', '05913000')"
        " order by region_code",
    )
    assert [row[0] for row in rows] == ["05", "05334", "05354", "05754", "05913000"]
    assert rows[2][1:] == ("Aachen, Kreis", None, None, "dash_is_no_zero")
    assert rows[4][1:] == ("Dortmund, krfr. Stadt", 267_991, Decimal("100.00"), None)


@pytest.mark.long
@pytest.mark.nightly
def test_the_whole_tables_yield_the_golden_figures(warehouse):
    accept(warehouse, "genesis", sample("genesis_ffcsv/13111-01-03-4_de_flat.csv"), EMPLOYEES)
    tables = {"ldb_22811_05i": "22811-05i_2024", "ldb_22811_01i": "22811-01i_2023", "ldb_12411_15i": "12411-15i_2024",
              "ldb_13111_54i": "13111-54i_2024"}  # fmt: skip
    for source, name in tables.items():
        accept(warehouse, source, sample(f"ldb_nrw/{name}.csv"), f"{name}.csv")
    build_models(warehouse, "employment", "minimum_income")
    found = foreign(warehouse, "build")
    assert {place: found[place] for place in GOLDEN} == GOLDEN
    assert sum(count for place, (count, *_) in found.items() if len(place) == 2 and place != "DG") == 5_837_115
    districts = query(
        warehouse,
        "select count(distinct source_region_code), count(persons) from build.employment"
        " where table_code = '13111-01-03-4' and length(source_region_code) >= 5",
    )
    assert districts == [(489, 0)]
    # every place of the table of benefits has its inhabitants, but for those who live outside of the state
    without = query(
        warehouse,
        "select source_region_code, region_level, count(*) from build.minimum_income where source = 'ldb_22811_05i'"
        " and persons is not null and per_100_inhabitants is null group by 1, 2",
    )
    assert without == [("05999998", None, 6)]
    unplaced = "select distinct source_region_code from build.stg_ldb__value where region_code is null"
    assert query(warehouse, unplaced) == []


def test_groups_have_rates_over_the_sum_of_their_countries_with_a_tree(published_warehouse):
    """Inhabitants are published (Bulgaria and Romania of Dortmund), employees and recipients of a group made up."""
    rates = (
        "select persons, inhabitants_persons, per_100_inhabitants::text, per_100_inhabitants_low::text,"
        " per_100_inhabitants_high::text, rate_evidence from marts.{} where nationality = 'EU2' and sex = 'all'"
        " and region_code = '05913000' and rate_reason is null and {}"
    )
    employed = query(published_warehouse, rates.format("employment", "place_basis = 'residence'"))
    assert employed == [(5600, 13420, "41.73", "41.72", "41.74", "synthetic")]
    supported = query(published_warehouse, rates.format("minimum_income", "benefit = 'sgb_ii'"))
    assert supported == [(4200, 13420, "31.30", "31.29", "31.31", "synthetic")]
    tree = (
        "select distinct mart, value::integer, refers_to_mart from marts.provenance where mart in ('employment',"
        " 'minimum_income') and figure = 'inhabitants_persons' and region_code = '05913000' and node_path = '1.1'"
        " and refers_to_mart is not null and row_key like '%|EU2|all'"
    )
    assert sorted(query(published_warehouse, tree)) == [
        ("employment", 13420, "foreign_population"),
        ("minimum_income", 13420, "foreign_population"),
    ]
    # the tree goes on where it leads to, with the same value
    lost = (
        "select count(*) from marts.provenance as own left join marts.provenance as target"
        " on target.mart = own.refers_to_mart and target.row_key = own.refers_to_row_key"
        " and target.figure = own.refers_to_figure and target.node_path = own.refers_to_path"
        " where own.mart in ('employment', 'minimum_income') and own.refers_to_mart = 'foreign_population'"
        " and target.value is distinct from own.value"
    )
    assert query(published_warehouse, lost) == [(0,)]
