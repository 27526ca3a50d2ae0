"""Both flat layouts of GENESIS are read by one contract; the service's fault reports are no data."""

import csv
import io
import os
import re
import zipfile
from copy import deepcopy
from decimal import Decimal
from pathlib import Path

import pytest

from ingest import contracts
from ingest.reading import readers, refused
from ingest.reading.formats import genesis
from ingest.reading.formats.genesis import agreed_name
from ingest.reading.header import header_of
from ingest.reading.refused import Refused
from tests.contract_files import descriptor, read, row_check
from tests.ingest.support import load_content
from tests.support import query

ROOT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared")
SAMPLES = sorted((SHARED / "samples" / "genesis_ffcsv").glob("*.csv"))
HTTP = SHARED / "samples" / "genesis_http"

# Written by this project in the layouts of the service; the figures are made up.
FLAT = """\ufeffstatistics_code;statistics_label;time_code;time_label;time;1_variable_code;1_variable_label;\
1_variable_attribute_code;1_variable_attribute_label;value;value_unit;value_variable_code;value_variable_label
99999;Beispiel;STAG;Stichtag;2024-12-31;KREISE;Kreise;05913;"Dortmund; kreisfreie Stadt";1234,5;Anzahl;BSP001;Beispiele
99999;Beispiel;STAG;Stichtag;2024-12-31;DINSG;Deutschland;DG;Deutschland;-;Anzahl;BSP001;Beispiele
"""
WIDE = """Statistik_Code;Statistik_Label;Zeit_Code;Zeit_Label;Zeit;1_Merkmal_Code;1_Merkmal_Label;\
1_Auspraegung_Code;1_Auspraegung_Label;     BSP001__Beispiele__Anzahl
99999;Beispiel;STAG;Stichtag;31.12.2019;KREISE;Kreise;05913;Dortmund, kreisfreie Stadt;1000,5
99999;Beispiel;STAG;Stichtag;31.12.2019;KREISE;Kreise;05754;Gütersloh, Kreis;/
"""
HEADERS = {
    "statistics_code": "Statistik_Code",
    "statistics_label": "Statistik_Label",
    "time_code": "Zeit_Code",
    "time_label": "Zeit_Label",
    "reference_date": "Zeit",
    "region_variable_code": "1_Merkmal_Code",
    "region_variable_label": "1_Merkmal_Label",
    "region_code": "1_Auspraegung_Code",
    "region_name": "1_Auspraegung_Label",
    "value": "BSP001__Beispiele__Anzahl",
}
OLD = {
    "name": "wide",
    "to": 2023,
    "headers": HEADERS,
    "formats": {"reference_date": "%d.%m.%Y"},
    "without": {"value_unit": "Anzahl", "value_variable_code": "BSP001", "value_variable_label": "Beispiele"},
}
NAMES = [*HEADERS, "value_unit", "value_variable_code", "value_variable_label"]


def example(tmp_path, encoding="utf-8-sig"):
    made = deepcopy(descriptor(reader="genesis", layouts=[OLD]))
    titles = FLAT.removeprefix("\ufeff").split("\n")[0].split(";")
    listed = [
        {"name": name, "title": title, "description": "as the service names it", "type": "string"}
        for name, title in zip(NAMES, titles, strict=True)
    ]
    listed[4] |= {"type": "date", "format": "%Y-%m-%d"}
    listed[9] |= {"type": "number", "decimalChar": ",", "lagebild": {"signs": True}}
    made["resources"][0] |= {"encoding": encoding}
    made["resources"][0]["schema"] = {"primaryKey": ["reference_date", "region_code"], "fields": listed}
    return read(tmp_path, made)


