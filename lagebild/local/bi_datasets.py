"""What a BI tool is told of each mart: columns, types, labels, units, number formats, descriptions: `bi/datasets/`.

    python -m lagebild.local.bi_datasets            write the files from schema `marts` (the stack must run)

They follow from the warehouse's own comments and from the labels of the packages. A test holds that they are fresh.
"""

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from extracts import marts, package, texts
from extracts.model import Language
from lagebild.core import atomic_files, yaml_files
from lagebild.core.errors import UserError
from lagebild.core.settings import ROOT
from lagebild.warehouse.descriptions import unit_of

FOLDER = ROOT / "bi" / "datasets"
LANGUAGES: tuple[Language, ...] = ("de", "en")
TITLES = {
    "official_statistic": {"de": "Amtliche Statistik", "en": "Official statistics"},
    "foreign_population": {"de": "Ausländische Bevölkerung", "en": "Foreign population"},
    "protection_status": {"de": "Schutzstatus", "en": "Protection status"},
}
"""Of the marts that no package holds, and so extracts/package.yml names none."""
FORMATS = {
    "_eur": ",.2f", "_pct": ",.1f", "_persons": ",.0f", "_days": ",.0f", "_points": ",.1f", "_cases": ",.0f",
    "persons_low": ",.0f", "persons_high": ",.0f", "persons": ",.0f", "_count": ",.0f", "per_100_inhabitants": ",.2f",
    "_rounded_eur": ",.0f",
}  # fmt: skip
"""Number format by the end of a column's name; the longest end counts."""
NUMBERS = ("numeric", "bigint", "integer")


@dataclass(frozen=True)
class Dataset:
    """A mart as its file in `bi/datasets` describes it."""

    mart: str
    title: dict[str, str]
    description: str
    columns: tuple[dict[str, Any], ...]
    """name, type, de, en, and where there are any unit, format, description."""

    @property
    def names(self) -> frozenset[str]:
        return frozenset(column["name"] for column in self.columns)


def found(connection: psycopg.Connection) -> dict[str, dict[str, Any]]:
    """What the file of each mart has to hold, by mart; `connection` may read schema `marts`."""
    titles = {entry.name: dict(entry.title) for entry in package.load().marts} | TITLES
    query = """
        select c.table_name, c.column_name, c.data_type,
            col_description(to_regclass('marts.' || c.table_name), c.ordinal_position::int)
        from information_schema.columns as c
        where c.table_schema = 'marts' and c.table_name = any(%s)
        -- a warehouse that was upgraded has its newest columns behind the age, a new one before it
        order by c.table_name, c.column_name = 'input_age_days', c.ordinal_position
    """
    columns: dict[str, list[dict[str, Any]]] = {}
    for mart, name, kind, comment in connection.execute(query, (list(titles),)):
        columns.setdefault(mart, []).append(_column(name, kind, comment))
    about = connection.execute(
        "select name, coalesce(obj_description(to_regclass('marts.' || name)), '') from unnest(%s::text[]) as name",
        (list(columns),),
    )
    descriptions = {name: " ".join(text.split()) for name, text in about}
    return {
        mart: {"mart": mart, "title": titles[mart], "description": descriptions[mart], "columns": columns[mart]}
        for mart in sorted(columns)
    }


def _column(name: str, kind: str, comment: str | None) -> dict[str, Any]:
    told: dict[str, Any] = {"name": name, "type": kind}
    told |= {language: _label(name, language) for language in LANGUAGES}
    ends = [end for end in FORMATS if name.endswith(end)]
    if kind in NUMBERS and ends:
        unit = unit_of(name)
        told |= {"unit": unit} if unit else {}
        told["format"] = FORMATS[max(ends, key=len)]
    elif kind == "numeric":
        told["format"] = ",.2~f"  # else Superset writes 20k
    return told | ({"description": " ".join(comment.split())} if comment else {})


def _label(name: str, language: Language) -> str:
    label = texts.Texts(language).label(name)
    return name.replace("_", " ").capitalize() if label == name else label


def text(content: dict[str, Any]) -> str:
    """The file of a mart."""
    import yaml

    head = "# Written by `python -m lagebild.local.bi_datasets` from the comments of schema marts and the labels.\n"
    return head + yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=118)


def stale(connection: psycopg.Connection) -> list[str]:
    """Names of the files that are missing, differ from the warehouse, or describe a mart that is no more."""
    wanted = {f"{mart}.yml": text(content) for mart, content in found(connection).items()}
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yml")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


@cache
def load(mart: str) -> Dataset:
    """The dataset of a mart; UserError if there is no file of it."""
    path: Path = FOLDER / f"{mart}.yml"
    if not path.exists():
        known = ", ".join(sorted(one.stem for one in FOLDER.glob("*.yml")))
        raise UserError(f"bi/datasets has no mart {mart!r}", remedy=f"one of: {known}")
    content = yaml_files.read(path)
    return Dataset(mart, content["title"], content["description"], tuple(content["columns"]))


def main() -> int:
    """Write all files."""
    from lagebild.core import settings

    with marts.reader(settings.load()) as connection:
        for mart, content in found(connection).items():
            atomic_files.write(FOLDER / f"{mart}.yml", text(content))
        for name in stale(connection):
            (FOLDER / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
