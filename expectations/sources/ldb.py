"""What a table of the Landesdatenbank NRW with stacked heads must hold: the suite of the sources ldb_<table>."""

from collections.abc import Callable, Mapping

from expectations.history import Statistic, as_usual, in_its_time, still_there
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, no_row
from ingest import contracts

PERSONAL = False
OWNER = "data engineering"
STATISTICS = {
    # Every number of a row stands beside its sign, in a column named <number>_sign.
    "sum_of_values": Statistic(
        """sum((
            select sum((to_jsonb(batch) ->> replace(cell.key, '_sign', ''))::numeric)
            from jsonb_object_keys(to_jsonb(batch)) as cell (key)
            where right(cell.key, 5) = '_sign'
        ))""",
        "The sum of all cells means nothing in itself, but it moves by some per cent a year: another level is a slip.",
    ),
}

STATE = "Nordrhein-Westfalen"
ROUNDED_SINCE = 2020


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a table is accepted: of all of them, and of this one."""
    fields = {field.name: field for field in contracts.load(delivery.source).fields}
    counts = [name for name, field in fields.items() if field.signs]
    place = "region_code" if "region_code" in fields else "region_name"
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        *in_its_time(delivery, OWNER),
        *_year_of_the_period(delivery, fields),
        no_row(
            "state_present",
            f"select 'no row' as observed where not exists (select 1 from batch where btrim(region_name) = '{STATE}')",
            why="The state's own row is never the sum of the others: without it there is no figure of the state.",
            expected=f"a row for {STATE}",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "number_or_sign",
            f"""
            select line_number, cell.name as observed
            from batch
            cross join lateral (values {", ".join(f"('{n}', {n}, {n}_sign)" for n in counts)})
                as cell (name, value, sign)
            where (cell.value is null) = (cell.sign is null)
            order by 1
            """,
            why="A cell without number and sign reads as zero: columns have slipped, or the download was cut.",
            expected="a number or a sign in every cell",
            severity=HOLD,
            owner=OWNER,
        ),
        *_OF_TABLE.get(delivery.source, lambda delivery: [])(delivery),
        still_there(
            delivery,
            f"raw.{delivery.source}__value",
            "places_still_there",
            place,
            why="A place that the table had last time is gone: its borders changed, or the download was cut.",
            expected="every place of the last accepted delivery",
            severity=WARN,
            owner=OWNER,
        ),
    ]


def _year_of_the_period(delivery: Delivery, fields: Mapping[str, object]) -> list[Expectation]:
    year = {"reference_year": "reference_year", "reference_date": "extract(year from reference_date)"}
    named = next((sql for field, sql in year.items() if field in fields), None)
    if named is None:  # the head says it, and was compared with the file's name
        return []
    return [
        no_row(
            "year_of_the_period",
            f"select line_number, ({named})::text as observed from batch where {named} <> {delivery.year} order by 1",
            why="The file's name says the year: rows of another are another file.",
            expected=f"{delivery.year}",
            severity=HOLD,
            owner=OWNER,
        )
    ]


def _recipients(delivery: Delivery) -> list[Expectation]:
    rounded = ("subsistence", "basic_security", "basic_security_old_age", "basic_security_reduced_capacity")
    rounded = [f"{name}_persons" for name in (*rounded, "asylum_seekers")]
    is_rounded = delivery.year >= ROUNDED_SINCE
    found = [
        no_row(
            "sgb_ii_stands_twice_alike",
            """
            select line_number, sgb_ii_first_persons || ' and ' || sgb_ii_persons as observed
            from batch
            where sgb_ii_first_persons is distinct from sgb_ii_persons
            order by 1
            """,
            why="One head stands twice: where the two columns differ, the total was taken for one of them.",
            expected="the same in the first and the third column",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "benefits_add_up",
            """
            select line_number, region_code || ': ' || total_persons || ' in all, parts ' || parts as observed
            from batch
            cross join lateral (
                select coalesce(sgb_ii_persons, 0) + coalesce(subsistence_persons, 0)
                    + coalesce(basic_security_persons, 0) + coalesce(asylum_seekers_persons, 0) as parts
            ) as added
            where total_persons <> parts
            order by 1
            """,
            why="The total adds up what is printed, a dash as none: another sum is a column that has slipped.",
            expected="the total as the sum of its four parts",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "basic_security_adds_up",
            """
            select line_number, region_code || ': ' || basic_security_persons || ', parts '
                || basic_security_old_age_persons || ' and ' || basic_security_reduced_capacity_persons as observed
            from batch
            -- three counts, each rounded to 5 on its own: at most 2 off each, and a multiple of 5
            where abs(
                basic_security_persons - basic_security_old_age_persons - basic_security_reduced_capacity_persons
            ) > 5
            order by 1
            """,
            why="Old age and reduced earning capacity are all there is of it: beyond rounding, a column has slipped.",
            expected="its two parts, within rounding (5 persons)",
            severity=HOLD,
            owner=OWNER,
        ),
    ]
    if is_rounded:
        found.append(
            no_row(
                "counts_rounded_to_five",
                f"""
                select line_number, region_code as observed
                from batch
                where {" or ".join(f"{name} % 5 <> 0" for name in rounded)}
                order by 1
                """,
                why="All but SGB II are rounded to 5 since 2020: another count is unprotected, or of another column.",
                expected="multiples of 5",
                severity=HOLD,
                owner=OWNER,
            )
        )
    return found


def _rate(delivery: Delivery) -> list[Expectation]:
    return [
        no_row(
            "rate_within_100",
            "select line_number, rate_pct::text as observed from batch where rate_pct > 100 order by 1",
            why="No more than everybody receives a benefit: the decimal comma was lost.",
            expected="at most 100 percent",
            severity=HOLD,
            owner=OWNER,
        )
    ]


def _population(delivery: Delivery) -> list[Expectation]:
    return [
        no_row(
            "density_recomputes",
            """
            select line_number, region_code || ': ' || inhabitants_per_qkm || ' printed' as observed
            from batch
            -- the density is printed to 0.1, the area to 0.01
            where abs(inhabitants_per_qkm - population_persons / nullif(area_qkm, 0))
                > 0.0501 + inhabitants_per_qkm * 0.005 / nullif(area_qkm, 0)
            order by 1
            """,
            why="Population, area and density stand side by side: where they do not agree, one is of another column.",
            expected="population over area, within the digits that are printed",
            severity=HOLD,
            owner=OWNER,
        )
    ]


def _employees(delivery: Delivery) -> list[Expectation]:
    school = ("no_school_certificate", "lower_secondary", "intermediate_secondary", "university_entrance")
    vocational = ("no_vocational_degree", "vocational_degree", "academic_degree", "vocational_unknown")
    sums = [" + ".join(f"{name}_persons" for name in names) for names in ((*school, "school_unknown"), vocational)]
    return [
        no_row(
            "qualifications_add_up",
            f"""
            select line_number, btrim(region_name) || ': ' || employees_persons as observed
            from batch
            where employees_persons <> {sums[0]} or employees_persons <> {sums[1]}
            order by 1
            """,
            why="Every employee has one school certificate and one vocational degree, or none: a column has slipped.",
            expected="certificates and degrees that each sum to all employees",
            severity=HOLD,
            owner=OWNER,
        )
    ]


_OF_TABLE: Mapping[str, Callable[[Delivery], list[Expectation]]] = {
    "ldb_12411_15i": _population,
    "ldb_13111_54i": _employees,
    "ldb_22811_01i": _rate,
    "ldb_22811_05i": _recipients,
}
