"""Find a place by its key (for a municipality: AGS) or by its name.

Names come from the seed `region` and from the publication in force, which has those of every delivered table.
"""

import difflib
import re
import unicodedata
from collections.abc import Collection

import psycopg

from lagebild.core import ags, database, seeds
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings

_REGION_DIGITS = (2, 3, 5, 8, 9, 12)
"""Germany and states, administrative regions, districts, municipalities, their associations, the full key."""
_GERMANY = "00"
_OR_NAME = ", or give the name of the place"
_KINDS = r"(?:krfr\. stadt|kreisfreie stadt|landeshauptstadt|stadtkreis|stadt)"
_KIND = re.compile(rf"^{_KINDS} |,? {_KINDS}$")
_PRINTED = re.compile(r".*\(([0-9]+)\)")
"""A place as messages print it: its name, and its key in brackets."""
_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_PUBLISHED = (
    "select distinct region_code, region_name from marts.eu2_population where region_name is not null"
    " union select distinct municipality_ags, municipality_name from marts.cost_per_person"
    " union select distinct region_code, municipality_name from marts.municipal_profile"
)


def municipality(settings: Settings, place: str) -> str:
    """The AGS of a municipality, given as AGS or name (upper or lower case).

    UserError if the number of digits is wrong, or if no place or several places have the name. If the warehouse does
    not answer, only the names of the seed are known.
    """
    wanted = _joined(place)
    if wanted[:1].isdecimal():
        return ags.require(wanted, _OR_NAME)
    try:
        with database.connect(settings, database.BI_READER) as connection:
            known = _named(connection)
    except (UserError, psycopg.Error):  # a key is made before there is a warehouse, or its first migration
        known = _seed()
    return _of_name(wanted, {code: name for code, name in known.items() if len(code) == ags.DIGITS}, ())


def region(connection: psycopg.Connection, place: str, preferred: Collection[str] = ()) -> str:
    """The key of a region of any level. If several have the name, the preferred key wins."""
    wanted = _joined(place)
    if wanted[:1].isdecimal():
        return _require_region(wanted)
    return _of_name(wanted, _named(connection), preferred)


def _joined(place: str) -> str:
    """A place as it was given; of `Bochum (05911000)` the key, without the blanks that some print (05 9 11 000)."""
    told = place.strip()
    if printed := _PRINTED.fullmatch(told):
        told = printed[1]
    return re.sub(r"(?<=\d) +(?=\d)", "", told)


def _require_region(code: str) -> str:
    """The key of a region of any level: that of Germany, or one that begins with that of a state."""
    is_key = code.isascii() and code.isdecimal() and len(code) in _REGION_DIGITS
    if not is_key or len(code) == ags.DIGITS:
        return ags.require(code, _OR_NAME)
    if code != _GERMANY and not ags.is_one(code[:2].ljust(ags.DIGITS, "0")):
        raise UserError(
            f"{code}: the key of a region begins with that of a state, 01 to 16, and 00 alone is Germany",
            remedy=ags.remedy(code) + _OR_NAME,
        )
    return code


def _of_name(wanted: str, known: dict[str, str], preferred: Collection[str]) -> str:
    found = sorted(code for code, name in known.items() if _folded(name) == _folded(wanted))
    found = [code for code in found if code in preferred] or found
    if len(found) > 1:
        raise UserError(f"several places are named {wanted}: {', '.join(found)}", remedy="give the key of one of them")
    if not found:
        names = {_folded(name): f"{name} ({code})" for code, name in known.items()}
        nearest = difflib.get_close_matches(_folded(wanted), names, n=1, cutoff=0)
        raise UserError(
            f"no place is known by the name {wanted}" + (f"; the nearest is {names[nearest[0]]}" if nearest else ""),
            remedy=f"give its AGS of {ags.DIGITS} digits",
        )
    return found[0]


def _named(connection: psycopg.Connection) -> dict[str, str]:
    """Names of all regions of the seed and the current publication, by key; the seed's name wins."""
    published = {code: name for code, name in connection.execute(_PUBLISHED).fetchall() if code and name}
    return published | _seed()


def _seed() -> dict[str, str]:
    return {row["region_code"]: row["region_name"] for row in seeds.rows("region")}


def _folded(name: str) -> str:
    """A name without regard to capitals, umlauts and how they are composed, kind of town, and `a. d.` for `an der`."""
    plain = " ".join(unicodedata.normalize("NFC", name).casefold().split())
    return re.sub(r"\ba\. ?d\. ?", "an der ", _KIND.sub("", plain)).translate(_LETTERS)
