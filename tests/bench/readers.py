"""How long queries of the dashboards take for many readers at once, beside plain indexed tables with the same rows.

    make bench ONLY=readers
    python -m tests.bench.readers [--publications 200] [--rows 1000000] [--readers 50] [--turns 3]

A warehouse with so many publications; the largest mart has so many rows over all of them. In each turn every reader
asks every query of `QUERIES` once of schema `marts`, and then once of tables that have the rows of the marts and
nothing of the house: `plain.<mart>` (in force) and `plain_history.<mart>`, with indexes on key and publication.
"""

import argparse
import re
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from rich.console import Console

from lagebild.core import database
from lagebild.core.progress import Board
from lagebild.core.settings import ROOT, Settings
from lagebild.warehouse import build, marts
from tests.bench import page
from tests.bench.server import started
from tests.extracts.large import MART, columns
from tests.extracts.releases import republish
from tests.support import deliver, deliver_all, query

QUERIES = {
    "cost per person of a city": "select * from marts.cost_per_person where municipality_ags = '05913000'",
    "areas of a cost": "select cost_area, sum(amount_eur) from marts.cost_component"
    " where treatment = 'attributed' group by cost_area order by 2 desc",
    "extrapolation": "select * from marts.cost_extrapolation order by persons_year",
    "EU2 population of Germany by year": "select reference_date, eu2_persons from marts.eu2_population"
    " where region_code = '00' order by reference_date",
    "EU2 population of all districts": "select region_name, eu2_persons from marts.eu2_population"
    " where region_level in ('district', 'municipality') order by eu2_persons desc nulls last",
    "programmes by year": "select reference_year, sum(amount_eur) from marts.programme_funding_year"
    " where is_addable group by reference_year order by 1",
    "a place of the largest mart": f"select * from marts.{MART} where region_code = '90000007'",
    "groups of the largest mart": f"select nationality, count(*), sum(persons) from marts.{MART} group by nationality",
    "a place over all publications": "select publication_id, eu2_persons from marts_history.eu2_population"
    " where region_code = '05913000' order by publication_id",
    "delivery calendar": "select * from marts.delivery_calendar",
}
"""Ten queries as the dashboards ask them, by what they show. The calendar is a function and has no table beside it."""
NO_TABLE = "delivery calendar"
BYTES_A_ROW = 4_000


@dataclass(frozen=True)
class Asked:
    """Seconds of one query by all readers in all turns, of the marts and of plain tables (empty: there is none)."""

    marts: list[float]
    plain: list[float]

    def p95(self, turn: int, turns: int) -> tuple[float, float | None]:
        """The 95th percentile of one turn, of both."""
        return _p95(self.marts, turn, turns), _p95(self.plain, turn, turns) if self.plain else None


@dataclass(frozen=True)
class Read:
    """What was measured, in which warehouse."""

    publications: int
    rows: int
    """Of the largest mart, over all publications."""
    readers: int
    turns: int
    asked: dict[str, Asked]


