"""What is to be pulled, what was fetched and what was sent, as one list."""

from dataclasses import replace

import pytest

from ingest.deliveries import delivery_ledger
from ingest.inbox import inbox
from ingest.pulls import fetch, replay
from lagebild.core.credentials import Access
from lagebild.core.errors import UserError
from lagebild.core.settings import DEMO_REPLIES
from lagebild.orchestration import arrivals
from tests.support import drop, query

TABLE = "12521-0041"


@pytest.fixture
def fetched(warehouse, tmp_path, monkeypatch):
    """A warehouse with a fetched table and two sent files, none of them loaded."""
    folder = tmp_path / "replies" / "destatis"
    folder.mkdir(parents=True)
    (folder / f"{TABLE}.2024.csv").write_bytes((DEMO_REPLIES / "destatis" / f"{TABLE}.2024.csv").read_bytes())
    with replay.ReplayServer(folder.parent) as server:
        own = replace(warehouse, host_urls={"destatis": server.url})
        found = fetch.step(own, f"{TABLE} 2024", "genesis", Access(replay.DEMO_USER, "word"))
        assert isinstance(found, fetch.Fetched)
        drop(own, "genesis")
        drop(own, "eu2_series")
        yield own


def test_fetched_and_sent_files_of_a_source_are_due_together_and_one_can_be_named(fetched):
    pulled, sent = f"fetched/{TABLE}_2024_flat.csv", "drop/genesis/12411-01-01-4_2024_flat.csv"
    assert arrivals.due(fetched, "genesis") == [f"table:{TABLE} 2024", pulled, sent]  # a fetch under way is due
    assert arrivals.due(fetched, "genesis", file="12411-01-01-4_2024_flat.csv") == [sent]
    assert arrivals.due(fetched, "genesis", file="none.csv") == []
    assert not arrivals.is_drained(fetched)

    for item in (pulled, sent):
        assert arrivals.take(fetched, "genesis", item).state == "loaded"
        assert isinstance(arrivals.take(fetched, "genesis", item), arrivals.NothingDue)  # it is there no more
    assert arrivals.due(fetched, "genesis") == []
    arrivals.take(fetched, "eu2_series", *arrivals.due(fetched, "eu2_series"))
    assert not arrivals.is_drained(fetched)  # nothing is checked yet
    for (delivery_id,) in query(fetched, "select delivery_id from raw.delivery"):
        delivery_ledger.decide(fetched, delivery_id, [])
    assert arrivals.is_drained(fetched)


def test_a_build_waits_for_a_table_that_was_asked_for_a_moment_ago_and_not_for_an_old_job(fetched):
    assert arrivals.is_fetching(fetched)
    query(fetched, "update raw.fetch set asked_at = asked_at - interval '3 minutes' returning 1")
    assert not arrivals.is_fetching(fetched)
    query(fetched, "update raw.fetch set asked_at = clock_timestamp() returning 1")
    arrivals.take(fetched, "genesis", f"fetched/{TABLE}_2024_flat.csv")
    assert not arrivals.is_fetching(fetched)


def test_a_table_is_asked_for_by_name_and_years_whatever_the_schedule_says(fetched):
    asked = arrivals.due(fetched, "genesis", "12411-01-01-4", [2019, 2020])
    assert asked[:2] == ["table:12411-01-01-4 2019", "table:12411-01-01-4 2020"]
    with pytest.raises(UserError, match="no entry"):
        arrivals.due(fetched, "genesis", "no-such-table")
    assert arrivals.named(asked[0]) == "12411-01-01-4 2019"
    assert arrivals.named("drop/genesis/a.csv") == "a.csv"


def test_a_file_that_could_not_be_loaded_starts_no_run_every_five_minutes(warehouse):
    drop(warehouse, "register")  # whose key nobody made
    drop(warehouse, "eu2_series")
    assert inbox.look(warehouse).new_sources() == ["eu2_series", "register"]
    (item,) = arrivals.due(warehouse, "register")
    with pytest.raises(UserError, match="key"):
        arrivals.take(warehouse, "register", item)
    assert inbox.look(warehouse).new_sources() == ["eu2_series"]
    assert arrivals.due(warehouse, "register") == [item]  # its own schedule tries again


def test_many_files_share_tasks_and_each_is_in_one_of_them():
    def share(*counts: int, tables: int = 0) -> list:
        files = [(f"s{n}", f"drop/s{n}/{number}.csv") for n, count in enumerate(counts) for number in range(count)]
        asked = [("genesis", f"table:t {year}") for year in range(tables)]
        tasks = arrivals.shared(asked + files)
        taken = [(s, one) for s, items in tasks for one in ([items] if isinstance(items, str) else items)]
        assert sorted(taken) == sorted(asked[: arrivals.MOST_TABLES] + files)
        return tasks

    assert share() == []
    assert all(isinstance(item, str) for _, item in share(40, 24))  # as many as have a task each
    assert len(share(65)) == 7
    for counts in [(1_188,), (5_000,), (30_000, 1, 1), (1,) * 20 + (2_000,)]:
        assert len(share(*counts)) <= arrivals.MOST_TASKS + len(counts) < 100  # what one look at Airflow's API shows
    assert len(share(2_000, tables=3_000)) < 1_024
