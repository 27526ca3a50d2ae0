"""What belongs into a package: `package.yml`, read and checked."""

import re
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from extracts.model import Recipient
from lagebild.core import yaml_files
from lagebild.core.errors import UserError
from lagebild.warehouse import relations
from lagebild.warehouse.relations import Reference as Reference

ROOM = Path(__file__).parent
PACKAGE = ROOM / "package.yml"
PUBLIC, INTERNAL = "marts", "marts_internal"
DATA = "daten/"
"""The folder of a package in which its data lies."""
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")


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
    schema: str = PUBLIC
    """Schema that shows it: `marts`, or `marts_internal` of what a statistics unit alone receives."""


@dataclass(frozen=True)
class Package:
    """The package's contents and the texts that stand in it."""

    marts: tuple[MartEntry, ...]
    internal: tuple[MartEntry, ...]
    """Marts that recipients with profile `statistics_unit` receive beside the others."""
    evidence: dict[str, dict[str, str]]
    speaks_of_every_delivery: frozenset[str]
    """Sources whose contract names publisher and licence of whatever is delivered."""
    names_the_publisher: frozenset[str]
    """Sources whose contract names the publisher of whatever is delivered, and not its licence."""

    def marts_of(self, profile: str) -> tuple[MartEntry, ...]:
        """The marts that recipients with this profile can receive."""
        return self.marts + (self.internal if profile == "statistics_unit" else ())

    @property
    def every(self) -> tuple[MartEntry, ...]:
        """Every mart that some recipient can receive."""
        return self.marts_of("statistics_unit")

    def of(self, recipient: Recipient) -> "Package":
        """What one recipient receives: their marts, in the order of the package."""
        marts = tuple(m for m in self.marts_of(recipient.profile) if not recipient.marts or m.name in recipient.marts)
        return replace(self, marts=marts, internal=())


@cache
def load(path: Path = PACKAGE) -> Package:
    """Read `package.yml`; raise UserError for a mart whose name could name anything but a mart."""
    content = yaml_files.read(path)
    internal = content.get("internal") or []
    for mart in [*content["marts"], *internal]:
        if not IDENTIFIER.fullmatch(mart["name"]):
            raise UserError(
                f"{path}: {mart['name']!r} is not the name of a mart",
                remedy="name a mart of schema marts, without its schema; nothing else is released",
            )
    return Package(
        marts=tuple(_entry(mart, PUBLIC) for mart in content["marts"]),
        internal=tuple(_entry(mart, INTERNAL) for mart in internal),
        evidence=content["evidence"],
        speaks_of_every_delivery=frozenset(content["contracts"]["speak_of_every_delivery"]),
        names_the_publisher=frozenset(content["contracts"]["name_the_publisher"]),
    )


def _entry(mart: dict[str, Any], schema: str) -> MartEntry:
    figures, caption = mart.get("figures") or {}, mart.get("caption")
    references = relations.of(mart["name"]).references
    return MartEntry(mart["name"], mart["title"], tuple(mart["key"]), caption, figures, references, schema)
