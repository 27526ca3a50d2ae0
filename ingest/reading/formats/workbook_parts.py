"""The parts of a workbook (XLSX), read as they unpack by a parser that keeps a sheet's cells and nothing else.

What a spreadsheet shows needs number formats, errors, formulas and merged cells, which no reader that is fast enough
gives together (docs/decisions/workbook-cells.md). The markup is that of ECMA-376, part 1, 18.3.
"""

import io
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple
from xml.parsers import expat

from ingest.contracts.messages import Message
from ingest.reading import archive, file_kinds, values
from ingest.reading.formats import number_format
from ingest.reading.formats.number_format import Format
from ingest.reading.refused import Refused

MAX_CELLS = 5_000_000
"""Rows times columns of a sheet; more belongs into a CSV."""
MAX_CELL_TEXT = 256 * 2**20
"""Characters of all cells; shared strings count as often as they are used."""
MAX_DIGITS = 15
"""A spreadsheet keeps so many digits of a number."""
KEPT = 100_000
"""So many distinct cells are remembered, so that equal ones are one."""
_AGAIN, _AS_CSV = Message("ask_supplier_again"), Message("ask_csv")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


class Fault(NamedTuple):
    """What is wrong with a cell: a stable code, and what to say behind the cell's name."""

    code: str
    what: Message

    def at(self, place: str) -> values.BadValue:
        """The same of the cell at a place such as `C7`."""
        return values.BadValue(self.code, Message("cell", cell=place, what=self.what))


@dataclass(slots=True, eq=False)
class Cell:
    """A cell that is no text: a number, a date or time, a truth value, or a broken one."""

    format: Format
    plain: str = ""
    """A number's digits, with a point; TRUE or FALSE."""
    moment: datetime | None = None
    """A date or time of day."""
    has_day: bool = True
    has_time: bool = False
    """What of the moment the cell shows."""
    fault: Fault | None = None

    def shown(self) -> str:
        """The cell as a spreadsheet shows it: 15 digits, its number format, an error's name."""
        if self.fault is not None:
            return self.plain
        if self.moment is not None:
            return self.format.shown_date(self.moment)
        return self.format.shown_number(self.plain) if self.plain[-1:].isdigit() else self.plain


def shown(cell: "Cell | str") -> str:
    """Any cell as a spreadsheet shows it."""
    return cell if isinstance(cell, str) else cell.shown()


@dataclass
class Sheet:
    """The filled cells of a sheet, in rows as numbered in the spreadsheet; columns are counted from 1."""

    rows: list[tuple[int, list[Cell | str]]]
    """Cells up to the last filled one; "" if there is none. Rows without any are left out."""
    merged: list[tuple[int, int, int, int]]
    """First row, first column, last row, last column."""
    hidden_rows: list[int] = field(default_factory=list)
    """Filled rows that a spreadsheet does not show, also by a filter."""
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)
    """First and last of columns that it does not show."""

    def head(self, numbers: tuple[int, ...]) -> list[list[str]]:
        """The texts of rows of a header: what stands in merged cells stands above each column of them, once."""
        cells, widths = dict(self.rows), 0
        head = {n: [shown(cell) for cell in cells.get(n, [])] for n in numbers}
        for top, left, bottom, right in self.merged:
            row = next((n for n in sorted(numbers) if top <= n <= bottom), None)
            title = "" if row is None else shown(cell_at(cells, top, left))
            if not title:
                continue
            widths += right - left
            if widths > MAX_CELLS:
                raise Refused(Message("sheet_merges_too_much", cells=MAX_CELLS), _AS_CSV)
            for n in numbers:
                if top <= n <= bottom:
                    head[n] += [""] * (right - len(head[n]))
                    head[n][left - 1 : right] = [title if n == row else ""] * (right - left + 1)
        return [head[n] for n in numbers]


def is_blank(cell: Cell | str) -> bool:
    """Whether a cell shows nothing."""
    return isinstance(cell, str) and not cell.strip()


def cell_at(cells: Mapping[int, list[Cell | str]], line: int, column: int) -> Cell | str:
    """A cell of a sheet's rows; "" if there is none."""
    row = cells.get(line, [])
    return row[column - 1] if column <= len(row) else ""


def place(row: int, column: int) -> str:
    """The name of a cell, such as `AB12`."""
    letters = ""
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(65 + letter) + letters
    return f"{letters}{row}"


# --- the parts --------------------------------------------------------------------------------------


