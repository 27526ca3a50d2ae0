"""An unknown delimited text: delimiter, quoting, header rows, what stands above and below the table."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from ingest import contracts
from ingest.contracts import normal_title
from ingest.onboarding.columns import _TRUTHS, DATE_FORMS, OPEN_ENDS, columns_of, is_date, key_of
from ingest.onboarding.guess import MAX_COLUMNS, Column, Guess, Row, quoted
from ingest.reading.formats import genesis
from ingest.reading.refused import Refused
from ingest.reading.values import PRINTED_SIGNS, SIGNS

DELIMITERS = (";", "\t", "|", ",")
_SEP = re.compile(r'\s*"?sep=(.)"?\s*$', re.IGNORECASE)
_DAMAGED = re.compile(contracts.DAMAGED)
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


def delimited_guess(guess: Guess, lines: list[str], text: str) -> Guess:
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
    guess.dialect["delimiter"] = quoted(delimiter)
    guess.reviews["delimiter"] = f"with it most records have {width} fields"
    guess.dialect["quoteChar"] = quoted('"')
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
    guess.columns = columns_of(header, cells, guess.is_titled)
    guess.remarks += [
        *_mixed_days(guess.columns, body),
        *_mixed_numbers(guess.columns, body),
        *_sum_below(guess.columns, body),
    ]
    guess.key = key_of(guess.columns, cells)
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
        if 3 * sum(any(is_date(text, f) for f in DATE_FORMS) for _, text in filled[:1000]) < len(filled[:1000]):
            continue  # so many of its first are no days that most of all will be none
        days = [
            (row, form) for row, text in filled if (form := next((f for f in DATE_FORMS if is_date(text, f)), None))
        ]
        if 2 * len(days) > len(filled):
            usual = Counter(form for _, form in days).most_common(1)[0][0]
            usually = {row.line for row, text in filled if is_date(text, usual)}
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
    return OPEN_ENDS & {row[n] for row in rows} if column.type == "date" else set()


def _escapes(text: str) -> dict[str, str]:
    """The dialect's entries for a backslash that takes the meaning from a quote."""
    found = re.findall(r'\\"(.?)', text)
    if not any(sign and sign not in ";,|\t\r\n" for sign in found):
        return {}  # there is none, or paths end with one
    is_doubled = re.search(r'[^;,|\t\r\n"\\]""[^;,|\t\r\n"]', text)
    return (
        {}
        if is_doubled and not found
        else {"escapeChar": quoted("\\")} | ({} if is_doubled else {"doubleQuote": "false"})
    )


def _spaces(text: str) -> dict[str, str]:
    """The dialect's entry for spaces between a delimiter and a quote."""
    return {"skipInitialSpace": "true"} if re.search(r'[;,|\t] +"[^"\r\n]*"[ ]*(?:[;,|\t]|$)', text, re.M) else {}


def _single_quotes(text: str) -> dict[str, str]:
    """The dialect's entry where single quotes enclose fields, and double ones none."""
    enclosed = re.findall(r"(?:^|[;,|\t])'[^'\r\n]*'(?=[;,|\t\r\n]|$)", text, re.MULTILINE)
    return {"quoteChar": quoted("'")} if len(enclosed) > 1 and '"' not in text else {}


def _odd(rows: list[Row]) -> int:
    """How many records have another number of fields than most."""
    counts = Counter(len(row.cells) for row in rows if row.filled)
    return counts.total() - max(counts.values())


def _line_end(text: str) -> dict[str, str]:
    """The dialect's entry where lines end with CRLF and fields hold line feeds."""
    pairs = text.count("\r\n")
    return {"lineTerminator": quoted("\r\n")} if 0 < text.count("\n") - pairs < pairs else {}


def _split(text: str, form: dict[str, str], said: str | None) -> tuple[str, list[Row]]:
    """The delimiter under which most records have the same number of fields, and the records."""
    best: tuple[float, str, list[Row]] | None = None
    lines = [line for line in text.splitlines() if line.strip()]
    if said is None and len(lines) > 2 and not re.search(r"[;\t|,]|\S {2,}\S", text):
        return DELIMITERS[0], list(_rows(text, DELIMITERS[0], form))  # a list of one column
    for delimiter in [said] if said in DELIMITERS else DELIMITERS:
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
        guess.dialect["headerJoin"] = quoted(" / ")
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
            guess.own["footer"] = quoted(pattern)
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


def landesdatenbank_guess(guess: Guess, lines: list[str]) -> Guess:
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
        "delimiter": quoted(";"),
        "quoteChar": quoted('"'),
        "headerRows": f"[{', '.join(str(n + 1) for n in stacked) or first}]",
        "skipInitialSpace": "true",
    }
    if len(stacked) > 1:
        guess.dialect["headerJoin"] = quoted(" / ")
    guess.reviews["headerRows"] = "the rows above the data whose first cell is empty"
    stacked = stacked or [first - 1]
    titles = [" / ".join(filter(None, (normal_title(rows[n][at]) for n in stacked))) for at in range(width)]
    cells = [row for row, data in zip(rows, is_data, strict=True) if data and len(row) == width]
    guess.columns = columns_of(titles, cells)
    guess.key = key_of(guess.columns, [[cell.strip() for cell in row] for row in cells])
    return guess
