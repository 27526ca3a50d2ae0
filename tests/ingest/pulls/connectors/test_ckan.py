"""A resource of a CKAN portal: found by its id, downloaded from where it lies."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.pulls import fetch
from ingest.pulls.connectors import ckan, errors
from ingest.pulls.fetch import Unchanged
from ingest.pulls.replay import Answer, ReplayServer
from tests.support import bundled_bytes

ENTRY, RESOURCE = "open-nrw-12521-03i", "0a1b2c3d-0000-4000-8000-000000000000"
SHOW = f"/portal/api/3/action/resource_show?id={RESOURCE}"


class Portal(ReplayServer):
    """A portal that describes one resource, beside files that lie anywhere."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.described: bytes = b""
        self.status = 200
        self.answered: list[tuple[str, int]] = []

    def answer(self, method, path, headers, form) -> Answer:
        given = Answer(self.status, self.described) if path == SHOW else super().answer(method, path, headers, form)
        self.answered.append((path, given.status))
        return given

    def describe(self, url: object) -> None:
        self.described = json.dumps({"success": True, "result": {"id": RESOURCE, "url": url}}).encode()


@pytest.fixture
def portal(tmp_path, monkeypatch):
    (tmp_path / "recorded" / "files").mkdir(parents=True)
    (tmp_path / "recorded" / "files" / "azr.csv").write_bytes(bundled_bytes("azr_nrw"))
    with Portal(tmp_path / "recorded") as running:
        running.describe(f"{running.url}/files/azr.csv")
        monkeypatch.setenv("LAGEBILD_URL_OPEN_NRW_12521_03I", f"{running.url}/portal")
        monkeypatch.setenv("LAGEBILD_RESOURCE_OPEN_NRW_12521_03I", RESOURCE)
        yield running


def step(settings):
    return fetch.step(settings, ENTRY, "azr_nrw")


def test_a_resource_is_fetched_from_where_the_portal_says_it_lies(warehouse, portal):
    found = step(warehouse)
    assert [path for path, _ in portal.answered] == [SHOW, "/files/azr.csv"]
    assert found.path.name == "12521-03i_2024.csv"
    assert fetch.deliver(warehouse, "azr_nrw", found.path).state == "loaded"
    assert isinstance(step(warehouse), Unchanged) and portal.answered[-1] == ("/files/azr.csv", 304)


def test_a_resource_that_moved_is_asked_for_at_its_new_address_and_known_by_its_bytes(warehouse, portal, tmp_path):
    fetch.deliver(warehouse, "azr_nrw", step(warehouse).path)
    (tmp_path / "recorded" / "files" / "moved.csv").write_bytes(bundled_bytes("azr_nrw"))
    portal.describe(f"{portal.url}/files/moved.csv")
    found = step(warehouse)
    assert portal.answered[-1] == ("/files/moved.csv", 200)
    assert isinstance(found, Unchanged) and "same bytes as delivery 1" in found.why


def test_the_same_table_by_two_ways_is_one_delivery(warehouse, portal, tmp_path):
    fetch.deliver(warehouse, "azr_nrw", step(warehouse).path)
    (tmp_path / "recorded" / "ldb_nrw").mkdir()
    (tmp_path / "recorded" / "ldb_nrw" / "12521-03i_00.csv").write_bytes(bundled_bytes("azr_nrw"))
    found = fetch.step(replace(warehouse, host_urls={"ldb_nrw": portal.url}), "12521-03i", "azr_nrw")
    assert isinstance(found, Unchanged) and "same bytes as delivery 1" in found.why


@pytest.mark.parametrize(
    ("described", "told"),
    [
        (b"no json", "no resource of CKAN"),
        (b"[]", "no resource of CKAN"),
        (b'{"success": true, "result": {}}', "no resource of CKAN"),
        (b'{"success": false, "result": {"url": "https://a.example/b.csv"}}', "names no address"),
        (b'{"success": true, "result": {"url": "file:///etc/passwd"}}', "names no address"),
        (b'{"success": true, "result": {"url": "https://me:pw@a.example/b.csv"}}', "names no address"),
        (b'{"success": true, "result": {"url": 7}}', "no resource of CKAN"),
    ],
)
def test_an_answer_that_is_no_resource_is_told(described, told):
    with pytest.raises(errors.UnknownReport, match=told):
        ckan._url(ENTRY, described)


def test_a_resource_that_the_portal_does_not_know_is_told(warehouse, portal):
    portal.status, portal.described = 404, b'{"success": false, "error": {"message": "Nicht gefunden"}}'
    with pytest.raises(errors.NoSuchFile, match=ENTRY):
        step(warehouse)
