"""Delimited text as people export it: one reader for `lagebild source sniff`, `fit`, `check` and loading."""

import io
import os
import re
import unicodedata
from pathlib import Path

import pytest
import yaml

from ingest import contracts
from ingest.contracts import check
from ingest.loading.engine import Engine
from ingest.onboarding import propose
from ingest.reading import readers
from ingest.reading.header import header_of
from ingest.reading.refused import Refused
from lagebild.core.settings import ROOT
from tests.ingest.support import load_by

SHARED = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared")
CASES = SHARED / "cases"
NUMBER = {"type": "number", "decimalChar": ",", "groupChar": "."}


def contract_of(folder: Path, titles: list[str], own: dict | None = None, types: dict | None = None, **dialect):
    """A contract of a made-up source; `types` says what is no text, `own` what stands under lagebild."""
    descriptor = {
        "name": "made_up",
        "title": "Made-up table",
        "description": "For tests.",
        "licenses": [{"name": "other-closed"}],
        "resources": [
            {
                "name": "record",
                "path": "made_up_2024.csv",
                "encoding": "utf-8",
                "dialect": {"delimiter": ";", **dialect},
                "schema": {
                    "fields": [
                        {"name": f"c{n}", "title": title, "description": "d", "type": "string"}
                        | (types or {}).get(title, {})
                        for n, title in enumerate(titles)
                    ]
                },
            }
        ],
        "lagebild": {
            "owner": "Statistics",
            "retention": "P1Y",
            "reader": "csv",
            "file_name": r"^made_up_(?P<period>\d{4})\.csv$",
            "example": "made_up_2024.csv",
            "evidence": "synthetic",
            "schedule": "0 5 * * 1",
            "due": {"every": "irregular", "reason": "For tests."},
            "max_rejected": 0,
        }
        | (own or {}),
    }
    path = folder / "made_up" / "contract.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(descriptor, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return contracts.read(path)


def read(contract, text: str | bytes, period: str = "2024") -> tuple[list[list[str]], dict[int, str]]:
    """The good rows, and by line why the others are rejected."""
    content = text.encode() if isinstance(text, str) else text
    source = readers.open_source(contract, io.BytesIO(content), period)
    engine = Engine(contract, source.layout, None, 1)
    rows, rejected = [], {}
    for block in source.blocks(engine.is_row):
        checked = engine.check(block)
        good = set(checked.lines.tolist())
        rows += [block.texts(n) for n, line in enumerate(block.lines.tolist()) if line in good]
        rejected |= {row.line: row.reasons[0]["message"] for row in checked.rejected}
    assert source.records == len(rows) + len(rejected)
    # What `lagebild source fit` says of the header is what loading takes it for.
    assert contract.layout_for(header_of(contract, content), period).header == source.layout.header
    return rows, rejected


def refusal(contract, text: str | bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        read(contract, text)
    assert caught.value.remedy
    return caught.value


TWO = [["Ahausen", "12"], ["Bedorf", "30"]]
ROWS = "Ahausen;12\nBedorf;30\n"


# --- where the header stands ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    ["Stand 31.12.2024\nAmt für Statistik\n", "Stand 31.12.2024;\n;\n", '"Zwei Zeilen\nTitel";;\n', '5" Rohre;"\n\n'],
)
def test_title_lines_above_the_header_are_left_out(tmp_path, before):
    contract = contract_of(tmp_path, ["gemeinde", "kosten"], headerRows=[3])
    assert read(contract, f"{before}gemeinde;kosten\n{ROWS}") == (TWO, {})


def test_the_lines_of_the_file_are_those_that_rejected_rows_name(tmp_path):
    contract = contract_of(tmp_path, ["gemeinde", "kosten"], headerRows=[3])
    _, rejected = read(contract, "a\nb\ngemeinde;kosten\nx;y;z\n\nAhausen;12\nu\n")
    assert list(rejected) == [4, 7]


