"""What must hold of the marts of education."""

from expectations.marts.rules import OWNER, evidence_rule, no_small_cell
from expectations.suite import HOLD, WARN, Build, Expectation, no_row

_PLACE = "region_code || ' ' || reference_year || ' ' || age_class || ' ' || population_group"
_FIGURES = (
    "coalesce(day_care_children_persons, children_persons, attendance_printed_pct, day_care_share_printed_pct,"
    " children_share_printed_pct)"
)


def early_education(build: Build) -> list[Expectation]:
    return [
        evidence_rule("early_education", _FIGURES, _PLACE),
        no_row(
            "early_education.attendance_has_reason",
            f"""
            select {_PLACE} as observed
            from batch
            where (attendance_pct is null) <> (attendance_reason is not null)
                or (attendance_pct is null) <> (attendance_date_basis is null)
            order by 1
            """,
            why="A missing attendance reads as nobody in day care, and one over a stock of another day must say so.",
            expected="a reason wherever there is no attendance, and else of which days it is",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "early_education.share_within_0_and_100",
            f"""
            select {_PLACE} as observed
            from batch
            where greatest(day_care_share_printed_pct, day_care_share_recomputed_pct, children_share_printed_pct) > 100
            order by 1
            """,
            why="A share of children cannot be above all of them; an attendance can, by children of other places.",
            expected="shares of at most 100 %",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "early_education.share_recomputes",
            f"""
            select {_PLACE} || ': printed ' || day_care_share_printed_pct || ' %, recomputed '
                || day_care_share_recomputed_pct || ' %' as observed
            from batch
            where day_care_share_verdict = 'differs'
            order by 1
            """,
            why="A share off its counts counts other children, or over another base: shown beside ours, not mended.",
            expected="the printed share of children in day care as recomputed from the counts",
            severity=WARN,
            owner=OWNER,
        ),
        no_small_cell(
            "early_education",
            ("day_care_children_persons", "children_persons", "(children_persons - day_care_children_persons)"),
            _PLACE,
            "evidence <> 'published'",
        ),
    ]
