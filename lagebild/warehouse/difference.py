"""Differences between two publications: which figures, by how much, and the deliveries or models behind them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import Connection, sql

from lagebild.core import database
from lagebild.core.settings import Settings
from lagebild.warehouse import marts, publications
from lagebild.warehouse.marts import Mart
from lagebild.warehouse.publications import Change

SHOWN_ROWS = 10
ADDED, REMOVED, CHANGED = "added", "removed", "changed"


@dataclass(frozen=True)
class Value:
    """A column of a row in both publications; the difference in the column's unit, None if not numeric."""

    column: str
    former: Any
    latter: Any
    difference: Decimal | None


@dataclass(frozen=True)
class Row:
    """A row by its mart's key, and the values that differ; for an added or removed row, all values."""

    state: str
    key: dict[str, Any]
    values: tuple[Value, ...]


@dataclass(frozen=True)
class MartDifference:
    """A mart whose content changed."""

    mart: str
    former_version: str | None
    latter_version: str | None
    """Digests of the SQL of the model and all before it; None if the publication does not hold the mart."""
    deliveries: tuple[Change, ...]
    """Its sources whose deliveries differ between the two builds."""
    rows: tuple[Row, ...]

    def count(self, state: str) -> int:
        return sum(row.state == state for row in self.rows)


@dataclass(frozen=True)
class Difference:
    """Two publications compared."""

    former: int
    latter: int
    former_code: str
    latter_code: str
    deliveries: tuple[Change, ...]
    models: tuple[str, ...]
    """Marts whose SQL, or that of a model or seed before them, changed."""
    marts: tuple[MartDifference, ...]


def difference(settings: Settings, former: int, latter: int, mart: str | None = None) -> Difference:
    """Changes from one publication to another, in all marts or one; UserError if one does not exist."""
    asked = marts.definitions() if mart is None else (marts.definition(mart),)
    with database.connect(settings, database.BUILDER) as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        codes = [_code(connection, number) for number in (former, latter)]
        deliveries = tuple(publications.changes(connection, former, latter))
        held = [_held(connection, number) for number in (former, latter)]
        found = [_of_mart(connection, one, held[0].get(one.name), held[1].get(one.name), deliveries) for one in asked]
    models = [name for name in held[0] if name in held[1] and held[0][name].version != held[1][name].version]
    return Difference(former, latter, *codes, deliveries, tuple(models), tuple(filter(None, found)))


def as_text(found: Difference, shown_rows: int | None = SHOWN_ROWS) -> str:
    """The difference as lines for a terminal, with at most so many rows per mart, or all."""
    return "\n".join(_lines(found, shown_rows))


@dataclass(frozen=True)
class _Held:
    """A mart in a publication."""

    content_id: int
    version: str
    sources: list[str]


def _code(connection: Connection, publication_id: int) -> str:
    publications.require(connection, publication_id)
    return connection.execute(
        "select code_version from published.publication where publication_id = %s", [publication_id]
    ).fetchone()[0]


def _held(connection: Connection, publication_id: int) -> dict[str, _Held]:
    rows = connection.execute(
        "select mart, content_id, model_version, sources from published.publication_mart"
        " where publication_id = %s order by mart",
        [publication_id],
    ).fetchall()
    return {mart: _Held(*rest) for mart, *rest in rows}


def _of_mart(
    connection: Connection, mart: Mart, former: _Held | None, latter: _Held | None, deliveries: tuple[Change, ...]
) -> MartDifference | None:
    contents = [held.content_id if held else None for held in (former, latter)]
    if contents[0] == contents[1]:
        return None
    sources = {source for held in (former, latter) if held for source in held.sources}
    return MartDifference(
        mart.name,
        former.version if former else None,
        latter.version if latter else None,
        tuple(change for change in deliveries if change.source in sources),
        tuple(rows(connection, mart, *(_content(mart, content_id) for content_id in contents))),
    )


