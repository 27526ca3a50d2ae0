"""Retention: bytes of personal sources go when their time is over; what was, stays known."""

import json
import os
import time

import pytest

from ingest.deliveries import deletion, delivery_ledger
from ingest.inbox import retention as inbox_retention
from ingest.loading import load
from ingest.privacy import retention
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.provenance.explain import as_text, explain
from lagebild.warehouse import roles
from lagebild.warehouse.migrate import migrate
from tests import state
from tests.ingest.support import command, deliver_register, killed_at_each_step, person
from tests.support import bundled_bytes, deliver, drop, query

YEARS = "5 years"  # of the register's contract


def age(settings, delivery, interval: str) -> None:
    with database.connect(settings) as connection:
        connection.execute(
            "update raw.delivery set received_at = now() - %s::interval where delivery_id = %s",
            [interval, delivery.delivery_id],
        )


def get(settings, delivery):
    with database.connect(settings) as connection:
        return delivery_ledger.get(connection, delivery.delivery_id)


def test_bytes_go_the_day_after_their_time_and_path_hash_and_rows_stay(warehouse):
    old = deliver_register(warehouse, person("S1"))
    young = deliver_register(warehouse, person("S1", day="31.12.2020"), day="2020-12-31")
    age(warehouse, old, f"{YEARS} 1 hour")
    age(warehouse, young, "4 years 364 days")
    assert [entry.landing_path for entry in retention.due(warehouse)] == [old.landing_path]
    assert (warehouse.landing / old.landing_path).exists()  # looking deletes nothing
    assert len(retention.apply(warehouse)) == 1
    assert not (warehouse.landing / old.landing_path).exists()
    assert (warehouse.landing / young.landing_path).exists()
    after = get(warehouse, old)
    assert (after.landing_path, after.sha256, after.state, after.loaded) == (old.landing_path, old.sha256, "loaded", 1)
    assert after.erased_why == "retention of P5Y is over" and after.erased_at is not None
    assert query(warehouse, "select count(*) from raw.register__person_snapshot") == [(2,)]
    events = query(warehouse, "select state, why from raw.delivery_event where why like 'landed%'")
    assert events == [("loaded", "landed bytes erased: retention of P5Y is over")]
    assert retention.apply(warehouse) == [] == retention.due(warehouse)


def test_bytes_without_persons_are_kept(warehouse):
    delivery = deliver(warehouse, "employment")
    age(warehouse, delivery, "30 years")
    assert retention.apply(warehouse) == []
    assert (warehouse.landing / delivery.landing_path).exists()


def test_a_reload_of_erased_bytes_says_when_and_why_and_changes_nothing(warehouse):
    held = delivery_ledger.decide(warehouse, deliver_register(warehouse, person("S1")).delivery_id, ["odd"])
    age(warehouse, held, "6 years")
    retention.apply(warehouse)
    with pytest.raises(UserError, match=r"were erased on \d{4}-\d\d-\d\d: retention of P5Y is over"):
        load.reload(warehouse, held.delivery_id)
    assert get(warehouse, held).state == "held"


def test_a_later_attempt_of_the_same_bytes_keeps_them(warehouse):
    first = deliver_register(warehouse, person("S1"))
    age(warehouse, first, "6 years")
    delivery_ledger.decide(warehouse, first.delivery_id, ["odd"])
    delivery_ledger.refuse(warehouse, first.delivery_id, "sent back")
    again = deliver_register(warehouse, person("S1"))
    assert again.landing_path == first.landing_path
    assert retention.apply(warehouse) == []
    age(warehouse, again, "6 years")
    assert len(retention.apply(warehouse)) == 1
    assert get(warehouse, first).erased_at and get(warehouse, again).erased_at


def test_erased_bytes_that_come_again_as_a_no_op_go_again(warehouse):
    delivery = deliver_register(warehouse, person("S1"))
    age(warehouse, delivery, "6 years")
    retention.apply(warehouse)
    first = get(warehouse, delivery)
    assert deliver_register(warehouse, person("S1")).delivery_id == delivery.delivery_id
    assert (warehouse.landing / delivery.landing_path).exists()
    assert len(retention.apply(warehouse)) == 1
    assert not (warehouse.landing / delivery.landing_path).exists()
    assert get(warehouse, delivery).erased_at == first.erased_at


