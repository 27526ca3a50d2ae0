"""The workbook of made-up contents: what it says in which language, that it is whole, and each gate with its mutant."""

import dataclasses
import io
import re
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from extracts import changes, package
from extracts.contents import Contents
from extracts.marts import Column, Mart, Publication
from extracts.model import About, Change, Chart, Earlier, KeyFigure, Publisher, Recipient, Series
from extracts.signs import SIGNS
from extracts.texts import LANGUAGES, Texts
from extracts.workbook import data, figures, topics, xlsx_bytes
from extracts.workbook.page import Book, Cell, Exact, Styles, fits, fitted
from lagebild.core.errors import UserError
from lagebild.core.settings import DBT_PROJECT
from tests.extracts import workbook_gates as gates

CAPTION = {"caption_de": "Nicht die Kosten einer Person.", "caption_en": "Not the cost of a person."}
FORMULA = '=HYPERLINK("http://example.org")'
PRECISE = Decimal("1234567890123456.78")  # 18 digits: a spreadsheet keeps 15
FOR_PROGRAMS = {
    "cost_comparability", "ledger_choice", "programme_funding_year", "programme_reach", "indicator_gap", "provenance",
}  # fmt: skip
"""Marts without a table for people: a spreadsheet is not where one reads them."""


def mart(name: str, columns: dict[str, str], rows: list[tuple[Any, ...]]) -> Mart:
    entry = next(one for one in package.load().marts if one.name == name)
    kinds = tuple(
        Column(column, kind, 2 if kind == "number" else None, f"About {column}.") for column, kind in columns.items()
    )
    return Mart(entry, "", kinds, tuple(rows))


COST = mart(
    "cost_per_person",
    {
        "publication_id": "integer", "municipality_ags": "text", "municipality_name": "text",
        "reference_year": "integer", "method": "text", "total_cost_eur": "number", "denominator_persons": "integer",
        "cost_per_person_rounded_eur": "number", "evidence": "text", "caption_de": "text", "caption_en": "text",
    },
    [
        (1, "05913000", "Dortmund", 2019, "dortmund_2019", Decimal("15639763.50"), 7300, Decimal(2143),
         "derived_from_result", *CAPTION.values()),
        (1, "05112000", FORMULA, 2019, "dortmund_2019", PRECISE, None, None, "synthetic", *CAPTION.values()),
    ],
)  # fmt: skip
POPULATION = mart(
    "eu2_population",
    {
        "publication_id": "integer", "region_code": "text", "region_name": "text", "reference_date": "date",
        "source": "text", "eu2_persons": "integer", "change_persons": "integer", "change_pct": "number",
        "change_sign": "text", "evidence": "text", "eu2_persons_sign": "text", "change_persons_sign": "text",
        "change_pct_sign": "text",
    },
    [
        (1, "05315", "Köln", date(2024, 12, 31), "azr", 14905, -5, Decimal("-0.03"), None, "published", "p", "/", "()"),
        (1, "05112", "Duisburg", date(2024, 12, 31), "azr", None, None, None, None, "published", "-", "...", "x"),
    ],
)  # fmt: skip
TREES = mart(
    "provenance",
    {"publication_id": "integer", "mart": "text", "row_key": "text", "figure": "text", "node_path": "text",
     "value": "number", "evidence": "text"},
    [(1, "cost_per_person", "05913000|2019", "total_cost_eur", "1.1.2", Decimal("0.10"), "published")],
)  # fmt: skip
WATERFALL = ("2018", "Personen", "Preise", "2019"), tuple(map(Decimal, ("1000", "300", "-100.5", "1199.5")))


def chart(kind: Any = "waterfall", categories: tuple[str, ...] = WATERFALL[0], *values: Any) -> Chart:
    series = tuple(Series(f"Reihe {n}", one) for n, one in enumerate(values or (WATERFALL[1],)))
    return Chart(
        f"chart_{kind}", kind, f"Diagramm {kind}", f"Was {kind} zeigt: 1000 bis 1199.", "EUR", 1, categories, series,
        CAPTION["caption_de"], "cost_per_person", "Haushalt",
    )  # fmt: skip


