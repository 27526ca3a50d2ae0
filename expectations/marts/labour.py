"""What must hold of the marts of employment and minimum income."""

from expectations.marts.rules import OWNER, denominator_rule, evidence_rule, no_small_cell, reason_rule
from expectations.suite import HOLD, WARN, Build, Expectation, no_row

_PLACE = "table_code || ' ' || source_region_code || ' ' || reference_date || ' ' || nationality"


def employment(build: Build) -> list[Expectation]:
    return [
        evidence_rule("employment", "persons", _PLACE),
        reason_rule("employment", "persons", "reason", _PLACE),
        denominator_rule("employment", "per_100_inhabitants", "inhabitants_persons", _PLACE),
        no_small_cell("employment", ("persons",), _PLACE, "source = 'ba_nationality'"),
        _places_known("employment"),
        _groups_known("employment"),
        no_row(
            "employment.group_within_all",
            f"""
            select {_PLACE} || ': ' || persons || ' of ' || total_persons as observed
            from batch
            where persons > total_persons
            order by 1
            """,
            why="A group is a part of all employees: a share above 100 % is of another table, place or day.",
            expected="no group above all employees",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "employment.rate_by_residence",
            f"""
            select {_PLACE} as observed
            from batch
            where per_100_inhabitants is not null
                and (
                    place_basis <> 'residence'
                    or inhabitants_date not between reference_date - interval '6 months'
                    and reference_date + interval '6 months'
                )
            order by 1
            """,
            why="Who works in a city need not live there, and inhabitants of another year are others.",
            expected="inhabitants of within six months, and employees by residence",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "employment.states_within_the_country",
            """
            with added as (
                select table_code, reference_date, place_basis, nationality, sex,
                    sum(persons) filter (where region_level = 'state') as states_persons,
                    max(persons) filter (where region_level = 'country') as country_persons
                from batch
                where source = 'genesis'
                group by 1, 2, 3, 4, 5
            )
            select table_code || ' ' || reference_date || ' ' || nationality || ': ' || states_persons || ', country '
                || country_persons as observed
            from added
            where states_persons > country_persons
            order by 1
            """,
            why="Some work in no state: the states' sum is the country's or less, else a state stands twice.",
            expected="states that sum to no more than the country",
            severity=HOLD,
            owner=OWNER,
        ),
    ]


def minimum_income(build: Build) -> list[Expectation]:
    place = f"{_PLACE} || ' ' || benefit"
    return [
        evidence_rule("minimum_income", "coalesce(persons, published_rate_pct)", place),
        reason_rule("minimum_income", "persons", "reason", place),
        denominator_rule("minimum_income", "per_100_inhabitants", "inhabitants_persons", place),
        no_small_cell("minimum_income", ("persons",), place, "source = 'ba_nationality'"),
        _places_known("minimum_income"),
        _groups_known("minimum_income"),
        no_row(
            "minimum_income.rate_of_the_same_day",
            f"""
            select {place} as observed
            from batch
            where per_100_inhabitants is not null and inhabitants_date <> reference_date
            order by 1
            """,
            why="Recipients of one year over inhabitants of another move for two reasons at once.",
            expected="inhabitants of the recipients' day",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "minimum_income.rate_agrees_with_published",
            f"""
            select {place} || ': ' || published_rate_pct || ' printed, ' || recomputed_rate_pct as observed
            from batch
            where rate_verdict = 'differs'
            order by 1
            """,
            why="The office divides the same counts: another rate is another census behind the inhabitants, or a slip.",
            expected="the printed rate within what rounding leaves open",
            severity=WARN,
            owner=OWNER,
        ),
    ]


def _places_known(mart: str) -> Expectation:
    return no_row(
        f"{mart}.place_known",
        """
        select table_code || ' ' || min(source_region_code) as observed
        from batch
        where region_code is null
        group by table_code
        order by 1
        """,
        why="A place that has a name and no key meets no inhabitants and no other table.",
        expected="a key for every place (seed place)",
        severity=WARN,
        owner=OWNER,
    )


def _groups_known(mart: str) -> Expectation:
    return no_row(
        f"{mart}.nationality_known",
        """
        select distinct table_code || ' ' || nationality as observed
        from batch
        where nationality_kind = 'unknown'
        order by 1
        """,
        why="A nationality that no list names is counted, but nobody can say who is meant.",
        expected="nationalities and groups of the seeds",
        severity=WARN,
        owner=OWNER,
    )
