"""How fast deliveries load, beside PostgreSQL's own COPY and beside dlt; and what readers notice of publications.

    python -m tests.bench [--rows 5000000] [--repetitions 3] [--no-memory] [--no-peers] [--only-publishing]

Everything happens on a server and in a folder of its own, which are gone afterwards. The table is printed and written
to `docs/benchmarks.md`; a run of fewer rows never replaces a page of more rows.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from ingest.deliveries import delivery_ledger
from lagebild import bootstrap
from lagebild.core.errors import UserError
from lagebild.core.progress import Board
from lagebild.core.settings import ROOT
from tests.bench import building, generate, measure, page, publishing
from tests.bench.building import Building
from tests.bench.measure import Cost
from tests.bench.server import RAW_TABLES, Server, Warehouse, started

BROKEN_SHARE = 0.001
# A part of the file will do where the whole would take an hour.
ARROW_ROWS, ROW_ROWS = 5_000_000, 50_000
MEMORY_FACTOR = 4
POSTINGS_A_ROW = 2
# For each row in the file: the file, its landed copy, the raw tables of a run, their WAL, with room to spare.
BYTES_A_ROW = generate.BYTES_A_ROW * 10
PUBLISHING_BYTES = 2_000_000_000


@dataclass
class Results:
    """Everything that was measured; each list has one entry a repetition."""

    rows: int
    file_bytes: int
    raw: list[tuple[Cost, Cost]] = field(default_factory=list)
    """`\\copy` before and after the job."""
    clean: list[Cost] = field(default_factory=list)
    broken: list[Cost] = field(default_factory=list)
    arrow: list[float] = field(default_factory=list)
    """dlt, rows a second."""
    by_row: list[float] = field(default_factory=list)
    second: list[tuple[Cost, float]] = field(default_factory=list)
    """The next month's snapshot after the clean file: the job, and what it made the database grow against that file."""
    large: Cost | None = None
    """The job at four times the rows."""
    building: Building | None = None
    broken_kinds: str = ""


def main() -> int:
    arguments = _arguments()
    try:
        if arguments.peers and not arguments.only_publishing:
            ensure_peers()
        with Board(Console()) as board:
            board.doing("starting a PostgreSQL of the bench's own")
            largest = arguments.rows * (MEMORY_FACTOR if arguments.memory else 2)
            needed = PUBLISHING_BYTES if arguments.only_publishing else largest * BYTES_A_ROW
            with started(arguments.folder, bytes_needed=needed) as server:
                load_before = os.getloadavg()[0]
                if not arguments.only_publishing:
                    text = page.render(measured(server, arguments, board), server.version, load_before, arguments.peers)
                if arguments.publishing:
                    found = publishing.measured(server, arguments.publications, arguments.whole_builds, board)
                    section = page.render_publishing(found, server.version, load_before)
    except (UserError, measure.Failed) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if not arguments.only_publishing:
        print(f"\n{text}")
        print(page.write(arguments.output, text, arguments.rows))
    if arguments.publishing:
        print(f"\n{section}")
        print(page.write_publishing(arguments.output, section, arguments.publications))
    return 0


def measured(server: Server, arguments: argparse.Namespace, board: Board) -> Results:
    """Run everything, repetition by repetition."""
    rows, folder = arguments.rows, server.settings.home
    clean, broken, following = folder / "clean.csv", folder / "broken.csv", folder / "following.csv"
    board.doing(f"writing three files of {rows:,} rows")
    _generate(rows, clean)
    kinds = _generate(rows, broken, "--broken", str(BROKEN_SHARE))
    _generate(rows, following, "--changed", str(generate.CHANGED_SHARE))
    results = Results(rows, clean.stat().st_size, broken_kinds=kinds)
    for turn in range(1, arguments.repetitions + 1):
        of = f"repetition {turn} of {arguments.repetitions}"
        with server.database(clean) as warehouse:
            before = _step(board, server, f"{of}: raw \\copy", partial(raw_copy, warehouse, clean, RAW_TABLES[0]))
            empty = warehouse.vacuumed_bytes()
            results.clean.append(_step(board, server, f"{of}: the job, clean file", partial(job, warehouse, rows)))
            filled = warehouse.vacuumed_bytes()
            after = _step(board, server, f"{of}: raw \\copy again", partial(raw_copy, warehouse, clean, RAW_TABLES[1]))
            results.raw.append((before, after))
            warehouse.arrives(following, generate.NEXT_FILE_NAME)
            delivery_ledger.decide(warehouse.settings, 1, [])
            before_second = warehouse.vacuumed_bytes()
            second = _step(board, server, f"{of}: the next month", partial(job, warehouse, rows, "--accept"))
            growth = (warehouse.vacuumed_bytes() - before_second) / (filled - empty)
            results.second.append((second, growth))
            if arguments.peers:
                for path, most, speeds in (("arrow", ARROW_ROWS, results.arrow), ("rows", ROW_ROWS, results.by_row)):
                    part = min(rows, most)
                    run = partial(peer, warehouse, path, clean, rows, part)
                    speeds.append(_step(board, server, f"{of}: dlt, {path}, {part:,} rows", run))
        with server.database(broken) as warehouse:
            results.broken.append(_step(board, server, f"{of}: the job, broken file", partial(job, warehouse)))
        ours, theirs = results.clean[-1].seconds, (before.seconds + after.seconds) / 2
        board.say(f"{of}: {rows / ours:,.0f} rows/s, {theirs / ours:.2f} of raw \\copy")
    if arguments.memory:
        clean.unlink()
        broken.unlink()
        following.unlink()
        large = folder / "large.csv"
        board.doing(f"writing a file of {MEMORY_FACTOR * rows:,} rows")
        _generate(MEMORY_FACTOR * rows, large)
        with server.database(large) as warehouse:
            run = partial(job, warehouse, MEMORY_FACTOR * rows)
            results.large = _step(board, server, f"the job at {MEMORY_FACTOR * rows:,} rows", run)
        large.unlink()
    if arguments.building:
        results.building = building.measured(server, POSTINGS_A_ROW * rows, board)
    return results


