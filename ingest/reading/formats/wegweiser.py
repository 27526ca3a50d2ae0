"""Wegweiser Kommune: indicators by municipality and year, as JSON or as CSV, made one value a record.

JSON is the answer of `/rest/statistics/data/...` as its OpenAPI description (2.9.2) gives it: `years`, `data.regions`
(`ars`, `name`), `data.indicators` with `regionYearValues` (a list a region of a value a year, null where there is
none) and `indicatorsAndTopics` (which say each indicator's source). CSV is the export of the presentation "tabelle":
two lines of titles, a header whose cells hold a year and, below it, a region, a row an indicator, then notes; decimal
comma. It holds neither region keys nor units apart, so those stay empty.

Neither was seen as the service sends it today: this is what the description says, and for CSV what public code reads
(the R package wwkapir). What is otherwise is refused.
"""

import csv
import json
import re
from collections.abc import Iterator
from typing import Any

from ingest.contracts import Contract
from ingest.contracts.messages import Message
from ingest.reading.records import Records, csv_fault, lines_of
from ingest.reading.refused import Refused

HEADER = ["Indikator", "Name", "Einheit", "Quelle", "ARS", "Region", "Jahr", "Wert", "Hinweis"]
ORIGIN = "Herkunft"
"""Made-up files say so in this column (a key of the JSON); real ones lack it."""
_AGAIN = Message("ask_service_again")


def read(contract: Contract, content: bytes) -> Records:
    """Records of an answer, numbered from 1 in JSON and by line in CSV; values without a number are no records."""
    if content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"{", b"[")):
        described = _described(content)
        origin = [described[ORIGIN]] if isinstance(described.get(ORIGIN), str) else []
        rows = [(n, [*row, *origin]) for n, row in enumerate(_json_rows(described), start=1)]
        return Records([*HEADER, *([ORIGIN] if origin else [])], iter(rows), len(rows))
    rows = list(_csv_rows(lines_of(contract, content)))
    return Records(HEADER, iter(rows), len(rows))


def has_values(content: bytes) -> bool:
    """Whether an answer holds any value; Refused if it is of neither form."""
    if content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"{", b"[")):
        return any(True for _ in _json_rows(_described(content)))
    return any(True for _ in _csv_rows(content.decode("utf-8-sig", "replace").splitlines(keepends=True)))


def _described(content: bytes) -> dict[str, Any]:
    try:
        # Numbers stay as they are written: 0.1 must not become a float first.
        described = json.loads(content.decode("utf-8-sig"), parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise Refused(Message("json_broken"), _AGAIN) from error
    if not isinstance(described, dict):
        raise Refused(Message("json_no_answer"), _AGAIN)
    return described


def _json_rows(described: dict[str, Any]) -> Iterator[list[str]]:
    try:
        years, data = described["years"], described["data"]
        sources = {
            told["friendlyUrl"]: _text(told.get("source")) for told in described.get("indicatorsAndTopics") or ()
        }
        for indicator in data["indicators"]:
            by_region = indicator["regionYearValues"]
            if len(by_region) != len(data["regions"]) or any(len(values) != len(years) for values in by_region):
                raise Refused(Message("indicator_incomplete"), _AGAIN)
            code = _text(indicator.get("friendlyUrl"))
            what = [code, _text(indicator["name"]), _text(indicator.get("unit"))]
            what.append(sources.get(code) or _text(data.get("source")))
            remark = "; ".join(filter(None, (_text(data.get("remark")), _text(indicator.get("remark")))))
            for region, values in zip(data["regions"], by_region, strict=True):
                for year, value in zip(years, values, strict=True):
                    if value is not None and not isinstance(value, str):
                        raise Refused(Message("indicator_no_number", indicator=code), Message("leave_indicator_out"))
                    if value is not None:
                        yield [*what, _text(region["ars"]), _text(region["name"]), year, value, remark]
    except (KeyError, TypeError, AttributeError) as error:
        raise Refused(Message("json_no_answer_because", error=repr(error)), _AGAIN) from error


def _csv_rows(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    table = csv.reader(lines[2:], delimiter=";", strict=True)
    try:
        header = next(table, [])
        columns = [re.fullmatch(r"(\d{4})\s*\n\s*(.+)", cell.strip()) for cell in header[1:]]
        if not columns or not all(columns):
            raise Refused(Message("at_line", line=3, what=Message("wegweiser_header")), _AGAIN)
        line = 3 + table.line_num
        for fields in table:
            # Below the table stand notes: of another width, or with nothing but their first cell.
            if len(fields) == len(header) and any(cell.strip() for cell in fields[1:]):
                for column, cell in zip(columns, fields[1:], strict=True):
                    if value := cell.strip():
                        yield line, ["", fields[0].strip(), "", "", "", column[2], column[1], _with_point(value), ""]
            line = 3 + table.line_num
    except csv.Error as error:
        raise Refused(Message("at_line", line=3 + table.line_num, what=csv_fault(error, ";", '"')), _AGAIN) from error


def _with_point(value: str) -> str:
    """A German number with a decimal point; any other text as it is, for the contract to reject."""
    is_number = re.fullmatch(r"-?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?", value)
    return value.replace(".", "").replace(",", ".") if is_number else value


def _text(value: object) -> str:
    """A text in one line; nothing is an empty one."""
    return " ".join(value.split()) if isinstance(value, str) else ""
