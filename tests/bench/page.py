"""The table of a bench, as Markdown: what is asked, what was measured, and whether it is met."""

import itertools
import platform
import re
import statistics
import subprocess
from collections.abc import Collection, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from lagebild.core.settings import ROOT
from lagebild.core.version import code_version
from tests.bench import targets
from tests.bench.generate import CHANGED_SHARE

if TYPE_CHECKING:
    from tests.bench.__main__ import Results
    from tests.bench.audit import Audited
    from tests.bench.building import Building
    from tests.bench.growth import Growth
    from tests.bench.publishing import Publishing
    from tests.bench.readers import Read
    from tests.bench.registers import Registers
    from tests.bench.release import Sized
    from tests.bench.targets import Record

FULL_ROWS = 5_000_000
# The bench itself makes some load while it starts its server.
BUSY_LOAD = 1.0
_ROWS_LINE = re.compile(r"^rows: ([\d,]+)$", re.MULTILINE)
LOADING, PUBLISHING = "", "## Publishing\n"
FIRST_RUN = "## A first run, a day after, single commands\n"
GROWTH = "## What Airflow keeps\n"
AUDIT = "## The disclosure audit\n"
REGISTERS = "## Registers of a state\n"
RELEASE = "## Writing a release\n"
READERS = "## Readers of the marts\n"
_DAYS_LINE = re.compile(r"^days: (\d+)$", re.MULTILINE)
_REPETITIONS_LINE = re.compile(r"^repetitions of both: (\d+)$", re.MULTILINE)
_PERSONS_LINE = re.compile(r"^persons: ([\d,]+)$", re.MULTILINE)
_RELEASED_LINE = re.compile(r"^rows of all marts: ([\d,]+)$", re.MULTILINE)
_PUBLICATIONS_LINE = re.compile(r"^publications: ([\d,]+)$", re.MULTILINE)
_PACKAGES = ("psycopg", "numpy", "numba", "dlt", "pyarrow", "adbc-driver-postgresql")


def render(results: "Results", server_version: str, load_before: float, has_peers: bool) -> str:
    """The whole page."""
    quick = f"A quick form: what is asked counts at {FULL_ROWS:,} rows, where the process's start weighs less.\n\n"
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Written by `make bench`, never by hand. How it measures: [tests/bench](../tests/bench/README.md).",
            "",
            (quick if results.rows < FULL_ROWS else "")
            + _busy(load_before)
            + _table(["", "measured", "spread", "must", "aim", "met"], _demands(results, has_peers)),
            "",
            "Each single run, in order:",
            "",
            _table(["run", "rows", "s", "rows/s", "CPU client us/row", "CPU server us/row", "peak MB"], _runs(results)),
            "",
            *_notes(results),
            "",
            *_machine(results, server_version, load_before),
            "",
        ]
    )


def render_publishing(found: "Publishing", server_version: str, load_before: float) -> str:
    """The section on publications and their readers."""
    # Late: the page is also read where nothing is measured.
    from lagebild.warehouse import marts
    from tests.bench import publishing as bench

    storm, last = found.storm, found.points[-1]
    heading = ["publications", "`published` (MB)", "reading all marts (CPU ms)", "pages read", "one publication (ms)"]
    points = [
        [str(p.publications), *map(_text, (p.published_bytes / 1e6, p.read_ms)), f"{p.pages:,}", _text(p.publish_ms)]
        for p in found.points
    ]
    return "\n".join(
        [
            PUBLISHING,
            _busy(load_before) + _table(["", "measured", "spread", "must", "aim", "met"], _publishing_demands(found)),
            "",
            f"Growth: {len(marts.definitions())} marts of {bench.ROWS_A_MART:,} prepared rows each; with every"
            " publication every row of one of them changes. Sizes are with indexes, vacuumed; reading is warm, the"
            f" server's CPU for one reading of all marts as `bi_reader`, over {bench.READINGS}. After one publication a"
            " mart's table holds nothing else and is read without its index, whose few pages come on top later.",
            "",
            _table(heading, points),
            "",
            f"Readers: {storm.readers} connections as `bi_reader` read all {len(bench.READ_BY_BI)} marts in a loop,"
            f" each pass one REPEATABLE READ transaction, during {storm.publications} publications"
            f" ({storm.whole_builds} of them whole builds by dbt and expectations, the others prepared candidates),"
            f" {storm.rollbacks} rollbacks, {storm.failed_builds} builds that failed at their publication and"
            f" {storm.migrations} migration that gave every mart a column. They saw {storm.publications_seen}"
            " publications in force. A pass is held against the publication in force: its number in every mart, and the"
            " rows and the marked column of every mart against the candidate that was published under this number. The"
            f" server cancels a reader that waits for a lock longer than {bench.LOCK_WAIT_MS} ms (`lock_timeout`), and"
            " that would count as an error; the longest wait was looked for every"
            f" {bench.SAMPLE_SECONDS * 1000:.0f} ms. The slowest statement of a reader took {storm.slowest_ms:.0f} ms,"
            " beside builds on the same machine.",
            "",
            *(["```", *storm.errors[:10], *storm.mixtures[:10], "```", ""] if storm.errors or storm.mixtures else []),
            "```",
            f"publications: {last.publications:,}",
            *_environment(server_version, load_before),
            "```",
            "",
        ]
    )


