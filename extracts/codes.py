"""What the codes in the columns of a package mean, in German and English.

From the seeds of the models where they explain their codes, else from `codes.yml`, whose `columns` say which lists a
column's codes are of. Columns `reason` and `<figure>_reason` hold reasons, `<figure>_status` a status, `evidence` and
`<figure>_evidence` a class.
"""

from collections.abc import Iterable, Iterator
from functools import cache

from extracts import signs
from extracts.model import Language
from extracts.package import ROOM, load
from lagebild.core import seeds, yaml_files
from lagebild.core.errors import UserError

CODES = ROOM / "codes.yml"
Explained = dict[str, dict[str, str]]
"""By code, then by language."""
_ENDS = {"_reason": "reason", "_status": "status", "_evidence": "evidence"}


def text(column: str, value: str, language: Language) -> str | None:
    """What a code of that column means; None if the column holds no codes, or not this one."""
    return of_column(column).get(value, {}).get(language)


def of_column(column: str) -> Explained:
    """Every code that a column can hold; empty if it holds none."""
    names = _columns().get(column) or [kind for end, kind in _ENDS.items() if f"_{column}".endswith(end)][:1]
    found: Explained = {}
    for name in names:
        if name not in _lists():
            raise UserError(
                f"{CODES}: columns.{column} names no list {name!r}", remedy=f"one of: {', '.join(sorted(_lists()))}"
            )
        found |= _lists()[name]
    return found


def rows(columns: Iterable[str]) -> Iterator[tuple[str, str, str, str]]:
    """Column, code, German and English text of every code that these columns can hold, in their order."""
    for column in columns:
        for code, texts in of_column(column).items():
            yield column, code, texts["de"], texts["en"]


@cache
def _columns() -> dict[str, list[str]]:
    return yaml_files.read(CODES)["columns"]


@cache
def _lists() -> dict[str, Explained]:
    lists: dict[str, Explained] = yaml_files.read(CODES)["lists"]
    german = {row["nationality_code"]: row["nationality_name"] for row in seeds.rows("nationality")}
    labels = seeds.rows("provenance_label")
    return lists | {
        "nationality": {code: {"de": german[code], **texts} for code, texts in lists["nationality"].items()},
        "reason": _of_rows(
            [row for row in seeds.rows("reason") if not signs.hides(row["reason"])], "reason", "description"
        ),
        "evidence": {code: {"de": texts["de"], "en": texts["en"]} for code, texts in load().evidence.items()},
        "verdict": _of("verdict", "verdict", "caption") | lists["verdict"],
        "cost_basis": _of("cost_basis", "cost_basis", "caption"),
        "method": _of("cost_method", "method", "label"),
        "attribution_rule": _of("attribution_rule", "attribution_rule", "label"),
        "lump_sum": _of("lump_sum", "lump_sum", "note"),
        "size_class": _of("size_class", "size_class", "name"),
        "operation": _of_rows([row for row in labels if row["scope"] == "operation"], "code", "label"),
        "label": _of_rows([row for row in labels if row["scope"] == "value"], "code", "label"),
    }


def _of(seed: str, code: str, texts: str) -> Explained:
    return _of_rows(seeds.rows(seed), code, texts)


def _of_rows(found: Iterable[dict[str, str]], code: str, texts: str) -> Explained:
    return {row[code]: {"de": row[f"{texts}_de"], "en": row[f"{texts}_en"]} for row in found}
