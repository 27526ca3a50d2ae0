"""Descriptor, catalogue entry and readme of a package: what they say, and what frictionless and SHACL say of them."""

import dataclasses
import hashlib
import json
import os
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rdflib import DCTERMS, FOAF, RDF, Graph, Literal, Namespace, URIRef

from extracts import attribution, contents, dcat, descriptor, identity, listing, marts, package, readme, tables
from extracts.contents import Contents
from extracts.marts import Column, Mart, Publication
from extracts.model import About, Earlier, Publisher, Recipient
from extracts.texts import Texts
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import ROOT

SHAPES = Path(__file__).with_name("shapes")
OFFICIAL = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared") / "shapes"
DCAT, SPDX = Namespace("http://www.w3.org/ns/dcat#"), Namespace("http://spdx.org/rdf/terms#")
DCATDE = Namespace("http://dcat-ap.de/def/dcatde/")
XLSX, PDF = b"PK\x03\x04 a workbook", b"%PDF-1.7 a report"
SHA256 = "ab" * 32
OWN = {"name": "EUPL-1.2", "title": "as this project"}
BY = {"name": "DL-DE-BY-2.0", "title": "Datenlizenz Deutschland", "path": "https://www.govdata.de/dl-de/by-2-0"}


def _mart(name: str, columns: dict[str, str], key: tuple[str, ...], *rows: tuple[Any, ...], **more: Any) -> Mart:
    entry = package.MartEntry(name, {"de": name, "en": name}, key, None, **more)
    kinds = tuple(Column(column, kind, None, f"about {column}") for column, kind in columns.items())
    return Mart(entry, f"about {name}", kinds, rows)


COST = _mart(
    "cost_per_person",
    {
        "municipality_ags": "text", "reference_year": "integer", "method": "text", "total_cost_eur": "number",
        "evidence": "text",
    },
    ("municipality_ags", "reference_year", "method"),
    ("05913000", 2019, "dortmund_2019", Decimal("15639763.00"), "derived_from_result"),
)  # fmt: skip
LUMP = _mart(
    "lump_sum_simulation",
    {
        "municipality_ags": "text", "reference_year": "integer", "method": "text", "lump_sum": "text",
        "is_scenario": "boolean", "evidence": "text",
    },
    ("municipality_ags", "reference_year", "method", "lump_sum"),
    ("05913000", 2019, "dortmund_2019", "scenario_500_eur", True, "synthetic"),
    ("05913000", 2019, "dortmund_2019", "scenario_1000_eur", True, "synthetic"),
    references=(package.Reference(COST.entry.key, "cost_per_person", COST.entry.key),),
)  # fmt: skip


def _contents(language: Any = "de", *, tables_of: tuple[Mart, ...] = (COST, LUMP), **about: Any) -> Contents:
    recipient = Recipient("ministry", "Ministerium", "§ 1", "Haushalt", language, "public", schedule="yearly")
    told = {
        "publisher": Publisher("Stadt Beispiel", "statistik@example.org", "LocalAuthority"),
        "is_synthetic": True,
        "period_from": date(2019, 1, 1),
        "period_to": date(2019, 12, 31),
        "data_until": date(2026, 1, 3),
        "next_publication": None,
    }
    used = [
        (mart.entry.name, source)
        for mart in tables_of
        for source in (("azr_nrw",) if mart is COST else ("ledger", "azr_nrw"))
    ]
    row = {"period": "2019", "sha256": SHA256, "records": 8, "loaded": 8, "rejected": 0, "has_rounded_rows": False}
    return Contents(
        package=package.load(),
        publication=Publication(2, datetime(2026, 2, 5, 22, 30, tzinfo=UTC), "c0ffee"),
        marts=tables_of,
        sources=[
            {"mart": mart, "model_version": "v1", "source": source, "file_name": f"{source}.csv", **row}
            for mart, source in used
        ],
        warnings=[],
        acceptances=[],
        attributions={
            "azr_nrw": {"title": "AZR", "licenses": [BY], "sources": [{"title": "IT.NRW"}]},
            "ledger": {"title": "Ledger", "licenses": [OWN], "sources": [{"title": "Stadt Beispiel, Kämmerei"}]},
        },
        texts=Texts(language),
        about=About(**{"recipient": recipient, **told, **about}),
    )


