"""Recognise file types by their first bytes, to refuse by name what cannot be read: workbooks, packed files, UTF-16."""

import codecs
import os
import re
import zipfile
from typing import BinaryIO

from ingest.contracts.messages import Message
from ingest.reading import archive
from ingest.reading.refused import Refused

_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLDER = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00")
"""How workbooks before Excel 5 begin."""
_SAVE_AS = Message("save_as_xlsx")
_ZIP = b"PK\x03\x04"
_PACKED = {
    b"\x1f\x8b\x08": "gzip (.gz)",
    b"7z\xbc\xaf\x27\x1c": "7-Zip (.7z)",
    b"Rar!\x1a\x07": "RAR (.rar)",
    b"\xfd7zXZ\x00": "xz (.xz)",
    b"\x28\xb5\x2f\xfd": "Zstandard (.zst)",
    _ZIP: "ZIP (.zip)",
}
_BZIP2 = re.compile(rb"BZh[1-9]1AY&SY")
_NO_TABLE = {
    b"%PDF-": "kind_pdf", b"\x89PNG\r\n": "kind_image", b"\xff\xd8\xff": "kind_image", b"GIF8": "kind_image",
    b"{\\rtf": "kind_rich_text", b"PAR1": "kind_parquet", b"SQLite format 3\x00": "kind_sqlite",
}  # fmt: skip
_PAGE = re.compile(rb"\s*<(!doctype html|html)\b", re.IGNORECASE)
_WIDE_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32", codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}  # fmt: skip
"""The longer ones first: that of UTF-32 begins with that of UTF-16."""


def refuse_others(
    file: BinaryIO, reader: str | None, encoding: str = "", place: str = "", is_packed: bool = False
) -> None:
    """Refuse unsupported files by name: old and encrypted workbooks, XLSX if text was agreed, packed files, UTF-16 if
    another encoding was agreed, and what is no table.

    The file is left at its beginning. `reader`, `encoding` and its `place` are the contract's; None if there is no
    contract yet. `is_packed`: a ZIP archive is what was agreed, or may be.
    """
    if not file.seekable():
        return
    start = _start(file)
    _refuse_packed(start, is_packed or reader in ("xlsx", None))
    _refuse_no_table(start, reader)
    if reader != "xlsx" and not start.startswith(_ZIP):
        _refuse_wide(start, encoding, place, has_contract=reader is not None)
    if start.startswith(_OLE2):
        _refuse_ole2(start, file)
    if start.startswith(_OLDER):
        raise Refused(Message("old_workbook"), _SAVE_AS)
    if start.startswith(_ZIP):
        _refuse_zip(file, reader)
        if not is_packed and reader not in ("xlsx", None):
            raise Refused(Message("packed", program=_PACKED[_ZIP]), Message("ask_unpacked"))
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


def _refuse_packed(start: bytes, may_be_zip: bool) -> None:
    found = next((program for sign, program in _PACKED.items() if sign != _ZIP and start.startswith(sign)), None)
    found = "bzip2 (.bz2)" if _BZIP2.match(start) else found
    if found:
        raise Refused(Message("packed", program=found), Message("ask_zip" if may_be_zip else "ask_unpacked"))


def _refuse_no_table(start: bytes, reader: str | None) -> None:
    kind = next((kind for sign, kind in _NO_TABLE.items() if start.startswith(sign)), None)
    if reader not in ("xlsx", None) and _PAGE.match(start.removeprefix(codecs.BOM_UTF8)):
        kind = "kind_page"
    if kind:
        raise Refused(Message("no_table", kind=Message(kind)), Message("ask_table"))


def _refuse_wide(start: bytes, encoding: str, place: str, has_contract: bool) -> None:
    """Refuse text of two or four bytes a character, unless agreed; without a contract UTF-16 with a mark is good."""
    if encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32")):
        return
    found = next((name for mark, name in _WIDE_MARKS.items() if start.startswith(mark)), None)
    if found == "UTF-16" and not has_contract:
        return
    found = found or _unmarked(start)
    if found:
        remedy = Message("save_in_encoding", encoding=encoding, place=place) if place else Message("save_as_utf8")
        raise Refused(Message("text_is_wide", found=found), remedy)


def _unmarked(start: bytes) -> str | None:
    """UTF-16 without a mark: of Western texts every other byte is zero, and hardly one between them is."""
    even, odd = start[0::2], start[1::2]
    shares = [part.count(0) / max(len(part), 1) for part in (even, odd)]
    return "UTF-16" if len(odd) >= 4 and max(shares) >= 0.7 and min(shares) <= 0.1 else None


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
