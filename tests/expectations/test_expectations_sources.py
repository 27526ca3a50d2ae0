"""Every expectation on a delivery fails on the smallest input that breaks it, and passes on sound rows.

Each source has a few sound rows and, by the name of an expectation, the one change that must make
exactly that expectation fail. An expectation without such a case fails the test.
"""

import importlib
from dataclasses import dataclass, field

import pytest

from expectations import azr_nrw, gate
from expectations.suite import Delivery
from ingest import contracts
from tests.expectations.support import Rows, changed, deliver_rows, failed, without
from tests.support import BUNDLED, deliver


@dataclass(frozen=True)
class Source:
    """Sound rows of one source and what breaks each of its expectations."""

    period: str
    sound: Rows
    broken: dict[str, Rows]
    also: dict[str, set[str]] = field(default_factory=dict)
    """Expectations that cannot but fail along with the one under test."""


_ALL_REGIONS = (*azr_nrw.STATE, *azr_nrw.GOVERNMENT_REGIONS, *azr_nrw.DISTRICTS)
_AZR = [
    {
        "reference_date": "2024-12-31",
        "region_code": region,
        "region_name": region,
        "nationality_code": code,
        "nationality_name": name,
        "persons": persons,
        "male_persons": None,
        "male_persons_sign": "-",
    }
    for region in _ALL_REGIONS
    # 15 is less than 10 + 10: each is rounded on its own, so this much must pass
    for code, name, persons in (("1", "Europa", 15), ("125", "Bulgarien", 10), ("154", "Rumänien", 10))
]
_SERIES = [
    {
        "reference_date": f"{year}-12-31",
        "region_code": "00",
        "bulgaria_persons": bulgaria,
        "romania_persons": romania,
        "eu2_persons": eu2,
        "change_printed_persons": change,
        "change_printed_pct": pct,
        "printed_in": "Tab. 1",
        "source_name": "by hand",
    }
    # 2003 is missing, so 2004's printed change cannot be recomputed, but its percentage can
    for year, bulgaria, romania, eu2, change, pct in (
        (2001, 40, 60, 100, None, None),
        (2002, 50, 80, 130, 30, 30.0),
        (2004, 100, 200, 300, 50, 20.0),
        (2005, None, None, 330, 30, 10.0),
    )
]
_EMPLOYMENT = [
    {
        "reference_date": "2019-12-31",
        "region_code": region,
        "region_name": region,
        "nationality_group": "EU2",
        "place_basis": "residence",
        "employees_persons": employees,
        "source_name": "by hand",
    }
    for region, employees in (("00", 1000), ("05913000", 100))
]
_LEDGER = [
    {
        "region_code": "05913000",
        "fiscal_year": 2019,
        "document_number": str(number),
        "posted_on": "2019-06-30",
        "product_code": "050101",
        "account_code": "533100",
        "target_group": "EU2",
        "amount_eur": amount,
    }
    for number, amount in enumerate((1000, -400))
]
_TOTAL = {
    **{"region_code": "05913000", "fiscal_year": 2019, "product_code": "050101", "product_name": "by hand"},
    **{"account_code": "533100", "account_name": "by hand"},
}
_SUBTOTAL = {**_TOTAL, "account_code": None, "account_name": None}
_TOTALS = [
    {**_TOTAL, "expense_eur": 1000.01},
    {**_TOTAL, "expense_eur": -400, "accrual_year": 2018},
    {**_TOTAL, "account_code": "448100", "revenue_eur": 30},
    {**_SUBTOTAL, "subtotal_mark": "*", "expense_eur": 600.01, "revenue_eur": 30},
    {**_SUBTOTAL, "subtotal_mark": "***", "product_code": "05", "expense_eur": 600.01, "revenue_eur": 30},
]
_PLAN = [
    {
        **{"region_code": "05315000", "budget_year": 2020, "product_code": "180101", "product_name": "by hand"},
        **{"account_code": account, "account_name": "by hand", "amount_unit": "TEUR", "result_two_years_before": 7},
        **{"result_year_before": 8, "planned_year_before": 9, "planned_year": 10},
    }
    for account in ("533100", "448100")
]
_QUANTITY = [
    {
        "reference_date": "2019-12-31",
        "region_code": "05913000",
        "quantity": "pupils",
        "target_group": group,
        "counted": counted,
        "source_name": "by hand",
    }
    for group, counted in (("EU2", 30), ("all", 900))
]
_PERSON = {
    "reference_date": "2019-12-31",
    "region_code": "05913000",
    "nationality_code": "125",
    "sex": "female",
    "birth_year": 1990,
    "moved_in_on": "2019-12-31",
    "moved_out_on": None,
    "residence_type": "main",
}
_REGISTER = [
    {**_PERSON, "person_pseudonym": str(n), "nationality_code": code}
    for n, code in enumerate(["998", "000", "121", "599", *["125"] * 16])  # 1 of 20 unknown: at the bound
]
_FUNDING = [
    {"figure_id": "whole", "programme": "A", "amount_eur": 50, "part_of": None},
    {"figure_id": "part", "programme": "B", "amount_eur": 10, "part_of": "whole"},
]
_MIKROZENSUS = [
    {
        "reference_year": 2020,
        "region_code": "DG",
        "region_name": "Deutschland",
        "sense_code": sense,
        "group_code": "",
        "value": value,
        "value_unit": unit,
        "value_variable_code": variable,
    }
    for sense, value, unit, variable in (
        ("", 100, "%", "X-ANTMH"),
        ("X-WEIT", 25, "%", "X-ANTMH"),
        ("X-ENG", 25, "%", "X-ANTMH"),
        ("X-WEIT", 21900, "1000", "X-BEVMH"),
    )
]
_MUNICIPALITY = {
    "region_code": "05913000",
    "municipality_name": "Dorf",
    "reference_year": 2021,
    "population_persons": 1000,
    "foreign_persons": 126,
    "foreign_pct": 12.6,
    "migration_background_persons": None,
    "migration_background_pct": 30.0,
}

