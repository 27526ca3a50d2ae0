"""Delimited text in blocks: decoded, cut into records and fields, every record counted, broken ones set apart.

Nothing is converted here. Lines without a quote, or with fields quoted in the simplest way, are cut by the block; any
other is read by a grammar that is stricter than most readers': a quote opens a field only at its start and closes it
only at its end.
"""

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import BinaryIO

import numpy as np

from lagebild import later

kernels = later.module("ingest.kernels")


BLOCK_BYTES = 2 << 20
MAX_RECORD_BYTES = 1 << 20
"""A record, and a line, is shorter than this; the bound keeps a quote that never closes from reaching far."""
LATIN = ("iso-8859-1", "latin-1", "latin1", "iso8859-1", "iso_8859_1")
LF, CR = 10, 13


class Refused(Exception):
    """The delivery cannot be read as its contract says: what is wrong (with line), and what to do."""

    def __init__(self, message: str, remedy: str):
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True)
class Dialect:
    """How fields are parted and quoted; `quote` None: quotes are ordinary signs."""

    delimiter: str
    quote: str | None = '"'
    double_quote: bool = True
    escape: str | None = None
    excel_text: bool = False

    @cached_property
    def field(self) -> re.Pattern[bytes]:
        """One field and what ends it; groups `quoted` (between the quotes), `plain` and `end`."""
        d, e = re.escape(self.delimiter.encode()), self.escape and re.escape(self.escape.encode())
        if self.quote is None:
            return re.compile(rb"(?P<quoted>(?!))?(?P<plain>[^%b\r\n]*+)(?P<end>%b|\r\n|\n|\r)" % (d, d))
        end, plain = rb"(?P<end>%b|\r\n|\n|\r)" % d, rb"[^%b%b\r\n]" % (re.escape(self.quote.encode()), d)
        if e:
            plain = rb"(?:[^%b%b%b\r\n]|%b.)" % (re.escape(self.quote.encode()), d, e, e)
        return re.compile(rb"(?:%b(?P<quoted>%b)%b|(?P<plain>%b*+))%b" % (*self._quotes, plain, end), re.DOTALL)

    @cached_property
    def open_field(self) -> re.Pattern[bytes]:
        """A quoted field that the end of the text leaves open."""
        opening, inner, _ = self._quotes
        return re.compile(opening + inner + rb"\Z", re.DOTALL)

    @property
    def _quotes(self) -> tuple[bytes, bytes, bytes]:
        quote = re.escape((self.quote or "").encode())
        escape = re.escape((self.escape or "").encode())
        ordinary = rb"[^%b%b]*+" % (quote, escape)
        pairs = [quote * 2] * self.double_quote + [escape + b"."] * bool(escape)
        inner = ordinary + (rb"(?:(?:%b)%b)*+" % (b"|".join(pairs), ordinary) if pairs else b"")
        return (b"=?" if self.excel_text else b"") + quote, inner, quote

    def text(self, match: re.Match[bytes]) -> bytes:
        """The value of a matched field."""
        value = match["plain"] if match["quoted"] is None else match["quoted"]
        if self.escape and self.escape.encode() in value:
            value = re.sub(re.escape(self.escape.encode()) + b"(.)", rb"\1", value, flags=re.DOTALL)
        elif match["quoted"] is not None and self.double_quote:
            value = value.replace(self.quote.encode() * 2, self.quote.encode())
        return value

    def fields(self, text: bytes, start: int) -> tuple[list[bytes], int] | None:
        """The record that begins at `start` and the position after it; None where the quoting breaks."""
        fields = []
        while match := self.field.match(text, start):
            fields.append(self.text(match))
            start = match.end()
            if match["end"] in (b"\n", b"\r\n", b"\r"):
                return fields, start
        return None

    def is_open(self, text: bytes, start: int) -> bool:
        """Whether the record that begins at `start` is well-formed as far as the text reaches, and goes on."""
        while match := self.field.match(text, start):
            start = match.end()
        return self.quote is not None and self.open_field.match(text, start) is not None


