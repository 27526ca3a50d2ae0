"""How fast packages are written, beside PostgreSQL's own `\\copy` of the same marts, and in how much memory.

    make bench ONLY=release
    python -m tests.bench.release [--rows 1000000] [--pairs 3]

Packages of the bundled deliveries' publication, and of one whose mart `employment` has so many rows more. In each pair,
one after the other: `psql`, our writer with the data alone, our writer with the whole package; each a fresh process.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from psycopg import sql
from rich.console import Console

from extracts import attribution, contents, marts, package, parquet
from extracts.contents import Contents
from extracts.writing import write_data, write_package
from lagebild.core import database
from lagebild.core import settings as settings_of
from lagebild.core.progress import Board
from lagebild.core.settings import ROOT
from lagebild.warehouse import build
from tests.bench import measure, page
from tests.bench.measure import Cost
from tests.bench.server import Server, Warehouse, started
from tests.extracts import large
from tests.support import deliver, deliver_all

FEWER_ROWS = 50_000
"""Memory is held against that of a mart with so many rows, which has a Parquet file too."""
BYTES_A_ROW = 5_000
"""What the bench needs on disk: the rows, their copies as text, what sorting writes, with room to spare."""


@dataclass(frozen=True)
class Pair:
    """What the same marts cost in one turn."""

    copied: Cost
    """psql, `\\copy (select * from ... order by <key>) to ... csv` of each mart."""
    data: Cost
    """Our process until CSVs and Parquet files are written."""
    whole: Cost
    """Our process with the whole package."""

    @property
    def seconds(self) -> float:
        """Of writing the whole package, without the start of the process."""
        return json.loads(self.whole.output)["seconds"]


@dataclass(frozen=True)
class Sized:
    """The pairs of one publication."""

    rows: int
    """Of all marts."""
    pairs: list[Pair]
    file_bytes: int
    """Of the files with data."""


def measured(server: Server, rows: int, turns: int, board: Board) -> tuple[list[Sized], float]:
    """The demo and so many rows more; and the memory that a package of `FEWER_ROWS` more takes, MiB."""
    with server.database() as warehouse:
        settings = warehouse.settings
        board.doing("loading and building the bundled deliveries")
        deliver_all(settings)
        deliver(settings, "structure_tables", name="structure_tables_2021_fliesstext.csv")
        demo = build.run(settings)
        assert demo is not None
        found = [_sized(server, warehouse, demo, turns, board)]
        fewer = large.repeated(settings, FEWER_ROWS)
        with tempfile.TemporaryDirectory(dir=server.settings.home) as folder:
            less = _written(server, warehouse, fewer, Path(folder, "package")).peak_mb
        board.doing(f"{rows:,} rows more")
        more = large.repeated(settings, rows - FEWER_ROWS)
        found.append(_sized(server, warehouse, more, turns, board))
    return found, less


def _sized(server: Server, warehouse: Warehouse, publication: int, turns: int, board: Board) -> Sized:
    with database.connect(warehouse.settings, autocommit=True) as connection:
        connection.execute("vacuum (analyze)")
        counts = connection.execute(
            "select sum(row_count)::bigint from marts.publication_content where publication_id = %s and mart = any(%s)",
            [publication, [entry.name for entry in package.load().marts]],
        ).fetchone()
    pairs, size = [], 0
    for turn in range(1, turns + 1):
        with tempfile.TemporaryDirectory(dir=server.settings.home) as parent:
            folder = Path(parent)
            board.doing(f"{counts[0]:,} rows, {turn} of {turns}: \\copy")
            server.checkpoint()
            copied = _copied(server, warehouse, publication, folder)
            board.doing(f"{counts[0]:,} rows, {turn} of {turns}: the data alone")
            data = _written(server, warehouse, publication, folder / "data", "--only-data")
            size = sum(path.stat().st_size for path in (folder / "data").rglob("*") if path.is_file())
            board.doing(f"{counts[0]:,} rows, {turn} of {turns}: the whole package")
            whole = _written(server, warehouse, publication, folder / "whole")
        pairs.append(Pair(copied, data, whole))
    return Sized(counts[0], pairs, size)


def _copied(server: Server, warehouse: Warehouse, publication: int, folder: Path) -> Cost:
    """psql copies every mart of the package as a reader sees it, ordered by its key."""
    commands = []
    for entry in package.load().marts:
        query = sql.SQL("select * from {} where publication_id = {} order by {}").format(
            sql.Identifier("marts_history", entry.name),
            sql.Literal(publication),
            sql.SQL(", ").join(map(sql.Identifier, entry.key)),
        )
        commands.append(f"\\copy ({query.as_string()}) to '{folder / entry.name}.csv' csv header\n")
    script = folder / "copy.sql"
    script.write_text("".join(commands))
    command: list[str | Path] = [server.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", script, warehouse.dsn]
    return measure.run(command, warehouse.environment, server.postmaster, ROOT)


def _written(server: Server, warehouse: Warehouse, publication: int, folder: Path, *options: str) -> Cost:
    command: list[str | Path] = [sys.executable, "-m", "tests.bench.release", "--write", folder]
    command += ["--publication", str(publication), *options]
    return measure.run(command, warehouse.environment, server.postmaster, ROOT)


def write(folder: Path, publication: int, only_data: bool) -> dict[str, float]:
    """Write a package into a new folder in this process; seconds and MiB at most."""
    settings, wanted = settings_of.load(), package.load()
    folder.mkdir(parents=True)
    with database.connect(settings, database.BUILDER, autocommit=True) as builder, marts.reader(settings) as connection:
        attributed = partial(attribution.of_publication, builder, settings, wanted, attribution.NOTHING_STATED)
        began = time.monotonic()
        if only_data:
            known = marts.publication(connection, publication)
            read = tuple(marts.mart(connection, entry, publication) for entry in wanted.marts)
            write_data(Contents(wanted, known, read, [], [], [], {}), folder)
        else:
            write_package(contents.gather(connection, wanted, publication, attributed), folder)
        seconds = time.monotonic() - began
    marks = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return {"seconds": seconds, "peak_mb": int(marks["VmHWM"].split()[0]) / 1024}


def main() -> int:
    arguments = _arguments()
    if arguments.write:
        marts.HELD_ROWS = arguments.held_rows or marts.HELD_ROWS
        parquet.GROUP_ROWS = arguments.group_rows or parquet.GROUP_ROWS
        print(json.dumps(write(arguments.write, arguments.publication, arguments.only_data)))
        return 0
    with started(arguments.folder, arguments.rows * BYTES_A_ROW) as server, Board(Console()) as board:
        found, less = measured(server, arguments.rows, arguments.pairs, board)
        text = page.render_release(found, less, server.version, arguments.remark)
    print(text)
    print(page.write_release(arguments.output, text))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ONLY=release", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows more of the mart that is made large")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the server's folder is made")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md", help="the page to write into")
    parser.add_argument("--remark", default="", help="a sentence on the circumstances, such as a busy machine")
    parser.add_argument("--against", help=argparse.SUPPRESS)  # `make bench ONLY=...` passes it on
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--publication", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--only-data", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--held-rows", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--group-rows", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
