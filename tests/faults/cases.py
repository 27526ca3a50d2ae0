"""Cases: a small load, broken at one point in one way, and what must hold afterwards.

Each time the state is the old one or the new one; a retry brings the new one; nothing is lost or doubled. The state is
a digest of everything in schema `raw` but moments and running numbers, and of the names of all tables.
"""

import collections
import contextlib
import hashlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, Listener
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ingest import contracts
from ingest.deliveries import delivery_ledger
from lagebild.core import database
from lagebild.core.settings import ROOT, Settings
from tests.conftest import on_database
from tests.faults.child import Task
from tests.faults.proxy import AFTER, BEFORE, CUT, DISK_FULL, KILL, LOCK_TIMEOUT, Fault, Proxy
from tests.support import accept, bundled_bytes, deliver, drop

LOADER = "tests.faults.child:drain"
END_SECONDS = 30
"""A load that has not ended by then hangs."""
ROWS = 200


_benches = itertools.count()


@dataclass(frozen=True)
class Scenario:
    """A delivery that is loaded into a warehouse which holds other ones already, or a verb on one that is there."""

    name: str
    source: str
    content: bytes | None
    """What lies in the drop folder; None where a verb moves what was loaded before."""
    before: Callable[[Settings], None] = lambda settings: None
    """What happened in the warehouse before."""
    verb: str | None = None
    """What breaks instead of the loader, as "module:function"."""


@dataclass(frozen=True)
class Point:
    """A place where a load can break: a step of the protocol (before it, or its answer lost) or a file operation."""

    scenario: Scenario
    is_file: bool
    name: str
    turn: int
    """Which one of that name, from 1."""
    turns: int
    """How many of that name there are: first and last are points, those between are repeats."""
    faults: tuple[tuple[str, str], ...]
    """(when, kind) of everything that can happen here."""


@dataclass(frozen=True)
class Outcome:
    """What one case led to. `problems` is empty where everything held."""

    point: Point
    when: str
    kind: str
    state: str
    """`old` or `new`, after the fault."""
    told: str
    """What the loading process said: its result, its error, or nothing because it was killed."""
    problems: tuple[str, ...]
    litter: int
    """Hidden temporary files left in the landing zone after the retry."""


@dataclass
class Run:
    """How a loading process went."""

    states: list[str] | None = None
    error: str | None = None
    has_fired: bool = False
    files: list[tuple[float, str]] = field(default_factory=list)
    hangs: bool = False

    @property
    def told(self) -> str:
        """What it said of itself."""
        return f"done: {', '.join(self.states)}" if self.states is not None else self.error or "nothing"


def scenarios() -> list[Scenario]:
    """A clean delivery, one of persons with broken rows and a quoted line break, one that is refused, and the verbs:
    a correction that is accepted, one that is withdrawn, a held delivery that is loaded again.
    """
    header, *lines = bundled_bytes("register").decode("iso-8859-1").splitlines()
    lines[3] = lines[3].replace("SYNTHETISCH", '"SYNTHE\nTISCH', 1).replace(";VOR", '";VOR', 1)
    lines[5] = lines[5].rsplit(";", 2)[0]
    lines[7] = lines[7].replace(";05913000;", ";5913;", 1)
    register = "\r\n".join([header, *lines[:ROWS], ""]).encode("iso-8859-1")
    corrected = b"\r\n".join(register.split(b"\r\n")[:-2]) + b"\r\n"

    def correction_waits(settings: Settings) -> None:
        accept(settings, "register", register)
        delivery_ledger.decide(settings, deliver(settings, "register", corrected).delivery_id, [])

    def correction_is_accepted(settings: Settings) -> None:
        accept(settings, "register", register)
        accept(settings, "register", corrected)

    return [
        Scenario("employment", "employment", bundled_bytes("employment")),
        Scenario("register, 200 rows", "register", register),
        Scenario("refused header", "register", b"Falsch" + register),
        Scenario("accept a correction", "register", None, correction_waits, "tests.faults.child:accept"),
        Scenario("withdraw a correction", "register", None, correction_is_accepted, "tests.faults.child:withdraw"),
        Scenario("load a held one again", "register", None, correction_waits, "tests.faults.child:reload"),
    ]


def all_cases(points: list[Point]) -> list[tuple[Point, str, str]]:
    """(point, when, kind) of everything that can happen, in an order that does not hang on the moment of a goodbye."""
    ordered = sorted(points, key=lambda point: (point.scenario.name, point.is_file, point.name, point.turn))
    return [(point, *fault) for point in ordered for fault in point.faults]


