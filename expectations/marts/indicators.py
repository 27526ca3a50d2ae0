"""What must hold of the marts of indicators."""

from expectations.marts.rules import OWNER, evidence_rule, reason_rule
from expectations.suite import HOLD, WARN, Build, Expectation, no_row

_PLACE = "indicator_code || ' ' || category || ' ' || population_group || ' ' || source_region_code || ' ' || time_text"


def indicator(build: Build) -> list[Expectation]:
    return [
        evidence_rule("indicator", "value", _PLACE),
        reason_rule("indicator", "value", "reason", _PLACE),
        no_row(
            "indicator.denominator_positive",
            f"""
            select {_PLACE} || ': ' || coalesce(denominator::text, 'none') as observed
            from batch
            where value is not null and formula = 'percentage' and coalesce(denominator, 0) <= 0
            order by 1
            """,
            why="With nothing, or less than nothing, to divide by, a rate has no meaning.",
            expected="denominator above 0 wherever there is a percentage",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "indicator.part_of_a_whole",
            f"""
            select {_PLACE} || ': ' || value as observed
            from batch
            where formula = 'percentage' and value not between 0 and 100
            order by 1
            """,
            why="A share of a group in itself lies within it: outside, two cells of different groups were divided.",
            expected="computed percentages from 0 to 100",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "indicator.sources_agree",
            f"""
            select {_PLACE} || ': ' || value || ', ' || compared_source || ' ' || compared_value as observed
            from batch
            where verdict = 'differs'
            order by 1
            """,
            why="Two offices that say something different of one thing and year: a reader is told, and both stay.",
            expected="the value of the other source, as far as it is printed",
            severity=WARN,
            owner=OWNER,
        ),
    ]


def indicator_gap(build: Build) -> list[Expectation]:
    return [
        no_row(
            "indicator_gap.says_what_is_missing",
            """
            select indicator_code || ' ' || population_group || ' ' || operand as observed
            from batch
            where reason in ('table_not_known', 'cells_not_known')
                and '' in (btrim(coalesce(missing_de, '')), btrim(coalesce(missing_en, '')))
            order by 1
            """,
            why="A gap that nobody can fill, because it does not say with what, stays one.",
            expected="what is missing, in German and in English, wherever no delivery alone would do",
            severity=HOLD,
            owner=OWNER,
        ),
    ]
