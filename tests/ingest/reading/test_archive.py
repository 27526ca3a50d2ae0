"""Archives and workbooks are opened within bounds of time and memory, whatever they claim to hold."""

import io
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from ingest import contracts
from ingest.reading import archive, header, readers
from ingest.reading.formats import workbook_parts
from ingest.reading.refused import Refused
from tests.contract_files import descriptor, read
from tests.support import bundled_bytes

CSV = "Einzug;Auszug;Staatsangehörigkeit\n01.01.2020;;125\n".encode()
FUNDING = contracts.load("funding")


@pytest.fixture
def zipped(tmp_path: Path) -> contracts.Contract:
    """A contract whose deliveries are a zip with one CSV."""
    return read(
        tmp_path,
        descriptor(member=r"^moves_\d{4}\.csv$", file_name=r"^moves_(?P<period>\d{4})\.zip$", example="moves_2021.zip"),
    )


def packed(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content, compress_type=zipfile.ZIP_DEFLATED)
    return out.getvalue()


def refusal(contract: contracts.Contract, content: bytes) -> str:
    """What is said, after no more than 10 seconds and 64 MB beyond the file itself."""
    tracemalloc.start()
    start = time.monotonic()
    with pytest.raises(Refused) as caught:
        list(readers.read(contract, content).rows)
    seconds = time.monotonic() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 10
    assert peak < 64 * 2**20 + 4 * len(content)
    assert caught.value.remedy
    return caught.value.message


def test_the_one_member_is_read(zipped):
    content = packed(("moves_2021.csv", CSV))
    assert [fields for _, fields in readers.read(zipped, content).rows] == [["01.01.2020", "", "125"]]
    assert archive.stream(zipped, io.BytesIO(content)).read() == CSV


def test_without_a_member_in_the_contract_nothing_is_unpacked():
    assert archive.unpack(contracts.load("ledger"), b"PK\x03\x04") == b"PK\x03\x04"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([], "0 members of the archive match"),
        ([("other.csv", CSV)], "it holds other.csv"),
        ([("moves_2020.csv", CSV), ("moves_2021.csv", CSV)], "2 members of the archive match"),
        ([("moves_2021.csv", CSV), ("readme.txt", b"x")], "2 files instead of one, such as readme.txt"),
        ([("../../moves_2021.csv", CSV)], "leads out of it"),
        ([("/etc/moves_2021.csv", CSV)], "leads out of it"),
        ([("C:\\moves_2021.csv", CSV)], "leads out of it"),
        ([("a\\..\\moves_2021.csv", CSV)], "leads out of it"),
        ([("moves_2021.csv", b"")], "the file is empty"),
    ],
)
def test_what_is_not_one_plain_member_is_refused(zipped, members, said):
    assert said in refusal(zipped, packed(*members))


@pytest.mark.parametrize("name", ["../moves_2021.csv", "/tmp/moves_2021.csv", "a\\..\\moves_2021.csv"])
def test_a_path_that_leads_out_of_the_archive_writes_nothing(zipped, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.parent.rglob("*"))
    for refused in (archive.stream, readers.open_source):
        with pytest.raises(Refused, match="leads out of it"):
            refused(zipped, io.BytesIO(packed((name, CSV))))
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_a_symbolic_link_is_refused(zipped):
    link = zipfile.ZipInfo("moves_2021.csv")
    link.external_attr = 0o120777 << 16
    assert "symbolic link" in refusal(zipped, packed((link, b"/etc/passwd")))


def test_an_encrypted_member_is_refused(zipped):
    content = bytearray(packed(("moves_2021.csv", CSV)))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(mark) + offset
        content[at : at + 2] = struct.pack("<H", 1)
    assert "encrypted" in refusal(zipped, bytes(content))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", CSV, packed(("moves_2021.csv", CSV))[:-30]])
def test_what_is_no_archive_is_refused(zipped, content):
    assert "archive" in refusal(zipped, content) or content == b""


def test_a_bomb_is_refused_before_it_unpacks(zipped):
    content = packed(("moves_2021.csv", b"0" * 200 * 2**20))
    assert "more than 200 times its size" in refusal(zipped, content)


def test_a_delivery_beyond_the_bound_is_refused(zipped, monkeypatch):
    monkeypatch.setattr(archive, "MAX_BYTES_IN_MEMORY", 2**20)
    assert "more than 1 MB" in refusal(zipped, packed(("moves_2021.csv", CSV * 50_000)))


def test_a_directory_that_understates_the_size_is_no_way_around(zipped):
    content = bytearray(packed(("moves_2021.csv", CSV * 1000)))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.rindex(mark) + offset
        content[at : at + 4] = struct.pack("<I", 10)
    assert "damaged" in refusal(zipped, bytes(content))