class Bench:
    """A cluster with one template a scenario, and the prepared parent of the loading processes."""

    def __init__(self, cluster: Settings, folder: Path, loader: str = LOADER):
        self._cluster, self._loader = cluster, loader
        self._name = f"faults_{os.getpid()}_{next(_benches)}"
        self._folder = folder / self._name
        self._folder.mkdir()
        self._numbers = iter(range(1_000_000))
        self._old: dict[str, str] = {}
        self._new: dict[str, str] = {}
        self._landed: dict[str, list[str]] = {}

    def __enter__(self) -> "Bench":
        self._sockets = Path(tempfile.mkdtemp(prefix="lagebild-"))  # a socket's path must be short
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.child"], stdin=subprocess.PIPE, cwd=ROOT, text=True, bufsize=1
        )
        self._templates: dict[str, str] = {}
        return self

    def __exit__(self, *exception) -> None:
        self._parent.stdin.close()
        self._parent.wait()
        with self._administration() as connection:
            for name in self._templates.values():
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
        shutil.rmtree(self._sockets, ignore_errors=True)

    # --- finding the points ----------------------------------------------------------------------------------------

    def points(self, scenario: Scenario) -> list[Point]:
        """Load without a fault, and return its points in order; remembers the state that a load must lead to.

        Of steps, and of file operations, that have one name the first and the last are points: between them nothing is
        committed, and the code that meets the fault is the same.
        """
        with self._warehouse(scenario) as (settings, folder):
            self._old[scenario.name] = state(settings)
            with self._proxy(settings) as proxy:
                run = self._load(settings, folder, scenario, proxy)
            if run.error:
                raise RuntimeError(f"{scenario.name}: a load without a fault failed: {run.error}")
            self._new[scenario.name] = state(settings)
            self._landed[scenario.name] = landed(settings)
            if self._old[scenario.name] == self._new[scenario.name]:
                raise RuntimeError(f"{scenario.name}: the load changed nothing")
        found: list[tuple[float, Point]] = []
        steps = collections.Counter(step.name for step in proxy.steps)
        for step in proxy.steps:
            if step.turn not in (1, steps[step.name]):
                continue
            faults = [(BEFORE, KILL), (BEFORE, CUT)]
            faults += [(AFTER, KILL), (AFTER, CUT)] if step.is_answered else []
            faults += [(BEFORE, DISK_FULL), (BEFORE, LOCK_TIMEOUT)] if step.can_fail else []
            point = Point(scenario, False, step.name, step.turn, steps[step.name], tuple(faults))
            found.append((step.at, point))
        files, turns = collections.Counter(name for _, name in run.files), collections.Counter()
        for at, name in run.files:
            turns[name] += 1
            if turns[name] in (1, files[name]):
                faults = tuple((BEFORE, kind) for kind in (KILL, CUT, DISK_FULL, LOCK_TIMEOUT))
                found.append((at, Point(scenario, True, name, turns[name], files[name], faults)))
        return [point for _, point in sorted(found, key=lambda entry: entry[0])]

    # --- one case --------------------------------------------------------------------------------------------------

    def outcome(self, point: Point, when: str, kind: str) -> Outcome:
        """Load, break it there in this way, look at what is left, load again, and look again."""
        scenario = point.scenario
        with self._warehouse(scenario) as (settings, folder):
            fault = None if point.is_file else Fault(point.name, point.turn, when, kind)
            with self._proxy(settings, fault) as proxy:
                run = self._load(settings, folder, scenario, proxy, point if point.is_file else None, kind)
                has_fired = run.has_fired or proxy.has_fired
            found, problems, litter = self._judged(settings, folder, scenario, run)
        if not has_fired:
            problems.append("the load did not come to this point: it is not repeatable")
        return Outcome(point, when, kind, found, run.told, tuple(problems), litter)

    def held_lock(self, scenario: Scenario, relation: str) -> tuple[Run, str, list[str]]:
        """Load while another session holds a table, with a lock time-out of its own; (run, state, problems)."""
        with self._warehouse(scenario) as (settings, folder):
            impatient = replace(
                settings, warehouse_dsn=make_conninfo(settings.warehouse_dsn, options="-c lock_timeout=200ms")
            )
            with database.connect(settings) as other, self._proxy(impatient) as proxy:
                lock = sql.SQL("lock table {} in access exclusive mode")
                other.execute(lock.format(sql.Identifier(*relation.split("."))))
                run = self._load(impatient, folder, scenario, proxy, others=1)
            return run, *self._judged(settings, folder, scenario, run)[:2]

    def _judged(self, settings: Settings, folder: Path, scenario: Scenario, run: Run) -> tuple[str, list[str], int]:
        """Look at what a broken load left, load again, look again: (old, new or between; problems; litter)."""
        old, new, problems = self._old[scenario.name], self._new[scenario.name], []
        if run.hangs:
            problems.append(f"the load had not ended after {END_SECONDS} s")
        found = {old: "old", new: "new"}.get(state(settings), "between")
        if found == "between":
            problems.append("the state is neither the old nor the new one")
        if run.states is not None and found != "new":
            problems.append("the load said that it was done, and the state is not the new one")
        if found != "new" and scenario.content is not None and not waits(settings, scenario):
            problems.append("the file left the drop folder, and the ledger does not know it")
        problems += [f"the landed file {name} is not whole" for name in broken_landed(settings)]
        with self._proxy(settings) as proxy:
            retry = self._load(settings, folder, scenario, proxy)
        if retry.error or retry.hangs:
            problems.append(f"the retry failed: {retry.error or 'it hangs'}")
        if state(settings) != new:
            problems.append("the retry did not lead to the state of a load without a fault")
        if waits(settings, scenario):
            problems.append("the retry left the file in the drop folder")
        if landed(settings) != self._landed[scenario.name]:
            problems.append(f"the landing zone holds {landed(settings)}")
        litter = sum(path.name.startswith(".") for path in settings.landing.rglob("*") if path.is_file())
        return found, problems, litter

    # --- the pieces ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _warehouse(self, scenario: Scenario) -> Iterator[tuple[Settings, Path]]:
        """A fresh database with the earlier deliveries, and folders with the file to be loaded."""
        template = self._templates.get(scenario.name) or self._make_template(scenario)
        name, folder = f"{template}_{next(self._numbers)}", self._folder / f"case_{next(self._numbers)}"
        self._clone(name, template)
        try:
            settings = _with_folders(on_database(self._cluster, name), folder)
            shutil.copytree(self._folder / template / "keys", settings.keys, dirs_exist_ok=True)
            shutil.copytree(self._folder / template / "landing", settings.landing, dirs_exist_ok=True)
            (folder / "tmp").mkdir()
            if scenario.content is not None:
                drop(settings, scenario.source, scenario.content)
            yield settings, folder
        finally:
            with self._administration() as connection:
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
            shutil.rmtree(folder, ignore_errors=True)

    def _make_template(self, scenario: Scenario) -> str:
        name = f"{self._name}_{len(self._templates)}"
        self._clone(name, "template_warehouse")
        self._templates[scenario.name] = name
        settings = _with_folders(on_database(self._cluster, name), self._folder / name)
        # What is there already must survive: an accepted delivery of another source, and a refused one.
        accept(settings, "ledger")
        deliver(settings, "funding", b"no workbook")
        scenario.before(settings)
        return name

    def _clone(self, name: str, template: str) -> None:
        with self._administration() as connection:
            # Copying files is quicker than logging pages where nothing is synced to disk.
            create = sql.SQL("create database {} template {} strategy file_copy")
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))

    def _administration(self) -> psycopg.Connection:
        return psycopg.connect(**(database.parameters(self._cluster) | {"dbname": "postgres"}), autocommit=True)

    @contextlib.contextmanager
    def _proxy(self, settings: Settings, fault: Fault | None = None) -> Iterator[Proxy]:
        given = conninfo_to_dict(settings.warehouse_dsn)
        self._pid: int | None = None

        def kill() -> None:
            os.kill(self._pid, signal.SIGKILL)

        with Proxy(given["host"], int(given["port"]), fault, kill) as proxy:
            yield proxy

    def _load(self, settings: Settings, folder: Path, scenario: Scenario, proxy: Proxy,
              point: Point | None = None, kind: str | None = None, others: int = 0) -> Run:  # fmt: skip
        # Neither TLS nor GSS: the proxy reads along.
        plain = {"host": "127.0.0.1", "port": str(proxy.port), "sslmode": "disable", "gssencmode": "disable"}
        through = replace(settings, warehouse_dsn=make_conninfo(settings.warehouse_dsn, **plain))
        place = {} if point is None else {"operation": point.name, "turn": point.turn, "kind": kind}
        task = Task(through, folder, scenario.source, scenario.verb or self._loader, **place)
        address = self._sockets / str(next(self._numbers))
        with Listener(str(address), family="AF_UNIX") as listener:
            self._parent.stdin.write(f"{address}\n")
            with listener.accept() as child:
                run = _followed(self, child, task, proxy)
        _wait_for_backends(settings, others)
        return run


