"""What a delivery is held against: the last accepted deliveries of the same source and municipality (or table).

Which municipality or table a delivery is of, its period says before the last underscore.

One rule for every bound: the median of the last `LAST` accepted deliveries, and around it `SPREADS` times their spread
(the median distance from the median, scaled to a standard deviation), but never less than a share of the median, so
that three equal years do not forbid a fourth that moves a little. With fewer than `NEEDED` deliveries nothing is
judged, and the verdict says so. The statistics are computed once for each delivery (`Statistic`, one statement) and
kept in `quality.statistic`; a comparison reads those, not the rows of former years. Of a source about persons a verdict
says lower or higher, and no figure: a share times the rows is a count of persons, and so is the middle of the bounds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from psycopg import Connection

from expectations.suite import HOLD, NOTE, WARN, WITHOUT_FIGURES, Delivery, Expectation, no_row

LAST, NEEDED = 8, 3
SPREADS, LEAST_SPREAD = 5, 0.25
_TO_DEVIATION = 1.4826  # median absolute deviation to standard deviation, of a normal distribution


@dataclass(frozen=True)
class Statistic:
    """A total or a share of a delivery that resembles that of the deliveries before it."""

    sql: str
    """Aggregate over the delivery's rows; a number, or null where it has none."""
    why: str
    severity: str = WARN
    least_spread: float = LEAST_SPREAD
    """Least distance from the median that is let pass, as a share of the median."""


VOLUME = Statistic(
    "count(*)",
    "A delivery of half or twice the usual number of rows is cut off, doubled, or another extract.",
    HOLD,
)


def all_statistics(own: Mapping[str, Statistic]) -> dict[str, Statistic]:
    """The statistics of a source, by name: its own and the volume that every source has."""
    return {"rows": VOLUME, **own}


def store_statistics(connection: Connection, delivery_id: int, query: str, statistics: Mapping[str, Statistic]) -> None:
    """Compute the statistics of the delivery's rows (`query`) in one scan, and keep them."""
    computed = ", ".join(f"({statistic.sql})::numeric" for statistic in statistics.values())
    connection.execute(
        "insert into quality.statistic (delivery_id, statistic, value)"
        f" select %s, named.statistic, named.value from (select array[{computed}] as found from ({query}) as batch)"
        " as computed cross join lateral unnest(%s::text[], computed.found) as named (statistic, value)"
        " on conflict (delivery_id, statistic) do update set value = excluded.value",
        [delivery_id, list(statistics)],
    )


def stored_statistics(
    connection: Connection, delivery_id: int
) -> list[tuple[str, Decimal | None, list[tuple[int, Decimal]]]]:
    """The delivery's statistics: name, value, and the last accepted deliveries before it with theirs, newest first.

    For who may read exact figures of a source about persons: no verdict, log or page holds them.
    """
    before, _ = accepted_before(connection, delivery_id)
    values = {
        (number, name): value
        for number, name, value in connection.execute(
            "select delivery_id, statistic, value from quality.statistic where delivery_id = any(%s)"
            " order by statistic",
            [[delivery_id, *before]],
        )
    }
    return [
        (name, value, [(other, values[other, name]) for other in before if values.get((other, name)) is not None])
        for (number, name), value in values.items()
        if number == delivery_id
    ]


def accepted_before(connection: Connection, delivery_id: int) -> tuple[tuple[int, ...], dict[str, int]]:
    """The last accepted deliveries of the same source and municipality, newest decision first, and how many of them
    have a value of each statistic.
    """
    before = connection.execute(
        "select other.delivery_id from raw.delivery as this inner join raw.delivery as other"
        " on other.source = this.source and other.delivery_id <> this.delivery_id and other.state = 'accepted'"
        " and substring(other.period from '^(.*)_') is not distinct from substring(this.period from '^(.*)_')"
        " where this.delivery_id = %s and exists ("
        "   select 1 from quality.statistic as s where s.delivery_id = other.delivery_id"
        " ) order by other.decided_at desc nulls last, other.delivery_id desc limit %s",
        [delivery_id, LAST],
    ).fetchall()
    ids = tuple(number for (number,) in before)
    known = connection.execute(
        "select statistic, count(value) from quality.statistic where delivery_id = any(%s) group by statistic",
        [list(ids)],
    ).fetchall()
    return ids, dict(known)


def as_usual(delivery: Delivery, own: Mapping[str, Statistic], owner: str) -> list[Expectation]:
    """That each statistic, the volume among them, lies where the last accepted deliveries let expect it."""
    return [_as_usual(delivery, name, statistic, owner) for name, statistic in all_statistics(own).items()]


def _as_usual(delivery: Delivery, statistic: str, rule: Statistic, owner: str) -> Expectation:
    name, expected = f"{statistic}_as_usual", f"near the median of the last {LAST} accepted deliveries"
    if (have := delivery.known.get(statistic, 0)) < NEEDED:
        return not_judged(name, rule.why, expected, owner, have, NEEDED)
    return no_row(
        name,
        f"""
        with past as (
            select value from quality.statistic
            where statistic = '{statistic}' and delivery_id in ({_listed(delivery.before)})
        ),
        middle as (select percentile_cont(0.5) within group (order by value)::numeric as median from past),
        usual as (
            select
                median,
                greatest(
                    {SPREADS * _TO_DEVIATION}
                    * percentile_cont(0.5) within group (order by abs(value - median))::numeric,
                    {rule.least_spread} * abs(median)
                ) as distance
            from past cross join middle
            where value is not null
            group by median
        )
        select coalesce(trim_scale(round(own.value, 4))::text, 'no value') || ', usual '
            || trim_scale(round(usual.median - usual.distance, 4)) || ' to '
            || trim_scale(round(usual.median + usual.distance, 4)) as observed,
            case
                when own.value is null then 'no value'
                when own.value < usual.median then 'lower than usual'
                else 'higher than usual'
            end || ' (lagebild statistics {delivery.delivery_id})' as {WITHOUT_FIGURES}
        from usual
        left join quality.statistic as own
            on own.statistic = '{statistic}' and own.delivery_id = {delivery.delivery_id}
        where own.value is null or abs(own.value - usual.median) > usual.distance
        """,
        why=rule.why,
        expected=expected,
        severity=rule.severity,
        owner=owner,
        quotes_rows=False,
    )


