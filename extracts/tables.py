"""A mart as CSV for German spreadsheets: `;`, decimal comma, UTF-8 with BOM, CRLF; texts quoted, numbers bare.

Text is quoted, so that an import that reads quoted fields as text keeps every key: 05913000 stays 05913000. Whoever
opens the file by a double click loses leading zeros; no CSV can prevent it, and the workbook keeps them
(docs/decisions/extract-texts.md). Dates are ISO 8601 (2024-12-31). After each figure stands `<figure>_status`: why
there is no number, or what is to be said of it (`signs.py`).
"""

import io
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from extracts import codes, signs
from extracts.contents import Contents
from extracts.marts import Column, Mart

DIALECT = {"delimiter": ";", "lineTerminator": "\r\n", "quoteChar": '"', "doubleQuote": True, "header": True}
TRUE, FALSE = "ja", "nein"
STATUS = "_status"
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
    """The rows as values, in the order of `written_columns`: paths with slashes, and each figure's status."""
    figures = [is_figure(mart, column) for column in mart.columns]
    for row in mart.rows:
        values = signs.named(mart, row)
        written: list[Any] = []
        for column, value, has_status in zip(mart.columns, row, figures, strict=True):
            written.append(_written(column.name, value))
            if has_status:
                written.append(signs.status_in(mart, values, column.name, changed))
        yield written


def _written(column: str, value: Any) -> Any:
    if value is None:
        return None
    if column in PATHS:
        return value.replace(".", "/")
    if column == "reason" or column.endswith("_reason"):
        return "confidential" if signs.hides(value) else value
    return value


def csv_bytes(mart: Mart, changed: signs.Changed = frozenset()) -> bytes:
    """The mart as the bytes of a CSV file, headed by the columns' names."""
    return _bytes([column.name for column in written_columns(mart)], written_rows(mart, changed))


def codes_bytes(contents: Contents) -> bytes:
    """`codes.csv`: each code that a column of the package can hold, in German and English."""
    columns = dict.fromkeys(column.name for mart in contents.marts for column in written_columns(mart))
    return _bytes(["column", "code", "text_de", "text_en"], codes.rows(columns))


def cell(value: Any) -> str:
    """One value as it stands in the CSV; NULL is empty."""
    match value:
        case None:
            return ""
        case bool():
            return f'"{TRUE if value else FALSE}"'
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
    lead = text.lstrip("".join(set(filter(_is_unseen, text))))
    if not lead or unicodedata.normalize("NFKC", lead[0])[:1] not in _FORMULA_STARTS:
        return f"'{text}" if text[:1] in ("\t", "\r", "\n") else text
    return text if text.strip(" ") == "-" else f"'{text}"


def _is_unseen(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "ZC"


def _columns(mart: Mart) -> Iterator[Column]:
    for column in mart.columns:
        yield column
        if is_figure(mart, column):
            yield Column(f"{column.name}{STATUS}", "text", None, "")


def _bytes(header: list[str], rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO(newline="")
    text.write(";".join(cell(name) for name in header) + "\r\n")
    text.writelines(";".join(map(cell, row)) + "\r\n" for row in rows)
    return text.getvalue().encode("utf-8-sig")
