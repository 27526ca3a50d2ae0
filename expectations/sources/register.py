"""register: a municipality's population register, one row a person.

Verdicts on it hold counts and line numbers only, never a value of a row.
"""

from expectations.history import Statistic, as_usual, period_is_over
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, expect, of_its_municipality

TABLE = "raw.register__person"
PERSONAL = True
OWNER = "statistics office of the municipality"

# A mean or share of fewer persons would tell of each of them.
FEWEST_PERSONS = 20


def _of_enough(share: str) -> str:
    return f"case when count(*) >= {FEWEST_PERSONS} then {share} end"


STATISTICS = {
    "eu2_share_of_persons": Statistic(
        _of_enough("count(*) filter (where nationality_code in ('125', '154'))::numeric / count(*)"),
        "The mix of nationalities changes slowly: a jump is another selection of persons, or codes assigned anew.",
    ),
    "women_share_of_persons": Statistic(
        _of_enough("count(*) filter (where sex = 'female')::numeric / count(*)"),
        "About half are women, year after year: a jump is a selection, or the codes of the sexes exchanged.",
        least_spread=0.1,
    ),
    "mean_age_years": Statistic(
        _of_enough("avg(extract(year from reference_date) - birth_year)"),
        "A population ages by months, not by years: a jump is a selection by age, or a mistyped century.",
        least_spread=0.1,
    ),
}

UNKNOWN_NATIONALITY = ["998", "999"]
LARGEST_UNKNOWN_SHARE = 0.05
OLDEST_YEARS = 120


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `register` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        period_is_over(delivery, OWNER),
        expect(
            "reference_date_is_the_period",
            "ExpectColumnValuesToBeInSet",
            column="reference_date",
            value_set=[delivery.reference_date.isoformat()],
            why="The register is a stock on the day in the file's name; rows of another day would mix two populations.",
            expected=delivery.reference_date.isoformat(),
            severity=HOLD,
            owner=OWNER,
        ),
        of_its_municipality(
            delivery,
            OWNER,
            "Pseudonyms are keyed by municipality: rows of another one carry the wrong key and must not be kept.",
        ),
        expect(
            "nationality_of_the_key",
            "ExpectColumnValuesToMatchRegex",
            column="nationality_code",
            regex="^(000|[1-3][2-9][0-9]|4[1-9][0-9]|5[2-9][0-9]|99[789])$",
            why="The key begins each continent at 121, 221, 320, 411, 523: below lies another key (ISO's 100).",
            expected="3 digits of the Destatis nationality key",
            severity=HOLD,
            owner=OWNER,
        ),
        expect(
            "nationality_known",
            "ExpectColumnValuesToNotBeInSet",
            column="nationality_code",
            value_set=UNKNOWN_NATIONALITY,
            mostly=1 - LARGEST_UNKNOWN_SHARE,
            why="Persons of unclear nationality drop out of every group: beyond a few per cent, groups come out short.",
            expected=f"at most {LARGEST_UNKNOWN_SHARE:.0%} of persons with nationality unclear or not given",
            severity=HOLD,
            owner=OWNER,
        ),
        expect(
            "birth_year_plausible",
            "ExpectColumnValuesToBeBetween",
            column="birth_year",
            min_value=delivery.year - OLDEST_YEARS,
            max_value=delivery.year,
            why="Nobody in a stock is born after its day or more than 120 years before: such a year is mistyped.",
            expected=f"{delivery.year - OLDEST_YEARS} to {delivery.year}",
            severity=WARN,
            owner=OWNER,
        ),
    ]
