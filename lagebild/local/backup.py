"""Back up and restore what cannot be rebuilt: database, landing zone, keys, readers' passwords, a city's own rows.

A backup is a folder (mode 700) with `warehouse.dump` (pg_dump's custom format), `landing/`, `keys/`, `config/`,
`secrets/` and `manifest.json` (SHA-256 of every file). It does not contain extracts (they are rebuilt from a
publication's number), Airflow's history (the ledger is the truth) or the administrator's password (it belongs to the
server). Runbook: `docs/runbooks/backup-and-restore.md`; a test follows it.
"""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from psycopg import Connection, IsolationLevel, sql
from psycopg.conninfo import make_conninfo

from extracts.store import STORE
from ingest.deliveries import landing
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.local import airflow, postgres
from lagebild.warehouse import roles
from lagebild.warehouse.migrate import migrate

DUMP, MANIFEST = "warehouse.dump", "manifest.json"
Program = tuple[Path, dict[str, str]]
"""A program of PostgreSQL's clients, and what its environment needs."""
_SCHEMAS = ("raw", "quality", "build", "published", "release", "marts", "marts_history", "marts_internal")


def backup(settings: Settings, folder: Path) -> Path:
    """Write a backup into `folder`, which must be new or empty, and return it. Safe while the stack is running."""
    folder = folder.expanduser().resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is not empty", remedy="name a new folder; a backup is never written over another")
    draft = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)  # of a backup that was killed
    draft.mkdir(parents=True, mode=0o700)
    try:
        with _server(settings), database.connect(settings) as connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            counts, server = _counts(connection), connection.info.server_version
            # The dump sees the rows that were counted, even if a load runs meanwhile.
            (snapshot,) = connection.execute("select pg_export_snapshot()").fetchone()
            _dump(settings, draft / DUMP, snapshot)
        # After the dump: files are only added, so all files that the dump names are there.
        _copy_tree(settings.landing, draft / "landing")
        _copy_tree(settings.keys, draft / "keys")
        _copy_tree(settings.config, draft / "config")
        _copy_tree(settings.extracts / STORE, draft / STORE)
        for role in database.ROLES:
            _copy(settings.secrets / role, draft / "secrets" / role)
        manifest = {
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "lagebild": version("lagebild"),
            "postgresql": server,
            "counts": counts,
            "files": _hashes(draft),
        }
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
        (draft / MANIFEST).chmod(0o600)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return folder


def restore(settings: Settings, folder: Path) -> str:
    """Restore a backup into an empty warehouse; return a summary.

    Everything is checked before anything is changed. UserError: the backup is damaged, the warehouse is not empty, a
    landed file or key differs from the backup's, Airflow runs, or another warehouse owns roles of the server.
    """
    folder = folder.expanduser().resolve()
    manifest = _verified_manifest(folder)
    if airflow.processes(settings):
        raise UserError("Airflow is running and would write while the backup is restored", remedy="make down")
    with _server(settings):
        with database.connect(settings) as connection:
            _require_empty(connection, settings)
            roles.require_ours(connection, settings, folder / "secrets")
        _require_no_conflict(folder / "landing", settings.landing)
        _require_no_conflict(folder / "keys", settings.keys)
        _require_no_conflict(folder / "config", settings.config)
        _require_no_conflict(folder / STORE, settings.extracts / STORE)
        for file in (folder / "secrets").iterdir():
            _copy(file, settings.secrets / file.name)
        with database.connect(settings) as connection:
            roles.ensure(connection, settings)
            for schema in _SCHEMAS:  # the empty ones that `make up` had made
                connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))
            connection.execute("drop table if exists public.lagebild_migration")
        _copy_tree(folder / "landing", settings.landing)
        _copy_tree(folder / "keys", settings.keys)
        _copy_tree(folder / "config", settings.config)
        _copy_tree(folder / STORE, settings.extracts / STORE)
        _load(settings, folder / DUMP)
        migrate(settings)
        with database.connect(settings) as connection:
            counts = _counts(connection)
    if counts != manifest["counts"]:
        raise UserError(f"{folder} held {manifest['counts']}, and the warehouse now holds {counts}")
    return f"restored {counts['deliveries']} deliveries and {counts['publications']} publications from {folder}"


@contextmanager
def _server(settings: Settings) -> Generator[None]:
    """The warehouse's server; if it does not run, it is started for the time of the block."""
    was_running = postgres.is_running(settings)
    if not was_running:
        postgres.start(settings)
    try:
        yield
    finally:
        if not was_running:
            postgres.stop(settings)


def _dump(settings: Settings, target: Path, snapshot: str) -> None:
    program = next(postgres.clients(settings, "pg_dump"))
    with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        _run_tool(settings, program, ["--format=custom", f"--snapshot={snapshot}"], stdout=file)


def _load(settings: Settings, dump: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "contents")
        program = _list_contents(settings, dump, listed)
        # A dump contains rights on PostgreSQL's own functions and views: another version has others, and only a
        # superuser may set them. The migration that follows sets those of this server.
        listed.write_text("".join(line for line in listed.open() if " ACL pg_catalog " not in line))
        with dump.open("rb") as file:
            # One transaction: if anything fails, the warehouse stays empty. Owners are set below,
            # because the administrator may have another name here.
            options = ["--no-owner", "--single-transaction", "--exit-on-error", f"--use-list={listed}"]
            _run_tool(settings, program, options, stdin=file)
    with database.connect(settings) as connection:
        _give_build_schema(connection)


