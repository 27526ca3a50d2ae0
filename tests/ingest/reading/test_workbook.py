"""Workbooks: a typed cell is read as its type, a broken one is a rejected row that names it."""

import io
import os
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import python_calamine

from ingest import contracts
from ingest.contracts import Contract
from ingest.deliveries.rejected import in_german
from ingest.loading.engine import Engine
from ingest.onboarding import propose
from ingest.reading import readers
from ingest.reading.formats import workbook_parts
from ingest.reading.header import header_of
from ingest.reading.refused import Refused
from lagebild.core.settings import ROOT
from tests.contract_files import row_check
from tests.ingest.reading.sheets import Markup, contract_of, error, formula, number, xlsx
from tests.support import bundled_bytes, deliver, query

CASES = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared") / "cases"
PLACE = {"name": "place", "title": "Gemeinde", "type": "string"}
AMOUNT = {"name": "amount_eur", "title": "Betrag", "type": "number", "decimalChar": ",", "groupChar": "."}
PERSONS = {"name": "persons", "title": "Personen", "type": "integer", "decimalChar": ",", "groupChar": "."}
DAY = {"name": "reference_date", "title": "Stichtag", "type": "date", "format": "%d.%m.%Y"}


def outcome(contract: Contract, content: bytes) -> tuple[list[list[Any]], dict[int, list[str]]]:
    """Values of the good rows, without their evidence, and the messages of rejected ones by line."""
    source = readers.open_source(contract, io.BytesIO(content))
    engine, good, rejected, count = Engine(contract, source.layout, None, 1), [], {}, 0
    check = row_check(contract, source.layout.header)
    for block in source.blocks(engine.is_row):
        count += len(block.lines) + len(block.broken)
        bad = engine.check(block).rejected
        rejected |= {row.line: [entry["message"] for entry in row.reasons] for row in bad}
        assert not [said for row in bad for said in map(in_german, row.reasons) if "im Original" in said]
        for n, line in enumerate(block.lines.tolist()):
            if line not in rejected:
                good.append(check(line, block.texts(n))[:-1])
    assert source.records == count
    return good, rejected


def column(folder: Path, field: dict[str, Any], *cells: Any, **book: Any) -> tuple[list[Any], dict[int, list[str]]]:
    """Outcome of a column of cells beside one of names."""
    contract = contract_of(folder, None, PLACE, field)
    rows = [["Gemeinde", field["title"]], *([f"Ort {n}", cell] for n, cell in enumerate(cells, 1))]
    good, rejected = outcome(contract, xlsx(rows, **book))
    return [value for _, value in good], rejected


# --- numbers ----------------------------------------------------------------------------------------


def test_numbers_are_read_as_they_are_stored_whatever_the_dialect_of_texts(tmp_path):
    cells = (
        125.375, 250000.5, -0.5, number("1e-05"), number("2.5E-5"), number("1E+3"), number("0.30000000000000004"),
        "1.234,56", number("1234.5", '#,##0.00 "€"'), number("1000", "#,##0"), number("-0"), number("12.3", "0"),
    )  # fmt: skip
    good, rejected = column(tmp_path, AMOUNT, *cells)
    texts = [
        "125.375",
        "250000.5",
        "-0.5",
        "0.00001",
        "0.000025",
        "1000",
        "0.3",
        "1234.56",
        "1234.5",
        "1000",
        "0",
        "12.3",
    ]
    assert (good, rejected) == ([*map(Decimal, texts)], {})


def test_whole_numbers_lose_the_noise_of_formulas(tmp_path):
    cells = (number("142499.99999999997"), number("17031967.000000004"), formula("<v>299.99999999999994</v>"), "1.000")
    assert column(tmp_path, PERSONS, *cells) == ([142500, 17031967, 300, 1000], {})


def test_a_part_of_a_person_is_no_noise(tmp_path):
    assert column(tmp_path, PERSONS, number("12.5", "0")) == ([], {2: ["Personen is not a whole number"]})


