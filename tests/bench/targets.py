"""What is asked of this build against an earlier one, and the table that says what was reached. Pure: no measuring.

A figure comes from one phase (`phases.py`) of each side's each repetition. A ratio is of the same repetition, this
build over the earlier one; whether it is met is computed from the median, never written by hand.
"""

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.measure import Failed

OLD, NEW = "old", "new"
FULL_REPETITIONS = 3


@dataclass(frozen=True)
class Measured:
    """What one phase of one side found in one repetition."""

    side: str
    commit: str
    repetition: int
    phase: str
    figures: dict[str, float]
    load_before: float = 0.0
    """Load average when the phase began."""


class Record:
    """JSON lines in a file, one a phase: what a bench that broke has found already need not be measured again."""

    def __init__(self, path: Path):
        self._path = path
        self.entries: list[Measured] = []
        if path.exists():
            self.entries = [Measured(**json.loads(line)) for line in path.read_text().splitlines()]

    def add(self, entry: Measured) -> None:
        """Remember it, at once."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, "a") as handle:
            handle.write(json.dumps(asdict(entry)) + "\n")
        self.entries.append(entry)

    def find(self, side: str, repetition: int, phase: str) -> dict[str, float] | None:
        """The figures of a phase; None where it was not measured yet."""
        key = (side, repetition, phase)
        return next((e.figures for e in self.entries if (e.side, e.repetition, e.phase) == key), None)

    def series(self, side: str, phase: str, name: str) -> dict[int, float]:
        """A figure by repetition."""
        found = {e.repetition: e.figures for e in self.entries if (e.side, e.phase) == (side, phase)}
        missing = [number for number, figures in found.items() if name not in figures]
        if missing:
            raise Failed(f"repetition {missing[0]} of {phase} ({side}) has no {name}")
        return {number: figures[name] for number, figures in sorted(found.items())}


@dataclass(frozen=True)
class Limit:
    """At most this: as a ratio to the earlier build, or (`is_ratio` False) as it is."""

    most: float
    is_ratio: bool = True

    def __str__(self) -> str:
        return f"{self.most:g}" + ("" if self.is_ratio else " abs.")


@dataclass(frozen=True)
class Row:
    """One line of the table; what a figure is of the earlier build may come from another phase of it."""

    what: str
    unit: str
    phase: str
    name: str
    must: Limit | None = None
    aim: Limit | None = None
    old_phase: str | None = None
    old_name: str | None = None
    worst: bool = False
    """Whether the worst repetition counts for an absolute limit, instead of the median."""


def _absolute(most: float) -> Limit:
    return Limit(most, is_ratio=False)


ROWS = (
    Row("`make run`, environment there, first time: wall", "s", "first_run", "seconds", Limit(0.5), Limit(0.35)),
    Row(
        "from the first queued task to the publication, against the earlier build's bare way: wall",
        "s", "first_run", "publication_seconds", Limit(1.5), Limit(1.25), "bare", "seconds",
    ),
    Row("from `make run` until the first task runs: wall", "s", "first_run", "start_seconds", Limit(0.7), Limit(0.5)),
    Row(
        "the day after, one delivery through Airflow to a publication: wall",
        "s", "day_after", "seconds", Limit(0.5), Limit(0.3),
    ),
    Row("`lagebild load` of one small file: CPU", "s", "load", "cpu_seconds", Limit(0.3), Limit(0.15)),
    Row("`lagebild build` of the demo: CPU", "s", "build", "cpu_seconds", Limit(0.5), Limit(0.35)),
    Row("`lagebild held`: CPU", "s", "ask", "held_cpu_seconds", Limit(0.5), _absolute(0.3)),
    Row("`lagebild explain`: CPU", "s", "ask", "explain_cpu_seconds", Limit(0.5), _absolute(0.3)),
    Row("`lagebild status`: CPU", "s", "ask", "status_cpu_seconds", Limit(0.5), _absolute(0.3)),
    Row("`--help`, the slowest of all commands: CPU", "s", "help", "max_cpu_seconds", _absolute(0.2), _absolute(0.1)),
    Row("idle stack: CPU a minute", "s", "idle", "cpu_seconds_a_minute", Limit(0.5)),
    Row("idle stack: memory (PSS)", "MB", "idle", "pss_mb", Limit(0.5)),
    Row("lines that `make run` prints into a pipe", "", "first_run", "lines", _absolute(40), worst=True),
    Row("lines that `lagebild build` prints", "", "build", "lines", _absolute(15), worst=True),
    Row("lines that `make up` prints", "", "up", "lines", _absolute(15), worst=True),
    # No target: beside, so that nothing was bought by moving it.
    Row("`make run`, first time: CPU", "s", "first_run", "cpu_seconds"),
    Row("`make environment`, packages in uv's cache: wall", "s", "environment", "seconds"),
    Row("`make up` once more: wall", "s", "up", "seconds"),
    Row("`lagebild load` of one small file: wall", "s", "load", "seconds"),
    Row("`lagebild build` of the demo: wall", "s", "build", "seconds"),
    Row("`lagebild held`: wall", "s", "ask", "held_seconds"),
    Row("`lagebild status`: wall", "s", "ask", "status_seconds"),
    Row("`--help`, the median of all commands: CPU", "s", "help", "median_cpu_seconds"),
    Row("a look into the inboxes, every five minutes, that finds nothing: CPU", "s", "look", "cpu_seconds"),
    Row("idle stack: memory (RSS)", "MB", "idle", "rss_mb"),
)  # fmt: skip


@dataclass(frozen=True)
class ByHand:
    """What somebody timed with a clock: the bench cannot run the tests that it is a part of."""

    option: str
    what: str
    before: str
    """At the earlier build, as the issue that asks for this says."""
    must: float
    aim: float | None


BY_HAND = (
    ByHand("tests", "`make test`: wall", "832 to 951", 400, 300),
    ByHand("ci", "`.ci/run`: wall", "1,082", 600, None),
)
HEADING = ["", "unit", "ratio", "spread", "earlier", "this build", "must", "aim", "met"]


def lines(record: Record, timed: dict[str, Sequence[float]]) -> list[list[str]]:
    """The table's lines; `timed` has what was timed by hand, by option."""
    measured = [line(row, record) for row in ROWS]
    return [*measured[:_TARGETS], *(_by_hand(row, timed.get(row.option, ())) for row in BY_HAND), *measured[_TARGETS:]]


