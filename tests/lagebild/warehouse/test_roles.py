"""Who may read and write what: every role against every relation."""

import pytest

from lagebild.core import database
from tests.support import query

PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
READABLE = {
    database.BI_READER: {"marts", "marts_history"},
    database.STATISTICS_OFFICE: {"marts", "marts_history", "marts_internal"},
}
# What the two working roles may change, relation by relation; whatever is not named here is read-only or closed.
WRITABLE = {
    database.LOADER: {
        "raw.delivery": {"INSERT", "UPDATE"},
        "raw.delivery_event": {"INSERT"},
        "raw.delivery_total": {"INSERT"},
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
        "release.register": {"INSERT"},
        "release.file": {"INSERT"},
        "release.event": {"INSERT"},
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


# --- functions and system views --------------------------------------------------------------------------------------

HARMLESS_VIEWS = """
pg_available_extension_versions pg_available_extensions pg_cursors pg_group pg_indexes pg_matviews pg_policies
pg_prepared_statements pg_publication_tables pg_roles pg_rules pg_seclabels pg_settings pg_tables pg_timezone_abbrevs
pg_timezone_names pg_user pg_user_mappings pg_views pg_wait_events
"""
"""System views that readers may select from: definitions, settings, and what belongs to the session itself."""

HARMLESS_VOLATILE = """
amvalidate array_sample array_shuffle brin_desummarize_range brin_summarize_new_values brin_summarize_range
clock_timestamp current_query currtid2 currval cursor_to_xml cursor_to_xmlschema gen_random_uuid
gin_clean_pending_list lastval nextval pg_clear_attribute_stats pg_clear_relation_stats pg_collation_actual_version
pg_copy_logical_replication_slot pg_copy_physical_replication_slot pg_create_logical_replication_slot
pg_create_physical_replication_slot pg_database_collation_actual_version pg_drop_replication_slot pg_export_snapshot
pg_extension_config_dump pg_get_loaded_modules pg_get_wait_events pg_import_system_collations pg_is_in_recovery
pg_is_wal_replay_paused pg_jit_available pg_logical_slot_get_binary_changes pg_logical_slot_get_changes
pg_logical_slot_peek_binary_changes pg_logical_slot_peek_changes pg_nextoid pg_notification_queue_usage pg_notify
pg_partition_ancestors pg_partition_tree pg_replication_slot_advance pg_restore_attribute_stats
pg_restore_relation_stats pg_sleep pg_sleep_for pg_sleep_until pg_stop_making_pinned_objects pg_sync_replication_slots
plpgsql_call_handler plpgsql_validator query_to_xml query_to_xml_and_xmlschema query_to_xmlschema random random_normal
set_config setseed setval timeofday ts_rewrite ts_stat uuidv4 uuidv7
"""
"""Functions that may change something or differ from call to call, and that readers may call: those that change a
relation ask for a right on it, those of replication for the attribute; the rest is of the session, or the clock's."""


@pytest.mark.parametrize("role", READABLE)
def test_readers_select_from_no_other_system_view(warehouse, role):
    seen = query(
        warehouse,
        "select relname from pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind = 'v'"
        " and has_table_privilege(%s, oid, 'select')",
        role,
    )
    assert {name for (name,) in seen} == set(HARMLESS_VIEWS.split())


@pytest.mark.parametrize("role", READABLE)
def test_readers_call_no_other_volatile_function(warehouse, role):
    """Every volatile function of PostgreSQL and every one of ours, by what the role may execute where it may enter."""
    seen = query(
        warehouse,
        "select distinct case n.nspname when 'pg_catalog' then '' else n.nspname || '.' end || p.proname"
        " from pg_proc as p inner join pg_namespace as n on p.pronamespace = n.oid"
        " where p.provolatile = 'v' and p.prokind in ('f', 'p') and has_schema_privilege(%s, n.oid, 'usage')"
        " and has_function_privilege(%s, p.oid, 'execute') and p.prorettype not in"
        " ('trigger'::regtype, 'event_trigger'::regtype) and 'internal'::regtype <> all(p.proargtypes::oid[])"
        " and p.proname !~ '^binary_upgrade_'",  # refused but in a server that pg_upgrade has started
        role,
        role,
    )
    assert {name for (name,) in seen} == set(HARMLESS_VOLATILE.split())
