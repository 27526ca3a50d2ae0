"""Guards that keep readers from blocking the pipeline, and from counting rows with the server's statistics.

PostgreSQL has none of this per schema: settings and limits belong to roles of the whole server, rights on the system
catalogue to one database, and neither survives every restore and upgrade. So each migration run sets all of it again,
and `lagebild stack status` lists what is missing. Why one database is enough: docs/decisions/hidden-statistics.md.
"""

import contextlib
from collections.abc import Iterator

import psycopg
from psycopg import Connection, sql

from lagebild.core.database import BI_READER, BUILDER, LOADER, READERS, ROLES, STATISTICS_OFFICE

WORKERS = (LOADER, BUILDER)
KEPT_FOR_THE_HOUSE = 80
"""Connections reserved for the pipeline, Airflow and administrators; readers cannot use them."""
_SHARE_OF_CONNECTIONS = {BI_READER: (80, 0.4), STATISTICS_OFFICE: (20, 0.1)}
"""Maximum connections of a role: absolute, and as a share of the server's connections (for small servers)."""

# All but the last are what a session begins with, and a reader can set them off for himself: PostgreSQL lets every
# role. What holds in any case: the limits of connections and temporary files, that readers may not write, and that
# sessions far beyond these limits are ended (`sessions.py`).
SETTINGS = {
    "default_transaction_read_only": "on",
    "statement_timeout": "5min",
    "idle_in_transaction_session_timeout": "5min",
    "transaction_timeout": "30min",
    "idle_session_timeout": "12h",
    "temp_file_limit": "1GB",
}

# --- what tells of rows, of all who are no reader of theirs: names in pg_catalog, as patterns, so that what a newer
# server adds to a family is closed, too.
HIDDEN_RELATIONS = "^(pg_stat(?!istic_ext$).*|pg_locks|pg_sequences|pg_prepared_xacts|pg_replication_slots)$"
HIDDEN_FUNCTIONS = (
    "^(pg_stat_.*"
    "|pg_(database|tablespace|relation|table|indexes|total_relation)_size|pg_relation_file(node|path)"
    "|pg_sequence_last_value|pg_get_(sequence_data|replication_slots|multixact_members|wal_.*)"
    "|pg_lock_status|pg_(safe_snapshot_)?blocking_pids|pg_isolation_test_session_is_blocked|pg_prepared_xact"
    "|pg_control_.*|pg_(current|last|available)_wal.*|pg_wal_summary_contents"
    "|pg_current_(snapshot|xact_id.*)|pg_last_(committed_)?xact.*|pg_xact_.*|txid_(current.*|status)|m?xid_age|age\\(xid\\)"
    ")$"
)
"""`age(xid)` is named with its argument, because other functions `age` are harmless."""
HIDDEN_COLUMNS = ("reltuples", "relpages", "relallvisible", "relallfrozen", "relfilenode", "relfrozenxid", "relminmxid")
"""Of pg_class; its system columns (xmin, ctid) go with them."""
# --- what changes something, or keeps others waiting, without any right on a relation.
LOCKS = "^pg_(try_)?advisory_.*$"
WRITES = "^(lo_.*|loread|lowrite|pg_logical_emit_message)$"
SIGNALS = "^pg_(cancel|terminate)_backend$"  # a shared login: each user could end the sessions of others

_MONITOR = "pg_monitor"  # PostgreSQL's own role for those who watch a server
_PATTERNS = {
    HIDDEN_FUNCTIONS: (*WORKERS, _MONITOR),
    LOCKS: WORKERS,
    WRITES: WORKERS,
    SIGNALS: (*WORKERS, "pg_signal_backend"),
}
"""Functions revoked from the public, and the roles that keep them."""
_FUNCTION = "case proname when 'age' then oid::regprocedure::text else proname end"


def ensure(connection: Connection) -> None:
    """Set every missing guard. What this administrator may not set stays open: `lacking` names it."""
    for statement in _statements(connection):
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute(statement)


def lacking(connection: Connection) -> list[str]:
    """Messages about missing guards; empty if all are set."""
    return [
        *_open(connection),
        *_loose_settings(connection),
        *_few_connections(connection),
        *_other_databases(connection),
    ]


