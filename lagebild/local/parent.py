"""The parent of the stack: imports slow libraries once; Airflow's components and some commands are its children.

Scheduler, DAG processor and API server need the same libraries. Started separately, each would import and hold its own
copy; forked from one process they share them. The scheduler's workers and their tasks are forked as well, so these
imports are there in every task. For the same reason this process runs `lagebild delivery load` and some other commands
(`lagebild/local/warm.py`).

If our code, contracts or models change, processes that are forked later read them again.
"""

import contextlib
import gc
import importlib
import json
import logging
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

import psutil
import psycopg

from lagebild.core import lazy
from lagebild.core.errors import UserError
from lagebild.core.settings import DBT_PROJECT, ROOT
from lagebild.local import event_driven, memory, pidfile, supervisor, task_api, warm
from lagebild.local.handshake import GO, MIGRATED, NOT_MIGRATED

ROOMS = ("disclosure", "expectations", "extracts", "ingest", "lagebild")
READ = (".py", ".yml", ".csv", ".sql", ".md", ".json")
"""File types of our code and dbt project that are kept in memory in some form."""
# Needed by every component; API server and DAG processor are forked after these imports.
FIRST = (
    "psycopg",
    "airflow.__main__",
    "airflow.models",
    "airflow.cli.commands.api_server_command",
    "airflow.cli.commands.dag_processor_command",
    "airflow.providers.standard.operators.trigger_dagrun",
    "airflow.dag_processing.dagbag",
    "airflow.api_fastapi.execution_api.app",
    "airflow.api_fastapi.execution_api.routes",
    "croniter",
    "ingest.pulls.catalogue",
    "ingest.inbox.inbox",
    "ingest.pulls.due",
    "lagebild.core.alerts",
    "lagebild.orchestration.operators",
    "lagebild.orchestration.pools",
)
# Needed by tasks and commands.
THEN = (
    "airflow.cli.commands.scheduler_command",
    "airflow.executors.local_executor",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.providers.standard.decorators.python",
    "airflow.providers.standard.operators.empty",
    "airflow.providers.standard.operators.hitl",
    "airflow.providers.common.io.assets.file",
    "airflow.api_fastapi.auth.tokens",
    "airflow.callbacks.database_callback_sink",
    "airflow.dag_processing.bundles.local",
    "airflow.models.renderedtifields",
    "airflow.models.revoked_token",
    "airflow.sdk.bases.sensor",
    "airflow.sdk.definitions.decorators.task_group",
    "airflow.sdk.execution_time.timeout",
    "airflow.utils.serve_logs",
    "expectations.gate",
    "asyncssh",
    "sshfs",
    "tenacity",
    "dbt.cli.main",
    "dbt.adapters.postgres",
    "extracts.release",
    "ingest.pulls.fetch",
    "ingest.reading.kernels",
    "ingest.loading.load",
    "ingest.inbox.receipts",
    "lagebild.cli.main",
    "lagebild.review.decisions",
    "lagebild.review.pending",
    "lagebild.cli.inbox",
    "lagebild.cli.warehouse",
    "lagebild.core.progress",
    "lagebild.warehouse.build",
)
PUT_OFF = ("svcs.aiohttp", "svcs.flask")
"""Adapters for web servers that are not used here; they would import those servers (8 MB, 0.1 s)."""
LOGS = {"scheduler": ("--skip-serve-logs",)}
"""Logs are not served over HTTP: the API server reads the files, so no further port is needed."""
REQUEST = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/execution/nothing",
    "raw_path": b"/execution/nothing",
    "query_string": b"",
    "root_path": "",
    "headers": [(b"host", b"127.0.0.1")],
    "client": ("127.0.0.1", 0),
    "server": ("127.0.0.1", 0),
}
"""A request as ASGI writes it, for a page that is not there."""
LOOK_FOR_DATABASE_SECONDS = 5


def main(arguments: list[str]) -> None:
    """`parent HOME [--migrate]`: waits on standard input for a byte a component before each of them begins.

    With `--migrate` Airflow's metadata database is prepared during the imports; standard output reports the result.
    `parent --only scheduler`: runs this component in this process, for a container of its own.
    """
    before = fingerprint()
    # These processes create millions of permanent objects; garbage collection would take a fifth of the time.
    gc.set_threshold(50_000, 20, 100)
    if arguments[0] == "--only":
        _import((*FIRST, *THEN))
        os.register_at_fork(after_in_child=lambda: _forget_changed(before))
        event_driven.run_on_events(arguments[1])
        _airflow(arguments[1], *LOGS.get(arguments[1], ()))
        return
    home = Path(arguments[0])
    told = os.dup(1)  # for replies only: libraries print during import
    os.dup2(2, 1)
    kept = supervisor.Supervisor(home, lambda name: _component(home, name, again=True), partial(_given_up, home))
    signal.signal(signal.SIGCHLD, lambda *_: _reap(kept.ended))
    _import(FIRST)
    task_api.keep_newest_version()
    _map_tables()
    _read_contracts()
    os.register_at_fork(after_in_child=lambda: _forget_changed(before))
    if "--migrate" in arguments:
        _fork(lambda: _migrate(home, told))
    os.close(told)  # only one copy is left: if its process is killed, the waiting process notices
    kept.started("api-server", _component(home, "api-server"))
    kept.started("dag-processor", _component(home, "dag-processor"))
    _import(THEN)
    _read_models()
    _share()
    kept.started("scheduler", _component(home, "scheduler"))
    _nothing_from(0)
    with listening(home / warm.SOCKET) as listener:
        _fork(_parse_models)  # during the first loads, so that the next build finds it done
        serve(listener, kept)


