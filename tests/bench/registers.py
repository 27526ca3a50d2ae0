"""The marts of registers for a whole state: every month of a year, one month more, and all of it again to compare.

    make bench ONLY=registers
    python -m tests.bench.registers [--persons 600000 6000000 18000000] [--places 396] [--months 12]

Persons are made up in the database, where the loader would have put them: as changes of monthly snapshots, of which
two per cent are others than the month before. One `dbt build` of `eu2_population` and all before it, in a process of
its own.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from psycopg import Connection
from rich.console import Console

from lagebild.core import database
from lagebild.core.progress import Board
from lagebild.core.settings import ROOT
from tests.bench import measure, page
from tests.bench.building import tell_build, told
from tests.bench.measure import Cost
from tests.bench.server import Server, Warehouse, started

MART = "+eu2_population"
DIGEST = "select md5(string_agg(p::text, e'\\n' order by p::text collate \"C\")) from build.eu2_population as p"
CHANGED_IN = 50
"""Each month one row in so many is another one than the month before: 2 %."""
BYTES_A_PERSON = 1_000
"""What the bench needs on disk: the first month, its index, a year's changes, and what building writes."""

DELIVERY = """
    insert into raw.delivery (source, period, sha256, attempt, file_name, byte_size, landing_path, contract_version,
        code_version, state, records, loaded, rejected, loaded_at, decided_at)
    select 'register', ags || '_' || day, encode(sha256(convert_to(ags || day, 'UTF8')), 'hex'), 1,
        'register_' || ags || '_' || day || '.csv', 1, 'made/up/' || ags || day, '1', 'bench', 'accepted', rows, rows,
        0, now(), now()
    from (select '05' || lpad((place + 1)::text, 6, '0') as ags, %(day)s::text as day, %(rows)s::bigint as rows
        from generate_series(1, %(places)s) as place) as made
    returning delivery_id, left(period, 8) as ags
"""
SNAPSHOT = """
    insert into raw.snapshot (delivery_id, source, series, taken_on, base_id)
    select d.delivery_id, 'register', d.ags, %(day)s::date, (
        select s.delivery_id from raw.snapshot as s where s.series = d.ags order by s.taken_on desc limit 1)
    from unnest(%(deliveries)s::bigint[], %(ags)s::text[]) as d (delivery_id, ags)
"""
PERSONS = """
    insert into raw.register__person (delivery_id, line_number, reference_date, region_code, person_pseudonym,
        birth_year, sex, nationality_code, moved_in_on, moved_out_on, residence_type, evidence)
    select d.delivery_id, line, %(day)s::date, d.ags,
        encode(sha256(convert_to(d.delivery_id || '/' || line, 'UTF8')), 'hex'),
        1930 + line %% 90, case line %% 2 when 0 then 'female' else 'male' end,
        case when line %% 20 > 1 then '000' when line %% 20 = 1 then '163' when line %% 40 = 0 then '125'
            else '154' end,
        date '1990-01-01' + (line %% 9000)::integer, null, case when line %% 25 = 3 then 'secondary' else 'main' end,
        'synthetic'
    from unnest(%(deliveries)s::bigint[], %(ags)s::text[]) as d (delivery_id, ags)
    cross join generate_series(2, %(rows)s + 1) as line
"""
ENDS = """
    insert into raw.register__person_end (ended_by, delivery_id, line_number)
    select s.delivery_id, f.delivery_id, line
    from raw.snapshot as s
    inner join raw.snapshot as f on s.series = f.series and f.base_id is null
    cross join generate_series(2, %(first_rows)s + 1) as line
    where s.taken_on = %(day)s::date and line %% %(changed)s = %(month)s %% %(changed)s
"""


@dataclass(frozen=True)
class Registers:
    """What three builds cost: a year of months, one month more, all from the beginning; and what is on disk."""

    persons: int
    full: Cost
    one_more: Cost
    again: Cost
    raw_bytes: int
    server_peak_mb: float

    @property
    def is_same(self) -> bool:
        """Whether the build of one month more ends where the one from the beginning ends."""
        return told(self.one_more)["digest"] == told(self.again)["digest"]

    @property
    def share(self) -> float:
        """Seconds of models and tests after one month more, over those of the first build, which had a month less."""
        return told(self.one_more)["model_seconds"] / told(self.full)["model_seconds"]


