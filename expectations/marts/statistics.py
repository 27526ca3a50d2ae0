"""What must hold of the marts of published statistics."""

from expectations.marts.rules import OWNER, denominator_rule, evidence_rule, year_on_year
from expectations.suite import HOLD, WARN, Build, Expectation, no_row


def municipal_profile(build: Build) -> list[Expectation]:
    place = "region_code || ' ' || reference_year"
    return [
        evidence_rule("municipal_profile", "population_persons", place),
        denominator_rule("municipal_profile", "foreign_pct_recomputed", "population_persons", place),
        year_on_year(
            "municipal_profile",
            "population_persons",
            ("region_code",),
            "reference_year",
            "not between 0.9 * previous and 1.1 * previous",
            why="A place grows or shrinks by a few per cent a year: more is a change of its borders, or another place.",
            expected="within 10 % of the year before",
        ),
    ]


def official_statistic(build: Build) -> list[Expectation]:
    return [
        evidence_rule("official_statistic", "value", "table_code || ' ' || time_text || ' ' || source_region_code"),
        no_row(
            "official_statistic.number_or_sign",
            """
            select table_code || ' ' || time_text || ', line ' || line_number as observed
            from batch
            where (value is null) = (value_sign is null)
            order by 1
            """,
            why="A cell without number and sign reads as zero, and one with both says two things.",
            expected="a number or a sign, one of the two",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "official_statistic.place_known",
            """
            select table_code || ': ' || min(classification_codes) as observed
            from batch
            where region_level is null
            group by table_code
            order by 1
            """,
            why="A value whose place nobody can name is found by nobody: its table names places by another variable.",
            expected="a place in every row, by the seed genesis_region_variable",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "official_statistic.code_in_hierarchy",
            """
            select distinct table_code || ': ' || stated.code as observed
            from batch
            cross join lateral unnest(string_to_array(classification_codes, ';')) as stated (code)
            where split_part(stated.code, '=', 2) <> ''
                and split_part(stated.code, '=', 1) in (select variable_code from build.genesis_hierarchy)
                and stated.code not in (select variable_code || '=' || code from build.genesis_hierarchy)
            order by 1
            """,
            why="A code whose place in its variable's tree nobody stated is neither a part nor a total of anything.",
            expected="codes of the seed genesis_hierarchy, for each variable that it holds",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "official_statistic.agrees_with_azr_nrw",
            r"""
            with foreigners as (
                select
                    reference_date,
                    source_region_code,
                    substring(classification_codes from '(?:^|;)STAAG[^=]*=ST([0-9]+)') as nationality_code,
                    substring(classification_codes from '(?:^|;)GES=([A-Z]*)') as sex,
                    value
                from batch
                where table_code = '12521-0041'
            ),
            counted as (
                select azr.reference_date, azr.source_region_code, azr.nationality_code, counts.sex, counts.persons
                from build.stg_azr_nrw__nationality as azr
                cross join lateral (
                    values ('', azr.persons), ('GESM', azr.male_persons), ('GESW', azr.female_persons)
                ) as counts (sex, persons)
            )
            select foreigners.source_region_code || ' ' || nationality_code || ' ' || foreigners.sex || ' '
                || foreigners.reference_date || ': ' || foreigners.value || ', azr_nrw ' || counted.persons as observed
            from foreigners
            inner join counted using (reference_date, source_region_code, nationality_code, sex)
            where foreigners.value <> counted.persons
            order by 1
            """,
            why="Two offices publish one register: another count of the same persons is a revision, or a slipped row.",
            expected="the counts of azr_nrw for the same district, nationality, sex and day",
            severity=WARN,
            owner=OWNER,
        ),
    ]
