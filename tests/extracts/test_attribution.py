"""Whose data an extract says it holds: the bundled file's origin never stands beside a real delivery."""

import json
from dataclasses import replace

import pytest
import yaml

from extracts import attribution
from extracts.attribution import Statement
from extracts.package import PACKAGE, load
from ingest import contracts
from lagebild.core import settings as settings_module
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.warehouse import build
from tests.extracts.releases import release
from tests.support import accept, bundled_bytes, step

STATED = Statement("Stadt Musterhausen, Kämmerei", "DL-DE-BY-2.0")


def delivered(source: str) -> bytes:
    """The bundled file as if its rows were delivered, and not made up."""
    return bundled_bytes(source).decode("iso-8859-1").replace(";synthetisch", ";geliefert").encode("iso-8859-1")


def descriptor(settings: Settings, **options) -> dict:
    folder = release(settings, **options)
    return json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))


def test_the_bundled_files_are_described_by_their_contracts(published_warehouse):
    found = step(published_warehouse, attribution.of_publication, published_warehouse, load(), Statement(), 1)
    for source, stated in found.items():
        contract = yaml.safe_load((attribution.CONTRACTS / source / "contract.yml").read_text(encoding="utf-8"))
        assert (stated["sources"], stated["licenses"]) == (contract["sources"], contract["licenses"]), source


@pytest.mark.nightly
@pytest.mark.long
def test_a_real_ledger_is_nobodys_until_somebody_says_whose(published_warehouse, tmp_path):
    warehouse = replace(published_warehouse, extracts=tmp_path / "extracts")
    accept(warehouse, "ledger", delivered("ledger"))
    accept(warehouse, "register", delivered("register"))
    # the rows of this file name their source themselves
    employed = bundled_bytes("employment").decode().replace("IAB 2020", "Bundesagentur für Arbeit")
    accept(warehouse, "employment", employed.encode())
    assert build.run(warehouse) == 2
    with pytest.raises(UserError, match=r"stated nowhere: ledger \(ledger_05913000_2019.csv\), register ") as refused:
        release(warehouse)
    assert "LAGEBILD_PUBLISHER" in refused.value.remedy and "LEDGER" in refused.value.remedy
    assert not list(warehouse.extracts.glob("*/*"))

    stated = replace(
        warehouse,
        publishers={"": STATED.publisher, "register": "Stadt Musterhausen, Statistik"},
        licences={"register": "https://example.org/licence", "": "nur für den internen Gebrauch"},
    )
    found = step(stated, attribution.of_publication, stated, load(), Statement(), 2)
    assert found["ledger"]["sources"] == [{"title": STATED.publisher}]
    assert found["ledger"]["licenses"] == [{"name": "other", "title": "nur für den internen Gebrauch"}]
    assert found["register"]["sources"] == [{"title": "Stadt Musterhausen, Statistik"}]
    assert found["register"]["licenses"][0]["path"] == "https://example.org/licence"
    assert [one["title"].partition(",")[0] for one in found["employment"]["sources"]] == [
        "Bundesagentur für Arbeit", "zurückgerechnet: aus 15.639.763 EUR und 2.143 EUR folgt nur der Nenner"
    ]  # fmt: skip
    assert found["employment"]["licenses"] == []
    # what an office publishes is described by its contract, whoever operates the warehouse
    assert found["azr_nrw"]["licenses"][0]["name"] == "DL-DE-BY-2.0"

    written = descriptor(warehouse, statement=STATED)
    (costs,) = [one for one in written["resources"] if one["name"] == "cost_component"]
    told = json.dumps([costs["sources"], costs["licenses"]], ensure_ascii=False)
    assert STATED.publisher in told and "DL-DE-BY-2.0" in told
    assert "written by this project" not in json.dumps(costs["sources"]) or "Synthetic counts" in told
    assert "Synthetic persons" not in told and "Synthetic postings" not in told
    # the paper is cited for the table of `eu2_series`, among the counts beside a share, and not for the city's ledger
    assert "the attributable total of Dortmund" not in told
    # which amounts are confidential follows from persons and employees: their sources are among its own
    assert "Bundesagentur für Arbeit" in told and "Stadt Musterhausen" in told


def test_a_setting_for_a_source_that_is_none_is_refused(published_warehouse):
    wrong = replace(published_warehouse, publishers={"legder": "Stadt Musterhausen"})
    with pytest.raises(UserError, match="LAGEBILD_PUBLISHER_LEGDER names no source") as refused:
        step(wrong, attribution.of_publication, wrong, load(), Statement(), 1)
    assert "LAGEBILD_PUBLISHER_LEDGER" in refused.value.remedy


def test_publishers_are_read_by_source(tmp_path):
    loaded = settings_module.load(
        {
            "LAGEBILD_HOME": str(tmp_path),
            "LAGEBILD_PUBLISHER": "Stadt Musterhausen",
            "LAGEBILD_PUBLISHER_REGISTER": "Statistikstelle",
            "LAGEBILD_LICENCE": "",
        }
    )
    assert loaded.publishers == {"": "Stadt Musterhausen", "register": "Statistikstelle"}
    assert loaded.licences == {}


def test_what_speaks_of_every_delivery_is_a_source():
    package = load(PACKAGE)
    assert package.speaks_of_every_delivery | package.names_the_publisher <= set(contracts.sources())
