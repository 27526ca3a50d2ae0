"""The DAGs are read as Airflow reads them, in a fresh interpreter without a database behind it."""

import importlib
import json
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from ingest import contracts
from ingest.pulls import catalogue
from lagebild.core.settings import ROOT
from lagebild.orchestration.tasks import years_of
from tests.contract_files import descriptor, write

READ = """
import json, socket, sys, time
import airflow.sdk, airflow.dag_processing.dagbag as reader
from airflow.timetables.trigger import CronTriggerTimetable
from airflow.serialization.serialized_objects import DagSerialization

def refuse(*arguments): raise AssertionError("a DAG file opened a connection")
socket.socket.connect = refuse
# What Airflow itself loads late, at the first DAG of any kind, is not ours to answer for.
reader.DagBag(sys.argv[2])
before = set(sys.modules)
began = time.process_time()
bag = reader.DagBag(sys.argv[1])
seconds = time.process_time() - began
def options(task): return getattr(task, "partial_kwargs", None) or {"outlets": task.outlets}
dags = {
    dag_id: {
        "tasks": {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks},
        "retries": [task.retries for task in dag.tasks],
        "delays": [task.retry_delay.total_seconds() for task in dag.tasks],
        # a question to a person has a time limit of another name
        "has_timeouts": all(
            task.execution_timeout or getattr(task, "partial_kwargs", {}).get("response_timeout") for task in dag.tasks
        ),
        "templates": {task.task_id: list(task.template_fields) for task in dag.tasks},
        "pools": {task.task_id: task.pool for task in dag.tasks},
        "params": {name: dag.params.get_param(name).dump() for name in dag.params},
        "unanswered": [d for t in dag.tasks if (d := getattr(t, "partial_kwargs", {}).get("defaults"))],
        "max_active_runs": dag.max_active_runs,
        "catchup": dag.catchup,
        "doc": dag.doc_md,
        "shown": [dag.dag_display_name, dag.description],
        "outlets": {
            task.task_id: [getattr(asset, "uri", None) for asset in options(task).get("outlets") or ()]
            for task in dag.tasks
        },
        "tags": sorted(dag.tags),
        "schedule": DagSerialization.to_dict(dag)["dag"]["timetable"],
        "deadlines": [[d.reference.reference_name, d.interval.total_seconds(), d.callback.path] for d in dag.deadline],
    }
    for dag_id, dag in bag.dags.items()
}
errors = {str(k): str(v) for k, v in bag.import_errors.items()}
print(json.dumps({"dags": dags, "errors": errors, "seconds": seconds, "modules": sorted(set(sys.modules) - before)}))
"""


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return read_bag(ROOT / "dags", tmp_path_factory.mktemp("airflow"))


WARM_UP = """
from airflow.sdk import DAG, Asset, AssetAlias, AssetAny, AssetOrTimeSchedule, CronTriggerTimetable, task
cron = CronTriggerTimetable("0 0 * * *", timezone="Europe/Berlin")
with DAG("warm_up", schedule=AssetOrTimeSchedule(timetable=cron, assets=AssetAny(Asset("a://b")))):
    @task(outlets=[AssetAlias("c")])
    def one(): ...
    @task
    def two(): ...
    one() >> two()
"""