def test_more_digits_than_a_spreadsheet_keeps_are_a_fault(tmp_path):
    cells = (number("123456789012345"), number("1234567890123456"), number("1.2345678901234568E+16"))
    good, rejected = column(tmp_path, {"name": "key", "title": "Nummer", "type": "string"}, *cells)
    assert good == ["123456789012345"] and list(rejected) == [3, 4]
    assert rejected[3] == [
        "Nummer: the cell B3 holds a number of more than 15 digits, of which some are lost: send it as text"
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ({"name": "rate_pct"}, "5.5"),
        ({"name": "ratio"}, "0.055"),
        ({"name": "rate", "bareNumber": False}, "5.5"),
    ],
)
def test_a_percent_cell_is_in_the_unit_of_its_field(tmp_path, field, value):
    entry = {"title": "Quote", "type": "number", "decimalChar": ","} | field
    assert column(tmp_path, entry, number("0.055", "0.0%"))[0] == [Decimal(value)]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (number("5999001", "00000000"), "05999001"),
        (number("1067", "00000"), "01067"),
        (number("202401", "0000-00"), "2024-01"),
        (number("7", '"DO-"000'), "DO-007"),
        (number("7", "[Red]000;[Blue]-000"), "007"),
        (number("2022"), "2022"),
        (number("53.1", "0.00"), "53.10"),
        (number("1234567", "#,##0"), "1234567"),
        (number("0.05", "0%"), "5%"),
        (number("12345678901"), "12345678901"),
        (number("45657", "dd.mm.yyyy"), "31.12.2024"),
        (number("45657", "[$-407]d. mmmm yyyy;@"), "31. Dezember 2024"),
        (number("45657.5", "dd.mm.yyyy hh:mm"), "31.12.2024 12:00"),
        (number("0.75", "hh:mm"), "18:00"),
        (Markup('t="b"><v>1</v>'), "TRUE"),
    ],
)
def test_a_field_of_text_gets_what_a_spreadsheet_shows(tmp_path, cell, text):
    assert column(tmp_path, {"name": "code", "title": "Schlüssel", "type": "string"}, cell) == ([text], {})


def test_a_key_without_its_zero_is_not_guessed_at(tmp_path):
    field = {"name": "ags", "title": "AGS", "type": "string", "constraints": {"pattern": "^[0-9]{8}$"}}
    good, rejected = column(tmp_path, field, number("5999001", "00000000"), number("5999001"), "05999003")
    assert good == ["05999001", "05999003"] and rejected == {3: ["AGS does not match ^[0-9]{8}$"]}


def test_words_of_a_code_list_may_be_numbers_or_truth_values(tmp_path):
    field = {"name": "is_open", "title": "Offen", "type": "boolean"}
    yes, no = Markup('t="b"><v>1</v>'), Markup('t="b"><v>0</v>')
    assert column(tmp_path, field, yes, no, 1, "nein") == ([True, False, True, False], {})
    mapped = {"name": "kind", "title": "Art", "type": "string", "lagebild": {"map": {"1": "a", "ja": "b"}}}
    assert column(tmp_path, mapped, 1, number("1", "0.00"), "ja") == (["a", "a", "b"], {})
    assert column(tmp_path, mapped | {"lagebild": {"map": {"ja": "b"}}}, yes) == (["b"], {})


def test_official_signs_stand_between_numbers(tmp_path):
    contract = contract_of(tmp_path, None, PLACE, AMOUNT | {"lagebild": {"signs": True}})
    good, rejected = outcome(contract, xlsx([["Gemeinde", "Betrag"], ["a", 1.5], ["b", "."], ["c", "-"]]))
    assert good == [["a", Decimal("1.5"), None], ["b", None, "."], ["c", None, "-"]] and not rejected


# --- dates ------------------------------------------------------------------------------------------


def test_dates_are_dates_in_every_form_that_a_workbook_has(tmp_path):
    cells = (
        number("45657", "dd.mm.yyyy"), number("45657", "m/d/yy"), number("45657.5", "dd.mm.yyyy"),
        number("45657", "dd.mm.yyyy hh:mm"), Markup('t="d"><v>2024-12-31T00:00:00</v>'),
        Markup('t="d"><v>2024-12-31</v>'),
        "31.12.2024", number("45656.99999999999999", "yyyy-mm-dd"),
    )  # fmt: skip
    assert column(tmp_path, DAY, *cells) == ([date(2024, 12, 31)] * len(cells), {})


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (number("45657.5", "dd.mm.yyyy hh:mm"), "holds a date with a time of day: send the date alone"),
        (Markup('t="d"><v>2024-12-31T12:00:00</v>'), "holds a date with a time of day: send the date alone"),
        (number("0.5", "hh:mm"), "holds a time of day without a date"),
        (number("45657"), "holds a number or truth value where a date belongs"),
        (number("60", "dd.mm.yyyy"), "holds no date that exists"),
        (number("-3", "dd.mm.yyyy"), "holds no date that exists"),
        (number("3000000", "dd.mm.yyyy"), "holds no date that exists"),
        (Markup('t="d"><v>2024-02-30</v>'), "holds no date that exists"),
    ],
)
def test_what_is_no_date_says_so_with_its_cell(tmp_path, cell, message):
    assert column(tmp_path, DAY, cell) == ([], {2: [f"Stichtag: the cell B2 {message}"]})


