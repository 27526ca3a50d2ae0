"""Every expectation on the marts fails on the smallest input that breaks it, and passes on sound marts."""

from decimal import Decimal

import pytest

from expectations import gate, marts
from expectations.suite import HOLD, WARN, Build
from lagebild.core import database
from lagebild.warehouse.marts import definitions
from tests.expectations import marts_cases
from tests.expectations.marts_cases import ALSO, BROKEN, CHOICE, COMPONENT, LEDGER_SHA256, SOUND, SOURCES, put
from tests.expectations.support import Rows, begin_build, changed, deliver_rows, failed
from tests.support import step


@pytest.fixture
def build(warehouse) -> Build:
    return marts_cases.prepare(warehouse)


def test_each_expectation_fails_on_what_it_is_for_and_only_then(warehouse, build):
    assert failed(step(warehouse, gate.check_marts, build.build_id)) == set()
    suites = marts.suites(build)
    for name, cases in BROKEN.items():
        mart = marts_cases.mart_of(name)
        for rows in cases:
            put(warehouse, rows)
            verdicts = marts_cases.judged(warehouse, mart, suites[mart])
            put(warehouse, {changed_mart: SOUND[changed_mart] for changed_mart in rows})
            assert failed(verdicts) == {name} | ALSO.get(name, set()), name
            (verdict,) = [v for v in verdicts if v.expectation == name]
            assert verdict.severity == marts_cases.severity_of(name), name


def test_a_place_of_the_publication_in_force_must_still_be_there(warehouse, build):
    suites = marts.suites(build)
    for mart in marts.places():
        own = [e for e in suites[mart] if e.name == f"{mart}.places_still_there"]
        marts_cases.publish(warehouse, build.build_id, mart, SOUND[mart])
        (verdict,) = marts_cases.judged(warehouse, mart, own)
        assert verdict.passed, mart
        marts_cases.publish(warehouse, build.build_id, mart, marts_cases.with_gone(mart))
        (verdict,) = marts_cases.judged(warehouse, mart, own)
        assert (verdict.passed, verdict.severity) == (False, HOLD) and "gone" in verdict.observed, mart


def test_a_place_may_go_with_a_withdrawn_delivery(warehouse, build):
    marts_cases.publish(warehouse, build.build_id, "municipal_profile", marts_cases.with_gone("municipal_profile"))
    name = "municipal_profile.places_still_there"

    def verdict(build_id: int) -> gate.Verdict:
        (found,) = [v for v in step(warehouse, gate.check_marts, build_id) if v.expectation == name]
        return found

    with database.connect(warehouse) as connection:
        inputs = dict(
            connection.execute(
                "select source, delivery_id from raw.build_input where build_id = %s order by source", [build.build_id]
            )
        )
    assert verdict(begin_build(warehouse, list(inputs.values()))).severity == HOLD
    del inputs["structure_tables"]
    without = verdict(begin_build(warehouse, list(inputs.values())))
    assert (without.passed, without.severity) == (False, WARN)
    assert "structure_tables 2019" in without.expected


def test_every_expectation_has_a_case():
    suites = marts.suites(Build(1, SOURCES))
    names = {expectation.name for suite in suites.values() for expectation in suite}
    assert names == set(BROKEN) | {f"{mart}.places_still_there" for mart in marts.places()}


def test_every_mart_is_checked_for_what_its_columns_promise():
    suites = {
        mart: {e.name.partition(".")[2] for e in suite} for mart, suite in marts.suites(Build(1, SOURCES)).items()
    }
    # lines of a tree, checked by its own dbt tests: their figures stand in the marts
    checked = {mart.name: mart.columns for mart in definitions() if mart.name != "provenance"}
    assert set(checked) == set(suites)
    for mart, columns in checked.items():
        told = " ".join(suites[mart])
        if "evidence" in columns:
            assert "figure_has_evidence" in told, mart
        if "caption_de" in columns:
            assert any(word in told for word in ("captions", "assumption_is_said", "named_as_such")), mart
        if "denominator_persons" in columns:
            assert "denominator_positive" in told, mart


def test_an_empty_mart_passes_where_its_source_was_not_delivered(warehouse):
    delivery_id = deliver_rows(warehouse, "funding", "raw.register__person", "2024", [])
    build_id = begin_build(warehouse, [delivery_id])
    marts_cases.make_candidates(warehouse)
    names = ("programme_funding", "programme_funding_year")
    put(warehouse, {name: SOUND[name] for name in names})
    assert failed(step(warehouse, gate.check_marts, build_id)) == set()
    put(warehouse, {name: [] for name in names})
    assert failed(step(warehouse, gate.check_marts, build_id)) == {f"{name}.has_rows" for name in names}