def _files(told: Contents) -> dict[str, bytes]:
    """The files of a package, those that are tested written by what is tested."""
    say = told.texts.say
    files = {say("file.workbook"): XLSX, say("file.report"): PDF, say("file.quality_report"): PDF}
    files |= {f"{listing.DATA}{mart.entry.name}.csv": tables.csv_bytes(mart, texts=told.texts) for mart in told.marts}
    files[listing.CODES] = tables.codes_bytes(told)
    files[listing.CATALOGUE] = dcat.dcat_bytes(told, _sums(files))
    files[say("file.readme")] = readme.readme_bytes(told, _sums(files))
    files[listing.DESCRIPTOR] = descriptor.descriptor_bytes(told, _sums(files))
    return files


def _sums(files: dict[str, bytes]) -> dict[str, listing.Written]:
    """The files as they are listed: size and SHA-256."""
    return {name: listing.Written(len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()}


def _written(told: Contents, folder: Path) -> Path:
    for name, data in _files(told).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def _problems(folder: Path) -> set[str]:
    """What `frictionless validate datapackage.json` finds; empty if the package is valid."""
    from frictionless import Package, system

    with system.use_context(trusted=False):
        report = Package(str(folder / "datapackage.json")).validate()
    found = {str(kind) for (kind,) in report.flatten(["type"])}
    assert report.valid == (not found)
    return found


def _entry(told: Contents) -> Graph:
    data = dcat.dcat_bytes(told, _sums(_files(told)))
    return Graph().parse(data=data, format="turtle", publicID="http://example.org/package/dcat-ap-de.ttl")


def _shapes(*paths: Path) -> Graph:
    shapes = Graph()
    for path in paths:
        shapes.parse(path)
    return shapes


def _faults(entry: Graph, shapes: Graph) -> str:
    """What pyshacl finds in a catalogue entry; empty if it conforms."""
    import pyshacl

    conforms, _, text = pyshacl.validate(entry + _shapes(SHAPES / "terms.ttl"), shacl_graph=shapes, allow_warnings=True)
    return "" if conforms else text


@pytest.fixture(scope="module")
def german() -> Graph:
    """Our shapes of DCAT-AP.de alone."""
    return _shapes(SHAPES / "dcat-ap-de.ttl")


@pytest.fixture(scope="module")
def shapes(german: Graph) -> Graph:
    """Our shapes of DCAT-AP and DCAT-AP.de."""
    return _shapes(SHAPES / "dcat-ap.ttl") + german


def test_the_same_contents_give_the_same_bytes():
    assert _files(_contents()) == _files(_contents())


@pytest.mark.parametrize("language", ["de", "en"])
def test_a_package_as_written_is_valid_for_frictionless_and_the_official_profile(tmp_path, language):
    folder = _written(_contents(language), tmp_path)
    assert _problems(folder) == set()
    told = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    profile = json.loads((ROOT / "ingest" / "schemas" / "datapackage-2.0.json").read_text(encoding="utf-8"))
    checker = jsonschema.Draft7Validator(profile, format_checker=jsonschema.FormatChecker())
    assert [error.message for error in checker.iter_errors(told)] == []
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {one["path"] for one in told["resources"]} == files - {"datapackage.json"}


def _rewritten(file: Path, old: bytes, new: bytes) -> None:
    data = file.read_bytes()
    assert old in data
    file.write_bytes(data.replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("daten/cost_per_person.csv", b"2019", b"2O19", "type-error"),
        ("daten/lump_sum_simulation.csv", b"scenario_1000_eur", b"scenario_500_eur", "primary-key"),
        ("daten/lump_sum_simulation.csv", b"05913000", b"05913001", "foreign-key"),
        ("bericht.pdf", b"1.7", b"1.6", "hash-count"),
        ("lagebild.xlsx", b"workbook", b"worKbook", "hash-count"),
        ("LIESMICH.txt", b"Stadt", b"Stad", "byte-count"),
        ("daten/codes.csv", b"text_de", b"text_dx", "incorrect-label"),
    ],
)
def test_frictionless_finds_what_was_changed(tmp_path, name, old, new, problem):
    folder = _written(_contents(), tmp_path)
    _rewritten(folder / name, old, new)
    assert problem in _problems(folder)