def test_a_date_where_a_number_belongs_is_no_number(tmp_path):
    """1.5 typed into a German spreadsheet may have become the first of May."""
    assert column(tmp_path, AMOUNT, number("45413", "dd.mm.yyyy")) == (
        [],
        {2: ["Betrag: the cell B2 holds a date or time where a number belongs"]},
    )


def test_the_first_days_and_the_system_of_1904(tmp_path):
    assert column(tmp_path, DAY, number("1", "dd.mm.yyyy"), number("59", "dd.mm.yyyy"), number("61", "dd.mm.yyyy"))[
        0
    ] == [date(1900, 1, 1), date(1900, 2, 28), date(1900, 3, 1)]
    system = {"settings": '<workbookPr date1904="1"/>'}
    assert column(tmp_path, DAY, number("44195", "dd.mm.yyyy"), **system)[0] == [date(2024, 12, 31)]


# --- broken cells -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["#REF!", "#N/A", "#DIV/0!", "#NAME?", "#VALUE!", "#NUM!", "#NULL!", "#SPILL!"])
@pytest.mark.parametrize("field", [AMOUNT, PLACE | {"name": "other", "title": "Betrag"}])
def test_an_error_is_named_with_its_cell(tmp_path, name, field):
    assert column(tmp_path, field, error(name), "5") == (
        ["5"] if field["type"] == "string" else [5],
        {2: [f"Betrag: the cell B2 holds the error {name}"]},
    )


def test_a_formula_without_its_value_is_not_empty(tmp_path):
    what = "Betrag: the cell B{} holds a formula without its value: open the workbook in a spreadsheet and save it"
    cells = (formula(), formula("<v/>"), formula("<v></v>"), formula("<v>5</v>"), formula("<v></v>", "str"))
    good, rejected = column(tmp_path, AMOUNT, *cells)
    assert good == [5, None] and rejected == {n: [what.format(n)] for n in (2, 3, 4)}


def test_zeros_of_formulas_that_nobody_calculated_are_no_values(tmp_path):
    """Programs that write formulas without calculating them store zero, and ask to be calculated when opened."""
    asked = {"settings": '<calcPr fullCalcOnLoad="1"/>'}
    cells = (formula("<v>0</v>"), 0, formula("<v>7</v>"))
    good, rejected = column(tmp_path, AMOUNT, *cells, **asked)
    assert good == [0, 7] and list(rejected) == [2]
    assert column(tmp_path, AMOUNT, *cells) == ([0, 0, 7], {})


def test_each_broken_cell_of_a_row_is_said_beside_broken_rules(tmp_path):
    contract = contract_of(tmp_path, None, PLACE, AMOUNT, PERSONS, DAY)
    rows = [["Gemeinde", "Betrag", "Personen", "Stichtag"], ["a", error("#REF!"), "viele", error("#N/A")]]
    assert outcome(contract, xlsx(rows))[1] == {
        2: [
            "Betrag: the cell B2 holds the error #REF!",
            "Personen is not a number",
            "Stichtag: the cell D2 holds the error #N/A",
        ]
    }


def test_a_broken_cell_is_rejected_in_the_warehouse_and_shown(warehouse):
    contract = contracts.load("funding")
    titles = [field.title for field in contract.fields]
    whole = [
        "one",
        "Beispiel",
        "Land",
        "05",
        "2023",
        "siehe Bescheid",
        250000.5,
        "genau",
        "insgesamt",
        None,
        "Bescheid",
    ]
    rows = [titles, [*whole, None, "geliefert", None, 125.375], ["two", *whole[1:6], error("#REF!"), *whole[7:], None,
            "geliefert"]]  # fmt: skip
    delivery = deliver(warehouse, "funding", xlsx(rows, sheet="Programme"), "funding_programmes_2031.xlsx")
    assert (delivery.records, delivery.loaded, delivery.rejected) == (2, 1, 1)
    assert query(warehouse, "select amount_eur, called_eur from raw.funding__programme") == [
        (Decimal("250000.5"), Decimal("125.375"))
    ]
    ((line, reasons, fields),) = query(warehouse, "select line_number, reasons, fields from raw.rejected_row")
    assert (line, fields["Betrag EUR"], fields["Kennung"]) == (3, "#REF!", "two")
    (reason,) = reasons
    assert (reason["code"], reason["field"]) == ("cell_error", "Betrag EUR")
    assert reason["message"] == "Betrag EUR: the cell G3 holds the error #REF!"