@dataclass(frozen=True)
class Broken:
    """A record with another number of fields or broken quotes: physical line, bytes [start, end) of the file."""

    line: int
    code: str
    fields: int | None
    """Number of fields; None where quoting makes it unknown."""
    start: int | None
    end: int | None
    """None where the file has no such bytes, as in a workbook."""
    text: str
    cells: tuple[str, ...] = ()
    """Of a workbook's row whose fields are known: what each cell shows."""
    faults: Mapping[int, Exception] = field(default_factory=dict)
    """Of the same: what is wrong with a cell (`values.BadValue`), by the number of its field."""


@dataclass(frozen=True)
class Block:
    """Records of one stretch of the file: field f of record n is `size[f, n]` bytes from `start[f, n]` of `data`."""

    data: np.ndarray
    """UTF-8 (uint8)."""
    start: np.ndarray
    size: np.ndarray
    """int32, (width, records)."""
    lines: np.ndarray
    """Physical line (int64) of each record."""
    broken: list[Broken]

    @classmethod
    def of(cls, records: list[list[bytes]], width: int, lines: list[int], broken: list[Broken]) -> "Block":
        """A block of records whose fields are known."""
        fields = [field for column in zip(*records, strict=True) for field in column]
        size = np.array([len(field) for field in fields], np.int32).reshape(width, len(records))
        end = np.cumsum(size).reshape(size.shape).astype(np.int32)
        return cls(np.frombuffer(b"".join(fields), np.uint8), end - size, size, np.array(lines, np.int64), broken)

    def take(self, records: np.ndarray) -> "Block":
        """Some of the records, and all broken ones."""
        start, size = (places.take(records, axis=1) for places in (self.start, self.size))
        return Block(self.data, start, size, self.lines[records], self.broken)

    def text(self, field: int, record: int) -> str:
        """The text of one field."""
        start = self.start[field, record]
        return self.data[start : start + self.size[field, record]].tobytes().decode()

    def texts(self, record: int) -> list[str]:
        """The texts of a record's fields."""
        return [self.text(field, record) for field in range(len(self.start))]


# --- decoding ---------------------------------------------------------------------------------------


def utf8_chunks(file: BinaryIO, encoding: str, where: str) -> Iterator[bytes]:
    """The file as UTF-8 in pieces of whole lines; Refused where its bytes are not of the encoding.

    `where` names the contract line of the encoding, for the remedy. A byte order mark is taken off where the
    encoding has one.
    """
    decoder = _Decoder(encoding, where)
    rest = b""
    while raw := file.read(BLOCK_BYTES):
        text = rest + decoder.feed(raw)
        cut = _last_line_end(text)
        if cut:
            yield text[:cut]
        rest = text[cut:]
        if len(rest) > MAX_RECORD_BYTES + BLOCK_BYTES:
            raise Refused(
                f"line {decoder.line}: longer than {MAX_RECORD_BYTES >> 20} MiB",
                "such a file has no lines: ask the supplier for the file as agreed",
            )
    rest += decoder.finish()
    if rest:
        yield rest


def _last_line_end(text: bytes) -> int:
    """Position after the last line break; a carriage return at the very end may be half of one."""
    found = text.rfind(b"\n")
    return (found if found >= 0 else text.rfind(b"\r", 0, len(text) - 1)) + 1