def day(month: int) -> str:
    """The first of a month, counted from 0 at January 2020."""
    return f"{2020 + month // 12}-{month % 12 + 1:02}-01"


def add_month(connection: Connection, month: int, places: int, first_rows: int) -> None:
    """One delivery of each place: the whole stock in month 0, else what changed since the month before."""
    rows = first_rows if month == 0 else first_rows // CHANGED_IN
    asked = {"day": day(month), "places": places, "rows": first_rows}
    made = connection.execute(DELIVERY, asked).fetchall()
    named = {"deliveries": [one for one, _ in made], "ags": [ags for _, ags in made], "day": day(month)}
    connection.execute(SNAPSHOT, named)
    connection.execute(PERSONS, named | {"rows": rows})
    if month:
        ends = {"day": day(month), "first_rows": first_rows, "changed": CHANGED_IN, "month": month}
        connection.execute(ENDS, ends)
    connection.commit()
    for table in ("register__person", "register__person_end", "snapshot", "snapshot_chain", "delivery"):
        connection.execute(f"analyze raw.{table}")  # type: ignore[arg-type]
    connection.commit()


def measured(server: Server, persons: int, places: int, months: int, board: Board) -> Registers:
    """Make up a state, build, add a month, build, and build all of it from the beginning."""
    with server.database() as warehouse:
        with database.connect(warehouse.settings) as connection:
            for month in range(months):
                board.doing(f"{persons:,} persons: month {month + 1} of {months}")
                add_month(connection, month, places, persons // places)
        full, peak = _built(warehouse, server, board, f"{persons:,} persons, {months} months")
        with database.connect(warehouse.settings) as connection:
            add_month(connection, months, places, persons // places)
        one_more, _ = _built(warehouse, server, board, "one month more")
        again, other = _built(warehouse, server, board, "all of it from the beginning", "--full-refresh")
        with database.connect(warehouse.settings) as connection:
            (held,) = connection.execute(
                "select sum(pg_total_relation_size(oid))::bigint from pg_class"
                " where relnamespace = 'raw'::regnamespace and relkind = 'r'"
            ).fetchone()
    return Registers(persons, full, one_more, again, held, max(peak, other))


def _built(warehouse: Warehouse, server: Server, board: Board, what: str, *options: str) -> tuple[Cost, float]:
    """What a build cost, and the memory of the server and its processes meanwhile, MiB."""
    board.doing(f"dbt build of the population marts: {what}")
    server.checkpoint()
    sampler = measure.Sampler(server.postmaster)
    sampler.start()
    try:
        command: list[str | Path] = [sys.executable, "-m", "tests.bench.registers", "--build", *options]
        return measure.run(command, warehouse.environment, server.postmaster, ROOT), sampler.peak_kb / 1024
    finally:
        sampler.end()


def main() -> int:
    arguments = _arguments()
    if arguments.build:
        tell_build([MART], DIGEST, *(["--full-refresh"] if arguments.full_refresh else []))
        return 0
    needed = max(arguments.persons) * BYTES_A_PERSON
    with started(arguments.folder, needed) as server, Board(Console()) as board:
        found = [measured(server, persons, arguments.places, arguments.months, board) for persons in arguments.persons]
        text = page.render_registers(found, arguments.places, arguments.months, server.version, arguments.remark)
    print(text)
    print(page.write_registers(arguments.output, text))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ONLY=registers", description=__doc__.splitlines()[0])
    parser.add_argument("--persons", type=int, nargs="+", default=[600_000, 6_000_000, 18_000_000])
    parser.add_argument("--places", type=int, default=396, help="municipalities, each with a register of its own")
    parser.add_argument("--months", type=int, default=12, help="snapshots before the one more")
    parser.add_argument("--folder", type=Path, help="where the server's folder is made")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md", help="the page to write into")
    parser.add_argument("--remark", default="", help="a sentence on the circumstances, such as a busy machine")
    parser.add_argument("--against", help=argparse.SUPPRESS)  # `make bench ONLY=...` passes it on
    parser.add_argument("--build", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--full-refresh", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
