"""Readers: a delivery's bytes to records, by the contract alone. Nothing is guessed.

Delimited text goes through `scan` in blocks, however long the file is; the other readers hold a whole file and
yield records as (physical line, fields as text). `Refused` stops a delivery whole, before anything
is loaded, when its bytes are not what the contract says.
"""

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import BinaryIO

from ingest import archive, file_kinds, scan, workbook
from ingest.contracts import Contract, Layout
from ingest.scan import Block, Dialect, Refused, Scanner


@dataclass(frozen=True)
class Records:
    """The header found, the records, and their number counted apart from the reader that yields them."""

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]
    count: int
    header_line: int = 1


class Source:
    """A delivery whose header fits a layout of the contract, before its records are read."""

    def __init__(self, layout: Layout, scanner: Scanner, chunks: Iterator[bytes]):
        self.layout = layout
        self._scanner, self._chunks = scanner, chunks

    def blocks(self, is_row: Callable[[list[str]], bool] = lambda fields: True) -> Iterator[Block]:
        """The records, once; `is_row` as for `Scanner`."""
        self._scanner.is_row = is_row
        return self._scanner.blocks(self._chunks)

    @property
    def records(self) -> int:
        """Number of records found, known when all blocks were taken: counted by line ends, not by who reads them."""
        return self._scanner.records


class SmallSource:
    """The same for readers that hold a whole file."""

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
                broken.append(scan.Broken(line, "field_count", len(fields), None, None, text))
        yield Block.of(good, width, lines, broken)


def open_source(
    contract: Contract, file: BinaryIO, period: str | None = None
) -> Source | SmallSource | workbook.Source:
    """The delivery in an open file; Refused where its encoding or header is not the contract's for that period."""
    if contract.reader != "xlsx":
        file_kinds.refuse_others(file, contract.reader)
    if contract.reader == "csv":
        if contract.member:
            file = archive.stream(contract, file)
            file_kinds.refuse_others(file, contract.reader)
        return _delimited(contract, file, period)
    if file.seek(0, io.SEEK_END) > archive.MAX_BYTES_IN_MEMORY:
        raise Refused(
            f"the file has more than {archive.MAX_BYTES_IN_MEMORY >> 20} MB, and the reader {contract.reader} holds"
            " whole files in memory",
            "ask for smaller deliveries",
        )
    file.seek(0)
    if contract.reader == "xlsx":
        return workbook.source(contract, file.read(), lambda *header: layout_of(contract, *header, period))
    records = _small(contract, file.read())
    return SmallSource(contract, layout_of(contract, records.header, records.header_line, period), records)


def read(contract: Contract, content: bytes) -> Records:
    """Records of a delivery's bytes, after its header was compared with the contract: for files that fit in memory."""
    records = _small(contract, content)
    layout_of(contract, records.header, records.header_line)
    return records


def layout_of(contract: Contract, header: list[str], line: int, period: str | None = None) -> Layout:
    """The contract's layout for this header and period; Refused names the difference and the contract line to add."""
    layout = contract.layout_for(header, period)
    if layout is None:
        message, remedy = contract.header_refusal(header, period)
        raise Refused(f"line {line}: {message}", remedy)
    return layout


def _small(contract: Contract, content: bytes) -> Records:
    if not content.strip():
        raise _empty()
    from ingest import fixed_width, genesis, wegweiser  # they need this module's Records and Refused

    content = archive.unpack(contract, content)
    file_kinds.refuse_others(io.BytesIO(content), contract.reader)
    readers = {"genesis": genesis.read, "wegweiser": wegweiser.read, "fixed_width": fixed_width.read}
    reader = ({"csv": _csv, "ldb_nrw": _ldb_nrw, "xlsx": _xlsx} | readers)[contract.reader]
    if not content.strip():
        raise _empty()
    return reader(contract, content)


def _empty() -> Refused:
    return Refused("the file is empty", "ask the supplier for the file again")


def _dialect(contract: Contract) -> Dialect:
    quote = contract.quote or None
    return Dialect(contract.delimiter, quote, contract.double_quote, contract.escape, contract.excel_text)


