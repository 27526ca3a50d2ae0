"""ledger_totals: a year's totals of a municipality by product and account (dialect B)."""

from expectations.history import Statistic, as_usual, in_its_time
from expectations.sources.ledger import OWNER, of_its_period, products_still_there
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, expect, no_row

TABLE = "raw.ledger_totals__total"
PERSONAL = False

STATISTICS = {
    "expense_eur": Statistic(
        "sum(expense_eur) filter (where subtotal_mark is null)",
        "A year's expense moves by some per cent: a total elsewhere is a part of the budget, or in another unit.",
        HOLD,
    ),
    "social_share_of_expense": Statistic(
        "sum(expense_eur) filter (where subtotal_mark is null and starts_with(product_code, '05'))"
        " / nullif(sum(expense_eur) filter (where subtotal_mark is null), 0)",
        "The weight of social benefits (product area 05) changes slowly: a jump is another cut of products.",
    ),
}

# All products of the largest city together spend some 5 bn EUR a year: no account of one product reaches 2 bn.
LARGEST_TOTAL_EUR = 2_000_000_000


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `ledger_totals` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        *in_its_time(delivery, OWNER),
        products_still_there(delivery, TABLE),
        *of_its_period(delivery),
        no_row(
            "accrual_near_its_year",
            f"""
            select line_number, product_code || ': ' || accrual_year as observed
            from batch
            where accrual_year not between {delivery.year - 5} and {delivery.year}
            order by 1
            """,
            why="Corrections reach back some years, and no year can bear what is not yet due: the year is mistyped.",
            expected=f"{delivery.year - 5} to {delivery.year}",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "line_or_subtotal",
            """
            select line_number, product_code as observed
            from batch
            where (subtotal_mark is null) = (account_code is null)
                or (subtotal_mark is null and length(product_code) <> 6)
            order by 1
            """,
            why="A sub-total that is not marked as one counts its lines a second time.",
            expected="an account in every line, and none in a sub-total",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "amount_stated",
            "select line_number, product_code as observed from batch"
            " where expense_eur is null and revenue_eur is null order by 1",
            why="A line without any amount lost it in the export, and its cost would be missing in silence.",
            expected="an expense or a revenue in every line",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "subtotal_is_the_sum",
            """
            select
                subtotal.line_number,
                subtotal.product_code || ': printed ' || coalesce(subtotal.expense_eur, 0) || ' and '
                || coalesce(subtotal.revenue_eur, 0) || ', lines ' || coalesce(sum(line.expense_eur), 0) || ' and '
                || coalesce(sum(line.revenue_eur), 0) as observed
            from batch as subtotal
            left join batch as line
                on line.subtotal_mark is null and starts_with(line.product_code, subtotal.product_code)
            where subtotal.subtotal_mark is not null
            group by subtotal.line_number, subtotal.product_code, subtotal.expense_eur, subtotal.revenue_eur
            having coalesce(subtotal.expense_eur, 0) <> coalesce(sum(line.expense_eur), 0)
                or coalesce(subtotal.revenue_eur, 0) <> coalesce(sum(line.revenue_eur), 0)
            order by 1
            """,
            why="A printed sub-total vouches for its lines: where the two differ, lines were lost or doubled.",
            expected="sub-totals that are the sum of their lines, to the cent",
            severity=HOLD,
            owner=OWNER,
        ),
        *(
            expect(
                f"{column.removesuffix('_eur')}_magnitude",
                "ExpectColumnValuesToBeBetween",
                column=column,
                min_value=-LARGEST_TOTAL_EUR,
                max_value=LARGEST_TOTAL_EUR,
                why="An account larger than a great city's whole social budget is a slipped point or comma.",
                expected=f"between -{LARGEST_TOTAL_EUR} and {LARGEST_TOTAL_EUR} EUR",
                severity=HOLD,
                owner=OWNER,
            )
            for column in ("expense_eur", "revenue_eur")
        ),
        expect(
            "expense_positive",
            "ExpectColumnSumToBeBetween",
            column="expense_eur",
            min_value=0,
            strict_min=True,
            why="Expense stands as a positive amount: a year that ends below zero has its signs reversed.",
            expected="an expense above 0 EUR in all",
            severity=HOLD,
            owner=OWNER,
        ),
    ]
