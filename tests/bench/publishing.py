"""Readers under publications, and what publications make grow.

A BI tool reads all marts in a loop while publications, rollbacks, failed builds and a migration go on below it. Nothing
of that may be seen: no error, no wait for a lock, no mixture of two publications.
"""

import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import psycopg
from psycopg import sql

from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.progress import Board
from lagebild.core.settings import Settings
from lagebild.warehouse import build, marts, migrate, publications
from lagebild.warehouse.marts import Mart
from tests import publications as prepared
from tests.bench import measure
from tests.bench.server import Server
from tests.support import accept, bundled_bytes, deliver_all

LOCK_WAIT_MS = 50
"""What a reader may wait for a lock; the server itself cancels a statement that waits longer."""
FAILS_EVERY, ROLLS_BACK_EVERY = 10, 20
ROWS_A_MART = 1000
READINGS = 50
SAMPLE_SECONDS = 0.01
# A delivery that no figure is made from: only whole builds bring other figures.
_NO_FIGURE = ("eu2_series", "0000")
READ_BY_BI = tuple(mart for mart in marts.definitions() if mart.schema == "marts")

Content = tuple[int, int]
"""What is compared of a mart: how many rows, and a hash of all that stands in the column candidates are marked in."""


@dataclass
class Pass:
    """What one REPEATABLE READ transaction saw: the publication in force, and of each mart its ids and content."""

    in_force: int
    ids: dict[str, set[int]] = field(default_factory=dict)
    contents: dict[str, Content] = field(default_factory=dict)


class Reader(threading.Thread):
    """A BI tool: reads every mart in a loop, each pass one REPEATABLE READ transaction."""

    def __init__(self, settings: Settings):
        super().__init__(daemon=True)
        self.passes: list[Pass] = []
        self.errors: list[str] = []
        self.slowest_ms = 0.0
        self._settings, self._ended = settings, threading.Event()

    def run(self) -> None:
        with database.connect(self._settings, database.BI_READER) as connection:
            connection.execute(f"set lock_timeout = {LOCK_WAIT_MS}")
            connection.commit()
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            while not self._ended.is_set():
                try:
                    with connection.transaction():
                        self._pass(connection)
                except psycopg.Error as error:
                    self.errors.append(f"{error.sqlstate} {error}")

    def end(self) -> None:
        self._ended.set()
        self.join()

    def _pass(self, connection: psycopg.Connection) -> None:
        (in_force,) = connection.execute("select publication_id from marts.publication where is_current").fetchone()
        seen = Pass(in_force)
        for mart in READ_BY_BI:
            began = time.perf_counter()
            # By name, as a BI tool does: what is prepared with `*` fails when a column is added.
            rows = connection.execute(_select(mart)).fetchall()
            self.slowest_ms = max(self.slowest_ms, (time.perf_counter() - began) * 1000)
            seen.ids[mart.name] = {row[0] for row in rows}
            seen.contents[mart.name] = _content(row[1] for row in rows)
        self.passes.append(seen)


class LockWaits(threading.Thread):
    """Looks every few milliseconds how long readers have been waiting for a lock; `longest_ms` is the most it saw."""

    def __init__(self, settings: Settings):
        super().__init__(daemon=True)
        self.longest_ms = 0.0
        self._settings, self._ended = settings, threading.Event()

    def run(self) -> None:
        with database.connect(self._settings, autocommit=True) as connection:
            while not self._ended.wait(SAMPLE_SECONDS):
                (waited,) = connection.execute(
                    "select coalesce(max(extract(epoch from clock_timestamp() - l.waitstart)), 0) * 1000"
                    " from pg_locks as l inner join pg_stat_activity as a using (pid)"
                    " where not l.granted and a.usename = %s",
                    [database.BI_READER],
                ).fetchone()
                self.longest_ms = max(self.longest_ms, float(waited))

    def end(self) -> None:
        self._ended.set()
        self.join()


@dataclass
class Storm:
    """What went on, and what the readers saw of it."""

    publications: int = 0
    whole_builds: int = 0
    rollbacks: int = 0
    failed_builds: int = 0
    migrations: int = 0
    readers: int = 0
    passes: int = 0
    publications_seen: int = 0
    errors: list[str] = field(default_factory=list)
    mixtures: list[str] = field(default_factory=list)
    slowest_ms: float = 0.0
    longest_wait_ms: float = 0.0


