"""A proposal is a contract to be reviewed: it describes its own file, marks its guesses, and quotes no person."""

import io
import os
import re
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
import yaml
from click.testing import CliRunner

from ingest import contracts
from ingest.contracts import check
from ingest.onboarding import propose
from ingest.reading.header import header_of
from ingest.reading.refused import Refused
from lagebild.cli.main import cli
from tests.support import bundled_bytes

ROOT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared")
SAMPLES = sorted((SHARED / "samples").glob("*/*.csv")) + sorted((SHARED / "samples").glob("*/*.xlsx"))
LEGAL = "without a legal_basis"


def proposed(folder: Path, name: str, content: bytes) -> contracts.Contract:
    """The contract that a proposal becomes once somebody named the law."""
    text = propose.proposal(name, content)
    path = folder / yaml.safe_load(text)["name"] / "contract.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(re.sub(r"legal_basis: .*", "legal_basis: named in review", text), encoding="utf-8")
    assert [str(finding) for finding in check.findings(path)] == []
    return contracts.read(path)


def types(contract: contracts.Contract) -> dict[str, str]:
    return {field.title: field.type for field in contract.fields}


# JSON is no table, and of titles in three languages only the first row is proposed, the others are remarked.
OTHERS = ("wegweiser", "esf_nrw")
TABLES = [source for source in contracts.sources() if source not in OTHERS]
EMPTY = {"early_education": {"Stichtag"}}
"""Columns in which the example has no value: nothing can be guessed of them."""


def test_titles_in_three_languages_are_remarked():
    text = propose.proposal("esf_nrw_2014-2020.xlsx", bundled_bytes("esf_nrw"))
    assert "headerRows: [4]  # review: words stand above numbers in rows 6 and 8 too" in text
    assert "SYNTHETISCH" not in text and text.count("type: date") == 2


@pytest.mark.parametrize("source", TABLES)
def test_the_proposal_for_a_bundled_file_is_close_to_its_contract(source, tmp_path):
    agreed = contracts.load(source)
    found = proposed(tmp_path, agreed.example, bundled_bytes(source))
    titles = [field.title for field in found.fields]
    layout = agreed.layout_for(titles, None)
    assert titles == [contracts.normal_title(title) for title in layout.header]
    assert found.delimiter == agreed.delimiter or agreed.reader == "xlsx"
    assert found.sheet == agreed.sheet
    assert found.header_rows == agreed.header_rows
    assert found.reader == agreed.reader
    # the example need not have what should not be delivered
    personal = {contracts.normal_title(f.title) for f in agreed.agreed_fields if f.is_personal} & set(titles)
    assert personal <= {f.title for f in found.fields if f.is_personal}
    # The cells of a workbook that are dates have no format of the contract's.
    dates = {
        contracts.normal_title(f.title): f.format
        for f in agreed.agreed_fields
        if f.type == "date" and agreed.reader != "xlsx" and f.title not in EMPTY.get(source, ())
    }
    assert {f.title: f.format for f in found.fields if f.title in dates and f.type == "date"} == dates
    header = header_of(found, bundled_bytes(source))
    assert found.layout_for(header, None).name == "current"


@pytest.mark.parametrize(
    ("title", "value", "reader"),
    [("", "", "genesis"), (";Herkunft", ";synthetisch", "genesis"), (";X-Ergebnisstand", ";erste", "csv")],
)
@pytest.mark.parametrize("source", ["genesis", "mikrozensus"])
def test_a_flat_file_of_genesis_is_known_with_and_without_its_origin(source, title, value, reader, tmp_path):
    lines = bundled_bytes(source).decode("utf-8-sig").splitlines()
    width = lines[0].split(";").index("value_variable_label") + 1
    header, *rows = (";".join(line.split(";")[:width]) for line in lines)
    content = "\n".join([header + title, *(row + value for row in rows), ""]).encode("utf-8-sig")
    found = proposed(tmp_path, "12345-0001_2024_flat.csv", content)
    assert found.reader == reader
    assert found.layout_for(header_of(found, content), None).name == "current"


