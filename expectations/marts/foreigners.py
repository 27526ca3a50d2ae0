"""What must hold of the marts of foreign persons."""

from expectations.marts.rules import (
    OWNER,
    confidential_rule,
    denominator_rule,
    evidence_rule,
    no_small_cell,
    reason_rule,
    register_is_rounded,
)
from expectations.suite import HOLD, NOTE, Build, Expectation, no_row

_PLACE = "concat_ws(' ', source, table_code, region_code, reference_date, nationality, sex)"


def foreign_population(build: Build) -> list[Expectation]:
    mart = "foreign_population"
    return [
        evidence_rule(mart, "persons", _PLACE),
        reason_rule(mart, "persons", "reason", _PLACE),
        denominator_rule(mart, "per_100_inhabitants", "inhabitants_persons", _PLACE),
        register_is_rounded(mart, {"persons": "evidence"}, _PLACE, "source = 'register'"),
        confidential_rule(mart, ("persons", "persons_low", "persons_high", "per_100_inhabitants"), _PLACE),
        no_row(
            f"{mart}.register_as_its_mart_shows_it",
            """
            select batch.region_code || ' ' || batch.reference_date as observed
            from batch
            where batch.source = 'register' and not exists (
                select 1
                from build.eu2_population as shown
                where shown.source = 'register'
                    and shown.region_code = batch.region_code
                    and shown.reference_date = batch.reference_date
                    and shown.eu2_persons is not distinct from batch.persons
                    and batch.nationality = 'EU2'
                    and batch.sex = 'all'
            )
            order by 1
            """,
            why="What a reader sees of a register is decided in one place: a second count would lay open the first.",
            expected="of a register the EU2 persons that eu2_population shows, and nothing else",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            f"{mart}.share_within_100",
            f"""
            select {_PLACE} || ': ' || per_100_inhabitants as observed
            from batch
            where per_100_inhabitants not between 0 and 100
            order by 1
            """,
            why="More foreign persons than inhabitants means that the two are of different places, days or units.",
            expected="0 to 100 per 100 inhabitants",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            f"{mart}.within_its_rounding",
            f"""
            select {_PLACE} || ': ' || persons || ', not from ' || persons_low || ' to ' || persons_high as observed
            from batch
            where persons not between persons_low and persons_high
            order by 1
            """,
            why="A rounded count lies within what its rounding leaves open, and a group within the sum of these.",
            expected="persons from persons_low to persons_high",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            f"{mart}.nationality_in_the_key",
            """
            select nationality || ' ' || min(nationality_name) || ': in ' || count(distinct region_code) || ' places'
                as observed
            from batch
            where not is_in_key
            group by nationality
            order by 1
            """,
            why="Sources use codes that the key of the statistical offices lacks: they are kept, and told.",
            expected="keys of the seed nationality",
            severity=NOTE,
            owner=OWNER,
        ),
    ]


def population_reconciliation(build: Build) -> list[Expectation]:
    mart, place = "population_reconciliation", "region_code || ' ' || reference_date || ' ' || nationality"
    return [
        evidence_rule(mart, "difference_persons", place),
        reason_rule(mart, "difference_persons", "reason", place),
        denominator_rule(mart, "difference_pct", "azr_persons", place),
        register_is_rounded(mart, {"register_persons": "register_evidence"}, place, "true"),
        confidential_rule(mart, ("register_persons", "compared_persons", "difference_persons"), place),
        no_row(
            f"{mart}.within_rounding",
            f"""
            select {place} || ': ' || difference_persons || ' (' || difference_pct || ' %)' as observed
            from batch
            where verdict <> 'within_rounding'
            order by 1
            """,
            why="Registers and the AZR count the same persons by other rules: a reader is told how far they are apart.",
            expected="counts that rounding alone can part",
            severity=NOTE,
            owner=OWNER,
        ),
    ]


def toleration(build: Build) -> list[Expectation]:
    mart, place = "toleration", "concat_ws(' ', region_code, reference_year, reference_day, years_class, sex)"
    return [
        evidence_rule(mart, "persons", place),
        reason_rule(mart, "persons", "reason", place),
        denominator_rule(mart, "share_pct", "whole_persons", place),
        no_small_cell(mart, ("persons",), place, "evidence <> 'published'"),
        no_row(
            f"{mart}.share_within_100",
            f"""
            select {place} || ': ' || share_pct as observed
            from batch
            where share_pct > 100
            order by 1
            """,
            why="A class of years is a part of all with a toleration: above 100 per cent it is another place or day.",
            expected="at most 100 %",
            severity=HOLD,
            owner=OWNER,
        ),
    ]