def _share() -> None:
    """Let children share existing objects: garbage collection in a child would copy every page it visits."""
    memory.give_back()
    gc.freeze()


def _import(names: tuple[str, ...]) -> None:
    """Import these. Import errors are reported where the module is needed."""
    gc.disable()  # collecting garbage meanwhile would cost a fifth of the time
    logging.disable(logging.WARNING)
    with lazy.lazy_imports(PUT_OFF):
        for name in names:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    logging.disable(logging.NOTSET)
    gc.enable()
    _share()


def _map_tables() -> None:
    """Configure the ORM mappings, which otherwise each component does at its first query."""
    from sqlalchemy.orm import configure_mappers

    configure_mappers()


def _read_contracts() -> None:
    """Read the contracts, which every DAG and task needs. Errors are reported where they are used."""
    from ingest import contracts
    from ingest.pulls import catalogue

    for read in (*(partial(contracts.load, source) for source in contracts.sources()), catalogue.entries):
        with contextlib.suppress(UserError):
            read()


def _read_models() -> None:
    """Read models and suites, and import the library that checks them, for loads and builds."""
    from expectations import gate
    from ingest import contracts
    from lagebild.core.version import code_version
    from lagebild.warehouse import marts

    suites = (partial(gate.suite_of, source) for source in contracts.sources())
    for read in (*suites, gate.great_expectations, code_version, marts.definitions):
        with contextlib.suppress(Exception):
            read()


def _parse_models() -> None:
    from lagebild.core import settings
    from lagebild.warehouse import transform

    os.nice(10)
    transform.prepare(settings.load())