def _content(mart: Mart, content_id: int | None) -> sql.Composed:
    return sql.SQL("select to_jsonb(m) - 'content_id' as row from {} as m where content_id = {}").format(
        sql.Identifier("published", mart.name), content_id
    )


def rows(connection: Connection, mart: Mart, former: sql.Composable, latter: sql.Composable) -> Iterator[Row]:
    """The rows that differ, by key: rows with equal keys are the same figure.

    `former` and `latter` are queries with a column `row`: the columns of the mart as `jsonb`.
    """
    keys = sql.SQL(", ").join(sql.SQL("row -> {}").format(column) for column in mart.key)
    side = sql.SQL("(select jsonb_build_array({}) as key, row from ({}) as r)")
    # As text: numbers keep all digits, unlike floating point.
    found = connection.execute(
        sql.SQL(
            "select f.row::text, l.row::text from {} as f full join {} as l using (key)"
            " where f.row is distinct from l.row order by key"
        ).format(side.format(keys, former), side.format(keys, latter))
    )
    for texts in found:
        before, after = (json.loads(text, parse_float=Decimal) if text else None for text in texts)
        present = after or before
        values = (
            _value(column, (before or {}).get(column), (after or {}).get(column))
            for column in dict.fromkeys([*mart.columns, *(before or {}), *(after or {})])
            if column not in mart.key
        )
        yield Row(
            ADDED if before is None else REMOVED if after is None else CHANGED,
            {column: present[column] for column in mart.key},
            tuple(value for value in values if value.former != value.latter),
        )


def _value(column: str, former: Any, latter: Any) -> Value:
    numbers = [value for value in (former, latter) if isinstance(value, int | Decimal) and not isinstance(value, bool)]
    return Value(column, former, latter, Decimal(latter) - Decimal(former) if len(numbers) == 2 else None)


def _lines(found: Difference, shown_rows: int | None) -> Iterator[str]:
    yield f"publication {found.former} to publication {found.latter}"
    same = found.former_code == found.latter_code
    yield f"code: {found.former_code}" + (", the same" if same else f" -> {found.latter_code}")
    if found.models:
        yield f"models that differ, or one before them: {', '.join(found.models)}"
    yield "deliveries that differ:" if found.deliveries else "deliveries: the same"
    yield from (f"  {change}" for change in found.deliveries)
    if not found.marts:
        yield "no figure differs"
    for mart in found.marts:
        yield ""
        yield from mart_lines(mart, _cause(mart), shown_rows)


def mart_lines(mart: MartDifference, cause: str, shown_rows: int | None) -> Iterator[str]:
    """A mart's difference as lines for a terminal."""
    yield f"{mart.mart}: rows " + ", ".join(f"{state} {mart.count(state)}" for state in (CHANGED, ADDED, REMOVED))
    yield f"  due to {cause}"
    for row in mart.rows[:shown_rows]:
        yield f"  {row.state} " + " ".join(f"{column}={_text(value)}" for column, value in row.key.items())
        if row.state == CHANGED:
            yield from (f"    {_change(value)}" for value in row.values)
    if left := len(mart.rows[shown_rows:]) if shown_rows is not None else 0:
        yield f"  rows more: {left}; --mart {mart.mart} lists them"


def _cause(mart: MartDifference) -> str:
    """Causes of a mart's difference; several causes are listed together, because they cannot be separated here."""
    if mart.former_version is None or mart.latter_version is None:
        return "the mart itself, which only one of the two holds"
    causes = [str(change) for change in mart.deliveries]
    if mart.former_version != mart.latter_version:
        causes.append(f"its model or one before it ({mart.former_version} -> {mart.latter_version})")
    return "; ".join(causes) or "no delivery of its own sources and no model: to what is said of its deliveries"


def _change(value: Value) -> str:
    by = "" if value.difference is None else f"  ({value.difference:+,f})"
    return f"{value.column}: {_text(value.former)} -> {_text(value.latter)}{by}"


def _text(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f"{value:,f}" if isinstance(value, Decimal) else str(value)
    return str(value)
