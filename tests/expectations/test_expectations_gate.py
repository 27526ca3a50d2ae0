"""The gate writes what it judged, and lets nothing pass that it could not judge."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest

from expectations import gate, suite
from expectations.gate import GateError
from expectations.sources import employment
from lagebild.core import database
from lagebild.core.errors import UserError
from tests.expectations.support import begin_build, deliver_rows, failed
from tests.support import checked, step

_ROW = {
    "reference_date": "2019-12-31",
    "region_code": "00",
    "region_name": "Deutschland",
    "nationality_group": "EU2",
    "place_basis": "not_stated",
    "employees_persons": 20_000_000,
    "source_name": "by hand",
}


DELIVERY = suite.Delivery(1, "employment", "2019", 1, date(2020, 6, 30))


@pytest.fixture
def delivery_id(warehouse) -> int:
    return deliver_rows(warehouse, "employment", employment.TABLE, "2019", [_ROW])


def _execute(settings, statement, *values):
    with database.connect(settings) as connection:
        result = connection.execute(statement, values or None)
        return result.fetchall() if result.description else None


def _refuses(settings, delivery_id, *named):
    """The check raises GateError whose message names all of `named`, says what to do, and writes nothing."""
    with pytest.raises(GateError) as caught:
        checked(settings, delivery_id)
    assert all(word in caught.value.message for word in named), caught.value.message
    assert caught.value.remedy
    assert _execute(settings, "select count(*) from quality.verdict") == [(0,)]
    return caught.value


def test_verdicts_are_written_as_returned_and_states_stay(warehouse, delivery_id):
    verdicts = checked(warehouse, delivery_id)
    written = _execute(
        warehouse,
        "select expectation, why, severity, passed, observed, expected, owner, failing_rows from quality.verdict"
        " where delivery_id = %s order by verdict_id",
        delivery_id,
    )
    assert [gate.Verdict(*row[:-1], tuple(row[-1])) for row in written] == verdicts
    assert {(v.expectation, v.severity) for v in verdicts if not v.passed} == {
        ("employees_plausible", "hold"),
        ("place_basis_stated", "note"),
        ("rows_as_usual", "note"),
        ("employees_in_germany_persons_as_usual", "note"),
        ("places_still_there", "note"),
    }
    statistics = "select statistic, value from quality.statistic where delivery_id = %s order by statistic"
    assert _execute(warehouse, statistics, delivery_id) == [("employees_in_germany_persons", 20_000_000), ("rows", 1)]
    assert _execute(warehouse, "select state from raw.delivery") == [("loaded",)]


def test_a_run_leaves_no_connection_behind(warehouse, delivery_id):
    checked(warehouse, delivery_id)
    others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    give_up = time.monotonic() + 5  # a server process ends a moment after its client has left
    while (left := _execute(warehouse, others)) != [(0,)] and time.monotonic() < give_up:
        time.sleep(0.05)
    assert left == [(0,)]


def test_a_library_that_cannot_be_imported_holds(warehouse, delivery_id, monkeypatch):
    monkeypatch.setitem(sys.modules, "great_expectations", None)
    assert "uv sync" in _refuses(warehouse, delivery_id, "Great Expectations cannot be imported").remedy


def test_a_missing_table_holds(warehouse, delivery_id):
    _execute(warehouse, f"drop table {employment.TABLE}")
    _refuses(warehouse, delivery_id, "the statistics of employment", employment.TABLE, "does not exist")


def test_an_exception_within_a_metric_holds(warehouse, delivery_id):
    _execute(warehouse, f"alter table {employment.TABLE} rename column place_basis to basis")
    assert "expectations/sources/employment.py" in _refuses(warehouse, delivery_id, "place_basis_stated").remedy


def test_a_statistic_that_cannot_be_computed_holds(warehouse, delivery_id):
    _execute(warehouse, f"alter table {employment.TABLE} rename column employees_persons to employees")
    assert (
        "expectations/sources/employment.py"
        in _refuses(warehouse, delivery_id, "statistics", "employees_persons").remedy
    )


def test_a_statement_that_takes_too_long_is_cancelled_and_holds(warehouse, delivery_id, monkeypatch):
    monkeypatch.setattr(gate, "STATEMENT_SECONDS", 0.3)
    with database.connect(warehouse) as holder:
        holder.execute(f"lock table {employment.TABLE}")
        _refuses(warehouse, delivery_id, "statistics", "statement timeout")
    slow = suite.no_row(
        "slow", "select 1 from pg_sleep(60)", why="why", expected="sleep", severity=suite.NOTE, owner="nobody"
    )
    monkeypatch.setattr(employment, "expectations", lambda delivery: [slow])
    began = time.monotonic()
    _refuses(warehouse, delivery_id, "the expectation slow", "statement timeout")
    assert time.monotonic() - began < 30


def test_checks_that_take_too_long_together_hold(warehouse, delivery_id, monkeypatch):
    monkeypatch.setattr(gate, "WHOLE_SECONDS", 0)
    _refuses(warehouse, delivery_id, "the checks took longer than 0 s")


def test_two_gates_at_once_judge_as_if_alone(warehouse):
    """Each has a context of its own: neither takes the other's suite, connection or verdicts for its own."""
    rows = [_ROW, {**_ROW, "employees_persons": 1, "place_basis": "residence"}]
    numbers = [deliver_rows(warehouse, "employment", employment.TABLE, "2019", [row]) for row in rows]
    alone = [checked(warehouse, number) for number in numbers]
    assert failed(alone[0]) - failed(alone[1]) == {"employees_plausible", "place_basis_stated"}
    together = threading.Barrier(len(numbers))

    def check(number: int) -> list[list[gate.Verdict]]:
        together.wait()
        return [checked(warehouse, number) for _ in range(3)]

    with ThreadPoolExecutor(len(numbers)) as pool:
        for expected, found in zip(alone, pool.map(check, numbers), strict=True):
            assert found == [expected] * 3