_ESF = [{"operation": name, "starts_on": "2030-01-01", "ends_on": "2030-12-31", "total_cost_eur": 775} for name in "ab"]
_GRANTS = [
    {"funding_code": "a", "recipient_ags": "05913000", "starts_on": "2030-01-01", "ends_on": "2030-12-31"},
    {"funding_code": "b", "recipient_ags": "", "starts_on": "2030-01-01", "ends_on": "2030-12-31"},
]
_MEASURES = [
    {"measure_id": "a", "last_year": 2030, "ends_on": "2030-12-31", "end_status": "ended"},
    {"measure_id": "b", "last_year": 2031, "ends_on": None, "end_status": "planned"},
    {"measure_id": "c", "last_year": None, "ends_on": None, "end_status": "not_stated"},
]
_RESULTS = [
    {"programme_id": "p", "region_code": "05", "period_printed": "x", "indicator": indicator, "value": value}
    for indicator, value in (("participants", 10), ("insured_share_pct", 100), ("EECR05", 10))
]
_COURSES = [
    {"region_code": region, "stated_year": 2030, "reference_month": "", "indicator": indicator, "value": value}
    for region, indicator, value in (("00", "courses", 30), ("05", "courses", 30), ("00", "success_rate_pct", 100))
]
_RECEIPTS = [
    {"receipt_id": "a", "accrual_year": 2030, "amount_eur": 1},
    {"receipt_id": "b", "accrual_year": None, "amount_eur": None},
]
SOURCES = {
    "azr_nrw": Source(
        "2024",
        _AZR,
        {
            "reference_date_is_year_end": changed(_AZR, 0, reference_date="2023-12-31"),
            "state_present": without(_AZR, lambda row: row["region_code"] == "05"),
            "government_regions_complete": without(_AZR, lambda row: row["region_code"] == "059"),
            "districts_complete": without(_AZR, lambda row: row["region_code"] == "05913"),
            "eu2_in_every_region": _AZR[:-1],
            "europe_holds_its_parts": changed(_AZR, 0, persons=10),
            "counts_rounded_to_five": changed(_AZR, 0, persons=21),
        },
    ),
    "eu2_series": Source(
        "2001-2005",
        _SERIES,
        {
            "parts_add_up": changed(_SERIES, 0, bulgaria_persons=41),
            "split_printed_whole": changed(_SERIES, 0, bulgaria_persons=None),
            "growth_within_bounds": changed(
                changed(_SERIES, 0, bulgaria_persons=4, romania_persons=6, eu2_persons=10),
                *(1,),
                change_printed_persons=120,
                change_printed_pct=1200,
            ),
            "printed_change_recomputes": changed(_SERIES, 3, change_printed_persons=31, change_printed_pct=10.4),
            "printed_percentage_recomputes": changed(_SERIES, 1, change_printed_pct=30.1),
        },
    ),
    "employment": Source(
        "2019",
        _EMPLOYMENT,
        {
            "employees_plausible": changed(_EMPLOYMENT, 0, employees_persons=12_000_001),
            "no_place_above_the_country": changed(_EMPLOYMENT, 1, employees_persons=1001),
            "place_basis_stated": changed(_EMPLOYMENT, 0, place_basis="not_stated"),
        },
    ),
    "ledger": Source(
        "05913000_2019",
        _LEDGER,
        {
            "fiscal_year_is_the_period": changed(_LEDGER, 0, fiscal_year=2018),
            "municipality_is_the_period": changed(_LEDGER, 0, region_code="05911000"),
            "product_area_known": changed(_LEDGER, 0, product_code="501010"),
            "posting_magnitude": changed(_LEDGER, 0, amount_eur=50_000_000.01),
            "total_positive": changed(_LEDGER, 0, amount_eur=400),
        },
    ),
    "ledger_totals": Source(
        "05913000_2019",
        _TOTALS,
        {
            "fiscal_year_is_the_period": changed(_TOTALS, 0, fiscal_year=2018),
            "municipality_is_the_period": changed(_TOTALS, 0, region_code="05911000"),
            "line_or_subtotal": [*_TOTALS, {**_SUBTOTAL, "expense_eur": 0}],
            "amount_stated": changed(_TOTALS, 4, expense_eur=None, revenue_eur=None),
            "subtotal_is_the_sum": changed(_TOTALS, 3, expense_eur=600),
            "expense_magnitude": changed(_TOTALS, 0, expense_eur=2_000_000_000.01),
            "revenue_magnitude": changed(_TOTALS, 2, revenue_eur=2_000_000_000.01),
            "expense_positive": [{**_TOTAL, "expense_eur": -1}],
        },
        # a line that lost or changed its amount is missing in its sub-totals, too
        also={name: {"subtotal_is_the_sum"} for name in ("amount_stated", "expense_magnitude", "revenue_magnitude")},
    ),
    "ledger_plan": Source(
        "05315000_2020",
        _PLAN,
        {
            "budget_year_is_the_period": changed(_PLAN, 0, budget_year=2019),
            "municipality_is_the_period": changed(_PLAN, 0, region_code="05913000"),
            "one_unit": changed(_PLAN, 0, amount_unit="EUR"),
            "position_magnitude": changed(_PLAN, 0, planned_year=2_000_001),
            "result_resembles_plan": changed(_PLAN, 0, result_year_before=8000),
        },
    ),
    "register": Source(
        "05913000_2019-12-31",
        _REGISTER,
        {
            "reference_date_is_the_period": changed(_REGISTER, 0, reference_date="2020-01-01"),
            "municipality_is_the_period": changed(_REGISTER, 0, region_code="05911000"),
            "nationality_of_the_key": changed(_REGISTER, 1, nationality_code="100"),
            "nationality_known": changed(_REGISTER, 1, nationality_code="999"),
            "moved_in_by_the_reference_date": changed(_REGISTER, 0, moved_in_on="2020-01-01"),
            "moved_out_after_moving_in": changed(_REGISTER, 0, moved_out_on="2019-12-30"),
        },
    ),
    **{
        source: Source(
            "2014-2020",
            _ESF,
            {
                "cost_plausible": changed(_ESF, 0, total_cost_eur=200_000_001),
                "ends_after_it_begins": changed(_ESF, 1, ends_on="2029-12-31"),
            },
        )
        for source in ("esf_bayern", "esf_berlin", "esf_bremen", "esf_hessen", "esf_sachsen")
    },
    "foerderkatalog": Source(
        "2024",
        _GRANTS,
        {
            "municipality_has_eight_digits": changed(_GRANTS, 0, recipient_ags="5913000"),
            "ends_after_it_begins": changed(_GRANTS, 1, ends_on="2029-12-31"),
        },
    ),
    "programme_measure": Source("2024", _MEASURES, {"end_as_stated": changed(_MEASURES, 0, ends_on="2031-12-31")}),
    "programme_result": Source(
        "2024",
        _RESULTS,
        {
            "share_within_100": changed(_RESULTS, 1, value=101),
            "lasting_within_participants": changed(_RESULTS, 2, value=11),
        },
    ),
    "integration_course": Source(
        "2019",
        _COURSES,
        {
            "rate_within_100": changed(_COURSES, 2, value=101),
            "states_within_country": changed(_COURSES, 1, value=31),
        },
    ),
    "funding_received": Source("2021", _RECEIPTS, {"amount_has_its_year": changed(_RECEIPTS, 0, accrual_year=None)}),
    "funding": Source(
        "2024",
        _FUNDING,
        {
            "amount_positive": changed(_FUNDING, 0, amount_eur=0),
            "part_of_a_listed_figure": changed(_FUNDING, 1, part_of="gone"),
        },
    ),
    "reference_quantity": Source(
        "05913000_2019",
        _QUANTITY,
        {
            "municipality_is_the_period": [{**row, "region_code": "05911000"} for row in _QUANTITY],
            "year_is_the_period": [{**row, "reference_date": "2018-12-31"} for row in _QUANTITY],
            "group_within_all": changed(_QUANTITY, 0, counted=901),
            "group_has_its_whole": _QUANTITY[:1],
        },
    ),
    "mikrozensus": Source(
        "2005-2020",
        _MIKROZENSUS,
        {
            "share_within_0_and_100": changed(_MIKROZENSUS, 0, value=100.1),
            "sense_known": changed(_MIKROZENSUS, 0, sense_code="MIGRA1"),
            "wider_holds_narrow": changed(_MIKROZENSUS, 1, value=24.9),
        },
    ),
    "structure_tables": Source(
        "2021",
        [_MUNICIPALITY],
        {
            "parts_within_population": [
                {**_MUNICIPALITY, "migration_background_persons": 1001, "migration_background_pct": None}
            ],
            "share_not_misprinted": [{**_MUNICIPALITY, "foreign_pct": 72}],
            "share_recomputes": [{**_MUNICIPALITY, "foreign_pct": 12.7}],
        },
        also={"share_not_misprinted": {"share_recomputes"}},
    ),
}
_EVERY_SOURCE = {"has_rows", "rows_as_in_the_ledger"}


