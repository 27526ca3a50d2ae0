"""The marts as dbt declares them, and the published tables and views made from that.

The YAML files below `dbt_project/models/marts/` define each mart's columns, types and descriptions. From them come
`published.<mart>` (each distinct content once), `marts.<mart>` (the current publication) and `marts_history.<mart>`
(all publications; `marts.<mart>_vintage` is its old name, for one version). Readers of both see publications with
protected figures only; earlier ones are in `marts_internal.<mart>_unprotected`. What is for the statistics office alone
stands in `marts_internal`, as `<mart>` and `<mart>_vintage`.
"""

import re
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

from psycopg import Connection, sql

from lagebild.core import yaml_files
from lagebild.core.database import BI_READER, BUILDER, STATISTICS_OFFICE
from lagebild.core.errors import UserError, did_you_mean
from lagebild.core.settings import DBT_PROJECT
from lagebild.warehouse import locks

PUBLIC, HISTORY, INTERNAL = "marts", "marts_history", "marts_internal"
AUDIENCES = {PUBLIC: (BI_READER, STATISTICS_OFFICE, BUILDER), INTERNAL: (STATISTICS_OFFICE, BUILDER)}
SENSITIVITY = "sensitivity_"
AGE = "input_age_days"
"""Column of all views that is not part of the content: an unchanged mart is referenced again."""
AGE_MEANS = (
    "Full days between publication and receipt of the newest delivery of the source behind this mart that has been"
    " silent longest. Fixed at publication; marts.publication_source has it for each source and period."
)
_EVERY = " Every publication; filter on publication_id."
# dbt's doc blocks: texts shared by several columns.
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


@dataclass(frozen=True)
class _View:
    """A view of a mart: where it is, which publications it shows, and what its comment says beside the mart's."""

    schema: str
    name: str
    shows: Literal["current", "every", "unprotected"]
    note: str = ""

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    @property
    def text(self) -> str:
        """The name as a message and `to_regclass` have it."""
        return f'{self.schema}."{self.name}"'


@cache
def definitions(models: Path = DBT_PROJECT / "models") -> tuple[Mart, ...]:
    """Every mart, sorted by name."""
    docs = {name: text for file in models.rglob("*.md") for name, text in _DOC_BLOCK.findall(file.read_text())}
    files = sorted((models / "marts").rglob("*.yml"))
    entries = [entry for file in files for entry in (yaml_files.read(file) or {}).get("models", [])]
    return tuple(sorted((_mart(entry, docs) for entry in entries), key=lambda mart: mart.name))


def definition(name: str) -> Mart:
    """The mart called `name`."""
    for mart in definitions():
        if mart.name == name:
            return mart
    known = [mart.name for mart in definitions()]
    remedy = f"{did_you_mean(name, known)}one of: {', '.join(known)}"
    raise UserError(f"there is no mart {name!r}", remedy=remedy)


def history(schema: str, mart: str) -> tuple[str, str]:
    """Schema and name of the view of a mart that has every publication."""
    return (HISTORY, mart) if schema == PUBLIC else (schema, f"{mart}_vintage")


def declared_columns(connection: Connection) -> dict[str, dict[str, str]]:
    """Mart -> the columns that its model declares, with PostgreSQL's own names of their types."""
    return {mart.name: _declared_columns(connection, mart) for mart in definitions()}


def check(connection: Connection, declared: dict[str, dict[str, str]]) -> None:
    """Refuse changes that break readers: a removed, renamed or retyped column; views whose mart was removed.

    Such views would be empty or open to the wrong audience.
    """
    published = _published_columns(connection)
    for mart in definitions():
        _refuse_broken(mart, published.get(mart.name, {}), declared[mart.name])
    known = [[mart.schema, mart.name] for mart in definitions()]
    gone = connection.execute(
        "select v.schemaname || '.' || v.viewname, v.viewname from pg_views as v"
        " inner join pg_attribute as a on a.attrelid = to_regclass(format('published.%%I', v.viewname))"
        " where v.schemaname = any(%s) and a.attname = 'content_id'"
        " and not exists (select 1 from unnest(%s::text[], %s::text[]) as d (schema, mart)"
        " where d.schema = v.schemaname and d.mart = v.viewname) order by 1",
        [list(AUDIENCES), *map(list, zip(*known, strict=True))],
    ).fetchone()
    if gone:
        view, name = gone
        raise UserError(
            f"{view} is there for its readers, and no model declares it any more",
            remedy=f"keep the model of {name}; when its readers have moved, a new migration drops {view},"
            f" {view}_vintage and {HISTORY}.{name} (published.{name} stays: what was published can be reread)",
        )


