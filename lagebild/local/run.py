"""`make run`: do what is due with the real scheduler, until marts and extract are up to date.

The ledger says what is due; Airflow's runs are only watched. So a killed run can be continued at any point, and if
nothing is due no DAG run is started.
"""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import ingest
from extracts import due
from ingest import contracts
from ingest.deliveries import delivery_ledger, landing, pseudonyms
from ingest.inbox import inbox
from ingest.pulls import catalogue, fetch_log
from ingest.pulls.due import due_items
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.progress import Board
from lagebild.core.settings import Settings
from lagebild.local import airflow, demo, postgres
from lagebild.local.rest import Rest, Run, Task
from lagebild.warehouse import build

BUNDLED = Path(ingest.__file__).parent / "bundled"
FILES, BUILD, RELEASE = "ingest_files", "build_warehouse", "release_extract"
EVENT_SECONDS = 3
"""How long to wait for an asset's event to start its DAG before we start it ourselves."""
POLL_SECONDS = 0.5
REFUSED = "refused"
"""Last word of the label of a task whose file was refused (`operators.Ingest`)."""
DONE = ("success", "failed", "skipped", "upstream_failed")
DELIVERY_SUFFIXES = (".csv", ".json", ".xlsx")
BY_SFTP = ("ledger",)
"""Sources whose bundled deliveries arrive by SFTP, as from a finance department."""


# --- before the runs -------------------------------------------------------------------------------------------------


def claim(settings: Settings) -> None:
    """Decide at the first run whether the warehouse holds bundled or own deliveries; UserError on a later change."""
    kind = "demo" if settings.demo else "own"
    with database.connect(settings) as connection:
        row = connection.execute("select kind from raw.warehouse").fetchone()
        if row is None:
            # Files from before the first `make run` are the user's own.
            own = {d.sha256 for d in delivery_ledger.deliveries(settings)} - {
                landing.sha256(path) for path in bundled_files()
            }
            row = ("own" if own else kind,)
            connection.execute("insert into raw.warehouse (kind) values (%s)", row)
    if row[0] != kind:
        has, flag = ("bundled (demo)", "1") if row[0] == "demo" else ("your own", "0")
        raise UserError(
            f"this warehouse holds {has} deliveries, and LAGEBILD_DEMO={int(settings.demo)} would mix in the others",
            remedy=f"set LAGEBILD_DEMO={flag}, or set LAGEBILD_HOME (or LAGEBILD_WAREHOUSE_DSN) to another, empty one",
        )


def bundled_files() -> list[Path]:
    """The deliveries that ship with Lagebild, by source and name."""
    folders = (BUNDLED / source for source in contracts.sources())
    return sorted(path for folder in folders for path in folder.glob("*") if path.suffix in DELIVERY_SUFFIXES)


def drop_bundled(settings: Settings) -> int:
    """Send bundled deliveries that are not in the ledger, by SFTP or into the drop folder; their number.

    UserError if a file there is not a bundled one: own and bundled deliveries never mix.
    """
    digests = {landing.sha256(path): path for path in bundled_files()}
    waiting = {landing.sha256(file): file for files in inbox.local_files(settings).values() for file in files}
    for digest, file in waiting.items():
        if digest not in digests:
            raise UserError(
                f"{file} is not a bundled delivery, and bundled and own deliveries never mix",
                remedy="for your own files: LAGEBILD_DEMO=0 with an empty LAGEBILD_HOME; or move the file away",
            )
    known = {delivery.sha256 for delivery in delivery_ledger.deliveries(settings)} | set(waiting)
    new = [path for digest, path in digests.items() if digest not in known]
    for path in new:
        is_uploaded = path.parent.name in BY_SFTP and settings.inboxes
        folder = demo.sent(settings) if is_uploaded else settings.drop / path.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"{path.name}.part"
        shutil.copyfile(path, draft)
        (folder / f"{path.name}.ok").touch()  # it is complete: no need to wait until it is stable
        os.replace(draft, folder / path.name)
    return len(new)


