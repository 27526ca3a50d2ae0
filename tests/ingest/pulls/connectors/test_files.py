"""Files over HTTP: asked for with what is known of them, named by what they hold, whole or not at all."""

from dataclasses import replace
from pathlib import Path

import pytest

from ingest.pulls import catalogue, fetch, fetch_log
from ingest.pulls.connectors import errors
from ingest.pulls.fetch import Fetched, Unchanged
from ingest.pulls.replay import Answer, ReplayServer
from lagebild.core.settings import Settings
from tests.support import bundled_bytes

HESSEN = "esf-hessen"


class Counting(ReplayServer):
    """The replaying server, with the requests for files it answered, and answers put in their place."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.answered: list[tuple[str, int]] = []
        self.instead: dict[str, Answer] = {}

    def answer(self, method, path, headers, form) -> Answer:
        given = self.instead.get(f"{method} {path}") or super().answer(method, path, headers, form)
        self.answered.append((path, given.status))
        return given


@pytest.fixture
def folder(tmp_path) -> Path:
    made = tmp_path / "recorded"
    (made / "files").mkdir(parents=True)
    (made / "ldb_nrw").mkdir()
    return made


@pytest.fixture
def server(folder):
    with Counting(folder) as running:
        yield running


@pytest.fixture
def hessen(folder, server, monkeypatch) -> Path:
    path = folder / "files" / "hessen.csv"
    path.write_bytes(bundled_bytes("esf_hessen"))
    monkeypatch.setenv("LAGEBILD_URL_ESF_HESSEN", f"{server.url}/files/hessen.csv")
    return path


def step(settings: Settings, **options):
    return fetch.step(settings, HESSEN, "esf_hessen", **options)


def pulled(settings: Settings):
    return fetch.deliver(settings, "esf_hessen", step(settings).path)


def test_a_list_is_fetched_by_its_contracts_name_and_loaded(warehouse, hessen):
    found = step(warehouse)
    assert found.path.name == "esf_hessen_2014-2020.csv" and found.path.read_bytes() == hessen.read_bytes()
    assert fetch.deliver(warehouse, "esf_hessen", found.path).state == "loaded"
    (row,) = fetch_log.fetches(warehouse)
    assert row.etag and row.last_modified and row.host == "esf_hessen"
    assert "127.0.0.1" not in str(row)  # an operator's address may hold a token


def test_an_unchanged_list_is_answered_304(warehouse, hessen, server):
    pulled(warehouse)
    found = step(warehouse)
    assert isinstance(found, Unchanged) and "is the one it sent before" in found.why
    assert [status for _, status in server.answered] == [200, 304]
    assert isinstance(step(warehouse), Unchanged) and server.answered[-1][1] == 304


def test_a_touched_list_with_the_same_bytes_is_no_delivery(warehouse, hessen, server):
    pulled(warehouse)
    server.instead["GET /files/hessen.csv"] = Answer(200, hessen.read_bytes(), {"ETag": '"another"'})
    found = step(warehouse)
    assert isinstance(found, Unchanged) and "same bytes as delivery 1" in found.why
    (_, row) = fetch_log.fetches(warehouse)
    assert (row.etag, row.delivery_id) == ('"another"', 1)


def test_what_is_known_of_one_address_is_not_sent_to_another(warehouse, hessen, server, folder, monkeypatch):
    pulled(warehouse)
    (folder / "files" / "new.csv").write_bytes(hessen.read_bytes().replace(b"SYNTHETISCH", b"SYNTHETISCH 2"))
    monkeypatch.setenv("LAGEBILD_URL_ESF_HESSEN", f"{server.url}/files/new.csv")
    server.instead["GET /files/new.csv"] = Answer(200, (folder / "files" / "new.csv").read_bytes())
    assert isinstance(step(warehouse), Fetched)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(200, b"<!DOCTYPE html><title>Wartung</title>", {"Content-Type": "text/csv"}), errors.HtmlInstead),
        (Answer(404, b""), errors.NoSuchFile),
        (Answer(403, b""), errors.NoLogin),
    ],
)
def test_what_is_no_file_is_an_error_that_is_written_down(warehouse, hessen, server, answer, error):
    server.instead["GET /files/hessen.csv"] = answer
    with pytest.raises(error, match=HESSEN):
        step(warehouse)
    (row,) = fetch_log.fetches(warehouse)
    assert row.state == "failed" and HESSEN in row.reason
    assert not list((warehouse.home / "fetched").rglob("*.*"))


# --- the Landesdatenbank, whose file says itself of which year it is ------------------------------------------------


def test_a_table_of_the_landesdatenbank_gets_the_year_that_stands_in_it(warehouse, server, folder):
    content = bundled_bytes("azr_nrw")
    (folder / "ldb_nrw" / "12521-03i_00.csv").write_bytes(content.replace(b"31.12.2024;", b"31.12.2025;"))
    settings = replace(warehouse, host_urls={"ldb_nrw": server.url})
    found = fetch.step(settings, "12521-03i", "azr_nrw")
    assert found.path.name == "12521-03i_2025.csv"
    assert [path for path, _ in server.answered] == ["/ldbnrwws/downloader/00/tables/12521-03i_00.csv"]
    assert fetch.deliver(settings, "azr_nrw", found.path).period == "2025"


def test_a_table_of_several_years_is_refused(warehouse, server, folder):
    content = bundled_bytes("azr_nrw")
    (folder / "ldb_nrw" / "12521-03i_00.csv").write_bytes(content.replace(b"31.12.2024;05;", b"31.12.2023;05;"))
    settings = replace(warehouse, host_urls={"ldb_nrw": server.url})
    with pytest.raises(errors.PullError, match=r"12521-03i: the file is of 2 years \(2023, 2024\), not of one"):
        fetch.step(settings, "12521-03i", "azr_nrw")


@pytest.mark.parametrize("cut", [b"31.12.2024;05;", b"__________"])
def test_a_table_that_does_not_say_its_year_is_refused_not_guessed(warehouse, server, folder, cut):
    content = bundled_bytes("azr_nrw")
    assert cut in content
    (folder / "ldb_nrw" / "12521-03i_00.csv").write_bytes(content.replace(cut, b"am Ende;05;"))
    settings = replace(warehouse, host_urls={"ldb_nrw": server.url})
    with pytest.raises(errors.PullError, match=r"12521-03i: the file does not say .*\(reference_date\)"):
        fetch.step(settings, "12521-03i", "azr_nrw")
    assert [row.state for row in fetch_log.fetches(settings)] == ["failed"]


# --- the Förderkatalog, whose export follows a search in the same session -------------------------------------------

MASK = "https://foerderportal.bund.de/foekat/jsp/SucheAction.do"


@pytest.fixture
def foerderkatalog(server, folder, monkeypatch):
    """The catalogue's entry, led to the loopback, and its pages."""
    (entry,) = catalogue.entries("foerderkatalog")
    here = f"{server.url}/foekat"

    def led(step: dict) -> dict:
        return {key: value.replace(MASK, here) if isinstance(value, str) else value for key, value in step.items()}

    moved = replace(entry, url=entry.url.replace(MASK, here), before=tuple(map(led, entry.before)))
    monkeypatch.setattr(catalogue, "_entries", lambda path: (moved,))
    page = {"Content-Type": "text/html"}
    content = bundled_bytes("foerderkatalog")
    server.lines = content.count(b"\n")
    server.instead["GET /foekat?actionMode=searchmask"] = Answer(200, b"<html>Suche</html>", page)
    server.instead["GET /foekat?actionMode=print&presentationType=csv"] = Answer(200, content)

    def count(hits: str) -> None:
        body = f"<html><b>Trefferliste</b> (<i>{hits}</i>&nbsp;Treffer)</html>".encode()
        server.instead["POST /foekat"] = Answer(200, body, page)

    return count


def test_the_foerderkatalog_is_searched_and_its_hits_are_exported(warehouse, server, foerderkatalog):
    foerderkatalog(str(server.lines - 1))
    found = fetch.step(warehouse, "foerderkatalog", "foerderkatalog")
    assert [path.partition("?")[0] for path, _ in server.answered] == ["/foekat"] * 3
    assert found.path.name.startswith("foerderkatalog_20")
    assert fetch.deliver(warehouse, "foerderkatalog", found.path).state == "loaded"


def test_an_export_that_was_cut_short_is_refused(warehouse, server, foerderkatalog):
    foerderkatalog(f"1.{server.lines:03}")
    with pytest.raises(
        errors.PullError, match=rf"counted 1{server.lines:03} hits, but its file has {server.lines - 1}"
    ):
        fetch.step(warehouse, "foerderkatalog", "foerderkatalog")


def test_a_search_that_does_not_count_is_no_search(warehouse, server, foerderkatalog):
    foerderkatalog("keine")
    with pytest.raises(errors.UnknownReport, match="does not say how many"):
        fetch.step(warehouse, "foerderkatalog", "foerderkatalog")
