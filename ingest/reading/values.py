"""Values as German exports write them, turned into Python values that PostgreSQL stores exactly."""

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from ingest.contracts import Field
from ingest.contracts.messages import Message
from ingest.deliveries import pseudonyms

# The official statistics' signs that stand where a number could not; none of them is zero. `*` is that of the Federal
# Employment Agency: kept secret.
SIGNS = frozenset({"-", ".", "...", "/", "x", "()", "*"})
PRINTED_SIGNS = {
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-",
    "\u2026": "...", "..": "...", "\u2022": ".", "\u00b7": ".", "\u25cf": ".", "X": "x", "\u00d7": "x", "( )": "()",
}  # fmt: skip
"""How print and word processors write these signs."""
_SIGN_NAMES = {
    "-": Message("sign_dash"), "...": Message("sign_dots"), ".": Message("sign_dot"), "*": Message("sign_asterisk"),
    "/": Message("sign_slash"), "x": Message("sign_x"), "()": Message("sign_brackets"),
}  # fmt: skip
ERRORS = frozenset(
    {"#DIV/0!", "#N/A", "#NV", "#NAME?", "#NULL!", "#NUM!", "#ZAHL!", "#REF!", "#BEZUG!", "#VALUE!", "#WERT!"}
    | {"#SPILL!", "#ÜBERLAUF!", "#CALC!", "#KALK!", "#FIELD!", "#FELD!", "#GETTING_DATA", "#DATEN_ABRUFEN"}
    | {"#BLOCKED!", "#BLOCKIERT!", "#UNKNOWN!", "#UNBEKANNT!", "#CONNECT!", "#VERBINDEN!", "#BUSY!"}
)
"""What Excel, in English and German, and LibreOffice write where a formula has no value."""
YES = frozenset({"true", "wahr", "ja", "j", "yes", "y", "1"})
NO = frozenset({"false", "falsch", "nein", "n", "no", "0"})
"""Words for yes and for no, in small letters, where a contract names none of its own."""
_TOO_NARROW = re.compile("#{3,}")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Control signs, but for the tabulator and the two that end a line: no text of a person or an office holds one."""
_GERMANY = "000"
_UNKNOWN_COUNTRIES = ("997", "998", "999")
"""Keys of no country: stateless, unclear, not given. Who is stateless, or of an unclear nationality, is no German."""
_UNKNOWN_NATIONALITIES = ("999",)
FIRST_YEAR, LAST_YEAR = 1800, 2200
"""Dates and years beyond these are mistyped, unless the field's own bounds allow them."""
_BLANKS = " \u00a0\u202f\u2009\u2007"
"""Blanks that part thousands: the ordinary, the no-break, its narrow form, the thin and the digit-wide one."""
_UNIT = rf"(?:€|%|EUR(?:O)?|[{_BLANKS}])"
_UNITS = re.compile(rf"^{_UNIT}+|{_UNIT}+$", re.IGNORECASE)
"""What stands around a number that may carry a unit."""
_MINUS_BEHIND = re.compile(rf"\d[{_BLANKS}]?-$")
_APOSTROPHES = "'\u2019\u00b4`"
_OTHER_DATES = {"%Y-%m-%d": "2024-12-31", "%d.%m.%Y": "31.12.2024", "%d.%m.%y": "31.12.24", "%d/%m/%Y": "31/12/2024",
                "%Y/%m/%d": "2024/12/31", "%Y%m%d": "20241231"}  # fmt: skip
"""How days are written by others, each with an example."""
_TIME = re.compile(
    r"(?P<day>\S+?)[ T\u00a0]+(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AP]M)?(?:Z|[+-]\d\d:?\d\d)?)"
)
_MIDNIGHT = re.compile(r"0?0:00(:00([.,]0+)?)?")


class BadValue(Exception):
    """A value that breaks its field's rule: a stable code and a message that does not quote it."""

    def __init__(self, code: str, message: Message):
        super().__init__(message)
        self.code = code
        self.message = message


