"""What is measured of one build, phase by phase: each takes a stack and returns figures by name.

A phase that did not do what it is about (a file not accepted, nothing published, a stack that was not quiet) raises
Failed: what is not done is done fast.
"""

import os
import re
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from lagebild.core import database
from lagebild.core.settings import Settings
from lagebild.local import airflow, postgres
from tests.bench.family import Family, Ran
from tests.bench.measure import Failed
from tests.conftest import remove_state, settings_in

Figures = dict[str, float]

IDLE_SECONDS = 60
SETTLE_SECONDS = 30
"""What ended lately (a DAG's last callbacks, the checkpointer) is not idle yet."""
TICK_SECONDS = 300
"""`receive_files` looks into the inboxes so often; by the clock."""
AFTER_A_TICK_SECONDS, BEFORE_A_TICK_SECONDS = 45, 10
DAY_AFTER_SECONDS = 120
QUESTIONS = {
    "held": ("held",),
    "explain": ("explain", "cost_per_person", "--place", "05913000", "--year", "2019"),
    "status": ("status",),
}
TIMES = 5
LOADED_YEARS, BUILT_YEAR, DELIVERED_YEAR = (2020, 2021, 2022), 2023, 2024
ASKS_A_PERSON = "decide_held"
"""Its run goes on until somebody answers: for hours, and idle."""
INGEST = r"ingest\_\_%"
PASSED_ON = ("airflow",)
"""Commands whose `--help` is another program's."""


@dataclass(frozen=True)
class Stack:
    """A clone of one commit and a state folder of its own."""

    family: Family
    checkout: Path
    home: Path

    @property
    def settings(self) -> Settings:
        return settings_in(self.home)

    @property
    def environment(self) -> dict[str, str]:
        """Ours without what would lead elsewhere, or what `make` and pytest pass on."""
        foreign = (
            "LAGEBILD_",
            "AIRFLOW_",
            "MAKE",
            "MFLAGS",
            "OPTIONS",  # of `make bench`, which would become those of `make run`
            "ONLY",
            "AGAINST",
            "PYTEST",
            "PYTHON",
            "VIRTUAL_ENV",
            "UV_PROJECT",
            "COLUMNS",
        )
        own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return own | {"LAGEBILD_HOME": str(self.home)}

    def lagebild(self, *arguments: str | Path) -> Ran:
        return self._run(self.checkout / ".venv" / "bin" / "lagebild", *arguments)

    def make(self, target: str) -> Ran:
        return self._run("make", "--no-print-directory", target)

    def python(self, program: str) -> Ran:
        return self._run(self.checkout / ".venv" / "bin" / "python", "-c", program)

    def metadata(self, query: str, *parameters: object) -> list[tuple]:
        """What Airflow's metadata database says."""
        with psycopg.connect(postgres.airflow_dsn(self.settings)) as connection:
            return connection.execute(query, parameters).fetchall()

    def warehouse(self, query: str, *parameters: object) -> list[tuple]:
        with database.connect(self.settings) as connection:
            return connection.execute(query, parameters).fetchall()

    @property
    def publication(self) -> int:
        """The publication in force; 0: none."""
        return self.warehouse("select coalesce(max(publication_id), 0) from published.current_publication")[0][0]

    def remove(self) -> None:
        """Stop whatever runs, and delete the state folder."""
        if self.home.exists():
            if (self.checkout / ".venv").exists():
                self.lagebild("down")
            remove_state(self.settings)

    def _run(self, *command: str | Path) -> Ran:
        return self.family.run(list(command), self.environment, self.checkout)


# --- the phases ------------------------------------------------------------------------------------------------------


def environment(stack: Stack) -> Figures:
    """`make environment` in the fresh clone. No target: but what a first run saves must not have moved here."""
    return {"seconds": stack.make("environment").seconds}


