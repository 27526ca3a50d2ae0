"""What counts as history, and the one rule that bounds are computed by."""

from dataclasses import replace
from datetime import date

import pytest

from expectations import gate, history
from expectations.history import LAST, NEEDED, Statistic
from expectations.suite import HOLD, NOTE, Delivery
from lagebild.core import database
from tests.expectations.support import deliver_rows

TABLE = "raw.ledger__posting"
RULE = {"amount_eur": Statistic("sum(amount_eur)", "why", HOLD, 0.25)}


def _deliver(settings, period: str, amount: float | None, state: str = "accepted", source: str = "ledger") -> int:
    number = deliver_rows(settings, source, TABLE, period, [{"amount_eur": amount}])
    with database.connect(settings, database.LOADER) as connection:
        query = f"select * from {TABLE} where delivery_id = {number}"
        history.store_statistics(connection, number, query, history.all_statistics(RULE))
        connection.execute(
            "update raw.delivery set state = %s, decided_at = clock_timestamp() where delivery_id = %s", [state, number]
        )
    return number


def _before(settings, number: int) -> tuple[tuple[int, ...], dict[str, int]]:
    with database.connect(settings, database.LOADER) as connection:
        return history.accepted_before(connection, number)


def _verdict(settings, number: int, personal: bool = False) -> gate.Verdict:
    before, known = _before(settings, number)
    delivery = Delivery(number, "ledger", "05913000_2019", 1, date(2030, 1, 1), before, known)
    query = f"select * from {TABLE} where delivery_id = {number}"
    batch = gate._Batch("ledger", query, history.as_usual(delivery, RULE, "nobody"), personal=personal, has_lines=True)
    with database.connect(settings, database.LOADER) as connection:
        ((_, verdict),) = gate._judge(connection, [batch])
    return verdict


def test_history_is_the_last_accepted_of_the_same_source_and_municipality(warehouse):
    own = [_deliver(warehouse, f"05913000_{2000 + n}", n) for n in range(LAST + 1)]
    for period, state, source in (
        ("05911000_2010", "accepted", "ledger"),
        ("05913000_2011", "held", "ledger"),
        ("05913000_2012", "withdrawn", "ledger"),
        ("05913000_2013", "accepted", "ledger_totals"),
    ):
        _deliver(warehouse, period, 1, state, source)
    deliver_rows(warehouse, "ledger", TABLE, "05913000_2014", [])  # never judged: no statistics
    number = _deliver(warehouse, "05913000_2019", 1, "loaded")
    assert _before(warehouse, number) == (tuple(reversed(own[1:])), {"rows": LAST, "amount_eur": LAST})


def test_each_table_has_its_own_history(warehouse):
    numbers = [_deliver(warehouse, f"12411-01-01-4_{year}", 1, source="genesis") for year in (2022, 2023)]
    _deliver(warehouse, "12411-0010_2023", 1, source="genesis")
    number = _deliver(warehouse, "12411-01-01-4_2024", 1, "loaded", source="genesis")
    assert _before(warehouse, number)[0] == tuple(reversed(numbers))


@pytest.mark.parametrize(
    ("past", "inside", "outside", "told"),
    [
        ((100, 100, 100), 125, 125.01, "usual 75 to 125"),  # alike: a quarter of the median
        ((100, 100, 100), 75, 74.99, "usual 75 to 125"),
        ((90, 100, 110, 5000), 179.1, 179.2, "usual 30.87 to 179.13"),  # five spreads; one odd year moves nothing
        ((-100, -100, -100), -125, 125, "usual -125 to -75"),
        ((0, 0, 0), 0, 0.01, "usual 0 to 0"),
    ],
)
def test_the_bounds_follow_median_and_spread(warehouse, past, inside, outside, told):
    for year, amount in enumerate(past, start=2000):
        _deliver(warehouse, f"05913000_{year}", amount)
    good, bad, none = (_deliver(warehouse, "05913000_2019", value, "loaded") for value in (inside, outside, None))
    assert _verdict(warehouse, good).passed
    verdict = _verdict(warehouse, bad)
    assert (verdict.passed, verdict.severity, verdict.observed) == (False, HOLD, f"{outside}, {told}")
    side = "higher" if outside > past[0] else "lower"
    where = f"(lagebild statistics {bad})"
    assert _verdict(warehouse, bad, personal=True).observed == f"{side} than usual {where}"
    assert _verdict(warehouse, none, personal=True).observed == f"no value (lagebild statistics {none})"
    assert _verdict(warehouse, none).observed == f"no value, {told}"


def test_too_little_history_is_said_and_never_passes(warehouse):
    number = _deliver(warehouse, "05913000_2019", 1, "loaded")
    told = []
    for year in range(NEEDED + 1):
        verdict = _verdict(warehouse, number)
        told.append((verdict.passed, verdict.severity, verdict.observed))
        _deliver(warehouse, f"05913000_{2000 + year}", 1)
    assert told == [
        (False, NOTE, "not judged, no accepted delivery yet: needs 3"),
        (False, NOTE, "not judged, only 1 accepted delivery: needs 3"),
        (False, NOTE, "not judged, only 2 accepted deliveries: needs 3"),
        (True, HOLD, "0 findings"),
    ]


def test_a_second_check_replaces_the_statistics(warehouse):
    number = _deliver(warehouse, "05913000_2019", 1, "loaded")
    with database.connect(warehouse, database.LOADER) as connection:
        connection.execute("update quality.statistic set value = 7")
        query = f"select * from {TABLE} where delivery_id = {number}"
        history.store_statistics(connection, number, query, RULE)
        found = dict(connection.execute("select statistic, value from quality.statistic").fetchall())
    assert found == {"rows": 7, "amount_eur": 1}


def test_a_statistic_about_persons_is_told_and_their_rows_are_not():
    whole, row = (replace(history.not_judged("a", "b", "c", "d", 0, 3), quotes_rows=told) for told in (False, True))
    for expectation, expected in ((whole, "words"), (row, "fewer than 3 findings")):
        details = {"details": {"unexpected_rows": [{"observed": "words"}]}, "observed_value": 1}
        verdict = gate._verdict(expectation, _Result(details), personal=True)
        assert verdict.observed == expected


class _Result:
    success = False

    def __init__(self, result):
        self.result = result
