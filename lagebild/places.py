"""Find a place by its key (for a municipality: AGS) or by its name.

Names come from the seed `region` and from the publication in force, which has those of every delivered table.
"""

import difflib
import re
from collections.abc import Collection

import psycopg

from lagebild import database, seeds
from lagebild.errors import UserError
from lagebild.settings import Settings

_AGS_DIGITS = 8
_REGION_DIGITS = (2, 3, 5, 8, 9, 12)
"""Germany and states, administrative regions, districts, municipalities, their associations, the full key."""
_KIND = re.compile(r",? (krfr\. Stadt|kreisfreie Stadt|Stadtkreis|Stadt)$")
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
    wanted = place.strip()
    if wanted.isdecimal():
        _require_digits(wanted, (_AGS_DIGITS,))
        return wanted
    try:
        with database.connect(settings, database.BI_READER) as connection:
            known = _named(connection)
    except (UserError, psycopg.Error):  # a key is made before there is a warehouse, or its first migration
        known = _seed()
    return _of_name(wanted, {code: name for code, name in known.items() if len(code) == _AGS_DIGITS}, ())


def region(connection: psycopg.Connection, place: str, preferred: Collection[str] = ()) -> str:
    """The key of a region of any level. If several have the name, the preferred key wins."""
    wanted = place.strip()
    if wanted.isdecimal():
        _require_digits(wanted, _REGION_DIGITS)
        return wanted
    return _of_name(wanted, _named(connection), preferred)


def _require_digits(code: str, lengths: tuple[int, ...]) -> None:
    if len(code) not in lengths or not code.isascii():
        raise UserError(
            f"{code}: an AGS has {_AGS_DIGITS} digits, this has {len(code)}",
            remedy="write it with its leading zero, such as 05911000, or give the name of the place",
        )


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
            remedy=f"give its AGS of {_AGS_DIGITS} digits",
        )
    return found[0]


def _named(connection: psycopg.Connection) -> dict[str, str]:
    """Names of all regions of the seed and the current publication, by key; the seed's name wins."""
    published = {code: name for code, name in connection.execute(_PUBLISHED).fetchall() if code and name}
    return published | _seed()


def _seed() -> dict[str, str]:
    return {row["region_code"]: row["region_name"] for row in seeds.rows("region")}


def _folded(name: str) -> str:
    return " ".join(_KIND.sub("", name).casefold().split())
