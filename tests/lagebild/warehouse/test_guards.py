"""What readers cannot do to the house, and what the server's own statistics do not tell them."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from functools import cache

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lagebild.core import database
from lagebild.core.settings import Settings
from lagebild.local import postgres, status
from lagebild.warehouse import guards
from lagebild.warehouse.migrate import migrate
from tests.conftest import own_folder
from tests.ingest.support import register
from tests.support import accept, query

ROOM = 80
"""Connections that pipeline and Airflow must find, whatever readers do."""


@pytest.fixture
def own_server() -> Iterator[Settings]:
    """A migrated warehouse on a server of the test's own: nobody else is turned away, and nobody else works there."""
    with own_folder(f"lagebild-guards-{os.getpid()}") as settings:
        postgres.start(settings, durable=False)
        migrate(settings)
        yield settings


@pytest.fixture
def guarded(warehouse: Settings) -> Settings:
    """A warehouse as migration leaves it: what belongs to a database by name was not cloned with the template."""
    migrate(warehouse)
    return warehouse


@pytest.mark.own_server
def test_idle_readers_take_their_places_and_no_more(own_server):
    """A flood of idle sessions of both readers is turned away while the pipeline still has its 80 connections."""
    with contextlib.ExitStack() as flood:
        taken = {role: _fill(own_server, role, flood) for role in guards.READERS}
        assert taken == {database.BI_READER: 80, database.STATISTICS_OFFICE: 20}
        for number in range(ROOM):
            role = (database.LOADER, database.BUILDER)[number % 2]
            flood.enter_context(psycopg.connect(**database.parameters(own_server, role)))
        assert accept(own_server, "employment").state == "accepted"  # the pipeline itself, all others still there
        for role in taken:  # what the house reads as a reader, it reads with the rights of one
            assert query(own_server, "select current_user, count(*) from marts.publication group by 1", role=role) == []
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                query(own_server, "select * from raw.delivery", role=role)
    assert not [line for line in status.lines(own_server) if line.startswith("guard lacks")]
    for role in guards.READERS:  # of all databases of the server a reader enters the warehouse alone
        for name in ("postgres", "template1", "lagebild_airflow"):
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(**database.parameters(own_server, role) | {"dbname": name})


def _fill(settings: Settings, role: str, flood: contextlib.ExitStack) -> int:
    """Connect as a role until the server refuses; how many it let in."""
    for number in range(200):
        try:
            flood.enter_context(psycopg.connect(**database.parameters(settings, role)))
        except psycopg.OperationalError as error:
            assert "too many connections for role" in str(error)
            return number
    raise AssertionError("the server took every session of a reader")


@pytest.mark.parametrize("role", guards.READERS)
def test_a_readers_session_begins_with_its_limits(guarded, role):
    with psycopg.connect(**database.parameters(guarded, role)) as connection:
        shown = {name: connection.execute(f"show {name}").fetchone()[0] for name in guards.SETTINGS}
    assert shown == guards.SETTINGS