@pytest.mark.parametrize(
    ("delivered", "severity"),
    [
        ({"ledger"}, HOLD),
        ({"ledger_totals"}, HOLD),
        ({"ledger_plan"}, WARN),
        ({"ledger_plan", "ledger_totals"}, HOLD),
        ({"funding"}, None),
    ],
)
def test_a_ledger_of_any_dialect_must_lead_to_cost(delivered, severity):
    for mart in ("cost_per_person", "cost_component", "refinancing"):
        found = [e for e in marts.suites(Build(1, frozenset(delivered)))[mart] if e.name == f"{mart}.has_rows"]
        assert [expectation.severity for expectation in found] == [severity] * bool(severity)


def test_ledger_and_components_are_compared_both_ways(warehouse, build):
    put(warehouse, {"cost_component": changed(SOUND["cost_component"], 0, municipality_ags="05911000")})
    verdicts = marts_cases.judged(warehouse, "cost_component", marts.suites(build)["cost_component"])
    (verdict,) = [v for v in verdicts if not v.passed]
    assert verdict.observed == (
        "by_hand.csv 05913000 2019 m: components 3.50, ledger 10.50;"
        " no file that counts 05911000 2019 m: components 7.00, ledger none"
    )


_LINE = {"region_code": "05911000", "product_code": "050101", "account_code": "533100"}
# Sub-totals and planned amounts beside what counts; revenue counts against cost.
_DIALECTS = {
    "ledger_totals": (
        "raw.ledger_totals__total",
        [
            {**_LINE, "fiscal_year": 2020, "expense_eur": 100.01, "revenue_eur": 30},
            {**_LINE, "fiscal_year": 2020, "accrual_year": 2019, "expense_eur": -20.5},
            {**_LINE, "fiscal_year": 2020, "subtotal_mark": "*", "account_code": None, "expense_eur": 79.51},
        ],
        {2020: Decimal("70.01"), 2019: Decimal("-20.5")},
    ),
    "ledger_plan": (
        "raw.ledger_plan__position",
        [
            {**_LINE, "budget_year": 2021, "amount_unit": "TEUR", "result_two_years_before": 7, "planned_year": 9},
            {**_LINE, "budget_year": 2021, "amount_unit": "TEUR", "account_code": "448100", "result_year_before": 2},
        ],
        {2019: Decimal(7000), 2020: Decimal(-2000)},
    ),
}


@pytest.mark.parametrize("source", _DIALECTS)
def test_every_dialect_reconciles_to_the_cent_by_delivery(warehouse, source):
    table, rows, totals = _DIALECTS[source]
    delivery_id = deliver_rows(warehouse, source, table, "05911000_2020", rows, None, LEDGER_SHA256)
    build = Build(begin_build(warehouse, [delivery_id]), frozenset({source}))
    marts_cases.make_candidates(warehouse)
    choices = [{**CHOICE, "municipality_ags": "05911000", "fiscal_year": year, "booked_year": year} for year in totals]
    component = {**COMPONENT, "municipality_ags": "05911000", "treatment": "attributed"}
    whole = [{**component, "fiscal_year": year, "amount_eur": eur} for year, eur in totals.items()]

    def findings(components: Rows, choices: Rows) -> set[str]:
        put(warehouse, {"cost_component": components, "int_cost__ledger_choice": choices})
        suite = marts.suites(build)["cost_component"]
        own = [e for e in suite if e.name == "cost_component.reconciles_with_ledger"]
        return failed(marts_cases.judged(warehouse, "cost_component", own))

    assert findings(whole, choices) == set()
    # a cent too much; a year that is missing; and a year that counts although it was left aside
    broken = {"cost_component.reconciles_with_ledger"}
    assert findings(changed(whole, 0, amount_eur=whole[0]["amount_eur"] + Decimal("0.01")), choices) == broken
    assert findings(whole[:1], choices) == broken
    aside = changed(choices, 1, is_counted=False, reason="journal_counts")
    assert findings(whole, aside) == broken
    assert findings(whole[:1], aside) == set()


def test_verdicts_on_marts_are_written_for_the_build(warehouse, build):
    verdicts = step(warehouse, gate.check_marts, build.build_id)
    with database.connect(warehouse, database.BUILDER) as connection:
        written = connection.execute(
            "select expectation, passed, owner from quality.verdict where build_id = %s order by verdict_id",
            [build.build_id],
        ).fetchall()
    assert written == [(v.expectation, v.passed, v.owner) for v in verdicts]