def some_of_first_run(record: "Record", phases: Collection[str]) -> str:
    """The table's lines that come from these phases."""
    rows = [row for row in targets.ROWS if row.phase in phases]
    return _table(targets.HEADING, [targets.line(row, record) for row in rows])


def render_first_run(
    record: "Record", earlier: str, timed: dict[str, Sequence[float]], notes: Sequence[str] = ()
) -> str:
    """The section on this build beside an earlier one."""
    found = {entry.commit for entry in record.entries if entry.side == targets.NEW}
    repetitions = len(record.series(targets.NEW, "first_run", "seconds"))
    # What follows three idle minutes finds no load but that of others.
    load = max((entry.load_before for entry in record.entries if entry.phase == "look"), default=0.0)
    quick = f"{repetitions} of {targets.FULL_REPETITIONS} repetitions: a quick form.\n\n"
    return "\n".join(
        [
            FIRST_RUN,
            (quick if repetitions < targets.FULL_REPETITIONS else "")
            + _busy(load, "after three idle minutes")
            + f"Build {', '.join(sorted(found))} against build {earlier}, in turn on the same machine; written by"
            f" `make bench ONLY=first_run AGAINST={earlier}`. A ratio is this build over the earlier one in the same"
            " repetition: given are the median and the least and the greatest. What is asked is a ratio, or, with"
            " `abs.`, the figure itself; of lines the most count.",
            "",
            _table(targets.HEADING, targets.lines(record, timed)),
            "",
            *(f"{note}\n" for note in notes),
            "Each repetition, in order:",
            "",
            _table(["", "unit", "earlier", "this build"], targets.runs(record)),
            "",
            "```",
            f"repetitions of both: {repetitions}",
            f"builds: {', '.join(sorted(found))} against {earlier}",
            f"date: {date.today()}",
            f"machine: {psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB of memory,"
            f" {platform.system()}, Python {platform.python_version()}",
            f"load average after three idle minutes, the highest: {load:.1f}",
            "```",
            "",
        ]
    )