def with_revised(about: About) -> About:
    """The figures that are marked as revised are those of the changes."""
    return dataclasses.replace(about, revised=changes.revised(about.changes))


def contents(language: Any = "de", *, marts: tuple[Mart, ...] = (COST, POPULATION, TREES), **about: Any) -> Contents:
    told = About(
        recipient=Recipient("ministry", "Ministerium", "§ 1 Gesetz", "Beratung", language, "public"),
        publisher=Publisher("Stadt Musterhausen & Umland", "statistik@example.org"),
        is_synthetic=True, period_from=date(2019, 1, 1), period_to=date(2024, 12, 31), data_until=date(2026, 2, 1),
        next_publication=date(2026, 8, 1), previous=Earlier(1, 1, datetime(2026, 1, 5, tzinfo=UTC)),
        changes=(
            Change(
                "cost_per_person",
                (("municipality_ags", "05913000"), ("reference_year", "2019"), ("method", "dortmund_2019")),
                "cost_per_person_rounded_eur", "revised", "2140", "2143", FORMULA,
            ),
        ),
        key_figures=(
            KeyFigure("Kosten je Person", Decimal(2143), 0, "EUR", Decimal(2140), Decimal(2150), "estimated",
                      "derived_from_result", CAPTION["caption_de"], "cost_per_person", (), "Haushalt"),
            KeyFigure("Gedeckt", None, 1, "%", None, None, "confidential", "synthetic", "", "refinancing", (), ""),
        ),
        charts=(
            chart(), chart("line", ("2018", "2019"), (Decimal(1), None)),
            chart("bar", ("a", "b"), (Decimal(1), Decimal(2))),
            chart("stacked", ("a", "b"), (Decimal(1), None), (Decimal(3), Decimal(4))),
        ),
    )  # fmt: skip
    return Contents(
        package=package.load(), publication=Publication(2, datetime(2026, 2, 5, 22, 30, tzinfo=UTC), "c0ffee"),
        marts=marts,
        sources=[
            {"mart": "cost_per_person", "model_version": "v2", "source": "ledger", "period": "2019",
             "file_name": "ledger.csv", "sha256": "ab" * 32, "records": 80, "loaded": 78, "rejected": 2,
             "has_rounded_rows": False}
        ],
        warnings=[], acceptances=[],
        attributions={
            "ledger": {"title": "Ledger", "licenses": [{"name": "DL-DE-BY-2.0"}], "sources": [{"title": "Kämmerei"}]}
        },
        texts=Texts(language), about=with_revised(dataclasses.replace(told, **about)),
    )  # fmt: skip


@pytest.fixture(scope="module", params=LANGUAGES)
def book(request: pytest.FixtureRequest) -> bytes:
    return xlsx_bytes(contents(request.param))


@pytest.fixture(scope="module")
def german() -> bytes:
    return xlsx_bytes(contents())


def rows_of(workbook: bytes, sheet: str) -> list[list[Any]]:
    return (
        CalamineWorkbook.from_filelike(io.BytesIO(workbook)).get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    )


def told(workbook: bytes, sheet: str) -> str:
    return "\n".join(str(cell) for row in rows_of(workbook, sheet) for cell in row)


def member(workbook: bytes, path: str) -> str:
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        return archive.read(path).decode()


def path_of(workbook: bytes, sheet: str) -> str:
    return next(one.path for one in gates.sheets(workbook) if one.name == sheet)


def test_same_contents_same_bytes(german):
    assert xlsx_bytes(contents()) == german


def test_sheets_are_named_in_the_language_of_the_recipient():
    names = {
        language: CalamineWorkbook.from_filelike(io.BytesIO(xlsx_bytes(contents(language)))).sheet_names
        for language in LANGUAGES
    }
    assert names["de"] == [
        "Titel", "Barrierefreiheit", "Inhalt", "Impressum", "Zeichenerklärung", "Änderungen", "Kernzahlen",
        "Diagrammdaten", "01", "02", "csv-01", "csv-02", "csv-03", "Spalten", "Codes", "Herkunft",
    ]  # fmt: skip
    assert names["en"] == [
        "Title", "Accessibility", "Contents", "Imprint", "Signs", "Changes", "Key figures", "Chart data", "01", "02",
        "csv-01", "csv-02", "csv-03", "Columns", "Codes", "Provenance",
    ]  # fmt: skip
    assert max(map(len, names["de"] + names["en"])) <= 31