def test_numbers_of_households_and_sampling_districts_sound_personal(tmp_path):
    personal = ["HHNummerFremd", "HH-Nr.", "Haushaltsnummer", "Haushalts-ID", "AWBNummer", "Auswahlbezirksnummer"]
    others = ["Haushaltsjahr", "Haushaltsstelle", "Haushalt", "Haushaltsgröße", "Auswahlbezirk", "Wahlbezirksnummer"]
    rows = [";".join(str(n + column) for column in range(12)) for n in range(20)]
    found = proposed(tmp_path, "personen_05913000_2024.csv", "\n".join([";".join(personal + others), *rows]).encode())
    assert {field.title for field in found.fields if field.privacy == "pseudonym"} == set(personal)
    assert not any(field.is_personal for field in found.fields if field.title in others)


def test_a_source_with_personal_fields_waits_for_its_legal_basis(tmp_path):
    path = tmp_path / "register" / "contract.yml"
    path.parent.mkdir()
    path.write_text(propose.proposal("register_05913000_2019-12-31.csv", bundled_bytes("register")))
    (finding,) = check.findings(path)
    assert LEGAL in finding.message


def test_no_value_of_a_person_is_quoted():
    text = propose.proposal("register_05913000_2019-12-31.csv", bundled_bytes("register"))
    assert not re.search(r"SYNTHETISCH-|IDN0|VOR0|S0000", text)


def test_every_guess_is_marked():
    lines = propose.proposal("ledger_05913000_2019.csv", bundled_bytes("ledger")).splitlines()
    guesses = ("encoding:", "delimiter:", 'format: "%', "groupChar:", "privacy:", "enum:", "- name:", "retention:")
    unmarked = [line for line in lines if any(guess in line for guess in guesses) and "# review:" not in line]
    assert unmarked == []


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("iso-8859-1", "iso-8859-1"),
        ("cp1252", "cp1252"),
    ],
)
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_encoding_and_delimiter_are_found(encoding, found, delimiter, tmp_path):
    sign = "€" if encoding != "iso-8859-1" else "ö"
    rows = ["Straße,Größe,Währung".replace(",", delimiter), *(delimiter.join(["ä", str(n), sign]) for n in range(20))]
    contract = proposed(tmp_path, "masse_2024.csv", "\r\n".join(rows).encode(encoding))
    assert (contract.encoding, contract.delimiter) == (found, delimiter)
    assert [field.title for field in contract.fields] == ["Straße", "Größe", "Währung"]


def test_quoted_delimiters_preamble_and_excel_cells_are_found(tmp_path):
    text = "Förderkatalog\nStand: heute\nKennung;Betrag;Text\n" + '="001";1.234,50 €;"a;b"\n="002";5,00 €;c\n' * 20
    contract = proposed(
        tmp_path, "foerderkatalog_2024.csv", text.encode("iso-8859-1", "replace").replace(b"?", b"\x80")
    )
    assert contract.encoding == "cp1252"
    assert contract.header_rows == (3,) and contract.excel_text
    assert types(contract) == {"Kennung": "string", "Betrag": "number", "Text": "string"}
    amount = contract.fields[1]
    assert (amount.decimal_char, amount.group_char, amount.bare_number) == (",", ".", False)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["2019", "2020"], "year"),
        (["1", "-20", "0"], "integer"),
        (["1.234", "12"], "integer"),
        (["1,5", "2"], "number"),
        (["1,234.50", "2"], "number"),
        (["001", "010"], "string"),
        (["31.12.2020", "01.01.2021"], "date"),
        (["12/31/2020"], "date"),
        (["2020-12-31"], "date"),
        (["-", "5"], "integer"),
        (["abc", "1"], "string"),
        ([], "string"),
    ],
)
def test_types_are_guessed(values, kind, tmp_path):
    text = "A;B\n" + "".join(f"{value};x{n}\n" for n, value in enumerate(values * 3)) + ";y\n"
    assert types(proposed(tmp_path, "a_2020.csv", text.encode()))["A"] == kind