def restore_views(connection: Connection) -> None:
    """Recreate views that a migration in this transaction dropped with one of their columns."""
    published = _published_columns(connection)
    there = set(connection.execute("select schemaname, viewname from pg_views").fetchall())
    for mart in definitions():
        for view in _views(connection, mart) if mart.name in published else ():
            if (view.schema, view.name) not in there:
                _replace_view(connection, mart, list(published[mart.name]), view)


def require_synced(connection: Connection) -> None:
    """UserError unless the published tables have every column that the marts' models declare."""
    published = _published_columns(connection)
    missing = [
        f"{mart.name}.{column}"
        for mart in definitions()
        for column in mart.columns
        if column not in published.get(mart.name, {})
    ]
    if missing:
        raise UserError(
            f"the warehouse cannot publish what these models give: {', '.join(missing)}",
            remedy="lagebild warehouse migrate adds the columns; then lagebild publication build",
        )


def sync(connection: Connection, mart: Mart) -> None:
    """Make or widen the published table and its views; refuse a column that is gone or of another type.

    Changes that could block readers run in separate transactions with one lock each, and only if needed.
    """
    there = _published_columns(connection).get(mart.name, {})
    _refuse_broken(mart, there, _declared_columns(connection, mart))
    table = sql.Identifier("published", mart.name)
    if not there:
        create = sql.SQL(
            "create table if not exists {} (content_id bigint not null references published.content on delete cascade)"
        )
        index = sql.SQL("create index if not exists {} on {} (content_id)").format(
            sql.Identifier(f"{mart.name}_content_id"), table
        )
        grant = sql.SQL("grant select, insert on {} to {}").format(table, sql.Identifier(BUILDER))
        with connection.transaction():
            for statement in (create.format(table), index, grant):
                connection.execute(statement)
    added = [
        sql.SQL("add column {} {}").format(sql.Identifier(name), sql.SQL(data_type))
        for name, (data_type, _) in mart.columns.items()
        if name not in there
    ]
    if added:
        widen = sql.SQL("alter table {} {}").format(table, sql.SQL(", ").join(added))
        locks.patiently(connection, partial(connection.execute, widen), f"published.{mart.name}")
    columns = list(_published_columns(connection)[mart.name])
    for view in _views(connection, mart):
        if not _is_view_of(connection, view.text, _query(connection, mart, columns, view)):
            replace = partial(_replace_view, connection, mart, columns, view)
            locks.patiently(connection, replace, view.text)
        _describe(connection, mart, view)


def _refuse_broken(mart: Mart, existing: dict[str, str], declared: dict[str, str]) -> None:
    broken = sorted(
        f"{column} was {existing[column]}" for column in existing if existing[column] != declared.get(column)
    )
    if broken:
        raise UserError(
            f"mart {mart.name}: {', '.join(broken)}",
            remedy="nothing was changed. A removed, renamed or retyped column is a new mart version: keep the old model"
            f" and add one named {mart.name}_v2, with a table and a view of its own",
        )


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
    declared = [
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(data_type))
        for name, (data_type, _) in mart.columns.items()
    ]
    with connection.transaction(force_rollback=True):
        connection.execute(sql.SQL("create temporary table declared ({})").format(sql.SQL(", ").join(declared)))
        return _columns(connection, "pg_my_temp_schema()")["declared"]


def _published_columns(connection: Connection) -> dict[str, dict[str, str]]:
    """Table of schema `published` -> its columns in their order, with their types, without the content's number."""
    return _columns(connection, "to_regnamespace('published')")


def _columns(connection: Connection, schema: str) -> dict[str, dict[str, str]]:
    rows = connection.execute(
        "select c.relname, a.attname, format_type(a.atttypid, a.atttypmod) from pg_class as c"
        f" inner join pg_attribute as a on c.oid = a.attrelid where c.relnamespace = {schema} and c.relkind = 'r'"
        " and a.attnum > 0 and not a.attisdropped and a.attname <> 'content_id' order by c.relname, a.attnum"
    )
    found: dict[str, dict[str, str]] = {}
    for table, column, data_type in rows:
        found.setdefault(table, {})[column] = data_type
    return found


