"""Whether a PDF is accessible and archivable, by its structure and pages: the marks in its metadata are claims."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Object, Pdf, Stream

PAINTING = frozenset(("S", "s", "f", "F", "f*", "B", "B*", "b", "b*", "sh", "Do", "INLINE IMAGE", "Tj", "TJ", "'", '"'))
"""Operators that put something on the page."""
LEAST_POINTS = Decimal(8)
"""Size of the smallest text."""


def findings(pdf: Pdf, attachments: int | None = None) -> list[str]:
    """What is wrong, a line each; empty if nothing is. `attachments`: how many files must be attached."""
    return [
        *_metadata(pdf),
        *_structure(pdf),
        *_pages(pdf),
        *_fonts(pdf),
        *_attachments(pdf, attachments),
    ]


def _metadata(pdf: Pdf) -> Iterator[str]:
    root = pdf.Root
    if not bool(root.get("/MarkInfo", Dictionary()).get("/Marked", False)):
        yield "the document is not marked as tagged"
    if not str(root.get("/Lang", "")):
        yield "the document has no language"
    if not bool(root.get("/ViewerPreferences", Dictionary()).get("/DisplayDocTitle", False)):
        yield "the title is not shown in the window"
    with pdf.open_metadata() as meta:
        if not str(meta.get("dc:title", "")):
            yield "the document has no title"
        if str(meta.get("pdfuaid:part", "")) != "1":
            yield "the document does not say PDF/UA-1"
        if (str(meta.get("pdfaid:part", "")), str(meta.get("pdfaid:conformance", "")).upper()) != ("3", "A"):
            yield "the document does not say PDF/A-3a"


# --- the structure tree -----------------------------------------------------------------------------------------------


def elements(pdf: Pdf) -> Iterator[Dictionary]:
    """Every element of the structure tree, in the order of reading."""
    if "/StructTreeRoot" in pdf.Root:
        yield from _below(pdf.Root.StructTreeRoot)


def _below(parent: Object) -> Iterator[Dictionary]:
    for kid in _kids(parent):
        if isinstance(kid, Dictionary) and "/S" in kid:
            yield kid
            yield from _below(kid)


def _kids(parent: Object) -> list[Object | int]:
    kids = parent.get("/K", Array())
    return list(kids) if isinstance(kids, Array) else [kids]


def role(pdf: Pdf, element: Dictionary) -> str:
    """The standard type of an element."""
    name = str(element.S)
    roles = pdf.Root.StructTreeRoot.get("/RoleMap", Dictionary())
    while name in roles:
        name = str(roles[name])
    return name.removeprefix("/")


def _structure(pdf: Pdf) -> Iterator[str]:
    if "/StructTreeRoot" not in pdf.Root:
        yield "there is no structure tree"
        return
    level = 0
    for element in elements(pdf):
        kind = role(pdf, element)
        if kind == "Figure" and not str(element.get("/Alt", "")).strip():
            yield "a figure has no alternative text"
        if kind == "TH" and not _attribute(element, "/Scope"):
            yield "a header cell has no scope"
        if kind == "Table" and not any(role(pdf, cell) == "TH" for cell in _below(element)):
            yield "a table has no header cell"
        if kind == "TR" and not {role(pdf, cell) for cell in _elements_of(element)} <= {"TH", "TD"}:
            yield "a row holds something else than cells"
        if len(kind) == 2 and kind[0] == "H" and kind[1].isdigit():
            if int(kind[1]) > level + 1:
                yield f"a heading of level {kind[1]} follows one of level {level}"
            level = int(kind[1])


def _elements_of(parent: Dictionary) -> list[Dictionary]:
    return [kid for kid in _kids(parent) if isinstance(kid, Dictionary) and "/S" in kid]


def _attribute(element: Dictionary, name: str) -> Object | None:
    found = element.get("/A", Array())
    for one in list(found) if isinstance(found, Array) else [found]:
        if isinstance(one, Dictionary) and name in one:
            return one[name]
    return None


# --- the pages --------------------------------------------------------------------------------------------------------


def _pages(pdf: Pdf) -> Iterator[str]:
    told = _told(pdf)
    for number, page in enumerate(pdf.pages, start=1):
        used: set[int] = set()
        stack: list[int | str | None] = []
        untagged = 0
        smallest: Decimal | None = None
        for operands, operator in pikepdf.parse_content_stream(page):
            name = str(operator)
            if name in ("BDC", "BMC"):
                mark = operands[1].get("/MCID") if len(operands) > 1 and isinstance(operands[1], Dictionary) else None
                stack.append("artifact" if str(operands[0]) == "/Artifact" else None if mark is None else int(mark))
                if mark is not None:
                    used.add(int(mark))
            elif name == "EMC":
                stack.pop()
            elif name == "Tf":
                size = Decimal(str(operands[1]))
                smallest = size if smallest is None else min(smallest, size)
            elif name in PAINTING and not any(one is not None for one in stack):
                untagged += 1
        if smallest is not None and smallest < LEAST_POINTS:
            yield f"page {number}: text of {smallest} points"
        if untagged:
            yield f"page {number}: {untagged} marks are neither tagged nor an artifact"
        if missing := sorted(used - told.get(number, set())):
            yield f"page {number}: marked content {missing[:5]} is in no element"
        if strange := sorted(told.get(number, set()) - used):
            yield f"page {number}: elements name content {strange[:5]} that is not there"


def _told(pdf: Pdf) -> dict[int, set[int]]:
    """By page the numbers of marked content that the structure tree names."""
    pages = {page.obj.objgen: number for number, page in enumerate(pdf.pages, start=1)}
    found: dict[int, set[int]] = {}
    for element in elements(pdf):
        own = element.get("/Pg")
        for kid in _kids(element):
            if isinstance(kid, int):
                found.setdefault(pages[own.objgen], set()).add(kid)
            elif isinstance(kid, Dictionary) and kid.get("/Type") == Name.MCR:
                page = kid.get("/Pg", own)
                found.setdefault(pages[page.objgen], set()).add(int(kid.MCID))
    return found


# --- fonts and files --------------------------------------------------------------------------------------------------


def _resources(pdf: Pdf) -> Iterator[Dictionary]:
    waiting: list[Any] = [page.obj.get("/Resources", Dictionary()) for page in pdf.pages]
    while waiting:
        one = waiting.pop()
        yield one
        forms = one.get("/XObject", Dictionary())
        waiting += [form.Resources for form in forms.values() if isinstance(form, Stream) and "/Resources" in form]


def _fonts(pdf: Pdf) -> Iterator[str]:
    seen: set[tuple[int, int]] = set()
    for resources in _resources(pdf):
        for font in resources.get("/Font", Dictionary()).values():
            if font.objgen in seen:
                continue
            seen.add(font.objgen)
            inner = font.DescendantFonts[0] if "/DescendantFonts" in font else font
            descriptor = inner.get("/FontDescriptor", Dictionary())
            if font.get("/Subtype") != Name.Type3 and not {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor):
                yield f"font {font.get('/BaseFont')} is not embedded"
            if "/ToUnicode" not in font:
                yield f"font {font.get('/BaseFont')} does not say which letters its glyphs are"
    if not seen:
        yield "there is no font"


def _attachments(pdf: Pdf, wanted: int | None) -> Iterator[str]:
    if wanted is not None and len(pdf.attachments) != wanted:
        yield f"{len(pdf.attachments)} files are attached, not {wanted}"
    associated = pdf.Root.get("/AF", Array())
    if len(associated) != len(pdf.attachments):
        yield f"{len(pdf.attachments)} files are attached, {len(associated)} of them with the document"
    for one in associated:
        if "/AFRelationship" not in one:
            yield f"the attachment {one.get('/UF')} does not say what it is to the document"