class Book:
    """A workbook's sheets, read when they are asked for."""

    def __init__(self, content: bytes):
        """Refused if it is no XLSX."""
        file_kinds.refuse_others(io.BytesIO(content), "xlsx")
        self._parts = archive.Parts(content)
        main = next((part.target for part in self._related("") if part.kind == "officeDocument"), "xl/workbook.xml")
        if main not in self._parts:
            raise Refused(Message("no_workbook_part", part=main), _AGAIN)
        top = _Workbook().parse(self._parts, main)
        related = {part.id: part for part in self._related(main)}
        self._targets = {
            name: related[number].target
            for name, number, _ in top.sheets
            if number in related and related[number].kind == "worksheet" and related[number].target in self._parts
        }
        self.sheets = list(self._targets)
        """Names of the sheets with cells, hidden ones too."""
        self.hidden = {name for name, _, state in top.sheets if state != "visible"}
        parts = {part.kind: part.target for part in related.values() if part.target in self._parts}
        self._formats, self._texts = [], []
        if "styles" in parts:
            self._formats = _Styles().parse(self._parts, parts["styles"]).formats
        if "sharedStrings" in parts:
            self._texts = _SharedStrings().parse(self._parts, parts["sharedStrings"]).texts
        self._has_1904, self._is_uncalculated = top.has_1904, top.is_uncalculated

    def sheet(self, name: str) -> Sheet:
        """The cells of a sheet."""
        typed = _Typed(self._formats, self._texts, self._has_1904, self._is_uncalculated)
        return _cells(self._parts, self._targets[name], typed)

    def _related(self, part: str) -> list["_Related"]:
        folder, name = posixpath.split(part)
        path = posixpath.join(folder, "_rels", f"{name}.rels")
        return _Relations(folder).parse(self._parts, path).found if path in self._parts else []


class _Xml:
    """A streaming parser that keeps nothing; declarations of entities are refused, nobody needs them."""

    def parse(self, parts: archive.Parts, name: str) -> Any:
        """Itself, after it has seen all of a part."""
        _parse(
            parts, name, lambda tag, attributes: self.start(tag.rpartition(" ")[2], attributes),
            lambda tag: self.end(tag.rpartition(" ")[2]), self.text,
        )  # fmt: skip
        return self

    def start(self, tag: str, attributes: dict[str, str]) -> None: ...

    def end(self, tag: str) -> None: ...

    def text(self, text: str) -> None: ...


