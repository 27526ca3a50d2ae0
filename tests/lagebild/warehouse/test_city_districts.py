"""City districts, from a register whose operator switched them on to what readers and the statistics office find.

Rows of made-up persons.
"""

from collections.abc import Iterator

import pytest

from disclosure import audit
from ingest.deliveries import pseudonyms
from ingest.privacy import erasure
from lagebild.core import database
from lagebild.core.settings import Settings
from lagebild.warehouse import build
from tests.disclosure.audit_toy import DAY, Toy
from tests.ingest.support import HEADER
from tests.support import PURPOSE, accept, build_models, make_models, query

CITY, OTHER = "05911000", "05112000"
GROUP, REST = (100, 50, 30, 20), (900, 1950, 2970, 3980)
"""Persons of the group and of the rest in four districts, whose measures are computed by hand in the model's test."""


def switch_on(settings: Settings, *municipalities: str) -> None:
    path = settings.config / "contracts" / "register.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = [
        f'  - {{name: city_district, municipality: "{ags}", purpose: a test, legal_basis: none (made up)}}'
        for ags in municipalities
    ]
    path.write_text("\n".join(["fields:", *entries, ""]))
    (settings.config / "city_district.csv").write_text(
        "municipality_ags,city_district,city_district_name,valid_from_year,valid_to_year,source_document\n"
        + "".join(f"{CITY},{n},Bezirk {n} (erfunden),2000,,made up\n" for n in range(1, 5))
    )


def register(ags: str, counts: dict[tuple[str, str], int]) -> bytes:
    """A register of so many persons by district and nationality."""
    rows, number = [f"{HEADER};Stadtbezirk;Herkunft"], 0
    for (district, nationality), persons in counts.items():
        for _ in range(persons):
            number += 1
            rows.append(
                f"31.12.2019;{ags};P{number};;;;;01.02.1990;M;{nationality};01.03.2015;;H;{district};synthetisch"
            )
    return "\n".join([*rows, ""]).encode("iso-8859-1")


def deliver(settings: Settings, ags: str, counts: dict[tuple[str, str], int]) -> None:
    pseudonyms.ensure_key(settings.keys, ags, PURPOSE)
    accept(settings, "register", register(ags, counts), f"register_{ags}_2019-12-31.csv")


SHOWN = (
    "select city_district, city_district_name, persons, persons_low, persons_high, reason from"
    " {}.city_district_population where region_code = %s and nationality = %s order by city_district"
)
MEASURED = (
    "select districts, persons, dissimilarity::text, expected_dissimilarity::text, adjusted_dissimilarity::text, reason"
    " from {}.district_concentration where region_code = %s and nationality = %s"
)


def test_districts_reach_their_marts_and_an_erased_person_leaves_them(warehouse):
    switch_on(warehouse, CITY, OTHER)
    counts = {(str(n), "154"): persons for n, persons in enumerate(GROUP, 1)}
    deliver(warehouse, CITY, counts | {(str(n), "000"): persons for n, persons in enumerate(REST, 1)})
    deliver(warehouse, OTHER, {("1", "154"): 3, ("2", "154"): 3, ("1", "000"): 40, ("", "000"): 1})
    build_models(warehouse, "city_district_population", "district_concentration", "int_disclosure__cell")
    shown, measured = SHOWN.format("build"), MEASURED.format("build")
    assert (
        query(warehouse, shown, CITY, "EU2")
        == query(warehouse, shown, CITY, "ALL")
        == [
            (str(n), f"Bezirk {n} (erfunden)", persons, persons - 2, persons + 2, None)
            for n, persons in enumerate(GROUP, 1)
        ]
    )
    hidden = [(None, None, None, "confidential")] * 3
    assert [row[2:] for row in query(warehouse, shown, OTHER, "EU2")] == hidden  # 3 and 3 of 6: one would tell another
    assert query(warehouse, shown, CITY, "UKRAINE")[0][2:] == hidden[0]
    assert query(warehouse, measured, CITY, "ALL") == [(4, 200, "0.4592", "0.0470", "0.4325", None)]
    assert query(warehouse, measured, CITY, "EU2") == query(warehouse, measured, CITY, "ALL")
    assert query(warehouse, measured, CITY, "UKRAINE") == [(4, 0, None, None, None, "confidential")]
    rules = (
        "select distinct rule from build.int_disclosure__cell where mart = 'city_district_population' and place like %s"
    )
    assert {rule for (rule,) in query(warehouse, rules, f"{CITY}%")} == {None, "few_in_city"}
    # P1 is of the first district: the next build counts without, and readers see the same class
    erasure.erase(warehouse, CITY, PURPOSE, "P1")
    build_models(warehouse, "city_district_population", "district_concentration")
    assert query(warehouse, shown, CITY, "EU2")[0][2:] == (100, 98, 102, None)
    assert query(warehouse, measured, CITY, "ALL")[0][:2] == (4, 199)


def test_without_the_switch_there_is_no_row_of_a_district(published_warehouse):
    for mart in ("marts.city_district_population", "marts_internal.district_concentration"):
        assert query(published_warehouse, f"select count(*) from {mart}") == [(0,)]
    with pytest.raises(Exception, match="permission denied"):
        query(published_warehouse, "select * from marts_internal.district_concentration", role=database.BI_READER)


# --- what readers could work out --------------------------------------------------------------------------------------


