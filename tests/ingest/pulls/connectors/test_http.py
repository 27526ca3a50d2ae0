"""Requests: tries, pauses, limits, turns."""

import multiprocessing
import os
import signal
import socket
import time
from contextlib import nullcontext
from datetime import timedelta
from email.utils import format_datetime

import pytest

from ingest.pulls.connectors import errors
from ingest.pulls.connectors import http as http_module
from ingest.pulls.connectors.http import LONGEST_PAUSE_SECONDS, Http, host_turn
from tests.ingest.pulls.connectors.faults import FakeClock, FaultyServer, alone, fine, page, recordings, status
from tests.support import query


@pytest.fixture
def folder(tmp_path):
    return recordings(tmp_path / "recordings")


def get(server, http, **options):
    return http.ask("GET", f"{server.url}/files/liste.csv", subject="liste", **options)


def test_a_request_says_who_asks(folder):
    with FaultyServer(folder) as server:
        assert get(server, alone()).body == b"synthetisch;1\n"
    ((_, _, headers),) = server.seen
    assert headers["User-Agent"].startswith("Lagebild/")


@pytest.mark.parametrize("fault", [status(500), status(503), status(429), page(502)])
def test_it_tries_again_after_growing_pauses(folder, fault):
    clock = FakeClock()
    with FaultyServer(folder, fault, fault, fault, fine) as server:
        assert get(server, alone(clock=clock.clock)).status == 200
    assert len(server.seen) == 4
    assert all(2**n <= pause <= 2**n + 1 for n, pause in enumerate(clock.pauses))  # jitter: up to a second
    assert len({round(pause % 1, 6) for pause in clock.pauses}) == 3


@pytest.mark.parametrize(("fault", "error"), [(status(500), errors.ServiceDown), (status(429), errors.TooManyRequests)])
def test_it_gives_up_after_the_last_try(folder, fault, error):
    with FaultyServer(folder, fault) as server, pytest.raises(error) as raised:
        get(server, alone())
    assert len(server.seen) == http_module.TRIES
    assert raised.value.transient and raised.value.remedy and "liste" in raised.value.message


def test_pauses_have_a_limit(folder):
    clock = FakeClock()
    with FaultyServer(folder, status(500)) as server, pytest.raises(errors.ServiceDown):
        get(server, alone(clock=clock.clock, tries=12, total_seconds=10_000))
    assert max(clock.pauses) == LONGEST_PAUSE_SECONDS


@pytest.mark.parametrize("fault", [status(404), status(403), status(400), status(301, Location="/x")])
def test_what_another_try_cannot_mend_is_tried_once(folder, fault):
    with FaultyServer(folder, fault) as server, pytest.raises(errors.PullError) as raised:
        get(server, alone(), login=lambda request: request)
    assert len(server.seen) == 1 and not raised.value.transient


def test_a_pause_that_the_service_asks_for_is_kept(folder):
    clock = FakeClock()
    until = format_datetime(clock.start + timedelta(seconds=90), usegmt=True)
    long_ago = format_datetime(clock.start - timedelta(days=1), usegmt=True)
    # The date is held against the service's own clock, where it tells it.
    own = {"Date": format_datetime(clock.start + timedelta(seconds=50), usegmt=True), "Retry_After": until}
    asked = [status(429, Retry_After="17"), status(503, **own), status(429, Retry_After=long_ago)]
    with FaultyServer(folder, *asked, status(429, Retry_After="soon"), fine) as server:
        get(server, alone(clock=clock.clock))
    for pause, least in zip(clock.pauses, (17, 40, 0, 8), strict=True):
        assert least <= pause <= least + 1


def test_a_pause_beyond_the_limit_is_told_and_not_waited_for(folder):
    clock = FakeClock()
    with (
        FaultyServer(folder, status(429, Retry_After="3600")) as server,
        pytest.raises(errors.TooManyRequests) as raised,
    ):
        get(server, alone(clock=clock.clock))
    assert (clock.pauses, raised.value.pause_seconds) == ([], 3600)


def test_the_total_limit_ends_a_body_that_drips(folder):
    clock = FakeClock(step=100.0)  # each look at the clock is 100 s later
    with FaultyServer(folder) as server:
        server.shape = "drip"
        with pytest.raises(errors.TimeIsUp, match="bytes came in 900 s"):
            get(server, alone(clock=clock.clock))


def test_the_total_limit_counts_all_tries(folder):
    clock = FakeClock(step=200.0)
    with FaultyServer(folder, status(500)) as server, pytest.raises((errors.ServiceDown, errors.TimeIsUp)):
        get(server, alone(clock=clock.clock))
    assert len(server.seen) < http_module.TRIES


def test_silence_ends_too(folder):
    with FaultyServer(folder) as server:
        server.seconds = 0.3
        with pytest.raises(errors.ServiceDown, match="no answer in time"):
            get(server, alone(read_seconds=0.05, tries=1))


def test_an_answer_that_breaks_off_is_asked_for_again(folder):
    with FaultyServer(folder) as server:
        server.shape = "cut"
        assert get(server, alone()).body == b"synthetisch;1\n"
        assert len(server.seen) == 2
        server.shape = "cut"
        with pytest.raises(errors.ServiceDown, match="broke off"):
            get(server, alone(tries=1))


