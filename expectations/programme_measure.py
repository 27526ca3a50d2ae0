"""programme_measure: measures of funding programmes, and when their funding ends."""

from expectations.suite import HOLD, Delivery, Expectation, arrived_whole, no_row

TABLE = "raw.programme_measure__measure"
PERSONAL = False
OWNER = "data engineering"


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `programme_measure` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
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