def test_stacked_headers_are_joined_and_none_of_them_is_a_row(tmp_path):
    text = f"gemeinde;kosten\nname;eur\n{ROWS}"
    joined = contract_of(tmp_path / "a", ["gemeinde / name", "kosten / eur"], headerRows=[1, 2], headerJoin=" / ")
    assert read(joined, text) == (TWO, {})
    upper_alone = contract_of(tmp_path / "b", ["gemeinde", "kosten"], headerRows=[1, 2])
    assert "unknown: gemeinde name, kosten eur" in refusal(upper_alone, text).message
    gap = contract_of(tmp_path / "c", ["gemeinde / name", "kosten / eur"], headerRows=[1, 3], headerJoin=" / ")
    assert read(gap, text.replace("\nname", "\n;\nname")) == (TWO, {})


def test_a_header_with_quoted_delimiters_and_line_breaks_is_one_title_a_column(tmp_path):
    contract = contract_of(tmp_path, ["Art; Wohnen", "Betrag in EUR"])
    assert read(contract, '"Art; Wohnen";"Betrag\nin EUR"\n' + ROWS) == (TWO, {})
    stacked = contract_of(tmp_path, ["Art; Wohnen x", "Betrag in EUR y"], headerRows=[1, 3])
    assert read(stacked, '"Art; Wohnen";"Betrag\nin EUR"\nx;y\n' + ROWS) == (TWO, {})
    inside = contract_of(tmp_path, ["a", "b"], headerRows=[1, 2])
    assert "part of a title" in refusal(inside, '"a";"b\nc"\n' + ROWS).message


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_a_header_is_found_in_pieces_of_any_size(tmp_path, size, monkeypatch):
    monkeypatch.setattr("ingest.reading.decode.BLOCK_BYTES", size)
    contract = contract_of(tmp_path, ["gemeinde x", "kosten y"], headerRows=[3, 4])
    assert read(contract, f"Titel\n\ngemeinde;kosten\nx;y\n{ROWS}") == (TWO, {})


def test_a_file_that_ends_before_its_header_is_refused_with_the_line(tmp_path):
    contract = contract_of(tmp_path, ["gemeinde", "kosten"], headerRows=[9])
    assert "ends before the header in line 9" in refusal(contract, f"gemeinde;kosten\n{ROWS}").message


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;", "\n\nsep=;", ";\nsep=;"])
def test_excels_word_on_the_delimiter_is_no_header(tmp_path, line):
    contract = contract_of(tmp_path, ["gemeinde", "kosten"])
    assert read(contract, f"{line}\r\ngemeinde;kosten\r\n{ROWS}") == (TWO, {})


def test_another_delimiter_than_agreed_in_excels_word_is_named(tmp_path):
    found = refusal(contract_of(tmp_path, ["gemeinde", "kosten"]), "sep=,\ngemeinde,kosten\n")
    assert "line 1: it says that ',' parts the fields, agreed is ';'" in found.message


# --- titles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "title",
    ["Größe ", " Größe", "Größe\u00a0", "\u202fGröße", unicodedata.normalize("NFD", "Größe"), "Grö\u00adße",
     "\u200bGröße"],
)  # fmt: skip
def test_blanks_and_composed_letters_make_no_other_title(tmp_path, title):
    contract = contract_of(tmp_path, ["Gebiet", "Größe"])
    assert read(contract, f"Gebiet;{title}\n{ROWS}") == (TWO, {})
    assert contract_of(tmp_path, ["Gebiet", title]).layout_for(["Gebiet", "Größe"], None)


def test_runs_of_blanks_in_a_title_are_one(tmp_path):
    contract = contract_of(tmp_path, ["3 - 5 Jahre", "80 u. älter "])
    assert read(contract, '3\u00a0-  5 Jahre;"80 u.\nälter"\n' + ROWS) == (TWO, {})


def test_titles_that_look_alike_are_told_apart_by_their_sign(tmp_path):
    found = refusal(contract_of(tmp_path, ["3-5", "kosten"]), f"3\u20135;kosten\n{ROWS}")
    assert "sign 2 is U+2013, agreed is U+002D" in found.message
    assert "(blank)" in refusal(contract_of(tmp_path, ["a", "b"]), f"a;\n{ROWS}").message


