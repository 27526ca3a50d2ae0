"""Wegweiser Kommune: asked for only after data were brought in; JSON and CSV are read, other forms refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ingest import contracts
from ingest.pulls import catalogue, fetch
from ingest.pulls.connectors import errors
from ingest.pulls.fetch import Fetched, NotThere, Unchanged
from ingest.pulls.replay import Answer, ReplayServer
from ingest.reading.formats import wegweiser
from ingest.reading.readers import read
from ingest.reading.refused import Refused
from tests.support import bundled_bytes, query

ENTRY = "wegweiser-nrw-einbuergerungen"
KEY = f"{ENTRY} 2023"
FRIENDLY = "eingebuergerte-im-jahr+kommunen-mit-ags-05*+2023+tabelle"
DATA = f"/api/rest/statistics/data/{FRIENDLY}"


class Service(ReplayServer):
    """The service: the day of its data, and answers by path."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.answers: dict[str, Answer] = {}
        self.paths: list[str] = []

    def answer(self, method, path, headers, form) -> Answer:
        self.paths.append(path)
        return self.answers.get(path, Answer(404, b""))

    def brought_in(self, day: str) -> None:
        self.answers["/api/rest/statistics/version"] = Answer(200, f'"{day}"'.encode())


@pytest.fixture
def service(tmp_path, monkeypatch):
    with Service(tmp_path) as running:
        running.brought_in("2026-05-04")
        running.answers[DATA] = Answer(200, bundled_bytes("wegweiser"), {"Content-Type": "application/json"})
        monkeypatch.setenv("LAGEBILD_URL_WEGWEISER_NRW_EINBUERGERUNGEN", f"{running.url}/api/")
        yield running


def step(settings):
    return fetch.step(settings, KEY, "wegweiser")


def test_indicators_of_a_year_are_fetched_and_loaded(warehouse, service):
    found = step(warehouse)
    assert service.paths == ["/api/rest/statistics/version", DATA]
    assert found.path.name == f"{ENTRY}_2023.json"
    delivery = fetch.deliver(warehouse, "wegweiser", found.path)
    assert (delivery.state, delivery.period, delivery.loaded) == ("loaded", "nrw-einbuergerungen_2023", 7)
    values = query(
        warehouse,
        "select region_ars, reference_year, value::text, unit, evidence from raw.wegweiser__indicator"
        " where indicator_code = 'eingebuergerte-im-jahr' order by line_number",
    )
    assert values == [
        ("059990000000", 2022, "1.9", "%", "synthetic"),
        ("059990000000", 2023, "2.3", "%", "synthetic"),
        ("059980004004", 2023, "1.1", "%", "synthetic"),
    ]


def test_nothing_is_asked_for_before_data_were_brought_in(warehouse, service):
    fetch.deliver(warehouse, "wegweiser", step(warehouse).path)
    service.paths.clear()
    found = step(warehouse)
    assert isinstance(found, Unchanged) and "2026-05-04" in found.why
    assert service.paths == ["/api/rest/statistics/version"]
    service.brought_in("2027-05-03")
    assert isinstance(step(warehouse), Unchanged) and service.paths[-1] == DATA  # asked, and the same bytes
    service.brought_in("2028-05-02")
    service.answers[DATA] = Answer(200, bundled_bytes("wegweiser").replace(b"2.3", b"2.4"))
    assert isinstance(step(warehouse), Fetched)


def test_a_year_without_values_is_not_there_yet(warehouse, service):
    empty = json.loads(bundled_bytes("wegweiser"))
    for indicator in empty["data"]["indicators"]:
        indicator["regionYearValues"] = [[None, None], [None, None]]
    service.answers[DATA] = Answer(200, json.dumps(empty).encode())
    assert isinstance(step(warehouse), NotThere)
    service.paths.clear()
    assert isinstance(step(warehouse), NotThere) and len(service.paths) == 1
    service.brought_in("2027-05-03")
    del service.answers[DATA]
    assert isinstance(step(warehouse), NotThere)  # 404: the service has the indicator for no such level or year


@pytest.mark.parametrize("body", [b'{"years": [2023]}', b"{", b"[1]", b"Jahr;Wert\n2023;1\n"])
def test_an_answer_of_another_form_is_refused(warehouse, service, body):
    service.answers[DATA] = Answer(200, body)
    with pytest.raises(errors.UnknownReport, match=ENTRY):
        step(warehouse)


