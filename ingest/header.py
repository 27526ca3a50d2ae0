"""A delivery's header, where its contract says it stands, without the rest: for `contracts fit` and `check`."""

import csv
import io
import re
from itertools import zip_longest
from pathlib import Path

from ingest import archive, file_kinds, genesis, wegweiser, workbook
from ingest.contracts import Contract
from ingest.readers import Refused

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
    """The header, stacked rows joined; None where the layout has none (fixed width)."""
    file_kinds.refuse_others(io.BytesIO(content), contract.reader)
    if contract.reader == "fixed_width":
        return None
    if contract.reader == "xlsx":
        return workbook.Table.of(contract, archive.unpack(contract, content)).header
    if contract.reader == "wegweiser":  # made of JSON
        return wegweiser.read(contract, archive.unpack(contract, content)).header
    if contract.member and contract.reader == "csv":
        content = archive.stream(contract, io.BytesIO(content)).read(HEAD_BYTES + 1)
    else:
        content = archive.unpack(contract, content)
    rows = _text_rows(contract, content)
    if not rows:
        raise Refused("there is no header", "ask the supplier for the file again")
    if contract.header_rows == (1,):
        stacked = [next((row for row in rows if any(row)), rows[0])]
    else:
        stacked = [rows[number - 1] for number in contract.header_rows if number <= len(rows)]
    columns = zip_longest(*stacked, fillvalue="")
    joined = [contract.header_join.join(filter(None, cells)) for cells in columns]
    return genesis.flat_header(joined) if contract.reader == "genesis" else joined


def _text_rows(contract: Contract, content: bytes) -> list[list[str]]:
    # Names of columns have no line breaks to speak of: twenty lines behind the header's last are plenty.
    try:
        text = content[:HEAD_BYTES].decode(contract.encoding, "strict" if len(content) <= HEAD_BYTES else "ignore")
    except UnicodeDecodeError as error:
        where = f"{contract.path}:{contract.line_of('encoding')}"
        raise Refused(f"byte {error.start} is not {contract.encoding}", f"name the encoding at {where}") from error
    if contract.excel_text:
        text = re.sub(rf"(?m)(^|{re.escape(contract.delimiter)})={contract.quote}", rf"\1{contract.quote}", text)
    lines = io.StringIO(text, newline="")
    reader = csv.reader(
        lines,
        delimiter=contract.delimiter,
        quotechar=contract.quote,
        doublequote=contract.double_quote,
        escapechar=contract.escape,
    )
    return [row for row, _ in zip(reader, range(max(contract.header_rows) + 20), strict=False)]