def test_columns_are_told_by_their_titles(tmp_path):
    titles, text = ["gemeinde", "kosten"], "kosten;gemeinde\n12;Ahausen\n30;Bedorf\n"
    assert read(contract_of(tmp_path, titles), text) == ([row[::-1] for row in TWO], {})
    assert "another order" in refusal(contract_of(tmp_path, titles, own={"ordered": True}), text).message
    twice = contract_of(tmp_path, ["wert", "wert"])  # titles that stand twice tell nothing
    assert read(twice, f"wert;wert\n{ROWS}") == (TWO, {})


def test_some_of_the_optional_columns_alone_is_the_reason_that_is_given(tmp_path):
    optional = {title: {"lagebild": {"optional": True}} for title in ("b", "c")}
    contract = contract_of(tmp_path, ["a", "b", "c"], types=optional)
    assert "all there or none, missing: c" in refusal(contract, f"a;b\n{ROWS}").message


# --- rows -------------------------------------------------------------------------------------------------------------


def test_lines_of_delimiters_and_blanks_are_no_records(tmp_path):
    contract = contract_of(tmp_path, ["gemeinde", "kosten"])
    blank = [";", " ; ", ";;;;", "\u00a0;\u202f", '"";""', '""', "\t;", "\x1a"]
    for line in blank:
        assert read(contract, f"gemeinde;kosten\nAhausen;12\n{line}\nBedorf;30\n{line}") == (TWO, {}), line


def test_a_header_that_comes_again_is_no_row(tmp_path):
    contract = contract_of(tmp_path, ["gemeinde", "kosten"])
    for again in ("gemeinde;kosten", '"gemeinde";kosten', "\ufeffgemeinde;kosten"):
        rows, rejected = read(contract, f"gemeinde;kosten\nAhausen;12\n{again}\nBedorf;30\n")
        assert rows == TWO and list(rejected) == [3] and rejected[3].startswith("the header stands here again")
    stacked = contract_of(tmp_path, ["gemeinde a", "kosten b"], headerRows=[1, 2])
    assert list(read(stacked, f"gemeinde;kosten\na;b\n{ROWS}gemeinde;kosten\na;b\n{ROWS}")[1]) == [5, 6]


def test_what_the_footer_matches_ends_the_table(tmp_path):
    contract = contract_of(tmp_path, ["gemeinde", "kosten"], own={"footer": "(?i)insgesamt|©"}, headerRows=[2])
    text = f"Insgesamt aller Orte\ngemeinde;kosten\n{ROWS}INSGESAMT;42\nrubbish;;;\n"
    assert read(contract, text) == (TWO, {})
    assert read(contract, text.replace("\n", "\r")) == (TWO, {})
    assert read(contract, "\ngemeinde;kosten\nAhausen insgesamt;12\n© x\n") == ([["Ahausen insgesamt", "12"]], {})


@pytest.mark.parametrize("many", [";", ";;;"])
def test_delimiters_at_the_end_of_every_line_are_no_fields(tmp_path, many):
    contract = contract_of(tmp_path, ["gemeinde", "kosten"])
    for head in ("gemeinde;kosten", f"gemeinde;kosten{many}"):
        assert read(contract, f"{head}\n\nAhausen;12{many}\nBedorf;30{many}\n") == (TWO, {})
    assert read(contract, f"gemeinde;kosten{many}\n{ROWS}") == (TWO, {})


def test_one_row_with_a_delimiter_too_many_is_not_taken_for_such_a_line(tmp_path):
    contract = contract_of(tmp_path, ["gemeinde", "kosten"])
    rows, rejected = read(contract, "gemeinde;kosten\nAhausen;12\nBe;dorf;\nCeheim;1\n")
    assert [row[0] for row in rows] == ["Ahausen", "Ceheim"] and list(rejected) == [3]
    _, rejected = read(contract, "gemeinde;kosten\nAhausen;12;\nBedorf;30\nCeheim;1;x\n")
    assert [re.sub(r" \(.*", "", said) for said in rejected.values()] == [
        "2 fields instead of 3",
        "3 fields instead of 2",
    ]


