"""Every expectation on the marts fails on the smallest input that breaks it, and passes on sound marts."""

from decimal import Decimal

import pytest

from expectations import gate, marts
from expectations.suite import HOLD, WARN, Build
from lagebild import database
from tests.expectations.support import Rows, begin_build, changed, deliver_rows, failed, fill_marts

# The columns that the expectations read; dbt makes the real ones.
COLUMNS = {
    "cost_per_person": "municipality_ags text, reference_year int, method text, denominator_persons bigint,"
    " cost_per_person_eur numeric, cost_per_person_low_eur numeric, cost_per_person_high_eur numeric, verdict text,"
    " reason text, evidence text, caption_de text, caption_en text",
    "cost_component": "municipality_ags text, fiscal_year int, method text, product_code text, account_code text,"
    " treatment text, exclusion_reason text, amount_eur numeric, evidence text, source_sha256 text",
    # not a mart, but what the checks of one read beside it
    "int_cost__ledger_choice": "delivery_id bigint, municipality_ags text, booked_year int, fiscal_year int,"
    " amount_eur numeric, is_counted boolean, reason text",
    "cost_bridge": "municipality_ags text, measure text, region_code text, from_method text, from_year int,"
    " to_method text, to_year int, part text, part_eur numeric, from_eur numeric, to_eur numeric,"
    " difference_eur numeric, evidence text",
    "cost_comparability": "left_municipality_ags text, right_municipality_ags text, dimension text, left_value text,"
    " right_value text, reason text",
    "lump_sum_simulation": "municipality_ags text, lump_sum text, lump_sum_eur numeric, is_scenario boolean,"
    " evidence text, caption_de text, caption_en text",
    "sensitivity_cost_per_person": "sensitivity text, caption_de text, caption_en text",
    "cost_extrapolation": "region_code text, reference_year int, persons_year int, price_basis text, method text,"
    " denominator_persons bigint, extrapolated_cost_unrounded_rate_eur numeric, verdict text, evidence text,"
    " caption_de text, caption_en text",
    "eu2_population": "region_code text, reference_date date, source text, bulgaria_persons bigint,"
    " romania_persons bigint, eu2_persons bigint, evidence text",
    "migration_background": "region_code text, reference_year int, share_pct numeric, persons bigint, evidence text",
    "programme_funding": "figure_id text, amount_eur numeric, evidence text, part_of text, is_addable boolean",
    "programme_funding_year": "programme_id text, reference_year int, amount_eur numeric, reason text, evidence text",
    "funding_cliff": "measure_id text, measure text, receiving_programme_id text, module_number int, stated_by text,"
    " eligibility_document text, evidence text",
    "funding_granted": "source_sha256 text, funder text, region_code text, begin_year text, operations bigint,"
    " granted_eur numeric, reason text, evidence text",
    "ledger_choice": "municipality_ags text, fiscal_year int, source text, is_counted boolean, reason text",
    "programme_outcome": "programme_id text, region_code text, results_cases numeric, eur_per_result numeric,"
    " eur_per_result_reason text, evidence text",
    "integration_course": "region_code text, stated_year int, reference_month text, courses numeric,"
    " participants_persons numeric, eur_per_course numeric, eur_per_course_reason text, eur_per_success numeric,"
    " success_definition text, evidence text",
    "refinancing": "region_code text, accrual_year text, method text, funding_level text, received_eur numeric,"
    " rate_pct numeric, gap_eur numeric, reason text",
    "published_claim": "figure_id text, claimed_high numeric, compared_with text, compared_value numeric, verdict text",
    "municipal_profile": "region_code text, reference_year int, population_persons bigint, evidence text",
}
LEDGER_SHA256 = "a" * 64
_FIGURE = {
    "reference_year": 2019,
    "method": "m",
    "denominator_persons": 1,
    "verdict": "retraced",
    "evidence": "derived",
    "caption_de": "nicht",
    "caption_en": "not",
}
_GAP = {"evidence": None, "caption_de": None, "caption_en": None, "denominator_persons": None}
_COST = {"municipality_ags": "05913000", "cost_per_person_eur": 2.5, "cost_per_person_low_eur": 2.4} | _FIGURE
_BRIDGE = {
    **{"municipality_ags": "05913000", "measure": "total_cost_eur", "region_code": "05913000"},
    **{"from_method": "m", "from_year": 2018, "to_method": "m", "to_year": 2019},
    **{"from_eur": 10, "to_eur": 12, "difference_eur": 2, "evidence": "synthetic"},
}
_PAIR = {"left_municipality_ags": "05911000", "right_municipality_ags": "05913000", "dimension": "cost_basis"}
_GRANT = {"source_sha256": "a", "funder": "EU", "region_code": "06", "evidence": "delivered"}
_LUMP_SUM = {
    **{"municipality_ags": "05913000", "lump_sum": "a", "lump_sum_eur": 5, "is_scenario": True},
    **{"evidence": "derived", "caption_de": "nicht", "caption_en": "not"},
}
_COMPONENT = {
    "municipality_ags": "05913000",
    "fiscal_year": 2019,
    "method": "m",
    "product_code": "050101",
    "account_code": "533100",
    "evidence": "synthetic",
    "source_sha256": LEDGER_SHA256,
}
_CHOICE = {
    **{"delivery_id": 1, "municipality_ags": "05913000", "booked_year": 2019, "fiscal_year": 2019},
    **{"amount_eur": 10.5, "is_counted": True},
}
_COUNT = {"reference_date": "2019-12-31", "evidence": "published"}
SOUND: dict[str, Rows] = {
    "cost_per_person": [
        _COST,
        {**_COST, "reference_year": 2020, "cost_per_person_eur": None, **_GAP, "reason": "none"},
    ],
    "cost_component": [
        {**_COMPONENT, "treatment": "attributed", "amount_eur": 7},
        {**_COMPONENT, "treatment": "excluded", "exclusion_reason": "other_group", "amount_eur": 3.5},
    ],
    "int_cost__ledger_choice": [_CHOICE],
    "cost_extrapolation": [
        {"region_code": "00", "extrapolated_cost_unrounded_rate_eur": 9, "persons_year": 2019, **_FIGURE}
    ],
    "cost_bridge": [{**_BRIDGE, "part": "price", "part_eur": 3}, {**_BRIDGE, "part": "rounding", "part_eur": -1}],
    "cost_comparability": [{**_PAIR, "left_value": "net", "reason": "cost_basis_unknown"}],
    "lump_sum_simulation": [_LUMP_SUM],
    "sensitivity_cost_per_person": [{"sensitivity": "sensitivity_a", "caption_de": "nicht", "caption_en": "not"}],
    "eu2_population": [
        {**_COUNT, "region_code": "00", "source": "eu2_series", "eu2_persons": 1},
        {**_COUNT, "region_code": "05", "source": "azr_nrw", "eu2_persons": 5},
        {
            **{**_COUNT, "region_code": "05913000", "source": "register"},
            **{"bulgaria_persons": 0, "romania_persons": 3, "eu2_persons": 3},
        },
    ],
    "migration_background": [{"region_code": "00", "reference_year": 2020, "share_pct": 100, "evidence": "published"}],
    "programme_funding": [
        {"figure_id": "a", "amount_eur": 1, "evidence": "published", "is_addable": True},
        {"figure_id": "b", "amount_eur": 1, "evidence": "published", "part_of": "a", "is_addable": False},
    ],
    "programme_funding_year": [
        {"programme_id": "p", "reference_year": 2030, "amount_eur": 1, "evidence": "published"},
        {"programme_id": "p", "reference_year": 2031, "reason": "no_amount_stated_for_the_year"},
    ],
    "funding_cliff": [
        {
            "measure_id": "a",
            "measure": "m",
            "receiving_programme_id": "k",
            "module_number": 1,
            "stated_by": "position",
            "eligibility_document": "paper",
            "evidence": "published",
        },
        {
            "measure_id": "b",
            "measure": "m",
            "receiving_programme_id": "not_stated",
            "module_number": 0,
            "stated_by": "nobody",
            "evidence": "published",
        },
    ],
    "funding_granted": [
        {**_GRANT, "begin_year": "all", "operations": 10, "granted_eur": 50},
        {**_GRANT, "begin_year": "2030", "operations": 6, "reason": "rate_not_listed"},
        {**_GRANT, "begin_year": "2031", "reason": "too_few_operations"},
        {**_GRANT, "begin_year": "2032", "reason": "too_few_operations"},
    ],
    "ledger_choice": [
        {"municipality_ags": "a", "fiscal_year": 2030, "source": "ledger", "is_counted": True},
        {
            **{"municipality_ags": "a", "fiscal_year": 2030, "source": "ledger_totals", "is_counted": False},
            **{"reason": "journal_counts"},
        },
    ],
    "programme_outcome": [
        {
            "programme_id": "p",
            "region_code": "05",
            "results_cases": 4,
            "eur_per_result_reason": "own_cost_not_delivered",
            "evidence": "published",
        },
    ],
    "integration_course": [
        {
            "region_code": "00",
            "stated_year": 2030,
            "reference_month": "not_stated",
            "courses": 2,
            "eur_per_course": 5,
            "evidence": "derived",
        },
        {
            "region_code": "00",
            "stated_year": 2031,
            "reference_month": "2031-01",
            "participants_persons": 2,
            "eur_per_course_reason": "courses_not_delivered",
            "eur_per_success": 5,
            "success_definition": "level B1",
            "evidence": "delivered",
        },
    ],
    "refinancing": [
        {
            "region_code": "a",
            "accrual_year": "2030",
            "method": "m",
            "funding_level": "third_party",
            "received_eur": 0,
            "rate_pct": 0,
            "gap_eur": 7,
        },
        {
            "region_code": "a",
            "accrual_year": "2031",
            "method": "m",
            "funding_level": "EU",
            "reason": "received_not_delivered",
        },
    ],
    "published_claim": [
        {"figure_id": "a", "claimed_high": 5, "compared_with": "c", "compared_value": 4, "verdict": "plausible"}
    ],
    "municipal_profile": [
        {"region_code": "05913000", "reference_year": 2021, "population_persons": 1, "evidence": "published"}
    ],
}


