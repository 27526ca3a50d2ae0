"""integration_course: courses, participants, money and success of the integration courses."""

from expectations.suite import HOLD, Delivery, Expectation, arrived_whole, no_row

TABLE = "raw.integration_course__value"
PERSONAL = False
OWNER = "data engineering"


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `integration_course` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
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
