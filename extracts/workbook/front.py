"""The sheets before the tables: title, accessibility, contents, imprint, signs, changes."""

from collections.abc import Iterable

from xlsxwriter.worksheet import Worksheet

from extracts.model import Change
from extracts.signs import REPLACING, SIGNS
from extracts.workbook.page import PORTRAIT, Book, Cell, put

MOST_CHANGES = 2_000
"""Rows of the sheet of changes; more are counted."""
_PAIR = (215, PORTRAIT - 215)


def title(book: Book, sheet: Worksheet) -> None:
    """What this is, from whom, of when; in red if figures are made up."""
    contents, about, say, texts = book.contents, book.contents.about, book.say, book.contents.texts
    book.print_as(sheet, landscape=False)
    heading = book.styles.made(bold=True, font_size=18, text_wrap=True, valign="top")
    sheet.merge_range(0, 0, 0, 1, "", heading)
    put(sheet, 0, 0, book.title, heading)
    sheet.set_row(0, 54)
    row = 1
    if about.is_synthetic:
        for text, height in ((say("synthetic_title"), 24), (say("synthetic_text"), 34)):
            style = book.styles.made(
                bold=height < 30, font_size=12 if height < 30 else 10, font_color="#FFFFFF", bg_color="#B00020",
                text_wrap=True, valign="vcenter",
            )  # fmt: skip
            sheet.merge_range(row, 0, row, 1, "", style)
            put(sheet, row, 0, text, style)
            sheet.set_row(row, height)
            row += 1
    for text in about.notices:
        style = book.styles.made(bold=True, text_wrap=True, valign="top")
        sheet.merge_range(row, 0, row, 1, "", style)
        put(sheet, row, 0, text, style)
        sheet.set_row(row, 14 * (1 + len(text) // 85))
        row += 1
    published = contents.publication.published_at
    facts = [
        ("publisher", about.publisher.name),
        ("contact", about.publisher.contact),
        ("period", period(book)),
        ("data_until", texts.date(about.data_until) if about.data_until else ""),
        ("number", str(contents.publication.publication_id)),
        ("published_at", say("moment", date=texts.date(published), time=f"{published:%H:%M}")),
        ("previous", previous(book)),
        ("next", following(book)),
        ("recipient", about.recipient.office),
    ]
    row = _pairs(book, sheet, row, [(say(name), text or say("not_stated")) for name, text in facts])
    sheet.write_url(row, 0, f"internal:'{say('sheet.contents')}'!A1", book.styles.link, say("to_contents"))


def period(book: Book) -> str:
    """First to last day that figures speak of; empty if not stated."""
    about, texts = book.contents.about, book.contents.texts
    if about.period_from and about.period_to:
        return book.say("from_to", first=texts.date(about.period_from), last=texts.date(about.period_to))
    only = about.period_from or about.period_to
    return texts.date(only) if only else ""


def previous(book: Book) -> str:
    """The release before this one to the same recipient."""
    earlier = book.contents.about.previous
    if earlier is None:
        return book.say("first_release")
    date = book.contents.texts.date(earlier.published_at)
    return book.say("earlier_release", number=earlier.publication_id, date=date)


def following(book: Book) -> str:
    """When the next release comes: a day, or what it waits for."""
    about = book.contents.about
    if about.next_publication:
        return book.contents.texts.date(about.next_publication)
    return book.say(f"next_{about.recipient.schedule}")


def accessibility(book: Book, sheet: Worksheet) -> None:
    """How the workbook is built, for readers with a screen reader, and whom to tell about barriers."""
    row = book.opened(sheet, book.say("sheet.accessibility"))
    contact = book.contents.about.publisher.contact
    _paragraphs(book, sheet, row, [
        *(book.say(f"accessible_{name}") for name in ("structure", "tables", "charts", "signs", "print", "limits")),
        *([book.say("accessible_contact", contact=contact)] if contact else []),
    ])  # fmt: skip


def contents(book: Book, sheet: Worksheet, absent: Iterable[str]) -> None:
    """Every sheet with its title, linked; topics without a row in this publication are named below."""
    say = book.say
    row = book.opened(sheet, say("sheet.contents"))
    rows = [[book.link(page.name, page.name), book.link(page.title, page.name)] for page in book.pages]
    widths = (130, PORTRAIT - 130)
    row = book.table(sheet, row, say("table.contents"), [say("head_sheet"), say("head_content")], rows, widths)
    if missing := list(absent):
        book.paragraph(sheet, row, say("absent", titles="; ".join(missing)), book.styles.note, widths)


def imprint(book: Book, sheet: Worksheet) -> None:
    """Publisher, contact, recipient, legal basis, licence and how to cite."""
    contents, about, say = book.contents, book.contents.about, book.say
    row = book.opened(sheet, say("sheet.imprint"))
    number, published = contents.publication.publication_id, contents.publication.published_at
    licences = dict.fromkeys(
        licence.get("name") or licence.get("title") or licence.get("path") or ""
        for one in contents.attributions.values()
        for licence in one["licenses"]
    )
    citation = say(
        "citation", publisher=about.publisher.name or say("not_stated"), title=book.title, number=number,
        date=contents.texts.date(published),
    )  # fmt: skip
    facts = [
        (say("publisher"), about.publisher.name),
        (say("contact"), about.publisher.contact),
        (say("recipient"), about.recipient.office),
        (say("legal_basis"), about.recipient.legal_basis),
        (say("purpose"), about.recipient.purpose),
        (say("licence"), say("licence_text", licences="; ".join(filter(None, licences)) or say("not_stated"))),
        (say("cite"), citation + (f" {say('synthetic_cite')}" if about.is_synthetic else "")),
        (say("code"), contents.publication.code_version),
    ]
    _pairs(book, sheet, row, [(label, text or say("not_stated")) for label, text in facts])


def signs(book: Book, sheet: Worksheet) -> None:
    """Every sign of the tables, and what the classes of evidence mean."""
    say, texts = book.say, book.contents.texts
    row = book.opened(sheet, say("sheet.signs"))
    styles = book.styles
    rows = [
        [book.text(sign, styles.centre), book.text(texts.code("value_status", status) or status),
         book.text(say("sign_instead" if status in REPLACING else "sign_beside")), book.text(status)]
        for status, sign in SIGNS.items()
    ]  # fmt: skip
    rows += [
        [book.text(say(f"evidence_{name}"), styles.centre), book.text(words[book.language]),
         book.text(say("sign_evidence")), book.text(name)]
        for name, words in book.contents.package.evidence.items()
    ]  # fmt: skip
    headers = [say("head_sign"), say("head_meaning"), say("head_place"), say("head_code")]
    book.table(sheet, row, say("table.signs"), headers, rows, (110, 255, 145, 130))


def changes(book: Book, sheet: Worksheet) -> None:
    """What differs from the last release to this recipient."""
    about, say = book.contents.about, book.say
    row = book.opened(sheet, say("changes_title"), landscape=True)
    if about.previous is None or not about.changes:
        text = say("changes_first") if about.previous is None else say("changes_none", before=previous(book))
        sheet.set_column_pixels(0, 0, PORTRAIT)
        book.paragraph(sheet, row, text, book.styles.text, (PORTRAIT,))
        return
    widths = (180, 220, 180, 100, 100, 100, 290)
    counted = say("changes_some", before=previous(book), count=len(about.changes))
    if len(about.changes) > MOST_CHANGES:
        counted += f" {say('changes_more', most=MOST_CHANGES)}"
    row = book.paragraph(sheet, row, counted, book.styles.text, widths)
    rows = [_change(book, change) for change in about.changes[:MOST_CHANGES]]
    headers = [say(f"head_{name}") for name in ("table", "row", "figure", "kind", "before", "after", "why")]
    book.table(sheet, row, say("table.changes"), headers, rows, widths, right=(4, 5))


def _change(book: Book, change: Change) -> list[Cell]:
    texts, styles = book.contents.texts, book.styles
    key = ", ".join(f"{texts.label(name)}: {texts.code(name, value) or value}" for name, value in change.row_key)
    cells = [texts.title(change.mart), key, texts.label(change.figure), book.say(f"change_{change.kind}")]
    return [
        *map(book.text, cells),
        book.text(change.before or SIGNS["nothing"], styles.right),
        book.text(change.after or SIGNS["nothing"], styles.right),
        book.text(change.why),
    ]


def _pairs(book: Book, sheet: Worksheet, row: int, facts: Iterable[tuple[str, str]]) -> int:
    for n, width in enumerate(_PAIR):
        sheet.set_column_pixels(n, n, width)
    for label, text in facts:
        book.write_row(sheet, row, [book.text(label, book.styles.heading), book.text(text, book.styles.text)], _PAIR)
        row += 1
    return row


def _paragraphs(book: Book, sheet: Worksheet, row: int, texts: Iterable[str]) -> None:
    sheet.set_column_pixels(0, 0, PORTRAIT)
    for text in texts:
        row = book.paragraph(sheet, row, text, book.styles.text, (PORTRAIT,))
