"""What must hold of the marts of city districts."""

from expectations.marts.rules import OWNER, confidential_rule, evidence_rule, reason_rule, register_is_rounded
from expectations.suite import HOLD, Build, Expectation, expect, no_row

_PLACE = "region_code || ' ' || reference_date || ' ' || city_district || ' ' || nationality"
_CITY = "region_code || ' ' || reference_date || ' ' || nationality"


def city_district_population(build: Build) -> list[Expectation]:
    return [
        register_is_rounded("city_district_population", {"persons": "evidence"}, _PLACE, "persons is not null"),
        reason_rule("city_district_population", "persons", "reason", _PLACE),
        confidential_rule("city_district_population", ("persons", "persons_low", "persons_high"), _PLACE),
        evidence_rule("city_district_population", "persons", _PLACE),
        no_row(
            "city_district_population.part_within_whole",
            f"""
            select {_PLACE} as observed
            from batch
            inner join (
                select region_code as region, reference_date as day, city_district as district, persons as whole
                from batch
                where nationality = 'ALL'
            ) as wholes on region_code = region and reference_date = day and city_district = district
            where persons > whole
            order by 1
            """,
            why="A group of nationalities is a part of all foreign persons of the district, by class as by count.",
            expected="no group above all foreign persons of its district",
            severity=HOLD,
            owner=OWNER,
        ),
    ]


def district_concentration(build: Build) -> list[Expectation]:
    return [
        expect(
            "district_concentration.share_within_0_and_1",
            "ExpectColumnValuesToBeBetween",
            column="dissimilarity",
            min_value=0,
            max_value=1,
            why="It is the share of a group that would have to move: none of it at least, and all of it at most.",
            expected="between 0 and 1",
            severity=HOLD,
            owner=OWNER,
        ),
        reason_rule("district_concentration", "adjusted_dissimilarity", "reason", _CITY),
        evidence_rule("district_concentration", "dissimilarity", _CITY),
    ]