def storm(
    settings: Settings, count: int, whole: int = 0, readers: int = 1, say: Callable[[str], None] = lambda text: None
) -> Storm:
    """So many publications, `whole` of them by dbt and all, with rollbacks, failed builds and a migration among them.

    In force is what stands in schema `build`: prepared candidates, or those of a whole build.
    """
    result = Storm(readers=readers)
    expected = {_in_force(settings): _candidates(settings)}
    watchers = [Reader(settings) for _ in range(readers)]
    waits = LockWaits(settings)
    for thread in (*watchers, waits):
        thread.start()
    try:
        for number in range(1, count + 1):
            say(f"publication {number} of {count} under readers")
            is_whole = whole > 0 and number % (count // whole) == 0
            publication_id = _whole(settings, number) if is_whole else _prepared(settings, number)
            expected[publication_id] = _candidates(settings)
            result.publications += 1
            result.whole_builds += is_whole
            if number % FAILS_EVERY == FAILS_EVERY // 2:
                _fail(settings, number)
                result.failed_builds += 1
            if number % ROLLS_BACK_EVERY == ROLLS_BACK_EVERY // 2:
                for target in (publication_id - 1, publication_id):
                    publications.rollback(settings, target, "to see whether readers notice")
                    result.rollbacks += 1
            if number == count // 2:
                _widen(settings)
                result.migrations += 1
    finally:
        for thread in (*watchers, waits):
            thread.end()
    result.longest_wait_ms = waits.longest_ms
    for reader in watchers:
        result.errors += reader.errors
        result.passes += len(reader.passes)
        result.slowest_ms = max(result.slowest_ms, reader.slowest_ms)
        result.mixtures += [text for seen in reader.passes for text in mixed(seen, expected)]
    result.publications_seen = len({seen.in_force for reader in watchers for seen in reader.passes})
    return result


def mixed(seen: Pass, expected: dict[int, dict[str, Content]]) -> Iterator[str]:
    """What in a pass is not the publication that was in force: its numbers, or its contents."""
    for mart, ids in seen.ids.items():
        if ids - {seen.in_force}:
            yield f"{mart}: publication {sorted(ids)} where {seen.in_force} is in force"
        elif seen.contents[mart] != expected[seen.in_force][mart]:
            yield f"{mart}: not the content of publication {seen.in_force}"


def _select(mart: Mart) -> sql.Composed:
    columns = [name for name in mart.columns if name != prepared.marker(mart)]
    return sql.SQL("select publication_id, {}, {} from {}").format(
        sql.Identifier(prepared.marker(mart)),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.Identifier("marts", mart.name),
    )


def _content(marked: Iterable[str | None]) -> Content:
    texts = list(marked)
    return len(texts), hash(frozenset(texts))


def _in_force(settings: Settings) -> int:
    with database.connect(settings) as connection:
        return connection.execute("select publication_id from published.current_publication").fetchone()[0]


def _candidates(settings: Settings) -> dict[str, Content]:
    found = {}
    with database.connect(settings, database.BUILDER) as connection:
        for mart in READ_BY_BI:
            column, table = sql.Identifier(prepared.marker(mart)), sql.Identifier("build", mart.name)
            rows = connection.execute(sql.SQL("select {} from {}").format(column, table))
            found[mart.name] = _content(text for (text,) in rows)
    return found


def _prepared(settings: Settings, number: int) -> int:
    prepared.deliver(settings, *_NO_FIGURE)
    prepared.mark(settings, READ_BY_BI[number % len(READ_BY_BI)], f"publication {number}")
    return build.publish_build(settings, prepared.begin(settings))


def _whole(settings: Settings, number: int) -> int:
    employees = bundled_bytes("employment").decode().replace("2.525", f"2.{500 + number}").encode()
    accept(settings, "employment", employees)
    publication_id = build.run(settings, lambda text: None)
    assert publication_id is not None
    return publication_id


def _fail(settings: Settings, number: int) -> None:
    """A build that dies at its last mart, or one that was overtaken; its candidates are put back."""
    mart = marts.definitions()[-1]
    away, back = (
        sql.SQL("alter table {} rename to {}").format(sql.Identifier("build", old), sql.Identifier(new))
        for old, new in ((mart.name, "away"), ("away", mart.name))
    )
    prepared.deliver(settings, *_NO_FIGURE)
    former = prepared.begin(settings)
    if number % (2 * FAILS_EVERY) < FAILS_EVERY:
        prepared.begin(settings)
        with contextlib.suppress(UserError):
            build.publish_build(settings, former)
            raise AssertionError(f"build {former} was overtaken and yet published")
        return
    with database.connect(settings, database.BUILDER) as connection:
        connection.execute(away)
    with contextlib.suppress(psycopg.errors.UndefinedTable):
        build.publish_build(settings, former)
        raise AssertionError(f"build {former} had no {mart.name} and was yet published")
    with database.connect(settings, database.BUILDER) as connection:
        connection.execute(back)


def _widen(settings: Settings) -> None:
    """A migration by which every mart gains a column; the models that fill it come later."""
    declared = marts.definitions
    wider = tuple(replace(m, columns={**m.columns, "added": ("text", "Added.")}) for m in declared())
    try:
        marts.definitions = lambda: wider
        migrate.migrate(settings)
    finally:
        marts.definitions = declared


# --- growth -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Point:
    """After so many publications: the size of schema `published`, and what reading all marts in force takes."""

    publications: int
    published_bytes: int
    read_ms: float
    pages: int
    publish_ms: float
    """The median of the publications since the point before."""


def growth(
    settings: Settings,
    count: int,
    rows: int = ROWS_A_MART,
    clock: Callable[[], float] = time.perf_counter,
    say: Callable[[str], None] = lambda text: None,
) -> list[Point]:
    """So many publications with one changed mart each, measured at the first, at the quarters and at the last.

    `clock` gives the seconds by which reading is measured.
    """
    prepared.fill(settings, rows)
    points, took = [], []
    for number in range(1, count + 1):
        say(f"publication {number} of {count}, growth")
        prepared.deliver(settings, *_NO_FIGURE)
        if number > 1:
            prepared.mark(settings, marts.definitions()[number % len(marts.definitions())], f"publication {number}")
        build_id = prepared.begin(settings)
        began = time.perf_counter()
        build.publish_build(settings, build_id)
        took.append((time.perf_counter() - began) * 1000)
        if number == 1 or number % (count // 4) == 0:
            points.append(_point(settings, number, statistics.median(took), clock))
            took = []
    return points


def _point(settings: Settings, number: int, publish_ms: float, clock: Callable[[], float]) -> Point:
    with database.connect(settings, autocommit=True) as connection:
        tables = [mart.name for mart in marts.definitions()] + ["publication_mart", "content", "current_publication"]
        names = sql.SQL(", ").join(sql.Identifier("published", table) for table in tables)
        connection.execute(sql.SQL("vacuum (analyze) {}").format(names))
        (size,) = connection.execute(
            "select sum(pg_total_relation_size(oid)) from pg_class"
            " where relnamespace = 'published'::regnamespace and relkind = 'r'"
        ).fetchone()
    with database.connect(settings, database.BI_READER) as connection:
        began, pages = clock(), 0
        for _ in range(READINGS):
            for mart in READ_BY_BI:
                connection.execute(_select(mart)).fetchall()
        read_ms = (clock() - began) / READINGS * 1000
        for mart in READ_BY_BI:
            explain = sql.SQL("explain (analyze, buffers, format json) {}").format(_select(mart))
            (plan,) = connection.execute(explain).fetchone()
            pages += plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]
    return Point(number, int(size), read_ms, pages, publish_ms)


# --- the bench --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Publishing:
    """Both measurements: the first point is of one publication, the second of a quarter of all, the last of all."""

    points: list[Point]
    storm: Storm


def measured(server: Server, count: int, whole: int, board: Board) -> Publishing:
    """Growth in a database of its own, then the storm in another one, on the marts of the bundled deliveries."""
    with server.database() as warehouse:
        # What the server works, not what it waits for the processor.
        clock = partial(measure.server_seconds, server.postmaster)
        points = growth(warehouse.settings, count, clock=clock, say=board.doing)
    board.say(f"growth over {count} publications is measured")
    with server.database() as warehouse:
        settings = warehouse.settings
        board.doing("a first whole build of the bundled deliveries")
        deliver_all(settings)
        build.run(settings, lambda text: None)
        found = storm(settings, count, whole, readers=2, say=board.doing)
    board.say(f"{found.passes} passes of readers over {count} publications")
    return Publishing(points, found)
