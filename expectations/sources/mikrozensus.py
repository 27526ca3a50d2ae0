"""mikrozensus: shares and numbers of persons with a migration background, GENESIS flat layout."""

from expectations.history import Statistic, as_delivered_before, as_usual, period_is_over, still_there
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, expect, no_row

TABLE = "raw.mikrozensus__value"
PERSONAL = False
OWNER = "data engineering"

STATISTICS: dict[str, Statistic] = {}  # shares and numbers of many groups: none has a total
KEY = ("reference_year", "region_code", "sense_code", "group_code", "value_variable_code", "value_unit")
COUNTRY = "DG"
# Germany has had between 80 and 84 m inhabitants since 2005; shares and counts are rounded to one decimal.
LEAST_INHABITANTS, MOST_INHABITANTS = 75_000_000, 90_000_000

TOTAL, WIDER, NARROW, NOT_STATED = "", "X-WEIT", "X-ENG", "X-OHNE"


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `mikrozensus` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        period_is_over(delivery, OWNER),
        no_row(
            "years_of_the_period",
            f"""
            select line_number, reference_year || ' is not within the period' as observed
            from batch
            where reference_year not between {delivery.first_year} and {delivery.year}
            union all
            select null, 'no row for ' || stated.year
            from (values ({delivery.first_year}), ({delivery.year})) as stated (year)
            where not exists (select 1 from batch where reference_year = stated.year)
            order by 1
            """,
            why="The file's name says which years it covers: one outside or a missing end is another download.",
            expected=f"{delivery.first_year} to {delivery.year}, the first and the last among them",
            severity=HOLD,
            owner=OWNER,
        ),
        still_there(
            delivery,
            TABLE,
            "values_still_there",
            f"concat_ws(' ', {', '.join(KEY)})",
            why="A later download holds the earlier years, too: a value that is gone was dropped, or its code changed.",
            expected="every value of the last accepted delivery",
            severity=WARN,
            owner=OWNER,
        ),
        as_delivered_before(
            delivery,
            TABLE,
            "no_value_revised",
            KEY,
            "value",
            why="A published share that changes was revised (weighting, new projection): the series has a break.",
            expected="the values of the last accepted delivery where both hold one",
            owner=OWNER,
        ),
        no_row(
            "population_behind_the_share",
            f"""
            select share.line_number, share.reference_year || ': ' || share.value || ' % and ' || persons.value || ' x '
                || persons.value_unit || ' make '
                || round(100 * persons.value * persons.value_unit::numeric / share.value) || ' inhabitants' as observed
            from batch as share
            inner join batch as persons
                on persons.reference_year = share.reference_year
                and persons.region_code = share.region_code
                and persons.sense_code = share.sense_code
                and persons.group_code is not distinct from share.group_code
                and persons.value_unit ~ '^1(000)*$'
            where share.region_code = '{COUNTRY}' and share.value_unit = '%' and share.sense_code <> '{TOTAL}'
                and coalesce(share.group_code, '') = ''
                and persons.value * persons.value_unit::numeric
                not between share.value / 100 * {LEAST_INHABITANTS} and share.value / 100 * {MOST_INHABITANTS}
            order by 1
            """,
            why="A share is a count over the population: if the two give another Germany, one is in another unit.",
            expected=f"{LEAST_INHABITANTS} to {MOST_INHABITANTS} inhabitants of Germany behind share and count",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "parts_within_country",
            f"""
            select part.line_number, part.region_name || ' ' || part.reference_year || ': ' || part.value
                || ', Germany ' || whole.value as observed
            from batch as part
            inner join batch as whole
                on whole.region_code = '{COUNTRY}'
                and whole.reference_year = part.reference_year
                and whole.sense_code is not distinct from part.sense_code
                and whole.group_code is not distinct from part.group_code
                and whole.value_variable_code = part.value_variable_code
                and whole.value_unit = part.value_unit
            where part.value_unit <> '%' and part.value > whole.value
            order by 1
            """,
            why="A part of the country cannot have more persons than the country: a row slipped, or a unit.",
            expected="no count of a region above that of Germany",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "share_within_100",
            """
            select line_number, region_name || ' ' || reference_year || ': ' || value || ' %' as observed
            from batch
            where value_unit = '%' and value > 100
            order by 1
            """,
            why="A share of a population cannot be above 100 per cent: a decimal comma was lost.",
            expected="at most 100 %",
            severity=HOLD,
            owner=OWNER,
        ),
        expect(
            "sense_known",
            "ExpectColumnValuesToBeInSet",
            column="sense_code",
            value_set=[TOTAL, WIDER, NARROW, NOT_STATED],
            why="Wider and narrow sense are different populations; a value of unknown sense can join neither series.",
            expected=f"empty, {WIDER}, {NARROW} or {NOT_STATED}",
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