def _suite(source: str):
    return importlib.import_module(f"expectations.{source}")


@pytest.mark.parametrize("source", SOURCES)
def test_each_expectation_fails_on_what_it_is_for_and_only_then(warehouse, source):
    case = SOURCES[source]

    def check(rows: Rows, loaded: int | None = None) -> set[str]:
        table = _suite(source).TABLE
        return failed(gate.check_delivery(warehouse, deliver_rows(warehouse, source, table, case.period, rows, loaded)))

    assert check(case.sound) == set()
    assert check(case.sound, loaded=len(case.sound) + 1) == {"rows_as_in_the_ledger"}
    # without rows everything else that counts them fails too
    assert "has_rows" in check([])
    for name, rows in case.broken.items():
        assert check(rows) == {name} | case.also.get(name, set()), name


def test_every_source_has_a_suite_and_every_expectation_a_case():
    assert set(SOURCES) == set(contracts.sources())
    for source, case in SOURCES.items():
        suite = _suite(source).expectations(Delivery(1, source, case.period, len(case.sound)))
        assert {expectation.name for expectation in suite} == set(case.broken) | _EVERY_SOURCE, source


def test_suites_on_personal_sources_say_so():
    for source in contracts.sources():
        is_personal = any(field.is_personal for field in contracts.load(source).fields)
        assert is_personal == _suite(source).PERSONAL, source


