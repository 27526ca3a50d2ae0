"""A proposed contract for an unknown file. Every guess is marked `# review:`; nothing in production calls this.

The proposal quotes no value of the file except code words that repeat in a column, and none of a column whose
header sounds personal. Without a legal basis, which only people can fill in, a source with such columns does not load.
"""

import contextlib
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ingest import contracts
from ingest.contracts import own_layouts
from ingest.onboarding import workbook_guess
from ingest.onboarding.columns import UMLAUT, column_of, columns_of, key_of
from ingest.onboarding.delimited import DELIMITERS, _sum_below, _without_ends, delimited_guess, landesdatenbank_guess
from ingest.onboarding.guess import Column, Guess, Row, quoted
from ingest.onboarding.written import as_yaml, name_pattern
from ingest.reading import archive, file_kinds, readers
from ingest.reading.formats import workbook, workbook_parts
from ingest.reading.refused import Refused
from lagebild.core import settings, yaml_files
from lagebild.core.errors import UserError

SAMPLE_BYTES = 8 * 2**20
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
        guess.own["member"] = quoted(f"^{name_pattern(member)}$")
        guess.reviews["member"] = "pattern of the one file in the archive"
    text = as_yaml(file_name, guess)
    if guess.reader in readers.DELIMITED and guess.is_titled and member is None:
        guess.remarks.append(_tried(text, content))
        text = as_yaml(file_name, guess)
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
    guess.dialect["sheetName"] = quoted(name)
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
    guess.columns = columns_of(table.header, rows)
    guess.remarks += _sum_below(guess.columns, body)
    guess.key = key_of(guess.columns, rows)
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
        return landesdatenbank_guess(guess, lines)
    if (spans := _fixed(lines)) is not None:
        return _fixed_width(guess, lines, spans)
    return delimited_guess(guess, lines, text)


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
            (encoding, "cp850", "mac-roman"), key=lambda name: len(UMLAUT.findall(sample.decode(name, "replace")))
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


# --- fixed width ------------------------------------------------------------------------------------


def _fixed(lines: list[str]) -> list[tuple[int, int]] | None:
    """The fields' characters if all lines are equally long and no delimiter is in all of them; None otherwise."""
    filled = [line for line in lines[:5000] if line.strip()]
    lengths = {len(line) for line in filled}
    if len(filled) < 2 or len(lengths) != 1 or any(all(sign in line for line in filled) for sign in DELIMITERS[:3]):
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
                column.entries["format"] = quoted("%Y%m%d")
            guess.columns.append(column)
        return guess
    for number, (first, last) in enumerate(spans, 1):
        values = [line[first - 1 : last].strip() for line in filled]
        column = column_of(f"Feld {number}", f"field_{number}", values)
        column.own.insert(0, f"columns: {first}-{last}")
        column.reviews["columns"] = "blank columns were taken for borders: compare with the record description"
        guess.columns.append(column)
    return guess
