"""ledger: postings of a municipality by NKF product and account."""

from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, expect

TABLE = "raw.ledger__posting"
PERSONAL = False
OWNER = "data engineering"

# The cost areas of the method come to some 16 m EUR a year in a city of 600,000: no single posting reaches 50 m.
LARGEST_POSTING_EUR = 50_000_000


def of_its_period(delivery: Delivery, year_column: str = "fiscal_year") -> list[Expectation]:
    """What holds for a ledger of any dialect: one year and one municipality, those of its name."""
    return [
        expect(
            f"{year_column}_is_the_period",
            "ExpectColumnValuesToBeInSet",
            column=year_column,
            value_set=[delivery.year],
            why="A cost is divided by the population of its own year: a posting of another year distorts two of them.",
            expected=str(delivery.year),
            severity=HOLD,
            owner=OWNER,
        ),
        expect(
            "municipality_is_the_period",
            "ExpectColumnValuesToBeInSet",
            column="region_code",
            value_set=[delivery.ags],
            why="The file is one municipality's: postings of another would be counted as its cost.",
            expected=delivery.ags,
            severity=HOLD,
            owner=OWNER,
        ),
    ]


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `ledger` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *of_its_period(delivery),
        expect(
            "product_area_known",
            "ExpectColumnValuesToMatchRegex",
            column="product_code",
            regex="^(0[1-9]|1[0-7])[0-9]{4}$",
            why="Products are 6 digits led by an NKF product area; any other is a local code or lost a leading zero.",
            expected="6 digits, product area 01 to 17",
            severity=WARN,
            owner=OWNER,
        ),
        expect(
            "posting_magnitude",
            "ExpectColumnValuesToBeBetween",
            column="amount_eur",
            min_value=-LARGEST_POSTING_EUR,
            max_value=LARGEST_POSTING_EUR,
            why="A posting larger than a whole year's attributable cost is a slipped thousands point or decimal comma.",
            expected=f"between -{LARGEST_POSTING_EUR} and {LARGEST_POSTING_EUR} EUR",
            severity=HOLD,
            owner=OWNER,
        ),
        expect(
            "total_positive",
            "ExpectColumnSumToBeBetween",
            column="amount_eur",
            min_value=0,
            strict_min=True,
            why="Costs are positive and corrections negative: a year that ends below zero has its signs reversed.",
            expected="a total above 0 EUR",
            severity=HOLD,
            owner=OWNER,
        ),
    ]
