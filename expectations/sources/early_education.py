"""early_education: children in day care, children and shares of groups, one value a row."""

from expectations.history import Statistic, as_usual, still_there
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, no_row

TABLE = "raw.early_education__value"
PERSONAL = False
OWNER = "data engineering"

STATISTICS: dict[str, Statistic] = {}  # counts and shares of many places and ages: none has a total
YEARS_BACK = 3


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `early_education` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        no_row(
            "year_near_the_file",
            f"""
            select line_number, region_code || ': ' || reference_year as observed
            from batch
            where reference_year not between {delivery.year - YEARS_BACK} and {delivery.year}
                or abs(extract(year from counted_on) - reference_year) > 1
            order by 1
            """,
            why="Day care is counted in the year, its children at the end of the one before: another year is mistyped.",
            expected=f"{delivery.year - YEARS_BACK} to {delivery.year}, counted within a year of it",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "share_within_100",
            """
            select line_number, region_code || ': ' || value || ' %' as observed
            from batch
            where indicator in ('day_care_share_pct', 'children_share_pct') and value > 100
            order by 1
            """,
            why="A share of children cannot be above all of them: the decimal comma slipped.",
            expected="shares of at most 100 %",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "group_within_all",
            """
            select line_number, region_code || ' ' || indicator || ': ' || value || ' of ' || all_value as observed
            from batch as part
            inner join (
                select region_code as place, reference_year as whole_year, age_class as whole_age, indicator as counted,
                    value as all_value
                from batch
                where population_group = 'all'
            ) as whole
                on part.region_code = place and part.reference_year = whole_year and part.age_class = whole_age
                and part.indicator = counted
            where part.indicator in ('day_care_children', 'children') and part.value > all_value
            order by 1
            """,
            why="Children of a group are some of all children: more of them means exchanged rows.",
            expected="no group above all children of the place, year and age",
            severity=HOLD,
            owner=OWNER,
        ),
        still_there(
            delivery,
            TABLE,
            "places_still_there",
            "region_code",
            why="A place that was delivered last time and is missing now would drop out of every comparison.",
            expected="every place of the last accepted delivery",
            severity=WARN,
            owner=OWNER,
        ),
    ]
