"""programme_measure: measures of funding programmes, and when their funding ends."""

from expectations.history import Statistic, as_usual, still_there
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, no_row

TABLE = "raw.programme_measure__measure"
PERSONAL = False
OWNER = "data engineering"

STATISTICS: dict[str, Statistic] = {}  # a list of measures holds no amount
FIRST_YEAR, YEARS_AHEAD = 1990, 20


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `programme_measure` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        no_row(
            "years_plausible",
            f"""
            select line_number, measure_id || ': ' || coalesce(first_year::text, '-') || ' to '
                || coalesce(last_year::text, '-') as observed
            from batch
            where first_year not between {FIRST_YEAR} and {delivery.received_on.year + YEARS_AHEAD}
                or last_year not between {FIRST_YEAR} and {delivery.received_on.year + YEARS_AHEAD}
            order by 1
            """,
            why="Programmes are granted for years, not for generations: a year far off is mistyped and shifts the end.",
            expected=f"{FIRST_YEAR} to {YEARS_AHEAD} years after the arrival",
            severity=HOLD,
            owner=OWNER,
        ),
        still_there(
            delivery,
            TABLE,
            "measures_still_there",
            "measure_id",
            why="A measure that ends stays in the list with its end: one that is gone is missing at the cliff.",
            expected="every measure of the last accepted delivery",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "end_as_stated",
            """
            select line_number, measure_id || ': ' || end_status || coalesce(', ' || last_year, ', no year') as observed
            from batch
            where (end_status = 'not_stated') <> (last_year is null)
                or (ends_on is not null and extract(year from ends_on) is distinct from last_year)
            order by 1
            """,
            why="An end that nobody stated must not look like one, and a stated end without its year is no cliff.",
            expected="a last year where an end is stated, and the day in that year",
            severity=HOLD,
            owner=OWNER,
        ),
    ]
