"""The views through which a source with a history is read: its snapshots, and all that changed."""

from datetime import date

from psycopg import Connection, sql

from ingest.contracts import Contract
from ingest.loading.snapshots.comparison import series_of
from ingest.loading.snapshots.tables import day_of, end_table_of, table_of, view_of
from lagebild.core.database import BUILDER, LOADER


def sync(connection: Connection, contract: Contract) -> None:
    """Make the table of ends and the views of a source with a history; what is stored whole becomes changes."""
    fresh = connection.execute("select to_regclass(%s) is null", [f'raw."{contract.table}_end"']).fetchone()[0]
    connection.execute(
        sql.SQL(
            "create table if not exists {} (ended_by bigint not null, delivery_id bigint not null,"
            " line_number bigint not null)"
        ).format(end_table_of(contract))
    )
    columns = _columns(connection, contract)
    views = {"snapshot": _snapshot_view(contract, columns), "history": _history_view(contract, columns)}
    for name, query in views.items():
        connection.execute(sql.SQL("create or replace view {} as {}").format(view_of(contract, name), query))
    for role, rights in ((LOADER, "select, insert"), (BUILDER, "select")):
        grant = sql.SQL("grant {} on {} to {}")
        connection.execute(grant.format(sql.SQL(rights), end_table_of(contract), sql.Identifier(role)))
        for name in views:
            connection.execute(grant.format(sql.SQL("select"), view_of(contract, name), sql.Identifier(role)))
    for relation, text in _COMMENTS:
        kind = sql.SQL("table" if relation == "end" else "view")
        connection.execute(sql.SQL("comment on {} {} is {}").format(kind, view_of(contract, relation), text))
    for name, text in (("valid_from", _VALID_FROM), ("valid_to", _VALID_TO)):
        column = sql.SQL("{}.{}").format(view_of(contract, "history"), sql.Identifier(name))
        connection.execute(sql.SQL("comment on column {} is {}").format(column, text))
    if fresh:
        _convert(connection, contract, columns)


_COMMENTS = (
    (
        "end",
        "Rows that a snapshot lacks and its base has: which (delivery_id, line_number), and whose (ended_by).",
    ),
    (
        "snapshot",
        "The rows of every stored snapshot as delivered: delivery_id is the snapshot's, brought_by and brought_line "
        "say which file held the row first; line_number is empty where that was another one.",
    ),
    (
        "history",
        "The rows of the accepted snapshots, each with the time for which it held. The snapshot of a day: "
        "valid_from <= day and (valid_to is null or day < valid_to). The column of the day is empty where it says the "
        "snapshot's own.",
    ),
)
_VALID_FROM = "Day of the first accepted snapshot with the row."
_VALID_TO = "Day of the first accepted snapshot after it without the row; empty while there is none."


def _convert(connection: Connection, contract: Contract, columns: list[str]) -> None:
    """Snapshots that were stored whole become changes, each to the one before it."""
    stored = connection.execute(
        "select delivery_id, period from raw.delivery where source = %s and loaded is not null", [contract.source]
    ).fetchall()
    by_series: dict[str, list[tuple[date, int]]] = {}
    for delivery_id, period in stored:
        series, day = series_of(contract, period)
        by_series.setdefault(series, []).append((day, delivery_id))
    for series, snapshots in by_series.items():
        base = None
        for day, delivery_id in sorted(snapshots):
            connection.execute(
                "insert into raw.snapshot (delivery_id, source, series, taken_on) values (%s, %s, %s, %s)",
                [delivery_id, contract.source, series, day],
            )
            if base is not None:
                _rebase(connection, contract, columns, delivery_id, base)
            base = delivery_id


def _rebase(connection: Connection, contract: Contract, columns: list[str], delivery_id: int, base: int) -> None:
    """Keep of a snapshot that is stored whole only what differs from `base`."""
    parts = {
        "snapshot": view_of(contract, "snapshot"),
        "table": table_of(contract),
        "end": end_table_of(contract),
        "same": _same(contract, columns),
    }
    # The base's rows with the same key and values, and what day each says relative to its snapshot's own.
    statement = sql.SQL(
        "create temporary table unchanged on commit drop as select o.line_number, b.brought_by, b.brought_line"
        " from {snapshot} as o inner join {snapshot} as b on {same}"
        " where o.delivery_id = %(id)s and b.delivery_id = %(base)s"
    ).format(**parts)
    values = {"id": delivery_id, "base": base}
    connection.execute(statement, values)
    connection.execute(
        sql.SQL(
            "insert into {end} (ended_by, delivery_id, line_number)"
            " select %(id)s, brought_by, brought_line from {snapshot} where delivery_id = %(base)s"
            " except select %(id)s, brought_by, brought_line from unchanged"
        ).format(**parts),
        values,
    )
    connection.execute(
        sql.SQL(
            "delete from {table} as r using unchanged as u"
            " where r.delivery_id = %(id)s and r.line_number = u.line_number"
        ).format(**parts),
        values,
    )
    connection.execute("update raw.snapshot set base_id = %(base)s where delivery_id = %(id)s", values)
    connection.execute("drop table unchanged")


def _same(contract: Contract, columns: list[str]) -> sql.Composable:
    """Whether the rows o and b of two snapshots are the same row: a condition that begins with the key."""
    key = [name for name in contract.primary_key if name != contract.history]
    equal = [sql.SQL("o.{0} = b.{0}").format(sql.Identifier(name)) for name in key]
    rest = [name for name in columns if name not in contract.primary_key]
    alike = [sql.SQL("o.{0} is not distinct from b.{0}").format(sql.Identifier(name)) for name in rest]
    relative = sql.SQL(
        "case when o.{0} = (select taken_on from raw.snapshot where delivery_id = o.delivery_id) then null else o.{0}"
        " end is not distinct from"
        " case when b.{0} = (select taken_on from raw.snapshot where delivery_id = b.delivery_id) then null else b.{0}"
        " end"
    ).format(day_of(contract))
    return sql.SQL(" and ").join([*equal, *alike, relative])


