"""structure_tables: population, foreign persons and migration background of municipalities, as a report prints them."""

from expectations.history import Statistic, as_usual, still_there
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, no_row

TABLE = "raw.structure_tables__municipality"
PERSONAL = False
OWNER = "data engineering"

STATISTICS = {
    "population_persons": Statistic(
        "sum(population_persons)", "The same places have nearly the same population: another sum is other places.", HOLD
    ),
}
YEARS_BACK = 3

MISPRINT_POINTS = 1
# Half of the one decimal printed (0.05), and a hundredth more for shares that end exactly between two decimals.
ROUNDING_POINTS = 0.06


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `structure_tables` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        still_there(
            delivery,
            TABLE,
            "places_still_there",
            "region_code",
            why="A place of the last report that is missing now would drop out of every comparison.",
            expected="every place of the last accepted delivery",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "year_near_the_report",
            f"""
            select line_number, municipality_name || ': ' || reference_year as observed
            from batch
            where reference_year not between {delivery.year - YEARS_BACK} and {delivery.year}
            order by 1
            """,
            why="A report prints the newest figures there are: any other year is mistyped, or of another table.",
            expected=f"{delivery.year - YEARS_BACK} to {delivery.year}",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "foreign_within_migration_background",
            """
            select line_number, municipality_name || ': ' || foreign_persons || ' foreign, '
                || migration_background_persons || ' with a migration background' as observed
            from batch
            where foreign_persons > migration_background_persons
            order by 1
            """,
            why="Foreign persons have a migration background by definition: fewer of those means exchanged columns.",
            expected="at least as many persons with a migration background as foreign persons",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "parts_within_population",
            """
            select line_number, municipality_name || ' counts more persons than it has' as observed
            from batch
            where foreign_persons > population_persons or migration_background_persons > population_persons
            order by 1
            """,
            why="Foreign persons and persons with a migration background are parts of the population.",
            expected="no part above the population",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "share_not_misprinted",
            _shares_off(f"> {MISPRINT_POINTS}"),
            why="A share a whole point off its own counts is a misprint (72 for 7.2), and would be quoted as a figure.",
            expected=f"printed share within {MISPRINT_POINTS} percentage point of count / population",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "share_recomputes",
            _shares_off(f"> {ROUNDING_POINTS}"),
            why="A share off its counts by more than rounding rests on another base: shown beside ours, not mended.",
            expected=f"printed share within {ROUNDING_POINTS} percentage points of count / population",
            severity=WARN,
            owner=OWNER,
        ),
    ]


def _shares_off(by: str) -> str:
    """Rows whose printed share differs from count / population `by` percentage points, one a share."""
    return f"""
        with share as (
            select line_number, municipality_name, 'foreign' as what, foreign_pct as printed,
                100.0 * foreign_persons / nullif(population_persons, 0) as recomputed
            from batch
            union all
            select line_number, municipality_name, 'migration background', migration_background_pct,
                100.0 * migration_background_persons / nullif(population_persons, 0)
            from batch
        )
        select line_number, municipality_name || ', ' || what || ': printed ' || printed || ' %, recomputed '
            || round(recomputed, 2) || ' %' as observed
        from share
        where abs(printed - recomputed) {by}
        order by 1, what
    """