def _parse(parts: archive.Parts, name: str, start: Callable, end: Callable, text: Callable) -> None:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.EntityDeclHandler = text, _entity
    try:
        for block in parts.blocks(name):
            parser.Parse(block, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise Refused(Message("workbook_no_xml", part=name, error=str(error)), _AGAIN) from error


def _entity(*declaration: object) -> None:
    raise Refused(Message("workbook_entities"), _AGAIN)


class _Related(NamedTuple):
    id: str
    kind: str
    target: str


class _Relations(_Xml):
    def __init__(self, folder: str):
        self.found: list[_Related] = []
        self._folder = folder

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "Relationship" and attributes.get("TargetMode") != "External":
            target = attributes.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else posixpath.join(self._folder, target)
            kind = attributes.get("Type", "").rpartition("/")[2]
            self.found.append(_Related(attributes.get("Id", ""), kind, posixpath.normpath(path)))


class _Workbook(_Xml):
    def __init__(self) -> None:
        self.sheets: list[tuple[str, str, str]] = []
        self.has_1904 = self.is_uncalculated = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "sheet":
            number = next((value for key, value in attributes.items() if key.endswith(" id")), "")
            self.sheets.append((attributes.get("name", ""), number, attributes.get("state", "visible")))
        elif tag == "workbookPr":
            self.has_1904 = attributes.get("date1904") in ("1", "true")
        elif tag == "calcPr":
            self.is_uncalculated = attributes.get("fullCalcOnLoad") in ("1", "true")


class _Styles(_Xml):
    """The number format of each style of cells."""

    def __init__(self) -> None:
        self.formats: list[Format] = []
        self._own: dict[str, Format] = {}
        self._is_inside = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "numFmt" and not self._is_inside:
            self._own.setdefault(attributes.get("numFmtId", ""), number_format.of(attributes.get("formatCode", "")))
        elif tag == "cellXfs":
            self._is_inside = True
        elif tag == "xf" and self._is_inside:
            number = attributes.get("numFmtId", "0")
            self.formats.append(self._own.get(number) or number_format.standard(_number(number, 0)))

    def end(self, tag: str) -> None:
        if tag == "cellXfs":
            self._is_inside = False


class _SharedStrings(_Xml):
    """The shared strings; how their characters are to be pronounced is left out."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._pieces: list[str] = []
        self._is_text = self._is_spoken = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "si":
            self._pieces = []
        elif tag == "rPh":
            self._is_spoken = True
        elif tag == "t":
            self._is_text = not self._is_spoken

    def end(self, tag: str) -> None:
        if tag == "si":
            self.texts.append(_unescaped("".join(self._pieces)))
        elif tag == "rPh":
            self._is_spoken = False
        elif tag == "t":
            self._is_text = False

    def text(self, text: str) -> None:
        if self._is_text:
            self._pieces.append(text)


def _unescaped(text: str) -> str:
    """Characters that XML cannot hold are written `_x000D_`."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


# --- cells ------------------------------------------------------------------------------------------


@dataclass
class _Typed:
    """Makes cells of what stands in a sheet's markup."""

    formats: list[Format]
    texts: list[str]
    has_1904: bool
    is_uncalculated: bool
    _known: dict[tuple, Cell | str] = field(default_factory=dict)

    def __call__(self, kind: str, style: str, raw: str | None, is_formula: bool) -> Cell | str:
        """A cell by its type, the number of its style, and its value as it stands there (None: no element)."""
        if kind == "s":
            return self._shared(raw or "")
        if kind in ("str", "inlineStr"):
            if is_formula and raw is None:
                return self._uncalculated()
            return _unescaped(raw or "")
        key = (kind, style, raw, is_formula)
        cell = self._known.get(key)
        if cell is None:
            if len(self._known) > KEPT:
                self._known.clear()
            cell = self._known[key] = self._typed(kind, self._format(style), (raw or "").strip(), is_formula)
        return cell

    def _format(self, style: str) -> Format:
        number = _number(style, -1)
        return self.formats[number] if 0 <= number < len(self.formats) else number_format.standard(0)

    def _shared(self, raw: str) -> Cell | str:
        if not raw.strip():
            return ""
        number = _number(raw.strip(), -1)
        if 0 <= number < len(self.texts):
            return self.texts[number]
        return Cell(number_format.standard(0), fault=Fault("cell_error", Message("cell_text_missing")))

    def _uncalculated(self) -> Cell:
        return Cell(number_format.standard(0), fault=Fault("cell_formula", Message("cell_formula")))

    def _typed(self, kind: str, form: Format, raw: str, is_formula: bool) -> Cell | str:
        if kind == "e":
            name = raw if re.fullmatch(r"#[A-Z0-9_/?!]{1,20}", raw) else "#?"
            return Cell(form, name, fault=Fault("cell_error", Message("cell_error", error=name)))
        if not raw:
            return self._uncalculated() if is_formula else ""
        if kind == "b":
            return Cell(form, "TRUE" if raw in ("1", "true") else "FALSE")
        if kind == "d":
            return self._iso(form, raw)
        return self._stored(form, raw, is_formula)

    def _iso(self, form: Format, raw: str) -> Cell:
        try:
            moment = datetime.fromisoformat(raw.removesuffix("Z"))
        except ValueError:
            return Cell(form, raw, fault=Fault("cell_type", Message("cell_no_date")))
        has_time = form.has_time if form.is_date else True
        return Cell(form, "", moment.replace(tzinfo=None), has_time=has_time)

    def _stored(self, form: Format, raw: str, is_formula: bool) -> Cell:
        if not _NUMBER.fullmatch(raw):
            return Cell(form, raw, fault=Fault("cell_type", Message("cell_no_number")))
        number = float(raw)
        if is_formula and self.is_uncalculated and number == 0:
            return self._uncalculated()
        if abs(number) >= 10.0**MAX_DIGITS:
            return Cell(form, raw, fault=Fault("cell_digits", Message("cell_digits", digits=MAX_DIGITS)))
        plain = _plain(number)
        return self._counted(form, float(plain)) if form.is_date else Cell(form, plain)

    def _counted(self, form: Format, days: float) -> Cell:
        """A date or time that is counted in days."""
        first = datetime(1904, 1, 1) if self.has_1904 else datetime(1899, 12, 31 if days < 60 else 30)
        is_day = days >= 0 if self.has_1904 else days >= 1 and not 60 <= days < 61  # there was no 29 February 1900
        if not form.has_day or (not self.has_1904 and 0 <= days < 1):
            moment = datetime(1900, 1, 1) + timedelta(seconds=round(days % 1 * 86400))
            return Cell(form, _plain(days), moment, has_day=False, has_time=True)
        if not is_day or days >= 2_958_466:
            return Cell(form, _plain(days), fault=Fault("cell_type", Message("cell_no_date")))
        try:
            moment = first + (timedelta(seconds=round(days * 86400)) if form.has_time else timedelta(int(days)))
        except OverflowError:  # after the year 9999
            return Cell(form, _plain(days), fault=Fault("cell_type", Message("cell_no_date")))
        return Cell(form, _plain(days), moment, has_time=form.has_time)


def _plain(number: float) -> str:
    """The 15 digits of a number that a spreadsheet keeps, without an exponent."""
    text = format(number, f".{MAX_DIGITS}g")
    if "e" in text:
        text = f"{Decimal(text):f}"
    return "0" if text == "-0" else text


def _cells(parts: archive.Parts, name: str, typed: _Typed) -> Sheet:
    """The cells of a sheet, within bounds of their rectangle and their characters."""
    rows: list[tuple[int, list[Cell | str]]] = []
    merged: list[tuple[int, int, int, int]] = []
    cells: list[Cell | str] = []
    pieces: list[str] = []
    row = column = most_rows = most_columns = characters = 0
    kind, style, raw = "n", "0", None
    is_formula = is_value = is_spoken = is_hidden = False
    hidden: list[int] = []
    columns: list[tuple[int, int]] = []
    names: dict[str, str] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal row, column, cells, kind, style, raw, is_formula, is_value, is_spoken, is_hidden
        nonlocal most_rows, most_columns
        local = names.get(tag)
        if local is None:
            local = names[tag] = tag.rpartition(" ")[2]
        if local == "c":
            at = _position(attributes.get("r"))
            if at is None:
                column += 1
            else:
                row, column = at
            kind, style = attributes.get("t", "n"), attributes.get("s", "0")
            raw, is_formula = None, False
            if row > most_rows or column > most_columns:
                most_rows, most_columns = max(most_rows, row), max(most_columns, column)
                if most_rows * most_columns > MAX_CELLS:
                    what = Message("sheet_too_large", rows=most_rows, columns=most_columns, cells=MAX_CELLS)
                    raise Refused(what, _AS_CSV)
        elif local == "v" or local == "t":
            is_value = not is_spoken
        elif local == "row":
            row, column = _number(attributes.get("r"), row + 1), 0
            cells = []
            is_hidden = attributes.get("hidden") in _TRUE
        elif local == "f":
            is_formula = True
        elif local == "rPh":
            is_spoken = True
        elif local == "col" and attributes.get("hidden") in _TRUE:
            columns.append((_number(attributes.get("min"), 0), _number(attributes.get("max"), 0)))
        elif local == "mergeCell":
            ends = [_position(end) for end in attributes.get("ref", "").split(":")]
            if len(ends) == 2 and None not in ends:
                (top, bottom), (left, right) = (sorted(both) for both in zip(*ends, strict=True))
                merged.append((top, left, bottom, right))

    def text(text: str) -> None:
        nonlocal characters
        if is_value:
            pieces.append(text)
            characters += len(text)
            if characters > MAX_CELL_TEXT:
                raise _too_many_characters()

    def end(tag: str) -> None:
        nonlocal raw, is_value, is_spoken, characters
        local = names[tag]
        if local == "c":
            cell = typed(kind, style, raw, is_formula)
            if cell == "":
                return
            if kind == "s" and isinstance(cell, str):
                characters += len(cell)
                if characters > MAX_CELL_TEXT:
                    raise _too_many_characters()
            while len(cells) < column - 1:
                cells.append("")
            if len(cells) == column - 1:
                cells.append(cell)
            else:
                cells[column - 1] = cell
        elif local == "v" or local == "t":
            is_value = False
            raw = (raw or "") + "".join(pieces)
            pieces.clear()
        elif local == "row":
            if not all(map(is_blank, cells)):
                rows.append((row, cells))
                if is_hidden:
                    hidden.append(row)
        elif local == "rPh":
            is_spoken = False

    _parse(parts, name, start, end, text)
    if any(one[0] >= other[0] for one, other in pairwise(rows)):
        rows = _in_order(rows)
    return Sheet(rows, merged, sorted(hidden), columns)


def _in_order(rows: list[tuple[int, list[Cell | str]]]) -> list[tuple[int, list[Cell | str]]]:
    """Rows by their number; Refused if one stands twice."""
    rows = sorted(rows, key=lambda row: row[0])
    for (one, _), (other, _) in pairwise(rows):
        if one == other:
            raise Refused(Message("sheet_row_twice", row=one), _AGAIN)
    return rows


def _too_many_characters() -> Refused:
    return Refused(Message("sheet_too_many_characters", millions=MAX_CELL_TEXT // 2**20), _AS_CSV)


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and len(text) < 12 and text.isascii() and text.isdigit() else otherwise


_TRUE = ("1", "true")
_COLUMNS: dict[str, int] = {}


def _position(reference: str | None) -> tuple[int, int] | None:
    """Row and column of a cell reference such as `AB12`."""
    if reference is None:
        return None
    letters = reference.rstrip("0123456789")
    column = _COLUMNS.get(letters)
    if column is None:
        if not re.fullmatch("[A-Z]{1,3}", letters):
            return None
        column = 0
        for letter in letters:
            column = column * 26 + ord(letter) - 64
        _COLUMNS[letters] = column
    digits = reference[len(letters) :]
    return (int(digits), column) if 0 < len(digits) < 10 else None