def _step(board: Board, server: Server, activity: str, action: Callable[[], Any]) -> Any:
    board.doing(activity)
    server.checkpoint()
    os.sync()  # what other runs deleted or vacuumed, too: a load waits for the disk once
    return action()


def raw_copy(warehouse: Warehouse, file: Path, table: str) -> Cost:
    """`psql \\copy` of the file into a logged table of text columns."""
    copy = f"\\copy public.{table} from '{file}' with (format csv, header, delimiter ';', encoding 'LATIN1')"
    command = [warehouse.server.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", warehouse.dsn, "-c", copy]
    return measure.run(command, dict(os.environ), warehouse.server.postmaster, ROOT)


def job(warehouse: Warehouse, rows: int | None = None, *options: str) -> Cost:
    """The whole job in a fresh process: SHA-256, landing, decode, check, reject, pseudonyms, load, ledger, commit.

    Failed where it did not load exactly so many rows: what is not done is done fast.
    """
    command = [sys.executable, "-m", "tests.bench.job", *options]
    cost = measure.run(command, warehouse.environment, warehouse.server.postmaster, ROOT)
    if rows is not None and not has_loaded(cost.output, rows):
        raise measure.Failed(f"the job did not load {rows:,} rows, but says: {cost.output}")
    return cost


def has_loaded(output: str, rows: int) -> bool:
    """Whether the job (`job.py`) says that it loaded all of so many records."""
    return output.split()[1:4] == [str(rows), str(rows), "0"]


def peer(warehouse: Warehouse, path: str, file: Path, rows: int, part: int) -> float:
    """Rows a second of a fresh process of dlt by the path `arrow` or `rows`, its tables made beforehand.

    It loads `part` rows; what each of them takes is scaled to `rows`, the start of the process counts once.
    """
    work = warehouse.settings.home.parent / f"dlt-{path}"
    command = [sys.executable, "-m", "tests.bench.peers", path, file, str(part), warehouse.url, work]
    cost = measure.run(command, dict(os.environ), warehouse.server.postmaster, ROOT)
    told = json.loads(cost.output.splitlines()[-1])
    if told["rows"] != part:
        raise measure.Failed(f"dlt ({path}) loaded {told['rows']} rows of {part}")
    start = cost.seconds - told["first_seconds"] - told["seconds"]
    return rows / (start + told["seconds"] * rows / part)


def ensure_peers() -> None:
    """Bring the dependency group `bench` into this environment; UserError where it cannot be had."""
    if all(importlib.util.find_spec(name) for name in ("dlt", "adbc_driver_postgresql", "pyarrow")):
        return
    print("fetching the peers (dependency group bench)", flush=True)
    try:
        uv = bootstrap.find_uv() or bootstrap.fetch_uv()
    except bootstrap.CannotError as error:
        raise UserError(str(error), remedy="make bench OPTIONS=--no-peers measures without them") from error
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    command = [*uv, "sync", "--locked", "--inexact", "--group", "bench", "--python", sys.executable]
    environment |= {"UV_PROJECT_ENVIRONMENT": str(ROOT / ".venv"), "UV_PYTHON_DOWNLOADS": "never"}
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
        raise UserError("the peers could not be fetched; uv's reason is above", remedy="make bench OPTIONS=--no-peers")


def _generate(rows: int, file: Path, *options: str) -> str:
    # A process of its own: its memory must not count as ours.
    command = [sys.executable, "-m", "tests.bench.generate", str(rows), file, *options]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise measure.Failed(f"the generator failed:\n{result.stdout}{result.stderr}")
    return "\n".join(line for line in result.stdout.splitlines() if "..." not in line)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=page.FULL_ROWS)
    parser.add_argument("--repetitions", type=int, help="default: 3, and 1 of the quick form")
    parser.add_argument("--memory", action=argparse.BooleanOptionalAction, default=True, help="also at 4 x ROWS")
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True, help="also dlt")
    parser.add_argument(
        "--building",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="also the cost marts on 2 x ROWS postings",
    )
    parser.add_argument(
        "--publishing", action=argparse.BooleanOptionalAction, default=True, help="also publications and their readers"
    )
    parser.add_argument("--only-publishing", action="store_true", help="these alone; the rest of the page stays")
    parser.add_argument("--publications", type=int, default=200)
    parser.add_argument("--whole-builds", type=int, default=5, help="so many of the publications by dbt and all")
    parser.add_argument("--folder", type=Path, help="where server and files go; default: the temporary folder")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md")
    arguments = parser.parse_args()
    if arguments.only_publishing and not arguments.publishing:
        parser.error("--only-publishing and --no-publishing leave nothing to do")
    if arguments.repetitions is None:
        arguments.repetitions = 1 if arguments.rows < page.FULL_ROWS else 3
    return arguments


if __name__ == "__main__":
    sys.exit(main())
