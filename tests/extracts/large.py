"""Publications of a mart with many rows: those of the bundled deliveries again and again, each time of other places."""

from lagebild.core.settings import Settings
from lagebild.warehouse import marts
from tests.extracts.releases import republish
from tests.support import query

MART = "employment"
_PLACES = ("region_code", "source_region_code")


def repeated(settings: Settings, rows: int) -> int:
    """The number of a new publication in force, like the last one but for so many rows more in `MART`.

    A place is a made-up key of eight digits: 9 and the number of the repetition.
    """
    names = columns(MART)
    values = ["'9' || lpad(n::text, 7, '0')" if name in _PLACES else name for name in names]
    ((own,),) = query(settings, f"select count(*) from marts.{MART}")
    insert = (
        f"insert into {{table}} (content_id, {', '.join(names)}) select {{content}}, {', '.join(values)}"
        f" from {{table}} cross join generate_series(1, {-(-rows // own)}) as n"
        f" where content_id = {{content}} limit {rows}"
    )
    return republish(settings, {MART: [insert]})


def columns(mart: str) -> list[str]:
    """The columns of a mart's table."""
    return list(marts.definition(mart).columns)
