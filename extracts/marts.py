"""One publication as its readers see it: schema `marts`, role bi_reader, one snapshot."""

import re
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from extracts.package import MartEntry
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings

LONGEST_TEXT = 32_000
"""Characters; a cell of a spreadsheet holds 32,767, and a longer one of a CSV file would run into the next row."""
SHORTENED = re.compile(r" … \[gekürzt, (\d+) Zeichen\]$")


@dataclass(frozen=True)
class Column:
    """A column of a mart; `kind` is one of text, integer, number, date, datetime, boolean."""

    name: str
    kind: str
    scale: int | None
    """Decimals of a numeric with a declared precision."""
    description: str


@dataclass(frozen=True)
class Mart:
    """The rows of one mart in one publication, in the order of its key."""

    entry: MartEntry
    description: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]

    @property
    def row_count(self) -> int:
        """The rows of the mart, of which `rows` may be the first."""
        return len(self.rows)

    @property
    def is_sample(self) -> bool:
        """Whether the mart has more rows than are at hand."""
        return len(self.rows) < self.row_count

    def values(self, name: str) -> list[Any]:
        """The values of column `name`, row by row; empty when the mart has no such column."""
        position = next((i for i, column in enumerate(self.columns) if column.name == name), None)
        return [] if position is None else [row[position] for row in self.rows]


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


def mart(connection: psycopg.Connection, entry: MartEntry, publication_id: int) -> Mart:
    """The mart's rows in that publication; UserError when schema `marts` does not show it."""
    view = f"{entry.name}_vintage"
    columns = _columns(connection, entry, view)
    missing = [name for name in entry.key if name not in {column.name for column in columns}]
    if missing:
        raise UserError(
            f"mart {entry.name} has no column {', '.join(missing)}, which extracts/package.yml names as its key",
            remedy="mend the key in extracts/package.yml",
        )
    query = sql.SQL("select {columns} from {view} where publication_id = %s order by {order}").format(
        columns=sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
        view=sql.Identifier(entry.schema, view),
        order=sql.SQL(", ").join(_sort_terms(columns, entry.key)),
    )
    rows = connection.execute(query, (publication_id,)).fetchall()
    description = connection.execute(
        "select coalesce(obj_description(to_regclass(%s)), obj_description(to_regclass(%s)), '')",
        (f"{entry.schema}.{entry.name}", f"{entry.schema}.{view}"),
    ).fetchone()[0]
    return Mart(entry, description, columns, tuple(tuple(map(shortened, row)) for row in rows))


def shortened(value: Any) -> Any:
    """A value that a spreadsheet's cell can hold: a longer text, from before texts had a bound, is cut with a mark."""
    if not isinstance(value, str) or len(value) <= LONGEST_TEXT:
        return value
    mark = f" … [gekürzt, {len(value)} Zeichen]"
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


def _columns(connection: psycopg.Connection, entry: MartEntry, view: str) -> tuple[Column, ...]:
    # The catalogue is read for the entry's schema alone: a relation elsewhere, even one that is
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
        where n.nspname = %(schema)s and c.relname = %(view)s and a.attnum > 0 and not a.attisdropped
        order by a.attnum
        """,
        {"schema": entry.schema, "name": entry.name, "view": view},
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
    # Collation "C": the order must not depend on the server's locale.
    by_name = {column.name: column for column in columns}
    names = [*key, *(name for name in by_name if name not in key)]
    return [
        sql.SQL('{}::text collate "C"' if by_name[name].kind == "text" else "{}").format(sql.Identifier(name))
        for name in names
    ]
