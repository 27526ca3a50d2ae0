"""Series on the territory of a day, from delivered tables to the mart: places that were merged or divided."""

from decimal import Decimal

from lagebild.provenance import explain
from tests.support import accept, build_models, bundled_bytes, query

NAME = "12411-01-01-4_2013-2016_flat.csv"
COLUMNS = (
    "select time_text, value, value_low, value_high, method, parts, reason, value_sign from {}.territorial_series"
    " where region_code = %s and territory_date = %s and classification_codes = 'GES=' order by time_text"
)
# The sums of 2013 and 2014, and of 2015 with the population of Osterode, are published; how 2013 and 2014 part between
# the two districts is known to the hundred only (BBSR), and made up below that.
PUBLISHED = [
    ("2013-12-31", "03152", "Göttingen, Landkreis", "248249"),
    ("2013-12-31", "03156", "Osterode am Harz, Landkreis", "74367"),
    ("2014-12-31", "03152", "Göttingen, Landkreis", "250220"),
    ("2014-12-31", "03156", "Osterode am Harz, Landkreis", "73793"),
    ("2015-12-31", "03152", "Göttingen, Landkreis", "255653"),
    ("2015-12-31", "03156", "Osterode am Harz, Landkreis", "73885"),
    # dissolved: the sign is no zero, and no part of 2016
    ("2016-12-31", "03152", "Göttingen, Landkreis", "-"),
    ("2016-12-31", "03156", "Osterode am Harz, Landkreis", "-"),
    ("2013-12-31", "07135", "Cochem-Zell, Landkreis", "63202"),
    ("2013-12-31", "07140", "Rhein-Hunsrück-Kreis", "100770"),
]


def series() -> bytes:
    """A delivery of the population of these districts, in the layout of the bundled table."""
    header = bundled_bytes("genesis").decode("utf-8-sig").splitlines()[0]
    rows = [
        f"12411;Fortschreibung des Bevölkerungsstandes;STAG;Stichtag;{day};KREISE;Kreise und kreisfreie Städte;{code}"
        f";{name};GES;Geschlecht;;Insgesamt;{value};Anzahl;BEVSTD;Bevölkerungsstand"
        for day, code, name, value in PUBLISHED
    ]
    return "\n".join(["\ufeff" + header, *rows, ""]).encode()


def test_former_districts_stand_on_the_territory_of_today(warehouse):
    accept(warehouse, "genesis", series(), NAME)
    build_models(warehouse, "territorial_series")

    def of(region: str, day: str) -> list[tuple]:
        return query(warehouse, COLUMNS.format("build"), region, day)

    assert [row[:6] for row in of("03159", "2016-11-01")] == [
        (day, Decimal(value), None, None, "added", "03152 + 03156")
        for day, value in (("2013-12-31", 322616), ("2014-12-31", 324013), ("2015-12-31", 329538))
    ]
    shared = [(*of("07135", "2014-07-01")[0][:6],), (*of("07140", "2014-07-01")[0][:6],)]
    assert shared == [
        ("2013-12-31", Decimal(62118), Decimal(62117), Decimal(62118), "divided", "07135 * 0.982848644"),
        ("2013-12-31", Decimal(101854), Decimal(101854), Decimal(101855), "divided", "07135 * 0.017151356 + 07140"),
    ]
    # what the two shared is the same before and after
    exact = "select sum(exact_value) from build.territorial_series where territory_date = '2014-07-01'"
    assert query(warehouse, exact) == [(Decimal(63202 + 100770),)]


def test_a_territory_that_was_delivered_itself_is_taken_over_with_its_line(published_warehouse):
    rows = query(published_warehouse, COLUMNS.format("marts"), "05334", "2009-10-21")
    # the Kreis Aachen's sign of 2024 is no part of it
    assert rows == [("2024-12-31", Decimal(582410), None, None, "as_delivered", "05334", None, None)]
    chain = explain.explain(published_warehouse, "territorial_series", "05334", 2024)
    (tree,) = next(trees for trees in chain.trees if trees[0]["value"] == 582410)
    (total,) = tree["children"]
    (leaf,) = total["children"]
    assert (leaf["value"], leaf["first_line"]) == (Decimal(582410), 20)
    assert leaf["file_name"] == "12411-01-01-4_2024_flat.csv"
