"""The total that a list prints below its rows, against these rows (`raw.delivery_total`)."""

from psycopg import Connection

from expectations.suite import HOLD, WARN, Expectation, no_row

PRINTED = "printed_total"


def expectations(connection: Connection, delivery_id: int, owner: str) -> list[Expectation]:
    """What must hold of a delivery whose file prints totals; nothing of any other."""
    found = connection.execute(
        "select field, title, line_number, printed from raw.delivery_total where delivery_id = %s order by line_number",
        [delivery_id],
    ).fetchall()
    if not found:
        return []
    fields = sorted({field for field, *_ in found})
    sums = ", ".join(f"coalesce(sum({field}), 0) as {field}" for field in fields)
    sum_of = " ".join(f"when '{field}' then added.{field}" for field in fields)
    of_delivery = f"printed.delivery_id = {delivery_id:d}"
    told = "; ".join(f"{title}: {printed:,} (line {line})" for _, title, line, printed in found if printed is not None)
    compared = no_row(
        PRINTED,
        f"""
        with added as (select {sums} from batch),
        compared as (
            select printed.*, case printed.field {sum_of} end as added
            from raw.delivery_total as printed cross join added
            where {of_delivery} and (printed.printed is not null or printed.problem <> 'is missing')
        )
        select
            line_number,
            title || ': ' || coalesce('printed ' || {_figure("printed")}, 'the total ' || problem)
            || ', the rows sum to ' || {_figure("added")} as observed
        from compared
        where printed is distinct from added
        order by 1
        """,
        why="A list that does not sum to its own total was cut, filtered or changed on the way.",
        expected=f"rows that sum to the printed total to the cent: {told}" if told else "a total that can be read",
        severity=HOLD,
        owner=owner,
    )
    there = no_row(
        "printed_total_is_there",
        f"""
        select printed.line_number, 'no figure stands below ' || printed.title as observed
        from raw.delivery_total as printed
        where {of_delivery} and printed.problem = 'is missing' and exists (select from batch)
        order by 1
        """,
        why="A line of totals without a figure in its column leaves the rows without the sum they are held against.",
        expected="a figure in every line of totals, below the column that it sums up",
        severity=WARN,
        owner=owner,
    )
    return [compared, there]


def _figure(column: str) -> str:
    """SQL: a number as a reader sees it, to its last digit."""
    return f"trim(trailing '.' from to_char({column}, 'FM999,999,999,999,999,999,990.00999999'))"
