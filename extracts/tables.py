"""A mart as CSV for German Excel: `;`, decimal comma, UTF-8 with BOM, CRLF.

Dates are ISO 8601 (2024-12-31): German Excel turns them into dates just as it does 31.12.2024, and every other
program reads them without being told the order of day and month.
"""

import csv
import io
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from extracts.marts import Column, Mart

DIALECT = {"delimiter": ";", "lineTerminator": "\r\n", "quoteChar": '"', "doubleQuote": True, "header": True}
TRUE, FALSE = "ja", "nein"
_NO_FIGURES = frozenset(
    {
        "publication_id", "input_age_days", "delivery_id", "first_line", "last_line", "row_count", "node_order",
        "depth", "digits", "part_order", "module_number", "rounded_to", "unit_multiplier", "checks_passed_count",
        "checks_warned_count", "checks_failed_count", "years_from", "years_below", "part_count", "missing_part_count",
    }
)  # fmt: skip
_NO_FIGURE_ENDS = ("_year", "_version", "_line", "_line_number", "_number", "_month", "_decimals")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # full-width forms too


def is_figure(mart: Mart, column: Column) -> bool:
    """Whether a column holds figures: numbers that are no key, year, line or count of lines."""
    return (
        column.kind in ("integer", "number")
        and column.name not in mart.entry.key
        and column.name not in _NO_FIGURES
        and not column.name.endswith(_NO_FIGURE_ENDS)
        and column.name not in ("line_number", "method_version")
    )


def csv_bytes(mart: Mart) -> bytes:
    """The mart as the bytes of a CSV file, headed by the columns' names."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=DIALECT["delimiter"], lineterminator=DIALECT["lineTerminator"])
    writer.writerow(column.name for column in mart.columns)
    writer.writerows([cell(value) for value in row] for row in mart.rows)
    return text.getvalue().encode("utf-8-sig")


def cell(value: Any) -> str:
    """One value as it stands in the CSV; NULL is empty."""
    match value:
        case None:
            return ""
        case bool():
            return TRUE if value else FALSE
        case int():
            return str(value)
        case Decimal():
            return _shortened(format(value, "f")).replace(".", ",")
        case float():
            return repr(value).replace(".", ",")
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%SZ")
        case date():
            return value.isoformat()
        case _:
            return neutralised(str(value))


def _shortened(number: str) -> str:
    """The number without the zeros behind its second decimal: money is money, whatever its column could hold."""
    whole, _, decimals = number.partition(".")
    return f"{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}" if decimals else whole


def neutralised(text: str) -> str:
    """The text with an apostrophe in front where a spreadsheet would run it as a formula.

    A lone sign stays as it is: the statistical offices' "-" is a value, and no formula.
    """
    lead = text.lstrip(" ")
    return f"'{text}" if lead.startswith(_FORMULA_STARTS) and lead.strip() != "-" else text
