"""ledger_plan: a municipality's budget with the results of the two years before (dialect C)."""

from expectations.history import Statistic, as_usual
from expectations.sources.ledger import OWNER, of_its_period, products_still_there
from expectations.sources.ledger_totals import LARGEST_TOTAL_EUR
from expectations.suite import HOLD, Delivery, Expectation, arrived_whole, no_row

TABLE = "raw.ledger_plan__position"
PERSONAL = False

STATISTICS = {
    "planned_eur": Statistic(
        "sum(abs(planned_year) * case amount_unit when 'TEUR' then 1000 else 1 end)",
        "A budget resembles the one before: a total elsewhere is a part of it, or in another unit.",
        HOLD,
    ),
}

# Budgets miss their plans by a few per cent; ten times is another unit, not another year.
LARGEST_RATIO = 10


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `ledger_plan` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        products_still_there(delivery, TABLE),
        *of_its_period(delivery, "budget_year"),
        no_row(
            "one_unit",
            """
            select string_agg(distinct amount_unit, ', ' order by amount_unit) as observed
            from batch
            having count(distinct amount_unit) > 1
            """,
            why="A budget prints all amounts in one unit: rows in another are a thousand times too large or too small.",
            expected="one unit in the whole file",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "position_magnitude",
            f"""
            select line_number, product_code as observed
            from batch
            where {LARGEST_TOTAL_EUR} < case amount_unit when 'TEUR' then 1000 else 1 end * greatest(
                abs(result_two_years_before), abs(result_year_before), abs(planned_year_before), abs(planned_year)
            )
            order by 1
            """,
            why="An account larger than a great city's whole social budget is in EUR where thousand EUR is said.",
            expected=f"at most {LARGEST_TOTAL_EUR} EUR",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "result_resembles_plan",
            f"""
            select 'result ' || sum(abs(result_year_before)) || ', plan ' || sum(abs(planned_year_before)) as observed
            from batch
            where result_year_before is not null and planned_year_before is not null
            having greatest(sum(abs(result_year_before)), sum(abs(planned_year_before)))
                > {LARGEST_RATIO} * least(sum(abs(result_year_before)), sum(abs(planned_year_before)))
            """,
            why="The result of a year is near its plan: ten times apart, the columns are in different units.",
            expected=f"result and plan of the year before within a factor of {LARGEST_RATIO}",
            severity=HOLD,
            owner=OWNER,
        ),
    ]
