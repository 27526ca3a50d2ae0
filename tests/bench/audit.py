"""How long the audit takes: a table with hidden cells, alone and beside earlier publications of it.

    make bench ONLY=audit

A table of places by years with both totals, counts drawn anew from a fixed seed. A cell below three is hidden, and in
each line with a hidden one so many others that they hold more than one each. Ten of the earlier publications differ in
some rows; the others say the same again. And the same number of places with registers, rates and lists of grants by as
many years, published in a warehouse: then reading is part of what is measured. All of it is made up.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from disclosure import audit as disclosure_audit
from disclosure import solve
from disclosure.equations import Few, FewApart, Problem, Source
from lagebild.core import database
from lagebild.core.settings import ROOT
from lagebild.local import postgres
from lagebild.warehouse.migrate import migrate
from tests.bench import page
from tests.conftest import own_folder
from tests.disclosure.audit_toy import YEAR, Toy

SEED = 20261130
ASKED = (53, 8, 102)
"""Rows, columns and hidden cells that the issue asks for."""
GROWTH = ((53, 8), (106, 15), (198, 30), (396, 30))
DIFFERING, EARLIER = 10, (0, 50, 200)
SHARE_SMALL = 0.12
REPETITIONS = 5
Table = list[list[int]]
Hidden = frozenset[tuple[int, int]]


@dataclass(frozen=True)
class Audited:
    """One run: the table, publications before it, hidden cells, and what the audit took."""

    rows: int
    columns: int
    earlier: int
    hidden: int
    seconds: float
    findings: int
    work: solve.Work


def table(rows: int, columns: int, hidden: int | None = None) -> tuple[Table, Hidden]:
    """Counts and the cells that are hidden; with exactly so many hidden ones where a number is given."""
    dice = random.Random(SEED)
    while True:
        counts = [
            [dice.choice((1, 2)) if dice.random() < SHARE_SMALL else dice.randint(3, 400) for _ in range(columns)]
            for _ in range(rows)
        ]
        cells = _hidden(counts)
        if hidden is None or len(cells) == hidden:
            return counts, cells


def _hidden(counts: Table) -> Hidden:
    rows, columns = len(counts), len(counts[0])
    found = {(row, column) for row in range(rows) for column in range(columns) if counts[row][column] < 3}
    lines = [[(row, column) for column in range(columns)] for row in range(rows)]
    lines += [[(row, column) for row in range(rows)] for column in range(columns)]
    grows = True
    while grows:
        grows = False
        for line in lines:
            hidden = [cell for cell in line if cell in found]
            if hidden and (len(hidden) < 2 or sum(counts[r][c] for r, c in hidden) < len(hidden) + 3):
                shown = sorted((cell for cell in line if cell not in found), key=lambda cell: counts[cell[0]][cell[1]])
                if shown:
                    found.add(shown[0])
                    grows = True
    return frozenset(found)


def problem(counts: Table, hidden: Hidden, earlier: int) -> Problem:
    """The table and so many earlier publications of it, of which `DIFFERING` at most hold other counts in some rows."""
    dice, found = random.Random(SEED), Problem()
    versions: dict[tuple[int, int], list[int]] = {}
    contents = [counts]
    for _ in range(min(earlier, DIFFERING)):
        changed = [list(row) for row in contents[-1]]
        for row in dice.sample(range(len(counts)), max(1, len(counts) // 10)):
            for column in range(len(changed[row])):
                changed[row][column] += dice.randint(5, 40)
        contents.append(changed)
    # What was published again is a content that is known, and not read: `disclosure/shown.py`.
    every = max(1, earlier // DIFFERING)
    known: set[int] = set()
    for publication in range(earlier + 1):
        content = min((publication + every - 1) // every, len(contents) - 1)
        if content not in known:
            known.add(content)
            _publish(found, contents[content], hidden, publication, versions)
    for cell, values in versions.items():
        known = [("count", *cell, number) for number in range(len(values))]
        for n, one in enumerate(known):
            for other in known[:n]:
                found.protect(Source("table", f"{cell[0]} {cell[1]}", "difference"), {other: 1, one: -1}, FewApart())
    return found


def _publish(found: Problem, counts: Table, hidden: Hidden, publication: int, versions) -> None:
    cells = {}
    for row, values in enumerate(counts):
        for column, value in enumerate(values):
            known = versions.setdefault((row, column), [])
            if value not in known:
                known.append(value)
            cell = cells[row, column] = found.know(("count", row, column, known.index(value)), low=1, truth=value)
            source = Source("table", f"{row} {column}", "count", publication)
            if (row, column) not in hidden:
                found.state(source, {cell: 1}, value, value)
            found.protect(source, {cell: 1}, Few())
    for row, values in enumerate(counts):
        terms = {cells[row, column]: 1 for column in range(len(values))}
        found.state(Source("table", f"{row}", "total", publication), terms, sum(values), sum(values))
    for column in range(len(counts[0])):
        total = sum(values[column] for values in counts)
        terms = {cells[row, column]: 1 for row in range(len(counts))}
        found.state(Source("table", f"all {column}", "total", publication), terms, total, total)


def audited(rows: int, columns: int, earlier: int, hidden: int | None = None) -> Audited:
    """Make the equations of a table and audit them; both count. The median of some runs."""
    counts, cells = table(rows, columns, hidden)
    runs = []
    for _ in range(REPETITIONS):
        work = solve.Work()
        began = time.monotonic()
        findings = solve.audit(problem(counts, cells, earlier), seconds=600, work=work)
        runs.append(time.monotonic() - began)
    return Audited(rows, columns, earlier, len(cells), statistics.median(runs), len(findings), work)


def in_warehouse(toy: Toy, places: int, years: int, earlier: Sequence[int]) -> list[Audited]:
    """Read and audit a candidate beside so many earlier publications, the fewest first; ten of them differ."""
    runs, differing, published = [], 0, 0
    _fill(toy, places, years, differing)
    for number in earlier:
        every = max(1, number // DIFFERING)
        while published < number:
            toy.publish()
            published += 1
            changes = published % every == 0 and differing < DIFFERING
            differing += changes
            toy.begin()
            if changes:
                toy.clear()
                _fill(toy, places, years, differing)
            else:
                toy.deliver_again()
        toy.connection.execute("analyze")
        taken, work = [], solve.Work()
        for _ in range(REPETITIONS):
            work = solve.Work()
            began = time.monotonic()
            found = disclosure_audit.findings(toy.connection, toy.build_id, 600, work)
            taken.append(time.monotonic() - began)
        runs.append(Audited(places, years, number, 0, statistics.median(taken), len(found), work))
    return runs


def _fill(toy: Toy, places: int, years: int, version: int) -> None:
    """Registers, rates and lists of grants; a tenth of the lists grew by five grants in each version."""
    for place in range(places):
        dice = random.Random(f"{SEED} {place}")
        shown = 5 * dice.randint(4, 2000)
        parts = (shown // 5 // 2 * 5, shown - shown // 5 // 2 * 5)
        toy.register(f"{place:08}", (*parts, shown), (*parts, shown))
        less = dice.randint(0, shown // 5)
        figures = {"population_persons": shown, "employees_persons": less, "denominator_persons": shown - less}
        toy.cost(f"{place:08}", **figures | {"total_cost_eur": 1000 * shown})
        lists = {
            str(YEAR + year): [dice.randint(900, 1100) for _ in range(dice.randint(5, 9))] for year in range(years)
        }
        grown = len([n for n in range(version) if n % DIFFERING == place % DIFFERING])
        lists[str(YEAR)] += [dice.randint(900, 1100) for _ in range(5 * grown)]
        toy.grants(f"esf_{place}", lists)


def main() -> int:
    arguments = _arguments()
    solve.audit(problem(*table(5, 5), 0), seconds=600)  # the solver's library is loaded
    beside = [audited(*ASKED[:2], earlier, ASKED[2]) for earlier in EARLIER]
    growth = [audited(rows, columns, 0) for rows, columns in GROWTH]
    with own_folder("lagebild-bench-audit-") as settings:
        postgres.start(settings, durable=False)
        migrate(settings)
        with database.connect(settings) as connection:
            read = in_warehouse(Toy(settings, connection), *ASKED[:2], EARLIER)
    text = page.render_audit(beside, growth, read, arguments.remark)
    print(text)
    print(page.write_audit(arguments.output, text))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ONLY=audit", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md", help="the page to write into")
    parser.add_argument("--remark", default="", help="a sentence on the circumstances, such as a busy machine")
    parser.add_argument("--against", help=argparse.SUPPRESS)  # `make bench ONLY=...` passes it on
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
