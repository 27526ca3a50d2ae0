"""What Airflow shows of a run of the build that had to leave a delivery out: which, why, and what to do."""

import json
from pathlib import Path

import pytest

from ingest.deliveries import delivery_ledger
from lagebild.core.settings import Settings
from lagebild.local import airflow
from tests.end_to_end.test_first_run import ended, lagebild
from tests.lagebild.warehouse.test_next_period import double, series
from tests.support import bundled_bytes, load_file


def corrected(settings: Settings, source: str, content: bytes, folder: Path) -> int:
    """Load a correction and accept it, past the gate; its number."""
    from ingest import contracts

    file = folder / contracts.load(source).example
    file.write_bytes(content)
    delivery = delivery_ledger.decide(settings, load_file(settings, contracts.load(source), file).delivery_id, [])
    return delivery_ledger.accept(settings, delivery.delivery_id, "a correction", supersedes=True).delivery_id


def built(settings: Settings) -> tuple[str, dict[tuple[str, str | None], str], dict[str, list[dict]]]:
    """A run of the build by hand: its state; of each task and label the state; of each task the log."""
    rest = airflow.client(settings)
    run = rest.trigger("build_warehouse")
    state = ended(rest, run)
    tasks = rest._get(f"dags/build_warehouse/dagRuns/{run.run_id}/taskInstances")["task_instances"]
    folder = airflow.home(settings) / "logs" / "dag_id=build_warehouse" / f"run_id={run.run_id}"
    logs = {
        task["task_id"]: [
            json.loads(line)
            for file in sorted(folder.glob(f"task_id={task['task_id']}/**/attempt=*.log"))
            for line in file.read_text().splitlines()
        ]
        for task in tasks
    }
    return state, {(task["task_id"], task["rendered_map_index"]): task["state"] for task in tasks}, logs


@pytest.mark.nightly
def test_a_run_that_leaves_a_delivery_out_is_red_and_says_which_and_what_to_do(newcomer, tmp_path):
    assert lagebild(newcomer, "run").returncode == 0
    bad = corrected(newcomer, "eu2_series", series("131.403"), tmp_path)
    corrected(newcomer, "employment", bundled_bytes("employment").replace(b"572.574", b"572.580"), tmp_path)
    double(newcomer, "eu2_series", "eu2_series__year")

    state, tasks, logs = built(newcomer)
    assert state == "failed"
    # the build is green, because the others are published; red is the delivery, under its name
    assert tasks == {
        ("transform", None): "success",
        ("publish", None): "success",
        ("set_aside", "eu2_series 2007-2019"): "failed",
    }
    told = [line["event"] for line in logs["set_aside"] if line["level"] == "error"]
    parts = (f"delivery {bad} (eu2_series 2007-2019", f"lagebild delivery withdraw {bad}")
    assert any(all(part in line for part in parts) for line in told)
    warned = "\n".join(line["event"] for line in logs["transform"] if line["level"] == "warning")
    assert "unique_combination_stg_eu2_series__year" in warned and "again, without 1 delivery" in warned
    steps = [line["event"].split(" ", 3) for line in logs["transform"] if ": model " in line["event"]]
    done = [int(number) for number, *_ in steps]
    second = next(n for n in range(1, len(done)) if done[n] < done[n - 1])  # each build counts from one
    of_first = [step for *_, step in steps[:second]]
    assert len(of_first) == len(set(of_first)), "dbt tells of a skipped model twice"
    assert not [line for line in logs["transform"] if line["level"] == "error"]
    chatty = [line for line in logs["publish"] if line.get("logger", "").startswith("great_expectations")]
    assert chatty == []

    delivery_ledger.withdraw(newcomer, bad, "a row stands twice")
    state, tasks, _ = built(newcomer)
    assert state == "success" and tasks[("set_aside", "nothing")] == "success"
