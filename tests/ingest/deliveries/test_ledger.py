"""Transitions of the ledger: who decides what, and what a period's accepted delivery is."""

import json
import subprocess
import sys
import threading
import time
from datetime import date, timedelta

import pytest

from ingest.deliveries import delivery_ledger
from ingest.inbox import inbox
from ingest.loading import load
from lagebild.core import database
from lagebild.core.errors import UserError
from tests import contract_files
from tests.inboxes import drain
from tests.ingest.support import command, environment, load_by
from tests.support import bundled_bytes, deliver, drop, query

SOURCE = "employment"


def loaded(settings, suffix: bytes = b"") -> delivery_ledger.Delivery:
    return deliver(settings, SOURCE, bundled_bytes(SOURCE) + suffix)


def test_a_clean_delivery_is_accepted_and_one_with_problems_held(warehouse):
    assert delivery_ledger.decide(warehouse, loaded(warehouse).delivery_id, []).state == "accepted"
    second = delivery_ledger.decide(warehouse, loaded(warehouse, b"\n").delivery_id, ["share is off"])
    assert second.state == "held" and "share is off" in second.reason


def test_a_second_delivery_of_a_period_waits_until_it_is_declared_a_correction(warehouse):
    first = delivery_ledger.decide(warehouse, loaded(warehouse).delivery_id, [])
    second = delivery_ledger.decide(warehouse, loaded(warehouse, b"\n").delivery_id, [])
    assert second.state == "held" and "--supersedes" in second.reason
    with pytest.raises(UserError, match="--supersedes"):
        delivery_ledger.accept(warehouse, second.delivery_id, "looks fine")
    assert delivery_ledger.accept(warehouse, second.delivery_id, "corrected", supersedes=True).state == "accepted"
    assert [d.state for d in delivery_ledger.deliveries(warehouse)] == ["superseded", "accepted"]
    assert delivery_ledger.withdraw(warehouse, second.delivery_id, "was wrong").state == "withdrawn"
    assert [d.state for d in delivery_ledger.deliveries(warehouse)] == ["accepted", "withdrawn"]
    assert first.delivery_id == delivery_ledger.deliveries(warehouse, states=("accepted",))[0].delivery_id


def test_a_held_delivery_of_a_period_does_not_stand_in_the_way_of_its_correction(warehouse):
    delivery_ledger.decide(warehouse, loaded(warehouse).delivery_id, ["72 %"])
    assert delivery_ledger.decide(warehouse, loaded(warehouse, b"\n").delivery_id, []).state == "accepted"


def test_refused_bytes_may_come_again(warehouse):
    held = delivery_ledger.decide(warehouse, loaded(warehouse).delivery_id, ["odd"])
    assert delivery_ledger.refuse(warehouse, held.delivery_id, "sent back").state == "refused"
    again = loaded(warehouse)
    assert (again.state, again.attempt) == ("loaded", 2)


@pytest.mark.parametrize("action", [delivery_ledger.accept, delivery_ledger.refuse])
def test_only_held_deliveries_are_decided_by_hand(warehouse, action):
    accepted = delivery_ledger.decide(warehouse, loaded(warehouse).delivery_id, [])
    with pytest.raises(UserError, match="it is not held"):
        action(warehouse, accepted.delivery_id, "because")
    with pytest.raises(UserError, match="there is no delivery 4711"):
        action(warehouse, 4711, "because")


def test_every_transition_is_logged_with_who_and_why(warehouse):
    held = delivery_ledger.decide(warehouse, loaded(warehouse).delivery_id, ["odd"])
    delivery_ledger.accept(warehouse, held.delivery_id, "checked by phone", until=date.max)
    events = query(
        warehouse, "select state, by <> '', code_version <> '', why from raw.delivery_event order by event_id"
    )
    assert events == [
        ("received", True, True, held.file_name),
        ("loaded", True, True, None),
        ("held", True, True, "odd"),
        ("accepted", True, True, "checked by phone"),
    ]


def test_the_database_refuses_a_delivery_that_loses_rows_and_two_accepted_ones(warehouse):
    delivery = loaded(warehouse)
    with pytest.raises(Exception, match="nothing_lost"), database.connect(warehouse, database.LOADER) as connection:
        connection.execute("update raw.delivery set loaded = loaded - 1 where delivery_id = %s", [delivery.delivery_id])


