"""Sources that a city describes itself: `<config>/sources/<source>/contract.yml`, a contract as any other.

`contracts.sources` names them beside the product's, so that they are loaded, gated, kept in the ledger and get a table
as those are. No model reads them: their rows end in raw.
"""

import re
from pathlib import Path

from ingest.contracts import check, reader
from ingest.contracts.check import Finding
from ingest.contracts.inbox_names import RECEIPTS, TAKEN
from ingest.contracts.messages import Message
from ingest.contracts.model import Contract, normal_title
from lagebild.core.errors import UserError

_ID = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def every(config: Path) -> list[Contract]:
    """The contract of each source of a city; UserError lists everything that is wrong."""
    if wrong := findings(config):
        raise UserError(
            Message("own_sources_wrong", findings="\n".join(map(str, wrong))), remedy=Message("mend_own_sources")
        )
    return [reader.load(path.name) for path in _folders(config)]


def findings(config: Path) -> list[Finding]:
    """Errors that prevent loading a city's sources, by file and line."""
    found = []
    for folder in _folders(config):
        path = folder / "contract.yml"
        if not path.is_file():
            found.append(Finding(folder, 1, "holds no contract.yml"))
        elif (reader.SOURCES / folder.name).exists():
            said = "the product has a source of this name: give yours another, such as that of your city before it"
            found.append(Finding(path, 1, said))
        elif not _ID.fullmatch(folder.name) or folder.name in (TAKEN, RECEIPTS):
            said = "the folder's name is not small letters and digits, parted by one underscore, or one of an inbox"
            found.append(Finding(path, 1, said))
        else:
            found += check.own_findings(path, path.read_bytes()) or _of_persons(reader.read(path))
    return found


def _of_persons(contract: Contract) -> list[Finding]:
    """Columns that a contract of the product drops, shortens or makes pseudonyms of, and this one keeps."""
    known = {
        normal_title(field.title).casefold(): (field.privacy, path.parent.name)
        for path in sorted(reader.SOURCES.glob("*/contract.yml"))
        for field in reader.load(path.parent.name).fields
        if field.is_personal
    }
    found = []
    for field in contract.fields:
        privacy, source = known.get(normal_title(field.title).casefold(), (None, None))
        if privacy and not field.is_personal:
            said = f"{field.name}: {field.title!r} is a column about persons in {source}: give it privacy: {privacy}"
            found.append(Finding(contract.path, contract.line_of(f"title: {field.title}"), said))
    return found


def digests(config: Path) -> list[str]:
    """Each source with the version of its contract, as text: a part of the code version of a build."""
    return [f"{contract.source} {contract.version}" for contract in every(config)]


def _folders(config: Path) -> list[Path]:
    folder = config / reader.OWN_SOURCES
    return sorted(folder.glob("[!.]*")) if folder.is_dir() else []
