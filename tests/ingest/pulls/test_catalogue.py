"""The catalogue: what it holds, and each mistake in one, with its line."""

import os
import re
from datetime import datetime
from pathlib import Path

import pytest

from ingest import contracts
from ingest.pulls import catalogue
from ingest.pulls.hosts import HOSTS
from lagebild.core.errors import UserError
from lagebild.core.settings import ROOT

SHARED = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared")
KEYS = SHARED / "samples" / "keys" / "regioDB_tables_2023.csv"
WANTED = {
    **dict.fromkeys(["12521-0040", "12521-0041", "12531-0040", "12531-0043", "12411-0010", "12411-0015"], "genesis"),
    **dict.fromkeys(["12411-01-01-4", "12211-0200", "12211-0206", "12211-9004", "12211-Z-11"], "genesis"),
    **dict.fromkeys(["13111-01-03-4", "22811-01-01-4", "22541-01-04-4", "21111-02-06-4"], "genesis"),
    "12521-03i": "azr_nrw",
    "foerderkatalog": "foerderkatalog",
    **{f"esf-{state}": f"esf_{state}" for state in ("bayern", "berlin", "bremen", "hessen", "nrw", "sachsen")},
}


def test_the_catalogue_of_the_house_is_sound_and_holds_what_the_marts_need():
    assert catalogue.findings() == []
    found = {entry.id: entry.source for entry in catalogue.entries()}
    assert WANTED.items() <= found.items() and "wegweiser" in found.values()
    assert {entry.connector for entry in catalogue.entries()} == {"genesis", "http", "ckan", "wegweiser"}
    assert all(entry.host in HOSTS for entry in catalogue.entries() if entry.connector == "genesis")


@pytest.mark.skipif(not KEYS.exists(), reason="the list of tables of regionalstatistik.de is not here")
def test_every_table_of_regionalstatistik_is_in_its_own_list():
    codes = set(re.findall(r"^([0-9A-Z]+-[0-9A-Z-]+),", KEYS.read_text(), re.MULTILINE))
    own = {entry.id for entry in catalogue.entries() if entry.host == "regionalstatistik"}
    assert len(own) >= 7 and own <= codes


def test_names_of_files_are_those_of_the_contracts():
    names = {e.id: e.file_name(None if e.last_year else 2024) for e in catalogue.entries()}
    assert names["12411-01-01-4"] == "12411-01-01-4_2024_flat.csv"
    assert names["12211-Z-11"] == "12211-Z-11_2011-2019_flat.csv"
    assert names["12521-03i"] == "12521-03i_2024.csv"
    assert names["esf-bremen"] == "esf_bremen_2014-2020.xlsx"
    assert names["esf-nrw"] == "esf_nrw_2014-2020.xlsx"
    assert names["wegweiser-nrw-soziales"] == "wegweiser-nrw-soziales_2024.json"
    for entry in catalogue.entries():
        assert contracts.load(entry.source).file_name.fullmatch(names[entry.id])


def test_what_has_no_address_says_what_to_set(monkeypatch):
    unset = {entry.id: entry.missing for entry in catalogue.entries() if entry.missing}
    assert unset["esf-hessen"] == "LAGEBILD_URL_ESF_HESSEN"
    assert unset["open-nrw-12521-03i"] == "LAGEBILD_RESOURCE_OPEN_NRW_12521_03I"
    assert len(unset) == 7
    monkeypatch.setenv("LAGEBILD_URL_ESF_HESSEN", "https://list.example/a.csv")
    assert catalogue.entry("esf-hessen").missing is None
    assert catalogue.entry("esf-hessen").address() == "https://list.example/a.csv"


def test_years():
    open_end, closed = catalogue.entry("12411-01-01-4"), catalogue.entry("12211-Z-11")
    assert open_end.years_until(2021) == [2019, 2020, 2021] and closed.years_until(2021) == [None]
    assert closed.has_year(2011) and closed.has_year(2019) and not closed.has_year(2020)
    assert open_end.has_year(1995) and not catalogue.entry("esf-berlin").has_year(2015)
    assert datetime(2026, 1, 1).year in open_end.years_until(2026)


GOOD = """\
defaults: {}
entries:
  - id: 12411-01-01-4
    connector: genesis
    host: regionalstatistik
    contract: genesis
    years: 2019-
    selection: {regions: ["05913"], classifying: {NAT: [NATD, NATA]}}
    schedule: '0 5 * * 1'
    title: T
  - id: esf-berlin
    connector: http
    host: esf_berlin
    contract: esf_berlin
    url: https://list.example/a.csv
    file: esf_berlin_2014-2020.csv
    schedule: '0 5 * * 1'
    title: T
"""


def findings(tmp_path: Path, text: str) -> list[tuple[int, str]]:
    path = tmp_path / "catalogue.yml"
    path.write_text(text)
    return [(finding.line, finding.message) for finding in catalogue.findings(path)]


