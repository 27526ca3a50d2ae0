"""Migrations and the tables made from contracts and marts: additive, repeatable, refused when they would break."""

import hashlib
import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from ingest import contracts
from ingest.loading import raw_tables
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.warehouse import locks, marts, migrate
from tests.support import query


def test_migrating_again_changes_nothing(warehouse):
    assert migrate.migrate(warehouse) == []


def test_a_migration_that_was_changed_after_it_had_been_applied_is_refused(warehouse, tmp_path, monkeypatch):
    for file in migrate.MIGRATIONS.glob("*.sql"):
        (tmp_path / file.name).write_text(file.read_text() + "\n-- edited")
    monkeypatch.setattr(migrate, "MIGRATIONS", tmp_path)
    with pytest.raises(UserError, match="was changed after it had been applied"):
        migrate.migrate(warehouse)


def test_migrations_are_those_that_warehouses_have_already():
    """Whoever changes one shuts every warehouse out that has it. A new one is added to the list by sha256sum."""
    known = Path(__file__).parents[2] / "fixtures" / "migrations.sha256"
    listed = dict(reversed(line.split()) for line in known.read_text().splitlines())
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in migrate.MIGRATIONS.glob("*.sql")}
    assert found == listed


def test_a_warehouse_of_a_newer_version_is_left_alone(warehouse):
    with database.connect(warehouse) as connection:
        connection.execute("insert into public.lagebild_migration (name, sha256) values ('9999_later.sql', '')")
    with pytest.raises(UserError, match="9999_later.sql"):
        migrate.migrate(warehouse)


def test_a_failing_migration_leaves_nothing_of_itself(warehouse, tmp_path, monkeypatch):
    for file in migrate.MIGRATIONS.glob("*.sql"):
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "9000_bad.sql").write_text("create table raw.half (a int); select 1 / 0;")
    monkeypatch.setattr(migrate, "MIGRATIONS", tmp_path)
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate.migrate(warehouse)
    assert query(warehouse, "select to_regclass('raw.half')") == [(None,)]


def test_a_contract_may_gain_a_column_but_not_change_a_type(warehouse):
    contract = contracts.load("employment")
    extra = replace(contract.fields[0], name="extra", type="integer")
    with database.connect(warehouse) as connection:
        raw_tables.sync(connection, replace(contract, fields=(*contract.fields, extra)))
        assert connection.execute("select extra from raw.employment__employees").fetchall() == []
        with pytest.raises(UserError, match="contract.yml:\\d+: extra is bigint"):
            changed = replace(extra, type="string")
            raw_tables.sync(connection, replace(contract, fields=(*contract.fields, changed)))


def test_migrating_writes_down_when_each_source_is_due(warehouse):
    query_all = "select source, every, lag::text, first_on, retired_on, owner from quality.source_schedule"
    before = {row[0]: row[1:] for row in query(warehouse, query_all)}
    assert set(before) == set(contracts.sources())
    assert before["register"][:4] == ("quarter", "1 mon", None, None)
    assert before["structure_tables"][:4] == (None, None, None, None)
    with database.connect(warehouse) as connection:
        connection.execute("update quality.source_schedule set lag = '99 years' where every is not null")
        connection.execute("delete from quality.source_schedule where source = 'ledger'")
        connection.execute("insert into quality.source_schedule (source, owner, reason) values ('gone', 'o', 'r')")
    migrate.migrate(warehouse)
    assert {row[0]: row[1:] for row in query(warehouse, query_all)} == before


def test_a_mart_may_gain_a_column_but_not_lose_or_change_one(warehouse):
    mart = marts.definition("cost_per_person")
    wider = replace(mart, columns={**mart.columns, "extra_eur": ("numeric(18,2)", "An extra amount in EUR.")})
    with database.connect(warehouse) as connection:
        marts.sync(connection, wider)
        assert connection.execute("select extra_eur from marts.cost_per_person_vintage").fetchall() == []
        with pytest.raises(UserError, match="extra_eur was numeric\\(18,2\\)"):
            marts.sync(connection, mart)
        with pytest.raises(UserError, match="cost_per_person_v2"):
            marts.sync(connection, replace(wider, columns={**wider.columns, "extra_eur": ("text", "A text.")}))