def cells(field: Field, text: str, missing_values: frozenset[str], key: pseudonyms.KeyChain | None) -> list[Any]:
    """What raw keeps of a field's text: nothing when it is dropped, value and sign where official signs may stand.

    BadValue if the text breaks the field's rules; `key` holds the pseudonym keys.
    """
    text = text.strip()
    if field.privacy == "drop":
        return []
    if field.signs:
        sign = text if text in missing_values else PRINTED_SIGNS.get(text, text)
        if sign == "-" and field.dash_is_zero:
            return [0, None]
        is_sign = sign in SIGNS and text not in missing_values
        return [None, sign] if is_sign else [parse(field, text, missing_values), None]
    value = parse(field, text, missing_values)
    if value is None:
        return [None]
    if field.privacy == "pseudonym":
        return [key.pseudonym(str(value))]
    if field.privacy == "year":
        return [value.year]
    if field.privacy == "background":
        return [born(value)]
    if field.privacy == "origin":
        return [origin(value, key.municipality if key else None)]
    return [value]


def born(country: str) -> str | None:
    """Whether a country of birth (three digits) is Germany: all that is asked of it; None where nobody knows."""
    if country in _UNKNOWN_COUNTRIES:
        return None
    return "germany" if country == _GERMANY else "abroad"


def background(nationality: str | None, born_in: str | None) -> str:
    """The migration background as far as nationality and country of birth (`born`) tell it.

    Of Germans who were born in Germany their parents would tell it.
    """
    if nationality not in (None, _GERMANY, *_UNKNOWN_NATIONALITIES):
        return "foreign"
    return "german_born_abroad" if nationality == _GERMANY and born_in == "abroad" else "not_known"


def origin(place: str, municipality: str | None) -> str | None:
    """How far a place (AGS, or three digits of a country) is from a municipality (AGS); None where nobody knows."""
    if len(place) == 3:
        return None if place in (_GERMANY, *_UNKNOWN_COUNTRIES) else "abroad"
    if municipality is None:
        return None
    if place[:5] == municipality[:5]:
        return "same_district"
    return "same_state" if place[:2] == municipality[:2] else "other_state"


def parse(field: Field, text: str, missing_values: frozenset[str]) -> Any:
    """The typed value of `text`, None if it is missing; BadValue if it breaks the field's rules."""
    text = text.strip()
    if text in missing_values and text not in field.false_values:
        if field.required:
            raise BadValue("required", Message("value_missing"))
        return None
    if field.max_length is not None and len(text) > field.max_length:
        raise too_long(field)
    if text[0:1] == "#" and not _is_agreed(field, text) and (bad := spreadsheet_error(text)):
        raise bad
    if field.part is not None:
        found = field.part.fullmatch(text)
        if found is None:
            raise BadValue("pattern", Message("value_pattern", pattern=field.part.pattern))
        text = "".join(found.groups(""))
    if not text.isascii() and (field.mapping is not None or field.enum is not None):
        text = unicodedata.normalize("NFC", text)  # as macOS writes none; words are compared as titles are
    if field.mapping is not None:
        if text not in field.mapping:
            raise BadValue("code_list", Message("value_not_mapped", words=", ".join(field.mapping)))
        text = field.mapping[text]
    if field.pattern is not None and not field.pattern.fullmatch(text):
        raise BadValue("pattern", Message("value_pattern", pattern=field.pattern.pattern))
    if field.enum is not None and text not in field.enum:
        raise BadValue("enum", Message("value_not_in_list"))
    if field.type == "string" and (bad := control_sign(text)):
        raise bad
    value = _CONVERTERS[field.type](field, text)
    if field.minimum is not None and value < _bound(field, field.minimum):
        raise BadValue("minimum", Message("value_below", bound=field.minimum))
    if field.maximum is not None and value > _bound(field, field.maximum):
        raise BadValue("maximum", Message("value_above", bound=field.maximum))
    return value


def _is_agreed(field: Field, text: str) -> bool:
    return text in (field.mapping or ()) or text in (field.enum or ())


