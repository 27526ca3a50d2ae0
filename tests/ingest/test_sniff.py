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

from ingest import contract_check, contracts, sniff
from ingest.header import header_of
from ingest.readers import Refused
from lagebild.cli import cli
from tests.support import bundled_bytes

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared")
SAMPLES = sorted((SHARED / "samples").glob("*/*.csv")) + sorted((SHARED / "samples").glob("*/*.xlsx"))
LEGAL = "without a legal_basis"


def proposed(folder: Path, name: str, content: bytes) -> contracts.Contract:
    """The contract that a proposal becomes once somebody named the law."""
    text = sniff.proposal(name, content)
    path = folder / yaml.safe_load(text)["name"] / "contract.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(re.sub(r"legal_basis: .*", "legal_basis: named in review", text), encoding="utf-8")
    assert [str(finding) for finding in contract_check.findings(path)] == []
    return contracts.read(path)


def types(contract: contracts.Contract) -> dict[str, str]:
    return {field.title: field.type for field in contract.fields}


TABLES = [source for source in contracts.sources() if contracts.load(source).reader != "wegweiser"]  # which is JSON


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
    assert found.reader == ("genesis" if source == "mikrozensus" else agreed.reader)
    personal = {contracts.normal_title(f.title) for f in agreed.fields if f.is_personal}
    assert personal <= {f.title for f in found.fields if f.is_personal}
    dates = {contracts.normal_title(f.title): f.format for f in agreed.fields if f.type == "date"}
    assert {f.title: f.format for f in found.fields if f.title in dates and f.type == "date"} == dates
    header = header_of(found, bundled_bytes(source))
    assert found.layout_for(header, None).name == "current"


def test_a_source_with_personal_fields_waits_for_its_legal_basis(tmp_path):
    path = tmp_path / "register" / "contract.yml"
    path.parent.mkdir()
    path.write_text(sniff.proposal("register_05913000_2019-12-31.csv", bundled_bytes("register")))
    (finding,) = contract_check.findings(path)
    assert LEGAL in finding.message


def test_no_value_of_a_person_is_quoted():
    text = sniff.proposal("register_05913000_2019-12-31.csv", bundled_bytes("register"))
    assert not re.search(r"SYNTHETISCH-|IDN0|VOR0|S0000", text)


def test_every_guess_is_marked():
    lines = sniff.proposal("ledger_05913000_2019.csv", bundled_bytes("ledger")).splitlines()
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
    assert "all but 1 values of the sample are such a date" in sniff.proposal("a_2020.csv", text.encode())


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
        sniff.proposal(file.name, content)
    with pytest.raises(Exception, match="unknown.csv: "):
        CliRunner().invoke(cli, ["sniff", str(file)], catch_exceptions=False)


def test_a_hundred_thousand_columns_are_refused():
    with pytest.raises(Refused, match="columns"):
        sniff.proposal("a.csv", (";".join(["a"] * 100_000) + "\n").encode() * 2)


def test_the_command_prints_the_proposal(tmp_path):
    file = tmp_path / "a_2020.csv"
    file.write_bytes(b"A;B\n1;2\n")
    result = CliRunner().invoke(cli, ["sniff", str(file)])
    assert result.exit_code == 0
    assert yaml.safe_load(result.output)["lagebild"]["example"] == "a_2020.csv"


def test_only_the_beginning_of_a_large_file_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(sniff, "SAMPLE_BYTES", 1 << 20)
    file = tmp_path / "a_2020.csv"
    with file.open("wb") as stream:
        stream.write("Größe;B\n".encode() + "ä;2\n".encode() * 300_000)
        stream.truncate(4 * 2**30)  # a sparse file of 4 GB
    content = sniff.sample(file)
    assert len(content) == sniff.SAMPLE_BYTES + 1
    assert "encoding: utf-8 " in sniff.proposal(file.name, content)


def test_loading_does_not_know_of_it():
    users = [path.name for path in (ROOT / "ingest").glob("*.py") if re.search(r"\bsniff\b", path.read_text())]
    assert users == ["sniff.py"]


@pytest.mark.skipif(not SAMPLES, reason=f"the samples are not here: {SHARED}")
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_real_files_are_described(path, tmp_path):
    content = path.read_bytes()
    contract = proposed(tmp_path, path.name.replace("-", "_"), content)
    assert contract.layout_for(header_of(contract, content), None)