def test_a_sensitivity_cannot_be_declared_for_everybody(tmp_path):
    (tmp_path / "marts").mkdir()
    key = "data_tests: [{unique_combination: {arguments: {columns: [x]}}}]"
    text = "models:\n  - {name: sensitivity_x, description: d, columns: [], config: {meta: {audience: %s}}, %s}\n"
    (tmp_path / "marts" / "x.yml").write_text(text % ("marts", key))
    with pytest.raises(UserError, match="never released"):
        marts.definitions(tmp_path)
    (tmp_path / "marts" / "x.yml").write_text(text % ("marts_internal", "data_tests: []"))
    with pytest.raises(UserError, match="key is not declared"):
        marts.definitions(tmp_path)
    (tmp_path / "marts" / "x.yml").write_text(text % ("marts_internal", key))
    assert [(mart.schema, mart.key) for mart in marts.definitions(tmp_path)] == [("marts_internal", ("x",))]


def test_every_column_of_a_published_view_carries_its_description(warehouse):
    undescribed = query(
        warehouse,
        "select c.relname, a.attname from pg_class as c inner join pg_attribute as a on c.oid = a.attrelid"
        " where c.relnamespace in ('marts'::regnamespace, 'marts_internal'::regnamespace) and a.attnum > 0"
        " and c.relname !~ '^publication'"
        " and coalesce(col_description(c.oid, a.attnum), '') = ''",
    )
    assert undescribed == []


def test_accounts_leave_what_was_published_before(warehouse):
    with database.connect(warehouse) as connection:
        connection.execute("alter table published.provenance add column accepted_by text")
        connection.execute("drop view marts_internal.delivery_decision")
        connection.execute("delete from public.lagebild_migration where name = '0011_decisions.sql'")
    assert migrate.migrate(warehouse) == ["0011_decisions.sql"]
    columns = (
        "select table_schema from information_schema.columns where table_name ~ '^provenance' and column_name = %s"
    )
    assert query(warehouse, columns, "accepted_by") == []
    assert {schema for (schema,) in query(warehouse, columns, "accepted_at")} == {"published", "marts", "marts_history"}
    assert query(warehouse, "select * from marts.provenance", role=database.BI_READER) == []


# --- marts under their readers ----------------------------------------------------------------------------------------

MART = "cost_per_person"
EXTRA = {"extra_eur": ("numeric(18,2)", "An extra amount in EUR.")}


