"""Synthetic register exports of any size, in the layout of `ingest/sources/register/contract.yml`.

    python -m tests.bench.generate ROWS FILE [--broken 0.001] [--changed 0.02]

No row describes a person: names come from a list of made-up words, numbers from the row's own number, and every row
says `synthetisch`. The same arguments give the same bytes. Memory is bounded by a chunk of rows, whatever ROWS is.
With `--changed` it is the next month's export of the same persons, of whom so many have moved out meanwhile.
"""

import argparse
import time
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ingest import contracts

SOURCE, AGS, REFERENCE_DATE = "register", "05913000", "2019-12-31"
FILE_NAME = f"register_{AGS}_{REFERENCE_DATE}.csv"
NEXT_DATE = "2020-01-31"
NEXT_FILE_NAME = f"register_{AGS}_{NEXT_DATE}.csv"
ENCODING = "iso-8859-1"
CHUNK_ROWS = 200_000
CHANGED_SHARE = 0.02
BYTES_A_ROW = 118
"""Roughly; for the check of the disk, not for arithmetic."""

_FAMILY = ("Prüfmann", "Testinghoff", "Größtfeld", "Beispiel", "Übungs", "Musterßen", "Platzhalter", "Dummy-Höhn")
_GIVEN = ("Ä-Vor", "Vorname", "Ruf", "Rufnäme", "Zweitvor", "Kurz")
_SEXES, _SEX_SHARES = ("M", "W", "D", "X"), (0.49, 0.5, 0.005, 0.005)
_NATIONS = ("000", "163", "439", "475", "166", "137", "125", "152", "154", "423", "232", "139", "438", "224", "999")
_NATION_SHARES = (0.72, 0.05, 0.03, 0.03, 0.03, 0.02, 0.02, 0.02, 0.02, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01)
_RESIDENCES, _RESIDENCE_SHARES = ("A", "H", "N"), (0.8, 0.15, 0.05)
_FIRST_DAY = np.datetime64("1925-01-01")
_LAST_DAY = np.datetime64(REFERENCE_DATE)
_DAYS = int((_LAST_DAY - _FIRST_DAY).astype(int))
# A prime above the largest number of rows: row number times any factor, modulo it, repeats none of them.
# (The factor is small enough for 64 bits.)
_PRIME, _FACTOR = 9_999_999_967, 618_033_989


