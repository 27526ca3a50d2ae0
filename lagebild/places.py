"""A municipality as people name it: by its key (AGS) or by its name.

Names come from the seed `region` and from the publication in force, which has those of every delivered table.
"""

import csv
import difflib
import re

from lagebild import database
from lagebild.errors import UserError
from lagebild.settings import DBT_PROJECT, Settings

SEED = DBT_PROJECT / "seeds" / "region.csv"
_AGS_DIGITS = 8
_KIND = re.compile(r",? (krfr\. Stadt|kreisfreie Stadt|Stadtkreis|Stadt)$")
_PUBLISHED = (
    "select distinct region_code, region_name from marts.eu2_population where length(region_code) = 8"
    " union select distinct municipality_ags, municipality_name from marts.cost_per_person"
    " union select distinct region_code, municipality_name from marts.municipal_profile"
)


def municipality(settings: Settings, place: str) -> str:
    """The AGS of a municipality, given as such or by its name, in any case of letters.

    UserError where the digits are too few or too many, and where no place, or more than one, has the name.
    """
    wanted = place.strip()
    if wanted.isdecimal():
        if len(wanted) != _AGS_DIGITS:
            raise UserError(
                f"{wanted}: an AGS has {_AGS_DIGITS} digits, this has {len(wanted)}",
                remedy="write it with its leading zero, such as 05911000, or give the name of the place",
            )
        return wanted
    known = _named(settings)
    found = sorted(ags for ags, name in known.items() if _folded(name) == _folded(wanted))
    if len(found) > 1:
        raise UserError(f"several places are named {wanted}: {', '.join(found)}", remedy="give the AGS of one of them")
    if not found:
        names = {_folded(name): f"{name} ({ags})" for ags, name in known.items()}
        nearest = difflib.get_close_matches(_folded(wanted), names, n=1, cutoff=0)
        raise UserError(
            f"no place is known by the name {wanted}" + (f"; the nearest is {names[nearest[0]]}" if nearest else ""),
            remedy="give its AGS of 8 digits",
        )
    return found[0]


def _named(settings: Settings) -> dict[str, str]:
    """AGS -> name of every municipality that the seed or the publication in force names; the seed's name wins."""
    with SEED.open(encoding="utf-8", newline="") as handle:
        seed = {row["region_code"]: row["region_name"] for row in csv.DictReader(handle)}
    with database.connect(settings, database.BI_READER) as connection:
        published = {ags: name for ags, name in connection.execute(_PUBLISHED).fetchall() if name}
    return {ags: name for ags, name in (published | seed).items() if len(ags) == _AGS_DIGITS}


def _folded(name: str) -> str:
    return " ".join(_KIND.sub("", name).casefold().split())
