"""Build rows for PostgreSQL's binary COPY, column by column.

https://www.postgresql.org/docs/18/sql-copy.html: a row is its number of fields (16 bits) and, for each, its size
(32 bits, -1 for NULL) and its bytes, everything with the highest byte first.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
from psycopg.types.bool import BoolBinaryDumper
from psycopg.types.datetime import DateBinaryDumper
from psycopg.types.numeric import DecimalBinaryDumper, Int4BinaryDumper, Int8BinaryDumper

from lagebild.core import lazy

kernels = lazy.module("ingest.reading.kernels")


HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
_EVERY = np.empty(0, np.int32)

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
    """One field with its size. OverflowError or struct.error if the type cannot hold the value."""
    if value is None:
        return NULL
    data = bytes(_DUMP[sql_type](value))
    return len(data).to_bytes(4) + data


@dataclass(frozen=True)
class Cells:
    """A column: the cell of row n is `size[i]` bytes from `start[i]` of `data` (uint8), where i is `which[n]`, or n.

    `lengths`, if given, are the fields' sizes for PostgreSQL (int32, -1 for NULL), to be written before the bytes;
    otherwise `data` holds them already.
    """

    data: np.ndarray
    start: np.ndarray
    size: np.ndarray
    lengths: np.ndarray | None = None
    which: np.ndarray = field(default_factory=lambda: _EVERY)

    @classmethod
    def constant(cls, cell: bytes, n: int) -> "Cells":
        """The same field, size included, in n rows."""
        return cls(
            np.frombuffer(cell, np.uint8),
            np.zeros(1, np.int32),
            np.full(1, len(cell), np.int32),
            which=np.zeros(n, np.int32),
        )


def row_heads(n_fields: int, delivery_id: int, lines: np.ndarray) -> Cells:
    """The start of each row: number of fields, delivery (bigint), line (bigint)."""
    head = n_fields.to_bytes(2) + cell(delivery_id, "bigint")
    return _of_one_width(np.tile(np.frombuffer(head, np.uint8), (len(lines), 1)), _bigint_bytes(lines))


def bigints(values: np.ndarray) -> Cells:
    """A column of bigint, none of them NULL."""
    return _of_one_width(_bigint_bytes(values))


def _bigint_bytes(values: np.ndarray) -> np.ndarray:
    """Size and bytes of each: uint8, (n, 12)."""
    out = np.empty((len(values), 12), np.uint8)
    out[:, :4] = 0, 0, 0, 8
    out[:, 4:] = values.astype(">i8").view(np.uint8).reshape(-1, 8)
    return out


def _of_one_width(*parts: np.ndarray) -> Cells:
    """A column whose cells are the rows of the parts (uint8) side by side."""
    rows = np.concatenate(parts, axis=1)
    n, width = rows.shape
    return Cells(rows.reshape(-1), np.arange(n, dtype=np.int32) * width, np.full(n, width, np.int32))


def rows(columns: list[Cells], chosen: np.ndarray) -> np.ndarray:
    """The bytes (uint8) of the chosen rows, from their columns in the order of the COPY's column list."""
    widths = np.full(len(chosen), 4 * sum(column.lengths is not None for column in columns))
    for column in columns:
        kernels.add_widths(widths, column.size, column.which, chosen)
    ends = np.cumsum(widths)
    out = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    position = ends - widths
    for column in columns:
        if column.lengths is not None:
            kernels.put_lengths(out, position, column.lengths, chosen)
        kernels.put_cells(out, position, column.data, column.start, column.size, column.which, chosen)
    return out