def not_judged(name: str, why: str, expected: str, owner: str, have: int, needed: int) -> Expectation:
    """Stands for a comparison for which there is too little history: it fails, as a note, and says what is missing."""
    number = {0: "no accepted delivery yet", 1: "only 1 accepted delivery"}.get(
        have, f"only {have} accepted deliveries"
    )
    return no_row(
        name,
        f"select 'not judged, {number}: needs {needed}' as observed",
        why=why,
        expected=expected,
        severity=NOTE,
        owner=owner,
        quotes_rows=False,
    )


def still_there(
    delivery: Delivery, table: str, name: str, key: str, *, why: str, expected: str, severity: str, owner: str
) -> Expectation:
    """That no value of `key` (SQL over the table's columns) of the last accepted delivery is gone."""
    if not delivery.before:
        return not_judged(name, why, expected, owner, 0, 1)
    return no_row(
        name,
        f"""
        with gone as (
            select ({key})::text as named from {table} where delivery_id = {delivery.before[0]} and ({key}) is not null
            except
            select ({key})::text from batch
        )
        select named || ' was in delivery {delivery.before[0]}' as observed from gone order by 1
        """,
        why=why,
        expected=expected,
        severity=severity,
        owner=owner,
    )


def as_delivered_before(
    delivery: Delivery, table: str, name: str, keys: Iterable[str], value: str, *, why: str, expected: str, owner: str
) -> Expectation:
    """That a value that the last accepted delivery holds, too, is the same in both; a warning: it may be a revision."""
    if not delivery.before:
        return not_judged(name, why, expected, owner, 0, 1)
    same = " and ".join(f"now.{key} is not distinct from former.{key}" for key in keys)
    return no_row(
        name,
        f"""
        select now.line_number, now.{value} || ', was ' || coalesce(former.{value}::text, 'none') as observed
        from batch as now
        inner join {table} as former on {same} and former.delivery_id = {delivery.before[0]}
        where now.{value} is distinct from former.{value}
        order by 1
        """,
        why=why,
        expected=expected,
        severity=WARN,
        owner=owner,
    )


def in_its_time(delivery: Delivery, owner: str) -> list[Expectation]:
    """What holds for a source of which each year is delivered once, when it is over."""
    return [period_is_over(delivery, owner), *one_after_another(delivery, owner)]


def one_after_another(delivery: Delivery, owner: str) -> list[Expectation]:
    """What holds for a source of which each year is delivered once."""
    before = _listed(delivery.before)
    return [
        no_row(
            "no_period_skipped",
            f"""
            with accepted as (
                select substring(period from '(\\d{{{{4}}}})(-\\d\\d-\\d\\d)?$')::integer as accepted_year
                from raw.delivery where delivery_id in ({before})
            )
            select 'the last accepted year before {delivery.year} is ' || max(accepted_year) as observed
            from accepted
            where accepted_year <= {delivery.year}
            having max(accepted_year) < {delivery.year - 1}
            """,
            why="A year left out breaks every comparison with the year before, and nobody may have noticed.",
            expected="the year before accepted, too, where any earlier one is",
            severity=WARN,
            owner=owner,
            quotes_rows=False,
        ),
        no_row(
            "not_another_period_again",
            f"""
            select 'the same totals as delivery ' || other.delivery_id || ' of ' || other.period as observed
            from raw.delivery as other
            where other.delivery_id in ({before}) and other.period <> '{delivery.period}' and not exists (
                select 1
                from quality.statistic as own
                left join quality.statistic as theirs
                    on theirs.delivery_id = other.delivery_id and theirs.statistic = own.statistic
                where own.delivery_id = {delivery.delivery_id} and own.value is distinct from theirs.value
            )
            order by 1
            """,
            why="Two periods never agree in every total: the file of one was sent again under the name of another.",
            expected="totals that no accepted delivery of another period has",
            severity=HOLD,
            owner=owner,
            quotes_rows=False,
        ),
    ]


def period_is_over(delivery: Delivery, owner: str) -> Expectation:
    """That the day or year in the file's name lies before the day of arrival."""
    period, received = delivery.reference_date, delivery.received_on
    return no_row(
        "period_is_over",
        f"select '{period} is after the day of arrival, {received}' as observed where '{period}' > '{received}'",
        why="What is counted on a day or over a year cannot arrive before that is over: the name is mistyped.",
        expected="a period that was over when the file arrived",
        severity=HOLD,
        owner=owner,
        quotes_rows=False,
    )


def _listed(numbers: Iterable[int]) -> str:
    """For `in (...)`; without any, what no delivery is called."""
    return ", ".join(str(int(number)) for number in numbers) or "null"
