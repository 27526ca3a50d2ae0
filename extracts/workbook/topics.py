"""Tables for people, one a topic: which rows and columns of which mart, and in what words, is data (`topics.yml`)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from xlsxwriter.worksheet import Worksheet

from extracts import signs
from extracts.contents import Contents
from extracts.marts import Column, Mart, Row
from extracts.package import DATA
from extracts.tables import is_figure
from extracts.texts import LANGUAGES, ROOM
from extracts.workbook import figures
from extracts.workbook.page import Book, Cell, fitted, link
from lagebild.core import yaml_files
from lagebild.core.errors import UserError

TOPICS = ROOM / "topics.yml"
MOST_COLUMNS, MOST_ROWS = 8, 400
"""A table for people is read on paper: whoever needs more has the sheet with all data."""
EVIDENCE = "evidence"
Words = Mapping[str, str]
"""By language."""


@dataclass(frozen=True)
class Shown:
    """A column of a table for people."""

    name: Words
    """The mart's column, by language: some are of texts that the mart has in both."""
    heading: Words | None
    digits: int | None


@dataclass(frozen=True)
class Topic:
    """A table for people."""

    mart: str
    title: Words
    subtitle: Words
    unit: Words
    columns: tuple[Shown, ...]
    where: Mapping[str, tuple[Any, ...]]
    sort: tuple[str, ...]
    """Columns; one with a minus in front counts down."""
    footnotes: tuple[Words, ...]


@cache
def load(path: Path = TOPICS) -> tuple[Topic, ...]:
    """The topics in their order; UserError where one has too many columns."""
    return tuple(_topic(path, one) for one in yaml_files.read(path))


def _topic(path: Path, stated: dict[str, Any]) -> Topic:
    columns = tuple(_shown(one) for one in stated["columns"])
    words = [stated[name] for name in ("title", "subtitle", "unit")] + [*(stated.get("footnotes") or ())]
    for said in words + [column.heading or column.name for column in columns]:
        if set(said) != set(LANGUAGES):
            raise UserError(
                f"{path}: {stated['mart']}: {said} is not German and English",
                remedy="write de and en; a text with a comma needs quotes",
            )
    if len(columns) > MOST_COLUMNS:
        raise UserError(
            f"{path}: {stated['title']['de']} has {len(columns)} columns", remedy=f"at most {MOST_COLUMNS} fit a page"
        )
    return Topic(
        stated["mart"], stated["title"], stated["subtitle"], stated["unit"], columns,
        {name: tuple(values) for name, values in (stated.get("where") or {}).items()},
        tuple(stated["sort"]), tuple(stated.get("footnotes") or ()),
    )  # fmt: skip


def _shown(stated: str | dict[str, Any]) -> Shown:
    if isinstance(stated, str):
        return Shown({"de": stated, "en": stated}, None, None)
    name = stated["column"]
    return Shown(
        {"de": name, "en": name} if isinstance(name, str) else name, stated.get("heading"), stated.get("digits")
    )


@dataclass(frozen=True)
class Chosen:
    """The rows that a topic shows, sorted: the first `MOST_ROWS` at most of so many."""

    rows: list[Row]
    count: int


def of(contents: Contents) -> Iterator[tuple[Topic, Mart, Chosen]]:
    """Each topic of a mart in the package with what it shows of the whole mart; no rows if none is of the topic.

    A topic of a mart that lacks what it chooses rows by is left out; so is a column that the mart lacks.
    """
    marts = {mart.entry.name: mart for mart in contents.marts}
    for topic in load():
        mart = marts.get(topic.mart)
        names = {column.name for column in mart.columns} if mart else set()
        if mart and topic.where.keys() <= names and columns_of(topic, mart, contents.texts.language):
            yield topic, mart, _chosen(topic, mart)


def columns_of(topic: Topic, mart: Mart, language: str) -> list[tuple[Shown, Column]]:
    """The columns that the topic shows of the mart."""
    by_name = {column.name: column for column in mart.columns}
    return [(one, by_name[one.name[language]]) for one in topic.columns if one.name[language] in by_name]


def _chosen(topic: Topic, mart: Mart) -> Chosen:
    at = {column.name: n for n, column in enumerate(mart.columns)}
    sort = [part for part in topic.sort if part.lstrip("-") in at]
    if mart.whole:
        return Chosen(*mart.whole.chosen(topic.where, sort, MOST_ROWS))
    rows = [row for row in mart.rows if all(row[at[name]] in among for name, among in topic.where.items())]
    for part in reversed(sort):
        n = at[part.lstrip("-")]
        known = sorted((row for row in rows if row[n] is not None), key=lambda r: r[n], reverse=part.startswith("-"))
        rows = known + [row for row in rows if row[n] is None]
    return Chosen(rows[:MOST_ROWS], len(rows))