def test_broken_lines_side_by_side_count_as_the_records_they_are(tmp_path):
    contract = contract_of(tmp_path, ["nr", "name", "ort"])
    lines = [f"{n};name {n};ort" for n in range(200)]
    lines[20:71] = [f'{n};"na"me {n};ort' for n in range(20, 71)]
    lines[100:110] = [f'{n};"offen {n};ort' for n in range(100, 110)]
    lines[120:130] = [f'{n};na"me' for n in range(120, 130)]
    rows, rejected = read(contract, "\n".join(["nr;name;ort", *lines, ""]))
    assert len(rejected) == 71 and len(rows) == 129
    assert list(rejected) == [n + 2 for n in (*range(20, 71), *range(100, 110), *range(120, 130))]


def test_lines_that_belong_to_a_torn_field_are_not_counted_apart(tmp_path):
    contract = contract_of(tmp_path, ["nr", "name", "ort"])
    _, rejected = read(contract, 'nr;name;ort\n1;"Haus "A"\nHinterhof\nam See";x\n2;b;c\n')
    assert len(rejected) <= 2 and 2 in rejected


# --- dialects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_a_line_break_that_is_not_the_agreed_one_is_part_of_its_field(tmp_path, end):
    contract = contract_of(tmp_path, ["nr", "ort", "bemerkung"], lineTerminator=end)
    others = [other for other in ("\n", "\r") if other not in end]
    for other in others or ["\n", "\r"]:
        text = f"nr;ort;bemerkung|1;Ahausen;Haus A{other}Hinterhof|2;Bedorf;gut|x;y|".replace("|", end)
        rows, rejected = read(contract, text)
        assert rows == [["1", "Ahausen", f"Haus A{other}Hinterhof"], ["2", "Bedorf", "gut"]]
        assert list(rejected) == [5]  # as an editor counts


def test_another_line_end_than_agreed_is_named(tmp_path):
    contract = contract_of(tmp_path, ["gemeinde", "kosten"], lineTerminator="\r\n")
    assert "line 1: it ends with LF, agreed is CRLF" in refusal(contract, f"gemeinde;kosten\n{ROWS}").message
    lf = contract_of(tmp_path, ["gemeinde", "kosten"], lineTerminator="\n")
    assert read(lf, f"gemeinde;kosten\n{ROWS}".replace("\n", "\r\n")) == (TWO, {})


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_agreed_line_ends_are_found_in_pieces_of_any_size(tmp_path, size, monkeypatch):
    monkeypatch.setattr("ingest.reading.decode.BLOCK_BYTES", size)
    contract = contract_of(tmp_path, ["nr", "text"], lineTerminator="\r\n")
    rows = [[str(n), f'a\nb"{n}'] for n in range(30)]
    text = "nr;text\r\n" + "".join('{};"{}"\r\n'.format(n, text.replace('"', '""')) for n, text in rows)
    assert read(contract, text) == (rows, {})