def first_run(stack: Stack) -> Figures:
    """`make run` with the environment there and an empty state folder."""
    ran = stack.make("run")
    times = "select extract(epoch from min(queued_dttm)), extract(epoch from min(start_date)) from task_instance"
    queued, started = stack.metadata(f"{times} where dag_id like %s", INGEST)[0]
    if queued is None or started is None:
        raise Failed("the first run had no task of an ingest DAG: nothing can be said about when it began")
    return {
        "seconds": ran.seconds,
        "cpu_seconds": ran.family_seconds,
        "lines": ran.lines,
        "start_seconds": float(started) - ran.began_at,
        "publication_seconds": _published_at(stack) - float(queued),
    }


def idle(stack: Stack, seconds: float = IDLE_SECONDS) -> Figures:
    """CPU a minute and memory of the whole stack while no task runs: between two looks into the inboxes."""
    wait_until_quiet(stack)
    time.sleep(SETTLE_SECONDS)
    time.sleep(seconds_until_room(time.time(), seconds + BEFORE_A_TICK_SECONDS))
    began, before = time.monotonic(), stack.family.cpu_seconds()
    began_at = time.time()
    time.sleep(seconds)
    spent, passed = stack.family.cpu_seconds() - before, time.monotonic() - began
    ran = stack.metadata(
        "select dag_id, task_id from task_instance where start_date < to_timestamp(%s)"
        " and coalesce(end_date, now()) > to_timestamp(%s) and dag_id <> %s",
        time.time(), began_at, ASKS_A_PERSON,
    )  # fmt: skip
    if ran:
        raise Failed(f"the stack was not idle: {', '.join('.'.join(row) for row in ran)} ran meanwhile")
    memory = stack.family.memory()
    return {
        "cpu_seconds_a_minute": spent / passed * 60,
        "pss_mb": memory.pss_mb,
        "rss_mb": memory.rss_mb,
        "processes": memory.processes,
    }


def look(stack: Stack, idle_rate: float) -> Figures:
    """One look into the inboxes by `receive_files`, which finds nothing."""
    _wait_for_room(40)
    meter = Meter(stack.family, idle_rate)
    run = airflow.client(stack.settings).trigger("receive_files")
    _wait_for_run(stack, run.dag_id, run.run_id)
    time.sleep(3)
    return {"cpu_seconds": meter.cpu_seconds()}


def ask(stack: Stack, idle_rate: float) -> Figures:
    """Commands that only ask the database: what one costs, of several in a row."""
    found: Figures = {}
    _wait_for_room(30)
    for name, arguments in QUESTIONS.items():
        stack.lagebild(*arguments)  # the first compiles what it imports
        meter = Meter(stack.family, idle_rate)
        ran = [stack.lagebild(*arguments) for _ in range(TIMES)]
        found[f"{name}_cpu_seconds"] = meter.cpu_seconds() / TIMES
        found[f"{name}_seconds"] = statistics.median(one.seconds for one in ran)
    return found


def load(stack: Stack, idle_rate: float) -> Figures:
    """`lagebild load FILE` of a file of two rows, three times; each must be accepted."""
    costs, seconds = [], []
    _wait_for_room(45)
    for year in LOADED_YEARS:
        file = small_file(stack.checkout, year, stack.home.parent / f"{stack.home.name}-files")
        meter = Meter(stack.family, idle_rate)
        seconds.append(stack.lagebild("load", file).seconds)
        costs.append(meter.cpu_seconds())
        _assert_accepted(stack, file.name)
    return {"cpu_seconds": statistics.median(costs), "seconds": statistics.median(seconds)}


def build(stack: Stack, idle_rate: float) -> Figures:
    """`lagebild build` of the demo, once a delivery more is accepted."""
    file = small_file(stack.checkout, BUILT_YEAR, stack.home.parent / f"{stack.home.name}-files")
    stack.lagebild("load", file)
    _assert_accepted(stack, file.name)
    before = stack.publication
    _wait_for_room(60)
    meter = Meter(stack.family, idle_rate)
    ran = stack.lagebild("build")
    if stack.publication == before:
        raise Failed(f"the build published nothing:\n{ran.output}")
    return {"cpu_seconds": meter.cpu_seconds(), "seconds": ran.seconds, "lines": ran.lines}


