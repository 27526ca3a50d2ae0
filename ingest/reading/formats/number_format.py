"""Number formats of workbooks: whether a stored number is a date, and how a spreadsheet shows it.

The codes are those of ECMA-376, part 1, 18.8.30 and 18.8.31. A German spreadsheet is taken for the standard formats
that depend on the country, and for names of months and days. Thousands separators and currencies are left out:
what is shown is compared with words, codes and titles, never added up.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cached_property, lru_cache

MAX_CODE = 255
"""Characters of a format."""
_STANDARD = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 14: "dd.mm.yyyy", 15: "dd. mmm yy",
    16: "dd. mmm", 17: "mmm yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "hh:mm", 21: "hh:mm:ss",
    22: "dd.mm.yyyy hh:mm", 37: "#,##0", 38: "#,##0", 39: "#,##0.00", 40: "#,##0.00", 45: "mm:ss", 46: "[h]:mm:ss",
    47: "mm:ss.0",
}  # fmt: skip
_STANDARD |= dict.fromkeys((*range(27, 37), *range(50, 59)), "dd.mm.yyyy")
_DATE_TOKEN = re.compile(
    r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]|AM/PM|A/P|y+|m+|d+|h+|s+(?:\.0+)?|.', re.IGNORECASE | re.DOTALL
)
_NUMBER_TOKEN = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]|.', re.DOTALL)
_MONTHS = ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
           "Dezember")  # fmt: skip
_SHORT_MONTHS = ("Jan", "Feb", "Mrz", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez")
_DAYS = ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag")


@dataclass(frozen=True)
class Format:
    """A number format by its code; "" and `General` are the one of cells that nobody formatted."""

    code: str

    @cached_property
    def _tokens(self) -> list[str]:
        """The tokens of a date that the first section writes; minutes as `M`, months as `m`."""
        tokens = [token for token in _DATE_TOKEN.findall(_first_section(self.code)) if token[:1] not in "_*"]
        letters = [n for n, token in enumerate(tokens) if re.fullmatch(r"(?i)[ymdhs]+(\.0+)?|\[[hms]+\]", token)]
        for place, n in enumerate(letters):
            if tokens[n].lower() not in ("m", "mm"):
                continue
            before = tokens[letters[place - 1]].lower() if place else ""
            after = tokens[letters[place + 1]].lower() if place + 1 < len(letters) else ""
            if before.strip("[]").startswith(("h", "s")) or after.startswith("s"):
                tokens[n] = tokens[n].upper()
        return [token if token.isupper() and set(token) == {"M"} else _lowered(token) for token in tokens]

    @cached_property
    def is_date(self) -> bool:
        """Whether the number counts days since the system's first one, or parts of a day."""
        return not self.is_general and (self.has_day or self.has_time)

    @cached_property
    def has_day(self) -> bool:
        """Whether a day, a month or a year is shown."""
        return any(token[0] in "ymd" for token in self._tokens)

    @cached_property
    def has_time(self) -> bool:
        """Whether a time of day is shown, or a length of time."""
        return any(re.fullmatch(r"[hsM].*|\[[hms]+\]", token) for token in self._tokens)

    @property
    def is_general(self) -> bool:
        """Whether the format says nothing of what is shown."""
        return self.code.lower() in ("", "general", "@")

    @cached_property
    def is_percent(self) -> bool:
        """Whether a hundred times the number is shown, with a percent sign."""
        return not self.is_date and "%" in (_NUMBER_TOKEN.findall(_first_section(self.code)))

    def shown_date(self, moment: datetime) -> str:
        """A date, a time or both as the format shows it; ISO 8601 if nothing is known of the format."""
        if self.is_general:
            return moment.date().isoformat() if moment.time() == datetime.min.time() else moment.isoformat(" ")
        half = any(token.lower() in ("am/pm", "a/p") for token in self._tokens)
        return "".join(_date_part(token, moment, half) for token in self._tokens)

    def shown_number(self, plain: str) -> str:
        """A number, given as digits with a point, as the format shows it: leading zeros, decimals, percent."""
        if self.is_general:
            return plain
        literals = [token for token in _NUMBER_TOKEN.findall(_first_section(self.code)) if token[:1] not in "_*["]
        signs = "".join(token for token in literals if len(token) == 1)
        if not re.search("[0#?]", signs) or re.search("[A-Za-z/@]", signs) or "[<" in self.code or "[>" in self.code:
            return plain
        number = Decimal(plain).scaleb(2) if "%" in signs else Decimal(plain)
        whole_signs, _, fraction_signs = signs.partition(".")
        most, least = len(re.sub("[^0#?]", "", fraction_signs)), fraction_signs.count("0")
        if re.search(r"[0#?],+(?![0#?])", signs):
            return plain  # shown in thousands
        number = number.quantize(Decimal(1).scaleb(-most), ROUND_HALF_UP, Context(prec=2 * MAX_CODE))
        minus = "-" if number < 0 else ""
        digits, _, fraction = f"{abs(number):f}".partition(".")
        fraction = fraction.rstrip("0").ljust(least, "0") if fraction else ""
        digits = digits.zfill(whole_signs.count("0"))
        if "%" in signs:
            return f"{minus}{digits}{'.' if fraction else ''}{fraction}%"
        if "." in signs or "," in signs:
            return f"{minus}{digits}{'.' if fraction else ''}{fraction}"
        return minus + _in_places(literals, digits)


