"""Delimited text in blocks: decoded, cut into records and fields, every record counted, broken ones set apart.

Nothing is converted here. Lines without a quote, or with fields quoted in the simplest way, are cut by the block; any
other is read by a grammar that is stricter than most readers': a quote opens a field only at its start and closes it
only at its end.
"""

import codecs
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import BinaryIO

import numpy as np

from ingest.messages import Message
from lagebild import later

kernels = later.module("ingest.kernels")


BLOCK_BYTES = 2 << 20
MAX_RECORD_BYTES = 1 << 20
"""A record, and a line, is shorter than this; the bound keeps a quote that never closes from reaching far."""
LATIN = ("iso-8859-1", "latin-1", "latin1", "iso8859-1", "iso_8859_1")
LF, CR = 10, 13
_LINE_ENDS = {None: rb"\r\n|\n|\r", "\n": rb"\r?\n", "\r\n": rb"\r\n", "\r": rb"\r"}
_IN_LINE = {
    None: rb"[^%b\r\n]",
    "\n": rb"(?:[^%b\r\n]|\r(?!\n))",
    "\r\n": rb"(?:[^%b\r]|\r(?!\n))",
    "\r": rb"[^%b\r]",
}
"""By what ends a line (None: any line break): patterns of the end, and of a sign within a line, some left out."""
LINE_BREAK = re.compile(_LINE_ENDS[None])
_BLANK = re.compile(rb"(?:[\x00-\x20]|\xc2\xa0|\xe2\x80\xaf)*+")


def is_blank(text: bytes) -> bool:
    """Whether nothing stands in a text but blanks, as `kernels.split` sees them."""
    return _BLANK.fullmatch(text) is not None