def test_a_changed_byte_is_seen(zipped):
    content = bytearray(packed(("moves_2021.csv", CSV * 100)))
    content[60] ^= 0xFF
    assert "damaged" in refusal(zipped, bytes(content))


def test_thousands_of_members_are_refused(zipped):
    assert "entries" in refusal(zipped, packed(*((f"{n}.csv", b"") for n in range(1_500))))
    assert "entries" in refusal(zipped, packed(*((f"{n:0100}.csv", b"") for n in range(10_000))))


def test_a_bomb_is_refused_before_a_row_of_it_is_read(zipped):
    """As the loader reads delimited text out of a zip: as a stream."""
    content = packed(("moves_2021.csv", CSV + b"0" * 200 * 2**20))
    tracemalloc.start()
    with pytest.raises(Refused, match="200 times its size"):
        readers.open_source(zipped, io.BytesIO(content))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 2**20


def test_the_header_of_a_large_zipped_delivery_is_found(zipped, monkeypatch):
    monkeypatch.setattr(archive, "MAX_BYTES_IN_MEMORY", 2**10)
    titles = CSV.decode().split("\n")[0].split(";")
    assert header.header_of(zipped, packed(("moves_2021.csv", CSV * 100))) == titles


def test_delimited_text_out_of_a_zip_costs_no_memory(zipped):
    lines = b"".join(b"%02d.01.20%02d;;125\n" % (1 + n % 28, n % 100) for n in range(2**20))
    content = packed(("moves_2021.csv", CSV + lines))
    tracemalloc.start()
    source = readers.open_source(zipped, io.BytesIO(content))
    for _ in source.blocks():
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert source.records == 1 + 2**20 and len(lines) > 15 * 2**20
    assert peak < 3 * 2**24


# --- workbooks --------------------------------------------------------------------------------------


def workbook(sheet: str, strings: str = "") -> bytes:
    """The bundled workbook with its first sheet, and its shared strings, replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bundled_bytes("funding"))) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                content = sheet.encode()
            if name == "xl/sharedStrings.xml" and strings:
                content = strings.encode()
            new.writestr(name, content, compress_type=zipfile.ZIP_DEFLATED)
    return out.getvalue()


SPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def test_an_honest_workbook_passes():
    readers.read(FUNDING, bundled_bytes("funding"))


def test_a_large_honest_workbook_passes():
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for row in range(5_000):
            sheet.write_row(row, 0, [f"Name {row}", row, "gleich", 0.5])
    assert len(workbook_parts.Book(out.getvalue()).sheet("Sheet1").rows) == 5_000


def test_one_cell_at_the_far_corner_is_refused():
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    sheet = f"<worksheet {SPACE}><sheetData>{rows}</sheetData></worksheet>"
    assert "spans 1048576 rows and 16384 columns" in refusal(FUNDING, workbook(sheet))


def test_cells_without_a_reference_are_counted_too(monkeypatch):
    monkeypatch.setattr(workbook_parts, "MAX_CELLS", 1000)
    rows = "<row><c><v>1</v></c><c><v>2</v></c></row>" * 501
    assert "spans 501 rows and 2 columns" in refusal(
        FUNDING, workbook(f"<worksheet {SPACE}><sheetData>{rows}</sheetData></worksheet>")
    )


def test_a_long_string_in_many_cells_is_refused():
    cells = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 20_000))
    strings = f"<sst {SPACE}><si><t>{'x' * 20_000}</t></si></sst>"
    assert "characters" in refusal(
        FUNDING, workbook(f"<worksheet {SPACE}><sheetData>{cells}</sheetData></worksheet>", strings)
    )


def test_a_workbook_that_unpacks_to_gigabytes_is_refused():
    sheet = f"<worksheet {SPACE}><sheetData>{' ' * 300 * 2**20}</sheetData></worksheet>"
    assert "200 times its size" in refusal(FUNDING, workbook(sheet))


def test_many_members_within_the_ratio_are_refused_together(monkeypatch):
    monkeypatch.setattr(archive, "MAX_WORKBOOK_BYTES", 10_000)
    assert "unpacks to more than" in refusal(FUNDING, bundled_bytes("funding"))


def test_entities_are_refused():
    sheet = f'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><worksheet {SPACE}><sheetData/></worksheet>'
    assert "entities" in refusal(FUNDING, workbook(sheet))


def test_a_sheet_that_is_no_xml_is_refused():
    assert "is no XML" in refusal(FUNDING, workbook("<worksheet"))
