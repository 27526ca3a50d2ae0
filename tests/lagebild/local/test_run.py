"""What `make run` decides; the DAG runs themselves are tested end to end."""

import io
import json
from dataclasses import replace

import pytest

from ingest.deliveries import delivery_ledger
from lagebild.core.errors import UserError
from lagebild.core.output import Level, Output
from lagebild.core.progress import Board, Plain
from lagebild.local import run as steps
from lagebild.local.rest import Run, Task
from tests import inboxes, support


def test_bundled_and_own_deliveries_never_mix(warehouse):
    steps.claim(warehouse)
    steps.claim(warehouse)
    with pytest.raises(UserError, match=r"(?s)holds bundled.*LAGEBILD_DEMO=0"):
        steps.claim(replace(warehouse, demo=False))


def test_an_own_warehouse_refuses_the_demo(warehouse):
    steps.claim(replace(warehouse, demo=False))
    with pytest.raises(UserError, match=r"(?s)holds your own.*set LAGEBILD_DEMO=0"):
        steps.claim(warehouse)


def test_own_deliveries_from_before_the_first_run_make_the_warehouse_an_own_one(warehouse):
    support.deliver(warehouse, "ledger", support.bundled_bytes("ledger") + b"\r\n")
    with pytest.raises(UserError, match="your own"):
        steps.claim(warehouse)


def test_a_foreign_file_in_the_drop_folder_stops_the_demo(warehouse):
    support.drop(warehouse, "ledger", b"my;own\n", "ledger_05913000_2020.csv")
    with pytest.raises(UserError, match=r"ledger_05913000_2020\.csv is not a bundled delivery"):
        steps.drop_bundled(warehouse)


def test_bundled_deliveries_are_dropped_once(warehouse):
    files = steps.bundled_files()
    assert {path.parent.name for path in files} == set(steps.contracts.sources())
    assert steps.drop_bundled(warehouse) == len(files)
    assert steps.due_dags(warehouse) == ["ingest_files"]
    steps.make_demo_keys(warehouse)
    for source in steps.contracts.sources():
        inboxes.drain(warehouse, source)
    assert steps.drop_bundled(warehouse) == 0


def test_a_delivery_that_was_loaded_and_not_decided_is_due(warehouse):
    assert steps.is_nothing_due(warehouse)
    delivery = support.deliver(warehouse, "ledger")
    assert steps.due_dags(warehouse) == ["ingest__ledger"]
    delivery_ledger.decide(warehouse, delivery.delivery_id, [])
    assert steps.due_dags(warehouse) == []
    assert steps.needs_build(warehouse) and not steps.is_nothing_due(warehouse)


def test_the_end_of_a_tasks_log_is_its_error_without_airflows_wrapping(tmp_path):
    log = tmp_path / "attempt=1.log"
    error = {
        "level": "error",
        "event": "Task failed with exception",
        "error_detail": [{"exc_type": "AirflowFailException", "exc_value": "key missing\n  what to do: restore it"}],
    }
    log.write_text("\n".join([json.dumps({"level": "info", "event": "hello"}), "not json", json.dumps(error)]))
    assert steps.error_lines(log) == ["key missing", "  what to do: restore it"]
    assert steps.error_lines(tmp_path / "none.log") == []


class Airflow:
    """Stands in for the API: each run is `running` at the first look and ends at the second, as it was told."""

    def __init__(self, ends: dict[str, str], forgets: tuple[str, ...] = ()):
        self.ends, self.forgets = ends, forgets
        self.calls: list[str] = []
        self.looks = 0

    def _run(self, dag_id: str) -> Run:
        return Run(dag_id, "r", self.ends[dag_id] if self.looks > 1 else "running", queued_at="2026-01-01T00:00:00Z")

    def runs(self, dag_ids, since) -> list[Run]:
        self.calls.append("runs")
        self.looks += 1
        return [self._run(dag_id) for dag_id in dag_ids if dag_id not in self.forgets]

    def run(self, run: Run) -> Run:
        self.calls.append(f"run {run.dag_id}")
        self.looks += len(self.ends) == 1
        return self._run(run.dag_id)

    def trigger(self, dag_id: str) -> Run:
        return self._run(dag_id)

    def tasks(self, run: Run) -> list[Task]:
        self.calls.append(f"tasks {run.dag_id}")
        state = "success" if self.looks > 1 else None
        return [Task("a", "success", 1, "2026"), Task("b", state, 1)]


def watched(warehouse, rest: Airflow, level: Level, monkeypatch) -> list[str]:
    monkeypatch.setattr(steps, "POLL_SECONDS", 0)
    out = io.StringIO()
    board = Board(Plain(out), Output(level))
    with board.stage("x"):
        steps.watch(warehouse, rest, board, [Run(dag_id, "r", "queued", "2026") for dag_id in rest.ends])
    return out.getvalue().splitlines()


def test_many_runs_are_watched_by_one_call_and_say_nothing_themselves(warehouse, monkeypatch):
    rest = Airflow({"ingest__a": "success", "ingest__b": "success", "ingest__c": "success"})
    assert len(watched(warehouse, rest, Level.NORMAL, monkeypatch)) == 1
    assert rest.calls == ["runs", "runs"]


def test_a_run_that_the_list_leaves_out_is_asked_for_by_its_name(warehouse, monkeypatch):
    rest = Airflow({"ingest__a": "success", "ingest__b": "success"}, forgets=("ingest__b",))
    watched(warehouse, rest, Level.NORMAL, monkeypatch)
    assert rest.calls == ["runs", "run ingest__b", "runs", "run ingest__b"]


def test_detail_shows_every_task(warehouse, monkeypatch):
    rest = Airflow({"ingest__a": "success", "ingest__b": "success"})
    lines = watched(warehouse, rest, Level.VERBOSE, monkeypatch)
    assert "  ingest__a: running (a success, b waits)" in lines
    assert "  ingest__b: success in 0.0 s (a success, b success)" in lines


def ingested(warehouse, rest: Airflow, monkeypatch) -> bool:
    """`run_ingest` with one run for each that Airflow knows."""
    monkeypatch.setattr(steps, "POLL_SECONDS", 0)
    monkeypatch.setattr(steps, "due_dags", lambda settings: list(rest.ends))
    monkeypatch.setattr(steps.inbox, "look_until_stable", lambda settings, doing: None)
    monkeypatch.setattr(steps.airflow, "url", lambda settings: "http://127.0.0.1:1")
    with Board(Plain(io.StringIO()), Output(Level.NORMAL)) as board:
        return steps.run_ingest(warehouse, rest, board)


def test_a_run_that_failed_is_named_after_the_others_have_ended(warehouse, monkeypatch):
    rest = Airflow({"ingest__a": "failed", "ingest__b": "success"})
    with pytest.raises(UserError, match="DAG ingest__a failed"):
        ingested(warehouse, rest, monkeypatch)


def test_a_refused_file_fails_its_run_and_stops_nothing(warehouse, monkeypatch):
    rest = Airflow({"ingest_files": "failed", "ingest__b": "success"})
    refused = Task("ingest", "failed", 1, map_index=0, shown="ledger_05913000_2019.csv refused")
    monkeypatch.setattr(rest, "tasks", lambda run: [Task("due", "success", 1), refused])
    assert ingested(warehouse, rest, monkeypatch)
    other = Task("ingest", "failed", 1, map_index=1, shown="register_05913000_2019-12-31.csv")
    monkeypatch.setattr(rest, "tasks", lambda run: [refused, other])
    rest.looks = 0
    with pytest.raises(UserError, match="ingest_files"):
        ingested(warehouse, rest, monkeypatch)