class _Decoder:
    """Decodes strictly, and refuses what can only be another encoding than the contract's."""

    def __init__(self, encoding: str, where: str):
        self.encoding, self.where = encoding, where
        self.is_latin = encoding.lower() in LATIN
        self.line = 1
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._utf8 = codecs.getincrementaldecoder("utf-8")() if self.is_latin else None
        self._first_high: int | None = None  # lines
        self._first_control: int | None = None
        self._is_first = True

    def feed(self, raw: bytes, final: bool = False) -> bytes:
        """The next bytes of the file as UTF-8."""
        try:
            # Pure ASCII, the usual case, is UTF-8 already; a decoder that holds half a character is not asked.
            is_ready = raw.isascii() and not self._wide and not self._decoder.getstate()[0] and not self._is_first
            if is_ready:
                text = raw
            elif self.is_latin:
                text = kernels.utf8_of_latin(raw)
            else:
                text = self._decoder.decode(raw, final).encode()
        except UnicodeDecodeError as error:
            line = self.line + len(re.findall(rb"\r\n|\n|\r", error.object[: error.start]))
            raise self._refused(line, f"a byte is not {self.encoding}") from error
        if self._is_first and text:
            self._is_first = False
            if text.startswith(codecs.BOM_UTF8) or (self.is_latin and raw.startswith(codecs.BOM_UTF8)):
                raise Refused(
                    f"line 1: the file starts with a byte order mark, which {self.encoding} has not",
                    f"name the encoding utf-8-sig at {self.where}",
                )
        if self.is_latin and not raw.isascii():
            self._tell_apart(raw)
        if b"\x00" in text:
            line = self.line + text[: text.index(b"\x00")].count(b"\n")
            raise Refused(f"line {line}: a NUL byte", "the file is damaged or not text: ask for it again")
        self.line += text.count(b"\n")
        return text

    def finish(self) -> bytes:
        """What the end of the file leaves; Refused when a character is cut short or the file is UTF-8 after all."""
        text = self.feed(b"", final=True)
        if self._first_high is not None:
            self._tell_apart(b"", final=True)
            if self._utf8 is not None:
                raise self._refused(self._first_high, f"the file is UTF-8, not {self.encoding}")
        return text

    @property
    def _wide(self) -> bool:
        return self.encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32"))

    def _tell_apart(self, raw: bytes, final: bool = False) -> None:
        """ISO-8859-1 decodes any byte: what is mistaken for it is told apart by its marks."""
        if self._first_high is None:
            self._first_high = self.line + raw[: re.search(rb"[\x80-\xff]", raw).start()].count(b"\n")
        # Its signs from 0x80 to 0x9F are control signs, which no one writes.
        if self._first_control is None and ((np.frombuffer(raw, np.uint8) & 0xE0) == 0x80).any():
            self._first_control = self.line + raw[: re.search(rb"[\x80-\x9f]", raw).start()].count(b"\n")
        try:
            if self._utf8 is not None:
                self._utf8.decode(raw, final)
        except UnicodeDecodeError:
            self._utf8 = None  # not UTF-8: good
        if self._utf8 is None and self._first_control is not None:
            raise self._refused(self._first_control, f"the file is Windows-1252, not {self.encoding}")

    def _refused(self, line: int, what: str) -> Refused:
        return Refused(
            f"line {line}: {what}", f"ask for the file in {self.encoding}, or name its encoding at {self.where}"
        )


# --- cutting into records ---------------------------------------------------------------------------