def day_after(stack: Stack) -> Figures:
    """One file put into the drop folder: from there through Airflow to another publication in force.

    The look into the inboxes, which comes every five minutes, is started at once.
    """
    wait_until_quiet(stack)
    _wait_for_room(DAY_AFTER_SECONDS)
    before, folder = stack.publication, stack.settings.drop / "employment"
    file = small_file(stack.checkout, DELIVERED_YEAR, stack.home.parent / f"{stack.home.name}-files")
    rest = airflow.client(stack.settings)
    rest.dags()  # logs in
    with database.connect(stack.settings, autocommit=True) as connection:
        began = time.monotonic()
        shutil.copyfile(file, folder / f"{file.name}.part")
        (folder / f"{file.name}.ok").touch()
        os.replace(folder / f"{file.name}.part", folder / file.name)
        rest.trigger("receive_files")
        in_force = "select publication_id from published.current_publication"
        while connection.execute(in_force).fetchone()[0] == before:
            if time.monotonic() - began > 600:
                raise Failed("ten minutes after a file was dropped nothing new was published")
            time.sleep(0.1)
        seconds = time.monotonic() - began
    _assert_accepted(stack, file.name)
    wait_until_quiet(stack)
    return {"seconds": seconds}


def up(stack: Stack) -> Figures:
    """`make up` of a stack that was there before."""
    stack.make("down")
    ran = stack.make("up")
    return {"seconds": ran.seconds, "lines": ran.lines}


def ask_for_help(stack: Stack) -> Figures:
    """`--help` of every command, with everything stopped."""
    ways = [way for way, _ in commands(lambda way: stack.lagebild(*way, "--help").output)]
    costs = [stack.lagebild(*way, "--help").family_seconds for way in ways]
    return {"max_cpu_seconds": max(costs), "median_cpu_seconds": statistics.median(costs), "commands": len(costs)}


def bare(stack: Stack) -> Figures:
    """The same work without Airflow: `load` of all bundled files in one command, `build`, `extract`."""
    files = stack.python((Path(__file__).parent / "bare.py").read_text()).output.split()
    ran = [stack.lagebild("load", *files), stack.lagebild("build"), stack.lagebild("extract")]
    if not stack.publication:
        raise Failed(f"the bare way published nothing:\n{ran[1].output}")
    return {"seconds": sum(one.seconds for one in ran), "cpu_seconds": sum(one.family_seconds for one in ran)}


# --- what they share -------------------------------------------------------------------------------------------------


class Meter:
    """CPU of the whole family since now, less what the stack takes anyway: whoever serves a command is counted."""

    def __init__(self, family: Family, idle_rate: float):
        self._family, self._idle_rate = family, idle_rate
        self._began, self._before = time.monotonic(), family.cpu_seconds()

    def cpu_seconds(self) -> float:
        """CPU seconds; `idle_rate` is CPU seconds a second."""
        return self._family.cpu_seconds() - self._before - self._idle_rate * (time.monotonic() - self._began)


def small_file(checkout: Path, year: int, folder: Path) -> Path:
    """The bundled delivery of employment as if of another year: two rows that nobody has to decide on.

    A little more than the year before, for the checks know a file that comes again under another year.
    """
    name = "eu2_employees_{}.csv"
    header, *rows = (checkout / "ingest" / "bundled" / "employment" / name.format(2019)).read_text().splitlines()
    place = header.split(";").index("Sozialversicherungspflichtig Beschäftigte")
    lines = [header]
    for row in rows:
        fields = row.replace("31.12.2019", f"31.12.{year}").split(";")
        persons = int(fields[place].replace(".", ""))
        fields[place] = f"{persons + persons * (year - 2019) // 100:,}".replace(",", ".")
        lines.append(";".join(fields))
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name.format(year)
    file.write_text("\n".join([*lines, ""]))
    return file


