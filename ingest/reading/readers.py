"""Readers: a delivery's bytes to records, by the contract alone. Nothing is guessed.

Delimited text goes through `scan` in blocks, however long the file is; the other readers hold a whole file and
yield records as (physical line, fields as text). `Refused` stops a delivery whole, before anything
is loaded, when its bytes are not what the contract says.
"""

import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import BinaryIO

import numpy as np

from ingest.contracts import DELIMITERS, Contract, Field, Layout, normal_title
from ingest.contracts.messages import Message
from ingest.reading import archive, decode, file_kinds, scan
from ingest.reading.block import Block, Broken
from ingest.reading.dialect import Dialect
from ingest.reading.formats import workbook
from ingest.reading.records import Records, empty_file
from ingest.reading.refused import Refused
from ingest.reading.scan import Scanner

DELIMITED = ("csv", "ldb_nrw")
ENCODED = (*DELIMITED, "fixed_width")
"""Readers whose contract may name another encoding; downloads have the one of their service."""
"""Readers of delimited text: one and the same, but that tables of the Landesdatenbank NRW end with a rule."""
_RULE = re.compile("_{10}")
_SEP = re.compile(rb'\s*"?sep=(.)"?\s*$', re.IGNORECASE)
_HAS_DIGIT = re.compile(r"\d").search
_MOST_LINES_BEFORE = 1_000
"""Blank lines before a header."""
_MOST_LINES_ABOVE = 50
"""Lines of a title block, in which the header of a layout beside others is looked for."""


class Source:
    """A delivery whose header fits a layout of the contract, before its records are read."""

    def __init__(
        self,
        layout: Layout,
        scanner: Scanner,
        chunks: Iterator[bytes],
        before: int = 0,
        totals: Sequence[tuple[int, list[str]]] = (),
    ):
        """`before`: columns without a title that stand before the others, in which nothing may stand.

        `totals`: line and cells of the lines of totals, filled as the chunks are taken.
        """
        self.layout = layout
        self._scanner, self._chunks, self._before = scanner, chunks, before
        self._totals = totals

    def blocks(self, is_row: Callable[[list[str]], bool] = lambda fields: True) -> Iterator[Block]:
        """The records, once; `is_row` as for `Scanner`."""
        self._scanner.is_row = lambda fields: is_row(fields[self._before :])
        blocks = self._scanner.blocks(self._chunks)
        return (self._without_before(block) for block in blocks) if self._before else blocks

    def _without_before(self, block: Block) -> Block:
        """A block without the columns before those of the layout; broken is a record that has something there."""
        n, width = self._before, len(self.layout.fields)
        wrong = [
            row
            for row in np.flatnonzero(block.size[:n].any(axis=0)).tolist()
            if not all(scan.is_blank(block.text(field, row).encode()) for field in range(n))
        ]
        kept = replace(block, start=block.start[n:], size=block.size[n:])
        if not wrong:
            return kept
        broken = [
            Broken(int(block.lines[row]), "field_count", n + width, None, None, " ".join(block.texts(row)))
            for row in wrong
        ]
        others = np.delete(np.arange(len(block.lines)), wrong)
        return replace(kept, broken=[*block.broken, *broken]).take(others)

    @property
    def records(self) -> int:
        """Number of records found, known when all blocks were taken: counted by line ends, not by who reads them."""
        return self._scanner.records

    @property
    def totals(self) -> list[tuple[int, Field, str]]:
        """Line, field and text of each total that is printed below the records, known when all blocks were taken."""
        summed = self.layout.beside.totals if self.layout.beside else ()
        places = [(n + self._before, f) for n, f in enumerate(self.layout.fields) if f.name in summed]
        return [
            (line, field, cells[n].strip() if n < len(cells) else "")
            for line, cells in self._totals
            if any(map(_HAS_DIGIT, cells))  # else it is a word about the lines below
            for n, field in places
        ]


