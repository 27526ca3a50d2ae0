"""pupil_list: children of a register and of lists of pupils, counted by class while their file was loaded.

Verdicts on it hold counts only, never one of a class.
"""

from expectations.history import Statistic, as_usual, period_is_over
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, expect, no_row, of_its_municipality

TABLE = "raw.pupil_list__count"
PERSONAL = True
OWNER = "statistics office of the municipality"

# Who moved until the day is in the register soon after; later ones lack those who have gone since.
LATEST_REGISTER_DAYS = 120
STATISTICS = {
    "listed_per_child_of_the_register": Statistic(
        "sum(children) filter (where list_name = 'school')::numeric"
        " / nullif(sum(children) filter (where list_name = 'register'), 0)",
        "Pupils a child of the register change slowly: a jump is a school whose list lacks, or another selection.",
        least_spread=0.1,
    ),
}


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `pupil_list` is accepted."""
    day = delivery.reference_date.isoformat()
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        period_is_over(delivery, OWNER),
        of_its_municipality(
            delivery, OWNER, "The match is by the numbers of one register: children of another one match by chance."
        ),
        expect(
            "every_row_is_synthetic",
            "ExpectColumnValuesToBeInSet",
            column="evidence",
            value_set=["synthetic"],
            why="No statute is named that lets real children be matched: none may be counted here.",
            expected="synthetic",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "both_lists_are_there",
            """
            select 'a list without a child' as observed
            from batch
            having count(*) filter (where list_name = 'register') = 0
                or count(*) filter (where list_name = 'school') = 0
            """,
            why="Without lists of schools all children would count as on none, and without the register none would.",
            expected="children of the register, and of lists",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "list_is_of_the_day",
            f"""
            select 'a list of another day' as observed
            from batch
            where list_name = 'school' and stated_on <> '{day}'
            limit 1
            """,
            why="A list of another day has other pupils: who changed the school since would count as on no list.",
            expected=day,
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "register_drawn_soon_after",
            f"""
            select 'a register of another time' as observed
            from batch
            where list_name = 'register' and stated_on - date '{day}' not between 0 and {LATEST_REGISTER_DAYS}
            limit 1
            """,
            why="Drawn before the day, a register does not know who moved until then; months later it lacks who left.",
            expected=f"a register drawn on the day, or at most {LATEST_REGISTER_DAYS} days after it",
            severity=WARN,
            owner=OWNER,
        ),
    ]
