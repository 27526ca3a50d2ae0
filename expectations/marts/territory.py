"""What must hold of the mart of series on a territory."""

from expectations.marts.rules import OWNER, evidence_rule, reason_rule, year_on_year
from expectations.suite import HOLD, Build, Expectation, no_row


def territorial_series(build: Build) -> list[Expectation]:
    place = "region_code || ' ' || table_code || ' ' || time_text || ' ' || classification_codes"
    return [
        evidence_rule("territorial_series", "value", place),
        reason_rule("territorial_series", "value", "reason", place),
        no_row(
            "territorial_series.whole_or_nothing",
            f"""
            select {place} as observed
            from batch
            where value is not null and missing_part_count > 0
            order by 1
            """,
            why="A sum of which a part is missing reads as a place that lost its people.",
            expected="no value where a part of the territory has no number",
            severity=HOLD,
            owner=OWNER,
        ),
        year_on_year(
            "territorial_series",
            "value",
            ("region_code", "territory_date", "table_code", "measure_code", "classification_codes"),
            "reference_year",
            "not between 0.9 * previous and 1.1 * previous",
            why="On one territory a place changes by a few per cent a year: more is another, unknown change.",
            expected="within 10 % of the year before",
        ),
    ]