class Columns:
    """Columns of one chunk as matrices of bytes; a zero byte is no byte of the file."""

    def __init__(self, first: int, rows: int, changed: float = 0.0):
        self.rows = rows
        self.changed = np.random.default_rng([13, first]).random(rows) < changed
        self.reference_date = NEXT_DATE if changed else REFERENCE_DATE
        self.number = np.arange(first, first + rows, dtype=np.int64)
        self.random = np.random.default_rng([7, first])
        born = self.random.integers(0, _DAYS - 1, rows)
        moved_in = born + (self.random.random(rows) * (_DAYS - born)).astype(np.int64)
        moved_out = moved_in + (self.random.random(rows) * (_DAYS - moved_in)).astype(np.int64)
        self.dates = {"Geburtsdatum": born, "Einzugsdatum": moved_in, "Auszugsdatum": moved_out}

    def bytes_of(self, title: str) -> np.ndarray:
        """The column under this header, shape (rows, width); ValueError where the contract has one unknown here."""
        if title in self.dates:
            column = _day_table()[self.dates[title]]
            if title == "Auszugsdatum":
                column = np.where((self.random.random(self.rows) < 0.12)[:, None], column, 0)
                moved = np.frombuffer(written(np.datetime64(NEXT_DATE)), np.uint8)
                column = np.where(self.changed[:, None], moved, column)
            return column
        match title:
            case "Stichtag":
                return self._constant(written(np.datetime64(self.reference_date)).decode())
            case "AGS":
                return self._constant(AGS)
            case "Ordnungsmerkmal":
                return digits(_scattered(self.number), 10)
            case "AZR-Nummer":
                has_none = self.random.random(self.rows) < 0.8
                return np.where(has_none[:, None], 0, digits(_scattered(self.number + 1) // 10, 12))
            case "IdNr":
                return digits(_scattered(self.number + 2), 11)
            case "Familienname":
                return self._chosen(_FAMILY)
            case "Vorname":
                return self._chosen(_GIVEN)
            case "Geschlecht":
                return self._chosen(_SEXES, _SEX_SHARES)
            case "Staatsangehörigkeit":
                return self._chosen(_NATIONS, _NATION_SHARES)
            case "Wohnungsart":
                return self._chosen(_RESIDENCES, _RESIDENCE_SHARES)
            case "Herkunft":
                return self._constant("synthetisch")
        raise ValueError(f"the contract has the column {title!r}, which {__name__} does not know how to fill")

    def _constant(self, text: str) -> np.ndarray:
        return np.broadcast_to(np.frombuffer(text.encode(ENCODING), np.uint8), (self.rows, len(text)))

    def _chosen(self, words: tuple[str, ...], shares: tuple[float, ...] | None = None) -> np.ndarray:
        return table(words)[self.random.choice(len(words), self.rows, p=shares)]


def header() -> list[str]:
    """The contract's column titles, in its order."""
    return [field.title for field in contracts.load(SOURCE).agreed_fields]


def write(file: BinaryIO, rows: int, broken: float = 0.0, changed: float = 0.0) -> dict[str, int]:
    """Write the export; returns how many rows of each broken kind it holds (`quoted_line_break` rows are good ones)."""
    titles = header()
    file.write(";".join(titles).encode(ENCODING) + b"\r\n")
    counts: dict[str, int] = {}
    told = time.monotonic()
    for first in range(0, rows, CHUNK_ROWS):
        block = _block(titles, Columns(first, min(CHUNK_ROWS, rows - first), changed))
        file.write(_damaged(block, titles, broken, first, counts) if broken else block)
        if time.monotonic() - told > 1.8:
            told = time.monotonic()
            print(f"  ... {first + CHUNK_ROWS:,} of {rows:,} rows written", flush=True)
    return counts


def _block(titles: list[str], columns: Columns) -> bytes:
    return without_padding([columns.bytes_of(title) for title in titles])


def without_padding(columns: list[np.ndarray]) -> bytes:
    """Lines of a file from its columns, matrices of bytes (rows, width) in which a zero byte is no byte of the file."""
    rows = len(columns[0])
    separator, end = (np.broadcast_to(np.frombuffer(sign, np.uint8), (rows, len(sign))) for sign in (b";", b"\r\n"))
    parts = [part for column in columns for part in (column, separator)]
    flat = np.concatenate([*parts[:-1], end], axis=1).ravel()
    return flat[flat != 0].tobytes()


def _damaged(block: bytes, titles: list[str], share: float, first: int, counts: dict[str, int]) -> bytes:
    """Break a share of the block's rows, each kind in turn, and put line breaks into quotes in as many good rows."""
    lines = block.split(b"\r\n")[:-1]
    random = np.random.default_rng([11, first])
    chosen = random.choice(len(lines) - 1, 2 * round(len(lines) * share), replace=False)
    kinds = _kinds(titles)
    for turn, row in enumerate(map(int, chosen)):
        name = "quoted_line_break" if turn % 2 else kinds[turn // 2 % len(kinds)][0]
        broken = dict([*kinds, _quoted_line_break(titles)])[name](lines[row].split(b";"))
        lines[row] = b"\r\n".join(b";".join(fields) for fields in broken)
        counts[name] = counts.get(name, 0) + 1
    return b"\r\n".join(lines) + b"\r\n"


def _kinds(titles: list[str]) -> list[tuple]:
    """(name, function from a row's fields to the rows that stand in its place) of everything that can be wrong."""

    def put(title: str, text: bytes):
        position = titles.index(title)
        return lambda fields: [[*fields[:position], text, *fields[position + 1 :]]]

    moved_in, moved_out = titles.index("Einzugsdatum"), titles.index("Auszugsdatum")

    def out_before_in(fields):
        return [[*fields[:moved_in], b"02.01.2019", *fields[moved_in + 1 : moved_out], b"01.01.2019", *fields[-2:]]]

    return [
        ("no_such_day", put("Geburtsdatum", b"31.02.1999")),
        ("pattern", put("Staatsangehörigkeit", b"9X9")),
        ("short_region_code", put("AGS", b"0591300")),
        ("required_missing", put("Ordnungsmerkmal", b"")),
        ("code_list", put("Geschlecht", b"Q")),
        ("out_before_in", out_before_in),
        ("field_too_few", lambda fields: [fields[:-1]]),
        ("field_too_many", lambda fields: [[*fields, b"zuviel"]]),
        ("exact_repeat", lambda fields: [fields, fields]),
        ("conflicting_key", lambda fields: [fields, put("Einzugsdatum", b"31.12.2019")(fields)[0]]),
        ("quote_never_closed", put("Familienname", b'"Offen')),
        ("text_after_quote", put("Familienname", b'"Zu" nah')),
    ]


def _quoted_line_break(titles: list[str]) -> tuple:
    position = titles.index("Familienname")
    text = '"Prüf\nmann; ""zweite"" Zeile"'.encode(ENCODING)
    return "quoted_line_break", lambda fields: [[*fields[:position], text, *fields[position + 1 :]]]


def _scattered(numbers: np.ndarray) -> np.ndarray:
    """A different number of at most 10 digits for each row number, in no order that a sort would profit from."""
    return (numbers % _PRIME) * _FACTOR % _PRIME


def digits(numbers: np.ndarray, width: int) -> np.ndarray:
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (numbers[:, None] // powers % 10 + ord("0")).astype(np.uint8)


def table(words: tuple[str, ...]) -> np.ndarray:
    encoded = np.array([word.encode(ENCODING) for word in words])
    return encoded.view(np.uint8).reshape(len(words), -1)


def written(day: np.datetime64) -> bytes:
    year, month, number = str(day).split("-")
    return f"{number}.{month}.{year}".encode()


@cache
def _day_table() -> np.ndarray:
    """Every day from the first to the reference date as `dd.mm.yyyy`, shape (days, 10)."""
    return np.array([written(day) for day in np.arange(_FIRST_DAY, _LAST_DAY + 1)]).view(np.uint8).reshape(-1, 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--broken", type=float, default=0.0, help="share of broken rows, such as 0.001")
    parser.add_argument("--changed", type=float, default=0.0, help="share of persons changed since the month before")
    arguments = parser.parse_args()
    with arguments.file.open("wb") as file:
        counts = write(file, arguments.rows, arguments.broken, arguments.changed)
    for name, count in counts.items():
        print(f"  {count:>8,} {name}")


if __name__ == "__main__":
    main()
