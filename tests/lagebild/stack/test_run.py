"""What `make run` decides; the DAG runs themselves are tested end to end."""

import json
from dataclasses import replace

import pytest

from ingest import ledger
from lagebild.errors import UserError
from lagebild.stack import run as steps
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
    assert steps.due_sources(warehouse) == steps.contracts.sources()
    steps.make_demo_keys(warehouse)
    for source in steps.contracts.sources():
        inboxes.drain(warehouse, source)
    assert steps.drop_bundled(warehouse) == 0


def test_a_delivery_that_was_loaded_and_not_decided_is_due(warehouse):
    assert steps.is_nothing_due(warehouse)
    delivery = support.deliver(warehouse, "ledger")
    assert steps.due_sources(warehouse) == ["ledger"]
    ledger.decide(warehouse, delivery.delivery_id, [])
    assert steps.due_sources(warehouse) == []
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
