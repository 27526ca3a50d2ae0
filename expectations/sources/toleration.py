"""toleration: persons with a toleration by years in toleration, as printed or delivered."""

from expectations.history import Statistic, as_usual, still_there
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, no_row, printed_agrees

TABLE = "raw.toleration__count"
PERSONAL = False
OWNER = "data engineering"

STATISTICS: dict[str, Statistic] = {}  # counts of many places, classes and sexes: none has a total
FIRST_YEAR = 2005  # the Residence Act, whose section 60a is the toleration, came into force on 1 January 2005
_CELL = "concat_ws(' ', region_code, stated_year, nullif(reference_day, ''), sex, years_printed)"


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `toleration` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        printed_agrees("value_printed", "value", OWNER),
        no_row(
            "year_plausible",
            f"""
            select line_number, {_CELL} as observed
            from batch
            where stated_year not between {FIRST_YEAR} and {delivery.received_on.year}
                or left(nullif(reference_day, ''), 4) <> stated_year::text
                or nullif(reference_day, '') > '{delivery.received_on}'
            order by 1
            """,
            why="Nobody is counted ahead, and a day of another year than its row's is mistyped in one of them.",
            expected=f"{FIRST_YEAR} to the day of arrival, days in the year of their row",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "class_has_width",
            f"""
            select line_number, {_CELL} as observed
            from batch
            where substring(years_printed from '^[0-9]+')::integer
                >= substring(years_printed from 'unter ([0-9]+)$')::integer
            order by 1
            """,
            why="A class that ends where it begins, or before, holds nobody: its bounds were exchanged.",
            expected="a lower bound below the upper one",
            severity=HOLD,
            owner=OWNER,
        ),
        _within("class_within_all", "years_printed", "insgesamt", "sex", "A class of years is a part of all of them."),
        _within("sex_within_all", "sex", "all", "years_printed", "Men or women are a part of all of their class."),
        still_there(
            delivery,
            TABLE,
            "places_still_there",
            "region_code",
            why="A place that was delivered last time and is missing now would read as having nobody tolerated.",
            expected="every place of the last accepted delivery",
            severity=WARN,
            owner=OWNER,
        ),
    ]


def _within(name: str, column: str, whole: str, other: str, why: str) -> Expectation:
    """That no part is above its whole, by what both print: rounded ones may differ by the rounding alone."""
    return no_row(
        name,
        f"""
        select part.line_number, concat_ws(' ', part.region_code, part.stated_year, part.sex, part.years_printed)
            || ': ' || part.value || ', all ' || whole_value as observed
        from batch as part
        inner join (
            select region_code as whole_place, stated_year as whole_year, reference_day as whole_day,
                {other} as whole_other, value as whole_value
            from batch
            where {column} = '{whole}'
        ) as whole
            on part.region_code = whole_place and part.stated_year = whole_year and part.reference_day = whole_day
            and part.{other} = whole_other
        where part.value > whole_value
        order by 1
        """,
        why=why + " More of them than of all is a slipped row.",
        expected="no part above its whole",
        severity=HOLD,
        owner=OWNER,
    )
