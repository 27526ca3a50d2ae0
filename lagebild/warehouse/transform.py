"""Run dbt in this process: the project is parsed once and can be run repeatedly; steps are reported as they end.

dbt's output goes to its log file (`<state folder>/dbt/logs/dbt.log`).
"""

import gc
import hashlib
import logging
import logging.handlers
import os
import shutil
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import Connection

from lagebild.core import database, lineage
from lagebild.core.settings import DBT_PROJECT, Settings
from lagebild.core.version import code_version, project_digest
from lagebild.warehouse.steps import BAD, Step

PROJECT = "lagebild"
"""The name in dbt_project.yml; part of the names in the manifest."""
FAILURE_LINES = 15
MANIFEST = "manifest.json"
SCHEMA = "build"
"""Where a build writes; publication reads it."""
ROOM = 3
"""Bytes that a build writes per byte of the last one: new tables beside the old ones, and the write-ahead log."""
_OBJECTS_BEFORE_COLLECTING = 50_000
_NOT_PARSED = ("LAGEBILD_BUILD_ID", "LAGEBILD_DBT_PASSWORD")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """A model, seed or test that failed."""

    unique_id: str
    """Its name in the manifest."""
    name: str
    model: str | None
    """For a test: the model it belongs to."""
    query: str | None
    """For a test: the query that finds failing rows."""
    instead: "Failure | None" = None
    """To check if these rows are from no new delivery; without it all new deliveries behind it are set aside."""

    @classmethod
    def of_mart(cls, expectation: str) -> "Failure":
        """The same of an expectation on a candidate mart, whose name begins with the mart's."""
        return cls(f"model.{PROJECT}.{expectation.partition('.')[0]}", expectation, None, None)


class FailedError(Exception):
    """dbt failed; the text names what failed, as dbt does."""

    def __init__(self, text: str, failures: Sequence[Failure] = ()):
        super().__init__(text)
        self.failures = tuple(failures)


@dataclass(frozen=True)
class _Parsed:
    manifest: Any
    of: object
    """A parsed project: a digest of its files, and its manifest file."""


_parsed: _Parsed | None = None
_turn = threading.Lock()  # dbt's flags, adapters and logs are global in a process