class Scanner:
    """Cuts chunks of whole lines into blocks of records; `records` counts them, good and broken."""

    def __init__(
        self,
        dialect: Dialect,
        width: int,
        encoding: str = "utf-8",
        line: int = 1,
        is_row: Callable[[list[str]], bool] = lambda fields: True,
    ):
        """`line`: the first chunk's. `is_row` says whether fields pass the contract: it is asked only where a quoted
        field holds a line that could be a record of its own.
        """
        self.dialect, self.width, self.is_row = dialect, width, is_row
        self.encoding = "utf-16-le" if encoding.lower().replace("_", "-") == "utf-16" else encoding
        self.line, self.position = line, 0
        self.records = 0
        signs = (dialect.delimiter, dialect.quote, dialect.quote and dialect.escape)
        self._signs = [ord(sign) if sign else -1 for sign in signs]  # as `kernels.split` takes them

    def skip(self, text: bytes, has_mark: bool) -> None:
        """Take note of text (and a byte order mark) that stands in the file before the first chunk."""
        self.position += self._file_bytes(text) + (self._file_bytes(codecs.BOM_UTF8) if has_mark else 0)

    def blocks(self, chunks: Iterator[bytes]) -> Iterator[Block]:
        """Every record of the chunks, once, in the order of the file."""
        rest = b""
        for chunk in chunks:
            text = rest + chunk if rest else chunk
            if not text.endswith((b"\n", b"\r")):
                rest = text  # only the file's last line ends without a line break
                continue
            block, used = self._block(text, is_last=False)
            rest = text[used:]
            yield block
        if rest:
            block, _ = self._block(rest if rest.endswith((b"\n", b"\r")) else rest + b"\n", is_last=True)
            yield block

    def _block(self, text: bytes, is_last: bool) -> tuple[Block, int]:
        page = _Page(text)
        start, size, kind, count = self._fields(page)
        special, broken, stop = self._walk(page, np.flatnonzero(kind == kernels.TO_PARSE), is_last)
        is_alone = np.ones(stop, bool)  # lines that belong to no record of several lines
        for first, after in [(first, after) for first, (after, _) in special.items()] + [b[:2] for b in broken]:
            is_alone[first:after] = False
        self.records += self._count(page, is_alone) + len(special) + len(broken)
        wrong = np.flatnonzero(is_alone & (kind[:stop] == kernels.WRONG_COUNT))
        broken += [(n, n + 1, "field_count", int(count[n])) for n in wrong.tolist()]
        broken.sort()
        is_record = is_alone & (kind[:stop] == kernels.RECORD)
        is_record[list(special)] = True
        lines = np.flatnonzero(is_record)
        if len(lines) < page.n:
            start, size = start.take(lines, axis=1), size.take(lines, axis=1)
        data = self._unquoted(page, lines, special, start, size)
        block = Block(data, start, size, lines + self.line, self._located(page, broken))
        used = int(page.ends[stop - 1]) if stop else 0
        self.line += stop
        self.position += self._file_bytes(text[:used])
        return block, used

    def _fields(self, page: "_Page") -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Start and size of the fields of every line, what the line is (as `kernels.split` says), number of fields."""
        start, size = (np.empty((self.width, page.n), np.int32) for _ in range(2))
        kind, count = np.empty(page.n, np.uint8), np.empty(page.n, np.int32)
        kernels.split(
            page.signs, page.starts, page.content_ends, *self._signs, self.dialect.excel_text, start, size, kind, count
        )
        for line in np.flatnonzero(page.content_ends - page.starts > MAX_RECORD_BYTES).tolist():
            if self._signs[1] in page.signs[page.starts[line] : page.content_ends[line]]:
                kind[line] = kernels.TO_PARSE  # such a record is refused
        return start, size, kind, count

    @staticmethod
    def _count(page: "_Page", is_alone: np.ndarray) -> int:
        """Number of single lines that hold something: by line ends alone, whatever became of their fields."""
        return int(
            np.count_nonzero(page.content_ends[: len(is_alone)][is_alone] > page.starts[: len(is_alone)][is_alone])
        )

    @staticmethod
    def _unquoted(
        page: "_Page",
        lines: np.ndarray,
        special: dict[int, tuple[int, list[bytes]]],
        start: np.ndarray,
        size: np.ndarray,
    ) -> np.ndarray:
        """The page's text and, behind it, the fields that the grammar read; `start` and `size` are told of them."""
        if not special:
            return page.signs
        fields = [fields for _, fields in special.values()]
        extra = Block.of(fields, len(start), [], [])
        records = np.searchsorted(lines, list(special))
        start[:, records], size[:, records] = extra.start + len(page.signs), extra.size
        return np.concatenate([page.signs, extra.data])

    def _walk(self, page: "_Page", lines: np.ndarray, is_last: bool) -> tuple[dict, list, int]:
        """Records with quotes or escapes (first line -> (line after, fields)), broken ones, the line to stop at.

        `lines`: those that the grammar has to read.
        """
        special: dict[int, tuple[int, list[bytes]]] = {}
        broken: list[tuple[int, int, str, int | None]] = []
        resume = 0
        for line in lines.tolist():
            if line < resume:
                continue
            start = int(page.starts[line])
            found = self.dialect.fields(page.text, start)
            may_go_on = not is_last and len(page.text) - start < MAX_RECORD_BYTES
            if found is None and may_go_on and self.dialect.is_open(page.text, start):
                return special, broken, line  # the next chunk has the rest
            after = page.line_after(found[1]) if found else page.n
            if found and len(found[0]) == self.width and not self._swallows(page, line, after, found):
                special[line] = after, found[0]
                resume = after
                continue
            count = len(found[0]) if found and after == line + 1 else None
            resume = line + 1 if count is not None else self._next_record(page, line, after if found else page.n)
            if resume == page.n and count is None and may_go_on:
                return special, broken, line  # the next chunk may tell where it ends
            if int(page.ends[resume - 1]) - start > MAX_RECORD_BYTES:
                raise Refused(
                    f"line {self.line + line}: the quoting is broken and no record follows it",
                    "ask the supplier for the file again",
                )
            broken.append((line, resume, "quoting" if count is None else "field_count", count))
        return special, broken, page.n

    def _swallows(self, page: "_Page", line: int, after: int, found: tuple[list[bytes], int]) -> bool:
        """Whether a quoted field holds whole records: two broken quotes can enclose good lines and look well-formed."""
        if found[1] - int(page.starts[line]) > MAX_RECORD_BYTES:
            return True
        if self.width == 1:
            return False  # any line would be a record
        inner = (self._record_at(page, n) for n in range(line + 1, after))
        return any(fields and self.is_row([value.decode() for value in fields]) for fields in inner)

    def _next_record(self, page: "_Page", line: int, end: int) -> int:
        """The first line after `line` at which a record begins; `end` if there is none before it."""
        return next((n for n in range(line + 1, end) if self._begins_record(page, n)), end)

    def _begins_record(self, page: "_Page", line: int) -> bool:
        if page.content_ends[line] == page.starts[line]:
            return False
        found = self.dialect.fields(page.text, int(page.starts[line]))
        if found is None or len(found[0]) != self.width:
            return False
        after = page.line_after(found[1])
        return after == line + 1 or not self._swallows(page, line, after, found)

    def _record_at(self, page: "_Page", line: int) -> list[bytes] | None:
        """The fields of a line that is a record for itself and has the right number of fields."""
        start, end = int(page.starts[line]), int(page.ends[line])
        if page.content_ends[line] == start:
            return None
        found = self.dialect.fields(page.text[start:end], 0)
        return found[0] if found and len(found[0]) == self.width and found[1] == end - start else None

    def _located(self, page: "_Page", broken: list[tuple[int, int, str, int | None]]) -> list[Broken]:
        found, position, seen = [], self.position, 0
        for first, after, code, fields in broken:
            start, end = int(page.starts[first]), int(page.content_ends[after - 1])
            position += self._file_bytes(page.text[seen:start])
            size = self._file_bytes(page.text[start:end])
            text = page.text[start:end].decode()
            found.append(Broken(self.line + first, code, fields, position, position + size, text))
            position, seen = position + size, end
        return found

    def _file_bytes(self, text: bytes) -> int:
        """How many bytes of the file a piece of its text is."""
        name = self.encoding.lower()
        if name in ("utf-8", "utf8", "utf-8-sig"):
            return len(text)
        if name.startswith(("utf-16", "utf-32")):
            return len(text.decode().encode(self.encoding))
        # One byte a character: all bytes of UTF-8 but those that continue a character.
        return len(text) - int(np.count_nonzero(np.frombuffer(text, np.int8) < -64))


class _Page:
    """A text of whole lines with their positions: starts, ends (after the line break), content ends (before it)."""

    def __init__(self, text: bytes):
        self.text = text
        self.signs = np.frombuffer(text, np.uint8)
        last = self.content_ends = np.flatnonzero(self.signs == LF)
        if b"\r" in text:
            returns = np.flatnonzero(self.signs == CR)
            alone = returns[self.signs.take(returns + 1, mode="clip") != LF]
            if len(alone):
                last = np.sort(np.concatenate([last, alone]))
            is_crlf = (self.signs[last] == LF) & (self.signs[last - 1] == CR) & (last > 0)
            self.content_ends = last - is_crlf
        self.ends = last + 1
        self.n = len(last)
        self.starts = np.concatenate(([0], self.ends[:-1])) if self.n else self.ends

    def line_after(self, position: int) -> int:
        """Number of the line that begins at a position after a line break."""
        return int(np.searchsorted(self.ends, position)) + 1
