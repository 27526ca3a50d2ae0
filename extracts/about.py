"""What a release says beside its rows: gathered from what readers see, from the register, and from settings.

Each part depends on the publication and on what the register records of the release (`Sender`), never on the day: so
the same release can be made again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, LiteralString

from psycopg import Connection, sql

from extracts import changes, key_figures, quality
from extracts.contents import Contents
from extracts.due import held, missing
from extracts.marts import Mart, of_places, patterns
from extracts.model import About, Earlier, Publisher, Recipient
from extracts.recipient import next_on
from extracts.texts import Texts
from lagebild.warehouse.marts import history

_FIRST: dict[str, LiteralString] = {
    "reference_date": "min({0}), max({0})",
    "reference_day": "min({0}), max({0})",
    "reference_year": "make_date(min({0}), 1, 1), make_date(max({0}), 12, 31)",
    "fiscal_year": "make_date(min({0}), 1, 1), make_date(max({0}), 12, 31)",
}
"""The first and last day of a column that says of when a row is."""
_LISTED = 10
"""Deliveries that a notice names; the others are counted."""


@dataclass(frozen=True)
class Sender:
    """Who releases, to whom, and after which release: what the register records beside the publication."""

    recipient: Recipient
    publisher: Publisher
    previous: Earlier | None


def of(connection: Connection, contents: Contents, sender: Sender) -> Contents:
    """The contents with everything beside their rows, by a reader's connection."""
    publication, marts, texts = contents.publication, contents.marts, contents.texts
    recipient = sender.recipient
    number = publication.publication_id
    compared = changes.of(connection, marts, recipient, sender.previous, publication, texts)
    first, last = _period(connection, marts, recipient, number)
    about = About(
        recipient=recipient,
        publisher=sender.publisher,
        is_synthetic=contents.about.is_synthetic,
        period_from=first,
        period_to=last,
        data_until=_data_until(connection, contents),
        next_publication=next_on(recipient, publication.published_at.date()),
        previous=sender.previous,
        notices=tuple(_notices(connection, marts, number, texts)),
        changes=compared.changes,
        change_counts=compared.by_mart,
        revised=compared.revised,
        quality=quality.of(connection, publication, marts, recipient, compared, contents.attributions, texts),
    )
    told = replace(contents, about=about)
    return replace(contents, about=replace(about, key_figures=key_figures.of(told), charts=key_figures.charts(told)))


def _notices(connection: Connection, marts: tuple[Mart, ...], number: int, texts: Texts) -> Iterator[str]:
    names = [mart.entry.name for mart in marts]
    for key, found in (("held", held(connection, names, number)), ("missing", missing(connection, names, number))):
        if found:
            more = len(found) - _LISTED
            listed = ", ".join(map(str, found[:_LISTED])) + (texts.say("about.more", number=more) if more > 0 else "")
            yield texts.say(f"about.{key}", deliveries=listed)


def _period(
    connection: Connection, marts: tuple[Mart, ...], recipient: Recipient, number: int
) -> tuple[date | None, date | None]:
    """The first and last day that the marts' figures speak of."""
    days: list[date] = []
    for mart in marts:
        kinds = {column.name: column.kind for column in mart.columns}
        for name in _FIRST:
            if kinds.get(name) in ("date", "integer"):
                query = sql.SQL("select {} from {} where publication_id = %(publication)s{}").format(
                    sql.SQL(_FIRST[name]).format(sql.Identifier(name)),
                    sql.Identifier(*history(mart.entry.schema, mart.entry.name)),
                    of_places(mart.columns, recipient),
                )
                values: dict[str, Any] = {"publication": number, "places": patterns(recipient)}
                days += [day for day in connection.execute(query, values).fetchone() or () if day]
    return min(days, default=None), max(days, default=None)


def _data_until(connection: Connection, contents: Contents) -> date | None:
    """The day on which the newest delivery behind the marts had come."""
    ((age,),) = connection.execute(
        "select max(received_at at time zone 'Europe/Berlin')::date from marts.publication_source"
        " where publication_id = %s and mart = any(%s)",
        [contents.publication.publication_id, [mart.entry.name for mart in contents.marts]],
    ).fetchall()
    return age