def test_a_few_broken_values_do_not_hide_the_type(tmp_path):
    text = "Tag;B\n" + "31.12.2020;x\n" * 200 + "32.12.2020;x\n"
    assert "all but 1 values of the sample are such a date" in propose.proposal("a_2020.csv", text.encode())


def test_fixed_width_is_found(tmp_path):
    lines = [f"{n:05d} {'Name ' + str(n):20} {n * 7:6d}" for n in range(1, 30)]
    contract = proposed(tmp_path, "verzeichnis_2024.txt", "\n".join(lines).encode())
    assert contract.reader == "fixed_width" and contract.record_length == 33
    assert contract.fields[0].columns_at == (1, 5)


def test_gv100ad_is_known(tmp_path):
    line = "60" + "20241231" + "05913000" + "0000" + "Dortmund, Stadt".ljust(50)
    contract = proposed(tmp_path, "GV100AD_2024-12-31.txt", "\n".join([line.ljust(220)] * 3).encode())
    assert contract.record_length == 220
    assert {field.name: field.columns_at for field in contract.fields}["region_code"] == (11, 18)


def zipped(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return out.getvalue()


def test_a_zip_is_looked_into(tmp_path):
    contract = proposed(tmp_path, "umsatz_2024.zip", zipped(("umsatz_2024.csv", b"A;B\n1;2\n" * 5)))
    assert contract.member.fullmatch("umsatz_2023.csv")
    assert [field.title for field in contract.fields] == ["A", "B"]


def test_a_workbook_with_a_preamble_is_found(tmp_path):
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.add_worksheet("Deckblatt").write(0, 0, "Bericht")
        sheet = book.add_worksheet("Daten")
        for number, row in enumerate([["Bericht"], [], ["Jahr", "Personen"], [2019, 5], [2020, 7]]):
            sheet.write_row(number, 0, row)
    contract = proposed(tmp_path, "bericht_2020.xlsx", out.getvalue())
    assert (contract.sheet, contract.header_rows) == ("Daten", (3,))
    assert types(contract) == {"Jahr": "year", "Personen": "integer"}


def test_repeated_and_empty_headers_get_names_of_their_own(tmp_path):
    contract = proposed(tmp_path, "a_2020.csv", b"Wert;Wert;;1. Quartal\n1;2;3;4\n")
    assert [field.name for field in contract.fields] == ["wert", "wert_2", "column_3", "c_1_quartal"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"\x00" * 100,
        b"PK\x03\x04rubbish",
        b"one word",
        b"a\x00b;c\n",
        zipped(),
        zipped(("a.csv", b"0" * 30_000_000)),
    ],
)
def test_what_cannot_be_described_is_said(content, tmp_path):
    file = tmp_path / "unknown.csv"
    file.write_bytes(content)
    with pytest.raises(Refused):
        propose.proposal(file.name, content)
    with pytest.raises(Exception, match="unknown.csv: "):
        CliRunner().invoke(cli, ["sniff", str(file)], catch_exceptions=False)


def test_a_hundred_thousand_columns_are_refused():
    with pytest.raises(Refused, match="columns"):
        propose.proposal("a.csv", (";".join(["a"] * 100_000) + "\n").encode() * 2)


def test_the_command_prints_the_proposal(tmp_path):
    file = tmp_path / "a_2020.csv"
    file.write_bytes(b"A;B\n1;2\n")
    result = CliRunner().invoke(cli, ["sniff", str(file)])
    assert result.exit_code == 0
    assert yaml.safe_load(result.output)["lagebild"]["example"] == "a_2020.csv"


def test_only_the_beginning_of_a_large_file_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(propose, "SAMPLE_BYTES", 1 << 20)
    file = tmp_path / "a_2020.csv"
    with file.open("wb") as stream:
        stream.write("Größe;B\n".encode() + "ä;2\n".encode() * 300_000)
        stream.truncate(4 * 2**30)  # a sparse file of 4 GB
    content = propose.sample(file)
    assert len(content) == propose.SAMPLE_BYTES + 1
    assert "encoding: utf-8 " in propose.proposal(file.name, content)


