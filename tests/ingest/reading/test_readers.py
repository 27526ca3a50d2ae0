"""Readers take a file as its contract says, or refuse it whole and say which line and what to do."""

import io
from dataclasses import replace

import pytest

from ingest import contracts
from ingest.reading import readers
from ingest.reading.refused import Refused
from tests.support import bundled_bytes

LEDGER = contracts.load("ledger")
SERIES = contracts.load("eu2_series")
AZR = contracts.load("azr_nrw")


@pytest.mark.parametrize("source", contracts.sources())
def test_every_bundled_file_reads_and_counts(source):
    contract = contracts.load(source)
    records = readers.read(contract, bundled_bytes(source))
    assert len(list(records.rows)) == records.count > 0


def refusal(contract, content: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        list(readers.read(contract, content).rows)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("content", [b"", b"\n \r\n"])
def test_an_empty_file_is_refused(content):
    assert "empty" in refusal(SERIES, content).message


def test_a_missing_and_an_unknown_column_are_named_with_the_contract_line():
    content = bundled_bytes("ledger").replace(b"Betrag", b"Summe", 1)
    found = refusal(LEDGER, content)
    assert "line 1" in found.message and "missing: Betrag" in found.message and "unknown: Summe" in found.message
    assert "contract.yml:" in found.remedy


def test_columns_are_told_by_their_titles_unless_the_contract_says_their_order():
    swapped = b"".join(
        b";".join([second, first, *others])
        for first, second, *others in (line.split(b";") for line in bundled_bytes("eu2_series").splitlines(True))
    )
    with io.BytesIO(swapped) as file:
        source = readers.open_source(SERIES, file)
        assert [field.name for field in source.layout.fields[:2]] == [SERIES.fields[1].name, SERIES.fields[0].name]
    assert "another order" in refusal(replace(SERIES, ordered=True), swapped).message


def test_utf_8_where_latin_1_was_agreed_is_refused_with_its_line():
    content = bundled_bytes("ledger").decode("iso-8859-1").encode()
    assert "is UTF-8, not iso-8859-1" in refusal(LEDGER, content).message


def test_windows_1252_where_latin_1_was_agreed_is_refused():
    content = bundled_bytes("ledger") + b"\x80"
    assert "is Windows-1252" in refusal(LEDGER, content).message


def test_latin_1_where_utf_8_was_agreed_is_refused():
    content = bundled_bytes("eu2_series").decode("utf-8-sig").encode("iso-8859-1")
    assert "is not utf-8" in refusal(SERIES, content).message.lower()


def test_utf_8_may_begin_with_a_byte_order_mark_or_not():
    text = bundled_bytes("eu2_series").decode("utf-8-sig")
    read = [
        list(readers.read(replace(SERIES, encoding=encoding), content).rows)
        for encoding in ("utf-8", "utf-8-sig")
        for content in (text.encode(), text.encode("utf-8-sig"))
    ]
    assert read[0] and read == [read[0]] * 4


def test_a_byte_order_mark_of_utf_8_is_none_of_another_encoding():
    content = bundled_bytes("eu2_series").decode("utf-8-sig").encode("utf-8-sig")
    for encoding in ("cp1252", "iso-8859-15"):
        assert "byte order mark" in refusal(replace(SERIES, encoding=encoding), content).message


def test_a_nul_byte_is_refused_with_its_line():
    lines = bundled_bytes("eu2_series").split(b"\n")
    lines[2] += b"\x00"
    assert "line 3: a NUL byte" in refusal(SERIES, b"\n".join(lines)).message


def test_a_quote_that_never_closes_costs_its_own_record():
    whole = bundled_bytes("eu2_series")
    good = list(readers.read(SERIES, whole).rows)
    records = readers.read(SERIES, whole + b'31.12.2020;"open\n')
    assert list(records.rows) == [*good, (len(good) + 2, ["31.12.2020", '"open'])]
    assert records.count == len(good) + 1


def test_line_breaks_inside_quotes_belong_to_the_field_and_lines_are_physical():
    header = ";".join(field.title for field in SERIES.fields)
    width = len(SERIES.fields)
    content = f'{header}\n{";".join(["a"] * (width - 1))};"two\nlines"\n\n{";".join(["b"] * width)}\n'.encode()
    records = readers.read(replace(SERIES, encoding="utf-8"), content)
    rows = list(records.rows)
    assert [(line, fields[-1]) for line, fields in rows] == [(2, "two\nlines"), (5, "b")]
    assert records.count == 2


def test_a_table_of_the_landesdatenbank_that_was_cut_short_is_refused():
    content = bundled_bytes("azr_nrw")
    assert "cut short" in refusal(AZR, content[: content.index(b"__________")]).message


def test_a_shifted_stacked_header_is_refused():
    content = bundled_bytes("azr_nrw").replace("männlich".encode("iso-8859-1"), b"Anzahl", 1)
    assert "header" in refusal(AZR, content).message


def test_what_is_no_workbook_is_refused():
    assert "not an XLSX workbook" in refusal(contracts.load("funding"), b"Programm;Betrag\n").message
