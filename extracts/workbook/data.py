"""The sheets for programs: all columns of every mart, and what columns and codes mean."""

from collections import defaultdict
from typing import Any

from xlsxwriter.worksheet import Worksheet

from extracts import codes, signs
from extracts.listing import CODES
from extracts.marts import Column, Mart
from extracts.package import DATA
from extracts.tables import STATUS, written_columns, written_rows
from extracts.workbook.page import LANDSCAPE, SMALLEST_SCALE, Book, height, put, put_value, width_of
from extracts.workbook.topics import captions

MOST_ROWS = 5_000
"""Rows of a mart in the workbook, which is held in memory (300 bytes a cell); what has more lies whole beside it."""
_ROOM = int(LANDSCAPE / SMALLEST_SCALE)
_NARROW, _HEADING, _WIDE, _MEASURED_ROWS = 60, 125, 240, 100
"""Pixels: of a column at least, of its heading at most, of its texts at most; and the rows that are measured."""
_GROUPED = ("persons", "_eur", "_cases", "operations")  # counts and money; years and codes are not
_DATES = {"de": "dd.mm.yyyy", "en": "yyyy-mm-dd"}
_DECIMAL_SIGN = {"de": ",", "en": "."}
Used = dict[str, set[str]]
"""By column the codes that occur in the workbook."""


def write(book: Book, sheet: Worksheet, mart: Mart, changed: signs.Changed, used: Used) -> None:
    """All columns of a mart as a table of the spreadsheet, those of the key first; note the codes that occur."""
    say, styles = book.say, book.styles
    columns, order = ordered(mart)
    row = book.opened(sheet, mart.entry.title[book.language], landscape=True)
    book.print_as(sheet, landscape=True, scale=SMALLEST_SCALE)
    if not mart.rows:
        put(sheet, row, 0, say("no_rows"), styles.plain)
        return
    shown = shown_rows(mart)
    written = [[values[n] for n in order] for values, _ in zip(written_rows(mart, changed), range(shown), strict=False)]
    widths = [_width(column, n, written) for n, column in enumerate(columns)]
    repeated = 0
    while repeated < len(mart.entry.key) and sum(widths[: repeated + 1]) <= _ROOM // 2:
        repeated += 1
    breaks = page_breaks(columns, widths, repeated)
    # Beside the repeated columns: so it is whole on the first page, and not cut on each of the others.
    last = (breaks[0] if breaks else len(widths)) - 1
    for caption in captions(book.contents, mart):
        if repeated < last:
            sheet.merge_range(row, repeated, row, last, "", styles.caption)
        put(sheet, row, repeated, caption, styles.caption)
        sheet.set_row(row, height(caption, sum(widths[repeated : last + 1])))
        row += 1
    if shown < mart.row_count:
        file = f"{DATA}{mart.entry.name}.{'parquet' if mart.is_sample else 'csv'}"
        number = book.contents.texts.number
        told = say("more_rows", shown=number(shown, 0), all=number(mart.row_count, 0), file=file)
        put(sheet, row, 0, told, styles.plain)
        row += 1
    _table(book, sheet, row, mart, columns, written, widths)
    for n, width in enumerate(widths):
        sheet.set_column_pixels(n, n, width)
    if repeated:
        sheet.repeat_columns(0, repeated - 1)
    sheet.set_v_pagebreaks(breaks)
    sheet.print_across()
    sheet.freeze_panes(row + 1, min(repeated, 3))
    for n, column in enumerate(columns):
        if column.kind == "text" and codes.of_column(column.name):
            used[column.name].update({values[n] for values in written if values[n] is not None})


def shown_rows(mart: Mart) -> int:
    """How many rows of a mart its sheet has."""
    return min(len(mart.rows), MOST_ROWS)


def title(book: Book, mart: Mart) -> str:
    """What the sheet of a mart holds, as the list of contents says it: all of its columns, and of which rows."""
    told, number = {"title": mart.entry.title[book.language]}, book.contents.texts.number
    if (shown := shown_rows(mart)) == mart.row_count:
        return book.say("about.data", **told)
    return book.say("about.data_part", **told, shown=number(shown, 0), all=number(mart.row_count, 0))


def ordered(mart: Mart) -> tuple[list[Column], list[int]]:
    """The columns of the sheet, the key first, so that it can be repeated; where each stands among those of the CSV."""
    columns = written_columns(mart)
    names = [column.name for column in columns]
    first = [names.index(name) for name in mart.entry.key]
    order = first + [n for n in range(len(columns)) if n not in first]
    return [columns[n] for n in order], order