def test_properties_say_title_subject_and_language(book):
    core = member(book, "docProps/core.xml")
    language = "de" if "<dc:language>de<" in core else "en"
    say = Texts(language).say
    assert f"<dc:language>{language}</dc:language>" in core
    assert say("workbook.title") in core and say("workbook.subject", number=2) in core
    assert "2026-02-05T22:30:00Z" in core


def test_no_cell_is_a_formula_whatever_a_supplier_typed(book):
    assert gates.formulas(book) == []
    assert FORMULA in told(book, "01") and FORMULA in told(book, "csv-01")
    mutant = gates.changed(book, "xl/worksheets/sheet1.xml", 't="s"><v>', 't="str"><f>1+1</f><v>')
    assert gates.formulas(mutant)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["=", "+", "-", "@", "\t=", "\r=", "＝", "{=", "http://", "internal:", "mailto:", "#"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40),
)
def test_any_text_stays_the_text_that_it_is(begin, end):
    text = f"{begin}1{end}x"
    row = (1, "05112000", text, 2019, "m", None, None, None, "synthetic", text, text)
    workbook = xlsx_bytes(
        contents(
            marts=(dataclasses.replace(COST, rows=(row,)),),
            publisher=Publisher(text, text),
            changes=(Change("cost_per_person", (("method", text),), "total_cost_eur", "revised", text, text, text),),
        )
    )
    assert gates.formulas(workbook) == []
    assert text in [cell for row in rows_of(workbook, "csv-01") for cell in row]
    assert text in [cell for row in rows_of(workbook, "01") for cell in row]
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        assert not [name for name in archive.namelist() if b'"External"' in archive.read(name)]  # nor a link


def test_every_sheet_begins_with_a_heading(german):
    assert gates.without_heading(german) == []
    found = re.search(r'<c r="A1"[^>]*><v>\d+</v></c>', member(german, "xl/worksheets/sheet2.xml"))[0]
    assert gates.without_heading(gates.changed(german, "xl/worksheets/sheet2.xml", found, "")) == ["Barrierefreiheit"]


@pytest.mark.parametrize(("language", "sheet"), [("de", "Inhalt"), ("en", "Contents")])
def test_contents_lead_to_every_sheet_and_each_leads_back(language, sheet):
    workbook = xlsx_bytes(contents(language))
    assert gates.unlinked(workbook, sheet, "01") == []
    mutant = gates.changed(workbook, path_of(workbook, sheet), "csv-02'!A1", "csv-20'!A1")
    mutant = gates.changed(mutant, path_of(workbook, "01"), f'location="{sheet}!A1', "location=\"'01'!A1")
    found = gates.unlinked(mutant, sheet, "01")
    assert f"{sheet} leads to csv-20" in found and "01 does not lead back" in found


def test_every_chart_is_told_in_words_and_its_caption_stands_beside_it(german):
    assert gates.charts_without_text(german) == []
    drawing = member(german, "xl/drawings/drawing1.xml")
    assert drawing.count("<c:chart ") == 4 and "Was waterfall zeigt: 1000 bis 1199." in drawing
    assert CAPTION["caption_de"] in told(german, "Kernzahlen")
    mutant = gates.changed(german, "xl/drawings/drawing1.xml", 'descr="Was waterfall', 'title="Was waterfall')
    assert len(gates.charts_without_text(mutant)) == 1