def refusal(contract, content: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        list(readers.read(contract, content).rows)
    return caught.value


def test_the_layout_since_2025_is_read(tmp_path):
    contract = example(tmp_path)
    records = readers.read(contract, FLAT.encode())
    check = row_check(contract, records.header)
    first, second = [check(line, fields) for line, fields in records.rows]
    assert records.count == 2
    assert first[8] == "Dortmund; kreisfreie Stadt"
    assert first[9:11] == [Decimal("1234.5"), None]
    assert second[9:11] == [None, "-"]


def test_the_wide_layout_of_the_archives_fills_the_same_fields(tmp_path):
    contract = example(tmp_path, "iso-8859-1")
    records = readers.read(contract, WIDE.encode("iso-8859-1"))
    layout = contract.layout_for(records.header, "2019")
    assert layout.name == "wide"
    assert [field.name for field in layout.fields] == list(HEADERS)
    assert {field.name: value for field, value in layout.constants} == OLD["without"]
    rows = [dict(zip(HEADERS, fields, strict=True)) for _, fields in records.rows]
    assert [row["region_code"] for row in rows] == ["05913", "05754"]
    assert [row["value"] for row in rows] == ["1000,5", "/"]
    assert records.count == 2
    assert contract.layout_for(records.header, "2024") is None


@pytest.mark.parametrize(
    ("header", "shape"),
    [
        (FLAT.removeprefix("\ufeff").split("\n")[0], ("flat", 1, 0, False)),
        (FLAT.removeprefix("\ufeff").split("\n")[0] + ";value_q", ("flat", 1, 0, True)),
        (FLAT.removeprefix("\ufeff").split("\n")[0].replace("1_", "2_"), None),
        (";".join(title.strip() for title in WIDE.split("\n")[0].split(";")), ("wide", 1, 1, False)),
        ("Statistik_Code;Statistik_Label;Zeit_Code;Zeit_Label;Zeit;A__B__C;D__E__%", ("wide", 0, 2, False)),
        ("Statistik_Code;Statistik_Label;Zeit_Code;Zeit_Label;Zeit;Wert", None),
        ("Statistik_Code;Statistik_Label;Zeit_Code;Zeit_Label;Zeit", None),
        ("a;b", None),
    ],
)
def test_a_header_shows_its_layout(header, shape):
    found = genesis.shape_of(header.split(";"))
    assert (found and (found.layout, found.slots, len(found.measures), found.has_quality)) == shape


def test_another_unit_is_another_header(tmp_path):
    content = WIDE.replace("__Anzahl", "__1000").encode("iso-8859-1")
    found = refusal(example(tmp_path, "iso-8859-1"), content)
    assert "missing: BSP001__Beispiele__Anzahl; unknown: BSP001__Beispiele__1000" in found.message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            '{"Ident": {}, "Status": {"Code": 104, "Content": "Es gibt keine Objekte", "Type": "Information"}}',
            "code 104",
        ),
        ('{"Status": {"Code": 98, "Content": "zu groß"}}', "code 98"),
        ('{"Code": 15}', "code ?"),
        ("{" * 100_000, "code ?"),
        ("Tabelle: 12411-0010\n", "no flat layout"),
        (FLAT.replace("1_variable_code", "1_variable"), "no flat layout"),
        (FLAT.split("\n")[0] + "\n", "a header and no row"),
        (FLAT + '1;"open\n', "line 4"),
        (FLAT + "\x00", "a NUL byte"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, content, said):
    found = refusal(example(tmp_path, "utf-8-sig"), content.encode())
    assert said in found.message and found.remedy


def test_utf_8_may_begin_with_a_byte_order_mark_or_not(tmp_path):
    for encoding, content in (("utf-8", FLAT.encode()), ("utf-8-sig", FLAT.removeprefix("\ufeff").encode())):
        assert readers.read(example(tmp_path, encoding), content).header[0] == "statistics_code"


@pytest.mark.skipif(not SAMPLES, reason=f"the recorded flat files are not here: {SHARED}")
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_recorded_files_are_read_to_the_last_field(path, tmp_path):
    text = path.read_bytes().decode("utf-8-sig")
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=";")
    assert genesis.shape_of(header).layout == genesis.FLAT
    made = descriptor(reader="genesis")
    made["resources"][0]["encoding"] = "utf-8-sig"
    made["resources"][0]["schema"] = {
        "primaryKey": ["f0"],
        "fields": [
            {"name": f"f{n}", "title": title, "description": title, "type": "string"} for n, title in enumerate(header)
        ],
    }
    records = readers.read(read(tmp_path, made), path.read_bytes())
    assert [fields for _, fields in records.rows] == rows
    assert records.count == len(rows) > 0


@pytest.mark.skipif(not HTTP.exists(), reason=f"the recorded replies are not here: {SHARED}")
@pytest.mark.parametrize("name", ["code104_no_objects", "http401_code15_missing_credentials"])
def test_recorded_fault_reports_are_no_data(name, tmp_path):
    assert "report of the service" in refusal(example(tmp_path), (HTTP / f"{name}.json").read_bytes()).message


