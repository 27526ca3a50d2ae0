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


def _municipality(delivery: Delivery) -> str:
    """AGS of a municipality's own list; nothing if the list is the house's."""
    return delivery.ags if "_" in delivery.period else ""


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `funding` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        printed_agrees("amount_printed", "amount_eur", OWNER),
        no_row(
            "municipality_is_the_period",
            f"""
            select line_number, figure_id || ': ' || region_code as observed
            from batch
            where (length(region_code) = 8 or '{_municipality(delivery)}' <> '')
                and region_code <> '{_municipality(delivery)}'
            order by 1
            """,
            why="A municipality's grants come in its own list: in another one they would be taken for the state's.",
            expected=_municipality(delivery) or "00 or 05",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "figures_are_named_for_their_list",
            f"""
            select line_number, figure_id as observed
            from batch
            where coalesce(substring(figure_id from '^m([0-9]+)_'), '') <> '{_municipality(delivery)}'
            order by 1
            """,
            why="Of equal identifiers the latest list counts: a municipality's must never take the place of another's.",
            expected=f"m{_municipality(delivery)}_..." if _municipality(delivery) else "identifiers of no municipality",
            severity=HOLD,
            owner=OWNER,
        ),
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
            f"""
            select line_number, figure_id || ' is part of ' || part_of || ', which is not listed' as observed
            from batch as part
            -- what a municipality gets may be a part of a figure of the house's list
            where part_of is not null
                and ('{_municipality(delivery)}' = '' or starts_with(part_of, 'm{_municipality(delivery)}_'))
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
