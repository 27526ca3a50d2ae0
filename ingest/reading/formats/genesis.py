"""GENESIS flat files (ffcsv): the layout since 2025 and the wide one before, which lies in archives.

Since 2025 (UTF-8 with byte order mark, LF, English header in any language): one value a row.

    statistics_code;...;time;{n}_variable_code;{n}_variable_label;{n}_variable_attribute_code;...;value;value_unit;...

Before (German header, dates dd.mm.yyyy): one column a measure, named by code, label and unit.

    Statistik_Code;...;Zeit;{n}_Merkmal_Code;{n}_Merkmal_Label;{n}_Auspraegung_Code;...;BEVSTD__Bevoelkerungsstand__Anzahl

Raw keeps a row a line in both; where a table has one measure, a layout of the contract maps the old header to the new
fields. The service answers faults with HTTP 200 and a JSON envelope, which is told apart here.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.contracts import DOWNLOADED, Contract, normal_title
from ingest.contracts.messages import Message
from ingest.reading import archive
from ingest.reading.records import Records, count_records, lines_of, parse
from ingest.reading.refused import Refused

FLAT, WIDE = "flat", "wide"
_FLAT_HEAD = ["statistics_code", "statistics_label", "time_code", "time_label", "time"]
_FLAT_SLOT = ["variable_code", "variable_label", "variable_attribute_code", "variable_attribute_label"]
_FLAT_TAIL = ["value", "value_unit", "value_variable_code", "value_variable_label"]
_ORIGIN = "Herkunft"
"""Last column of made-up examples, which say so in each row; no service writes it."""
_WIDE_HEAD = ["Statistik_Code", "Statistik_Label", "Zeit_Code", "Zeit_Label", "Zeit"]
_WIDE_SLOT = ["Merkmal_Code", "Merkmal_Label", "Auspraegung_Code", "Auspraegung_Label"]
_MEASURE = re.compile(r"(?P<code>[A-Z0-9-]+)__(?P<label>.*?)__(?P<unit>.*)")

_ENGLISH_TIMES = frozenset(
    {"Reference date", "Reference day", "Due date", "Year", "Month", "Quarter", "Half-year", "School year"}
    | {"Academic year", "Winter semester", "Calendar week", "Week", "Day"}
)
"""What the English form calls a time that the German one calls Stichtag, Jahr, Monat, ..."""


@dataclass(frozen=True)
class Shape:
    """Which flat layout a header is of, its number of slots, and its measures (code, label, unit) if it is wide."""

    layout: str
    slots: int
    measures: tuple[tuple[str, str, str], ...] = ()
    has_quality: bool = False


def shape_of(header: list[str]) -> Shape | None:
    """The shape of a flat file's header; None if it is none of the two."""
    for layout, head, slot in ((FLAT, _FLAT_HEAD, _FLAT_SLOT), (WIDE, _WIDE_HEAD, _WIDE_SLOT)):
        if header[: len(head)] != head:
            continue
        rest, slots = header[len(head) :], 0
        while rest[:4] == [f"{slots + 1}_{name}" for name in slot]:
            rest, slots = rest[4:], slots + 1
        tail = rest[:-1] if rest[-1:] == [_ORIGIN] else rest
        if layout == FLAT and tail in (_FLAT_TAIL, [*_FLAT_TAIL, "value_q"]):
            return Shape(FLAT, slots, has_quality=len(tail) > len(_FLAT_TAIL))
        measures = [match.groups() for name in rest if (match := _MEASURE.fullmatch(name))]
        if layout == WIDE and measures and len(measures) == len(rest):
            return Shape(WIDE, slots, tuple(measures))
    return None


def read(contract: Contract, content: bytes) -> Records:
    """Records of a flat file; Refused for the service's fault reports and for headers of no flat layout."""
    titles, rows, lines, line = _opened(contract, content)
    if contract.layout_for(titles, None) is None:
        message, remedy = contract.header_refusal(titles, None)
        raise Refused(Message("at_line", line=line, what=message), remedy)
    count = count_records(contract, lines) - 1
    if count == 0:
        raise Refused(Message("header_without_rows"), Message("download_again_may_be_empty"))
    return Records(titles, _german(titles, rows), count, line)


def header(contract: Contract, content: bytes) -> tuple[list[str], int]:
    """The header and its line, as `read` finds them."""
    titles, _, _, line = _opened(contract, content)
    return titles, line


def agreed_name(contract: Contract, name: str, content: bytes) -> str | None:
    """The name that `file_name` asks for, of a download such as `12411-01-01-4_de_flat.csv`; None if it has none.

    Table and language stand in the download's name, the years in the file.
    """
    download = DOWNLOADED.fullmatch(name)
    try:
        titles, rows, _, _ = _opened(contract, archive.unpack(contract, content))
        at = titles.index("time" if "time" in titles else "Zeit")
        times = (fields[at] for _, fields in rows if at < len(fields))
        years = {year for time in times for year in re.findall(r"(?<!\d)\d{4}(?!\d)", time)}
    except (Refused, ValueError):
        return None  # loading says why
    if download is None or not years:
        return None
    period = min(years) if len(years) == 1 else f"{min(years)}-{max(years)}"
    agreed = f"{download['table'].upper()}_{period}_flat.{download['kind'].lower()}"
    return agreed if contract.match(agreed) else None


def _opened(contract: Contract, content: bytes) -> tuple[list[str], Iterator[tuple[int, list[str]]], list[str], int]:
    """Header, rows below it, lines of the file, and the header's line."""
    _refuse_envelope(content)
    lines = lines_of(contract, content)
    if not any(map(str.strip, lines)):
        raise Refused(Message("file_empty"), Message("ask_supplier_again"))
    rows = parse(contract, lines, first_line=1, remedy=Message("download_again"))
    line, titles = next(rows)
    return flat_header(titles, line), rows, lines, line


def _german(titles: list[str], rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """The rows; Refused at the first that shows the English form, whose names and decimal point are others."""
    label = next((n for n, title in enumerate(titles) if title in ("time_label", "Zeit_Label")), len(titles))
    for line, fields in rows:
        if label < len(fields) and fields[label].strip() in _ENGLISH_TIMES:
            raise _english(line, f"{fields[label].strip()} is the time's name")
        yield line, fields


def _english(line: int, why: str) -> Refused:
    what = Message("at_line", line=line, what=Message("genesis_english", why=why))
    return Refused(what, Message("download_in_german"))


def flat_header(titles: list[str], line: int = 1) -> list[str]:
    """The header that stands on a line, as contracts write it; Refused if it is of neither layout."""
    header = [normal_title(title) for title in titles]  # the old layout pads the names of its measures with blanks
    if header[0] in ("Statistics_Code", "Statistics_code"):
        raise _english(line, f"{header[0]} begins its header")
    if shape_of(header) is None:
        what = Message("at_line", line=line, what=Message("genesis_header"))
        raise Refused(what, Message("download_flat_in_german"))
    return header


def _refuse_envelope(content: bytes) -> None:
    start = content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"{"):
        return
    try:
        status = json.loads(content.decode("utf-8-sig"))["Status"]
        code, text = status["Code"], str(status["Content"])[:200]
    except (ValueError, KeyError, TypeError, RecursionError):
        code, text = "?", "unreadable"
    remedies = {
        98: Message("ask_as_job"),
        99: Message("fetch_job_result"),
        104: Message("try_job_later"),
    }
    raise Refused(Message("genesis_report", code=code, text=text), remedies.get(code, Message("download_again")))