def make_demo_keys(settings: Settings) -> None:
    """Pseudonym keys for municipalities with persons in bundled files. Own keys are created by hand, on purpose."""
    for path in bundled_files():
        contract = contracts.load(path.parent.name)
        municipality = contract.municipality_of(path.name)
        if contract.pseudonym_purpose and municipality:
            pseudonyms.ensure_key(settings.keys, municipality, contract.pseudonym_purpose)


def due_dags(settings: Settings) -> list[str]:
    """DAGs with something to ingest: those of sources to fetch or with undecided deliveries, then that of files."""
    undecided = {delivery.source for delivery in delivery_ledger.deliveries(settings, states=("received", "loaded"))}
    pulled = {entry.source for entry in catalogue.entries()}
    wanted = {source for source in pulled if due_items(settings, source)}
    found = undecided | wanted | fetch_log.waiting_sources(settings)
    # Fetching takes longest, and a build that starts before it ends would need another build.
    first = [f"ingest__{source}" for source in sorted(found, key=lambda source: (source not in wanted, source))]
    return [*first, FILES] if inbox.waiting(settings) else first


def needs_build(settings: Settings) -> bool:
    """Whether the current publication does not contain all accepted deliveries yet."""
    return bool(delivery_ledger.deliveries(settings, states=("accepted",))) and not build.is_current(settings)


def waiting_build(settings: Settings) -> int | None:
    """The build that passed its checks and waits for approval, if any."""
    return build.waiting(settings)


def needs_release(settings: Settings) -> bool:
    """Whether the current publication is to be released to somebody now."""
    return bool(releases_due(settings)[0])


def releases_due(settings: Settings) -> tuple[list[str], list[due.Refused]]:
    """Who is to receive the current publication now, and who wants nothing of it as it is."""
    with database.connect(settings, database.BUILDER) as register:
        return due.due(register, settings.config, settings.demo)


def is_nothing_due(settings: Settings) -> bool:
    return not due_dags(settings) and not needs_build(settings) and not needs_release(settings)


def waiting_lines(settings: Settings, since: datetime) -> list[str]:
    """What needs attention: waiting builds and deliveries, newly refused files, a standing rollback."""
    rows = delivery_ledger.deliveries(settings, states=("held", "refused"))
    blocked = build.blocked_by_rollback(settings)
    waiting = [str(row) for row in rows if row.state == "held" or row.received_at >= since]
    to_publish = waiting_build(settings)
    approval = [build.waiting_message(to_publish)] if to_publish is not None else []
    refused = [str(one) for one in releases_due(settings)[1]]
    return [*approval, *waiting, *map(str, build.set_aside(settings)), *([blocked] if blocked else []), *refused]


# --- the runs --------------------------------------------------------------------------------------------------------


def dag_ids() -> list[str]:
    return [*(f"ingest__{source}" for source in contracts.sources()), FILES, BUILD, RELEASE]


def wait_for_dags(rest: Rest, since: float, board: Board) -> None:
    """Wait until the DAG processor that started at epoch second `since` has parsed every DAG, and unpause them."""
    board.doing("reading the DAGs")
    deadline = time.monotonic() + 120
    while True:
        if errors := rest.import_errors():
            name, trace = next(iter(errors.items()))
            raise UserError(f"the DAG file {name} cannot be read:\n{trace}", remedy="mend the file; then make run")
        parsed = rest.dags()
        missing = [dag_id for dag_id in dag_ids() if not _is_read(parsed.get(dag_id), since)]
        if not missing:
            break
        if time.monotonic() > deadline:
            raise UserError(f"Airflow did not read these DAGs: {', '.join(missing)}", remedy="make down, then make run")
        time.sleep(POLL_SECONDS)
    for dag_id in dag_ids():
        if parsed[dag_id]["is_paused"]:
            board.say(f"{dag_id} was paused: it is switched on")
            rest.unpause(dag_id)


