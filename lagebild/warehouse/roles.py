"""The roles of the warehouse; what each may read stands in the migrations.

Roles belong to the whole server, and their names are the same for every warehouse. So a second warehouse on a server
either knows the passwords of the first, or it is refused: one that set them anew would lock the first one's readers out
and open its unmasked figures to whoever has the second one's secrets.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import Connection, sql

from lagebild import database
from lagebild.database import BUILDER, READERS, ROLES
from lagebild.errors import UserError
from lagebild.settings import Settings

_LET_IN = re.compile(
    "too many connections for (role|database)|permission denied for database"
    "|zu viele Verbindungen (von Rolle|für Datenbank)|keine Berechtigung für Datenbank"
)
"""What a server says after it has taken the password; libpq hands on no error code of a connection."""


def ensure(connection: Connection, settings: Settings) -> None:
    """Make the roles that are missing, each with the password in the secrets folder.

    UserError where a role is another warehouse's, and where this user may not make roles: then with the SQL for whoever
    may. No password is sent as text, so none can stand in the server's log.
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
    # Readers see schemas that were granted to them, and nothing by default.
    connection.execute("revoke all on schema public from public")


def require_ours(connection: Connection, settings: Settings, secrets: Path | None = None) -> list[str]:
    """The roles that exist and that the secrets folder opens; UserError where another warehouse has one of the others.

    `secrets` is another folder to look into, of a backup for example. The embedded server has one warehouse alone.
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
            continue  # two warehouses that migrate at once must not collide here
        yield sql.SQL("{} role {} login password {}").format(
            sql.SQL("alter" if role in existing else "create"),
            sql.Identifier(role),
            sql.Literal(database.verifier(connection, role, settings.secret(role))),
        )


def _memberships(connection: Connection) -> Iterator[sql.Composed]:
    """Whoever makes a schema for a role must be able to become that role; and a reader's, when its places are taken."""
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
    """Who else has the role, in words; empty where this database alone has given it rights."""
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
    """What the server says to a login with this password; empty where it takes it."""
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
