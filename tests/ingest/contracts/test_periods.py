"""Periods as time, and which deliveries of several periods are read."""

from itertools import permutations

import pytest

from ingest import contracts
from ingest.contracts import periods
from ingest.contracts.periods import Input


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("2019", "2019-01-01", "2019-12-31"),
        ("2019-12-31", "2019-12-31", "2019-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2024-Q3", "2024-07-01", "2024-09-30"),
        ("2024q1", "2024-01-01", "2024-03-31"),
        ("2024-H2", "2024-07-01", "2024-12-31"),
        ("2014-2020", "2014-01-01", "2020-12-31"),
        ("2007-2012", "2007-01-01", "2012-12-31"),
        ("2024-10-2025-03", "2024-10-01", "2025-03-31"),
        ("2024-25", "2024-01-01", "2025-12-31"),
        ("1999-00", "1999-01-01", "2000-12-31"),
        ("2010-11", "2010-11-01", "2010-11-30"),  # a month, not a school year
        ("05913000_2019", "2019-01-01", "2019-12-31"),
        ("05913000_2019-12-31", "2019-12-31", "2019-12-31"),
        ("12411-01-01-4_2015-2024", "2015-01-01", "2024-12-31"),
        ("nrw-beispiel-2030_2023", "2023-01-01", "2023-12-31"),
        ("2023-02-30", None, None),
        ("2023-H3", None, None),
        ("2024-26", None, None),
        ("2020-2014", None, None),
        ("0000", None, None),
        ("unknown", None, None),
        ("", None, None),
    ],
)
def test_a_period_is_read_as_days(period, first, last):
    found = periods.span(period)
    assert (found and (str(found.first), str(found.last))) == (first and (first, last))


def test_periods_are_ordered_as_time_and_not_as_text():
    ascending = ["unknown", "2009", "2015-2019", "2007-2019", "2024-06-30", "2024-06", "2024-Q2", "2024-Q3"]
    ascending += ["2024-12-31", "2024", "2015-2024", "2025-01"]  # of one end the longest is last
    for shuffled in (sorted(ascending), sorted(ascending, reverse=True)):
        assert sorted(shuffled, key=periods.order) == ascending


def inputs(*given: str | tuple[str, str], source: str = "esf_hessen") -> list[Input]:
    """Accepted deliveries of these periods (and bytes), numbered as they stand."""
    pairs = [one if isinstance(one, tuple) else (one, one) for one in given]
    return [Input(n, source, period, sha256) for n, (period, sha256) in enumerate(pairs, 1)]


def read(rule: str, *given: str | tuple[str, str]) -> list[str]:
    """Periods that are read, whatever the order of arrival; the one that counts last."""
    found = set()
    for arrived in permutations(given):
        chosen = periods.chosen(inputs(*arrived), {"esf_hessen": rule})
        assert [order for _, order in chosen] == list(range(1, len(chosen) + 1))
        found.add(tuple(one.period for one, _ in chosen))
    (only,) = found
    return list(only)


def test_which_periods_count_does_not_depend_on_the_order_in_which_they_came():
    assert read("all", "2024", "2023-12-31", "2009") == ["2009", "2023-12-31", "2024"]
    assert read("latest", "2024", "2023-12-31", "2009") == ["2024"]
    assert read("latest", "05913000_2024", "05913000_2023", "05315000_2022") == ["05315000_2022", "05913000_2024"]
    # a list of the same time that goes on longer holds the shorter one; another programme stands beside it
    assert read("longest", "2021-2023", "2021-2027", "2014-2020") == ["2014-2020", "2021-2027"]
    assert read("longest", "a_2021-2023", "b_2021-2027") == ["a_2021-2023", "b_2021-2027"]


def test_the_same_bytes_are_read_once_for_the_latest_period():
    assert read("all", ("2014-2020", "x"), ("2021-2027", "x"), ("2022", "y")) == ["2022", "2021-2027"]


def test_the_same_bytes_of_two_holders_are_read_for_each():
    given = ("05913000_2020", "x"), ("05315000_2020", "x"), ("05913000_2021", "x")
    assert read("holders", *given) == ["05315000_2020", "05913000_2021"]
    assert read("all", *given) == ["05913000_2021"]


def test_sources_do_not_meet():
    both = [*inputs(("2020", "x")), Input(9, "esf_berlin", "2021", "x")]
    assert [(one.source, n) for one, n in periods.chosen(both, {})] == [("esf_berlin", 1), ("esf_hessen", 1)]


@pytest.mark.parametrize("source", contracts.sources())
def test_every_contract_names_a_time(source):
    contract = contracts.load(source)
    assert periods.span(contract.period_of(contract.example))
    # Rows without a key cannot be told apart between periods: which list counts must be said, or a period be its own.
    reads_by_delivery = {"ledger_totals", "pupil_list"}
    assert contract.primary_key or contract.periods != contracts.ALL or source in reads_by_delivery


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("integration_course", "integration_courses_2024-13.csv"),
        ("integration_course", "integration_courses_2024-00.csv"),
        ("register", "register_05913000_2019-02-30.csv"),
        ("register", "register_05913000_2019-13-31.csv"),
        ("employment", "eu2_employees_0000.csv"),
    ],
)
def test_a_name_with_a_month_or_day_that_there_is_not_is_no_agreed_one(source, name):
    contract = contracts.load(source)
    assert contract.period_of(name) is None and not contract.fits(name)
    assert contract.period_of(contract.example)
