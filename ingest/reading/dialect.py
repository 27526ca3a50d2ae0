"""How a delimited text is written."""

import re
from dataclasses import dataclass
from functools import cached_property

LINE_ENDS = {None: rb"\r\n|\n|\r", "\n": rb"\r?\n", "\r\n": rb"\r\n", "\r": rb"\r"}
_IN_LINE = {
    None: rb"[^%b\r\n]",
    "\n": rb"(?:[^%b\r\n]|\r(?!\n))",
    "\r\n": rb"(?:[^%b\r]|\r(?!\n))",
    "\r": rb"[^%b\r]",
}
"""By what ends a line (None: any line break): patterns of the end, and of a sign within a line, some left out."""


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
        end, space = rb"(?P<end>%b|%b)" % (d, LINE_ENDS[self.line_end]), b" *+" if self.initial_space else b""
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
