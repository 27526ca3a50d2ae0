"""What a BI tool must know of a mart before it joins or adds: grain, key, references, which figures may be added.

The definitions are the marts' own: key and descriptions in the YAML of the models, the grain in the first line of their
SQL, references and what may be added in `dbt_project/texts/relations.yml`, headings and German beside it. `sync` writes
them to `marts.relation` and `marts.column_text`; the pages in `docs/marts/` and the data descriptor say the same.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from lagebild.core import yaml_files
from lagebild.core.settings import DBT_PROJECT
from lagebild.warehouse import descriptions, marts
from lagebild.warehouse.marts import Mart

RELATIONS = descriptions.TEXTS / "relations.yml"
_GRAIN = re.compile(r"\A-- grain: (.*(?:\n--(?! *\n).*)*)")
NO_GRAIN = "one row per key"
"""Where the head of a model does not say it."""
PUBLICATION = "Publication this row belongs to."


@dataclass(frozen=True)
class Reference:
    """Columns whose values are found in columns of a mart; where none of them has a value, nothing is."""

    columns: tuple[str, ...]
    mart: str
    to: tuple[str, ...]


@dataclass(frozen=True)
class Additive:
    """The columns of the key over which a figure may be added, the others held at one value, and where."""

    over: tuple[str, ...]
    where: str | None = None
    """A column that must be true in the rows that are added."""


@dataclass(frozen=True)
class Relation:
    """What `relations.yml` says of a mart."""

    references: tuple[Reference, ...] = ()
    additive: tuple[tuple[str, Additive], ...] = ()


def of(mart: str) -> Relation:
    """The references of a mart, and what may be added; empty where nothing is said."""
    said = _relations().get(mart, {})
    references = tuple(
        Reference(tuple(one["columns"]), one["mart"], tuple(one["to"])) for one in said.get("references", ())
    )
    additive = tuple(
        (figure, Additive(tuple(one["over"]), one.get("where"))) for figure, one in said.get("additive", {}).items()
    )
    return Relation(references, additive)


@cache
def grain(mart: str) -> str:
    """What one row of a mart is, such as "one row per municipality, year and method"; from the head of its model."""
    found = [
        _GRAIN.match(model.read_text(encoding="utf-8"))
        for model in (DBT_PROJECT / "models" / "marts").rglob(f"{mart}.sql")
    ]
    text = re.sub(r"\s*\n-- *", " ", found[0][1]) if found and found[0] else NO_GRAIN
    return text.split(".")[0].strip()


def columns(mart: Mart) -> dict[str, tuple[str, str]]:
    """The columns of a mart's view (name -> type, English description), the two beside the model last."""
    return mart.columns | {"publication_id": ("bigint", PUBLICATION), marts.AGE: ("integer", marts.AGE_MEANS)}


def relation_rows() -> Iterator[dict[str, Any]]:
    """One row per mart of schema `marts`, as in the view `marts.relation`."""
    for mart in _public():
        said = of(mart.name)
        yield {
            "relation": mart.name,
            "grain": grain(mart.name),
            "key_columns": list(mart.key),
            "joins": Jsonb([vars(one) for one in said.references]),
            "additive": Jsonb({name: vars(one) for name, one in said.additive}),
            "description_de": descriptions.of_mart(mart.name, mart.description, "de"),
            "description_en": descriptions.of_mart(mart.name, mart.description, "en"),
        }


def column_rows() -> Iterator[dict[str, Any]]:
    """One row per column of a mart of schema `marts`, as in the view `marts.column_text`."""
    for mart in _public():
        additive = dict(of(mart.name).additive)
        for number, (name, (data_type, english)) in enumerate(columns(mart).items(), 1):
            added = additive.get(name)
            yield {
                "relation": mart.name,
                "column_name": name,
                "column_order": number,
                "data_type": data_type,
                "is_key": name in mart.key,
                "unit": (descriptions.unit_of(name) or None) if data_type != "text" else None,
                "additive_over": list(added.over) if added else [],
                "additive_where": added.where if added else None,
                "label_de": descriptions.label(name, "de") or name,
                "label_en": descriptions.label(name, "en") or name,
                "description_de": descriptions.of_column(mart.name, name, english, "de"),
                "description_en": descriptions.of_column(mart.name, name, english, "en"),
            }


def sync(connection: Connection) -> None:
    """Write both tables anew from the definitions. Readers see the former rows until the transaction ends."""
    for table, rows in (("mart_relation", relation_rows()), ("mart_column", column_rows())):
        told = list(rows)
        names = list(told[0])
        target = sql.Identifier("published", table)
        insert = sql.SQL("insert into {} ({}) values ({})").format(
            target,
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join(map(sql.Placeholder, names)),
        )
        connection.execute(sql.SQL("delete from {}").format(target))
        with connection.cursor() as cursor:
            cursor.executemany(insert, told)


def _public() -> Iterator[Mart]:
    return (mart for mart in marts.definitions() if mart.schema == "marts")


@cache
def _relations() -> dict[str, Any]:
    return yaml_files.read(RELATIONS) or {}