def table(slots: int, *rows: str, quality: bool = False) -> bytes:
    """A flat file with this many slots; each row is its slots' codes, then the value, then the quality flag."""
    parts = ("variable_code", "variable_label", "variable_attribute_code", "variable_attribute_label")
    header = ["statistics_code", "statistics_label", "time_code", "time_label", "time"]
    header += [f"{n}_{part}" for n in range(1, slots + 1) for part in parts]
    header += ["value", "value_unit", "value_variable_code", "value_variable_label"] + ["value_q"] * quality
    lines = [";".join(header)]
    for row in rows:
        *codes, value = row.split(";") if not quality else row.rsplit(";", 1)[0].split(";")
        texts = ["99999", "Beispiel", "STAG", "Stichtag", "2024-12-31"]
        texts += [text for n, code in enumerate(codes, 1) for text in (f"VAR{n}", f"Merkmal {n}", code, f"Wert {n}")]
        texts += [value, "Anzahl", "BSP001", "Beispiele"] + ([row.rsplit(";", 1)[1]] if quality else [])
        lines.append(";".join(texts))
    return ("\ufeff" + "\n".join(lines) + "\n").encode()


TABLES = contracts.load("genesis")
NAME = "99999-0001_2024_flat.csv"


@pytest.mark.parametrize("slots", [1, 3, 6])
@pytest.mark.parametrize("quality", [False, True])
def test_one_contract_reads_tables_of_any_width(warehouse, tmp_path, slots, quality):
    codes = ["05913", *("" for _ in range(slots - 1))]
    content = table(slots, ";".join([*codes, "12,5", "e"][: slots + 1 + quality]), quality=quality)
    delivery = load_content(warehouse, "genesis", content, NAME, tmp_path)
    assert (delivery.state, delivery.loaded, delivery.rejected) == ("loaded", 1, 0)
    columns = ", ".join(f"slot_{n}_variable_code, slot_{n}_code" for n in range(1, 7))
    (found,) = query(warehouse, f"select {columns}, value, value_unit, value_quality from raw.genesis__value")
    expected = [text for n in range(1, slots + 1) for text in (f"VAR{n}", codes[n - 1])] + [None, None] * (6 - slots)
    assert found == (*expected, Decimal("12.5"), "Anzahl", "e" if quality else None)


def test_rejected_rows_name_the_files_own_lines_and_fields(warehouse, tmp_path):
    good, english, short = table(2, "05913;GESM;1", "05913;GESW;1.5", "05913;;3").decode().rstrip("\n").split("\n")[1:]
    # As long as the widest table, but this one has two slots: nothing may slip into slots that it lacks.
    long = good.replace(";1;Anzahl", ";x" * 17 + ";2;Anzahl")
    header = table(2).decode().split("\n")[0]
    content = "\n".join([header, good, english, short.rsplit(";", 1)[0], long, ""]).encode()
    delivery = load_content(warehouse, "genesis", content, NAME, tmp_path)
    assert (delivery.state, delivery.loaded, delivery.rejected) == ("loaded", 1, 3)
    rejected = query(warehouse, "select line_number, reasons, fields from raw.rejected_row order by 1")
    assert [(line, reason["message"]) for line, (reason,), _ in rejected] == [
        (
            3,
            "value has a decimal point, agreed is a decimal comma",
        ),  # a decimal point is never taken for a comma, nor dropped
        (4, "16 fields instead of 17"),
        (5, "34 fields instead of 17"),
    ]
    assert rejected[0][2]["2_variable_attribute_code"] == "GESW" and "3_variable_code" not in rejected[0][2]


def test_a_slot_without_its_predecessor_is_no_table():
    holes = table(3, "05913;;;1").decode().split("\n")
    holes = "\n".join(";".join(line.split(";")[:9] + line.split(";")[13:]) for line in holes if line) + "\n"
    assert "2_variable_code" not in holes and "no flat layout" in refusal(TABLES, holes.encode()).message
    with pytest.raises(Refused, match="no flat layout"):
        header_of(TABLES, holes.encode())  # what `lagebild source fit` asks


def test_more_slots_than_the_contract_has_are_refused():
    assert "unknown: 7_variable_code" in refusal(TABLES, table(7, "05913;;;;;;;1")).message


