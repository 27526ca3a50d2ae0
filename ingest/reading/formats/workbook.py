"""Workbooks (XLSX): the records of a contract's sheet, each cell by its type, what is wrong with a cell by its name.

A typed cell never goes through the contract's dialect of texts as it happens to be stored: once the layout is known,
it is written in the dialect of the field it stands under, so that there is one rule of a field, and whoever reads a
workbook, to load it, to compare its header or to propose a contract, reads the same.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import zip_longest

from ingest.contracts import Contract, Field, Layout, normal_title
from ingest.contracts.messages import Message
from ingest.reading import block, values
from ingest.reading.block import Block
from ingest.reading.formats.workbook_parts import (
    KEPT,
    MAX_CELLS,
    Book,
    Cell,
    Fault,
    Sheet,
    cell_at,
    is_blank,
    place,
    shown,
)
from ingest.reading.refused import Refused

ROWS_AT_ONCE = 20_000
_AGAIN = Message("ask_supplier_again")


# --- one cell under one field -----------------------------------------------------------------------


def written(cell: Cell, field: Field) -> str | Fault:
    """A typed cell as the field's own dialect writes it, for the one rule of the field; or what is wrong with it.

    Numbers are stored ones, of 15 digits. One shown with a percent sign is the stored ratio (0.05), or what is shown
    (5) under a field that says percent: by the suffix `_pct` of its name, or because its texts may carry the sign.
    """
    if cell.fault is not None:
        return cell.fault
    if field.mapping is not None or field.enum is not None:
        return _word(cell, field)
    if cell.moment is not None:
        return _date(cell, field)
    is_number = cell.plain[-1:].isdigit()
    if field.type == "boolean":
        agreed = {"TRUE": field.true_values, "FALSE": field.false_values}.get(cell.plain)
        return min(agreed) if agreed else cell.plain
    if field.type in ("integer", "number") and is_number:
        is_percent = cell.format.is_percent and (not field.bare_number or field.name.endswith("_pct"))
        return (_times_hundred(cell.plain) if is_percent else cell.plain).replace(".", field.decimal_char)
    if field.type == "date" and re.search(r"[^%\w]", field.format):
        return Fault("cell_type", Message("cell_number_for_date"))
    return cell.shown()


def _date(cell: Cell, field: Field) -> str | Fault:
    if field.type in ("integer", "number"):
        return Fault("cell_type", Message("cell_date_for_number"))
    if field.type != "date":
        return cell.shown()
    if not cell.has_day:
        return Fault("cell_type", Message("cell_time_alone"))
    if cell.has_time and cell.moment.time() != datetime.min.time():
        return Fault("cell_type", Message("cell_date_with_time"))
    return cell.moment.strftime(field.format)


def _word(cell: Cell, field: Field) -> str:
    """The cell as a word of a code list: as it is shown, or as the list spells it."""
    known = field.mapping if field.mapping is not None else field.enum
    number = {"TRUE": ("WAHR", "true", "wahr", "ja", "1"), "FALSE": ("FALSCH", "false", "falsch", "nein", "0")}
    spellings = (cell.shown(), cell.plain, cell.plain.replace(".", field.decimal_char), *number.get(cell.plain, ()))
    return next((text for text in spellings if text and text in known), cell.shown())


def _times_hundred(plain: str) -> str:
    text = f"{Decimal(plain).scaleb(2):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


# --- a sheet as the contract sees it ----------------------------------------------------------------


class Table:
    """The header and the records of a sheet."""

    def __init__(self, sheet: Sheet, header_rows: tuple[int, ...], join: str = " ", footer: re.Pattern | None = None):
        """`header_rows` by number, their texts joined by `join`; row 1 alone: the first row that has anything in it."""
        self._merged, self._cells = sheet.merged, dict(sheet.rows)
        numbers = (sheet.rows[0][0],) if header_rows == (1,) else header_rows
        self.line = max(numbers)
        titles = [join.join(filter(None, cells)) for cells in zip_longest(*sheet.head(numbers), fillvalue="")]
        while titles and not titles[-1].strip():
            titles.pop()
        left = next((n for n, title in enumerate(titles) if title.strip()), len(titles))
        self._rows = [row for row in sheet.rows if row[0] > self.line]
        if footer:
            ends = (n for n, (_, cells) in enumerate(self._rows) if _begins(footer, cells, left))
            self._rows = self._rows[: next(ends, len(self._rows))]
        begins_blank = all(is_blank(cell) for _, cells in self._rows for cell in cells[:left])
        self._left = left if begins_blank else 0
        self.header = titles[self._left :]
        self._hidden = self._under_merges()
        self._rows += [(line, [""]) for line in self._hidden if line not in self._cells and self._lacks_values(line)]
        self._rows.sort(key=lambda row: row[0])

    @classmethod
    def of(cls, contract: Contract, content: bytes) -> "Table":
        """A contract's table; Refused if the file is no workbook, lacks the sheet, or the sheet is empty."""
        if not content.strip():
            raise Refused(Message("file_empty"), _AGAIN)
        book = Book(content)
        name = next((name for name in book.sheets if normal_title(name) == normal_title(contract.sheet)), None)
        if name is None:
            what = Message("sheet_missing", sheet=repr(contract.sheet), sheets=", ".join(book.sheets))
            raise Refused(what, Message("name_sheet", place=contract.place_of("sheetName")))
        sheet = book.sheet(name)
        if not sheet.rows:
            raise Refused(Message("sheet_empty", sheet=repr(contract.sheet)), _AGAIN)
        table = cls(sheet, contract.header_rows, contract.header_join, contract.footer)
        table.header = [normal_title(title) for title in table.header]
        return table

    @property
    def count(self) -> int:
        """Number of records."""
        return len(self._rows)

    def rows(self, text: Callable[[Cell | str], str], after: int = 0) -> list[tuple[int, list[str]]]:
        """Line and texts of each record below row `after`, as `text` makes them of cells, at least one a title."""
        found = [(line, [text(cell) for cell in cells[self._left :]]) for line, cells in self._rows if line > after]
        return [(line, texts + [""] * (len(self.header) - len(texts))) for line, texts in found]

    def texts(self, layout: Layout) -> Iterator[tuple[int, list[str]]]:
        """Line and texts of each record; a broken cell as it is shown."""
        for line, texts, _ in self._written(layout):
            yield line, texts

    def blocks(self, layout: Layout) -> Iterator[Block]:
        """The records as the engine takes them; those with a broken cell as broken ones."""
        width, good, lines, broken = len(layout.fields), [], [], []
        for line, texts, faults in self._written(layout):
            if faults:
                broken.append(block.Broken(line, "cells", None, None, None, "", cells=tuple(texts), faults=faults))
            else:
                good.append([text.encode() for text in texts])
                lines.append(line)
            if len(lines) + len(broken) == ROWS_AT_ONCE:
                yield Block.of(good, width, lines, broken)
                good, lines, broken = [], [], []
        yield Block.of(good, width, lines, broken)

    def _written(self, layout: Layout) -> Iterator[tuple[int, list[str], dict[int, values.BadValue]]]:
        fields, left = layout.fields, self._left
        known: list[dict[Cell, str | Fault]] = [{} for _ in fields]
        for line, cells in self._rows:
            texts, faults = cells[left : left + len(fields)], {}
            for n, cell in enumerate(texts):
                if isinstance(cell, str):
                    continue
                answers = known[n]
                text = answers.get(cell)
                if text is None:
                    if len(answers) > KEPT:
                        answers.clear()
                    text = answers[cell] = cell.shown() if fields[n].privacy == "drop" else written(cell, fields[n])
                if isinstance(text, Fault):
                    faults[n] = text.at(place(line, left + n + 1))
                    text = cell.shown()
                texts[n] = text
            texts += [""] * (len(fields) - len(texts))
            for column, merge in self._hidden.get(line, {}).items():
                if left < column <= left + len(fields) and fields[column - left - 1].privacy != "drop":
                    faults[column - left - 1] = _hidden(merge).at(place(line, column))
            for n, cell in enumerate(cells[left + len(fields) :], left + len(fields)):
                if not is_blank(cell):
                    faults[n - left] = _UNTITLED.at(place(line, n + 1))
                    break
            yield line, texts, faults

    def _under_merges(self) -> dict[int, dict[int, tuple[int, int, int, int]]]:
        """Of each row below the header, the columns whose cells lie hidden under merged ones."""
        cells, hidden, seen = self._cells, {}, 0
        last = self._rows[-1][0] if self._rows else 0
        first_column, last_column = self._left + 1, self._left + len(self.header)
        for merge in self._merged:
            top, left, bottom, right = merge
            columns = range(max(left, first_column), min(right, last_column) + 1)
            lines = range(max(top, self.line + 1), min(bottom, last) + 1)
            seen += len(lines) * len(columns)
            if seen > MAX_CELLS:
                raise Refused(Message("sheet_merges_too_much", cells=MAX_CELLS), Message("ask_csv"))
            has_value = top <= last and cell_at(cells, top, left) != ""
            for line in lines:
                for column in columns:
                    if (line, column) != (top, left) and (has_value or cell_at(cells, line, column) != ""):
                        hidden.setdefault(line, {})[column] = merge
        return hidden

    def _lacks_values(self, line: int) -> bool:
        """Whether a row of nothing but hidden cells is a record; not so the second line of one drawn over several."""
        cells, hidden = self._cells, self._hidden[line]
        tops = {merge[0] for merge in hidden.values() if merge[0] > self.line}
        columns = range(self._left + 1, self._left + len(self.header) + 1)
        return line not in tops and any(
            cell_at(cells, top, column) != "" for top in tops for column in columns if column not in hidden
        )


