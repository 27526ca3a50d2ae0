"""A proposed contract for an unknown file. Every guess is marked `# review:`; nothing in production calls this.

The proposal quotes no value of the file except code words that repeat in a column, and none of a column whose
header sounds personal. Without a legal basis, which only people can fill in, a source with such columns does not load.
"""

import contextlib
import csv
import io
import itertools
import json
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from ingest import (
    archive,
    contracts,
    file_kinds,
    genesis,
    own_layouts,
    readers,
    workbook,
    workbook_guess,
    workbook_parts,
)
from ingest.contracts import normal_title
from ingest.readers import Refused
from ingest.values import PRINTED_SIGNS, SIGNS, spreadsheet_error
from lagebild import ags, settings, yaml_files
from lagebild.errors import UserError

SAMPLE_BYTES = 8 * 2**20
MAX_COLUMNS = 2_000
MAX_CODES = 12
_REQUIRED = "required: true"
_TRUTHS = ({"true", "false"}, {"wahr", "falsch"}, {"ja", "nein"}, {"j", "n"}, {"yes", "no"}, {"y", "n"})
_KEY_TYPES = ("string", "date", "year", "integer")
MAX_ODD = 0.02
"""Share of a column's values that may be broken without hiding what the others are."""
_DELIMITERS = (";", "\t", "|", ",")
_DATES = ("%d.%m.%Y", "%Y-%m-%d", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y", "%Y%m%d")
_NO_BREAK, _BLANK = "\u00a0", " \u00a0\u202f\u2009"
_SIGNS = SIGNS | set(PRINTED_SIGNS)
_SEP = re.compile(r'\s*"?sep=(.)"?\s*$', re.IGNORECASE)
_OPEN_ENDS = {"31.12.9999", "9999-12-31", "31.12.2999", "2999-12-31", "99991231", "31.12.2099"}
"""Days that stand for an open end."""
_UMLAUT = re.compile("(?<=[a-zA-Z])[äöüß]|[ÄÖÜ](?=[a-zäöü])")
_DAMAGED = re.compile(contracts.DAMAGED)
_MIDNIGHT = re.compile(r"[ T]0?0:00(:00([.,]0+)?)?$")
_TOTAL = re.compile(
    r"(insgesamt|gesamt(summe|ergebnis|betrag)?|(end|zwischen)?summe[n]?|(end)?ergebnis|total|(alle )?zusammen|sum"
    r"|übertrag)\b:?"
    r"|(insg|ges)\.|[Σ∑]",
    re.IGNORECASE,
)
_NOTE = re.compile(
    r"©|\(c\)|copyright|quelle[n]?\b:?|stand\b:?|hinweis(e)?\b:?|anmerkung(en)?\b:?|fu(ß|ss)note[n]?\b:?|erl(ä|ae)uterung(en)?"
    r"|datenlizenz|lizenz\b:?|herausgeber\b:?|erstellt\b|abgerufen\b|source\b:?|note[s]?\b:?|zeichenerkl(ä|ae)rung|_{3,}|-{3,}|={3,}"
    r"|\*+\)?|\d\)|ende der (liste|datei)|seite \d+\b|bearbeit(ung|er)\b:?|rundungsdifferenz"
    r"|\(?\d* ?(zeilen|datens(ä|ae)tze|rows)\b",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"_|name|^nr\.?$|nummer|lfd|^id$|kennung|kennziffer|schl(ü|ue)ssel|code|^ags$|^ars$|^plz$|^ort$|stadtteil|bezirk|gemeinde|kreis"
    r"|^land$|bundesland|region|gebiet|datum|^tag$|monat|jahr|stichtag|zeit|geb(oren|urt)|geschlecht|familienstand|nation|staat"
    r"|religion|stra(ß|ss)e|adresse|anschrift|telefon|mail|bemerkung|hinweis|beschreibung|bezeichnung|titel|text|thema|typ$|^art$|art$"
    r"|status|stand$|merkmal|auspr(ä|ae)gung|wert|anzahl|betrag|summe|kosten|eur|euro|preis|anteil|quote|prozent|personen|einwohner"
    r"|insgesamt|einheit|konto|produkt|buchung|beleg|auftrag|empf(ä|ae)nger|tr(ä|ae)ger|programm|projekt|ma(ß|ss)nahme|quelle|amt$"
    r"|klasse|gruppe|kategorie|sprache|schule|beruf|beginn|ende$|von$|bis$|kommentar|label|value|unit|date|year|number|key|type|city"
    r"|district|country|state|remark|description|amount|count|total",
)
"""How titles of columns sound, in small letters."""
_UNSAYING = re.compile(r"|(spalte|column|feld|field|unnamed:?|c|f|v|x)[ _]?\d+", re.IGNORECASE)
_TRANSLITERATION = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_PERSONAL = {
    "year": r"geburts(datum|tag)|gebdat|geboren|^geb\.?( ?(am|datum|dat\.?))?$|birth",
    "pseudonym": r"ordnungsmerkmal|personen?(nummer|kennung|-?id)|aktenzeichen|fallnummer|kundennummer",
    "drop": r"geburtsname|familienname|nachname|vorname|^name$|rufname|azr|idnr|steuer-?id|identifikations|e-?mail"
    r"|telefon|handy|stra(ß|ss)e|haus-?n|anschrift|iban|konto-?inhaber|pass-?nummer|ausweis|bemerkung|freitext"
    r"|beg(ü|ue)nstigt|(förder|foerder|zuwendungs)empf|auftragnehmer|ausf(ü|ue)hrende stelle|zusammenfassung",
}
_GV100AD = (
    ("record_type", "Satzart", "1-2"),
    ("reference_date", "Gebietsstand", "3-10"),
    ("region_code", "AGS", "11-18"),
    ("association_code", "Gemeindeverband", "19-22"),
    ("region_name", "Name", "23-72"),
    ("kind", "Textkennzeichen", "123-124"),
    ("area_hectares", "Fläche", "129-139"),
    ("population_persons", "Bevölkerung", "140-150"),
    ("male_persons", "Bevölkerung männlich", "151-161"),
    ("postcode", "Postleitzahl", "166-170"),
)


_NAME_REVIEW = {
    False: "what changes from delivery to delivery is the period",
    True: "the name holds no date: agree on one with the supplier, since a period tells deliveries apart",
}


@dataclass
class Column:
    """What is guessed of a column; `reviews` says what to look at, by entry of the contract."""

    title: str
    name: str
    type: str = "string"
    entries: dict[str, str] = field(default_factory=dict)
    constraints: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)
    reviews: dict[str, str] = field(default_factory=dict)


@dataclass
class Guess:
    """What is guessed of a file."""

    reader: str = "csv"
    encoding: str = "utf-8"
    dialect: dict[str, str] = field(default_factory=dict)
    columns: list[Column] = field(default_factory=list)
    own: dict[str, str] = field(default_factory=dict)
    reviews: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    """What else there is to look at in the file, by its lines."""
    missing: list[str] = field(default_factory=list)
    """Texts that stand for no value."""
    key: list[str] = field(default_factory=list)
    is_titled: bool = True


