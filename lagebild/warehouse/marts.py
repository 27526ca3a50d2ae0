"""The marts as dbt declares them, and the published tables and views made from that.

The YAML files below `dbt_project/models/marts/` are the only place where a mart's columns,
types and descriptions stand. From them come `published.<mart>` (each distinct content once),
`<schema>.<mart>` (the publication in force) and `<schema>.<mart>_vintage` (every publication).
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from psycopg import Connection, sql

from lagebild.database import BI_READER, BUILDER, STATISTICS_OFFICE
from lagebild.errors import UserError
from lagebild.settings import DBT_PROJECT

AUDIENCES = {"marts": (BI_READER, STATISTICS_OFFICE, BUILDER), "marts_internal": (STATISTICS_OFFICE, BUILDER)}
SENSITIVITY = "sensitivity_"
# dbt's doc blocks: texts that several columns share are written once and called by name.
_DOC_BLOCK = re.compile(r"{% docs (\w+) %}(.*?){% enddocs %}", re.DOTALL)
_DOC_CALL = re.compile(r"""{{ *doc\(["'](\w+)["']\) *}}""")


@dataclass(frozen=True)
class Mart:
    """A mart: name, schema that its readers find it in, columns (name -> type, description), key columns."""

    name: str
    schema: str
    description: str
    columns: dict[str, tuple[str, str]]
    meta: dict[str, Any]
    key: tuple[str, ...]


@cache
def definitions(models: Path = DBT_PROJECT / "models") -> tuple[Mart, ...]:
    """Every mart, sorted by name."""
    docs = {name: text for file in models.rglob("*.md") for name, text in _DOC_BLOCK.findall(file.read_text())}
    files = sorted((models / "marts").rglob("*.yml"))
    entries = [entry for file in files for entry in (yaml.safe_load(file.read_text()) or {}).get("models", [])]
    return tuple(sorted((_mart(entry, docs) for entry in entries), key=lambda mart: mart.name))


def definition(name: str) -> Mart:
    """The mart called `name`."""
    for mart in definitions():
        if mart.name == name:
            return mart
    raise UserError(f"there is no mart {name!r}", remedy=f"one of: {', '.join(m.name for m in definitions())}")


def sync(connection: Connection, mart: Mart) -> None:
    """Make or widen the published table and its two views; refuse a changed type or a lost column."""
    table = sql.Identifier("published", mart.name)
    connection.execute(
        sql.SQL(
            "create table if not exists {} (content_id bigint not null references published.content on delete cascade)"
        ).format(table)
    )
    connection.execute(
        sql.SQL("create index if not exists {} on {} (content_id)").format(
            sql.Identifier(f"{mart.name}_content_id"), table
        )
    )
    relation = f'published."{mart.name}"'
    wanted, existing = _declared_columns(connection, mart), _columns(connection, relation)
    lost, changed = set(existing) - set(wanted), {c for c in existing if c in wanted and existing[c] != wanted[c]}
    if lost or changed:
        raise UserError(
            f"mart {mart.name}: " + ", ".join(sorted(f"{column} was {existing[column]}" for column in lost | changed)),
            remedy=f"a breaking change is a new mart version: keep the old model and add one named {mart.name}_v2",
        )
    for name in wanted:
        if name not in existing:
            connection.execute(
                sql.SQL("alter table {} add column {} {}").format(table, sql.Identifier(name), sql.SQL(wanted[name]))
            )
    columns = list(_columns(connection, relation))
    for suffix, is_current in (("", True), ("_vintage", False)):
        _sync_view(connection, mart, columns, suffix, is_current)
    connection.execute(sql.SQL("grant select, insert on {} to {}").format(table, sql.Identifier(BUILDER)))


def _mart(entry: dict[str, Any], docs: dict[str, str]) -> Mart:
    def text(description: str) -> str:
        return " ".join(_DOC_CALL.sub(lambda call: docs[call[1]], description).split())

    meta = {**entry.get("meta", {}), **entry.get("config", {}).get("meta", {})}
    schema = meta.get("audience", "marts")
    if schema not in AUDIENCES:
        raise UserError(f"mart {entry['name']}: audience {schema!r} is none of {', '.join(AUDIENCES)}")
    if entry["name"].startswith(SENSITIVITY) and schema != "marts_internal":
        raise UserError(
            f"mart {entry['name']}: a sensitivity is a figure that nobody measured and is never released",
            remedy="set its audience to marts_internal",
        )
    columns = {c["name"]: (c["data_type"], text(c["description"])) for c in entry["columns"]}
    keys = [t["unique_combination"]["arguments"] for t in entry.get("data_tests", ()) if "unique_combination" in t]
    if len(keys) != 1:
        raise UserError(
            f"mart {entry['name']}: its key is not declared", remedy="give it one data test unique_combination"
        )
    return Mart(entry["name"], schema, text(entry["description"]), columns, meta, tuple(keys[0]["columns"]))


def _declared_columns(connection: Connection, mart: Mart) -> dict[str, str]:
    """The mart's columns with the type names that PostgreSQL itself uses: `int` equals `integer`."""
    shape = f"declared_{mart.name}"
    declared = [
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(data_type))
        for name, (data_type, _) in mart.columns.items()
    ]
    connection.execute(
        sql.SQL("create temporary table {} ({})").format(sql.Identifier(shape), sql.SQL(", ").join(declared))
    )
    columns = _columns(connection, f'pg_temp."{shape}"')
    connection.execute(sql.SQL("drop table {}").format(sql.Identifier("pg_temp", shape)))
    return columns


def _columns(connection: Connection, relation: str) -> dict[str, str]:
    rows = connection.execute(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute"
        " where attrelid = %s::regclass and attnum > 0 and not attisdropped and attname <> 'content_id'"
        " order by attnum",
        [relation],
    ).fetchall()
    return dict(rows)


def _sync_view(connection: Connection, mart: Mart, columns: list[str], suffix: str, is_current: bool) -> None:
    view = sql.Identifier(mart.schema, mart.name + suffix)
    current = sql.SQL("inner join published.current_publication as c on p.publication_id = c.publication_id ")
    connection.execute(
        sql.SQL(
            "create or replace view {} as select p.publication_id, {} from published.publication_mart as p "
            "{}inner join {} as m on p.content_id = m.content_id where p.mart = {}"
        ).format(
            view,
            sql.SQL(", ").join(sql.Identifier("m", column) for column in columns),
            current if is_current else sql.SQL(""),
            sql.Identifier("published", mart.name),
            mart.name,
        )
    )
    vintage = "" if is_current else " Every publication; filter on publication_id."
    connection.execute(sql.SQL("comment on view {} is {}").format(view, mart.description + vintage))
    comments = {name: description for name, (_, description) in mart.columns.items()}
    for name, text in {"publication_id": "Publication this row belongs to.", **comments}.items():
        connection.execute(sql.SQL("comment on column {}.{} is {}").format(view, sql.Identifier(name), text))
    for role in AUDIENCES[mart.schema]:
        connection.execute(sql.SQL("grant select on {} to {}").format(view, sql.Identifier(role)))
