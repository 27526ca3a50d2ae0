"""Lists of operations of the European Social Fund and the Förderkatalog: dialects read, names dropped at the door."""

import os
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from ingest import contracts
from ingest.reading.header import head, header_of
from ingest.reading.readers import read
from lagebild.core.settings import ROOT
from tests.ingest.reading.sheets import xlsx
from tests.support import BUNDLED, bundled_bytes, deliver, query

SAMPLES = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared") / "samples" / "esf"
LISTS = ("esf_bayern", "esf_berlin", "esf_bremen", "esf_hessen", "esf_nrw", "esf_sachsen", "foerderkatalog")
# operation, first day, last day, EUR, evidence
EXPECTED = {
    "esf_bayern": [
        ("Aktivierung und Grundqualifizierung", date(2015, 9, 14), date(2016, 1, 13), Decimal("100715.41"),
         "synthetic"),
        ("„Beratung“ Beispiel", date(2015, 4, 1), date(2015, 9, 30), Decimal("68504.30"), "synthetic"),
    ],
    "esf_sachsen": [
        ("Aufbaukurs", date(2016, 1, 11), date(2016, 5, 22), Decimal("775"), "synthetic"),
        ("Gründungsberatung", date(2015, 5, 7), date(2015, 6, 30), Decimal("1580.38"), "synthetic"),
    ],
    "esf_berlin": [
        ("Kurs mit Deutsch-Förderung", date(2016, 4, 4), date(2016, 9, 30), Decimal("91100.16"), "synthetic"),
        ("Beratung", date(2016, 4, 18), date(2016, 10, 14), Decimal("388.44"), "synthetic"),
    ],
    "esf_bremen": [
        ("Beratung", date(2016, 1, 1), date(2016, 12, 31), Decimal("149398.55"), "synthetic"),
        ("Sprache und Arbeit", date(2015, 7, 1), date(2017, 6, 30), Decimal("33300"), "synthetic"),
    ],
    "esf_hessen": [
        ("Qualifizierung im Betrieb", date(2015, 12, 17), date(2017, 6, 16), Decimal("4156.00"), "synthetic"),
        ("Qualifizierung im Betrieb", date(2015, 12, 17), date(2017, 6, 16), Decimal("4156.00"), "synthetic"),
        ("Arbeitsmarktbudget", date(2015, 4, 1), date(2017, 6, 30), Decimal("160900.00"), "synthetic"),
        ("Ausbildung, Begleitung", date(2015, 11, 16), date(2015, 8, 22), Decimal("835.75"), "synthetic"),
    ],
    "esf_nrw": [
        ("Beratung im Quartier", date(2015, 1, 15), date(2016, 1, 20), Decimal("945"), "synthetic"),
        ("Bildungsgutschein", date(2015, 2, 15), date(2016, 2, 20), Decimal("1045.25"), "synthetic"),
        ("Sprache und Arbeit", date(2016, 3, 1), date(2017, 12, 31), Decimal("23150.4"), "synthetic"),
        ("Beratung im Quartier", date(2017, 1, 1), date(2018, 12, 31), Decimal("118900.07"), "synthetic"),
    ],
    "foerderkatalog": [
        ("Beratung von Zugewanderten; Beispiel", date(2022, 1, 1), date(2024, 12, 31), Decimal("1234567.89"),
         "synthetic"),
        ("Beispiel: Sprache und Beruf", date(2023, 7, 1), date(2025, 6, 30), Decimal("88000.00"), "synthetic"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("source", LISTS)
def test_each_dialect_is_read(warehouse, source):
    delivery = deliver(warehouse, source)
    assert (delivery.state, delivery.rejected) == ("loaded", 0)
    title, amount = ("topic", "federal_amount_eur") if source == "foerderkatalog" else ("operation", "total_cost_eur")
    table = contracts.load(source).table
    rows = query(
        warehouse, f"select {title}, starts_on, ends_on, {amount}, evidence from raw.{table} order by line_number"
    )
    assert rows == EXPECTED[source]


@pytest.mark.parametrize("source", LISTS)
def test_names_of_beneficiaries_never_enter_the_database(warehouse, source):
    assert b"SYNTHETISCH Person" in bundled_bytes(source)  # also in the workbooks, which are not compressed
    deliver(warehouse, source)
    table = contracts.load(source).table
    assert query(warehouse, f"select 1 from raw.{table} as row where row::text like '%%SYNTHETISCH%%'") == []
    columns = {name for name, _ in contracts.load(source).columns}
    assert not columns & {"beneficiary", "summary", "recipient", "executing_body"}


def test_a_rejected_row_does_not_show_the_name_either(warehouse):
    broken = bundled_bytes("esf_berlin").replace(b"18.04.2016", b"31.04.2016")
    delivery = deliver(warehouse, "esf_berlin", broken)
    assert (delivery.loaded, delivery.rejected) == (1, 1)
    (row,) = query(warehouse, "select fields::text, reasons::text from raw.rejected_row")
    assert "SYNTHETISCH" not in "".join(row) and "Datum des Beginns" in row[1]


def test_lists_without_the_column_of_evidence_are_published(warehouse):
    without = bundled_bytes("esf_hessen").replace(b",Herkunft", b"").replace(b",synthetisch", b"")
    deliver(warehouse, "esf_hessen", without)
    assert query(warehouse, "select distinct evidence from raw.esf_hessen__operation") == [("published",)]


@pytest.mark.parametrize(
    ("file", "source", "rows"),
    [
        ("berlin_esf_2014-2020.csv", "esf_berlin", 336),
        ("bremen_esf_2014-2020.xlsx", "esf_bremen", 99),
        ("hessen_esf_2014-2020.csv", "esf_hessen", 596),
    ],
)
def test_real_lists_are_read_whole(warehouse, file, source, rows):
    sample = SAMPLES / file
    if not sample.exists():
        pytest.skip(f"the real list is not here: {sample}")
    delivery = deliver(warehouse, source, sample.read_bytes())
    assert (delivery.loaded, delivery.rejected) == (rows, 0)


@pytest.mark.parametrize("source", LISTS)
def test_the_header_alone_is_found_too(source):
    contract = contracts.load(source)
    header = header_of(contract, head(contract, BUNDLED / source / contract.example))
    assert header == [contracts.normal_title(field.title) for field in contract.fields]


def test_a_workbooks_rows_end_where_the_footer_begins():
    contract = contracts.load("esf_bremen")
    records = read(contract, bundled_bytes("esf_bremen"))
    assert (records.header_line, records.count) == (6, 2)
    assert [line for line, _ in records.rows] == [7, 8]
    # the code lists behind the table are no operations; without the footer they would be read as some
    assert read(replace(contract, footer=None), bundled_bytes("esf_bremen")).count == 5


CASE = SAMPLES.parents[1] / "cases" / "esf_nrw" / "esf_nrw_2014-2020.xlsx"


def test_the_list_of_north_rhine_westphalia_in_the_shape_that_is_published(warehouse):
    """Titles with line breaks in three languages, an empty row, numbers as cells; the real one has 19,398 rows."""
    if not CASE.exists():
        pytest.skip(f"the list is not here: {CASE}")
    delivery = deliver(warehouse, "esf_nrw", CASE.read_bytes())
    assert (delivery.loaded, delivery.rejected) == (30, 0)
    found = "count(*), sum(total_cost_eur), count(*) filter (where country like %s), min(line_number)"
    (row,) = query(warehouse, f"select {found} from raw.esf_nrw__operation", "%Nordrhein-Westfalen")
    assert row == (30, Decimal("71958.75"), 20, 10)
    assert query(warehouse, "select 1 from raw.esf_nrw__operation as row where row::text like %s", "%Träger%") == []


@pytest.mark.parametrize("between", ["\n", "  ", "\u00a0", "\r\n "], ids=repr)
def test_white_space_in_titles_does_not_matter(between):
    contract = contracts.load("esf_nrw")
    rows = {4: [], 6: [], 8: []}
    for field in contract.fields:
        for line, title in zip(rows, field.title.split(" / "), strict=False):
            rows[line].append(title.replace(" ", between) + between)
        for line in (6, 8):
            rows[line] += [None] * (len(rows[4]) - len(rows[line]))
    cells = ["Träger", "Kurs", "Text", "15.01.2015", "20.01.2016", "1.045,25", 0.5, "01067", "Dresden", "Deutschland"]
    content = xlsx({1: [None] * 10 + ["x"], **rows, 10: [*cells, 106, "synthetisch"]})
    records = read(contract, content)
    assert records.header == [field.title for field in contract.fields]
    assert [fields[5:8] for _, fields in records.rows] == [["1.045,25", "0,5", "01067"]]
