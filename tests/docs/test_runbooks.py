"""The runbooks are followed literally: every fenced command, in order, in a copy of the code."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.pulls.replay import DEMO_USER, ReplayServer
from lagebild.core import database
from lagebild.core import settings as settings_module
from lagebild.core.settings import ROOT, Settings
from lagebild.warehouse import build, marts
from tests import publications as prepared
from tests.support import bundled_bytes, query

pytestmark = pytest.mark.long

RUNBOOKS = ROOT / "docs" / "runbooks"
ROOMS = ("dbt_project", "disclosure", "docs", "expectations", "extracts", "ingest", "lagebild")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the runbooks change, its loops compiled, and a `lagebild` that runs the copy's code."""
    copy = tmp_path / "checkout"
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("target", "logs"))
    command = tmp_path / "bin" / "lagebild"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lagebild.cli "$@"\n')
    command.chmod(0o755)
    return copy


def commands(runbook: str, section: str) -> str:
    """The fenced commands of one section, as they stand."""
    text = re.search(rf"^## {section}$(.*?)(?=^## |\Z)", (RUNBOOKS / runbook).read_text(), re.MULTILINE | re.DOTALL)[1]
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    assert blocks, f"{runbook}: no commands under {section!r}"
    return "\n".join(blocks)


def follow(
    runbook: str, section: str, settings: Settings, checkout: Path, before: str = "", without: tuple[str, ...] = ()
) -> str:
    """Run one section in one shell, after a line of an earlier one, without some of the settings; what it prints."""
    path = os.pathsep.join([str(checkout.parent / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {
        "PATH": path,
        "HOME": str(checkout.parent),
        "PYTHONPATH": str(checkout),
        "LANG": "C.UTF-8",
        **settings.variables(),
    }
    for name in without:
        del environment[name]
    result = subprocess.run(
        ["bash", "-eu", "-c", f"{before}\n{commands(runbook, section)}"],
        env=environment,
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


@pytest.mark.nightly
def test_a_source_is_added_as_the_runbook_says(warehouse, checkout):
    runbook = "add-a-source.md"
    printed = follow(runbook, "Describe it", warehouse, checkout)
    assert "# review:" in printed and "1 contract checked, nothing found" in printed
    assert "Einbürgerungen" in (checkout / "contract-pages" / "naturalisations.html").read_text(encoding="utf-8")
    follow(runbook, "Say what is plausible", warehouse, checkout)
    printed = follow(runbook, "Load it", warehouse, checkout)
    assert "accepted" in printed
    rows = query(warehouse, "select nationality_code, naturalised_persons from raw.naturalisations__former_nationality")
    assert ("125", 1035) in rows and len(rows) == 3
    printed = follow(runbook, "Bring it to a mart", warehouse, checkout)
    assert "publication 1 is in force" in printed and "naturalised_persons: 1035" in printed
    assert "the row names its file and line: naturalisations_2024.csv, line 2" in printed
    counts = "select nationality_code, naturalised_persons from marts.office_naturalisation order by 1"
    assert query(warehouse, counts, role=database.BI_READER) == [("125", 1035), ("154", 62), ("163", 0)]


def test_the_signing_key_is_made_rotated_and_revoked_as_the_runbook_says(tmp_path, checkout):
    home = settings_module.load({"LAGEBILD_HOME": str(tmp_path / "home")})
    page = "signing-key.md"
    made = re.search(r"key ([0-9A-F]{16}) is in use", follow(page, "Create", home, checkout))[1]
    assert (checkout.parent / "lagebild-keys" / "release_signing" / f"{made}.key").exists()
    printed = follow(page, "Rotate", home, checkout)
    assert f"{made} is retired" in printed and "  current" in printed
    printed = follow(page, "Revoke", home, checkout, before=f"KEY={made}")
    assert f"key {made} is revoked" in printed


def test_a_release_is_made_returned_rebuilt_and_recalled_as_the_runbook_says(published_warehouse, checkout):
    house = replace(published_warehouse, config_dir=checkout.parent / "config")
    page = "releases.md"
    assert "ministry-nrw: Ministerium (Beispiel)  de, public, each_publication  due" in follow(
        page, "Name a recipient", house, checkout
    )
    printed = follow(page, "Release", house, checkout)
    assert "publication-1/ministry-nrw" in printed and "ministry-nrw: Haushaltsberatung 2027" in printed
    printed = follow(page, "Return a former release", house, checkout, before="NUMBER=1")
    assert "files as they were released" in printed and "every byte as in release 1" in printed
    printed = follow(page, "Recall", house, checkout, before="NUMBER=1")
    assert "release 1 to ministry-nrw is recalled: the employees of 2019 were of another district" in printed


def test_a_new_layout_is_added_as_the_runbook_says(warehouse, checkout):
    runbook = "new-layout.md"
    printed = follow(runbook, "See what changed", warehouse, checkout)
    assert "missing: Gebiet; unknown: Region" in printed
    assert "refused, as it must be" in printed and "no layout yet" in printed
    assert "headers: {region_name: Region}" in printed
    printed = follow(runbook, "Describe the layout", warehouse, checkout)
    assert "1 contract checked, nothing found" in printed
    assert "eu2_employees_2021.csv: period 2021, layout 2021" in printed
    assert "eu2_employees_2019.csv: period 2019, layout current" in printed


def test_the_new_layout_is_loaded_as_the_runbook_says(warehouse, checkout):
    for section in ("See what changed", "Describe the layout"):
        follow("new-layout.md", section, warehouse, checkout)
    printed = follow("new-layout.md", "Load it", warehouse, checkout)
    assert "accepted" in printed
    assert query(warehouse, "select region_name, employees_persons from raw.employment__employees") == [
        ("Dortmund", 3120)
    ]


@pytest.mark.nightly
def test_a_citys_own_files_are_read_as_the_runbook_says(warehouse, checkout):
    runbook = "own-configuration.md"
    printed = follow(runbook, "See what differs", warehouse, checkout)
    assert "not as agreed" in printed and "add under layouts: in" not in printed  # the delimiter comes first
    printed = follow(runbook, "Say it", warehouse, checkout)
    file = warehouse.config / "contracts" / "ledger.yml"
    assert f"{file}:2: layout finance_2025: ledger 05911000, 2025 to: encoding, dialect, numbers" in printed
    assert "ledger_05911000_2025.csv: period 05911000_2025, layout finance_2025" in printed
    printed = follow(runbook, "Load it", warehouse, checkout)
    assert "layout finance_2025) accepted" in printed and "1 contract checked, nothing found" in printed
    page = (checkout / "contract-pages" / "ledger.html").read_text(encoding="utf-8")
    assert "<code>Gruppe</code>" in page and "Komma (,)" in page and "ledger_05911000_2025.csv" in page
    columns = "document_number, posted_on::text, target_group, amount_eur::text"
    assert query(warehouse, f"select {columns} from raw.ledger__posting order by 1") == [
        ("4711", "2025-01-02", "EU2", "1250.50"),
        ("4712", "2025-01-03", "EU2", "-250.50"),
    ]
    printed = follow(runbook, "Switch fields on", warehouse, checkout)
    assert "not switched on" in printed and "the column Stadtbezirk is read only where" in printed
    assert "reads city_district: counts of inhabitants by city district" in printed
    assert "(register_05911000_2024-12-31.csv, fewer than 3 of fewer than 3 rows) accepted" in printed
    assert f"{warehouse.config / 'city_district.csv'}: 2 rows" in printed
    kept = "select city_district, background_by_birth from raw.register__person order by 1"
    assert query(warehouse, kept) == [("1", "foreign"), ("2", "german_born_abroad")]
    printed = follow(runbook, "A list of SAP", warehouse, checkout)
    assert "ledger_05911000_2024.txt: period 05911000_2024, layout sap_2024" in printed
    printed = follow(runbook, "A source of your own", warehouse, checkout)
    assert "source bochum_advice (raw.bochum_advice__visits)" in printed
    assert "1 contract checked, nothing found" in printed and "2 of 2 rows) accepted" in printed
    assert query(warehouse, "select sum(visits) from raw.bochum_advice__visits") == [(255,)]


@pytest.mark.nightly
def test_a_rule_is_added_as_the_runbook_says(warehouse, checkout):
    runbook = "add-a-rule.md"
    printed = follow(runbook, "Say it", warehouse, checkout)
    assert "1 contract checked, nothing found" in printed
    assert "employment: rule employees_of_a_region: employees_persons is not below 10000 (hold;" in printed
    printed = follow(runbook, "See it judge", warehouse, checkout)
    assert "rule.employees_of_a_region (hold; ask" in printed and "statistics office, employment" in printed
    pages = [page.read_text() for page in (checkout / "quality-pages").glob("check-*.html")]
    assert any("rule.sources_named" in page and "cannot be asked about" in page for page in pages)
    printed = follow(runbook, "Mend it", warehouse, checkout, before="DELIVERY=1")
    assert " accepted" in printed


def test_a_held_delivery_is_accepted_expires_and_is_sent_back_as_the_runbook_says(warehouse, checkout):
    runbook = "held-delivery.md"
    printed = follow(runbook, "See what waits", warehouse, checkout)
    assert "share_not_misprinted (hold; ask" in printed and "lines:    7" in printed
    assert json.loads((checkout / "held.json").read_text())[0]["failed"][0]["failing_rows"] == [7]
    assert "accepted until" in follow(runbook, "Accept it for a time", warehouse, checkout, before="DELIVERY=1")
    with database.connect(warehouse) as connection:
        connection.execute("update raw.delivery set accepted_until = current_date - 2")
    assert build.begin(warehouse) is None  # nothing else is there to be built from
    printed = follow(runbook, "When the time is over", warehouse, checkout)
    assert "share_not_misprinted (hold; ask" in printed
    printed = follow(runbook, "Send it back", warehouse, checkout, before="DELIVERY=1")
    told = [line.split(" rows) ")[1].split(":")[0] for line in printed.splitlines() if " rows) " in line]
    assert told[-2:] == ["refused", "accepted"]


def test_files_are_received_as_the_runbook_says(warehouse, checkout):
    runbook = "receive-files.md"
    printed = follow(runbook, "What the sender does and sees", warehouse, checkout)
    assert " accepted" in printed and "Stand: ANGENOMMEN" in printed and "State: ACCEPTED" in printed
    text = commands(runbook, "What the sender does and sees").splitlines()[0]
    printed = follow(runbook, "A file that nobody knows", warehouse, checkout, before=text)
    assert "Statistik neu.csv." in printed and (warehouse.drop / "Statistik neu.csv").exists()
    assert "nothing is due" in follow(runbook, "What is kept, and how long", warehouse, checkout)
    printed = follow(runbook, "Watch a folder", warehouse, checkout)
    assert " accepted" in printed and "Stand: ANGENOMMEN" in printed


def test_a_publication_is_taken_back_as_the_runbook_says(warehouse, checkout):
    runbook = "rollback.md"
    prepared.fill(warehouse)
    for text in ("first", "second"):
        prepared.publish(warehouse, "cost_per_person", text)
    prepared.deliver(warehouse, "register", "2019-12-31")
    prepared.mark(warehouse, marts.definition("cost_per_person"), "third")
    build.publish_build(warehouse, prepared.begin(warehouse))
    in_force = "select distinct publication_id, municipality_name from marts.cost_per_person"

    printed = follow(runbook, "See what is wrong", warehouse, checkout, before="WRONG=3 RIGHT=2")
    assert "* publication 3" in printed and "municipality_name: second -> third" in printed
    assert "register 2019-12-31: none -> delivery 3 (register_2019-12-31.csv)" in printed
    printed = follow(runbook, "Go back", warehouse, checkout, before="RIGHT=2")
    assert "nothing is built while all that this took back still stands" in printed
    assert query(warehouse, in_force) == [(2, "second")]
    printed = follow(runbook, "Mend it", warehouse, checkout, before="DELIVERY=3")
    assert "delivery 3 register 2019-12-31" in printed and "withdrawn" in printed and "nothing new to build" in printed
    assert query(warehouse, in_force) == [(2, "second")]
    follow(runbook, "When it was right after all", warehouse, checkout, before="WRONG=3")
    assert query(warehouse, in_force) == [(3, "third")]


@pytest.mark.nightly
def test_a_newer_version_takes_over_as_the_runbook_says(published_warehouse, checkout):
    runbook, city = "upgrade.md", replace(published_warehouse, publish="ask")
    header = (ROOT / "dbt_project" / "seeds" / "municipal_circumstance.csv").read_text().splitlines()[0]
    city.config.mkdir(exist_ok=True)
    own = city.config / "municipal_circumstance.csv"
    own.write_text(f"{header}\n05913000,2020,2020,outsourcing,not_stated,Haushaltsplan 2020,\n")
    layouts = city.config / "contracts" / "ledger.yml"
    layouts.parent.mkdir()
    layouts.write_text('layouts:\n  - {name: own, municipality: "05913000", encoding: utf-8}\n')
    printed = follow(runbook, "Before", city, checkout)
    assert "* publication 1" in printed and f"{own}: 1 rows" in printed and f"{layouts}:2: layout own" in printed
    for file in (own, layouts):
        kept = checkout.parent / "before-upgrade" / "config" / file.relative_to(city.config)
        assert kept.read_text() == file.read_text()

    # the newer version: what is said of the seeds is another text
    said = checkout / "dbt_project" / "seeds" / "_seeds.yml"
    said.write_text(said.read_text() + "# newer\n")
    printed = follow(runbook, "After", city, checkout)
    assert "nothing to apply" in printed and "waits for approval; nothing is published" in printed
    assert "publication 2 is in force" in printed and "deliveries: the same" in printed
    found = "select count(*) from build.municipal_circumstance where valid_from_year = 2020"
    assert query(city, found) == [(1,)] and own.exists() and layouts.exists()


@pytest.mark.nightly
def test_after_an_upgrade_of_the_server_the_guards_are_set_anew_as_the_runbook_says(published_warehouse, checkout):
    with database.connect(published_warehouse) as connection:  # what a new major version comes with
        connection.execute("grant select on pg_catalog.pg_class to public")
        connection.execute("grant execute on function pg_advisory_lock(bigint) to public")
    printed = follow("upgrade.md", "The server", published_warehouse, checkout)
    before, after = printed.split("nothing to apply")
    assert "guard lacks:    bi_reader may use pg_advisory_lock, pg_class.relallfrozen" in before
    # The other databases of the tests are as open as any that a server's administrator makes.
    left = [line for line in after.splitlines() if line.startswith("guard lacks")]
    assert [line for line in left if "readers may enter" not in line] == []


def test_a_late_delivery_is_handled_as_the_runbook_says(warehouse, checkout):
    runbook = "late-delivery.md"
    with database.connect(warehouse) as connection:
        connection.execute(
            "insert into raw.delivery (source, period, sha256, attempt, file_name, byte_size, landing_path,"
            " contract_version, code_version, state, received_at) values ('employment', '2019', repeat('a', 64), 1,"
            " 'eu2_employees_2019.csv', 1, 'l', 'c', 'c', 'accepted', '2020-05-01 12:00+02')"
        )
    printed = follow(runbook, "See what is late", warehouse, checkout)
    assert "employment 2020: late, due on 2021-09-30" in printed and "employment 2019: late" not in printed
    assert "eu2_employees_2019.csv" in printed and "owner: data engineering" in printed
    assert "employment 2024: late" in printed
    printed = follow(runbook, "Let old periods rest", warehouse, checkout)
    assert "employment 2020" not in printed and "employment 2024" not in printed
    printed = follow(runbook, "Retire a source", warehouse, checkout)
    assert "employment: retired since 2024-12-31 (The agency publishes these counts no longer.)" in printed
    assert "employment 2025" not in printed
    printed = follow(runbook, "Who is told", replace(warehouse, alert_enabled=True), checkout)
    assert "Lagebild: a trial" in printed


def test_a_table_is_added_to_what_is_pulled_as_the_runbook_says(warehouse, checkout, tmp_path):
    table, runbook = "13111-02-02-4", "add-a-table.md"
    recorded, secrets = tmp_path / "recorded" / "regionalstatistik", tmp_path / "secrets"
    recorded.mkdir(parents=True)
    content = bundled_bytes("genesis").replace(b"\n12411;", b"\n13111;")
    (recorded / f"{table}.2024.csv").write_bytes(content)
    (recorded / f"{table}.json").write_text('{"changed": "2026-02-09"}')
    shutil.copytree(warehouse.secrets, secrets)
    (secrets / "regionalstatistik_user").write_text(DEMO_USER)
    (secrets / "regionalstatistik_password").write_text("demo")
    with ReplayServer(recorded.parent) as server:
        settings = replace(warehouse, secrets=secrets, host_urls={"regionalstatistik": server.url})
        printed = follow(runbook, "Write the entry", settings, checkout)
        assert f"{table} (regionalstatistik, 2023-, at 0 5 * * 1, read by genesis)" in printed
        printed = follow(runbook, "Fetch it for the first time", settings, checkout)
    assert f"fetch 1 genesis {table} 2024 ({table}_2024_flat.csv" in printed and "delivered, delivery 1" in printed
    assert "delivery 1 genesis" in printed and "accepted" in printed


def test_every_runbook_is_listed():
    index = (ROOT / "docs" / "README.md").read_text()
    assert [page.name for page in RUNBOOKS.glob("*.md") if f"runbooks/{page.name}" not in index] == []


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_a_runbook_names_no_number_of_its_own_and_says_where_to_practise(page):
    text = page.read_text()
    assert "Practise in " in text and "own-city.md" in text
    written = "\n".join(re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL))
    named = r"^ *(?:DELIVERY|WRONG|RIGHT|MUNICIPALITY)=(?!\"\$\{)"
    ids = rf"{named}|lagebild (?:delivery|publication) (?:accept|refuse|withdraw|reload|rollback|diff) \d"
    assert re.findall(ids, written, re.MULTILINE) == []
