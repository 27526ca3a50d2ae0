"""Every contract says what a supplier and a data protection officer have to know (read as plain YAML)."""

import csv
import io
import re
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "ingest" / "sources"
SOURCE_IDS = {
    "azr_nrw", "ba_nationality", "early_education", "employment", "esf_bayern", "esf_berlin", "esf_bremen",
    "esf_hessen", "esf_nrw", "esf_sachsen", "eu2_series", "foerderkatalog", "funding", "funding_received",
    "genesis", "integration_course", "ldb_12411_15i", "ldb_13111_54i", "ldb_22542_06i", "ldb_22811_01i",
    "ldb_22811_05i", "ledger", "ledger_plan", "ledger_totals", "mikrozensus", "mikrozensus_microdata",
    "programme_measure", "programme_result", "pupil_list", "reference_quantity", "register", "structure_tables",
    "survey_result", "toleration", "wegweiser",
}  # fmt: skip
EVIDENCE = {"published", "delivered", "derived", "derived_from_result", "synthetic"}
TYPES = {"string", "integer", "number", "date", "year", "boolean"}
PERSONAL = {"pseudonym", "drop", "year", "background", "origin"}
DESCRIPTOR_KEYS = ("$schema", "name", "title", "description", "licenses", "sources", "resources", "lagebild")
OWN_KEYS = ("owner", "retention", "reader", "file_name", "example", "schedule", "due", "max_rejected")


def contract(source: str) -> dict:
    return yaml.safe_load((SOURCES / source / "contract.yml").read_text(encoding="utf-8"))


def faults(descriptor: dict) -> list[str]:
    """What is wrong with a contract, one sentence each; an empty list for a good one."""
    found = [f"{key} is missing" for key in DESCRIPTOR_KEYS if not descriptor.get(key)]
    own = descriptor.get("lagebild", {})
    found += [f"lagebild.{key} is missing" for key in OWN_KEYS if own.get(key) is None]
    (resource,) = descriptor["resources"]
    fields = resource["schema"]["fields"]
    names = [field["name"] for field in fields]
    found += [f"{name} stands twice" for name in set(names) if names.count(name) > 1]
    found += [f"the key's {name} is no field" for name in resource["schema"].get("primaryKey", []) if name not in names]
    for field in fields:
        found += [f"{field['name']}: {fault}" for fault in field_faults(field)]
    privacy = {field.get("lagebild", {}).get("privacy", "keep") for field in fields}
    if privacy & PERSONAL and not own.get("legal_basis"):
        found.append("personal fields without a legal_basis")
    if "pseudonym" in privacy and not own.get("pseudonym_purpose"):
        found.append("a pseudonym without a pseudonym_purpose")
    if ("evidence" in names) == ("evidence" in own):
        found.append("evidence must stand in a field or for the source, in one of the two")
    if own.get("evidence", "published") not in EVIDENCE:
        found.append("unknown evidence class")
    pattern = re.compile(own.get("file_name", ""))
    if "period" not in pattern.groupindex:
        found.append("file_name has no group period")
    elif not pattern.fullmatch(own["example"]) or resource["path"] != own["example"]:
        found.append("the example's name is not the agreed one")
    return found


def field_faults(field: dict) -> list[str]:
    own, found = field.get("lagebild", {}), []
    if len(field.get("description") or "") < 15:
        found.append("no description")
    if not isinstance(field.get("title"), str):
        found.append("no title")
    if field.get("type") not in TYPES:
        found.append("unknown type")
    if field.get("type") == "date" and not field.get("format"):
        found.append("a date without its format")
    if own.get("privacy", "keep") not in {"keep", *PERSONAL}:
        found.append("unknown privacy")
    if own.get("optional") and "default" not in own and field.get("constraints", {}).get("required"):
        found.append("optional without a default")
    if field["name"] == "evidence" and not set(own.get("map", {}).values()) <= EVIDENCE:
        found.append("maps to an unknown evidence class")
    if field["name"].endswith(("_persons", "_eur", "_pct")) and not re.search(
        r"EUR|percent|number of persons|\bas a number", field["description"]
    ):
        found.append("the description names no unit")
    return found


