"""Who may read and write what: every role against every relation."""

import pytest

from lagebild import database
from tests.support import query

PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
READABLE = {
    database.BI_READER: {"marts"},
    database.STATISTICS_OFFICE: {"marts", "marts_internal"},
}
# What the two working roles may change, relation by relation; whatever is not named here is read-only or closed.
WRITABLE = {
    database.LOADER: {
        "raw.delivery": {"INSERT", "UPDATE"},
        "raw.delivery_event": {"INSERT"},
        "raw.fetch": {"INSERT", "UPDATE"},
        "raw.inbox_file": {"INSERT", "UPDATE", "DELETE"},
        "raw.snapshot": {"INSERT"},
        "raw.rejected_row": {"INSERT"},
        "raw.landing_deletion": {"INSERT", "DELETE"},
        "quality.late_alert": {"INSERT", "DELETE"},
        "quality.verdict": {"INSERT"},
        "quality.statistic": {"INSERT", "UPDATE"},
    },
    database.BUILDER: {
        "raw.build": {"INSERT", "UPDATE"},
        "raw.build_input": {"INSERT"},
        "raw.build_set_aside": {"INSERT"},
        "raw.build_token": {"UPDATE"},
        "raw.own_row": {"INSERT", "DELETE"},
        "quality.verdict": {"INSERT"},
        "published.publication": {"INSERT"},
        "published.publication_mart": {"INSERT"},
        "published.content": {"INSERT"},
        "published.current_publication": {"UPDATE"},
        "published.release": {"INSERT"},
    },
}


def rights(settings, role: str) -> dict[str, set[str]]:
    """Relation -> privileges that `role` has on it, over every relation that is not PostgreSQL's own."""
    rows = query(
        settings,
        "select n.nspname || '.' || c.relname, p from pg_class as c"
        " inner join pg_namespace as n on c.relnamespace = n.oid cross join unnest(%s::text[]) as p"
        " where c.relkind in ('r', 'v', 'm', 'p', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
        " and has_schema_privilege(%s, n.oid, 'USAGE') and has_table_privilege(%s, c.oid, p)",
        list(PRIVILEGES),
        role,
        role,
    )
    found: dict[str, set[str]] = {}
    for relation, privilege in rows:
        found.setdefault(relation, set()).add(privilege)
    return found


@pytest.mark.parametrize("role", READABLE)
def test_readers_read_their_schemas_and_nothing_else(warehouse, role):
    found = rights(warehouse, role)
    assert {relation.split(".")[0] for relation in found} == READABLE[role]
    assert all(privileges == {"SELECT"} for privileges in found.values()), found
    everything = query(
        warehouse, "select schemaname || '.' || viewname from pg_views where schemaname = any(%s)", list(READABLE[role])
    )
    assert {relation for (relation,) in everything} == set(found)


@pytest.mark.parametrize("role", WRITABLE)
def test_working_roles_change_only_what_they_must(warehouse, role):
    allowed = dict(WRITABLE[role])
    for relation, privileges in rights(warehouse, role).items():
        written = privileges - {"SELECT"}
        if role == database.LOADER and relation.startswith("raw.") and "__" in relation:
            assert written <= {"INSERT"}, relation
        elif role == database.BUILDER and relation.startswith("published.") and relation not in allowed:
            assert written == {"INSERT"}, relation
        elif role == database.BUILDER and relation.startswith("build."):
            continue  # its own schema
        else:
            assert written == allowed.pop(relation, set()), relation
    assert not allowed


def test_no_role_is_more_than_a_login(warehouse):
    rows = query(
        warehouse,
        "select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls"
        " from pg_roles where rolname = any(%s)",
        list(database.ROLES),
    )
    assert rows == [(False,)] * len(database.ROLES)


def test_a_reader_is_turned_away_from_raw(warehouse):
    with pytest.raises(Exception, match="permission denied"):
        query(warehouse, "select * from raw.register__person", role=database.BI_READER)


def test_the_loader_sees_no_published_figure_and_no_reader_sees_a_row_about_a_person(warehouse):
    assert not [r for r in rights(warehouse, database.LOADER) if r.startswith(("published.", "marts", "build."))]
    for role in READABLE:
        assert not [relation for relation in rights(warehouse, role) if "register" in relation]