PERSONS = [
    "31.12.2024;05999001;P0001;Mustermann;Erika;01.02.1980;W;125",
    "31.12.2024;05999001;P0002;Beispiel;Max;03.04.1975;M;154",
    "31.12.2024;05999001;P0003;Probe;Ada;05.06.1990;W;125",
]
HEADLESS = {
    "register": PERSONS,
    "blank lines first": ["", ";;;;;;;", *PERSONS],
    "names alone": ["Mustermann;Erika;Am Teich", "Beispiel;Max;Marktgasse", "Probe;Ada;Am Teich"],
    "names that come again": ["Erika;Dortmund"] * 3 + ["Max;Bochum"] * 9,
    "mail": ["Erika;erika@example.org;1", "Max;max@example.org;2", "Ada;ada@example.org;3"],
    "one row": ["Mustermann;Erika;01.02.1980"],
    "a first row with gaps": [PERSONS[0].replace("01.02.1980", "unbekannt").replace(";125", ";staatenlos"), *PERSONS],
    "names and amounts": ["Erika Mustermann;1.200,50;Miete", "Max Beispiel;3,00;Heizung", "Ada Probe;7,00;Miete"],
}


@pytest.mark.parametrize("kind", HEADLESS)
def test_of_a_file_without_a_header_no_value_is_shown(kind, tmp_path):
    lines = HEADLESS[kind]
    text = propose.proposal("liste_05999001_2024-12-31.csv", "\n".join([*lines, ""]).encode())
    assert "no header was found" in text and "column_1" in text
    shown = text.replace("05999001_2024-12-31", "")
    values = {value for line in lines for value in line.split(";") if len(value) > 3}
    assert [value for value in values if value in shown] == []


def test_privacy_is_proposed_by_content_where_titles_say_nothing():
    text = propose.proposal("register_05999001_2024-12-31.csv", "\n".join([*PERSONS, ""]).encode())
    entries = yaml.safe_load(text)["resources"][0]["schema"]["fields"]
    classes = {entry["name"]: (entry.get("lagebild") or {}).get("privacy") for entry in entries}
    assert classes == {
        "column_1": None, "column_2": None, "column_3": "pseudonym", "column_4": "drop", "column_5": "drop",
        "column_6": "year", "column_7": None, "column_8": None,
    }  # fmt: skip
    unsaying = propose.proposal(
        "a_2024.csv", ("Spalte1;Spalte2;Spalte3\n" + "Erika;Muster;01.02.1980\nMax;Probe;03.04.1960\n").encode()
    )
    assert unsaying.count("privacy: drop") == 2 and "privacy: year" in unsaying and "Erika" not in unsaying