def test_beside_personal_fields_a_broken_cell_shows_no_name(warehouse):
    contract = contracts.load("esf_bremen")
    titles = [field.title for field in contract.fields if not field.optional]
    row = [
        "Erika Beispiel",
        "Kurs",
        "Text",
        error("#N/A"),
        number("45657", "dd.mm.yyyy"),
        5.5,
        0.5,
        "Ort",
        0,
        "A",
        "B",
        102,
    ]
    deliver(warehouse, "esf_bremen", xlsx({6: titles, 7: row}, sheet="01_Projektliste_Vorhaben"))
    ((reasons, fields),) = query(warehouse, "select reasons::text, fields::text from raw.rejected_row")
    assert "D7 holds the error #N/A" in reasons and "Erika" not in reasons + fields and "Kurs" not in fields


def test_an_error_in_a_column_that_is_dropped_at_the_door_rejects_nothing(tmp_path):
    dropped = {"name": "name", "title": "Name", "type": "string", "lagebild": {"privacy": "drop"}}
    contract = contract_of(tmp_path, None, PLACE, dropped, legal_basis="a law")
    assert outcome(contract, xlsx([["Gemeinde", "Name"], ["a", error("#N/A")]])) == ([["a"]], {})


# --- merged cells -----------------------------------------------------------------------------------


def test_a_cell_under_a_merge_is_not_empty_without_a_word(tmp_path):
    contract = contract_of(tmp_path, None, PLACE, AMOUNT)
    rows = [["Gemeinde", "Betrag"], ["Altdorf", 1], [None, 2], [None, 3], ["Neustadt", 4]]
    assert outcome(contract, xlsx(rows, merged=["A4:A2"])) == outcome(contract, xlsx(rows, merged=["A2:A4"]))
    good, rejected = outcome(contract, xlsx(rows, merged=["A2:A4"]))
    what = "Gemeinde: the cell A{} lies under the merged cells A2:A4: part them, and fill in each cell"
    assert good == [["Altdorf", 1], ["Neustadt", 4]] and rejected == {3: [what.format(3)], 4: [what.format(4)]}


def test_a_heading_merged_over_a_row_is_a_rejected_row(tmp_path):
    contract = contract_of(tmp_path, None, PLACE, AMOUNT)
    good, rejected = outcome(contract, xlsx([["Gemeinde", "Betrag"], ["Nord"], ["a", 4]], merged=["A2:B2"]))
    assert good == [["a", 4]] and "B2 lies under the merged cells A2:B2" in rejected[2][0]


def test_a_value_that_lies_hidden_under_an_empty_merge_is_named_too(tmp_path):
    contract = contract_of(tmp_path, None, PLACE, AMOUNT)
    good, rejected = outcome(contract, xlsx([["Gemeinde", "Betrag"], ["a", None], ["b", 9]], merged=["B2:B3"]))
    assert good == [["a", None]] and "B3 lies under the merged cells B2:B3" in rejected[3][0]


def test_a_record_drawn_over_two_rows_is_one_record(tmp_path):
    contract = contract_of(tmp_path, None, PLACE, AMOUNT)
    rows = [["Gemeinde", "Betrag"], ["a", 1], [], ["b", 2], [], ["c", 3]]
    assert outcome(contract, xlsx(rows, merged=["A2:A3", "B2:B3", "A4:A5", "B4:B5"])) == (
        [["a", 1], ["b", 2], ["c", 3]],
        {},
    )
    good, rejected = outcome(contract, xlsx(rows, merged=["A2:A3"]))  # the amount of row 3 is lacking
    assert good == [["a", 1], ["b", 2], ["c", 3]] and list(rejected) == [3]


