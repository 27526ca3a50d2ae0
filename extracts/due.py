"""Who is to receive the publication in force now, and who wants nothing of it as it is.

Cheap to import: `make run` asks again and again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import LiteralString

from psycopg import Connection

from extracts import package, recipient
from extracts.model import Recipient
from lagebild.warehouse import releases


@dataclass(frozen=True)
class Refused:
    """A recipient whose release is due and is not made, and why."""

    recipient: str
    why: str

    def __str__(self) -> str:
        return f"{self.recipient} receives nothing: {self.why}"


def due(register: Connection, config: Path, demo: bool) -> tuple[list[str], list[Refused]]:
    """Recipients to whom the publication in force is to be released now; and those who want nothing of it as it is.

    Nobody before the first publication. UserError: a recipient's file that is wrong.
    """
    row = register.execute(
        "select p.publication_id, p.published_at from published.current_publication as c"
        " inner join published.publication as p on c.publication_id = p.publication_id where p.is_protected"
    ).fetchone()
    wanted: list[str] = []
    refused: list[Refused] = []
    if row is None:
        return wanted, refused
    for one in recipient.known(config, demo).values():
        if _is_due(register, one, *row):
            why = why_refused(register, one, row[0])
            if why:
                refused.append(Refused(one.name, why))
            else:
                wanted.append(one.name)
    return wanted, refused


def _is_due(register: Connection, one: Recipient, publication_id: int, moment: datetime) -> bool:
    had = releases.found(register, recipient=one.name)
    if any(each.publication_id == publication_id and not each.recalled_at for each in had):
        return any(
            each.publication_id == publication_id and each.delivery_failed_why and not each.recalled_at for each in had
        )
    standing = [each for each in had if not each.recalled_at]
    last = published_at(register, standing[-1].publication_id).date() if standing else None
    return recipient.is_due(one, moment.date(), last)


def why_refused(register: Connection, one: Recipient, publication_id: int) -> str:
    """Why a recipient wants nothing of a publication: by their file; empty if nothing speaks against it."""
    names = [entry.name for entry in package.load().of(one).marts]
    for rule, key, found, remedy in (
        (one.when_held, "when_held", held, "decide on them (lagebild delivery held) and build"),
        (one.when_stale, "when_stale", missing, "see lagebild delivery calendar"),
    ):
        waiting = found(register, names, publication_id) if rule == "refuse" else []
        if waiting:
            said = "held" if key == "when_held" else "due and not there"
            listed = ", ".join(map(str, waiting[:5])) + (f" and {len(waiting) - 5} more" if len(waiting) > 5 else "")
            return (
                f"publication {publication_id} was made while deliveries behind it were {said} ({listed}); {remedy},"
                f" or set {key}: state in the recipient's file"
            )
    return ""


def published_at(register: Connection, publication_id: int) -> datetime:
    """The moment of a publication."""
    ((moment,),) = register.execute(
        "select published_at from published.publication where publication_id = %s", [publication_id]
    ).fetchall()
    return moment


@dataclass(frozen=True)
class Waiting:
    """A delivery that a publication lacks: held when it was made, or due and not there."""

    source: str
    period: str
    place: str | None

    def __str__(self) -> str:
        return " ".join(filter(None, (self.source, self.period, self.place)))


def held(connection: Connection, marts: Iterable[str], publication_id: int) -> list[Waiting]:
    """Deliveries behind these marts that were held when the publication was made, so that older ones were used."""
    return _waiting(connection, _HELD, marts, publication_id)


def missing(connection: Connection, marts: Iterable[str], publication_id: int) -> list[Waiting]:
    """Deliveries behind these marts that were due when the publication was made and had not come."""
    return _waiting(connection, _MISSING, marts, publication_id)


def _waiting(connection: Connection, query: LiteralString, marts: Iterable[str], publication_id: int) -> list[Waiting]:
    values = {"publication": publication_id, "marts": list(marts)}
    return [Waiting(*row) for row in connection.execute(query, values)]


_HELD = """
    select distinct source, period, null
    from marts.publication_source
    where publication_id = %(publication)s and mart = any(%(marts)s) and held_delivery_id is not null
    order by source, period
"""
_MISSING = """
    select distinct c.source, c.period, c.region_code
    from marts.publication_calendar as c
    inner join marts.publication_source as s on c.publication_id = s.publication_id and c.source = s.source
    where c.publication_id = %(publication)s and s.mart = any(%(marts)s) and c.received_on is null
    order by c.source, c.period, c.region_code
"""
