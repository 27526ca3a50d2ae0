"""The package as one workbook: notes first, then a sheet a mart, then every column explained.

The same contents give the same bytes: the moment of creation is the publication's, and xlsxwriter stamps the
members of the zip file with a fixed date.
"""

import io
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from extracts.contents import CAPTIONS, Contents
from extracts.marts import Column, Mart
from extracts.tables import FALSE, TRUE
from lagebild.core.errors import UserError

NOTES, COLUMNS = "Hinweise", "Spalten"
_UNITS = ("persons", "_eur")  # counts and money are grouped by thousands; years and codes are not
_CAPTION_COLUMNS, _COLUMN_WIDTH = 8, 18  # a caption spans about a screen
_EXCEL_FIRST_DAY = date(1900, 3, 1)  # before it, Excel's calendar is off by one day


def xlsx_bytes(contents: Contents) -> bytes:
    """The workbook's bytes."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        book.set_properties(
            {
                "title": contents.package.title,
                "subject": f"Veröffentlichung {contents.publication.publication_id}",
                "author": "Lagebild",
                "created": contents.publication.published_at.replace(tzinfo=None, microsecond=0),
            }
        )
        styles = _Styles(book)
        _write_notes(book.add_worksheet(NOTES), contents, styles)
        for mart in contents.marts:
            _write_mart(book.add_worksheet(mart.entry.name), mart, contents, styles)
        _write_columns(book.add_worksheet(COLUMNS), contents, styles)
        for sheet in book.worksheets():
            sheet.set_paper(9)  # A4, for whoever prints it: as wide as the page, as long as it takes
            sheet.set_landscape()
            sheet.fit_to_pages(1, 0)
    return target.getvalue()


class _Styles:
    """The workbook's formats, each made once."""

    def __init__(self, book: xlsxwriter.Workbook):
        wrapped = {"text_wrap": True, "valign": "top"}
        self._book = book
        self._numbers: dict[str, Format] = {}
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.heading = book.add_format({"bold": True, "font_size": 12})
        self.header = book.add_format({"bold": True, "bottom": 1, "bg_color": "#E7EBF0", **wrapped})
        self.caption = book.add_format({"bg_color": "#FFF4D6", **wrapped})
        self.text = book.add_format(wrapped)

    def number(self, pattern: str) -> Format:
        if pattern not in self._numbers:
            self._numbers[pattern] = self._book.add_format({"num_format": pattern})
        return self._numbers[pattern]


def _write_notes(sheet: Worksheet, contents: Contents, styles: _Styles) -> None:
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 110)
    _write_text(sheet, 0, 0, contents.package.title, styles.title)
    row = 1
    for heading, lines in contents.notes():
        row += 1
        _write_text(sheet, row, 0, heading, styles.heading)
        for label, text in lines:
            row += 1
            sheet.set_row(row, _height(text, 110))
            _write_text(sheet, row, 0, label, styles.text)
            _write_text(sheet, row, 1, text, styles.caption if label in CAPTIONS.values() else styles.text)
        row += 1


def _write_mart(sheet: Worksheet, mart: Mart, contents: Contents, styles: _Styles) -> None:
    captions = contents.captions(mart.entry)
    last = min(len(mart.columns), _CAPTION_COLUMNS) - 1
    for row, text in enumerate(captions):
        if last > 0:
            sheet.merge_range(row, 0, row, last, "", styles.caption)
        _write_text(sheet, row, 0, text, styles.caption)
        sheet.set_row(row, _height(text, _COLUMN_WIDTH * (last + 1)))
    header = len(captions)
    sheet.set_row(header, 45)
    sheet.set_column(0, len(mart.columns) - 1, _COLUMN_WIDTH)
    for position, column in enumerate(mart.columns):
        _write_text(sheet, header, position, contents.label(column.name), styles.header)
        pattern = _pattern(column)
        style = styles.number(pattern) if pattern else None
        for row, values in enumerate(mart.rows, start=header + 1):
            _write_value(sheet, row, position, values[position], style)
    sheet.freeze_panes(header + 1, 0)
    sheet.autofilter(header, 0, header + len(mart.rows), len(mart.columns) - 1)


def _write_columns(sheet: Worksheet, contents: Contents, styles: _Styles) -> None:
    for position, (heading, width) in enumerate(
        [("Blatt", 24), ("Überschrift", 36), ("Spalte", 36), ("Art", 10), ("Beschreibung", 90)]
    ):
        sheet.set_column(position, position, width)
        _write_text(sheet, 0, position, heading, styles.header)
    explained = ((mart, column) for mart in contents.marts for column in mart.columns)
    for row, (mart, column) in enumerate(explained, start=1):
        cells = (mart.entry.name, contents.label(column.name), column.name, column.kind, column.description)
        sheet.set_row(row, _height(column.description, 90))
        for position, text in enumerate(cells):
            _write_text(sheet, row, position, text, styles.text)
    sheet.freeze_panes(1, 0)


def _pattern(column: Column) -> str | None:
    """Excel's number format for the column; None for text."""
    if column.kind == "date":
        return "dd.mm.yyyy"
    if column.kind not in ("integer", "number"):
        return None
    if column.kind == "number" and column.scale is None:
        return "General"
    whole = "#,##0" if column.name.endswith(_UNITS) else "0"
    return whole + ("." + "0" * min(column.scale, 2) + "#" * max(column.scale - 2, 0) if column.scale else "")


def _write_value(sheet: Worksheet, row: int, position: int, value: Any, style: Format | None) -> None:
    match value:
        case None:
            return
        case bool():
            _write_text(sheet, row, position, TRUE if value else FALSE, None)
        case int() | float() | Decimal():
            sheet.write_number(row, position, float(value), style)
        case datetime():
            _write_text(sheet, row, position, value.strftime("%Y-%m-%dT%H:%M:%SZ"), None)
        case date() if value >= _EXCEL_FIRST_DAY:
            sheet.write_datetime(row, position, value, style)
        case _:
            _write_text(sheet, row, position, str(value), None)


def _write_text(sheet: Worksheet, row: int, position: int, text: str, style: Format | None) -> None:
    # write_string, never write: nothing that a supplier typed becomes a formula or a link.
    if sheet.write_string(row, position, text, style) != 0:
        raise UserError(
            f"sheet {sheet.get_name()}, row {row + 1}, column {position + 1}: the text is too long for Excel",
            remedy="shorten the text in the mart (Excel holds 32767 characters a cell)",
        )


def _height(text: str, width: int) -> float:
    # Only Excel itself measures text; without a height it would show one line of a wrapped cell.
    return 15.0 * sum(max(1, -(-len(part) // width)) for part in text.split("\n")) + 3
