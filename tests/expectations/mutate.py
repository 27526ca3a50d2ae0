"""Each expectation removed, inverted, loosened and made less severe in turn; the fixed cases must notice every time.

    python -m tests.expectations.mutate [--only azr_nrw] [--only marts.cost_component]

A mutant is killed if a case tells it from the original: what is expected to fail on the smallest input that breaks
it passes, or what is expected to pass on sound rows fails, or the severity is not the one that the cases state.
Prints how many there were and which survived; exit code 1 if any did. `make mutants` runs all of it.
"""

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console

from expectations import gate, marts
from expectations.suite import HOLD, NOTE, WARN, Build, Expectation
from lagebild.core import database
from lagebild.core.progress import Board
from lagebild.core.settings import Settings
from lagebild.local import postgres
from lagebild.warehouse.migrate import migrate
from tests.conftest import on_database, own_folder
from tests.expectations import cases, marts_cases
from tests.expectations.support import Rows

UNCHANGED = "unchanged"
_LESS = {HOLD: WARN, WARN: NOTE, NOTE: HOLD}
_NUMBER = r"(\d+(?:\.\d+)?)(?![\w.])"
# Where a bound or a tolerance stands in SQL, and whether loosening it makes it larger.
_BOUNDS = (
    (re.compile(r"(?<![<>])((?:>|>=) )" + _NUMBER), True),
    (re.compile(r"(?<![<>])((?:<|<=) )" + _NUMBER), False),
    (re.compile(r"( and )" + _NUMBER + r"(?= \* previous|\n)"), True),
    (re.compile(r"(between )" + _NUMBER), False),
    (re.compile(r"((?<!\w) - |previous [+-] )" + _NUMBER), True),
    (re.compile(r"(()(?<![\w.]))(\d+\.\d+)(?=\s*\* (?:abs|percentile))"), True),
)


@dataclass(frozen=True)
class Mutant:
    """A changed expectation, or none in its place; `inverts` turns the verdict of the original around."""

    name: str
    how: str
    expectation: Expectation | None
    inverts: bool = False


@dataclass
class Tried:
    """A mutant and what it said: whether it passed on sound data, and on each case that the original fails."""

    mutant: Mutant
    severity: str
    sound: list[bool]
    broken: list[bool]

    @property
    def survives(self) -> bool:
        """Whether nothing tells it from the original, which passes what is sound and fails every case."""
        kept = self.mutant.expectation
        return kept is not None and kept.severity == self.severity and all(self.sound) and not any(self.broken)

    @property
    def is_wrong(self) -> bool:
        """Whether a mutant survives, or the original itself does not do what its cases say."""
        return self.survives != (self.mutant.how == UNCHANGED)


def mutants(original: Expectation, rows: Rows) -> list[Mutant]:
    """The mutants of an expectation that is judged on these rows; the same ones, in order, for each judged batch."""
    return [
        Mutant(original.name, UNCHANGED, original),
        Mutant(original.name, "removed", None),
        Mutant(original.name, "inverted", original, inverts=True),
        Mutant(original.name, "less severe", replace(original, severity=_LESS[original.severity])),
        *(
            Mutant(original.name, how, replace(original, kind=kind, arguments=arguments))
            for how, kind, arguments in _loosened(original, rows)
        ),
    ]


def _loosened(original: Expectation, rows: Rows) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """How it is loosened, and the kind and arguments that do so."""
    kind, given = original.kind, dict(original.arguments)
    if kind == "UnexpectedRowsExpectation":
        query = given["unexpected_rows_query"]
        head, body = _split(query)
        yield (
            "one finding let pass",
            kind,
            {"unexpected_rows_query": f"{head} select * from ({body}) as found offset 1"},
        )
        for pattern, up in _BOUNDS:
            for hit in pattern.finditer(query):
                number = hit[hit.lastindex]
                wider = query[: hit.start(hit.lastindex)] + _wider(number, up) + query[hit.end(hit.lastindex) :]
                yield f"{'doubled' if up else 'halved'}: {hit[0].strip()}", kind, {"unexpected_rows_query": wider}
    elif kind == "ExpectTableRowCountToEqual":
        near = {"min_value": given["value"] - 1, "max_value": given["value"] + 1}
        yield "one row more or less", "ExpectTableRowCountToBeBetween", near
    else:
        for bound in ("min_value", "max_value"):
            if given.get(bound) is not None:
                further = (abs(given[bound]) or 1) * (1 if bound == "max_value" else -1)
                yield f"{bound} further off", kind, {**given, bound: given[bound] + further}
        if given.get("strict_min"):
            yield "the bound itself let pass", kind, {**given, "strict_min": False}
        if kind.startswith("ExpectColumnValues"):
            judged = sum(row.get(given["column"]) is not None for row in rows)
            # a hair less: the share of rows that pass is computed another way round
            mostly = given.get("mostly", 1) - 1 / max(judged, 1) - 1e-9
            yield "one row let pass", kind, {**given, "mostly": max(mostly, 0)}


def _split(query: str) -> tuple[str, str]:
    """The clause of a query that names the batch, and all that follows it."""
    depth = 0
    for position, sign in enumerate(query):
        depth += (sign == "(") - (sign == ")")
        if sign == ")" and depth == 0:
            rest = query[position + 1 :].lstrip()
            return query[: position + 1], f"with {rest[1:].lstrip()}" if rest.startswith(",") else rest
    raise ValueError(f"no with clause: {query}")