@pytest.mark.parametrize(
    "statement",
    [
        "create temporary table mine (n integer)",
        "create table marts.mine (n integer)",
        "create table public.mine (n integer)",
        "create schema mine",
        "select lo_create(0)",
        "select lo_from_bytea(0, 'x')",
        "select pg_logical_emit_message(false, 'a', 'b')",
        "select pg_advisory_lock(1)",
        "select pg_try_advisory_lock_shared(1, 2)",
        "select pg_advisory_xact_lock(1)",
        "select marts.publication.* from marts.publication for update",
        "set temp_file_limit = -1",
    ],
)
@pytest.mark.parametrize("role", guards.READERS)
def test_a_reader_who_lifts_read_only_changes_and_locks_nothing_all_the_same(guarded, role, statement):
    with psycopg.connect(**database.parameters(guarded, role), autocommit=True) as connection:
        connection.execute("set default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_the_pipeline_keeps_the_locks_that_it_works_with(guarded):
    for role in (database.LOADER, database.BUILDER):
        assert query(guarded, "select pg_try_advisory_lock(1), pg_try_advisory_xact_lock(1, 2)", role=role)


def test_every_migration_run_sets_what_was_lifted_and_the_status_says_so_until_then(guarded):
    def lacks() -> list[str]:
        with database.connect(guarded) as connection:
            return [lack for lack in guards.lacking(connection) if not lack.startswith("readers may enter")]

    assert lacks() == []
    name = guarded_name(guarded)
    with database.connect(guarded, autocommit=True) as connection:
        for statement in (
            "grant select on pg_catalog.pg_class to public",
            "grant select on pg_catalog.pg_stat_all_tables to bi_reader",
            "grant execute on function pg_advisory_lock(bigint) to public",
            sql.SQL("grant temporary on database {} to public").format(name),
            sql.SQL("alter role bi_reader in database {} set statement_timeout = 0").format(name),
        ):
            connection.execute(statement)
    said = "\n".join(lacks())
    for words in (
        "bi_reader may use pg_advisory_lock, pg_stat_all_tables, pg_class.relallfrozen",
        "statistics_office may use pg_advisory_lock, pg_class.relallfrozen",
        "statistics_office may make temporary objects",
        "bi_reader has settings of its own in",
    ):
        assert words in said
    assert sum("guard lacks:" in line for line in status.lines(guarded)) >= len(lacks())
    migrate(guarded)
    # What was given to a reader by name is no right of the public: nobody gives it by accident, and it is told.
    assert lacks() == ["bi_reader may use pg_stat_all_tables"]


def guarded_name(settings: Settings) -> sql.Identifier:
    return sql.Identifier(database.parameters(settings)["dbname"])


# --- statistics of the server ----------------------------------------------------------------------------------------

TABLE = "raw.register__person"
"""Rows about persons, which nobody who reads may count."""


def _told(settings: Settings, role: str) -> dict[str, str]:
    """Everything that a role is told by a relation or function of the catalogue, by the question that it asked.

    Each relation of `pg_catalog` and `information_schema`, where it may not be read whole column by column, with the
    system columns; each function that takes nothing, an object's number or its name, with or without a word more: for
    the table about persons, its index, its TOAST table, a sequence and the database. What is refused has no entry.
    """
    told: dict[str, str] = {}
    with psycopg.connect(**database.parameters(settings, role), autocommit=True) as connection:

        def ask(question: str) -> bool:
            try:
                told[question] = str(connection.execute(question).fetchall())
            except psycopg.Error:
                return False
            return True

        relations = query(
            settings,
            "select format('%I.%I', n.nspname, c.relname), array_agg(a.attname::text order by a.attnum)"
            " from pg_class as c inner join pg_attribute as a on a.attrelid = c.oid"
            " inner join pg_namespace as n on c.relnamespace = n.oid"
            " where n.nspname in ('pg_catalog', 'information_schema') and c.relkind in ('r', 'v')"
            " and not a.attisdropped group by 1 order by 1",
        )
        for relation, columns in relations:
            if not ask(f"select md5(string_agg(r::text, ' ' order by r::text)) from {relation} as r"):
                for column in columns:
                    ask(_digest(relation, column))
            elif "xmin" in columns:
                ask(_digest(relation, "xmin"))
        for function, arguments in _functions(settings):
            for values in _values(settings, tuple(arguments)):
                ask(f"select {function}({values})::text")
    return told


def _digest(relation: str, column: str) -> str:
    return f"""select md5(string_agg("{column}"::text, ' ' order by "{column}"::text)) from {relation}"""


def _functions(settings: Settings) -> list[tuple]:
    return query(
        settings,
        "select distinct proname, array(select format_type(t, null) from unnest(proargtypes) as t) from pg_proc"
        " where pronamespace = 'pg_catalog'::regnamespace and prokind = 'f' and prorettype not in"
        " ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)"
        " and proname not in ('pg_sleep', 'pg_export_snapshot') order by 1",
    )


@cache
def _values(settings: Settings, kinds: tuple[str, ...]) -> list[str]:
    """What to ask a function that takes such arguments; nothing where it is about no object."""
    objects = (
        f"select oid from pg_class where oid in ('{TABLE}'::regclass, 'raw.delivery_delivery_id_seq'::regclass)"
        f" or oid in (select reltoastrelid from pg_class where oid = '{TABLE}'::regclass)"
        f" or oid in (select indexrelid from pg_index where indrelid = '{TABLE}'::regclass)"
    )
    if kinds == ():
        return [""]
    if kinds[0] in ("oid", "regclass") and kinds[1:] in ((), ("boolean",), ("text",)):
        more = {(): "", ("boolean",): ", true", ("text",): ", 'main'"}[kinds[1:]]
        rows = query(settings, f"{objects} union select oid from pg_database where datname = current_database()")
        return [f"{oid}::{kinds[0]}{more}" for (oid,) in rows]
    if kinds in (("text",), ("name",)):
        return [f"'{TABLE}'::{kinds[0]}", f"current_database()::{kinds[0]}", f"'pg_default'::{kinds[0]}"]
    return ["'3'::xid"] if kinds == ("xid",) else []


def _moved(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {question for question in before | after if before.get(question) != after.get(question)}


def _add_persons(settings: Settings, year: int, persons: int) -> None:
    """A delivery of so many rows, and what a server does with it in time: analyse it, write it to its files."""
    accept(settings, "register", register(*_persons(year, persons)), f"register_05913000_{year}-12-31.csv")
    with database.connect(settings, autocommit=True) as connection:
        connection.execute(f"vacuum analyze {TABLE}")
        connection.execute("checkpoint")


def _persons(year: int, count: int) -> list[str]:
    from tests.canary import line

    return [line("N", number, f"31.12.{year}", Geburtsdatum="01.01.1980") for number in range(count)]


@pytest.mark.own_server
@pytest.mark.long
def test_no_catalogue_of_the_server_tells_readers_of_rows_about_persons(own_server):
    """Every system relation and function, asked before and after rows about persons came: no answer follows them.

    On a server of its own: some relations are of all databases, and other workers make and drop databases all the time.
    """
    reader = database.BI_READER
    _add_persons(own_server, 2017, 40)
    before, others = _told(own_server, reader), _told(own_server, database.LOADER)
    noise = _moved(before, _told(own_server, reader))
    _add_persons(own_server, 2018, 3000)
    moved, seen = _moved(before, _told(own_server, reader)), _moved(others, _told(own_server, database.LOADER))
    # The search finds what there is for whom it is not closed.
    for answer in ("from pg_catalog.pg_class", "pg_stat_user_tables", "pg_relation_size(", "pg_current_wal_lsn("):
        assert any(answer in question for question in seen), answer
    assert len(before) > 500  # the catalogue that clients ask stays open
    following = moved - noise
    for year in (2019, 2020):  # what the server did by itself meanwhile does not follow rows a second and a third time
        if following:
            before = _told(own_server, reader)
            _add_persons(own_server, year, 3000)
            following &= _moved(before, _told(own_server, reader))
    assert following == set()


def test_the_catalogue_tells_the_office_what_it_tells_other_readers(guarded):
    """So that what was asked as one reader holds for the other, too."""
    readers = "cross join (values ('bi_reader', 'statistics_office')) as r (one, other)"
    catalogue = "in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
    differ = query(
        guarded,
        f"select p.oid::regprocedure::text from pg_proc as p {readers} where p.pronamespace {catalogue} and"
        " has_function_privilege(one, p.oid, 'execute') <> has_function_privilege(other, p.oid, 'execute')"
        f" union all select c.relname || '.' || a.attname from pg_class as c {readers} inner join pg_attribute as a"
        f" on a.attrelid = c.oid where c.relnamespace {catalogue} and has_column_privilege(one, c.oid, a.attnum,"
        " 'select') <> has_column_privilege(other, c.oid, a.attnum, 'select')",
    )
    assert differ == []


def test_no_plan_of_a_readers_view_reads_a_table_of_rows_about_persons(guarded):
    """EXPLAIN counts rows of what a view reads: the ledger, what was published and released, never rows of raw."""
    read = set()
    for role in guards.READERS:
        views = query(guarded, "select format('%I.%I', schemaname, viewname) from pg_views where schemaname ~ '^marts'")
        for (view,) in views:
            with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                ((plan,),) = query(guarded, f"explain (verbose, format json) select * from {view}", role=role)
                read |= set(_relations(plan))
    assert {"raw.delivery", "published.eu2_population"} <= read
    assert {
        name for name in read if "__" in name or not name.startswith(("raw.", "published.", "quality.", "release."))
    } == set()


def _relations(plan: object) -> Iterator[str]:
    """Every relation that a plan scans."""
    return (f"{node['Schema']}.{node['Relation Name']}" for node in _nodes(plan) if "Relation Name" in node)


def _nodes(plan: object) -> Iterator[dict]:
    """Every part of a plan."""
    if isinstance(plan, dict):
        yield plan
        plan = list(plan.values())
    for part in plan if isinstance(plan, list) else ():
        yield from _nodes(part)


def test_neither_an_error_nor_a_plan_tells_of_contents_that_no_view_shows(guarded):
    """A reader's condition meets rows that are shown and no others, whatever the planner is told to do."""
    with database.connect(guarded) as connection:
        connection.execute(
            "insert into raw.build (state, code_version) values ('published', 'c');"
            "insert into published.publication (build_id, code_version, fingerprint, is_protected)"
            " select build_id, 'c', 'f', true from"
            " raw.build; update published.current_publication set publication_id = 1;"
            "insert into published.content (mart, sha256, row_count) values ('eu2_population', 'shown', 1),"
            " ('eu2_population', 'hidden', 1);"
            "insert into published.publication_mart (publication_id, mart, content_id, model_version, sources)"
            " values (1, 'eu2_population', 1, 'v', '{}');"
            "insert into published.eu2_population (content_id, eu2_persons) values (1, 9), (2, 4);"
            "analyze published.eu2_population"
        )
    for view in ("marts.eu2_population", "marts.eu2_population_vintage", "marts_history.eu2_population"):
        for value in (9, 4):
            shown = [(value,)] * (value == 9)
            with psycopg.connect(**database.parameters(guarded, database.BI_READER), autocommit=True) as connection:
                for method in ("nestloop", "hashjoin", "mergejoin", "indexscan", "bitmapscan"):
                    condition = f"select eu2_persons from {view} where eu2_persons = {value}"
                    assert connection.execute(condition).fetchall() == shown
                    ((plan,),) = connection.execute(f"explain (analyze, format json) {condition}").fetchall()
                    scanned = [node for node in _nodes(plan) if node.get("Relation Name") == "eu2_population"]
                    # One row is read, the one that is shown, whatever was asked; no estimate knows the other.
                    assert [node["Actual Rows"] * node["Actual Loops"] for node in scanned] == [1]
                    assert not any("eu2_persons" in str(node.get("Filter")) for node in scanned)
                    oracle = f"select 1 / (eu2_persons - 4) from {view} where 1 / (eu2_persons - 4) >= 0"
                    assert connection.execute(oracle).fetchall() == [(0,)]
                    connection.execute(f"set enable_{method} = off")


# --- clients ---------------------------------------------------------------------------------------------------------


def test_psql_describes_the_marts_to_a_reader(guarded):
    dsn = make_conninfo(**database.parameters(guarded, database.BI_READER))
    commands = (r"\d marts.*", r"\d+ marts.publication", r"\dv marts.*", r"\dp marts.*", r"\dn+", r"\l", r"\dd", r"\du")
    psql = [postgres.binaries(guarded) / "psql", dsn, "-X", "-v", "ON_ERROR_STOP=1"]
    psql += [f"-c{command}" for command in commands]
    told = subprocess.run(psql, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "") and "publication_source" in told.stdout


def test_sqlalchemy_reflects_the_marts_to_a_reader(guarded):
    """As Superset does: names, columns, comments, keys, definitions of every view."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(database.url(guarded, database.BI_READER, driver="postgresql+psycopg"))
    try:
        inspector = sqlalchemy.inspect(engine)
        for view in inspector.get_view_names("marts"):
            assert inspector.get_columns(view, "marts") and inspector.get_view_definition(view, "marts")
            assert inspector.get_indexes(view, "marts") == inspector.get_foreign_keys(view, "marts") == []
        assert inspector.get_table_comment("publication", "marts")["text"]
        metadata = sqlalchemy.MetaData()
        metadata.reflect(engine, schema="marts", views=True)
        assert "marts.publication_source" in metadata.tables
    finally:
        engine.dispose()