class Refused(Exception):
    """The delivery cannot be read as its contract says: what is wrong (with line), and what to do."""

    def __init__(self, message: str, remedy: str):
        """Both are a `Message` wherever a file that was sent is read."""
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
    """Takes the meaning from a delimiter, a quote, a line break or itself; before any other sign it is that sign."""
    excel_text: bool = False
    initial_space: bool = False
    """Spaces before a field are no part of it."""
    line_end: str | None = None
    """What ends a line: LF (also behind CR), CRLF or CR; any other line break is part of a field. None: any does."""

    @cached_property
    def field(self) -> re.Pattern[bytes]:
        """One field and what ends it; groups `quoted` (between the quotes), `plain` and `end`."""
        d, e = re.escape(self.delimiter.encode()), self.escape and re.escape(self.escape.encode())
        end, space = rb"(?P<end>%b|%b)" % (d, _LINE_ENDS[self.line_end]), b" *+" if self.initial_space else b""
        in_line = _IN_LINE[self.line_end]
        if self.quote is None:
            return re.compile(rb"%b(?P<quoted>(?!))?(?P<plain>%b*+)%b" % (space, in_line % d, end))
        q = re.escape(self.quote.encode())
        plain = in_line % (q + d)
        if e:
            plain = rb"(?:%b|%b(?:\r\n|.))" % (in_line % (q + d + e), e)
        pattern = rb"%b(?:%b(?P<quoted>%b)%b|(?P<plain>%b*+))%b" % (space, *self._quotes, plain, end)
        return re.compile(pattern, re.DOTALL)

    @cached_property
    def open_field(self) -> re.Pattern[bytes]:
        """A quoted field that the end of the text leaves open."""
        opening, inner, _ = self._quotes
        return re.compile((b" *+" if self.initial_space else b"") + opening + inner + rb"\Z", re.DOTALL)

    @property
    def _quotes(self) -> tuple[bytes, bytes, bytes]:
        quote = re.escape((self.quote or "").encode())
        escape = re.escape((self.escape or "").encode())
        ordinary = rb"[^%b%b]*+" % (quote, escape)
        pairs = [quote * 2] * self.double_quote + [escape + b"."] * bool(escape)
        inner = ordinary + (rb"(?:(?:%b)%b)*+" % (b"|".join(pairs), ordinary) if pairs else b"")
        return (b"=?" if self.excel_text else b"") + quote, inner, quote

    @cached_property
    def _escaped(self) -> re.Pattern[bytes]:
        """In a field: an escape and what it takes the meaning from (group 1), or a doubled quote."""
        signs = b"".join(re.escape(sign.encode()) for sign in (self.delimiter, self.quote or "", self.escape))
        pair = [re.escape((self.quote or "").encode()) * 2] * (self.double_quote and self.quote is not None)
        return re.compile(b"|".join([rb"%b([%b]|\r\n|\n|\r)" % (re.escape(self.escape.encode()), signs), *pair]))

    def text(self, match: re.Match[bytes]) -> bytes:
        """The value of a matched field."""
        is_quoted = match["quoted"] is not None
        value = match["quoted"] if is_quoted else match["plain"]
        if self.escape and self.escape.encode() in value:
            # A plain field holds no quote that could be doubled.
            value = self._escaped.sub(lambda found: found[1] or self.quote.encode(), value)
        elif is_quoted and self.double_quote:
            value = value.replace(self.quote.encode() * 2, self.quote.encode())
        return value

    def fields(self, text: bytes, start: int) -> tuple[list[bytes], int] | None:
        """The record that begins at `start` and the position after it; None if the quoting breaks."""
        fields, delimiter = [], self.delimiter.encode()
        while match := self.field.match(text, start):
            fields.append(self.text(match))
            start = match.end()
            if match["end"] != delimiter:
                return fields, start
        return None

    def is_open(self, text: bytes, start: int) -> bool:
        """Whether the record that begins at `start` is well-formed as far as the text reaches, and goes on."""
        while match := self.field.match(text, start):
            start = match.end()
        return self.quote is not None and self.open_field.match(text, start) is not None

    def ended(self, text: bytes) -> bytes:
        """A text whose last line has an end."""
        if self.line_end is None:
            return text if text.endswith((b"\n", b"\r")) else text + b"\n"
        return text if text.endswith(self.line_end.encode()) else text + self.line_end.encode()

    def whole_lines(self, text: bytes) -> int:
        """How many bytes of a text are whole lines; 0 where its end tells nothing."""
        if self.line_end is None:
            return len(text) if text.endswith((b"\n", b"\r")) else 0  # only the file's last line ends without
        return text.rfind(self.line_end.encode()) + len(self.line_end) if self.line_end.encode() in text else 0


@dataclass(frozen=True)
class Broken:
    """A record with another number of fields or broken quotes: physical line, bytes [start, end) of the file."""

    line: int
    code: str
    fields: int | None
    """Number of fields; None if quoting makes it unknown."""
    start: int | None
    end: int | None
    """None if the file has no such bytes, as in a workbook."""
    text: str
    cells: tuple[str, ...] = ()
    """Of a workbook's row whose fields are known: what each cell shows."""
    faults: Mapping[int, Exception] = field(default_factory=dict)
    """Of the same: what is wrong with a cell (`values.BadValue`), by the number of its field."""
    wanted: int | None = None
    """Number of fields that it should have had, if that is not the contract's: lines may end with delimiters."""


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


def utf8_chunks(file: BinaryIO, encoding: str, where: str) -> "Chunks":
    """The file as UTF-8 in pieces of whole lines; Refused if its bytes are not of the encoding.

    `where` names the contract line of the encoding, for the remedy. A byte order mark of UTF-8 or UTF-16 is taken off.
    """
    return Chunks(file, _Decoder(encoding, where))


class Chunks(Iterator[bytes]):
    """The pieces of `utf8_chunks`, once."""

    def __init__(self, file: BinaryIO, decoder: "_Decoder"):
        self._decoder, self._pieces = decoder, _pieces(file, decoder)

    def __next__(self) -> bytes:
        return next(self._pieces)

    @property
    def has_mark(self) -> bool:
        """Whether the file begins with a byte order mark; known with the first piece."""
        return self._decoder.has_mark


