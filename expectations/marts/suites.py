"""marts: the candidate marts of a build, before they are published.

A failing `hold` stops the publication, and the one in force stays. What the marts' own dbt tests
guard (keys, relations, formulas) is not repeated here.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from expectations.marts.city_district import city_district_population, district_concentration
from expectations.marts.composition import resident_composition
from expectations.marts.cost import (
    cost_bridge,
    cost_comparability,
    cost_component,
    cost_extrapolation,
    cost_per_person,
    ledger_choice,
    lump_sum_simulation,
    sensitivity_cost_per_person,
)
from expectations.marts.education import early_education
from expectations.marts.foreigners import foreign_population, population_reconciliation, toleration
from expectations.marts.funding import (
    funding_cliff,
    funding_granted,
    integration_course,
    programme_funding,
    programme_funding_year,
    programme_outcome,
    published_claim,
    refinancing,
)
from expectations.marts.indicators import indicator, indicator_gap
from expectations.marts.labour import employment, minimum_income
from expectations.marts.population import eu2_population, eu2_population_unmasked, migration_background
from expectations.marts.programme import programme_reach, programme_site
from expectations.marts.rules import OWNER
from expectations.marts.school import school_coverage
from expectations.marts.statistics import municipal_profile, official_statistic
from expectations.marts.status import naturalisation, protection_status
from expectations.marts.survey import mikrozensus_estimate, survey_result
from expectations.marts.territory import territorial_series
from expectations.suite import HOLD, WARN, Build, Expectation, expect, no_row
from lagebild.core import yaml_files
from lagebild.core.settings import DBT_PROJECT


def suites(build: Build) -> Mapping[str, list[Expectation]]:
    """Expectations by mart (a table in schema `build`)."""
    return {mart: _filled(mart, build) + _still_there(mart, build) + rules(build) for mart, rules in _RULES.items()}


def _still_there(mart: str, build: Build) -> list[Expectation]:
    """That every place of the publication in force is in the mart: it may go with a delivery that was withdrawn or
    corrected, and no other way; a mart that drops a place on purpose is a new version of it.
    """
    if mart not in places():
        return []
    schema, place = places()[mart]
    return [
        no_row(
            f"{mart}.places_still_there",
            f"""
            with gone as (
                select ({place})::text as place from {schema}.{mart}
                except
                select ({place})::text from batch
            )
            select place as observed from gone order by 1
            """,
            why="A place that readers find today must not be missing tomorrow without anybody having decided so.",
            expected="every place of the publication in force"
            + (
                f"; it also read what was withdrawn or corrected: {', '.join(sorted(build.lost))}" if build.lost else ""
            ),
            severity=WARN if build.lost else HOLD,
            owner=OWNER,
        )
    ]


def _filled(mart: str, build: Build) -> list[Expectation]:
    """That the mart has rows, if all it rests on was delivered: a warehouse need not have every source."""
    met = [severity for sources, severity in rests_on().get(mart, ()) if sources <= build.delivered]
    if not met:
        return []
    return [
        expect(
            f"{mart}.has_rows",
            "ExpectTableRowCountToBeBetween",
            min_value=1,
            why="What it rests on was delivered: an empty mart would replace published figures by none.",
            expected="at least 1 row",
            severity=HOLD if HOLD in met else WARN,
            owner=OWNER,
        )
    ]


@cache
def _declared() -> Mapping[str, Mapping[str, Any]]:
    """What the marts' YAML says of each (config.meta), by mart."""
    files = [yaml_files.read(path) for path in sorted((DBT_PROJECT / "models" / "marts").rglob("*.yml"))]
    return {entry["name"]: entry["config"]["meta"] for file in files for entry in file.get("models", ())}


def rests_on() -> Mapping[str, list[tuple[frozenset[str], str]]]:
    """What a mart must not be empty with: any of these sets of sources, and how severe it is.

    A bridge and a comparison need two figures: they may be empty whatever was delivered.
    """
    return {
        mart: [
            (frozenset([sources] if isinstance(sources, str) else sources), severity)
            for severity, sets in meta["rests_on"].items()
            for sources in sets
        ]
        for mart, meta in _declared().items()
        if "rests_on" in meta
    }


def places() -> Mapping[str, tuple[str, str]]:
    """By mart, the schema that the publication in force stands in, and what of it must not be lost (SQL)."""
    return {
        mart: (meta["audience"], " || ' ' || ".join(meta["place"]))
        for mart, meta in _declared().items()
        if "place" in meta
    }


_RULES: Mapping[str, Callable[[Build], list[Expectation]]] = {
    rules.__name__.removeprefix("_"): rules
    for rules in (
        cost_per_person,
        cost_bridge,
        cost_comparability,
        cost_component,
        cost_extrapolation,
        eu2_population,
        eu2_population_unmasked,
        foreign_population,
        population_reconciliation,
        toleration,
        lump_sum_simulation,
        migration_background,
        programme_funding,
        programme_funding_year,
        funding_cliff,
        funding_granted,
        programme_outcome,
        programme_reach,
        programme_site,
        integration_course,
        ledger_choice,
        refinancing,
        published_claim,
        municipal_profile,
        official_statistic,
        employment,
        minimum_income,
        indicator,
        indicator_gap,
        territorial_series,
        sensitivity_cost_per_person,
        mikrozensus_estimate,
        survey_result,
        protection_status,
        naturalisation,
        early_education,
        resident_composition,
        school_coverage,
        city_district_population,
        district_concentration,
    )
}