def test_every_source_has_a_contract():
    assert {path.parent.name for path in SOURCES.glob("*/contract.yml")} == SOURCE_IDS


@pytest.mark.parametrize("source", sorted(SOURCE_IDS))
def test_contract_is_complete(source):
    descriptor = contract(source)
    assert descriptor["name"] == source
    assert faults(descriptor) == []


@pytest.mark.parametrize("source", sorted(SOURCE_IDS))
def test_the_example_has_the_contracts_columns(source):
    descriptor = contract(source)
    (resource,) = descriptor["resources"]
    path = ROOT / "ingest" / "bundled" / source / descriptor["lagebild"]["example"]
    assert path.exists()
    if resource["format"] == "csv" and descriptor["lagebild"]["reader"] == "csv":
        text = path.read_bytes().decode(resource["encoding"])
        if descriptor["lagebild"].get("excel_text"):
            text = text.replace('="', '"')
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=resource["dialect"]["delimiter"]))
        may_lack = {
            field["title"] for field in resource["schema"]["fields"] if field.get("lagebild", {}).get("optional")
        }
        lacking = may_lack - set(header) if descriptor["lagebild"].get("optional_apart") else set()
        titles = [field["title"] for field in resource["schema"]["fields"]]
        assert header == [title for title in titles if title not in lacking]


def test_the_register_lets_no_identifier_through():
    privacy = {
        field["title"]: field.get("lagebild", {}).get("privacy", "keep")
        for field in contract("register")["resources"][0]["schema"]["fields"]
    }
    assert privacy["Ordnungsmerkmal"] == "pseudonym"
    assert [privacy[title] for title in ("AZR-Nummer", "IdNr", "Familienname", "Vorname")] == ["drop"] * 4
    assert privacy["Geburtsdatum"] == "year"
    # What was not agreed from the beginning is read nowhere unless an operator says so.
    assert privacy["Geburtsland"] == "background" and privacy["Zuzug aus"] == privacy["Fortzug nach"] == "origin"
    fields = contract("register")["resources"][0]["schema"]["fields"]
    assert {field["title"] for field in fields if field.get("lagebild", {}).get("switch")} == {
        "Stadtbezirk", "Geburtsland", "Migrationshintergrund", "Zuzug aus", "Fortzug nach", "Zuzugsdatum",
        "Fortzugsdatum",
    }  # fmt: skip


def without(key: str, place: str = "lagebild"):
    def spoil(descriptor):
        del (descriptor[place] if place else descriptor)[key]

    return spoil


def set_in_field(name: str, **entries):
    def spoil(descriptor):
        field = next(f for f in descriptor["resources"][0]["schema"]["fields"] if f["name"] == name)
        field.update(entries)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (without("legal_basis"), "personal fields without a legal_basis"),
        (without("pseudonym_purpose"), "a pseudonym without a pseudonym_purpose"),
        (without("licenses", place=""), "licenses is missing"),
        (without("schedule"), "lagebild.schedule is missing"),
        (set_in_field("sex", description=""), "sex: no description"),
        (set_in_field("sex", lagebild={"privacy": "hash"}), "sex: unknown privacy"),
        (set_in_field("moved_in_on", format=None), "moved_in_on: a date without its format"),
        (set_in_field("birth_year", type="datum"), "birth_year: unknown type"),
        (set_in_field("evidence", lagebild={"map": {"echt": "real"}}), "evidence: maps to an unknown evidence class"),
        (lambda d: d["lagebild"].update(evidence="published"), "evidence must stand in a field or for the source"),
        (lambda d: d["lagebild"].update(example="melderegister.csv"), "the example's name is not the agreed one"),
    ],
)
def test_a_spoiled_contract_is_seen(spoil, fault):
    descriptor = deepcopy(contract("register"))
    spoil(descriptor)
    assert any(found.startswith(fault) for found in faults(descriptor)), faults(descriptor)
