"""How sheets look and print: fonts, measured widths and heights, A4 pages, tables, links back.

Text is measured with the widths of letters that xlsxwriter knows, so that what is printed fits its page and no letter
is smaller than 8 points: a table may be wider than the paper by a quarter and is printed at four fifths.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import quote_sheetname, xl_pixel_width
from xlsxwriter.worksheet import Worksheet

from extracts.contents import Contents
from extracts.model import Status
from extracts.signs import REPLACING, SIGNS
from lagebild.core.errors import UserError

FONT, SIZE = "Arial", 10
SMALLEST_SCALE = 0.8
"""Of the size on the screen: 10 points are printed as 8."""
PORTRAIT, LANDSCAPE = 640, 950
"""Pixels (96 an inch) between the margins of A4, less 6 %: LibreOffice draws columns so much wider than Excel."""
WIDEST_COLUMN = 300
LINE, PADDING = 13.5, 18
"""Points from line to line; pixels that a cell of a table leaves blank at its sides."""
_DIFFERENCE, _BOLD = 1.06, 1.15
"""By how much programs measure letters differently, and by how much bold ones are wider."""
NUMBER_DIGITS = 15
"""The most that a spreadsheet keeps of a number."""
_TALLEST_ROW = 400.0
_MARGINS = {"left": 0.59, "right": 0.59, "top": 0.79, "bottom": 0.79}  # inches; 15 and 20 mm
_EXCEL_FIRST_DAY = date(1900, 3, 1)  # before it, Excel's calendar is off by one day
_A4 = 9
_LONGEST_NAME = 80  # a spreadsheet takes 255 letters a footer


class Styles:
    """The workbook's formats, each made once."""

    def __init__(self, book: xlsxwriter.Workbook):
        self._book = book
        self._made: dict[tuple[tuple[str, Any], ...], Format] = {}
        top = {"valign": "top"}
        line = {"bottom": 4, "bottom_color": "#8899AA", "indent": 1, **top}
        head = {"bold": True, "bg_color": "#DCE4EC", "border": 1, "border_color": "#8899AA", "indent": 1, **top}
        self._line = line
        self.title = self.made(bold=True, font_size=14)
        self.heading = self.made(bold=True, font_size=11, text_wrap=True, **top)
        self.header = self.made(text_wrap=True, align="left", **head)
        self.header_right = self.made(text_wrap=True, align="right", **head)
        self.text = self.made(text_wrap=True, **top)
        self.plain = self.made()
        self.cell = self.made(text_wrap=True, align="left", **line)
        self.strong = self.made(text_wrap=True, align="left", bold=True, **line)
        self.right = self.made(text_wrap=True, align="right", **line)
        self.centre = self.made(text_wrap=True, align="center", bold=True, **line | {"indent": 0})
        self.made_up = self.made(text_wrap=True, align="left", bold=True, font_color="#B00020", **line)
        self.caption = self.made(text_wrap=True, bg_color="#FFF4D6", **top)
        self.note = self.made(text_wrap=True, font_color="#404040", **top)
        self.link = self.made(font_color="#0B4F9E", underline=1, **top)
        self.link_cell = self.made(font_color="#0B4F9E", underline=1, align="left", **line)

    def made(self, **properties: Any) -> Format:
        """The format with these properties in the workbook's font."""
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format({"font_name": FONT, "font_size": SIZE, **properties})
        return self._made[key]

    def number(self, pattern: str) -> Format:
        """A number in a table for people."""
        return self.made(num_format=pattern, align="right", **self._line)

    def value(self, pattern: str) -> Format:
        """A number or date among the data."""
        return self.made(num_format=pattern)


class Exact(float):
    """A number that is written with its own digits: xlsxwriter takes 16, and of 0.00064 makes 0.0006400000000000001."""

    def __format__(self, spec: str) -> str:
        """The shortest digits that give the number."""
        return repr(float(self))


@dataclass(frozen=True)
class Cell:
    """What stands in a cell of a table for people, and how."""

    value: Any
    style: Format
    shown: str
    """The text by which its width is measured."""
    target: str = ""
    """The sheet that a link leads to."""


@dataclass(frozen=True)
class Page:
    """A sheet that is going to be written."""

    name: str
    title: str
    write: Callable[[Worksheet], None]


