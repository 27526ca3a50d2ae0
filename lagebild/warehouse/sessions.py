"""End sessions of readers that run too long.

A reader's session begins with limits (`guards.SETTINGS`), but PostgreSQL lets every role change them for itself. A long
session keeps old rows and a connection. So sessions far beyond the limits are ended.
"""

from collections.abc import Iterator

from psycopg import Connection, errors

from lagebild.core.database import READERS

STATEMENT_MINUTES, TRANSACTION_MINUTES, IDLE_MINUTES = 15, 60, 24 * 60
"""Limits of statements, transactions and idle sessions: well above the limits that sessions begin with."""


def end_overlong(
    connection: Connection, statement: float = STATEMENT_MINUTES, transaction: float = TRANSACTION_MINUTES,
    idle: float = IDLE_MINUTES,
) -> list[str]:  # fmt: skip
    """End such sessions of readers, and of members of reader roles, in this database; a message for each.

    Limits in minutes. Superusers and this connection's user are members too, but are exempt. Statements are not quoted:
    they may show what somebody searched for.
    """
    rows = connection.execute(
        """
        with session as (
            select
                a.pid, a.backend_start, a.usename,
                case
                    when a.state = 'active' and now() - a.query_start > make_interval(secs => 60 * %(statement)s)
                        then format('a statement of %%s minutes', ceil(extract(epoch from now() - a.query_start) / 60))
                    when a.xact_start is not null and now() - a.xact_start > make_interval(secs => 60 * %(transaction)s)
                        then format('a transaction of %%s minutes', ceil(extract(epoch from now() - a.xact_start) / 60))
                    when a.state like 'idle in transaction%%'
                        and now() - a.state_change > make_interval(secs => 60 * %(statement)s)
                        then format('%%s minutes idle in a transaction',
                            ceil(extract(epoch from now() - a.state_change) / 60))
                    when a.state = 'idle' and now() - a.state_change > make_interval(secs => 60 * %(idle)s)
                        then format('%%s minutes idle', ceil(extract(epoch from now() - a.state_change) / 60))
                end as reason
            from pg_stat_activity as a
            inner join pg_roles as r on a.usesysid = r.oid
            where a.datname = current_database() and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
                and not r.rolsuper and r.rolname <> session_user
                and exists (select from unnest(%(readers)s::text[]) as r2 where pg_has_role(r.oid, r2, 'member'))
        )
        select pid, backend_start, usename, reason from session where reason is not null order by pid
        """,
        {
            "statement": statement, "transaction": transaction, "idle": idle, "readers": list(READERS),
        },
    ).fetchall()  # fmt: skip
    return list(_ended(connection, rows))


def _ended(connection: Connection, rows: list[tuple]) -> Iterator[str]:
    for pid, began, user, reason in rows:
        try:
            with connection.transaction():  # another session may have this process id now
                query = "select pg_terminate_backend(pid) from pg_stat_activity where pid = %s and backend_start = %s"
                connection.execute(query, [pid, began])
            yield f"session {pid} of {user} was ended: {reason}"
        except errors.InsufficientPrivilege:
            yield f"session {pid} of {user} goes on, and only a superuser may end it: {reason}"