def environment(settings: Settings, role: str = database.BUILDER, schema: str = SCHEMA) -> dict[str, str]:
    """Environment variables for dbt: a role's access, the project, and folders below the state folder."""
    p = database.parameters(settings, role)
    state = settings.home / "dbt"
    return database.environment(settings, role) | {
        "LAGEBILD_DBT_HOST": p["host"],
        "LAGEBILD_DBT_PORT": p["port"],
        "LAGEBILD_DBT_NAME": p["dbname"],
        "LAGEBILD_DBT_USER": p["user"],
        "LAGEBILD_DBT_PASSWORD": p["password"],
        "LAGEBILD_DBT_SCHEMA": schema,
        "LAGEBILD_CODE_VERSION": code_version(),
        # Threads share Python's lock: more threads than cores wait for each other.
        "LAGEBILD_DBT_THREADS": str(min(max(os.cpu_count() or 2, 2), 8)),
        "DBT_PROJECT_DIR": str(DBT_PROJECT),
        "DBT_PROFILES_DIR": str(DBT_PROJECT),
        "DBT_TARGET_PATH": str(manifest_path(settings, schema).parent),
        "DBT_LOG_PATH": str(state / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


def manifest_path(settings: Settings, schema: str = SCHEMA) -> Path:
    """The manifest of the last parse: nodes and their dependencies."""
    return settings.home / "dbt" / ("target" if schema == SCHEMA else schema) / MANIFEST


def published_manifest(home: Path, publication_id: int) -> Path:
    """Where the manifest of a publication is kept below the state folder, until the next one."""
    return home / "dbt" / "published" / str(publication_id) / MANIFEST


def keep_manifest(home: Path, publication_id: int, manifest: Path) -> None:
    """Keep the manifest of what is published now, in place of the one before: a sandbox is compared with it."""
    kept = published_manifest(home, publication_id)
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(manifest, kept)
    for folder in kept.parent.parent.iterdir():
        if folder != kept.parent:
            shutil.rmtree(folder)


def bytes_to_write(connection: Connection) -> int:
    """How many bytes a build writes, by the size of the last one: what its disk must have room for."""
    held = connection.execute(
        "select coalesce(sum(pg_total_relation_size(oid)), 0)::bigint from pg_class"
        " where relnamespace = to_regnamespace(%s) and relkind = 'r'",
        [SCHEMA],
    ).fetchone()
    return ROOM * (held[0] if held else 0)


def prepare(settings: Settings) -> None:
    """Import dbt and parse the project before the next build of this process, or of one forked from it."""
    with _session(environment(settings)) as variables:
        _parse(variables)


def build(
    variables: Mapping[str, str],
    build_id: int,
    select: Sequence[str],
    options: Sequence[str] = (),
    tell: Callable[[Step], None] | None = None,
    done: Callable[[Any], None] | None = None,
) -> None:
    """`dbt build` of what is selected, with the variables of `environment`; FailedError says what failed.

    Every step that ends is told of.
    """
    global _parsed
    with _session({**variables, "LAGEBILD_BUILD_ID": str(build_id)}) as own:
        manifest = _parse(own)
        _parsed = None  # a run writes compiled code into its manifest
        steps = _Steps(manifest, tell) if tell else None
        # The manifest is written after parsing; other artifacts are not used.
        command = ["build", "--no-write-json", *options, "--select", *select]
        result = _invoke(own, command, manifest, steps and steps.hear)
    if done:
        done(result)
    if not result.success:
        raise FailedError(_failures(result), _failed(result))


def tell_lineage(settings: Settings, result: Any) -> None:
    """Send the OpenLineage events of a run, where they are asked for; a run does not fail by them."""
    from lagebild.warehouse import build_lineage

    if not settings.sends_lineage or result.result is None:  # it ended before anything ran
        return
    try:
        profile = database.parameters(settings, database.BUILDER)
        events = build_lineage.events(manifest_path(settings), result.result, profile, result.success)
    except Exception as error:  # a library's; what failed is told, and the build goes on
        log.warning("lineage: the events of this build could not be made (%s: %s)", type(error).__name__, error)
    else:
        lineage.send(settings, events)


def _invoke(
    variables: Mapping[str, str],
    command: Sequence[str],
    manifest: Any = None,
    hear: Callable[[Any], None] | None = None,
) -> Any:
    from dbt.adapters.base.impl import DEFAULT_BASE_BEHAVIOR_FLAGS as FLAGS
    from dbt.cli.main import dbtRunner

    flags = len(FLAGS)
    # dbt's own logger formats thousands of events, searches each for secrets in the environment, and only then checks
    # the log level: a tenth of a build's time.
    quiet = ["--log-level", "none", "--log-level-file", "none", "--no-print"]
    with _log(Path(variables["DBT_LOG_PATH"], "dbt.log")) as write:
        runner = dbtRunner(manifest=manifest, callbacks=[write, hear] if hear else [write])
        result = runner.invoke(["--no-use-colors", *quiet, *command])
    # Each call appends the adapter's flags to this list again, and each flag walks the whole stack of its caller: in a
    # process that runs dbt a hundred times, that would take longer than a build.
    del FLAGS[flags:]
    # dbt also catches signals that should end this process: Ctrl-C, or the end of a task.
    if result.exception is not None and not isinstance(result.exception, Exception):
        raise result.exception
    return result


@contextmanager
def _log(path: Path) -> Generator[Callable[[Any], None]]:
    """Writes dbt's log at level `info` and above; keeps ten files of a megabyte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=1_000_000, backupCount=9, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-5s %(message)s"))

    def write(event: Any) -> None:
        if event.info.level != "debug":
            said = {"levelname": event.info.level, "msg": event.info.msg}
            handler.handle(logging.makeLogRecord(said))  # by one of dbt's threads at a time

    try:
        yield write
    finally:
        handler.close()


def _parse(variables: Mapping[str, str]) -> Any:
    """The manifest of the project on disk: the one in memory, or parsed with dbt's partial parsing."""
    global _parsed
    target = Path(variables["DBT_TARGET_PATH"], MANIFEST)
    sources = _sources(variables)
    if _parsed is None or _parsed.of != (sources, _written(target)):
        # Writing the manifest takes longer than parsing an unchanged project.
        said = target.with_suffix(".sources")
        is_written = target.exists() and said.exists() and said.read_text() == f"{sources} {_written(target)}"
        result = _invoke(variables, ["parse", *(["--no-write-json"] if is_written else [])])
        if not result.success:
            raise FailedError(_failures(result))
        if not is_written:
            said.write_text(f"{sources} {_written(target)}")
        _parsed = _Parsed(result.result, (sources, _written(target)))
    return _parsed.manifest


def _sources(variables: Mapping[str, str]) -> str:
    """A digest of the files that the manifest is made from."""
    fixed = sorted((name, value) for name, value in variables.items() if name not in _NOT_PARSED)
    return hashlib.sha256(f"{DBT_PROJECT} {project_digest()} {fixed}".encode()).hexdigest()


def _written(target: Path) -> tuple[int, int] | None:
    """Identity of the file at this path, if any."""
    written = target.stat() if target.exists() else None
    return written and (written.st_ino, written.st_mtime_ns)


@contextmanager
def _session(variables: dict[str, str]) -> Generator[dict[str, str]]:
    """Set up the process for dbt; restore it afterwards."""
    with _turn:
        before = dict(os.environ)
        thresholds = gc.get_threshold()
        # dbt creates millions of permanent objects: garbage collection would take a sixth of its time.
        gc.set_threshold(_OBJECTS_BEFORE_COLLECTING, *thresholds[1:])
        os.environ.update(variables)
        try:
            yield variables
        finally:
            for name in variables:
                if name in before:
                    os.environ[name] = before[name]
                else:
                    os.environ.pop(name, None)
            gc.set_threshold(*thresholds)
            _let_go()


def _let_go() -> None:
    """Close dbt's log; its next session opens its own."""
    from dbt_common.events.event_manager_client import cleanup_event_logger

    cleanup_event_logger()


class _Steps:
    """Turns dbt's events into steps."""

    def __init__(self, manifest: Any, tell: Callable[[Step], None]):
        self._nodes, self._tell = {**manifest.nodes, **manifest.unit_tests}, tell
        self._done = self._total = 0
        self._ended: set[str] = set()
        self._lock = threading.Lock()  # dbt's threads report their own events

    def hear(self, event: Any) -> None:
        if event.info.name == "ConcurrencyLine":
            self._total = event.data.node_count
        elif event.info.name == "NodeFinished":
            result = event.data.run_result
            self._end(event.data.node_info, result.status, result.execution_time)
        elif event.info.name == "SkippingDetails":
            self._end(event.data.node_info, "skipped", 0.0)

    def _end(self, node: Any, status: str, seconds: float) -> None:
        with self._lock:
            if node.unique_id in self._ended:
                return  # dbt reports a skipped model twice: as skipped and as finished
            self._ended.add(node.unique_id)
            self._done += 1
            place = self._layer(node.unique_id), node.node_name, node.resource_type
            self._tell(Step(*place, status, seconds, min(self._done, self._total), self._total))

    def _layer(self, unique_id: str) -> str:
        """The folder of the model; a test has that of its model or seed."""
        node = self._nodes[unique_id]
        node = self._nodes.get(getattr(node, "attached_node", None), node)
        return "seeds" if node.resource_type == "seed" else node.fqn[1]


def _failures(result: Any) -> str:
    """What failed, like the end of dbt's output."""
    if result.exception is not None:
        return _indented(str(result.exception).splitlines())
    lines = []
    for one in getattr(result.result, "results", None) or ():
        if str(one.status).lower() in BAD:
            node = one.node
            lines += [f"Failure in {node.resource_type} {node.name} ({node.original_file_path})"]
            lines += [f"  {line}" for line in (one.message or "").splitlines()]
    return _indented(lines)


def _failed(result: Any) -> list[Failure]:
    found = []
    for one in getattr(result.result, "results", None) or ():
        if str(one.status).lower() in BAD:
            node = one.node
            model = (getattr(node, "attached_node", None) or "").split(".")[-1] or None
            query = getattr(node, "compiled_code", None) if node.resource_type == "test" else None
            found.append(Failure(node.unique_id, node.name, model, query))
    return found


def _indented(lines: Sequence[str]) -> str:
    return "\n".join(f"  {line.rstrip()}" for line in [line for line in lines if line.strip()][:FAILURE_LINES])
