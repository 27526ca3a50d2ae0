"""funding: programmes and their amounts as the source documents print them."""

from expectations.suite import HOLD, Delivery, Expectation, arrived_whole, expect, no_row

TABLE = "raw.funding__programme"
PERSONAL = False
OWNER = "data engineering"


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `funding` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        expect(
            "amount_positive",
            "ExpectColumnValuesToBeBetween",
            column="amount_eur",
            min_value=0,
            strict_min=True,
            why="A programme that is listed with money has some: zero is an empty cell or a number format misread.",
            expected="above 0 EUR",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "part_of_a_listed_figure",
            """
            select line_number, figure_id || ' is part of ' || part_of || ', which is not listed' as observed
            from batch as part
            where part_of is not null
                and not exists (
                    select 1 from batch as whole
                    where whole.figure_id = part.part_of and whole.figure_id <> part.figure_id
                )
            order by 1
            """,
            why="A part must never be added to its whole, and that rule works only if the whole is in the list.",
            expected="every part names another listed figure",
            severity=HOLD,
            owner=OWNER,
        ),
    ]
