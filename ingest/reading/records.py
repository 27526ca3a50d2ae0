"""Records of a small file, and the lines that a contract's dialect makes of a text."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.contracts import Contract
from ingest.contracts.messages import Message, translatable
from ingest.reading import decode
from ingest.reading.refused import Refused

_AGAIN = Message("ask_again")


@dataclass(frozen=True)
class Records:
    """The header found, the records, and their number counted apart from the reader that yields them."""

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]
    count: int
    header_line: int = 1


def empty_file() -> Refused:
    return Refused(Message("file_empty"), Message("ask_supplier_again"))


def lines_of(contract: Contract, content: bytes) -> list[str]:
    """Physical lines, decoded strictly; a file that can only be another encoding is refused."""
    where = contract.place_of("encoding")
    text = b"".join(decode.utf8_chunks(io.BytesIO(content), contract.encoding, where)).decode()
    # str.splitlines() would also split at form feeds and other signs that may stand inside a field.
    return list(io.StringIO(text, newline=""))


def parse(
    contract: Contract, lines: list[str], first_line: int, remedy: Message = _AGAIN
) -> Iterator[tuple[int, list[str]]]:
    """Records with the physical line each starts on; blank lines are no records. Refused if quoting is broken."""
    reader = csv.reader(iter(lines), delimiter=contract.delimiter, quotechar=contract.quote, strict=True)
    while True:
        line = first_line + reader.line_num
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            what = csv_fault(error, contract.delimiter, contract.quote)
            raise Refused(Message("at_line", line=line, what=what), Message("ask_quoting", what=remedy)) from error
        if fields:
            yield line, fields


def csv_fault(error: csv.Error, delimiter: str, quote: str) -> Message:
    """What Python's csv says of a record."""
    known = Message("csv_ends_early"), Message("csv_sign_expected", sign=f"'{delimiter}'", after=f"'{quote}'")
    return next((message for message in known if message == str(error)), translatable(str(error)))


def count_records(contract: Contract, lines: list[str]) -> int:
    """Number of records by counting quotes: a record ends where a line ends outside quotes."""
    count, is_open = 0, False
    for line in lines:
        if not is_open and not line.strip("\r\n"):
            continue
        is_open ^= line.count(contract.quote) % 2 == 1
        count += not is_open
    return count