def render_growth(found: "Growth") -> str:
    """The section on what Airflow keeps of its runs."""
    from tests.bench.growth import OFTEN, TIMES_A_DAY

    often = next(runs for runs in found.runs if runs.dag_id == OFTEN)
    daily = [runs for runs in found.runs if runs.dag_id != OFTEN]
    kinds = [(f"`{OFTEN}`, {TIMES_A_DAY} runs a day", [often]), (f"{len(daily)} other DAGs, a run a day each", daily)]
    lines = []
    for name, kind in [*kinds, ("all", found.runs)]:
        totals = (
            sum(runs.count * runs.bytes_a_run for runs in kind),
            sum(runs.count * runs.log_bytes_a_run for runs in kind),
            sum(runs.count * runs.log_disk_a_run for runs in kind),
        )
        lines.append([name, f"{sum(runs.count for runs in kind):,}", *(f"{total / 1e6:,.0f}" for total in totals)])
    return "\n".join(
        [
            GROWTH,
            f"What {found.days} days make Airflow write about itself, and what housekeeping leaves; written by"
            " `make bench ONLY=growth` while a stack is up.",
            "",
            _table(["", "runs", "metadata (MB)", "logs (MB)", "logs on the disk (MB)"], lines),
            "",
            f"The metadata database grew from {found.before_bytes / 1e6:,.0f} to {found.after_bytes / 1e6:,.0f} MB."
            f" Removing what is older than {found.kept_days} days (`LAGEBILD_AIRFLOW_LOG_DAYS`):"
            f" {found.cleaned_rows:,} rows in {found.clean_seconds:.0f} s. Then the file is of"
            f" {found.left_bytes / 1e6:,.0f} MB, {found.left_in_use_bytes / 1e6:,.0f} MB of which are in use; the next"
            " runs fill the rest, so it grows no more. The components' own logs take"
            f" {found.component_bytes_a_day / 1e6:,.1f} MB a day of an idle stack; each is begun anew above"
            " 10 MB, and the one before is kept.",
            "",
            "How it was seen: the newest successful run of each DAG of a stack that had its first run, with all its"
            " rows, was copied with shifted dates in a PostgreSQL of its own, as often as the days have it; an ingest"
            " run that was copied had a file to load, so a year whose runs find nothing takes less. Its logs were"
            " counted, as bytes and as blocks of the disk, folders included. Sizes are vacuumed, with indexes.",
            "",
            "```",
            f"days: {found.days}",
            f"date: {date.today()}, commit {_head()}",
            "```",
            "",
        ]
    )


def render_audit(
    beside: "Sequence[Audited]", growth: "Sequence[Audited]", read: "Sequence[Audited]", remark: str
) -> str:
    """The section on the disclosure audit: `beside` earlier publications, by size, and `read` from a warehouse."""
    demands = []
    for runs, where in ((beside, ""), (read, " read from a warehouse")):
        few, many = runs[-2:]
        of = f"{few.rows} x {few.columns}{where}, "
        ratio = many.seconds / few.seconds
        demands += [
            _at_most(f"{of}{few.earlier} earlier publications (s)", [few.seconds], 5, None),
            _at_most(f"{of}{many.earlier} earlier publications against {few.earlier} (x)", [ratio], 2, None),
        ]
    lines = [
        [
            f"{one.rows} x {one.columns}",
            f"{one.earlier}",
            f"{one.hidden:,}",
            f"{one.work.requirements:,}",
            f"{one.work.calls}",
            f"{one.findings}",
            _text(one.seconds),
        ]
        for one in (*beside, *growth, *read)
    ]
    return "\n".join(
        [
            AUDIT,
            *([f"**{remark}**", ""] if remark else []),
            _table(["", "measured", "spread", "must", "aim", "met"], demands),
            "",
            "Tables of places by years with both totals, made up; ten of the earlier publications differ in a tenth of"
            " their rows, the others repeat a content that is known. Making the equations and solving them count. The"
            f" last {len(read)} rows are so many places with registers, rates and lists of grants by as many years in a"
            " warehouse, of which nothing has to be hidden; reading them counts, too. Given"
            " is the median of five runs. What must not follow of a cell or of a difference is a"
            " requirement; a call is one of the solver's. Written by `make bench ONLY=audit`.",
            "",
            _table(["table", "earlier", "hidden", "requirements", "calls", "findings", "s"], lines),
            "",
            "```",
            f"date: {date.today()}, commit {_head()}",
            f"versions: scipy {version('scipy')}, numpy {version('numpy')}",
            "```",
            "",
        ]
    )


