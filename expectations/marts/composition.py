"""What must hold of the mart of what a register is made up of."""

from expectations.marts.rules import OWNER, confidential_rule, evidence_rule, reason_rule, register_is_rounded
from expectations.suite import HOLD, Build, Expectation, no_row

_CELL = "region_code || ' ' || reference_date || ' ' || nationality || ' ' || characteristic"
_PLACE = f"{_CELL} || ' ' || characteristic_value"


def resident_composition(build: Build) -> list[Expectation]:
    return [
        register_is_rounded("resident_composition", {"persons": "evidence"}, _PLACE, "persons is not null"),
        reason_rule("resident_composition", "persons", "reason", _PLACE),
        confidential_rule("resident_composition", ("persons", "persons_low", "persons_high"), _PLACE),
        evidence_rule("resident_composition", "persons", _PLACE),
        no_row(
            "resident_composition.part_within_whole",
            f"""
            select {_PLACE} as observed
            from batch
            inner join (
                select region_code as region, reference_date as day, characteristic as by_what,
                    characteristic_value as what, persons as whole
                from batch
                where nationality = 'TOTAL'
            ) as wholes on region_code = region and reference_date = day and characteristic = by_what
                and characteristic_value = what
            where persons is not null and coalesce(whole, 0) < persons
            order by 1
            """,
            why="Persons of a nationality or group are a part of all residents, by class as by count.",
            expected="no group above all residents",
            severity=HOLD,
            owner=OWNER,
        ),
    ]
