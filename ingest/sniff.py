"""A proposed contract for an unknown file. Every guess is marked `# review:`; nothing in production calls this.

The proposal quotes no value of the file except code words that repeat in a column, and none of a column whose
header sounds personal. Without a legal basis, which only people can fill in, a source with such columns does not load.
"""

import csv
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from ingest import archive, file_kinds, genesis, workbook, workbook_guess, workbook_parts
from ingest.readers import Refused

SAMPLE_BYTES = 8 * 2**20
MAX_COLUMNS = 2_000
MAX_CODES = 12
MAX_ODD = 0.02
"""Share of a column's values that may be broken without hiding what the others are."""
_DELIMITERS = (";", "\t", "|", ",")
_DATES = ("%d.%m.%Y", "%Y-%m-%d", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y", "%Y%m%d")
_SIGNS = {"-", ".", "...", "/", "x", "()"}
_TRANSLITERATION = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_PERSONAL = {
    "year": r"geburts(datum|tag)|birth",
    "pseudonym": r"ordnungsmerkmal|personen?(nummer|kennung|-?id)|aktenzeichen|fallnummer|kundennummer",
    "drop": r"familienname|nachname|vorname|^name$|rufname|azr|idnr|steuer-?id|identifikations|e-?mail|telefon|handy"
    r"|stra(ß|ss)e|haus-?n|anschrift|iban|konto-?inhaber|pass-?nummer|ausweis|bemerkung|freitext"
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
    if member is not None:
        guess.own["member"] = _quoted(f"^{_name_pattern(member)}$")
        guess.reviews["member"] = "pattern of the one file in the archive"
    return _yaml(file_name, guess)


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
    table = workbook.Table(sheet, header)
    further = workbook_guess.further_titles(sheet, header)
    if further:
        rows = " and ".join(map(str, further))
        guess.dialect.setdefault("headerRows", f"[{header[0]}]")
        guess.reviews["headerRows"] = f"words stand above numbers in rows {rows} too: list them, if they are titles"
    guess.columns = _columns(table.header, table.rows(workbook_guess.german, max(further, default=0)))
    return guess


def _text(content: bytes) -> Guess:
    encoding, text = _decoded(content)
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
        return encoding, sample.decode(encoding, "replace")


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


def _csv(guess: Guess, lines: list[str], text: str) -> Guess:
    delimiter, rows = _split(text)
    width = Counter(len(row) for row in rows if len(row) > 1).most_common(1)[0][0]
    top = next(number for number, row in enumerate(rows) if len(row) == width)
    guess.dialect["delimiter"] = _quoted(delimiter)
    guess.reviews["delimiter"] = f"with it most records have {width} fields"
    guess.dialect["quoteChar"] = _quoted('"')
    if '\\"' in text:
        guess.dialect |= {"doubleQuote": "false", "escapeChar": _quoted("\\")}
        guess.reviews["escapeChar"] = 'the sample holds \\"'
    header = [title.strip() for title in rows[top]]
    if top:
        guess.dialect["headerRows"] = f"[{top + 1}]"
        guess.reviews["headerRows"] = (
            f"{top} lines stand above the first of {width} fields; stacked rows are all listed"
        )
    body = [row for row in rows[top + 1 :] if len(row) == width]
    odd = sum(1 for row in rows[top + 1 :] if row and len(row) != width)
    if odd:
        guess.reviews["reader"] = f"{odd} records of the sample have not {width} fields: a footer, or broken rows"
    if any(cell.startswith('="') for row in body[:1000] for cell in row) or '="' in text:
        guess.own["excel_text"] = "true"
        guess.reviews["excel_text"] = 'cells such as ="001"'
        header, *body = [[re.sub(r'^="?|"$', "", cell) for cell in row] for row in [header, *body]]
    shape = genesis.shape_of(header)
    if shape is not None:
        guess.reader = "genesis"
        guess.reviews["reader"] = f"the {shape.layout} layout of GENESIS with {shape.slots} variables"
    guess.columns = _columns(header, body)
    return guess


def _split(text: str) -> tuple[str, list[list[str]]]:
    """The delimiter under which most records have the same number of fields, and the records."""
    best: tuple[float, str, list[list[str]]] | None = None
    for delimiter in _DELIMITERS:
        try:
            form = {"doublequote": False, "escapechar": "\\"} if '\\"' in text else {}
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, **form))
        except csv.Error:
            continue
        counts = Counter(len(row) for row in rows if row)
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


