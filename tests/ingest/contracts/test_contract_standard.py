"""Contracts are Data Package 2.0: by the official JSON schema, and by frictionless as far as it goes."""

import hashlib
import importlib
import json
from copy import deepcopy
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from ingest import contracts
from ingest.contracts import check as contract_check
from ingest.reading.readers import read
from tests.contract_files import descriptor, fields, is_rejected, row_check
from tests.support import bundled_bytes

OFFICIAL_SHA256 = "a9ef0fc168b3402ae7aa7d22bbcb798e0db6b639e7ee15ff4aa177463cea7112"


def plain(source: str) -> dict:
    return yaml.safe_load((contracts.SOURCES / source / "contract.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def frictionless() -> ModuleType:
    return importlib.import_module("frictionless")


def frictionless_errors(frictionless: ModuleType, made: dict) -> list[str]:
    return [error.message for error in frictionless.Package.validate_descriptor(made).errors]


def test_the_official_schema_is_unchanged_and_holds_resource_dialect_and_table_schema():
    assert hashlib.sha256(contract_check.SCHEMA.read_bytes()).hexdigest() == OFFICIAL_SHA256
    schema = json.loads(contract_check.SCHEMA.read_text(encoding="utf-8"))
    resource = schema["properties"]["resources"]["items"]["properties"]
    assert {"delimiter", "quoteChar", "headerRows"} <= set(resource["dialect"]["properties"])
    assert {"fields", "fieldsMatch", "uniqueKeys"} <= set(
        resource["schema"]["properties"]
    )  # 1.0 has neither of the last
    licence = (contract_check.SCHEMA.parent / "LICENSE.datapackage.md").read_text()
    assert "Open Knowledge Foundation" in licence and "The MIT License" in licence


@pytest.mark.parametrize("source", contracts.sources())
def test_frictionless_takes_every_contract(frictionless, source):
    assert frictionless_errors(frictionless, plain(source)) == []
    package = frictionless.Package.from_descriptor(plain(source))
    assert [field.name for field in package.resources[0].schema.fields] == [
        f.name for f in contracts.load(source).fields
    ]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"type": "datum"}, "datum"),
        ({"constraints": {"required": "yes"}}, "boolean"),
        ({"title": 5}, "string"),
    ],
)
def test_both_refuse_what_is_wrong(frictionless, entries, said):
    made = deepcopy(descriptor())
    fields(made)["moved_in_on"].update(entries)
    assert any(said in message for message in frictionless_errors(frictionless, made))
    assert any(said in message for _, message in contract_check._standard(made))


@pytest.mark.parametrize("source", ["ledger", "register"])
def test_frictionless_rejects_no_row_that_loads(frictionless, source, tmp_path: Path):
    """The same file, its headers replaced by the fields' names, which is where frictionless looks."""
    contract, made = contracts.load(source), plain(source)
    header, _, rest = bundled_bytes(source).decode(contract.encoding).partition("\n")
    there = contract.layout_for(header.strip().split(contract.delimiter), None).fields
    names = contract.delimiter.join(field.name for field in there)
    schema = made["resources"][0]["schema"]  # frictionless knows no column that may be missing
    schema["fields"] = [field for field in schema["fields"] if field["name"] in {field.name for field in there}]
    schema["primaryKey"] = [name for name in schema["primaryKey"] if name in {field.name for field in there}]
    (tmp_path / contract.example).write_bytes((names + "\n" + rest).encode(contract.encoding))
    package = frictionless.Package.from_descriptor(made | {"lagebild": {}}, basepath=str(tmp_path))
    report = package.validate(limit_errors=1000)
    refused = {error.row_number for task in report.tasks for error in task.errors}
    records = read(contract, bundled_bytes(source))
    check = row_check(contract, records.header)
    rejected = {line for line, texts in records.rows if is_rejected(check(line, texts))}
    assert refused <= rejected
    assert bool(refused) == (source == "register")


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ({"groupChar": 5}, "it does not look at groupChar and decimalChar of an integer"),
        ({"lagebild": {"privacy": "hash"}}, "our own entries are none of its business"),
    ],
)
def test_what_frictionless_does_not_support(frictionless, entries, why):
    """Gaps of frictionless 5; when one closes, this fails, and ingest/sources/README.md says less."""
    made = deepcopy(descriptor())
    fields(made)["nationality_code"].update({"type": "integer"} | entries)
    assert frictionless_errors(frictionless, made) == [], why


def test_frictionless_does_not_read_thousands_of_integers(frictionless):
    field = frictionless.fields.IntegerField.from_descriptor({"name": "a", "type": "integer", "groupChar": "."})
    assert field.read_cell("1.234")[0] is None
