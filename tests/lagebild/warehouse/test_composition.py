"""What a register is made up of, from switched fields to what the statistics office finds. Made-up persons."""

import pytest

from ingest.deliveries import pseudonyms
from ingest.privacy import erasure, rotation
from lagebild.core import database
from tests.ingest.support import HEADER
from tests.support import MUNICIPALITY, PURPOSE, accept, build_models, query

FIELDS = ("migration_background", "moved_from", "arrived_year")
SHOWN = (
    "select characteristic_value, persons, reason from build.resident_composition where nationality = %s"
    " and characteristic = %s and persons is not null order by characteristic_value"
)


def register(day: str, groups: list[tuple[int, str]], first: int = 1) -> bytes:
    """So many persons of each end of a line: nationality, migration background, origin, day of moving in."""
    rows, number = [f"{HEADER};Migrationshintergrund;Zuzug aus;Zuzugsdatum;Herkunft"], first
    for persons, of in groups:
        nationality, *others = of.split(";")
        for _ in range(persons):
            head = f"{day};{MUNICIPALITY};P{number};;;;;01.02.1990;M;{nationality};01.03.2015;;H"
            rows.append(";".join([head, *others, "synthetisch"]))
            number += 1
    return "\n".join([*rows, ""]).encode("iso-8859-1")


GROUPS = [
    (6, "154;ausländisch;152;01.02.2019"),
    (4, "125;ausländisch;05911000;05.06.2012"),
    (2, "166;ausländisch;166;"),
    (20, "000;ohne;;01.01.1995"),
    (8, "000;familiär;;01.01.1995"),
]
"""By hand: 12 foreign (class 10), 20 without, 8 of the family (10); of EU2 6 came in the year (5), 4 in 2012 (5)."""


@pytest.fixture
def switched(warehouse):
    path = warehouse.config / "contracts" / "register.yml"
    path.parent.mkdir(parents=True)
    whose = f'municipality: "{MUNICIPALITY}", purpose: a test, legal_basis: none (made up)'
    entries = [f"- {{name: {name}, {whose}}}" for name in FIELDS]
    path.write_text("\n".join(["fields:", *entries, ""]))
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    return warehouse


@pytest.mark.long
@pytest.mark.nightly
def test_composition_is_counted_once_a_delivery_and_again_after_an_erasure(switched):
    accept(switched, "register", register("31.12.2019", GROUPS), f"register_{MUNICIPALITY}_2019-12-31.csv")
    build_models(switched, "resident_composition")
    assert query(switched, SHOWN, "TOTAL", "migration_background") == [
        ("family", 10, None),
        ("foreign", 10, None),
        ("none", 20, None),
    ]
    assert query(switched, SHOWN, "EU2", "length_of_stay") == [("0", 5, None), ("5-9", 5, None)]
    assert query(switched, SHOWN, "EU2", "moved_from") == [("abroad", 5, None), ("same_state", 5, None)]
    assert query(switched, SHOWN, "UKRAINE", "moved_from") == []  # two persons
    switched_off = "select count(*) from build.resident_composition where characteristic = 'background_by_birth'"
    assert query(switched, switched_off) == [(0,)]
    kept = "select delivery_id, persons, xmin::text from build.int_population__delivery_composition order by 1, 2, 3"
    before = query(switched, kept)
    # a later day: what was counted of the first stays as it lies there
    other = register("31.03.2020", GROUPS[:1], 500)
    second = accept(switched, "register", other, f"register_{MUNICIPALITY}_2020-03-31.csv")
    build_models(switched, "resident_composition")
    after = query(switched, kept)
    assert [row for row in after if row[0] != second.delivery_id] == before and len(after) > len(before)
    rotation.rotate(switched, MUNICIPALITY, PURPOSE)
    for number in (1, 2, 3, 4):  # six of them came in the year: two are left
        erasure.erase(switched, MUNICIPALITY, PURPOSE, f"P{number}")
    build_models(switched, "resident_composition")
    first = SHOWN.replace("where", "where reference_date = '2019-12-31' and")
    assert query(switched, first, "EU2", "length_of_stay") == [("5-9", 5, None)]


def test_without_switches_there_is_no_row_and_readers_never_see_one(published_warehouse):
    rows = "select count(*) from marts_internal.resident_composition"
    assert query(published_warehouse, rows, role=database.STATISTICS_OFFICE) == [(0,)]
    with pytest.raises(Exception, match="permission denied"):
        query(published_warehouse, rows, role=database.BI_READER)