def test_nobody_there_is_told_without_the_address(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/path?key=hidden-key"
        with pytest.raises(errors.ServiceDown) as raised:
            alone().ask("GET", url, subject="liste")
    assert "hidden-key" not in str(raised.value)
    assert raised.value.__context__ is None  # the library's error holds the request


@pytest.mark.parametrize("url", ["files", "http://", "ftp://127.0.0.1/x"])
def test_an_address_that_is_none(url):
    with pytest.raises(errors.NoSuchFile):
        alone().ask("GET", url, subject="liste")


def test_more_bytes_than_allowed_end_the_download(folder, tmp_path):
    (folder / "files" / "liste.csv").write_bytes(b"x" * 200_000)
    with FaultyServer(folder) as server, pytest.raises(errors.Oversized):
        alone().ask("GET", f"{server.url}/files/liste.csv", tmp_path / "f", subject="liste", most=100_000)
    assert not list(tmp_path.glob("f*"))


@pytest.mark.parametrize("fault", [page(), status(200, b"  <HTML>", Content_Type="text/html")])
def test_a_page_is_no_file_whatever_its_status(folder, tmp_path, fault):
    to = tmp_path / "f"
    to.write_text("before")
    with FaultyServer(folder, fault) as server, pytest.raises(errors.HtmlInstead) as raised:
        alone().ask("GET", f"{server.url}/files/liste.csv", to, subject="liste")
    assert to.read_text() == "before" and not list(tmp_path.glob("f.*"))
    assert raised.value.said in ("Wartung & Pflege", "")


def test_a_file_that_is_known_is_not_sent_again(folder, tmp_path):
    to, http = tmp_path / "f", alone()
    with FaultyServer(folder) as server:
        url = f"{server.url}/files/liste.csv"
        first = http.ask("GET", url, to, subject="liste")
        assert to.read_bytes() == b"synthetisch;1\n"
        to.unlink()
        for known in ({"If-None-Match": first.headers["etag"]}, {"If-Modified-Since": first.headers["Last-Modified"]}):
            assert http.ask("GET", url, to, subject="liste", headers=known).is_not_modified
            assert not to.exists()
        other = http.ask("GET", url, to, subject="liste", headers={"If-None-Match": '"other"'})
        assert not other.is_not_modified and to.exists()


def test_redirects_are_followed_without_a_login_only(folder):
    away = status(302, Location="/files/liste.csv")
    with FaultyServer(folder, away, fine) as server:
        assert get(server, alone()).body == b"synthetisch;1\n"
    with FaultyServer(folder, away, fine) as server, pytest.raises(errors.Moved):
        get(server, alone(), login=lambda request: request)
    assert len(server.seen) == 1
    for target, error in (("https://elsewhere.example/x", errors.Moved), ("http://[", errors.UnknownReport)):
        with FaultyServer(folder, status(307, Location=target)) as server, pytest.raises(error) as raised:
            get(server, alone(), login=lambda request: request)
        assert raised.value.__context__ is None
    with FaultyServer(folder, away) as server, pytest.raises(errors.Moved, match="without end"):
        get(server, alone())


# --- turns -----------------------------------------------------------------------------------------------------------


def _ask_three_times(url, turn):
    http = Http(turn)
    for _ in range(3):
        http.ask("GET", f"{url}/files/liste.csv", subject="liste")


def _most_at_once(server, *turns) -> int:
    processes = [
        multiprocessing.get_context("fork").Process(target=_ask_three_times, args=(server.url, t)) for t in turns
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(processes)
    return server.most_at_once


def test_processes_ask_a_host_in_turn(folder, warehouse):
    with FaultyServer(folder) as server:
        server.seconds = 0.05
        assert _most_at_once(server, *[lambda host: host_turn(warehouse, host)] * 3) == 1
        assert len(server.seen) == 9
    with FaultyServer(folder) as server:  # without turns the same server sees that they do not
        server.seconds = 0.05
        assert _most_at_once(server, *[lambda host: nullcontext()] * 3) > 1


def test_hosts_have_turns_of_their_own_and_a_wait_ends(warehouse, monkeypatch):
    monkeypatch.setattr(http_module, "TURN_SECONDS", 1)
    with (
        host_turn(warehouse, "one:80"),
        host_turn(warehouse, "two:80"),
        pytest.raises(errors.TimeIsUp, match="one:80"),
        host_turn(warehouse, "one:80"),
    ):
        pass


def test_a_killed_process_leaves_its_turn_to_others(warehouse):
    def hold():
        with host_turn(warehouse, "one:80"):
            time.sleep(60)

    process = multiprocessing.get_context("fork").Process(target=hold)
    process.start()
    held = (
        "select count(*) from pg_locks where locktype = 'advisory' and granted"
        " and database = (select oid from pg_database where datname = current_database())"
    )
    while query(warehouse, held) == [(0,)]:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with host_turn(warehouse, "one:80"):
        pass


def test_errors_are_one_line_and_bounded():
    error = errors.NoSuchTable("12411-0015", "a\x00b\n\r\x1b[31m " + "x" * 5000)
    assert len(error.said) == errors.MAX_SAID and error.said.startswith("a b [31m x") and error.said.endswith("…")
    assert "\n" not in error.message and error.remedy == errors.NoSuchTable.to_do
