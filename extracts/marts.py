"""One publication as its readers see it: schema `marts`, role bi_reader, one snapshot."""

import re
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from extracts.model import Recipient
from extracts.package import MartEntry
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.warehouse.marts import history

LONGEST_TEXT = 32_000
"""Characters; a cell of a spreadsheet holds 32,767, and a longer one of a CSV file would run into the next row."""
SHORTENED = re.compile(r" … \[\d+/(\d+)\]$")
"""The mark of a text that was cut: how many characters a cell holds, and how many there were; in no language."""
HELD_ROWS = 20_000
"""Rows of a mart that are held in memory and written as CSV; a larger one lies whole beside it as Parquet.

Why so many: docs/decisions/large-marts.md.
"""
BLOCK_ROWS = 2_000
"""Rows that are read and written at once of a mart that is not held."""
PLACES = ("municipality_ags", "region_code", "held_by_ags", "left_municipality_ags")
"""Columns that say of which place a row is; of several in a mart the first counts."""
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Column:
    """A column of a mart; `kind` is one of text, integer, number, date, datetime, boolean."""

    name: str
    kind: str
    scale: int | None
    """Decimals of a numeric with a declared precision."""
    description: str


@dataclass(frozen=True)
class Whole:
    """All rows of a mart of which the first alone are held: asked of a reader's connection, while it is open."""

    connection: psycopg.Connection
    columns: tuple[Column, ...]
    rows: sql.Composable
    """What stands behind `from`: the view and the condition of publication and places."""
    order: sql.Composable
    values: Mapping[str, Any]
    row_count: int

    def batches(self, size: int) -> Iterator[list[Row]]:
        """The rows in the order of the key, by a cursor of the server; texts have their full length."""
        query = sql.SQL("select {} from {} order by {}").format(self._listed(), self.rows, self.order)
        with self.connection.cursor(name="mart") as cursor:
            cursor.execute(query, self.values)
            while block := cursor.fetchmany(size):
                yield block

    def distinct(self, names: Sequence[str]) -> list[Row]:
        """Each combination of values once, in an order that depends on nothing but the values."""
        listed = sql.SQL(", ").join(map(sql.Identifier, names))
        order = sql.SQL(", ").join(sql.SQL('{}::text collate "C"').format(sql.Identifier(name)) for name in names)
        query = sql.SQL("select * from (select distinct {} from {}) as found order by {}")
        return self.connection.execute(query.format(listed, self.rows, order), self.values).fetchall()

    def chosen(self, where: Mapping[str, Sequence[Any]], sort: Sequence[str], most: int) -> tuple[list[Row], int]:
        """The first rows with one of these values in each column, and how many there are; `-` in front sorts down."""
        condition = sql.SQL("").join(
            sql.SQL(" and coalesce(to_jsonb({}), 'null') = any({})").format(
                sql.Identifier(name), sql.Placeholder(f"among_{n}")
            )
            for n, name in enumerate(where)
        )
        among = {f"among_{n}": [Jsonb(value) for value in values] for n, values in enumerate(where.values())}
        kinds = {column.name: column.kind for column in self.columns}
        order = [
            sql.SQL("{} {} nulls last").format(_sorted_by(name, kinds[name]), sql.SQL("desc" if down else "asc"))
            for part in sort
            for name, down in [(part.lstrip("-"), part.startswith("-"))]
        ]
        values = {**self.values, **among}
        count = sql.SQL("select count(*) from {}{}").format(self.rows, condition)
        first = sql.SQL("select {} from {}{} order by {} limit {}").format(
            self._listed(), self.rows, condition, sql.SQL(", ").join([*order, self.order]), most
        )
        rows = [tuple(map(shortened, row)) for row in self.connection.execute(first, values)]
        return rows, self.connection.execute(count, values).fetchall()[0][0]

    def digits(self, names: Sequence[str]) -> list[tuple[int, int]]:
        """Digits before and behind the point that the numbers of these columns have at most, zeros at the end aside."""
        if not names:
            return []
        asked = [
            sql.SQL("coalesce(max(length(trunc(abs({0}))::text)), 1), coalesce(max(min_scale({0})), 0)").format(
                sql.Identifier(name)
            )
            for name in names
        ]
        query = sql.SQL("select {} from {}").format(sql.SQL(", ").join(asked), self.rows)
        (found,) = self.connection.execute(query, self.values).fetchall()
        return list(zip(found[::2], found[1::2], strict=True))

    def _listed(self) -> sql.Composed:
        return sql.SQL(", ").join(sql.Identifier(column.name) for column in self.columns)


