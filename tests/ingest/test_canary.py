"""Marked identifiers go through the whole house and are found nowhere but in the landing zone.

They stand in every personal column of good and broken deliveries, which are loaded, checked, built, published and
extracted by the command line. Then every table, the server's files, logs and write-ahead log, the state folder and
all that was printed are searched.
"""

import re
import uuid
from pathlib import Path

import pytest

from ingest import contracts, ledger, privacy
from ingest.readers import read
from lagebild import database
from lagebild.stack import postgres
from tests.ingest.support import HEADER, lagebild, register
from tests.support import MUNICIPALITY, PURPOSE, accept, bundled_bytes, drop, query

OTHER = "05911000"
PERSONAL = ("Ordnungsmerkmal", "AZR-Nummer", "IdNr", "Familienname", "Vorname", "Geburtsdatum")
BIRTH = ("29.02.1904", "1904-02-29")  # in the file, and as PostgreSQL would show it
TITLES = HEADER.split(";")
LISTS = ("esf_bayern", "esf_berlin", "esf_hessen", "esf_sachsen", "foerderkatalog")


@pytest.fixture
def marker() -> str:
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
        "Ausländer.csv": register(*good(2019)),  # a name that says no period
    }


def marked_list(source: str, marker: str) -> bytes:
    """The bundled list of operations or grants with a marked name and text in its personal columns."""
    return bundled_bytes(source).replace(b"SYNTHETISCH", marker.encode()).replace(b"Beispieltext", marker.encode())


def found_in_tables(settings, marker: str) -> list[str]:
    """Tables and materialised views of every schema in which the marker stands, whatever its case."""
    tables = query(
        settings, "select oid::regclass::text from pg_class where relkind in ('r', 'm', 'p') and relpersistence <> 't'"
    )
    with database.connect(settings) as connection:
        return [
            table
            for (table,) in tables
            if connection.execute(
                f"select 1 from {table} as t where t::text ilike %s limit 1", [f"%{marker}%"]
            ).fetchone()
        ]


def found_in_files(folders: list[Path], marker: str) -> list[Path]:
    """Files below the folders in which the marker stands, whatever its case, also as UTF-16."""
    wide = re.escape(marker.encode("utf-16-le"))
    pattern = re.compile(re.escape(marker.encode()) + b"|" + wide, re.IGNORECASE)
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return [file for file in files if pattern.search(file.read_bytes())]


def server_files(cluster, settings) -> list[Path]:
    """Folders of the server in which rows of this database, their changes, spilled sorts and messages may lie."""
    place = postgres.locate(cluster, create=False)
    ((number, _),) = query(
        settings, "select oid::text, pg_switch_wal()::text from pg_database where datname = current_database()"
    )
    with database.connect(settings, autocommit=True) as connection:
        connection.execute("checkpoint")
    folders = [place.data / "base" / number, place.data / "base" / "pgsql_tmp", place.data / "pg_wal"]
    return [*folders, place.data / "global", place.log_folder]


def test_marked_identifiers_are_found_nowhere_but_in_the_landing_zone(cluster, warehouse, tmp_path, marker):
    told = []

    def run(*arguments: str, code: int | None = 0) -> None:
        result = lagebild(warehouse, *arguments, home=tmp_path / "user")
        told.append(f"{result.stdout}\n{result.stderr}")
        assert code is None or result.returncode == code, told[-1]

    (tmp_path / "user").mkdir()
    privacy.ensure_key(warehouse, MUNICIPALITY, PURPOSE)
    for file_name, content in deliveries(marker).items():
        drop(warehouse, "register", content, file_name)
    run("load", "register", code=1)  # some are refused
    run("held")
    # A municipality without a key, and a database that refuses rows in the midst of a load.
    left = drop(
        warehouse, "register", register(line(marker, 1, "31.12.2019", OTHER)), f"register_{OTHER}_2019-12-31.csv"
    )
    run("load", "register", code=1)
    left.unlink()
    with database.connect(warehouse) as connection:
        connection.execute(
            "alter table raw.register__person add constraint refuses check (reference_date > '2011-01-01') not valid"
        )
    left = drop(
        warehouse, "register", register(line(marker, 1, "31.12.2010")), f"register_{MUNICIPALITY}_2010-12-31.csv"
    )
    run("load", "register", code=1)
    left.unlink()
    for source in ("employment", "structure_tables"):
        accept(warehouse, source)
    for source in LISTS:
        accept(warehouse, source, marked_list(source, marker))
    states = {delivery.period: delivery for delivery in ledger.deliveries(warehouse, "register")}
    assert states[f"{MUNICIPALITY}_2019-12-31"].state == "accepted", states
    assert states[f"{MUNICIPALITY}_2018-12-31"].rejected > 4
    assert {delivery.state for delivery in states.values()} >= {"accepted", "refused"}
    run("build")
    run("extract")
    run("deliveries", "--format", "json")
    run("keys", "rotate", "--municipality", MUNICIPALITY, "--purpose", PURPOSE)
    run("retention")

    assert [text for text in told if marker.lower() in text.lower()] == []
    assert [table for text in (marker, *BIRTH) for table in found_in_tables(warehouse, text)] == []
    own = [warehouse.home, warehouse.extracts, warehouse.keys, warehouse.drop, tmp_path / "user"]
    folders = server_files(cluster, warehouse)
    assert found_in_files([*own, *folders], marker) == []
    # In the landing zone they may be, and are: all that was marked went through.
    landed = found_in_files([warehouse.landing], marker)
    assert len(landed) == len(deliveries(marker)) + 2 + len(LISTS)

    # The search finds what is there: a rejected row with a marker is seen in its table, in data files, and in the log.
    with database.connect(warehouse) as connection:
        connection.execute(
            "insert into raw.rejected_row select min(delivery_id), 1, to_jsonb(%s::text), null from raw.delivery",
            [marker],
        )
    assert found_in_tables(warehouse, marker) == ["raw.rejected_row"]
    with pytest.raises(Exception, match="division by zero"):
        query(warehouse, f"select 1 / 0 as {marker}")
    kinds = {file.parent.name for file in found_in_files(server_files(cluster, warehouse), marker)}
    assert {folders[0].name, "pg_wal", "log"} <= kinds


def test_every_personal_column_of_every_source_is_marked(marker):
    every = [contracts.load(source) for source in contracts.sources()]
    personal = {c.source: [n for n, field in enumerate(c.fields) if field.is_personal] for c in every}
    personal = {source: columns for source, columns in personal.items() if columns}
    # Bremen's list is a workbook, an archive with checksums: its texts cannot be marked in place.
    assert set(personal) == {"register", "esf_bremen", *LISTS}
    assert {contracts.load("register").fields[n].title for n in personal["register"]} == set(PERSONAL)
    for source in LISTS:
        rows = [row for _, row in read(contracts.load(source), marked_list(source, marker)).rows]
        assert all(any(marker in row[n] for row in rows) for n in personal[source]), source