class SmallSource:
    """The same for readers that hold a whole file."""

    totals = ()

    def __init__(self, contract: Contract, layout: Layout, records: Records):
        self.layout, self.records = layout, records.count
        self._contract, self._rows = contract, records.rows

    def blocks(self, is_row: Callable[[list[str]], bool] = lambda fields: True) -> Iterator[Block]:
        """All records as one block."""
        width, good, lines, broken = len(self.layout.fields), [], [], []
        for line, fields in self._rows:
            if len(fields) == width:
                good.append([text.encode() for text in fields])
                lines.append(line)
            else:
                text = self._contract.delimiter.join(fields)
                broken.append(Broken(line, "field_count", len(fields), None, None, text))
        yield Block.of(good, width, lines, broken)


def open_source(
    contract: Contract, file: BinaryIO, period: str | None = None
) -> Source | SmallSource | workbook.Source:
    """The delivery in an open file; Refused if its encoding or header is not the contract's for that period."""
    if contract.reader != "xlsx":
        refuse_others(contract, file, is_packed=archive.is_agreed(contract))
    if contract.reader in DELIMITED:
        if contract.member:
            file = archive.stream(contract, file)
            refuse_others(contract, file)
        return _delimited(contract, file, period)
    if file.seek(0, io.SEEK_END) > archive.MAX_BYTES_IN_MEMORY:
        megabytes = archive.MAX_BYTES_IN_MEMORY >> 20
        what = Message("file_too_large", megabytes=megabytes, reader=contract.reader)
        raise Refused(what, Message("ask_smaller"))
    file.seek(0)
    if contract.reader == "xlsx":
        content = archive.unpack(contract, file.read())
        return workbook.source(contract, content, lambda *header: layout_of(contract, *header, period))
    records = _small(contract, file.read())
    return SmallSource(contract, layout_of(contract, records.header, records.header_line, period), records)


def read(contract: Contract, content: bytes) -> Records:
    """Records of a delivery's bytes, after its header was compared with the contract: for files that fit in memory."""
    records = _small(contract, content)
    layout_of(contract, records.header, records.header_line)
    return records


def refuse_others(contract: Contract, file: BinaryIO, is_packed: bool = False) -> None:
    """Refuse what is of another kind than a contract's files, by its name; `is_packed`: before it is unpacked."""
    place = contract.place_of("encoding") if contract.reader in ENCODED else ""
    file_kinds.refuse_others(file, contract.reader, contract.encoding, place, is_packed)


def layout_of(contract: Contract, header: list[str], line: int, period: str | None = None) -> Layout:
    """The contract's layout for this header and period; Refused names the difference and the contract line to add."""
    layout = contract.layout_for(header, period)
    if layout is None:
        refuse_other_delimiter(contract, header, line, period)
        message, remedy = contract.header_refusal(header, period)
        raise Refused(Message("at_line", line=line, what=message), remedy)
    return layout


def refuse_other_delimiter(contract: Contract, header: list[str], line: int, period: str | None) -> None:
    """Refuse a header of one title that another delimiter parts into those that were agreed."""
    if contract.reader not in DELIMITED or len(header) > 1:
        return
    one = "".join(header)
    joined = {normal_title(" ".join(layout.titles)) for layout in contract.layouts_in(period)}
    for sign in DELIMITERS:
        # Of titles in their normal form a tabulator is a blank.
        titles = one.split(sign)
        if (len(titles) > 1 and contract.is_header(titles, period)) or (sign == "\t" and one in joined):
            what = Message("delimiter_differs", found=repr(sign), agreed=repr(contract.delimiter))
            raise Refused(Message("at_line", line=line, what=what), _where(contract, "delimiter"))