@pytest.fixture
def toy(warehouse) -> Iterator[Toy]:
    with database.connect(warehouse) as connection:
        made = Toy(warehouse, connection)
        members = {"EU2": ("125", "154"), "EU26": ("124", "125", "154"), "UKRAINE": ("166",)}
        made.put(
            "nationality_group",
            *({"nationality_group": name, "nationality_code": code} for name in members for code in members[name]),
        )
        yield made


def put(toy: Toy, exact: dict[str, int], shown: dict[str, int | None], group: str = "EU2", place: str = CITY) -> None:
    for district, persons in exact.items():
        key = {"region_code": place, "reference_date": DAY, "city_district": district, "nationality": group}
        toy.put("int_city_district__counted", key | {"persons": persons})
        value = shown[district]
        toy.put("city_district_population", key | {"persons": value, "reason": None if value else "confidential"})


def found(toy: Toy) -> list[str]:
    toy.connection.execute("grant select on all tables in schema build to lagebild_builder")
    return [str(finding.requirement.source) for finding in audit.findings(toy.connection, toy.build_id)]


def test_districts_that_are_shown_by_class_tell_nothing(toy):
    toy.register(CITY, (0, 35, 35), (None, None, 35))
    put(toy, {"1": 14, "2": 21}, {"1": 15, "2": 20})
    put(toy, {"1": 20, "2": 30}, {"1": 20, "2": 30}, "ALL")
    assert found(toy) == []


def test_a_hidden_district_that_the_citys_count_tells_is_found(toy):
    # classes 5, 5 and 5 of a city of 9 (8 to 12): none can be more than 6, and the city itself no 8
    toy.register(CITY, (0, 9, 9), (None, None, 10))
    put(toy, {"1": 3, "2": 3, "3": 3}, {"1": 5, "2": 5, "3": 5})
    told = found(toy)
    assert [one.split(" ")[0] for one in told] == ["eu2_population"] + 3 * ["city_district_population"], told


def test_a_zero_that_is_shown_and_an_exact_count_are_found(toy):
    toy.register(CITY, (0, 100, 100), (None, None, 100))
    put(toy, {"1": 0, "2": 37, "3": 63}, {"1": 0, "2": 37, "3": 65})
    told = " ".join(found(toy))
    assert "1 EU2, persons" in told and "2 EU2, persons" in told


def test_a_group_that_all_foreign_persons_bound_is_found(toy):
    toy.register(CITY, (0, 40, 40), (None, None, 40))
    put(toy, {"1": 6, "2": 34}, {"1": 5, "2": 35}, "ALL")
    put(toy, {"1": 3, "2": 12}, {"1": 5, "2": 10}, "EU26")
    put(toy, {"1": 3, "2": 12}, {"1": 5, "2": 10}, "UKRAINE")
    told = found(toy)
    assert any("1 EU26, persons" in one for one in told) and any("1 UKRAINE, persons" in one for one in told)
    assert not any(" 2 EU26" in one for one in told)


def test_small_districts_are_found_where_the_city_has_as_many_as_they_can_hold(toy):
    # 8 to 12 of the city, 3 to 7 of them in one district: the three others, below 3 each, hold 1 to 6
    toy.register(CITY, (0, 9, 9), (None, None, 10))
    put(toy, {"1": 2, "2": 2, "3": 2, "4": 3}, {"1": None, "2": None, "3": None, "4": 5})
    assert found(toy) == []
    for table in ("int_population__counted_register", "eu2_population", "eu2_population_unmasked"):
        toy.connection.execute(f"delete from build.{table}")
    for table in ("int_city_district__counted", "city_district_population"):
        toy.connection.execute(f"delete from build.{table}")
    # with one district less the two hold 1 to 4, and the third is 4 to 7 of 3 to 7
    toy.register(CITY, (0, 8, 8), (None, None, 10))
    put(toy, {"1": 2, "2": 2, "3": 4}, {"1": None, "2": None, "3": 5})
    assert any("3 EU2, persons" in one for one in found(toy))


@pytest.mark.long
@pytest.mark.nightly
def test_whatever_districts_a_city_has_the_audit_finds_nothing_in_what_is_shown(warehouse):
    """Small made-up cities go through the models, and what readers see of them through the audit."""
    pairs = {}
    for number in range(60):
        ags = f"05{number + 1:03d}000"
        counts = {
            (str(d), nationality): (number * 7 + d * 5 + n * 3 + (number * d * (n + 1)) % 11) % 13
            for d in range(1, 3 + number % 4)
            for n, nationality in enumerate(("125", "154", "166", "122", "475", "127"))
        }
        counts["", "154"] = number % 3
        pairs[ags] = counts
    switch_on(warehouse, *pairs)
    for ags, counts in pairs.items():
        deliver(warehouse, ags, counts | {("1", "000"): 20})
    build_id = build.begin(warehouse)
    assert build_id is not None
    make_models(warehouse, build_id, "city_district_population", "int_disclosure__cell", "provenance")
    rules = "select rule, count(*) from build.int_disclosure__district_cell group by 1"
    by_rule = dict(query(warehouse, rules))
    assert min(by_rule[rule] for rule in (None, "few_in_city", "minimum", "sum_of_districts", "sum_of_groups")) > 0
    with database.connect(warehouse) as connection:
        assert [str(one) for one in audit.findings(connection, build_id)] == []