def test_tables_are_whole_and_are_what_their_markup_says(book):
    assert gates.broken_tables(book) == []
    path = path_of(book, "01")
    merge = '<mergeCells count="'
    inside = gates.changed(book, path, "</mergeCells>", '<mergeCell ref="A6:B6"/></mergeCells>')
    assert merge in member(book, path) and len(gates.broken_tables(inside)) == 1
    first = next(one for one in gates.sheets(book) if one.name == "csv-01").tables[0].attrib["ref"]
    number = next(n for n in range(1, 20) if f'ref="{first}"' in member(book, f"xl/tables/table{n}.xml"))
    renamed = gates.changed(book, f"xl/tables/table{number}.xml", 'name="municipality_ags"', 'name="ags"')
    assert any("header" in fault for fault in gates.broken_tables(renamed))
    longer = gates.changed(book, f"xl/tables/table{number}.xml", f'ref="{first}"', f'ref="{first}0"')
    assert any("is empty" in fault for fault in gates.broken_tables(longer))


def test_tables_for_people_have_a_sign_for_what_is_missing(german):
    people = re.compile(r"\d\d|Zeichenerklärung|Änderungen|Kernzahlen|Codes|Spalten|Herkunft")
    assert gates.holes(german, people) == []
    cell = next(c for c, text in gates.sheets(german)[8].texts.items() if text == "Dortmund")
    found = re.search(rf'<c r="{cell}"[^>]*><v>\d+</v></c>', member(german, path_of(german, "01")))[0]
    assert len(gates.holes(gates.changed(german, path_of(german, "01"), found, ""), people)) == 1


def test_every_sheet_is_printed_readably_on_a4_with_its_header_repeated(book):
    assert gates.badly_printed(book) == []
    setup = re.search(r"<pageSetup [^>]*/>", member(book, path_of(book, "csv-01")))[0]
    small = gates.changed(book, path_of(book, "csv-01"), setup, setup.replace('scale="80"', 'scale="40"'))
    assert gates.badly_printed(small) == ["csv-01 is printed at 0.40"]
    width = re.search(r'<col min="1" max="1" width="[\d.]+"', member(book, path_of(book, "01")))[0]
    wide = gates.changed(book, path_of(book, "01"), width, '<col min="1" max="1" width="200"')
    assert re.match(r"01 is printed at 0\.[3-6]", gates.badly_printed(wide)[0])
    breaks = re.search(r"<colBreaks .*</colBreaks>", member(book, path_of(book, "csv-01")))[0]
    assert any(
        "are cut" in one for one in gates.badly_printed(gates.changed(book, path_of(book, "csv-01"), breaks, ""))
    )
    titles = re.search(
        r"<definedName name=\"_xlnm.Print_Titles\"[^>]*>'01'!\$\d+:\$\d+", member(book, "xl/workbook.xml")
    )
    once = gates.changed(book, "xl/workbook.xml", titles[0], titles[0].replace("$5", "$1").replace("$6", "$1"))
    assert "01: the header is not repeated" in gates.badly_printed(once)


def test_first_page_says_in_red_that_figures_are_made_up():
    warned, honest = xlsx_bytes(contents()), xlsx_bytes(contents(is_synthetic=False))
    assert "erfundene Zahlen" in told(warned, "Titel") and "erfunden" not in told(honest, "Titel")
    red = '<fgColor rgb="FFB00020"/>'
    assert red in member(warned, "xl/styles.xml") and red not in member(honest, "xl/styles.xml")
    assert "ERFUNDENE" in member(warned, path_of(warned, "csv-01"))
    assert "ERFUNDENE" not in member(honest, path_of(honest, "csv-01"))


def test_title_and_imprint_say_who_when_and_for_whom(german):
    title = told(german, "Titel")
    for said in (
        "Stadt Musterhausen & Umland", "statistik@example.org", "01.01.2019 bis 31.12.2024", "01.02.2026",
        "05.02.2026, 22:30 Uhr (UTC)", "Nr. 1 vom 05.01.2026", "01.08.2026", "Ministerium",
    ):  # fmt: skip
        assert said in title
    imprint = told(german, "Impressum")
    assert "§ 1 Gesetz" in imprint and "DL-DE-BY-2.0" in imprint and "nicht zitierfähig" in imprint
    english = told(xlsx_bytes(contents("en")), "Title")
    assert "1 January 2019 to 31 December 2024" in english and "made-up" in english


