"""Workbooks for tests, written as markup: with errors, formulas, merged cells and types that no writer writes."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from ingest.contracts import Contract
from tests.contract_files import descriptor, read

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


class Markup(str):
    """The inside of a cell and its attributes: `t="e"><v>#REF!</v>`."""


def error(name: str) -> Markup:
    return Markup(f't="e"><v>{name}</v>')


def formula(value: str = "", kind: str = "n") -> Markup:
    return Markup(f't="{kind}"><f>A1</f>{value}')


def number(value: str, code: str = "") -> tuple[str, str]:
    """A number as it is stored, and its format."""
    return value, code


def xlsx(
    rows: Sequence[Sequence[Any]] | Mapping[int, Sequence[Any]],
    merged: Sequence[str] = (),
    shared: Sequence[str] = (),
    sheet: str = "Tabelle1",
    settings: str = "",
    others: Sequence[str] = (),
    strict: bool = False,
) -> bytes:
    """A workbook. A cell is text, a number as Python has it, `number(...)`, `Markup` or None; rows count from 1.

    `settings` stands in the workbook's part before its sheets, `others` are further, empty sheets.
    """
    numbered = rows if isinstance(rows, Mapping) else dict(enumerate(rows, 1))
    codes = [""]
    lines = []
    for line, cells in numbered.items():
        made = "".join(_cell(f"{_column(n)}{line}", cell, codes) for n, cell in enumerate(cells))
        lines.append(f'<row r="{line}">{made}</row>')
    merges = "".join(f'<mergeCell ref="{ref}"/>' for ref in merged)
    merges = f"<mergeCells>{merges}</mergeCells>" if merged else ""
    strings = "".join(f"<si>{text}</si>" for text in shared)
    main = "http://purl.oclc.org/ooxml/spreadsheetml/main" if strict else MAIN
    names = [sheet, *others]
    sheets = "".join(f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(names, 1))
    formats = "".join(
        f"<numFmt numFmtId={quoteattr(str(163 + n))} formatCode={quoteattr(code)}/>"
        for n, code in enumerate(codes)
        if n
    )
    styles = "".join(f'<xf numFmtId="{163 + n if n else 0}"/>' for n in range(len(codes)))
    related = "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(names) + 1)
    )
    related += f'<Relationship Id="rId98" Type="{OFFICE}/styles" Target="styles.xml"/>'
    related += f'<Relationship Id="rId99" Type="{OFFICE}/sharedStrings" Target="/xl/sharedStrings.xml"/>'
    parts = {
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1" Type="{OFFICE}/officeDocument"'
        ' Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{OFFICE}">{settings}<sheets>{sheets}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{related}</Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><numFmts>{formats}</numFmts><cellStyleXfs><xf numFmtId="14"/>'
        f"</cellStyleXfs><cellXfs>{styles}</cellXfs></styleSheet>",
        "xl/sharedStrings.xml": f'<sst xmlns="{main}">{strings}</sst>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{"".join(lines)}</sheetData>{merges}'
        "</worksheet>",
    }
    for n in range(2, len(names) + 1):
        parts[f"xl/worksheets/sheet{n}.xml"] = f'<worksheet xmlns="{main}"><sheetData/></worksheet>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in parts.items():
            packed.writestr(name, text)
    return out.getvalue()


def _cell(place: str, cell: Any, codes: list[str]) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Markup):
        return f'<c r="{place}" {cell}</c>'
    if isinstance(cell, str):
        return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
    value, code = cell if isinstance(cell, tuple) else (repr(cell), "")
    if code not in codes:
        codes.append(code)
    return f'<c r="{place}" s="{codes.index(code)}"><v>{value}</v></c>'


def _column(n: int) -> str:
    return chr(65 + n) if n < 26 else _column(n // 26 - 1) + chr(65 + n % 26)


def contract_of(
    folder: Path, dialect: Mapping[str, Any] | None = None, *fields: Mapping[str, Any], **own: Any
) -> Contract:
    """A contract of a workbook; a field is given as name, title, type and whatever else it says."""
    made = descriptor(
        **{"reader": "xlsx", "file_name": r"^moves_(?P<period>\d{4})\.xlsx$", "example": "moves_2021.xlsx"} | own
    )
    made["resources"][0] |= {"format": "xlsx", "dialect": {"sheetName": "Tabelle1"} | dict(dialect or {})}
    listed = [{"description": "made up"} | dict(entry) for entry in fields]
    made["resources"][0]["schema"] = {"primaryKey": [listed[0]["name"]], "fields": listed}
    return read(folder, made)