@lru_cache(4096)
def of(code: str) -> Format:
    """The format with this code; one that is longer than a spreadsheet allows shows what is stored."""
    return Format(code if len(code) <= MAX_CODE else "")


def standard(number: int) -> Format:
    """The format that every workbook has under this number."""
    return of(_STANDARD.get(number, ""))


def _lowered(token: str) -> str:
    return token.lower() if re.fullmatch(r"(?i)[ymdhs]+(\.0+)?|\[[hms]+\]", token) else token


@lru_cache(4096)
def _first_section(code: str) -> str:
    """What is before the first semicolon that is no literal."""
    section = ""
    for token in _NUMBER_TOKEN.findall(code):
        if token == ";":
            break
        section += token
    return section


def _date_part(token: str, moment: datetime, half: bool) -> str:
    hour = (moment.hour + 11) % 12 + 1 if half else moment.hour
    known = {
        "yyyy": f"{moment.year:04}", "yyy": f"{moment.year:04}", "yy": f"{moment.year % 100:02}",
        "y": f"{moment.year % 100:02}", "m": str(moment.month), "mm": f"{moment.month:02}",
        "mmm": _SHORT_MONTHS[moment.month - 1], "mmmm": _MONTHS[moment.month - 1],
        "mmmmm": _MONTHS[moment.month - 1][0], "d": str(moment.day), "dd": f"{moment.day:02}",
        "ddd": _DAYS[moment.weekday()][:2],
        "dddd": _DAYS[moment.weekday()], "h": str(hour), "hh": f"{hour:02}", "M": str(moment.minute),
        "MM": f"{moment.minute:02}", "s": str(moment.second), "ss": f"{moment.second:02}",
        "[h]": str(moment.hour), "[hh]": f"{moment.hour:02}",
    }  # fmt: skip
    if token in known:
        return known[token]
    if token.lower() in ("am/pm", "a/p"):
        return "AM" if moment.hour < 12 else "PM"
    if token.startswith("["):
        return ""
    return _literal(token) if not token.startswith("ss") else f"{moment.second:02}"


def _literal(token: str) -> str:
    return token.strip('"') if token.startswith('"') else token.removeprefix("\\")


def _in_places(tokens: list[str], digits: str) -> str:
    """Digits from the right into the places of a format, its literals between them."""
    left, shown = list(digits), []
    places = [n for n, token in enumerate(tokens) if token in ("0", "#", "?")]
    for n in range(len(tokens) - 1, -1, -1):
        if n not in places:
            shown.append(_literal(tokens[n]))
        elif n == places[0]:
            shown.append("".join(left))
            left = []
        elif left:
            shown.append(left.pop())
    return "".join(reversed(shown)).strip()