def test_spaces_behind_the_delimiter_are_left_out_where_agreed(tmp_path):
    contract = contract_of(tmp_path, ["gemeinde", "kosten"], skipInitialSpace=True)
    assert read(contract, 'gemeinde; kosten\n"Ahausen";  "12"\n  Bedorf; 30\n') == (TWO, {})
    assert len(read(contract_of(tmp_path, ["gemeinde", "kosten"]), 'gemeinde; kosten\n"Ahausen"; "12"\n')[1]) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (r"C:\Akten\2020", r"C:\Akten\2020"),
        (r'"C:\Akten\2020"', r"C:\Akten\2020"),
        (r"a\;b", "a;b"),
        (r'"a\"b"', 'a"b'),
        (r'"a\"b""c"', 'a"b"c'),
        (r'"d""e"', 'd"e'),
        (r"\\server\x", r"\server\x"),
        (r'"\\"', "\\"),
        ('a\\\nb', "a\nb"),
        (r"\N", r"\N"),
    ],
)  # fmt: skip
def test_an_escape_counts_before_delimiter_quote_line_break_and_itself_alone(tmp_path, field, value):
    contract = contract_of(tmp_path, ["nr", "text"], escapeChar="\\")
    assert read(contract, f"nr;text\n1;{field}\n2;x\n") == ([["1", value], ["2", "x"]], {})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_utf_8_has_a_byte_order_mark_or_not_and_byte_ranges_know_it(tmp_path, encoding, mark):
    contract = contract_of(tmp_path, ["ä", "b"])
    object.__setattr__(contract, "encoding", encoding)
    content = mark + "ä;b\nü;1\nzu;viel;ö\n".encode()
    _, rejected = read(contract, content)
    start, end = map(int, re.search(r"bytes (\d+) to (\d+)", rejected[3]).groups())
    assert content[start:end].decode() == "zu;viel;ö"


# --- the Landesdatenbank ----------------------------------------------------------------------------------------------

LDB = """Tabelle: 99999-01i
Hilfen nach Art - Kreise - Jahr;;;;
Erfundene Statistik;;;;
;;;"§ 1 Wohnen; begleitet";§ 2 Beratung
;;;Anzahl;Anzahl
2024;05;Nordrhein-Westfalen;1200;340
2024;05911;  Musterkreis;70;12
2024;05913;  Musterstadt;95;-
__________
(C)opyright erfunden
"""


def test_a_quoted_delimiter_in_a_stacked_header_of_the_landesdatenbank(tmp_path):
    titles = ["", "", "", "§ 1 Wohnen; begleitet / Anzahl", "§ 2 Beratung / Anzahl"]
    count = {"type": "integer", "lagebild": {"signs": True}}
    contract = contract_of(
        tmp_path, titles, own={"reader": "ldb_nrw"}, types=dict.fromkeys(titles[3:], count), headerRows=[4, 5],
        headerJoin=" / ", skipInitialSpace=True,
    )  # fmt: skip
    rows, rejected = read(contract, LDB)
    assert [row[1:] for row in rows] == [
        ["05", "Nordrhein-Westfalen", "1200", "340"],
        ["05911", "Musterkreis", "70", "12"],
        ["05913", "Musterstadt", "95", "-"],
    ]
    assert not rejected
    assert "cut short" in refusal(contract, LDB.replace("_", "-")).message


# --- what is said of it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1'234,50", "has apostrophes between thousands"),
        ("1.234,50 €", "has a unit beside the number"),
        ("EUR 5", "has a unit beside the number"),
        ("12,5 %", "has a unit beside the number"),
        ("1,234.56", "has a decimal point, agreed is a decimal comma"),
        ("12.5", "has '.' where no thousands separator can stand"),
        ("k.A.", "is not a number"),
        ("n/a", "is not a number"),
    ],
)
def test_a_number_in_another_form_is_told_by_what_is_otherwise(tmp_path, text, said):
    contract = contract_of(tmp_path, ["gemeinde", "kosten"], types={"kosten": NUMBER})
    (message,) = read(contract, f"gemeinde;kosten\nAhausen;{text}\n")[1].values()
    assert said in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2024-12-31", "is a date written as %Y-%m-%d, agreed is %d.%m.%Y"),
        ("31.12.24", "is a date written as %d.%m.%y, agreed is %d.%m.%Y"),
        ("31/12/2024", "is a date written as %d/%m/%Y, agreed is %d.%m.%Y"),
        ("20241231", "is a date written as %Y%m%d, agreed is %d.%m.%Y"),
        ("45657", "is a number, as spreadsheets keep days"),
        ("31.12.0024", "lies outside the years 1800 to 2200"),
        ("31.12.9999", "lies outside the years 1800 to 2200"),
        ("30.02.2024", "is not a date written as %d.%m.%Y"),
    ],
)
def test_a_day_in_another_form_is_told_by_that_form(tmp_path, text, said):
    contract = contract_of(tmp_path, ["gemeinde", "tag"], types={"tag": {"type": "date", "format": "%d.%m.%Y"}})
    (message,) = read(contract, f"gemeinde;tag\nAhausen;{text}\n")[1].values()
    assert said in message