def _table(
    book: Book,
    sheet: Worksheet,
    row: int,
    mart: Mart,
    columns: list[Column],
    written: list[list[Any]],
    widths: list[int],
) -> None:
    styles, language = book.styles, book.language
    header, last = row, row + len(written)
    sheet.add_table(
        header, 0, last, len(columns) - 1,
        {
            "name": mart.entry.name,
            "columns": [{"header": column.name, "header_format": styles.header} for column in columns],
            "style": None,
        },
    )  # fmt: skip
    patterns = [pattern_of(column, language) for column in columns]
    formats = [styles.value(pattern) if pattern else None for pattern in patterns]
    sign = _DECIMAL_SIGN[language]
    for at, values in enumerate(written, start=header + 1):
        for n, value in enumerate(values):
            put_value(sheet, at, n, value, formats[n], sign)
    sheet.set_row(header, max(height(one.name, w - 18, bold=True) for one, w in zip(columns, widths, strict=True)))
    sheet.print_area(0, 0, last, len(columns) - 1)
    sheet.repeat_rows(header)


def page_breaks(columns: list[Column], widths: list[int], repeated: int) -> list[int]:
    """The columns before which a page ends: a figure stays with its status, and the key is on every page."""
    breaks: list[int] = []
    room = _ROOM
    for n, column in enumerate(columns):
        is_status = n > 0 and column.name == f"{columns[n - 1].name}{STATUS}"
        has_status = n + 1 < len(columns) and columns[n + 1].name == f"{column.name}{STATUS}"
        needed = widths[n] + (widths[n + 1] if has_status else 0)
        if not is_status and needed > room and n > repeated:
            breaks.append(n)
            room = _ROOM - sum(widths[:repeated])
        room -= widths[n]
    return breaks


def pattern_of(column: Column, language: str) -> str | None:
    """Excel's number format for the column; None for text."""
    if column.kind == "date":
        return _DATES[language]
    if column.kind not in ("integer", "number"):
        return None
    if column.kind == "number" and column.scale is None:
        return "General"
    whole = "#,##0" if column.name.endswith(_GROUPED) else "0"
    return whole + ("." + "0" * min(column.scale, 2) + "#" * max(column.scale - 2, 0) if column.scale else "")


def _width(column: Column, n: int, written: list[list[Any]]) -> int:
    longest = max((len(str(values[n])) for values in written[:_MEASURED_ROWS] if values[n] is not None), default=0)
    heading = width_of(column.name) * 115 // 100 + 18  # bold, and the arrow of its filter
    return max(_NARROW, min(heading, _HEADING), min(longest * 7 + 12, _WIDE))


def explain_columns(book: Book, sheet: Worksheet, sheets: dict[str, str]) -> None:
    """Every column: its sheet, heading, name, type and description."""
    say = book.say
    row = book.opened(sheet, say("sheet.columns"), landscape=True)
    widths = (65, 240, 250, 75, 550)
    rows = [
        [
            book.link(sheets[mart.entry.name], sheets[mart.entry.name]),
            book.text(_heading(book, column)),
            book.text(column.name),
            book.text(say(f"type_{column.kind}")),
            book.text(_description(book, mart.entry.name, column)),
        ]
        for mart in book.contents.marts
        for column in ordered(mart)[0]
    ]
    headers = [say(f"head_{name}") for name in ("sheet", "heading", "column", "type", "description")]
    book.table(sheet, row, say("table.columns"), headers, rows, widths)


def explain_codes(book: Book, sheet: Worksheet, used: Used) -> None:
    """What each code means that occurs among the data, also each status."""
    say, texts = book.say, book.contents.texts
    row = book.opened(sheet, say("sheet.codes"))
    widths = (190, 190, 260)
    row = book.paragraph(sheet, row, say("codes_note", file=CODES), book.styles.note, widths)
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for column in sorted(used):
        for code in sorted(used[column]):
            if text := texts.code(column, code):
                found[code, text].append(column)
    rows = [
        [book.text(code), book.text(text), book.text(", ".join(_short(columns)))]
        for (code, text), columns in sorted(found.items())
    ]
    headers = [say(f"head_{name}") for name in ("code", "meaning", "columns")]
    book.table(sheet, row, say("table.codes"), headers, rows, widths)


def _short(columns: list[str]) -> list[str]:
    """Names of columns, those of statuses as one."""
    return list(dict.fromkeys(f"…{STATUS}" if name.endswith(STATUS) else name for name in columns))


def _heading(book: Book, column: Column) -> str:
    if column.name.endswith(STATUS):
        return book.say("status_of", figure=book.contents.texts.label(column.name.removesuffix(STATUS)))
    return book.contents.texts.label(column.name)


def _description(book: Book, mart: str, column: Column) -> str:
    if column.name.endswith(STATUS):
        return book.say("status_description", figure=column.name.removesuffix(STATUS))
    return book.contents.texts.description(mart, column.name, column.description) or "–"