def test_an_exception_about_persons_withholds_its_text(warehouse):
    row = {"person_pseudonym": "p", "reference_date": "2019-12-31", "nationality_code": "secret"}
    delivery_id = deliver_rows(warehouse, "register", "raw.register__person", "05913000_2019-12-31", [row])
    _execute(warehouse, "alter view raw.register__person_snapshot rename column region_code to ags")
    assert "region_code" not in _refuses(warehouse, delivery_id, "municipality_is_the_period", "withheld").message


def test_a_suite_without_expectations_holds(warehouse, delivery_id, monkeypatch):
    monkeypatch.setattr(employment, "expectations", lambda delivery: [])
    _refuses(warehouse, delivery_id, "employment holds no expectation")


def test_a_suite_that_raises_holds(warehouse):
    delivery_id = deliver_rows(warehouse, "ledger", "raw.ledger__posting", "spring", [])
    _refuses(warehouse, delivery_id, f"delivery {delivery_id}", "spring")


@pytest.mark.parametrize("source", ["unheard_of", "gate"])
def test_a_source_without_a_suite_holds(warehouse, source):
    delivery_id = deliver_rows(warehouse, source, employment.TABLE, "2019", [_ROW])
    assert f"expectations/sources/{source}.py" in _refuses(warehouse, delivery_id, source).remedy


def test_a_contract_that_names_no_suite_of_ours_holds(monkeypatch):
    contract = gate.contracts.load("esf_hessen")
    monkeypatch.setattr(gate.contracts, "load", lambda source: replace(contract, suite="esv"))
    with pytest.raises(GateError, match="source esf_hessen has no suite") as caught:
        gate.suite_of("esf_hessen")
    assert "expectations/sources/esv.py" in caught.value.remedy


def test_a_suite_with_a_name_twice_or_an_unknown_class_holds(warehouse, delivery_id, monkeypatch):
    first = employment.expectations(DELIVERY)[0]
    monkeypatch.setattr(employment, "expectations", lambda delivery: [first, first])
    _refuses(warehouse, delivery_id, "twice")
    monkeypatch.setattr(employment, "expectations", lambda delivery: [replace(first, kind="ExpectMiracles")])
    _refuses(warehouse, delivery_id, "ExpectMiracles")


def test_a_delivery_unknown_or_never_loaded_holds(warehouse, delivery_id):
    _refuses(warehouse, delivery_id + 1, f"delivery {delivery_id + 1} is not in the ledger")
    _execute(warehouse, "update raw.delivery set state = 'received', loaded = null, records = null")
    _refuses(warehouse, delivery_id, "no count of loaded rows")


