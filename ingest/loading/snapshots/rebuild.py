"""A history put together anew, when a delivery in its middle comes, goes, or is loaded again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from psycopg import Connection, sql

from ingest.contracts import Contract, Field
from ingest.loading import copy
from ingest.loading.engine import hash_of, is_read_whole
from ingest.loading.keys import Keys
from ingest.loading.snapshots.digests import LINE_BITS, Draft
from ingest.loading.snapshots.tables import view_of
from lagebild.core import lazy

kernels = lazy.module("ingest.reading.kernels")

CHUNK_BYTES = 4 << 20


def rebuild(
    connection: Connection, contract: Contract, delivery_id: int, day: date, path: Any, identity: dict[str, Any]
) -> None:
    """Make the digests of a stored snapshot from the rows that raw holds."""
    fields = [field for field in contract.fields if field.columns]
    columns = [name for field in fields for name, _ in field.columns]
    columns += [] if contract.evidence is None else ["evidence"]
    statement = sql.SQL(
        "copy (select brought_by, brought_line, {} from {} where delivery_id = {}) to stdout (format binary)"
    ).format(sql.SQL(", ").join(map(sql.Identifier, columns)), view_of(contract, "snapshot"), sql.Literal(delivery_id))
    deliveries: list[int] = []
    with Keys() as keys, Draft(path) as draft:
        with connection.cursor() as cursor, cursor.copy(statement) as stream:
            for rows in _copied(stream, 2 + len(columns)):
                ids, lines = rows.integers(0), rows.integers(1)
                deliveries += [found for found in np.unique(ids).tolist() if found not in deliveries]
                order = np.argsort(deliveries)
                number = order[np.searchsorted(np.array(deliveries)[order], ids)]
                keys.add(*_hashes(contract, fields, rows, day), (number << LINE_BITS) | lines)
        for part in keys.parts():
            draft.write(part)
        draft.keep(identity, deliveries, None)


@dataclass(frozen=True)
class _Rows:
    """Rows of a binary COPY: cell c of row n, its size in front, is `size[c, n]` bytes from `start[c, n]` of `data`."""

    data: np.ndarray
    start: np.ndarray
    size: np.ndarray

    def integers(self, column: int) -> np.ndarray:
        """A column of bigint without NULL."""
        return self.data[self.start[column, :, None] + np.arange(4, 12)].view(">i8")[:, 0].astype(np.int64)


def _copied(stream: Any, width: int) -> Iterator[_Rows]:
    """The rows of a COPY, some MB at a time."""
    buffer, rows = bytearray(), 0
    for message in stream:
        data = bytes(message).removeprefix(copy.HEADER)
        if data in (b"", copy.TRAILER):
            continue
        buffer += data
        rows += 1
        if len(buffer) > CHUNK_BYTES:
            yield _cut(buffer, rows, width)
            buffer, rows = bytearray(), 0
    if rows:
        yield _cut(buffer, rows, width)


def _cut(buffer: bytearray, rows: int, width: int) -> _Rows:
    data = np.frombuffer(bytes(buffer), np.uint8)
    start, size = np.empty((width, rows), np.int32), np.empty((width, rows), np.int32)
    if kernels.cells(data, start, size) != len(data):
        raise AssertionError("PostgreSQL's rows are not cut where they end")
    return _Rows(data, start, size)


def _hashes(contract: Contract, fields: list[Field], rows: _Rows, day: date) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of key and content of rows as raw holds them: as `Engine` makes them of a file's."""
    n = rows.start.shape[1]
    key, content, every = np.zeros(n, np.uint64), np.zeros(n, np.uint64), np.empty(0, np.int32)
    column = 2
    for field in fields:
        start, size = rows.start[column], rows.size[column : column + len(field.columns)].sum(axis=0, dtype=np.int32)
        if not is_read_whole(field, contract):
            hashes = kernels.hashes_of(rows.data, start, size)
        elif field.privacy == "pseudonym":
            hashes = kernels.first_digits(rows.data, start + 4)
        else:
            hashes = kernels.hashes_of(rows.data, start + 4, size - 4)
        if is_read_whole(field, contract):
            hashes[rows.data[start] == 0xFF] = 0  # NULL
        elif field.name == contract.history:
            hashes[hashes == hash_of(copy.cell(day, "date"))] = 0
        kernels.mix(content, hashes, every)
        if field.name in contract.primary_key:
            kernels.mix(key, hashes, every)
        column += len(field.columns)
    if contract.evidence is not None:
        kernels.mix(content, kernels.hashes_of(rows.data, rows.start[column], rows.size[column]), every)
    return key, content