def _followed(bench: Bench, child: Connection, task: Task, proxy: Proxy) -> Run:
    """Give the child its task and listen until it ends."""
    run, deadline = Run(), time.monotonic() + END_SECONDS
    with contextlib.suppress(EOFError, OSError):
        while True:
            if not child.poll(max(0.0, deadline - time.monotonic())):
                run.hangs = True
                os.kill(bench._pid, signal.SIGKILL)
                break
            what, value = child.recv()
            if what == "pid":
                bench._pid = value
                child.send(task)
            elif what == "fired":
                run.has_fired = True
            elif what == "cut":
                proxy.cut()
                child.send("cut")
            elif what == "files":
                run.files = value
            elif what == "done":
                run.states = value
            elif what == "error":
                run.error = value
    return run


def _with_folders(settings: Settings, folder: Path) -> Settings:
    names = ("drop", "landing", "keys", "extracts")
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
    return replace(settings, home=folder / "home", **{name: folder / name for name in names})


def _wait_for_backends(settings: Settings, others: int) -> None:
    """Until the server has noticed that the client is gone; a transaction that is still open is no state.

    `others` connections are the test's own and stay.
    """
    with database.connect(settings, autocommit=True) as connection:
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            (count,) = connection.execute(
                "select count(*) from pg_stat_activity where datname = current_database()"
                " and pid <> pg_backend_pid() and backend_type = 'client backend'"
            ).fetchone()
            if count <= others:
                return
            time.sleep(0.005)
    raise RuntimeError("a connection of the load is still open on the server")