# --- finding out -----------------------------------------------------------------------------------------------------


def _open(connection: Connection) -> Iterator[str]:
    for role in READERS:
        functions = _names(
            connection,
            "select distinct proname from pg_proc where pronamespace = 'pg_catalog'::regnamespace"
            f" and {_FUNCTION} ~ any(%s) and has_function_privilege(%s, oid, 'execute') order by 1",
            list(_PATTERNS),
            role,
        )
        relations = _names(
            connection,
            "select relname from pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind in ('r', 'v')"
            " and relname ~ %s and has_table_privilege(%s, oid, 'select') order by 1",
            HIDDEN_RELATIONS,
            role,
        )
        columns = _names(
            connection,
            "select attname from pg_attribute where attrelid = 'pg_class'::regclass and attname = any(%s)"
            " and has_column_privilege(%s, attrelid, attnum, 'select') order by 1",
            list(HIDDEN_COLUMNS),
            role,
        )
        found = [*functions, *relations, *(f"pg_class.{column}" for column in columns)]
        if found:
            more = f" and {len(found) - 5} more" if len(found) > 5 else ""
            yield f"{role} may use {', '.join(found[:5])}{more}"
        rights = _names(
            connection,
            "select p from unnest('{temporary,create}'::text[]) as p"
            " where has_database_privilege(%s, current_database(), p)",
            role,
        )
        if rights:
            yield f"{role} may make {' and '.join(rights)} objects in this database"


def _loose_settings(connection: Connection) -> Iterator[str]:
    for role in READERS:
        loose = sorted(_wanted(connection).items() - _settings(connection, role).items())
        if loose:
            yield f"{role} has not {', '.join(f'{name} = {value}' for name, value in loose)}"
        if databases := _own_settings(connection, role):
            yield f"{role} has settings of its own in {', '.join(databases)}"


def _few_connections(connection: Connection) -> Iterator[str]:
    limits = _limits(connection)
    for role, limit in limits.items():
        (has,) = connection.execute("select rolconnlimit from pg_roles where rolname = %s", [role]).fetchone()
        if has != limit:
            yield f"{role} has a connection limit of {'none' if has < 0 else has}, not {limit}"
    (left,) = connection.execute(
        "select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - %s",
        [sum(limits.values())],
    ).fetchone()
    if left < KEPT_FOR_THE_HOUSE:
        yield (
            f"max_connections of the server leaves {left} beside its readers, and pipeline and Airflow want"
            f" {KEPT_FOR_THE_HOUSE}: set it to 200"
        )


def _other_databases(connection: Connection) -> Iterator[str]:
    """Databases of this server that everybody may connect to: there the statistics of all databases are open."""
    found = _names(
        connection,
        "select datname from pg_database as d where datallowconn and datname <> current_database() and exists ("
        " select 1 from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as a"
        " where a.grantee = 0 and a.privilege_type = 'CONNECT') order by 1",
    )
    if found:
        yield f"readers may enter {', '.join(found)} and see the server's counters there: revoke connect from public"


def _wanted(connection: Connection) -> dict[str, str]:
    """The settings that this server supports: PostgreSQL 16 has no transaction timeout."""
    known = connection.execute("select name from pg_settings where name = any(%s)", [list(SETTINGS)]).fetchall()
    return {name: SETTINGS[name] for (name,) in known}


def _settings(connection: Connection, role: str) -> dict[str, str]:
    rows = connection.execute(
        "select split_part(s, '=', 1), substr(s, strpos(s, '=') + 1) from pg_db_role_setting cross join"
        " unnest(setconfig) as s where setrole = to_regrole(%s) and setdatabase = 0",
        [role],
    )
    return dict(rows.fetchall())


def _own_settings(connection: Connection, role: str) -> list[str]:
    """Databases with settings of a role that override its guards."""
    return _names(
        connection,
        "select d.datname from pg_db_role_setting as s inner join pg_database as d on s.setdatabase = d.oid"
        " where s.setrole = to_regrole(%s) order by 1",
        role,
    )