@pytest.mark.parametrize("sign", [",", "\t", "|"])
def test_another_delimiter_is_named_and_no_layout_is_proposed_of_it(tmp_path, sign):
    contract = contract_of(tmp_path, ["gemeinde", "kosten"])
    refused = refusal(contract, f"gemeinde{sign}kosten\nAhausen{sign}12\n")
    assert refused.message == f"line 1: {sign!r} parts the fields, agreed is ';'"
    assert "change delimiter at" in refused.remedy


def test_a_header_that_comes_again_in_other_capitals_is_no_row(tmp_path):
    contract = contract_of(tmp_path, ["gemeinde", "kosten"])
    rows, rejected = read(contract, f"gemeinde;kosten\n{ROWS}\ufeffGEMEINDE;Kosten\nCeheim;1\n")
    assert rows == [*TWO, ["Ceheim", "1"]] and list(rejected) == [4]


# --- what sniff says of other files -----------------------------------------------------------------------------------


def sniffed(folder: Path, content: str | bytes) -> tuple[str, contracts.Contract, list[list[str]]]:
    """The proposal, the contract that it makes, and the rows that this reads."""
    content = content.encode() if isinstance(content, str) else content
    file = folder / "liste_2024.csv"
    file.write_bytes(content)
    contract = proposed(folder, file)
    return propose.proposal(file.name, content), contract, read(contract, content)[0]


@pytest.mark.parametrize(
    "word", ["Σ", "Zwischensumme", "Endergebnis", "Insg.", "Übertrag", "Seite 1 von 1", "3 Zeilen"]
)
def test_other_words_for_what_ends_a_table_are_known(tmp_path, word):
    text, contract, rows = sniffed(tmp_path, f"Ort;Anzahl\nAhausen;1\nBedorf;2\nCeheim;4\n{word};7\n")
    assert len(rows) == 3 and contract.footer and "line 5 below the rows: a total" in text


@pytest.mark.parametrize("word", ["Stadt insgesamt", "Alle Stadtteile", "05913"])
def test_a_last_row_that_is_the_sum_of_the_others_is_told_whatever_it_is_called(tmp_path, word):
    rows = "Ahausen;1.000,50\nBedorf;2,00\nCeheim;4,25\n"
    text, _, _ = sniffed(tmp_path, f"Ort;Betrag\n{rows}{word};1.006,75\n")
    assert "line 5 may be a total: in column 2 it is the sum of the rows above" in text
    assert "may be a total" not in sniffed(tmp_path, f"Ort;Betrag\n{rows}{word};1.006,76\n")[0]


@pytest.mark.parametrize("encoding", ["cp1252", "iso-8859-1", "cp850", "mac-roman", "utf-8", "utf-16"])
def test_umlauts_say_which_encoding_a_file_has(tmp_path, encoding):
    content = "Ort;Anzahl\nKöln;1\nMünster;2\nHöxter;3\nWülfrath;4\n".encode(encoding)
    _, _, rows = sniffed(tmp_path, content)
    assert [row[0] for row in rows] == ["Köln", "Münster", "Höxter", "Wülfrath"]


def test_single_quotes_mixed_line_ends_and_apostrophes_are_read_by_the_proposal(tmp_path):
    _, contract, rows = sniffed(tmp_path, "Ort;Betrag\r\n'A;B';1\n'C';3\r\n'D';12\r\n")
    assert contract.quote == "'" and contract.line_terminator is None
    assert [row[0] for row in rows] == ["A;B", "C", "D"]
    _, contract, rows = sniffed(tmp_path, "Ort;Betrag\nA;1'234.50\nB;3.20\nC;12'000.00\n")
    assert (contract.fields[1].type, contract.fields[1].group_char, len(rows)) == ("number", "'", 3)


