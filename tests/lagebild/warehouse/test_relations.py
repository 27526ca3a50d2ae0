"""`marts.relation`, `marts.column_text`, `marts_history`: what a BI tool is told of every mart, and that it is true."""

import dataclasses

import psycopg
import pytest

from lagebild.core import database
from lagebild.core.settings import Settings
from lagebild.warehouse import marts, relations
from lagebild.warehouse.relations import Additive, Relation
from tests.support import query

READER = database.BI_READER


def test_every_mart_and_column_is_told_to_readers(published_warehouse):
    public = {mart.name: mart for mart in marts.definitions() if mart.schema == "marts"}
    told = query(published_warehouse, "select relation, key_columns, grain from marts.relation", role=READER)
    assert {name: tuple(key) for name, key, _ in told} == {name: mart.key for name, mart in public.items()}
    assert [name for name, _, grain in told if not grain.startswith("one row per")] == []
    shown = query(
        published_warehouse,
        "select c.table_name, c.column_name from information_schema.columns as c"
        " inner join marts.relation as r on c.table_name = r.relation where c.table_schema = 'marts'",
        role=READER,
    )
    columns = query(published_warehouse, "select relation, column_name from marts.column_text", role=READER)
    assert set(columns) == set(shown) and len(columns) == len(shown)
    empty = "label_de = '' or label_en = '' or description_de = '' or description_en = ''"
    assert query(published_warehouse, f"select * from marts.column_text where {empty}", role=READER) == []


def test_a_column_knows_its_type_unit_and_what_it_adds_up_over(published_warehouse):
    told = query(
        published_warehouse,
        "select data_type, is_key, unit, additive_over, label_de, label_en from marts.column_text"
        " where relation = 'cost_component' and column_name = 'amount_eur'",
        role=READER,
    )
    over = ["product_code", "account_code", "target_group", "treatment", "source_sha256"]
    assert told == [("numeric(18,2)", False, "EUR", over, "Betrag (EUR)", "Amount (EUR)")]
    rates = "select additive_over from marts.column_text where column_name ~ '(_pct|_low|_high|per_100|rate_eur)'"
    assert {tuple(over) for (over,) in query(published_warehouse, rates, role=READER)} == {()}


def test_references_name_columns_that_are_there():
    every = {mart.name: mart for mart in marts.definitions()}
    assert set(relations._relations()) <= set(every)
    for name, mart in every.items():
        for one in relations.of(name).references:
            assert set(one.columns) <= set(mart.columns) and set(one.to) == set(every[one.mart].key), (name, one)
        for figure, added in relations.of(name).additive:
            assert figure in mart.columns and set(added.over) <= set(mart.key) - {"reference_year"}, (name, figure)
            assert added.where is None or mart.columns[added.where][0] == "boolean"


def unequal(settings: Settings) -> dict[str, int]:
    """Of each figure that may be added, how many of its sums differ from the total that another mart or column has."""
    parts = dict(relations.of("cost_component").additive)["amount_eur"].over
    components = (
        "select count(*) from (select municipality_ags, fiscal_year, method, sum(amount_eur) as parts,"
        " bool_or(amount_eur is null) as is_hidden from marts.cost_component"
        f" group by {', '.join(column for column in marts.definition('cost_component').key if column not in parts)})"
        " as c inner join marts.cost_per_person as p on (c.municipality_ags, c.fiscal_year, c.method)"
        " = (p.municipality_ags, p.reference_year, p.method) where not is_hidden and c.parts is distinct from"
        " p.total_cost_eur + coalesce(p.unattributed_cost_eur, 0) + coalesce(p.excluded_cost_eur, 0)"
    )
    over = dict(relations.of("cost_bridge").additive)["part_eur"].over
    key = ", ".join(column for column in marts.definition("cost_bridge").key if column not in over)
    bridge = (
        f"select count(*) from (select sum(part_eur) as parts, min(difference_eur) as whole from marts.cost_bridge"
        f" group by {key}) as b where parts is distinct from whole"
    )
    years = (
        "select count(*) from marts.programme_funding_year as part inner join marts.programme_funding_year as whole"
        " on part.part_of = whole.figure_id and part.reference_year = whole.reference_year"
        " where part.is_addable and whole.amount_eur is not null"
    )
    queries = {"cost_component": components, "cost_bridge": bridge, "programme_funding_year": years}
    return {mart: query(settings, text, role=READER)[0][0] for mart, text in queries.items()}


def test_what_is_called_additive_adds_up(published_warehouse, monkeypatch):
    declared = {mart.name for mart in marts.definitions() if relations.of(mart.name).additive}
    assert unequal(published_warehouse) == dict.fromkeys(declared, 0)
    wrong = Relation(additive=(("amount_eur", Additive(("product_code", "account_code"))),))
    real = relations.of
    monkeypatch.setattr(relations, "of", lambda mart: wrong if mart == "cost_component" else real(mart))
    assert unequal(published_warehouse)["cost_component"] > 0


def test_history_has_every_publication_and_the_old_name_shows_the_same(published_warehouse):
    (count,) = query(published_warehouse, "select count(*) from marts_history.eu2_population", role=READER)
    assert count[0] > 0
    assert query(published_warehouse, "select count(*) from marts.eu2_population_vintage", role=READER) == [count]
    internal = "select to_regclass('marts_history.eu2_population_unmasked')"
    assert query(published_warehouse, internal) == [(None,)]
    assert marts.history("marts_internal", "x") == ("marts_internal", "x_vintage")
    for statement in ("insert into marts.relation (relation) values ('x')", "delete from marts_history.eu2_population"):
        with pytest.raises(psycopg.Error):
            query(published_warehouse, statement, role=READER)


def test_a_text_that_is_changed_reaches_readers_with_the_next_migration(warehouse, monkeypatch):
    mart = marts.definition("refinancing")
    changed = dataclasses.replace(mart, columns=mart.columns | {"gap_eur": ("numeric(18,2)", "Another text.")})
    every = [changed if one.name == mart.name else one for one in marts.definitions()]
    monkeypatch.setattr(marts, "definitions", lambda: tuple(every))
    with database.connect(warehouse) as connection:
        relations.sync(connection)
    told = "select description_en from marts.column_text where relation = 'refinancing' and column_name = 'gap_eur'"
    assert query(warehouse, told, role=READER) == [("Another text.",)]


def test_nothing_rests_on_the_old_names(warehouse):
    resting = (
        "select distinct c.oid::regclass::text from pg_rewrite as w inner join pg_class as c on w.ev_class = c.oid"
        " inner join pg_depend as d on d.objid = w.oid and d.classid = 'pg_rewrite'::regclass"
        " inner join pg_class as old on d.refobjid = old.oid and old.oid <> c.oid"
        " where old.relnamespace = 'marts'::regnamespace and old.relname like '%\\_vintage'"
    )
    named = "select c.oid::regclass::text from pg_class as c where c.relkind = 'v' and pg_get_viewdef(c.oid) like %s"
    assert query(warehouse, resting) == [] == query(warehouse, named, "%vintage'::text%")
    with database.connect(warehouse) as connection:  # so they can go: readers see the same without them
        connection.execute("drop view marts.eu2_population_vintage")
    assert query(warehouse, "select count(*) >= 0 from marts.publication_source", role=READER) == [(True,)]
