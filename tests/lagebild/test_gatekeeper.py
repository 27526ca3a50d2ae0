"""Loaded deliveries are decided: of each source by one process at a time."""

import threading

from ingest import contracts
from lagebild import database, gatekeeper
from lagebild.errors import UserError
from tests.support import deliver


def test_one_check_decides_for_every_source_and_a_broken_contract_holds_its_own(warehouse, monkeypatch):
    sound, broken = (deliver(warehouse, source).delivery_id for source in ("funding", "programme_result"))
    load = contracts.load

    def cannot(source):
        if source == "programme_result":
            raise UserError("the contract cannot be read", remedy="mend it")
        return load(source)

    monkeypatch.setattr(contracts, "load", cannot)
    decided = {d.delivery_id: d for d in gatekeeper.check_pending(warehouse)}
    assert decided[sound].state == "accepted"
    assert decided[broken].state == "held" and "the gate could not run: the contract" in decided[broken].reason
    assert gatekeeper.check_pending(warehouse) == []


def test_who_waits_for_its_turn_finds_its_deliveries_decided(warehouse):
    number = deliver(warehouse, "funding").delivery_id
    waited = []
    other = threading.Thread(target=lambda: waited.append(gatekeeper.check_pending(warehouse)))
    with gatekeeper._turn(warehouse, "funding"):
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
    with gatekeeper._turn(warehouse, "programme_result"):
        assert [d.source for d in gatekeeper.check_pending(warehouse, "funding")] == ["funding"]
    assert [d.source for d in gatekeeper.check_pending(warehouse)] == ["programme_result"]
