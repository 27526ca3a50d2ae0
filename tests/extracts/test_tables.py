"""The CSVs: what a spreadsheet makes of every cell, and that no text that a delivery brings becomes a formula."""

import csv
import io
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from datetime import date
from decimal import Context, Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from extracts import marts, package, signs, tables
from extracts.contents import Contents
from extracts.marts import Column, Mart
from extracts.package import MartEntry

ENTRY = MartEntry("tiny", {"de": "Klein", "en": "Tiny"}, ("municipality_ags", "node_path"), None)
COLUMNS = (
    Column("municipality_ags", "text", None, ""),
    Column("node_path", "text", None, ""),
    Column("reference_year", "integer", None, ""),
    Column("amount_eur", "number", 2, ""),
    Column("reason", "text", None, ""),
    Column("is_total", "boolean", None, ""),
    Column("counted_on", "date", None, ""),
)
ROWS = (
    ("05913000", "1.1.2", 2019, Decimal("1234.50"), None, True, date(2019, 12, 31)),
    ("00000000", "1.10", 2019, None, "rate_too_coarse", False, None),
)
TINY = Mart(ENTRY, "", COLUMNS, ROWS)
SOFFICE = shutil.which("soffice")


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=";"))


def test_texts_are_quoted_numbers_are_not_and_each_figure_has_its_status():
    assert tables.csv_bytes(TINY).decode("utf-8-sig").split("\r\n") == [
        '"municipality_ags";"node_path";"reference_year";"amount_eur";"amount_eur_status";"reason";"is_total";"counted_on"',
        '"05913000";"1/1/2";2019;1234,50;;;"ja";2019-12-31',
        '"00000000";"1/10";2019;;"confidential";"confidential";"nein";',
        "",
    ]


def test_a_revised_figure_says_so():
    changed = frozenset({("tiny", (("municipality_ags", "05913000"), ("node_path", "1.1.2")), "amount_eur")})
    assert read(tables.csv_bytes(TINY, changed))[1][4] == "revised"


def would_run(text: str) -> bool:
    """Whether a spreadsheet may take the cell for a formula: written apart from the code that prevents it."""
    for sign in text:
        category = unicodedata.category(sign)
        if category.startswith(("Z", "C")):
            continue
        return unicodedata.normalize("NFKC", sign)[:1] in ("=", "+", "-", "@")
    return False


UNSEEN = st.sampled_from([" ", "\t", "\r", "\n", "\N{NO-BREAK SPACE}", "\ufeff", "\u200b", "\u2060", "\x00", ""])
STARTS = st.sampled_from(["=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫", "⁼", "₊"])


@given(st.one_of(st.text(), st.builds(lambda a, b, c, d: a + b + c + d, UNSEEN, UNSEEN, STARTS, st.text(max_size=8))))
def test_no_text_that_a_delivery_can_bring_becomes_a_formula(text):
    (written,) = read(f"{tables.cell(text)}\r\n".encode()) if "\r" not in text and "\n" not in text else [[None]]
    cell = tables.neutralised(text)
    assert not would_run(cell) or cell.strip(" ") == "-"
    assert cell in (text, f"'{text}")
    assert written[0] in (None, cell)


def test_the_fuzz_notices_a_writer_that_lets_one_through():
    assert would_run("\u200b＝1+1") and would_run("\t=1") and not would_run("'=1") and not would_run("2019-12-31")


@pytest.mark.parametrize(("value", "shown"), [(Decimal("0.5000"), "0,50"), (Decimal("2143"), "2143"), (1.5, "1,5")])
def test_numbers_have_a_decimal_comma(value, shown):
    assert tables.cell(value) == shown


def test_figures_are_measures_and_no_keys_years_or_lines(published_warehouse):
    with marts.reader(published_warehouse) as connection:
        found = {
            entry.name: {c.name for c in mart.columns if tables.is_figure(mart, c)}
            for entry in package.load().marts
            for mart in [marts.mart(connection, entry, 1)]
        }
    assert {"cost_per_person_rounded_eur", "total_cost_eur", "denominator_persons"} <= found["cost_per_person"]
    every = set.union(*found.values())
    assert {"persons", "rate_pct", "value", "share_numerator", "granted_eur", "per_100_inhabitants"} <= every
    assert [name for name in every if name.endswith(("_year", "_line", "_version"))] == []
    assert every & {"publication_id", "delivery_id", "line_number", "node_order", "checks_passed_count"} == set()