def _small(contract: Contract, content: bytes) -> Records:
    if not content.strip():
        raise empty_file()
    from ingest.reading.formats import fixed_width, genesis, wegweiser  # they need this module's Records and Refused

    if contract.reader != "xlsx":
        refuse_others(contract, io.BytesIO(content), is_packed=archive.is_agreed(contract))  # an .ods is a zip, too
    content = archive.unpack(contract, content)
    if contract.reader == "xlsx":
        return _xlsx(contract, content)
    refuse_others(contract, io.BytesIO(content))
    readers = {"genesis": genesis.read, "wegweiser": wegweiser.read, "fixed_width": fixed_width.read}
    reader = (dict.fromkeys(DELIMITED, _whole) | readers)[contract.reader]
    if not content.strip():
        raise empty_file()
    return reader(contract, content)


# --- delimited text ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Head:
    """The header of delimited text, where the contract says it stands."""

    titles: list[str]
    """Stacked rows joined, in their normal form."""
    line: int
    """The last line it begins on."""
    rows: list[list[bytes]]
    """Its rows as they stand."""
    text: bytes
    """The file up to the header's end."""
    body: bytes
    """What was read of the file behind it."""


def head(contract: Contract, file: BinaryIO, period: str | None = None) -> Head:
    """The header of delimited text, without the rest; Refused if there is none, or no text of the encoding."""
    contract, chunks = _as_written(contract, _chunks(contract, file), period)
    return _head(contract, dialect_of(contract), chunks)


def dialect_of(contract: Contract) -> Dialect:
    """How a contract's files part and quote their fields."""
    quote = contract.quote or None
    return Dialect(
        contract.delimiter,
        quote,
        contract.double_quote,
        contract.escape,
        contract.excel_text,
        contract.initial_space,
        contract.line_terminator,
    )


def _chunks(contract: Contract, file: BinaryIO) -> decode.Chunks:
    return decode.utf8_chunks(file, contract.encoding, contract.place_of("encoding"))


def _delimited(contract: Contract, file: BinaryIO, period: str | None = None) -> Source:
    chunks = _chunks(contract, file)
    try:
        contract, begun = _as_written(contract, chunks, period)
        dialect = dialect_of(contract)
        found = _head(contract, dialect, begun)
        layout = layout_of(contract, found.titles, found.line, period)
    except Refused:
        for _ in chunks:  # another encoding than agreed is the better reason, if it shows in the rest of the file
            pass
        raise
    body = itertools.chain([found.body] if found.body else [], begun)
    lines = len(scan.LINE_BREAK.findall(found.text))
    totals: list[tuple[int, list[str]]] = []
    if layout.beside and layout.beside.footer:
        body = _up_to_totals(layout.beside.footer, body, dialect, 1 + lines, totals)
    elif contract.reader == "ldb_nrw":
        cut_short = Refused(Message("rule_of_underscores_missing", line=found.line), Message("download_as_csv"))
        body = _until(_RULE, body, cut_short)
    elif contract.footer:
        body = _until(contract.footer, body)
    first, body = _first_record(dialect, body)
    before = _blank_titles(found.titles) if layout.beside else 0
    width = before + len(layout.fields)
    extra = len(first) - width if first else len(found.titles) - width
    if extra < 0 or not all(map(scan.is_blank, (first or [])[width:])):
        extra = 0
    scanner = Scanner(dialect, width, contract.encoding, 1 + lines, extra=extra, heads=found.rows)
    scanner.skip(found.text, chunks.has_mark)
    return Source(layout, scanner, body, before, totals)


def _as_written(contract: Contract, chunks: Iterator[bytes], period: str | None) -> tuple[Contract, Iterator[bytes]]:
    """The contract as a file is written that has the header of a layout beside others, and the chunks, all of them.

    The contract itself where no line of the file's first ones is, or is meant to be, such a header.
    """
    layouts = [layout for layout in contract.layouts_in(period) if layout.beside]
    if not layouts:
        return contract, chunks
    first = next(chunks, b"")
    begun = itertools.chain([first] if first else [], chunks)
    lines = scan.LINE_BREAK.split(first, _MOST_LINES_ABOVE)[:_MOST_LINES_ABOVE]
    best, form = 0.5, contract  # half of the titles are a header with a fault in it; less is another file
    for layout in layouts:
        for delimiter in layout.beside.delimiters:
            written = replace(contract, delimiter=delimiter, header_rows=(1,), line_terminator=None)
            dialect = dialect_of(written)
            for number, line in enumerate(lines, 1):
                cells = dialect.fields(dialect.ended(line), 0)
                titles = [normal_title(cell.decode()) for cell in cells[0]] if cells else []
                share = len(set(layout.titles) & set(titles)) / len(layout.titles)
                if share > best:
                    best, form = share, replace(written, header_rows=(number,))
                if 2 * sum(map(bool, titles)) > len(layout.titles):
                    break  # a line with so many cells is no title of the list: a header stands above its records
    return form, begun


