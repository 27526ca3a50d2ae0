"""What stands still is told, each reason by its own line; Airflow's part: `stack/test_housekeeping.py`."""

import json
import shutil
from dataclasses import replace
from datetime import date, timedelta

import psycopg
import pytest
from click.testing import CliRunner

from lagebild.cli.main import cli
from lagebild.core import alerts, database
from lagebild.local import airflow, health, supervisor
from lagebild.local.health import Limits
from lagebild.local.supervisor import End
from lagebild.warehouse import build
from tests import support
from tests.conftest import settings_in
from tests.inboxes import drain

NEVER = timedelta(0)


def found(settings, name: str, **limits) -> health.Check:
    """The check of this name."""
    (one,) = [check for check in health.checks(settings, Limits(**limits)) if check.name == name]
    return one


def set_back(settings, table: str, column: str, hours: int) -> None:
    """Let what happened have happened earlier."""
    with database.connect(settings) as connection:
        connection.execute(f"update {table} set {column} = {column} - make_interval(hours => {hours})")


def test_a_published_warehouse_is_well_and_says_how_old_it_is(published_warehouse):
    names = ("disk", "warehouse", "inboxes", "checks", "held", "builds", "approval", "publication")
    told = {check.name: check for check in health.checks(published_warehouse, Limits(held=timedelta(days=99)))}
    assert [name for name in names if not told[name].is_well] == []
    assert told["publication"].told.startswith("publication 1 is ")

    set_back(published_warehouse, "published.publication", "published_at", 24 * 400)
    assert found(published_warehouse, "publication").is_well  # deliveries come once a year
    old = found(published_warehouse, "publication", published=timedelta(days=366))
    assert not old.is_well and "400 days old" in old.told


def test_each_thing_that_waits_too_long_is_told(warehouse):
    support.drop(warehouse, "ledger")
    support.drop(warehouse, "employment")
    waiting = found(warehouse, "inboxes", inbox=NEVER)
    assert not waiting.is_well and "2 files wait" in waiting.told
    assert found(warehouse, "inboxes").is_well

    (first,) = drain(warehouse, "ledger")
    set_back(warehouse, "raw.delivery", "received_at", 3)
    assert not found(warehouse, "checks").is_well and found(warehouse, "checks", inbox=timedelta(hours=4)).is_well

    held = support.delivery_ledger.decide(warehouse, first.delivery_id, ["it looks odd"])
    assert held.state == "held" and found(warehouse, "held").is_well
    set_back(warehouse, "raw.delivery", "received_at", 24 * 15)
    told = found(warehouse, "held")
    assert not told.is_well and "1 deliveries wait for a decision" in told.told
    assert "lagebild delivery held" in told.remedy

    support.delivery_ledger.accept(warehouse, first.delivery_id, "seen", until=date.today() + timedelta(days=9))
    assert found(warehouse, "builds").is_well
    set_back(warehouse, "raw.delivery", "decided_at", 27)
    assert "waits for a build for 27 hours" in found(warehouse, "builds").told
    assert not found(warehouse, "builds").is_well

    build_id = build.begin(warehouse)
    with database.connect(warehouse) as connection:
        connection.execute("update raw.build set state = 'stopped', reason = 'a test fails', ended_at = now()")
    told = found(warehouse, "builds", build=timedelta(days=99))
    assert not told.is_well and told.told == "the last build failed: a test fails"
    with database.connect(warehouse) as connection:
        connection.execute("update raw.build set state = 'waiting' where build_id = %s", [build_id])
    set_back(warehouse, "raw.build", "ended_at", 24 * 15)
    assert "waits to be published for 15 days" in found(warehouse, "approval").told
    assert not found(warehouse, "approval").is_well


def test_a_full_disk_is_told_once_a_file_system(warehouse):
    free = shutil.disk_usage(warehouse.home.parent).free
    told = found(warehouse, "disk", free_bytes=free * 2)
    assert not told.is_well and "free for state, drop, landing, extracts" in told.told
    assert found(warehouse, "disk", free_bytes=0).is_well


