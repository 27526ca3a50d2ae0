"""What must hold of a workbook, read from its markup (ECMA-376): functions return what is wrong, a line a fault."""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree

from xlsxwriter.utility import xl_cell_to_rowcol

_NAME = re.compile(r"\{.*\}")
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
# Printable pixels of A4 (96 an inch) between margins of 15 mm.
PAGE = {"portrait": 680, "landscape": 1009}


@dataclass
class Sheet:
    """A worksheet as it is stored."""

    name: str
    path: str
    root: ElementTree.Element
    tables: list[ElementTree.Element]
    drawings: list[ElementTree.Element]
    texts: dict[str, str] = field(default_factory=dict)
    """By cell, also numbers."""

    def all(self, tag: str) -> Iterator[ElementTree.Element]:
        """Every element of that name."""
        return (element for element in self.root.iter() if _NAME.sub("", element.tag) == tag)

    def first(self, tag: str) -> dict[str, str]:
        """The attributes of the first element of that name; empty if there is none."""
        return next((element.attrib for element in self.all(tag)), {})

    def widths(self) -> dict[int, int]:
        """Pixels by column."""
        return {
            n: round(float(column.attrib["width"]) * 7)
            for column in self.all("col")
            for n in range(int(column.attrib["min"]) - 1, int(column.attrib["max"]))
        }


def sheets(workbook: bytes) -> list[Sheet]:
    """The worksheets in their order."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        names = set(archive.namelist())

        def read(path: str) -> ElementTree.Element:
            return ElementTree.fromstring(archive.read(path))

        shared = [
            "".join(text.text or "" for text in item.iter(f"{_MAIN}t"))
            for item in read("xl/sharedStrings.xml").iter(f"{_MAIN}si")
        ]
        found = []
        for n, sheet in enumerate(read("xl/workbook.xml").iter(f"{_MAIN}sheet"), start=1):
            path = f"xl/worksheets/sheet{n}.xml"
            related = f"xl/worksheets/_rels/sheet{n}.xml.rels"
            targets = [one.attrib["Target"] for one in read(related)] if related in names else []
            one = Sheet(
                sheet.attrib["name"], path, read(path),
                [read(t.replace("..", "xl")) for t in targets if "/tables/" in t],
                [read(t.replace("..", "xl")) for t in targets if "/drawings/" in t],
            )  # fmt: skip
            for cell in one.all("c"):
                value = cell.find(f"{_MAIN}v")
                if value is not None and value.text is not None:
                    one.texts[cell.attrib["r"]] = shared[int(value.text)] if cell.get("t") == "s" else value.text
            found.append(one)
        return found


def changed(workbook: bytes, path: str, old: str, new: str) -> bytes:
    """The workbook with a text in one of its members replaced: a mutant."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as given, zipfile.ZipFile(target, "w") as written:
        for member in given.infolist():
            content = given.read(member).decode() if member.filename == path else given.read(member)
            if isinstance(content, str):
                assert old in content, f"{path} has no {old}"
                content = content.replace(old, new, 1)
            written.writestr(member, content)
    return target.getvalue()


def formulas(workbook: bytes) -> list[str]:
    """Cells that a spreadsheet would calculate."""
    return [
        f"{sheet.name}!{cell.get('r')}"
        for sheet in sheets(workbook)
        for cell in sheet.all("c")
        if cell.find(f"{_MAIN}f") is not None or cell.get("t") == "str"
    ]


def without_heading(workbook: bytes) -> list[str]:
    """Sheets whose first cell is empty."""
    return [sheet.name for sheet in sheets(workbook) if not sheet.texts.get("A1", "").strip()]


def unlinked(workbook: bytes, contents: str, first: str) -> list[str]:
    """Sheets that the contents do not lead to, or that do not lead back."""
    leads = {
        sheet.name: {link.get("location", "").rpartition("!")[0].strip("'") for link in sheet.all("hyperlink")}
        for sheet in sheets(workbook)
    }
    forth = [f"{contents} does not lead to {name}" for name in leads if name not in leads[contents]]
    back = [f"{name} does not lead back" for name in leads if name != contents and contents not in leads[name]]
    astray = [f"{name} leads to {to}" for name, targets in leads.items() for to in targets if to not in leads]
    assert first in leads
    return forth + back + astray


def charts_without_text(workbook: bytes) -> list[str]:
    """Charts that a screen reader cannot tell."""
    return [
        f"{sheet.name}: {one.get('name')}"
        for sheet in sheets(workbook)
        for drawing in sheet.drawings
        for one in drawing.iter()
        if _NAME.sub("", one.tag) == "cNvPr" and not one.get("descr", "").strip()
    ]