def _blank_titles(titles: list[str]) -> int:
    """How many columns without a title stand before the others, as in what SAP parts by tabulators."""
    return next((n for n, title in enumerate(titles) if title), 0)


def _up_to_totals(
    footer: re.Pattern[str],
    chunks: Iterator[bytes],
    dialect: Dialect,
    line: int,
    totals: list[tuple[int, list[str]]],
) -> Iterator[bytes]:
    """The lines before the first total; Refused if rows stand below it, as in a list with subtotals.

    `line`: number of the first chunk's first line. Line and cells of each total are put into `totals`.
    """
    total, anywhere = None, re.compile(footer.pattern, footer.flags | re.MULTILINE)
    for chunk in chunks:
        if total is None and anywhere.search(chunk.decode()) is None:
            yield chunk
            line += len(scan.LINE_BREAK.findall(chunk))
            continue
        kept = []
        for text in chunk.splitlines(keepends=True):
            if footer.match(text.decode()):
                total = total or line
                found = dialect.fields(dialect.ended(text), 0)
                totals.append((line, [cell.decode() for cell in found[0]] if found else []))
            elif total is None:
                kept.append(text)
            elif not scan.is_blank(text.replace(dialect.delimiter.encode(), b"")):
                what = Message("at_line", line=line, what=Message("rows_below_total", line=total))
                raise Refused(what, Message("ask_without_subtotals"))
            line += 1
        if kept:
            yield b"".join(kept)


def _head(contract: Contract, dialect: Dialect, chunks: Iterator[bytes]) -> Head:
    """The header; of the chunks so many are read as it takes."""
    text, is_all = b"", False
    while not is_all:
        more = next(chunks, None)
        is_all = more is None
        text = dialect.ended(text) if is_all and text else text + (more or b"")
        if not scan.is_blank(text) and (found := _head_in(contract, dialect, text, is_all)):
            return found
    raise empty_file()


def _head_in(contract: Contract, dialect: Dialect, text: bytes, is_all: bool) -> Head | None:
    """The header in the beginning of a file; None if more of it is needed. `is_all`: there is no more."""
    most = max(contract.header_rows) + len(contract.header_rows)
    ends = [found.end() for found in itertools.islice(scan.LINE_BREAK.finditer(text), _MOST_LINES_BEFORE + most)]
    starts = [0, *ends]
    _require_line_end(contract, dialect, text, ends)
    rows, end, line = [], 0, 0
    wanted = [_first_line(contract, dialect, text, starts)] if contract.header_rows == (1,) else contract.header_rows
    for line in wanted:
        if line is None or line > len(ends):
            if not is_all:
                return None
            raise Refused(Message("file_ends_before_header", line=line or 1), Message("ask_supplier_again"))
        start = starts[line - 1]
        if start < end:
            what = Message("at_line", line=line, what=Message("title_began_before"))
            raise Refused(what, _where(contract, "headerRows"))
        found = dialect.fields(text, start)
        if found is None:
            if not is_all and dialect.is_open(text, start):
                return None
            what = Message("at_line", line=line, what=Message("header_quoting_broken"))
            raise Refused(what, Message("ask_supplier_again"))
        rows.append(found[0])
        end = found[1]
    cells = [[normal_title(cell.decode()) for cell in row] for row in rows]
    titles = [contract.header_join.join(filter(None, column)) for column in zip_longest(*cells, fillvalue="")]
    return Head([normal_title(title) for title in titles], line, rows, text[:end], text[end:])


