"""ledger: postings of a municipality by NKF product and account."""

from expectations.history import Statistic, as_usual, in_its_time, still_there
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, expect, no_row, of_its_municipality

TABLE = "raw.ledger__posting"
PERSONAL = False
OWNER = "data engineering"

STATISTICS = {
    "amount_eur": Statistic(
        "sum(amount_eur)",
        "A year's cost moves by some per cent: a total elsewhere is a part of the ledger, or in another unit.",
        HOLD,
    ),
    "median_posting_eur": Statistic(
        "percentile_cont(0.5) within group (order by abs(amount_eur))",
        "The usual size of a posting is stable: a thousandfold one is a slipped point, and cents read as euros too.",
        HOLD,
        0.5,
    ),
    "eu2_share_of_cost": Statistic(
        "sum(amount_eur) filter (where target_group = 'EU2') / nullif(sum(amount_eur), 0)",
        "How much is booked for the group changes slowly: a jump is another way of booking, not another cost.",
    ),
}

# The cost areas of the method come to some 16 m EUR a year in a city of 600,000: no single posting reaches 50 m.
LARGEST_POSTING_EUR = 50_000_000


def products_still_there(delivery: Delivery, table: str) -> Expectation:
    """What holds for a ledger of any dialect: no product of the last one is gone."""
    return still_there(
        delivery,
        table,
        "products_still_there",
        "product_code",
        why="A product that booked cost last time and books none now was renumbered, or left out of the export.",
        expected="every product of the last accepted delivery",
        severity=WARN,
        owner=OWNER,
    )


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
        of_its_municipality(
            delivery,
            OWNER,
            "The file is one municipality's: postings of another would be counted as its cost.",
        ),
    ]


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `ledger` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        *in_its_time(delivery, OWNER),
        *of_its_period(delivery),
        products_still_there(delivery, TABLE),
        no_row(
            "one_company_code",
            """
            select string_agg(company_code || ': ' || postings || ' postings', ', ' order by company_code) as observed
            from (
                select company_code, count(*) as postings from batch where company_code is not null group by 1
            ) as codes
            having count(*) > 1
            """,
            why="A second company code is a business of its own: what the city pays to it would count twice.",
            expected="postings of one company code",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "every_month_posted",
            f"""
            select 'no posting in ' || to_char(month, 'MM/YYYY') as observed
            from generate_series(date '{delivery.year}-01-01', date '{delivery.year}-12-01', '1 month') as month
            where not exists (select 1 from batch where date_trunc('month', posted_on) = month)
            order by month
            """,
            why="Salaries and benefits are posted each month: a month without any was cut off, or is not closed yet.",
            expected="postings in each of the 12 months",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "posted_around_its_year",
            f"""
            select line_number, document_number || ': ' || posted_on as observed
            from batch
            where posted_on not between date '{delivery.year}-01-01' and date '{delivery.year + 1}-12-31'
            order by 1
            """,
            why="A year is posted while it runs and closed in the next: a day beyond is mistyped, or of another year.",
            expected=f"posted from 01.01.{delivery.year} to 31.12.{delivery.year + 1}",
            severity=WARN,
            owner=OWNER,
        ),
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
