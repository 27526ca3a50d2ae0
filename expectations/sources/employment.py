"""employment: Bulgarian and Romanian employees subject to social insurance contributions (BA, IAB)."""

from expectations.history import Statistic, as_usual, in_its_time, still_there
from expectations.suite import HOLD, NOTE, WARN, Delivery, Expectation, arrived_whole, expect, no_row

TABLE = "raw.employment__employees"
PERSONAL = False
OWNER = "data engineering"

STATISTICS = {
    "employees_in_germany_persons": Statistic(
        "max(employees_persons) filter (where region_code = '00')",
        "Employment of a group moves by some per cent a year: another level is another group or a slipped digit.",
        HOLD,
        0.5,  # EU2 employment doubled within three years after free movement began
    ),
}

# Germany has about 35 m employees subject to social insurance, of all nationalities.
MOST_EMPLOYEES = 12_000_000


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `employment` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        *in_its_time(delivery, OWNER),
        expect(
            "employees_plausible",
            "ExpectColumnValuesToBeBetween",
            column="employees_persons",
            max_value=MOST_EMPLOYEES,
            why="No single group can be a third of all employees in Germany: the thousands point slipped.",
            expected=f"at most {MOST_EMPLOYEES} persons",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "no_place_above_the_country",
            """
            select place.line_number, place.region_code || ': ' || place.employees_persons || ', Germany '
                || country.employees_persons as observed
            from batch as place
            inner join batch as country
                on country.region_code = '00'
                and country.reference_date = place.reference_date
                and country.nationality_group = place.nationality_group
            where place.region_code <> '00' and place.employees_persons > country.employees_persons
            order by 1
            """,
            why="A municipality is part of the country: a count above Germany's belongs to another key or unit.",
            expected="no municipality above Germany on the same day",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "country_present",
            "select 'no row for 00' as observed where not exists (select 1 from batch where region_code = '00')",
            why="The extrapolation to the country takes its employees from this row: without it there is none.",
            expected="a row for Germany (00)",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "reference_date_in_the_period",
            f"""
            select line_number, reference_date::text as observed
            from batch
            where extract(year from reference_date) <> {delivery.year}
            order by 1
            """,
            why="Employees are taken from the population of the same year: those of another make a wrong denominator.",
            expected=f"a day in {delivery.year}",
            severity=HOLD,
            owner=OWNER,
        ),
        still_there(
            delivery,
            TABLE,
            "places_still_there",
            "region_code",
            why="A place that was delivered last time and is missing now loses its denominator in silence.",
            expected="every place of the last accepted delivery",
            severity=WARN,
            owner=OWNER,
        ),
        expect(
            "place_basis_stated",
            "ExpectColumnValuesToNotBeInSet",
            column="place_basis",
            value_set=["not_stated"],
            why="Employees by residence and by workplace are different facts, and a ratio must know which it uses.",
            expected="residence or workplace",
            severity=NOTE,
            owner=OWNER,
        ),
    ]