def test_counts_before_2016_need_not_be_rounded():
    names = {e.name for e in azr_nrw.expectations(Delivery(1, "azr_nrw", "2015", 1))}
    assert "counts_rounded_to_five" not in names
    assert len(azr_nrw.DISTRICTS) == len(set(azr_nrw.DISTRICTS)) == 53


def test_findings_name_the_line_and_both_values(warehouse):
    rows = [_MUNICIPALITY, {**_MUNICIPALITY, "region_code": "05911000", "foreign_pct": 12.8}]
    delivery_id = deliver_rows(warehouse, "structure_tables", _suite("structure_tables").TABLE, "2021", rows)
    (verdict,) = [v for v in gate.check_delivery(warehouse, delivery_id) if not v.passed]
    assert (verdict.expectation, verdict.severity) == ("share_recomputes", "warn")
    assert verdict.failing_rows == (3,)
    assert verdict.observed == "line 3: Dorf, foreign: printed 12.8 %, recomputed 12.60 %"


def test_verdicts_on_persons_hold_counts_and_lines_only(warehouse):
    rows = changed(
        changed(_REGISTER, 3, nationality_code="100", moved_in_on="2022-02-22", region_code="05911000"),
        *(4,),
        moved_out_on="1901-01-01",
    )
    delivery_id = deliver_rows(warehouse, "register", _suite("register").TABLE, "05913000_2019-12-31", rows)
    bad = {v.expectation: (v.observed, v.failing_rows) for v in gate.check_delivery(warehouse, delivery_id)}
    assert bad["nationality_of_the_key"] == ("1 of 20 rows", (5,))
    assert bad["moved_in_by_the_reference_date"] == ("1 of 20 rows", (5,))
    assert bad["municipality_is_the_period"] == ("1 of 20 rows", (5,))
    assert bad["moved_out_after_moving_in"][1] == (6,)
    written = " ".join(observed for observed, _ in bad.values())
    assert not any(value in written for value in ("2022", "1901", "05911000", "125"))


