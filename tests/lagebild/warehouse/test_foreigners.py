"""Foreign persons on the bundled deliveries, and on the whole table of the Landesdatenbank where it is at hand."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from lagebild.core.settings import ROOT
from lagebild.provenance import explain
from tests.support import accept, build_models, bundled_bytes, query

SHARED = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared")
TABLE = SHARED / "samples" / "ldb_nrw" / "12521-03i_2024.csv"
COLUMNS = "persons, persons_low, persons_high, per_100_inhabitants, per_100_inhabitants_low, per_100_inhabitants_high"
COUNT = (
    f"select {COLUMNS} from {{}}.foreign_population where source = 'azr_nrw' and region_code = %s and nationality = %s"
    " and sex = 'all' and reference_date = '2024-12-31'"
)


def count(settings, schema: str, region: str, nationality: str) -> tuple:
    (row,) = query(settings, COUNT.format(schema), region, nationality)
    return row


def test_groups_of_the_bundled_table_and_their_shares(published_warehouse):
    shares = {
        region: count(published_warehouse, "marts", region, "EU2") for region in ("05112000", "05913000", "05", "05754")
    }
    assert shares["05"] == (276235, 276231, 276239, *[Decimal("1.53")] * 3)
    assert [(row[0], row[3]) for row in shares.values()][:2] == [(26575, Decimal("5.29")), (13420, Decimal("2.22"))]
    assert count(published_warehouse, "marts", "05", "UKRAINE")[:3] == (279855, 279853, 279857)
    # countries that are not in the excerpt make no group, and no total is printed
    assert count(published_warehouse, "marts", "05", "EU26") == (None,) * 6
    assert count(published_warehouse, "marts", "05", "ALL") == (None,) * 6
    reasons = dict(
        query(
            published_warehouse,
            "select reason, count(distinct region_code) from marts.foreign_population where source = 'azr_nrw'"
            " and persons is null group by 1",
        )
    )
    # the two districts of Aachen that were dissolved in 2009, and no others
    assert reasons["place_dissolved"] == 2 and "dash_is_no_zero" not in reasons
    assert reasons["country_of_group_unknown"] == reasons["total_not_published"] == 59


def test_what_the_older_mart_says_of_eu2_stands_in_the_wider_one(published_warehouse):
    differing = query(
        published_warehouse,
        "select e.source, e.region_code, e.eu2_persons, f.persons from marts.eu2_population as e"
        " full join (select * from marts.foreign_population where nationality = 'EU2' and sex = 'all') as f"
        " using (source, region_code, source_region_code, reference_date)"
        " where f.persons is distinct from e.eu2_persons and f.reason is distinct from 'none_or_rounded_away'",
    )
    assert differing == []
    of_register = "select distinct nationality, sex from marts.foreign_population where source = 'register'"
    assert query(published_warehouse, of_register) == [("EU2", "all")]


def test_a_group_is_led_back_to_the_lines_of_its_countries(published_warehouse):
    chain = explain.explain(published_warehouse, "foreign_population", "Dortmund", 2024)
    text = explain.as_text(chain, "de")
    assert "Summe; berechnet" in text and "erster Wert in Prozent des zweiten" in text
    (row,) = [r for r in chain.rows if (r["nationality"], r["sex"]) == ("EU2", "all")]
    persons, share = chain.trees[chain.rows.index(row)]
    assert [(leaf["value"], leaf["label_de"]) for leaf in persons["children"]] == [
        (5700, "Personen: Bulgarien"), (7720, "Personen: Rumänien"),
    ]  # fmt: skip
    assert share["children"][1]["file_name"] == "12411-01-01-4_2024_flat.csv"
    # a row that is a delivered line names it
    assert "nicht nötig, die Zeile nennt Datei und Zeile: 12521-03i_2024.csv" in text
    assert {d.source for d in chain.deliveries} == {"azr_nrw", "genesis"}


@pytest.mark.long
@pytest.mark.nightly
def test_every_nationality_of_every_district(warehouse):
    if not TABLE.exists():
        pytest.skip(f"the whole table is not here: {TABLE}")
    accept(warehouse, "azr_nrw", TABLE.read_bytes())
    build_models(warehouse, "foreign_population")
    assert count(warehouse, "build", "05", "EU2")[:3] == (276235, 276231, 276239)
    (bulgarians,) = query(
        warehouse,
        "select sum(persons) from build.foreign_population where nationality = '125' and sex = 'all'"
        " and region_level in ('district', 'municipality')",
    )[0]
    assert (bulgarians, count(warehouse, "build", "05", "125")[0]) == (105745, 105755)
    # Dortmund's continents and its countries have two sums, and neither is shown
    sums = query(
        warehouse,
        "select nationality_kind, sum(persons) from build.foreign_population where region_code = '05913000'"
        " and sex = 'all' and nationality_kind <> 'group' group by 1 order by 1",
    )
    assert sums == [("all", None), ("continent", 146995), ("country", 146980)]
    unknown = "select distinct nationality from build.foreign_population where not is_in_key order by 1"
    codes = ("195", "199", "295", "299", "395", "399", "495", "499", "527", "599")
    assert query(warehouse, unknown) == [(code,) for code in codes]
    # all members of the group are delivered: of a district a dash is 0 to 2 persons
    low, high = query(
        warehouse,
        "select persons - persons_low, persons_high - persons from build.foreign_population"
        " where nationality = 'EU26' and region_code = '05' and sex = 'all'",
    )[0]
    assert (low, high) == (52, 52)


def test_only_counts_of_one_day_are_held_against_each_other(published_warehouse):
    columns = "compared_persons, azr_persons, difference_persons, difference_persons_low, difference_persons_high"
    columns += ", difference_pct, verdict, residences, reason"
    rows = query(
        published_warehouse,
        f"select extract(year from reference_date)::integer, {columns} from marts.population_reconciliation"
        " where region_code = '05913000' order by 1",
    )
    # of 2019 there is a register and no AZR, and that of 2024 is not taken
    assert rows == [
        (2019, 9825, None, None, None, None, None, None, "main", "azr_of_that_date_missing"),
        (2021, 10929, 10115, 814, 810, 818, Decimal("8.05"), "above_azr", "not_stated", None),
    ]
    text = explain.as_text(explain.explain(published_warehouse, "population_reconciliation", "05913000", 2021), "en")
    assert "Difference = 814 persons" in text and "ausblick-am-hellweg" in text


@pytest.mark.long
@pytest.mark.nightly
def test_a_delivered_table_of_the_day_takes_the_place_of_a_print(warehouse):
    accept(warehouse, "azr_nrw", bundled_bytes("azr_nrw").replace(b"31.12.2024", b"31.12.2021"), "12521-03i_2021.csv")
    build_models(warehouse, "population_reconciliation")
    compared = "select azr_source, azr_persons, azr_document from build.population_reconciliation"
    assert query(warehouse, compared) == [("azr_nrw", 13420, None)]


def test_tolerations_of_eight_years_and_more(published_warehouse):
    columns = "persons, whole_persons, share_pct, share_wide_low_pct, share_wide_high_pct, reason"
    rows = query(
        published_warehouse,
        f"select years_class, sex, {columns} from marts.toleration where region_code = '05' order by 1 desc, 2",
    )
    assert rows[:3] == [
        ("all", "all", 58000, None, None, None, None, None),
        ("all", "female", None, None, None, None, None, "not_delivered"),
        ("all", "male", None, None, None, None, None, "not_delivered"),
    ]
    assert rows[3] == ("8+", "all", 7000, 58000, Decimal("12.07"), Decimal("11.11"), Decimal("13.04"), None)
    assert {row[-1] for row in rows[4:]} == {"not_delivered"}
