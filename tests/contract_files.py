"""Small contracts for tests: written as files, so that they are read as any other is."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from ingest import contracts
from ingest.contracts import Contract
from ingest.deliveries.pseudonyms import KeyChain
from ingest.reading import values
from ingest.reading.values import BadValue

MOVES: dict[str, Any] = {
    "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
    "name": "moves",
    "title": "Moves",
    "description": "Moves into and out of residences, for tests.",
    "licenses": [{"name": "EUPL-1.2"}],
    "sources": [{"title": "made up"}],
    "resources": [
        {
            "name": "move",
            "path": "moves_2021.csv",
            "format": "csv",
            "encoding": "utf-8",
            "dialect": {"delimiter": ";"},
            "schema": {
                "primaryKey": ["moved_in_on"],
                "fields": [
                    {
                        "name": "moved_in_on",
                        "title": "Einzug",
                        "description": "Day of moving in.",
                        "type": "date",
                        "format": "%d.%m.%Y",
                        "constraints": {"required": True},
                    },
                    {
                        "name": "moved_out_on",
                        "title": "Auszug",
                        "description": "Day of moving out.",
                        "type": "date",
                        "format": "%d.%m.%Y",
                    },
                    {
                        "name": "nationality_code",
                        "title": "Staatsangehörigkeit",
                        "description": "Nationality key with three digits.",
                        "type": "string",
                    },
                ],
            },
        }
    ],
    "lagebild": {
        "owner": "tests",
        "retention": "P5Y",
        "reader": "csv",
        "file_name": r"^moves_(?P<period>\d{4}(-\d{2})?)\.csv$",
        "example": "moves_2021.csv",
        "evidence": "synthetic",
        "schedule": "0 4 * * *",
        "due": {"every": "year", "lag": "P6M", "reason": "The tests expect it."},
        "max_rejected": 0,
    },
}


def descriptor(**own: Any) -> dict[str, Any]:
    """The small contract, with entries under `lagebild:` added or replaced."""
    made = deepcopy(MOVES)
    made["lagebild"] |= own
    return made


def fields(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Its fields by name, to be changed in place."""
    return {field["name"]: field for field in made["resources"][0]["schema"]["fields"]}


def write(folder: Path, made: dict[str, Any]) -> Path:
    """The contract file of a descriptor, in a folder of its name."""
    path = folder / made["name"] / "contract.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(made, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def read(folder: Path, made: dict[str, Any]) -> Contract:
    return contracts.read(write(folder, made))


def row_check(contract: Contract, header: list[str]) -> Callable[[int, list[str]], Any]:
    """The rules of each field on one record: a list of raw's values (evidence last), or the first breach."""
    layout = contract.layout_for(header, None)
    key = KeyChain("05913000", "test", (b"k" * 32,))

    def check(line: int, texts: list[str]) -> list[Any] | BadValue:
        if len(texts) != len(layout.fields):
            return BadValue("field_count", f"{len(texts)} fields")
        row, evidence = [], contract.evidence
        try:
            for field, text in zip(layout.fields, texts, strict=True):
                found = values.cells(field, text, contract.missing_values, key)
                if field.name == "evidence":
                    (evidence,) = found
                else:
                    row += found
        except BadValue as bad:
            return bad
        return [*row, evidence]

    return check


def is_rejected(row: Any) -> bool:
    return not isinstance(row, list)