def render_registers(found: "Sequence[Registers]", places: int, months: int, server_version: str, remark: str) -> str:
    """The section on the marts of registers, by persons; growth is of the last two sizes."""
    from tests.bench.building import told

    largest = found[-1]
    demands = [
        _at_most(f"one month more against all {months} before, {one.persons:,} persons (x)", [one.share], 0.15, None)
        for one in found
    ]
    demands += [
        _at_most(
            f"seconds a person of all months, {more.persons:,} against {less.persons:,} persons (x)",
            [_per_person(more) / _per_person(less)],
            1.0,
            None,
        )
        for less, more in itertools.pairwise(found)
    ]
    demands.append(
        _at_most("builds whose marts differ from those of all months", [sum(not f.is_same for f in found)], 0, None)
    )
    lines = [
        [
            f"{one.persons:,}",
            what,
            f"{told(cost)['model_seconds']:,.1f}",
            _text(cost.seconds),
            _text(cost.server_seconds),
        ]
        for one in found
        for what, cost in ((f"{months} months", one.full), ("one more", one.one_more), ("all again", one.again))
    ]
    return "\n".join(
        [
            REGISTERS,
            *([f"**{remark}**", ""] if remark else []),
            _table(["", "measured", "spread", "must", "aim", "met"], demands),
            "",
            f"Persons of {places} made-up municipalities, each with a register of its own, as monthly snapshots in the"
            " form of a history, of which two per cent change each month. One `dbt build` of `eu2_population` and all"
            f" before it: first {months} snapshots a municipality, then one more, then all from the beginning. What was"
            " counted of a delivery is kept until it is corrected, withdrawn or erased from. The tests of staged rows"
            " ask deliveries that are not counted yet, so those of the last build have nothing to ask. Written by"
            " `make bench ONLY=registers`.",
            "",
            _table(["persons", "build", "models (s)", "whole process (s)", "CPU of the server (s)"], lines),
            "",
            "```",
            f"persons: {largest.persons:,}",
            f"tables of raw: {largest.raw_bytes / 1e9:.1f} GB; memory of the server and its processes: up to"
            f" {largest.server_peak_mb:,.0f} MB, shared pages counted in each",
            f"date: {date.today()}, commit {_head()}",
            f"versions: PostgreSQL {server_version}",
            "```",
            "",
        ]
    )


def _per_person(found: "Registers") -> float:
    from tests.bench.building import told

    return told(found.full)["model_seconds"] / found.persons


def render_release(found: "Sequence[Sized]", less_mb: float, server_version: str, remark: str) -> str:
    """The section on writing packages: of the demo, and of a mart with many rows; `less_mb` is that of fewer."""
    from tests.bench.release import FEWER_ROWS

    demo, large = found
    demands = [
        _at_most("the whole package of the demo, start of the process not counted (s)",
                 [pair.seconds for pair in demo.pairs], 5, None),
        _at_most(f"peak memory of {large.rows:,} rows over that of {FEWER_ROWS:,} (MB)",
                 [pair.whole.peak_mb - less_mb for pair in large.pairs], 150, None),
    ]  # fmt: skip
    for one in found:
        copied = [pair.copied.seconds for pair in one.pairs]
        for what, costs in (
            ("CSV and Parquet", [pair.data for pair in one.pairs]),
            ("the whole package", [pair.whole for pair in one.pairs]),
        ):
            ratios = _over([cost.seconds for cost in costs], copied)
            spread = f"{_text(min(ratios))}-{_text(max(ratios))}" if len(ratios) > 1 else "-"
            name = f"{what} against `\\copy` of the same marts, {one.rows:,} rows: wall (x)"
            demands.append([name, _text(statistics.median(ratios)), spread, "-", "-", "-"])
    lines = [
        [f"{one.rows:,}", what, *map(_text, (cost.seconds, cost.client_seconds, cost.server_seconds, cost.peak_mb))]
        for one in found
        for pair in one.pairs
        for what, cost in (("`\\copy`", pair.copied), ("CSV and Parquet", pair.data), ("whole package", pair.whole))
    ]
    heading = ["rows", "run", "s", "CPU client (s)", "CPU server (s)", "peak MB"]
    return "\n".join(
        [
            RELEASE,
            *([f"**{remark}**", ""] if remark else []),
            _table(["", "measured", "spread", "must", "aim", "met"], demands),
            "",
            "All marts of the package, as readers see them, of the bundled deliveries, and of these with many rows more"
            " in one mart. Each run is a fresh process, its start counted, one after the other: `psql` with `\\copy"
            " (select * from ... order by <key>) to ... csv` of each mart; our writer with the marts' own files, which"
            " have a status beside each figure, a total order, and of more than 20,000 rows a sample as CSV and all as"
            " Parquet; our writer with the whole package. Written by `make bench ONLY=release`.",
            "",
            _table(heading, lines),
            "",
            "```",
            f"rows of all marts: {large.rows:,}",
            f"files with data: {demo.file_bytes / 1e6:.1f} MB of the demo, {large.file_bytes / 1e6:.1f} MB",
            f"date: {date.today()}, commit {_head()}",
            f"versions: PostgreSQL {server_version}, pyarrow {_version('pyarrow')}",
            "```",
            "",
        ]
    )


