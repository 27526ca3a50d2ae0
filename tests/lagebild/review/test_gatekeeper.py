"""Loaded deliveries are decided: of each source by one process at a time."""

import threading

from ingest import contracts
from ingest.deliveries import pseudonyms
from ingest.inbox import inbox
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.review import pending
from tests.support import MUNICIPALITY, PURPOSE, connecting, deliver, drop


def _loader(settings):
    return database.connect(settings, database.LOADER, autocommit=True)


def test_one_check_decides_for_every_source_and_a_broken_contract_holds_its_own(warehouse, monkeypatch):
    sound, broken = (deliver(warehouse, source).delivery_id for source in ("funding", "programme_result"))
    load = contracts.load

    def cannot(source):
        if source == "programme_result":
            raise UserError("the contract cannot be read", remedy="mend it")
        return load(source)

    monkeypatch.setattr("ingest.contracts.load", cannot)
    decided = {d.delivery_id: d for d in pending.check_pending(warehouse)}
    assert decided[sound].state == "accepted"
    assert decided[broken].state == "held" and "the gate could not run: the contract" in decided[broken].reason
    assert pending.check_pending(warehouse) == []


def test_who_waits_for_its_turn_finds_its_deliveries_decided(warehouse):
    number = deliver(warehouse, "funding").delivery_id
    waited = []
    other = threading.Thread(target=lambda: waited.append(pending.check_pending(warehouse)))
    with _loader(warehouse) as mine, pending._turn(mine, "funding"):
        other.start()
        other.join(0.5)
        assert other.is_alive() and waited == []
        with database.connect(warehouse, database.LOADER) as connection:
            connection.execute("update raw.delivery set state = 'accepted' where delivery_id = %s", [number])
    other.join(30)
    assert waited == [[]]


def test_sources_are_checked_side_by_side(warehouse):
    deliver(warehouse, "funding")
    deliver(warehouse, "programme_result")
    with _loader(warehouse) as mine, pending._turn(mine, "programme_result"):
        assert [d.source for d in pending.check_pending(warehouse, "funding")] == ["funding"]
    assert [d.source for d in pending.check_pending(warehouse)] == ["programme_result"]


def test_a_file_is_loaded_by_one_connection_and_checked_by_another(warehouse, monkeypatch):
    """The load's holds the file's turn, the check's the source's; a decision has one of its own."""
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    drop(warehouse, "register")
    users = connecting(monkeypatch)
    (arrival,) = inbox.complete(warehouse)
    users.clear()
    assert inbox.take(warehouse, arrival.key).state == "loaded"
    assert users == [database.LOADER]
    users.clear()
    assert [d.state for d in pending.check_pending(warehouse)] == ["accepted"]
    assert users == [database.LOADER] * 2