def read_bag(folder, home):
    (home / "warm_up").mkdir()
    (home / "warm_up" / "dag.py").write_text(WARM_UP)
    environment = os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://nobody@127.0.0.1:1/nowhere",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": "postgresql+psycopg_async://nobody@127.0.0.1:1/nowhere",
        "PYTHONPATH": str(ROOT),
    }
    result = subprocess.run(
        [sys.executable, "-c", READ, str(folder), str(home / "warm_up")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(result.stdout.splitlines()[-1])


def test_every_contract_has_its_dag_and_there_are_no_others(bag):
    assert bag["errors"] == {}
    others = {"build_warehouse", "release_extract", "retention", "decide_held", "watch_deliveries", "receive_files"}
    others |= {"housekeeping", "ingest_files", "publish", "watch_server"}
    yearly = {f"backfill__{entry.source}" for entry in catalogue.entries() if entry.is_by_year}
    assert set(bag["dags"]) == {f"ingest__{s}" for s in contracts.sources()} | others | yearly
    assert "backfill__genesis" in yearly


def test_a_citys_own_source_has_its_dag_and_what_it_pulls_a_pool(tmp_path, monkeypatch):
    made = descriptor()
    write(tmp_path / "config" / "sources", made)
    (tmp_path / "config" / "catalogue.yml").write_text(
        "entries:\n  - {id: mine, connector: http, host: city, contract: moves, url: 'https://example.org/m.csv',"
        " file: 'moves_{year}.csv', schedule: 0 5 * * 1, title: Mine}\n"
    )
    monkeypatch.setenv("LAGEBILD_CONFIG_DIR", str(tmp_path / "config"))
    (tmp_path / "airflow").mkdir()
    bag = read_bag(ROOT / "dags", tmp_path / "airflow")
    assert bag["errors"] == {} and made["title"] in bag["dags"]["ingest__moves"]["doc"]
    assert bag["dags"]["ingest__moves"]["tasks"] == {"due": ["ingest"], "ingest": []}
    assert bag["dags"]["ingest__moves"]["pools"]["ingest"] == "pull_moves"


def test_reading_them_does_no_work(bag):
    assert bag["seconds"] < 1
    heavy = {"pandas", "great_expectations", "dbt", "psycopg", "expectations.gate", "lagebild.warehouse.build"}
    assert heavy.isdisjoint(bag["modules"])


def test_ingest_runs_at_the_contracts_time_in_germany_and_files_are_taken_when_one_was_seen(bag):
    assert "lagebild://arrived" in json.dumps(bag["dags"]["ingest_files"]["schedule"])
    assert bag["dags"]["ingest_files"]["tasks"] == {"due": ["ingest"], "ingest": []}
    for source in contracts.sources():
        dag = bag["dags"][f"ingest__{source}"]
        schedule = json.dumps(dag["schedule"])
        assert json.dumps(contracts.load(source).schedule) in schedule and "Europe/Berlin" in schedule
        assert dag["tasks"] == {"due": ["ingest"], "ingest": []}
        assert contracts.load(source).title in dag["doc"]
        assert source in dag["tags"]


def test_tables_of_a_source_are_pulled_one_at_a_time_and_what_suppliers_write_is_no_template(bag):
    pulled = {entry.source for entry in catalogue.entries()}
    for dag_id, dag in bag["dags"].items():
        for task, pool in dag["pools"].items():
            source = dag_id.partition("__")[2]
            is_pull = task == "ingest" and source in pulled
            assert pool == (f"pull_{source}" if is_pull else "default_pool"), (dag_id, task)
            if task == "ingest":
                assert dag["templates"][task] == []


def test_every_asset_has_a_producer_and_every_dag_a_name_and_a_description(bag):
    produced = {uri for dag in bag["dags"].values() for uris in dag["outlets"].values() for uri in uris}
    sources = contracts.sources()
    assert {f"lagebild://raw/{source}" for source in sources} <= produced
    assert {"lagebild://marts", "lagebild://arrived"} <= {str(uri).rstrip("/") for uri in produced}
    for dag_id, dag in bag["dags"].items():
        name, description = dag["shown"]
        assert name != dag_id and description, dag_id


def test_a_run_by_hand_takes_a_file_and_of_what_is_pulled_a_table_and_years(bag):
    assert list(bag["dags"]["ingest__register"]["params"]) == ["file"]
    for dag_id in ("ingest__genesis", "backfill__genesis"):
        form = bag["dags"][dag_id]["params"]
        assert sorted(form) == ["file", "table", "years"]
        assert [value["value"] for value in form.values()] == [None, None, None]
        assert "12411-01-01-4" in form["table"]["schema"]["enum"]


def test_a_run_asks_for_the_years_of_its_form_and_a_backfill_for_its_own():
    run = SimpleNamespace(dag_id="ingest__genesis", logical_date=datetime(2019, 1, 1, tzinfo=UTC))
    backfill = SimpleNamespace(dag_id="backfill__genesis", logical_date=run.logical_date)
    assert years_of(None, run) == [] and years_of("2017", run) == [2017]
    assert years_of(None, backfill) == [2019] and years_of("2015-2017", backfill) == [2015, 2016, 2017]


def test_what_a_log_of_a_task_holds_is_not_buried_by_libraries(bag):
    for library in ("great_expectations.expectations.expectation", "asyncssh.sftp"):
        assert not logging.getLogger(library).isEnabledFor(logging.INFO), library


def test_the_build_starts_on_any_source_and_once_a_day(bag):
    text = json.dumps(bag["dags"]["build_warehouse"]["schedule"])
    for source in contracts.sources():
        assert f"lagebild://raw/{source}" in text
    assert ("0 7 * * *" in text and "Europe/Berlin" in text and "AssetAny" in text) or "asset_any" in text
    tasks = bag["dags"]["build_warehouse"]["tasks"]
    assert tasks == {"transform": ["publish"], "publish": ["set_aside"], "set_aside": []}


def test_the_extract_follows_the_publication(bag):
    assert "lagebild://marts" in json.dumps(bag["dags"]["release_extract"]["schedule"])


def test_a_question_about_a_held_delivery_accepts_nothing_by_itself_and_runs_no_delivered_text(bag):
    dag = bag["dags"]["decide_held"]
    assert dag["tasks"] == {"list_held": ["ask", "decide"], "ask": ["decide"], "decide": []}
    # Airflow would render a delivered `{{ ... }}` in the question, with its connections at hand.
    assert dag["templates"]["ask"] == []
    assert dag["unanswered"] == ["leave it held"]


def test_a_build_that_waits_is_asked_about_and_no_answer_publishes_nothing(bag):
    dag = bag["dags"]["publish"]
    assert "lagebild://waiting" in json.dumps(dag["schedule"])
    assert {uri.rstrip("/") for uri in bag["dags"]["build_warehouse"]["outlets"]["publish"]} == {
        "lagebild://marts",
        "lagebild://waiting",
    }
    assert dag["tasks"] == {"list_waiting": ["ask", "publish"], "ask": ["publish"], "publish": []}
    assert dag["templates"]["ask"] == []
    assert dag["unanswered"] == ["leave it waiting"]


def test_every_task_is_retried_limited_and_never_runs_beside_itself(bag):
    for dag_id, dag in bag["dags"].items():
        # A large file must not stand in the way of the next one, nor a question that nobody answered.
        assert dag["max_active_runs"] == {"ingest_files": 4, "publish": 8}.get(dag_id, 1), dag_id
        assert dag["catchup"] is False, dag_id
        assert set(dag["retries"]) == {2}, dag_id
        assert min(dag["delays"]) >= 5, dag_id
        assert dag["has_timeouts"], dag_id
        assert dag["doc"], dag_id


def test_a_run_of_any_dag_that_has_not_succeeded_in_time_is_told(bag):
    for dag_id, dag in bag["dags"].items():
        ((reference, seconds, path),) = dag["deadlines"]
        assert (reference, seconds) == ("DagRunQueuedAtDeadline", 6 * 3600), dag_id
        module, name = path.rsplit(".", 1)
        assert callable(getattr(importlib.import_module(module), name)), dag_id


def test_late_deliveries_are_looked_for_every_morning_by_a_dag_of_their_own(bag):
    dag = bag["dags"]["watch_deliveries"]
    schedule = dag["schedule"]["__var"]
    assert (schedule["expression"], schedule["timezone"]) == ("0 8 * * *", "Europe/Berlin")
    assert dag["tasks"] == {"tell_late": [], "look_for_held": [], "look_for_unclaimed": []}
    (held,) = dag["outlets"]["look_for_held"]
    assert held.rstrip("/") == "lagebild://held"
    assert "lagebild://held" in json.dumps(bag["dags"]["decide_held"]["schedule"])


def test_the_check_for_work_at_import_finds_a_dag_that_does_some(tmp_path):
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "bad.py").write_text(
        "# airflow dag\nimport pandas, socket\nsocket.create_connection(('127.0.0.1', 9), timeout=1)\n"
    )
    bag = read_bag(tmp_path / "dags", tmp_path)
    assert "pandas" in bag["modules"]
    assert any("opened a connection" in error for error in bag["errors"].values())
