"""What must hold of the marts of programmes: what is counted of them, and whom they reach."""

from expectations.marts.rules import OWNER, denominator_rule, evidence_rule, no_small_cell, reason_rule
from expectations.suite import HOLD, WARN, Build, Expectation, no_row

_PLACE = "programme_id || ' ' || region_code || ' ' || period_printed"


def programme_site(build: Build) -> list[Expectation]:
    return [
        evidence_rule("programme_site", "counted", f"{_PLACE} || ' ' || count_kind"),
        no_row(
            "programme_site.words_with_the_number",
            f"""
            select {_PLACE} || ' ' || count_kind as observed
            from batch
            where '' in (btrim(coalesce(value_printed, '')), btrim(coalesce(source_document, '')))
            order by 1
            """,
            why="A count that is printed in passing says little without its own words and the document they stand in.",
            expected="the printed words and the document with every count",
            severity=HOLD,
            owner=OWNER,
        ),
    ]


def programme_reach(build: Build) -> list[Expectation]:
    return [
        evidence_rule(
            "programme_reach", "coalesce(participants_persons, target_group_persons, districts_reached_pct)", _PLACE
        ),
        denominator_rule("programme_reach", "reach_pct", "target_group_persons", _PLACE),
        reason_rule("programme_reach", "reach_pct", "reason", _PLACE),
        no_small_cell(
            "programme_reach",
            ("participants_persons", "target_group_persons", "target_group_persons - participants_persons"),
            _PLACE,
            "evidence <> 'published'",
        ),
        no_row(
            "programme_reach.reach_within_all",
            f"""
            select {_PLACE} || ': ' || trim_scale(reach_pct) || ' %' as observed
            from batch
            where reach_pct > 100
            order by 1
            """,
            why="More participants than persons it is for: they took part more than once, or the group is another.",
            expected="at most 100 % of the target group",
            severity=WARN,
            owner=OWNER,
        ),
    ]