def _pieces(file: BinaryIO, decoder: "_Decoder") -> Iterator[bytes]:
    rest = b""
    while raw := file.read(BLOCK_BYTES):
        text = rest + decoder.feed(raw)
        cut = _last_line_end(text)
        if cut:
            yield text[:cut]
        rest = text[cut:]
        if len(rest) > MAX_RECORD_BYTES + BLOCK_BYTES:
            raise _too_long(decoder.line)
    rest += decoder.finish()
    if rest:
        yield rest


def _too_long(line: int) -> Refused:
    what = Message("line_too_long", mebibytes=MAX_RECORD_BYTES >> 20)
    return Refused(Message("at_line", line=line, what=what), Message("ask_lines_as_agreed"))


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
        self._begin = b""

    @property
    def has_mark(self) -> bool:
        """Whether the bytes so far begin with a byte order mark."""
        marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) if self._wide else (codecs.BOM_UTF8,)
        return self._begin.startswith(marks)

    def feed(self, raw: bytes, final: bool = False) -> bytes:
        """The next bytes of the file as UTF-8."""
        if len(self._begin) < 4:
            self._begin += raw[:4]
            if self.has_mark and not (self._wide or self._is_utf8):
                raise self._mark()
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
            raise self._refused(line, Message("byte_not_in_encoding", encoding=self.encoding)) from error
        if self._is_first and text:
            self._is_first = False
            if self._is_utf8:
                text = text.removeprefix(codecs.BOM_UTF8)
            elif text.startswith(codecs.BOM_UTF8):
                raise self._mark()
        if self.is_latin and not raw.isascii():
            self._tell_apart(raw)
        if b"\x00" in text:
            line = self.line + text[: text.index(b"\x00")].count(b"\n")
            raise Refused(Message("at_line", line=line, what=Message("nul_byte")), Message("ask_again_damaged"))
        self.line += text.count(b"\n")
        return text

    def finish(self) -> bytes:
        """What the end of the file leaves; Refused when a character is cut short or the file is UTF-8 after all."""
        text = self.feed(b"", final=True)
        if self._first_high is not None:
            self._tell_apart(b"", final=True)
            if self._utf8 is not None:
                raise self._refused(self._first_high, Message("file_is_utf8", encoding=self.encoding))
        return text

    @property
    def _is_utf8(self) -> bool:
        return self.encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig")

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
            raise self._refused(self._first_control, Message("file_is_windows_1252", encoding=self.encoding))

    def _mark(self) -> Refused:
        what = Message("mark_not_in_encoding", encoding=self.encoding)
        return Refused(Message("at_line", line=1, what=what), Message("name_utf8", place=self.where))

    def _refused(self, line: int, what: Message) -> Refused:
        remedy = Message("ask_encoding", encoding=self.encoding, place=self.where)
        return Refused(Message("at_line", line=line, what=what), remedy)


# --- cutting into records ---------------------------------------------------------------------------


def _folded(texts: list[bytes]) -> list[str]:
    """Titles without regard to capitals."""
    return [text.decode(errors="replace").casefold() for text in texts]


