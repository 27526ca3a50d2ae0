"""A contract as a page for its supplier: German, one HTML file that needs nothing else, printable.

What the contract says in German under `lagebild: german:` is used; what it says in English only is marked as such.
The example line is made up from the fields' rules and types, never taken from a delivery.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from html import escape

from ingest.contracts import LONGEST_TEXT, Contract, Due, Duration, Field, Layout, messages

MAX_LISTED = 40
"""Allowed values that are printed; more are counted."""

_CELLS = (
    "Zahlen und Daten als solche oder als Text wie unten; Daten ohne Uhrzeit. Zeilen mit Fehlerwerten (#REF!), mit"
    " Formeln ohne gespeicherten Wert oder mit verbundenen Zellen werden zurückgewiesen"
)
_READERS = {
    "csv": "CSV-Datei",
    "ldb_nrw": "CSV-Datei der Landesdatenbank NRW, unverändert wie heruntergeladen",
    "genesis": "Flache Datei von GENESIS (ffcsv), unverändert wie heruntergeladen",
    "wegweiser": "Antwort der offenen Schnittstelle von Wegweiser Kommune (JSON oder CSV), unverändert",
    "xlsx": "Excel-Arbeitsmappe (XLSX)",
    "fixed_width": "Textdatei mit festen Spaltenbreiten",
}
_DELIMITERS = {";": "Semikolon (;)", ",": "Komma (,)", "\t": "Tabulator", "|": "senkrechter Strich (|)"}
_ENCODINGS = {
    "utf-8": "UTF-8 ohne Byte Order Mark",
    "utf-8-sig": "UTF-8 mit Byte Order Mark",
    "utf-16": "UTF-16 mit Byte Order Mark",
    "iso-8859-1": "ISO-8859-1 (Latin-1)",
    "cp1252": "Windows-1252",
}
_LINES = {"\n": "LF", "\r\n": "CRLF", "\r": "CR"}
_PRIVACY = {
    "pseudonym": "Wird vor der Datenbank durch ein Pseudonym ersetzt (HMAC-SHA256 mit einem Schlüssel je Gemeinde und"
    " Zweck, der die Datenbank nie erreicht).",
    "drop": "Wird beim Eingang verworfen und in keiner Datenbank gespeichert.",
    "year": "Nur das Jahr wird gespeichert, Tag und Monat werden verworfen.",
    "background": "Wird beim Laden zusammen mit der Staatsangehörigkeit zum Migrationshintergrund; der Geburtsstaat"
    " selbst wird nicht gespeichert.",
    "origin": "Gespeichert wird nur, ob der Ort im selben Kreis, im selben Land, in einem anderen Land oder im Ausland"
    " liegt.",
}
_RHYTHMS = {
    "month": "monatlich; für jeden Monat",
    "quarter": "vierteljährlich; für jedes Quartal",
    "year": "jährlich; für jedes Jahr",
}
_STYLE = """
body { font: 15px/1.45 sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #1a1a1a }
table { border-collapse: collapse; width: 100%; margin: .6em 0 1.4em }
th, td { border: 1px solid #bbb; padding: .3em .5em; text-align: left; vertical-align: top }
th { background: #eee } caption { text-align: left; font-weight: bold }
pre { background: #f4f4f4; padding: .6em; overflow-x: auto } code { font-size: 93% }
@media print { body { font-size: 11px; margin: 0 } }
"""


def page(contract: Contract) -> str:
    """The supplier's page as a whole HTML document."""
    contract = replace(contract, fields=contract.agreed_fields)
    title = contract.german.get("title") or contract.title
    parts = [
        f"<h1>Liefervereinbarung: {escape(title)}</h1>",
        f"<p>{_german(contract.german.get('description'), contract.description)}</p>",
        _facts(contract),
        *_columns(contract),
        *_example(contract),
        *_beside(contract),
        *_earlier(contract),
        *_rules(contract),
        *_privacy(contract),
        _faults(contract),
        f"<p>Kennung der Quelle: <code>{escape(contract.source)}</code>. Fassung der Vereinbarung:"
        f" <code>{contract.version}</code>.</p>",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="de">\n<head>\n<meta charset="utf-8">\n'
        f"<title>Liefervereinbarung: {escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _german(text: str | None, english: str) -> str:
    return escape(text) if text else f'<span lang="en">{escape(english)}</span>'


def _table(caption: str, head: list[str], rows: list[list[str]]) -> str:
    """A table of cells that are HTML already."""
    lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    heads = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table>\n<caption>{escape(caption)}</caption>\n<tr>{heads}</tr>\n{body}\n</table>"


def _facts(contract: Contract) -> str:
    rows = [
        ("Dateiname, zum Beispiel", f"<code>{escape(contract.example)}</code>"),
        ("Muster des Dateinamens", f"<code>{escape(contract.file_name.pattern)}</code>"),
        ("Art der Datei", escape(_READERS[contract.reader])),
    ]
    if contract.member:
        rows.append(
            ("Verpackung", f"ZIP mit genau einer Datei, ohne Kennwort: <code>{escape(contract.member.pattern)}</code>")
        )
    if contract.reader == "xlsx":
        rows.append(("Tabellenblatt", f"<code>{escape(str(contract.sheet))}</code>"))
        rows.append(("Zellen", _CELLS))
    else:
        rows.append(("Zeichensatz", escape(_ENCODINGS.get(contract.encoding.lower(), contract.encoding))))
    if contract.reader == "fixed_width":
        rows.append(("Zeilenlänge", f"{contract.record_length} Zeichen; keine Kopfzeile"))
    elif contract.reader != "xlsx":
        rows.append(("Trennzeichen", escape(_DELIMITERS[contract.delimiter])))
        rows.append(("Textbegrenzer", f"<code>{escape(contract.quote)}</code>, {_doubled(contract)}"))
        rows.append(("Zeilenende", escape(_LINES.get(contract.line_terminator or "", "LF oder CRLF"))))
    if contract.header_rows != (1,):
        several = ", übereinander" if len(contract.header_rows) > 1 else ""
        rows.append(("Kopfzeilen", f"Zeile {', '.join(map(str, contract.header_rows))}{several}"))
    if contract.reader != "fixed_width":
        rows.append(("Reihenfolge der Spalten", "wie unten" if contract.ordered else "beliebig; die Titel zählen"))
    missing = ", ".join(
        "leeres Feld" if not word else f"<code>{escape(word)}</code>" for word in sorted(contract.missing_values)
    )
    rows.append(("„Keine Angabe“ heißt", missing or "wird nicht verwendet"))
    basis = contract.german.get("legal_basis")
    if contract.legal_basis:
        rows.append(("Rechtsgrundlage", _german(basis, contract.legal_basis)))
    else:
        rows.append(("Rechtsgrundlage", "Keine nötig: die Lieferung enthält keine personenbezogenen Angaben."))
    rows.append(("Erwartet", escape(_expected(contract.due))))
    if contract.retired:
        reason = _german(contract.german.get("retired"), contract.retired.reason)
        rows.append(("Eingestellt", f"zum {contract.retired.on:%d.%m.%Y}: {reason}"))
    rows.append(("Aufbewahrung", escape(_time(contract.retention))))
    rows.append(("Ansprechstelle", escape(contract.german.get("contact") or contract.contact or contract.owner)))
    body = "\n".join(f'<tr><th scope="row">{escape(name)}</th><td>{value}</td></tr>' for name, value in rows)
    return f"<table>\n<caption>Die Datei</caption>\n{body}\n</table>"


def _doubled(contract: Contract) -> str:
    if contract.double_quote:
        return "im Text verdoppelt"
    return f"im Text mit vorangestelltem <code>{escape(str(contract.escape))}</code>"


def _expected(due: Due) -> str:
    """When a delivery is expected; it is said each time that this is no date of a law."""
    if due.lag is None:
        return "unregelmäßig, ohne Termin"
    lag = f"spätestens {_time(due.lag)} nach seinem Ende" if _time(due.lag) else "spätestens zu seinem Ende"
    return f"{_RHYTHMS[due.every]} {lag} (Erwartung des Hauses, keine gesetzliche Frist)"


def _time(duration: Duration) -> str:
    parts = [
        f"{number} {one if number == 1 else many}"
        for number, one, many in (
            (duration.years, "Jahr", "Jahre"),
            (duration.months, "Monat", "Monate"),
            (duration.days, "Tag", "Tage"),
        )
        if number
    ]
    return ", ".join(parts)


def _columns(contract: Contract) -> Iterator[str]:
    fixed = contract.reader == "fixed_width"
    head = ["Nr.", "Stellen" if fixed else "Spalte (Kopfzeile)", "Bedeutung", "Schreibweise", "Pflicht", "Zulässig"]
    rows = []
    current = contract.layouts[0].of_period(contract.period_of(contract.example))
    for number, field in enumerate(current.fields, 1):
        where = "–".join(map(str, field.columns_at)) if field.columns_at else f"<code>{escape(field.title)}</code>"
        if not field.columns_at and not field.title:
            where = "(ohne Überschrift)"
        optional = ", Spalte darf fehlen" if field.optional else ""
        meaning = _german(contract.german.get("fields", {}).get(field.name), field.description)
        need = ("ja" if field.required else "nein") + optional
        rows.append([str(number), where, meaning, escape(_writing(field)), need, _allowed(field, contract)])
    yield _table("Die Spalten, in dieser Reihenfolge", head, rows)


def _writing(field: Field) -> str:
    """A field's type as it is written in Germany."""
    if field.type == "date":
        return f"Datum, {messages.date_form(field.format)}"
    if field.type == "year":
        return "Jahr, vierstellig"
    if field.type in ("integer", "number"):
        kind = "ganze Zahl" if field.type == "integer" else "Zahl"
        parts = [kind]
        if field.type == "number":
            parts.append("Dezimalkomma" if field.decimal_char == "," else "Dezimalpunkt")
        if field.group_char:
            parts.append(
                {".": "Tausenderpunkt erlaubt"}.get(field.group_char, f"Tausender mit {field.group_char!r} erlaubt")
            )
        if field.trailing_minus:
            parts.append("Minus auch hinter der Zahl")
        if not field.bare_number:
            parts.append("Währungs- oder Prozentzeichen erlaubt")
        return ", ".join(parts)
    return _yes_or_no(field) if field.type == "boolean" else "Text"


def _yes_or_no(field: Field) -> str:
    """The words for yes and for no."""
    yes, no = (
        " oder ".join(f"„{word}“" if word else "leer" for word in sorted(agreed)) or f"„{usual}“"
        for agreed, usual in ((field.true_values, "ja"), (field.false_values, "nein"))
    )
    return f"{yes} für ja, {no} für nein" if field.true_values or field.false_values else "ja oder nein"


def _allowed(field: Field, contract: Contract) -> str:
    parts = []
    words = list(field.mapping) if field.mapping else sorted(field.enum or ())
    labels = contract.code_lists[field.code_list].labels if field.code_list else {}
    if len(words) > MAX_LISTED:
        parts.append(f"{len(words)} Schlüssel der Liste „{escape(str(field.code_list or field.name))}“")
    elif words:
        listed = (
            f"<code>{escape(word)}</code>" + (f" {escape(labels[word])}" if labels.get(word) else "") for word in words
        )
        parts.append(", ".join(listed))
    if field.part:
        parts.append(f"Muster <code>{escape(field.part.pattern)}</code>, die Klammern ergeben den Wert")
    elif field.pattern:
        parts.append(f"Muster <code>{escape(field.pattern.pattern)}</code>")
    if field.minimum is not None:
        parts.append(f"mindestens {_german_number(field.minimum)}")
    if field.maximum is not None:
        parts.append(f"höchstens {_german_number(field.maximum)}")
    if field.max_length not in (None, LONGEST_TEXT):
        parts.append(f"höchstens {field.max_length} Zeichen")
    if field.signs:
        zero = "„-“ heißt null" if field.dash_is_zero else "keines davon heißt null"
        parts.append(f"statt einer Zahl die amtlichen Zeichen <code>- . ... / x ()</code>; {zero}")
    return "; ".join(parts) or "alles"


def _german_number(value: object) -> str:
    return escape(str(value).replace(".", ","))


# --- the example ------------------------------------------------------------------------------------

_TEXTS = ("Beispiel", "05913000", "05913", "05", "00", "125", "120101", "beispiel", "B", "1", "12", "JAHR", "44122")


def example_value(field: Field) -> str:
    """A made-up value as the file writes it, that keeps to the field's rules; empty if none could be made."""
    if field.example is not None:
        return field.example
    if field.mapping:
        return next(iter(field.mapping))
    if field.enum:
        return min(field.enum)
    if field.type == "date":
        return date(2024, 12, 31).strftime(field.format)
    if field.type == "year":
        return "2024"
    if field.type in ("integer", "number"):
        return _example_number(field)
    if field.type == "boolean":
        return min(field.true_values, default="ja")
    if field.pattern is None:
        return "Beispiel" if field.required else ""
    return next((text for text in _TEXTS if field.pattern.fullmatch(text)), "")


def _example_number(field: Field) -> str:
    low = float(field.minimum) if field.minimum is not None else None
    high = float(field.maximum) if field.maximum is not None else None
    value = 1234 if (low or 0) <= 1234 and (high is None or high >= 1234) else int(low if low is not None else high)
    whole = f"{value:,}".replace(",", field.group_char) if field.group_char else str(value)
    return f"{whole}{field.decimal_char}50" if field.type == "number" and value == 1234 else whole


def example_line(contract: Contract) -> str:
    """A made-up record in the file's own form, without its line end."""
    values = [example_value(field) for field in contract.fields]
    if contract.reader == "fixed_width":
        characters = [" "] * (contract.record_length or 0)
        for field, value in zip(contract.fields, values, strict=True):
            first, last = field.columns_at or (1, 1)
            width = last - first + 1
            characters[first - 1 : last] = value[:width].ljust(width)
        return "".join(characters)
    return _line(contract, values)


def _line(contract: Contract, values: list[str]) -> str:
    out = io.StringIO()
    form = {"delimiter": contract.delimiter, "quotechar": contract.quote, "lineterminator": ""}
    csv.writer(out, doublequote=contract.double_quote, escapechar=contract.escape, **form).writerow(values)
    return out.getvalue()


def _example(contract: Contract) -> Iterator[str]:
    yield "<h2>Beispiel (erfunden)</h2>"
    if contract.reader == "xlsx":
        values = [[escape(example_value(field)) for field in contract.fields]]
        yield _table(f"Blatt {contract.sheet}", [field.title for field in contract.fields], values)
        return
    header = (
        [] if contract.reader in ("fixed_width", "ldb_nrw") else [_line(contract, [f.title for f in contract.fields])]
    )
    yield f"<pre>{escape(chr(10).join([*header, example_line(contract)]))}</pre>"


# --- other periods, rules, privacy, faults ----------------------------------------------------------


def _beside(contract: Contract) -> Iterator[str]:
    """The layouts in which a file may come as well: its columns, and which of the agreed ones they give."""
    titles = {field.name: field.title for field in contract.fields}
    for change in contract.changes:
        if change.beside is None:
            continue
        layout = change.layout(contract.fields)
        between = " oder ".join(_DELIMITERS[sign] for sign in change.beside.delimiters)
        yield f"<h2>Ebenso möglich: Aufbau „{escape(layout.name)}“</h2>"
        yield f"<p>{escape(change.german or '')} Trennzeichen: {escape(between)}.</p>"
        rows = [
            [
                f"<code>{escape(field.title)}</code>",
                f"<code>{escape(titles[field.name])}</code>",
                f"Muster <code>{escape(field.part.pattern)}</code>, die Klammern ergeben den Wert"
                if field.part
                else escape(_writing(field)),
                ("ja" if field.required else "nein") + (", Spalte darf fehlen" if field.optional else ""),
            ]
            for field in layout.fields
        ]
        yield _table(
            "Die Spalten, in beliebiger Reihenfolge", ["Spalte (Kopfzeile)", "ergibt", "Schreibweise", "Pflicht"], rows
        )


def _earlier(contract: Contract) -> Iterator[str]:
    others = [layout for layout in contract.layouts[1:] if layout.beside is None]
    if not others:
        return
    yield "<h2>Aufbau in anderen Zeiträumen</h2>"
    for layout in others:
        titles = ", ".join(f"<code>{escape(title)}</code>" for title in layout.header)
        yield f"<p>{escape(_when(layout))} ({escape(layout.name)}): {titles}</p>"


def _when(layout: Layout) -> str:
    if layout.first == layout.last:
        return str(layout.first)
    return " ".join(filter(None, [layout.first and f"ab {layout.first}", layout.last and f"bis {layout.last}"]))


def _rules(contract: Contract) -> Iterator[str]:
    if contract.rules:
        yield "<h2>Regeln zwischen Spalten</h2>"
        texts = (escape(contract.asked(rule).told("de")) for rule in contract.rules)
        items = "".join(f"<li>{text}; ein leeres Feld bricht die Regel nicht.</li>" for text in texts)
        yield f"<ul>{items}</ul>"


def _privacy(contract: Contract) -> Iterator[str]:
    yield "<h2>Was mit personenbezogenen Angaben geschieht</h2>"
    personal = [field for field in contract.fields if field.is_personal]
    if not personal:
        yield "<p>Die Lieferung enthält keine personenbezogenen Angaben.</p>"
        return
    rows = [
        [f"<code>{escape(field.title or field.name)}</code>", escape(_PRIVACY[field.privacy])] for field in personal
    ]
    yield _table("Personenbezogene Spalten", ["Spalte", "Behandlung"], rows)
    kept = [field.title or field.name for field in contract.fields if not field.is_personal]
    yield f"<p>Die übrigen Spalten werden zum Pseudonym gespeichert: {escape(', '.join(kept))}.</p>"
    yield (
        "<p>Die gelieferte Datei liegt unverändert im Eingangsarchiv, bis ihre Aufbewahrung endet"
        f" ({escape(_time(contract.retention))}); dann wird sie gelöscht. In Meldungen und Protokollen stehen"
        " Zeilennummern, keine Werte dieser Spalten.</p>"
    )


def _faults(contract: Contract) -> str:
    return (
        "<h2>Was mit fehlerhaften Lieferungen geschieht</h2>\n<ul>"
        "<li>Eine Zeile, die eine Angabe dieser Seite verletzt, wird einzeln zurückgewiesen, mit Zeilennummer"
        " und Gründen.</li>"
        f"<li>Bei mehr als {contract.max_rejected} zurückgewiesenen Zeilen"
        " wird die Lieferung angehalten und nachgefragt.</li>"
        "<li>Unbekannte, fehlende oder vertauschte Spalten und ein anderer Zeichensatz: die Lieferung wird als Ganzes"
        " zurückgewiesen. Es wird nichts geraten.</li>"
        "<li>Eine berichtigte Datei wird unter demselben Namen noch einmal geliefert; sie ersetzt die frühere, sobald"
        " sie als Berichtigung angenommen ist.</li></ul>"
    )
