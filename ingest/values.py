"""Values as German exports write them, turned into Python values that PostgreSQL stores exactly."""

import re
import struct
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from psycopg import DataError

from ingest import copy, privacy
from ingest.contracts import Field

# The official statistics' signs that stand where a number could not; none of them is zero.
SIGNS = frozenset({"-", ".", "...", "/", "x", "()"})


class BadValue(Exception):
    """A value that breaks its field's rule: a stable code and a message that does not quote it."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


def cells(field: Field, text: str, missing_values: frozenset[str], key: privacy.KeyChain | None) -> list[Any]:
    """What raw keeps of a field's text: nothing when it is dropped, value and sign where official signs may stand.

    BadValue where the text breaks the field's rules; `key` holds the pseudonym keys.
    """
    text = text.strip()
    if field.privacy == "drop":
        return []
    if field.signs:
        if text == "-" and field.dash_is_zero:
            return [0, None]
        return [None, text] if text in SIGNS else [parse(field, text, missing_values), None]
    value = parse(field, text, missing_values)
    if value is None:
        return [None]
    if field.privacy == "pseudonym":
        return [key.pseudonym(str(value))]
    if field.privacy == "year":
        return [value.year]
    return [value]


def encoded(value: Any, sql_type: str) -> bytes:
    """A value as PostgreSQL takes it; BadValue where its column could not hold it."""
    try:
        return copy.cell(value, sql_type)
    except (OverflowError, struct.error, DataError) as error:
        raise BadValue("type", "is too large") from error


def parse(field: Field, text: str, missing_values: frozenset[str]) -> Any:
    """The typed value of `text`, None where it is missing; BadValue where it breaks the field's rules."""
    text = text.strip()
    if text in missing_values:
        if field.required:
            raise BadValue("required", "is missing")
        return None
    if field.mapping is not None:
        if text not in field.mapping:
            raise BadValue("code_list", f"is none of {', '.join(field.mapping)}")
        text = field.mapping[text]
    if field.pattern is not None and not field.pattern.fullmatch(text):
        raise BadValue("pattern", f"does not match {field.pattern.pattern}")
    if field.enum is not None and text not in field.enum:
        raise BadValue("enum", "is not in the code list")
    value = _CONVERTERS[field.type](field, text)
    if field.minimum is not None and value < _bound(field, field.minimum):
        raise BadValue("minimum", f"is below {field.minimum}")
    if field.maximum is not None and value > _bound(field, field.maximum):
        raise BadValue("maximum", f"is above {field.maximum}")
    return value


def _bound(field: Field, bound: Any) -> Any:
    if field.type == "date":
        return bound if not isinstance(bound, str) else datetime.fromisoformat(bound).date()
    return Decimal(str(bound)) if field.type == "number" else bound


def _number(field: Field, text: str) -> Decimal:
    if not field.bare_number:
        text = text.strip("€% \u00a0\u202f").removesuffix("EUR").rstrip()
    if field.trailing_minus and text.endswith("-"):
        text = f"-{text[:-1].rstrip()}"  # in front of another sign it makes no number
    whole, _, fraction = text.partition(field.decimal_char)
    if field.group_char and field.group_char in whole:
        head, *groups = whole.lstrip("+-").split(field.group_char)
        # 1.5 under a thousands point is a decimal point in the wrong place, not fifteen.
        if not 1 <= len(head) <= 3 or any(len(group) != 3 for group in groups):
            raise BadValue("type", f"has {field.group_char!r} where no thousands separator can stand")
        whole = whole.replace(field.group_char, "")
    digits = whole.lstrip("+-") + fraction
    if not (digits.isascii() and digits.isdigit()):
        raise BadValue("type", "is not a number")
    try:
        return Decimal(f"{whole}.{fraction}" if fraction else whole)
    except InvalidOperation as error:
        raise BadValue("type", "is not a number") from error


def _integer(field: Field, text: str) -> int:
    value = _number(field, text)
    if value != value.to_integral_value():
        raise BadValue("type", "is not a whole number")
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
    pattern = _date_pattern(field.format)
    try:
        if pattern is None:
            return datetime.strptime(text, field.format).date()
        match = pattern.fullmatch(text)
        if match is None:
            raise ValueError(text)
        return date(**{name: int(part) for name, part in match.groupdict().items()})
    except ValueError as error:
        raise BadValue("type", f"is not a date written as {field.format}") from error


def _year(field: Field, text: str) -> int:
    if not (len(text) == 4 and text.isascii() and text.isdigit()):
        raise BadValue("type", "is not a year of four digits")
    return int(text)


def _boolean(field: Field, text: str) -> bool:
    words = {"true": True, "ja": True, "1": True, "false": False, "nein": False, "0": False}
    if text.lower() not in words:
        raise BadValue("type", "is neither yes nor no")
    return words[text.lower()]


_CONVERTERS = {
    "string": lambda field, text: text,
    "integer": _integer,
    "number": _number,
    "date": _date,
    "year": _year,
    "boolean": _boolean,
}
