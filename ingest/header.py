"""A delivery's header, where its contract says it stands, without the rest: for `contracts fit` and `check`."""

import io
from itertools import zip_longest
from pathlib import Path

import python_calamine

from ingest import archive, genesis, wegweiser
from ingest.contracts import Contract, normal_title
from ingest.readers import DELIMITED, Refused
from ingest.readers import head as head_of

HEAD_BYTES = 2**24


def head(contract: Contract, file: Path) -> bytes:
    """As much of a file as `header_of` needs: all of an archive or workbook, the beginning of anything else."""
    with file.open("rb") as stream:
        return (
            stream.read()
            if contract.member or contract.reader in ("xlsx", "wegweiser")
            else stream.read(HEAD_BYTES + 1)
        )


def header_of(contract: Contract, content: bytes) -> list[str] | None:
    """The header as loading reads it, stacked rows joined; None where the layout has none (fixed width)."""
    if contract.reader == "fixed_width":
        return None
    if contract.reader in DELIMITED:
        file = io.BytesIO(content)
        return head_of(contract, archive.stream(contract, file) if contract.member else file).titles
    content = archive.unpack(contract, content)
    if contract.reader == "wegweiser":  # made of JSON
        return wegweiser.read(contract, content).header
    if contract.reader == "genesis":
        return genesis.header(contract, content if len(content) <= HEAD_BYTES else _whole_lines(content))[0]
    rows = _workbook_rows(contract, content)
    if not rows:
        raise Refused("there is no header", "ask the supplier for the file again")
    if contract.header_rows == (1,):
        stacked = [next((row for row in rows if any(row)), rows[0])]
    else:
        stacked = [rows[number - 1] for number in contract.header_rows if number <= len(rows)]
    columns = zip_longest(*stacked, fillvalue="")
    return [normal_title(contract.header_join.join(filter(None, cells))) for cells in columns]


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n", 0, HEAD_BYTES) + 1]


def _workbook_rows(contract: Contract, content: bytes) -> list[list[str]]:
    archive.guard_workbook(content)
    workbook = python_calamine.load_workbook(io.BytesIO(content))
    if contract.sheet not in workbook.sheet_names:
        where = f"{contract.path}:{contract.line_of('sheetName')}"
        raise Refused(f"there is no sheet {contract.sheet!r}", f"name the sheet at {where}")
    rows = workbook.get_sheet_by_name(contract.sheet).to_python(skip_empty_area=False)
    return [[str(cell) for cell in row] for row in rows]