def spreadsheet_error(text: str) -> BadValue | None:
    """What to say of a text that a spreadsheet wrote where a formula had no value; None if it is another text."""
    if text.upper() in ERRORS:
        return BadValue("spreadsheet_error", Message("spreadsheet_error", error=text.upper()))
    if _TOO_NARROW.fullmatch(text):
        return BadValue("spreadsheet_error", Message("spreadsheet_too_narrow"))
    return None


def control_sign(text: str) -> BadValue | None:
    """What to say of a text that holds a control sign, by the sign's code; None if it holds none."""
    found = _CONTROL.search(text)
    if found is None:
        return None
    return BadValue("control_sign", Message("control_sign", sign=f"U+{ord(found[0]):04X}", place=found.start() + 1))


def too_long(field: Field) -> BadValue:
    """What to say of a text that has more characters than are agreed."""
    return BadValue("length", Message("value_too_long", characters=field.max_length))


def _bound(field: Field, bound: Any) -> Any:
    if field.type == "date":
        return bound if not isinstance(bound, str) else datetime.fromisoformat(bound).date()
    return Decimal(str(bound)) if field.type == "number" else bound


def _number(field: Field, text: str) -> Decimal:
    if not field.bare_number:
        text = _UNITS.sub("", text)
        text = re.sub(rf"{re.escape(field.decimal_char)}[-\u2013\u2014]{{1,2}}$", "", text)  # 12,- is 12 in prices
    if "\u2212" in text:  # the minus of mathematics
        text = text.replace("\u2212", "-")
    if field.trailing_minus and _MINUS_BEHIND.search(text):
        text = f"-{text[:-1].rstrip()}"  # in front of another sign it makes no number
    if PRINTED_SIGNS.get(text, text) in SIGNS or not any(map(str.isdecimal, text)):
        raise _no_number(field, text)
    whole, _, fraction = text.partition(field.decimal_char)
    group = field.group_char
    if group and group in _BLANKS:
        whole = whole.translate(dict.fromkeys(map(ord, _BLANKS), group))
    if group and group in whole:
        head, *groups = whole.lstrip("+-").split(group)
        # 1.5 under a thousands point is a decimal point in the wrong place, not fifteen.
        if not 1 <= len(head) <= 3 or any(len(group) != 3 for group in groups):
            raise BadValue("type", Message("number_group", sign=repr(group)))
        whole = whole.replace(group, "")
    digits = whole.lstrip("+-") + fraction
    if not (digits.isascii() and digits.isdigit()):
        raise _no_number(field, text)
    try:
        return Decimal(f"{whole}.{fraction}" if fraction else whole)
    except InvalidOperation as error:
        raise _no_number(field, text) from error


def _no_number(field: Field, text: str) -> BadValue:
    """Why a text is no number; without a digit of it."""
    sign = PRINTED_SIGNS.get(text, text)
    if sign in SIGNS:
        return BadValue("type", Message("number_sign", sign=_SIGN_NAMES[sign]))
    if re.fullmatch(r"\(.*\d.*\)", text):
        return BadValue("type", Message("number_in_brackets"))
    if re.fullmatch(r"[\u2010-\u2015][\d.,]+|[\d.,]+[\u2010-\u2015]", text):
        return BadValue("type", Message("number_dash"))
    if re.fullmatch(rf"[+-]?\d{{1,3}}([{_BLANKS[1:]}]\d{{3}})+([.,]\d+)?", text):
        return BadValue("type", Message("number_no_break_spaces"))
    if re.fullmatch(r"[+-]?\d{1,3}( \d{3})+([.,]\d+)?", text):
        return BadValue("type", Message("number_blanks"))
    if re.fullmatch(rf"[+-]?\d{{1,3}}([{_APOSTROPHES}]\d{{3}})+([.,]\d+)?", text):
        return BadValue("type", Message("number_apostrophes"))
    if re.fullmatch(rf"(€|EUR)[{_BLANKS}]*[+-]?\d[\d.,]*|[+-]?[\d.,]*\d[{_BLANKS}]*(€|EUR|%)", text):
        return BadValue("type", Message("number_unit"))
    if re.fullmatch(r"[+-]?\d+([.,]\d+)?[eE][+-]?\d+", text):
        return BadValue("type", Message("number_exponent"))
    if re.fullmatch(r"[\d.,]*\d-", text):
        return BadValue("type", Message("number_trailing_minus"))
    swapped = r"(,\d{3})*\.\d+" if field.decimal_char == "," else r"(\.\d{3})*,\d+"
    if re.fullmatch(rf"[+-]?\d+([.,]\d+)|[+-]?\d{{1,3}}{swapped}", text):
        signs = Message("decimal_point"), Message("decimal_comma")
        found, agreed = signs if field.decimal_char == "," else signs[::-1]
        return BadValue("type", Message("number_decimal_sign", found=found, agreed=agreed))
    return BadValue("type", Message("number_none"))