def measured(settings: Settings, publications: int, rows: int, readers: int, turns: int, board: Board) -> Read:
    """Fill a warehouse with publications, copy them into plain tables, and ask both."""
    board.doing("loading and building the bundled deliveries")
    deliver_all(settings)
    deliver(settings, "structure_tables", name="structure_tables_2021_fliesstext.csv")
    assert build.run(settings) is not None
    for number in range(1, publications):
        board.doing(f"publication {number + 1} of {publications}")
        _published(settings, rows // publications, number)
    board.doing("copying the marts into plain tables")
    _copied(settings)
    ((there,),) = query(settings, f"select count(*) from marts_history.{MART}")
    asked = {name: Asked([], []) for name in QUERIES}
    for turn in range(1, turns + 1):
        for is_plain in (False, True):
            board.doing(f"turn {turn} of {turns}: {readers} readers, {'plain tables' if is_plain else 'marts'}")
            for name, seconds in _answered(settings, readers, is_plain):
                (asked[name].plain if is_plain else asked[name].marts).append(seconds)
    return Read(publications, there, readers, turns, asked)


def plain(text: str) -> str:
    """The query of plain tables."""
    return re.sub(r"\bmarts(_history)?\.", lambda found: f"plain{found[1] or ''}.", text)


def _published(settings: Settings, rows: int, number: int) -> None:
    """One more publication, in which the largest mart has other rows than before."""
    names = columns(MART)
    places = ("region_code", "source_region_code")
    values = ["'9' || lpad(n::text, 7, '0')" if name in places else name for name in names]
    forget = "delete from {table} where content_id = {content} and region_code like '9%'"
    insert = (
        f"insert into {{table}} (content_id, {', '.join(names)}) select {{content}}, {', '.join(values)}"
        f" from {{table}} cross join generate_series({number}, {number + rows}) as n"
        f" where content_id = {{content}} and region_code not like '9%' limit {rows}"
    )
    republish(settings, {MART: [forget, insert]})


def _copied(settings: Settings) -> None:
    """Every mart's rows as tables with indexes on publication and key, readable by all."""
    with database.connect(settings, autocommit=True) as connection:
        for schema, view in (("plain", "marts"), ("plain_history", "marts_history")):
            connection.execute(f"create schema {schema}")
            for mart in marts.definitions():
                if mart.schema != "marts":
                    continue
                table = sql.Identifier(schema, mart.name)
                copy = sql.SQL("create table {} as select * from {}").format(table, sql.Identifier(view, mart.name))
                connection.execute(copy)
                places = [name for name in ("region_code", "municipality_ags") if name in mart.columns][:1]
                for named in (mart.key, ["publication_id", *places], places):
                    if named:
                        listed = sql.SQL(", ").join(map(sql.Identifier, named))
                        connection.execute(sql.SQL("create index on {} ({})").format(table, listed))
            connection.execute(f"grant usage on schema {schema} to public")
            connection.execute(f"grant select on all tables in schema {schema} to public")
        connection.execute("vacuum (analyze)")


def _answered(settings: Settings, readers: int, is_plain: bool) -> list[tuple[str, float]]:
    """Every reader asks every query once, all at the same time, each in a session that has asked nothing before."""
    ready = threading.Barrier(readers)

    def ask(reader: int) -> list[tuple[str, float]]:
        found = []
        names = [name for name in QUERIES if not (is_plain and name == NO_TABLE)]
        names = names[reader % len(names) :] + names[: reader % len(names)]
        with psycopg.connect(**database.parameters(settings, database.BI_READER), autocommit=True) as connection:
            ready.wait(timeout=60)
            for name in names:
                text = plain(QUERIES[name]) if is_plain else QUERIES[name]
                began = time.perf_counter()
                connection.execute(text.encode()).fetchall()
                found.append((name, time.perf_counter() - began))
        return found

    with ThreadPoolExecutor(readers) as pool:
        return [one for told in pool.map(ask, range(readers)) for one in told]


def _p95(values: list[float], turn: int, turns: int) -> float:
    size = len(values) // turns
    of_turn = values[turn * size : (turn + 1) * size]
    return statistics.quantiles(of_turn, n=20)[-1] if len(of_turn) > 1 else of_turn[0]


def main() -> int:
    arguments = _arguments()
    with started(arguments.folder, arguments.rows * BYTES_A_ROW) as server, Board(Console()) as board:
        with server.database() as warehouse:
            found = measured(
                warehouse.settings, arguments.publications, arguments.rows, arguments.readers, arguments.turns, board
            )
        text = page.render_readers(found, server.version, arguments.remark)
    print(text)
    print(page.write_readers(arguments.output, text))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ONLY=readers", description=__doc__.splitlines()[0])
    parser.add_argument("--publications", type=int, default=200)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the largest mart over all publications")
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the server's folder is made")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md", help="the page to write into")
    parser.add_argument("--remark", default="", help="a sentence on the circumstances, such as a busy machine")
    parser.add_argument("--against", help=argparse.SUPPRESS)  # `make bench ONLY=...` passes it on
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