@pytest.mark.parametrize(("name", "said"), [("M\ufffdnster", "line 2"), ("MÃ¼nster", "line 2")])
def test_lost_letters_are_told(tmp_path, name, said):
    assert f"or were decoded twice in {said}" in sniffed(tmp_path, f"Ort;Anzahl\n{name};1\nBonn;2\n")[0]


def test_a_column_of_days_in_several_forms_is_told_by_its_lines(tmp_path):
    days = ["31.12.2024", "2024-12-30", "29.12.2024", "28.12.2024", "45657"]
    text, _, _ = sniffed(tmp_path, "Ort;Tag\n" + "".join(f"A{n};{day}\n" for n, day in enumerate(days)))
    assert "column 2 holds days, most as %d.%m.%Y, others not: line 3, 6" in text


@pytest.mark.parametrize(
    ("content", "said"),
    [(b'[{"ort": "A"}]', "JSON, and no table"), (b"<!DOCTYPE html><html>", "a page of HTML"), (b"<?xml ?><a/>", "XML")],
)
def test_what_is_no_table_is_named(content, said):
    with pytest.raises(Refused, match=said) as caught:
        propose.proposal("liste_2024.csv", content)
    assert caught.value.remedy


# --- through to raw ---------------------------------------------------------------------------------------------------


def test_records_add_up_in_the_ledger(warehouse, tmp_path):
    contract = contract_of(
        tmp_path, ["gemeinde", "kosten"], own={"footer": "Insgesamt"}, types={"kosten": NUMBER}, headerRows=[2]
    )
    text = (
        f'Kosten\ngemeinde;kosten;\n{ROWS};;\ngemeinde;kosten;\nCe"heim;1\nCe;\u22121.000,50;\nDe;#NV;\nInsgesamt;1;\n'
    )
    text = text.replace("12\n", "12;\n").replace("30\n", "30;\n")
    delivery = load_by(warehouse, contract, text.encode(), "made_up_2024.csv", tmp_path / "files")
    assert (delivery.records, delivery.loaded, delivery.rejected) == (6, 3, 3)


# --- the cases of real files ------------------------------------------------------------------------------------------


def case(name: str, file: str | None = None) -> Path:
    folder = CASES / name
    if not folder.is_dir():
        pytest.skip(f"the cases are not here: {CASES}")
    return folder / file if file else next(folder.glob("*.csv"))


def proposed(folder: Path, file: Path) -> contracts.Contract:
    """The contract that `sniff` proposes for a file, once somebody named the law."""
    text = propose.proposal(file.name, file.read_bytes())
    path = folder / yaml.safe_load(text)["name"] / "contract.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(re.sub(r"legal_basis: .*", "legal_basis: named in review", text), encoding="utf-8")
    assert [str(finding) for finding in check.findings(path)] == []
    return contracts.read(path)


def agreed(folder: Path, file: Path) -> contracts.Contract:
    text = file.with_name("contract.yml").read_text()
    path = folder / yaml.safe_load(text)["name"] / "contract.yml"
    path.parent.mkdir()
    path.write_text(text)
    return contracts.read(path)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("csv_header_rows_preamble_refused", TWO),
        ("csv_repeated_header", TWO),
        ("csv_skip_initial_space", TWO),
        ("csv_escape_and_doubled_quotes", [["1", 'a"b"c'], ["2", 'd"e']]),
        ("csv_line_terminator_crlf_bare_lf", [["1", "Ahausen", "Haus A\nHinterhof"], ["2", "Bedorf", "gut"]]),
    ],
)
def test_cases_with_a_contract(tmp_path, name, rows):
    file = case(name)
    assert read(agreed(tmp_path, file), file.read_bytes(), "2020")[0] == rows


def test_the_case_of_a_second_header_row(tmp_path):
    file = case("csv_header_rows_second_row_loaded")
    with pytest.raises(Refused, match="gemeinde name"):
        read(agreed(tmp_path, file), file.read_bytes(), "2020")


