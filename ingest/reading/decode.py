"""A delivery's bytes as UTF-8 in blocks that end with a line, strictly decoded."""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from ingest.contracts.messages import Message
from ingest.reading.refused import Refused
from lagebild.core import lazy

kernels = lazy.module("ingest.reading.kernels")

BLOCK_BYTES = 2 << 20
MAX_RECORD_BYTES = 1 << 20
"""A record, and a line, is shorter than this; the bound keeps a quote that never closes from reaching far."""
LATIN = ("iso-8859-1", "latin-1", "latin1", "iso8859-1", "iso_8859_1")


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
            raise too_long(decoder.line)
    rest += decoder.finish()
    if rest:
        yield rest


def too_long(line: int) -> Refused:
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