def _ldb(guess: Guess, lines: list[str]) -> Guess:
    """Titles, stacked header rows, rows, a rule of underscores: the Landesdatenbank NRW."""
    rule = next(number for number, line in enumerate(lines) if line.startswith("__________"))
    rows = [line.split(";") for line in lines[:rule]]
    is_data = [bool(re.fullmatch(r"\d\d\.\d\d\.\d{4}|\d{2,8}", row[0].strip())) and len(row) > 1 for row in rows]
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
        "headerJoin": _quoted(" / "),
        "skipInitialSpace": "true",
    }
    guess.reviews["headerRows"] = "the rows above the data whose first cell is empty"
    titles = [" / ".join(filter(None, (rows[n][column] for n in stacked))) for column in range(width)]
    guess.columns = _columns(titles, [row for row, data in zip(rows, is_data, strict=True) if data])
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


def _columns(header: list[str], rows: list[list[str]]) -> list[Column]:
    if len(header) > MAX_COLUMNS:
        raise Refused(f"{len(header)} columns, more than {MAX_COLUMNS}", "check delimiter and encoding by hand")
    taken: Counter[str] = Counter()
    columns = []
    for number, title in enumerate(header):
        name = _slug(title) or f"column_{number + 1}"
        taken[name] += 1
        if taken[name] > 1:
            name = f"{name}_{taken[name]}"
        columns.append(_column(title, name, [row[number].strip() for row in rows if number < len(row)]))
    return columns


def _slug(title: str) -> str:
    words = re.findall(r"[a-z0-9]+", title.lower().translate(_TRANSLITERATION))
    slug = "_".join(words)[:50].strip("_")
    return f"c_{slug}" if slug[:1].isdigit() else slug


def _column(title: str, name: str, values: list[str]) -> Column:
    column = Column(title, name)
    column.reviews["name"] = "English, with the unit as suffix (_eur, _pct, _persons)"
    filled = [value for value in values if value]
    if filled and len(filled) == len(values):
        column.constraints.append("required: true")
        column.reviews["constraints"] = f"filled in all {len(values)} records of the sample"
    privacy = next((kind for kind, words in _PERSONAL.items() if re.search(words, title.lower())), None)
    for propose in (_as_date, _as_number):
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
        _codes(column, filled)
    return column


def _mostly(values: list[str], test: Callable[[str], bool]) -> int | None:
    """How many values of the sample fail the test, where they are few; None where they are not."""
    odd = sum(1 for value in values if not test(value))
    return odd if odd <= len(values) * MAX_ODD else None


def _told(odd: int, what: str) -> str:
    return f"every value of the sample is {what}" if not odd else f"all but {odd} values of the sample are {what}"


def _as_date(column: Column, values: list[str]) -> bool:
    for form in _DATES:
        odd = _mostly(values[:5000], lambda value, form=form: _is_date(value, form))
        if odd is not None:
            column.type = "date"
            column.entries["format"] = _quoted(form)
            column.reviews["format"] = _told(odd, "such a date")
            return True
    return False


def _is_date(text: str, form: str) -> bool:
    try:
        return 1850 <= datetime.strptime(text, form).year <= 2150
    except ValueError:
        return False


