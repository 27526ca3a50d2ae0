"""Numbers that stand in a text, German or English. Pure."""

import re
from fractions import Fraction

_NUMBER = re.compile(r"\d+(?:[.,\u00a0\u202f ]\d+)*")
_GROUPED = re.compile(r"\d{1,3}(?:(?P<mark>[.,\u00a0\u202f ])\d{3})(?:(?P=mark)\d{3})*")
_PLACES = 6


def numbers(text: str) -> set[Fraction]:
    """Every number of a text, in each way it can be read: `1.234` is a thousand and more, or one and more."""
    found: set[Fraction] = set()
    for match in _NUMBER.finditer(text):
        found |= _readings(match[0])
    return found


def half_digit(number: Fraction) -> Fraction:
    """Half of the last digit that a number is written with, of six at most."""
    return next(
        (Fraction(1, 2 * 10**n) for n in range(_PLACES) if (number * 10**n).denominator == 1), Fraction(1, 10**_PLACES)
    )


def _readings(written: str) -> set[Fraction]:
    found = {Fraction(part) for part in re.split(r"[^\d]", written)} if " " in written else set()
    whole, mark, digits = (
        written.rpartition(max(".,", key=written.rfind)) if re.search("[.,]", written) else (written, "", "")
    )
    plain = re.sub(r"\D", "", whole)
    if _GROUPED.fullmatch(written) or not mark:
        found.add(Fraction(re.sub(r"\D", "", written)))
    if mark and (plain == whole or _GROUPED.fullmatch(whole)):
        found.add(Fraction(f"{plain}.{digits}"))
    return found
