"""reference_quantity: inhabitants, cases and pupils by which cost booked for everybody is attributed to a group."""

from expectations.history import Statistic, as_usual, in_its_time, still_there
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, no_row, of_its_municipality

TABLE = "raw.reference_quantity__quantity"
PERSONAL = False
OWNER = "data engineering"

STATISTICS = {
    "inhabitants": Statistic(
        "max(counted) filter (where quantity = 'population' and target_group = 'all')",
        "A municipality's population moves by some per cent: another level is another place or a slipped digit.",
        HOLD,
    ),
    "eu2_share_of_inhabitants": Statistic(
        "max(counted) filter (where quantity = 'population' and target_group = 'EU2')::numeric"
        " / nullif(max(counted) filter (where quantity = 'population' and target_group = 'all'), 0)",
        "This share splits what is booked for everybody: a jump moves the figure more than any posting.",
        WARN,
        0.5,
    ),
}


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `reference_quantity` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        *in_its_time(delivery, OWNER),
        still_there(
            delivery,
            TABLE,
            "quantities_still_there",
            "quantity || ' ' || target_group",
            why="A count that is missing leaves the cost split by it unattributed, where last year's was.",
            expected="every quantity and group of the last accepted delivery",
            severity=WARN,
            owner=OWNER,
        ),
        of_its_municipality(
            delivery,
            OWNER,
            "The shares of another municipality would split this one's cost.",
        ),
        no_row(
            "year_is_the_period",
            f"""
            select line_number, reference_date::text as observed
            from batch
            where extract(year from reference_date) <> {delivery.year}
            order by 1
            """,
            why="A year's cost is split by the counts of that year: those of another year are another share.",
            expected=str(delivery.year),
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "group_within_all",
            """
            select part.line_number, part.quantity || ': ' || part.counted || ' of ' || whole.counted as observed
            from batch as part
            inner join batch as whole
                on whole.target_group = 'all'
                and whole.quantity = part.quantity
                and whole.reference_date = part.reference_date
                and whole.region_code = part.region_code
            where part.counted > whole.counted
            order by 1
            """,
            why="A group is a part of everybody: a share above one would attribute more than was spent.",
            expected="no group above everybody",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "group_has_its_whole",
            """
            select part.line_number, part.quantity || ' ' || part.reference_date as observed
            from batch as part
            where part.target_group <> 'all' and not exists (
                select 1 from batch as whole
                where whole.target_group = 'all'
                    and whole.quantity = part.quantity
                    and whole.reference_date = part.reference_date
                    and whole.region_code = part.region_code
            )
            order by 1
            """,
            why="A share needs both of its counts from one day; with one missing the cost stays unattributed.",
            expected="a count of everybody beside each count of a group",
            severity=HOLD,
            owner=OWNER,
        ),
    ]
