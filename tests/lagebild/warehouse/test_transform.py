"""dbt in this process: parsed once, told step by step, and the process is left as it was."""

import gc
import json
import os
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

from lagebild.core.errors import UserError
from lagebild.warehouse import build, steps, transform
from tests.support import accept, query, run_dbt


@pytest.fixture
def build_id(warehouse) -> int:
    accept(warehouse, "employment")
    return build.begin(warehouse)


def test_a_run_tells_its_steps_and_leaves_the_process_as_it_was(warehouse, build_id, capfd, monkeypatch):
    from dbt.adapters.base.impl import DEFAULT_BASE_BEHAVIOR_FLAGS

    flags = len(DEFAULT_BASE_BEHAVIOR_FLAGS)
    monkeypatch.setenv("DBT_LOG_PATH", "elsewhere")
    before, thresholds, threads = dict(os.environ), gc.get_threshold(), threading.active_count()
    told: list[steps.Step] = []
    warehouse = replace(warehouse, lineage_file=warehouse.home / "lineage.jsonl")
    select = ["path:models/staging/employment", "evidence_class"]
    run_dbt(warehouse, build_id, select, "--exclude-resource-type", "unit_test", tell=told.append)
    assert capfd.readouterr() == ("", "")
    assert (dict(os.environ), gc.get_threshold()) == (before, thresholds)
    assert threading.active_count() <= threads + 1, "dbt left threads"
    assert len(DEFAULT_BASE_BEHAVIOR_FLAGS) == flags, "each call would make the next one slower"
    places = {(step.layer, step.kind) for step in told}
    assert {("seeds", "seed"), ("seeds", "test"), ("staging", "model")} <= places
    assert [step.done for step in told] == [*range(1, len(told) + 1)]
    assert {step.total for step in told} == {len(told)}
    assert not any(step.is_bad for step in told) and all(step.seconds > 0 for step in told)
    # its lineage: the run, the model with its table and columns, what was tested; the rest is in test_build_lineage.py
    events = [json.loads(line) for line in warehouse.lineage_file.read_text().splitlines()]
    assert [(events[end]["job"]["name"], events[end]["eventType"]) for end in (0, -1)] == [
        ("dbt_build", "START"),
        ("dbt_build", "COMPLETE"),
    ]
    (made,) = [event["outputs"][0] for event in events if event["outputs"] and event["eventType"] == "COMPLETE"]
    assert made["name"].endswith(".build.stg_employment__employees") and made["facets"].keys() >= {"schema"}
    tested = [event["job"]["name"] for event in events if event["job"]["facets"]["jobType"]["jobType"] == "TEST"]
    assert any("stg_employment__employees" in name for name in tested)
    assert "rowCount" not in warehouse.lineage_file.read_text()
    log = (warehouse.home / "dbt" / "logs" / "dbt.log").read_text()
    assert "stg_employment__employees" in log

    # the second time nothing is parsed but what changed: here nothing
    log_before = len(log)
    run_dbt(warehouse, build_id, ["stg_employment__employees"])
    log = (warehouse.home / "dbt" / "logs" / "dbt.log").read_text()[log_before:]
    assert "stg_employment__employees" in log and "Unable to do partial parsing" not in log
    (warehouse.home / "dbt" / "target" / "partial_parse.msgpack").unlink()
    transform._parsed = None
    run_dbt(warehouse, build_id, ["stg_employment__employees"])
    log = (warehouse.home / "dbt" / "logs" / "dbt.log").read_text()[log_before:]
    assert "Unable to do partial parsing" in log  # so the log would have said it


def test_what_was_prepared_is_run_once_and_only_for_the_same_warehouse(warehouse, build_id):
    transform.prepare(warehouse)
    prepared = transform._parsed
    transform.prepare(warehouse)
    assert transform._parsed is prepared
    run_dbt(warehouse, build_id, ["stg_employment__employees"])
    assert transform._parsed is None
    # what another process wrote meanwhile is not taken for it
    transform.prepare(warehouse)
    (warehouse.home / "dbt" / "target" / "manifest.json").write_text("{}")
    prepared = transform._parsed
    transform.prepare(warehouse)
    assert transform._parsed is not prepared


