"""register: a municipality's population register, one row a person.

Verdicts on it hold counts and line numbers only, never a value of a row.
"""

from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, expect

TABLE = "raw.register__person"
PERSONAL = True
OWNER = "statistics office of the municipality"

UNKNOWN_NATIONALITY = ["998", "999"]
LARGEST_UNKNOWN_SHARE = 0.05


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `register` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
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
        expect(
            "municipality_is_the_period",
            "ExpectColumnValuesToBeInSet",
            column="region_code",
            value_set=[delivery.ags],
            why="Pseudonyms are keyed by municipality: rows of another one carry the wrong key and must not be kept.",
            expected=delivery.ags,
            severity=HOLD,
            owner=OWNER,
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
            "moved_in_by_the_reference_date",
            "ExpectColumnPairValuesAToBeGreaterThanB",
            column_A="reference_date",
            column_B="moved_in_on",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            why="Whoever moved in after the reference date did not live there on it and is no part of that stock.",
            expected="no move in after the reference date",
            severity=HOLD,
            owner=OWNER,
        ),
        expect(
            "moved_out_after_moving_in",
            "ExpectColumnPairValuesAToBeGreaterThanB",
            column_A="moved_out_on",
            column_B="moved_in_on",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            why="Nobody moves out before moving in: such rows have their dates exchanged, and their stay is unknown.",
            expected="no move out before the move in",
            severity=WARN,
            owner=OWNER,
        ),
    ]
