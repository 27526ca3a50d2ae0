"""Each expectation removed, inverted, loosened and made less severe in turn; the fixed cases must notice every time.

    python -m tests.expectations.mutate [--only azr_nrw] [--only cost_component]

A mutant is killed if a case tells it from the original: what is expected to fail on the smallest input that breaks
it passes, or what is expected to pass on sound rows fails, or the severity is not the one that the cases state.
Prints how many there were and which survived; exit code 1 if any did. `make mutants` runs all of it.
"""

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from expectations import gate
from expectations.suite import HOLD, NOTE, WARN, Expectation
from lagebild import database
from lagebild.settings import Settings
from lagebild.stack import postgres
from lagebild.warehouse.migrate import migrate
from tests.conftest import on_database, remove_state, settings_in
from tests.expectations import cases, marts_cases

_LESS = {HOLD: WARN, WARN: NOTE, NOTE: HOLD}
_DECIMAL = re.compile(r"(?<![\w.])(\d+\.\d+)")
_COMPARED = re.compile(r"([<>]=?) (-?\d+)(?![\w.])")
_BETWEEN = re.compile(r"between (-?\d+) and (-?\d+)")


@dataclass(frozen=True)
class Mutant:
    """A changed expectation, or none in its place; `inverts` turns the verdict of the original around."""

    name: str
    how: str
    expectation: Expectation | None
    inverts: bool = False


def mutants(original: Expectation, rows: int) -> Iterator[Mutant]:
    """Every mutant of an expectation; one bad row in `rows` is what the most tolerant ones let pass."""
    yield Mutant(original.name, "removed", None)
    yield Mutant(original.name, "inverted", original, inverts=True)
    yield Mutant(original.name, "less severe", replace(original, severity=_LESS[original.severity]))
    for how, arguments in _loosened(original, rows):
        kind = arguments.pop("kind", original.kind)
        yield Mutant(original.name, how, replace(original, kind=kind, arguments=arguments))


def _loosened(original: Expectation, rows: int) -> Iterator[tuple[str, dict]]:
    given = dict(original.arguments)
    if original.kind == "UnexpectedRowsExpectation":
        query = given["unexpected_rows_query"]
        # in a query of its own the finding that is let pass may be any
        head, body = _split(query)
        yield "one finding let pass", {"unexpected_rows_query": f"{head} select * from ({body}) as found offset 1"}
        for how, pattern, widen in (
            ("tolerance doubled", _DECIMAL, lambda found: str(2 * float(found[1]))),
            ("bound doubled", _COMPARED, lambda found: f"{found[1]} {_wider(int(found[2]), found[1][0] == '>')}"),
            (
                "bounds doubled",
                _BETWEEN,
                lambda found: f"between {_wider(int(found[1]), False)} and {_wider(int(found[2]), True)}",
            ),
        ):
            for hit in pattern.finditer(query):
                looser = query[: hit.start()] + widen(hit) + query[hit.end() :]
                yield f"{how}: {hit[0]}", {"unexpected_rows_query": looser}
        return
    if original.kind == "ExpectTableRowCountToEqual":
        bounds = {"min_value": given["value"] - 1, "max_value": given["value"] + 1}
        yield "one row more or less", {"kind": "ExpectTableRowCountToBeBetween", **bounds}
        return
    for bound, up in (("min_value", False), ("max_value", True)):
        if given.get(bound) is not None:
            strict = {f"strict_{bound[:3]}": False} if f"strict_{bound[:3]}" in given else {}
            yield f"{bound} doubled", {**given, bound: _wider(given[bound], up), **strict}
    if given.get("strict_min"):
        yield "the bound itself let pass", {**given, "strict_min": False}
    if original.kind.startswith("ExpectColumnValues"):
        yield "one row let pass", {**given, "mostly": given.get("mostly", 1) - 1 / max(rows, 1)}


def _split(query: str) -> tuple[str, str]:
    """The first `with` clause of a query and what follows it; a second one is part of what follows."""
    depth = 0
    for position, sign in enumerate(query):
        depth += (sign == "(") - (sign == ")")
        if sign == ")" and depth == 0:
            rest = query[position + 1 :].lstrip()
            return query[: position + 1], f"with {rest[1:].lstrip()}" if rest.startswith(",") else rest
    raise ValueError(f"no with clause: {query}")


def _wider(bound: float, up: bool) -> float:
    distance = abs(bound) or 1
    return bound + distance if up else bound - distance


@dataclass(frozen=True)
class Subject:
    """Where an expectation is judged: batches on sound data and on each case in which it must fail."""

    original: Expectation
    severity: str
    rows: int


def survivors_of(verdicts: Iterable[tuple[Mutant, str, list[bool], list[bool]]]) -> list[str]:
    """Mutants that no case told from the original: `passed` on sound data and on the cases that must fail."""
    return [
        f"{mutant.name}: {mutant.how}"
        for mutant, severity, sound, broken in verdicts
        if mutant.expectation and mutant.expectation.severity == severity and all(sound) and not all(broken)
    ]


def _judge(settings: Settings, role: str, batch: gate._Batch, tried: list[Mutant]) -> list[bool]:
    """Whether each mutant passes on a batch; one that is not there says nothing, which is no failure."""
    numbered = [
        replace(mutant.expectation, name=f"{n} {mutant.name}") if mutant.expectation else None
        for n, mutant in enumerate(tried)
    ]
    (verdicts,) = gate._judge(settings, role, [replace(batch, expectations=[e for e in numbered if e])])
    passed = {verdict.expectation: verdict.passed for verdict in verdicts}
    return [passed[e.name] != mutant.inverts if e else True for e, mutant in zip(numbered, tried, strict=True)]
