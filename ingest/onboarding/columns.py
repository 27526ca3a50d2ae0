"""Columns of an unknown file: names, types, codes, and which of them look like personal data."""

import itertools
import re
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache

from ingest.contracts import normal_title
from ingest.onboarding.guess import BLANKS, MAX_COLUMNS, NO_BREAK, Column, quoted
from ingest.reading.refused import Refused
from ingest.reading.values import PRINTED_SIGNS, SIGNS, spreadsheet_error
from lagebild.core import ags

MAX_CODES = 12
_REQUIRED = "required: true"
_TRUTHS = ({"true", "false"}, {"wahr", "falsch"}, {"ja", "nein"}, {"j", "n"}, {"yes", "no"}, {"y", "n"})
_KEY_TYPES = ("string", "date", "year", "integer")
MAX_ODD = 0.02
"""Share of a column's values that may be broken without hiding what the others are."""
DATE_FORMS = ("%d.%m.%Y", "%Y-%m-%d", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y", "%Y%m%d")
_SIGNS = SIGNS | set(PRINTED_SIGNS)
OPEN_ENDS = {"31.12.9999", "9999-12-31", "31.12.2999", "2999-12-31", "99991231", "31.12.2099"}
"""Days that stand for an open end."""
UMLAUT = re.compile("(?<=[a-zA-Z])[äöüß]|[ÄÖÜ](?=[a-zäöü])")
_MIDNIGHT = re.compile(r"[ T]0?0:00(:00([.,]0+)?)?$")
_UNSAYING = re.compile(r"|(spalte|column|feld|field|unnamed:?|c|f|v|x)[ _]?\d+", re.IGNORECASE)
_TRANSLITERATION = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_PERSONAL = {
    "year": r"geburts(datum|tag)|gebdat|geboren|^geb\.?( ?(am|datum|dat\.?))?$|birth",
    "pseudonym": r"ordnungsmerkmal|personen?(nummer|kennung|-?id)|aktenzeichen|fallnummer|kundennummer"
    r"|(haushalts?|auswahlbezirks?|\bhh|\bawb)[ _-]?(nummer|nr|kennung|id\b)",
    "drop": r"geburtsname|familienname|nachname|vorname|^name$|rufname|azr|idnr|steuer-?id|identifikations|e-?mail"
    r"|telefon|handy|stra(ß|ss)e|haus-?n|anschrift|iban|konto-?inhaber|pass-?nummer|ausweis|bemerkung|freitext"
    r"|beg(ü|ue)nstigt|(förder|foerder|zuwendungs)empf|auftragnehmer|ausf(ü|ue)hrende stelle|zusammenfassung",
}
NAME_REVIEW = {
    False: "what changes from delivery to delivery is the period",
    True: "the name holds no date: agree on one with the supplier, since a period tells deliveries apart",
}


def columns_of(header: list[str], rows: list[list[str]], is_titled: bool = True) -> list[Column]:
    if len(header) > MAX_COLUMNS:
        raise Refused(f"{len(header)} columns, more than {MAX_COLUMNS}", "check delimiter and encoding by hand")
    taken: Counter[str] = Counter()
    columns, values = [], []
    header = list(map(normal_title, header))
    for number, title in enumerate(header):
        name = slug_of(title) or f"column_{number + 1}"
        taken[name] += 1
        if taken[name] > 1:
            name = f"{name}_{taken[name]}"
        values.append([row[number].strip() for row in rows if number < len(row)])
        says_something = is_titled and not _UNSAYING.fullmatch(title)
        columns.append(column_of(title, name, values[-1], may_quote=says_something))
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


def key_of(columns: list[Column], rows: list[list[str]]) -> list[str]:
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


def slug_of(title: str) -> str:
    words = re.findall(r"[a-z0-9]+", title.lower().translate(_TRANSLITERATION))
    slug = "_".join(words)[:50].strip("_")
    return f"c_{slug}" if slug[:1].isdigit() else slug


def column_of(title: str, name: str, values: list[str], may_quote: bool = True) -> Column:
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
    for form in DATE_FORMS:
        odd = _mostly(values[:5000], lambda value, form=form: is_date(value, form))
        if odd is not None:
            column.type = "date"
            column.entries["format"] = quoted(form)
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
        column.entries |= {"trueValues": f"[{', '.join(map(quoted, sorted(distinct)))}]", "falseValues": '[""]'}
        column.reviews["falseValues"] = "an empty cell is taken for a no"
    return True


@lru_cache(maxsize=100_000)  # a column of a hundred thousand days holds a few hundred of them
def is_date(text: str, form: str) -> bool:
    if text in OPEN_ENDS:
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
        ("integer", ",", NO_BREAK, lambda text: bool(re.fullmatch(rf"-?\d{{1,3}}([{BLANKS}]\d{{3}})*", text))),
        ("number", ",", NO_BREAK, lambda text: bool(re.fullmatch(rf"-?\d{{1,3}}([{BLANKS}]\d{{3}})*(,\d+)?", text))),
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
        re.search(rf"[{BLANKS if group == NO_BREAK else group}]", text) for text in stripped
    )
    if decimal and (column.type == "number" or is_grouped):
        column.entries["decimalChar"] = quoted(decimal)
    if is_grouped and group == NO_BREAK:
        column.entries["groupChar"] = quoted(group)
        column.reviews["groupChar"] = "blanks of any kind part the thousands"
    elif is_grouped:
        column.entries["groupChar"] = quoted(group)
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
        column.constraints.append(f"pattern: {quoted(f'^{ags.PATTERN.pattern}$')}")
        column.reviews["constraints"] = _told(odd, "an AGS of 8 digits")
        return
    words = Counter(values)
    if may_quote and len(words) <= MAX_CODES and min(words.values()) >= 5 and max(map(len, words)) <= 40:
        column.constraints.append(f"enum: [{', '.join(quoted(word) for word in sorted(words))}]")
        column.reviews["constraints"] = "the words of the sample; the supplier knows whether there are more"