def sample(file: Path) -> bytes:
    """As much of a file as a proposal looks at: all of an archive or workbook, the beginning of anything else."""
    with file.open("rb") as stream:
        start = stream.read(SAMPLE_BYTES + 1)
        return start + stream.read() if start.startswith(b"PK\x03\x04") else start


def proposal(file_name: str, content: bytes) -> str:
    """The text of a contract.yml for a file; Refused when nothing can be said of it."""
    if not content.strip(b"\x00\r\n\t "):
        raise Refused("the file is empty", "ask the supplier for the file again")
    file_kinds.refuse_others(io.BytesIO(content), None)
    member = None
    if content.startswith(b"PK\x03\x04") and not _is_workbook(content):
        member, content = _largest_member(content)
    guess = _workbook(content) if content.startswith(b"PK\x03\x04") else _text(content)
    guess.remarks[:0] = [*_known_as_own(guess, content), *_known(guess, content)] if guess.is_titled else []
    if member is not None:
        guess.own["member"] = _quoted(f"^{_name_pattern(member)}$")
        guess.reviews["member"] = "pattern of the one file in the archive"
    text = _yaml(file_name, guess)
    if guess.reader in readers.DELIMITED and guess.is_titled and member is None:
        guess.remarks.append(_tried(text, content))
        text = _yaml(file_name, guess)
    return text


def _known(guess: Guess, content: bytes) -> Iterator[str]:
    """Which layouts of the house's sources have the header of a file: it needs no contract of its own then."""
    for contract in map(contracts.load, contracts.sources()):
        titles = [column.title for column in guess.columns]
        if contract.reader in readers.DELIMITED and any(layout.beside for layout in contract.layouts):
            with contextlib.suppress(Refused):  # of another encoding, say: it may still have the titles
                titles = readers.head(contract, io.BytesIO(content)).titles
        layout = contract.layout_for(titles, None)
        if layout is not None:
            yield (
                f"the header is that of source {contract.source}, layout {layout.name}: load it as such, named as"
                f" {contract.example} (lagebild source fit {contract.source} FILE)"
            )


def _known_as_own(guess: Guess, content: bytes) -> Iterator[str]:
    """Which layouts of a city's own files (`own_layouts.py`) read a file: it needs no contract of its own either."""
    try:
        own = own_layouts.every(settings.load().config)
    except UserError as error:
        yield f"it was not compared with what your city says of its own files: {error.message.splitlines()[0]}"
        return
    for one in own:
        titles = [column.title for column in guess.columns]
        if one.contract.reader in readers.DELIMITED:
            try:
                titles = readers.head(one.contract, io.BytesIO(content)).titles
            except Refused:
                continue  # of another encoding or delimiter: no file that this layout reads
        layout = one.contract.layout_for(titles, None)
        if layout is not None and layout.name == one.change.name:
            yield (
                f"your own layout {one.change.name} ({one.place}) reads it: load it as source {one.contract.source},"
                f" named as {one.example} (lagebild source fit {one.contract.source} FILE)"
            )


def _tried(text: str, content: bytes) -> str:
    """What the loader makes of the sample by a proposal."""
    is_cut = len(content) > SAMPLE_BYTES
    whole = content[: content.rfind(b"\n", 0, SAMPLE_BYTES) + 1] if is_cut else content
    descriptor = yaml_files.parsed(text.encode())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "contract.yml"
        path.write_text(text, encoding="utf-8")
        contract = contracts.build(path, text.encode(), descriptor)
        try:
            source = readers.open_source(contract, io.BytesIO(whole))
            broken = sorted(record.line for block in source.blocks() for record in block.broken)
        except Refused as refusal:
            return f"loading by this refuses the file: {refusal.message}"
    told = f"loading by this reads {source.records} records of the {'beginning' if is_cut else 'file'}"
    return told + (f"; broken: {len(broken)}, such as line {', '.join(map(str, broken[:5]))}" if broken else "")


# --- the kind of file -------------------------------------------------------------------------------