def _delimited(contract: Contract, file: BinaryIO, period: str | None = None) -> Source:
    chunks = scan.utf8_chunks(file, contract.encoding, f"{contract.path}:{contract.line_of('encoding')}")
    if contract.footer:
        chunks = _until(contract.footer, chunks)
    first = next((chunk for chunk in chunks if chunk.strip()), None)
    if first is None:
        raise _empty()
    if not first.endswith((b"\n", b"\r")):
        first += b"\n"  # a header and nothing else
    dialect = _dialect(contract)
    found = dialect.fields(first, 0)
    if found is None:
        raise Refused("line 1: the quoting of the header is broken", "ask the supplier for the file again")
    header = [text.decode() for text in found[0]]
    try:
        layout = layout_of(contract, header, 1, period)
    except Refused:
        for _ in chunks:  # another encoding than agreed is the better reason, if it shows in the rest of the file
            pass
        raise
    body = first[found[1] :]
    lines = len(re.findall(rb"\r\n|\n|\r", first[: found[1]]))
    scanner = Scanner(dialect, len(header), contract.encoding, 1 + lines)
    scanner.skip(first[: found[1]], has_mark=contract.encoding.lower() in ("utf-8-sig", "utf-16"))
    return Source(layout, scanner, itertools.chain([body] if body else [], chunks))


def _until(footer: re.Pattern[str], chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The lines before the first one that the footer matches; the rest is read for its encoding only."""
    begins = re.compile(f"^(?:{footer.pattern})".encode(), re.MULTILINE)
    is_over = False
    for chunk in chunks:
        if is_over:
            continue
        found = begins.search(chunk)
        is_over = found is not None
        if body := chunk[: found.start()] if found else chunk:
            yield body


def _csv(contract: Contract, content: bytes) -> Records:
    source = _delimited(contract, io.BytesIO(content))
    blocks = list(source.blocks())
    rows = [row for block in blocks for row in _rows_of(contract, block)]
    return Records(source.layout.header, iter(sorted(rows, key=lambda row: row[0])), source.records)


def _rows_of(contract: Contract, block: Block) -> Iterator[tuple[int, list[str]]]:
    """A block's records as texts; a broken one as far as delimiters part it."""
    yield from ((line, block.texts(n)) for n, line in enumerate(block.lines.tolist()))
    yield from ((record.line, record.text.split(contract.delimiter)) for record in block.broken)


def _ldb_nrw(contract: Contract, content: bytes) -> Records:
    """Landesdatenbank NRW: titles, stacked header rows, rows until a rule of underscores, footnotes."""
    lines = lines_of(contract, content)
    last_header = max(contract.header_rows)
    rule = next((n for n, line in enumerate(lines) if line.startswith("__________")), None)
    if rule is None or rule < last_header:
        raise Refused(
            f"no rule of underscores below line {last_header}: not a table of the Landesdatenbank, or cut short",
            "download the table again as CSV",
        )
    stacked = [lines[n - 1].rstrip("\r\n").split(contract.delimiter) for n in contract.header_rows]
    header = [contract.header_join.join(filter(None, cells)) for cells in zip_longest(*stacked, fillvalue="")]
    body = lines[last_header:rule]
    return Records(header, parse(contract, body, last_header + 1), count_records(contract, body), last_header)


def _xlsx(contract: Contract, content: bytes) -> Records:
    source = workbook.source(contract, content, lambda *header: layout_of(contract, *header))
    return Records(source.layout.header, source.texts(), source.records, source.line)


def lines_of(contract: Contract, content: bytes) -> list[str]:
    """Physical lines, decoded strictly; a file that can only be another encoding is refused."""
    where = f"{contract.path}:{contract.line_of('encoding')}"
    text = b"".join(scan.utf8_chunks(io.BytesIO(content), contract.encoding, where)).decode()
    # str.splitlines() would also split at form feeds and other signs that may stand inside a field.
    return list(io.StringIO(text, newline=""))


def parse(
    contract: Contract, lines: list[str], first_line: int, remedy: str = "ask for the file again"
) -> Iterator[tuple[int, list[str]]]:
    """Records with the physical line each starts on; blank lines are no records. Refused where quoting is broken."""
    reader = csv.reader(iter(lines), delimiter=contract.delimiter, quotechar=contract.quote, strict=True)
    while True:
        line = first_line + reader.line_num
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Refused(f"line {line}: {error}", f"the quoting is broken there: {remedy}") from error
        if fields:
            yield line, fields


def count_records(contract: Contract, lines: list[str]) -> int:
    """Number of records by counting quotes: a record ends where a line ends outside quotes."""
    count, is_open = 0, False
    for line in lines:
        if not is_open and not line.strip("\r\n"):
            continue
        is_open ^= line.count(contract.quote) % 2 == 1
        count += not is_open
    return count