# --- state ------------------------------------------------------------------------------------------------------------


def state(settings: Settings) -> str:
    """Digest of everything in schema `raw` (but moments and running numbers) and of the names of all tables."""
    with database.connect(settings) as connection:
        tables = connection.execute(
            "select n.nspname, c.relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace"
            " where c.relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema')"
            " order by 1, 2"
        ).fetchall()
        # Identities have gaps where a transaction was rolled back: a delivery is known by what it is.
        known = dict(
            connection.execute(
                "select delivery_id, dense_rank() over (order by source, period, sha256, attempt) from raw.delivery"
            ).fetchall()
        )
        contents = {f"raw.{name}": _rows(connection, name, known) for schema, name in tables if schema == "raw"}
    text = json.dumps([[f"{schema}.{name}" for schema, name in tables], contents], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _rows(connection: psycopg.Connection, table: str, deliveries: dict[int, int]) -> list[str]:
    """The table's rows as text, sorted, with the ledger's numbers replaced."""
    columns = connection.execute(
        "select a.attname, exists (select from pg_constraint as f where f.conrelid = a.attrelid and f.contype = 'f'"
        " and f.confrelid in ('raw.delivery'::regclass, 'raw.snapshot'::regclass) and a.attnum = any(f.conkey))"
        " or a.attname in ('delivery_id', 'ended_by', 'part_id')"
        " from pg_attribute as a left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum"
        " where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped"
        " and a.atttypid not in ('timestamptz'::regtype, 'timestamp'::regtype, 'interval'::regtype)"
        " and (a.attname = 'delivery_id' or a.attidentity = '' and"
        "  coalesce(pg_get_expr(d.adbin, d.adrelid), '') not like '%%nextval%%')"
        " and a.attname !~ '_(seconds|ms)$' order by a.attnum",
        [f'raw."{table}"'],
    ).fetchall()
    names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns)
    rows = connection.execute(sql.SQL("select {} from {}").format(names, sql.Identifier("raw", table))).fetchall()
    is_delivery = [refers for _, refers in columns]
    return sorted(
        json.dumps(
            [deliveries.get(v, v) if refers else v for v, refers in zip(row, is_delivery, strict=True)], default=str
        )
        for row in rows
    )


def waits(settings: Settings, scenario: Scenario) -> bool:
    """Whether the delivery still lies in the drop folder, whole."""
    file = settings.drop / scenario.source / contracts.load(scenario.source).example
    return file.exists() and file.read_bytes() == scenario.content


def landed(settings: Settings) -> list[str]:
    """Files of the landing zone, by their path below it; hidden ones are being written."""
    files = (path for path in settings.landing.rglob("*") if path.is_file() and not path.name.startswith("."))
    return sorted(str(path.relative_to(settings.landing)) for path in files)


def broken_landed(settings: Settings) -> list[str]:
    """Landed files whose bytes are not those that their name says."""
    return [
        name
        for name in landed(settings)
        if hashlib.sha256((settings.landing / name).read_bytes()).hexdigest() != Path(name).name.split(".")[0]
    ]