_TARGETS = sum(row.must is not None for row in ROWS)


def line(row: Row, record: Record) -> list[str]:
    """One measured line: the ratio's median and spread, the medians of both sides, and what is met."""
    old = record.series(OLD, row.old_phase or row.phase, row.old_name or row.name)
    new = record.series(NEW, row.phase, row.name)
    found = ratios(row.what, old, new)
    middle, value = statistics.median(found), (max if row.worst else statistics.median)(new.values())
    spread = f"{min(found):.2f} to {max(found):.2f}" if len(found) > 1 else "-"
    sides = [number(statistics.median(old.values())), number(value)]
    limits = [str(limit) if limit else "-" for limit in (row.must, row.aim)]
    return [row.what, row.unit, f"{middle:.2f}", spread, *sides, *limits, met(row, middle, value)]


def ratios(what: str, old: dict[int, float], new: dict[int, float]) -> list[float]:
    """This build over the earlier one, repetition by repetition; Failed where one has no partner, or is nothing."""
    if not old or old.keys() != new.keys():
        raise Failed(f"{what}: measured were repetitions {sorted(old)} of the earlier build, {sorted(new)} of this one")
    if not all(value > 0 for value in (*old.values(), *new.values())):
        raise Failed(f"{what}: {old} and {new}: nothing costs nothing, so the measuring is wrong")
    return [new[number] / old[number] for number in sorted(old)]


def met(row: Row, ratio: float, value: float) -> str:
    """`aim`, `must` or `no`; `-` where nothing is asked."""
    if row.must is None:
        return "-"
    reached: Callable[[Limit], bool] = lambda limit: (ratio if limit.is_ratio else value) <= limit.most  # noqa: E731
    if not reached(row.must):
        return "no"
    return "aim" if row.aim and reached(row.aim) else "must"


def number(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def seconds_of(text: str) -> list[float]:
    """`391,395,402` as numbers; ValueError where one is none, or is no time."""
    values = [float(part) for part in text.split(",") if part.strip()]
    if not values or not all(0 < value < float("inf") for value in values):
        raise ValueError(f"{text!r} is no list of seconds such as 391,395,402")
    return values


def runs(record: Record) -> list[list[str]]:
    """Every repetition of every figure that has a target, so that a reader can see the ratios come about."""
    rows = []
    for row in (row for row in ROWS if row.must):
        old = record.series(OLD, row.old_phase or row.phase, row.old_name or row.name)
        new = record.series(NEW, row.phase, row.name)
        rows.append([row.what, row.unit, _listed(old.values()), _listed(new.values())])
    return rows


def _by_hand(row: ByHand, values: Sequence[float]) -> list[str]:
    limits = [str(_absolute(row.must)), str(_absolute(row.aim)) if row.aim else "-"]
    if not values:
        return [row.what, "s", "-", "-", row.before, "not timed", *limits, "-"]
    middle = statistics.median(values)
    reached = "no" if middle > row.must else "aim" if row.aim and middle <= row.aim else "must"
    return [row.what, "s", "-", "-", row.before, _listed(values), *limits, reached]


def _listed(values: Iterable[float]) -> str:
    return ", ".join(map(number, values))
