"""Fixed-width files such as GV100AD: every line has the same number of characters, a field stands where the contract
says. There is no header, and every line is a record of its own."""

import io
import re
from collections.abc import Iterator

from ingest.contracts import Contract
from ingest.contracts.messages import Message
from ingest.reading.records import Records
from ingest.reading.refused import Refused


def read(contract: Contract, content: bytes) -> Records:
    """Records of a fixed-width file.

    A line of another length becomes one field with the whole text, so that it is rejected for its number of fields: if
    characters are missing, no column can be trusted.
    """
    text = _text(contract, content)
    header = [field.title for field in contract.fields]
    # Counted without cutting: every run of characters between line breaks that is not blank.
    count = sum(1 for match in re.finditer(r"[^\r\n]+", text) if not match[0].isspace())
    return Records(header, _rows(contract, text), count)


def _rows(contract: Contract, text: str) -> Iterator[tuple[int, list[str]]]:
    spans = [field.columns_at for field in contract.fields]
    for number, line in enumerate(io.StringIO(text, newline=None), 1):
        line = line.removesuffix("\n")
        if not line.strip():
            continue
        if len(line) == contract.record_length:
            yield number, [line[first - 1 : last].rstrip(" ") for first, last in spans]
        else:
            yield number, [line] if len(spans) != 1 else []


def _text(contract: Contract, content: bytes) -> str:
    where = contract.place_of("encoding")
    try:
        text = content.decode(contract.encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        what = Message("byte_number_not_in_encoding", byte=error.start, encoding=contract.encoding)
        remedy = Message("ask_encoding", encoding=contract.encoding, place=where)
        raise Refused(Message("at_line", line=line, what=what), remedy) from error
    if text.startswith("\ufeff"):
        what = Message("at_line", line=1, what=Message("mark_not_agreed"))
        raise Refused(what, Message("name_utf8_sig", place=where))
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        raise Refused(Message("at_line", line=line, what=Message("nul_byte")), Message("ask_again_damaged"))
    if _is_single_byte(contract.encoding) and not content.isascii() and _is_utf_8(content):
        # Two bytes a letter would shift every column behind it.
        raise Refused(Message("file_is_utf8", encoding=contract.encoding), Message("name_encoding", place=where))
    return text


def _is_single_byte(encoding: str) -> bool:
    return len("ä".encode(encoding, "replace")) == 1


def _is_utf_8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
