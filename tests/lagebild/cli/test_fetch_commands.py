"""`lagebild source fetch` from the command line: asks, loads, checks, and says what came of it."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from ingest.pulls.replay import DEMO_USER, ReplayServer
from lagebild.cli.main import cli
from lagebild.core.errors import UserError
from tests.ingest.support import environment
from tests.support import bundled_bytes

TABLE = "12411-01-01-4"


@pytest.fixture
def run(warehouse, tmp_path, monkeypatch):
    """The command line beside a server that replays one table of regionalstatistik.de."""
    folder = tmp_path / "recorded" / "regionalstatistik"
    folder.mkdir(parents=True)
    (folder / f"{TABLE}.2024.csv").write_bytes(bundled_bytes("genesis"))
    (folder / f"{TABLE}.json").write_text('{"changed": "2026-02-09"}')
    with ReplayServer(folder.parent) as server:
        settings = replace(warehouse, host_urls={"regionalstatistik": server.url})
        logins = {"LAGEBILD_REGIONALSTATISTIK_USER": DEMO_USER, "LAGEBILD_REGIONALSTATISTIK_PASSWORD": "s3cret"}
        for name, value in (environment(settings, tmp_path) | logins).items():
            monkeypatch.setenv(name, value)
        yield lambda *arguments: CliRunner().invoke(cli, arguments)


def test_fetch_asks_loads_and_checks_and_says_nothing_new_the_next_time(run):
    first = run("fetch", "genesis", "--table", TABLE, "--year", "2024", "-v")
    assert first.exit_code == 0, first.output
    assert f"asking regionalstatistik for {TABLE} 2024 (1 of 1)" in first.output
    assert "checking 1 delivery" in first.output and "accepted" in first.output
    again = run("fetch", "genesis", "--table", TABLE, "--year", "2024")
    assert again.exit_code == 0 and f"{TABLE} 2024: nothing new" in again.output
    listed = run("fetches", "genesis", "--format", "json")
    assert [fetch["state"] for fetch in json.loads(listed.output)] == ["delivered", "unchanged"]
    text = run("fetches").output
    assert f"{TABLE} 2024" in text and "delivery 1" in text
    everything = first.output + again.output + listed.output + text
    assert "s3cret" not in everything and DEMO_USER not in everything


def test_what_cannot_be_fetched_is_exit_code_1_with_the_remedy(run):
    unknown = run("fetch", "genesis", "--table", "12411-01")
    assert isinstance(unknown.exception, UserError) and "no entry 12411-01" in str(unknown.exception)
    other = run("fetch", "genesis", "--table", "13111-01-03-4", "--year", "2024")
    assert other.exit_code == 1
    assert "13111-01-03-4: the service does not know the table" in other.stderr and "what to do" in other.stderr


def test_the_catalogue_lists_what_is_pulled_and_what_is_missing(run):
    assert f"{TABLE} (regionalstatistik, 2019-, at 0 5 * * 1, read by genesis): Bev" in run("catalogue").output
    (line,) = run("catalogue", "esf_berlin").output.splitlines()
    assert line.startswith("esf-berlin (esf_berlin") and line.endswith("[never asked: set LAGEBILD_URL_ESF_BERLIN]")


def test_an_entry_without_an_address_is_named(run):
    by_schedule = run("fetch", "esf_berlin")
    assert by_schedule.exit_code == 0
    assert "nothing of esf_berlin is due" in by_schedule.output and "LAGEBILD_URL_ESF_BERLIN" in by_schedule.output
    asked = run("fetch", "esf_berlin", "--table", "esf-berlin")
    assert asked.exit_code == 1 and "LAGEBILD_URL_ESF_BERLIN" in asked.stderr
