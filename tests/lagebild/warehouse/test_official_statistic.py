"""Tables of GENESIS from the delivered file to the mart: what is published stands there as it is, and is reconciled."""

from decimal import Decimal

from expectations import marts
from expectations.suite import Build
from lagebild.core import database
from lagebild.provenance import explain
from tests.expectations import marts_cases
from tests.support import BUNDLED, accept, build_models, query

REPLY = (BUNDLED / "replies" / "destatis" / "12521-0041.2024.csv").read_bytes()
NAME = "12521-0041_2024_flat.csv"
PERSONS = (
    "select region_name, classification, value, value_sign, rounded_to, note_de is not null"
    " from build.official_statistic where table_code = %s and region_code = %s order by classification_codes"
)


def agreement(settings) -> tuple[bool, str]:
    """The verdict on whether the table of foreigners agrees with azr_nrw, and what was observed."""
    suite = marts.suites(Build(1, frozenset({"genesis"})))["official_statistic"]
    own = [e for e in suite if e.name == "official_statistic.agrees_with_azr_nrw"]
    (verdict,) = marts_cases.judged(settings, "official_statistic", own)
    return verdict.passed, verdict.observed


def test_tables_stand_side_by_side_and_agree_with_azr_nrw(warehouse):
    for source in ("genesis", "azr_nrw"):
        accept(warehouse, source)
    accept(warehouse, "genesis", REPLY, NAME)
    build_models(warehouse, "official_statistic")
    assert query(warehouse, "select table_code, count(*) from build.official_statistic group by 1 order by 1") == [
        ("12411-01-01-4", 21),
        ("12521-0041", 324),
    ]
    assert query(warehouse, PERSONS, "12411-01-01-4", "05913000") == [
        ("Dortmund", "Geschlecht: Insgesamt", Decimal(603462), None, None, False),
        ("Dortmund", "Geschlecht: männlich", Decimal(297860), None, None, False),
        ("Dortmund", "Geschlecht: weiblich", Decimal(305602), None, None, False),
    ]
    sexes = {"Insgesamt": (5700, 7720), "männlich": (3075, 4340), "weiblich": (2625, 3380)}
    assert query(warehouse, PERSONS, "12521-0041", "05913000") == [
        ("Dortmund", f"Geschlecht: {sex}; Staatsangehörigkeit: {country}", Decimal(count), None, 5, True)
        for sex, counts in sexes.items()
        for country, count in zip(("Bulgarien", "Rumänien"), counts, strict=True)
    ]
    # a dissolved district has a sign, never a zero
    assert [row[2:4] for row in query(warehouse, PERSONS, "12411-01-01-4", "05354")] == [(None, "-")] * 3
    levels = "select region_level, count(distinct region_code) from build.official_statistic group by 1 order by 1"
    assert query(warehouse, levels) == [("district", 32), ("municipality", 22), ("state", 1)]
    assert agreement(warehouse)[0]

    with database.connect(warehouse, database.BUILDER) as connection:
        connection.execute("update build.official_statistic set value = 5705 where value = 5700")
    assert agreement(warehouse) == (False, "05913 125  2024-12-31: 5705, azr_nrw 5700")


def test_the_row_of_a_value_names_its_file_and_line(published_warehouse):
    chain = explain.explain(published_warehouse, "official_statistic", "05913000", 2024)
    assert {(d.source, d.period) for d in chain.deliveries} >= {("genesis", "12411-01-01-4_2024")}
    assert "names its file and line: 12411-01-01-4_2024_flat.csv, line 17" in explain.as_text(chain, "en")
    with database.connect(published_warehouse, database.BI_READER) as connection:
        ages = connection.execute("select distinct input_age_days from marts.official_statistic").fetchall()
    assert ages == [(0,)]