@pytest.mark.parametrize(
    ("content", "titles", "rows"),
    [
        ("Gebiet;2019;2020\nA-Stadt;1137;1274\nB-Dorf;812;840\n", ["Gebiet", "2019", "2020"], None),
        ("name;vorname;geboren;\nK;Anna;12.03.1984\nP;Ivan;01.07.1990\n", ["name", "vorname", "geboren"], None),
        ("Stand;heute;;\nNr;Ort;Wert;Anteil\n1;A;2;3,5\n2;B;3;4,5\n", ["Nr", "Ort", "Wert", "Anteil"], (2,)),
        ("sep=;\nNr;Ort\n1;A\n2;B\n", ["Nr", "Ort"], None),
        ("Ort;Kosten\nName;EUR\nA;1\nB;2\n", ["Ort / Name", "Kosten / EUR"], (1, 2)),
        (
            "Titel\n;insgesamt;;darunter\nOrt;Zahl;Zahl;Anteil\nA;1;2;3\nB;2;3;4\n",
            ["Ort", "insgesamt / Zahl", "Zahl", "darunter / Anteil"],
            (2, 3),
        ),
    ],
)
def test_the_header_is_found(tmp_path, content, titles, rows):
    contract = proposed(tmp_path, "a_2020.csv", content.encode())
    assert [field.title for field in contract.fields] == titles
    assert contract.header_rows == (rows or (1,))
    assert contract.layout_for(header_of(contract, content.encode()), None)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("Insgesamt;;12\n", "Insgesamt"),
        (";Summe;12\n", "Summe"),
        ('"Gesamtsumme";;12\n\n', "Gesamtsumme"),
        ("© Musterstadt;;\n", "©"),
        ("Quelle: Musterstadt\n", "Quelle:"),
        ("1) vorläufig\n2) geschätzt\n", "1\\\\)"),
        ("Insgesamt;;12\nStand: 31.12.2024;;\n", "Insgesamt"),
    ],
)
def test_what_stands_below_the_rows_is_no_row(tmp_path, end, said):
    content = ("Ort;Art;Wert\nA;x;5\nB;y;7\n" + end).encode()
    text = propose.proposal("a_2020.csv", content)
    assert 'footer: "' in text and said in text and "a total, a source or a note" in text
    contract = proposed(tmp_path, "a_2020.csv", content)
    assert "loading by this reads 2 records" in text
    assert types(contract)["Wert"] == "integer"


def test_totals_among_the_rows_and_headers_that_come_again_are_remarked():
    text = propose.proposal("a_2020.csv", b"Ort;Wert\nA;5\nInsgesamt;5\nB;7\nOrt;Wert\nC;1\n")
    assert "line 3 may be a total" in text and "the header stands again in line 5" in text and "footer" not in text


def test_cents_in_one_of_a_hundred_amounts_make_a_number(tmp_path):
    text = "Nr;Betrag\n" + "".join(f"K{n};{1000 + 7 * n}\n" for n in range(99)) + "K99;1234,56\n"
    assert types(proposed(tmp_path, "a_2020.csv", text.encode()))["Betrag"] == "number"


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("Stichtag;AGS;Zahl\n31.12.2024;05999001;5\n31.12.2024;05999002;5\n", ("ags",)),
        ("Jahr;Ort;Zahl\n2019;A;5\n2020;A;5\n2019;B;5\n2020;B;5\n", ("jahr", "ort")),
        ("Ort;Zahl\nA;5\nA;5\n", ()),
        ("Vorname;Ort;Betrag\nX;A;1,5\nY;A;2,5\n", ()),
    ],
)
def test_a_constant_column_is_no_key(tmp_path, content, key):
    assert proposed(tmp_path, "a_2020.csv", content.encode()).primary_key == key


def test_what_a_dialect_needs_is_proposed(tmp_path):
    spaced = proposed(tmp_path / "a", "a_2020.csv", b'Ort, Wert\n"A", "1"\n"B", "2"\n')
    assert spaced.initial_space
    crlf = proposed(tmp_path / "b", "a_2020.csv", b"Nr;Text\r\n1;a\nb\r\n2;c\r\n3;d\r\n")
    assert crlf.line_terminator == "\r\n"
    paths = proposed(tmp_path / "c", "a_2020.csv", b'Nr;Pfad\n1;"C:\\Akten\\"\n2;"D:\\"\n')
    assert paths.escape is None
    sap = proposed(tmp_path / "d", "a_2020.csv", b"Nr;Betrag\nK1;1.234,56-\nK2;7,00\nK3;1.234,00\n")
    assert sap.fields[1].trailing_minus and sap.fields[1].type == "number"


def test_days_that_stand_for_an_open_end_are_no_value(tmp_path):
    text = "Nr;Ende\n" + "".join(f"K{n};31.12.{2000 + n}\n" for n in range(20)) + "K20;31.12.9999\nK21;31.12.9999\n"
    contract = proposed(tmp_path, "a_2020.csv", text.encode())
    assert contract.missing_values == {"", "31.12.9999"} and types(contract)["Ende"] == "date"


