"""Readers: a delivery's bytes to records, by the contract alone. Nothing is guessed.

A record is (physical line, fields as text). `Refused` stops a delivery whole, before anything
is loaded, when its bytes are not what the contract says.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

import python_calamine

from ingest.contracts import Contract


class Refused(Exception):
    """The delivery cannot be read as its contract says: what is wrong (with line), and what to do."""

    def __init__(self, message: str, remedy: str):
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True)
class Records:
    """The header found, the records, and their number counted apart from the reader that yields them."""

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]
    count: int


def read(contract: Contract, content: bytes) -> Records:
    """Records of a delivery's bytes, after its header was compared with the contract."""
    if not content.strip():
        raise Refused("the file is empty", "ask the supplier for the file again")
    from ingest import archive, fixed_width, genesis  # they need this module's Records and Refused

    content = archive.unpack(contract, content)
    if contract.reader == "xlsx":
        archive.guard_workbook(content)
    readers = {"genesis": genesis.read, "fixed_width": fixed_width.read}
    reader = ({"csv": _csv, "ldb_nrw": _ldb_nrw, "xlsx": _xlsx} | readers)[contract.reader]
    if not content.strip():
        raise Refused("the file is empty", "ask the supplier for the file again")
    return reader(contract, content)


def _csv(contract: Contract, content: bytes) -> Records:
    lines = _lines(contract, content)
    rows = _parse(contract, lines, first_line=1)
    _, header = next(rows)
    _compare_header(contract, header, line=1)
    return Records(header, rows, _count_records(contract, lines) - 1)


def _ldb_nrw(contract: Contract, content: bytes) -> Records:
    """Landesdatenbank NRW: titles, stacked header rows, rows until a rule of underscores, footnotes."""
    lines = _lines(contract, content)
    last_header = max(contract.header_rows)
    rule = next((n for n, line in enumerate(lines) if line.startswith("__________")), None)
    if rule is None or rule < last_header:
        raise Refused(
            f"no rule of underscores below line {last_header}: not a table of the Landesdatenbank, or cut short",
            "download the table again as CSV",
        )
    stacked = [lines[n - 1].rstrip("\r\n").split(contract.delimiter) for n in contract.header_rows]
    header = [contract.header_join.join(filter(None, cells)) for cells in zip_longest(*stacked, fillvalue="")]
    _compare_header(contract, header, last_header)
    body = lines[last_header:rule]
    return Records(header, _parse(contract, body, last_header + 1), _count_records(contract, body))


def _xlsx(contract: Contract, content: bytes) -> Records:
    try:
        workbook = python_calamine.load_workbook(io.BytesIO(content))
    except Exception as error:  # calamine raises several unrelated classes for files that are no workbooks
        raise Refused(f"the file is not an XLSX workbook ({error})", "ask the supplier for the file again") from error
    if contract.sheet not in workbook.sheet_names:
        raise Refused(
            f"there is no sheet {contract.sheet!r}, only {', '.join(workbook.sheet_names)}",
            f"name the sheet at {contract.path}:{contract.line_of('sheetName')}",
        )
    cells = workbook.get_sheet_by_name(contract.sheet).to_python(skip_empty_area=False)
    numbered = [(n, [_cell_text(cell) for cell in row]) for n, row in enumerate(cells, 1)]
    numbered = [(n, row) for n, row in numbered if any(row)]
    if not numbered:
        raise Refused(f"the sheet {contract.sheet!r} is empty", "ask the supplier for the file again")
    line, header = numbered[0]
    _compare_header(contract, header, line)
    return Records(header, iter(numbered[1:]), len(numbered) - 1)


def _cell_text(cell: object) -> str:
    # Whole numbers come as floats from a workbook; 2019.0 is the year 2019.
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _lines(contract: Contract, content: bytes) -> list[str]:
    """Physical lines, decoded strictly; a file that can only be another encoding is refused."""
    where = f"{contract.path}:{contract.line_of('encoding')}"
    encoding = contract.encoding.lower()
    is_latin = encoding in ("iso-8859-1", "latin-1", "latin1")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Refused(
            f"line {line}: byte {error.start} is not {contract.encoding}",
            f"ask for the file in {contract.encoding}, or name its encoding at {where}",
        ) from error
    if is_latin and (found := _unlike_latin(content)):
        line = content[: found[1]].count(b"\n") + 1
        raise Refused(
            f"line {line}: the file is {found[0]}, not {contract.encoding}",
            f"ask for the file in {contract.encoding}, or name its encoding at {where}",
        )
    if text.startswith("\ufeff"):
        raise Refused(
            f"line 1: the file starts with a byte order mark, which {contract.encoding} has not",
            f"name the encoding utf-8-sig at {where}",
        )
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        raise Refused(f"line {line}: a NUL byte", "the file is damaged or not text: ask for it again")
    # str.splitlines() would also split at form feeds and other signs that may stand inside a field.
    return list(io.StringIO(text, newline=""))


def _unlike_latin(content: bytes) -> tuple[str, int] | None:
    """ISO-8859-1 decodes any byte: the encodings that are mistaken for it must be told apart by their marks."""
    if content.isascii():
        return None
    first = next(n for n, byte in enumerate(content) if byte > 0x7F)
    try:
        content.decode("utf-8")
        return "UTF-8", first
    except UnicodeDecodeError:
        pass
    control = re.search(rb"[\x80-\x9f]", content)
    return ("Windows-1252", control.start()) if control else None


def _parse(contract: Contract, lines: list[str], first_line: int) -> Iterator[tuple[int, list[str]]]:
    """Records with the physical line each starts on; blank lines are no records."""
    reader = csv.reader(iter(lines), delimiter=contract.delimiter, quotechar=contract.quote, strict=True)
    while True:
        line = first_line + reader.line_num
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Refused(f"line {line}: {error}", "the quoting is broken there: ask for the file again") from error
        if fields:
            yield line, fields


def _count_records(contract: Contract, lines: list[str]) -> int:
    """Number of records by counting quotes: a record ends where a line ends outside quotes."""
    count, is_open = 0, False
    for line in lines:
        if not is_open and not line.strip("\r\n"):
            continue
        is_open ^= line.count(contract.quote) % 2 == 1
        count += not is_open
    return count


def _compare_header(contract: Contract, header: list[str], line: int) -> None:
    expected = [field.title for field in contract.fields]
    required = [field.title for field in contract.fields if not field.optional]
    if header in (expected, required):
        return
    missing = [title for title in required if title not in header]
    unknown = [title for title in header if title not in expected]
    difference = (
        [f"missing: {', '.join(missing)}"] * bool(missing)
        + [f"unknown: {_shown_headers(contract, unknown)}"] * bool(unknown)
        + ["the columns stand in another order"] * (not missing and not unknown)
    )
    raise Refused(
        f"line {line}: the header is not the contract's ({'; '.join(difference)})",
        f"ask for the agreed layout, or change the titles at {contract.path}:{contract.line_of('fields:')}",
    )


def _shown_headers(contract: Contract, unknown: list[str]) -> str:
    """Headers for a message. Where the header is missing, the first person's values stand in its place."""
    if contract.has_personal_fields:
        return f"{len(unknown)} columns, not shown because a file without a header has a person's values there"
    return ", ".join(unknown)