def test_a_good_catalogue_is_read(tmp_path):
    path = tmp_path / "catalogue.yml"
    path.write_text(GOOD)
    first, second = catalogue.entries(path=path)
    assert (first.first_year, first.last_year, first.line) == (2019, None, 3)
    assert first.selection["classifying"] == {"NAT": ["NATD", "NATA"]} and second.url == "https://list.example/a.csv"


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("connector: genesis", "connector: ftp", 4, "connector 'ftp' is none of"),
        ("host: regionalstatistik", "host: Regional Statistik", 5, "the host is not small letters"),
        ("host: regionalstatistik", "host: nowhere", 5, "GENESIS has no host 'nowhere'"),
        ("contract: genesis", "contract: genesys", 6, "there is no contract 'genesys'; did you mean genesis?"),
        ("contract: genesis", "contract: register", 3, "does not match file_name of the contract"),
        ("years: 2019-", "years: 2019 to 2024", 7, "years '2019 to 2024' is neither"),
        ("years: 2019-", "years: 2024-2019", 7, "is neither 2019- nor 2011-2019"),
        ("    years: 2019-\n", "", 3, "'years' is missing"),
        ("years: 2019-", "years: yes", 7, "years is no text or whole number: write it in quotes"),
        ("regions: [", "regionen: [", 8, "selection: the loader knows no entry 'regionen'; did you mean regions?"),
        ('regions: ["05913"]', "regions: 05913", 8, "selection: regions is no list"),
        ("schedule: '0 5 * * 1'\n    title: T\n  -", "schedule: weekly\n    title: T\n  -", 9, "is no cron expression"),
        ("schedule: '0 5 * * 1'\n    title: T\n  -", "schedule: 0 5 * *\n    title: T\n  -", 9, "of five parts"),
        ("    title: T\n  -", "    titel: T\n  -", 10, "the loader knows no entry 'titel'; did you mean title?"),
        ("    title: T\n  -", "    title: T\n    title: U\n  -", 11, "'title' stands twice"),
        ("id: esf-berlin", "id: 12411-01-01-4", 11, "another entry has this id"),
        ("id: 12411-01-01-4", "id: 12411 01", 3, "the id is not letters"),
        ("https://list.example", "http://list.example", 15, "the address is no https://"),
        ("https://list.example", "https://me:pw@list.example", 15, "has a login in it"),
        ("file: esf_berlin_2014-2020.csv", "file: berlin.csv", 16, "a file berlin.csv does not match"),
        ("file: esf_berlin_2014-2020.csv", 'file: "esf_berlin_{year of beneficiary}-2020.csv"', 16, "no field 'benef"),
        ("defaults: {}", "default: {}", 1, "the loader knows no entry 'default'; did you mean defaults?"),
        ("entries:", "entry:", 1, "has no list of entries"),
        (
            "    title: T\n  -",
            "    title: T\n    url: https://a.example\n  -",
            11,
            "knows no entry 'url': it knows id,",
        ),
        ("  - id: esf-berlin\n", "  - nothing\n  - id: esf-berlin\n", 11, "entry: entries: an entry is no mapping"),
        ("title: T\n  -", "title: [T\n  -", 11, "is no YAML"),
    ],
)
def test_each_mistake_is_found_with_its_line(tmp_path, old, new, line, told):
    assert old in GOOD
    found = findings(tmp_path, GOOD.replace(old, new, 1))
    assert any(at == line and told in message for at, message in found), found


def test_a_catalogue_with_a_mistake_pulls_nothing(tmp_path):
    path = tmp_path / "catalogue.yml"
    path.write_text(GOOD.replace("years: 2019-", "years: soon"))
    with pytest.raises(UserError, match=r"catalogue.yml:7: 12411-01-01-4: years 'soon'"):
        catalogue.entries(path=path)


def test_an_unknown_entry_is_named():
    with pytest.raises(UserError, match="no entry '1'"):
        catalogue.entry("1")


def test_a_citys_own_entries_are_added_to_the_products(tmp_path, monkeypatch):
    monkeypatch.setenv("LAGEBILD_CONFIG_DIR", str(tmp_path))
    product, own = catalogue.entries(), tmp_path / "catalogue.yml"
    own.write_text(GOOD.replace("12411-01-01-4", "12411-0042").replace("esf-berlin", "berlin-again"))
    assert [entry.id for entry in catalogue.entries()] == [*(e.id for e in product), "12411-0042", "berlin-again"]
    assert catalogue.entry("12411-0042").path == own and catalogue.entry("12411-0042").line == 3
    assert catalogue.entries("esf_berlin")[-1].url == "https://list.example/a.csv"
    # A scheduler goes on while the file changes.
    own.write_text(own.read_text().replace("12411-0042", "12411-0043"))
    assert catalogue.entries("genesis")[-1].id == "12411-0043"
    own.write_text(GOOD)
    with pytest.raises(UserError, match=f"{own}:3: 12411-01-01-4: the product's catalogue has this id"):
        catalogue.entries("genesis")
    own.unlink()
    assert catalogue.entries() == product


@pytest.mark.parametrize("file", [".env.example", "docker/compose.yaml"])
def test_every_address_that_is_left_open_can_be_set_here_and_in_a_container(file):
    text = (ROOT / file).read_text()
    assert [entry.missing for entry in catalogue.entries() if entry.missing and entry.missing not in text] == []
