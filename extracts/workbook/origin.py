"""Where the figures come from: deliveries, findings of checks, acceptances, cut texts, licences, notes. One table."""

from collections.abc import Iterator
from typing import Any

from xlsxwriter.worksheet import Worksheet

from extracts.marts import LONGEST_TEXT, SHORTENED, Mart
from extracts.workbook.page import PORTRAIT, Book

_WIDTHS = (130, 150, PORTRAIT - 280)


def write(book: Book, sheet: Worksheet) -> None:
    """The sheet of provenance."""
    row = book.opened(sheet, book.say("sheet.origin"))
    rows = [[book.text(text) for text in line] for line in _lines(book)]
    headers = [book.say(f"head_{name}") for name in ("section", "subject", "statement")]
    book.table(sheet, row, book.say("table.origin"), headers, rows, _WIDTHS)


def _lines(book: Book) -> Iterator[tuple[str, str, str]]:
    contents, say = book.contents, book.say
    for mart in contents.marts:
        yield say("section_tables"), mart.entry.title[book.language], _table(book, mart)
    for delivery in contents.deliveries:
        yield say("section_deliveries"), delivery["source"], _delivery(book, delivery)
    for warning in contents.warnings:
        yield say("section_warnings"), warning["subject"], say(
            "warning", why=warning["why"], observed=warning["observed"] or "–", expected=warning["expected"] or "–"
        )  # fmt: skip
    if not contents.warnings:
        yield say("section_warnings"), "–", say("none")
    for acceptance in contents.acceptances:
        yield say("section_acceptances"), acceptance["source"], _acceptance(book, acceptance)
    if not contents.acceptances:
        yield say("section_acceptances"), "–", say("none")
    for mart in contents.marts:
        for where in _cut(book, mart):
            yield say("section_cut"), mart.entry.name, where
    for source, attribution in contents.attributions.items():
        yield say("section_licences"), source, _attribution(book, attribution)
    for name in ("weakest", "rounded", "keys", "paths"):
        yield say("section_notes"), "–", say(f"note_{name}")


def _table(book: Book, mart: Mart) -> str:
    contents = book.contents
    version = contents.model_versions.get(mart.entry.name)
    parts = [book.say("rows", count=mart.row_count)]
    parts += [book.say("model_version", version=version)] if version else []
    used = dict.fromkeys(f"{row['source']} {row['period']}" for row in contents.used_by(mart.entry.name))
    parts += [book.say("from_deliveries", deliveries=", ".join(used))] if used else []
    return "; ".join(parts)


def _delivery(book: Book, delivery: dict[str, Any]) -> str:
    say = book.say
    if delivery["records"] is None and not delivery["has_rounded_rows"]:
        rows = say("rows_confidential")
    else:
        # Of a source about persons the view rounds to 5, and shows nothing below 3.
        counts = {
            name: say("fewer_than_three") if delivery[name] is None
            else say("about", count=delivery[name]) if delivery["has_rounded_rows"]
            else str(delivery[name])
            for name in ("records", "loaded", "rejected")
        }  # fmt: skip
        rows = say("delivery_rows", **counts)
    return f"{delivery['file_name']} ({delivery['period']}): {rows}; SHA-256 {delivery['sha256']}"


def _acceptance(book: Book, acceptance: dict[str, Any]) -> str:
    date, until = book.contents.texts.date, acceptance["accepted_until"]
    return book.say(
        "acceptance", file=acceptance["file_name"], period=acceptance["period"], sha256=acceptance["sha256"],
        on=date(acceptance["accepted_at"]), until=book.say("until", date=date(until)) if until else book.say("no_end"),
        why=acceptance["accepted_why"], despite=acceptance["in_spite_of"],
    )  # fmt: skip


def _cut(book: Book, mart: Mart) -> Iterator[str]:
    """Each text that was cut: its row by the key, its column, how long it was, and the deliveries it can be of."""
    files = ", ".join(dict.fromkeys(row["file_name"] for row in book.contents.used_by(mart.entry.name)))
    names = [column.name for column in mart.columns]
    for row in mart.rows:
        for name, value in zip(names, row, strict=True):
            if isinstance(value, str) and (found := SHORTENED.search(value)):
                where = ", ".join(str(row[names.index(part)]) for part in mart.entry.key if part != name)
                if "line_number" in names:
                    where += book.say("cut_line", line=row[names.index("line_number")])
                yield book.say("cut", column=name, where=where, long=found[1], kept=LONGEST_TEXT, files=files or "–")


def _attribution(book: Book, attribution: dict[str, Any]) -> str:
    say = book.say
    licences = [
        licence.get("title") or licence.get("name") or licence.get("path") or "" for licence in attribution["licenses"]
    ]
    return "\n".join(
        [
            attribution["title"],
            say(
                "source_of", source="; ".join(one["title"] for one in attribution["sources"]) or say("not_in_delivery")
            ),
            say("licence_of", licence="; ".join(filter(None, licences)) or say("ask_supplier")),
        ]
    )