def _limits(connection: Connection) -> dict[str, int]:
    (there,) = connection.execute("select current_setting('max_connections')::int").fetchone()
    return {role: min(most, int(there * share)) for role, (most, share) in _SHARE_OF_CONNECTIONS.items()}


def _names(connection: Connection, query: str, *values: object) -> list[str]:
    return [name for (name,) in connection.execute(query, values or None).fetchall()]


# --- setting ---------------------------------------------------------------------------------------------------------


def _statements(connection: Connection) -> Iterator[sql.Composed]:
    """Statements for the server; empty if nothing changes, because its databases share the rows of roles."""
    for pattern, keepers in _PATTERNS.items():
        functions = _names(
            connection,
            "select oid::regprocedure::text from pg_proc where pronamespace = 'pg_catalog'::regnamespace"
            f" and {_FUNCTION} ~ %s and exists (select 1 from aclexplode(coalesce(proacl, acldefault('f', proowner)))"
            " as a where a.grantee = 0) order by 1",
            pattern,
        )
        if functions:
            yield from _move("function", sql.SQL(", ").join(map(sql.SQL, functions)), "execute", keepers)
    relations = _names(
        connection,
        "select relname from pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind in ('r', 'v')"
        " and relname ~ %s and exists (select 1 from aclexplode(coalesce(relacl, acldefault('r', relowner))) as a"
        " where a.grantee = 0) order by 1",
        HIDDEN_RELATIONS,
    )
    if relations:
        listed = sql.SQL(", ").join(sql.Identifier("pg_catalog", name) for name in relations)
        yield from _move("table", listed, "select", (*WORKERS, _MONITOR))
    yield from _pg_class(connection)
    here = sql.Identifier(connection.info.dbname)
    yield sql.SQL("revoke connect, temporary on database {} from public").format(here)
    yield sql.SQL("grant connect on database {} to {}").format(here, _listed(ROLES))
    yield sql.SQL("grant temporary on database {} to {}").format(here, _listed(WORKERS))
    for role, limit in _limits(connection).items():
        (has,) = connection.execute("select rolconnlimit from pg_roles where rolname = %s", [role]).fetchone()
        name = sql.Identifier(role)
        if has != limit:
            yield sql.SQL("alter role {} connection limit {}").format(name, limit)
        for setting, value in sorted(_wanted(connection).items() - _settings(connection, role).items()):
            yield sql.SQL("alter role {} set {} = {}").format(name, sql.Identifier(setting), value)
        for database in _own_settings(connection, role):
            yield sql.SQL("alter role {} in database {} reset all").format(name, sql.Identifier(database))


def _move(kind: str, objects: sql.Composable, right: str, keepers: tuple[str, ...]) -> Iterator[sql.Composed]:
    """Revoke a right from the public and grant it to some roles in one statement, without a gap in between."""
    words = {"kind": sql.SQL(kind), "objects": objects, "right": sql.SQL(right), "keepers": _listed(keepers)}
    yield sql.SQL("grant {right} on {kind} {objects} to {keepers}").format(**words)
    yield sql.SQL("revoke {right} on {kind} {objects} from public").format(**words)


def _pg_class(connection: Connection) -> Iterator[sql.Composed]:
    """All columns of pg_class stay readable except row statistics: drivers and tools read it."""
    is_whole = _names(
        connection,
        "select 1 from pg_class as c cross join aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as a"
        " where c.oid = 'pg_class'::regclass and a.grantee = 0",
    )
    if is_whole:
        shown = _names(
            connection,
            "select attname from pg_attribute where attrelid = 'pg_class'::regclass"
            " and (attnum > 0 or attname = 'tableoid') and attname <> all(%s) order by attnum",
            list(HIDDEN_COLUMNS),
        )
        yield sql.SQL("grant select on pg_catalog.pg_class to {}").format(_listed((*WORKERS, _MONITOR)))
        yield sql.SQL("revoke select on pg_catalog.pg_class from public; grant select ({}) on pg_catalog.pg_class"
                      " to public").format(sql.SQL(", ").join(map(sql.Identifier, shown)))  # fmt: skip


def _listed(roles: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, roles))