def test_merged_cells_without_a_value_and_beside_the_table_do_not_matter(tmp_path):
    contract = contract_of(tmp_path, None, PLACE, AMOUNT)
    rows = [["Gemeinde", "Betrag"], ["a", 1], [None, 2]]
    good, rejected = outcome(contract, xlsx(rows, merged=["D1:F9", "A3:A3", "A8:B9"]))
    assert good == [["a", 1], [None, 2]] and not rejected


def test_merges_as_large_as_the_sheet_are_bounded(tmp_path, monkeypatch):
    contract = contract_of(tmp_path, None, PLACE, AMOUNT)
    monkeypatch.setattr("ingest.reading.formats.workbook.MAX_CELLS", 100)
    rows = [["Gemeinde", "Betrag"], *(["a", 1] for _ in range(40))]
    with pytest.raises(Refused, match="merges more than"):
        readers.open_source(contract, io.BytesIO(xlsx(rows, merged=["A2:XFD1048576", "B2:XFD1048576"])))


# --- headers ----------------------------------------------------------------------------------------

STACKED = {
    "sheet": "Tabelle1",
    "rows": {
        2: ["Bericht 2024"],
        4: ["Stadtteil", "Bevölkerung am 31.12.", None, None, "davon Kinder"],
        5: [None, 2022, 2023, 2024, 2024],
        6: ["Altdorf", 100, 110, 120, 10],
        7: ["Hafen", 200, 210, 220, 20],
    },
    "merged": ["A4:A5", "B4:D4", "A2:E2"],
}
TITLES = ["Stadtteil", *(f"Bevölkerung am 31.12. {year}" for year in (2022, 2023, 2024)), "davon Kinder 2024"]


def fields_of(titles: list[str]) -> list[dict[str, Any]]:
    return [{"name": f"c{n}", "title": title, "type": "integer" if n else "string"} for n, title in enumerate(titles)]


def test_merged_titles_stand_above_each_of_their_columns(tmp_path):
    contract = contract_of(tmp_path, {"headerRows": [4, 5]}, *fields_of(TITLES))
    content = xlsx(STACKED["rows"], STACKED["merged"])
    assert header_of(contract, content) == TITLES
    assert outcome(contract, content) == ([["Altdorf", 100, 110, 120, 10], ["Hafen", 200, 210, 220, 20]], {})


def test_years_in_the_header_are_years_for_whoever_reads_it(tmp_path):
    content = xlsx([["Gemeinde", 2022, number("2023", "0"), number("45657", "yyyy")], ["a", 1, 2, 3]])
    contract = contract_of(tmp_path, None, *fields_of(["Gemeinde", "2022", "2023", "2024"]))
    assert header_of(contract, content) == ["Gemeinde", "2022", "2023", "2024"]
    assert outcome(contract, content)[0] == [["a", 1, 2, 3]]
    assert "2022.0" not in propose.proposal("zahlen_2024.xlsx", content)


def test_titles_are_compared_without_regard_to_white_space(tmp_path):
    contract = contract_of(tmp_path, None, PLACE, AMOUNT | {"title": "Betrag in\nEUR"})
    for title in ("Betrag in EUR", " Betrag  in\u00a0EUR ", "Betrag\r\nin EUR", "Betrag in EU\u00adR"):
        content = xlsx([["Gemeinde ", title], ["a", 1]])
        assert header_of(contract, content) == ["Gemeinde", "Betrag in EUR"]
        assert outcome(contract, content) == ([["a", 1]], {})
    with pytest.raises(Refused, match="unknown: Betrag in USD"):
        readers.open_source(contract, io.BytesIO(xlsx([["Gemeinde", "Betrag in USD"], ["a", 1]])))


def test_blank_rows_and_columns_around_a_table_do_not_matter(tmp_path):
    contract = contract_of(tmp_path, None, PLACE, AMOUNT)
    content = xlsx({3: [None, None, "Gemeinde", "Betrag", " "], 5: [None, None, "a", 1, None, " "], 9: [" "]})
    assert outcome(contract, content) == ([["a", 1]], {})


def test_a_value_without_a_title_is_no_reason_to_refuse_the_rest(tmp_path):
    contract = contract_of(tmp_path, None, PLACE, AMOUNT)
    content = xlsx([["Gemeinde", "Betrag"], ["a", 1, None, "siehe Vermerk"], ["b", 2]])
    good, rejected = outcome(contract, content)
    assert good == [["b", 2]] and rejected == {2: ["the cell D2 holds a value, and no title stands above it"]}


# --- texts and parts --------------------------------------------------------------------------------


