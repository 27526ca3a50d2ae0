"""funding_received: money that municipalities received, by the year to which it belongs."""

from expectations.history import Statistic, as_usual, still_there
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, no_row, printed_agrees

TABLE = "raw.funding_received__receipt"
PERSONAL = False
OWNER = "data engineering"

STATISTICS = {
    "amount_eur": Statistic(
        "coalesce(sum(amount_eur), 0)", "What a place receives changes with its programmes: a jump is to be explained."
    ),
}
FIRST_YEAR = 2000


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `funding_received` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        printed_agrees("amount_printed", "amount_eur", OWNER),
        no_row(
            "year_plausible",
            f"""
            select line_number, receipt_id || ': ' || accrual_year as observed
            from batch
            where accrual_year not between {FIRST_YEAR} and {delivery.received_on.year}
            order by 1
            """,
            why="Money received is for a year that has begun: another one is mistyped, and sets it against no cost.",
            expected=f"{FIRST_YEAR} to the year of arrival",
            severity=HOLD,
            owner=OWNER,
        ),
        still_there(
            delivery,
            TABLE,
            "receipts_still_there",
            "receipt_id",
            why="Money that was received stays received: a receipt that is gone raises the gap in silence.",
            expected="every receipt of the last accepted delivery",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "amount_has_its_year",
            """
            select line_number, receipt_id || ': ' || amount_eur || ' EUR for no year' as observed
            from batch
            where amount_eur is not null and accrual_year is null
            order by 1
            """,
            why="Money is set against the cost of the year it is for: an amount without its year belongs to no cost.",
            expected="a fiscal year with every amount",
            severity=HOLD,
            owner=OWNER,
        ),
    ]
