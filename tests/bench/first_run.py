"""This build beside an earlier one: a first run, a day after, single commands, an idle stack.

    python -m tests.bench.first_run [--against c2dc763] [--repetitions 3] [--tests 391,395,402] [--ci 580,590,600]

Both builds are cloned into a folder of their own and measured in turn. What was found is kept as JSON lines, phase by
phase: a bench that broke goes on where it was. The table is printed and written into `docs/benchmarks.md`.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path

import psutil
from rich.console import Console

from lagebild.core.errors import UserError
from lagebild.core.progress import Board
from lagebild.core.settings import ROOT
from tests.bench import page, phases, targets
from tests.bench.family import Family
from tests.bench.measure import Failed
from tests.bench.phases import Figures, Stack
from tests.bench.targets import NEW, OLD, Measured, Record

PREFIX = "lagebild-first-run-"
BYTES_NEEDED = 6_000_000_000
RESULTS = ROOT / ".lagebild" / "bench"
NOTES = (
    "CPU is of everything that the build started: the command, whoever serves it, PostgreSQL; less what the same stack"
    " takes while idle for as long. Of an idle stack nothing is taken off: it is watched for a minute without a"
    " task. The bare way is `lagebild load` of all bundled files in one command, `build`, `extract`, with PostgreSQL"
    " alone. How it measures: [tests/bench](../tests/bench/README.md#this-build-beside-an-earlier-one).",
)


def main(arguments: list[str] | None = None) -> int:
    options = _arguments(arguments)
    # Some images set it; users do not, and the earlier build would compile its modules at every start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        commits = {OLD: _commit(options.against), NEW: _commit("HEAD")}
        if options.results is None:
            options.results = RESULTS / f"{commits[NEW]}-against-{commits[OLD]}.jsonl"
        if options.again:
            options.results.unlink(missing_ok=True)
        record = Record(options.results)
        if foreign := {entry.commit for entry in record.entries} - set(commits.values()):
            raise UserError(f"{options.results} is of another build: {', '.join(foreign)}", remedy="--again forgets it")
        if not options.only_page:
            if _git("status", "--porcelain").stdout:
                print(f"what is not committed is not measured: this build is {commits[NEW]}")
            with Board(Console()) as board, Family() as family:
                measured(family, commits, record, options.repetitions, options.folder, board, options.phases)
        if options.phases:  # too little for the page
            print(page.some_of_first_run(record, options.phases))
            return 0
        text = page.render_first_run(record, commits[OLD], {"tests": options.tests, "ci": options.ci}, NOTES)
    except (UserError, Failed) as error:
        print(f"bench: {error}", file=sys.stderr)
        print(f"what was measured is kept: the same command goes on ({options.results})", file=sys.stderr)
        return 1
    print(f"\n{text}")
    print(page.write_first_run(options.output, text))
    return 0


def measured(
    family: Family,
    commits: dict[str, str],
    record: Record,
    repetitions: int,
    parent: Path | None,
    board: Board,
    only: Collection[str] = (),
) -> None:
    """Both builds in turn, as often as asked; what the record has already is left out, as is what is not asked for."""
    with _folder(family, parent or Path(tempfile.gettempdir())) as folder:
        for repetition in range(1, repetitions + 1):
            for side in (OLD, NEW):
                turn(family, folder, side, commits[side], repetition, record, board, only)


def turn(
    family: Family,
    folder: Path,
    side: str,
    commit: str,
    repetition: int,
    record: Record,
    board: Board,
    only: Collection[str] = (),
) -> None:
    """One build once, from the clone to the end. Its clone is new each time: a first run also compiles modules."""
    checkout = folder / f"{side}-{repetition}"
    stack = Stack(family, checkout, folder / f"{side}-{repetition}-state")
    without_airflow = Stack(family, checkout, folder / f"{side}-{repetition}-bare")

    def idle_rate() -> float:
        return record.find(side, repetition, "idle")["cpu_seconds_a_minute"] / 60

    on_a_stack: dict[str, Callable[[], Figures]] = {
        "idle": partial(phases.idle, stack),
        "look": lambda: phases.look(stack, idle_rate()),
        "ask": lambda: phases.ask(stack, idle_rate()),
        "load": lambda: phases.load(stack, idle_rate()),
        "build": lambda: phases.build(stack, idle_rate()),
        "day_after": partial(phases.day_after, stack),
        "up": partial(phases.up, stack),
    }
    alone = {"help": partial(phases.ask_for_help, stack)}
    if side == OLD:  # what this build is held against; of this one nobody asks
        alone["bare"] = partial(phases.bare, without_airflow)
    missing = [
        name
        for name in ("environment", "first_run", *on_a_stack, *alone)
        if record.find(side, repetition, name) is None and (not only or name in {"first_run", *only})
    ]
    if not missing:
        return

    def measure(name: str, phase: Callable[[], Figures]) -> None:
        board.doing(f"repetition {repetition}, {side} build {commit}: {name}")
        load = os.getloadavg()[0]
        figures = phase()
        if name in missing:
            record.add(Measured(side, commit, repetition, name, figures, round(load, 2)))
            told = ", ".join(f"{key} {targets.number(value)}" for key, value in figures.items())
            board.say(f"repetition {repetition}, {side} build {commit}: {name}: {told}")

    try:
        clone(family, commit, checkout)
        measure("environment", partial(phases.environment, stack))
        if {"first_run", *on_a_stack} & set(missing):
            # Also where only a later phase is missing: each needs a stack that has been filled once.
            measure("first_run", partial(phases.first_run, stack))
            for name, phase in on_a_stack.items():
                if name in missing:
                    measure(name, phase)
            stack.make("down")
        for name, phase in alone.items():
            if name in missing:
                measure(name, phase)
    finally:
        for one in (stack, without_airflow):
            with contextlib.suppress(Failed):  # what cannot be stopped is told by what failed before
                one.remove()
        for left in folder.glob(f"{side}-{repetition}*"):
            shutil.rmtree(left, ignore_errors=True)


def clone(family: Family, commit: str, checkout: Path) -> None:
    """The commit in a folder of its own, as a newcomer has it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    family.run(["git", "clone", "--quiet", "--shared", "--no-checkout", ROOT, checkout], environment, ROOT)
    family.run(["git", "checkout", "--quiet", "--detach", commit], environment, checkout)