def render_readers(found: "Read", server_version: str, remark: str) -> str:
    """The section on readers of the marts: each query's 95th percentile beside that of plain tables."""
    demands, lines = [], []
    for name, asked in found.asked.items():
        turns = [asked.p95(turn, found.turns) for turn in range(found.turns)]
        own = [mart for mart, _ in turns]
        ratios = [mart / plain for mart, plain in turns if plain]
        if ratios:
            demands.append(_at_most(f"{name}: p95 against a plain indexed table (x)", ratios, 2, 1.2))
        plains = [plain for _, plain in turns if plain]
        lines.append(
            [name, f"{statistics.median(own) * 1000:.1f}", f"{statistics.median(plains) * 1000:.1f}" if plains else "-"]
        )
    return "\n".join(
        [
            READERS,
            *([f"**{remark}**", ""] if remark else []),
            _table(["", "measured", "spread", "must", "aim", "met"], demands),
            "",
            "Every reader has a session of its own as role bi_reader and asks every query once a turn, all at once;"
            " then the same of tables with the rows of the marts, indexed by key, publication and place. Ratios are"
            " of one turn. A view settles first which contents are shown and reads these whole, so that no plan, error"
            " or estimate tells of a content that is not: of a mart with many rows in force one place costs as much"
            " as all. Written by `make bench ONLY=readers`.",
            "",
            _table(["query", "p95 of marts (ms)", "p95 of plain tables (ms)"], lines),
            "",
            "```",
            f"publications: {found.publications:,}; rows of the largest mart: {found.rows:,}; readers: {found.readers}",
            f"date: {date.today()}, commit {_head()}",
            f"versions: PostgreSQL {server_version}",
            "```",
            "",
        ]
    )


def write_readers(path: Path, text: str) -> str:
    """Write the section on readers; the rest of the page stays."""
    return _write(path, READERS, text)


def write(path: Path, text: str, rows: int) -> str:
    """Write the page, unless one of more rows is there; the other sections stay. Returns what was done."""
    there = _ROWS_LINE.search(_sections(path)[LOADING])
    if there and int(there[1].replace(",", "")) > rows:
        return f"{path} is of {there[1]} rows and stays"
    return _write(path, LOADING, text)


def write_publishing(path: Path, text: str, publications: int) -> str:
    """Write the section on publishing, unless one of more publications is there; the rest of the page stays."""
    there = _PUBLICATIONS_LINE.search(_sections(path).get(PUBLISHING, ""))
    if there and int(there[1].replace(",", "")) > publications:
        return f"the section of {path} is of {there[1]} publications and stays"
    return _write(path, PUBLISHING, text)


def write_first_run(path: Path, text: str) -> str:
    """Write the section on a first run, unless one of more repetitions is there; the rest of the page stays."""
    there = _REPETITIONS_LINE.search(_sections(path).get(FIRST_RUN, ""))
    if there and int(there[1]) > int(_REPETITIONS_LINE.search(text)[1]):
        return f"the section of {path} is of {there[1]} repetitions and stays"
    return _write(path, FIRST_RUN, text)


def write_growth(path: Path, text: str) -> str:
    """Write the section on what Airflow keeps, unless one of more days is there; the rest of the page stays."""
    there = _DAYS_LINE.search(_sections(path).get(GROWTH, ""))
    if there and int(there[1]) > int(_DAYS_LINE.search(text)[1]):
        return f"the section of {path} is of {there[1]} days and stays"
    return _write(path, GROWTH, text)


