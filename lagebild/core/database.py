"""Connections to the warehouse, by role.

`admin` owns everything and runs migrations; the other roles may read what `lagebild/warehouse/migrations` grants.
"""

import contextlib
import getpass
import itertools
import re
import sys
import time
from contextlib import contextmanager
from urllib.parse import quote

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import conninfo_to_dict

from lagebild.core.errors import UserError
from lagebild.core.settings import WAREHOUSE_DATABASE, Settings

LOADER, BUILDER = "lagebild_loader", "lagebild_builder"
BI_READER, STATISTICS_OFFICE = "bi_reader", "statistics_office"
ROLES = (LOADER, BUILDER, BI_READER, STATISTICS_OFFICE)
READERS = (BI_READER, STATISTICS_OFFICE)
ADMIN = "admin"
_NO_PLACE = re.compile("too many connections for role|zu viele Verbindungen von Rolle")
"""libpq hands on no error code of a connection that was refused; a server speaks its own language."""
_RESTARTS = re.compile(
    "the database system is (starting up|shutting down|not yet accepting connections|in recovery mode)"
    "|das Datenbanksystem (startet gerade|fährt gerade herunter|ist im Wiederherstellungsmodus)"
)
_REFUSED = re.compile("Connection refused|Verbindungsaufbau abgelehnt|server closed the connection unexpectedly")
RESTART_SECONDS, REFUSED_SECONDS, RETRY_SECONDS = 60.0, 1.0, 0.2
"""How long to wait for a server that restarts, and for one that does not listen; pause between two attempts."""
_TUNING = (
    "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
    "fallback_application_name",
)  # fmt: skip
"""Options that change neither the result nor the safety of a connection."""
_SECRET = ("password", "passfile", "sslpassword")
_idle: dict[tuple, list[psycopg.Connection]] | None = None
"""Within `reused`, by their parameters: the loader's connections that nobody uses now."""


def parameters(settings: Settings, role: str = ADMIN) -> dict[str, str]:
    """libpq parameters (host, port, dbname, user, password, ...) of `role` for the warehouse."""
    if settings.warehouse_dsn:
        given = dsn_parameters("LAGEBILD_WAREHOUSE_DSN", settings.warehouse_dsn)
        # libpq's own defaults, spelled out because dbt and SQLAlchemy do not know them.
        defaults = {"host": "127.0.0.1", "port": "5432", "user": getpass.getuser()}
        base = {**defaults, "dbname": given.get("user", defaults["user"]), **given}
    else:
        port = settings.ports().get("postgres")
        if port is None:
            raise UserError("the warehouse was never started here", remedy="make up")
        base = {
            "host": "127.0.0.1",
            "port": str(port),
            "dbname": WAREHOUSE_DATABASE,
            "user": "postgres",
            "password": settings.secret("postgres"),
        }
    if role != ADMIN:
        base |= {"user": role, "password": settings.secret(role)}
    return base


def dsn_parameters(variable: str, dsn: str) -> dict[str, str]:
    """Parameters of a connection string; UserError names its variable if it is malformed."""
    try:
        return {k: str(v) for k, v in conninfo_to_dict(dsn).items() if v is not None}
    except psycopg.ProgrammingError as error:  # not repeated: it may contain a password
        raise UserError(
            f"{variable} is no connection string of PostgreSQL",
            remedy="such as postgresql://USER@HOST:5432/DATABASE, with the password in it or in ~/.pgpass",
        ) from error


def url(settings: Settings, role: str = ADMIN, driver: str = "postgresql", shows_password: bool = True) -> str:
    """The same as an URL, with the SQLAlchemy `driver` named (bare names mean psycopg 3 to some, 2 to others)."""
    p = parameters(settings, role)
    return _url(p if shows_password else {n: value for n, value in p.items() if n not in _SECRET}, driver)


def url_of(connection: psycopg.Connection, driver: str) -> str:
    """The URL, with its password, by which another driver connects as this connection did."""
    info = connection.info
    base = {"host": info.host, "port": str(info.port), "dbname": info.dbname, "user": info.user}
    return _url(info.get_parameters() | base | {"password": info.password}, driver)


def _url(p: dict[str, str], driver: str) -> str:
    rest = "&".join(
        f"{k}={quote(v, safe='')}" for k, v in p.items() if k not in ("host", "port", "dbname", "user", "password")
    )
    host = p["host"]
    if host.startswith("/"):  # a socket folder does not fit into the host part of an URL
        rest, host = "&".join(filter(None, [f"host={quote(host, safe='')}", rest])), ""
    password = f":{quote(p['password'], safe='')}" if p.get("password") else ""
    return f"{driver}://{quote(p['user'], safe='')}{password}@{host}:{p['port']}/{p['dbname']}" + (
        f"?{rest}" if rest else ""
    )


