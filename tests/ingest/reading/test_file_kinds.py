"""Workbooks that nobody here reads are refused by their name, whatever the contract's reader and whoever looks."""

import bz2
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest import contracts
from ingest.onboarding import propose
from ingest.reading import file_kinds, readers
from ingest.reading.header import header_of
from ingest.reading.refused import Refused
from lagebild.core.settings import ROOT
from tests.ingest.reading.sheets import xlsx
from tests.support import deliver

CASES = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared") / "cases"
SOURCES = ("funding", "employment", "azr_nrw", "genesis", "wegweiser", "register")
"""One of each reader that has a bundled source, and one of persons."""
REMEDY = "open it in a spreadsheet, save it as an Excel workbook (.xlsx), and send that"


def ole2(*streams: str) -> bytes:
    """A compound file with a directory of these streams in its second sector."""
    head = bytearray(512)
    head[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    head[30:32], head[48:52] = (9).to_bytes(2, "little"), (1).to_bytes(4, "little")
    entries = b"".join(name.encode("utf-16-le").ljust(128, b"\x00") for name in ("Root Entry", *streams))
    return bytes(head) + bytes(512) + entries.ljust(1024, b"\x00")


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, content in members.items():
            packed.writestr(name.replace("__", "/").replace("_xml", ".xml").replace("_bin", ".bin"), content)
    return out.getvalue()


KINDS = {
    "xls": (ole2("Workbook"), "an old Excel workbook (.xls): save as .xlsx", REMEDY),
    "xls of Excel 5": (ole2("Book"), "an old Excel workbook (.xls): save as .xlsx", REMEDY),
    "a head and nothing else": (ole2()[:512], "an old Excel workbook (.xls): save as .xlsx", REMEDY),
    "xls before Excel 5": (
        b"\x09\x04\x06\x00\x00\x00\x10\x00" * 9,
        "an old Excel workbook (.xls): save as .xlsx",
        REMEDY,
    ),
    "encrypted": (
        ole2("EncryptionInfo", "EncryptedPackage"),
        "a workbook encrypted with a password",
        "save it without a password, and send it again",
    ),
    "doc": (
        ole2("WordDocument"),
        "an old document of Word or PowerPoint, no table",
        "ask the supplier for the file again",
    ),
    "xlsb": (zipped(xl__workbook_bin=b"x"), "a binary Excel workbook (.xlsb): save as .xlsx", REMEDY),
    "ods": (
        zipped(mimetype=b"application/vnd.oasis.opendocument.spreadsheet", content_xml=b"<x/>"),
        "an OpenDocument table (.ods): save as .xlsx",
        REMEDY,
    ),
}


TEXT = "Jahr;Wert\n2024;1\n" * 20
PACKED = {
    "gzip (.gz)": gzip.compress(TEXT.encode()),
    "bzip2 (.bz2)": bz2.compress(TEXT.encode()),
    "xz (.xz)": lzma.compress(TEXT.encode()),
    "7-Zip (.7z)": b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(range(256)),
    "RAR (.rar)": b"Rar!\x1a\x07\x01\x00" + bytes(range(256)),
    "Zstandard (.zst)": b"\x28\xb5\x2f\xfd" + bytes(range(256)),
}
NO_TABLE = {
    "a PDF document": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj",
    "an image": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "a formatted text (.rtf)": b"{\\rtf1\\ansi",
    "a Parquet file": b"PAR1" + bytes(range(256)),
    "a SQLite database": b"SQLite format 3\x00" + bytes(64),
}
WIDE = {
    "UTF-16": ["utf-16", "utf-16-le", "utf-16-be"],
    "UTF-32": ["utf-32"],
}
"""Python writes a mark with those that do not say which byte comes first."""


def looks(source: str) -> dict[str, Callable[[bytes], object]]:
    contract = contracts.load(source)
    return {
        "load": lambda content: readers.open_source(contract, io.BytesIO(content)),
        "read": lambda content: readers.read(contract, content),
        "fit": lambda content: header_of(contract, content),
        "propose": lambda content: propose.proposal(contract.example, content),
    }


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", KINDS)
def test_other_kinds_are_refused_by_name(kind, source):
    content, message, remedy = KINDS[kind]
    for name, look in looks(source).items():
        with pytest.raises(Refused) as refused:
            look(content)
        assert (refused.value.message, refused.value.remedy) == (message, remedy), name
        assert all("im Original" not in said.told("de") for said in (refused.value.message, refused.value.remedy))


@pytest.mark.parametrize("source", SOURCES)
def test_packed_files_and_what_is_no_table_are_refused_by_name(source):
    for named, kinds in (("packed by {}, and not the file itself", PACKED), ("{}, and no table", NO_TABLE)):
        for kind, content in kinds.items():
            for look in looks(source).values():
                with pytest.raises(Refused) as refused:
                    look(content)
                assert named.format(kind) in refused.value.message
                assert all(
                    "im Original" not in said.told("de") for said in (refused.value.message, refused.value.remedy)
                )


@pytest.mark.parametrize("source", [source for source in SOURCES if source not in ("funding", "genesis")])
def test_a_zip_where_none_is_agreed_is_called_one(source):
    with pytest.raises(Refused, match=r"packed by ZIP \(\.zip\)") as refused:
        readers.open_source(contracts.load(source), io.BytesIO(zipped(a_csv=TEXT.encode())))
    assert refused.value.remedy == "unpack it, and send the file that is in it"


@pytest.mark.parametrize("source", [source for source in SOURCES if source != "funding"])
@pytest.mark.parametrize("kind", WIDE)
def test_wide_text_is_called_what_it_is(source, kind):
    for encoding in WIDE[kind]:
        for name, look in looks(source).items():
            if name == "propose" and encoding == "utf-16":  # which a contract can name
                continue
            with pytest.raises(Refused, match=f"the file is {kind}") as refused:
                look(TEXT.encode(encoding))
            is_named = name != "propose" and contracts.load(source).reader in readers.ENCODED
            assert ("name its encoding at" in refused.value.remedy) == is_named
            assert "im Original" not in refused.value.remedy.told("de")


def test_wide_text_that_is_agreed_and_text_that_is_not_wide_are_read():
    for content in (b"\xff", b"", b"a", b"a\x00", "ä;ö\n".encode(), "北京;東京\n".encode() * 9):
        file_kinds.refuse_others(io.BytesIO(content), "csv", "utf-8")
    for encoding in ("utf-16", "UTF_16_LE", "utf-32"):
        file_kinds.refuse_others(io.BytesIO(TEXT.encode(encoding)), "csv", encoding)


@pytest.mark.parametrize("page", [b"<!DOCTYPE html>\n<html>", b"\xef\xbb\xbf\n<HTML lang=de>"])
def test_a_web_page_where_text_is_agreed_is_called_one(page):
    for source in ("employment", "register", "azr_nrw"):
        with pytest.raises(Refused, match=r"a web page \(HTML\), and no table"):
            readers.open_source(contracts.load(source), io.BytesIO(page))


def test_a_page_or_an_old_xml_table_is_no_workbook():
    for content in (b"<html><table>", b'\xef\xbb\xbf<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>'):
        with pytest.raises(Refused, match="HTML or XML under the name of a workbook"):
            readers.open_source(contracts.load("funding"), io.BytesIO(content))


@pytest.mark.parametrize("source", [source for source in SOURCES if source != "funding"])
def test_a_workbook_where_text_is_agreed_is_called_one(source):
    with pytest.raises(Refused, match="not the text that is agreed"):
        readers.open_source(contracts.load(source), io.BytesIO(xlsx([["a"], ["b"]])))


def test_a_zip_that_is_no_workbook_is_none():
    with pytest.raises(Refused, match="no xl/workbook.xml"):
        readers.open_source(contracts.load("funding"), io.BytesIO(zipped(a=b"x")))
    with pytest.raises(Refused, match="not an XLSX workbook"):
        readers.open_source(contracts.load("funding"), io.BytesIO(b"PK\x03\x04 and no more"))


def test_the_ledger_names_an_old_workbook_and_what_to_do(warehouse):
    delivery = deliver(warehouse, "funding", KINDS["xls"][0], "funding_programmes_2029.xlsx")
    assert delivery.state == "refused" and f"an old Excel workbook (.xls): save as .xlsx - {REMEDY}" in delivery.reason


@pytest.mark.parametrize("name", ["funding_programmes_2037.xlsx", "zuzug_2024.xls"])
def test_the_cases_of_old_workbooks(name):
    path = CASES / "old_xls" / name
    if not path.exists():
        pytest.skip(f"the cases are not here: {CASES}")
    for look in looks("funding").values():
        with pytest.raises(Refused, match="an old Excel workbook"):
            look(path.read_bytes())
