"""The data dictionary: a page a mart, an index by area and a diagram, in `docs/marts/`; needs no running stack.

    python -m lagebild.local.mart_pages            write the pages

They follow from the models' YAML and SQL, `dbt_project/texts/` and the codes of the packages. A test holds that they
are fresh.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from extracts import codes, package
from extracts.texts import LANGUAGES
from lagebild.core import atomic_files
from lagebild.core.settings import DBT_PROJECT, ROOT
from lagebild.local.bi_datasets import TITLES
from lagebild.warehouse import descriptions, marts, relations
from lagebild.warehouse.marts import Mart

FOLDER = ROOT / "docs" / "marts"
INDEX = "README.md"
AREAS = {
    "cost": "Cost",
    "population": "Population",
    "foreigners": "Foreign population",
    "status": "Status and naturalisation",
    "city_district": "City districts",
    "labour": "Work and minimum income",
    "education": "Education",
    "profile": "Municipalities",
    "funding": "Funding",
    "programme": "Programmes",
    "survey": "Surveys and claims",
    "indicator": "Indicators",
    "statistics": "Official statistics",
    "territory": "Series on one territory",
    "provenance": "Where figures come from",
}
"""Folders of the models in the order of the index; others follow by their name."""
MOST_CODES = 12
"""A longer list of codes is left to `daten/codes.csv` of a package."""
_HEAD = "<!-- Written by `make mart-pages` from the models' YAML, dbt_project/texts/ and the codes of packages. -->\n\n"


def pages() -> dict[str, str]:
    """Every page by its file name."""
    public = [mart for mart in marts.definitions() if mart.schema == "marts"]
    return {INDEX: _HEAD + _index(public)} | {f"{mart.name}.md": _HEAD + _page(mart, public) for mart in public}


def stale(folder: Path = FOLDER) -> list[str]:
    """Names of the files that are missing, differ from the definitions, or are of a mart that is no more."""
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    wanted = pages()
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def _index(public: list[Mart]) -> str:
    lines = [
        "# The marts",
        "",
        "What a BI tool finds in schema `marts`: one view a mart with the publication in force; schema `marts_history`"
        " has every publication under the same names (filter on `publication_id`). The same texts can be read by"
        " SQL: `marts.relation` (grain, key, joins, what may be added) and `marts.column_text` (headings, units and"
        " descriptions, in German and English). Numbers are `numeric`, `bigint` or `integer`; a protected or missing"
        " figure is NULL, and a column beside it says why. How to connect: [tools](../tools/README.md).",
        "",
        "A figure that no page calls additive may be added over nothing: rates, shares, ends of intervals, counts of"
        " one day over days, and counts beside which their total stands (sex `all`, nationality `ALL`).",
    ]
    for area in sorted({_area(mart) for mart in public}, key=_place):
        lines += [
            "",
            f"## {AREAS.get(area, area.replace('_', ' ').capitalize())}",
            "",
            "| mart | German | English | one row |",
        ]
        lines += ["|---|---|---|---|"]
        for mart in public:
            if _area(mart) == area:
                title = _title(mart.name)
                grain = relations.grain(mart.name).removeprefix("one row ")
                lines.append(f"| [`{mart.name}`]({mart.name}.md) | {title['de']} | {title['en']} | {_cell(grain)} |")
    lines += ["", "## How they are joined", "", *_diagram(public), ""]
    lines += [
        "Keys alone are drawn. Marts with a place can be joined by it (`region_code` and `municipality_ags` are"
        " official keys as text, leading zeros kept) and by date or year; the diagram has only references whose every"
        " value is found.",
    ]
    return "\n".join(lines) + "\n"


def _diagram(public: list[Mart]) -> Iterator[str]:
    """An entity-relationship diagram in Mermaid, which GitHub and GitLab draw."""
    joined = [(mart, one) for mart in public for one in relations.of(mart.name).references]
    shown = {mart.name for mart, _ in joined} | {one.mart for _, one in joined}
    yield from ("```mermaid", "erDiagram")
    for mart in public:
        if mart.name in shown:
            yield f"    {mart.name} {{"
            for name in mart.key:
                kind = re.sub(r"\W", "_", mart.columns[name][0])
                yield f"        {kind} {name} PK"
            yield "    }"
    for mart, one in joined:
        yield f'    {one.mart} |o--o{{ {mart.name} : "{", ".join(one.columns)}"'
    yield "```"


def _page(mart: Mart, public: list[Mart]) -> str:
    title, said = _title(mart.name), relations.of(mart.name)
    lines = [
        f"# `{mart.name}`",
        "",
        f"**{title['de']}.** {descriptions.of_mart(mart.name, mart.description, 'de')}",
        "",
        f"**{title['en']}.** {descriptions.of_mart(mart.name, mart.description, 'en')}",
        "",
        f"- One row: {relations.grain(mart.name).removeprefix('one row ')}; key: {_names(mart.key)}.",
    ]
    for one in said.references:
        lines.append(f"- Refers to [`{one.mart}`]({one.mart}.md): {_names(one.columns)} to {_names(one.to)}.")
    for other in public:
        for one in relations.of(other.name).references:
            if one.mart == mart.name != other.name:
                lines.append(f"- Referred to by [`{other.name}`]({other.name}.md): {_names(one.columns)}.")
    for figure, added in said.additive:
        where = f", where `{added.where}`" if added.where else ""
        lines.append(f"- `{figure}` may be added over {_names(added.over)}{where}, the rest of the key at one value.")
    if not said.additive:
        lines.append("- No figure of it may be added over rows.")
    entries = {entry.name for entry in package.load().marts}
    lines.append(f"- {'In' if mart.name in entries else 'Not in'} packages for recipients.")
    lines += ["", "| column | type | unit | German | English |", "|---|---|---|---|---|"]
    explained: list[str] = []
    for name, (kind, english) in relations.columns(mart).items():
        german, other = (_told(mart, name, english, language) for language in LANGUAGES)
        unit = descriptions.unit_of(name) if kind != "text" else ""
        key = " (key)" if name in mart.key else ""
        lines.append(f"| `{name}`{key} | {kind} | {unit} | {german} | {other} |")
        found = codes.of_column(name) if kind == "text" else {}
        if 0 < len(found) <= MOST_CODES:
            explained += [
                f"| `{name}` | `{code}` | {_cell(one['de'])} | {_cell(one['en'])} |" for code, one in found.items()
            ]
    if explained:
        lines += ["", "## Codes", "", "| column | code | German | English |", "|---|---|---|---|", *explained]
    return "\n".join(lines) + "\n"


def _told(mart: Mart, column: str, english: str, language: descriptions.Language) -> str:
    label = descriptions.label(column, language)
    return _cell(f"**{label}.** {descriptions.of_column(mart.name, column, english, language)}")


def _area(mart: Mart) -> str:
    (model,) = (DBT_PROJECT / "models" / "marts").rglob(f"{mart.name}.sql")
    return model.parent.name


def _place(area: str) -> tuple[int, str]:
    known = list(AREAS)
    return (known.index(area) if area in AREAS else len(known), area)


def _title(mart: str) -> dict[str, str]:
    titles = {entry.name: dict(entry.title) for entry in package.load().marts} | TITLES
    return titles[mart]


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    """A text as a cell of a table in Markdown."""
    return text.replace("|", "\\|").replace("<", "\\<").replace("*", "\\*").replace("\\*\\*", "**").replace("\n", " ")


def main() -> int:
    """Write all pages, and remove those of marts that are no more."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        atomic_files.write(FOLDER / name, text)
    for name in stale():
        (FOLDER / name).unlink()
    print(f"written: {FOLDER.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
