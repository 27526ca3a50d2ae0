"""The roles of the warehouse; the migrations grant what each may read.

Roles belong to the whole server, with the same names for every warehouse. So a second warehouse on a server must know
the passwords of the first, or it is refused: new passwords would lock out the first one's readers, and give its
unmasked figures to users of the second one.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import Connection, sql

from lagebild.core import database
from lagebild.core.database import BUILDER, READERS, ROLES
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings

_LET_IN = re.compile(
    "too many connections for (role|database)|permission denied for database"
    "|zu viele Verbindungen (von Rolle|für Datenbank)|keine Berechtigung für Datenbank"
)
"""Server messages after the password was accepted; libpq gives no error code for a connection."""


def ensure(connection: Connection, settings: Settings) -> None:
    """Create missing roles, each with the password in the secrets folder.

    UserError if a role belongs to another warehouse, or if this user may not create roles: then with the SQL for an
    administrator. Passwords are not sent as text, so the server's log contains none.
    """
    statements = [*_logins(connection, settings, require_ours(connection, settings)), *_memberships(connection)]
    try:
        for statement in statements:
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        path = _write_for_administrator(connection, settings, statements)
        raise UserError(
            f"{connection.info.user} may not make the roles of the warehouse: {error.diag.message_primary}",
            remedy=f"an administrator of this server runs {path} (psql -f), which holds hashes and no password;"
            " then lagebild warehouse migrate",
        ) from error
    # Readers see only schemas that were granted to them.
    connection.execute("revoke all on schema public from public")


def require_ours(connection: Connection, settings: Settings, secrets: Path | None = None) -> list[str]:
    """Existing roles whose passwords are in the secrets folder; UserError if another warehouse owns one of the roles.

    `secrets`: another folder, such as that of a backup. The embedded server has only one warehouse.
    """
    opened = []
    for role in _existing(connection):
        path = (secrets or settings.secrets) / role
        password = path.read_text().strip() if path.exists() else settings.secret(role)
        refused = _refusal(settings, role, password)
        if not refused:
            opened.append(role)
        elif settings.warehouse_dsn and (others := _others(connection, role)):
            raise UserError(
                f"role {role} of this server belongs to {others},"
                f" and the password in {path} does not open it: {refused}",
                remedy="a second warehouse has a server of its own (a test system above all); where both are the same"
                f" people's, copy the files {', '.join(ROLES)} from the secrets folder of the first",
            )
    return opened


def _logins(connection: Connection, settings: Settings, opened: list[str]) -> Iterator[sql.Composed]:
    existing = _existing(connection)
    for role in ROLES:
        if role in opened:
            continue  # two warehouses may migrate at the same time
        yield sql.SQL("{} role {} login password {}").format(
            sql.SQL("alter" if role in existing else "create"),
            sql.Identifier(role),
            sql.Literal(database.verifier(connection, role, settings.secret(role))),
        )


def _memberships(connection: Connection) -> Iterator[sql.Composed]:
    """Grant memberships, to create schemas for roles, and to read as a reader whose connections are used up."""
    existing = _existing(connection)
    right = "set" if connection.info.server_version >= 160000 else "member"
    for role in (BUILDER, *READERS):
        query = "select pg_has_role(current_user, %s, %s)"
        if role not in existing or not connection.execute(query, [role, right]).fetchone()[0]:
            user = connection.execute("select current_user").fetchone()[0]
            yield sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(user))


def _existing(connection: Connection) -> list[str]:
    query = "select rolname from pg_roles where rolname = any(%s) order by 1"
    return [name for (name,) in connection.execute(query, [list(ROLES)])]


def _others(connection: Connection, role: str) -> str:
    """Other users of the role as text; empty if only this database granted it rights."""
    rows = connection.execute(
        "select d.oid = (select oid from pg_database where datname = current_database()), d.datname"
        " from pg_shdepend as s inner join pg_database as d on d.oid ="
        " case when s.classid = 'pg_database'::regclass then s.objid else s.dbid end"
        " where s.refclassid = 'pg_authid'::regclass and s.refobjid = to_regrole(%s) group by 1, 2 order by 2",
        [role],
    ).fetchall()
    others = [name for is_here, name in rows if not is_here]
    if others:
        return f"database {', '.join(others)}"
    return "" if rows else "somebody else: it has no right in this database"


def _refusal(settings: Settings, role: str, password: str) -> str:
    """The server's error for a login with this password; empty if it succeeds."""
    try:
        psycopg.connect(**database.parameters(settings) | {"user": role, "password": password}).close()
    except psycopg.OperationalError as error:
        return "" if _LET_IN.search(str(error)) else str(error).strip().splitlines()[-1]
    return ""


def _write_for_administrator(connection: Connection, settings: Settings, statements: list[sql.Composed]) -> Path:
    settings.home.mkdir(parents=True, exist_ok=True)
    path = settings.home / "roles.sql"
    path.unlink(missing_ok=True)
    lines = ["-- The roles of a warehouse of Lagebild, for whoever may make roles on its server.", *statements]
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        for line in lines:
            file.write(f"{line}\n" if isinstance(line, str) else f"{line.as_string(connection)};\n")
    return path