@pytest.fixture
def migrations(tmp_path, monkeypatch):
    """A folder with the migrations there are, for another one."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, folder)
    monkeypatch.setattr(migrate, "MIGRATIONS", folder)
    return folder


def declare(monkeypatch, **changes) -> None:
    """Let the models declare `cost_per_person` otherwise."""
    declared = [replace(mart, **changes) if mart.name == MART else mart for mart in marts.definitions()]
    monkeypatch.setattr(marts, "definitions", lambda: tuple(declared))


def without(column: str) -> dict:
    columns = marts.definition(MART).columns
    return {name: told for name, told in columns.items() if name != column}


def catalogue(settings) -> list[tuple]:
    """Every column of what readers see and what is published, and the migrations applied."""
    return query(
        settings,
        "select c.oid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod) from pg_class as c"
        " inner join pg_attribute as a on c.oid = a.attrelid"
        " where c.relnamespace::regnamespace::text ~ 'marts|published'"
        " union all select name, '', '' from public.lagebild_migration order by 1, 2",
    )


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (lambda: without("verdict"), "verdict was text"),
        (lambda: without("verdict") | {"judgement": ("text", "Renamed.")}, "verdict was text"),
        (lambda: without("verdict") | {"verdict": ("boolean", "Retyped.")}, "verdict was text"),
        (lambda: without("total_cost_eur") | {"total_cost_eur": ("numeric(18,4)", "Finer.")}, "was numeric\\(18,2\\)"),
    ],
    ids=["removed", "renamed", "retyped", "rescaled"],
)
def test_a_breaking_change_of_a_mart_is_refused_before_anything_changes(
    warehouse, migrations, monkeypatch, columns, told
):
    (migrations / "9000_new.sql").write_text("create table raw.new (a int)")
    before = catalogue(warehouse)
    declare(monkeypatch, columns=columns())
    with pytest.raises(UserError, match=f"(?s)mart {MART}: .*{told}.*new mart version.*named {MART}_v2"):
        migrate.migrate(warehouse)
    assert catalogue(warehouse) == before


@pytest.mark.parametrize("change", [{"name": f"{MART}_v2"}, {"schema": "marts_internal"}], ids=["gone", "moved"])
def test_a_mart_that_no_model_declares_any_more_is_refused_until_a_migration_drops_its_views(
    warehouse, migrations, monkeypatch, change
):
    declare(monkeypatch, **change)
    with pytest.raises(UserError, match=rf"(?s)marts.{MART} is there for its readers.*drops marts.{MART},"):
        migrate.migrate(warehouse)
    (migrations / "9000_retire.sql").write_text(
        f"drop view marts.{MART}; drop view marts.{MART}_vintage; drop view marts_history.{MART}"
    )
    assert migrate.migrate(warehouse) == ["9000_retire.sql"]
    assert query(warehouse, "select to_regclass('published.cost_per_person') is not null") == [(True,)]


def test_a_view_that_says_something_else_is_replaced(warehouse):
    view = f"marts.{MART}"
    (written,) = query(warehouse, "select pg_get_viewdef(%s::regclass)", view)
    with database.connect(warehouse) as connection:
        connection.execute(f"create or replace view {view} as {written[0].rstrip(';')} limit 0")
        connection.execute(f"comment on view {view} is 'of old'")
    migrate.migrate(warehouse)
    assert query(warehouse, "select pg_get_viewdef(%s::regclass)", view) == [written]
    assert query(warehouse, "select obj_description(%s::regclass)", view) == [(marts.definition(MART).description,)]


@contextmanager
def reading(settings):
    """A BI tool with a long report: a transaction that has read every mart, and goes on."""
    with database.connect(settings, database.BI_READER) as connection:
        for mart in marts.definitions():
            if mart.schema == "marts":
                connection.execute(f"select * from marts.{mart.name}")
        connection.execute("select * from marts.publication_source")
        yield connection


def test_a_migration_with_nothing_to_change_disturbs_nobody_and_waits_for_nobody(warehouse, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0.0)
    with reading(warehouse):
        assert migrate.migrate(warehouse) == []


def test_a_migration_gives_way_to_readers_and_is_done_when_they_are(warehouse, migrations, monkeypatch):
    ((again,),) = query(warehouse, "select pg_get_viewdef('marts.publication_source'::regclass)")
    (migrations / "9000_view.sql").write_text(f"create or replace view marts.publication_source as {again}")
    declare(monkeypatch, columns=marts.definition(MART).columns | EXTRA)
    with reading(warehouse) as report:
        migrating = threading.Thread(target=migrate.migrate, args=[warehouse])
        migrating.start()
        until = time.monotonic() + 0.8
        while time.monotonic() < until:  # others come and go meanwhile; the server cancels what waits longer than 50 ms
            with database.connect(warehouse, database.BI_READER) as connection:
                connection.execute("set lock_timeout = 50")
                connection.execute(f"select * from marts.{MART}")
                connection.execute("select * from marts.publication_source")
        assert migrating.is_alive()
        report.commit()
        migrating.join(10)
        assert not migrating.is_alive()
    assert query(warehouse, f"select extra_eur from marts.{MART}", role=database.BI_READER) == []
    assert ("9000_view.sql",) in query(warehouse, "select name from public.lagebild_migration")


def test_readers_do_not_miss_a_view_that_a_migration_drops_with_a_column(warehouse, migrations, monkeypatch):
    (migrations / "9000_drop.sql").write_text(f"alter table published.{MART} drop column verdict cascade")
    declare(monkeypatch, columns=without("verdict"))
    migrating = threading.Thread(target=migrate.migrate, args=[warehouse])
    migrating.start()
    with database.connect(warehouse, database.BI_READER, autocommit=True) as connection:
        connection.execute("set lock_timeout = 1000")
        while migrating.is_alive():
            connection.execute(f"select total_cost_eur from marts.{MART}")
            connection.execute(f"select total_cost_eur from marts.{MART}_vintage")
    shown = {column for relation, column, _ in catalogue(warehouse) if relation == f"marts.{MART}"}
    assert "total_cost_eur" in shown and "verdict" not in shown
    description = marts.definition(MART).description
    assert query(warehouse, "select obj_description(%s::regclass)", f"marts.{MART}") == [(description,)]


def test_a_migration_that_finds_no_gap_says_who_is_in_its_way_and_goes_on_later(warehouse, monkeypatch, capsys):
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(locks, "TELL_SECONDS", 0.0)
    declare(monkeypatch, columns=marts.definition(MART).columns | EXTRA)
    before = catalogue(warehouse)
    with database.connect(warehouse) as writing:
        writing.execute(f"lock table published.{MART} in row exclusive mode")
        with pytest.raises(UserError, match=rf"(?s)published.{MART}: .*process \d+ of \w+ \(lagebild\) since"):
            migrate.migrate(warehouse)
    assert capsys.readouterr().out.count(f"published.{MART} waits for a gap between readers: process") == 1
    assert catalogue(warehouse) == before
    migrate.migrate(warehouse)
    assert query(warehouse, f"select extra_eur from marts.{MART}_vintage", role=database.BI_READER) == []
