"""Contracts of sources, found, read and kept: the product's and a city's own."""

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from ingest.contracts import quality as quality_rules
from ingest.contracts.entries import change, code_list, counted, due, duration, field_of, retirement, rule
from ingest.contracts.model import ALL, Contract
from lagebild.core import settings, yaml_files
from lagebild.core.errors import UserError, did_you_mean

SOURCES = Path(__file__).parents[1] / "sources"
OWN_SOURCES = "sources"
"""Folder of a city's configuration in which it describes sources of its own (`own_sources.py`)."""


def sources() -> list[str]:
    """Every source id, sorted: the product's, and a city's own."""
    folders = (SOURCES, settings.load().config / OWN_SOURCES)
    return sorted({path.parent.name for folder in folders for path in folder.glob("*/contract.yml")})


def is_own(source: str) -> bool:
    """Whether a source is a city's own."""
    return not (SOURCES / source).exists()


def path_of(source: str) -> Path:
    """The contract of a source; UserError if there is none."""
    path = (settings.load().config / OWN_SOURCES if is_own(source) else SOURCES) / source / "contract.yml"
    if not path.is_file():
        meant = did_you_mean(source, sources())
        raise UserError(f"there is no source {source!r}", remedy=f"{meant}one of: {', '.join(sources())}")
    return path


def load(source: str) -> Contract:
    """Read the contract of `source`; UserError names the file, the line and the entry that is wrong."""
    path = path_of(source)
    found = path.stat()
    return _loaded(path, (found.st_mtime_ns, found.st_size))


def is_about_persons(source: str) -> bool:
    """Whether a source may contain personal data; True for a removed source, whose contract is unknown."""
    return source not in sources() or load(source).has_personal_fields


@cache
def _loaded(path: Path, written: tuple[int, int]) -> Contract:
    """`written` changes if the file changes while this process runs."""
    return read(path)


def read(path: Path) -> Contract:
    """Read a contract file; the source id is the name of its folder. UserError lists everything that is wrong."""
    from ingest.contracts import check

    text = path.read_bytes()
    problems = check.own_findings(path, text)
    if problems:
        raise UserError("\n".join(map(str, problems)), remedy="ingest/sources/README.md explains every entry")
    return build(path, text, yaml_files.parsed(text))


def build(path: Path, text: bytes, descriptor: dict[str, Any]) -> Contract:
    """The contract of a descriptor without findings."""
    (resource,) = descriptor["resources"]
    own, dialect, schema = descriptor["lagebild"], resource.get("dialect", {}), resource["schema"]
    code_lists = {name: code_list(path.parent, name, entry) for name, entry in own.get("code_lists", {}).items()}
    fields = tuple(field_of(entry, code_lists) for entry in schema["fields"])
    files = sorted(codes.file for codes in code_lists.values() if codes.file)
    key = schema.get("primaryKey", [])
    return Contract(
        source=path.parent.name,
        path=path,
        version=hashlib.sha256(b"".join([text, *(file.read_bytes() for file in files)])).hexdigest()[:12],
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
        missing_values=frozenset(schema.get("missingValues", [""])),
        fields=fields,
        evidence=own.get("evidence"),
        schedule=own["schedule"],
        due=due(own["due"]),
        retired=retirement(own["retired"]) if "retired" in own else None,
        max_rejected=own["max_rejected"],
        suite=own.get("suite"),
        pseudonym_purpose=own.get("pseudonym_purpose"),
        legal_basis=own.get("legal_basis"),
        retention=duration(own["retention"]),
        contact=own.get("contact"),
        primary_key=(key,) if isinstance(key, str) else tuple(key),
        history=own.get("history"),
        periods=own.get("periods", ALL),
        rules=tuple(rule(entry, {field.name: field for field in fields}) for entry in own.get("rules", [])),
        code_lists=code_lists,
        changes=tuple(change(entry) for entry in own.get("layouts", [])),
        double_quote=dialect.get("doubleQuote", True),
        escape=dialect.get("escapeChar"),
        line_terminator=dialect.get("lineTerminator"),
        optional_apart=own.get("optional_apart", False),
        excel_text=own.get("excel_text", False),
        footer=re.compile(own["footer"]) if "footer" in own else None,
        member=re.compile(own["member"]) if "member" in own else None,
        record_length=own.get("record_length"),
        german=own.get("german", {}),
        initial_space=dialect.get("skipInitialSpace", False),
        ordered=own.get("ordered", False),
        counted=counted(own["counted"]) if "counted" in own else None,
        quality=tuple(map(quality_rules.read, own.get("quality", []))),
    )