def test_a_code_that_the_descriptor_does_not_know_is_found(tmp_path):
    folder = _written(_contents(), tmp_path)
    _rewritten(folder / "daten" / "cost_per_person.csv", b"derived_from_result", b"invented")
    assert "constraint-error" in _problems(folder)


def test_descriptor_says_who_publishes_and_what_each_column_is():
    told = descriptor.descriptor(_contents(), _sums(_files(_contents())))
    assert told["created"] == "2026-02-05T22:30:00Z" and told["version"] == "2"
    assert told["contributors"] == [
        {"title": "Stadt Beispiel", "email": "statistik@example.org", "roles": ["publisher", "contact"]}
    ]
    assert {"Integration", "integration", "Kosten", "cost"} <= set(told["keywords"])
    by_name = {one["name"]: one for one in told["resources"]}
    assert by_name["lagebild.xlsx"].keys().isdisjoint({"type", "schema"})
    fields = {one["name"]: one for one in by_name["cost_per_person"]["schema"]["fields"]}
    assert fields["total_cost_eur"]["decimalChar"] == ","
    assert fields["total_cost_eur"]["title"] == Texts("de").label("total_cost_eur")
    assert fields["total_cost_eur"]["missingValues"] == [
        {"value": "", "label": "Kein Wert; warum, steht in total_cost_eur_status"}
    ]
    assert list(fields)[list(fields).index("total_cost_eur") + 1] == "total_cost_eur_status"
    assert fields["total_cost_eur_status"]["title"] == "Status: Kosten insgesamt (EUR)"
    assert "confidential" in fields["total_cost_eur_status"]["constraints"]["enum"]
    (evidence,) = fields["evidence"]["categories"]
    assert evidence == {"value": "derived_from_result", "label": Texts("de").code("evidence", "derived_from_result")}
    assert by_name["lump_sum_simulation"]["schema"]["foreignKeys"] == [
        {
            "fields": ["municipality_ags", "reference_year", "method"],
            "reference": {
                "resource": "cost_per_person", "fields": ["municipality_ags", "reference_year", "method"],
            },
        }
    ]  # fmt: skip


def test_a_reference_to_a_table_that_is_not_in_the_package_is_no_foreign_key(tmp_path):
    told = _contents(tables_of=(LUMP,))
    (lump,) = [
        one for one in descriptor.descriptor(told, _sums(_files(told)))["resources"] if one["name"] == LUMP.entry.name
    ]
    assert "foreignKeys" not in lump["schema"]
    assert _problems(_written(told, tmp_path)) == set()


@pytest.mark.parametrize("contact", ["Frau Muster, Zimmer 3", "www.example.org", "a@b@c", "https://a b.example"])
def test_a_contact_that_no_program_can_reach_is_refused(contact):
    told = _contents(publisher=Publisher("Stadt Beispiel", contact))
    for write in (descriptor.descriptor_bytes, dcat.dcat_bytes):
        with pytest.raises(UserError, match="neither a mail address nor a page"):
            write(told, {})


@pytest.mark.parametrize("language", ["de", "en"])
def test_catalogue_entry_conforms(shapes, language):
    assert _faults(_entry(_contents(language)), shapes) == ""


