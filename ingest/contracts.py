"""Contracts: what a source's deliveries look like, as `sources/<source>/contract.yml`.

A contract is a Frictionless Data Package 2.0 descriptor; what that standard lacks (privacy,
file names, evidence, schedule) stands under its `lagebild:` key. `ingest/sources/README.md`
explains every entry.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lagebild.errors import UserError

SOURCES = Path(__file__).parent / "sources"
EVIDENCE = ("published", "delivered", "derived", "derived_from_result", "synthetic")
PERSONAL = ("pseudonym", "drop", "year")
_SQL_TYPES = {
    "string": "text",
    "integer": "bigint",
    "number": "numeric",
    "date": "date",
    "year": "integer",
    "boolean": "boolean",
}


@dataclass(frozen=True)
class Field:
    """One column of a delivery: its header in the file, its type there, and its name in raw."""

    name: str
    title: str
    description: str
    type: str
    format: str
    decimal_char: str
    group_char: str
    required: bool
    pattern: re.Pattern[str] | None
    enum: frozenset[str] | None
    minimum: Any
    maximum: Any
    privacy: str
    signs: bool
    mapping: dict[str, str] | None
    optional: bool
    default: str | None

    @property
    def is_personal(self) -> bool:
        return self.privacy in PERSONAL

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Columns (name, SQL type) this field becomes in raw: none when it is dropped at landing."""
        if self.privacy == "drop":
            return []
        sql_type = {"pseudonym": "text", "year": "integer"}.get(self.privacy) or _SQL_TYPES[self.type]
        sign = [(f"{self.name}_sign", "text")] if self.signs else []
        return [(self.name, sql_type), *sign]


@dataclass(frozen=True)
class Contract:
    """A source's contract; `version` changes whenever the file changes."""

    source: str
    path: Path
    version: str
    title: str
    description: str
    owner: str
    entity: str
    encoding: str
    delimiter: str
    quote: str
    sheet: str | None
    header_rows: tuple[int, ...]
    header_join: str
    reader: str
    file_name: re.Pattern[str]
    example: str
    missing_values: frozenset[str]
    fields: tuple[Field, ...]
    evidence: str | None
    schedule: str
    max_rejected: int
    pseudonym_purpose: str | None
    primary_key: tuple[str, ...]
    double_quote: bool
    """A quote inside a quoted field is doubled."""
    escape: str | None
    """Stands before a quote inside a quoted field."""
    excel_text: bool
    """Cells may be written `="..."`, as Excel wants them to keep leading zeros."""

    @property
    def table(self) -> str:
        """Name of the raw table, without its schema."""
        return f"{self.source}__{self.entity}"

    @property
    def has_personal_fields(self) -> bool:
        return any(field.is_personal for field in self.fields)

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Columns (name, SQL type) of the raw table, in order, without the ledger's own two."""
        columns = [column for field in self.fields for column in field.columns if field.name != "evidence"]
        return [*columns, ("evidence", "text")]

    def line_of(self, text: str) -> int:
        """The first line of the contract file that holds `text`, for messages; 1 if none does."""
        lines = self.path.read_text().splitlines()
        return next((n for n, line in enumerate(lines, 1) if text in line), 1)


def sources() -> list[str]:
    """Every source id, sorted."""
    return sorted(path.parent.name for path in SOURCES.glob("*/contract.yml"))


@cache
def load(source: str) -> Contract:
    """Read the contract of `source`; UserError names the file and the entry that is wrong."""
    path = SOURCES / source / "contract.yml"
    if not path.exists():
        raise UserError(f"there is no source {source!r}", remedy=f"one of: {', '.join(sources())}")
    return read(path)


def read(path: Path) -> Contract:
    """Read a contract file; the source id is the name of its folder."""
    text = path.read_bytes()
    descriptor = yaml.safe_load(text)
    try:
        return _contract(path, text, descriptor)
    except (KeyError, TypeError, ValueError, re.error) as error:
        entry = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{path}: {entry}", remedy="ingest/sources/README.md explains every entry") from error


def _contract(path: Path, text: bytes, descriptor: dict[str, Any]) -> Contract:
    (resource,) = descriptor["resources"]
    own, dialect = descriptor["lagebild"], resource.get("dialect", {})
    fields = tuple(_field(entry) for entry in resource["schema"]["fields"])
    key = resource["schema"].get("primaryKey", [])
    evidence = own.get("evidence")
    has_evidence_field = any(field.name == "evidence" for field in fields)
    if has_evidence_field == (evidence is not None):
        raise ValueError("evidence stands either under lagebild: for the source or in a field, in one of the two")
    if evidence is not None and evidence not in EVIDENCE:
        raise ValueError(f"evidence {evidence!r} is none of {', '.join(EVIDENCE)}")
    if any(field.is_personal for field in fields) and not own.get("legal_basis"):
        raise ValueError("personal fields without a legal_basis under lagebild: such a source does not load")
    if any(field.privacy == "pseudonym" for field in fields) and not own.get("pseudonym_purpose"):
        raise ValueError("a pseudonym field needs pseudonym_purpose under lagebild:")
    return Contract(
        source=path.parent.name,
        path=path,
        version=hashlib.sha256(text).hexdigest()[:12],
        title=descriptor["title"],
        description=descriptor["description"],
        owner=own["owner"],
        entity=resource["name"],
        encoding=resource.get("encoding", "utf-8"),
        delimiter=dialect.get("delimiter", ","),
        quote=dialect.get("quoteChar", '"'),
        sheet=dialect.get("sheetName"),
        header_rows=tuple(dialect.get("headerRows", [1])),
        header_join=dialect.get("headerJoin", " "),
        reader=own["reader"],
        file_name=re.compile(own["file_name"]),
        example=own["example"],
        missing_values=frozenset(resource["schema"].get("missingValues", [""])),
        fields=fields,
        evidence=evidence,
        schedule=own["schedule"],
        max_rejected=int(own["max_rejected"]),
        pseudonym_purpose=own.get("pseudonym_purpose"),
        primary_key=(key,) if isinstance(key, str) else tuple(key),
        double_quote=dialect.get("doubleQuote", True),
        escape=dialect.get("escapeChar"),
        excel_text=own.get("excel_text", False),
    )


def _field(entry: dict[str, Any]) -> Field:
    constraints, own = entry.get("constraints", {}), entry.get("lagebild", {})
    if entry["type"] not in _SQL_TYPES:
        raise ValueError(f"field {entry['name']}: type {entry['type']!r} is none of {', '.join(_SQL_TYPES)}")
    privacy = own.get("privacy", "keep")
    if privacy != "keep" and privacy not in PERSONAL:
        raise ValueError(f"field {entry['name']}: privacy {privacy!r} is none of keep, {', '.join(PERSONAL)}")
    return Field(
        name=entry["name"],
        title=entry["title"],
        description=entry["description"],
        type=entry["type"],
        format=entry.get("format", "%d.%m.%Y"),
        decimal_char=entry.get("decimalChar", "."),
        group_char=entry.get("groupChar", ""),
        required=bool(constraints.get("required", False)),
        pattern=re.compile(constraints["pattern"]) if "pattern" in constraints else None,
        enum=frozenset(constraints["enum"]) if "enum" in constraints else None,
        minimum=constraints.get("minimum"),
        maximum=constraints.get("maximum"),
        privacy=privacy,
        signs=bool(own.get("signs", False)),
        mapping=own.get("map"),
        optional=bool(own.get("optional", False)),
        default=own.get("default"),
    )
