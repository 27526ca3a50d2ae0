"""What was fetched and what was sent, as one list."""

from dataclasses import replace

import pytest

from ingest import arrivals, fetch, inbox, ledger
from ingest.connectors import replay
from ingest.connectors.access import Access
from lagebild.errors import UserError
from tests.support import drop, query

TABLE = "12521-0041"


@pytest.fixture
def fetched(warehouse, tmp_path, monkeypatch):
    """A warehouse with a fetched table and two sent files, none of them loaded."""
    folder = tmp_path / "replies" / "destatis"
    folder.mkdir(parents=True)
    (folder / f"{TABLE}.2024.csv").write_bytes((replay.BUNDLED / "destatis" / f"{TABLE}.2024.csv").read_bytes())
    with replay.ReplayServer(folder.parent) as server:
        own = replace(warehouse, host_urls={"destatis": server.url})
        found = fetch.step(own, f"{TABLE} 2024", "genesis", Access(replay.DEMO_USER, "word"))
        assert isinstance(found, fetch.Fetched)
        drop(own, "genesis")
        drop(own, "eu2_series")
        yield own


def test_fetched_and_sent_files_of_a_source_wait_together_and_one_can_be_named(fetched):
    pulled, sent = f"fetched/{TABLE}_2024_flat.csv", "drop/genesis/12411-01-01-4_2024_flat.csv"
    assert arrivals.waiting(fetched, "genesis") == [pulled, sent]
    assert arrivals.waiting(fetched, "genesis", "12411-01-01-4_2024_flat.csv") == [sent]
    assert arrivals.waiting(fetched, "genesis", "none.csv") == []
    assert not arrivals.is_drained(fetched)

    for key in (pulled, sent):
        assert arrivals.load(fetched, "genesis", key).state == "loaded"
        assert arrivals.load(fetched, "genesis", key) is None  # it is there no more
    assert arrivals.waiting(fetched, "genesis") == []
    arrivals.load(fetched, "eu2_series", *arrivals.waiting(fetched, "eu2_series"))
    assert not arrivals.is_drained(fetched)  # nothing is checked yet
    for (delivery_id,) in query(fetched, "select delivery_id from raw.delivery"):
        ledger.decide(fetched, delivery_id, [])
    assert arrivals.is_drained(fetched)


def test_a_file_that_could_not_be_loaded_starts_no_run_every_five_minutes(warehouse):
    drop(warehouse, "register")  # whose key nobody made
    drop(warehouse, "eu2_series")
    assert inbox.look(warehouse).new_sources() == ["eu2_series", "register"]
    (key,) = arrivals.waiting(warehouse, "register")
    with pytest.raises(UserError, match="key"):
        arrivals.load(warehouse, "register", key)
    assert inbox.look(warehouse).new_sources() == ["eu2_series"]
    assert arrivals.waiting(warehouse, "register") == [key]  # its own schedule tries again