def test_drained_means_that_nothing_waits(warehouse):
    assert inbox.is_drained(warehouse)
    drop(warehouse, SOURCE)
    assert not inbox.is_drained(warehouse)
    (delivery,) = drain(warehouse, SOURCE)
    assert not inbox.is_drained(warehouse)
    delivery_ledger.decide(warehouse, delivery.delivery_id, [])
    assert inbox.is_drained(warehouse)


def corrected(settings, suffix: bytes) -> delivery_ledger.Delivery:
    """A delivery that was accepted, as a correction where there is something to correct."""
    delivery = delivery_ledger.decide(settings, loaded(settings, suffix).delivery_id, [])
    if delivery.state == "held":
        delivery = delivery_ledger.accept(settings, delivery.delivery_id, "a correction", supersedes=True)
    return delivery


def states(settings) -> list[str]:
    return [delivery.state for delivery in delivery_ledger.deliveries(settings)]


def test_a_chain_of_corrections_is_withdrawn_from_its_end_to_its_beginning(warehouse):
    chain = [corrected(warehouse, b"\n" * n) for n in range(3)]
    assert states(warehouse) == ["superseded", "superseded", "accepted"]
    delivery_ledger.withdraw(warehouse, chain[2].delivery_id, "wrong")
    assert states(warehouse) == ["superseded", "accepted", "withdrawn"]
    delivery_ledger.withdraw(warehouse, chain[1].delivery_id, "wrong")
    assert states(warehouse) == ["accepted", "withdrawn", "withdrawn"]
    delivery_ledger.withdraw(warehouse, chain[0].delivery_id, "wrong")
    assert states(warehouse) == ["withdrawn"] * 3


def test_a_withdrawn_link_of_a_chain_is_never_reinstated(warehouse):
    chain = [corrected(warehouse, b"\n" * n) for n in range(3)]
    delivery_ledger.withdraw(warehouse, chain[1].delivery_id, "was wrong all along")
    assert states(warehouse) == ["superseded", "withdrawn", "accepted"]
    delivery_ledger.withdraw(warehouse, chain[2].delivery_id, "this one too")
    assert states(warehouse) == ["accepted", "withdrawn", "withdrawn"]


def test_bytes_that_wait_while_their_earlier_delivery_is_reinstated_are_refused(warehouse):
    first, second = corrected(warehouse, b""), corrected(warehouse, b"\n")
    again = delivery_ledger.decide(warehouse, loaded(warehouse).delivery_id, [])
    assert (again.state, again.attempt) == ("held", 2)
    delivery_ledger.withdraw(warehouse, second.delivery_id, "wrong")
    assert states(warehouse) == ["accepted", "withdrawn", "refused"]
    assert f"accepted again as delivery {first.delivery_id}" in delivery_ledger.deliveries(warehouse)[2].reason


def test_what_is_held_or_refused_cannot_be_withdrawn(warehouse):
    held = delivery_ledger.decide(warehouse, loaded(warehouse).delivery_id, ["odd"])
    with pytest.raises(UserError, match="only an accepted or superseded delivery can be withdrawn.*\n.*refuse"):
        delivery_ledger.withdraw(warehouse, held.delivery_id, "wrong")
    delivery_ledger.refuse(warehouse, held.delivery_id, "wrong")
    with pytest.raises(UserError, match="only an accepted or superseded"):
        delivery_ledger.withdraw(warehouse, held.delivery_id, "wrong")


def test_a_reload_is_a_new_attempt_and_the_old_one_stays_in_the_ledger(warehouse):
    held = delivery_ledger.decide(warehouse, loaded(warehouse).delivery_id, ["odd"])
    again = load.reload(warehouse, held.delivery_id)
    assert (again.state, again.attempt, again.sha256) == ("loaded", 2, held.sha256)
    assert states(warehouse) == ["refused", "loaded"]
    accepted = delivery_ledger.decide(warehouse, again.delivery_id, [])
    with pytest.raises(UserError, match="lagebild delivery withdraw"):
        load.reload(warehouse, accepted.delivery_id)
    delivery_ledger.withdraw(warehouse, accepted.delivery_id, "the code was wrong")
    assert load.reload(warehouse, accepted.delivery_id).attempt == 3