def write_audit(path: Path, text: str) -> str:
    """Write the section on the disclosure audit; the rest of the page stays."""
    return _write(path, AUDIT, text)


def write_registers(path: Path, text: str) -> str:
    """Write the section on registers, unless one of more persons is there; the rest of the page stays."""
    there = _PERSONS_LINE.search(_sections(path).get(REGISTERS, ""))
    asked = _PERSONS_LINE.search(text)
    if there and asked and int(there[1].replace(",", "")) > int(asked[1].replace(",", "")):
        return f"the section of {path} is of {there[1]} persons and stays"
    return _write(path, REGISTERS, text)


def write_release(path: Path, text: str) -> str:
    """Write the section on packages, unless one of more rows is there; the rest of the page stays."""
    there = _RELEASED_LINE.search(_sections(path).get(RELEASE, ""))
    asked = _RELEASED_LINE.search(text)
    if there and asked and int(there[1].replace(",", "")) > int(asked[1].replace(",", "")):
        return f"the section of {path} is of {there[1]} rows and stays"
    return _write(path, RELEASE, text)


def _write(path: Path, title: str, text: str) -> str:
    path.write_text("\n".join((_sections(path) | {title: text}).values()))
    return f"written to {path}"


def _sections(path: Path) -> dict[str, str]:
    """The page's parts by their title, in their order; the first, on loading, has the page's own."""
    text = path.read_text() if path.exists() else ""
    starts = {
        title: text.find(f"\n{title}") + 1
        for title in (PUBLISHING, FIRST_RUN, GROWTH, AUDIT, REGISTERS, RELEASE, READERS)
    }
    places = sorted((start, title) for title, start in starts.items() if start)
    edges = [(0, LOADING), *places, (len(text) + 1, "")]
    # Between two parts stands an empty line, which belongs to neither.
    return {title: text[start : edges[n + 1][0] - 1] for n, (start, title) in enumerate(edges[:-1])}


def _busy(load: float, when: str = "at the start") -> str:
    if load <= BUSY_LOAD:
        return ""
    said = "the ratios are of runs in turn, seconds may be too many"
    return f"**Other programs were running (load average {load:.1f} {when}): {said}.**\n\n"


def _publishing_demands(found: "Publishing") -> list[list[str]]:
    from lagebild.warehouse import marts
    from tests.bench import publishing as bench

    first, quarter, *_, last = found.points
    a_mart = first.published_bytes / len(marts.definitions())
    growth = (last.published_bytes - first.published_bytes) / (last.publications - first.publications)
    over, storm = f"after {last.publications} publications against after one", found.storm
    return [
        _at_most("growth of `published` a publication against one mart's content", [growth / a_mart], 1.25, None),
        _at_most(f"reading all marts in force, CPU: {over}", [last.read_ms / first.read_ms], 1.25, None),
        _at_most("  pages of the database that this reads", [last.pages / first.pages], 1.5, None),
        _at_most("time of a publication, last quarter to first", [last.publish_ms / quarter.publish_ms], 1.25, None),
        _at_most(f"errors of readers in {storm.passes:,} passes", [len(storm.errors)], 0, None),
        _at_most("mixtures of two publications", [len(storm.mixtures)], 0, None),
        _at_most("longest wait of a reader for a lock (ms)", [storm.longest_wait_ms], bench.LOCK_WAIT_MS, None),
    ]  # fmt: skip