def _is_workbook(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            return "xl/workbook.xml" in packed.namelist()
    except zipfile.BadZipFile as error:
        raise Refused(f"a damaged archive ({error})", "ask the supplier for the file again") from error


def _largest_member(content: bytes) -> tuple[str, bytes]:
    name, blocks = archive.largest_member(content)
    taken = bytearray()
    for block in blocks:
        taken += block
        if len(taken) >= SAMPLE_BYTES and not taken.startswith(b"PK\x03\x04"):
            break
    return name, bytes(taken)


def _workbook(content: bytes) -> Guess:
    book = workbook_parts.Book(content)
    # A hidden sheet is looked at last: mostly it holds what the others are calculated from.
    for name in sorted(book.sheets, key=lambda name: name in book.hidden):
        sheet = book.sheet(name)
        if header := workbook_guess.header_rows(sheet):
            break
    else:
        raise Refused("no sheet holds a table", "ask the supplier for the table")
    guess = Guess(reader="xlsx", encoding="")
    guess.dialect["sheetName"] = _quoted(name)
    guess.reviews["sheetName"] = f"the first of {len(book.sheets)} sheets that holds a table"
    if header != (sheet.rows[0][0],):
        guess.dialect["headerRows"] = f"[{', '.join(map(str, header))}]"
        above = sum(1 for line, _ in sheet.rows if line < header[0])
        guess.reviews["headerRows"] = f"{above} rows stand above the first one with two filled cells"
    if len(header) > 1:
        guess.reviews["headerRows"] = "stacked titles, joined from above to below: compare with the sheet"
    guess.remarks += _hidden(sheet, header)
    table = workbook.Table(sheet, header)
    further = workbook_guess.further_titles(sheet, header)
    if further:
        rows = " and ".join(map(str, further))
        guess.dialect.setdefault("headerRows", f"[{header[0]}]")
        guess.reviews["headerRows"] = f"words stand above numbers in rows {rows} too: list them, if they are titles"
    body = [Row(line, [text.strip() for text in texts])
            for line, texts in table.rows(workbook_guess.german, max(further, default=0))]  # fmt: skip
    body = _without_ends(guess, "", [], body, len(table.header))
    rows = [row.padded(len(table.header)) for row in body]
    guess.columns = _columns(table.header, rows)
    guess.remarks += _sum_below(guess.columns, body)
    guess.key = _key(guess.columns, rows)
    return guess


def _hidden(sheet: workbook_parts.Sheet, header: tuple[int, ...]) -> Iterator[str]:
    """What a spreadsheet does not show of a table, and loading reads as it reads the rest."""
    rows = [line for line in sheet.hidden_rows if line > header[-1]]
    if rows:
        shown = ", ".join(map(str, rows[:5])) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
        yield f"row {shown}: hidden, or left out by a filter, and loaded as the others are"
    width = max((len(cells) for _, cells in sheet.rows), default=0)
    letters = [
        workbook_parts.place(1, n)[:-1]
        for n in range(1, width + 1)
        if any(first <= n <= last for first, last in sheet.hidden_columns)
    ]
    if letters:
        yield f"column {', '.join(letters[:12])}: hidden, and read as the others are"


def _text(content: bytes) -> Guess:
    encoding, text = _decoded(content)
    if re.match(r"\s*[\[{]", text) and not re.match(r"\s*\[[^\]\n]*\]\s*[;,|\t]", text):
        with contextlib.suppress(ValueError):
            json.loads(text)
            raise Refused("JSON, and no table of rows and columns", "ask for a CSV file or a workbook")
    if re.match(r"\s*<(!doctype|html|\?xml)", text, re.IGNORECASE):
        raise Refused("a page of HTML or XML, and no table of rows and columns", "ask for a CSV file or a workbook")
    text = text.replace("\ufeff", "")  # of a second file behind the first
    lines = text.splitlines()
    if len(content) > SAMPLE_BYTES and len(lines) > 1:
        lines.pop()  # cut in two by the end of the sample
    guess = Guess(encoding=encoding)
    guess.reviews["encoding"] = _encoding_review(encoding)
    if any(line.startswith("__________") for line in lines) and ";" in text:
        return _ldb(guess, lines)
    if (spans := _fixed(lines)) is not None:
        return _fixed_width(guess, lines, spans)
    return _csv(guess, lines, text)


def _decoded(content: bytes) -> tuple[str, str]:
    sample = content[:SAMPLE_BYTES]
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if sample.startswith(mark):
            return encoding, sample.decode(encoding, "replace" if len(content) > SAMPLE_BYTES else "strict")
    if b"\x00" in sample:
        raise Refused("NUL bytes: no text, or UTF-16 without a mark", "ask which encoding the file has")
    try:
        # A letter may be cut in two at the sample's end.
        return "utf-8", sample.decode(
            "utf-8", "ignore" if len(content) > SAMPLE_BYTES and _is_cut(sample) else "strict"
        )
    except UnicodeDecodeError:
        encoding = "cp1252" if re.search(rb"[\x80-\x9f]", sample) else "iso-8859-1"
        # Old programs and Macs put umlauts elsewhere: what has more of them, and of nothing odd, is what it is.
        by_umlauts = max(
            (encoding, "cp850", "mac-roman"), key=lambda name: len(_UMLAUT.findall(sample.decode(name, "replace")))
        )
        return by_umlauts, sample.decode(by_umlauts, "replace")


def _is_cut(sample: bytes) -> bool:
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(sample) - 3
    return False


def _encoding_review(encoding: str) -> str:
    if encoding in ("utf-8-sig", "utf-16"):
        return "the file starts with its byte order mark"
    if encoding == "utf-8":
        return "the sample is valid UTF-8 (a file of ASCII alone is so too)"
    return "every byte is a letter in it: look at the umlauts"


# --- delimited text ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A record of the sample: its first line, counted from 1, and its fields without blanks around them."""

    line: int
    cells: list[str]

    @property
    def filled(self) -> list[int]:
        return [n for n, cell in enumerate(self.cells) if cell]

    def padded(self, width: int) -> list[str]:
        """As many cells as a table has columns."""
        return (self.cells + [""] * width)[:width]


def _csv(guess: Guess, lines: list[str], text: str) -> Guess:
    said = _SEP.match(lines[0])
    form = _escapes(text) | _spaces(text) | _single_quotes(text)
    delimiter, rows = _split(text, form, said[1] if said else None)
    if ends := _line_end(text):
        other, joined = _split(text, form | ends, said[1] if said else None)
        if _odd(joined) < _odd(rows):  # else the lines that end with LF alone are records
            form, delimiter, rows = form | ends, other, joined
    if said:
        rows = [row for row in rows if row.line > 1]
        guess.remarks.append("line 1 says the delimiter, as Excel writes it; loading leaves it out")
    table = [row for row in rows if row.filled]
    if len(table) < len(rows):
        guess.remarks.append(f"lines of nothing but delimiters: {len(rows) - len(table)}; they are no records")
    if any(cell.startswith('="') for row in table[:1000] for cell in row.cells) or '="' in text:
        guess.own["excel_text"] = "true"
        guess.reviews["excel_text"] = 'cells such as ="001"'
        table = [Row(row.line, [re.sub(r'^="?|"$', "", cell) for cell in row.cells]) for row in table]
    width = _width(table)
    guess.dialect["delimiter"] = _quoted(delimiter)
    guess.reviews["delimiter"] = f"with it most records have {width} fields"
    guess.dialect["quoteChar"] = _quoted('"')
    guess.dialect |= form
    guess.reviews["quoteChar"] = "single quotes enclose fields" if "quoteChar" in form else ""
    guess.reviews["escapeChar"] = 'the sample holds \\"'
    guess.reviews["skipInitialSpace"] = "spaces stand between delimiters and quotes"
    guess.reviews["lineTerminator"] = "some lines end with LF alone: those line feeds are taken for parts of fields"
    heads, body = _heads(guess, table, width)
    width = max([width, *(max(row.filled) + 1 for row in heads)])
    body = _without_ends(guess, delimiter, heads, body, width)
    guess.remarks += _damaged(body)
    header = _titles(heads, width)
    shape = genesis.shape_of(header)
    if shape is not None:
        guess.reader = "genesis"
        guess.reviews["reader"] = f"the {shape.layout} layout of GENESIS with {shape.slots} variables"
        guess.dialect = {key: value for key, value in guess.dialect.items() if key in ("delimiter", "quoteChar")}
    cells, guess.is_titled = [row.padded(width) for row in body], bool(heads)
    guess.columns = _columns(header, cells, guess.is_titled)
    guess.remarks += [
        *_mixed_days(guess.columns, body),
        *_mixed_numbers(guess.columns, body),
        *_sum_below(guess.columns, body),
    ]
    guess.key = _key(guess.columns, cells)
    guess.missing = sorted({cell for n, column in enumerate(guess.columns) for cell in _open_ends(column, cells, n)})
    return guess


def _damaged(body: list[Row]) -> Iterator[str]:
    """Where letters are lost or were decoded twice: such a delivery is held."""
    rows = [row for row in body if any(_DAMAGED.search(cell) for cell in row.cells)]
    if rows:
        yield f"letters are lost (U+FFFD) or were decoded twice in line {_first_lines(rows)}: ask for the file again"


def _mixed_days(columns: list[Column], body: list[Row]) -> Iterator[str]:
    """Columns of text in which most values are days, in several forms: none of them would be checked."""
    for n, column in enumerate(columns):
        filled = [(row, row.cells[n]) for row in body if n < len(row.cells) and row.cells[n]]
        if column.type != "string" or len(filled) < 3:
            continue
        if 3 * sum(any(_is_date(text, f) for f in _DATES) for _, text in filled[:1000]) < len(filled[:1000]):
            continue  # so many of its first are no days that most of all will be none
        days = [(row, form) for row, text in filled if (form := next((f for f in _DATES if _is_date(text, f)), None))]
        if 2 * len(days) > len(filled):
            usual = Counter(form for _, form in days).most_common(1)[0][0]
            usually = {row.line for row, text in filled if _is_date(text, usual)}
            others = [row for row, _ in filled if row.line not in usually]
            yield f"column {n + 1} holds days, most as {usual}, others not: line {_first_lines(others)}"


def _mixed_numbers(columns: list[Column], body: list[Row]) -> Iterator[str]:
    """Columns of text that hold numbers, some with a decimal comma and some with a decimal point."""
    for n, column in enumerate(columns):
        filled = [(row, row.cells[n]) for row in body if n < len(row.cells) and row.cells[n]]
        if column.type != "string" or len(filled) < 3 or not all(_kind(text) == "number" for _, text in filled[:1000]):
            continue
        with_point = [row for row, text in filled if re.search(r",\d{3}\.|^-?\d+\.(?!\d{3}$)\d+$", text)]
        with_comma = [row for row, text in filled if re.search(r"\.\d{3},|^-?\d+,(?!\d{3}$)\d+$", text)]
        if with_point and with_comma:
            few = min((with_point, with_comma), key=len)
            sign = "point" if few is with_point else "comma"
            yield f"column {n + 1} holds numbers, some with a decimal {sign}, others not: line {_first_lines(few)}"


def _sum_below(columns: list[Column], body: list[Row]) -> Iterator[str]:
    """That the last row is the sum of those above it, whatever it is called."""
    for n, column in enumerate(columns):
        if column.type not in ("integer", "number") or len(body) < 4:
            continue
        decimal, group = (column.entries.get(key, "")[1:-1] for key in ("decimalChar", "groupChar"))
        plain = [
            row.cells[n].replace(group or "\0", "").replace(decimal or ".", ".") for row in body if n < len(row.cells)
        ]
        try:
            *above, last = (Decimal(text) for text in plain if text)
        except (ArithmeticError, ValueError):
            continue
        if last and len(above) > 1 and sum(above) == last:
            yield f"line {body[-1].line} may be a total: in column {n + 1} it is the sum of the rows above"
            return


def _open_ends(column: Column, rows: list[list[str]], n: int) -> set[str]:
    return _OPEN_ENDS & {row[n] for row in rows} if column.type == "date" else set()


def _escapes(text: str) -> dict[str, str]:
    """The dialect's entries for a backslash that takes the meaning from a quote."""
    found = re.findall(r'\\"(.?)', text)
    if not any(sign and sign not in ";,|\t\r\n" for sign in found):
        return {}  # there is none, or paths end with one
    is_doubled = re.search(r'[^;,|\t\r\n"\\]""[^;,|\t\r\n"]', text)
    return (
        {}
        if is_doubled and not found
        else {"escapeChar": _quoted("\\")} | ({} if is_doubled else {"doubleQuote": "false"})
    )


def _spaces(text: str) -> dict[str, str]:
    """The dialect's entry for spaces between a delimiter and a quote."""
    return {"skipInitialSpace": "true"} if re.search(r'[;,|\t] +"[^"\r\n]*"[ ]*(?:[;,|\t]|$)', text, re.M) else {}


def _single_quotes(text: str) -> dict[str, str]:
    """The dialect's entry where single quotes enclose fields, and double ones none."""
    enclosed = re.findall(r"(?:^|[;,|\t])'[^'\r\n]*'(?=[;,|\t\r\n]|$)", text, re.MULTILINE)
    return {"quoteChar": _quoted("'")} if len(enclosed) > 1 and '"' not in text else {}


def _odd(rows: list[Row]) -> int:
    """How many records have another number of fields than most."""
    counts = Counter(len(row.cells) for row in rows if row.filled)
    return counts.total() - max(counts.values())


def _line_end(text: str) -> dict[str, str]:
    """The dialect's entry where lines end with CRLF and fields hold line feeds."""
    pairs = text.count("\r\n")
    return {"lineTerminator": _quoted("\r\n")} if 0 < text.count("\n") - pairs < pairs else {}


def _split(text: str, form: dict[str, str], said: str | None) -> tuple[str, list[Row]]:
    """The delimiter under which most records have the same number of fields, and the records."""
    best: tuple[float, str, list[Row]] | None = None
    lines = [line for line in text.splitlines() if line.strip()]
    if said is None and len(lines) > 2 and not re.search(r"[;\t|,]|\S {2,}\S", text):
        return _DELIMITERS[0], list(_rows(text, _DELIMITERS[0], form))  # a list of one column
    for delimiter in [said] if said in _DELIMITERS else _DELIMITERS:
        try:
            rows = list(_rows(text, delimiter, form))
        except csv.Error:
            continue
        counts = Counter(len(row.cells) for row in rows if row.filled)
        wide = [(number, width) for width, number in counts.items() if width > 1]
        if not wide:
            continue
        number, width = max(wide)
        share = number / sum(counts.values())
        if width <= MAX_COLUMNS * 100 and (best is None or share > best[0] + 0.05):
            best = share, delimiter, rows
    if best is None:
        raise Refused("no delimiter of ; , tab | makes records of it", "describe the file by hand")
    return best[1], best[2]


def _rows(text: str, delimiter: str, form: dict[str, str]) -> Iterator[Row]:
    escape = {"escapechar": "\\", "doublequote": "doubleQuote" not in form} if "escapeChar" in form else {}
    if "lineTerminator" in form:
        text = re.sub(r"(?<!\r)\n", " ", text)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        skipinitialspace="skipInitialSpace" in form,
        quotechar="'" if "quoteChar" in form else '"',
        **escape,
    )
    while True:
        line = reader.line_num + 1
        row = next(reader, None)
        if row is None:
            return
        if row:
            yield Row(line, [normal_title(cell) if "\n" in cell else cell.strip() for cell in row])