def _breaks(mart: str, index: int, **values) -> dict[str, Rows]:
    return {mart: changed(SOUND[mart], index, **values)}


MAY_BE_EMPTY = {"cost_bridge", "cost_comparability", "int_cost__ledger_choice"}
BROKEN: dict[str, dict[str, Rows]] = {
    "cost_per_person.denominator_positive": _breaks("cost_per_person", 0, denominator_persons=0),
    "cost_per_person.figure_has_evidence_and_captions": _breaks("cost_per_person", 0, caption_en=" "),
    "cost_per_person.agrees_with_published": _breaks("cost_per_person", 0, verdict="differs"),
    "cost_per_person.gap_has_reason": _breaks("cost_per_person", 1, reason=None),
    "cost_component.reconciles_with_ledger": _breaks("cost_component", 1, amount_eur=3.49),
    "cost_component.one_ledger_a_year": {"int_cost__ledger_choice": [_CHOICE, {**_CHOICE, "delivery_id": 2}]},
    "cost_component.ledger_left_aside": {
        "int_cost__ledger_choice": [
            _CHOICE,
            {**_CHOICE, "delivery_id": 2, "is_counted": False, "reason": "journal_counts"},
        ]
    },
    "cost_component.exclusion_has_reason": _breaks("cost_component", 1, exclusion_reason=None),
    "cost_component.figure_has_evidence": _breaks("cost_component", 0, evidence=None),
    "cost_component.everything_mapped": _breaks("cost_component", 1, exclusion_reason="unmapped"),
    "cost_per_person.interval_holds_the_figure": _breaks("cost_per_person", 0, cost_per_person_low_eur=2.6),
    "cost_bridge.parts_sum_to_the_difference": _breaks("cost_bridge", 1, part_eur=-0.99),
    "cost_bridge.figure_has_evidence": _breaks("cost_bridge", 0, evidence=None),
    "cost_comparability.not_knowing_is_a_reason": _breaks("cost_comparability", 0, reason=None),
    "lump_sum_simulation.assumption_is_said": _breaks("lump_sum_simulation", 0, is_scenario=False),
    "lump_sum_simulation.figure_has_evidence": _breaks("lump_sum_simulation", 0, evidence=None),
    "sensitivity_cost_per_person.named_as_such": _breaks("sensitivity_cost_per_person", 0, sensitivity="all_persons"),
    "cost_extrapolation.other_year_by_price_basis": _breaks("cost_extrapolation", 0, persons_year=2020),
    "cost_extrapolation.denominator_positive": _breaks("cost_extrapolation", 0, denominator_persons=None),
    "cost_extrapolation.figure_has_evidence_and_captions": _breaks("cost_extrapolation", 0, evidence=None),
    "cost_extrapolation.agrees_with_published": _breaks("cost_extrapolation", 0, verdict="differs"),
    "eu2_population.no_small_cell": _breaks("eu2_population", 2, bulgaria_persons=2),
    "eu2_population.figure_has_evidence": _breaks("eu2_population", 0, evidence=""),
    "eu2_population.every_source_counted": {"eu2_population": SOUND["eu2_population"][:-1]},
    "migration_background.share_within_0_and_100": _breaks("migration_background", 0, share_pct=100.1),
    "migration_background.figure_has_evidence": _breaks("migration_background", 0, evidence=None),
    "programme_funding.figure_has_evidence": _breaks("programme_funding", 0, evidence=None),
    "programme_funding.part_is_never_added": _breaks("programme_funding", 1, is_addable=True),
    "programme_funding_year.figure_has_evidence": _breaks("programme_funding_year", 0, evidence=None),
    "programme_funding_year.gap_has_reason": _breaks("programme_funding_year", 1, reason=None),
    "funding_cliff.position_has_its_author": _breaks("funding_cliff", 0, stated_by=" "),
    "funding_cliff.figure_has_evidence": _breaks("funding_cliff", 1, evidence=None),
    "funding_granted.figure_has_evidence": _breaks("funding_granted", 0, evidence=None),
    "funding_granted.gap_has_reason": _breaks("funding_granted", 1, reason=None),
    # 10 in all less 8 leave two
    "funding_granted.no_small_cell": _breaks("funding_granted", 1, operations=8),
    "ledger_choice.left_aside_has_reason": _breaks("ledger_choice", 1, reason=" "),
    "programme_outcome.figure_has_evidence": _breaks("programme_outcome", 0, evidence=None),
    "programme_outcome.gap_has_reason": _breaks("programme_outcome", 0, eur_per_result_reason=None),
    "integration_course.figure_has_evidence": _breaks("integration_course", 0, evidence=""),
    "integration_course.gap_has_reason": _breaks("integration_course", 1, eur_per_course_reason=" "),
    "integration_course.success_is_defined": _breaks("integration_course", 1, success_definition=None),
    "refinancing.gap_has_reason": _breaks("refinancing", 1, reason=None),
    "refinancing.unknown_is_not_zero": _breaks("refinancing", 0, received_eur=None),
    "published_claim.is_plausible": _breaks("published_claim", 0, compared_value=75, verdict="contradicted"),
    "municipal_profile.figure_has_evidence": _breaks("municipal_profile", 0, evidence=None),
} | {f"{mart}.has_rows": {mart: []} for mart in SOUND if mart not in MAY_BE_EMPTY}
# Without any row there is nothing from a source, and nothing that adds up to its ledger, either.
ALSO = {
    "cost_component.has_rows": {"cost_component.reconciles_with_ledger"},
    "eu2_population.has_rows": {"eu2_population.every_source_counted"},
}
WARNINGS = {
    "cost_per_person.agrees_with_published",
    "cost_component.everything_mapped",
    "cost_component.ledger_left_aside",
    "cost_extrapolation.agrees_with_published",
    "cost_extrapolation.has_rows",
    "programme_funding_year.has_rows",
    "published_claim.is_plausible",
}
_SOURCES = frozenset(
    (
        "azr_nrw",
        "eu2_series",
        "employment",
        "ledger",
        "register",
        "esf_hessen",
        "funding",
        "mikrozensus",
        "structure_tables",
        "programme_measure",
        "programme_result",
        "integration_course",
        "funding_received",
    )
)