def test_all_signs_are_explained(book):
    sheet = "Zeichenerklärung" if "Zeichenerklärung" in member(book, "xl/workbook.xml") else "Signs"
    rows = {row[3]: row for row in rows_of(book, sheet)}
    for status, sign in SIGNS.items():
        assert rows[status][0] == sign and rows[status][1]
    assert set(package.load().evidence) <= rows.keys()


def test_a_number_with_more_digits_than_a_double_keeps_is_told():
    assert fits(Decimal("2143.0500")) and fits(Decimal("1e20")) and not fits(Decimal("12345678901234567"))
    assert not fits(Decimal("0." + "5" + "0" * 36 + "1"))


def test_numbers_have_their_signs_beside_them_or_in_their_place(german):
    header, *rows = rows_of(german, "02")[3:6]
    duisburg, koeln = (dict(zip(header, row, strict=True)) for row in rows)
    assert [duisburg[name] for name in ("Zusammen", "Veränderung", "Veränderung (%)")] == ["–", "...", "x"]
    assert (koeln["Zusammen"], koeln["Veränderung"], koeln["Veränderung (%)"]) == (14905, -5, -0.03)
    styles = member(german, "xl/styles.xml")
    assert 'formatCode="#,##0&quot; p&quot;"' in styles and "&quot;(&quot;#,##0.0&quot;)&quot;" in styles
    assert 'formatCode="#,##0&quot; r&quot;"' in styles  # the figure that was revised
    assert 'formatCode="#,##0&quot; r&quot;"' not in member(xlsx_bytes(contents(changes=())), "xl/styles.xml")


def test_captions_stand_above_the_figures_in_the_language_of_the_recipient():
    for language, other in (("de", "en"), ("en", "de")):
        workbook = xlsx_bytes(contents(language))
        for sheet in ("01", "csv-01"):
            above = [
                row for row in rows_of(workbook, sheet)[:4] for cell in row if cell == CAPTION[f"caption_{language}"]
            ]
            assert above, sheet
        assert CAPTION[f"caption_{other}"] not in told(workbook, "01")


def test_data_sheets_have_every_column_as_it_is(german):
    rows = rows_of(german, "csv-01")
    header = next(row for row in rows if row[0] == "municipality_ags")
    first, second = (dict(zip(header, row, strict=True)) for row in rows[rows.index(header) + 1 :])
    assert header[:3] == ["municipality_ags", "reference_year", "method"]  # the key, repeated on every page
    assert (first["municipality_ags"], first["total_cost_eur"]) == ("05913000", 15639763.5)
    assert first["cost_per_person_rounded_eur_status"] == "revised"
    assert (second["cost_per_person_rounded_eur"], second["cost_per_person_rounded_eur_status"]) == (
        "",
        "not_available",
    )
    assert second["total_cost_eur"] == "1234567890123456,78"
    assert "1234567890123456.78" in told(xlsx_bytes(contents("en")), "csv-01")
    assert "1/1/2" in told(german, "csv-03") and "1.1.2" not in told(german, "csv-03")
    assert date(2024, 12, 31) in rows_of(german, "csv-02")[3]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12))
def test_a_number_that_is_kept_as_a_number_is_kept_whole(value):
    if fits(value):
        assert Decimal(f"{Exact(value):.16G}") == value  # as xlsxwriter writes it
    else:
        assert len(value.normalize().as_tuple().digits) > 15


def test_a_number_of_more_than_15_digits_would_lose_some():
    assert not fits(PRECISE) and Decimal(f"{float(PRECISE):.16G}") != PRECISE


def test_marts_with_more_rows_say_where_all_of_them_are(monkeypatch):
    monkeypatch.setattr(data, "MOST_ROWS", 1)
    workbook = xlsx_bytes(contents())
    assert "Die ersten 1 von 2 Zeilen; vollständig in daten/eu2_population.csv" in told(workbook, "csv-02")
    assert "Köln" not in told(workbook, "csv-02") or "Duisburg" not in told(workbook, "csv-02")
    assert "vollständig" not in told(workbook, "csv-03")


