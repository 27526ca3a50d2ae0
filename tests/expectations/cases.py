"""The smallest inputs that break each expectation, beside those that break none: for the tests and the mutants.

A source has a few sound rows. Former deliveries are made for each case from its own rows, so that nothing but the
change under test can be conspicuous: statistics a hundredth above its own, and the same rows as the last delivery.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from expectations import gate, history
from expectations.sources import azr_nrw
from expectations.suite import HOLD, NOTE, WARN, Delivery, Expectation, free_texts
from ingest import contracts
from lagebild.core import database
from lagebild.core.settings import Settings
from tests.expectations.support import Rows, changed, deliver_rows, without

ALIKE = (1.01, 1.01, 1.01)


@dataclass(frozen=True)
class Case:
    """A delivery, and what was accepted before it."""

    rows: Rows
    loaded: int | None = None
    """Rows that the ledger vouches for, if not as many as there are."""
    previous: Rows | None = None
    """Rows of the last accepted delivery, if not the same."""
    factors: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """By statistic, what it was in the former deliveries, as a multiple of its value in this one; else `ALIKE`."""
    years_ago: tuple[int, ...] = (1, 2, 3)
    received_on: date = date(2030, 12, 31)
    also: frozenset[str] = frozenset()
    """Expectations that cannot but fail along with the one under test."""


@dataclass(frozen=True)
class Source:
    """Sound rows of one source and what breaks each of its own expectations."""

    period: str
    sound: Rows
    broken: dict[str, Rows | Case | list[Rows | Case]]
    """By the name of an expectation the rows or the case, or a list of several, each of which breaks it."""
    also: dict[str, set[str]] = field(default_factory=dict)
    warns: set[str] = field(default_factory=set)
    notes: set[str] = field(default_factory=set)
    """Severity by name; what is in neither holds."""


_UNWATCHED = {
    "ba_nationality": "region_name",
    "foerderkatalog": "topic",
    "funding": "programme",
    "genesis": "value_variable_label",
    "ledger": "document_number",
    "wegweiser": "indicator_name",
}
"""Free texts that no other expectation of the source looks at; else the last one is taken."""


def _damaged(source: str, own: Source) -> Case:
    """The sound rows, with a letter lost in a free text that nothing else looks at."""
    last = next((name for name in reversed(free_texts(source)) if name in own.sound[0]), None)
    column = _UNWATCHED.get(source, last)
    return Case([{**own.sound[0], column: f"{own.sound[0].get(column) or ''}M\ufffdller"}, *own.sound[1:]])


def suite_of(source: str) -> Any:
    return gate.suite_of(source)


def cases(source: str) -> list[tuple[str, Case]]:
    """The expectation that must fail, and a case in which it does; every expectation of the source is among them."""
    own = SOURCES[source]
    broken = [
        (name, case if isinstance(case, Case) else Case(case, also=frozenset(own.also.get(name, ()))))
        for name, given in own.broken.items()
        for case in (given if isinstance(given, list) and isinstance(given[0], (list, Case)) else [given])
    ]
    everywhere = {"rows_as_in_the_ledger": Case(own.sound, loaded=len(own.sound) + 1)}
    names = {e.name for e in suite_of(source).expectations(_delivery(source, 1, Case(own.sound), ()))}
    if "letters_whole" in names:
        everywhere |= {"letters_whole": _damaged(source, own)}
    if "period_is_over" in names:
        day = _delivery(source, 1, Case(own.sound), ()).reference_date
        everywhere["period_is_over"] = Case(own.sound, received_on=date.fromordinal(day.toordinal() - 1))
    statistics = history.all_statistics(suite_of(source).STATISTICS)
    if "no_period_skipped" in names:
        everywhere["no_period_skipped"] = Case(own.sound, years_ago=(2, 3, 4))
        everywhere["not_another_period_again"] = Case(own.sound, factors=dict.fromkeys(statistics, (1, 1.01, 1.01)))
    found = [*broken, *everywhere.items()]
    for name, statistic in statistics.items():
        # just beyond the least spread, where former deliveries were alike; and just beyond five spreads of theirs
        flat = 1.001 / (1 - statistic.least_spread)
        found.append((f"{name}_as_usual", Case(own.sound, factors={name: (flat,) * 3})))
        found.append((f"{name}_as_usual", Case(own.sound, factors={name: (0.513, 0.57, 0.627)})))
    return found


def severity_of(source: str, name: str) -> str:
    """The severity that an expectation must have."""
    return WARN if name in SOURCES[source].warns else NOTE if name in SOURCES[source].notes else HOLD


def batch(settings: Settings, source: str, case: Case, past: bool = True) -> gate._Batch:
    """Put a case into the warehouse; what the gate would judge of it."""
    suite, period = suite_of(source), SOURCES[source].period
    number = deliver_rows(settings, source, suite.TABLE, period, case.rows, case.loaded)
    query = f"select * from {gate._delivered(source, suite.TABLE)} where delivery_id = {number}"
    statistics = history.all_statistics(suite.STATISTICS)
    with database.connect(settings, database.LOADER) as connection:
        history.store_statistics(connection, number, query, statistics)
    before: list[int] = []
    for n, years in enumerate(case.years_ago if past else ()):
        rows = (case.rows if case.previous is None else case.previous) if n == 0 else []
        before.append(deliver_rows(settings, source, suite.TABLE, _earlier(period, years), rows))
        with database.connect(settings) as connection:
            connection.cursor().executemany(
                "insert into quality.statistic (delivery_id, statistic, value)"
                " select %s, statistic, value * %s from quality.statistic where delivery_id = %s and statistic = %s",
                [(before[-1], case.factors.get(name, ALIKE)[n], number, name) for name in statistics],
            )
    with database.connect(settings) as connection:
        known = dict(
            connection.execute(
                "select statistic, count(value) from quality.statistic where delivery_id = any(%s) group by 1", [before]
            ).fetchall()
        )
    delivery = replace(_delivery(source, number, case, tuple(before)), known=known)
    return gate._Batch(
        f"{source} {number}", query, suite.expectations(delivery), personal=suite.PERSONAL, has_lines=True
    )


def judged(settings: Settings, batches: Iterable[gate._Batch]) -> list[list[gate.Verdict]]:
    """The verdicts on each batch, all on one connection."""
    with database.connect(settings, database.LOADER) as connection:
        return gate._judge(connection, batches)


def named(expectations: Iterable[Expectation], name: str) -> Expectation:
    """The expectation called so."""
    (found,) = [e for e in expectations if e.name == name]
    return found


def _delivery(source: str, number: int, case: Case, before: tuple[int, ...]) -> Delivery:
    loaded = len(case.rows) if case.loaded is None else case.loaded
    return Delivery(number, source, SOURCES[source].period, loaded, case.received_on, before)


def _earlier(period: str, years: int) -> str:
    """The same period, some years ago: 05913000_2019-12-31 becomes 05913000_2018-12-31."""
    head, _, day = period.partition("_") if "_" in period else ("", "", period)
    if len(day) == 9:  # of a range its last year moves
        return f"{day[:5]}{int(day[5:]) - years}"
    return f"{head}_{int(day[:4]) - years}{day[4:]}".removeprefix("_")


_NAMES = {"1": "Europa", "125": "Bulgarien", "154": "Rumänien"}


def _azr() -> Rows:
    """Every region with 20 Europeans a district, half of them Bulgarian, half Romanian, and totals that add up."""
    districts = {region: 1 for region in azr_nrw.DISTRICTS}
    regions = {region: sum(d.startswith(region) for d in districts) for region in azr_nrw.GOVERNMENT_REGIONS}
    rows = [
        {
            **{"reference_date": "2024-12-31", "region_code": region, "region_name": region, "nationality_code": code},
            **{"nationality_name": name, "persons": count * (20 if code == "1" else 10)},
            **{"male_persons": None, "male_persons_sign": "-", "female_persons": None},
        }
        for region, count in {"05": len(districts), **regions, **districts}.items()
        for code, name in _NAMES.items()
    ]
    # the last district: 15 is less than 10 + 10, and 10 more than 0 + 5, as far as rounding may go
    rows[-3] |= {"persons": 15}
    rows[-1] |= {"male_persons": 0, "male_persons_sign": None, "female_persons": 5}
    # the state's total is 10 off its five regions, as far as six rounded counts may go
    rows[0] |= {"persons": rows[0]["persons"] + 10}
    return rows


_AZR = _azr()
_GENESIS = [
    {
        **{"statistics_code": "12521", "time_code": "STAG", "time_text": "2024-12-31"},
        **{"slot_1_variable_code": "KREISE", "slot_1_code": place, "slot_1_label": place},
        **{"slot_2_variable_code": "GES", "slot_2_code": sex, "slot_2_label": sex},
        **{"value_unit": "Anzahl", "value_variable_code": "X-AUSL", "value": value, "value_quality": "e"},
    }
    for place, sex, value in (
        # 5 persons of which 0 are men and 10 women: as far off as rounding may go
        *(("05913", "", 5), ("05913", "GESM", 0), ("05913", "GESW", 10)),
        *(("05112", "", 20), ("05112", "GESM", 10), ("05112", "GESW", 10)),
    )
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
LEDGER = [
    {
        "region_code": "05913000",
        "company_code": "1000",
        "fiscal_year": 2019,
        "document_number": str(month),
        "posted_on": f"2019-{month:02}-01",
        "product_code": "050101",
        "account_code": "533100",
        "target_group": "EU2",
        "amount_eur": amount,
    }
    for month, amount in enumerate((1000, -400, *[10] * 10), start=1)
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
        "quantity": "population",
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
_ASKED = {
    **{"reference_year": 2020, "reference_quarter": 1, "state_code": "05", "size_class": "X-LAND", "stratum": "a"},
    **{"district_pseudonym": "1", "age_years": 15, "migration_background": "none", "background_basis": "stated"},
    **{"employment": "employed", "education": "low", "evidence": "synthetic"},
}
# Two households of as many persons as are plausible, half of them women, of the first one person in another district;
# their weights are all that a population may be.
_COUNT_OF_CHILDREN = {
    **{"region_code": "05913000", "counted_on": "2024-10-15", "list_name": "register", "age_years": 8},
    **{"nationality_group": "EU2", "records": 1, "children": 1, "evidence": "synthetic"},
}
_CHILDREN = [
    {**_COUNT_OF_CHILDREN, "stated_on": "2024-10-15", "status": "matched"},
    {**_COUNT_OF_CHILDREN, "stated_on": "2025-02-12", "status": "not_matched"},
    {
        **{**_COUNT_OF_CHILDREN, "list_name": "school", "stated_on": "2024-10-15", "age_years": None},
        **{"nationality_group": None, "status": "listed"},
    },
]
_MICRODATA = [
    {
        **{**_ASKED, "household_pseudonym": str(household), "person_number": number},
        **({"district_pseudonym": "2"} if (household, number) == (1, 1) else {}),
        **{"sex": "female" if number % 2 else "male", "year_weight": 1_500_000, "quarter_weight": 6_000_000},
    }
    for household in (1, 2)
    for number in range(1, 31)
]
_ANSWERS = [
    {
        **{
            "survey": "a_2016",
            "survey_name": "A",
            "region_code": "00",
            "reference_year": 1990,
            "period_printed": "1990",
        },
        **{"respondents": "towns", "respondent_kind": "municipalities", "question": "q", "item": "i", "item_name": "I"},
        **{"value_printed": "58,9%", "share_pct": 58.9, "qualifier": "rounded", "source_document": "d", "passage": "1"},
        "evidence": "published",
    },
    {
        **{
            "survey": "b_2020",
            "survey_name": "B",
            "region_code": "00",
            "reference_year": 2030,
            "period_printed": "2030",
        },
        **{"respondents": "towns", "respondent_kind": "municipalities", "question": "q", "item": "i", "item_name": "I"},
        **{"value_printed": "much", "source_document": "d", "passage": "1", "evidence": "published"},
    },
]
REGISTER = [
    {**_PERSON, "person_pseudonym": str(n), "nationality_code": code}
    for n, code in enumerate(["998", "000", "121", "599", *["125"] * 16])  # 1 of 20 unknown: at the bound
]
_WEGWEISER = [
    {
        **{"indicator_code": code, "indicator_name": code, "unit": unit, "source_name": "by hand", "remark": None},
        **{"region_ars": "059990000000", "region_name": "Musterstadt", "reference_year": 2023, "value": value},
    }
    for code, unit, value in (
        ("bevoelkerung", "Anzahl", 0),
        ("beschaeftigungsquote", "%", 100),
        ("altersarmut", "%", 0),
        ("bevoelkerungsentwicklung", "%", 101),  # a change may be more than everything, and less than nothing
        ("saldo", "je 1.000 Einwohner:innen", -5),
    )
]
_FUNDING = [
    {
        **{"figure_id": "whole", "programme": "A", "amount_eur": 50, "amount_printed": "50 Euro", "part_of": None},
        **{"amount_per": "year", "granted_eur": 9, "called_eur": 9, "proven_eur": 4, "paid_back_eur": 5},
    },
    {
        **{"figure_id": "part", "programme": "B", "amount_eur": 50, "amount_printed": "50 €", "part_of": "whole"},
        **{"amount_per": "year"},
    },
    {
        **{"figure_id": "long", "programme": "B", "amount_eur": 60, "amount_printed": "60 €", "part_of": "whole"},
        **{"amount_per": "total"},
    },
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
MUNICIPALITY = {
    "region_code": "05913000",
    "municipality_name": "Dorf",
    "reference_year": 2021,
    "population_persons": 1000,
    "foreign_persons": 126,
    "foreign_pct": 12.6,
    "migration_background_persons": None,
    "migration_background_pct": 30.0,
}

_ESF = [{"operation": name, "starts_on": "2014-01-01", "ends_on": "2023-12-31", "total_cost_eur": 775} for name in "ab"]
_GRANTS = [
    {"funding_code": name, "recipient_ags": ags, "starts_on": starts, "ends_on": ends, "federal_amount_eur": 5}
    for name, ags, starts, ends in (
        ("a", "05913000", "1968-01-01", "2008-01-01"),
        ("b", "", "2040-12-31", "2040-12-31"),
    )
]
_MEASURES = [
    {"measure_id": "a", "first_year": 1990, "last_year": 2030, "ends_on": "2030-12-31", "end_status": "ended"},
    {"measure_id": "b", "last_year": 2050, "ends_on": None, "end_status": "planned"},
    {"measure_id": "c", "last_year": None, "ends_on": None, "end_status": "not_stated"},
]
_RESULTS = [
    {
        **{"programme_id": "p", "region_code": "05", "period_printed": "x", "indicator": indicator, "value": value},
        "value_printed": f"rund {value}",
    }
    for indicator, value in (("participants", 10), ("insured_share_pct", 100), ("EECR05", 10))
] + [
    # money may have cents, a share decimals; what is counted is whole
    {
        **{"programme_id": "p", "region_code": "05", "period_printed": "x", "indicator": indicator, "value": value},
        "value_printed": "wie vereinbart",
    }
    for indicator, value in (("sites", 3), ("districts_reached_pct", 99.5), ("allowance_eur_per_month", 30.5))
]
_TOLERATIONS = [
    {
        **{"region_code": region, "stated_year": 2019, "reference_day": "2019-12-31", "sex": sex},
        **{"years_printed": years, "value": value, "value_printed": str(value)},
    }
    for region, sex, years, value in (
        ("05", "all", "insgesamt", 30),
        ("05", "male", "insgesamt", 30),
        ("05", "all", "3 bis unter 4", 30),
        ("05913", "all", "8 und mehr", 7),
    )
]
_COURSES = [
    {
        **{"region_code": region, "stated_year": year, "reference_month": month, "indicator": indicator},
        **{"value": value, "value_printed": f"im Jahr {year} {printed}"},
    }
    for region, year, month, indicator, value, printed in (
        ("00", 2030, "", "courses", 30_000, "30.000"),
        ("05", 2030, "", "courses", 30_000, "rund 30 Tsd. Kurse"),
        ("00", 2005, "2030-12", "success_rate_pct", 100, "100 %"),
        ("00", 2030, "", "federal_money_eur", 1_500_000, "1,5 Mio. Euro"),
        ("00", 2030, "2030-01", "federal_money_eur", 2_000_000_000, "2 Milliarden Euro"),
    )
]
_RECEIPTS = [
    {"receipt_id": "a", "accrual_year": 2030, "amount_eur": 1, "amount_printed": "1 EUR"},
    {"receipt_id": "b", "accrual_year": None, "amount_eur": None, "amount_printed": "3 Projekte"},
    {"receipt_id": "c", "accrual_year": 2000, "amount_eur": 2, "amount_printed": "zwei EUR"},
]


def _gone(rows: Rows, **values: Any) -> Case:
    """The last delivery had a row more, with these values."""
    return Case(rows, previous=[*rows, {**rows[0], **values}])


_CARE = [
    {
        **{"region_code": region, "region_name": "x", "reference_year": year, "counted_on": day},
        **{"age_class": "under_3", "population_group": group, "indicator": indicator, "value": value},
    }
    for region, year, day, group, indicator, value in (
        ("05911000", 2030, "2029-12-31", "all", "day_care_children", 10),
        ("05911000", 2030, "2031-01-01", "foreign", "day_care_children", 10),
        ("05911000", 2030, None, "foreign", "attendance_pct", 101),
        ("05913000", 2027, None, "foreign", "day_care_share_pct", 100),
        ("05913000", 2030, None, "foreign", "children_share_pct", 100),
    )
]
_STILL_THERE = {"places_still_there", "products_still_there", "figures_still_there", "receipts_still_there"}
_IN_TIME = {"no_period_skipped"}
_EMPTY = {"sum_of_values_as_usual", "not_another_period_again"}  # cannot be judged without rows
_OF_ESF = Source(
    "2014-2020",
    _ESF,
    {
        "has_rows": Case([], also=frozenset({"total_cost_eur_as_usual", "median_cost_eur_as_usual"})),
        "cost_plausible": changed(_ESF, 0, total_cost_eur=200_000_001),
        "within_the_funding_period": [
            changed(_ESF, 1, starts_on="2013-12-31"),
            changed(_ESF, 1, ends_on="2024-01-01"),
            Case(changed(_ESF, 1, starts_on="2024-01-01"), also=frozenset({"ends_after_it_begins"})),
        ],
        "listed_once": changed(_ESF, 1, operation="a"),
        "ends_after_it_begins": changed(_ESF, 1, starts_on="2014-01-02", ends_on="2014-01-01"),
    },
    warns={"median_cost_eur_as_usual", "within_the_funding_period", "ends_after_it_begins"},
    notes={"listed_once"},
)
_OF_PLACE = {"region_code": "05", "region_name": "Nordrhein-Westfalen"}
_SECOND = {"region_code": "05913", "region_name": "    Dortmund, krfr. Stadt"}


def _of_ldb(source: str, period: str, measures: dict[str, Any], **broken: Any) -> Source:
    """A table of the Landesdatenbank in two rows: what breaks any of them, and what breaks this one."""
    fields = {field.name for field in contracts.load(source).fields}
    time = {"reference_year": int(period), "reference_date": f"{period}-12-31"}
    own = {name: value for name, value in (time | {"class_name": "Insgesamt"}).items() if name in fields}
    sound = [{**{k: v for k, v in at.items() if k in fields}, **own, **measures} for at in (_SECOND, _OF_PLACE)]
    last = list(measures)[-1]
    found = {
        "has_rows": Case([], also=frozenset({"state_present"})),
        "state_present": without(sound, lambda row: row["region_name"] == "Nordrhein-Westfalen"),
        "number_or_sign": [
            changed(sound, 1, **{last: None}),
            changed(sound, 1, **{f"{last}_sign": "-"}),
        ],
        "places_still_there": _gone(sound, **{next(k for k in _OF_PLACE if k in fields): "05911"}),
    }
    if "reference_year" in own:
        found["year_of_the_period"] = changed(sound, 1, reference_year=int(period) - 1)
    if "reference_date" in own:
        found["year_of_the_period"] = changed(sound, 1, reference_date=f"{int(period) - 1}-12-31")
    for name, changes in broken.items():
        found[name] = [
            Case(changed(sound, 1, **{k: v for k, v in change.items() if k != "also"}),
                 also=frozenset(change.get("also", ())))
            for change in changes
        ]  # fmt: skip
    return Source(period, sound, found, warns={"sum_of_values_as_usual"} | _STILL_THERE | _IN_TIME)


_RECIPIENTS = {
    **{"sgb_ii_first_persons": 7, "total_persons": 37, "sgb_ii_persons": 7, "subsistence_persons": 10},
    **{"asylum_seekers_persons": 10, "basic_security_persons": 10, "basic_security_old_age_persons": 5},
    "basic_security_reduced_capacity_persons": 5,
}
_QUALIFIED = {
    **{"employees_persons": 15, "no_school_certificate_persons": 1, "lower_secondary_persons": 2},
    **{"intermediate_secondary_persons": 3, "university_entrance_persons": 4, "school_unknown_persons": 5},
    **{"no_vocational_degree_persons": 6, "vocational_degree_persons": 2, "academic_degree_persons": 3},
    "vocational_unknown_persons": 4,
}
_GROUPS = [field.name for field in contracts.load("ldb_22542_06i").fields if field.signs]
_AGENCY = [
    {
        **{"reference_date": "2024-06-30", "region_code": "05913000", "region_name": "Dortmund", "sex": sex},
        **{"indicator": indicator, "place_basis": "residence", "nationality": nationality, "persons": persons},
    }
    for indicator, nationality, sex, persons in (
        ("employees", "TOTAL", "all", 10),
        ("employees", "TOTAL", "male", 6),
        ("employees", "TOTAL", "female", 4),
        ("employees", "000", "all", 7),
        ("employees", "ALL", "all", 5),
        ("employees", "125", "all", 5),
        ("sgb_ii", "125", "all", 3),
        ("sgb_ii_employed", "125", "all", 3),
    )
]
SOURCES = {
    "ba_nationality": Source(
        "2024",
        _AGENCY,
        {
            "has_rows": Case([]),
            "date_in_the_period": changed(_AGENCY, 6, reference_date="2023-12-31", indicator="sgb_ii_employed"),
            "number_or_sign": [changed(_AGENCY, 5, persons=None), changed(_AGENCY, 5, persons_sign="*")],
            "small_counts_are_secret": [changed(_AGENCY, 7, persons=count) for count in (1, 2)],
            "group_within_all": [changed(_AGENCY, 5, persons=6), changed(_AGENCY, 3, persons=11)],
            "employed_within_recipients": changed(_AGENCY, 7, persons=4),
            "recipients_by_residence": changed(_AGENCY, 6, place_basis="workplace"),
            "sexes_add_up": changed(_AGENCY, 2, persons=5),
            "places_still_there": _gone(_AGENCY, region_code="05911000"),
        },
        warns={"employees_persons_as_usual", *_STILL_THERE, *_IN_TIME},
    ),
    "ldb_12411_15i": _of_ldb(
        "ldb_12411_15i",
        "2024",
        {"population_persons": 603462, "area_qkm": 280.71, "inhabitants_per_qkm": 2149.8},
        density_recomputes=[{"inhabitants_per_qkm": printed} for printed in (2149.6, 2149.9, 2150.0)],
    ),
    "ldb_13111_54i": _of_ldb(
        "ldb_13111_54i",
        "2024",
        _QUALIFIED,
        qualifications_add_up=[{name: 0} for name in _QUALIFIED if name != "employees_persons"],
    ),
    "ldb_22542_06i": _of_ldb("ldb_22542_06i", "2024", dict.fromkeys(_GROUPS, 1)),
    "ldb_22811_01i": _of_ldb("ldb_22811_01i", "2023", {"rate_pct": 100}, rate_within_100=[{"rate_pct": 100.1}]),
    "ldb_22811_05i": _of_ldb(
        "ldb_22811_05i",
        "2020",
        _RECIPIENTS,
        sgb_ii_stands_twice_alike=[{"sgb_ii_first_persons": 37}],
        benefits_add_up=[{"total_persons": 36}, {"asylum_seekers_persons": 5}],
        basic_security_adds_up=[
            {"basic_security_old_age_persons": 20},
            {"basic_security_old_age_persons": 0, "basic_security_reduced_capacity_persons": 0},
        ],
        counts_rounded_to_five=[
            {"subsistence_persons": 11, "total_persons": 38},
            {"basic_security_persons": 11, "total_persons": 38},
            {"basic_security_old_age_persons": 6},
            {"basic_security_reduced_capacity_persons": 6},
            {"asylum_seekers_persons": 11, "total_persons": 38},
        ],
    ),
    "azr_nrw": Source(
        "2024",
        _AZR,
        {
            "has_rows": Case([]),
            "reference_date_is_year_end": changed(_AZR, 0, reference_date="2023-12-31"),
            "state_present": without(_AZR, lambda row: row["region_code"] == "05"),
            "government_regions_complete": without(_AZR, lambda row: row["region_code"] == "059"),
            "districts_complete": without(_AZR, lambda row: row["region_code"] == "05111"),
            "eu2_in_every_region": _AZR[:-1],
            "europe_holds_its_parts": changed(_AZR, -3, persons=10),
            "counts_rounded_to_five": changed(_AZR, -3, persons=16),
            "nationality_named_as_coded": changed(_AZR, -1, nationality_name="Bulgarien"),
            "sexes_add_up": changed(_AZR, -1, male_persons=15),
            "regions_add_up": changed(_AZR, 0, persons=_AZR[0]["persons"] + 5),
        },
        also={
            "state_present": {"eu2_persons_as_usual", "eu2_share_of_europe_as_usual"},
            "government_regions_complete": {"regions_add_up"},
        },
        warns={"regions_add_up", "eu2_share_of_europe_as_usual"} | _IN_TIME,
    ),
    "eu2_series": Source(
        "2001-2005",
        _SERIES,
        {
            "has_rows": Case([]),
            "parts_add_up": changed(_SERIES, 0, bulgaria_persons=41),
            "split_printed_whole": changed(_SERIES, 0, bulgaria_persons=None),
            "growth_within_bounds": changed(
                changed(_SERIES, 0, bulgaria_persons=40, romania_persons=41, eu2_persons=81),
                *(1,),
                change_printed_persons=49,
                change_printed_pct=60.5,
            ),
            "printed_change_recomputes": changed(_SERIES, 3, change_printed_persons=31, change_printed_pct=10.4),
            "printed_percentage_recomputes": changed(_SERIES, 1, change_printed_pct=30.1),
            "years_of_the_period": [
                changed(_SERIES, 2, reference_date="2004-12-30"),
                [*_SERIES, {**_SERIES[0], "reference_date": "1999-12-31"}],
                [*_SERIES, {**_SERIES[0], "reference_date": "2007-12-31"}],
            ],
            "years_still_there": _gone(_SERIES, reference_date="2003-12-31"),
            "no_year_revised": Case(_SERIES, previous=changed(_SERIES, 1, eu2_persons=131)),
        },
        warns={"printed_change_recomputes", "printed_percentage_recomputes", "no_year_revised"},
    ),
    "employment": Source(
        "2019",
        _EMPLOYMENT,
        {
            "has_rows": Case([]),
            "employees_plausible": changed(_EMPLOYMENT, 0, employees_persons=12_000_001),
            "no_place_above_the_country": changed(_EMPLOYMENT, 1, employees_persons=1001),
            "country_present": _EMPLOYMENT[1:],
            "reference_date_in_the_period": changed(_EMPLOYMENT, 1, reference_date="2018-12-31"),
            "places_still_there": _gone(_EMPLOYMENT, region_code="05911000"),
            "place_basis_stated": changed(_EMPLOYMENT, 0, place_basis="not_stated"),
        },
        also={"country_present": {"employees_in_germany_persons_as_usual"}},
        warns={"country_present", *_STILL_THERE, *_IN_TIME},
        notes={"place_basis_stated"},
    ),
    "ledger": Source(
        "05913000_2019",
        LEDGER,
        {
            "has_rows": Case([]),
            "fiscal_year_is_the_period": changed(LEDGER, 0, fiscal_year=2018),
            "municipality_is_the_period": changed(LEDGER, 0, region_code="05911000"),
            "product_area_known": changed(LEDGER, 0, product_code="501010"),
            "posting_magnitude": [
                changed(LEDGER, 0, amount_eur=50_000_000.01),
                Case(changed(LEDGER, 1, amount_eur=-50_000_000.01), also=frozenset({"total_positive"})),
            ],
            "total_positive": changed(LEDGER, 0, amount_eur=300),
            "products_still_there": _gone(LEDGER, product_code="020101"),
            "one_company_code": changed(LEDGER, 0, company_code="2000"),
            "every_month_posted": changed(LEDGER, 11, posted_on="2020-12-31"),
            "posted_around_its_year": [*LEDGER, {**LEDGER[0], "posted_on": "2021-01-01"}],
        },
        also={"total_positive": {"eu2_share_of_cost_as_usual"}},
        warns={
            *("product_area_known", "eu2_share_of_cost_as_usual", "every_month_posted", "posted_around_its_year"),
            *_STILL_THERE,
            *_IN_TIME,
        },
    ),
    "ledger_totals": Source(
        "05913000_2019",
        _TOTALS,
        {
            "has_rows": Case([]),
            "fiscal_year_is_the_period": changed(_TOTALS, 0, fiscal_year=2018),
            "municipality_is_the_period": changed(_TOTALS, 0, region_code="05911000"),
            "line_or_subtotal": [*_TOTALS, {**_SUBTOTAL, "expense_eur": 0}],
            "amount_stated": changed(_TOTALS, 4, expense_eur=None, revenue_eur=None),
            "subtotal_is_the_sum": changed(_TOTALS, 3, expense_eur=600),
            "expense_magnitude": [
                changed(_TOTALS, 0, expense_eur=2_000_000_000.01),
                Case(
                    changed(_TOTALS, 1, expense_eur=-2_000_000_000.01),
                    also=frozenset({"subtotal_is_the_sum", "expense_positive"}),
                ),
            ],
            "revenue_magnitude": [
                changed(_TOTALS, 2, revenue_eur=2_000_000_000.01),
                changed(_TOTALS, 2, revenue_eur=-2_000_000_000.01),
            ],
            "expense_positive": Case(
                [{**_TOTAL, "expense_eur": 0}], also=frozenset({"social_share_of_expense_as_usual"})
            ),
            "accrual_near_its_year": [
                changed(_TOTALS, 1, accrual_year=2013),
                changed(_TOTALS, 1, accrual_year=2020),
            ],
            "products_still_there": _gone(_TOTALS, product_code="020101"),
        },
        # a line that lost or changed its amount is missing in its sub-totals, too
        also={name: {"subtotal_is_the_sum"} for name in ("amount_stated", "expense_magnitude", "revenue_magnitude")},
        warns={"social_share_of_expense_as_usual", "accrual_near_its_year", *_STILL_THERE, *_IN_TIME},
    ),
    "ledger_plan": Source(
        "05315000_2020",
        _PLAN,
        {
            "has_rows": Case([]),
            "budget_year_is_the_period": changed(_PLAN, 0, budget_year=2019),
            "municipality_is_the_period": changed(_PLAN, 0, region_code="05913000"),
            "one_unit": changed(_PLAN, 0, amount_unit="EUR"),
            "position_magnitude": changed(_PLAN, 0, planned_year=2_000_001),
            "result_resembles_plan": changed(_PLAN, 0, result_year_before=173),
            "products_still_there": _gone(_PLAN, product_code="020101"),
        },
        warns=_STILL_THERE,
    ),
    "register": Source(
        "05913000_2019-12-31",
        REGISTER,
        {
            "has_rows": Case([]),
            "reference_date_is_the_period": changed(REGISTER, 0, reference_date="2020-01-01"),
            "municipality_is_the_period": changed(REGISTER, 0, region_code="05911000"),
            "nationality_of_the_key": changed(REGISTER, 1, nationality_code="100"),
            "nationality_known": changed(REGISTER, 1, nationality_code="999"),
            "birth_year_plausible": [changed(REGISTER, 1, birth_year=year) for year in (1898, 2020)],
        },
        warns={
            "eu2_share_of_persons_as_usual",
            "women_share_of_persons_as_usual",
            "mean_age_years_as_usual",
            "birth_year_plausible",
        },
    ),
    "pupil_list": Source(
        "05913000_2024-10-15",
        _CHILDREN,
        {
            "has_rows": Case([]),
            "municipality_is_the_period": changed(_CHILDREN, 0, region_code="05911000"),
            "every_row_is_synthetic": changed(_CHILDREN, 0, evidence="delivered"),
            "both_lists_are_there": [_CHILDREN[:2], _CHILDREN[2:]],
            "list_is_of_the_day": changed(_CHILDREN, 2, stated_on="2024-10-16"),
            "register_drawn_soon_after": [
                changed(_CHILDREN, 0, stated_on="2024-10-14"),
                changed(_CHILDREN, 0, stated_on="2025-02-13"),
            ],
        },
        also={"both_lists_are_there": {"listed_per_child_of_the_register_as_usual"}},
        warns={"listed_per_child_of_the_register_as_usual", "register_drawn_soon_after"},
    ),
    "mikrozensus_microdata": Source(
        "05913000_2020",
        _MICRODATA,
        {
            "has_rows": Case([]),
            "year_is_the_period": changed(_MICRODATA, 0, reference_year=2019),
            "every_row_is_synthetic": changed(_MICRODATA, 0, evidence="delivered"),
            "weights_sum_to_a_population": [
                changed(_MICRODATA, 0, year_weight=1_500_001),
                changed(_MICRODATA, 0, quarter_weight=6_000_001),
                [{**row, "year_weight": 0} for row in _MICRODATA],
                [{**row, "quarter_weight": 0} for row in _MICRODATA],
            ],
            "district_in_one_stratum": [
                changed(_MICRODATA, 1, stratum="b"),
                changed(_MICRODATA, 1, size_class="X-KLEIN"),
            ],
            "stratum_in_one_state": changed(_MICRODATA, 0, state_code="06"),
            "household_plausible": changed(_MICRODATA, 1, household_pseudonym="2", person_number=31),
            "asked_from_15_on": [
                changed(_MICRODATA, 0, age_years=14),
                changed(_MICRODATA, 0, age_years=14, employment="not_asked"),
                changed(_MICRODATA, 0, age_years=14, education="not_asked"),
                changed(_MICRODATA, 0, employment="not_asked"),
                changed(_MICRODATA, 0, education="not_asked"),
            ],
        },
        warns={"women_share_of_persons_as_usual", "household_plausible"},
    ),
    "survey_result": Source(
        "2022",
        _ANSWERS,
        {
            "has_rows": Case([]),
            "value_is_the_printed_one": changed(_ANSWERS, 0, share_pct=58.8),
            "number_has_its_precision": [
                changed(_ANSWERS, 0, qualifier=None),
                changed(_ANSWERS, 1, qualifier="rounded"),
            ],
            "asked_before_it_was_printed": [
                changed(_ANSWERS, 0, reference_year=1989),
                changed(_ANSWERS, 1, reference_year=2031),
            ],
            "answers_still_there": _gone(_ANSWERS, item="gone"),
        },
        warns={"answers_still_there"},
    ),
    **dict.fromkeys(("esf_bayern", "esf_berlin", "esf_bremen", "esf_hessen", "esf_nrw", "esf_sachsen"), _OF_ESF),
    "foerderkatalog": Source(
        "2024",
        _GRANTS,
        {
            "has_rows": Case([]),
            "municipality_has_eight_digits": changed(_GRANTS, 0, recipient_ags="5913000"),
            "grant_magnitude": changed(_GRANTS, 0, federal_amount_eur=10_000_000_001),
            "dates_plausible": [
                changed(_GRANTS, 0, ends_on="2008-01-02"),
                changed(_GRANTS, 0, starts_on="1967-12-31", ends_on="1967-12-31"),
                changed(_GRANTS, 1, starts_on="2041-01-01", ends_on="2041-01-01"),
            ],
            "grants_still_there": _gone(_GRANTS, funding_code="c"),
            "ends_after_it_begins": changed(_GRANTS, 1, ends_on="2029-12-31"),
        },
        warns={"median_grant_eur_as_usual", "dates_plausible", "grants_still_there"},
    ),
    "programme_measure": Source(
        "2024",
        _MEASURES,
        {
            "has_rows": Case([]),
            "end_as_stated": changed(_MEASURES, 0, ends_on="2031-12-31"),
            "years_plausible": [
                changed(_MEASURES, 1, last_year=2051),
                changed(_MEASURES, 1, last_year=1989),
                changed(_MEASURES, 1, first_year=2051),
                changed(_MEASURES, 1, first_year=1989),
            ],
            "measures_still_there": _gone(_MEASURES, measure_id="d"),
        },
        warns={"measures_still_there"},
    ),
    "programme_result": Source(
        "2024",
        _RESULTS,
        {
            "has_rows": Case([]),
            "share_within_100": [
                changed(_RESULTS, 1, value=101, value_printed="101"),
                changed(_RESULTS, 4, value=100.5),
            ],
            "things_are_whole": [
                changed(_RESULTS, 3, value=2.5),
                changed(_RESULTS, 0, value=10.5, value_printed="10,5"),
            ],
            "lasting_within_participants": changed(_RESULTS, 2, value=11, value_printed="11"),
            "amount_as_printed": changed(_RESULTS, 0, value=10_000),
            "results_still_there": _gone(_RESULTS, indicator="results"),
        },
        warns={"results_still_there"},
    ),
    "integration_course": Source(
        "2019",
        _COURSES,
        {
            "has_rows": Case([]),
            "rate_within_100": changed(_COURSES, 2, value=101, value_printed="101 %"),
            "states_within_country": changed(_COURSES, 1, value=30_001, value_printed="30.001"),
            "amount_as_printed": changed(_COURSES, 3, value=1500),
            "year_plausible": [
                changed(_COURSES, 2, stated_year=2004, value_printed="100"),
                changed(_COURSES, 2, stated_year=2031, value_printed="100"),
                changed(_COURSES, 2, reference_month="2031-01"),
            ],
            "places_still_there": _gone(_COURSES, region_code="06632"),
        },
        warns=_STILL_THERE,
    ),
    "toleration": Source(
        "2019",
        _TOLERATIONS,
        {
            "has_rows": Case([]),
            "amount_as_printed": changed(_TOLERATIONS, 3, value=8),
            "year_plausible": [
                changed(_TOLERATIONS, 3, stated_year=2004, reference_day="2004-12-31"),
                changed(_TOLERATIONS, 3, stated_year=2031, reference_day="2031-12-31"),
                changed(_TOLERATIONS, 3, stated_year=2031, reference_day=""),
                changed(_TOLERATIONS, 3, stated_year=2020),
            ],
            "class_has_width": changed(_TOLERATIONS, 2, years_printed="4 bis unter 4"),
            "class_within_all": changed(_TOLERATIONS, 2, value=31, value_printed="31"),
            "sex_within_all": changed(_TOLERATIONS, 1, value=31, value_printed="31"),
            "places_still_there": _gone(_TOLERATIONS, region_code="06632"),
        },
        warns=_STILL_THERE,
    ),
    "funding_received": Source(
        "2021",
        _RECEIPTS,
        {
            "has_rows": Case([]),
            "amount_has_its_year": changed(_RECEIPTS, 0, accrual_year=None),
            "amount_as_printed": changed(_RECEIPTS, 0, amount_eur=1000),
            "year_plausible": [changed(_RECEIPTS, 2, accrual_year=year) for year in (1999, 2031)],
            "receipts_still_there": _gone(_RECEIPTS, receipt_id="d"),
        },
        warns={"amount_eur_as_usual", *_STILL_THERE},
    ),
    "funding": Source(
        "2024",
        _FUNDING,
        {
            "has_rows": Case([]),
            "amount_positive": changed(_FUNDING, 1, amount_eur=0, amount_printed="0"),
            "part_of_a_listed_figure": changed(_FUNDING, 1, part_of="gone"),
            "amount_as_printed": changed(_FUNDING, 1, amount_printed="5 €"),
            "figures_still_there": _gone(_FUNDING, figure_id="c"),
            "part_within_its_whole": changed(_FUNDING, 1, amount_eur=51, amount_printed="51"),
            "money_flows_down": changed(_FUNDING, 0, paid_back_eur=5.01),
            "municipality_is_the_period": changed(_FUNDING, 1, region_code="05913000"),
            "figures_are_named_for_their_list": changed(_FUNDING, 2, figure_id="m05913000_long"),
        },
        warns={"amount_eur_as_usual", "money_flows_down", *_STILL_THERE},
    ),
    "reference_quantity": Source(
        "05913000_2019",
        _QUANTITY,
        {
            "has_rows": Case([]),
            "municipality_is_the_period": changed(_QUANTITY, 1, region_code="05911000"),
            "year_is_the_period": changed(_QUANTITY, 1, reference_date="2018-12-31"),
            "group_within_all": changed(_QUANTITY, 0, counted=901),
            "group_has_its_whole": _QUANTITY[:1],
            "quantities_still_there": _gone(_QUANTITY, quantity="caseload"),
        },
        also={
            "group_has_its_whole": {"inhabitants_as_usual", "eu2_share_of_inhabitants_as_usual"},
            "municipality_is_the_period": {"group_has_its_whole"},
            "year_is_the_period": {"group_has_its_whole"},
        },
        warns={"eu2_share_of_inhabitants_as_usual", "quantities_still_there", *_IN_TIME},
    ),
    "genesis": Source(
        "12521-0041_2024",
        _GENESIS,
        {
            "has_rows": Case([]),
            "years_of_the_period": [
                changed(_GENESIS, 0, time_text="2023-12-31"),
                changed(_GENESIS, 0, time_text="2025-12-31"),
                Case([], also=frozenset({"has_rows", "statistics_of_the_table", *_EMPTY})),
            ],
            "time_is_over": [
                Case(_GENESIS, received_on=date(2024, 12, 30)),
                Case(
                    changed(_GENESIS, 0, time_code="JAHR", time_text="2024"),
                    received_on=date(2024, 12, 31),
                ),
            ],
            "statistics_of_the_table": [row | {"statistics_code": "12411"} for row in _GENESIS],
            "one_label_a_code": changed(_GENESIS, 0, slot_1_label="Duisburg"),
            "quality_flag_known": changed(_GENESIS, 0, value_quality="?"),
            "sexes_add_up": changed(_GENESIS, 0, value=0),
            "counts_rounded_to_five": changed(_GENESIS, 0, value=6),
            "places_still_there": _gone(_GENESIS, slot_1_code="05111"),
            "no_value_revised": Case(_GENESIS, previous=changed(_GENESIS, 0, value=15)),
        },
        warns={
            *("numbers_as_usual", "sum_of_values_as_usual", "quality_flag_known"),
            *("places_still_there", "no_value_revised", "no_period_skipped"),
        },
    ),
    "mikrozensus": Source(
        "2020-2020",
        _MIKROZENSUS,
        {
            "has_rows": Case([]),
            "share_within_100": changed(_MIKROZENSUS, 0, value=100.1),
            "sense_known": changed(_MIKROZENSUS, 0, sense_code="MIGRA1"),
            "wider_holds_narrow": changed(_MIKROZENSUS, 2, value=25.1),
            "years_of_the_period": [
                changed(_MIKROZENSUS, 0, reference_year=2019),
                changed(_MIKROZENSUS, 0, reference_year=2021),
            ],
            "values_still_there": _gone(_MIKROZENSUS, region_code="X-OST"),
            "no_value_revised": Case(_MIKROZENSUS, previous=changed(_MIKROZENSUS, 0, value=99)),
            "population_behind_the_share": changed(_MIKROZENSUS, 3, value=22_501),
            "parts_within_country": [*_MIKROZENSUS, {**_MIKROZENSUS[3], "region_code": "X-OST", "value": 21_901}],
        },
        warns={"values_still_there", "no_value_revised"},
    ),
    "wegweiser": Source(
        "nrw-beispiel_2023",
        _WEGWEISER,
        {
            "has_rows": Case([]),
            "year_of_the_period_is_the_last": [
                changed(_WEGWEISER, 0, reference_year=2024),
                [{**row, "reference_year": 2022} for row in _WEGWEISER],
            ],
            "share_within_100": [
                changed(_WEGWEISER, 1, value=100.1),
                changed(_WEGWEISER, 1, value=-0.1),
                changed(_WEGWEISER, 1, value=100.1, indicator_code="kinderarmut"),
                changed(_WEGWEISER, 1, value=100.1, indicator_code="auslaenderanteil"),
            ],
            "count_not_negative": changed(_WEGWEISER, 0, value=-1),
            "one_unit_an_indicator": [
                *_WEGWEISER,
                {**_WEGWEISER[0], "region_name": "Musterdorf", "unit": "je 1.000 Einwohner:innen"},
            ],
            "nothing_left_out": changed(_WEGWEISER, 0, remark="Es werden nicht alle Kommunen angezeigt."),
            "region_has_a_key": changed(_WEGWEISER, 0, region_ars=None),
        },
        warns={"nothing_left_out"},
        notes={"region_has_a_key"},
    ),
    "early_education": Source(
        "2030",
        _CARE,
        {
            "has_rows": Case([]),
            "year_near_the_file": [
                changed(_CARE, 3, reference_year=2026),
                changed(_CARE, 3, reference_year=2031),
                changed(_CARE, 0, counted_on="2028-12-31"),
                changed(_CARE, 0, counted_on="2032-01-01"),
            ],
            "share_within_100": [changed(_CARE, row, value=100.1) for row in (3, 4)],
            "group_within_all": changed(_CARE, 1, value=11),
            "places_still_there": _gone(_CARE, region_code="05914000"),
        },
        warns=_STILL_THERE,
    ),
    "structure_tables": Source(
        "2021",
        [MUNICIPALITY],
        {
            "has_rows": Case([]),
            "parts_within_population": [
                {**MUNICIPALITY, "migration_background_persons": 1001, "migration_background_pct": None}
            ],
            "share_not_misprinted": [{**MUNICIPALITY, "foreign_pct": 13.7}],
            "share_recomputes": [{**MUNICIPALITY, "foreign_pct": 12.7}],
            "places_still_there": _gone([MUNICIPALITY], region_code="05911000"),
            "year_near_the_report": [[{**MUNICIPALITY, "reference_year": year}] for year in (2017, 2022)],
            "foreign_within_migration_background": [
                {**MUNICIPALITY, "migration_background_persons": 125, "migration_background_pct": 12.5}
            ],
        },
        also={"share_not_misprinted": {"share_recomputes"}},
        warns={"share_recomputes", "foreign_within_migration_background", *_STILL_THERE},
    ),
}