def commands(help_of: Callable[[tuple[str, ...]], str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every command and group as the words that call it, with its help; Failed where the help names none."""
    open_ways: list[tuple[str, ...]] = [()]
    while open_ways:
        way = open_ways.pop()
        text = help_of(way)
        names = named_commands(text)
        if not way and not names:
            raise Failed(f"the help names no command:\n{text}")
        yield way, text
        open_ways += [(*way, name) for name in names if name not in PASSED_ON]


def named_commands(text: str) -> list[str]:
    """The commands that a help text lists, under whatever headings but `Options:` and `Usage:`."""
    names, is_list = [], False
    for line in text.splitlines():
        if re.match(r"\S", line):
            is_list = line.endswith(":") and not line.startswith(("Options", "Usage", "Arguments"))
        elif is_list and (match := re.match(r"  ([a-z][a-z0-9-]*)(?:  |$)", line)):
            names.append(match[1])
    return names


def seconds_until_room(now: float, needed: float) -> float:
    """How long to wait until so many seconds pass without a look into the inboxes."""
    since = now % TICK_SECONDS
    if since < AFTER_A_TICK_SECONDS:
        return AFTER_A_TICK_SECONDS - since
    return 0.0 if since + needed <= TICK_SECONDS else TICK_SECONDS - since + AFTER_A_TICK_SECONDS


def wait_until_quiet(stack: Stack, timeout: float = 600) -> None:
    """Until no DAG run is queued or running; Failed, with their names, after so many seconds, or where one failed."""
    deadline = time.monotonic() + timeout
    open_runs = "select distinct dag_id from dag_run where state in ('queued', 'running') and dag_id <> %s"
    while rows := stack.metadata(open_runs, ASKS_A_PERSON):
        if time.monotonic() > deadline:
            raise Failed(f"these DAGs did not come to an end: {', '.join(row[0] for row in rows)}")
        time.sleep(1)
    if failed := stack.metadata("select distinct dag_id from dag_run where state = 'failed'"):
        raise Failed(f"these DAGs failed: {', '.join(row[0] for row in failed)}")


def _wait_for_room(needed: float) -> None:
    """A look into the inboxes beside a command would be on the command's account."""
    time.sleep(seconds_until_room(time.time(), needed))


def _wait_for_run(stack: Stack, dag_id: str, run_id: str, timeout: float = 300) -> None:
    deadline = time.monotonic() + timeout
    state = "select state from dag_run where dag_id = %s and run_id = %s"
    with psycopg.connect(postgres.airflow_dsn(stack.settings), autocommit=True) as connection:
        while (found := connection.execute(state, [dag_id, run_id]).fetchone()) != ("success",):
            if found == ("failed",) or time.monotonic() > deadline:
                raise Failed(f"{run_id} of {dag_id} is {found[0] if found else 'unknown'}")
            time.sleep(0.25)


def _published_at(stack: Stack) -> float:
    """When the first publication was in force, epoch seconds: the end of the task that made it.

    The publication's own time is when its transaction began.
    """
    (began,) = stack.warehouse("select extract(epoch from min(published_at)) from published.publication")[0]
    if began is None:
        raise Failed("the first run published nothing")
    ends = "select extract(epoch from min(end_date)) from task_instance where dag_id = 'build_warehouse'"
    (ended,) = stack.metadata(f"{ends} and end_date >= to_timestamp(%s)", began)[0]
    if ended is None:
        raise Failed("no task of build_warehouse ended after the publication: who made it?")
    return float(ended)


def _assert_accepted(stack: Stack, file_name: str) -> None:
    rows: list[Any] = stack.warehouse("select state, reason from raw.delivery where file_name = %s", file_name)
    if [row[0] for row in rows] != ["accepted"]:
        raise Failed(f"{file_name} was to be accepted, and the ledger says {rows or 'nothing of it'}")