def _columns(connection: Connection, contract: Contract) -> list[str]:
    """The data columns of the raw table, in its order: one that it gains comes last, as views want it."""
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
        " and attname not in ('delivery_id', 'line_number') order by attnum",
        [f'raw."{contract.table}"'],
    )
    return [name for (name,) in rows]


def _snapshot_view(contract: Contract, columns: list[str]) -> sql.Composable:
    shown = [
        sql.SQL("case when r.{0} = b.taken_on then s.taken_on else r.{0} end as {0}").format(sql.Identifier(name))
        if name == contract.history
        else sql.Identifier("r", name)
        for name in columns
    ]
    return sql.SQL(
        """
        select
            p.delivery_id,
            case when r.delivery_id = p.delivery_id then r.line_number end as line_number,
            r.delivery_id as brought_by,
            r.line_number as brought_line,
            {columns}
        from raw.snapshot_part as p
        inner join raw.snapshot as s on p.delivery_id = s.delivery_id
        inner join raw.snapshot as b on p.part_id = b.delivery_id
        inner join (
            select delivery_id, array_agg(part_id) as part_ids
            from raw.snapshot_part
            group by delivery_id
        ) as whole on p.delivery_id = whole.delivery_id
        inner join {table} as r on p.part_id = r.delivery_id
        where s.source = {source}
            -- a list of parts, not a join with them: that would make a row for each end and each later snapshot
            and not exists (
                select 1
                from {end} as e
                where e.delivery_id = r.delivery_id
                    and e.line_number = r.line_number
                    and e.ended_by = any(whole.part_ids)
            )
        """
    ).format(
        columns=sql.SQL(", ").join(shown), table=table_of(contract), end=end_table_of(contract), source=contract.source
    )


def _history_view(contract: Contract, columns: list[str]) -> sql.Composable:
    shown = [
        sql.SQL("nullif(r.{0}, b.taken_on) as {0}").format(sql.Identifier(name))
        if name == contract.history
        else sql.Identifier("r", name)
        for name in columns
    ]
    return sql.SQL(
        """
        with accepted as (
            select
                s.delivery_id,
                s.series,
                s.taken_on,
                row_number() over in_order as number,
                min(s.taken_on) over (partition by s.series) as first_on,
                coalesce(lead(s.taken_on) over in_order, 'infinity') as next_on
            from raw.snapshot as s
            inner join raw.delivery as d on s.delivery_id = d.delivery_id
            where s.source = {source} and d.state = 'accepted'
            window in_order as (partition by s.series order by s.taken_on)
        ),
        ended as (
            select delivery_id, line_number, array_agg(ended_by order by ended_by) as ended_by
            from {end}
            group by delivery_id, line_number
        ),
        -- Rows that the same delivery brought and the same deliveries ended stand in the same snapshots.
        kind as (
            select delivery_id, ended_by from ended
            union
            select delivery_id, '{{}}'::bigint[] from raw.snapshot where source = {source}
        ),
        held as (
            select
                k.delivery_id,
                k.ended_by,
                a.series,
                a.first_on,
                a.taken_on,
                a.next_on,
                a.number - row_number() over (partition by k.delivery_id, k.ended_by order by a.number) as island
            from kind as k
            inner join raw.snapshot_part as p on k.delivery_id = p.part_id
            inner join accepted as a on p.delivery_id = a.delivery_id
            where not exists (
                select 1
                from raw.snapshot_part as q
                where q.delivery_id = a.delivery_id and q.part_id = any(k.ended_by)
            )
        ),
        span as (
            select delivery_id, ended_by, series, first_on, min(taken_on) as valid_from, max(next_on) as valid_to
            from held
            group by delivery_id, ended_by, series, first_on, island
        ),
        piece as (
            select
                span.series,
                span.valid_from,
                span.valid_to,
                span.valid_from = span.first_on and span.valid_to = 'infinity' as is_whole,
                r.delivery_id,
                r.line_number,
                {shown}
            from {table} as r
            inner join raw.snapshot as b on r.delivery_id = b.delivery_id
            left join ended as e on r.delivery_id = e.delivery_id and r.line_number = e.line_number
            inner join span on r.delivery_id = span.delivery_id and coalesce(e.ended_by, '{{}}') = span.ended_by
        ),
        -- The same row may have been brought twice, by snapshots of which neither knew the other.
        numbered as (
            select
                *,
                count(*) filter (where is_new) over (partition by series, {columns} order by valid_from) as island
            from (
                select
                    *,
                    valid_from is distinct from
                    lag(valid_to) over (partition by series, {columns} order by valid_from) as is_new
                from piece
                where not is_whole
            ) as marked
        ),
        joined as (
            select distinct on (series, {columns}, island)
                series,
                valid_from,
                max(valid_to) over (partition by series, {columns}, island) as valid_to,
                delivery_id,
                line_number,
                {columns}
            from numbered
            order by series, {columns}, island, valid_from
        )
        select series, valid_from, null::date as valid_to, delivery_id, line_number, {columns} from piece where is_whole
        union all
        select series, valid_from, nullif(valid_to, 'infinity'), delivery_id, line_number, {columns} from joined
        """
    ).format(
        source=contract.source,
        end=end_table_of(contract),
        table=table_of(contract),
        shown=sql.SQL(", ").join(shown),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
    )
