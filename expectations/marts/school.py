"""What must hold of the mart of school coverage."""

from expectations.marts.rules import OWNER, confidential_rule, evidence_rule, reason_rule, register_is_rounded
from expectations.suite import HOLD, Build, Expectation, no_row

_PLACE = "region_code || ' ' || reference_date || ' ' || age_years || ' ' || nationality"
_PARTS = ("on_list_persons", "not_on_list_persons", "coverage_pct")


def school_coverage(build: Build) -> list[Expectation]:
    counts = dict.fromkeys(("children_persons", "on_list_persons", "not_on_list_persons"), "evidence")
    return [
        register_is_rounded("school_coverage", counts, _PLACE, "true"),
        reason_rule("school_coverage", "coverage_pct", "reason", _PLACE),
        confidential_rule("school_coverage", _PARTS, _PLACE),
        evidence_rule("school_coverage", "children_persons", _PLACE),
        no_row(
            "school_coverage.parts_are_the_whole",
            f"""
            select {_PLACE} as observed
            from batch
            where num_nonnulls(on_list_persons, not_on_list_persons) = 1
                or (on_list_persons is not null and on_list_persons + not_on_list_persons
                    is distinct from children_persons)
            order by 1
            """,
            why="A part shown alone gives the other one away; two that do not sum to the whole leave few counts.",
            expected="both parts or none, and of those shown the sum",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "school_coverage.register_knows_the_day",
            f"""
            select {_PLACE} as observed
            from batch
            where children_persons is not null and register_on < reference_date
            order by 1
            """,
            why="A register drawn before the day does not know who moved until then.",
            expected="no count from a register drawn before the day",
            severity=HOLD,
            owner=OWNER,
        ),
    ]