def _views(connection: Connection, mart: Mart) -> list[_View]:
    """The views of a mart; one for unprotected figures if something was published before the protection."""
    current = _View(mart.schema, mart.name, "current")
    every = _View(*history(mart.schema, mart.name), "every", _EVERY)
    if mart.schema == INTERNAL:
        return [current, every]
    old = f"{_EVERY} Old name of {HISTORY}.{mart.name}, which goes with the next version."
    views = [current, every, _View(PUBLIC, f"{mart.name}_vintage", "every", old)]
    (has_unprotected,) = connection.execute(
        "select exists (select from published.publication where not is_protected)"
    ).fetchone()
    if has_unprotected:
        note = " Publications from before figures were protected: for the statistics office alone."
        views.append(_View(INTERNAL, f"{mart.name}_unprotected", "unprotected", note))
    return views


def _query(connection: Connection, mart: Mart, columns: list[str], view: _View) -> sql.Composed:
    """What a view shows: the publication in force, or every one that its readers see.

    Which contents are shown is settled first, then their rows are read, content by content: `offset 0` keeps a reader's
    conditions outside of both, so that neither an error of theirs nor a plan tells of contents that are not shown.
    """
    current = sql.SQL("inner join published.current_publication as c on p.publication_id = c.publication_id ")
    made = sql.SQL("inner join published.publication as g on p.publication_id = g.publication_id and {}g.is_protected ")
    is_public = mart.schema == PUBLIC
    seen = made.format(sql.SQL("not " if view.shows == "unprotected" else "")) if is_public else sql.SQL("")
    shown = {"publication_id": sql.Identifier("p", "publication_id")}
    shown |= {column: sql.Identifier("m", column) for column in columns}
    shown |= {AGE: sql.Identifier("p", AGE)}
    # PostgreSQL replaces a view only if new columns come after the existing ones.
    known = connection.execute(
        "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 order by attnum",
        [view.text],
    ).fetchall()
    order = dict.fromkeys([*(column for (column,) in known), *shown])
    return sql.SQL(
        "select {} from (select p.* from published.publication_mart as p {}{}where p.mart = {} offset 0) as p"
        " cross join lateral (select * from {} as t where t.content_id = p.content_id offset 0) as m"
    ).format(
        sql.SQL(", ").join(shown[column] for column in order),
        seen,
        current if view.shows == "current" else sql.SQL(""),
        mart.name,
        sql.Identifier("published", mart.name),
    )


def _replace_view(connection: Connection, mart: Mart, columns: list[str], view: _View) -> None:
    query = _query(connection, mart, columns, view)
    connection.execute(
        sql.SQL("create or replace view {} with (security_barrier) as {}").format(view.identifier, query)
    )
    audience = AUDIENCES[INTERNAL if view.schema == INTERNAL else PUBLIC]
    readers = sql.SQL(", ").join(map(sql.Identifier, audience))
    connection.execute(sql.SQL("grant select on {} to {}").format(view.identifier, readers))


def _describe(connection: Connection, mart: Mart, view: _View) -> None:
    comments = {
        "": mart.description + view.note,
        "publication_id": "Publication this row belongs to.",
        AGE: AGE_MEANS,
    }
    comments |= {column: description for column, (_, description) in mart.columns.items()}
    there = _comments(connection, view.text)
    with connection.transaction():
        for column, text in comments.items():
            if there.get(column) != text:
                target = sql.SQL("column {}.{}").format(view.identifier, sql.Identifier(column))
                target = target if column else sql.SQL("view {}").format(view.identifier)
                connection.execute(sql.SQL("comment on {} is {}").format(target, text))


def _is_view_of(connection: Connection, name: str, query: sql.Composed) -> bool:
    """Whether the view exists with exactly this definition, compared in PostgreSQL's own wording."""
    with connection.transaction(force_rollback=True):
        connection.execute(sql.SQL("create temporary view wanted as {}").format(query))
        (is_same,) = connection.execute(
            "select coalesce(pg_get_viewdef('pg_temp.wanted'::regclass) = pg_get_viewdef(to_regclass(%s)), false)",
            [name],
        ).fetchone()
    return is_same


def _comments(connection: Connection, name: str) -> dict[str, str]:
    """Column -> its comment; the relation's own under the empty name."""
    rows = connection.execute(
        "select coalesce(a.attname, ''), d.description from pg_description as d"
        " left join pg_attribute as a on d.objoid = a.attrelid and d.objsubid = a.attnum and d.objsubid > 0"
        " where d.classoid = 'pg_class'::regclass and d.objoid = to_regclass(%s)",
        [name],
    ).fetchall()
    return dict(rows)
