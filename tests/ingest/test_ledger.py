"""Transitions of the ledger: who decides what, and what a period's accepted delivery is."""

import pytest

from ingest import ledger, load
from lagebild import database
from lagebild.errors import UserError
from tests.support import bundled_bytes, deliver, drop, query

SOURCE = "employment"


def loaded(settings, suffix: bytes = b"") -> ledger.Delivery:
    return deliver(settings, SOURCE, bundled_bytes(SOURCE) + suffix)


def test_a_clean_delivery_is_accepted_and_one_with_problems_held(warehouse):
    assert ledger.decide(warehouse, loaded(warehouse).delivery_id, []).state == "accepted"
    second = ledger.decide(warehouse, loaded(warehouse, b"\n").delivery_id, ["share is off"])
    assert second.state == "held" and "share is off" in second.reason


def test_a_second_delivery_of_a_period_waits_until_it_is_declared_a_correction(warehouse):
    first = ledger.decide(warehouse, loaded(warehouse).delivery_id, [])
    second = ledger.decide(warehouse, loaded(warehouse, b"\n").delivery_id, [])
    assert second.state == "held" and "--supersedes" in second.reason
    with pytest.raises(UserError, match="--supersedes"):
        ledger.accept(warehouse, second.delivery_id, "looks fine")
    assert ledger.accept(warehouse, second.delivery_id, "corrected", supersedes=True).state == "accepted"
    assert [d.state for d in ledger.deliveries(warehouse)] == ["superseded", "accepted"]
    assert ledger.withdraw(warehouse, second.delivery_id, "was wrong").state == "withdrawn"
    assert [d.state for d in ledger.deliveries(warehouse)] == ["accepted", "withdrawn"]
    assert first.delivery_id == ledger.deliveries(warehouse, states=("accepted",))[0].delivery_id


def test_a_held_delivery_of_a_period_does_not_stand_in_the_way_of_its_correction(warehouse):
    ledger.decide(warehouse, loaded(warehouse).delivery_id, ["72 %"])
    assert ledger.decide(warehouse, loaded(warehouse, b"\n").delivery_id, []).state == "accepted"


def test_refused_bytes_may_come_again(warehouse):
    held = ledger.decide(warehouse, loaded(warehouse).delivery_id, ["odd"])
    assert ledger.refuse(warehouse, held.delivery_id, "sent back").state == "refused"
    again = loaded(warehouse)
    assert (again.state, again.attempt) == ("loaded", 2)


@pytest.mark.parametrize("action", [ledger.accept, ledger.refuse])
def test_only_held_deliveries_are_decided_by_hand(warehouse, action):
    accepted = ledger.decide(warehouse, loaded(warehouse).delivery_id, [])
    with pytest.raises(UserError, match="it is not held"):
        action(warehouse, accepted.delivery_id, "because")
    with pytest.raises(UserError, match="there is no delivery 4711"):
        action(warehouse, 4711, "because")


def test_every_transition_is_logged_with_who_and_why(warehouse):
    held = ledger.decide(warehouse, loaded(warehouse).delivery_id, ["odd"])
    ledger.accept(warehouse, held.delivery_id, "checked by phone")
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
    assert ledger.is_drained(warehouse)
    drop(warehouse, SOURCE)
    assert not ledger.is_drained(warehouse)
    (delivery,) = load.drain(warehouse, SOURCE)
    assert not ledger.is_drained(warehouse)
    ledger.decide(warehouse, delivery.delivery_id, [])
    assert ledger.is_drained(warehouse)