def environment(settings: Settings, role: str = ADMIN) -> dict[str, str]:
    """Further options of a connection string (mainly TLS) as libpq's environment variables.

    For programs that accept only some options. UserError for an option without a variable: if it were dropped
    silently, a connection that must be encrypted would not be.
    """
    named = {option.keyword.decode(): option.envvar for option in pq.Conninfo.get_defaults()}
    found = {}
    for name, value in parameters(settings, role).items():
        if name in ("host", "port", "dbname", "user", "password", *_TUNING):
            continue
        if not named.get(name):
            raise UserError(
                f"LAGEBILD_WAREHOUSE_DSN: dbt cannot be told {name}",
                remedy=f"leave {name} out; a key of one's own (sslkey) without a passphrase, mode 0600, needs none",
            )
        found[named[name].decode()] = value
    return found


def verifier(connection: psycopg.Connection, role: str, password: str) -> str:
    """The SCRAM verifier of a password. It is sent instead of the password, so that no log contains the password."""
    made = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return made.decode()


def _connected(settings: Settings, own: dict[str, str], autocommit: bool) -> psycopg.Connection:
    """A connection. Waits for a server that restarts, and says so.

    A server that does not listen may be restarting: your own server is tried again for a moment. The embedded server
    is stopped by `make down`, so it is not.
    """
    began, is_told = time.monotonic(), False
    while True:
        try:
            return psycopg.connect(**own, autocommit=autocommit)
        except psycopg.OperationalError as error:
            restarts = bool(_RESTARTS.search(str(error)))
            patience = RESTART_SECONDS if restarts else REFUSED_SECONDS * bool(settings.warehouse_dsn)
            if not (restarts or _REFUSED.search(str(error))) or time.monotonic() - began >= patience:
                raise
        if not is_told:
            print(f"the server of the warehouse at {own['host']}:{own['port']} restarts: waiting", file=sys.stderr)
            is_told = True
        time.sleep(RETRY_SECONDS)


@contextmanager
def reused():
    """Within this block the loader's connections serve again, one after another: for many small files in one process.

    A new one costs both sides more than a small file's rows: a process of the server, and a password hashed. Each use
    stays a transaction of its own; one that raised, or whose connection does not answer any more, gets a new one.
    """
    global _idle
    if _idle is not None:  # whoever is around it closes them
        yield
        return
    _idle = {}
    try:
        yield
    finally:
        left, _idle = _idle, None
        for connection in itertools.chain.from_iterable(left.values()):
            connection.close()


def _taken_again(own: dict[str, str], autocommit: bool) -> psycopg.Connection | None:
    """A connection with these parameters that waits and answers; None where there is none."""
    waiting = (_idle or {}).get(tuple(sorted(own.items())), [])
    while waiting:
        connection = waiting.pop()
        try:
            connection.execute("select 1")
            connection.autocommit = autocommit
            return connection
        except psycopg.Error:  # the server restarted meanwhile, or ended the session
            connection.close()
    return None


def _put_by(own: dict[str, str], connection: psycopg.Connection) -> None:
    """Keep a connection for its next use, as new: without settings, locks, temporary tables, prepared statements."""
    connection.autocommit = True
    connection.prepare_threshold = None
    try:
        connection.execute("discard all")
    except psycopg.Error:
        connection.close()  # what was done is committed; the next use gets a new one
    else:
        _idle.setdefault(tuple(sorted(own.items())), []).append(connection)


@contextmanager
def connect(settings: Settings, role: str = ADMIN, autocommit: bool = False):
    """A psycopg connection as `role`; commits when the block ends well, rolls back when it raises.

    BI tools may use up all connections of a reader role: then extracts and pages connect as the administrator, who
    takes on that role with its rights only.
    """
    try:
        # A build's connection has nothing to do while dbt works: it is to be known as living by what is between.
        own = {"application_name": "lagebild", "keepalives_idle": "60", **parameters(settings, role)}
        try:
            connection = _taken_again(own, autocommit) or _connected(settings, own, autocommit)
        except psycopg.OperationalError as error:
            if not (role in READERS and _NO_PLACE.search(str(error))):
                raise
            connection = psycopg.connect(**own | parameters(settings), autocommit=True)
            connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
            connection.autocommit = autocommit
    except psycopg.Error as error:  # also what it says of an option that is no option
        p = parameters(settings, role)
        of_own = (
            "look at host, port and database in LAGEBILD_WAREHOUSE_DSN, and whether that server runs and lets you in"
        )
        raise UserError(
            f"no connection to the warehouse as {p['user']} at {p['host']}:{p['port']}: {str(error).strip()}",
            remedy=of_own if settings.warehouse_dsn else "make status shows whether it runs; make up starts it",
        ) from error
    with contextlib.ExitStack() as ending:
        ending.enter_context(connection)
        yield connection
        if _idle is not None and role == LOADER and not connection.closed:
            connection.commit()
            ending.pop_all()
            _put_by(own, connection)
