"""A mart as CSV for German spreadsheets: `;`, decimal comma, UTF-8 with BOM, CRLF; texts quoted, numbers bare.

Text is quoted, so that an import that reads quoted fields as text keeps every key: 05913000 stays 05913000. Whoever
opens the file by a double click loses leading zeros; no CSV can prevent it, and the workbook keeps them
(docs/decisions/extract-texts.md). Dates are ISO 8601 (2024-12-31). After each figure stands `<figure>_status`: why
there is no number, or what is to be said of it (`signs.py`).
"""

import codecs
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from extracts import codes, signs
from extracts.contents import Contents
from extracts.marts import BLOCK_ROWS, Column, Mart, Row
from extracts.texts import GERMAN, Texts

DIALECT = {"delimiter": ";", "lineTerminator": "\r\n", "quoteChar": '"', "doubleQuote": True, "header": True}
STATUS = "_status"
CODES_HEADER = ("column", "code", "text_de", "text_en")
PATHS = frozenset({"node_path", "parent_path", "refers_to_path"})
"""Columns whose dots a spreadsheet would take for a date: 1.1.2 is written 1/1/2."""
_NO_FIGURES = frozenset(
    {
        "publication_id", "input_age_days", "delivery_id", "first_line", "last_line", "row_count", "node_order",
        "depth", "digits", "part_order", "module_number", "rounded_to", "unit_multiplier", "checks_passed_count",
        "checks_warned_count", "checks_failed_count", "years_from", "years_below", "part_count", "missing_part_count",
    }
)  # fmt: skip
_NO_FIGURE_ENDS = ("_year", "_version", "_line", "_number", "_month", "_decimals")
_FORMULA_STARTS = frozenset("=+-@")


def is_figure(mart: Mart, column: Column) -> bool:
    """Whether a column holds figures: numbers that are no key, year, line or count of lines."""
    return (
        column.kind in ("integer", "number")
        and column.name not in mart.entry.key
        and column.name not in _NO_FIGURES
        and not column.name.endswith(_NO_FIGURE_ENDS)
    )


def written_columns(mart: Mart) -> tuple[Column, ...]:
    """The columns of the CSV: those of the mart, and after each figure its status."""
    return tuple(_columns(mart))


def written_rows(mart: Mart, changed: signs.Changed = frozenset()) -> Iterator[list[Any]]:
    """The rows at hand as values, in the order of `written_columns`: paths with slashes, and each figure's status."""
    for columns in written_blocks(mart, _held(mart), changed):
        yield from map(list, zip(*columns, strict=True))


def written_blocks(
    mart: Mart, blocks: Iterable[Sequence[Row]], changed: signs.Changed = frozenset()
) -> Iterator[list[Sequence[Any]]]:
    """The same of blocks of the mart's rows, each as its columns: a column at once is faster than a row at once."""
    figures = [is_figure(mart, column) for column in mart.columns]
    revised: dict[str, set[tuple[tuple[str, str], ...]]] = defaultdict(set)
    for name, row_key, figure in changed:
        if name == mart.entry.name:
            revised[figure].add(row_key)
    for block in blocks:
        given = {column.name: values for column, values in zip(mart.columns, zip(*block, strict=True), strict=True)}
        keys = [signs.row_key(mart, signs.named(mart, row)) for row in block] if revised else []
        written: list[Sequence[Any]] = []
        for column, has_status in zip(mart.columns, figures, strict=True):
            values = given[column.name]
            written.append(_written(column.name, values))
            if has_status:
                told = signs.statuses(mart, given, column.name)
                if keys_of := revised.get(column.name):
                    rows = zip(told, keys, values, strict=True)
                    told = ["revised" if n is not None and key in keys_of else status for status, key, n in rows]
                written.append(told)
        yield written


def _held(mart: Mart) -> Iterator[Sequence[Row]]:
    return (mart.rows[start : start + BLOCK_ROWS] for start in range(0, len(mart.rows), BLOCK_ROWS))


def _written(column: str, values: Sequence[Any]) -> Sequence[Any]:
    if column in PATHS:
        return [value and value.replace(".", "/") for value in values]
    if column == "reason" or column.endswith("_reason"):
        told = {value: "confidential" if value and signs.hides(value) else value for value in set(values)}
        return [told[value] for value in values]
    return values


def csv_bytes(mart: Mart, changed: signs.Changed = frozenset(), texts: Texts = GERMAN) -> bytes:
    """The rows of the mart that are at hand as the bytes of a CSV file, headed by the columns' names."""
    return b"".join(csv_blocks(mart, changed, texts))


def csv_blocks(mart: Mart, changed: signs.Changed = frozenset(), texts: Texts = GERMAN) -> Iterator[bytes]:
    """The same in parts."""
    columns = written_columns(mart)
    yield _header(column.name for column in columns)
    for block in written_blocks(mart, _held(mart), changed):
        cells = [_cells(column, values, texts) for column, values in zip(columns, block, strict=True)]
        yield _lines(zip(*cells, strict=True))


def codes_bytes(contents: Contents) -> bytes:
    """`codes.csv`: each code that a column of the package can hold, in German and English."""
    columns = dict.fromkeys(column.name for mart in contents.marts for column in written_columns(mart))
    return _header(CODES_HEADER) + _lines(map(cell, row) for row in codes.rows(columns))


def cell(value: Any, texts: Texts = GERMAN) -> str:
    """One value as it stands in the CSV; NULL is empty, true and false are words of the package's language."""
    match value:
        case None:
            return ""
        case bool():
            return f'"{texts.truth(value)}"'
        case int():
            return str(value)
        case Decimal():
            return shortened(format(value, "f")).replace(".", ",")
        case float():
            return repr(value).replace(".", ",")
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%SZ")
        case date():
            return value.isoformat()
        case _:
            return '"' + neutralised(str(value)).replace('"', '""') + '"'


def shortened(number: str) -> str:
    """The number without the zeros behind its second decimal: money is money, whatever its column could hold."""
    whole, _, decimals = number.partition(".")
    return f"{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}" if decimals else whole


def neutralised(text: str) -> str:
    """The text with an apostrophe in front where a spreadsheet would run it as a formula.

    Blanks, control signs and invisible characters before the sign do not hide it, nor do its full-width or small forms.
    A lone sign stays as it is: the statistical offices' "-" is a value, and no formula.
    """
    if text[:1].isascii() and text[:1].isalnum():
        return text
    first = next((sign for sign in text if not _is_unseen(sign)), "")
    if not first or unicodedata.normalize("NFKC", first)[:1] not in _FORMULA_STARTS:
        return f"'{text}" if text[:1] in ("\t", "\r", "\n") else text
    return text if text.strip(" ") == "-" else f"'{text}"


def _is_unseen(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "ZC"


def _columns(mart: Mart) -> Iterator[Column]:
    for column in mart.columns:
        yield column
        if is_figure(mart, column):
            yield Column(f"{column.name}{STATUS}", "text", None, "")


def _cells(column: Column, values: Sequence[Any], texts: Texts) -> list[str]:
    if column.kind not in ("text", "boolean"):
        return [cell(value) for value in values]
    cells = {value: cell(value, texts) for value in set(values)}  # most texts recur
    return [cells[value] for value in values]


def _header(names: Iterable[str]) -> bytes:
    return codecs.BOM_UTF8 + _lines([map(cell, names)])


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    return "".join(";".join(row) + "\r\n" for row in rows).encode("utf-8")