def broken_tables(workbook: bytes) -> list[str]:
    """Tables with merged cells, an empty row or column, or a header that is not what the cells say; two on a sheet."""
    found = []
    for sheet in sheets(workbook):
        if len(sheet.tables) > 1:
            found.append(f"{sheet.name} has {len(sheet.tables)} tables")
        for table in sheet.tables:
            (top, left), (bottom, right) = _range(table.attrib["ref"])
            for merged in sheet.all("mergeCell"):
                (first, _), (last, _) = _range(merged.attrib["ref"])
                if first <= bottom and last >= top:
                    found.append(f"{sheet.name}: {merged.attrib['ref']} is merged in the table")
            filled = {xl_cell_to_rowcol(cell) for cell, text in sheet.texts.items() if text}
            rows, columns = {row for row, _ in filled}, {c for row, c in filled if top <= row <= bottom}
            found += [f"{sheet.name}: row {row + 1} is empty" for row in range(top, bottom + 1) if row not in rows]
            found += [f"{sheet.name}: column {c + 1} is empty" for c in range(left, right + 1) if c not in columns]
            heads = [one.attrib["name"] for one in table.iter(f"{_MAIN}tableColumn")]
            cells = {xl_cell_to_rowcol(cell): text for cell, text in sheet.texts.items()}
            if heads != [cells.get((top, column)) for column in range(left, right + 1)]:
                found.append(f"{sheet.name}: the table's header is not the sheet's")
    return found


def holes(workbook: bytes, names: re.Pattern) -> list[str]:
    """Empty cells of tables for people."""
    found = []
    for sheet in (one for one in sheets(workbook) if names.fullmatch(one.name)):
        for table in sheet.tables:
            (top, left), (bottom, right) = _range(table.attrib["ref"])
            filled = {xl_cell_to_rowcol(cell) for cell, text in sheet.texts.items() if text}
            found += [
                f"{sheet.name}: row {row + 1}, column {column + 1}"
                for row in range(top, bottom + 1)
                for column in range(left, right + 1)
                if (row, column) not in filled
            ]
    return found


def badly_printed(workbook: bytes) -> list[str]:
    """Sheets that are no A4 page, or are printed smaller than 8 of 10 points, cut, or without their table's header."""
    titles = _print_titles(workbook)
    found = []
    for sheet in sheets(workbook):
        setup = sheet.first("pageSetup")
        page, widths = PAGE[setup.get("orientation", "portrait")], sheet.widths()
        if setup.get("paperSize") != "9":
            found.append(f"{sheet.name} is not A4")
        if "fitToHeight" in setup:  # as wide as the page
            if sum(widths.values()) * 0.8 > page:
                found.append(f"{sheet.name} is printed at {page / sum(widths.values()):.2f}")
        elif sheet.tables:
            scale = int(setup.get("scale", "100")) / 100
            (_, left), (_, right) = _range(sheet.tables[0].attrib["ref"])
            repeated = range(titles.get(sheet.name, (0, 0))[1])
            edges = [int(one.attrib["id"]) for one in sheet.all("brk")]
            for n, (begin, end) in enumerate(zip([left, *edges], [*edges, right + 1], strict=True)):
                columns = {*range(begin, end), *(repeated if n else ())}
                if sum(widths[column] for column in columns) * scale > page:
                    found.append(f"{sheet.name}: columns {begin + 1} to {end} are cut")
            if scale < 0.8:
                found.append(f"{sheet.name} is printed at {scale:.2f}")
        for table in sheet.tables if re.fullmatch(r"\d\d|csv-\d\d", sheet.name) else ():
            if titles.get(sheet.name, (0, 0))[0] != _range(table.attrib["ref"])[0][0] + 1:
                found.append(f"{sheet.name}: the header is not repeated")
    return found


def _print_titles(workbook: bytes) -> dict[str, tuple[int, int]]:
    """Of each sheet the row that is repeated, from 1, and how many columns are."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        root = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    names = [sheet.attrib["name"] for sheet in root.iter(f"{_MAIN}sheet")]
    found = {}
    for one in root.iter(f"{_MAIN}definedName"):
        if one.attrib["name"] == "_xlnm.Print_Titles":
            rows = re.search(r"\$(\d+):\$\d+", one.text or "")
            columns = re.search(r"\$A:\$([A-Z]+)", one.text or "")
            last = xl_cell_to_rowcol(f"{columns[1]}1")[1] + 1 if columns else 0
            found[names[int(one.attrib["localSheetId"])]] = (int(rows[1]) if rows else 0, last)
    return found


def _range(ref: str) -> tuple[tuple[int, int], tuple[int, int]]:
    first, _, last = ref.partition(":")
    return xl_cell_to_rowcol(first), xl_cell_to_rowcol(last or first)
