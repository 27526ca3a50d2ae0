"""The bridge's formula on any figures: its parts sum to the difference, and its rounding is no more than that."""

from decimal import Decimal

import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lagebild.core import database
from lagebild.warehouse import bridge

COLUMNS = (
    "municipality_ags, region_code, method, method_version, reference_year, persons_year, population_persons,"
    " employees_persons, employees_place_basis, denominator_persons, total_cost_eur, cost_per_person_eur,"
    " extrapolated_cost_rounded_rate_eur, evidence, caption_de, caption_en"
)
PLACE = "01001000"
persons = st.integers(min_value=1, max_value=2_000_000)
cents = st.integers(min_value=1, max_value=10**13).map(lambda value: Decimal(value) / 100)
figures = st.tuples(persons, st.integers(min_value=0, max_value=1_000_000), cents, st.integers(1, 2))


def relation(rows: list[tuple]) -> str:
    """Figures (year, (denominator, employees, cost, method version)) as both marts have them; nothing is quoted."""
    values = ", ".join(
        f"('{PLACE}', '00', 'm', {version}, {year}, {year}, {denominator + employees}::bigint, {employees}::bigint,"
        f" 'residence', {denominator}::bigint, {cost}::numeric(18, 2),"
        f" ({cost} / {denominator}::numeric)::numeric(18, 6), round({cost} / {denominator}::numeric) * {denominator},"
        " 'delivered', 'a', 'b')"
        for year, (denominator, employees, cost, version) in rows
    )
    return f"(values {values}) as figures ({COLUMNS})"


def parts(connection: psycopg.Connection, old: list[tuple], new: list[tuple]) -> list[tuple]:
    """measure, part, its amount, the difference, from 2030 in the old relation to 2031 in the new one."""
    macros = bridge.macros()
    text = macros.bridge_parts(relation(old), relation(old), relation(new), relation(new))
    return connection.execute(
        f"select measure, part, part_eur, to_eur - from_eur from ({text}) as parts"
        " where from_year = 2030 and to_year = 2031 order by measure, part_order"
    ).fetchall()


@pytest.fixture(scope="module")
def connection(cluster):
    with database.connect(cluster) as opened:
        yield opened


@hypothesis_settings(max_examples=80, deadline=None)
@given(former=figures, revised=figures, latter=figures)
def test_parts_sum_to_the_difference(connection, former, revised, latter):
    latter = (*latter[:3], revised[3])  # one publication has one version of a method
    found = parts(connection, [(2030, former)], [(2030, revised), (2031, latter)])
    for measure in ("total_cost_eur", "extrapolated_cost_eur"):
        amounts = {part: (amount, difference) for m, part, amount, difference in found if m == measure}
        assert list(amounts) == [
            "data_revision", "method", "price", "quantity_population", "quantity_employees", "rounding",
        ]  # fmt: skip
        (difference,) = {difference for _, difference in amounts.values()}
        assert sum(amount for amount, _ in amounts.values()) == difference
        # Half a euro a person where the rate is rounded, half a cent a part otherwise.
        rounded = Decimal("0.5") * (former[0] + latter[0]) if measure.startswith("extrapolated") else 0
        assert abs(amounts["rounding"][0]) <= rounded + Decimal("0.03") + (latter[0] + revised[0]) * Decimal("0.000001")
        if former[3] != revised[3]:
            assert amounts["data_revision"][0] == 0


def test_other_years_and_versions_by_hand(connection):
    found = parts(
        connection,
        [(2030, (40, 20, Decimal(900), 1))],
        [(2030, (40, 20, Decimal(1000), 1)), (2031, (50, 30, Decimal(1500), 1))],
    )
    # 900 was corrected to 1,000; from there 25 to 30 EUR and 40 to 50 persons as in the unit test of cost_bridge.
    total = {part: amount for measure, part, amount, _ in found if measure == "total_cost_eur"}
    assert total == {
        "data_revision": 100, "method": 0, "price": 225, "quantity_population": 550, "quantity_employees": -275,
        "rounding": 0,
    }  # fmt: skip


def test_changed_rows_of_a_method_are_no_revision_of_the_data(connection):
    def edition(rows: list[tuple], name: str) -> str:
        return f"(select *, '{name}' as method_edition from {relation(rows)}) as figures"

    old, new = [(2030, (40, 20, Decimal(900), 1))], [(2030, (40, 20, Decimal(1000), 1))]
    for names, expected in ((("1-a", "1-a"), (100, 0)), (("1-a", "1-b"), (0, 100))):
        former, latter = (edition(rows, name) for rows, name in zip((old, new), names, strict=True))
        text = bridge.macros().bridge_parts(former, former, latter, latter)
        found = connection.execute(
            f"select part, part_eur from ({text}) as parts where measure = 'total_cost_eur'"
            " and part in ('data_revision', 'method') order by part_order"
        ).fetchall()
        assert [amount for _, amount in found] == list(expected)
