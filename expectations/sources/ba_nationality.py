"""ba_nationality: employees and recipients of SGB II by nationality (Statistik der Bundesagentur für Arbeit)."""

from expectations.history import Statistic, as_usual, in_its_time, still_there
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, no_row
from ingest.contracts.counts import SMALLEST

TABLE = "raw.ba_nationality__count"
PERSONAL = False
OWNER = "data engineering"

STATISTICS = {
    "employees_persons": Statistic(
        "sum(persons) filter (where indicator = 'employees' and nationality = 'TOTAL' and sex = 'all')",
        "Employment moves by some per cent a year: another level is a part of the places, or a slipped digit.",
    ),
}


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `ba_nationality` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        *in_its_time(delivery, OWNER),
        no_row(
            "date_in_the_period",
            f"""
            select line_number, reference_date::text as observed
            from batch
            where extract(year from reference_date) <> {delivery.year}
            order by 1
            """,
            why="The file's name says the year: counts of another are another file.",
            expected=f"a day in {delivery.year}",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "number_or_sign",
            """
            select line_number, region_code || ' ' || nationality as observed
            from batch
            where (persons is null) = (persons_sign is null)
            order by 1
            """,
            why="A cell without number and sign reads as zero, though the office kept the count secret.",
            expected="a count or a sign in every row",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "small_counts_are_secret",
            f"""
            select line_number, region_code || ' ' || nationality as observed
            from batch
            where persons > 0 and persons < {SMALLEST}
            order by 1
            """,
            why="The office hides one and two persons: such a count was never meant to leave it.",
            expected=f"no count between 1 and {SMALLEST - 1}",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "group_within_all",
            """
            select part.line_number, part.region_code || ' ' || part.nationality || ': ' || part.persons || ', '
                || whole.nationality || ' ' || whole.persons as observed
            from batch as part
            inner join batch as whole using (reference_date, region_code, indicator, place_basis, sex)
            where part.persons > whole.persons
                and (whole.nationality = 'TOTAL'
                    or (whole.nationality = 'ALL' and part.nationality not in ('TOTAL', '000')))
            order by 1
            """,
            why="A group is a part of all foreign persons, and these of all: a larger part is of another row or unit.",
            expected="no group above all foreign persons, none of these above all persons",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "employed_within_recipients",
            """
            select part.line_number, part.region_code || ' ' || part.nationality || ': ' || part.persons || ' of '
                || whole.persons as observed
            from batch as part
            inner join batch as whole using (reference_date, region_code, place_basis, nationality, sex)
            where part.indicator = 'sgb_ii_employed' and whole.indicator = 'sgb_ii' and part.persons > whole.persons
            order by 1
            """,
            why="Recipients who work are recipients: more of them than of all is another day or another place.",
            expected="no more recipients who work than recipients",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "recipients_by_residence",
            """
            select line_number, region_code || ' ' || indicator as observed
            from batch
            where indicator <> 'employees' and place_basis <> 'residence'
            order by 1
            """,
            why="Benefits are paid where persons live: recipients at a workplace are employees of a slipped row.",
            expected="recipients by residence",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "sexes_add_up",
            """
            with pivoted as (
                select reference_date, region_code, indicator, place_basis, nationality,
                    max(persons) filter (where sex = 'all') as persons,
                    max(persons) filter (where sex = 'male') as male,
                    max(persons) filter (where sex = 'female') as female
                from batch
                group by 1, 2, 3, 4, 5
            )
            select region_code || ' ' || indicator || ' ' || nationality || ': ' || persons || ', ' || male || ' and '
                || female as observed
            from pivoted
            where persons <> male + female
            order by 1
            """,
            why="Men and women are all persons, and nothing is rounded: another sum is a count of another row.",
            expected="male + female = all",
            severity=HOLD,
            owner=OWNER,
        ),
        still_there(
            delivery,
            TABLE,
            "places_still_there",
            "region_code",
            why="A place that was delivered last time and is missing now loses its figures in silence.",
            expected="every place of the last accepted delivery",
            severity=WARN,
            owner=OWNER,
        ),
    ]
