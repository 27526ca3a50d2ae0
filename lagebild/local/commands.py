"""What `make up`, `make down` and `make run` do."""

import contextlib
import fcntl
import os
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

from ingest import contracts
from lagebild.core import boards, database, disk, output
from lagebild.core.errors import UserError
from lagebild.core.progress import Board
from lagebild.core.settings import Settings, with_demo
from lagebild.core.stages import spent
from lagebild.local import airflow, bi, demo, pages, postgres, status
from lagebild.local.rest import Rest

SHOWN_WAITING = 5
"""How many held deliveries are named at the end of a run."""


def up(settings: Settings) -> None:
    """Start PostgreSQL and Airflow if they do not run, and migrate the warehouse to this version."""
    with boards.board() as board:
        _up(settings, board)
    for line in status.addresses(settings):
        output.say(line)


def down(settings: Settings) -> None:
    """Stop everything of this checkout; data is kept."""
    if not settings.home.exists():
        output.say(f"nothing to stop: there is no {settings.home}")
        return
    with boards.board() as board:
        with board.stage("Airflow") as stage:
            bi.SERVER.stop(settings)  # first: it reads from PostgreSQL
            airflow.stop(settings)
            pages.SERVER.stop(settings)
            demo.SERVER.stop(settings)
            stage.result = "stopped"
        with board.stage("PostgreSQL") as stage:
            postgres.stop(settings)
            stage.result = "stopped"
    output.say("make up or make run starts it again with all that was loaded")


def run(settings: Settings) -> None:
    """Do everything that is due, from drop folder to extract; print the figures. UserError if a DAG run fails."""
    # Late: these import dbt and the gate, which up and down do not need.
    from lagebild.local import run as steps
    from lagebild.provenance import headline

    began_at = steps.now()
    with _one_at_a_time(settings), boards.board() as board:
        since = _up(settings, board)
        steps.claim(settings)
        dropped = 0
        if settings.demo:
            settings = with_demo(settings)
            demo.wait(settings)
            steps.make_demo_keys(settings)
            if dropped := steps.drop_bundled(settings):
                board.say(f"{dropped} bundled deliveries were put into {settings.drop} and onto the demo's SFTP server")
        if steps.is_nothing_due(settings):
            board.say("nothing new: every delivery is decided, marts and extract are up to date")
        else:
            _run_due(settings, board, since, began_at, dropped)
    _tell_result(settings, headline.lines(settings), steps.waiting_lines(settings, began_at))
    output.say(f"done in {spent((steps.now() - began_at).total_seconds())}; the stack stays up (make down stops it)")


def _run_due(settings: Settings, board: Board, since: float, began_at, expected: int) -> None:
    """Load, build and release what is due; each is a stage of the board."""
    from lagebild.local import run as steps
    from lagebild.local.load_progress import followed

    rest = _client(settings, board)
    with board.stage("DAGs") as stage:
        steps.wait_for_dags(rest, since, board)
        stage.result = "read"
    with board.stage("deliveries") as stage, followed(settings, board, stage, expected):
        has_loaded = steps.run_ingest(settings, rest, board)
    with board.stage("marts") as stage:
        has_built = steps.run_build(settings, rest, board, began_at, is_event_due=has_loaded)
        waits = steps.waiting_build(settings) is not None
        built = "built and checked, wait for approval" if waits else "built, checked and published"
        stage.result = built if has_built else "are up to date"
    with board.stage("extract") as stage:
        steps.run_release(settings, rest, board, began_at, is_event_due=has_built and not waits)
        stage.result = "none: nothing new is published" if waits else "written"


def _client(settings: Settings, board: Board) -> Rest:
    """Airflow's API. The board shows when it is slow; if a part of the stack died, waiting ends."""
    rest = airflow.client(settings)
    rest.say = board.warn
    rest.is_alive = lambda: (
        postgres.is_running(settings) and set(airflow.components(settings)) == set(airflow.COMPONENTS)
    )
    return rest


def _tell_result(settings: Settings, figures: list[str], waiting: list[str]) -> None:
    """Print the figures, what waits for a decision, and the addresses; also into a log."""
    output.say()
    for line in figures:
        output.say(line)
    output.say()
    for line in waiting[:SHOWN_WAITING]:
        output.say(f"! {line}", stands_out=True)
    if waiting[SHOWN_WAITING:]:
        output.say(f"! and {len(waiting) - SHOWN_WAITING} more: lagebild delivery held")
    for line in status.addresses(settings):
        output.say(line)


def _up(settings: Settings, board: Board) -> float:
    """Start the stack; the epoch second at which Airflow's processes started."""
    from lagebild.warehouse import server_version
    from lagebild.warehouse.migrate import migrate

    settings.make_home()
    _make_folders(settings, board)
    with board.stage("PostgreSQL") as stage:
        postgres.start(settings, board.doing)
        stage.result = "runs" if settings.warehouse_dsn else f"runs on 127.0.0.1:{settings.ports()['postgres']}"
    pages.SERVER.start(settings)
    if settings.demo:
        demo.start(settings)
    with board.stage("Airflow") as airflows:
        with _beside(lambda: airflow.start(settings, board.doing)) as since, board.stage("warehouse") as stage:
            applied = migrate(settings)
            for name in applied:
                board.detail(f"migration {name} applied")
            stage.result = f"{len(applied)} migration{'s' * (len(applied) != 1)} applied" if applied else "up to date"
            with database.connect(settings) as connection:
                lacking = server_version.findings(connection)
        for line in [*lacking, *disk.short(settings)]:
            board.warn(line)
        for line in disk.shared(settings):  # the demo's files are bundled ones, and few
            (board.detail if settings.demo else board.warn)(line)
        began = since()
        airflows.result = f"runs at {airflow.url(settings)}"
    return began


def _make_folders(settings: Settings, board: Board) -> None:
    """Create the folders of deliveries, keys and packages. Folders that an earlier version left open are closed."""
    settings.make_folders()
    for source in contracts.sources():
        (settings.drop / source).mkdir(exist_ok=True, mode=0o700)
    for folder in (settings.landing, settings.keys, settings.home / "airflow" / "logs"):
        if folder.exists() and folder.stat().st_mode & 0o077 and folder.stat().st_uid == os.geteuid():
            folder.chmod(0o700)
            board.say(f"{folder} was open to other users of this machine: it is closed now")
    if settings.drop.stat().st_mode & 0o007:  # its owner may have allowed others to put files there: only warn
        board.warn(f"{settings.drop} is open to every user of this machine: chmod o-rwx, and give suppliers a group")


@contextlib.contextmanager
def _beside(work) -> Generator:
    """Do `work` in a thread beside the block; yields a function that waits for it and returns what it returned."""
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(work).result


@contextlib.contextmanager
def _one_at_a_time(settings: Settings):
    settings.make_home()
    with open(settings.home / "run.lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"another make run is under way for {settings.home}", remedy="wait until it has ended"
            ) from error
        yield
