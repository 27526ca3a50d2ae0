"""A block of records, and records that are broken."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Broken:
    """A record with another number of fields or broken quotes: physical line, bytes [start, end) of the file."""

    line: int
    code: str
    fields: int | None
    """Number of fields; None if quoting makes it unknown."""
    start: int | None
    end: int | None
    """None if the file has no such bytes, as in a workbook."""
    text: str
    cells: tuple[str, ...] = ()
    """Of a workbook's row whose fields are known: what each cell shows."""
    faults: Mapping[int, Exception] = field(default_factory=dict)
    """Of the same: what is wrong with a cell (`values.BadValue`), by the number of its field."""
    wanted: int | None = None
    """Number of fields that it should have had, if that is not the contract's: lines may end with delimiters."""


@dataclass(frozen=True)
class Block:
    """Records of one stretch of the file: field f of record n is `size[f, n]` bytes from `start[f, n]` of `data`."""

    data: np.ndarray
    """UTF-8 (uint8)."""
    start: np.ndarray
    size: np.ndarray
    """int32, (width, records)."""
    lines: np.ndarray
    """Physical line (int64) of each record."""
    broken: list[Broken]

    @classmethod
    def of(cls, records: list[list[bytes]], width: int, lines: list[int], broken: list[Broken]) -> "Block":
        """A block of records whose fields are known."""
        fields = [field for column in zip(*records, strict=True) for field in column]
        size = np.array([len(field) for field in fields], np.int32).reshape(width, len(records))
        end = np.cumsum(size).reshape(size.shape).astype(np.int32)
        return cls(np.frombuffer(b"".join(fields), np.uint8), end - size, size, np.array(lines, np.int64), broken)

    def take(self, records: np.ndarray) -> "Block":
        """Some of the records, and all broken ones."""
        start, size = (places.take(records, axis=1) for places in (self.start, self.size))
        return Block(self.data, start, size, self.lines[records], self.broken)

    def text(self, field: int, record: int) -> str:
        """The text of one field."""
        start = self.start[field, record]
        return self.data[start : start + self.size[field, record]].tobytes().decode()

    def texts(self, record: int) -> list[str]:
        """The texts of a record's fields."""
        return [self.text(field, record) for field in range(len(self.start))]
