"""integration_course: courses, participants, money and success of the integration courses."""

from expectations.history import Statistic, as_usual, still_there
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, no_row, printed_agrees

TABLE = "raw.integration_course__value"
PERSONAL = False
OWNER = "data engineering"

STATISTICS: dict[str, Statistic] = {}  # figures of many places, months and units: none has a total
FIRST_YEAR = 2005  # integration courses began with the Residence Act on 1 January 2005


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `integration_course` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        printed_agrees("value_printed", "value", OWNER),
        no_row(
            "year_plausible",
            f"""
            select line_number, region_code || ': ' || stated_year as observed
            from batch
            where stated_year not between {FIRST_YEAR} and {delivery.received_on.year}
                or left(reference_month, 4) > '{delivery.received_on.year}'
            order by 1
            """,
            why="There were no integration courses before 2005, and none are counted ahead: the year is mistyped.",
            expected=f"{FIRST_YEAR} to the year of arrival",
            severity=HOLD,
            owner=OWNER,
        ),
        still_there(
            delivery,
            TABLE,
            "places_still_there",
            "region_code",
            why="A place that was delivered last time and is missing now would read as having no courses.",
            expected="every place of the last accepted delivery",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "rate_within_100",
            """
            select line_number, region_code || ': ' || value || ' %' as observed
            from batch
            where indicator = 'success_rate_pct' and value > 100
            order by 1
            """,
            why="A success rate is a share of the participants: above 100 it counts something else.",
            expected="at most 100 %",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "states_within_country",
            """
            select line_number, region_code || ': ' || value || ' courses, the country ' || country_value as observed
            from batch as part
            inner join (
                select
                    stated_year as whole_year,
                    reference_month as whole_month,
                    value as country_value
                from batch
                where indicator = 'courses' and region_code = '00'
            ) as whole
                on part.stated_year = whole_year and part.reference_month = whole_month
            where part.indicator = 'courses' and part.value > country_value
            order by 1
            """,
            why="A state cannot hold more courses than the country of which it is a part.",
            expected="no more courses in a region than in the country",
            severity=HOLD,
            owner=OWNER,
        ),
    ]
