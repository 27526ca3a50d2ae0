"""wegweiser: indicators of municipalities by Wegweiser Kommune."""

from expectations.history import Statistic, as_usual
from expectations.suite import HOLD, NOTE, WARN, Delivery, Expectation, arrived_whole, expect, no_row

TABLE = "raw.wegweiser__indicator"
PERSONAL = False
OWNER = "data engineering"

STATISTICS: dict[str, Statistic] = {}  # indicators of all kinds and units, in sets of their own: none has a total


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `wegweiser` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        no_row(
            "year_of_the_period_is_the_last",
            f"""
            select line_number, reference_year || ' is after the period' as observed
            from batch
            where reference_year > {delivery.year}
            union all
            select null, 'no value for {delivery.year}'
            where not exists (select 1 from batch where reference_year = {delivery.year})
            order by 1
            """,
            why="The file's name says for which year it was asked: another one is another answer, or a forecast.",
            expected=f"values of {delivery.year}, and none of a later year",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "share_within_100",
            """
            select line_number, region_name || ' ' || reference_year || ': ' || value || ' %' as observed
            from batch
            where unit = '%' and indicator_code ~ '(quote|anteil|armut)' and value not between 0 and 100
            order by 1
            """,
            why="A quota or share of persons is within 0 and 100 per cent: beyond it a decimal point slipped.",
            expected="0 to 100 %",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "count_not_negative",
            """
            select line_number, region_name || ' ' || reference_year || ': ' || value as observed
            from batch
            where unit = 'Anzahl' and value < 0
            order by 1
            """,
            why="Persons are counted from zero on: less means that a balance was taken for a count.",
            expected="no count below zero",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "one_unit_an_indicator",
            """
            select min(line_number) as line_number,
                indicator_name || ': ' || string_agg(distinct unit, ', ') as observed
            from batch
            group by indicator_name
            having count(distinct unit) > 1
            order by 1
            """,
            why="One indicator has one unit: two of them in one answer cannot be compared between places.",
            expected="one unit an indicator",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "nothing_left_out",
            """
            select min(line_number) as line_number, remark as observed
            from batch
            where remark is not null
            group by remark
            order by 1
            """,
            why="The service remarks when it leaves regions out or its data are old, and readers must know.",
            expected="no remark of the service",
            severity=WARN,
            owner=OWNER,
        ),
        expect(
            "region_has_a_key",
            "ExpectColumnValuesToNotBeNull",
            column="region_ars",
            why="Only a key joins a place with its other figures for certain; the CSV export has none.",
            expected="a regional key in every row",
            severity=NOTE,
            owner=OWNER,
        ),
    ]