@dataclass
class Book:
    """The workbook while it is written: what all sheets share."""

    contents: Contents
    styles: Styles
    pages: list[Page] = field(default_factory=list)

    @property
    def language(self) -> str:
        """Language of the recipient."""
        return self.contents.texts.language

    def say(self, key: str, **values: Any) -> str:
        """A sentence of the block `workbook` of `phrases.yml`."""
        return self.contents.texts.say(f"workbook.{key}", **values)

    def text(self, value: str, style: Format | None = None) -> Cell:
        """A text in a table."""
        return Cell(value, style or self.styles.cell, value)

    def link(self, value: str, sheet: str) -> Cell:
        """A text that leads to a sheet."""
        return Cell(value, self.styles.link_cell, value, sheet)

    def number(
        self, value: Decimal | int | float | None, digits: int, status: Status | None, *, grouped: bool = True
    ) -> Cell:
        """A number with its sign beside it, or the sign in its place."""
        if value is None or status in REPLACING:
            return Cell(SIGNS[status or "not_available"], self.styles.right, SIGNS[status or "not_available"])
        texts, pattern = self.contents.texts, number_pattern(digits, status, grouped=grouped)
        shown = texts.number(Decimal(str(value)), digits) + (SIGNS[status] if status else "")
        if not fits(value):
            return Cell(shown, self.styles.right, shown)
        return Cell(Exact(value), self.styles.number(pattern), shown)

    def opened(self, sheet: Worksheet, title: str, *, landscape: bool = False) -> int:
        """Begin a sheet with its heading in A1 and the way back below; return the next row."""
        put(sheet, 0, 0, title, self.styles.title)
        sheet.set_row(0, 22)
        self.print_as(sheet, landscape=landscape)
        row = 1
        contents_sheet = self.say("sheet.contents")
        if sheet.get_name() != contents_sheet:
            link(sheet, row, 0, contents_sheet, self.say("back"), self.styles.link)
            row += 1
        return row

    def print_as(self, sheet: Worksheet, *, landscape: bool, scale: float | None = None) -> None:
        """A4 with page numbers; as wide as the page, or at a fixed scale."""
        sheet.set_paper(_A4)
        if landscape:
            sheet.set_landscape()
        sheet.set_margins(**_MARGINS)
        if scale is None:
            sheet.fit_to_pages(1, 0)
        else:
            sheet.set_print_scale(round(scale * 100))
        about, say = self.contents.about, self.say
        warning = f"&R&KB00020{_escaped(say('synthetic_short'))}" if about.is_synthetic else ""
        sheet.set_header(f"&L{_escaped(self.title)}{warning}", {"margin": 0.35})
        name = about.publisher.name[:_LONGEST_NAME]
        imprint = say("footer", publisher=name, number=self.contents.publication.publication_id).strip(" ·")
        sheet.set_footer(f"&L{_escaped(imprint)}&R&A · {_escaped(say('page'))} &P / &N", {"margin": 0.35})
        sheet.hide_gridlines(2)

    @property
    def title(self) -> str:
        """Title of the package."""
        return self.say("title")

    def paragraph(self, sheet: Worksheet, row: int, text: str, style: Format, widths: Sequence[int]) -> int:
        """Write a text below a heading, over the columns of these widths if it is longer than the first; next row."""
        if len(widths) > 1 and (width_of(text) > widths[0] or style is self.styles.caption):
            sheet.merge_range(row, 0, row, len(widths) - 1, "", style)
        put(sheet, row, 0, text, style)
        sheet.set_row(row, height(text, sum(widths)))
        return row + 1

    def table(
        self, sheet: Worksheet, row: int, name: str, headers: Sequence[str], rows: Sequence[Sequence[Cell]],
        widths: Sequence[int], *, right: Iterable[int] = (), repeated: bool = True,
    ) -> int:  # fmt: skip
        """Write a table, its first row repeated on every printed page; return the row after it."""
        styles, aligned = self.styles, set(right)
        columns = [
            {"header": header, "header_format": styles.header_right if n in aligned else styles.header}
            for n, header in enumerate(headers)
        ]
        made = sheet.add_table(
            row, 0, row + max(len(rows), 1), len(headers) - 1,
            {"name": name, "columns": columns, "autofilter": False, "style": None},
        )  # fmt: skip
        if made:
            raise UserError(f"sheet {sheet.get_name()}: no table of {headers}", remedy="give each column another name")
        for n, width in enumerate(widths):
            sheet.set_column_pixels(n, n, width)
        sheet.set_row(row, max(height(header, width, bold=True) for header, width in zip(headers, widths, strict=True)))
        for at, cells in enumerate(rows, start=row + 1):
            self.write_row(sheet, at, cells, widths)
        if repeated:
            sheet.repeat_rows(row)
        sheet.freeze_panes(row + 1, 0)
        return row + 1 + max(len(rows), 1)

    def write_row(self, sheet: Worksheet, row: int, cells: Sequence[Cell], widths: Sequence[int]) -> None:
        """Write cells side by side, as high as the tallest of them needs."""
        for column, cell in enumerate(cells):
            put_cell(sheet, row, column, cell)
        sheet.set_row(row, max(height(cell.shown, width) for cell, width in zip(cells, widths, strict=True)))


def put(sheet: Worksheet, row: int, column: int, text: str, style: Format | None) -> None:
    """Write a text as a text, never as a formula or link, whatever it is; UserError if no cell holds it."""
    if sheet.write_string(row, column, text, style) != 0:
        raise UserError(
            f"sheet {sheet.get_name()}, row {row + 1}, column {column + 1}: the text is too long for Excel",
            remedy="shorten the text in the mart (Excel holds 32767 characters a cell)",
        )