def _demands(results: "Results", has_peers: bool) -> list[list[str]]:
    rows, speeds = results.rows, [results.rows / cost.seconds for cost in results.clean]
    raw = [(before.seconds + after.seconds) / 2 for before, after in results.raw]
    lines = [
        _at_least("rows/s against raw `\\copy`", _ratios(raw, results.clean), 0.5, 0.8),
        *(
            [
                _at_least("rows/s against dlt, fastest path (x)", _over(speeds, results.arrow), 3, 5),
                _at_least("rows/s against dlt, row path (x)", _over(speeds, results.by_row), 10, 50),
            ]
            if has_peers
            else []
        ),
        _at_most(f"peak memory at {rows:,} rows (MB)", [cost.peak_mb for cost in results.clean], 512, 256),
    ]
    if results.large:
        peak = max(cost.peak_mb for cost in results.clean)
        lines += [
            _at_most(f"peak memory at {4 * rows:,} rows (MB)", [results.large.peak_mb], 512, 256),
            _at_most("  the difference of the two (%)", [abs(results.large.peak_mb / peak - 1) * 100], 10, None),
        ]
    cpu = [(cost.client_seconds + cost.server_seconds) / rows * 1e6 for cost in results.clean]
    lines.append(_at_most("CPU a row, client and server (us)", cpu, 3.0, 1.8))
    if results.second:
        pairs = [(cost, first) for (cost, _), first in zip(results.second, results.clean, strict=True)]
        share = f"second snapshot, {CHANGED_SHARE:.0%} changed, against the first"
        lines += [
            _at_most(f"{share}: wall", [cost.seconds / first.seconds for cost, first in pairs], 0.6, None),
            _at_most(
                f"{share}: server CPU", [c.server_seconds / first.server_seconds for c, first in pairs], 0.15, None
            ),
            _at_most(f"{share}: database growth", [growth for _, growth in results.second], 0.06, None),
            _at_most(f"{share}: peak memory (MB)", [cost.peak_mb for cost, _ in pairs], 512, 256),
        ]
    if results.building:
        lines += _building_demands(results.building)
    refused = next((cost.output for cost in results.broken if cost.output.startswith("refused")), None)
    if refused:
        lines.append(["rows/s against raw `\\copy`, file with broken rows", "refused whole", "-", "0.5", "0.8", "no"])
    else:
        ratios = _ratios(raw, results.broken)
        lines.append(_at_least("rows/s against raw `\\copy`, file with broken rows", ratios, 0.5, 0.8))
        peaks = [cost.peak_mb for cost in results.broken]
        lines.append(_at_most(f"peak memory at {rows:,} rows, file with broken rows (MB)", peaks, 512, 256))
    return lines


def _building_demands(building: "Building") -> list[list[str]]:
    full, one_more = building.full, building.one_more
    what = f"cost marts, {building.postings:,} postings: build of one delivery more against the full build"
    models = building.model_seconds(one_more) / building.model_seconds(full)
    server, is_same = one_more.server_seconds / full.server_seconds, building.is_same
    return [
        _aimed(f"{what}, process start included", one_more.seconds / full.seconds, 0.1),
        _aimed("  the models and their tests alone", models, 0.1),
        _aimed("  CPU of the server", server, 0.1),
        [
            "  to the cent as built from the beginning",
            *(("yes", "-", "yes", "-", "must") if is_same else ("no", "-", "yes", "-", "no")),
        ],
    ]


def _runs(results: "Results") -> list[list[str]]:
    lines = []
    for (before, after), clean, broken in zip(results.raw, results.clean, results.broken, strict=True):
        runs = (("raw `\\copy`", before), ("job", clean), ("raw `\\copy`", after), ("job, broken rows", broken))
        lines += [_run(name, results.rows, cost) for name, cost in runs]
    lines += [_run("job, second snapshot", results.rows, cost) for cost, _ in results.second]
    if results.large:
        lines.append(_run("job", 4 * results.rows, results.large))
    if results.building:
        b = results.building
        kinds = (("build, all years", b.full), ("build, one year more", b.one_more), ("build, all again", b.again))
        lines += [_run(name, b.postings, cost) for name, cost in kinds]
    for name, speeds in (("dlt, arrow", results.arrow), ("dlt, by row", results.by_row)):
        lines += [[name, "", "", f"{speed:,.0f}", "", "", ""] for speed in speeds]
    return lines


def _run(name: str, rows: int, cost) -> list[str]:
    microseconds = [f"{seconds / rows * 1e6:.2f}" for seconds in (cost.client_seconds, cost.server_seconds)]
    return [
        name,
        f"{rows:,}",
        f"{cost.seconds:.2f}",
        f"{rows / cost.seconds:,.0f}",
        *microseconds,
        f"{cost.peak_mb:.0f}",
    ]