@contextlib.contextmanager
def _folder(family: Family, parent: Path) -> Iterator[Path]:
    for left in parent.glob(f"{PREFIX}*"):  # of a bench that was killed
        if not psutil.pid_exists(int(left.name.removeprefix(PREFIX))):
            for state in (*left.glob("*-state"), *left.glob("*-bare")):
                with contextlib.suppress(Failed):
                    Stack(family, left / state.name.rpartition("-")[0], state).remove()
            shutil.rmtree(left, ignore_errors=True)
    if (free := shutil.disk_usage(parent).free) < BYTES_NEEDED:
        raise UserError(
            f"{parent} has {free / 1e9:.1f} GB free, and the bench needs about {BYTES_NEEDED / 1e9:.0f} GB",
            remedy="OPTIONS='--folder ...' on another disk",
        )
    folder = parent / f"{PREFIX}{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o755)  # the server's user passes through
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _commit(name: str) -> str:
    """The short id of a commit; UserError where this repository has no such one."""
    result = _git("rev-parse", "--short=7", "--verify", f"{name}^{{commit}}")
    if result.returncode:
        raise UserError(
            f"{name} is no commit of this repository: {result.stderr.strip()}",
            remedy="git fetch --unshallow, or --against another one",
        )
    return result.stdout.strip()


def _git(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ONLY=first_run", description=__doc__.splitlines()[0])
    parser.add_argument("--against", default="c2dc763", help="the earlier build; this one is HEAD as committed")
    parser.add_argument("--repetitions", type=int, default=targets.FULL_REPETITIONS)
    parser.add_argument("--tests", type=_seconds, default=[], help="seconds of `make test`, timed by hand: 391,395,402")
    parser.add_argument("--ci", type=_seconds, default=[], help="seconds of `.ci/run`, timed by hand")
    parser.add_argument("--only-page", action="store_true", help="measure nothing, write the page of what is kept")
    parser.add_argument("--again", action="store_true", help="forget what was measured of these two builds")
    parser.add_argument(
        "--phases", type=_phases, default=[], help="measure only these after the first run, and print them: idle,ask"
    )
    parser.add_argument("--results", type=Path, help="JSON lines; default: .lagebild/bench/NEW-against-OLD.jsonl")
    parser.add_argument("--folder", type=Path, help="where clones and state go; default: the temporary folder")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md")
    return parser.parse_args(arguments)


def _phases(text: str) -> list[str]:
    known = {row.phase for row in targets.ROWS}
    if unknown := set(text.split(",")) - known:
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: known are {', '.join(sorted(known))}")
    return list(dict.fromkeys(["idle", *text.split(",")]))  # what commands cost is less what an idle stack takes


def _seconds(text: str) -> list[float]:
    try:
        return targets.seconds_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped then, too
    sys.exit(main())