def _integer(field: Field, text: str) -> int:
    value = _number(field, text)
    if value != value.to_integral_value():
        raise BadValue("type", Message("number_not_whole"))
    return int(value)


_DATE_PARTS = {"%d": "(?P<day>[0-9]{1,2})", "%m": "(?P<month>[0-9]{1,2})", "%Y": "(?P<year>[0-9]{4})"}


@cache
def _date_pattern(form: str) -> re.Pattern[str] | None:
    """For formats of day, month and year in numbers: strptime takes ten times as long."""
    parts = re.split("(%.)", form)
    if sorted(parts[1::2]) != sorted(_DATE_PARTS):
        return None
    return re.compile("".join(_DATE_PARTS.get(part) or re.escape(part) for part in parts))


def _date(field: Field, text: str) -> Any:
    try:
        found = _read_date(field.format, text)
    except ValueError as error:
        found = _at_midnight(field, text)
        if found is None:
            raise _no_date(field, text) from error
    _require_plausible(field, found.year)
    return found


def _no_date(field: Field, text: str) -> BadValue:
    """Why a text is no date; without a digit of it."""
    day = text.partition("T")[0]
    for form, example in _OTHER_DATES.items():
        try:
            if len(day) <= len(example) and FIRST_YEAR <= datetime.strptime(day, form).year <= LAST_YEAR:
                return BadValue("type", Message("date_other_form", found=form, agreed=field.format))
        except ValueError:
            continue
    if re.fullmatch(r"[2-7]\d{4}", text):
        return BadValue("type", Message("date_as_number"))
    return BadValue("type", Message("date_none", form=field.format))


def _read_date(form: str, text: str) -> date:
    pattern = _date_pattern(form)
    if pattern is None:
        return datetime.strptime(text, form).date()
    match = pattern.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return date(**{name: int(part) for name, part in match.groupdict().items()})


def _at_midnight(field: Field, text: str) -> date | None:
    """The day of a date with the time 00:00, as databases export days; BadValue at another time; None if it is none."""
    parts = _TIME.fullmatch(text)
    try:
        day = _read_date(field.format, parts["day"]) if parts else None
    except ValueError:
        day = None
    if day is not None and not _MIDNIGHT.fullmatch(parts["time"]):
        raise BadValue("type", Message("date_with_time"))
    return day


def _require_plausible(field: Field, year: int) -> None:
    """Years that nobody means; a bound of the field's own says otherwise."""
    if (year < FIRST_YEAR and field.minimum is None) or (year > LAST_YEAR and field.maximum is None):
        raise BadValue("year", Message("year_implausible", first=FIRST_YEAR, last=LAST_YEAR))


def _year(field: Field, text: str) -> int:
    if not (len(text) == 4 and text.isascii() and text.isdigit()):
        raise BadValue("type", Message("year_none"))
    _require_plausible(field, int(text))
    return int(text)


def _boolean(field: Field, text: str) -> bool:
    for said, agreed, usual in ((True, field.true_values, YES), (False, field.false_values, NO)):
        if text in agreed or (not agreed and text.lower() in usual):
            return said
    raise BadValue("type", Message("boolean_none"))


_CONVERTERS = {
    "string": lambda field, text: text,
    "integer": _integer,
    "number": _number,
    "date": _date,
    "year": _year,
    "boolean": _boolean,
}
