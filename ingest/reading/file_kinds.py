"""Recognise file types by their first bytes, to refuse unsupported workbooks by name."""

import os
import zipfile
from typing import BinaryIO

from ingest.contracts.messages import Message
from ingest.reading import archive
from ingest.reading.refused import Refused

_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLDER = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00")
"""How workbooks before Excel 5 begin."""
_SAVE_AS = Message("save_as_xlsx")


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
        raise Refused(Message("old_workbook"), _SAVE_AS)
    if start.startswith(b"PK\x03\x04"):
        _refuse_zip(file, reader)
    elif reader == "xlsx" and start.lstrip(b"\xef\xbb\xbf\r\n\t ").startswith(b"<"):
        raise Refused(Message("page_as_workbook"), _SAVE_AS)
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
        raise Refused(Message("workbook_encrypted"), Message("save_without_password"))
    if "WordDocument".encode("utf-16-le") in names or "PowerPoint Document".encode("utf-16-le") in names:
        raise Refused(Message("old_document"), Message("ask_supplier_again"))
    raise Refused(Message("old_workbook"), _SAVE_AS)


def _refuse_zip(file: BinaryIO, reader: str) -> None:
    try:
        with zipfile.ZipFile(file) as packed:
            names = {name.replace("\\", "/").lower() for name in packed.namelist()[: archive.MAX_MEMBERS]}
            kind = packed.read("mimetype")[:100] if "mimetype" in names and "content.xml" in names else b""
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return  # whoever opens it says so
    if "xl/workbook.bin" in names:
        raise Refused(Message("binary_workbook"), _SAVE_AS)
    if b"opendocument" in kind:
        raise Refused(Message("opendocument_table"), _SAVE_AS)
    if reader not in ("xlsx", None) and "xl/workbook.xml" in names:
        raise Refused(Message("workbook_for_text"), Message("save_as_csv"))