def test_catalogue_entry_without_what_is_not_known_conforms(shapes):
    unknown = {"period_from": None, "period_to": None, "data_until": None, "is_synthetic": False}
    bare = _contents(publisher=Publisher("Stadt Beispiel", ""), **unknown)
    entry = _entry(dataclasses.replace(bare, attributions={name: one | {"licenses": []}
                                                           for name, one in bare.attributions.items()}))  # fmt: skip
    assert _faults(entry, shapes) == ""
    assert set(entry.objects(None, DCTERMS.license)) == {URIRef("http://dcat-ap.de/def/licenses/other-closed")}


def _without(entry: Graph, subject_type: URIRef, name: URIRef) -> None:
    (subject, *_) = sorted(entry.subjects(RDF.type, subject_type))
    assert (subject, name, None) in entry
    entry.remove((subject, name, None))


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        (DCAT.Dataset, DCTERMS.title, "dcterms:title"),
        (DCAT.Dataset, DCTERMS.description, "dcterms:description"),
        (DCAT.Dataset, DCTERMS.publisher, "dcterms:publisher"),
        (DCAT.Distribution, DCTERMS.license, "dcterms:license"),
        (DCAT.Distribution, DCAT.accessURL, "dcat:accessURL"),
        (SPDX.Checksum, SPDX.algorithm, "spdx:algorithm"),
        (SPDX.Checksum, SPDX.checksumValue, "spdx:checksumValue"),
        (FOAF.Agent, FOAF.name, "foaf:name"),
    ],
)
def test_catalogue_entry_that_lacks_something_is_found(shapes, kind, name, told):
    entry = _entry(_contents())
    _without(entry, kind, name)
    assert told.partition(":")[2] in _faults(entry, shapes)


@pytest.mark.parametrize(
    ("kind", "name", "wrong"),
    [
        (SPDX.Checksum, SPDX.checksumValue, Literal(SHA256)),
        (SPDX.Checksum, SPDX.algorithm, URIRef("http://dcat-ap.de/def/hashAlgorithms/sha/256")),
        (DCAT.Distribution, DCAT.byteSize, Literal("12 bytes")),
        (DCAT.Distribution, DCTERMS.license, URIRef("https://www.govdata.de/dl-de/by-2-0")),
        (DCAT.Dataset, DCTERMS.issued, Literal("5. Februar 2026")),
        (DCAT.Dataset, DCAT.theme, URIRef("http://publications.europa.eu/resource/authority/data-theme/NONE")),
        (DCAT.Dataset, DCATDE.politicalGeocodingURI, URIRef("http://dcat-ap.de/def/politicalGeocoding/stateKey/05")),
    ],
)
def test_catalogue_entry_with_something_wrong_is_found(shapes, kind, name, wrong):
    entry = _entry(_contents())
    (subject, *_) = sorted(entry.subjects(RDF.type, kind))
    entry.set((subject, name, wrong))
    assert _faults(entry, shapes)


def test_german_shapes_alone_accept_an_entry_without_title(german, shapes):
    entry = _entry(_contents())
    _without(entry, DCAT.Dataset, DCTERMS.title)
    assert _faults(entry, german) == ""
    assert _faults(entry, shapes)


def test_catalogue_entry_speaks_two_languages_and_names_every_file_with_its_checksum():
    told = _contents()
    files = _files(told)
    entry = _entry(told)
    (dataset,) = entry.subjects(RDF.type, DCAT.Dataset)
    assert {title.language for title in entry.objects(dataset, DCTERMS.title)} == {"de", "en"}
    assert any("erfunden" in title for title in entry.objects(dataset, DCTERMS.title))
    described = {name for name in files if name not in ("dcat-ap-de.ttl", "LIESMICH.txt", "datapackage.json")}
    found = {}
    for file in entry.objects(dataset, DCAT.distribution):
        name = str(entry.value(file, DCAT.downloadURL)).removeprefix("http://example.org/package/")
        digest = entry.value(entry.value(file, SPDX.checksum), SPDX.checksumValue)
        found[name] = (digest.value.hex(), entry.value(file, DCAT.byteSize).value)
    assert {name: found[name] for name in described} == {
        name: (hashlib.sha256(files[name]).hexdigest(), len(files[name])) for name in described
    }


