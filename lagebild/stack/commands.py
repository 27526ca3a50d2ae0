"""What `make up`, `make down`, `make status` and `make run` do."""

import contextlib
import fcntl
import threading
import time
from collections.abc import Iterator

import psycopg
from rich.console import Console

from ingest import contracts
from lagebild import database
from lagebild.errors import UserError
from lagebild.settings import Settings, with_demo
from lagebild.stack import airflow, demo, pages, postgres
from lagebild.stack.progress import Board


def up(settings: Settings, console: Console) -> None:
    """Start PostgreSQL and Airflow where they do not run, and bring the warehouse to this code's state."""
    with Board(console) as board:
        _up(settings, board)
    status(settings, console)


def down(settings: Settings, console: Console) -> None:
    """Stop everything of this checkout; what was loaded stays."""
    if not settings.home.exists():
        console.print(f"nothing to stop: there is no {settings.home}", soft_wrap=True)
        return
    with Board(console) as board:
        board.doing("stopping Airflow")
        airflow.stop(settings)
        pages.SERVER.stop(settings)
        demo.SERVER.stop(settings)
        board.doing("stopping PostgreSQL")
        postgres.stop(settings)
    console.print("stopped; make up or make run starts it again with all that was loaded")


def status(settings: Settings, console: Console) -> None:
    """Print what runs, where it listens, and where the files are."""
    for line in _status_lines(settings):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def run(settings: Settings, console: Console) -> None:
    """Everything that is due, from the drop folder to the extract, then the figures. UserError when a DAG run fails."""
    # Late: the layers below import dbt's and the gate's rooms, which up, down and status do not need.
    from lagebild import headline
    from lagebild.stack import run as steps

    began, began_at = time.monotonic(), steps.now()
    with _one_at_a_time(settings), Board(console) as board:
        since = _up(settings, board)
        steps.claim(settings)
        if settings.demo:
            settings = with_demo(settings)
            demo.wait(settings)
            steps.make_demo_keys(settings)
            if dropped := steps.drop_bundled(settings):
                board.say(f"{dropped} bundled deliveries were put into {settings.drop} and onto the demo's SFTP server")
        if steps.is_nothing_due(settings):
            board.say("nothing new: every delivery is decided, marts and extract are up to date")
        else:
            rest = airflow.client(settings)
            steps.wait_for_dags(rest, since, board)
            has_loaded = steps.run_ingest(settings, rest, board)
            has_built = steps.run_build(settings, rest, board, began_at, is_event_due=has_loaded)
            steps.run_release(settings, rest, board, began_at, is_event_due=has_built)
    waiting = steps.waiting_lines(settings, began_at)
    for line in ["", *headline.lines(settings), "", *waiting, *_access_lines(settings)]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(f"done in {time.monotonic() - began:.0f} s; the stack stays up (make down stops it)")


def _up(settings: Settings, board: Board) -> float:
    """Since which epoch second Airflow's present processes run."""
    from lagebild.warehouse.migrate import migrate

    for folder in (settings.landing, settings.extracts, *(settings.drop / source for source in contracts.sources())):
        folder.mkdir(parents=True, exist_ok=True)
    settings.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    board.doing("starting PostgreSQL")
    postgres.start(settings, board.say)
    pages.SERVER.start(settings)
    if settings.demo:
        demo.start(settings)
    board.doing("starting Airflow and preparing the warehouse")
    with _beside(lambda: airflow.start(settings, board.say)) as since:
        for name in migrate(settings):
            board.say(f"migration {name} applied")
    return since()


@contextlib.contextmanager
def _beside(work) -> Iterator:
    """Do `work` in a thread beside the block; yields a function that waits for it and returns what it returned."""
    outcome: dict = {}

    def target() -> None:
        try:
            outcome["value"] = work()
        except BaseException as error:
            outcome["error"] = error

    def result():
        thread.join()
        if "error" in outcome:
            raise outcome["error"]
        return outcome["value"]

    thread = threading.Thread(target=target)
    thread.start()
    try:
        yield result
    finally:
        thread.join()


@contextlib.contextmanager
def _one_at_a_time(settings: Settings):
    settings.home.mkdir(parents=True, exist_ok=True)
    with open(settings.home / "run.lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"another make run is under way for {settings.home}", remedy="wait until it has ended"
            ) from error
        yield


def _status_lines(settings: Settings) -> list[str]:
    runs = postgres.is_running(settings)
    lines = [f"state folder:   {settings.home}", f"drop folder:    {settings.drop}/<source>/"]
    lines += [f"inbox:          {url}" for url in settings.inboxes]
    if settings.warehouse_dsn:
        where = f"{_of(settings, 'host')}:{_of(settings, 'port')}, database {_of(settings, 'dbname')}"
        lines.append(f"warehouse:      {'answers' if runs else 'does not answer'} at {where} (LAGEBILD_WAREHOUSE_DSN)")
    else:
        port = settings.ports().get("postgres")
        lines.append(f"PostgreSQL:     {f'runs on 127.0.0.1:{port}' if runs else 'is stopped'}")
        if settings.home.exists():
            cluster = postgres.locate(settings, create=False)
            lines.append(f"  cluster:      {cluster.data}")
            lines.append(f"  programs:     {cluster.binaries}")
    alive = airflow.components(settings)
    if airflow.is_running(settings):
        lines.append(f"Airflow:        runs at {airflow.url(settings)}")
    elif alive or airflow.processes(settings):
        lines.append(f"Airflow:        partly runs ({', '.join(alive) or 'left-overs'}); make up repairs it")
    else:
        lines.append("Airflow:        is stopped")
    lines.append(f"checks:         {pages.url(settings) or f'are not served (log: {pages.SERVER.log_path(settings)})'}")
    if runs:
        lines += _warehouse_lines(settings)
        lines += _access_lines(settings)
    else:
        lines.append("make up starts it")
    return lines


def _warehouse_lines(settings: Settings) -> list[str]:
    with database.connect(settings) as connection:
        try:
            kind = connection.execute("select kind from raw.warehouse").fetchone()
            (publication,) = connection.execute("select publication_id from published.current_publication").fetchone()
            states = connection.execute("select state, count(*) from raw.delivery group by 1 order by 1").fetchall()
        except psycopg.errors.UndefinedTable:
            connection.rollback()
            return ["warehouse:      empty, not prepared yet"]
    held = {"demo": "bundled (demo) deliveries", "own": "own deliveries"}[kind[0]] if kind else "nothing yet"
    counts = ", ".join(f"{count} {state}" for state, count in states) or "none"
    return [
        f"warehouse:      holds {held}",
        f"deliveries:     {counts}",
        f"publication:    {publication or 'none yet'}",
    ]


def _access_lines(settings: Settings) -> list[str]:
    lines = [f"for BI tools:   {database.url(settings, database.BI_READER)}  (schema marts)"]
    if airflow.is_running(settings):
        login = f"user {airflow.ADMIN}, password {settings.secret('airflow_admin')}"
        lines.append(f"Airflow:        {airflow.url(settings)}  ({login})")
    newest = max(
        (p for p in settings.extracts.glob("publication-*/*") if not p.name.startswith(".")),
        key=lambda p: p.stat().st_mtime,
        default=None,
    )
    lines.append(f"extract:        {newest or f'none yet in {settings.extracts}'}")
    return lines


def _of(settings: Settings, name: str) -> str:
    return database.parameters(settings).get(name, "")
