"""Which sheets the workbook has, in their order, and its properties."""

import io
import zipfile
from collections import defaultdict
from functools import partial

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from extracts.contents import Contents
from extracts.workbook import data, figures, front, origin, topics
from extracts.workbook.page import FONT, SIZE, Book, Page, Styles

_CORE, _END_OF_CORE = "docProps/core.xml", b"</cp:coreProperties>"


def xlsx_bytes(contents: Contents) -> bytes:
    """The workbook's bytes."""
    target = io.BytesIO()
    options = {
        "in_memory": True,
        "default_format_properties": {"font_name": FONT, "font_size": SIZE},
        "default_row_height": 18,
    }
    with xlsxwriter.Workbook(target, options) as drawn:
        book = Book(contents, Styles(drawn))
        about, publication = contents.about, contents.publication
        drawn.set_properties(
            {
                "title": book.title,
                "subject": book.say("subject", number=publication.publication_id),
                "author": about.publisher.name or "Lagebild",
                "company": about.publisher.name,
                "keywords": book.say("keywords"),
                "comments": book.say("synthetic_title") if about.is_synthetic else "",
                "created": publication.published_at.replace(tzinfo=None, microsecond=0),
            }
        )
        book.pages.extend(_pages(book, drawn))
        sheets: list[tuple[Worksheet, Page]] = [(drawn.add_worksheet(page.name), page) for page in book.pages]
        for sheet, page in sheets:
            page.write(sheet)
    return _in_language(target.getvalue(), contents.texts.language)


def _pages(book: Book, drawn: xlsxwriter.Workbook) -> list[Page]:
    contents, say = book.contents, book.say
    changed = contents.about.revised
    found = list(topics.of(contents))
    absent = [topic.title[book.language] for topic, _, chosen in found if not chosen.rows]
    data_sheets = {mart.entry.name: f"csv-{n:02}" for n, mart in enumerate(contents.marts, start=1)}
    used: data.Used = defaultdict(set)
    pages = [
        Page(say("sheet.title"), book.title, partial(front.title, book)),
        Page(say("sheet.accessibility"), say("about.accessibility"), partial(front.accessibility, book)),
        Page(say("sheet.contents"), say("about.contents"), partial(front.contents, book, absent=absent)),
        Page(say("sheet.imprint"), say("about.imprint"), partial(front.imprint, book)),
        Page(say("sheet.signs"), say("about.signs"), partial(front.signs, book)),
        Page(say("sheet.changes"), say("changes_title"), partial(front.changes, book)),
        Page(say("sheet.key_figures"), say("about.key_figures"), partial(figures.key_figures, book, drawn=drawn)),
    ]
    if contents.about.charts:
        pages.append(Page(say("sheet.charts"), say("about.charts"), partial(figures.chart_data, book)))
    shown = [one for one in found if one[2].rows]
    for n, (topic, mart, chosen) in enumerate(shown, start=1):
        write = partial(
            topics.write, book, topic=topic, mart=mart, chosen=chosen, changed=changed,
            data_sheet=data_sheets[mart.entry.name],
        )  # fmt: skip
        pages.append(Page(f"{n:02}", topic.title[book.language], write))
    for mart in contents.marts:
        write = partial(data.write, book, mart=mart, changed=changed, used=used)
        pages.append(Page(data_sheets[mart.entry.name], data.title(book, mart), write))
    return [
        *pages,
        Page(say("sheet.columns"), say("about.columns"), partial(data.explain_columns, book, sheets=data_sheets)),
        Page(say("sheet.codes"), say("about.codes"), partial(data.explain_codes, book, used=used)),
        Page(say("sheet.origin"), say("about.origin"), partial(origin.write, book)),
    ]


def _in_language(workbook: bytes, language: str) -> bytes:
    """The workbook with its language among its properties, which xlsxwriter cannot say."""
    target = io.BytesIO()
    said = f"<dc:language>{language}</dc:language>".encode()
    with zipfile.ZipFile(io.BytesIO(workbook)) as given, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as written:
        for member in given.infolist():
            content = given.read(member)
            if member.filename == _CORE:
                content = content.replace(_END_OF_CORE, said + _END_OF_CORE)
            written.writestr(member, content)
    return target.getvalue()
