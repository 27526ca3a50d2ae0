"""A delivery's header, where its contract says it stands, without the rest: for `lagebild source fit` and `check`."""

import io
from pathlib import Path

from ingest.contracts import Contract
from ingest.reading import archive
from ingest.reading.formats import genesis, wegweiser, workbook
from ingest.reading.readers import DELIMITED, refuse_others
from ingest.reading.readers import head as head_of

HEAD_BYTES = 2**24


def head(contract: Contract, file: Path) -> bytes:
    """As much of a file as `header_of` needs: all of an archive or workbook, the beginning of anything else."""
    with file.open("rb") as stream:
        start = stream.read(HEAD_BYTES + 1)
        is_whole = contract.member or contract.reader in ("xlsx", "wegweiser") or start.startswith(b"PK\x03\x04")
        return start + stream.read() if is_whole else start


def header_of(contract: Contract, content: bytes, period: str | None = None) -> list[str] | None:
    """The header as loading reads it, stacked rows joined; None if the layout has none (fixed width)."""
    file = io.BytesIO(content)
    refuse_others(contract, file, is_packed=archive.is_agreed(contract))
    if contract.reader == "fixed_width":
        return None
    if contract.reader in DELIMITED:
        return head_of(contract, archive.stream(contract, file) if contract.member else file, period).titles
    content = archive.unpack(contract, content)
    if contract.reader == "xlsx":
        return workbook.Table.of(contract, content).header
    if contract.reader == "wegweiser":  # made of JSON
        return wegweiser.read(contract, content).header
    return genesis.header(contract, content if len(content) <= HEAD_BYTES else _whole_lines(content))[0]


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n", 0, HEAD_BYTES) + 1]
