"""funding_received: money that municipalities received, by the year to which it belongs."""

from expectations.suite import HOLD, Delivery, Expectation, arrived_whole, no_row

TABLE = "raw.funding_received__receipt"
PERSONAL = False
OWNER = "data engineering"


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `funding_received` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
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