def test_licence_is_the_one_that_all_inputs_have():
    entry = _entry(_contents())
    licences = {
        str(entry.value(file, DCAT.downloadURL)).rpartition("/")[2]: str(entry.value(file, DCTERMS.license))
        for file in entry.subjects(RDF.type, DCAT.Distribution)
    }
    assert licences["cost_per_person.csv"] == "http://dcat-ap.de/def/licenses/dl-by-de/2.0"
    assert licences["lump_sum_simulation.csv"] == "http://dcat-ap.de/def/licenses/other-open"  # two licences
    (cost,) = [f for f in entry.subjects(RDF.type, DCAT.Distribution) if "cost_per" in entry.value(f, DCAT.accessURL)]
    said = str(entry.value(cost, DCATDE.licenseAttributionByText))
    assert said == "Quelle: IT.NRW; eigene Berechnung: Stadt Beispiel"


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        ([[BY]], "dl-by-de/2.0"),
        ([[BY], [BY]], "dl-by-de/2.0"),
        ([[BY], [OWN]], "other-open"),
        ([[BY], []], "other-closed"),
        ([[{"name": "other", "title": "auf Anfrage"}]], "other-closed"),
        ([], "other-closed"),
    ],
)
def test_licence_of_several_inputs(licences, expected):
    assert dcat.licence([{"licenses": each} for each in licences]) == expected


def test_places_are_official_keys_of_rows_that_are_not_made_up():
    assert dcat.places(_contents()) == ["http://dcat-ap.de/def/politicalGeocoding/municipalityKey/05913000"]
    assert dcat.places(_contents(tables_of=(LUMP,))) == []
    columns = {"region_code": "text", "evidence": "text"}
    codes = ("00", "05", "051", "X-OST")
    wide = _mart("employment", columns, ("region_code",), *((code, "published") for code in codes))
    assert [place.rpartition("/")[2] for place in dcat.places(_contents(tables_of=(wide,)))] == ["DEU", "051", "05"]
    many = _mart("employment", columns, ("region_code",), *((f"05{n:06}", "published") for n in range(400)))
    assert dcat.places(_contents(tables_of=(many,))) == ["http://dcat-ap.de/def/politicalGeocoding/stateKey/05"]


def test_names_are_those_of_the_words_alone_and_a_publication_names_the_one_before():
    first = _contents(previous=Earlier(1, 1, datetime(2026, 1, 5, tzinfo=UTC)))
    entry = _entry(first)
    (dataset,) = entry.subjects(RDF.type, DCAT.Dataset)
    before = dataclasses.replace(first, publication=Publication(1, datetime(2026, 1, 5, tzinfo=UTC), "older code"))
    assert str(entry.value(dataset, DCAT.previousVersion)) == identity.dataset_name(before)
    assert identity.dataset_name(first) == identity.dataset_name(_contents("en"))


def test_no_address_is_made_up():
    told = _contents()
    hosts = set(re.findall(r"https?://([^/>#]+)", dcat.dcat_bytes(told, _sums(_files(told))).decode()))
    assert hosts == {
        "data.europa.eu", "dcat-ap.de", "publications.europa.eu", "purl.org", "spdx.org", "www.iana.org", "www.w3.org",
        "xmlns.com",
    }  # fmt: skip


def test_readme_says_first_that_figures_are_made_up_and_names_every_file():
    told = _contents()
    files = _files(told)
    text = files["LIESMICH.txt"].decode("utf-8")
    assert text.startswith("ACHTUNG: Ein Teil der Zahlen ist erfunden")
    assert text.count("\r\n") == text.count("\n")
    for name in (*files, "SHA256SUMS", "SHA256SUMS.minisig"):
        assert f"\r\n{name}" in text
    for line in ("sha256sum -c SHA256SUMS", "minisign -V -P", "lagebild verify . --key", "statistik@example.org",
                 "Zeitraum der Zahlen: 01.01.2019 bis 31.12.2019", "IT.NRW: DL-DE-BY-2.0"):  # fmt: skip
        assert line in text
    english = _files(_contents("en", is_synthetic=False))["README.txt"].decode("utf-8")
    assert english.startswith("Lagebild") and "1 January 2019 to 31 December 2019" in english


