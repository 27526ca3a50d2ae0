"""What every list of operations of the European Social Fund must hold: the suite of the sources esf_<state>."""

from expectations.history import Statistic, as_usual
from expectations.suite import HOLD, NOTE, WARN, Delivery, Expectation, arrived_whole, expect, no_row

PERSONAL = True  # beneficiaries may be natural persons
OWNER = "data engineering"

STATISTICS = {
    "total_cost_eur": Statistic(
        "sum(total_cost_eur)",
        "A list grows by some per cent between two copies: another total is a cut or a misread number format.",
        HOLD,
        0.5,
    ),
    "median_cost_eur": Statistic(
        "percentile_cont(0.5) within group (order by total_cost_eur)",
        "The usual size of an operation is stable: a median elsewhere is a slipped point, or another list.",
    ),
}
# What is begun in a funding period may be paid until the third year after it (Reg. (EU) 1303/2013 Art. 65(2)).
YEARS_AFTER = 3


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a list is accepted, whatever its dialect."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        expect(
            "cost_plausible",
            "ExpectColumnValuesToBeBetween",
            column="total_cost_eur",
            max_value=200_000_000,
            why="No operation of a state's list is that large: the decimal sign was read as a thousands separator.",
            expected="at most 200,000,000 EUR",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "within_the_funding_period",
            f"""
            select line_number
            from batch
            where extract(year from starts_on) not between {delivery.first_year} and {delivery.year + YEARS_AFTER}
                or extract(year from ends_on) > {delivery.year + YEARS_AFTER}
            order by 1
            """,
            why="An operation outside of the years that the fund pays for is of another list, or its date is misread.",
            expected=f"{delivery.first_year} to {delivery.year + YEARS_AFTER}",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "listed_once",
            """
            select min(line_number) as line_number
            from batch
            group by operation, starts_on, ends_on, total_cost_eur, location
            having count(*) > 1
            order by 1
            """,
            why="Lists repeat operations, some of them rightly (two partners): whoever sums them must know.",
            expected="no two rows alike",
            severity=NOTE,
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
