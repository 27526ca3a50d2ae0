"""mikrozensus_microdata: persons of the Mikrozensus, one row a person, synthetic.

Verdicts on it hold counts and line numbers only, never a value of a row.
"""

from expectations.history import Statistic, as_usual, period_is_over
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, expect, no_row

TABLE = "raw.mikrozensus_microdata__person"
PERSONAL = True
OWNER = "statistics office of the municipality"

# Germany has had between 80 and 84 m inhabitants since 2005; a file may be of single states.
MOST_INHABITANTS = 90_000_000
# A household of the survey is a dwelling, no institution.
LARGEST_HOUSEHOLD = 30
STATISTICS = {
    "women_share_of_persons": Statistic(
        "case when count(*) >= 20 then count(*) filter (where sex = 'female')::numeric / count(*) end",
        "About half are women, year after year: a jump is a selection, or the codes of the sexes exchanged.",
        least_spread=0.1,
    ),
}


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `mikrozensus_microdata` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        period_is_over(delivery, OWNER),
        expect(
            "year_is_the_period",
            "ExpectColumnValuesToBeInSet",
            column="reference_year",
            value_set=[delivery.year],
            why="Weights of one year project one year's population: rows of another would be counted twice.",
            expected=str(delivery.year),
            severity=HOLD,
            owner=OWNER,
        ),
        expect(
            "every_row_is_synthetic",
            "ExpectColumnValuesToBeInSet",
            column="evidence",
            value_set=["synthetic"],
            why="Microdata of real persons are for research bodies by contract: none may be here.",
            expected="synthetic",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "weights_sum_to_a_population",
            f"""
            select 'a sum of weights above any population' as observed
            from batch
            having sum(year_weight) > {MOST_INHABITANTS} or sum(quarter_weight) > 4 * {MOST_INHABITANTS}
                or sum(year_weight) <= 0 or sum(quarter_weight) <= 0
            """,
            why="Weights are persons: in another unit (thousands, or a tenth) every count is off by as much.",
            expected=f"above 0, and at most {MOST_INHABITANTS} persons a year and quarter",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "district_in_one_stratum",
            """
            select 'a district of ' || count(distinct (stratum, size_class)) || ' strata or size classes' as observed
            from batch
            group by state_code, district_pseudonym
            having count(distinct (stratum, size_class)) > 1
            """,
            why="A sampling district is drawn within one stratum: in two it would count as two clusters.",
            expected="each district in one stratum and one size class",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "stratum_in_one_state",
            """
            select 'a stratum of ' || count(distinct state_code) || ' states' as observed
            from batch
            group by stratum
            having count(distinct state_code) > 1
            """,
            why="States draw their own samples: one name for strata of two states joins what was drawn apart.",
            expected="each stratum in one state",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "household_plausible",
            f"""
            select 'a household of ' || count(*) || ' persons' as observed
            from batch
            group by state_code, district_pseudonym, household_pseudonym
            having count(*) > {LARGEST_HOUSEHOLD}
            """,
            why="Larger households are institutions, which the survey asks apart, or numbers that were used twice.",
            expected=f"at most {LARGEST_HOUSEHOLD} persons",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "asked_from_15_on",
            """
            select line_number, 'asked, or not asked, against the age' as observed
            from batch
            where (age_years < 15) <> (employment = 'not_asked') or (age_years < 15) <> (education = 'not_asked')
            order by 1
            """,
            why="Work and education are asked from 15 years on: otherwise ages or answers were shifted.",
            expected="not_asked below 15 years, and nowhere else",
            severity=HOLD,
            owner=OWNER,
        ),
    ]