def _first_line(contract: Contract, dialect: Dialect, text: bytes, starts: list[int]) -> int | None:
    """The number of the first line that holds anything, but for Excel's word on the delimiter; None if none does."""
    for number, (start, end) in enumerate(itertools.pairwise(starts), 1):
        line = text[start:end]
        said = _SEP.match(line)
        if said and said[1] != dialect.delimiter.encode():
            sign = said[1].decode(errors="replace")
            what = Message("declared_delimiter_differs", found=repr(sign), agreed=repr(dialect.delimiter))
            raise Refused(Message("at_line", line=number, what=what), _where(contract, "delimiter"))
        if not said and not scan.is_blank(line.replace(dialect.delimiter.encode(), b"")):
            return number
    return None


def _require_line_end(contract: Contract, dialect: Dialect, text: bytes, ends: list[int]) -> None:
    if dialect.line_end and ends and dialect.line_end.encode() not in text:
        names = {b"\n": "LF", b"\r\n": "CRLF", b"\r": "CR"}
        found = names[scan.LINE_BREAK.search(text)[0]]
        what = Message("line_end_differs", found=found, agreed=names[dialect.line_end.encode()])
        raise Refused(Message("at_line", line=1, what=what), _where(contract, "lineTerminator"))


def _where(contract: Contract, entry: str) -> Message:
    return Message("ask_as_agreed", entry=entry, place=contract.place_of(entry))


def _first_record(dialect: Dialect, chunks: Iterator[bytes]) -> tuple[list[bytes] | None, Iterator[bytes]]:
    """The fields of the first record that holds anything, None if they cannot be told; and the chunks, all of them.

    It says how many blank fields the delimiters at the end of every line make.
    """
    seen = []
    for chunk in chunks:
        seen.append(chunk)
        text, start = dialect.ended(chunk), 0
        while start < len(text) and (found := dialect.fields(text, start)):
            if not all(map(scan.is_blank, found[0])):
                return found[0], itertools.chain(seen, chunks)
            start = found[1]
        if start < len(text):
            break
    return None, itertools.chain(seen, chunks)


def _until(footer: re.Pattern[str], chunks: Iterator[bytes], otherwise: Refused | None = None) -> Iterator[bytes]:
    """The lines before the first one that the footer matches; the rest is read for its encoding only.

    `otherwise` is raised where no line matches.
    """
    begins = re.compile(footer.pattern, footer.flags | re.MULTILINE)
    is_over = False
    for chunk in chunks:
        if is_over:
            continue
        text, start = chunk.decode(), 0
        while (found := begins.search(text, start)) and found.start() and text[found.start() - 1] not in "\r\n":
            start = found.start() + 1
        is_over = found is not None and found.start() < len(text)
        if body := text[: found.start()].encode() if is_over else chunk:
            yield body
    if otherwise and not is_over:
        raise otherwise


def _whole(contract: Contract, content: bytes) -> Records:
    """All records of delimited text at once; a broken one as far as delimiters part it."""
    source = _delimited(contract, io.BytesIO(content))
    blocks = list(source.blocks())
    rows = [row for block in blocks for row in _rows_of(contract, block)]
    return Records(source.layout.header, iter(sorted(rows, key=lambda row: row[0])), source.records)


def _rows_of(contract: Contract, block: Block) -> Iterator[tuple[int, list[str]]]:
    """A block's records as texts; a broken one as far as delimiters part it."""
    yield from ((line, block.texts(n)) for n, line in enumerate(block.lines.tolist()))
    yield from ((record.line, record.text.split(contract.delimiter)) for record in block.broken)


# --- workbooks --------------------------------------------------------------------------------------


def _xlsx(contract: Contract, content: bytes) -> Records:
    source = workbook.source(contract, content, lambda *header: layout_of(contract, *header))
    return Records(source.layout.header, source.texts(), source.records, source.line)
