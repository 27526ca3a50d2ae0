"""genesis: any table of the GENESIS family as a flat file; which table it is, its period says."""

from expectations.history import Statistic, as_usual, not_judged, one_after_another, still_there
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, expect, no_row

TABLE = "raw.genesis__value"
PERSONAL = False
OWNER = "data engineering"

STATISTICS = {
    "numbers": Statistic(
        "count(value)",
        "The cells of a table that hold a number hardly change: half of them gone is secrecy, or another selection.",
    ),
    "sum_of_values": Statistic(
        "sum(abs(value))",
        "The sum of all cells means nothing in itself, but it moves by some per cent a year: another level is a slip.",
    ),
}

SLOTS = range(1, 7)
# Statistics from the central register of foreigners: each count is rounded to 5 on its own since 2016.
ROUNDED, ROUNDED_SINCE = ("12521", "12531"), 2016
# How far men and women together may be off all persons: three counts rounded to 5, or counted to the person.
SEXES_OFF = {"12411": 0, **dict.fromkeys(ROUNDED, 5)}
SEX = "GES"
QUALITY_FLAGS = ["", "e", "p", "r", "s", "()"]

_SLOTS = ", ".join(f"({n}, slot_{n}_variable_code, slot_{n}_code, slot_{n}_label)" for n in SLOTS)
_PLACE = "concat_ws(' ', slot_1_variable_code, slot_1_code)"
_KEY = "concat_ws(';', time_text, {}, value_variable_code, value_unit)".format(
    ", ".join(f"slot_{n}_variable_code, slot_{n}_code" for n in SLOTS)
)


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `genesis` is accepted."""
    statistics = delivery.period.split("-")[0]
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        *one_after_another(delivery, OWNER),
        no_row(
            "years_of_the_period",
            f"""
            select line_number, time_text || ' is not within the period' as observed
            from batch
            where left(time_text, 4)::integer not between {delivery.first_year} and {delivery.year}
            union all
            select null, 'no row for {delivery.year}'
            where not exists (select 1 from batch where left(time_text, 4)::integer = {delivery.year})
            order by 1
            """,
            why="The file's name says which years it covers: one outside, or the last one missing, is another file.",
            expected=f"{delivery.first_year} to {delivery.year}, the last among them",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "time_is_over",
            f"""
            select line_number, time_text || ' was not over on {delivery.received_on}' as observed
            from batch
            where case
                when time_code = 'JAHR' then time_text >= '{delivery.received_on:%Y}'
                else time_text > '{delivery.received_on}'
            end
            order by 1
            """,
            why="What is counted on a day or over a year cannot be known before that is over: the file is mistyped.",
            expected="days and years that were over when the file arrived",
            severity=HOLD,
            owner=OWNER,
        ),
        *_of_its_statistics(statistics),
        no_row(
            "one_label_a_code",
            f"""
            select min(line_number) as line_number, variable_code || ' ' || code || ' is '
                || string_agg(distinct label, ', ') as observed
            from batch
            cross join lateral (values {_SLOTS}) as slot (n, variable_code, code, label)
            where label is not null
            group by n, variable_code, code
            having min(label) <> max(label)
            order by 1
            """,
            why="Figures are read by the code: a code with two names means that columns or rows have slipped.",
            expected="one name for each code of a variable",
            severity=HOLD,
            owner=OWNER,
        ),
        expect(
            "quality_flag_known",
            "ExpectColumnValuesToBeInSet",
            column="value_quality",
            value_set=QUALITY_FLAGS,
            why="A flag that nobody has described may say that the value must not be used.",
            expected=f"empty or one of {', '.join(filter(None, QUALITY_FLAGS))}",
            severity=WARN,
            owner=OWNER,
        ),
        *_sexes(statistics),
        *_rounding(statistics, delivery),
        still_there(
            delivery,
            TABLE,
            "places_still_there",
            _PLACE,
            why="A place that the table had last time is gone: its borders changed, or the selection did.",
            expected="every place of the last accepted delivery of the table",
            severity=WARN,
            owner=OWNER,
        ),
        _not_revised(delivery),
    ]


def _of_its_statistics(statistics: str) -> list[Expectation]:
    if not statistics[0].isdigit():  # codes such as AI-N-01-2-5 do not begin with that of their statistics
        return []
    return [
        no_row(
            "statistics_of_the_table",
            f"""
            select 'no row of the statistics {statistics}' as observed
            where not exists (select 1 from batch where statistics_code = '{statistics}')
            """,
            why="A table's code begins with that of its statistics: a file without any row of it is another table.",
            expected=f"rows of the statistics {statistics}",
            severity=HOLD,
            owner=OWNER,
        )
    ]


def _sexes(statistics: str) -> list[Expectation]:
    if statistics not in SEXES_OFF:
        return []
    return [
        no_row(
            "sexes_add_up",
            f"""
            with cell as (
                select line_number, value, slots.sex, concat_ws(';', time_text, value_variable_code, value_unit,
                    slots.others) as of_what
                from batch
                cross join lateral (
                    select
                        max(code) filter (where variable_code = '{SEX}') as sex,
                        string_agg(code, ';' order by n) filter (where variable_code <> '{SEX}') as others
                    from (values {_SLOTS}) as slot (n, variable_code, code, label)
                ) as slots
            ),
            persons as (
                select
                    of_what,
                    max(line_number) filter (where sex = '') as line_number,
                    max(value) filter (where sex = '') as both_sexes,
                    max(value) filter (where sex = 'GESM') as men,
                    max(value) filter (where sex = 'GESW') as women
                from cell
                group by of_what
            )
            select line_number, of_what || ': ' || both_sexes || ' persons, ' || men || ' men, ' || women
                || ' women' as observed
            from persons
            where abs(both_sexes - men - women) > {SEXES_OFF[statistics]}
            order by 1
            """,
            why="Men and women are all persons: a difference that rounding cannot make is a cell of another row.",
            expected=f"men + women = total, to {SEXES_OFF[statistics]} persons, where all three are numbers",
            severity=HOLD,
            owner=OWNER,
        )
    ]


def _rounding(statistics: str, delivery: Delivery) -> list[Expectation]:
    if statistics not in ROUNDED or delivery.first_year < ROUNDED_SINCE:
        return []
    return [
        no_row(
            "counts_rounded_to_five",
            """
            select line_number, value as observed
            from batch
            where value % 5 <> 0
            order by 1
            """,
            why="AZR counts are rounded to 5 since 2016: another count is unprotected, or lost a digit on the way.",
            expected="multiples of 5",
            severity=HOLD,
            owner=OWNER,
        )
    ]


def _not_revised(delivery: Delivery) -> Expectation:
    """Of files whose years overlap, as of a correction: cells that both hold."""
    name, expected = "no_value_revised", "the values of the last accepted delivery of the table where both hold one"
    why = "A value of a past day or year that changes was revised by its office, and readers will ask why."
    if not delivery.before:
        return not_judged(name, why, expected, OWNER, 0, 1)
    return no_row(
        name,
        f"""
        with now as (select line_number, {_KEY} as cell, value from batch),
        former as (select {_KEY} as cell, value from {TABLE} where delivery_id = {delivery.before[0]})
        select now.line_number, coalesce(now.value::text, 'none') || ', was ' || coalesce(former.value::text, 'none')
            as observed
        from now
        inner join former on former.cell = now.cell
        where now.value is distinct from former.value
        order by 1
        """,
        why=why,
        expected=expected,
        severity=WARN,
        owner=OWNER,
    )
