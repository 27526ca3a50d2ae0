"""`datapackage.json`: what the files are, column by column, and where the figures come from (Data Package 2.0)."""

import hashlib
import json
from datetime import date
from typing import Any

from extracts.contents import Contents
from extracts.marts import Column, Mart
from extracts.tables import DIALECT, FALSE, TRUE, written_columns

_TYPES = {"text": "string", "integer": "integer", "number": "number", "date": "date", "datetime": "datetime"}


def descriptor_bytes(contents: Contents, files: dict[str, bytes]) -> bytes:
    """The descriptor of `files` (name -> bytes): the CSV files of the marts and the workbook."""
    return (json.dumps(descriptor(contents, files), ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def descriptor(contents: Contents, files: dict[str, bytes]) -> dict[str, Any]:
    """The descriptor as Python values."""
    publication = contents.publication
    resources = [_mart_resource(contents, mart, files[f"{mart.entry.name}.csv"]) for mart in contents.marts]
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": f"lagebild-publication-{publication.publication_id}",
        "title": contents.package.title,
        "description": contents.package.description,
        "version": str(publication.publication_id),
        "created": f"{publication.published_at:%Y-%m-%dT%H:%M:%SZ}",
        **_optional("licenses", _distinct(x for a in contents.attributions.values() for x in a["licenses"])),
        **_optional("sources", _distinct(x for a in contents.attributions.values() for x in a["sources"])),
        "resources": [
            *resources,
            {
                "name": "workbook",
                "path": "lagebild.xlsx",
                "title": "The same marts as a workbook, with notes",
                "format": "xlsx",
                "mediatype": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                **_fingerprint(files["lagebild.xlsx"]),
            },
        ],
        "lagebild": {
            "publication_id": publication.publication_id,
            "code_version": publication.code_version,
            "model_versions": contents.model_versions,
            "deliveries": contents.deliveries,
            "accepted_in_spite_of_a_finding": [
                {name: f"{value}" if isinstance(value, date) else value for name, value in acceptance.items()}
                for acceptance in contents.acceptances
            ],
            "evidence": contents.package.evidence,
        },
    }


def _mart_resource(contents: Contents, mart: Mart, data: bytes) -> dict[str, Any]:
    captions = contents.captions(mart.entry)
    used = contents.used_by(mart.entry.name)
    attributions = [contents.attributions[source] for source in dict.fromkeys(row["source"] for row in used)]
    return {
        "name": mart.entry.name,
        "path": f"{mart.entry.name}.csv",
        "title": mart.entry.title[contents.texts.language],
        "description": "\n\n".join(filter(None, [mart.description, *captions])),
        "type": "table",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "dialect": DIALECT,
        **_fingerprint(data),
        **_optional("licenses", _distinct(x for a in attributions for x in a["licenses"])),
        **_optional("sources", _distinct(x for a in attributions for x in a["sources"])),
        "schema": {
            "fields": [_field(contents, column) for column in written_columns(mart)],
            "primaryKey": list(mart.entry.key),
            "missingValues": [""],
        },
        "lagebild": {
            "rows": len(mart.rows),
            "deliveries": [{k: v for k, v in row.items() if k not in ("mart", "model_version")} for row in used],
        },
    }


def _field(contents: Contents, column: Column) -> dict[str, Any]:
    field = {
        "name": column.name,
        "title": contents.label(column.name),
        **({"description": column.description} if column.description else {}),
    }
    if column.kind == "boolean":
        return field | {"type": "boolean", "trueValues": [TRUE], "falseValues": [FALSE]}
    if column.kind == "number":
        return field | {"type": "number", "decimalChar": ","}
    return field | {"type": _TYPES[column.kind]}


def _fingerprint(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "hash": f"sha256:{hashlib.sha256(data).hexdigest()}"}


def _optional(name: str, values: list[Any]) -> dict[str, list[Any]]:
    # The profile allows no empty list here.
    return {name: values} if values else {}


def _distinct(values: Any) -> list[Any]:
    return [json.loads(text) for text in dict.fromkeys(json.dumps(value, sort_keys=True) for value in values)]