def test_texts_of_every_kind(tmp_path):
    shared = [
        "<t>Gemeinde</t>",
        "<t/>",
        "<r><rPr><b/></rPr><t>Alt</t></r><r><t xml:space='preserve'>dorf </t></r><rPh sb='0' eb='1'><t>x</t></rPh>",
        "<t>eins_x000D_zwei_x005F_x000D_</t>",
    ]
    cells = [
        Markup('t="s"><v>0</v>'), Markup('t="s"><v/>'), Markup('t="s"><v>1</v>'), Markup('t="s"><v>2</v>'),
        Markup('t="s"><v>3</v>'), Markup('t="str"><f>A1</f><v>0123</v>'), Markup('t="s"><v>9</v>'),
    ]  # fmt: skip
    contract = contract_of(tmp_path, None, PLACE, PLACE | {"name": "text", "title": "Text"})
    rows = [[cells[0], "Text"], *([f"Ort {n}", cell] for n, cell in enumerate(cells[1:], 1))]
    good, rejected = outcome(contract, xlsx(rows, shared=shared))
    assert [text for _, text in good] == [None, None, "Altdorf", "eins\rzwei_x000D_", "0123"]
    assert rejected == {7: ["Text: the cell B7 names a text that is not there"]}


@pytest.mark.parametrize("book", [{"strict": True}, {"others": ["Rest"]}, {"sheet": " Tabelle1 "}], ids=str)
def test_other_workbooks_with_the_same_table(tmp_path, book):
    assert column(tmp_path, AMOUNT, 1.5, **book) == ([Decimal("1.5")], {})


def test_cells_and_rows_without_references(tmp_path):
    rows = "<row><c t='inlineStr'><is><t>Gemeinde</t></is></c><c t='inlineStr'><is><t>Betrag</t></is></c></row>"
    rows += "<row><c t='inlineStr'><is><t>a</t></is></c><c><v>1.5</v></c></row>"
    content = replaced(xlsx([]), "<sheetData></sheetData>", f"<sheetData>{rows}</sheetData>")
    assert outcome(contract_of(tmp_path, None, PLACE, AMOUNT), content) == ([["a", Decimal("1.5")]], {})


