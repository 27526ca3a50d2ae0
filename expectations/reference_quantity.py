"""reference_quantity: inhabitants, cases and pupils by which cost booked for everybody is attributed to a group."""

from expectations.suite import HOLD, Delivery, Expectation, arrived_whole, expect, no_row

TABLE = "raw.reference_quantity__quantity"
PERSONAL = False
OWNER = "data engineering"


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `reference_quantity` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        expect(
            "municipality_is_the_period",
            "ExpectColumnValuesToBeInSet",
            column="region_code",
            value_set=[delivery.ags],
            why="The shares of another municipality would split this one's cost.",
            expected=delivery.ags,
            severity=HOLD,
            owner=OWNER,
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
