"""Fields of a contract that are read only where their operator says what for, and by which law.

`fields:` in `<config>/contracts/<source>.yml`, an entry a field and municipality. Without one a file that has the
column is refused, and raw holds nothing of it. Why: docs/decisions/register-switched-fields.md.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ingest.contracts import form, model
from ingest.contracts.form import Place
from ingest.contracts.model import Contract

FIELDS = "fields"
_SAID = ("purpose", "legal_basis")


def switched(contract: Contract, entries: list[dict[str, Any]], municipality: str | None) -> Contract:
    """The contract with the fields that entries without findings switch on for a municipality (AGS)."""
    told = [entry for entry in entries if entry.get("municipality") in (None, municipality)]
    if not told:
        return contract
    said = json.dumps(told, sort_keys=True, default=str)
    version = hashlib.sha256(f"{contract.version} {said}".encode()).hexdigest()[:12]
    return replace(contract, version=version, switched_on=frozenset(entry["name"] for entry in told))


def findings(contract: Contract, entries: list[Any]) -> Iterator[tuple[Place, str]]:
    """What is wrong with the entries, each with its place below `fields:`."""
    known = [field.name for field in contract.fields if field.has_switch]
    has_municipality = "ags" in contract.file_name.groupindex
    misshapen = {one.place[1]: one.message for one in form.findings("own_layouts", {FIELDS: entries})}
    before: list[tuple[Any, Any]] = []
    for number, entry in enumerate(entries):
        if number in misshapen:
            yield (number,), misshapen[number]
            continue
        name, municipality = str(entry["name"]), entry.get("municipality")
        if name not in known:
            there = f"there are {', '.join(known)}" if known else f"{contract.path} has none"
            yield (number, "name"), f"{name} is no field with a switch: {there}{form.meant(name, known)}"
        if missing := [key for key in _SAID if not str(entry.get(key) or "").strip()]:
            line = model.switch_entry(name, municipality)
            yield (number,), f"{name} has no {' and no '.join(missing)}, and is not read without; write {line}"
        if has_municipality and municipality is None:
            yield (number,), f"{name} has no municipality: each decides for itself"
        if (name, municipality) in before:
            yield (number,), f"{name} stands twice for {municipality or 'all files'}"
        before.append((name, municipality))
