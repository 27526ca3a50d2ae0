"""Pulls, step by step against a replaying server: resumed where they were killed, and nothing loaded twice."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from ingest.deliveries import delivery_ledger
from ingest.pulls import catalogue, due, fetch, fetch_log
from ingest.pulls.connectors import errors
from ingest.pulls.fetch import Fetched, NotThere, Unchanged, Waiting
from ingest.pulls.hosts import HOSTS
from ingest.pulls.replay import DEMO_USER, Answer, Asked, ReplayServer, envelope
from lagebild.core import database
from lagebild.core.credentials import Access
from lagebild.core.errors import UserError
from lagebild.core.settings import BERLIN, Settings
from tests import canary
from tests.ingest.support import environment, killed_at_each_step
from tests.support import bundled_bytes, query

TABLE, YEAR = "12411-01-01-4", 2024
KEY = f"{TABLE} {YEAR}"
ACCESS = Access(DEMO_USER, "demo")


class Genesis(ReplayServer):
    """The replaying server, whose answer to an endpoint may be replaced."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.instead: dict[str, Answer] = {}

    def answer_service(self, asked: Asked, user: str, password: str) -> Answer:
        return self.instead.get(asked.endpoint) or super().answer_service(asked, user, password)

    def times(self, endpoint: str, **fields: str) -> int:
        """How often an endpoint was asked, with these fields."""
        return sum(a.endpoint == endpoint and fields.items() <= a.fields.items() for a in self.asked)

    @property
    def jobs(self) -> int:
        return self.times("data/tablefile", job="true")


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Recordings of the bundled table, for the year it has and, with another year in it, for 2023."""
    folder = tmp_path / "recorded" / "regionalstatistik"
    folder.mkdir(parents=True)
    content = bundled_bytes("genesis")
    (folder / f"{TABLE}.2024.csv").write_bytes(content)
    (folder / f"{TABLE}.2023.csv").write_bytes(content.replace(b"2024-12-31", b"2023-12-31"))
    describe(folder.parent)
    return folder.parent


def describe(recorded: Path, **about) -> None:
    """Say how the host treats the table."""
    about = {"changed": "2026-02-09", **about}
    (recorded / "regionalstatistik" / f"{TABLE}.json").write_text(json.dumps(about))


@pytest.fixture
def server(recorded):
    with Genesis(recorded) as running:
        yield running


@pytest.fixture
def settings(warehouse: Settings, server, monkeypatch) -> Settings:
    """A warehouse that knows the server as regionalstatistik.de."""
    monkeypatch.setattr(fetch, "SAME_ROUND", 0)  # each step is a round of its own
    return replace(warehouse, host_urls={"regionalstatistik": server.url})


def step(settings: Settings, key: str = KEY, **options):
    return fetch.step(settings, key, "genesis", ACCESS, **options)


def pulled(settings: Settings, key: str = KEY) -> delivery_ledger.Delivery:
    """A table fetched and loaded."""
    found = step(settings, key)
    while isinstance(found, Waiting):
        found = step(settings, key)
    return fetch.deliver(settings, "genesis", found.path, lambda host: ACCESS)


def states(settings: Settings) -> list[str]:
    return [state for (state,) in query(settings, "select state from raw.fetch order by fetch_id")]


def deliveries(settings: Settings) -> int:
    return query(settings, "select count(*) from raw.delivery")[0][0]


# --- one table ----------------------------------------------------------------------------------------------------


def test_a_table_is_fetched_loaded_settled_and_its_file_deleted(settings):
    found = step(settings)
    assert isinstance(found, Fetched) and found.path.name == f"{TABLE}_{YEAR}_flat.csv"
    assert found.path.read_bytes() == bundled_bytes("genesis")
    delivery = fetch.deliver(settings, "genesis", found.path, lambda host: ACCESS)
    assert (delivery.state, delivery.period, delivery.loaded) == ("loaded", f"{TABLE}_{YEAR}", 21)
    (row,) = fetch_log.fetches(settings, "genesis")
    assert (row.state, row.delivery_id, row.last_change) == ("delivered", delivery.delivery_id, "2026-02-09")
    assert (row.sha256, row.bytes, row.job) == (delivery.sha256, delivery.byte_size, None)
    assert not found.path.parent.exists()


def test_an_unchanged_table_costs_one_small_request(settings, server):
    pulled(settings)
    asked = len(server.asked)
    found = step(settings)
    assert isinstance(found, Unchanged) and "nothing new" in found.why and "2026-02-09" in found.why
    assert [a.endpoint for a in server.asked[asked:]] == ["catalogue/modifieddata"]
    assert isinstance(step(settings), Unchanged)  # what is known outlives an attempt without a file
    assert states(settings) == ["delivered", "unchanged", "unchanged"]


def test_all_years_of_an_unchanged_table_cost_one_small_request_together(settings, server, monkeypatch):
    pulled(settings)
    pulled(settings, f"{TABLE} 2023")
    with database.connect(settings) as connection:
        connection.execute("update raw.fetch set asked_at = asked_at - interval '1 week'")
    monkeypatch.setattr(fetch, "SAME_ROUND", 600)
    asked = len(server.asked)
    assert isinstance(step(settings), Unchanged) and isinstance(step(settings, f"{TABLE} 2023"), Unchanged)
    assert [a.endpoint for a in server.asked[asked:]] == ["catalogue/modifieddata"]


def test_a_year_that_was_delivered_is_asked_again_only_where_the_table_changed(settings, server, recorded):
    pulled(settings)
    assert isinstance(step(settings, f"{TABLE} 2023"), Fetched)
    describe(recorded, changed="2026-03-01")
    asked = server.times("data/tablefile")
    found = step(settings)
    assert server.times("data/tablefile") == asked + 1
    assert isinstance(found, Unchanged) and "same bytes as delivery 1" in found.why
    (waiting,) = fetch_log.waiting_files(settings, "genesis")
    assert deliveries(settings) == 1 and waiting.name.startswith(f"{TABLE}_2023")


def test_other_bytes_are_a_new_delivery(settings, recorded):
    pulled(settings)
    describe(recorded, changed="2026-03-01")
    path = recorded / "regionalstatistik" / f"{TABLE}.2024.csv"
    path.write_bytes(path.read_bytes().replace(b";502270;", b";502275;"))
    assert pulled(settings).delivery_id == 2


def test_a_host_that_goes_back_to_what_was_corrected_makes_a_new_delivery(settings, recorded):
    path = recorded / "regionalstatistik" / f"{TABLE}.2024.csv"
    first = path.read_bytes()
    for number, content in enumerate([first, first.replace(b";502270;", b";502275;"), first], start=1):
        path.write_bytes(content)
        describe(recorded, changed=f"2026-03-0{number}")
        assert pulled(settings).delivery_id == number
        if delivery_ledger.decide(settings, number, []).state == "held":
            delivery_ledger.accept(settings, number, "a correction", supersedes=True)


def test_force_asks_for_what_is_unchanged_and_makes_no_new_delivery_of_the_same_bytes(settings, server):
    pulled(settings)
    assert isinstance(step(settings, force=True), Unchanged)
    assert server.times("data/tablefile") == 2 and deliveries(settings) == 1


def test_bytes_that_were_refused_are_no_new_delivery_until_somebody_forces_them(settings, recorded):
    path = recorded / "regionalstatistik" / f"{TABLE}.2024.csv"
    path.write_bytes(path.read_bytes().replace(b";value;", b";worth;"))
    assert pulled(settings).state == "refused"
    (row,) = fetch_log.fetches(settings)
    assert (row.state, row.reason) == ("failed", "delivery 1 was refused")
    found = step(settings)
    assert isinstance(found, Unchanged) and "same bytes as delivery 1" in found.why
    assert isinstance(step(settings, force=True), Fetched)


def test_a_year_that_is_not_there_yet_costs_one_small_request_from_then_on(settings, server):
    assert isinstance(step(settings, f"{TABLE} 2025"), NotThere)
    asked = len(server.asked)
    assert isinstance(step(settings, f"{TABLE} 2025"), NotThere)
    assert len(server.asked) == asked + 1 and states(settings) == ["absent", "absent"]


def test_a_table_that_the_host_does_not_know_is_an_error_that_names_it(settings, recorded):
    for path in (recorded / "regionalstatistik").glob("*.csv"):
        path.unlink()
    with pytest.raises(errors.NoSuchTable, match=TABLE):
        step(settings)
    (row,) = fetch_log.fetches(settings)
    assert row.state == "failed" and TABLE in row.reason and "demo" not in row.reason


def test_two_processes_do_not_work_at_the_same_item(settings, server):
    with fetch_log.alone(settings, "genesis", KEY) as connection:
        assert connection is not None
        assert step(settings) == Waiting(None, fetch.FIRST_PAUSE)
        assert isinstance(step(settings, f"{TABLE} 2023"), Fetched)
    assert isinstance(step(settings), Fetched)


# --- jobs ---------------------------------------------------------------------------------------------------------


def test_a_table_that_is_too_large_is_made_by_one_job_whose_result_is_removed_after_a_good_load(
    settings, server, recorded
):
    describe(recorded, jobs=True, polls=3)
    found = step(settings)
    (row,) = fetch_log.fetches(settings)
    assert (row.state, row.job) == ("waiting", found.job) and found.job.startswith(TABLE)
    pauses = [found.seconds]
    while isinstance(found := step(settings), Waiting):
        pauses.append(found.seconds)
    assert pauses == sorted(set(pauses)) and pauses[0] == fetch.FIRST_PAUSE and len(pauses) == 4
    assert not server.removed
    assert fetch.deliver(settings, "genesis", found.path, lambda host: ACCESS).state == "loaded"
    assert server.removed == {row.job} and server.jobs == 1
    (row,) = fetch_log.fetches(settings)
    assert row.job_removed_at is not None and row.polls == 4


def test_pauses_end_growing(settings, server, recorded):
    describe(recorded, jobs=True, polls=100)
    step(settings)
    with database.connect(settings) as connection:
        connection.execute("update raw.fetch set polls = 50")
    assert step(settings).seconds == fetch.LONGEST_PAUSE


def test_a_result_that_cannot_be_removed_is_told_and_tried_again_and_fails_nothing(settings, server, recorded, caplog):
    describe(recorded, jobs=True)
    server.instead["profile/removeResult"] = Answer(403, b"not now")
    assert pulled(settings).state == "loaded"
    (row,) = fetch_log.fetches(settings)
    assert row.state == "delivered" and "to be removed next time" in row.reason and row.job_removed_at is None
    assert row.job in caplog.text and "demo" not in caplog.text.replace(DEMO_USER, "")
    server.instead.clear()
    assert isinstance(step(settings), Unchanged)  # the next step of the same table removes it
    assert server.removed == {row.job} and server.times("profile/removeResult") == 2
    assert isinstance(step(settings), Unchanged) and server.times("profile/removeResult") == 2


def test_a_run_removes_what_is_left_of_any_table_and_a_login_goes_to_its_own_host_only(
    settings, server, recorded, monkeypatch, login
):
    describe(recorded, jobs=True)
    server.instead["profile/removeResult"] = Answer(403, b"not now")
    pulled(settings)
    server.instead.clear()
    with database.connect(settings) as connection:
        connection.execute("update raw.fetch set host = 'destatis' where key = %s", [KEY])
    elsewhere = replace(settings, host_urls={"destatis": server.url})
    asked = len(server.asked)
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        (told,) = fetch._remove_results(elsewhere, connection, "genesis", KEY, {"regionalstatistik": ACCESS}.get)
    assert "no credentials for this service" in told and len(server.asked) == asked
    monkeypatch.setenv("LAGEBILD_DESTATIS_USER", DEMO_USER)
    monkeypatch.setenv("LAGEBILD_DESTATIS_PASSWORD", "demo")
    assert fetch.remove_results(elsewhere, "genesis") == [] and len(server.asked) == asked + 1


def test_the_result_of_a_refused_file_stays_for_whoever_looks_into_it(settings, server, recorded):
    describe(recorded, jobs=True)
    path = recorded / "regionalstatistik" / f"{TABLE}.2024.csv"
    path.write_bytes(path.read_bytes().replace(b";value;", b";worth;"))
    assert pulled(settings).state == "refused" and not server.removed


def test_a_job_that_never_ends_is_given_up_after_its_time_and_another_is_started(settings, server, recorded):
    describe(recorded, jobs=True, polls=10_000)
    step(settings)
    with database.connect(settings) as connection:
        connection.execute("update raw.fetch set asked_at = asked_at - interval '3 hours'")
    with pytest.raises(errors.TimeIsUp, match="not ready after 2 hours"):
        step(settings)
    assert states(settings) == ["failed"]
    assert isinstance(step(settings), Waiting) and server.jobs == 2


def test_a_job_that_became_ready_while_nobody_looked_is_taken_however_late(settings, server, recorded):
    describe(recorded, jobs=True)
    step(settings)
    with database.connect(settings) as connection:
        connection.execute("update raw.fetch set asked_at = asked_at - interval '3 days'")
    assert isinstance(step(settings), Fetched) and server.jobs == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(200, b"<!DOCTYPE html><title>Wartung</title>"), errors.HtmlInstead),
        (Answer(403, b"<html><title>Wartung</title></html>"), errors.NoLogin),
    ],
)
def test_a_passing_fault_while_waiting_does_not_give_the_job_up(settings, server, recorded, answer, error):
    describe(recorded, jobs=True)
    step(settings)
    server.instead["catalogue/results"] = answer
    with pytest.raises(error):
        step(settings)
    (row,) = fetch_log.fetches(settings)
    assert row.state == "waiting" and "Wartung" in row.reason
    server.instead.clear()
    assert isinstance(step(settings), Fetched) and server.jobs == 1


def test_a_run_that_is_killed_while_it_waits_resumes_its_job(settings, server, recorded, tmp_path, monkeypatch):
    describe(recorded, jobs=True, polls=10_000)
    logins = {"LAGEBILD_REGIONALSTATISTIK_USER": DEMO_USER, "LAGEBILD_REGIONALSTATISTIK_PASSWORD": "demo"}
    command = [Path(sys.executable).with_name("lagebild"), "fetch", "genesis", "--table", TABLE, "--year", str(YEAR)]
    run = subprocess.Popen(
        command, env=environment(settings, tmp_path) | logins, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        until = time.monotonic() + 30
        while states(settings) != ["waiting"] and time.monotonic() < until and run.poll() is None:
            time.sleep(0.05)
    finally:
        run.send_signal(signal.SIGKILL)
        told = run.communicate()[0].decode()
    assert states(settings) == ["waiting"], told
    describe(recorded, jobs=True)  # now it is ready
    for name, value in logins.items():
        monkeypatch.setenv(name, value)
    (outcome,) = fetch.run(settings, "genesis", [TABLE], [YEAR], sleep=lambda seconds: None)
    assert outcome.delivery.state == "loaded" and states(settings) == ["delivered"]
    assert server.jobs == 1 and len(server.removed) == 1


def test_killed_at_any_point_it_is_done_the_next_time_and_nothing_is_there_twice(settings, server, recorded):
    """Fetch, load and settle in a process that is killed before every fifth statement or file operation in turn."""
    folder = recorded / "regionalstatistik"
    content = (folder / f"{TABLE}.2024.csv").read_bytes()
    killed = 0

    def prepare(n: int):
        (folder / f"{TABLE}.{1950 + n}.csv").write_bytes(content.replace(b"2024-12-31", f"{1950 + n}-12-31".encode()))
        return lambda: pulled(settings, f"{TABLE} {1950 + n}")

    for n, _ in killed_at_each_step(prepare, stride=5):
        killed += 1
        key = f"{TABLE} {1950 + n}"
        for path in fetch_log.waiting_files(settings, "genesis"):
            fetch.deliver(settings, "genesis", path, lambda host: ACCESS)
        if isinstance(found := step(settings, key), Fetched):
            fetch.deliver(settings, "genesis", found.path, lambda host: ACCESS)
        known = query(settings, "select state, loaded from raw.delivery where period = %s", key.replace(" ", "_"))
        assert known == [("loaded", 21)], n
    assert killed > 10
    assert fetch_log.waiting_files(settings, "genesis") == []
    assert not list((settings.home / "fetched" / "genesis").glob("*"))


def test_a_result_that_is_gone_is_an_error_and_the_next_step_starts_another_job(settings, server, recorded):
    describe(recorded, jobs=True)
    job = step(settings).job
    server.instead["data/resultfile"] = envelope(Asked(HOSTS["regionalstatistik"], "data/resultfile", {}), 104)
    with pytest.raises(errors.NoObjects, match=job):
        step(settings)
    assert states(settings) == ["failed"] and not list((settings.home / "fetched" / "genesis").glob("*"))
    server.instead.clear()
    assert step(settings).job != job and server.jobs == 2


# --- what is due --------------------------------------------------------------------------------------------------

MONDAY = datetime(2026, 11, 16, 6, tzinfo=BERLIN)


def keys(items: list[due.Item]) -> list[str]:
    return [item.key for item in items]


@pytest.fixture
def bidden(settings) -> Settings:
    """The same warehouse, no demo, whose operator lets it ask one host."""
    return replace(settings, demo=False, pull=frozenset({"regionalstatistik"}))


def test_what_is_due_follows_each_entrys_own_schedule(bidden):
    settings = bidden
    first = keys(due.due_items(settings, "genesis", MONDAY))
    assert KEY in first and f"{TABLE} 2019" in first and "12211-Z-11" in first and f"{TABLE} 2027" not in first
    pulled(settings)
    with database.connect(settings) as connection:
        connection.execute("update raw.fetch set settled_at = %s", [MONDAY])
    assert KEY not in keys(due.due_items(settings, "genesis", MONDAY.replace(hour=23)))
    assert KEY in keys(due.due_items(settings, "genesis", MONDAY.replace(day=23)))
    assert KEY not in keys(due.due_items(settings, "genesis", MONDAY.replace(day=23, hour=4, minute=59)))


def test_what_failed_or_is_open_stays_due(bidden, server, recorded):
    settings = bidden
    server.instead["catalogue/modifieddata"] = Answer(403, b"")
    with pytest.raises(errors.NoLogin):
        step(settings)
    assert KEY in keys(due.due_items(settings, "genesis"))
    server.instead.clear()
    describe(recorded, jobs=True)
    step(settings)
    assert KEY in keys(due.due_items(settings, "genesis"))


def test_tables_and_years_that_are_asked_for_are_due_whenever(settings):
    pulled(settings)
    assert keys(due.due_items(settings, "genesis", tables=[TABLE], years=[2024])) == [KEY]
    assert keys(due.due_items(settings, "genesis", tables=[TABLE], years=[1999])) == [f"{TABLE} 1999"]
    unnamed = replace(settings, demo=False, pull=frozenset({"regionalstatistik"}))
    backfill = keys(due.due_items(unnamed, "genesis", years=[2019]))
    assert f"{TABLE} 2019" in backfill and "12211-Z-11" in backfill  # whose one file has 2011 to 2019
    assert "12211-Z-11" not in keys(due.due_items(unnamed, "genesis", years=[2021]))
    assert "12521-0041 2019" not in backfill  # nobody said that this host may be asked
    with pytest.raises(UserError, match=r"no entry 99999-0001"):
        due.due_items(settings, "genesis", tables=["99999-0001"])


def test_a_source_that_nobody_pulls_says_how_to_add_it(settings):
    with pytest.raises(UserError, match="no entry for ledger"):
        due.due_items(settings, "ledger")


def test_an_entry_without_an_address_is_never_due_and_says_what_to_set_when_it_is_asked_for(settings, monkeypatch):
    assert due.due_items(settings, "esf_berlin") == []
    with pytest.raises(UserError, match=r"(?s)no address is known.*set LAGEBILD_URL_ESF_BERLIN in .env"):
        fetch.step(settings, "esf-berlin", "esf_berlin")
    assert states(settings) == []
    monkeypatch.setenv("LAGEBILD_URL_ESF_BERLIN", "https://list.example/esf.csv")
    assert keys(due.due_items(replace(settings, demo=False), "esf_berlin")) == ["esf-berlin"]


def test_nobody_is_asked_by_schedule_without_the_operators_word(bidden, monkeypatch):
    def hosts() -> set[str]:
        return {item.entry.host for item in due.due_items(bidden, "genesis")}

    assert hosts() == {"regionalstatistik"} and due.due_items(bidden, "wegweiser") == []
    monkeypatch.setenv("LAGEBILD_DESTATIS_TOKEN", "a-token")
    assert hosts() == {"regionalstatistik", "destatis"}
    asked = keys(due.due_items(replace(bidden, pull=frozenset()), "genesis", tables=[TABLE], years=[2024]))
    assert asked == [KEY]


def test_the_demo_asks_nobody_outside(settings):
    # as far as it is recorded
    assert {item.entry.host for item in due.due_items(settings, "genesis")} <= {"destatis"}
    with pytest.raises(UserError, match=r"(?s)12521-0041 2024: this is the demo.*LAGEBILD_DEMO=0"):
        step(settings, "12521-0041 2024")
    assert due.due_items(settings, "azr_nrw") == [] and due.due_items(settings, "wegweiser") == []
    assert states(settings) == []


# --- a run --------------------------------------------------------------------------------------------------------


@pytest.fixture
def login(monkeypatch) -> None:
    monkeypatch.setenv("LAGEBILD_REGIONALSTATISTIK_USER", DEMO_USER)
    monkeypatch.setenv("LAGEBILD_REGIONALSTATISTIK_PASSWORD", "demo")


def test_a_run_settles_all_that_is_due_and_tells_of_each(settings, recorded, login):
    describe(recorded, jobs=True, polls=2)
    said, slept = [], []
    outcomes = fetch.run(
        settings, "genesis", [TABLE], [2023, 2024, 2025], say=said.append, doing=said.append, sleep=slept.append
    )
    assert [o.delivery and o.delivery.state for o in outcomes] == [None, "loaded", "loaded"]
    assert "nothing for this selection" in outcomes[0].nothing
    assert sum(slept) < 60 and any(line.startswith("waiting for") for line in said)
    assert any("delivery 1" in line for line in said)


def test_a_login_that_is_refused_ends_all_of_its_host_after_one_try(settings, server, monkeypatch):
    monkeypatch.setenv("LAGEBILD_REGIONALSTATISTIK_USER", "somebody")
    monkeypatch.setenv("LAGEBILD_REGIONALSTATISTIK_PASSWORD", "s3cret-of-somebody")
    outcomes = fetch.run(settings, "genesis", [TABLE], [2023, 2024])
    assert [type(o.error) for o in outcomes] == [errors.NoLogin] * 2 and len(server.asked) == 1
    told = "".join(map(str, outcomes)) + str(query(settings, "select * from raw.fetch"))
    assert "s3cret" not in told and "somebody" not in told


def test_a_file_that_a_killed_run_left_is_loaded_first(settings, login):
    step(settings)
    outcomes = fetch.run(settings, "genesis", [TABLE], [2024])
    assert [bool(o.delivery) for o in outcomes] == [True, False] and "nothing new" in outcomes[1].nothing


def test_what_is_no_fetched_file_is_not_taken_for_one(settings, tmp_path):
    (tmp_path / "a").mkdir()
    path = tmp_path / "a" / f"{TABLE}_2024_flat.csv"
    path.write_bytes(bundled_bytes("genesis"))
    with pytest.raises(UserError, match="is no fetched file"):
        fetch.deliver(settings, "genesis", path)
    assert path.exists() and deliveries(settings) == 0


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["esf_berlin", "foerderkatalog"])
def test_names_in_a_pulled_list_are_in_no_table_no_log_and_no_file_but_the_landed_one(
    warehouse, tmp_path, monkeypatch, caplog, source
):
    marker = canary.new_marker()
    content = bundled_bytes(source).replace(b"SYNTHETISCH", marker.encode())
    assert marker.encode() in content
    (tmp_path / "recorded" / "files").mkdir(parents=True)
    (tmp_path / "recorded" / "files" / "list.csv").write_bytes(content)
    (entry,) = catalogue.entries(source)
    with ReplayServer(tmp_path / "recorded") as server:
        monkeypatch.setenv(f"LAGEBILD_URL_{entry.id.upper().replace('-', '_')}", f"{server.url}/files/list.csv")
        monkeypatch.setattr(catalogue, "_entries", lambda path: (replace(entry, before=()),))
        (outcome,) = fetch.run(warehouse, source, [entry.id])
    assert outcome.delivery.state == "loaded" and outcome.delivery.loaded > 0
    with database.connect(warehouse) as connection:
        assert canary.found_in_tables(connection, marker) == []
    assert marker not in caplog.text + str(outcome)
    held = [path for path in tmp_path.rglob("*") if path.is_file() and marker.encode() in path.read_bytes()]
    assert set(held) == {tmp_path / "recorded/files/list.csv", warehouse.landing / outcome.delivery.landing_path}
