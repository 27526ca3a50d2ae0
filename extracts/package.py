"""What belongs into a package: `package.yml`, read and checked."""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from lagebild.core import yaml_files
from lagebild.core.errors import UserError

ROOM = Path(__file__).parent
PACKAGE = ROOM / "package.yml"
DATA = "daten/"
"""The folder of a package in which its data lies."""
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Reference:
    """Columns whose values are found in columns of a mart; where none of them has a value, nothing is."""

    columns: tuple[str, ...]
    mart: str
    to: tuple[str, ...]


@dataclass(frozen=True)
class MartEntry:
    """One mart of the package: its name, titles, grain, and whose caption its figures need."""

    name: str
    title: dict[str, str]
    """By language."""
    key: tuple[str, ...]
    caption: str | None
    figures: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of a figure whose columns have other names than usual: `sign`, `reason` (columns), `empty` (a status)."""
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class Package:
    """The package's contents and the texts that stand in it."""

    title: str
    description: str
    marts: tuple[MartEntry, ...]
    evidence: dict[str, dict[str, str]]
    speaks_of_every_delivery: frozenset[str]
    """Sources whose contract names publisher and licence of whatever is delivered."""
    names_the_publisher: frozenset[str]
    """Sources whose contract names the publisher of whatever is delivered, and not its licence."""


@cache
def load(path: Path = PACKAGE) -> Package:
    """Read `package.yml`; raise UserError for a mart whose name could name anything but a mart."""
    content = yaml_files.read(path)
    for mart in content["marts"]:
        if not IDENTIFIER.fullmatch(mart["name"]):
            raise UserError(
                f"{path}: {mart['name']!r} is not the name of a mart",
                remedy="name a mart of schema marts, without its schema; nothing else is released",
            )
    return Package(
        title=content["title"],
        description=content["description"].strip(),
        marts=tuple(
            MartEntry(m["name"], m["title"], tuple(m["key"]), m.get("caption"), m.get("figures") or {}, _references(m))
            for m in content["marts"]
        ),
        evidence=content["evidence"],
        speaks_of_every_delivery=frozenset(content["contracts"]["speak_of_every_delivery"]),
        names_the_publisher=frozenset(content["contracts"]["name_the_publisher"]),
    )


def _references(mart: dict[str, Any]) -> tuple[Reference, ...]:
    stated = mart.get("references") or []
    return tuple(Reference(tuple(one["columns"]), one["mart"], tuple(one["to"])) for one in stated)
