"""The AGS, the key of a municipality: 8 digits, the first two of them the key of its state, 01 to 16."""

import re

from lagebild.core import seeds
from lagebild.core.errors import UserError

DIGITS, EXAMPLE = 8, "05911000"
_ONE_DIGIT = 0.87
"""How alike two keys are of which one digit is another, missing or too many: beyond that it is another city's."""
PATTERN = re.compile(r"(?:0[1-9]|1[0-6])[0-9]{6}")


def is_one(text: str) -> bool:
    """Whether a text can be the key of a municipality."""
    return PATTERN.fullmatch(text) is not None


def nearest(text: str) -> str | None:
    """The key that was meant: the text with its leading zero, or that of a known place, one digit away."""
    if is_one(f"0{text}"):
        return f"0{text}"
    from difflib import get_close_matches  # late: hardly ever needed

    known = [row["region_code"] for row in seeds.rows("region")]
    return next(iter(get_close_matches(text, filter(is_one, known), 1, _ONE_DIGIT)), None)


def problem(text: str) -> str | None:
    """What is wrong with a text that should be an AGS; None where nothing is."""
    if is_one(text):
        return None
    if not (text.isascii() and text.isdecimal()):
        return f"{text}: an AGS has {DIGITS} digits, and nothing else"
    if len(text) != DIGITS:
        return f"{text}: an AGS has {DIGITS} digits, this has {len(text)}"
    return f"{text}: an AGS has {DIGITS} digits, the first two of a state, 01 to 16"


def remedy(text: str) -> str:
    """What to do about a text that is no AGS, with the nearest that is one."""
    meant = nearest(text)
    return f"did you mean {meant}? " * bool(meant) + f"write it with its leading zero, such as {EXAMPLE}"


def require(text: str, otherwise: str = "") -> str:
    """The text, where it is an AGS; else UserError with the nearest one. `otherwise` is added to the remedy."""
    if said := problem(text):
        raise UserError(said, remedy=remedy(text) + otherwise)
    return text
