"""A source that a city describes itself is loaded, gated and kept in the ledger as any other."""

from pathlib import Path

import pytest

from ingest import contracts
from ingest.contracts import own_sources
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.review import pending
from lagebild.warehouse import overlay
from lagebild.warehouse.migrate import migrate
from tests import conftest
from tests.contract_files import descriptor, fields, write
from tests.ingest.support import command
from tests.support import deliver, query

FILE = "Einzug;Auszug;Staatsangehörigkeit\n01.02.2021;;125\n02.02.2021;30.02.2021;154\n"


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A city with one good source of its own."""
    return configured(conftest.settings_in(tmp_path), monkeypatch)


def configured(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("LAGEBILD_CONFIG_DIR", str(settings.config))
    folder = settings.config / "sources"
    folder.mkdir(parents=True)
    write(folder, descriptor(max_rejected=1))
    return settings


def test_an_own_source_stands_beside_the_products(city):
    assert "moves" in contracts.sources() and contracts.is_own("moves") and not contracts.is_own("register")
    path = city.config / "sources" / "moves" / "contract.yml"
    assert contracts.load("moves").path == path and own_sources.findings(city.config) == []
    assert command(city, "config").output == f"{path}: source moves (raw.moves__move): Moves\n"
    assert command(city, "contracts", "check", "moves").output == "1 contract checked, nothing found\n"
    # Another contract, another version of what a build reads; the process goes on.
    first = overlay.layouts(city.config)
    write(path.parent.parent, descriptor(max_rejected=2))
    assert contracts.load("moves").max_rejected == 2 and overlay.layouts(city.config) != first


@pytest.mark.parametrize("name", ["ledger", "taken", "Moves", "moves__old"])
def test_a_name_that_cannot_be_a_sources_is_told(city, name):
    folder = city.config / "sources"
    (folder / "moves").rename(folder / name)
    (finding,) = own_sources.findings(city.config)
    assert finding.path == folder / name / "contract.yml"
    assert ("the product has a source of this name" if name == "ledger" else "the folder's name is not") in str(finding)
    with pytest.raises(UserError, match=str(finding.path)):
        overlay.layouts(city.config)


def test_a_folder_without_a_contract_and_a_faulty_one_are_told(city):
    folder = city.config / "sources"
    (folder / "empty").mkdir()
    path = write(folder, descriptor(reader="guess"))
    found = own_sources.findings(city.config)
    assert [str(found[0]).endswith("empty:1: holds no contract.yml"), found[1].path] == [True, path]
    assert "reader 'guess' is none of" in found[1].message
    assert command(city, "contracts", "check").exit_code == 1


def test_what_the_product_drops_or_shortens_a_city_does_not_keep(city):
    made = descriptor(legal_basis="a law")
    field = fields(made)["nationality_code"]
    field["title"] = "Familienname"
    path = write(city.config / "sources", made)
    (finding,) = own_sources.findings(city.config)
    assert (finding.path, "'Familienname' is a column about persons in register" in finding.message) == (path, True)
    field["lagebild"] = {"privacy": "drop"}
    write(city.config / "sources", made)
    assert own_sources.findings(city.config) == []


def test_it_is_made_a_table_loaded_and_gated(warehouse, monkeypatch):
    city = configured(warehouse, monkeypatch)
    migrate(city)
    loaded = deliver(city, "moves", FILE.encode(), "moves_2021.csv")
    assert (loaded.loaded, loaded.rejected, loaded.layout) == (1, 1, "current")
    assert query(city, "select moved_in_on::text, nationality_code from raw.moves__move") == [("2021-02-01", "125")]
    (reasons,) = query(city, "select reasons -> 0 ->> 'field' from raw.rejected_row")[0]
    assert reasons == "Auszug"
    (decided,) = pending.check_pending(city)
    assert decided.state == "accepted"
    judged = query(city, "select expectation, severity, passed from quality.verdict where delivery_id = 1")
    general = {"has_rows", "rows_as_in_the_ledger", "letters_whole", "period_is_over", "not_another_period_again"}
    assert {name for name, severity, passed in judged if severity == "hold" and passed} == general
    assert {name for name, _, passed in judged if not passed} == {"rows_as_usual"}  # nothing came before
    assert query(city, "select owner from quality.source_schedule where source = 'moves'") == [("tests",)]
    # Letters that were decoded twice, as in every source.
    damaged = FILE.replace("125", "MÃ¼ller")
    deliver(city, "moves", damaged.encode(), "moves_2022.csv")
    (decided,) = pending.check_pending(city)
    assert decided.state == "held" and "letters_whole" in decided.reason