@pytest.mark.parametrize(
    ("name", "file", "loaded", "sums"),
    [
        ("csv_preamble", "einwohner_stadtteile_2024.csv", 3, {"Einwohner": 4389}),
        ("csv_preamble", "unpadded_2024.csv", 3, {"Einwohner": 4389}),
        ("csv_sniff_preamble", None, 2, {"kosten": 42}),
        ("csv_header_blanks", None, 2, {"3 - 5": 1096}),
        ("csv_header_nfd", None, 1, {"Personen": 1}),
        ("csv_blank_delims", None, 1, {"Personen": 1}),
        ("csv_footer_total", None, 7, {"Personen": 10836}),
        ("csv_datetime", None, 7, {}),
        ("csv_nbsp_thousands", None, 7, {}),
        ("csv_trailing_delimiter", None, 7, {"Personen": 10836}),
        ("csv_excel_errors", None, 7, {"Personen": 10836}),
        ("csv_signs", None, 9, {}),
        ("csv_skip_initial_space", None, 2, {"kosten": 42}),
        ("csv_line_terminator_crlf_bare_lf", None, 2, {}),
        ("ldb_22542", None, 4, {"§13 Jugendsozialarbeit; begleitetes Wohnen / Anzahl": 193}),
        ("ldb_quoted_header", None, 3, {"§ 1 Wohnen; begleitet / Anzahl": 1365, "§ 2 Beratung / Anzahl": 352}),
        ("sniff_rare_decimals", None, 100, {}),
    ],
)
def test_cases_by_their_own_proposal(tmp_path, name, file, loaded, sums):
    file = case(name, file)
    contract = proposed(tmp_path, file)
    rows, _ = read(contract, file.read_bytes())
    assert len(rows) == loaded
    titles = [contracts.normal_title(field.title) for field in contract.fields]
    for title, total in sums.items():
        cells = [row[titles.index(title)].replace(".", "") for row in rows]
        assert sum(int(cell) for cell in cells if cell != "-") == total


def test_the_cases_of_persons_show_no_value_and_their_marks(tmp_path):
    file = case("csv_sniff_header_wider_than_rows")
    text, contract = propose.proposal(file.name, file.read_bytes()), proposed(tmp_path, file)
    assert [(f.title, f.privacy) for f in contract.fields] == [
        ("name", "drop"), ("vorname", "drop"), ("geboren", "year"), ("strasse", "drop"),
    ]  # fmt: skip
    headerless = case("sniff_headerless_register")
    other = propose.proposal(headerless.name, headerless.read_bytes())
    assert "no header was found" in other
    for said in ("Kowalska", "Musterweg", "Mustermann", "Erika"):
        assert said not in text + other


def test_the_cases_of_lost_letters_and_impossible_years(tmp_path):
    file = case("csv_replacement_char")
    assert "letters are lost (U+FFFD)" in propose.proposal(file.name, file.read_bytes())
    file = case("csv_date_forms")
    text = propose.proposal(file.name, file.read_bytes())
    assert "column 1 holds days, most as %d.%m.%Y, others not: line 3, 4, 6, 7, 8 and 2 more" in text
    types = {"Stichtag": {"type": "date", "format": "%d.%m.%Y"}}
    contract = contract_of(tmp_path, ["Stichtag", "AGS", "Gebiet", "Personen", "Anteil"], types=types)
    rows, rejected = read(contract, file.read_bytes())
    assert [row[0] for row in rows] == ["1.1.2024", "31.12.2024 00:00"]
    assert "outside the years" in rejected[8] and "outside the years" in rejected[11]


def test_a_byte_order_mark_of_a_file_put_below_another_is_a_damaged_text(tmp_path):
    rows, _ = read(contract_of(tmp_path, ["Ort", "Zahl"]), "\ufeffOrt;Zahl\nA;1\n\ufeffB;2\n")
    assert [bool(re.search(contracts.DAMAGED, row[0])) for row in rows] == [False, True]  # letters_whole holds it
