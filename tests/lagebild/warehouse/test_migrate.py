"""Migrations and the tables made from contracts and marts: additive, repeatable, refused when they would break."""

from dataclasses import replace

import psycopg
import pytest

from ingest import contracts, tables
from lagebild import database
from lagebild.errors import UserError
from lagebild.warehouse import marts, migrate
from tests.support import query


def test_migrating_again_changes_nothing(warehouse):
    assert migrate.migrate(warehouse) == []


def test_a_migration_that_was_changed_after_it_had_been_applied_is_refused(warehouse, tmp_path, monkeypatch):
    for file in migrate.MIGRATIONS.glob("*.sql"):
        (tmp_path / file.name).write_text(file.read_text() + "\n-- edited")
    monkeypatch.setattr(migrate, "MIGRATIONS", tmp_path)
    with pytest.raises(UserError, match="was changed after it had been applied"):
        migrate.migrate(warehouse)


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
        tables.sync(connection, replace(contract, fields=(*contract.fields, extra)))
        assert connection.execute("select extra from raw.employment__employees").fetchall() == []
        with pytest.raises(UserError, match="contract.yml:\\d+: extra is bigint"):
            changed = replace(extra, type="string")
            tables.sync(connection, replace(contract, fields=(*contract.fields, changed)))


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