def test_loading_does_not_know_of_it():
    rooms = {
        path.parent for path in (ROOT / "ingest").rglob("*.py") if re.search(r"import.*\bpropose\b", path.read_text())
    }
    assert rooms == set()


@pytest.mark.skipif(not SAMPLES, reason=f"the samples are not here: {SHARED}")
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_real_files_are_described(path, tmp_path):
    content = path.read_bytes()
    contract = proposed(tmp_path, path.name.replace("-", "_"), content)
    assert contract.layout_for(header_of(contract, content), None)


def test_words_of_yes_and_no_and_marks_are_proposed_as_such(tmp_path):
    rows = ["Ort;Anerkannt;Aktiv;Gemeldet;Art"]
    rows += [f"Ort {n};{'ja' if n % 2 else 'Nein'};{'J' if n % 3 else 'N'};{'x' if n % 4 else ''};J" for n in range(12)]
    contract = proposed(tmp_path, "orte_2024.csv", "\n".join(rows).encode())
    found = {f.title: (f.type, f.required, f.true_values, f.false_values) for f in contract.fields}
    nothing = frozenset()
    assert found["Anerkannt"] == found["Aktiv"] == ("boolean", True, nothing, nothing)
    assert found["Gemeldet"] == ("boolean", False, frozenset("x"), frozenset({""}))
    assert found["Art"][0] == "string"  # one word alone may say anything


def test_what_a_spreadsheet_hides_and_a_total_at_its_end_are_remarked(tmp_path):
    def sheet(out: io.BytesIO) -> bytes:
        with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
            table = book.add_worksheet("Daten")
            table.write_row(0, 0, ["Gemeinde", "Betrag"])
            for n in range(1, 8):
                table.write_row(n, 0, [f"Ort {n}", n])
            table.write_row(8, 0, ["Summe", 28])
            table.set_row(3, None, None, {"hidden": True})
            table.set_column(1, 1, None, None, {"hidden": True})
        return out.getvalue()

    text = propose.proposal("orte_2024.xlsx", sheet(io.BytesIO()))
    assert "row 4: hidden, or left out by a filter, and loaded as the others are" in text
    assert "column B: hidden, and read as the others are" in text
    assert "line 9 below the rows: a total" in text and "filled in all 7 records" in text
    assert re.search(r'footer: ".*Summe"', text)


def test_lists_of_one_column_short_years_and_mixed_marks_are_proposed_with_what_to_look_at(tmp_path):
    contract = proposed(tmp_path, "orte_2024.csv", b"Gemeinde\nAhausen\nBedorf\nCeheim\n")
    assert [field.title for field in contract.fields] == ["Gemeinde"]
    with pytest.raises(Refused, match="no delimiter"):
        propose.proposal("orte_2024.txt", b"Gemeinde   Betrag\nAh        1\nBe    2\n")
    contract = proposed(tmp_path, "tage_2024.csv", b"Ort;Tag\nA;31.12.24\nB;30.11.68\nC;01.01.69\n")
    (day,) = [field for field in contract.fields if field.title == "Tag"]
    assert day.format == "%d.%m.%y" and day.maximum.year < 2068  # 68 is no year to come
    text = propose.proposal("a_2024.csv", b"Gemeinde;Betrag\nAh;1.234,50\nBe;12,5\nCe;1,234.50\nDe;7\n")
    assert "column 2 holds numbers, some with a decimal point, others not: line 4" in text


@pytest.mark.parametrize(
    "rows",
    ["Schwertner\nMueller\nKaya\nFleur\n", "Schwertner;unbekannt\nMueller;ja\nKaya;nein\nFleur;ja\n"
     "Kurz;nein\n", "Schwertner;ja;x\nMueller;nein;\nKaya;nein;x\nFleur;ja;\n"],
)  # fmt: skip
def test_lists_of_names_beside_a_yes_or_no_without_a_header_show_no_name(rows):
    text = propose.proposal("liste_2024.csv", rows.encode())
    assert not re.search("Schwertner|Mueller|Kaya|Fleur|Kurz", text, re.IGNORECASE)
    assert "no header was found" in text