def replaced(content: bytes, old: str, new: str) -> bytes:
    """A workbook with another text in the part of its first sheet."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            after.writestr(name, before.read(name).decode().replace(old, new))
    return out.getvalue()


def test_a_row_that_stands_twice_is_refused(tmp_path):
    content = replaced(xlsx([["Gemeinde", "Betrag"], ["a", 1], ["b", 2]]), 'row r="3"', 'row r="2"')
    content = replaced(content, '"A3"', '"A2"')
    with pytest.raises(Refused, match="holds row 2 twice"):
        readers.open_source(contract_of(tmp_path, None, PLACE, AMOUNT), io.BytesIO(replaced(content, '"B3"', '"B2"')))


def test_many_rows_come_in_several_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("ingest.reading.formats.workbook.ROWS_AT_ONCE", 7)
    monkeypatch.setattr("ingest.reading.formats.workbook_parts.KEPT", 3)
    good, rejected = column(tmp_path, AMOUNT, *range(20), error("#N/A"))
    assert good == [*range(20)] and list(rejected) == [22]


# --- proposals --------------------------------------------------------------------------------------


def proposed(folder: Path, name: str, content: bytes) -> Contract:
    path = folder / "proposed" / "contract.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(propose.proposal(name, content), encoding="utf-8")
    text = path.read_text(encoding="utf-8").replace("name: " + name.split("_")[0], "name: proposed", 1)
    path.write_text(text, encoding="utf-8")
    return contracts.read(path)


@pytest.mark.parametrize("merged", [STACKED["merged"], ["B4:D4"], []], ids=["all", "group", "none"])
def test_two_rows_of_titles_are_proposed_as_such(tmp_path, merged):
    content = xlsx(STACKED["rows"], merged)
    contract = proposed(tmp_path, "bevoelkerung_2024.xlsx", content)
    assert contract.header_rows == (4, 5)
    good, rejected = outcome(contract, content)
    assert [row[3] for row in good] == [120, 220] and not rejected


def test_a_row_of_units_is_one_of_titles(tmp_path):
    rows = [["Gemeinde", "Personen", "Betrag"], [None, "Anzahl", "EUR"], ["a", 1, 1.5], ["b", 2, 2.5]]
    assert proposed(tmp_path, "zahlen_2024.xlsx", xlsx(rows)).header_rows == (1, 2)


def test_titles_in_a_second_language_are_remarked_and_no_values():
    rows = {4: ["Name", "Betrag", "Tag"], 5: ["English"], 6: ["Name of it", "Amount", "Day of it"]}
    rows |= {n: [f"x{n}", n + 0.5, number(str(45000 + n), "dd.mm.yyyy")] for n in range(8, 30)}
    text = propose.proposal("liste_2024.xlsx", xlsx(rows))
    assert "headerRows: [4]  # review: words stand above numbers in rows 6 too: list them, if they are titles" in text
    assert "type: number" in text and "type: date" in text and "Amount" not in text


@pytest.mark.parametrize(
    "rows",
    [
        [["Name", "Ort", "Jahr"], ["Beispiel", "Altdorf", 2020], ["Muster", "Hafen", 2021]],
        [["Name", "Vorname", "Jahr"], [None, "Erika", 2020], ["Muster", "Max", 2021]],
        [["Nr", "Name", None], [None, "Erika", "Beispiel"], [2, "Max", "Muster"]],
    ],
)
def test_persons_are_never_titles(tmp_path, rows):
    text = propose.proposal("liste_2024.xlsx", xlsx(rows, merged=["B1:C1"] if rows[0][2] is None else []))
    assert not any(name in text for name in ("Erika", "Beispiel", "Muster", "Max"))


def test_what_is_proposed_for_typed_cells_loads_them(tmp_path):
    rows = [["Schlüssel", "Betrag", "Tag", "Quote", "Jahr"]]
    rows += [
        [number(str(5999000 + n), "00000000"), number(f"{n}.375"), number(str(45000 + n), "dd.mm.yyyy"),
         number("0.05", "0%"), 2020 + n % 3]
        for n in range(1, 40)
    ]  # fmt: skip
    content = xlsx([*rows, ["05999999", "1.234,56", "31.12.2024", "7,5 %", "2024"]])
    contract = proposed(tmp_path, "zahlen_2024.xlsx", content)
    assert [field.type for field in contract.fields] == ["string", "number", "date", "number", "year"]
    good, rejected = outcome(contract, content)
    assert not rejected and good[0] == ["05999001", Decimal("1.375"), date(2023, 3, 16), Decimal("5"), 2021]
    assert good[-1] == ["05999999", Decimal("1234.56"), date(2024, 12, 31), Decimal("7.5"), 2024]


# --- the cases beside the project -------------------------------------------------------------------


def case(name: str) -> bytes:
    folder = CASES / name
    if not folder.exists():
        pytest.skip(f"the cases are not here: {CASES}")
    return next(folder.glob("*.xlsx")).read_bytes()


FIVE = (
    PLACE,
    {"name": "ags", "title": "AGS", "type": "string", "constraints": {"pattern": "^[0-9]{8}$"}},
    AMOUNT,
    {"name": "ratio", "title": "Quote", "type": "number", "decimalChar": ","},
    DAY,
)


@pytest.mark.parametrize(
    ("name", "total", "bad"),
    [
        ("xlsx_ags_number", "3300.75", 0),
        ("xlsx_date_cells", "3300.75", 0),
        ("xlsx_error_cells", "1000.5", 2),
        ("xlsx_scientific", "3300.75", 0),
        ("xlsx_shared_empty", "3300.75", 0),
    ],
)
def test_cases_of_five_columns(tmp_path, name, total, bad):
    good, rejected = outcome(contract_of(tmp_path, None, *FIVE), case(name))
    assert (sum(row[2] for row in good), len(rejected)) == (Decimal(total), bad)
    assert {row[4] for row in good} == {date(2024, 12, 31)}
    assert [row[1] for row in good] == ["05999001", "05999002", "05999003"][: len(good)]


def test_the_cases_of_noise_years_and_stacked_titles(tmp_path):
    good, _ = outcome(contract_of(tmp_path, None, PLACE, PERSONS), case("xlsx_integer_noise"))
    assert [persons for _, persons in good] == [142500, 300, 17031967]
    titles = ["Gemeinde", "AGS", "2022", "2023", "2024"]
    listed = [entry | {"type": "integer" if n > 1 else "string"} for n, entry in enumerate(fields_of(titles))]
    contract, content = contract_of(tmp_path, None, *listed), case("xlsx_year_header")
    assert header_of(contract, content) == titles and not outcome(contract, content)[1]
    contract = proposed(tmp_path, "bevoelkerung_2024.xlsx", case("xlsx_two_headers"))
    good, _ = outcome(contract, case("xlsx_two_headers"))
    assert (len(good), sum(row[3] for row in good)) == (2, 340)


@pytest.mark.parametrize(
    ("name", "field", "values"),
    [
        ("xlsx_numeric_cents", "amount_eur", ["250000.50", "180000.25"]),
        ("xlsx_numeric_thousandfold", "called_eur", ["125.375", "90.125"]),
    ],
)
def test_cases_of_funding(name, field, values):
    contract = contracts.load("funding")
    source = readers.open_source(contract, io.BytesIO(case(name)))
    names = [f.name for f in source.layout.fields]
    good, rejected = outcome(contract, case(name))
    assert not rejected and len(good) == 2
    assert [texts[names.index(field)] for _, texts in source.texts()] == [
        f"{Decimal(value).normalize():f}".replace(".", ",") for value in values
    ]


def test_workbooks_are_read_by_one_reader():
    """Nothing else opens one: what is proposed, compared and loaded cannot differ."""
    for path in (ROOT / "ingest").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "calamine" not in text and "openpyxl" not in text


def test_another_reader_finds_the_same_values():
    """What both can tell: numbers, texts, dates and places of the bundled workbooks."""
    for source in ("funding", "esf_bremen"):
        contract, content = contracts.load(source), bundled_bytes(source)
        book = python_calamine.load_workbook(io.BytesIO(content))
        theirs = book.get_sheet_by_name(contract.sheet).to_python(skip_empty_area=False)
        ours = dict(workbook_parts.Book(content).sheet(contract.sheet).rows)
        for line, cells in enumerate(theirs, 1):
            for n, cell in enumerate(cells, 1):
                mine = workbook_parts.cell_at(ours, line, n)
                if isinstance(cell, date):
                    assert mine.moment.date() == cell
                else:
                    assert cell == (mine if isinstance(mine, str) else float(mine.plain))


# --- files made to do harm, and by careless programs ------------------------------------------------


def test_a_format_of_many_places_does_not_fill_the_memory(tmp_path):
    field = {"name": "code", "title": "Schlüssel", "type": "string"}
    cells = [number("5", "0" * 255), number("5", "0" * 100_000), number("99999999999999.5", "0." + "0" * 200)]
    good, _ = column(tmp_path, field, *cells)
    assert [len(text) for text in good] == [255, 1, 215]


def test_days_after_the_last_one_are_no_dates(tmp_path):
    last = number("2958465", "dd.mm.yyyy")
    after = (number("2958466", "dd.mm.yyyy"), number("2958465.9999999", "dd.mm.yyyy hh:mm:ss"))
    no_end = DAY | {"constraints": {"maximum": "9999-12-31"}}
    good, rejected = column(tmp_path, no_end, last, *after)
    assert good == [date(9999, 12, 31)] and list(rejected) == [3, 4]
    good, rejected = column(tmp_path, DAY, last, settings='<workbookPr date1904="1"/>')
    assert list(rejected) == [2] and "no date that exists" in rejected[2][0]


def test_parts_are_found_whatever_their_letters(tmp_path):
    content = xlsx([["Gemeinde", "Betrag"], ["a", 1]])
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            after.writestr(name.replace("sheet1", "Sheet1").replace("/", "\\"), before.read(name))
    assert outcome(contract_of(tmp_path, None, PLACE, AMOUNT), out.getvalue()) == ([["a", 1]], {})


def test_a_text_that_lies_hidden_under_a_merged_title_is_no_part_of_it(tmp_path):
    rows = [["Gemeinde", "Betrag"], ["alt", "EUR"], ["a", 1]]
    contract = contract_of(tmp_path, {"headerRows": [1, 2]}, PLACE, AMOUNT | {"title": "Betrag EUR"})
    assert outcome(contract, xlsx(rows, merged=["A1:A2"])) == ([["a", 1]], {})


def test_rows_that_a_filter_hides_count(tmp_path):
    content = replaced(xlsx([["Gemeinde", "Betrag"], ["a", 1], ["b", 2]]), '<row r="2"', '<row r="2" hidden="1"')
    assert outcome(contract_of(tmp_path, None, PLACE, AMOUNT), content) == ([["a", 1], ["b", 2]], {})
