"""Rows for PostgreSQL's binary COPY, put together column by column.

https://www.postgresql.org/docs/18/sql-copy.html: a row is its number of fields (16 bits) and, for each, its size
(32 bits, -1 for NULL) and its bytes, everything with the highest byte first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
from psycopg.types.bool import BoolBinaryDumper
from psycopg.types.datetime import DateBinaryDumper
from psycopg.types.numeric import DecimalBinaryDumper, Int4BinaryDumper, Int8BinaryDumper

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

# psycopg writes each type as PostgreSQL's own clients do: no format of ours to get wrong.
_DUMP: dict[str, Callable[[Any], bytes]] = {
    "text": str.encode,
    "bigint": Int8BinaryDumper(int).dump,
    "integer": Int4BinaryDumper(int).dump,
    "numeric": DecimalBinaryDumper(Decimal).dump,
    "date": DateBinaryDumper(date).dump,
    "boolean": BoolBinaryDumper(bool).dump,
}


def cell(value: Any, sql_type: str) -> bytes:
    """One field with its size. OverflowError or struct.error where the type cannot hold the value."""
    if value is None:
        return NULL
    data = bytes(_DUMP[sql_type](value))
    return len(data).to_bytes(4) + data


@dataclass(frozen=True)
class Cells:
    """A column of n fields: `size[i]` bytes from `start[i]` of `data` (uint8) each.

    `lengths`, if given, are the fields' sizes for PostgreSQL (-1 for NULL), to be written before the bytes;
    otherwise `data` holds them already.
    """

    data: np.ndarray
    start: np.ndarray
    size: np.ndarray
    lengths: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> "Cells":
        """The same for some of the rows."""
        lengths = None if self.lengths is None else self.lengths[rows]
        return Cells(self.data, self.start[rows], self.size[rows], lengths)


def fixed(rows: np.ndarray) -> Cells:
    """A column whose fields have one size: `rows` is (n, size), uint8, each row with its size in front."""
    n, size = rows.shape
    return Cells(rows.reshape(-1), np.arange(n) * size, np.full(n, size))


def row_heads(n_fields: int, delivery_id: int, lines: np.ndarray) -> Cells:
    """What every row begins with: number of fields, delivery (bigint), line (bigint)."""
    rows = np.empty((len(lines), 26), np.uint8)
    rows[:, :18] = np.frombuffer(n_fields.to_bytes(2) + cell(delivery_id, "bigint") + b"\0\0\0\x08", np.uint8)
    rows[:, 18:] = lines.astype(">i8").view(np.uint8).reshape(-1, 8)
    return fixed(rows)


def rows(columns: list[Cells]) -> np.ndarray:
    """The bytes (uint8) of all rows, from their columns in the order of the COPY's column list."""
    widths = [column.size + (0 if column.lengths is None else 4) for column in columns]
    total = np.sum(widths, axis=0)
    ends = np.cumsum(total)
    out = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    position = ends - total
    for column, width in zip(columns, widths, strict=True):
        target = position
        if column.lengths is not None:
            _put(out, position, column.lengths.astype(">i4").view(np.uint8), np.arange(len(position)) * 4, 4)
            target = position + 4
        _scatter(out, target, column)
        position = position + width
    return out


def _scatter(out: np.ndarray, target: np.ndarray, column: Cells) -> None:
    """Copy each field to its place: all fields of one size at once."""
    if not len(target):
        return
    sizes = np.flatnonzero(np.bincount(column.size))
    if len(sizes) == 1:
        _put(out, target, column.data, column.start, int(sizes[0]))
        return
    order = np.argsort(column.size.astype(np.uint32), kind="stable") if len(sizes) > 8 else None
    bounds = None if order is None else np.searchsorted(column.size[order], [*sizes, sizes[-1] + 1])
    for n, size in enumerate(sizes.tolist()):
        which = np.flatnonzero(column.size == size) if order is None else order[bounds[n] : bounds[n + 1]]
        _put(out, target[which], column.data, column.start[which], size)


def _put(out: np.ndarray, target: np.ndarray, data: np.ndarray, start: np.ndarray, size: int) -> None:
    """out[target[i] : target[i] + size] = data[start[i] : start[i] + size] for every i."""
    if size and len(target):
        _pieces(out, size)[target] = _pieces(data, size)[start]


def _pieces(data: np.ndarray, size: int) -> np.ndarray:
    """Every stretch of `size` bytes of `data`, by the position it starts at: a view, nothing is copied."""
    return np.ndarray((len(data) - size + 1,), f"V{size}", data, strides=(1,))