def test_changes_are_listed_and_the_first_release_says_that_there_are_none(german):
    assert "Kosten je Person (EUR)" in told(german, "Änderungen") and FORMULA in told(german, "Änderungen")
    assert "erste Veröffentlichung" in told(xlsx_bytes(contents(previous=None, changes=())), "Änderungen")
    assert "Keine Zahl ist anders" in told(xlsx_bytes(contents(changes=())), "Änderungen")


def test_a_mart_or_topic_without_rows_says_so():
    workbook = xlsx_bytes(contents(marts=(COST, dataclasses.replace(POPULATION, rows=()))))
    assert "keine Zeilen" in told(workbook, "csv-02")
    assert "Bevölkerung aus Bulgarien und Rumänien" in told(workbook, "Inhalt")
    assert "02" not in CalamineWorkbook.from_filelike(io.BytesIO(workbook)).sheet_names


@pytest.mark.parametrize(
    ("values", "base"),
    [
        ((1000, 300, -100, 1200), [0, 1000, 1200, 0]),
        ((100, -300, -200), None),  # through zero: nothing to stand on
        ((-100, -50, -150), [0, -100, 0]),
    ],
)
def test_steps_of_a_waterfall_stand_on_what_was_before(values, base):
    drawn = figures.series_of(
        Book(contents(), None), chart("waterfall", tuple("abcd"[: len(values)]), tuple(map(Decimal, values)))
    )
    hidden = [list(one.values) for one in drawn if not one.colour]
    assert hidden == ([] if base is None else [base])
    running = 0
    for n, value in enumerate(values):
        is_total = n in (0, len(values) - 1)
        start, end = (0, value) if is_total else (running, running + value)
        stacked = [one.values[n] for one in drawn]
        assert sum(v for v in stacked if v > 0) == max(start, end, 0)
        assert sum(v for v in stacked if v < 0) == min(start, end, 0)
        running = end


def test_wide_tables_wrap_their_texts_and_are_refused_where_numbers_alone_are_too_wide():
    import xlsxwriter

    cell = Styles(xlsxwriter.Workbook(io.BytesIO())).cell
    long = Cell("wort " * 60, cell, "wort " * 60)
    widths, on_its_side = fitted(["a"] * 8, [[long] * 8], "Thema")
    assert on_its_side and sum(widths) <= 950 / 0.8
    number = Cell(1.0, cell, "1" * 40)
    with pytest.raises(UserError, match="wider than an A4 page"):
        fitted(list("abcdefgh"), [[number] * 8], "Thema")


def dbt_columns() -> dict[str, set[str]]:
    """The columns of each mart, as its YAML says."""
    models = [
        model
        for path in sorted((DBT_PROJECT / "models" / "marts").rglob("*.yml"))
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", [])
    ]
    return {model["name"]: {column["name"] for column in model["columns"]} for model in models}


def test_topics_show_columns_that_their_marts_have_and_evidence_last():
    marts, packed = dbt_columns(), {entry.name for entry in package.load().marts}
    for topic in topics.load():
        named = {name for one in topic.columns for name in one.name.values()}
        named |= {*topic.where, *(part.lstrip("-") for part in topic.sort)}
        assert named <= marts[topic.mart], topic.mart
        assert topic.columns[-1].name["de"] == "evidence", topic.mart
    assert {topic.mart for topic in topics.load()} == packed - FOR_PROGRAMS


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("  columns:\n", "  columns:\n    - a\n    - b\n", "has 9 columns|has 10 columns"),
        ("unit: {de: \"Euro und Personen\", en: \"Euro and persons\"}", "unit: {de: Euro, Personen, en: Euro}",
         "is not German and English"),
    ],
)  # fmt: skip
def test_a_topic_that_fits_no_page_or_lacks_a_language_is_refused(tmp_path, old, new, problem):
    text = topics.TOPICS.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "topics.yml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError, match=problem):
        topics.load(tmp_path / "topics.yml")