def _list_contents(settings: Settings, dump: Path, target: Path) -> Program:
    """Write the contents of a dump; the program that can read it (a dump by a newer version needs a newer program)."""
    *others, last = postgres.clients(settings, "pg_restore")
    for program in others:
        with contextlib.suppress(UserError), dump.open("rb") as file, target.open("w") as contents:
            _run_tool(settings, program, ["--list"], stdin=file, stdout=contents, connects=False)
            return program
    with dump.open("rb") as file, target.open("w") as contents:
        _run_tool(settings, last, ["--list"], stdin=file, stdout=contents, connects=False)
    return last


def _run_tool(settings: Settings, program: Program, arguments: list[str], connects: bool = True, **streams) -> None:
    path, needs = program
    parameters = database.parameters(settings)
    password = parameters.pop("password", None)
    # The password is passed in the environment: a command line can be read by every user.
    environment = {**os.environ, **needs, **({"PGPASSWORD": password} if password else {})}
    target = ["--dbname", make_conninfo(**parameters)] if connects else []
    result = subprocess.run(
        [path, *arguments, *target], env=environment, stderr=subprocess.PIPE, text=True, check=False, **streams
    )
    if result.returncode:
        raise UserError(
            f"{path.name} failed: {result.stderr.strip()}",
            remedy=f"{path} was used; a server of another major version needs its own pg_dump and pg_restore on this"
            " machine (Debian: postgresql-client-<version>); else see the message",
        )


def _give_build_schema(connection: Connection) -> None:
    """Schema `build` belongs to the builder, with everything in it: dbt replaces its own relations."""
    builder = sql.Identifier(database.BUILDER)
    connection.execute(sql.SQL("alter schema build owner to {}").format(builder))
    relations = connection.execute(
        "select relname, relkind from pg_class"
        " where relnamespace = 'build'::regnamespace and relkind in ('r', 'v', 'm')"
    ).fetchall()
    kinds = {"r": "table", "v": "view", "m": "materialized view"}
    for name, kind in relations:
        connection.execute(
            sql.SQL("alter {} {} owner to {}").format(sql.SQL(kinds[kind]), sql.Identifier("build", name), builder)
        )


def _counts(connection: Connection) -> dict[str, int]:
    query = "select (select count(*) from raw.delivery), (select count(*) from published.publication)"
    if connection.execute("select to_regclass('published.publication')").fetchone()[0] is None:
        raise UserError("this database is no warehouse yet", remedy="make up")
    return dict(zip(("deliveries", "publications"), connection.execute(query).fetchone(), strict=True))


def _require_empty(connection: Connection, settings: Settings) -> None:
    if connection.execute("select to_regclass('published.publication')").fetchone()[0] is None:
        return
    counts = _counts(connection)
    if any(counts.values()):
        held = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise UserError(
            f"the warehouse is not empty ({held}); a restore never writes over it",
            remedy="restore into a new checkout, or set LAGEBILD_WAREHOUSE_DSN to an empty database",
        )


def _require_no_conflict(backed_up: Path, present: Path) -> None:
    for file in _files(backed_up):
        other = present / file.relative_to(backed_up)
        if other.exists() and landing.sha256(other) != landing.sha256(file):
            raise UserError(
                f"{other} is there and differs from {file}",
                remedy="find out which of the two is wanted, and move the other one away",
            )


def _verified_manifest(folder: Path) -> dict:
    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(
            f"{folder} is no backup: {MANIFEST} is missing", remedy="name a folder of `lagebild warehouse backup`"
        )
    manifest = json.loads(path.read_text())
    found, expected = _hashes(folder), manifest["files"]
    wrong = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    if wrong:
        raise UserError(
            f"{folder} is damaged; these files are missing, added or changed: {', '.join(wrong[:5])}"
            + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""),
            remedy="take another copy of the backup",
        )
    return manifest


def _hashes(folder: Path) -> dict[str, str]:
    return {str(f.relative_to(folder)): landing.sha256(f) for f in _files(folder) if f != folder / MANIFEST}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _copy_tree(origin: Path, target: Path) -> None:
    _make_private(target)
    for file in _files(origin):
        # Files that are just being landed begin with a dot; a dump cannot name them.
        if not file.name.startswith("."):
            _copy(file, target / file.relative_to(origin))


def _make_private(folder: Path) -> None:
    # mkdir(parents=True) would give the folders above the usual mode, open to others.
    if not folder.exists():
        _make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _copy(origin: Path, target: Path) -> None:
    _make_private(target.parent)
    if target.exists() and landing.sha256(target) == landing.sha256(origin):
        return
    draft = target.with_name(f".{target.name}.part")
    shutil.copyfile(origin, draft)
    draft.chmod(origin.stat().st_mode & 0o600)  # never more than the owner may
    draft.replace(target)