def test_a_column_at_once_has_the_statuses_of_its_rows_one_by_one(published_warehouse):
    with marts.reader(published_warehouse) as connection:
        read = [marts.mart(connection, entry, 1) for entry in package.load().marts]
    found = set()
    for mart in read:
        figures = [column.name for column in mart.columns if tables.is_figure(mart, column)]
        at = {column.name: n for n, column in enumerate(tables.written_columns(mart))}
        # Each third row was revised in its first figure.
        keys = [signs.row_key(mart, signs.named(mart, row)) for row in mart.rows]
        changed = frozenset((mart.entry.name, key, figure) for key in keys[::3] for figure in figures[:1])
        for row, written in zip(mart.rows, tables.written_rows(mart, changed), strict=True):
            told = {figure: written[at[f"{figure}{tables.STATUS}"]] for figure in figures}
            assert told == {figure: signs.status(mart, row, figure, changed) for figure in figures}
            found |= set(told.values())
    assert found >= {None, "revised", "confidential", "not_available", "nothing"}


def opened(folder: Path, files: list[Path], quoted_is_text: bool) -> dict[str, list[list[Any]]]:
    """By file the cells that a German spreadsheet makes of a CSV: LibreOffice opens it and saves it as a workbook."""
    options = f"59,34,76,1,,1031,{str(quoted_is_text).lower()},true"
    subprocess.run(
        [
            SOFFICE, "--headless", f"-env:UserInstallation={(folder / 'profile').as_uri()}",
            f"--infilter=CSV:{options}", "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", folder / "out",
            *files,
        ],
        check=True, capture_output=True, timeout=600,
    )  # fmt: skip
    books = {path.name: CalamineWorkbook.from_path(str(folder / "out" / f"{path.stem}.xlsx")) for path in files}
    return {name: book.get_sheet_by_index(0).to_python(skip_empty_area=False) for name, book in books.items()}


KEPT = Context(prec=15)
"""What a spreadsheet keeps of a number."""


def same(written: str, shown: Any) -> bool:
    """Whether a cell is the number, the day or the text that a CSV has."""
    if isinstance(shown, float):
        try:
            return KEPT.plus(Decimal(written.replace(",", "."))) == KEPT.plus(Decimal(repr(shown)))
        except InvalidOperation:
            return False
    return written == str(shown)


@pytest.mark.nightly
@pytest.mark.long
@pytest.mark.skipif(SOFFICE is None, reason="needs Debian's libreoffice-calc: apt-get install libreoffice-calc")
@pytest.mark.parametrize("quoted_is_text", [True, False], ids=["quoted-as-text", "mutant-quotes-ignored"])
def test_a_german_spreadsheet_changes_no_key_path_or_code(published_warehouse, tmp_path, quoted_is_text):
    with marts.reader(published_warehouse) as connection:
        read_marts = tuple(marts.mart(connection, entry, 1) for entry in package.load().marts)
        known = marts.publication(connection, 1)
    told = Contents(package.load(), known, read_marts, [], [], [], {})
    texts = {f"{mart.entry.name}.csv": [c.kind == "text" for c in tables.written_columns(mart)] for mart in read_marts}
    (tmp_path / "written").mkdir()
    files = list(written_files(told, tmp_path / "written"))
    assert len(files) == len(read_marts) + 1  # and codes.csv
    changed = set()
    for name, back in opened(tmp_path, files, quoted_is_text).items():
        before = read((tmp_path / "written" / name).read_bytes())
        assert len(back) == len(before)
        for number, (row, cells) in enumerate(zip(before, back, strict=True)):
            is_text = texts.get(name, [True] * len(row)) if number else [True] * len(row)
            changed |= {
                (name, one, cell)
                for one, cell, must_be_text in zip(row, cells, is_text, strict=True)
                if not (one == cell if must_be_text else same(one, cell))
            }
    if quoted_is_text:
        assert changed == set()
    else:
        assert ("cost_per_person.csv", "05913000", 5913000.0) in changed
        assert ("codes.csv", "000", 0.0) in changed


def written_files(told: Contents, folder: Path) -> Iterator[Path]:
    """Every CSV of a package."""
    for name, data in [(f"{mart.entry.name}.csv", tables.csv_bytes(mart)) for mart in told.marts] + [
        ("codes.csv", tables.codes_bytes(told))
    ]:
        (folder / name).write_bytes(data)
        yield folder / name