def write(
    book: Book, sheet: Worksheet, topic: Topic, mart: Mart, chosen: Chosen, changed: signs.Changed, data_sheet: str,
) -> None:  # fmt: skip
    """The sheet of a topic: what it is, its caption, its table, its notes and source."""
    language, say, styles = book.language, book.say, book.styles
    shown = columns_of(topic, mart, language)
    columns = [column for _, column in shown]
    headers = [one.heading[language] if one.heading else _label(book, column) for one, column in shown]
    digits = [one.digits if one.digits is not None else _digits(mart, column, chosen.rows) for one, column in shown]
    cells = [
        [_cell(book, mart, column, row, some, changed) for column, some in zip(columns, digits, strict=True)]
        for row in chosen.rows
    ]
    widths, landscape = fitted(headers, cells, topic.title[language])
    row = book.opened(sheet, topic.title[language], landscape=landscape)
    text = say("subtitle", subtitle=topic.subtitle[language], unit=topic.unit[language])
    row = book.paragraph(sheet, row, text, styles.text, widths)
    for caption in captions(book.contents, mart):
        row = book.paragraph(sheet, row, caption, styles.caption, widths)
    right = [n for n, column in enumerate(columns) if column.kind in ("integer", "number")]
    name = say("table.topic", sheet=sheet.get_name())
    row = book.table(sheet, row, name, headers, cells, widths, right=right)
    notes = [note[language] for note in topic.footnotes]
    if chosen.count > MOST_ROWS:
        number = book.contents.texts.number
        counts = {"shown": number(MOST_ROWS, 0), "all": number(chosen.count, 0)}
        file = f"{DATA}{mart.entry.name}.parquet"
        notes.append(say("topic_sample", file=file, **counts) if mart.is_sample else say("topic_rows", **counts))
    notes.append(say("source_of", source="; ".join(_sources(book.contents, mart)) or say("not_stated")))
    for note in notes:
        row = book.paragraph(sheet, row, note, styles.note, widths)
    link(sheet, row, 0, data_sheet, say("all_columns", sheet=data_sheet), styles.link)


def captions(contents: Contents, mart: Mart) -> list[str]:
    """The texts that must stand beside the mart's figures, in the language of the recipient."""
    said = next((one for one in contents.marts if one.entry.name == mart.entry.caption), None)
    return [text for (text,) in said.distinct(f"caption_{contents.texts.language}") if text] if said else []


def _cell(book: Book, mart: Mart, column: Column, row: tuple[Any, ...], digits: int, changed: signs.Changed) -> Cell:
    value = row[next(n for n, one in enumerate(mart.columns) if one.name == column.name)]
    texts, styles = book.contents.texts, book.styles
    if column.name == EVIDENCE:
        return figures.evidence(book, value)
    if is_figure(mart, column):
        return book.number(value, digits, signs.status(mart, row, column.name, changed))
    match value:
        case None:
            return book.text(
                signs.SIGNS["not_available"], styles.right if column.kind in ("integer", "number") else None
            )
        case bool():
            return book.text(book.contents.texts.truth(value))
        case int() | Decimal():
            return book.number(value, digits, None, grouped=not column.name.endswith("year"))
        case str() if column.name == "region_name":
            names = [one.name for one in mart.columns]
            key = row[names.index("region_code")] if "region_code" in names else ""
            return book.text(texts.place(str(key), value))
        case str():
            return book.text(texts.code(column.name, value) or value)
        case _:
            return book.text(texts.date(value))


def _label(book: Book, column: Column) -> str:
    return book.say("head_evidence") if column.name == EVIDENCE else book.contents.texts.label(column.name)


def _digits(mart: Mart, column: Column, rows: list[Row]) -> int:
    """Decimals of a column: as many as its numbers have, at most two."""
    n = mart.columns.index(column)
    found = [row[n] for row in rows if isinstance(row[n], Decimal) and row[n].is_finite()]
    return min(2, max((max(0, -int(value.normalize().as_tuple().exponent)) for value in found), default=0))


def _sources(contents: Contents, mart: Mart) -> list[str]:
    used = dict.fromkeys(row["source"] for row in contents.used_by(mart.entry.name))
    titles = [one["title"] for name in used for one in contents.attributions.get(name, {}).get("sources", [])]
    return list(dict.fromkeys(titles))