@pytest.fixture
def build_id(warehouse) -> int:
    """A build that reads a delivery of every source; the ledger's holds 10.50 EUR."""
    posting = {"region_code": "05913000", "fiscal_year": 2019, "amount_eur": 5.25}
    ledger = deliver_rows(
        warehouse, "ledger", "raw.ledger__posting", "05913000_2019", [posting] * 2, None, LEDGER_SHA256
    )
    # a delivery that the build does not read must not count
    deliver_rows(warehouse, "ledger", "raw.ledger__posting", "05913000_2018", [posting])
    others = [
        deliver_rows(warehouse, source, "raw.register__person", "2019", []) for source in sorted(_SOURCES - {"ledger"})
    ]
    return begin_build(warehouse, [ledger, *others])


def test_each_expectation_fails_on_what_it_is_for_and_only_then(warehouse, build_id):
    fill_marts(warehouse, COLUMNS, SOUND)
    assert failed(gate.check_marts(warehouse, build_id)) == set()
    for name, rows in BROKEN.items():
        fill_marts(warehouse, COLUMNS, SOUND | rows)
        verdicts = gate.check_marts(warehouse, build_id)
        assert failed(verdicts) == {name} | ALSO.get(name, set()), name
        (verdict,) = [v for v in verdicts if v.expectation == name]
        assert verdict.severity == (WARN if name in WARNINGS else HOLD)