def put_cell(sheet: Worksheet, row: int, column: int, cell: Cell) -> None:
    """Write a cell of a table for people."""
    if cell.target:
        link(sheet, row, column, cell.target, cell.value, cell.style)
    elif isinstance(cell.value, float):
        sheet.write_number(row, column, cell.value, cell.style)
    else:
        put(sheet, row, column, cell.value, cell.style)


def put_value(sheet: Worksheet, row: int, column: int, value: Any, style: Format | None, decimal_sign: str) -> None:
    """Write a value of a mart as what it is; one that a spreadsheet would round or not know stays a text."""
    match value:
        case None:
            return
        case bool():
            sheet.write_boolean(row, column, value)
        case int() | float() | Decimal() if fits(value):
            sheet.write_number(row, column, Exact(value), style)
        case int() | float() | Decimal():
            put(sheet, row, column, format(Decimal(str(value)), "f").replace(".", decimal_sign), None)
        case datetime():
            put(sheet, row, column, value.strftime("%Y-%m-%dT%H:%M:%SZ"), None)
        case date() if value >= _EXCEL_FIRST_DAY:
            sheet.write_datetime(row, column, value, style)
        case _:
            put(sheet, row, column, str(value), None)


def link(sheet: Worksheet, row: int, column: int, to: str, text: str, style: Format) -> None:
    """A text that leads to the beginning of a sheet of this workbook."""
    sheet.write_url(row, column, f"internal:{quote_sheetname(to)}!A1", style, text)


def fits(value: Decimal | int | float) -> bool:
    """Whether a spreadsheet keeps every digit of the number."""
    number = Decimal(str(value))
    if not number.is_finite():
        return False
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")  # `normalize` would cut them to 28
    return len(digits) <= NUMBER_DIGITS


def number_pattern(digits: int, status: Status | None, *, grouped: bool = True) -> str:
    """Excel's number format, with the sign of a status beside the digits."""
    whole = "#,##0" if grouped else "0"
    pattern = whole + ("." + "0" * digits if digits else "")
    if status == "limited":
        return f'"("{pattern}")"'
    return f'{pattern}" {SIGNS[status]}"' if status else pattern


@cache
def width_of(text: str) -> int:
    """Pixels that the longest line of a text takes, with what a cell leaves blank."""
    return round(max(map(xl_pixel_width, text.split("\n"))) * _DIFFERENCE) + PADDING + 1


def height(text: str, width: int, *, bold: bool = False) -> float:
    """Points that a wrapped text needs in a column of so many pixels."""
    return min(LINE * lines(text, width, bold=bold) + 4, _TALLEST_ROW)


@cache
def lines(text: str, width: int, *, bold: bool = False) -> int:
    """Lines into which a text is wrapped; a word longer than the column is broken."""
    room = (width - PADDING) / (_BOLD if bold else _DIFFERENCE)
    count = 0
    for line in text.split("\n"):
        count, used = count + 1, 0
        for word in line.split(" "):
            wide = xl_pixel_width(word)
            if used and used + 3 + wide > room:
                count, used = count + 1, 0
            broken = int(max(wide - 1, 0) // room)
            count, used = count + broken, used + (3 if used else 0) + wide - int(broken * room)
    return count


def fitted(headers: Sequence[str], rows: Sequence[Sequence[Cell]], topic: str) -> tuple[list[int], bool]:
    """Widths of the columns that fit A4 at no less than four fifths, and whether the page lies on its side.

    Columns of text give way and wrap; UserError if numbers and words alone are wider than the page.
    """
    columns = list(zip(*rows, strict=True)) or [()] * len(headers)
    least = [_least(header, cells) for header, cells in zip(headers, columns, strict=True)]
    widths = [
        max(floor, min(max([0, *(width_of(cell.shown) for cell in cells)]), WIDEST_COLUMN))
        for floor, cells in zip(least, columns, strict=True)
    ]
    for page, on_its_side in ((PORTRAIT, False), (LANDSCAPE, True)):
        if sum(widths) <= page / SMALLEST_SCALE:
            return widths, on_its_side
    while sum(widths) > LANDSCAPE / SMALLEST_SCALE:
        n = max(range(len(widths)), key=lambda n: widths[n] - least[n])
        if widths[n] == least[n]:
            raise UserError(
                f"{topic}: the columns {', '.join(headers)} are wider than an A4 page",
                remedy="take a column out of the topic (extracts/topics.yml), or give it a shorter heading",
            )
        widths[n] = max(widths[n] - 10, least[n])
    return widths, True


def _least(header: str, cells: Sequence[Cell]) -> int:
    """Pixels below which a number would not be shown or a word of usual length would be broken."""
    words = [round(width_of(word[:22]) * _BOLD) for word in header.split()]
    for cell in cells:
        parts = [cell.shown] if isinstance(cell.value, float) else [word[:22] for word in cell.shown.split()]
        words += map(width_of, parts)
    return max(words, default=0)


def _escaped(text: str) -> str:
    return text.replace("&", "&&")
