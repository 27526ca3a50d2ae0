"""mikrozensus: shares and numbers of persons with a migration background, GENESIS flat layout."""

from expectations.suite import HOLD, Delivery, Expectation, arrived_whole, expect, no_row

TABLE = "raw.mikrozensus__value"
PERSONAL = False
OWNER = "data engineering"

TOTAL, WIDER, NARROW = "", "X-WEIT", "X-ENG"


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `mikrozensus` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        no_row(
            "share_within_0_and_100",
            """
            select line_number, region_name || ' ' || reference_year || ': ' || value || ' %' as observed
            from batch
            where value_unit = '%' and value not between 0 and 100
            order by 1
            """,
            why="A share of a population cannot leave 0 to 100 per cent: beyond it a decimal comma was lost.",
            expected="between 0 and 100 %",
            severity=HOLD,
            owner=OWNER,
        ),
        expect(
            "sense_known",
            "ExpectColumnValuesToBeInSet",
            column="sense_code",
            value_set=[TOTAL, WIDER, NARROW],
            why="Wider and narrow sense are different populations; a value of unknown sense can join neither series.",
            expected=f"empty, {WIDER} or {NARROW}",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "wider_holds_narrow",
            f"""
            select wider.line_number, wider.region_name || ' ' || wider.reference_year || ': wider ' || wider.value
                || ', narrow ' || narrow.value as observed
            from batch as wider
            inner join batch as narrow
                on narrow.reference_year = wider.reference_year
                and narrow.region_code = wider.region_code
                and narrow.group_code is not distinct from wider.group_code
                and narrow.value_variable_code = wider.value_variable_code
                and narrow.value_unit = wider.value_unit
            where wider.sense_code = '{WIDER}' and narrow.sense_code = '{NARROW}' and wider.value < narrow.value
            order by 1
            """,
            why="Whoever counts in the narrow sense counts in the wider one: less means that the two were exchanged.",
            expected="wider sense at least the narrow one, same year and region",
            severity=HOLD,
            owner=OWNER,
        ),
    ]