def test_what_a_killed_load_left_goes_after_a_day(warehouse):
    delivery = deliver_register(warehouse, person("S1"))
    folder = (warehouse.landing / delivery.landing_path).parent
    left = [folder / f"{'a' * 64}.csv", folder / ".half.csv.4711"]
    for file in left:
        file.write_bytes(b"a person")
    assert retention.apply(warehouse) == []
    for file in left:
        os.utime(file, (time.time() - 90_000,) * 2)
    assert {entry.why for entry in retention.apply(warehouse)} == {"left by a load that was cut off"}
    assert [file for file in left if file.exists()] == []
    assert (warehouse.landing / delivery.landing_path).exists()


@pytest.mark.nightly
def test_killed_at_every_step_the_next_run_finishes(warehouse, monkeypatch):
    monkeypatch.setattr(inbox_retention, "apply", lambda *_: [])  # test_inbox_retention.py kills that
    made = []

    def prepare(n):
        day = f"20{n // 300:02d}-{1 + n // 28 % 12:02d}-{1 + n % 28:02d}"
        made.append(deliver_register(warehouse, person("S1"), day=day))
        age(warehouse, made[-1], "6 years")
        return lambda: retention.apply(warehouse)

    steps = []
    for n, step in killed_at_each_step(prepare):
        steps.append(step)
        delivery = get(warehouse, made[-1])
        is_there = (warehouse.landing / delivery.landing_path).exists()
        asked = query(warehouse, "select landing_path from raw.landing_deletion")
        # Bytes that are gone are known to be gone; bytes that should be gone are on the list.
        assert is_there or delivery.erased_at, (n, step)
        assert not (is_there and delivery.erased_at) or asked == [(delivery.landing_path,)], (n, step)
        retention.apply(warehouse)
        assert get(warehouse, delivery).erased_at
        assert not (warehouse.landing / delivery.landing_path).exists()
        assert query(warehouse, "select count(*) from raw.landing_deletion") == [(0,)]
    assert {"execute", "commit", "unlink", "fsync"} <= set(steps) and len(steps) > 10


def test_explain_says_when_and_why_bytes_were_erased(empty_warehouse):
    warehouse = empty_warehouse  # as an earlier version left it, with a publication, and taken over
    with database.connect(warehouse) as connection:
        roles.ensure(connection, warehouse)
    state.restore(warehouse, state.FOLDER / "0.1.0.sql")
    migrate(warehouse)
    with database.connect(warehouse) as connection:  # as if it were of code that protects its figures
        connection.execute("update published.publication set is_protected = true")
    before = as_text(explain(warehouse, "eu2_population", "00", 2019))
    assert "erased" not in before
    # It reads sources without persons: the bytes are given up by hand, as retention does it.
    with database.connect(warehouse, database.LOADER) as connection:
        for delivery in delivery_ledger.of_source(connection, "eu2_series"):
            deletion.give_up_bytes(connection, delivery, "retention of P10Y is over")
    chain = explain(warehouse, "eu2_population", "00", 2019)
    assert f"the landed bytes were erased on {time.strftime('%Y-')}" in as_text(chain)
    assert "retention of P10Y is over" in as_text(chain)
    assert [d.erased_why for d in chain.deliveries] == ["retention of P10Y is over"]


def test_the_command_lists_by_default_and_deletes_when_told(warehouse):
    delivery = deliver_register(warehouse, person("S1"))
    age(warehouse, delivery, "6 years")
    listed = command(warehouse, "retention")
    assert listed.exit_code == 0 and "due (nothing was deleted" in listed.stdout
    assert delivery.landing_path in listed.stdout and (warehouse.landing / delivery.landing_path).exists()
    (entry, *_) = json.loads(command(warehouse, "retention", "--format", "json").stdout)
    assert entry["path"].startswith("landing/register/") and "is over" in entry["why"] and entry["deleted"] is False
    assert command(warehouse, "retention", "--apply").stdout.startswith("deleted: ")
    assert not (warehouse.landing / delivery.landing_path).exists()
    assert "nothing is due" in command(warehouse, "retention").stdout
    shown = command(warehouse, "deliveries", "--source", "register").stdout
    assert "bytes erased on" in shown and "retention of P5Y is over" in shown


def test_files_in_the_drop_folder_are_not_touched(warehouse):
    dropped = drop(warehouse, "register", bundled_bytes("register"))
    os.utime(dropped, (0, 0))
    assert retention.apply(warehouse) == []
    assert dropped.exists()
