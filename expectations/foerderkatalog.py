"""foerderkatalog: grants of federal ministries."""

from expectations.suite import HOLD, Delivery, Expectation, arrived_whole, expect, no_row

TABLE = "raw.foerderkatalog__project"
PERSONAL = True  # recipients may be natural persons
OWNER = "data engineering"


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `foerderkatalog` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        expect(
            "municipality_has_eight_digits",
            "ExpectColumnValuesToMatchRegex",
            column="recipient_ags",
            regex="^([0-9]{8})?$",
            why="A municipality key that lost its leading zero names another place, or none.",
            expected="8 digits, or nothing for a recipient abroad",
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
            why="A grant that ends before it begins has its dates in the wrong format or columns.",
            expected="an end on or after the beginning",
            severity=HOLD,
            owner=OWNER,
        ),
    ]