def fingerprint() -> dict[str, tuple[int, int]]:
    """Time and size of all our files that are kept in memory, and of the lock file."""
    found = {}
    waiting = [str(ROOT / room) for room in (*ROOMS, DBT_PROJECT.name)]
    while waiting:
        with contextlib.suppress(FileNotFoundError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.name.endswith(READ):
                    status = entry.stat()
                    found[entry.path] = (status.st_mtime_ns, status.st_size)
    status = (ROOT / "uv.lock").stat()
    return found | {"uv.lock": (status.st_mtime_ns, status.st_size)}


def _forget_changed(before: dict[str, tuple[int, int]]) -> None:
    """In a child: if one of our files changed since it was read, import and read all of them again."""
    if fingerprint() != before:
        for name in list(sys.modules):
            if name.partition(".")[0] in ROOMS:
                del sys.modules[name]


# --- components ------------------------------------------------------------------------------------------------------


def _fork(work: Callable[[], None]) -> int:
    """Fork a child that does this work in its own session, then ends; its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)  # it is the parent's
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        work()
        code = 0
    except SystemExit as error:
        code = _code(error)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        _let_go_of_semaphores()
        os._exit(code)


def _let_go_of_semaphores() -> None:
    """Release semaphores that dbt created; otherwise Python reports them as leaked on the caller's screen."""
    if finalizers := sys.modules.get("multiprocessing.util"):
        # A multiprocessing child ends with the same call; objects of the parent stay with the parent.
        finalizers._exit_function()


def _component(home: Path, name: str, again: bool = False) -> int:
    log = home / "logs" / f"{name}.log"
    if log.exists() and not again:
        log.replace(log.with_suffix(".log.1"))
    pid = _fork(lambda: _run_component(name, log, again))
    with contextlib.suppress(psutil.NoSuchProcess):  # it ended already; the supervisor will notice
        pidfile.write(home / f"{name}.pid", pid)
    return pid


def _run_component(name: str, log: Path, again: bool) -> None:
    _write_into(log)
    if name == "api-server":
        _prepare_api()
    if again:
        _wait_for_database(name)
    elif os.read(0, 1) != GO:
        print("whoever started this component ended before the database was ready", file=sys.stderr)
        sys.exit(supervisor.ABANDONED)
    else:
        _nothing_from(0)
    if name == "api-server":
        memory.give_back_now_and_then()
    event_driven.run_on_events(name)
    _airflow(name, *LOGS.get(name, ()))


def _wait_for_database(name: str) -> None:
    """Wait until PostgreSQL answers, without limit: a restart of the server is not an error of the component.

    If the embedded server ended, it is started.
    """
    from lagebild.core import settings
    from lagebild.local import airflow, postgres

    own = settings.load()
    while True:
        try:
            postgres.start(own, print)
            airflow.take_over(own, name)
            return
        except (UserError, psycopg.Error) as error:
            print(f"{name} waits for PostgreSQL: {error}", file=sys.stderr)
            time.sleep(LOOK_FOR_DATABASE_SECONDS)


def _given_up(home: Path, name: str, end: supervisor.End) -> None:
    """Notify the channels of the settings, in a child: a mail server may be slow."""
    from lagebild.core import alerts, settings

    message = alerts.Message(
        f"Lagebild: Airflow's {name} does not stay up",
        f"It ended {end.in_a_row} times in a row, at last by {end.why}, and is not started again. lagebild stack status"
        f" shows the end of its log; when the reason is mended: make down, then make up.",
        [{"component": name, "why": end.why, "ended_at": end.at}],
    )
    _fork(lambda: alerts.to_each(alerts.notifiers(settings.load()), lambda channel: channel.send(message)))


def _prepare_api() -> None:
    """Create the API's routes in advance; otherwise the first task waits 4 s for them."""
    import asyncio

    with contextlib.suppress(Exception):  # the component itself reports the error
        from airflow.api_fastapi.main import app

        asyncio.run(app(REQUEST, _no_body, _no_answer))
        _share()


async def _no_body() -> dict:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _no_answer(message: dict) -> None:
    """The answer is ignored: there is no such page."""


def _migrate(home: Path, told: int) -> None:
    _write_into(home / "logs" / "migrate.log")
    try:
        _airflow("db", "migrate")
        os.write(told, MIGRATED)
    except SystemExit as error:
        os.write(told, NOT_MIGRATED if _code(error) else MIGRATED)
    except BaseException:
        os.write(told, NOT_MIGRATED)
        raise


def _airflow(*arguments: str) -> None:
    from airflow.__main__ import main as airflow

    sys.argv = ["airflow", *arguments]
    airflow()


def _write_into(log: Path) -> None:
    # At its end, wherever that is: housekeeping cuts it off.
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _nothing_from(descriptor: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, descriptor)
    os.close(nothing)


def _reap(tell: Callable[[int, int], None]) -> None:
    """Reap ended children and pass on their process ids and statuses."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            tell(*ended)


def _code(error: SystemExit) -> int:
    if isinstance(error.code, int):
        return error.code
    if error.code:
        print(error.code, file=sys.stderr)
    return 1 if error.code else 0


# --- commands --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def listening(path: Path) -> Generator[socket.socket]:
    """A socket at this path (longer than a socket address may be), for this account only."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        before = os.umask(0o177)
        listener.bind(warm.address(folder, path.name))
        os.umask(before)
        os.close(folder)
        listener.listen(16)
        yield listener


def serve(listener: socket.socket, kept: supervisor.Supervisor) -> None:
    """Run each command that arrives at the socket in a child, only for the account of this process.

    Also restarts ended components: the signal of an ended child wakes this loop.
    """
    woken, wakes = socket.socketpair()
    with woken, wakes:
        wakes.setblocking(False)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        while True:
            ready, _, _ = select.select([listener, woken], [], [], kept.step())
            if woken in ready:
                woken.recv(4096)
            if listener in ready:
                _take_command(listener)


def _take_command(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection, contextlib.suppress(OSError, ValueError, KeyError):
        connection.settimeout(10)
        if _peer(connection) == os.getuid():
            call, descriptors = warm.received(connection)
            try:
                _fork(partial(_run_command, listener, connection, call, descriptors))
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)


def _peer(connection: socket.socket) -> int:
    """The user id of the caller."""
    size = struct.calcsize("3i")
    return struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[1]


def _run_command(listener: socket.socket, connection: socket.socket, call: dict, descriptors: list[int]) -> None:
    listener.close()
    connection.settimeout(None)
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
    os.chdir(call["folder"])
    os.umask(call["umask"])
    os.environ.clear()
    os.environ.update(call["environment"])
    sys.argv = ["lagebild", *call["arguments"]]
    for name, descriptor, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        setattr(sys, name, open(descriptor, mode, buffering=1 if mode == "w" else -1, closefd=False))  # noqa: SIM115
    # The command line must not use Airflow's logging.
    logging.root.handlers.clear()
    logging.root.setLevel(logging.WARNING)
    threading.Thread(target=_obey, args=[connection], daemon=True).start()
    # By name: which commands there are is for the command line, a floor above, to say.
    code = importlib.import_module("lagebild.cli.main").run(call["arguments"])
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(json.dumps(code).encode() + b"\n")


def _obey(connection: socket.socket) -> None:
    """Pass on signals of the command line; end if it ends."""
    while number := connection.recv(1):
        os.kill(os.getpid(), number[0])
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(sys.argv[1:])
