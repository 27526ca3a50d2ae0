"""Delimited text in blocks: decoded, cut into records and fields, every record counted, broken ones set apart.

Nothing is converted here. Lines without a quote, or with fields quoted in the simplest way, are cut by the block; any
other is read by a grammar that is stricter than most readers': a quote opens a field only at its start and closes it
only at its end.
"""

import codecs
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ingest.contracts.messages import Message
from ingest.reading.block import Block, Broken
from ingest.reading.decode import BLOCK_BYTES, MAX_RECORD_BYTES, too_long
from ingest.reading.dialect import LINE_ENDS, Dialect
from ingest.reading.refused import Refused
from lagebild.core import lazy

kernels = lazy.module("ingest.reading.kernels")


LF, CR = 10, 13
LINE_BREAK = re.compile(LINE_ENDS[None])
_BLANK = re.compile(rb"(?:[\x00-\x20]|\xc2\xa0|\xe2\x80\xaf)*+")


def is_blank(text: bytes) -> bool:
    """Whether nothing stands in a text but blanks, as `kernels.split` sees them."""
    return _BLANK.fullmatch(text) is not None


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
                    raise too_long(self.line)
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