@dataclass(frozen=True)
class Mart:
    """One mart in one publication, as far as its recipient receives it: its first rows, and a way to all."""

    entry: MartEntry
    description: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    """The first `HELD_ROWS` in the order of the key."""
    whole: Whole | None = field(default=None, compare=False, repr=False)
    """None where `rows` are all."""

    @property
    def row_count(self) -> int:
        """The rows of the mart, of which `rows` may be the first."""
        return self.whole.row_count if self.whole else len(self.rows)

    @property
    def is_sample(self) -> bool:
        """Whether the mart has more rows than are at hand."""
        return len(self.rows) < self.row_count

    def values(self, name: str) -> list[Any]:
        """The values of column `name` in `rows`; empty when the mart has no such column.

        What is said of the mart is asked by `distinct`, which knows the other rows too.
        """
        position = next((i for i, column in enumerate(self.columns) if column.name == name), None)
        return [] if position is None else [row[position] for row in self.rows]

    def distinct(self, *names: str) -> list[Row]:
        """Each combination of values in the whole mart once: those of `rows` in their order, then the others, sorted.

        Empty when the mart lacks one of the columns.
        """
        if not set(names) <= {column.name for column in self.columns}:
            return []
        found = dict.fromkeys(zip(*map(self.values, names), strict=True))
        if self.whole:
            found |= dict.fromkeys(tuple(map(shortened, row)) for row in self.whole.distinct(names))
        return list(found)

    def batches(self, size: int = BLOCK_ROWS) -> Iterator[Sequence[Row]]:
        """All rows of the mart in the order of its key, in blocks of at most so many rows.

        Of a mart that is not held they come from the connection that it was read by, which must be open still; their
        texts have the full length.
        """
        if self.whole:
            yield from self.whole.batches(size)
        else:
            yield from (self.rows[start : start + size] for start in range(0, len(self.rows), size))


@dataclass(frozen=True)
class Publication:
    """A publication: its number, its moment (UTC) and the code that made it."""

    publication_id: int
    published_at: datetime
    code_version: str


@contextmanager
def reader(settings: Settings, profile: str = "public") -> Generator[psycopg.Connection]:
    """A connection in which every statement sees the same publication: as bi_reader, of a statistics unit as it."""
    role = database.STATISTICS_OFFICE if profile == "statistics_unit" else database.BI_READER
    with database.connect(settings, role) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        # Text of moments must not depend on the server's time zone.
        connection.execute("set time zone 'UTC'")
        yield connection


def publication(connection: psycopg.Connection, publication_id: int | None) -> Publication:
    """The publication named, or the one in force; UserError when there is none."""
    row = connection.execute(
        "select publication_id, published_at, code_version from marts.publication"
        " where case when %(id)s::bigint is null then is_current else publication_id = %(id)s end",
        {"id": publication_id},
    ).fetchone()
    if row is not None:
        return Publication(*row)
    known = [r[0] for r in connection.execute("select publication_id from marts.publication order by 1")]
    if not known:
        raise UserError("nothing was published yet: there is nothing to extract", remedy="lagebild publication build")
    named = "no publication is in force" if publication_id is None else f"there is no publication {publication_id}"
    raise UserError(named, remedy=f"choose one of: {', '.join(map(str, known))}")


def mart(
    connection: psycopg.Connection, entry: MartEntry, publication_id: int, recipient: Recipient | None = None
) -> Mart:
    """The mart in that publication, of the recipient's places alone if it has any.

    UserError when schema `marts` does not show it.
    """
    view = history(entry.schema, entry.name)
    columns = _columns(connection, entry, view)
    missing = [name for name in entry.key if name not in {column.name for column in columns}]
    if missing:
        raise UserError(
            f"mart {entry.name} has no column {', '.join(missing)}, which extracts/package.yml names as its key",
            remedy="mend the key in extracts/package.yml",
        )
    relation = sql.SQL("{} where publication_id = %(publication)s{}").format(
        sql.Identifier(*view), of_places(columns, recipient)
    )
    values = {"publication": publication_id, "places": patterns(recipient)}
    order = sql.SQL(", ").join(_sort_terms(columns, entry.key))
    query = sql.SQL("select {} from {} order by {} limit {}").format(
        sql.SQL(", ").join(sql.Identifier(column.name) for column in columns), relation, order, HELD_ROWS + 1
    )
    texts: dict[str, str] = {}  # most texts recur: each is held once
    rows = tuple(
        tuple(texts.setdefault(value, value) if isinstance(value, str) else value for value in map(shortened, row))
        for row in connection.execute(query, values)
    )
    whole = None
    if len(rows) > HELD_ROWS:
        ((count,),) = connection.execute(sql.SQL("select count(*) from {}").format(relation), values).fetchall()
        rows, whole = rows[:HELD_ROWS], Whole(connection, columns, relation, order, values, count)
    description = connection.execute(
        "select coalesce(obj_description(to_regclass(%s)), obj_description(to_regclass(%s)), '')",
        (f"{entry.schema}.{entry.name}", ".".join(view)),
    ).fetchone()[0]
    return Mart(entry, description, columns, rows, whole)


def of_places(columns: Sequence[Column], recipient: Recipient | None) -> sql.Composable:
    """The further condition that a row is of a place of the recipient; its parameter `places` are `patterns`.

    Empty for a recipient of every place, and for a mart without a column of places.
    """
    names = {column.name for column in columns}
    column = next((name for name in PLACES if name in names), None)
    if column is None or not patterns(recipient):
        return sql.SQL("")
    return sql.SQL(" and {} like any (%(places)s)").format(sql.Identifier(column))