def _as_number(column: Column, values: list[str]) -> bool:
    numbers = [value for value in values if value not in _SIGNS]
    stripped = [re.sub(r"^(€|EUR)\s*|\s*(€|EUR|%)$", "", value) for value in numbers]
    if not numbers:
        return False
    forms: list[tuple[str, str, str, Callable[[str], bool]]] = [
        ("year", "", "", lambda text: bool(re.fullmatch(r"(19|20)\d\d", text))),
        ("integer", "", "", lambda text: bool(re.fullmatch(r"-?(0|[1-9]\d*)", text))),
        ("integer", ",", ".", lambda text: bool(re.fullmatch(r"-?[1-9]\d{0,2}(\.\d{3})*|0", text))),
        ("number", ",", ".", lambda text: bool(re.fullmatch(r"-?\d{1,3}(\.\d{3})*(,\d+)?|-?\d+(,\d+)?", text))),
        ("number", ".", ",", lambda text: bool(re.fullmatch(r"-?\d{1,3}(,\d{3})*(\.\d+)?|-?\d+(\.\d+)?", text))),
    ]
    if sum(1 for text in stripped if re.fullmatch(r"0\d+", text)) > len(stripped) * MAX_ODD:
        return False  # a key with leading zeros
    found = next(((form, odd) for form in forms if (odd := _mostly(stripped, form[3])) is not None), None)
    if found is None:
        return False
    (column.type, decimal, group, _), odd = found
    if decimal and (column.type == "number" or any(group in text for text in stripped)):
        column.entries["decimalChar"] = _quoted(decimal)
    if group and any(group in text for text in stripped):
        column.entries["groupChar"] = _quoted(group)
        column.reviews["groupChar"] = "1.234 is taken for a thousand, not for a fraction"
    column.reviews["type"] = (
        _told(odd, "such a number") + "; a key that must keep its zeros or is never added up is a string"
    )
    if stripped != numbers and column.type in ("integer", "number"):
        column.entries["bareNumber"] = "false"
        column.reviews["bareNumber"] = "currency or percent signs are stripped"
    if len(numbers) < len(values) and column.type in ("integer", "number"):
        column.own.append("signs: true")
        column.reviews["lagebild"] = "official signs stand for numbers; - is zero only with dash_is_zero: true"
    elif len(numbers) < len(values):
        column.type, column.entries = "string", {}
    return True


def _codes(column: Column, values: list[str]) -> None:
    """Words that repeat are a code list; single ones might be anybody's."""
    odd = _mostly(values, lambda value: bool(re.fullmatch(r"(0[1-9]|1[0-6])\d{6}", value)))
    if odd is not None:
        column.constraints.append(f"pattern: {_quoted('^(0[1-9]|1[0-6])[0-9]{6}$')}")
        column.reviews["constraints"] = _told(odd, "an AGS of 8 digits")
        return
    words = Counter(values)
    if len(words) <= MAX_CODES and min(words.values()) >= 5 and max(map(len, words)) <= 40:
        column.constraints.append(f"enum: [{', '.join(_quoted(word) for word in sorted(words))}]")
        column.reviews["constraints"] = "the words of the sample; the supplier knows whether there are more"


# --- the text ---------------------------------------------------------------------------------------


def _quoted(text: str) -> str:
    """Text as YAML in quotes; JSON is a part of YAML."""
    return json.dumps(text, ensure_ascii=False)


def _name_pattern(file_name: str) -> str:
    """A pattern of the file's name, its last date or year as the group `period`, with an AGS before it where one is."""
    found = [*re.finditer(r"\d{4}-\d{2}-\d{2}|\d{4}-\d{2}(?!\d)|(?<!\d)(?:19|20)\d{2}(?!\d)", file_name)]
    if not found:
        return re.escape(file_name)
    start, end = found[-1].span()
    period = re.sub(r"\d+", lambda digits: rf"\d{{{len(digits[0])}}}", found[-1][0])
    place = re.search(r"(?<!\d)(?:0[1-9]|1[0-6])\d{6}_$", file_name[:start])
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
    yield f"# Proposed by `lagebild sniff` on {date.today().isoformat()} from one file: each `review:` is a guess."
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
    yield '    schema:\n      missingValues: [""]  # review: other words for no value, such as k.A.'
    key = next((column for column in guess.columns if "privacy: drop" not in column.own), guess.columns[0])
    yield f"      primaryKey: [{key.name}]  # review: the fields that tell a row from every other"
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
