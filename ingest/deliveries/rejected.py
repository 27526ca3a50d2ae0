"""Why rows of a delivery were rejected: counted by field and rule, with lines to look at.

Of a source about persons no value is shown, and lines only of faults that stand in the file itself; what a join, a
history or an erasure says of a row would say something of a person.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from ingest import contracts
from ingest.contracts import MASK, Contract, messages
from ingest.contracts.messages import Message
from ingest.deliveries.delivery_ledger import Delivery

LINES = 5
"""Lines that are named of each fault."""
VALUES = 3
MAX_VALUE = 40
"""Characters of a value that are shown."""
_OF_THE_FILE = ("cell_digits", "cell_error", "cell_formula", "cell_merged", "cell_type", "cell_untitled", "code_list",
                "conflict", "control_sign", "enum", "field_count", "header", "length", "maximum", "minimum", "pattern",
                "quoting", "repeat", "required", "rule", "spreadsheet_error", "type", "year")  # fmt: skip
"""Codes of faults that anybody sees who has the file alone. What a test finds in the code and not here, or there among
those that need other data, is not decided."""


@dataclass(frozen=True)
class Fault:
    """One rule that rows of a delivery broke."""

    field: str
    """Title of the field; empty if the row as a whole is meant."""
    code: str
    rows: int
    message: str
    """In English, as the first of the rows has it."""
    message_de: str
    lines: tuple[int, ...]
    """Up to LINES lines of the file, from 1; none where they must not be named."""
    values: tuple[str, ...]
    """Up to VALUES of the texts; none of sources about persons."""

    def __str__(self) -> str:
        return self.text("en")

    def text(self, language: str) -> str:
        """The fault in a line, in `de` or `en`."""
        word, such, lines, more = _WORDS[language]
        said = f"{self.message_de if language == 'de' else self.message}: "
        said += f"{messages.figure(self.rows, language)} {word[self.rows == 1]}"
        if self.lines:
            named = ", ".join(map(str, self.lines)) + (more if self.rows > len(self.lines) else "")
            said += f" ({lines[len(self.lines) == 1]} {named})"
        if self.values:
            said += f", {such} {', '.join(self.values)}"
        return said


ERASED = "erased"
"""The message of a reason that an erasure blanked; that there was one is nobody's business but the office's."""
_NEUTRAL = {"en": "{} is not as agreed ({})", "de": "{}: die Angabe ist nicht wie vereinbart ({})"}
_WORDS = {
    "en": (("rows", "row"), "such as", ("lines", "line"), ", ..."),
    "de": (("Zeilen", "Zeile"), "zum Beispiel", ("Zeilen", "Zeile"), ", ..."),
}


def faults(connection: Connection, delivery: Delivery) -> list[Fault]:
    """What is wrong with the delivery's rejected rows, the most frequent first."""
    if not delivery.rejected:
        return []
    # A source that was given up has no contract any more that would say what may be shown.
    contract = contracts.load(delivery.source) if delivery.source in contracts.sources() else None
    found = connection.execute(
        "select r ->> 'field', r ->> 'code', count(*),"
        " (array_agg(r order by r ->> 'message' = %(erased)s, line_number))[1],"
        " (array_agg(line_number order by line_number) filter (where r ->> 'message' <> %(erased)s))[1:%(lines)s],"
        " (array_agg(distinct fields ->> (r ->> 'field')))[1:%(values)s]"
        " from raw.rejected_row, jsonb_array_elements(reasons) as r where delivery_id = %(delivery)s"
        " group by 1, 2 order by 3 desc, 1, 2",
        {"delivery": delivery.delivery_id, "lines": LINES, "values": VALUES + 1, "erased": ERASED},
    ).fetchall()
    is_open = contract is not None and not contract.has_personal_fields
    return [
        Fault(
            field=field,
            code=code,
            rows=rows,
            message=_said("en", first),
            message_de=_said("de", first),
            lines=tuple(lines or ()) if may_name_lines(contract, code) else (),
            values=tuple(_shown(values or ())) if is_open else (),
        )
        for field, code, rows, first, lines, values in found
    ]


def may_name_lines(contract: Contract | None, code: str) -> bool:
    """Whether lines with this fault may be named to whoever sent the file."""
    return contract is not None and (code in _OF_THE_FILE or not contract.has_personal_fields)


def in_german(reason: Mapping[str, Any]) -> str:
    """A reason of a rejected row as `raw.rejected_row` keeps it; one that was kept without its code stays English."""
    field, text = reason["field"], reason["message"]
    said = messages.restored(text.removeprefix(f"{field}: ").removeprefix(f"{field} "), reason.get("said"))
    if not isinstance(said, Message):
        return messages.translatable(text).told("de")
    return said.told("de") if reason["code"] == "rule" or not field else f"{field}: {said.told('de')}"


def _said(language: str, reason: Mapping[str, Any]) -> str:
    """The message, without where in the file this one row stands."""
    if reason["message"] == ERASED:
        return _NEUTRAL[language].format(reason["field"], reason["code"])
    message = in_german(reason) if language == "de" else reason["message"]
    return message.partition(" (bytes ")[0].partition(" (Bytes ")[0]


def _shown(values: Iterable[str | None]) -> list[str]:
    texts = [value for value in values if value not in (None, MASK)][:VALUES]
    return [repr(text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}...") for text in texts]
