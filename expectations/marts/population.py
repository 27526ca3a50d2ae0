"""What must hold of the marts of population."""

from expectations.marts.rules import (
    LARGEST_CHANGE_POINTS,
    LEAST_PERSONS,
    OWNER,
    evidence_rule,
    register_is_rounded,
    year_on_year,
)
from expectations.sources.eu2_series import HIGHEST_GROWTH_PCT, LOWEST_GROWTH_PCT
from expectations.suite import HOLD, Build, Expectation, expect, no_row


def eu2_population(build: Build) -> list[Expectation]:
    counting = sorted(build.delivered & {"azr_nrw", "eu2_series", "register"})
    values = ", ".join(f"('{source}')" for source in counting)
    missing = [
        no_row(
            "eu2_population.every_source_counted",
            f"""
            select 'no row from ' || stated.source as observed
            from (values {values}) as stated (source)
            where not exists (select 1 from batch where batch.source = stated.source)
            order by 1
            """,
            why="The register and the AZR count differently, and the reader is owed both: none may drop out unseen.",
            expected=f"rows from {', '.join(counting)}",
            severity=HOLD,
            owner=OWNER,
        )
    ]
    return [
        register_is_rounded(
            "eu2_population",
            {"bulgaria_persons": "evidence", "romania_persons": "evidence", "eu2_persons": "eu2_evidence"},
            "region_code || ' ' || reference_date",
            "source = 'register'",
        ),
        no_row(
            "eu2_population.gap_has_reason",
            """
            select region_code || ' ' || reference_date as observed
            from batch
            where source = 'register' and (
                num_nulls(bulgaria_persons, romania_persons, eu2_persons) > 0 or is_suppressed
            ) <> (reason is not distinct from 'confidential')
            order by 1
            """,
            why="A count that is kept back must say so, or it reads as nobody; and one reason for all tells of none.",
            expected="the reason confidential wherever a count of a register is not shown, and nowhere else",
            severity=HOLD,
            owner=OWNER,
        ),
        year_on_year(
            "eu2_population",
            "eu2_persons",
            ("region_code", "source"),
            "extract(year from reference_date)::integer",
            f"not between {1 + LOWEST_GROWTH_PCT / 100} * previous and {1 + HIGHEST_GROWTH_PCT / 100} * previous"
            f" and previous >= {LEAST_PERSONS}",
            why="In the year of free movement EU2 grew by 30 %: twice that, or a fall by a third, asks for its cause.",
            expected=f"{LOWEST_GROWTH_PCT} to {HIGHEST_GROWTH_PCT} % on the year before, above {LEAST_PERSONS} persons",
        ),
        evidence_rule("eu2_population", "eu2_persons", "region_code || ' ' || reference_date"),
        *(missing if counting else []),
    ]


def migration_background(build: Build) -> list[Expectation]:
    return [
        expect(
            "migration_background.share_within_0_and_100",
            "ExpectColumnValuesToBeBetween",
            column="share_pct",
            min_value=0,
            max_value=100,
            why="A share of a population cannot leave 0 to 100 per cent, neither as delivered nor as computed.",
            expected="between 0 and 100 %",
            severity=HOLD,
            owner=OWNER,
        ),
        year_on_year(
            "migration_background",
            "share_pct",
            ("region_code", "sense", "population_group"),
            "reference_year",
            f"not between previous - {LARGEST_CHANGE_POINTS} and previous + {LARGEST_CHANGE_POINTS}",
            why="A share moves by a point a year; more is a break of the survey (2005, 2011, 2016, 2017, 2020).",
            expected=f"within {LARGEST_CHANGE_POINTS} points of the year before",
        ),
        evidence_rule("migration_background", "coalesce(share_pct, persons)", "region_code || ' ' || reference_year"),
    ]


def eu2_population_unmasked(build: Build) -> list[Expectation]:
    return [evidence_rule("eu2_population_unmasked", "eu2_persons", "region_code || ' ' || reference_date")]