def _width(table: list[Row]) -> int:
    """Number of columns of most rows, without those at the end in which nothing stands."""
    wide = Counter(len(row.cells) for row in table if len(row.cells) > 1)
    common = wide.most_common(1)[0][0] if wide else 1
    return max(max(row.filled) + 1 for row in table if len(row.cells) == common)


def _heads(guess: Guess, table: list[Row], width: int) -> tuple[list[Row], list[Row]]:
    """The header rows, and the rows below; no header row where a person's values may stand in its place."""
    enough = max(2, -(-width * 3 // 5)) if width > 1 else 1
    top = next((n for n, row in enumerate(table) if len(row.filled) >= enough), None)
    if top is None:
        top = next(n for n, row in enumerate(table) if len(row.cells) >= width)
    body = table[top + 1 :]
    if not _is_header(table[top], body, width):
        guess.remarks.append(
            f"no header was found (line {table[top].line} may hold values, so nothing of it is shown): the titles are"
            " made up, and loading reads no file without a header; ask the supplier for one"
        )
        return [], table[top:]
    heads = [table[top]]
    while body[1:] and len(heads) < 3 and _is_second_header(body[0], body[1:], heads[0], width):
        heads.append(body.pop(0))
        guess.remarks.append(f"line {heads[-1].line} was taken for a second row of the header")
    above = table[top - 1] if top else None
    has_doubles = len(set(titles := _titles(heads, width))) < len(titles)
    if above and has_doubles and above.line == heads[0].line - 1 and len(above.cells) >= width and not above.cells[0]:
        heads.insert(0, above)
        guess.remarks.append(f"line {above.line} was taken for the header's first row: titles below it stand twice")
    if len(heads) > 1 or any(row.line < heads[0].line for row in table):
        guess.dialect["headerRows"] = f"[{', '.join(str(row.line) for row in heads)}]"
        before = heads[0].line - 1
        guess.reviews["headerRows"] = f"{before} lines stand above; stacked rows are all listed"
    if len(heads) > 1:
        guess.dialect["headerJoin"] = _quoted(" / ")
    return heads, body


def _titles(heads: list[Row], width: int) -> list[str]:
    if not heads:
        return [f"column_{n}" for n in range(1, width + 1)]
    cells = [[normal_title(cell) for cell in row.padded(width)] for row in heads]
    return [" / ".join(filter(None, column)) for column in zip(*cells, strict=True)]


def _kind(cell: str) -> str:
    """What a cell looks like: a date, a year, a number, a code with digits, or words."""
    plain = re.sub(r"^(€|EUR)\s*|\s*(€|EUR|%)$", "", cell)
    if re.fullmatch(r"(19|20)\d\d", plain):
        return "year"
    if re.fullmatch(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}([ T]\d\d?:\d\d(:\d\d)?.*)?", plain):
        return "date"
    if re.fullmatch(r"[-+\u2212]?[\d.,\u00a0\u202f ]*\d-?", plain):
        return "number"
    return "code" if re.search(r"\d", plain) and len(plain) <= 20 and " " not in plain else "words"


def _typed(rows: list[Row], width: int) -> dict[int, str]:
    """The columns whose values nearly all look alike, and are no words."""
    found = {}
    for column in range(width):
        cells = [row.cells[column] for row in rows[:5000] if column < len(row.cells)]
        if {cell.lower() for cell in cells if cell} in _TRUTHS:
            found[column] = "truth"
            continue
        kinds = Counter(_kind(cell) for cell in cells if cell and PRINTED_SIGNS.get(cell, cell) not in SIGNS)
        if not kinds:
            continue
        if set(kinds) <= {"year", "number"} and len(kinds) > 1:
            kinds = Counter({"number": kinds.total()})
        kind, number = kinds.most_common(1)[0]
        if kind != "words" and number >= kinds.total() * 0.9:
            found[column] = kind
    return found


def _is_header(row: Row, body: list[Row], width: int) -> bool:
    """Whether a row holds titles: its cells look otherwise than those below, or sound like titles."""
    cells = row.padded(width)
    if genesis.shape_of(list(map(normal_title, cells))) is not None:
        return True
    as_title = as_value = 0
    typed = _typed(body, width)
    said = [cells[column].lower() for column, kind in typed.items() if kind == "truth" and cells[column]]
    if any(word in truths for word in said for truths in _TRUTHS):
        as_value += 1
    elif len(said) > 1:  # in one column of yes and no another word may be a person's, too
        as_title += len(said)
    for column, kind in typed.items():
        if cells[column] and kind != "truth":
            is_same = _kind(cells[column]) == kind and not (kind == "year" and len(body) < 2)
            as_value += is_same
            as_title += not is_same
    if as_title or as_value:
        return as_title > 2 * as_value  # rather no titles than a person's values
    others = [other.padded(width) for other in body if other.padded(width) != cells]
    if any(cell and cell in (other[column] for other in others) for column, cell in enumerate(cells)):
        return False  # words that come again
    titles = [cell for cell in cells if cell]
    if titles == [chr(ord("A") + n) for n in range(len(titles))]:
        return True  # a spreadsheet's own
    sounds = _sounds if width > 1 else _TITLE.fullmatch  # alone, part of a word may be part of a name
    sounding = [cell for cell in titles if not re.search(r"\d", cell) and sounds(cell.lower())]
    return 2 * len(sounding) >= len(titles)


def _sounds(text: str) -> bool:
    """Whether a text in small letters has a word of titles at an end of one of its own: not so Sch-wert-ner."""
    return any(
        not (text[: found.start()][-1:].isalpha() and text[found.end() :][:1].isalpha())
        for found in _TITLE.finditer(text)
    )


def _is_second_header(row: Row, body: list[Row], head: Row, width: int) -> bool:
    """Whether words stand where all rows below hold numbers, dates or codes."""
    cells = row.padded(width)
    if cells == head.padded(width):
        return False
    told = [
        (cells[column], kind)
        for column, kind in _typed(body, width).items()
        if cells[column] and kind != "truth" and PRINTED_SIGNS.get(cells[column], cells[column]) not in SIGNS
    ]
    words = [cell for cell, _ in told if _kind(cell) == "words" and not cell.startswith("#")]
    return bool(words) and len(words) == len(told)


def _without_ends(guess: Guess, delimiter: str, heads: list[Row], body: list[Row], width: int) -> list[Row]:
    """The rows without headers that come again and without what ends the table; remarks say which those are."""
    again = [row for row in body if any(row.padded(width) == head.padded(width) for head in heads)]
    if again:
        guess.remarks.append(f"the header stands again in line {_first_lines(again)}: it is rejected there")
        body = [row for row in body if row not in again]
    cut = len(body)
    while cut > 1 and _ends(body[cut - 1], width):
        cut -= 1
    footer, body = body[cut:], body[:cut]
    if footer:
        what = f"line {_first_lines(footer)} below the rows: a total, a source or a note"
        pattern = _footer_pattern(footer[0], delimiter)
        if pattern and not any(_footer_pattern(row, delimiter) == pattern for row in body):
            guess.own["footer"] = _quoted(pattern)
            guess.reviews["footer"] = f"{what}; the table ends there"
        guess.remarks.append(what)
    totals = [row for row in body if _TOTAL.match(_first_words(row)[1])]
    if totals:
        guess.remarks.append(f"line {_first_lines(totals)} may be a total: it must not be added up with the rows")
    odd = [row for row in body if len(row.cells) != width and any(n >= width for n in row.filled)]
    odd += [row for row in body if len(row.cells) < width]
    if odd:
        odd.sort(key=lambda row: row.line)
        guess.reviews["reader"] = f"{len(odd)} records of the sample have not {width} fields: line {_first_lines(odd)}"
        left_out = set(map(id, odd))
        body = [row for row in body if id(row) not in left_out]
    longer = [row for row in body if len(row.cells) > width]
    if longer:
        guess.remarks.append(f"{len(longer)} records end with delimiters behind which nothing stands")
    return body


def _first_lines(rows: list[Row]) -> str:
    shown = ", ".join(str(row.line) for row in rows[:5])
    return shown + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")


def _first_words(row: Row) -> tuple[int, str]:
    """The first cell that holds something, and its number."""
    return next(((n, cell) for n, cell in enumerate(row.cells) if cell), (0, ""))


def _ends(row: Row, width: int) -> bool:
    """Whether a row at the end of a file is none of the table: a total, a source, a note."""
    _, words = _first_words(row)
    is_alone = len(row.filled) == 1 and width > 2
    return bool(_TOTAL.match(words) or _NOTE.match(words)) or is_alone


def _footer_pattern(row: Row, delimiter: str) -> str | None:
    """A pattern of how such a line begins, by words of ours; None if it begins otherwise."""
    place, words = _first_words(row)
    match = _TOTAL.match(words) or _NOTE.match(words)
    if match is None:
        return None
    return re.escape(delimiter) * place + '[ "]*' + re.escape(match[0].strip())


def _ldb(guess: Guess, lines: list[str]) -> Guess:
    """Titles, stacked header rows, rows, a rule of underscores: the Landesdatenbank NRW."""
    rule = next(number for number, line in enumerate(lines) if line.startswith("__________"))
    rows = [next(csv.reader([line], delimiter=";", skipinitialspace=True), []) for line in lines[:rule]]
    is_data = [len(row) > 1 and bool(re.fullmatch(r"\d\d\.\d\d\.\d{4}|\d{2,8}", row[0].strip())) for row in rows]
    if True not in is_data:
        raise Refused("no row starts with a date, a year or a key", "describe the file by hand")
    first = is_data.index(True)
    width = len(rows[first])
    stacked = [n for n in range(first) if len(rows[n]) == width and sum(map(bool, rows[n])) and not rows[n][0]]
    guess.reader = "ldb_nrw"
    guess.reviews["reader"] = "title lines, and a rule of underscores below the rows"
    guess.dialect = {
        "delimiter": _quoted(";"),
        "quoteChar": _quoted('"'),
        "headerRows": f"[{', '.join(str(n + 1) for n in stacked) or first}]",
        "skipInitialSpace": "true",
    }
    if len(stacked) > 1:
        guess.dialect["headerJoin"] = _quoted(" / ")
    guess.reviews["headerRows"] = "the rows above the data whose first cell is empty"
    stacked = stacked or [first - 1]
    titles = [" / ".join(filter(None, (normal_title(rows[n][at]) for n in stacked))) for at in range(width)]
    cells = [row for row, data in zip(rows, is_data, strict=True) if data and len(row) == width]
    guess.columns = _columns(titles, cells)
    guess.key = _key(guess.columns, [[cell.strip() for cell in row] for row in cells])
    return guess


# --- fixed width ------------------------------------------------------------------------------------


def _fixed(lines: list[str]) -> list[tuple[int, int]] | None:
    """The fields' characters if all lines are equally long and no delimiter is in all of them; None otherwise."""
    filled = [line for line in lines[:5000] if line.strip()]
    lengths = {len(line) for line in filled}
    if len(filled) < 2 or len(lengths) != 1 or any(all(sign in line for line in filled) for sign in _DELIMITERS[:3]):
        return None
    (length,) = lengths
    blank = [all(line[place] == " " for line in filled) for place in range(length)]
    if length < 20 or not any(blank):
        return None
    spans, start = [], None
    for place in range(length + 1):
        is_blank = place == length or blank[place]
        if not is_blank and start is None:
            start = place
        elif is_blank and start is not None:
            spans.append((start + 1, place))
            start = None
    return spans


def _fixed_width(guess: Guess, lines: list[str], spans: list[tuple[int, int]]) -> Guess:
    filled = [line for line in lines if line.strip()]
    length = len(filled[0])
    guess.reader, guess.dialect = "fixed_width", {"header": "false"}
    guess.own["record_length"] = str(length)
    guess.reviews["reader"] = f"every line of the sample has {length} characters"
    if length == 220 and all(re.fullmatch(r"[1-6]0\d{8}", line[:10]) for line in filled):
        guess.reviews["reader"] = "220 characters and record types 10 to 60: GV100AD"
        for name, title, at in _GV100AD:
            kind = "date" if name == "reference_date" else "integer" if name.endswith(("s", "_hectares")) else "string"
            column = Column(title, name, kind, own=[f"columns: {at}"])
            if kind == "date":
                column.entries["format"] = _quoted("%Y%m%d")
            guess.columns.append(column)
        return guess
    for number, (first, last) in enumerate(spans, 1):
        values = [line[first - 1 : last].strip() for line in filled]
        column = _column(f"Feld {number}", f"field_{number}", values)
        column.own.insert(0, f"columns: {first}-{last}")
        column.reviews["columns"] = "blank columns were taken for borders: compare with the record description"
        guess.columns.append(column)
    return guess


# --- columns ----------------------------------------------------------------------------------------


def _columns(header: list[str], rows: list[list[str]], is_titled: bool = True) -> list[Column]:
    if len(header) > MAX_COLUMNS:
        raise Refused(f"{len(header)} columns, more than {MAX_COLUMNS}", "check delimiter and encoding by hand")
    taken: Counter[str] = Counter()
    columns, values = [], []
    header = list(map(normal_title, header))
    for number, title in enumerate(header):
        name = _slug(title) or f"column_{number + 1}"
        taken[name] += 1
        if taken[name] > 1:
            name = f"{name}_{taken[name]}"
        values.append([row[number].strip() for row in rows if number < len(row)])
        says_something = is_titled and not _UNSAYING.fullmatch(title)
        columns.append(_column(title, name, values[-1], may_quote=says_something))
    unsaid = [n for n, title in enumerate(header) if not is_titled or (title and _UNSAYING.fullmatch(title))]
    _mark_personal([(columns[n], values[n]) for n in unsaid], least=2 if is_titled else 1)
    return columns


def _mark_personal(unsaid: list[tuple[Column, list[str]]], least: int) -> None:
    """Propose privacy by what stands in columns whose titles say nothing; `least` so many must look personal."""
    classes = {id(column): _class_of(column, [value for value in values if value]) for column, values in unsaid}
    if sum(found in ("drop", "year") for found in classes.values()) < least:
        return  # what only looks like an identifier is one of persons where persons are
    for column, _ in unsaid:
        privacy = classes[id(column)]
        if privacy:
            column.own = [entry for entry in column.own if not entry.startswith("signs")] + [f"privacy: {privacy}"]
            column.reviews["lagebild"] = "its values look personal: pseudonym, drop, year or keep"
        if privacy in ("drop", "pseudonym"):
            column.type, column.entries = "string", {}
            column.constraints = [entry for entry in column.constraints if entry.startswith("required")]
            column.reviews.pop("type", None)


def _class_of(column: Column, values: list[str]) -> str | None:
    """The privacy class that a column's values ask for; None for statistics."""
    distinct = set(values)
    if not values or column.type == "boolean":
        return None
    if column.type == "date":
        years = [int(year) for value in distinct for year in re.findall(r"(?:18|19|20)\d\d", value)]
        has_spread = len(distinct) * 2 > len(values) and years and max(years) - min(years) >= 5
        return "year" if has_spread else None

    def is_like(pattern: str) -> bool:
        return sum(1 for value in distinct if re.fullmatch(pattern, value)) * 10 >= len(distinct) * 9

    if column.type == "string" and is_like(ags.PATTERN.pattern):
        return None  # municipalities
    if is_like(r"\S+@\S+\.\S+|[+0][\d /()-]{6,}|DE\d\d[\d ]{18,}|[^\d;]{3,}\d{1,4} ?[a-zA-Z]?"):
        return "drop"  # mail, telephone, account, street
    if is_like(r"[^\W\d_]{2,}[^\d]*") and max(map(len, distinct)) > 3:
        return "drop"  # words: names among them
    if len(distinct) == len(values) > 2 and is_like(r"[A-Za-z]{0,6}[-_/ ]?\d{3,}[-_/\dA-Za-z]*"):
        return "pseudonym"
    return None


def _key(columns: list[Column], rows: list[list[str]]) -> list[str]:
    """The first one, two or three columns that tell the rows of the sample apart; none where no three do."""
    sampled = rows[:20_000]

    def may_be(n: int) -> bool:
        column = columns[n]
        is_private = any(entry in column.own for entry in ("privacy: drop", "privacy: year"))
        cells = [row[n] for row in sampled]
        return not is_private and column.type in _KEY_TYPES and all(cells) and (len(set(cells)) > 1 or len(cells) < 2)

    places = sorted(filter(may_be, range(len(columns))), key=lambda n: (_KEY_TYPES.index(columns[n].type), n))[:10]
    for size in (1, 2, 3):
        for chosen in itertools.combinations(places, size):
            if len({tuple(row[n] for n in chosen) for row in sampled}) == len(sampled):
                return [columns[n].name for n in sorted(chosen)]
    return []


def _slug(title: str) -> str:
    words = re.findall(r"[a-z0-9]+", title.lower().translate(_TRANSLITERATION))
    slug = "_".join(words)[:50].strip("_")
    return f"c_{slug}" if slug[:1].isdigit() else slug


def _column(title: str, name: str, values: list[str], may_quote: bool = True) -> Column:
    column = Column(title, name)
    column.reviews["name"] = "English, with the unit as suffix (_eur, _pct, _persons)"
    filled = [value for value in values if value]
    if filled and len(filled) == len(values):
        column.constraints.append(_REQUIRED)
        column.reviews["constraints"] = f"filled in all {len(values)} records of the sample"
    privacy = next((kind for kind, words in _PERSONAL.items() if re.search(words, title.lower())), None)
    for propose in (_as_date, _as_boolean, _as_number):
        if filled and propose(column, filled):
            break
    if privacy == "year" and column.type != "date":
        privacy = "drop"
    if privacy:
        column.own.append(f"privacy: {privacy}")
        column.reviews["lagebild"] = "the header sounds personal: pseudonym, drop, year or keep"
        if privacy == "drop":
            column.type, column.entries = "string", {}
    elif column.type == "string" and filled:
        _codes(column, filled, may_quote)
    return column


def _mostly(values: list[str], test: Callable[[str], bool]) -> int | None:
    """How many values of the sample fail the test, if they are few; None if they are not."""
    most, odd = len(values) * MAX_ODD, 0
    for value in values:
        if not test(value):
            odd += 1
            if odd > most:
                return None
    return odd


def _told(odd: int, what: str) -> str:
    return f"every value of the sample is {what}" if not odd else f"all but {odd} values of the sample are {what}"


def _as_date(column: Column, values: list[str]) -> bool:
    for form in _DATES:
        odd = _mostly(values[:5000], lambda value, form=form: _is_date(value, form))
        if odd is not None:
            column.type = "date"
            column.entries["format"] = _quoted(form)
            column.reviews["format"] = _told(odd, "such a date")
            if "%y" in form:
                column.reviews["format"] += "; 69 to 99 are taken for 19.., 00 to 68 for 20..: maximum keeps others out"
                column.constraints.append(f"maximum: {date.today().year}-12-31")
            return True
    return False


def _as_boolean(column: Column, values: list[str]) -> bool:
    """Two words that say yes and no; or a mark in some rows and nothing in the others."""
    distinct = set(values)
    said = {value.lower() for value in distinct}
    is_marked = said == {"x"} and _REQUIRED not in column.constraints
    if not is_marked and said not in _TRUTHS:
        return False
    column.type = "boolean"
    column.reviews["type"] = "every value of the sample says yes or no"
    if is_marked:
        column.entries |= {"trueValues": f"[{', '.join(map(_quoted, sorted(distinct)))}]", "falseValues": '[""]'}
        column.reviews["falseValues"] = "an empty cell is taken for a no"
    return True


@lru_cache(maxsize=100_000)  # a column of a hundred thousand days holds a few hundred of them
def _is_date(text: str, form: str) -> bool:
    if text in _OPEN_ENDS:
        return True
    try:
        return 1850 <= datetime.strptime(_MIDNIGHT.sub("", text), form).year <= 2150
    except ValueError:
        return False


def _as_number(column: Column, values: list[str]) -> bool:
    errors = [value for value in values if spreadsheet_error(value)]
    brackets = [value for value in values if re.fullmatch(r"\([\d.,]+\)", value)]
    numbers = [value for value in values if value not in _SIGNS and value not in {*errors, *brackets}]
    stripped = [re.sub(r"^(€|EUR)\s*|\s*(€|EUR|%)$", "", value) for value in numbers]
    has_currency = stripped != numbers
    stripped = [value.replace("\u2212", "-") for value in stripped]
    if not numbers:
        return False
    forms: list[tuple[str, str, str, Callable[[str], bool]]] = [
        ("year", "", "", lambda text: bool(re.fullmatch(r"(19|20)\d\d", text))),
        ("integer", "", "", lambda text: bool(re.fullmatch(r"-?(0|[1-9]\d*)", text))),
        ("integer", ",", ".", lambda text: bool(re.fullmatch(r"-?[1-9]\d{0,2}(\.\d{3})*|0", text))),
        ("number", ",", ".", lambda text: bool(re.fullmatch(r"-?\d{1,3}(\.\d{3})*(,\d+)?|-?\d+(,\d+)?", text))),
        ("number", ".", ",", lambda text: bool(re.fullmatch(r"-?\d{1,3}(,\d{3})*(\.\d+)?|-?\d+(\.\d+)?", text))),
        ("number", ".", "'", lambda text: bool(re.fullmatch(r"-?\d{1,3}('\d{3})*(\.\d+)?", text))),
        ("integer", ",", _NO_BREAK, lambda text: bool(re.fullmatch(rf"-?\d{{1,3}}([{_BLANK}]\d{{3}})*", text))),
        ("number", ",", _NO_BREAK, lambda text: bool(re.fullmatch(rf"-?\d{{1,3}}([{_BLANK}]\d{{3}})*(,\d+)?", text))),
    ]
    if sum(1 for text in stripped if re.fullmatch(r"0\d+", text)) > len(stripped) * MAX_ODD:
        return False  # a key with leading zeros
    is_trailing = any(re.fullmatch(r"[\d.,]*\d ?-", text) for text in stripped)
    if is_trailing:
        stripped = [f"-{text[:-1].rstrip()}" if text.endswith("-") else text for text in stripped]
    fitting = [(form, odd) for form in forms if (odd := _mostly(stripped, form[3])) is not None]
    if not fitting:
        return False
    # A cent in one of a hundred amounts is no mistake: the form that leaves least out.
    (column.type, decimal, group, _), odd = min(fitting, key=lambda found: found[1])
    is_grouped = bool(group) and any(
        re.search(rf"[{_BLANK if group == _NO_BREAK else group}]", text) for text in stripped
    )
    if decimal and (column.type == "number" or is_grouped):
        column.entries["decimalChar"] = _quoted(decimal)
    if is_grouped and group == _NO_BREAK:
        column.entries["groupChar"] = _quoted(group)
        column.reviews["groupChar"] = "blanks of any kind part the thousands"
    elif is_grouped:
        column.entries["groupChar"] = _quoted(group)
        column.reviews["groupChar"] = "1.234 is taken for a thousand, not for a fraction"
    column.reviews["type"] = (
        _told(odd, "such a number") + "; a key that must keep its zeros or is never added up is a string"
    )
    if is_trailing and column.type in ("integer", "number"):
        column.own.append("trailing_minus: true")
    if has_currency and column.type in ("integer", "number"):
        column.entries["bareNumber"] = "false"
        column.reviews["bareNumber"] = "currency or percent signs are stripped"
    told = [
        f"{len(some)} {what}" for some, what in ((errors, "errors of a spreadsheet"), (brackets, "in brackets")) if some
    ]
    column.reviews["type"] += "".join(f"; {said} are left aside" for said in told)
    numbers += errors + brackets
    if len(numbers) < len(values) and column.type in ("integer", "number"):
        column.own.append("signs: true")
        column.reviews["lagebild"] = "official signs stand for numbers; - is zero only with dash_is_zero: true"
    elif len(numbers) < len(values):
        column.type, column.entries = "string", {}
    return True


def _codes(column: Column, values: list[str], may_quote: bool) -> None:
    """Words that repeat are a code list; single ones might be anybody's, and so might any below no title."""
    odd = _mostly(values, ags.is_one)
    if odd is not None:
        column.constraints.append(f"pattern: {_quoted(f'^{ags.PATTERN.pattern}$')}")
        column.reviews["constraints"] = _told(odd, "an AGS of 8 digits")
        return
    words = Counter(values)
    if may_quote and len(words) <= MAX_CODES and min(words.values()) >= 5 and max(map(len, words)) <= 40:
        column.constraints.append(f"enum: [{', '.join(_quoted(word) for word in sorted(words))}]")
        column.reviews["constraints"] = "the words of the sample; the supplier knows whether there are more"


# --- the text ---------------------------------------------------------------------------------------


def _quoted(text: str) -> str:
    """Text as YAML in quotes; JSON is a part of YAML."""
    return json.dumps(text, ensure_ascii=False).replace(_NO_BREAK, r"\u00a0")


def _name_pattern(file_name: str) -> str:
    """A pattern of the file's name, its last date or year as the group `period`, with an AGS before it where one is."""
    found = [*re.finditer(r"\d{4}-\d{2}-\d{2}|\d{4}-\d{2}(?!\d)|(?<!\d)(?:19|20)\d{2}(?!\d)", file_name)]
    if not found:
        return re.escape(file_name)
    start, end = found[-1].span()
    period = re.sub(r"\d+", lambda digits: rf"\d{{{len(digits[0])}}}", found[-1][0])
    place = re.search(rf"(?<!\d){ags.PATTERN.pattern}_$", file_name[:start])
    if place:
        start, period = place.start(), rf"(?P<ags>\d{{8}})_{period}"
    return f"{re.escape(file_name[:start])}(?P<period>{period}){re.escape(file_name[end:])}"


def _yaml(file_name: str, guess: Guess) -> str:
    return "\n".join(_lines(file_name, guess)) + "\n"


def _review(guess: Guess, key: str) -> str:
    return f"  # review: {guess.reviews[key]}" if key in guess.reviews else ""


def _lines(file_name: str, guess: Guess) -> Iterator[str]:
    stem = file_name.rsplit(".", 1)[0]
    source = re.sub(r"_?\d+(_\d+)*$", "", _slug(stem)) or "source"
    pattern = _name_pattern(file_name)
    today = date.today().isoformat()
    yield f"# Proposed by `lagebild source sniff` on {today} from one file: each `review:` is a guess."
    yield from (f"# review: {remark}" for remark in guess.remarks)
    yield "$schema: https://datapackage.org/profiles/2.0/datapackage.json"
    yield f"name: {source}  # review: the folder's name, English"
    yield f"title: {_quoted(stem)}  # review: one line, what the delivery is"
    yield f"description: {_quoted('To be written.')}  # review: what a row is, what the figures cannot say"
    yield "licenses:\n  - name: other-closed  # review: the licence of the data"
    yield f"sources:\n  - title: {_quoted('To be named.')}  # review: who publishes or delivers it"
    yield f"resources:\n  - name: record  # review: what a row is, one word\n    path: {_quoted(file_name)}"
    yield f"    format: {'xlsx' if guess.reader == 'xlsx' else 'csv'}"
    if guess.encoding:
        yield f"    encoding: {guess.encoding}{_review(guess, 'encoding')}"
    if guess.dialect:
        yield "    dialect:"
        for key, value in guess.dialect.items():
            yield f"      {key}: {value}{_review(guess, key)}"
    missing = ", ".join(_quoted(text) for text in ["", *guess.missing])
    yield f"    schema:\n      missingValues: [{missing}]  # review: other words for no value, such as k.A."
    if guess.key:
        yield f"      primaryKey: [{', '.join(guess.key)}]  # review: the fields that tell a row from every other"
    else:
        yield "      # review: no three fields tell the rows of the sample apart; primaryKey names those that do"
    yield "      fields:"
    for column in guess.columns:
        yield from _field_lines(column)
    yield from _own_lines(file_name, guess, pattern)


def _field_lines(column: Column) -> Iterator[str]:
    def review(key: str) -> str:
        return f"  # review: {column.reviews[key]}" if key in column.reviews else ""

    yield f"        - name: {column.name}{review('name')}"
    yield f"          title: {_quoted(column.title)}"
    yield f"          description: {_quoted('To be written.')}  # review: meaning and unit"
    yield f"          type: {column.type}{review('type')}"
    for key, value in column.entries.items():
        yield f"          {key}: {value}{review(key)}"
    if column.constraints:
        yield f"          constraints: {{{', '.join(column.constraints)}}}{review('constraints')}"
    if column.own:
        yield f"          lagebild: {{{', '.join(column.own)}}}{review('lagebild') or review('columns')}"


def _own_lines(file_name: str, guess: Guess, pattern: str) -> Iterator[str]:
    privacy = {entry.split(": ")[1] for column in guess.columns for entry in column.own if entry.startswith("privacy")}
    yield "lagebild:"
    yield f"  owner: {_quoted('To be named.')}  # review: who answers for the delivery"
    if privacy:
        yield '  legal_basis: ""  # review: which law allows it; empty, the source does not load'
    yield "  retention: P1Y  # review: how long rows and files may be kept"
    yield f"  reader: {guess.reader}{_review(guess, 'reader')}"
    missing = "" if "(?P<period>" in pattern else "(?P<period>current)?"
    yield f"  file_name: {_quoted(f'^{missing}{pattern}$')}  # review: {_NAME_REVIEW[bool(missing)]}"
    yield f"  example: {_quoted(file_name)}"
    for key, value in guess.own.items():
        yield f"  {key}: {value}{_review(guess, key)}"
    yield "  evidence: delivered  # review: published, delivered, derived or synthetic"
    yield "  schedule: '0 5 * * 1'  # review: when to look for it"
    yield "  due: {every: irregular, reason: To be named.}  # review: or {every: year, lag: P6M, reason: ...}"
    yield "  max_rejected: 0  # review: how many rejected rows a delivery may have"
    if "pseudonym" in privacy:
        yield "  pseudonym_purpose: statistics  # review: names the key; file_name then needs a group ags"
