"""eu2_series: Bulgarian and Romanian population of Germany by year, as a working paper prints it (Tab. 1)."""

from expectations.history import Statistic, as_delivered_before, as_usual, period_is_over, still_there
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, no_row

TABLE = "raw.eu2_series__year"
PERSONAL = False
OWNER = "data engineering"

STATISTICS: dict[str, Statistic] = {}  # a series grows by a year at a time: its own years are its history

# Printed yearly growth since accession lies between 7.3 % (2019) and 30.0 % (2014, free movement of workers). Twice
# that, and a fall by a third, have no known cause but a lost digit or exchanged rows.
LOWEST_GROWTH_PCT, HIGHEST_GROWTH_PCT = -33, 60
# Half of the one decimal printed (0.05), and a hundredth more for shares that end exactly between two decimals.
ROUNDING_POINTS = 0.06


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `eu2_series` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        period_is_over(delivery, OWNER),
        no_row(
            "years_of_the_period",
            f"""
            with year as (
                select line_number, reference_date, extract(year from reference_date)::integer as number from batch
            )
            select line_number, reference_date || ' is no year end of the period' as observed
            from year
            where number not between {delivery.first_year} and {delivery.year}
                or to_char(reference_date, 'MM-DD') <> '12-31'
            union all
            select null, 'no row for ' || stated.number
            from (values ({delivery.first_year}), ({delivery.year})) as stated (number)
            where not exists (select 1 from year where year.number = stated.number)
            order by 1
            """,
            why="The file's name says which year ends the series covers: one outside or a missing end is another file.",
            expected=f"year ends from {delivery.first_year} to {delivery.year}, the first and the last among them",
            severity=HOLD,
            owner=OWNER,
        ),
        still_there(
            delivery,
            TABLE,
            "years_still_there",
            "extract(year from reference_date)",
            why="A longer series replaces the shorter one: a year that drops out takes its growth rates along.",
            expected="every year of the last accepted delivery",
            severity=HOLD,
            owner=OWNER,
        ),
        as_delivered_before(
            delivery,
            TABLE,
            "no_year_revised",
            ["region_code", "reference_date"],
            "eu2_persons",
            why="A count of a past year end that changes was revised by its source, and readers will ask why.",
            expected="the counts of the last accepted delivery for the years that both hold",
            owner=OWNER,
        ),
        no_row(
            "parts_add_up",
            """
            select line_number, extract(year from reference_date) || ': ' || bulgaria_persons || ' + '
                || romania_persons || ' is not ' || eu2_persons as observed
            from batch
            where bulgaria_persons + romania_persons <> eu2_persons
            order by 1
            """,
            why="Where the table prints both nationalities, their sum is the EU2 count to the last digit: no rounding.",
            expected="Bulgaria + Romania = EU2 where the split is printed",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "split_printed_whole",
            """
            select line_number, extract(year from reference_date) || ' has one of the two nationalities' as observed
            from batch
            where (bulgaria_persons is null) <> (romania_persons is null)
            order by 1
            """,
            why="A split with one half missing cannot be checked against its total, and would be read as zero.",
            expected="both nationalities, or neither",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "growth_within_bounds",
            f"""
            select line_number, extract(year from reference_date) || ': '
                || round(100.0 * (eu2_persons - previous_persons) / previous_persons, 1) || ' %' as observed
            from ({_WITH_PREVIOUS}) as year
            where 100.0 * (eu2_persons - previous_persons) / nullif(previous_persons, 0)
                not between {LOWEST_GROWTH_PCT} and {HIGHEST_GROWTH_PCT}
            order by 1
            """,
            why="In the year of free movement the population grew by 30 %; twice that is a lost digit, not migration.",
            expected=f"between {LOWEST_GROWTH_PCT} and {HIGHEST_GROWTH_PCT} % on the year before",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "printed_change_recomputes",
            f"""
            select line_number, extract(year from reference_date) || ': printed ' || change_printed_persons
                || ', recomputed ' || eu2_persons - previous_persons as observed
            from ({_WITH_PREVIOUS}) as year
            where change_printed_persons <> eu2_persons - previous_persons
            order by 1
            """,
            why="A printed change that its own column contradicts is an error of the source: shown, not mended.",
            expected="the printed change, wherever the year before is in the table",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "printed_percentage_recomputes",
            f"""
            select line_number, extract(year from reference_date) || ': printed ' || change_printed_pct
                || ' %, recomputed '
                || round(100.0 * change_printed_persons / (eu2_persons - change_printed_persons), 2) || ' %' as observed
            from batch
            where abs(
                100.0 * change_printed_persons / nullif(eu2_persons - change_printed_persons, 0) - change_printed_pct
            ) > {ROUNDING_POINTS}
            order by 1
            """,
            why="The printed percentage must follow from the printed change; if not, one of the two is a misprint.",
            expected=f"within {ROUNDING_POINTS} percentage points",
            severity=WARN,
            owner=OWNER,
        ),
    ]


# Grain: year and region, with the count one year before; null where that year is not in the table.
_WITH_PREVIOUS = """
    select this.*, (
        select max(before.eu2_persons) from batch as before
        where before.region_code = this.region_code
            and before.reference_date = (this.reference_date - interval '1 year')::date
    ) as previous_persons
    from batch as this
"""
