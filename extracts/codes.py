"""What the codes in the columns of a package mean, in German and English."""

from functools import cache

from extracts.model import Language
from lagebild.core import seeds


def text(column: str, value: str, language: Language) -> str | None:
    """What a code of that column means; None if the column holds no codes, or not this one."""
    return _known().get(column, {}).get(value, {}).get(language)


@cache
def _known() -> dict[str, dict[str, dict[str, str]]]:
    reasons = {
        row["reason"]: {"de": row["description_de"], "en": row["description_en"]} for row in seeds.rows("reason")
    }
    return {"reason": reasons}