def test_a_failure_says_what_failed_and_names_the_log(warehouse, build_id, caplog):
    told = []
    # and its lineage says that it failed, without the message; that nobody listens there is told and no failure
    nobody = {"lineage_file": warehouse.home / "lineage.jsonl", "lineage_endpoint": "http://127.0.0.1:9"}
    warehouse = replace(warehouse, **nobody)
    with pytest.raises(UserError) as caught:
        # the seeds that the model reads are not there
        run_dbt(
            warehouse, build_id, ["int_cost__ledger_line"], "--exclude-resource-type", "unit_test", tell=told.append
        )
    assert (
        f"build {build_id}: dbt failed in int_cost__ledger_line\n  Failure in model int_cost__ledger_line (models/"
        in (caught.value.message)
    )
    assert str(warehouse.home / "dbt" / "logs" / "dbt.log") in caught.value.remedy
    assert told[0].is_bad
    events = [json.loads(line) for line in warehouse.lineage_file.read_text().splitlines()]
    assert [event["eventType"] for event in events] == ["START", "START", "FAIL", "FAIL"]
    assert "does not exist" not in warehouse.lineage_file.read_text()
    assert [record.message for record in caplog.records if "lineage: the endpoint did not answer" in record.message]
    assert query(warehouse, "select state from raw.build where build_id = %s", build_id) == [("stopped",)]


def test_an_unreachable_warehouse_and_a_wrong_option_are_failures(warehouse, build_id):
    with pytest.raises(UserError, match="dbt failed in"):
        run_dbt(warehouse, build_id, ["stg_employment__employees"], "--no-such-option")


@pytest.mark.parametrize("end", [KeyboardInterrupt(), SystemExit(1)])
def test_what_ends_the_process_is_not_taken_for_a_failure(warehouse, build_id, monkeypatch, end):
    import dbt.cli.main

    class Ended:
        def __init__(self, **keywords):
            pass

        def invoke(self, arguments):
            return SimpleNamespace(success=False, exception=end, result=None)

    monkeypatch.setattr(dbt.cli.main, "dbtRunner", Ended)
    with pytest.raises(type(end)):
        run_dbt(warehouse, build_id, ["stg_employment__employees"])
    assert query(warehouse, "select state from raw.build where build_id = %s", build_id) == [("running",)]


@pytest.mark.nightly
def test_a_changed_model_has_only_itself_parsed_anew(warehouse, build_id, monkeypatch):
    transform.prepare(warehouse)
    log = warehouse.home / "dbt" / "logs" / "dbt.log"
    before = len(log.read_text())
    monkeypatch.setattr(transform, "code_version", lambda: "0.2.0+other")
    transform._parsed = None
    run_dbt(warehouse, build_id, ["stg_employment__employees"])
    assert "Unable to do partial parsing" not in log.read_text()[before:]


@pytest.mark.nightly
def test_the_manifest_is_written_again_only_where_its_sources_changed(warehouse, build_id, monkeypatch):
    written = warehouse.home / "dbt" / "target" / "manifest.json"
    transform.prepare(warehouse)
    before = transform._written(written)
    transform._parsed = None
    transform.prepare(warehouse)
    assert transform._written(written) == before
    for change in (lambda: monkeypatch.setattr(transform, "code_version", lambda: "0.2.0+other"), written.unlink):
        transform._parsed = None
        change()
        transform.prepare(warehouse)
        assert transform._written(written) not in (before, None)
        before = transform._written(written)


def test_the_log_is_bounded_and_leaves_out_what_is_for_dbts_developers(tmp_path):
    with transform._log(tmp_path / "dbt.log") as write:
        for level, message in (("debug", "details"), ("info", "said " * 100), ("error", "broken")):
            for _ in range(3_000):
                write(SimpleNamespace(info=SimpleNamespace(level=level, msg=message)))
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2 and all(file.stat().st_size <= 1_000_000 for file in files)
    assert not any("details" in file.read_text() for file in files) and "error broken" in files[0].read_text()
