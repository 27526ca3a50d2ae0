"""Marked identifiers in register deliveries, good ones and broken ones, and the search for them."""

import re
import uuid
import zipfile
from pathlib import Path

from psycopg import Connection

from tests.ingest.support import HEADER, register
from tests.support import MUNICIPALITY

PERSONAL = ("Ordnungsmerkmal", "AZR-Nummer", "IdNr", "Familienname", "Vorname", "Geburtsdatum")
BIRTH = ("29.02.1904", "1904-02-29")  # in the file, and as PostgreSQL would show it
TITLES = HEADER.split(";")
SWITCHED = {
    "Geburtsland": "background_by_birth", "Zuzug aus": "moved_from", "Fortzug nach": "moved_to",
    "Zuzugsdatum": "arrived_year", "Fortzugsdatum": "departed_year",
}  # fmt: skip
"""Personal columns that an operator switches on, and their fields."""


def new_marker() -> str:
    return f"KANARI{uuid.uuid4().hex[:10]}"


def line(marker: str, number: int, day: str, ags: str = MUNICIPALITY, **changes: str) -> str:
    """A person with a marked identifier in every personal column that can hold one."""
    values = dict(zip(TITLES, ["31.12.2019", ags, *[""] * 5, BIRTH[0], "W", "154", "01.02.2010", "", "A"], strict=True))
    values |= {title: f"{marker}-{title[:3]}-{number}" for title in PERSONAL if title != "Geburtsdatum"}
    values["Stichtag"] = day
    return ";".join((values | changes).values())


def deliveries(marker: str) -> dict[str, bytes]:
    """File name -> bytes: one good delivery, and one for every way in which a delivery can be broken."""

    def good(year: int) -> list[str]:
        return [line(marker, number, f"31.12.{year}") for number in range(3)]

    def broken(year: int) -> list[str]:
        day, first = f"31.12.{year}", good(year)
        return [
            first[0],
            line(marker, 10, day, Geburtsdatum=f"{marker}-Geb"),  # no date
            line(marker, 11, day, AGS="x", Staatsangehörigkeit="?", Geschlecht="?", Wohnungsart="?"),
            line(marker, 12, day, Ordnungsmerkmal="", Einzugsdatum="30.02.2010"),
            line(marker, 13, day) + f";{marker}-surplus",
            line(marker, 14, day).rsplit(";", 4)[0],
            first[1],
            first[2],
        ]

    def shifted(year: int) -> list[str]:
        """As many columns as agreed, but every value stands in another one; and names in the place of one code."""
        values = line(marker, 20, f"31.12.{year}").split(";")
        turned = [";".join(values[n:] + values[:n]) for n in range(1, len(values))]
        swapped = [line(marker, 21, f"31.12.{year}", **{title: f"{marker}-Fam"}) for title in TITLES]
        return [*good(year), good(year)[0].replace(";154;", ";125;"), *turned, *swapped]

    def unclosed(year: int) -> list[str]:
        first, second, third = good(year)
        return [first, second.replace(f"{marker}-Fam", f'"{marker}-Fam'), third]

    def name(year: int, ags: str = MUNICIPALITY) -> str:
        return f"register_{ags}_{year}-12-31.csv"

    return {
        name(2019): register(*good(2019)),
        name(2018): register(*broken(2018)),
        name(2017): "\n".join(good(2017)).encode("iso-8859-1"),  # no header: the first person stands in its place
        name(2016): register(*good(2016)).decode("iso-8859-1").replace("-Fam", "-Fäm").encode(),  # UTF-8
        name(2015): register(*good(2015)).replace(b"-Fam", b"\x00Fam"),
        name(2014): register(*good(2014)).replace(b"Vorname", b"Rufname"),
        name(2013): register(*good(2013)).replace(b"-Fam", b"\x80Fam"),  # cp1252
        name(2012): register(*good(2012)).replace(b";", b"\t"),
        name(2011): register(*unclosed(2011)),  # a quote that is never closed
        name(2009): register(*shifted(2009)),
        "Ausländer.csv": register(*good(2019)),  # a name that says no period
    }


def switched_on() -> str:
    """The city's file that switches them on."""
    own = f'municipality: "{MUNICIPALITY}", purpose: a test, legal_basis: none'
    return "\n".join(["fields:", *(f"  - {{name: {name}, {own}}}" for name in SWITCHED.values()), ""])


def switched(marker: str) -> tuple[str, bytes]:
    """File name and bytes of a delivery in which each of them is marked, in a row of its own."""
    header, first = f"{HEADER};{';'.join(SWITCHED)}", line(marker, 30, "31.12.2020")
    rows = [
        ";".join(
            [
                line(marker, 31 + n, "31.12.2020"),
                *(f"{marker}-{m}" if m == n else "" for m in range(5)),
            ]
        )
        for n in range(len(SWITCHED))
    ]
    text = "\n".join([header, f"{first};475;05978024;475;;", *rows, ""])
    return f"register_{MUNICIPALITY}_2020-12-31.csv", text.encode("iso-8859-1")


def found_in_tables(connection: Connection, marker: str) -> list[str]:
    """Tables and materialised views of every schema in which the marker stands, whatever its case, also as bytes."""
    tables = connection.execute(
        "select oid::regclass::text from pg_class where relkind in ('r', 'm', 'p') and relpersistence <> 't'"
    ).fetchall()
    wanted = [f"%{marker}%", f"%{marker.encode().hex()}%"]
    statement = "select 1 from {} as t where t::text ilike any(%s) limit 1"
    return [table for (table,) in tables if connection.execute(statement.format(table), [wanted]).fetchone()]


def found_in_files(folders: list[Path], marker: str) -> list[Path]:
    """Files below the folders in which the marker stands, whatever its case, also as UTF-16.

    A server replaces some of its files while they are read (`pg_internal.init`): then all are read anew, so that what
    was renamed in between is not overlooked.
    """
    wide = re.escape(marker.encode("utf-16-le"))
    pattern = re.compile(re.escape(marker.encode()) + b"|" + wide, re.IGNORECASE)
    for left in reversed(range(5)):
        files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
        try:
            return [file for file in files if pattern.search(file.read_bytes())]
        except FileNotFoundError:
            if not left:
                raise
    raise AssertionError("the last of the rounds returns or raises")


def holds_figure(text: str, figure: str) -> bool:
    """Whether a number stands in a text by itself, with a point or a comma and with or without separated thousands."""
    return _figure(figure).search(text) is not None


def files_with_figure(folder: Path, figure: str) -> list[Path]:
    """Files below a folder in which a number stands by itself; a workbook is searched part by part."""
    return [file for file in sorted(folder.rglob("*")) if file.is_file() and holds_figure(_text(file), figure)]


def _figure(figure: str) -> re.Pattern[str]:
    whole, _, decimals = figure.partition(".")
    groups = [whole[max(0, end - 3) : end] for end in range(len(whole), 0, -3)][::-1]
    number = "[.,  ]?".join(groups) + (f"[.,]{decimals}" if decimals else "")
    return re.compile(rf"(?<![\w.,-]){number}(?![\w]|[.,]\d)")


_NO_CELL = re.compile(r'<row r="\d+"|\$\d+|t="s"><v>\d+</v>')
"""Numbers of a workbook's markup that are no cell's: of rows, and of texts, which stand in a part of their own."""


def _text(file: Path) -> str:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as parts:
            return "\n".join(
                _NO_CELL.sub(" ", parts.read(name).decode("utf-8", "replace")) for name in parts.namelist()
            )
    return file.read_bytes().decode("utf-8", "replace")