def _wider(number: str, up: bool) -> str:
    value = float(number) if "." in number else int(number)
    return str((value * 2 or 1) if up else (value / 2 if "." in number else value // 2 if value else -1))


def try_source(settings: Settings, source: str) -> list[Tried]:
    """Every mutant of a source's expectations, judged on its sound rows and on its cases."""
    own = cases.SOURCES[source]
    sound = cases.batch(settings, source, cases.Case(own.sound))
    tried = {
        e.name: [Tried(m, cases.severity_of(source, e.name), [], []) for m in mutants(e, own.sound)]
        for e in sound.expectations
    }
    plan = [
        (sound, [t.mutant for of_one in tried.values() for t in of_one], [t.sound for x in tried.values() for t in x])
    ]
    for name, case in cases.cases(source):
        batch = cases.batch(settings, source, case)
        of_case = mutants(cases.named(batch.expectations, name), case.rows)
        plan.append((batch, of_case, [t.broken for t in tried[name]]))
    batches = [replace(batch, expectations=_numbered(changed)) for batch, changed, _ in plan]
    for (_, changed, found), verdicts in zip(plan, cases.judged(settings, batches), strict=True):
        for said, passed in zip(found, _passed(changed, verdicts), strict=True):
            said.append(passed)
    return [t for of_one in tried.values() for t in of_one]


def try_mart(settings: Settings, build: Build, mart: str) -> list[Tried]:
    """The same for a candidate mart; the candidates are sound again afterwards."""
    found = []
    for original in marts.suites(build)[mart]:
        changed = mutants(original, marts_cases.SOUND[mart])
        tried = [Tried(m, marts_cases.severity_of(original.name), [], []) for m in changed]

        def judge(said: list[list[bool]], changed: list[Mutant] = changed) -> None:
            verdicts = marts_cases.judged(settings, mart, _numbered(changed))
            for one, passed in zip(said, _passed(changed, verdicts), strict=True):
                one.append(passed)

        judge([t.sound for t in tried])
        for rows in marts_cases.broken(original.name):
            if not rows:
                marts_cases.publish(settings, build.build_id, mart, marts_cases.with_gone(mart))
            marts_cases.put(settings, rows)
            judge([t.broken for t in tried])
            marts_cases.put(settings, {name: marts_cases.SOUND[name] for name in rows})
            marts_cases.unpublish(settings)
        found += tried
    return found


def _numbered(changed: list[Mutant]) -> list[Expectation]:
    """The expectations of the mutants, under names that tell them apart."""
    return [replace(m.expectation, name=f"{n} {m.name}") for n, m in enumerate(changed) if m.expectation]


def _passed(changed: list[Mutant], verdicts: list[gate.Verdict]) -> list[bool]:
    """Whether each mutant let pass what it judged; one that is removed lets everything pass."""
    passed = {verdict.expectation: verdict.passed for verdict in verdicts}
    return [passed[f"{n} {m.name}"] != m.inverts if m.expectation else True for n, m in enumerate(changed)]


def run(settings: Settings, subjects: list[str], told: Callable[[str, int, int], None]) -> list[Tried]:
    """Try every mutant of the named sources and marts; `told` hears what is under way, how far, and of how many."""
    found, build = [], None
    for number, subject in enumerate(subjects):
        told(subject, number, len(subjects))
        if subject in cases.SOURCES:
            found += try_source(settings, subject)
        else:
            build = build or marts_cases.prepare(settings)
            found += try_mart(settings, build, subject.removeprefix("marts."))
    return found


def subjects() -> list[str]:
    """Every source, and every mart that has expectations as `marts.<mart>`."""
    return [*cases.SOURCES, *(f"marts.{mart}" for mart in marts.suites(Build(1, marts_cases.SOURCES)))]


def report(tried: list[Tried], seconds: float) -> str:
    """The counts in a line, after one for each survivor."""
    originals = [t for t in tried if t.mutant.how == UNCHANGED]
    wrong = [t for t in tried if t.is_wrong]
    left = sum(t not in originals for t in wrong)
    lines = [
        f"{'not as its cases say' if t.mutant.how == UNCHANGED else 'survived'}: {t.mutant.name}: {t.mutant.how}"
        for t in wrong
    ]
    number = len(tried) - len(originals)
    counts = f"{len(originals)} expectations, {number} mutants, {number - left} killed, {left} survived"
    return "\n".join([*lines, f"{counts}, {seconds:.0f} s"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=subjects(), help="a source or a mart; may be repeated")
    wanted = parser.parse_args().only or subjects()
    with own_folder(f"lagebild-mutants-{os.getpid()}") as settings, Board(Console()) as board:
        board.doing("starting a PostgreSQL of the mutants' own")
        postgres.start(settings, durable=False)
        database_name = "mutants"
        with database.connect(settings, autocommit=True) as connection:
            connection.execute(f"create database {database_name}")
        warehouse = on_database(settings, database_name)
        migrate(warehouse)
        began = time.monotonic()
        tried = run(warehouse, wanted, lambda name, n, of: board.doing(f"{n + 1} of {of}: {name}"))
        seconds = time.monotonic() - began
    print(report(tried, seconds))
    return 1 if any(t.is_wrong for t in tried) else 0


if __name__ == "__main__":
    sys.exit(main())