def test_at_most_twenty_lines_are_listed_and_all_are_counted(warehouse):
    rows = [{**_LEDGER[0], "document_number": str(n), "fiscal_year": 2018} for n in range(25)]
    delivery_id = deliver_rows(warehouse, "ledger", _suite("ledger").TABLE, "05913000_2019", rows)
    verdicts = {v.expectation: v for v in gate.check_delivery(warehouse, delivery_id)}
    assert verdicts["fiscal_year_is_the_period"].observed == "25 of 25 rows"
    assert len(verdicts["fiscal_year_is_the_period"].failing_rows) == 20


def test_of_the_bundled_deliveries_only_rostocks_misprint_is_held(warehouse):
    names = {source: None for source in contracts.sources()} | {
        "structure_tables": "structure_tables_2021_fliesstext.csv"
    }
    held, told = {}, {}
    for source, name in names.items():
        content = (BUNDLED / source / name).read_bytes() if name else None
        for verdict in gate.check_delivery(warehouse, deliver(warehouse, source, content, name).delivery_id):
            if not verdict.passed:
                (held if verdict.severity == "hold" else told)[source, verdict.expectation] = verdict.observed
    assert list(held) == [("structure_tables", "share_not_misprinted")]
    assert "Rostock" in held["structure_tables", "share_not_misprinted"]
    assert "Solingen" in told["structure_tables", "share_recomputes"]

    corrected = gate.check_delivery(warehouse, deliver(warehouse, "structure_tables").delivery_id)
    assert failed(corrected) == {"share_recomputes"}
    (flagged,) = [v for v in corrected if not v.passed]
    assert flagged.severity == "warn" and "Rostock" not in flagged.observed
