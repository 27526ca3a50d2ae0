"""Recognise file types by their first bytes, to refuse unsupported workbooks by name."""

import os
import zipfile
from typing import BinaryIO

from ingest import archive
from ingest.scan import Refused

_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLDER = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00")
"""How workbooks before Excel 5 begin."""
_SAVE_AS = "open it in a spreadsheet, save it as an Excel workbook (.xlsx), and send that"
_AGAIN = "ask the supplier for the file again"


def refuse_others(file: BinaryIO, reader: str | None) -> None:
    """Refuse unsupported files by name: old and encrypted workbooks, and XLSX if text was agreed.

    The file is left at its beginning. `reader` is the contract's; None if there is no contract yet.
    """
    if not file.seekable():
        return
    start = _start(file)
    if start.startswith(_OLE2):
        _refuse_ole2(start, file)
    if start.startswith(_OLDER):
        raise Refused("an old Excel workbook (.xls): save as .xlsx", _SAVE_AS)
    if start.startswith(b"PK\x03\x04"):
        _refuse_zip(file, reader)
    elif reader == "xlsx" and start.lstrip(b"\xef\xbb\xbf\r\n\t ").startswith(b"<"):
        raise Refused("a page of HTML or XML under the name of a workbook: save as .xlsx", _SAVE_AS)
    file.seek(0)


def _start(file: BinaryIO) -> bytes:
    """The first bytes of a file, without moving in it if that is possible."""
    try:
        return os.pread(file.fileno(), 512, 0)
    except OSError:  # no file of the system, but one in memory or in an archive
        file.seek(0)
        return file.read(512)


def _refuse_ole2(start: bytes, file: BinaryIO) -> None:
    """By the names in its directory, whose sector the header says; without one it is taken for a workbook."""
    size = 1 << min(int.from_bytes(start[30:32], "little"), 16)
    file.seek((int.from_bytes(start[48:52], "little") + 1) * size)
    names = file.read(8 * size)
    if "EncryptedPackage".encode("utf-16-le") in names:
        raise Refused("a workbook encrypted with a password", "save it without a password, and send it again")
    if "WordDocument".encode("utf-16-le") in names or "PowerPoint Document".encode("utf-16-le") in names:
        raise Refused("an old document of Word or PowerPoint, no table", _AGAIN)
    raise Refused("an old Excel workbook (.xls): save as .xlsx", _SAVE_AS)


def _refuse_zip(file: BinaryIO, reader: str) -> None:
    try:
        with zipfile.ZipFile(file) as packed:
            names = {name.replace("\\", "/").lower() for name in packed.namelist()[: archive.MAX_MEMBERS]}
            kind = packed.read("mimetype")[:100] if "mimetype" in names and "content.xml" in names else b""
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return  # whoever opens it says so
    if "xl/workbook.bin" in names:
        raise Refused("a binary Excel workbook (.xlsb): save as .xlsx", _SAVE_AS)
    if b"opendocument" in kind:
        raise Refused("an OpenDocument table (.ods): save as .xlsx", _SAVE_AS)
    if reader not in ("xlsx", None) and "xl/workbook.xml" in names:
        raise Refused("an Excel workbook (.xlsx), and not the text that is agreed", "save it as CSV, as agreed")
