"""What a run of dbt tells of lineage: its models, tables, columns and tests by name, and nothing of a row."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from ingest.deliveries import pseudonyms
from lagebild.core import lineage
from lagebild.core.errors import UserError
from lagebild.warehouse import build, build_lineage, transform
from tests import canary
from tests.receiver import receiver
from tests.support import MUNICIPALITY, PURPOSE, accept, run_dbt

SELECT = ["stg_register__person", "+stg_employment__employees"]
NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")


@pytest.mark.nightly
def test_a_build_tells_models_columns_and_tests_by_name_and_goes_on_without_an_endpoint(warehouse, monkeypatch, caplog):
    marker = canary.new_marker()
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    name, content = next(iter(canary.deliveries(marker).items()))
    accept(warehouse, "register", content, name)
    accept(warehouse, "employment")
    monkeypatch.setenv(
        "OPENLINEAGE_PARENT_ID", "lagebild/build_warehouse.transform/0199c0de-0000-7000-8000-000000000001"
    )
    with receiver() as server:
        settings = replace(warehouse, lineage_endpoint=server.url, lineage_file=warehouse.home / "lineage.jsonl")
        build_id = build.begin(settings)
        run_dbt(settings, build_id, SELECT, *NO_UNIT_TESTS)
        got = [json.loads(body) for _, body in server.got]
        assert [json.loads(line) for line in settings.lineage_file.read_text().splitlines()] == got
    first, last = got[0], got[-1]
    assert [(event["job"]["name"], event["eventType"]) for event in (first, last)] == [
        ("dbt_build", "START"),
        ("dbt_build", "COMPLETE"),
    ]
    assert first["run"]["facets"]["parent"]["job"]["name"] == "build_warehouse.transform"
    assert {event["run"]["facets"]["parent"]["run"]["runId"] for event in got[1:-1]} == {first["run"]["runId"]}
    models = {event["outputs"][0]["name"].rpartition(".")[2]: event for event in got if event.get("outputs")}
    assert models.keys() == {"stg_register__person", "stg_employment__employees"}
    person = models["stg_register__person"]
    assert "raw.register__person_snapshot" in [table["name"].partition(".")[2] for table in person["inputs"]]
    (made,) = person["outputs"]
    assert "person_pseudonym" in [field["name"] for field in made["facets"]["schema"]["fields"]]
    assert "columnLineage" not in made["facets"] or made["facets"]["columnLineage"]["fields"]
    tested = [
        event["inputs"][0]["inputFacets"]["dataQualityAssertions"]
        for event in got
        if not event.get("outputs") and event["inputs"]
    ]
    assert tested and all(one["success"] is True for facet in tested for one in facet["assertions"])
    text = json.dumps(got)
    for kept_back in (marker, *canary.BIRTH, "rowCount", "actual", "failures", "select ", "description"):
        assert kept_back.lower() not in text.lower(), kept_back
    assert not any(isinstance(value, int | float) and not isinstance(value, bool) for value in leaves(got))

    # nobody listens any more: the build passes all the same; one that fails says so to the file, without a message
    accept(settings, "employment")
    run_dbt(settings, build_id, ["stg_employment__employees"], *NO_UNIT_TESTS)
    told = [record.message for record in caplog.records if "lineage:" in record.message]
    assert len(told) == 1 and "the endpoint did not answer" in told[0]
    before = len(settings.lineage_file.read_text().splitlines())
    with pytest.raises(UserError, match="dbt failed in int_cost__ledger_line"):
        run_dbt(settings, build_id, ["int_cost__ledger_line"], *NO_UNIT_TESTS)  # what it reads is not there
    failed = [json.loads(line) for line in settings.lineage_file.read_text().splitlines()[before:]]
    assert [event["eventType"] for event in failed] == ["START", "START", "FAIL", "FAIL"]
    assert "does not exist" not in json.dumps(failed)
    assert len([record for record in caplog.records if "lineage:" in record.message]) == 1


def leaves(value):
    """Every value of an event that is no list and no object."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from leaves(one)
    else:
        yield value


def test_events_that_cannot_be_made_are_told_and_no_reason_to_fail(warehouse, monkeypatch, caplog):
    settings = replace(warehouse, lineage_file=warehouse.home / "lineage.jsonl")
    transform.manifest_path(settings).parent.mkdir(parents=True, exist_ok=True)
    newer = {"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v13.json"}, "nodes": {}}
    transform.manifest_path(settings).write_text(json.dumps(newer))
    transform.tell_lineage(settings, SimpleNamespace(result=SimpleNamespace(results=[]), success=True))
    assert "schema newer than 12" in caplog.text and not settings.lineage_file.exists()
    assert lineage.line(settings) == str(settings.lineage_file)


def node(name: str, **more) -> dict:
    """A node of dbt's manifest, with what the processor reads of it."""
    unique_id = f"{more.get('resource_type', 'model')}.lagebild.{name}"
    common = {"unique_id": unique_id, "name": name, "alias": name, "database": "db", "schema": "build", "columns": {}}
    return common | {"resource_type": "model", "config": {}, "description": "", "depends_on": {"nodes": []}} | more


def result_of(one: dict, status: str):
    """What dbt says of a node that ran."""
    moment = datetime(2026, 12, 1, tzinfo=UTC)
    timing = [SimpleNamespace(name="execute", started_at=moment, completed_at=moment)]
    return SimpleNamespace(node=SimpleNamespace(**one, compiled_code="select 1"), status=status, timing=timing)


@pytest.mark.parametrize("other", ["customers", "products"])
def test_a_test_of_two_tables_is_charged_to_the_one_that_it_is_written_for(tmp_path, other):
    orders, others = node("orders"), node(other)
    parents = [orders["unique_id"], others["unique_id"]]
    test = node(
        "relation", resource_type="test", test_metadata={"name": "relationships", "kwargs": {"column_name": "id"}},
        attached_node=orders["unique_id"], depends_on={"nodes": parents},
    )  # fmt: skip
    nodes = {one["unique_id"]: one for one in (orders, others, test)}
    schema = "https://schemas.getdbt.com/dbt/manifest/v12.json"
    manifest = {
        "metadata": {"dbt_schema_version": schema, "dbt_version": "1.11.0"}, "nodes": nodes, "sources": {},
        "parent_map": {test["unique_id"]: sorted(parents)} | {parent: [] for parent in parents},
    }  # fmt: skip
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest))
    ran = SimpleNamespace(results=[result_of(orders, "success"), result_of(others, "success"), result_of(test, "fail")])
    told = build_lineage.events(path, ran, {"host": "h", "port": "1"}, is_good=False)
    failed = [event for event in told if event["eventType"] == "FAIL" and event["inputs"]]
    assert [event["inputs"][0]["name"].rpartition(".")[2] for event in failed] == ["orders"]
    (assertion,) = failed[0]["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (assertion["assertion"], assertion["column"], assertion["success"]) == ("relationships", "id", False)