def run_ingest(settings: Settings, rest: Rest, board: Board) -> bool:
    """Start a DAG run for sent files and one for each source with something else due; whether any was started.

    A failed run raises UserError after the others finish, unless only files were refused.
    """
    dags = due_dags(settings)
    if dags:
        inbox.look_until_stable(settings, doing=board.doing)
        board.doing("loading and checking deliveries")
        failed = watch(settings, rest, board, [rest.trigger(dag_id) for dag_id in dags])
        broken = [run for run in failed if not _is_by_refused_files(settings, rest, run)]
        if broken:
            raise _failure(settings, rest, broken)
    return bool(dags)


def _is_by_refused_files(settings: Settings, rest: Rest, run: Run) -> bool:
    """Whether a run failed only because files were refused: others continue, and it is reported at the end."""
    with _stack_watched(settings):
        failed = [task for task in rest.tasks(run) if task.state in ("failed", "upstream_failed")]
    return bool(failed) and all((task.shown or "").endswith(f" {REFUSED}") for task in failed)


def run_build(settings: Settings, rest: Rest, board: Board, since: datetime, is_event_due: bool) -> bool:
    """Watch the build that the last check triggers; start it if no event does. Whether a build was needed."""
    if not needs_build(settings):
        return False
    board.doing("building and publishing the marts")
    _follow(settings, rest, board, BUILD, since, lambda: needs_build(settings), is_event_due)
    if needs_build(settings):
        raise UserError(
            f"{BUILD} ended without a publication of the accepted deliveries",
            remedy=f"look at its last run in {airflow.url(settings)}; then make run",
        )
    return True


def run_release(settings: Settings, rest: Rest, board: Board, since: datetime, is_event_due: bool) -> None:
    """Watch the releases that the publication triggers; start them if no event does."""
    board.doing("writing packages for recipients")
    _follow(settings, rest, board, RELEASE, since, lambda: needs_release(settings), is_event_due)
    if needs_release(settings):
        raise UserError(
            f"{RELEASE} ended, and the publication in force is not released to everybody who is due",
            remedy=f"look at its last run in {airflow.url(settings)}; then make run",
        )


def _follow(
    settings: Settings,
    rest: Rest,
    board: Board,
    dag_id: str,
    since: datetime,
    is_needed: Callable[[], bool],
    is_event_due: bool,
) -> None:
    patience = time.monotonic() + (EVENT_SECONDS if is_event_due else 0)
    seen: set[str] = set()
    while is_needed():
        with _stack_watched(settings):
            due = [run for run in rest.runs([dag_id], since.isoformat()) if run.run_id not in seen]
        if not due and time.monotonic() < patience:
            time.sleep(POLL_SECONDS)
            continue
        if not due:
            if len(seen) > 3:
                return  # the caller reports what is missing
            due = [rest.trigger(dag_id)]
        if failed := watch(settings, rest, board, due):
            raise _failure(settings, rest, failed)
        seen |= {run.run_id for run in due}
        # A build that found another delivery waiting ends early; the event for the next build may follow.
        patience = time.monotonic() + 3


def watch(settings: Settings, rest: Rest, board: Board, runs: list[Run]) -> list[Run]:
    """Show the runs until all ended; returns those that failed."""
    open_runs = {(run.dag_id, run.run_id): run for run in runs}
    failed: list[Run] = []
    while open_runs:
        for run in _present(settings, rest, list(open_runs.values())):
            _show(settings, rest, board, run, is_only_one=len(runs) == 1)
            if run.is_finished:
                del open_runs[run.dag_id, run.run_id]
                if run.state == "failed":
                    failed.append(run)
        if open_runs:
            time.sleep(POLL_SECONDS if len(runs) == 1 else 2 * POLL_SECONDS)  # each poll costs the API time, too
    return failed


def _present(settings: Settings, rest: Rest, runs: list[Run]) -> list[Run]:
    """Current state of these runs with one call: many calls would slow down a small machine."""
    with _stack_watched(settings):
        if len(runs) == 1:
            return [rest.run(runs[0])]
        oldest = min(run.queued_at or "" for run in runs)
        found = {(run.dag_id, run.run_id): run for run in rest.runs({run.dag_id for run in runs}, oldest)}
        # A list has 100 runs at most, oldest first: missing runs are asked for by name.
        return [found.get((run.dag_id, run.run_id)) or rest.run(run) for run in runs]


