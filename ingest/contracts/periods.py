"""Periods as time: which day a period ends, and which deliveries of a source a build reads, the latest period last.

A period is text in the ledger, written as the file's name has it: `2024`, `2024-06`, `2019-12-31`, `2024-Q3`,
`2024-H1`, `2014-2020`, `2024-25`, and with what it is for before the last underscore: `05913000_2019`,
`12411-01-01-4_2015-2024`.
"""

import re
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from ingest.contracts.model import ALL, HOLDERS, LATEST, LONGEST

_MOMENT = r"(?:\d{4}(?:-?[qQhH][1-4]|-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?)"
_SPAN = re.compile(rf"(?P<first>{_MOMENT})(?:(?:--?|/|\.\.)(?P<last>{_MOMENT}))?")
_SCHOOL_YEAR = re.compile(r"(?P<first>\d{4})[-/](?P<second>\d{2})")


@dataclass(frozen=True)
class Span:
    """First and last day of a period."""

    first: date
    last: date

    def holds(self, other: "Span") -> bool:
        """Whether the other period lies within this one, which is longer."""
        return self != other and self.first <= other.first and other.last <= self.last


@dataclass(frozen=True)
class Input:
    """An accepted delivery, as a build chooses among them."""

    delivery_id: int
    source: str
    period: str
    sha256: str


def head(period: str) -> str:
    """What a period is for, such as a municipality or a table: the text before its last underscore, else nothing."""
    return period.rpartition("_")[0]


def span(period: str) -> Span | None:
    """The days of a period; None if what stands behind its last underscore is no time."""
    text = period.rpartition("_")[2]
    if found := _SPAN.fullmatch(text):
        first, last = _days(found["first"]), _days(found["last"] or found["first"])
    elif (found := _SCHOOL_YEAR.fullmatch(text)) and int(found["second"]) == (int(found["first"]) + 1) % 100:
        first = _days(found["first"])
        last = _days(str(int(found["first"]) + 1))
    else:
        return None
    return Span(first.first, last.last) if first and last and first.first <= last.last else None


def _days(moment: str) -> Span | None:
    """The days of a year, half-year, quarter, month or day; None if the calendar has no such day."""
    year, rest = int(moment[:4]), moment[4:].lstrip("-")
    if year == 0:
        return None
    if rest[:1].upper() in ("Q", "H"):
        months = 3 if rest[0].upper() == "Q" else 6
        end = int(rest[1]) * months
        if end > 12:
            return None
        return Span(date(year, end - months + 1, 1), date(year, end, monthrange(year, end)[1]))
    month, _, day = rest.partition("-")
    if not month:
        return Span(date(year, 1, 1), date(year, 12, 31))
    days = monthrange(year, int(month))[1]
    if not day:
        return Span(date(year, int(month), 1), date(year, int(month), days))
    return Span(*[date(year, int(month), int(day))] * 2) if int(day) <= days else None


def order(period: str) -> tuple:
    """A key to sort periods by, the one that counts last: by its end, then the longer, then as text.

    A period that names no time comes first. The order of arrival or acceptance has no part in it.
    """
    days = span(period)
    if days is None:
        return (date.min, 0, period)
    return (days.last, (days.last - days.first).days, period)


def chosen(accepted: Iterable[Input], rules: dict[str, str]) -> list[tuple[Input, int]]:
    """The accepted deliveries that a build reads, each with its place in the order of its source's periods.

    Of the same bytes under several periods of a source the latest is read: the same rows are there once; by the rule
    `holders` once for each of them. `rules` says, by source, which periods count at all, as its contract has it
    (`periods`; a source without a rule: all).
    """
    by_source: dict[str, list[Input]] = {}
    for one in sorted(accepted, key=lambda i: (i.source, order(i.period), i.delivery_id)):
        by_source.setdefault(one.source, []).append(one)
    found = []
    for source, inputs in by_source.items():
        rule = rules.get(source, ALL)
        newest = {same(one.period, one.sha256, rule): one for one in inputs}
        counted = [one for one in inputs if newest[same(one.period, one.sha256, rule)] is one]
        found += [(one, n) for n, one in enumerate(_counted(counted, rule), 1)]
    return found


def same(period: str, sha256: str, rule: str) -> tuple[str, str]:
    """What is alike of two deliveries of a source whose rows may be there once only."""
    return (head(period) if rule == HOLDERS else "", sha256)


def _counted(inputs: list[Input], rule: str) -> list[Input]:
    """Those of a source, in the order of their periods, that count by the rule."""
    if rule == LATEST:
        last = {head(one.period): one for one in inputs}
        return [one for one in inputs if last[head(one.period)] is one]
    if rule == LONGEST:
        spans = [(head(one.period), span(one.period)) for one in inputs]
        return [
            one
            for one, (of, own) in zip(inputs, spans, strict=True)
            if own is None or not any(of == other and days is not None and days.holds(own) for other, days in spans)
        ]
    return inputs