def test_a_warehouse_of_another_version_and_one_that_is_away_are_told(empty_warehouse):
    told = [check for check in health.checks(empty_warehouse, Limits()) if check.name == "warehouse"]
    assert [check.is_well for check in told] == [True, False] and "not prepared" in told[1].told
    parameters = database.parameters(empty_warehouse) | {"port": "1"}
    away = replace(empty_warehouse, warehouse_dsn=psycopg.conninfo.make_conninfo(**parameters))
    assert not found(away, "warehouse").is_well and not found(away, "airflow_database").is_well
    assert parameters["password"] not in str(health.checks(away, Limits()))


@pytest.mark.parametrize("is_given_up", [False, True])
def test_what_the_supervisor_gave_up_on_is_told(tmp_path, is_given_up):
    settings = settings_in(tmp_path)
    home = airflow.home(settings)
    home.mkdir(parents=True)
    kept = supervisor.Supervisor(home, lambda name: 1, lambda name, end: None)
    kept._ends["scheduler"] = End("2026-11-30T12:00:00+01:00", "signal SIGKILL", 2, 1, is_given_up)
    kept._write()
    told = found(settings, "supervisor")
    assert told.is_well is not is_given_up and "scheduler ended" in told.told and "SIGKILL" in told.told


def test_the_command_exits_with_1_and_lists_every_reason_as_json(tmp_path, monkeypatch):
    monkeypatch.setenv("LAGEBILD_HOME", str(tmp_path))
    answer = CliRunner().invoke(cli, ["health", "--format", "json"])
    assert answer.exit_code == 1
    said = json.loads(answer.stdout)
    assert not said["is_well"] and said["checked_at"].endswith("+00:00")
    unwell = {check["name"]: check["remedy"] for check in said["checks"] if not check["is_well"]}
    assert unwell.keys() >= {"warehouse", "airflow_database", "api-server"} and "make up" in unwell["warehouse"]

    quiet = CliRunner().invoke(cli, ["health", "-q"])
    assert quiet.exit_code == 1 and "ok " not in quiet.stdout and "FAIL  warehouse" in quiet.stdout
    assert CliRunner().invoke(cli, ["health", "--inbox", "soon"]).exit_code == 2


def test_all_well_is_exit_code_0(tmp_path, monkeypatch):
    monkeypatch.setenv("LAGEBILD_HOME", str(tmp_path))
    monkeypatch.setattr(health, "checks", lambda *_: [health.Check("warehouse", True, "answers")])
    answer = CliRunner().invoke(cli, ["health"])
    assert (answer.exit_code, answer.stdout) == (0, "ok    warehouse          answers\n")


class Channel:
    """A channel that is there or not."""

    name = "test"

    def __init__(self):
        self.got, self.is_there = [], True

    def send(self, message: alerts.Message) -> None:
        if not self.is_there:
            raise alerts.NotSent("away")
        self.got.append(message)


def test_who_is_named_is_told_once_for_each_change(tmp_path, monkeypatch):
    channel, settings = Channel(), settings_in(tmp_path)
    monkeypatch.setattr(alerts, "notifiers", lambda _: [channel])
    silent, well = [[health.Check("scheduler", is_well, "its last heartbeat", "make up")] for is_well in (False, True)]
    assert not health.tell(settings, well) and channel.got == []
    channel.is_there = False
    with pytest.raises(alerts.NotSent):
        health.tell(settings, silent)
    channel.is_there = True
    assert [health.tell(settings, silent) for _ in range(3)] == [True, False, False]
    assert [health.tell(settings, well) for _ in range(2)] == [True, False]
    first, last = channel.got
    assert first.subject == "Lagebild: scheduler" and "what to do: make up" in first.text
    assert first.facts[0]["name"] == "scheduler" and last.subject == "Lagebild: all is well again"
