"""Break a load at every point in every way, and check what is left: `make faults`.

    python -m tests.faults [--sample 20] [--loader module:function] [--workers 2]

Says which case is under way and writes `docs/faults.md`; exit code 1 where anything did not hold. The cases and their
order are the same each time.
"""

import argparse
import collections
import contextlib
import os
import queue
import random
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

from psycopg import sql
from rich.console import Console

from lagebild.core import database
from lagebild.core.progress import Board
from lagebild.core.settings import ROOT, Settings
from lagebild.core.version import code_version
from lagebild.local import postgres
from lagebild.warehouse.migrate import migrate
from tests.conftest import TEMPLATE, on_database, own_folder
from tests.faults.cases import LOADER, Bench, Outcome, Point, all_cases, scenarios

SEED = 3
SHOWN_EVERY = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, help="only so many cases, drawn with a fixed seed; writes no page")
    parser.add_argument("--loader", default=LOADER, help="the loader to break, as module:function")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="cases at once")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "faults.md")
    arguments = parser.parse_args()
    with own_folder(f"lagebild-faults-{os.getpid()}") as settings, Board(Console()) as board:
        board.doing("starting a PostgreSQL of the faults' own")
        prepare(settings)
        began = time.monotonic()
        workers = max(1, arguments.workers)
        points, outcomes = run(settings, settings.home, arguments.loader, arguments.sample, board, workers)
        seconds = time.monotonic() - began
    bad = [outcome for outcome in outcomes if outcome.problems]
    for outcome in bad:
        print(f"{outcome.point.scenario.name}, {outcome.point.name}: {outcome.kind} ({outcome.when})")
        print(f"    the load told: {outcome.told}", *(f"    {problem}" for problem in outcome.problems), sep="\n")
    print(f"{len(points)} points, {len(outcomes)} runs, {len(bad)} of them bad, {seconds:.0f} s")
    if arguments.sample is None:
        arguments.output.write_text(page(points, outcomes, seconds))
        print(f"written to {arguments.output}")
    return 1 if bad else 0


def prepare(settings: Settings) -> None:
    """A server that need not outlive a power cut (what is broken here is the load), with a migrated template."""
    postgres.start(settings, durable=False)
    with database.connect(settings, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(TEMPLATE)))
    migrate(on_database(settings, TEMPLATE))


def run(
    settings: Settings, folder: Path, loader: str, sample: int | None, board: Board, workers: int
) -> tuple[list[Point], list[Outcome]]:
    """Trace every scenario, and raise every fault at every point of it (or a sample); `workers` cases at once."""
    found = scenarios()
    with contextlib.ExitStack() as stack:
        benches = [stack.enter_context(Bench(settings, folder, loader)) for _ in range(workers)]
        idle: queue.SimpleQueue[Bench] = queue.SimpleQueue()
        pool = stack.enter_context(ThreadPoolExecutor(workers))
        board.doing("tracing loads without a fault")
        # Each bench has databases of its own, and must know what a load leads to in them.
        points, *_ = pool.map(lambda bench: [point for scenario in found for point in bench.points(scenario)], benches)
        for bench in benches:
            idle.put(bench)

        def outcome(case: tuple[Point, str, str]) -> Outcome:
            bench = idle.get()
            try:
                return bench.outcome(*case)
            except Exception as error:  # one case that cannot be judged is bad, and takes no other with it
                return Outcome(*case, "between", "nothing", (f"the case could not be judged: {error!r}",), 0)
            finally:
                idle.put(bench)

        cases = all_cases(points)
        if sample is not None:
            cases = random.Random(SEED).sample(cases, min(sample, len(cases)))
        outcomes: list[Outcome] = []
        for number, result in enumerate(pool.map(outcome, cases), 1):
            outcomes.append(result)
            bad = sum(bool(each.problems) for each in outcomes)
            if number % SHOWN_EVERY == 0 or number == len(cases):
                board.doing(f"{number} of {len(cases)} cases, {bad} bad ({result.point.scenario.name})")
    return points, outcomes


def page(points: list[Point], outcomes: list[Outcome], seconds: float) -> str:
    """The page `docs/faults.md`."""
    bad = sum(bool(outcome.problems) for outcome in outcomes)
    distinct = {(point.is_file, _shape(point)) for point in points}
    seen = sum(point.turns for point in points if point.turn == 1)
    kinds = collections.Counter((outcome.kind, outcome.when, outcome.state) for outcome in outcomes)
    lines = [
        "# Faults",
        "",
        "Written by `make faults`, never by hand. How it works: [tests/faults](../tests/faults/README.md).",
        "",
        f"**{len(points)} points ({len(distinct)} distinct; {seen} steps were seen, repeats among them),"
        f" {len(outcomes)} runs, {bad} bad.** A run passes if the"
        " state is old or new after the fault, and a retry converges to the state of a load without a fault.",
        "",
        "| fault | runs | old state after it | new state after it | neither |",
        "|---|---|---|---|---|",
    ]
    for kind, when in dict.fromkeys((outcome.kind, outcome.when) for outcome in outcomes):
        old, new, neither = (kinds[kind, when, found] for found in ("old", "new", "between"))
        lines.append(f"| {kind}, {when} | {old + new + neither} | {old} | {new} | {neither} |")
    litter = sum(outcome.litter > 0 for outcome in outcomes)
    lines += [
        "",
        f"Runs after which a hidden temporary file stayed in the landing zone: {litter}.",
        "",
        "SIGKILL ends the loading process; a lost connection is cut by a proxy between it and the server. Disk full and"
        " lock time-out at a statement: the proxy spoils the statement, so that the server itself fails and aborts its"
        " transaction, and the client sees SQLSTATE 53100 or 55P03 (injected; no disk was filled). At a file operation:"
        " the operation fails with ENOSPC or EAGAIN. *answer lost*: the server was through with the step, the client"
        " never heard of it.",
        "",
        "| scenario | point | runs | ended in |",
        "|---|---|---|---|",
    ]
    by_point = collections.defaultdict(list)
    for outcome in outcomes:
        by_point[outcome.point].append(outcome)
    for point in points:
        states = collections.Counter(outcome.state for outcome in by_point[point])
        told = ", ".join(f"{state} {count}" for state, count in sorted(states.items()))
        verdict = told + (" **bad**" if any(outcome.problems for outcome in by_point[point]) else "")
        name = point.name.replace("|", "\\|") + (f" ({point.turn} of {point.turns})" if point.turns > 1 else "")
        lines.append(f"| {point.scenario.name} | `{name}` | {len(by_point[point])} | {verdict} |")
    lines += ["", f"{date.today()}, lagebild {code_version()}, {seconds:.0f} s.", ""]
    return "\n".join(lines)


def _shape(point: Point) -> str:
    """A point's name without the scenario's own names: the same statement in two scenarios is one."""
    source = point.scenario.source
    name = re.sub(r"^connection \d+: ", "", point.name)
    return name.replace(source, "<source>").split(" (x ")[0]


if __name__ == "__main__":
    sys.exit(main())
