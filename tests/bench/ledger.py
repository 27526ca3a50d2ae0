"""Synthetic ledgers of a large city, in the layout of `ingest/sources/ledger/contract.yml`.

    python -m tests.bench.ledger POSTINGS FOLDER [--years 5]

One file a fiscal year; every row says `synthetisch`, and the same arguments give the same bytes. A third of the
postings is on products and accounts that the Dortmund method knows, the rest on those of the other product areas.
"""

import argparse
import csv
from functools import cache
from pathlib import Path

import numpy as np

from ingest import contracts
from lagebild.core.settings import DBT_PROJECT
from tests.bench.generate import AGS, CHUNK_ROWS, digits, table, without_padding, written

SOURCE, FIRST_YEAR = "ledger", 2015
ENCODING = "iso-8859-1"
_GROUPS, _GROUP_SHARES = ("EU2", "andere", "alle"), (0.02, 0.08, 0.9)
_KNOWN_SHARE, _CREDIT_SHARE = 1 / 3, 0.05
_ACCOUNTS = ("414100", "432100", "448100", "481100", "501100", "502200", "523100", "529100", "531700", "581100")
_DAYS = 366 + 31
"""Postings come until the end of January of the next year: corrections at the year's end."""


def file_name(year: int) -> str:
    return f"ledger_{AGS}_{year}.csv"


def write(folder: Path, postings: int, years: int) -> list[Path]:
    """Write the files of the years; returns them in order."""
    titles = [field.title for field in contracts.load(SOURCE).fields]
    files = [folder / file_name(FIRST_YEAR + n) for n in range(years)]
    for n, path in enumerate(files):
        with path.open("wb") as file:
            file.write(";".join(titles).encode(ENCODING) + b"\r\n")
            rows = postings // years
            for first in range(0, rows, CHUNK_ROWS):
                columns = _columns(FIRST_YEAR + n, first, min(CHUNK_ROWS, rows - first))
                file.write(without_padding([columns[title] for title in titles]))
    return files


def _columns(year: int, first: int, rows: int) -> dict[str, np.ndarray]:
    """Columns by title as matrices of bytes, (rows, width); a zero byte is no byte of the file."""
    random = np.random.default_rng([year, first])
    known, other = _known(), _other()
    pair = np.where(
        random.random(rows) < _KNOWN_SHARE,
        random.integers(0, len(known), rows),
        random.integers(len(known), len(known) + len(other), rows),
    )
    products, accounts = zip(*known, *other, strict=True)
    day = random.integers(0, _DAYS, rows)

    def constant(text: str) -> np.ndarray:
        return np.broadcast_to(np.frombuffer(text.encode(ENCODING), np.uint8), (rows, len(text)))

    return {
        "AGS": constant(AGS),
        "Haushaltsjahr": constant(str(year)),
        "Belegnummer": digits(np.arange(first, first + rows), 9),
        "Buchungsdatum": table(tuple(written(np.datetime64(f"{year}-01-01") + n).decode() for n in range(_DAYS)))[day],
        "Produkt": table(products)[pair],
        "Produktbezeichnung": table(tuple(f"Produkt {product}" for product in products))[pair],
        "Konto": table(accounts)[pair],
        "Kontobezeichnung": table(tuple(f"Konto {account}" for account in accounts))[pair],
        "Zielgruppe": table(_GROUPS)[random.choice(len(_GROUPS), rows, p=_GROUP_SHARES)],
        "Betrag EUR": _money(random.integers(1, 5_000_000, rows), random.random(rows) < _CREDIT_SHARE),
        "Herkunft": constant("synthetisch"),
    }


def _money(cents: np.ndarray, is_credit: np.ndarray) -> np.ndarray:
    """Cents (below 10 m EUR) as `-1.234.567,89`, leading zeros left out."""
    number, parts = digits(cents, 9), [np.where(is_credit, ord("-"), 0).astype(np.uint8)[:, None]]
    for position in range(9):
        is_shown = (cents >= 10 ** (8 - position)) | (position >= 6)
        parts.append(np.where(is_shown, number[:, position], 0).astype(np.uint8)[:, None])
        sign = {0: ".", 3: ".", 6: ","}.get(position)
        if sign:
            parts.append(np.where(is_shown, ord(sign), 0).astype(np.uint8)[:, None])
    return np.concatenate(parts, axis=1)


@cache
def _known() -> list[tuple[str, str]]:
    """Products and accounts of the Dortmund method."""
    with (DBT_PROJECT / "seeds" / "cost_mapping.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["municipality_ags"] == "05913000"]
        return sorted({(row["product_code"], row["account_code"]) for row in rows})


@cache
def _other() -> list[tuple[str, str]]:
    """Products of every area of the NKF, which the method does not know."""
    products = (
        f"{area:02}{group:02}{number:02}" for area in range(1, 18) for group in range(1, 5) for number in (81, 82)
    )
    return [(product, account) for product in products for account in _ACCOUNTS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("postings", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--years", type=int, default=5)
    arguments = parser.parse_args()
    for file in write(arguments.folder, arguments.postings, arguments.years):
        print(f"{file.name}: {file.stat().st_size / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
