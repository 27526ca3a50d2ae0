"""What stands in the place of a number, or beside it, in tables for people and in the columns `<figure>_status`.

A sign comes from the source through the mart's own columns (`value_sign`, `<figure>_sign`, `quality_flag`), a reason
from `reason` or `<figure>_reason`; the seed `reason` gives each reason its status. No status tells by which rule a
number is protected.
"""

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
    declared = mart.entry.figures.get(figure, {})
    sign = _first(values, declared.get("sign"), f"{figure}_sign", "value_sign", "quality_flag")
    if values.get(figure) is None:
        reason = _first(values, declared.get("reason"), f"{figure}_reason", "reason")
        told = _reasons().get(reason or "")
        return told or _of_sign(sign) or _known(declared.get("empty")) or "not_available"
    if changed and (mart.entry.name, row_key(mart, values), figure) in changed:
        return "revised"
    beside = _of_sign(sign)
    return None if beside in REPLACING else beside


def hides(reason: str) -> bool:
    """Whether a reason would tell by which rule a number is protected: packages say `confidential` in its place."""
    return reason != "confidential" and _reasons().get(reason) == "confidential"


def row_key(mart: Mart, values: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The key of a row: column and value as text, in the key's order."""
    return tuple((name, "" if values[name] is None else str(values[name])) for name in mart.entry.key)


def _first(values: dict[str, Any], *names: str | None) -> str | None:
    return next((str(values[name]) for name in names if name and values.get(name) is not None), None)


def _of_sign(sign: str | None) -> Status | None:
    return _OF_SOURCE.get((sign or "").strip())


@cache
def _reasons() -> dict[str, Status]:
    found = {row["reason"]: _known(row.get("status")) for row in seeds.rows("reason")}
    return {reason: told for reason, told in found.items() if told}


def _known(text: str | None) -> Status | None:
    return next((one for one in SIGNS if one == text), None)