def test_every_expectation_has_a_case():
    suites = marts.suites(Build(1, _SOURCES))
    assert {expectation.name for suite in suites.values() for expectation in suite} == set(BROKEN)


def test_two_operations_are_shown_no_more_than_left_over(warehouse, build_id):
    fill_marts(warehouse, COLUMNS, SOUND | _breaks("funding_granted", 3, operations=2, reason=None, granted_eur=1))
    assert failed(gate.check_marts(warehouse, build_id)) == {"funding_granted.no_small_cell"}


def test_an_empty_mart_passes_where_its_source_was_not_delivered(warehouse):
    delivery_id = deliver_rows(warehouse, "funding", "raw.register__person", "2024", [])
    build_id = begin_build(warehouse, [delivery_id])
    fill_marts(warehouse, COLUMNS, {name: SOUND[name] for name in ("programme_funding", "programme_funding_year")})
    assert failed(gate.check_marts(warehouse, build_id)) == set()
    fill_marts(warehouse, COLUMNS, {})
    assert failed(gate.check_marts(warehouse, build_id)) == {
        "programme_funding.has_rows",
        "programme_funding_year.has_rows",
    }


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


def test_ledger_and_components_are_compared_both_ways(warehouse, build_id):
    fill_marts(warehouse, COLUMNS, SOUND | _breaks("cost_component", 0, municipality_ags="05911000"))
    (verdict,) = [v for v in gate.check_marts(warehouse, build_id) if not v.passed]
    assert verdict.observed == (
        "by_hand.csv 05913000 2019 m: components 3.5, ledger 10.50;"
        " no file that counts 05911000 2019 m: components 7, ledger none"
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
    build_id = begin_build(warehouse, [delivery_id])
    choices = [{**_CHOICE, "municipality_ags": "05911000", "fiscal_year": year, "booked_year": year} for year in totals]
    component = {**_COMPONENT, "municipality_ags": "05911000", "treatment": "attributed"}
    whole = [{**component, "fiscal_year": year, "amount_eur": eur} for year, eur in totals.items()]

    def findings(components: Rows, choices: Rows) -> set[str]:
        fill_marts(warehouse, COLUMNS, {"cost_component": components, "int_cost__ledger_choice": choices})
        failing = failed(gate.check_marts(warehouse, build_id))
        return {name for name in failing if name == "cost_component.reconciles_with_ledger"}

    assert findings(whole, choices) == set()
    # a cent too much; a year that is missing; and a year that counts although it was left aside
    broken = {"cost_component.reconciles_with_ledger"}
    assert findings(changed(whole, 0, amount_eur=whole[0]["amount_eur"] + Decimal("0.01")), choices) == broken
    assert findings(whole[:1], choices) == broken
    aside = changed(choices, 1, is_counted=False, reason="journal_counts")
    assert findings(whole, aside) == broken
    assert findings(whole[:1], aside) == set()


def test_verdicts_on_marts_are_written_for_the_build(warehouse, build_id):
    fill_marts(warehouse, COLUMNS, SOUND)
    verdicts = gate.check_marts(warehouse, build_id)
    with database.connect(warehouse, database.BUILDER) as connection:
        written = connection.execute(
            "select expectation, passed from quality.verdict where build_id = %s order by verdict_id", [build_id]
        ).fetchall()
    assert written == [(v.expectation, v.passed) for v in verdicts]