@pytest.mark.parametrize(
    ("name", "period"),
    [
        ("12411-01-01-4_2024_flat.csv", "12411-01-01-4_2024"),
        ("12211-Z-11_2019_flat.csv", "12211-Z-11_2019"),
        ("AI-N-01-2-5_2023_flat.csv", "AI-N-01-2-5_2023"),
        ("23111-0001_1991-2024_flat.csv", "23111-0001_1991-2024"),
        ("12521-0041_flat.csv", None),
        ("12521-0041_2024.csv", None),
        ("12521_2024_flat.csv", None),
    ],
)
def test_the_files_name_says_table_and_years(name, period):
    match = TABLES.file_name.fullmatch(name)
    assert (match and match["period"]) == period
    if match:
        assert (match["table"], match["years"]) == tuple(period.split("_"))
        assert contracts.period_day(period) == period[-4:]


@pytest.mark.parametrize("label", ["Reference date", "Year", "Quarter"])
def test_the_english_form_is_named_as_such_and_refused_whole(label):
    content = table(2, "05913;GESM;1", "05913;GESW;1.5").decode().replace(";Stichtag;", f";{label};")
    assert label in content
    found = refusal(TABLES, content.encode())
    assert "English form" in found.message and "in German" in found.remedy


def test_an_english_header_of_the_old_layout_is_named_as_such():
    header = "Statistics_Code;Statistics_Label;Time_Code;Time_Label;Time;1_Variable_Code;BEV__Population__number\n"
    assert "English form" in refusal(TABLES, header.encode()).message


@pytest.mark.parametrize("name", ["12521-0041_de_flat.csv", "12521-0041_de.csv", "12521-0041_DE_flat.CSV"])
def test_a_download_is_loaded_under_the_years_that_stand_in_it(warehouse, tmp_path, name):
    content = table(2, "05913;GESM;1", "05911;GESM;2")
    (year,) = set(re.findall(rb";(\d{4})(?:-\d\d-\d\d)?;", content))
    delivery = load_content(warehouse, "genesis", content, name, tmp_path)
    assert (delivery.state, delivery.period) == ("loaded", f"12521-0041_{year.decode()}")
    assert delivery.file_name == f"12521-0041_{year.decode()}_flat.csv"
    later = content.replace(b";" + year + b"-", b";1999-", 1)
    if later != content:
        assert agreed_name(TABLES, name, later) == f"12521-0041_1999-{year.decode()}_flat.csv"


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return packed.getvalue()


def test_a_zip_with_one_flat_file_is_read_as_that_file(warehouse, tmp_path):
    content = table(2, "05913;GESM;1", "05911;GESM;2")
    packed = zipped(flat__csv=content)
    assert header_of(TABLES, packed) == header_of(TABLES, content)
    delivery = load_content(warehouse, "genesis", packed, "12521-0041_de_flat.zip", tmp_path)
    assert (delivery.state, delivery.loaded, delivery.rejected) == ("loaded", 2, 0)
    assert re.fullmatch(r"12521-0041_\d{4}_flat\.zip", delivery.file_name)


@pytest.mark.parametrize(
    ("packed", "said", "remedy"),
    [
        (zipped(flat__txt=b"x"), "0 members of the archive match .*; it holds flat.txt", "as one flat file"),
        (zipped(a__csv=b"x", b__csv=b"y"), "2 members of the archive match", "as one flat file"),
        (zipped(a__csv=b"x", b__txt=b"y"), "holds 2 files instead of one", "one file a delivery"),
        (zipped(flat__csv=b"0" * 2**24), "unpacks to more than 200 times its size", "again"),
        (zipped(flat__csv=b"{}"), "a report of the service", "again"),
    ],
)
def test_a_zip_of_anything_else_is_refused_with_the_remedy(packed, said, remedy):
    found = refusal(TABLES, packed)
    assert re.search(said, found.message) and remedy in found.remedy


def test_an_english_download_is_refused_for_its_language_and_no_download_by_its_name(warehouse, tmp_path):
    content = table(2, "05913;GESM;1").decode().replace(";Stichtag;", ";Reference date;").encode()
    assert "English form" in load_content(warehouse, "genesis", content, "12521-0041_en_flat.csv", tmp_path).reason
    other = load_content(warehouse, "genesis", table(2, "05913;GESM;1"), "einwohner.csv", tmp_path)
    assert (other.state, other.period) == ("refused", "unknown")


def test_the_case_of_the_english_form():
    file = SHARED / "cases" / "genesis_english" / "99111-0001_2024_flat.csv"
    if not file.exists():
        pytest.skip(f"the case is not here: {file}")
    with pytest.raises(refused.Refused, match="in its English form") as caught:
        list(readers.read(contracts.load("genesis"), file.read_bytes()).rows)
    assert "in German" in caught.value.remedy