def test_a_reload_that_breaks_leaves_the_held_delivery_as_it_was(warehouse, monkeypatch):
    held = delivery_ledger.decide(warehouse, loaded(warehouse).delivery_id, ["odd"])

    def breaks(*arguments) -> None:
        raise RuntimeError("the cable is out")

    with monkeypatch.context() as patched:
        patched.setattr(load, "_fill", breaks)
        with pytest.raises(RuntimeError, match="cable"):
            load.reload(warehouse, held.delivery_id)
    assert states(warehouse) == ["held"]
    assert load.reload(warehouse, held.delivery_id).state == "loaded"
    assert states(warehouse) == ["refused", "loaded"]


def test_the_ledger_says_how_long_a_load_took_and_by_which_code(warehouse):
    delivery = loaded(warehouse)
    assert delivery.received_at < delivery.loaded_at and delivery.decided_at is None
    assert delivery_ledger.decide(warehouse, delivery.delivery_id, []).decided_at > delivery.loaded_at
    assert delivery.code_version and delivery.contract_version and delivery.byte_size == len(bundled_bytes(SOURCE))


def waiting_locks(settings) -> int:
    statement = (
        "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        " and database = (select oid from pg_database where datname = current_database())"
    )
    return query(settings, statement)[0][0]


def wait_until(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


LOAD_FILE = f"""
import sys
from pathlib import Path
from ingest import contracts; from ingest.loading import intake
from lagebild.core import database; from lagebild.core import settings
own = settings.load()
with database.connect(own, database.LOADER, autocommit=True) as connection:
    print(intake.load_file(connection, own, contracts.load("{SOURCE}"), Path(sys.argv[1])))
"""


@pytest.mark.parametrize("content", ["good", "broken"])
def test_two_processes_with_the_same_file_at_once_load_it_once(warehouse, tmp_path, content):
    file = tmp_path / "eu2_employees_2019.csv"
    file.write_bytes(bundled_bytes(SOURCE) if content == "good" else b"nothing;that;is\nin;the;contract\n")
    program = [sys.executable, "-c", LOAD_FILE, str(file)]
    with database.connect(warehouse, database.LOADER) as connection:
        delivery_ledger.lock_period(connection, SOURCE, "2019")  # both come to the same point, then go on together
        both = [
            subprocess.Popen(
                program, env=environment(warehouse, tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        wait_until(lambda: waiting_locks(warehouse) == 2)
    told = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert file.exists()
    if content == "good":
        (delivery,) = delivery_ledger.deliveries(warehouse)
        assert query(warehouse, "select count(*) from raw.employment__employees") == [(delivery.loaded,)]
        loads = query(warehouse, "select state from raw.delivery_event order by event_id")
        assert [state for (state,) in loads][:2] == ["received", "loaded"] and loads.count(("loaded",)) == 1
    else:
        assert [(d.state, d.attempt) for d in delivery_ledger.deliveries(warehouse)] == [("refused", 1)]


def test_two_drains_of_the_same_folder_at_once_load_each_file_once(warehouse):
    for year in range(2000, 2006):
        drop(warehouse, SOURCE, name=f"eu2_employees_{year}.csv")
    errors = []

    def drained():
        try:
            drain(warehouse, SOURCE)
        except BaseException as error:
            errors.append(error)

    both = [threading.Thread(target=drained) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(60)
    assert errors == []
    assert sorted(d.period for d in delivery_ledger.deliveries(warehouse)) == [str(year) for year in range(2000, 2006)]
    assert inbox.local_files(warehouse) == {}


def test_two_corrections_accepted_at_once_leave_one_accepted(warehouse):
    corrected(warehouse, b"")
    rivals = [delivery_ledger.decide(warehouse, loaded(warehouse, b"\n" * n).delivery_id, []) for n in (1, 2)]
    both = [
        threading.Thread(target=delivery_ledger.accept, args=(warehouse, rival.delivery_id, "mine", True))
        for rival in rivals
    ]
    with database.connect(warehouse, database.LOADER) as connection:
        delivery_ledger.lock_period(connection, SOURCE, "2019")
        for thread in both:
            thread.start()
        wait_until(lambda: waiting_locks(warehouse) == 2)
    for thread in both:
        thread.join(30)
    assert sorted(states(warehouse)) == ["accepted", "superseded", "superseded"]


def test_the_ledger_names_the_layout_that_a_delivery_was_read_by(warehouse, tmp_path):
    old = {"name": "till 2020", "to": 2020, "headers": {"nationality_code": "Nationalität"}}
    contract = contract_files.read(tmp_path, contract_files.descriptor(layouts=[old]))

    def layout(header: str, year: int) -> str | None:
        content = f"{header}\n01.02.2010;;154\n".encode()
        return load_by(warehouse, contract, content, f"moves_{year}.csv", tmp_path / "drop").layout

    assert layout("Einzug;Auszug;Staatsangehörigkeit", 2021) == "current"
    assert layout("Einzug;Auszug;Nationalität", 2019) == "till 2020"
    assert layout("Einzug;Auszug;Staatsangehörigkeit", 2018) is None  # refused
    told = [str(delivery) for delivery in delivery_ledger.deliveries(warehouse, "moves")]
    assert [", layout till 2020) loaded" in text for text in told] == [False, True, False]


def test_the_commands_list_and_move_deliveries(warehouse):
    held = delivery_ledger.decide(warehouse, loaded(warehouse).delivery_id, ["odd"])
    deliver(warehouse, "eu2_series")

    def listed(*arguments: str) -> list[dict]:
        result = command(warehouse, "deliveries", "--format", "json", *arguments)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    assert [d["source"] for d in listed()] == [SOURCE, "eu2_series"]
    assert [d["source"] for d in listed("--state", "held")] == [SOURCE]
    assert listed("--source", "eu2_series", "--state", "held") == []
    assert {"sha256", "reason", "code_version", "loaded_at", "erased_why"} <= set(listed()[0])
    wrong = command(warehouse, "deliveries", "--source", "employmnt")
    assert wrong.exit_code == 1 and SOURCE in str(wrong.exception)
    assert command(warehouse, "deliveries", "--state", "lost").exit_code == 2
    moved = command(warehouse, "refuse", str(held.delivery_id), "--reason", "sent back")
    assert "refused: sent back" in moved.stdout
    assert "the ledger has no such" in command(warehouse, "deliveries", "--state", "held").stdout


YESTERDAY, TOMORROW = (date.today() + timedelta(days=days) for days in (-1, 1))


def expired(settings, delivery_id: int) -> list[int]:
    """What expires when the acceptance of this delivery ended yesterday."""
    with database.connect(settings) as connection:
        connection.execute(
            "update raw.delivery set accepted_until = %s where delivery_id = %s", [YESTERDAY, delivery_id]
        )
    return [delivery.delivery_id for delivery in delivery_ledger.expire(settings)]


def test_what_the_gate_found_is_overruled_for_a_time_only(warehouse):
    held = delivery_ledger.decide(warehouse, loaded(warehouse).delivery_id, ["share is off", "two rows rejected"])
    with pytest.raises(UserError, match="needs an end.*\n.*--until"):
        delivery_ledger.accept(warehouse, held.delivery_id, "confirmed")
    with pytest.raises(UserError, match=f"{YESTERDAY} is over"):
        delivery_ledger.accept(warehouse, held.delivery_id, "confirmed", until=YESTERDAY)
    accepted = delivery_ledger.accept(warehouse, held.delivery_id, "confirmed", until=TOMORROW, by="ada")
    assert (accepted.state, accepted.accepted_until) == ("accepted", TOMORROW)
    assert f"accepted until {TOMORROW}: confirmed" in str(accepted)
    assert delivery_ledger.expire(warehouse) == []
    events = query(warehouse, "select state, by = 'ada', until, problems from raw.delivery_event order by event_id")
    assert events[2:] == [
        ("held", False, None, ["share is off", "two rows rejected"]),
        ("accepted", True, TOMORROW, ["share is off", "two rows rejected"]),
    ]


def test_a_correction_that_passed_the_gate_needs_no_end(warehouse):
    delivery_ledger.decide(warehouse, loaded(warehouse).delivery_id, [])
    second = delivery_ledger.decide(warehouse, loaded(warehouse, b"\n").delivery_id, [])
    accepted = delivery_ledger.accept(warehouse, second.delivery_id, "corrected", supersedes=True)
    assert (accepted.state, accepted.accepted_until) == ("accepted", None)
    assert delivery_ledger.expire(warehouse) == []


def test_an_expired_acceptance_is_held_again_and_its_predecessor_accepted(warehouse):
    first = delivery_ledger.decide(warehouse, loaded(warehouse).delivery_id, [])
    second = delivery_ledger.decide(warehouse, loaded(warehouse, b"\n").delivery_id, ["share is off"])
    delivery_ledger.accept(warehouse, second.delivery_id, "confirmed", supersedes=True, until=TOMORROW)
    assert expired(warehouse, second.delivery_id) == [second.delivery_id]
    assert states(warehouse) == ["accepted", "held"]
    assert f"its acceptance ended on {YESTERDAY}; share is off" in delivery_ledger.deliveries(warehouse)[1].reason
    (why,) = query(
        warehouse,
        "select why from raw.delivery_event where delivery_id = %s order by event_id desc limit 1",
        first.delivery_id,
    )
    assert why == (f"reinstated, the acceptance of delivery {second.delivery_id} ended",)
    with pytest.raises(UserError, match="needs an end"):
        delivery_ledger.accept(warehouse, second.delivery_id, "still", supersedes=True)
    delivery_ledger.accept(warehouse, second.delivery_id, "still", supersedes=True, until=TOMORROW)
    assert states(warehouse) == ["superseded", "accepted"]


def test_a_reinstated_delivery_whose_own_acceptance_is_over_expires_too(warehouse):
    chain = [delivery_ledger.decide(warehouse, loaded(warehouse).delivery_id, [])]
    for number in (1, 2):
        chain.append(delivery_ledger.decide(warehouse, loaded(warehouse, b"\n" * number).delivery_id, ["off"]))
        delivery_ledger.accept(warehouse, chain[-1].delivery_id, "for now", supersedes=True, until=TOMORROW)
    assert expired(warehouse, chain[1].delivery_id) == []  # superseded: nobody reads it
    assert expired(warehouse, chain[2].delivery_id) == [chain[2].delivery_id, chain[1].delivery_id]
    assert states(warehouse) == ["accepted", "held", "held"]
    # accepted in the other order than before: no link leads in a circle
    delivery_ledger.accept(warehouse, chain[2].delivery_id, "for now", supersedes=True, until=TOMORROW)
    delivery_ledger.accept(warehouse, chain[1].delivery_id, "for now", supersedes=True, until=TOMORROW)
    for number, left in ((1, ["superseded", "withdrawn", "accepted"]), (2, ["accepted", "withdrawn", "withdrawn"])):
        delivery_ledger.withdraw(warehouse, chain[number].delivery_id, "no more")
        assert states(warehouse) == left


def test_an_acceptance_is_of_an_attempt_and_ends_with_it(warehouse):
    held = delivery_ledger.decide(warehouse, loaded(warehouse).delivery_id, ["off"])
    delivery_ledger.accept(warehouse, held.delivery_id, "for now", until=TOMORROW)
    again = deliver(warehouse, SOURCE)
    assert (again.delivery_id, again.state) == (held.delivery_id, "accepted")  # the same bytes: a no-op
    with pytest.raises(UserError, match="lagebild delivery withdraw"):
        load.reload(warehouse, held.delivery_id)
    delivery_ledger.withdraw(warehouse, held.delivery_id, "to be read again")
    again = load.reload(warehouse, held.delivery_id)
    assert (again.attempt, again.state, again.accepted_until) == (2, "loaded", None)
    delivery_ledger.decide(warehouse, again.delivery_id, ["off"])
    with pytest.raises(UserError, match="needs an end"):
        delivery_ledger.accept(warehouse, again.delivery_id, "as before")


def test_what_was_held_before_its_problems_were_kept_needs_an_end(warehouse):
    held = delivery_ledger.decide(warehouse, loaded(warehouse).delivery_id, ["off"])
    with database.connect(warehouse) as connection:
        connection.execute("update raw.delivery_event set problems = null")
    with pytest.raises(UserError, match="needs an end"):
        delivery_ledger.accept(warehouse, held.delivery_id, "confirmed")