def _notes(results: "Results") -> list[str]:
    state, records, loaded, rejected, *reason = results.broken[-1].output.split(maxsplit=4)
    told = (
        f"{loaded} of {records} records loaded, {rejected} rejected" if state != "refused" else " ".join(reason).strip()
    )
    return [
        f"The job is the whole one, process start included; its file is {results.file_bytes / 1e6:,.0f} MB, ISO-8859-1,"
        " 14 columns. Raw `\\copy` puts the same file into a logged table of text columns, before and after the job of"
        " the same repetition; a ratio is the mean of the two over the job. Measured is the median of the repetitions,"
        " memory the highest.",
        "",
        "dlt, too, is a fresh process whose tables are there (a first run of a few rows, not counted, makes them)."
        " Arrow: parquet files through ADBC, dates typed, the whole file. By row: dictionaries, 50,000 rows; what each"
        " takes is scaled to the whole file, the process's start counts once. It checks nothing, makes no pseudonyms.",
        "",
        f"The second snapshot is the next month's export of the same persons, {CHANGED_SHARE:.0%} of whom moved out,"
        " once the clean file of the same repetition was accepted; its job accepts it, too. Growth is the database's,"
        " vacuumed, against what the first one made it grow.",
        "",
        "The cost marts: one `dbt build` of them and of all before them, tests included, in a process of its own, on"
        " synthetic ledgers of five years; then one delivery of a year more; then all of it with `--full-refresh`,"
        " whose components must be the same.",
        "",
        f"The file with broken rows: {state}, {told}. PostgreSQL itself refuses that file, so its ratio is"
        " against raw `\\copy` of the clean one. In it:",
        "",
        "```",
        results.broken_kinds,
        "```",
    ]


def _machine(results: "Results", server_version: str, load_before: float) -> list[str]:
    return [
        "```",
        f"rows: {results.rows:,}",
        f"repetitions: {len(results.clean)}",
        *_environment(server_version, load_before),
        "server: fsync, full_page_writes and synchronous_commit on; tables made before, a checkpoint before each run",
        "```",
    ]


def _environment(server_version: str, load_before: float) -> list[str]:
    versions = [f"Python {platform.python_version()}", f"PostgreSQL {server_version}", f"lagebild {code_version()}"]
    versions += [f"{name} {found}" for name in _PACKAGES if (found := _version(name))]
    memory = psutil.virtual_memory().total / 2**30
    return [
        f"date: {date.today()}, commit {_head()}",
        f"machine: {_processor()}, {psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}"
        f" {platform.release()}; load average at the start {load_before:.1f}",
        f"versions: {', '.join(versions)}",
    ]


def _head() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip() or "unknown"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return name or platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _ratios(raw_seconds: Sequence[float], costs: Sequence) -> list[float]:
    return [raw / cost.seconds for raw, cost in zip(raw_seconds, costs, strict=True)]


def _over(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [our / their for our, their in zip(ours, theirs, strict=True)]


def _at_least(name: str, values: Sequence[float], must: float, aim: float) -> list[str]:
    value = statistics.median(values)
    return _line(name, value, values, must, aim, "aim" if value >= aim else "must" if value >= must else "no")


def _at_most(name: str, values: Sequence[float], must: float, aim: float | None) -> list[str]:
    value = max(values) if "(MB)" in name else statistics.median(values)
    met = "aim" if aim is not None and value <= aim else "must" if value <= must else "no"
    return _line(name, value, values, must, aim, met)


def _aimed(name: str, value: float, aim: float) -> list[str]:
    """A line for what is aimed at without being a must."""
    return [name, _text(value), "-", "-", f"{aim:g}", "aim" if value <= aim else "no"]


def _line(name: str, value: float, values: Sequence[float], must: float, aim: float | None, met: str) -> list[str]:
    spread = f"{_text(min(values))}-{_text(max(values))}" if len(values) > 1 else "-"
    return [name, _text(value), spread, f"{must:g}", "-" if aim is None else f"{aim:g}", met]


def _text(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _table(header: list[str], lines: list[list[str]]) -> str:
    widths = [max(len(line[n]) for line in [header, *lines]) for n in range(len(header))]

    def row(cells: list[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join([row(header), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(row, lines)])
