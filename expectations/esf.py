"""What every list of operations of the European Social Fund must hold, whatever its dialect."""

from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, expect, no_row

PERSONAL = True  # beneficiaries may be natural persons
OWNER = "data engineering"


def list_of_operations(delivery: Delivery) -> list[Expectation]:
    """The expectations that the sources esf_<state> share."""
    return [
        *arrived_whole(delivery, OWNER),
        expect(
            "cost_plausible",
            "ExpectColumnValuesToBeBetween",
            column="total_cost_eur",
            min_value=0,
            max_value=200_000_000,
            why="No operation of a state's list is that large: the decimal sign was read as a thousands separator.",
            expected="between 0 and 200,000,000 EUR",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "ends_after_it_begins",
            """
            select line_number
            from batch
            where ends_on < starts_on
            order by 1
            """,
            why="An operation that ends before it begins is an error of the list: kept as listed and said.",
            expected="an end on or after the beginning",
            severity=WARN,
            owner=OWNER,
        ),
    ]
