"""The workbook opened and printed by LibreOffice as a German office has it; each gate with its mutant."""

import dataclasses
import io
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from extracts import attribution, marts, package
from extracts import contents as contents_of
from extracts.contents import Contents
from extracts.workbook import xlsx_bytes
from lagebild.core import database
from lagebild.core.settings import Settings
from tests.extracts import workbook_gates as gates
from tests.extracts.test_workbook import contents, path_of

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.long,
    pytest.mark.skipif(
        not (shutil.which("soffice") and shutil.which("pdftotext")),
        reason="LibreOffice or poppler is not installed here",
    ),
]
GERMAN = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Setup/L10N">
<prop oor:name="ooSetupSystemLocale" oor:op="fuse"><value>de-DE</value></prop>
</item>
</oor:items>
"""
SMALLEST_POINTS = 7.5
"""The workbook promises 8; programs round the scale of a page."""
BOX = 1.3
"""Height of a word's box, as poppler gives it, over the size of its letters, of what stands in for Arial."""
MOST_ROWS = 60
"""Of a mart, so that a night is long enough: the pages of the others look the same."""


def converted(workbook: bytes, folder: Path, to: str) -> Path:
    """What LibreOffice makes of the workbook."""
    profile = folder / "profile" / "user"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "registrymodifications.xcu").write_text(GERMAN, encoding="utf-8")
    given, made = folder / "lagebild.xlsx", folder / "made"
    given.write_bytes(workbook)
    shutil.rmtree(made, ignore_errors=True)
    command = ["soffice", f"-env:UserInstallation={profile.parent.as_uri()}", "--headless", "--convert-to", to]
    done = subprocess.run([*command, "--outdir", made, given], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0 and (made / f"lagebild.{to}").exists(), done.stderr
    return made / f"lagebild.{to}"


def pages(printed: Path) -> list[str]:
    """The text of each page."""
    done = subprocess.run(["pdftotext", "-layout", printed, "-"], capture_output=True, text=True, check=True)
    return done.stdout.split("\f")[:-1]


def too_small(printed: Path) -> list[str]:
    """Words in letters of too few points."""
    done = subprocess.run(["pdftotext", "-bbox", printed, "-"], capture_output=True, text=True, check=True)
    words = re.findall(r'<word xMin="[\d.]+" yMin="([\d.]+)" xMax="[\d.]+" yMax="([\d.]+)">(.*)</word>', done.stdout)
    assert words
    return [word for top, bottom, word in words if float(bottom) - float(top) < SMALLEST_POINTS * BOX]


def cut(workbook: bytes, printed: Path) -> list[str]:
    """Sheets that are printed on more pages than their columns need."""
    found = []
    of_sheet: dict[str, list[str]] = {}
    for page in pages(printed):
        sheet = re.search(r"(\S.*?) · (?:Seite|Page) \d+ / \d+\s*$", page.strip())
        of_sheet.setdefault(re.split(r"\s{2,}", sheet[1])[-1], []).append(page)
    for sheet in gates.sheets(workbook):
        texts = of_sheet[sheet.name]
        if re.fullmatch(r"\d\d", sheet.name):
            last = [one.attrib["name"] for one in sheet.tables[0].iter() if one.tag.endswith("tableColumn")][-1]
            found += [f"{sheet.name}: a page without {last}" for page in texts if last not in page]
        elif sheet.name.startswith("csv-"):
            parts = len(list(sheet.all("brk"))) + 1
            if len(texts) % parts:
                found.append(f"{sheet.name}: {len(texts)} pages of {parts} parts")
    return found


@pytest.fixture
def published(published_warehouse: Settings) -> Contents:
    """The contents of the bundled deliveries' publication, of each mart the first rows."""
    settings, wanted = published_warehouse, package.load()
    with database.connect(settings, database.BUILDER, autocommit=True) as builder, marts.reader(settings) as connection:
        attributed = partial(attribution.of_publication, builder, settings, wanted, attribution.NOTHING_STATED)
        read = contents_of.gather(connection, wanted, None, attributed)
    first = tuple(dataclasses.replace(mart, rows=mart.rows[:MOST_ROWS]) for mart in read.marts)
    return dataclasses.replace(read, marts=first, about=contents().about)


def test_the_publication_is_printed_readably_and_no_table_is_cut(published, tmp_path):
    workbook = xlsx_bytes(published)
    assert gates.badly_printed(workbook) == [] and gates.broken_tables(workbook) == []
    assert gates.holes(workbook, re.compile(r"\d\d|Codes|Spalten|Herkunft|Zeichenerklärung")) == []
    assert gates.formulas(workbook) == [] and gates.charts_without_text(workbook) == []
    printed = converted(workbook, tmp_path, "pdf")
    assert too_small(printed) == []
    assert cut(workbook, printed) == []
    assert "15.639.763" in "".join(pages(printed))  # as a German reader writes it


def test_small_letters_and_cut_tables_are_found(tmp_path):
    workbook = xlsx_bytes(contents())
    printed = converted(workbook, tmp_path, "pdf")
    assert too_small(printed) == [] and cut(workbook, printed) == []
    small = gates.changed(workbook, path_of(workbook, "csv-01"), 'scale="80"', 'scale="50"')
    assert too_small(converted(small, tmp_path, "pdf"))
    wide = gates.changed(workbook, path_of(workbook, "csv-02"), 'scale="80"', 'scale="160"')
    assert any(fault.startswith("csv-02") for fault in cut(wide, converted(wide, tmp_path, "pdf")))


def differing(given: bytes, kept: bytes) -> list[str]:
    """Sheets of which the second workbook shows other cells."""
    one, other = (CalamineWorkbook.from_filelike(io.BytesIO(workbook)) for workbook in (given, kept))
    assert one.sheet_names == other.sheet_names
    return [
        name
        for name in one.sheet_names
        if one.get_sheet_by_name(name).to_python() != other.get_sheet_by_name(name).to_python()
    ]


def test_a_german_spreadsheet_keeps_every_key_path_and_number(published, tmp_path):
    workbook = xlsx_bytes(published)
    kept = converted(workbook, tmp_path, "xlsx").read_bytes()
    assert differing(workbook, kept) == []
    lost = gates.changed(workbook, "xl/sharedStrings.xml", "<t>05913000</t>", "<t>5913000</t>")
    assert "csv-01" in differing(lost, kept)