def test_a_large_table_is_a_sample_beside_the_whole(tmp_path):
    class Sample:
        """A mart of which only the first rows are at hand."""

        row_count, is_sample = 5, True

        def __getattr__(self, name: str) -> Any:
            return getattr(LUMP, name)

    told = _contents(tables_of=(COST, Sample()))  # ty: ignore[invalid-argument-type]
    files = {"daten/lump_sum_simulation.csv": tables.csv_bytes(LUMP), "daten/lump_sum_simulation.parquet": b"PAR1"}
    csv, parquet = descriptor.descriptor(told, _sums(files))["resources"]
    assert csv["name"] == "lump_sum_simulation" and parquet["name"] == "lump_sum_simulation.parquet"
    assert "die ersten 2 von 5 Zeilen; vollständig in daten/lump_sum_simulation.parquet" in csv["description"]
    assert (csv["lagebild"]["rows"], parquet["lagebild"]["rows"]) == (2, 5)
    assert "foreignKeys" not in csv["schema"] and parquet.keys().isdisjoint({"type", "schema"})
    assert parquet["mediatype"] == "application/vnd.apache.parquet"
    assert "Stichprobe: die ersten 2 von 5 Zeilen" in readme.readme_bytes(told, _sums(files)).decode("utf-8")
    for name, data in (files | {"datapackage.json": descriptor.descriptor_bytes(told, _sums(files))}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert _problems(tmp_path) == set()


def _demo(settings: Any, language: Any) -> Contents:
    wanted = package.load()
    with database.connect(settings, database.BUILDER, autocommit=True) as builder, marts.reader(settings) as connection:
        attributed = partial(attribution.of_publication, builder, settings, wanted, attribution.NOTHING_STATED)
        told = contents.gather(connection, wanted, None, attributed)
    about = dataclasses.replace(_contents(language).about, period_from=date(2007, 1, 1))
    return dataclasses.replace(told, texts=Texts(language), about=about)


REFERENCES = {
    "cost_extrapolation": 1, "cost_component": 1, "cost_comparability": 2, "lump_sum_simulation": 1,
    "programme_funding": 1, "programme_funding_year": 2, "provenance": 1,
}  # fmt: skip


def test_the_demo_is_valid_whole_in_both_languages(published_warehouse, shapes, tmp_path):
    demo = _demo(published_warehouse, "de")
    for language in ("de", "en"):
        told = dataclasses.replace(demo, texts=Texts(language))
        folder = _written(told, tmp_path / f"package-{language}")
        assert _problems(folder) == set()
        assert _faults(_entry(told), shapes) == ""
    resources = json.loads((tmp_path / "package-de" / "datapackage.json").read_text(encoding="utf-8"))["resources"]
    keys = {one["name"]: len(one["schema"].get("foreignKeys", [])) for one in resources if "schema" in one}
    # Each reference of package.yml holds in the demo: one that is lost here is one that no longer holds.
    assert {name: count for name, count in keys.items() if count} == REFERENCES
    assert sum(len(mart.references) for mart in demo.package.marts) == sum(REFERENCES.values())


@pytest.mark.parametrize("language", ["de", "en"])
def test_official_shapes_find_nothing(language):
    if not OFFICIAL.is_dir():
        pytest.skip(f"{OFFICIAL} is not here: tests/extracts/shapes/README.md says how to get the official shapes")
    entry = _entry(_contents(language))
    european = _shapes(OFFICIAL / "semic-3.0.1.ttl")
    german = _shapes(*sorted(OFFICIAL.glob("de-3.0/*.ttl")), OFFICIAL / "semic-3.0.0.ttl")
    assert _faults(entry, european) == _faults(entry, german) == ""
    _without(entry, DCAT.Dataset, DCTERMS.title)
    assert _faults(entry, european) and _faults(entry, german)
