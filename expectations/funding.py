"""funding: programmes and their amounts as the source documents print them."""

from expectations.history import Statistic, as_usual, still_there
from expectations.suite import (
    HOLD,
    WARN,
    Delivery,
    Expectation,
    arrived_whole,
    expect,
    no_row,
    printed_agrees,
)

TABLE = "raw.funding__programme"
PERSONAL = False
OWNER = "data engineering"

STATISTICS = {
    "amount_eur": Statistic(
        "sum(amount_eur)", "The listed money changes as programmes come and go: half or twice of it is another list."
    ),
}


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `funding` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        printed_agrees("amount_printed", "amount_eur", OWNER),
        still_there(
            delivery,
            TABLE,
            "figures_still_there",
            "figure_id",
            why="What a document printed stays printed: a figure that is gone was left out, or its id was changed.",
            expected="every figure of the last accepted delivery",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "part_within_its_whole",
            """
            select part.line_number, part.figure_id || ': ' || part.amount_eur || ' EUR of ' || whole.amount_eur
                as observed
            from batch as part
            inner join batch as whole on whole.figure_id = part.part_of
            where part.amount_eur > whole.amount_eur and part.amount_per = whole.amount_per
            order by 1
            """,
            why="A part of a budget cannot exceed it over the same time: one of the two is in another unit.",
            expected="no part above its whole, both by year or both in all",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "money_flows_down",
            """
            select line_number, figure_id || ': granted ' || coalesce(granted_eur::text, '-') || ', called '
                || coalesce(called_eur::text, '-') || ', proven ' || coalesce(proven_eur::text, '-') as observed
            from batch
            where called_eur > granted_eur or proven_eur + paid_back_eur > called_eur
            order by 1
            """,
            why="Money is granted, called, then proven or paid back: more at a later step than before is booked twice.",
            expected="called within granted, proven and paid back within called",
            severity=WARN,
            owner=OWNER,
        ),
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
