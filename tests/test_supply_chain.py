"""The licence page and the bill of materials are those of uv.lock; the audit never passes without having looked."""

import importlib.metadata
import re
import subprocess
from email.message import Message

import pytest

from lagebild.core.settings import ROOT
from tests import supply_chain


@pytest.fixture(scope="module")
def bill() -> dict:
    return supply_chain.bill()


def test_the_page_is_that_of_the_lock(bill):
    page = supply_chain.listed(supply_chain.PAGE.read_text())
    assert sorted(page) == supply_chain.packages(bill), "make sbom"
    stated = {pair: text for pair, text in supply_chain.installed().items() if pair in page}
    assert len(stated) > 150 and {pair: page[pair] for pair in stated} == stated, "make sbom"


def test_a_page_of_another_lock_is_found(bill):
    page = supply_chain.PAGE.read_text()
    (name, version), *_ = supply_chain.packages(bill)
    older = page.replace(f"| {name} | {version} |", f"| {name} | 0.0.0 |")
    assert older != page and sorted(supply_chain.listed(older)) != supply_chain.packages(bill)


def test_the_bill_names_every_file_by_its_digest(bill):
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    locked = set(re.findall(r'hash = "sha256:([0-9a-f]{64})"', (ROOT / "uv.lock").read_text()))
    for component in bill["components"]:
        digests = [h["content"] for file in component["externalReferences"] for h in file["hashes"]]
        assert digests and set(digests) <= locked, component["name"]
    assert any(component["name"] == "apache-airflow-providers-fab" for component in bill["components"])


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"License-Expression": "MIT", "License": "something else"}, "MIT"),
        ({"Classifier": "License :: OSI Approved :: MIT License", "License": "UNKNOWN"}, "MIT License"),
        ({"License": "Apache 2.0\nthe whole text"}, "Apache 2.0"),
        ({"License": "UNKNOWN"}, None),
    ],
)
def test_a_licence_is_what_the_package_states(fields, told):
    metadata = Message()
    for name, value in {"Name": "thing", **fields}.items():
        metadata[name] = value
    if told is None:
        with pytest.raises(supply_chain.CannotError, match="thing states no licence"):
            supply_chain.licence(metadata)
    else:
        assert supply_chain.licence(metadata) == told
    assert importlib.metadata.metadata("pytest")["Name"] == "pytest"


@pytest.mark.parametrize(
    ("code", "wanted"), [(0, "nothing is known"), (1, "something is known"), (2, "COULD NOT LOOK")]
)
def test_the_audit_says_whether_it_looked(monkeypatch, tmp_path, capsys, code, wanted):
    monkeypatch.setattr(supply_chain, "UNSEEN", tmp_path / "unseen")
    done = subprocess.CompletedProcess([], code, "", "as uv says it\n")
    monkeypatch.setattr(supply_chain, "_uv", lambda *arguments: done)
    assert supply_chain.main(["audit"]) == {0: 0, 1: 1, 2: supply_chain.COULD_NOT_LOOK}[code]
    assert wanted in capsys.readouterr().out and supply_chain.UNSEEN.exists() == (code == 2)


def test_packages_without_a_release_since_2020_are_weighed():
    """By the upload times in uv.lock: whoever brings in another one says why it may stay."""
    blocks = (ROOT / "uv.lock").read_text().split("\n[[package]]\n")[1:]
    newest = {
        re.search('name = "(.*)"', block)[1]: max(re.findall('upload-time = "(.{10})', block), default="9")
        for block in blocks
    }
    old = {name for name, day in newest.items() if day < "2021"}
    assert old, "no upload times in uv.lock: the pattern is wrong"
    page = (ROOT / "docs" / "decisions" / "dependencies.md").read_text()
    assert {name for name in old if f"| {name} |" not in page.partition("without a release since 2020")[2]} == set()


def test_the_page_of_the_dashboards_is_that_of_their_requirements():
    wanted = supply_chain.pinned(supply_chain.BI_REQUIREMENTS.read_text())
    told = supply_chain.listed(supply_chain.BI_PAGE.read_text())
    assert len(wanted) > 100 and sorted(told) == wanted
    assert [pair for pair, text in told.items() if not text.strip() or text == "not stated"] == []


def test_an_environment_that_lacks_a_package_gets_no_page(tmp_path):
    with pytest.raises(supply_chain.CannotError, match="make bi makes it anew"):
        supply_chain.write_dashboards(tmp_path)