def test_a_version_that_is_none_is_told(warehouse, service):
    service.answers["/api/rest/statistics/version"] = Answer(200, b'""')
    with pytest.raises(errors.UnknownReport, match="of when its data are"):
        step(warehouse)


# --- the two forms ------------------------------------------------------------------------------------------------

CONTRACT = contracts.load("wegweiser")
CSV = (
    "Geburten, Sterbefälle;;;;\n"
    "Musterstadt, Beispielhausen;;;;\n"
    'Indikatoren;"2022\nMusterstadt";"2022\nBeispielhausen";"2023\nMusterstadt";"2023\nBeispielhausen"\n'
    "Geburten (je 1.000 Einwohner:innen);9,1;8,4;9,0;\n"
    '"Bevölkerung";200.100;12.040;201.300;k.A.\n'
    ";;;;\n"
    "Quelle: synthetisch, für die Erprobung;;;;\n"
)


def test_csv_is_asked_for_as_an_export_and_loaded(warehouse, service, monkeypatch):
    entry = replace(catalogue.entry(ENTRY), file="{id}_{year}.csv")
    monkeypatch.setattr(catalogue, "_entries", lambda path: (entry,))
    export = f"/api/rest/export/{FRIENDLY}.csv?charset=UTF-8"
    service.answers[export] = Answer(200, CSV.replace("k.A.", "12.010").encode(), {"Content-Type": "text/csv"})
    found = step(warehouse)
    assert service.paths[-1] == export and found.path.name == f"{ENTRY}_2023.csv"
    delivery = fetch.deliver(warehouse, "wegweiser", found.path)
    assert (delivery.state, delivery.loaded, delivery.rejected) == ("loaded", 7, 0)


def test_json_becomes_a_value_a_record_with_every_digit():
    records = read(CONTRACT, bundled_bytes("wegweiser").replace(b"1.9", b"1.90"))
    rows = list(records.rows)
    assert records.header == [*wegweiser.HEADER, "Herkunft"] and records.count == len(rows) == 7
    line, (*what, ars, region, year, value, remark, origin) = rows[4]
    assert line == 5
    assert what == ["eingebuergerte-im-jahr", "Eingebürgerte im Jahr", "%", "synthetisch, für die Erprobung"]
    assert (ars, region, year, value) == ("059990000000", "Musterstadt (synthetisch)", "2022", "1.90")
    assert (remark, origin) == ("", "synthetisch")


def test_csv_becomes_a_value_a_record_without_keys_and_units():
    records = read(CONTRACT, CSV.encode())
    rows = list(records.rows)
    assert records.header == wegweiser.HEADER and records.count == len(rows) == 7
    assert rows[0][1][1:] == ["Geburten (je 1.000 Einwohner:innen)", "", "", "", "Musterstadt", "2022", "9.1", ""]
    assert [fields[7] for _, fields in rows] == ["9.1", "8.4", "9.0", "200100", "12040", "201300", "k.A."]


def test_csv_that_is_cut_inside_a_quote_is_refused():
    with pytest.raises(Refused):
        read(CONTRACT, CSV.replace('Beispielhausen"\n', "Beispielhausen\n").encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["data"]["indicators"][0].update(regionYearValues=[[1, 2]]),
        lambda d: d["data"]["indicators"][0].update(regionYearValues=[[1], [2]]),
        lambda d: d["data"]["indicators"][0].update(regionYearValues=[[[1], [2]], [[3], [4]]]),
        lambda d: d["data"]["regions"][0].pop("ars"),
        lambda d: d["data"].pop("regions"),
        lambda d: d.pop("years"),
        lambda d: d.update(data=[]),
    ],
)
def test_json_that_does_not_fit_its_description_is_refused(change):
    described = json.loads(bundled_bytes("wegweiser"))
    change(described)
    with pytest.raises(Refused):
        read(CONTRACT, json.dumps(described).encode())


def test_what_the_service_remarks_is_kept():
    described = json.loads(bundled_bytes("wegweiser"))
    described["data"]["remark"] = "Nicht alle Kommunen\nwerden angezeigt."
    rows = list(read(CONTRACT, json.dumps(described).encode()).rows)
    assert {fields[8] for _, fields in rows} == {"Nicht alle Kommunen werden angezeigt."}
