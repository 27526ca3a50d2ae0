"""foerderkatalog: grants of federal ministries."""

from expectations.history import Statistic, as_usual, still_there
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, expect, no_row

TABLE = "raw.foerderkatalog__project"
PERSONAL = True  # recipients may be natural persons
OWNER = "data engineering"

STATISTICS = {
    "federal_amount_eur": Statistic(
        "sum(federal_amount_eur)",
        "The catalogue grows by some per cent between two copies: another total is a cut or a misread number format.",
        HOLD,
    ),
    "median_grant_eur": Statistic(
        "percentile_cont(0.5) within group (order by federal_amount_eur)",
        "The usual size of a grant is stable: a median elsewhere is a slipped point or another kind of grant.",
    ),
}
LARGEST_GRANT_EUR = 10_000_000_000
FIRST_YEAR, LONGEST_YEARS = 1968, 40


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `foerderkatalog` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        expect(
            "grant_magnitude",
            "ExpectColumnValuesToBeBetween",
            column="federal_amount_eur",
            max_value=LARGEST_GRANT_EUR,
            why="No single grant of the federation is that large: the decimal sign was read as a thousands separator.",
            expected=f"at most {LARGEST_GRANT_EUR} EUR",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "dates_plausible",
            f"""
            select line_number
            from batch
            where extract(year from starts_on) not between {FIRST_YEAR} and {delivery.received_on.year + 10}
                or ends_on > starts_on + interval '{LONGEST_YEARS} years'
            order by 1
            """,
            why="The catalogue begins in 1968 and no grant runs for two generations: such a year is mistyped.",
            expected=f"a beginning since {FIRST_YEAR}, and at most {LONGEST_YEARS} years",
            severity=WARN,
            owner=OWNER,
        ),
        still_there(
            delivery,
            TABLE,
            "grants_still_there",
            "funding_code",
            why="The catalogue keeps what has ended: a grant that is gone was withdrawn, or the export was filtered.",
            expected="every grant of the last accepted delivery",
            severity=WARN,
            owner=OWNER,
        ),
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