def _show(settings: Settings, rest: Rest, board: Board, run: Run, is_only_one: bool) -> None:
    """Progress of a run: every task with `-v`, else their number if it is the only run."""
    if not (board.is_verbose or is_only_one):
        return
    with _stack_watched(settings):
        tasks = sorted(rest.tasks(run), key=lambda task: task.started_at or "9")
    if is_only_one:
        board.part(sum(task.state in DONE for task in tasks), len(tasks))
    steps = ", ".join(str(task) for task in tasks if task.state != "skipped")
    took = f" in {_seconds(run):.1f} s" if run.is_finished else ""
    board.show(run.dag_id + run.run_id, f"  {run.dag_id}: {run.state}{took} ({steps})")


@contextlib.contextmanager
def _stack_watched(settings: Settings):
    """If the API fails because a part of the stack died, report that instead."""
    try:
        yield
    except (UserError, OSError) as error:
        if not postgres.is_running(settings):
            raise UserError(
                "PostgreSQL ended in the middle of the run; what was committed is safe, nothing is half-loaded",
                remedy="make run takes it up where it stopped",
            ) from error
        gone = sorted(set(airflow.COMPONENTS) - set(airflow.components(settings)))
        if gone:
            raise UserError(
                f"Airflow's {', '.join(gone)} ended in the middle of the run",
                remedy=f"make run takes it up again; the log is {airflow.log_path(settings, gone[0])}",
            ) from error
        raise


def _failure(settings: Settings, rest: Rest, failed: list[Run]) -> UserError:
    run = failed[0]
    tasks = sorted((t for t in rest.tasks(run) if t.state == "failed"), key=lambda t: t.started_at or "9")
    others = f" (and {', '.join(other.dag_id for other in failed[1:])})" if failed[1:] else ""
    if not tasks:
        return UserError(f"DAG {run.dag_id} failed{others}", remedy=f"look at {airflow.url(settings)}; then make run")
    log = task_log(settings, run, tasks[0])
    lines = "\n".join(f"    {line}" for line in error_lines(log)) or "    (the log has no error line)"
    return UserError(
        f"DAG {run.dag_id}, task {tasks[0]}{others}:\n{lines}\n  log: {log}",
        remedy="mend what the lines above say; then make run",
    )


def task_log(settings: Settings, run: Run, task: Task) -> Path:
    folder = airflow.home(settings) / "logs" / f"dag_id={run.dag_id}" / f"run_id={run.run_id}"
    folder /= f"task_id={task.task_id}"
    if task.map_index >= 0:
        folder /= f"map_index={task.map_index}"
    return folder / f"attempt={task.try_number}.log"


def error_lines(log: Path, count: int = 12) -> list[str]:
    """The message of the last error in a task's log (one JSON object a line), at most `count` lines of it."""
    found: list[str] = []
    for line in log.read_text(errors="replace").splitlines() if log.exists() else ():
        with contextlib.suppress(ValueError, AttributeError, TypeError):
            entry = json.loads(line)
            if entry.get("level") in ("error", "critical"):
                causes = [
                    # Our errors are wrapped in Airflow's exception to prevent retries: its name says nothing.
                    f"{cause['exc_type']}: {cause['exc_value']}".removeprefix("AirflowFailException: ")
                    for cause in entry.get("error_detail") or ()
                ]
                found = (causes[:1] or [entry.get("event", "")])[0].splitlines()
    return found[:count]


def _is_read(dag: dict | None, since: float) -> bool:
    return bool(dag and dag["last_parsed_time"]) and datetime.fromisoformat(dag["last_parsed_time"]).timestamp() > since


def _seconds(run: Run) -> float:
    if not (run.started_at and run.ended_at):
        return 0.0
    return (datetime.fromisoformat(run.ended_at) - datetime.fromisoformat(run.started_at)).total_seconds()


def now() -> datetime:
    return datetime.now(UTC)
