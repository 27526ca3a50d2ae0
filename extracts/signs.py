"""What stands in the place of a number, or beside it, in tables for people and in the columns `<figure>_status`.

A sign comes from the source through the mart's own columns (`value_sign`, `<figure>_sign`, `quality_flag`), a reason
from `reason` or `<figure>_reason`; the seed `reason` gives each reason its status. No status tells by which rule a
number is protected.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from extracts.marts import Mart
from extracts.model import Status
from lagebild.core import seeds

SIGNS: dict[Status, str] = {
    "nothing": "–",
    "less_than_half": "0",
    "confidential": ".",
    "not_available": ".",
    "later": "...",
    "not_meaningful": "x",
    "unreliable": "/",
    "limited": "( )",
    "revised": "r",
    "provisional": "p",
    "estimated": "s",
    "final": "e",
    "break_in_series": "|",
}
"""The sign of each status, as the statistical offices print it."""
REPLACING: frozenset[Status] = frozenset(
    {"nothing", "confidential", "not_available", "later", "not_meaningful", "unreliable"}
)
"""Statuses that stand in the place of a number; the others stand beside one."""
_OF_SOURCE: dict[str, Status] = {
    "-": "nothing", "–": "nothing", "0": "less_than_half", ".": "not_available", "*": "confidential",
    "x": "not_meaningful", "/": "unreliable", "()": "limited", "( )": "limited", "...": "later",
    "p": "provisional", "r": "revised",
    "s": "estimated", "e": "final", "|": "break_in_series",
}  # fmt: skip
Changed = frozenset[tuple[str, tuple[tuple[str, str], ...], str]]
"""Mart, row key and figure of each figure that was revised since the last release (`changes.revised`)."""


def status(mart: Mart, row: tuple[Any, ...], figure: str, changed: Changed = frozenset()) -> Status | None:
    """The status of a figure in a row of a mart; None where its number needs no mark.

    A figure without a number always has one: `not_available` where neither sign nor reason says more.
    """
    return status_in(mart, named(mart, row), figure, changed)


def named(mart: Mart, row: tuple[Any, ...]) -> dict[str, Any]:
    """The values of a row by column."""
    return {column.name: value for column, value in zip(mart.columns, row, strict=True)}


def status_in(mart: Mart, values: dict[str, Any], figure: str, changed: Changed = frozenset()) -> Status | None:
    """The same for a row whose values were named before: a row has many figures."""
    signs_of, reasons_of, empty = _columns(mart, figure)
    sign = _first(values, signs_of)
    if values.get(figure) is None:
        return _instead(sign, _first(values, reasons_of), empty)
    if changed and (mart.entry.name, row_key(mart, values), figure) in changed:
        return "revised"
    return _beside(sign)


def is_told(mart: Mart, values: dict[str, Any], figure: str) -> bool:
    """Whether a row or the package says why a figure has no number, rather than that nothing is known."""
    signs_of, reasons_of, empty = _columns(mart, figure)
    told = _reasons().get(_first(values, reasons_of) or "") or _of_sign(_first(values, signs_of))
    return bool(told or empty)


def statuses(mart: Mart, columns: Mapping[str, Sequence[Any]], figure: str) -> list[Status | None]:
    """The same for the rows of a block at once, given as its columns; which figures were revised is not asked."""
    signs_of, reasons_of, empty = _columns(mart, figure)
    values = columns[figure]
    signs, reasons = _firsts(columns, signs_of), _firsts(columns, reasons_of)
    if signs is None and reasons is None:
        absent = _instead(None, None, empty)
        return [absent if value is None else None for value in values]
    blank = [None] * len(values)
    known: dict[tuple[bool, Any, Any], Status | None] = {}
    found: list[Status | None] = []
    for value, sign, reason in zip(values, signs or blank, reasons or blank, strict=True):
        said = (value is None, sign, reason)
        if said not in known:
            known[said] = _instead(_text(sign), _text(reason), empty) if value is None else _beside(_text(sign))
        found.append(known[said])
    return found


def hides(reason: str) -> bool:
    """Whether a reason would tell by which rule a number is protected: packages say `confidential` in its place."""
    return reason != "confidential" and _reasons().get(reason) == "confidential"


def row_key(mart: Mart, values: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The key of a row: column and value as text, in the key's order."""
    return tuple((name, "" if values[name] is None else str(values[name])) for name in mart.entry.key)


def _columns(mart: Mart, figure: str) -> tuple[list[str], list[str], Status | None]:
    """In which columns a figure's sign and reason are looked for, and the status where neither says more."""
    declared = mart.entry.figures.get(figure, {})
    signs = [declared.get("sign"), f"{figure}_sign", "value_sign", "quality_flag"]
    reasons = [declared.get("reason"), f"{figure}_reason", "reason"]
    return list(filter(None, signs)), list(filter(None, reasons)), _known(declared.get("empty"))


def _instead(sign: str | None, reason: str | None, empty: Status | None) -> Status:
    told, printed = _reasons().get(reason or ""), _of_sign(sign)
    if told == "not_available" and printed in REPLACING and printed != "nothing":
        return printed  # the source says more than that there is none; its dash does not: it may be a rounded count
    return told or printed or empty or "not_available"


def _beside(sign: str | None) -> Status | None:
    beside = _of_sign(sign)
    return None if beside in REPLACING else beside


def _first(values: Mapping[str, Any], names: Iterable[str]) -> str | None:
    return next((str(values[name]) for name in names if values.get(name) is not None), None)


def _firsts(columns: Mapping[str, Sequence[Any]], names: Iterable[str]) -> Sequence[Any] | None:
    """Of each row the first of its values in these columns; None if there is no such column."""
    found = [columns[name] for name in names if name in columns]
    if len(found) < 2:
        return found[0] if found else None
    return [next((value for value in values if value is not None), None) for values in zip(*found, strict=True)]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _of_sign(sign: str | None) -> Status | None:
    return _OF_SOURCE.get((sign or "").strip())


@cache
def _reasons() -> dict[str, Status]:
    found = {row["reason"]: _known(row.get("status")) for row in seeds.rows("reason")}
    return {reason: told for reason, told in found.items() if told}


def _known(text: str | None) -> Status | None:
    return next((one for one in SIGNS if one == text), None)