def patterns(recipient: Recipient | None) -> list[str]:
    """The recipient's places as PostgreSQL compares them."""
    return [f"{place}%" for place in recipient.places] if recipient else []


def shortened(value: Any) -> Any:
    """A value that a spreadsheet's cell can hold: a longer text, from before texts had a bound, is cut with a mark."""
    if not isinstance(value, str) or len(value) <= LONGEST_TEXT:
        return value
    mark = f" … [{LONGEST_TEXT}/{len(value)}]"
    return value[: LONGEST_TEXT - len(mark)] + mark


def sources(
    connection: psycopg.Connection, publication_id: int, names: Collection[str], profile: str = "public"
) -> list[dict[str, Any]]:
    """Mart, model version and delivery (source, period, file, SHA-256, rows), one dict each, in a stable order.

    Of the marts named. A statistics unit is told exact numbers of rows, and reads of marts that are theirs alone.
    """
    told: tuple[LiteralString, LiteralString] = ("marts", "has_rounded_rows")
    if profile == "statistics_unit":
        told = ("marts_internal", "false as has_rounded_rows")
    query = sql.SQL(
        "select mart, model_version, source, period, file_name, sha256, records, loaded, rejected, {}"
        ' from {}.publication_source where publication_id = %s and mart = any(%s) order by mart collate "C",'
        ' source collate "C", period collate "C", delivery_id'
    ).format(sql.SQL(told[1]), sql.Identifier(told[0]))
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, [publication_id, list(names)]).fetchall()


def warnings(connection: psycopg.Connection, publication_id: int) -> list[dict[str, Any]]:
    """Checks that did not pass but let the publication go, or that a person overruled."""
    return _dicts(
        connection,
        "select subject, expectation, why, observed, expected from marts.publication_warning"
        ' where publication_id = %s order by subject collate "C", expectation collate "C", observed collate "C"',
        publication_id,
    )


def acceptances(connection: psycopg.Connection, publication_id: int) -> list[dict[str, Any]]:
    """Deliveries behind the publication that a person accepted despite a finding; who it was stays in the house."""
    return _dicts(
        connection,
        "select source, period, file_name, sha256, in_spite_of, accepted_at, accepted_until, accepted_why"
        ' from marts.publication_acceptance where publication_id = %s order by source collate "C", period collate "C",'
        " delivery_id",
        publication_id,
    )


def _dicts(connection: psycopg.Connection, query: str, *parameters: Any) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def _columns(connection: psycopg.Connection, entry: MartEntry, view: tuple[str, str]) -> tuple[Column, ...]:
    # The catalogue is read for the view's schema alone: a relation elsewhere, even one that is
    # readable, is as if it did not exist.
    rows = connection.execute(
        """
        select
            a.attname,
            t.typname,
            case when t.typname = 'numeric' and a.atttypmod >= 4 then (a.atttypmod - 4) & 65535 end,
            coalesce(
                col_description(a.attrelid, a.attnum),
                (
                    select col_description(p.attrelid, p.attnum)
                    from pg_attribute as p
                    where p.attrelid = to_regclass(format('%%I.%%I', %(schema)s::text, %(name)s::text))
                        and p.attname = a.attname
                ),
                ''
            )
        from pg_attribute as a
        inner join pg_class as c on a.attrelid = c.oid
        inner join pg_namespace as n on c.relnamespace = n.oid
        inner join pg_type as t on a.atttypid = t.oid
        where n.nspname = %(view_schema)s and c.relname = %(view)s and a.attnum > 0 and not a.attisdropped
        order by a.attnum
        """,
        {"schema": entry.schema, "name": entry.name, "view_schema": view[0], "view": view[1]},
    ).fetchall()
    if not rows:
        raise UserError(
            f"{entry.name} is not a mart of schema {entry.schema}, so it is not released",
            remedy="name in extracts/package.yml only marts that BI readers may see",
        )
    return tuple(Column(attname, _kind(typname), scale, text) for attname, typname, scale, text in rows)


def _kind(typname: str) -> str:
    kinds = {
        "int2": "integer", "int4": "integer", "int8": "integer",
        "numeric": "number", "float4": "number", "float8": "number",
        "date": "date", "timestamp": "datetime", "timestamptz": "datetime", "bool": "boolean",
    }  # fmt: skip
    return kinds.get(typname, "text")


def _sort_terms(columns: tuple[Column, ...], key: tuple[str, ...]) -> list[sql.Composable]:
    # The key orders for the reader; the other columns make the order total, whatever the key.
    kinds = {column.name: column.kind for column in columns}
    return [_sorted_by(name, kinds[name]) for name in [*key, *(name for name in kinds if name not in key)]]


def _sorted_by(name: str, kind: str) -> sql.Composable:
    # Collation "C": the order must not depend on the server's locale.
    return sql.SQL('{}::text collate "C"' if kind == "text" else "{}").format(sql.Identifier(name))