def test_a_warehouse_out_of_reach_holds_and_shows_no_password(warehouse):
    away = replace(warehouse, warehouse_dsn="postgresql://admin:hush@127.0.0.1:1/lagebild")
    with pytest.raises(UserError) as caught:
        checked(away, 1)
    assert "no connection" in caught.value.message
    assert warehouse.secret(database.LOADER) not in str(caught.value)


def test_verdicts_that_cannot_be_written_hold(warehouse, delivery_id):
    _execute(warehouse, "revoke insert on quality.verdict from lagebild_loader")
    _refuses(warehouse, delivery_id, "permission denied")


def _batch_and_results():
    expectations = employment.expectations(DELIVERY)
    results = [
        SimpleNamespace(
            expectation_config=SimpleNamespace(meta={"name": expectation.name}),
            exception_info={"raised_exception": False},
            success=True,
            result={"observed_value": 0},
        )
        for expectation in expectations
    ]
    return gate._Batch("employment", "", expectations, personal=False, has_lines=True), results


def test_fewer_results_than_expectations_hold():
    batch, results = _batch_and_results()
    assert len(gate._verdicts(batch, results)) == len(results)
    with pytest.raises(GateError, match=f"no result for the expectation {batch.expectations[-1].name}"):
        gate._verdicts(batch, results[:-1])


@pytest.mark.parametrize("success", [None, "True"])
def test_a_result_without_a_verdict_holds(success):
    batch, results = _batch_and_results()
    results[0].success = success
    with pytest.raises(GateError, match="gave no verdict"):
        gate._verdicts(batch, results)


def test_an_unknown_build_and_missing_marts_stop(warehouse):
    with pytest.raises(GateError, match="build 77 is not known"):
        step(warehouse, gate.check_marts, 77)
    with pytest.raises(GateError, match=r"build\.cost_per_person"):
        step(warehouse, gate.check_marts, begin_build(warehouse))
    assert _execute(warehouse, "select count(*) from quality.verdict") == [(0,)]


def test_an_expectation_must_say_why_and_what_follows():
    whole = employment.expectations(DELIVERY)[0]
    for lacking in ({"why": " "}, {"severity": "shrug"}, {"owner": ""}, {"expected": ""}):
        with pytest.raises(ValueError, match=whole.name):
            replace(whole, **lacking)


@pytest.mark.parametrize(
    ("period", "day"),
    [
        ("2024", "2024-12-31"),
        ("2005-2020", "2020-12-31"),
        ("05913000_2019", "2019-12-31"),
        ("05913000_2019-06-30", "2019-06-30"),
        ("12411-01-01-4_2024", "2024-12-31"),
        ("23111-0001_1991-2024", "2024-12-31"),
    ],
)
def test_the_period_names_the_day(period, day):
    delivery = suite.Delivery(1, "register", period, 1, DELIVERY.received_on)
    assert delivery.reference_date.isoformat() == day
    assert delivery.first_year == {"2005-2020": 2005, "23111-0001_1991-2024": 1991}.get(period, delivery.year)


@pytest.mark.parametrize(
    ("name", "is_damaged"),
    [
        ("M\ufffdnster", True),
        ("MÃ¼nster", True),
        ("KÃ¶ln", True),
        ("StraÃŸe", True),
        ("Ã„rzte", True),
        ("â€žNordâ€œ", True),
        ("Â§ 13", True),
        ("Münster", False),
        ("SÃO PAULO", False),
        ("Ångström", False),
        ("Âme", False),
        ("§ 13 “Nord” – 5 €", False),
    ],
)
def test_lost_and_twice_decoded_letters_hold_a_delivery(warehouse, name, is_damaged):
    delivery_id = deliver_rows(warehouse, "employment", employment.TABLE, "2019", [_ROW | {"region_name": name}])
    (found,) = [v for v in checked(warehouse, delivery_id) if v.expectation == "letters_whole"]
    assert (found.passed, found.severity) == (not is_damaged, "hold")
    assert not is_damaged or ("Gebiet" in found.observed and name not in found.observed and found.failing_rows == (2,))


def test_damaged_letters_of_a_source_about_persons_are_counted_and_not_shown(warehouse, delivery_id, monkeypatch):
    monkeypatch.setattr(employment, "PERSONAL", True)
    _execute(warehouse, f"update {employment.TABLE} set region_name = 'M\ufffdller'")
    (found,) = [v for v in checked(warehouse, delivery_id) if v.expectation == "letters_whole"]
    assert not found.passed and found.observed == "fewer than 3 rows" and found.failing_rows == (2,)