class Scanner:
    """Cuts chunks of whole lines into blocks of records; `records` counts them, good and broken."""

    def __init__(
        self,
        dialect: Dialect,
        width: int,
        encoding: str = "utf-8",
        line: int = 1,
        is_row: Callable[[list[str]], bool] = lambda fields: True,
        extra: int = 0,
        heads: Sequence[Sequence[bytes]] = (),
    ):
        """`line`: the first chunk's. `is_row` says whether fields pass the contract: it is asked only where a quoted
        field holds a line that could be a record of its own. `extra`: blank fields behind those of each record.
        `heads`: the fields of header rows, which are no records when they come again.
        """
        self.dialect, self.width, self.is_row, self.extra = dialect, width, is_row, extra
        self._heads = [list(head[:width]) for head in heads if len(head) >= width]
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
            whole = self.dialect.whole_lines(text)
            if not whole:
                if len(text) > MAX_RECORD_BYTES + 2 * BLOCK_BYTES:
                    raise _too_long(self.line)
                rest = text
                continue
            block, used = self._block(text[:whole], is_last=False)
            rest = text[used:]
            yield block
        if rest:
            block, _ = self._block(self.dialect.ended(rest), is_last=True)
            yield block

    def _block(self, text: bytes, is_last: bool) -> tuple[Block, int]:
        page = _Page(text, self.dialect.line_end)
        start, size, kind, count = self._fields(page)
        special, broken, blank, stop = self._walk(page, np.flatnonzero(kind == kernels.TO_PARSE), is_last)
        is_alone = np.ones(stop, bool)  # lines that belong to no record of several lines
        in_several = [(first, after) for first, (after, _) in special.items()] + [b[:2] for b in broken]
        for first, after in in_several + blank:
            is_alone[first:after] = False
        self.records += self._count(page, is_alone, kind) + len(special) + len(broken)
        wrong = np.flatnonzero(is_alone & (kind[:stop] == kernels.WRONG_COUNT))
        broken += [(n, n + 1, "field_count", int(count[n])) for n in wrong.tolist()]
        broken.sort()
        is_record = is_alone & (kind[:stop] == kernels.RECORD)
        is_record[list(special)] = True
        lines = np.flatnonzero(is_record)
        if len(lines) < page.n:
            start, size = start.take(lines, axis=1), size.take(lines, axis=1)
        data = self._unquoted(page, lines, special, start, size)
        again = self._headers(data, start, size)
        if again:
            broken += [(n, special[n][0] if n in special else n + 1, "header", None) for n in lines[again].tolist()]
            broken.sort()
            left = np.delete(np.arange(len(lines)), again)
            lines, start, size = lines[left], start.take(left, axis=1), size.take(left, axis=1)
        block = Block(data, start, size, page.numbers[lines] + self.line, self._located(page, broken))
        used = int(page.ends[stop - 1]) if stop else 0
        self.line += int(page.numbers[stop])
        self.position += self._file_bytes(text[:used])
        return block, used

    def _fields(self, page: "_Page") -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Start and size of the fields of every line, what the line is (as `kernels.split` says), number of fields."""
        start, size = (np.empty((self.width, page.n), np.int32) for _ in range(2))
        kind, count = np.empty(page.n, np.uint8), np.empty(page.n, np.int32)
        how = self.dialect.excel_text, self.dialect.initial_space, self.extra
        kernels.split(page.signs, page.starts, page.content_ends, *self._signs, *how, start, size, kind, count)
        for line in np.flatnonzero(page.content_ends - page.starts > MAX_RECORD_BYTES).tolist():
            if self._signs[1] in page.signs[page.starts[line] : page.content_ends[line]]:
                kind[line] = kernels.TO_PARSE  # such a record is refused
        return start, size, kind, count

    def _count(self, page: "_Page", is_alone: np.ndarray, kind: np.ndarray) -> int:
        """Number of single lines that hold something: by line ends alone, whatever became of their fields.

        Lines of nothing but delimiters and blanks are left out, after another look at them.
        """
        n = len(is_alone)
        is_filled = is_alone & (page.content_ends[:n] > page.starts[:n])
        signs = (self.dialect.delimiter + (self.dialect.quote or "")).encode() + b"=" * self.dialect.excel_text
        said_blank = np.flatnonzero(is_filled & (kind[:n] == kernels.BLANK)).tolist()
        blank = (page.text[page.starts[line] : page.content_ends[line]].translate(None, signs) for line in said_blank)
        return int(np.count_nonzero(is_filled)) - sum(map(is_blank, blank))

    def _headers(self, data: np.ndarray, start: np.ndarray, size: np.ndarray) -> list[int]:
        """The records that are a header row again, as where two exports were glued together."""
        found: set[int] = set()
        for head in self._heads:
            mark = len(codecs.BOM_UTF8)  # the second file's
            left = np.flatnonzero((size[0] == len(head[0])) | (size[0] == len(head[0]) + mark))
            for place, text in enumerate(head[1:], 1):
                if not len(left):
                    break
                left = left[size[place, left] == len(text)]
            for n in left.tolist():
                texts = [data[at : at + length].tobytes() for at, length in zip(start[:, n], size[:, n], strict=True)]
                if _folded([texts[0].removeprefix(codecs.BOM_UTF8), *texts[1:]]) == _folded(head):
                    found.add(n)
        return sorted(found)

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

    def _walk(self, page: "_Page", lines: np.ndarray, is_last: bool) -> tuple[dict, list, list, int]:
        """Records with quotes or escapes (first line -> (line after, fields)), broken ones, blank ones, and the line
        to stop at.

        `lines`: those that the grammar has to read.
        """
        special: dict[int, tuple[int, list[bytes]]] = {}
        broken: list[tuple[int, int, str, int | None]] = []
        blank: list[tuple[int, int]] = []
        resume = 0
        for line in lines.tolist():
            if line < resume:
                continue
            start = int(page.starts[line])
            found = self.dialect.fields(page.text, start)
            may_go_on = not is_last and len(page.text) - start < MAX_RECORD_BYTES
            if found is None and may_go_on and self.dialect.is_open(page.text, start):
                return special, broken, blank, line  # the next chunk has the rest
            after = page.line_after(found[1]) if found else page.n
            if found and all(map(is_blank, found[0])):
                blank.append((line, after))
                resume = after
                continue
            row = self._row(found[0]) if found else None
            if row is not None and not self._swallows(page, line, after, found):
                special[line] = after, row
                resume = after
                continue
            count = len(found[0]) if found and after == line + 1 else None
            if count is not None:
                resume = line + 1
            else:
                resume = self._next_record(page, line, after if found else page.n, is_torn=found is None)
            if resume == page.n and count is None and may_go_on:
                return special, broken, blank, line  # the next chunk may tell where it ends
            if int(page.ends[resume - 1]) - start > MAX_RECORD_BYTES:
                number = int(self.line + page.numbers[line])
                what = Message("at_line", line=number, what=Message("quoting_broken_to_end"))
                raise Refused(what, Message("ask_supplier_again"))
            broken.append((line, resume, "quoting" if count is None else "field_count", count))
        return special, broken, blank, page.n

    def _row(self, fields: list[bytes]) -> list[bytes] | None:
        """The fields of a record without the blank ones behind them; None if it has more or fewer."""
        if len(fields) != self.width + self.extra or not all(map(is_blank, fields[self.width :])):
            return None
        return fields[: self.width]

    def _swallows(self, page: "_Page", line: int, after: int, found: tuple[list[bytes], int]) -> bool:
        """Whether a quoted field holds whole records: two broken quotes can enclose good lines and look well-formed."""
        if found[1] - int(page.starts[line]) > MAX_RECORD_BYTES:
            return True
        if self.width == 1:
            return False  # any line would be a record
        inner = (self._record_at(page, n) for n in range(line + 1, after))
        return any(fields and self.is_row([value.decode() for value in fields]) for fields in inner)

    def _next_record(self, page: "_Page", line: int, end: int, is_torn: bool) -> int:
        """The first line after `line` at which a record begins; `end` if there is none before it.

        `is_torn`: it is not known where the record ends. Then a line that is a broken record itself begins one, too:
        broken records side by side must not count as one.
        """
        least = 1 if is_torn and not self._leaves_open(page, line) else self.width + self.extra - 1
        for n in range(line + 1, end):
            if self._begins_record(page, n) or (is_torn and self._stands(page, n, least)):
                return n
        return end

    def _leaves_open(self, page: "_Page", line: int) -> bool:
        """Whether a line opens a quoted field and does not close it."""
        text = page.text[int(page.starts[line]) : int(page.content_ends[line])]
        d, quote = self.dialect.delimiter.encode(), (self.dialect.quote or "").encode()
        at_start = 0 if text.startswith((quote, b"=" + quote)) else -1
        opened = max(text.rfind(d + quote), text.rfind(d + b"=" + quote), at_start)
        if opened < 0:
            return False
        behind = text[opened + text[opened:].index(quote) + 1 :]
        return not (behind.endswith(quote) or quote + d in behind)

    def _begins_record(self, page: "_Page", line: int) -> bool:
        if page.content_ends[line] == page.starts[line]:
            return False
        found = self.dialect.fields(page.text, int(page.starts[line]))
        if found is None or self._row(found[0]) is None:
            return False
        after = page.line_after(found[1])
        return after == line + 1 or not self._swallows(page, line, after, found)

    def _stands(self, page: "_Page", line: int, least: int) -> bool:
        """Whether a line looks like a record of its own: so many delimiters, or several whole fields."""
        text = page.text[int(page.starts[line]) : int(page.ends[line])]
        delimiter = self.dialect.delimiter.encode()
        if is_blank(text.replace(delimiter, b"")):
            return False
        if text.count(delimiter) >= least:
            return True
        found = self.dialect.fields(text, 0)
        return found is not None and found[1] == len(text) and len(found[0]) > 1

    def _record_at(self, page: "_Page", line: int) -> list[bytes] | None:
        """The fields of a line that is a record for itself and has the right number of fields."""
        start, end = int(page.starts[line]), int(page.ends[line])
        if page.content_ends[line] == start:
            return None
        found = self.dialect.fields(page.text[start:end], 0)
        return self._row(found[0]) if found and found[1] == end - start else None

    def _located(self, page: "_Page", broken: list[tuple[int, int, str, int | None]]) -> list[Broken]:
        found, position, seen = [], self.position, 0
        for first, after, code, fields in broken:
            start, end = int(page.starts[first]), int(page.content_ends[after - 1])
            position += self._file_bytes(page.text[seen:start])
            size = self._file_bytes(page.text[start:end])
            text, whole = page.text[start:end].decode(), self.width + self.extra
            wanted = self.width if fields == whole else whole
            line = self.line + int(page.numbers[first])
            found.append(Broken(line, code, fields, position, position + size, text, wanted=wanted))
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
    """A text of whole lines with their positions: starts, ends (after the line break), content ends (before it).

    `numbers`: how many lines, as an editor counts them, are before each line; one more number for the end.
    """

    def __init__(self, text: bytes, line_end: str | None = None):
        self.text = text
        self.signs = np.frombuffer(text, np.uint8)
        last = self.content_ends = np.flatnonzero(self.signs == (CR if line_end == "\r" else LF))
        if b"\r" in text and line_end != "\r":
            if line_end is None:
                returns = np.flatnonzero(self.signs == CR)
                alone = returns[self.signs.take(returns + 1, mode="clip") != LF]
                if len(alone):
                    last = np.sort(np.concatenate([last, alone]))
            is_crlf = (self.signs[last] == LF) & (self.signs[last - 1] == CR) & (last > 0)
            if line_end == "\r\n":
                last = last[is_crlf]
                is_crlf = np.ones(len(last), bool)
            self.content_ends = last - is_crlf
        self.ends = last + 1
        self.n = len(last)
        self.starts = np.concatenate(([0], self.ends[:-1])) if self.n else self.ends
        self.numbers = np.arange(self.n + 1)
        if line_end is not None:
            breaks = _Page(text).ends
            self.numbers = np.searchsorted(breaks, np.append(self.starts, self.ends[-1:]), side="right")

    def line_after(self, position: int) -> int:
        """Number of the line that begins at a position after a line break."""
        return int(np.searchsorted(self.ends, position)) + 1
