"""Erased persons: an older file that arrives later must not bring them back.

An erasure keeps a digest of the identifier, made with the key chain of the municipality and purpose; it equals no
pseudonym of any row. If a file is for a period that ends on or before the day of the erasure, records of erased persons
are dropped before anything else, as if the file had arrived earlier. See `docs/decisions/erased-persons.md`.
"""

from collections.abc import Iterable, Iterator
from datetime import date

import numpy as np
from psycopg import Connection

from ingest.contracts import Layout, periods
from ingest.deliveries import delivery_ledger
from ingest.deliveries.pseudonyms import KeyChain, pseudonym
from ingest.reading.block import Block


def digest(key: KeyChain, identifier: str) -> str:
    """The digest of an erased person (64 hexadecimal digits); it cannot be compared with a pseudonym."""
    return key.pseudonym(f"erased: {identifier}")


def record(connection: Connection, key: KeyChain, identifier: str) -> None:
    """Record the digest of a person who is erased today."""
    connection.execute(
        "insert into raw.erased_person (municipality, purpose, digest, erased_on)"
        f" values (%s, %s, %s, {delivery_ledger.TODAY}) on conflict (municipality, purpose, digest)"
        " do update set erased_on = excluded.erased_on",
        [key.municipality, key.purpose, digest(key, identifier)],
    )


def is_recorded(connection: Connection, key: KeyChain, identifier: str) -> bool:
    """Whether the person was erased before."""
    row = connection.execute(
        "select 1 from raw.erased_person where municipality = %s and purpose = %s and digest = %s",
        [key.municipality, key.purpose, digest(key, identifier)],
    ).fetchone()
    return row is not None


def wrap(connection: Connection, municipality: str, purpose: str, key: bytes) -> None:
    """Wrap the digests with the new key of a chain, like pseudonyms in a rotation."""
    rows = connection.execute(
        "select digest from raw.erased_person where municipality = %s and purpose = %s", [municipality, purpose]
    ).fetchall()
    connection.cursor().executemany(
        "update raw.erased_person set digest = %s where municipality = %s and purpose = %s and digest = %s",
        [(pseudonym(key, old), municipality, purpose, old) for (old,) in rows],
    )


class ErasedPersons:
    """Erased persons whom a delivery must not bring back."""

    def __init__(self, digests: frozenset[str], key: KeyChain | None):
        self._digests, self._key = digests, key
        self.dropped = 0
        """Number of dropped records."""

    def __bool__(self) -> bool:
        return bool(self._digests)

    def filtered(self, blocks: Iterable[Block], layout: Layout) -> Iterator[Block]:
        """The blocks without the records of these persons."""
        if not self:
            yield from blocks
            return
        columns = [n for n, field in enumerate(layout.fields) if field.privacy == "pseudonym"]
        for block in blocks:
            is_gone = np.zeros(len(block.lines), bool)
            for row in range(len(block.lines)):
                is_gone[row] = any(self._is_one(block.text(column, row)) for column in columns)
            self.dropped += int(is_gone.sum())
            yield block.take(np.flatnonzero(~is_gone)) if is_gone.any() else block

    def _is_one(self, text: str) -> bool:
        return digest(self._key, text.strip()) in self._digests


def of(connection: Connection, key: KeyChain | None, period: str) -> ErasedPersons:
    """Persons whom a delivery for this period must not bring back: those erased on its last day or later.

    If the period contains no date, this is everybody who was ever erased.
    """
    if key is None:
        return ErasedPersons(frozenset(), None)
    days = periods.span(period)
    rows = connection.execute(
        "select digest from raw.erased_person where municipality = %s and purpose = %s and erased_on >= %s",
        [key.municipality, key.purpose, days.last if days else date.min],
    ).fetchall()
    return ErasedPersons(frozenset(found for (found,) in rows), key)