class Source:
    """A workbook whose header fits a layout of the contract."""

    totals = ()

    def __init__(self, table: Table, layout: Layout):
        self.layout, self.records, self.line = layout, table.count, table.line
        self._table = table

    def blocks(self, is_row: Callable[[list[str]], bool] = lambda fields: True) -> Iterator[Block]:
        """The records in blocks."""
        return self._table.blocks(self.layout)

    def texts(self) -> Iterator[tuple[int, list[str]]]:
        """The records as line and texts."""
        return self._table.texts(self.layout)


def source(contract: Contract, content: bytes, layout_of: Callable[[list[str], int], Layout]) -> Source:
    """The workbook's records; `layout_of` gives the layout of a header and its line, or refuses it."""
    table = Table.of(contract, content)
    return Source(table, layout_of(table.header, table.line))


_UNTITLED = Fault("cell_untitled", Message("cell_untitled"))


def _hidden(merge: tuple[int, int, int, int]) -> Fault:
    top, left, bottom, right = merge
    ends = f"{place(top, left)}:{place(bottom, right)}"
    return Fault("cell_merged", Message("cell_merged", cells=ends))


def _begins(footer: re.Pattern[str], cells: list[Cell | str], left: int) -> bool:
    """Whether a row is the first one of the footer, by its first cell or the first one below a title."""
    return any(footer.match(shown(cell)) for cell in (cells[0], *cells[left : left + 1]))
