"""The roles of the warehouse; what each may read stands in the migrations."""

import psycopg
from psycopg import Connection, sql

from lagebild import database
from lagebild.database import BUILDER, READERS, ROLES
from lagebild.settings import Settings


def ensure(connection: Connection, settings: Settings) -> None:
    """Make the roles that are missing and set their passwords from the secrets folder."""
    existing = {name for (name,) in connection.execute("select rolname from pg_roles")}
    for role in ROLES:
        if role in existing and _can_log_in(settings, role):
            continue  # roles belong to the whole server: two warehouses that migrate at once must not collide here
        verb = "alter" if role in existing else "create"
        connection.execute(
            sql.SQL("{} role {} login password {}").format(sql.SQL(verb), sql.Identifier(role), settings.secret(role))
        )
    # Whoever makes a schema for a role must be able to become that role; and a reader's, when its places are taken.
    for role in (BUILDER, *READERS):
        connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(role)))
    # Readers see schemas that were granted to them, and nothing by default.
    connection.execute("revoke all on schema public from public")


def _can_log_in(settings: Settings, role: str) -> bool:
    try:
        psycopg.connect(**database.parameters(settings, role)).close()
        return True
    except psycopg.OperationalError:
        return False
