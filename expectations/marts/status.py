"""What must hold of the marts of residence status: protection and naturalisation."""

from expectations.marts.rules import OWNER, evidence_rule, reason_rule
from expectations.suite import HOLD, WARN, Build, Expectation, no_row

_PROTECTED = "table_code || ' ' || source_region_code || ' ' || reference_date || ' ' || status || ' ' || nationality"
_NATURALISED = "table_code || ' ' || source_region_code || ' ' || reference_year || ' ' || nationality || ' ' || sex"
_MOST_PER_100 = 25


def protection_status(build: Build) -> list[Expectation]:
    return [
        evidence_rule("protection_status", "persons", _PROTECTED),
        reason_rule("protection_status", "persons", "reason", _PROTECTED),
        no_row(
            "protection_status.node_is_its_parts",
            f"""
            select {_PROTECTED} || ' ' || sex || ': ' || persons || ', its parts ' || parts_persons as observed
            from batch
            where tree_verdict = 'differs'
            order by 1
            """,
            why="A status holds all who hold one of its parts: more than rounding apart, the tree is not the office's.",
            expected="each status and its parts together alike, to what rounding each count to 5 can do",
            severity=WARN,
            owner=OWNER,
        ),
    ]


def naturalisation(build: Build) -> list[Expectation]:
    return [
        evidence_rule("naturalisation", "naturalised_persons", _NATURALISED),
        reason_rule("naturalisation", "naturalised_persons", "reason", _NATURALISED),
        no_row(
            "naturalisation.rate_has_reason",
            f"""
            select {_NATURALISED} as observed
            from batch
            where (per_100_foreigners_year_end is null and year_end_reason is null)
                or (per_100_foreigners_mean is null and mean_reason is null)
                or (per_100_potential is null and potential_reason is null)
                or (change_persons is null and change_reason is null)
            order by 1
            """,
            why="A missing rate without its reason reads as nobody naturalised.",
            expected="a reason wherever one of the rates or the change is missing",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "naturalisation.change_says_the_law",
            f"""
            select {_NATURALISED} as observed
            from batch
            where is_across_laws and change_persons is not null and change_reason is distinct from 'law_changed_between'
            order by 1
            """,
            why="From eight years of residence to five more persons may be naturalised: such a rise is the law's.",
            expected="the reason law_changed_between beside every change across a new law",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "naturalisation.rate_plausible",
            f"""
            select {_NATURALISED} || ': ' || per_100_foreigners_mean as observed
            from batch
            where per_100_foreigners_mean > {_MOST_PER_100}
            order by 1
            """,
            why="A quarter of all foreign persons is not naturalised in a year: two tables do not match.",
            expected=f"at most {_MOST_PER_100} per 100 foreign persons",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "naturalisation.measure_known",
            """
            select distinct table_code || ': ' || measure_label as observed
            from build.official_statistic
            where statistics_code = '12511'
                and measure_label not in (
                    select measure_label from build.naturalisation_measure where statistics_code = '12511'
                )
            order by 1
            """,
            why="A measure of which nobody has said what it is stays out of the mart, and is missed there.",
            expected="measures of the seed naturalisation_measure alone",
            severity=WARN,
            owner=OWNER,
        ),
    ]
