"""Marked identifiers go through the whole house and are found nowhere but in the landing zone.

They stand in every personal column of good and broken deliveries, which are loaded, checked, built, published and
extracted by the command line: where libraries work with rows for the first time in processes of their own, with a home
of their own, else in this one. Then every table, the server's files, logs and write-ahead log, the state folder and all
that was printed are searched.
"""

import re
import sys
from pathlib import Path

import pytest

from ingest import contracts
from ingest.deliveries import delivery_ledger, pseudonyms
from ingest.inbox import inbox
from ingest.reading.readers import read
from lagebild.cli import main
from lagebild.core import database, embedded
from lagebild.core import settings as settings_module
from tests import canary
from tests.canary import BIRTH, PERSONAL, SWITCHED, TITLES, deliveries, found_in_files, line
from tests.ingest.support import lagebild, register
from tests.support import MUNICIPALITY, PURPOSE, accept, bundled_bytes, drop, query

OTHER = "05911000"
LISTS = ("esf_bayern", "esf_berlin", "esf_hessen", "esf_sachsen", "foerderkatalog", "mikrozensus_microdata",
         "pupil_list")  # fmt: skip


@pytest.fixture
def marker() -> str:
    return canary.new_marker()


def marked_list(source: str, marker: str) -> bytes:
    """The bundled list of operations, grants or persons of a survey with a mark in each of its personal columns."""
    if source == "mikrozensus_microdata":
        return re.sub(
            rb";(A\d{5});(\d+);", rb";\1%(mark)b;\2%(mark)b;" % {b"mark": marker.encode()}, bundled_bytes(source)
        )
    if source == "pupil_list":  # with the columns that it should not have, and a birth date that is none
        rows = [row.split(b";") for row in bundled_bytes(source).replace(b"SYNKIND", marker.encode()).splitlines()]
        rows[1][4] = marker.encode()
        names = [[b"Familienname", b"Vorname"], *[[marker.encode()] * 2] * (len(rows) - 1)]
        return b"\r\n".join(b";".join([*row[:4], *two, *row[4:]]) for row, two in zip(rows, names, strict=True))
    return bundled_bytes(source).replace(b"SYNTHETISCH", marker.encode()).replace(b"Beispieltext", marker.encode())


def in_tables(settings, marker: str) -> list[str]:
    with database.connect(settings) as connection:
        return canary.found_in_tables(connection, marker)


def server_files(cluster, settings) -> list[Path]:
    """Folders of the server in which rows of this database, their changes, spilled sorts and messages may lie."""
    place = embedded.locate(cluster, create=False)
    ((number, _),) = query(
        settings, "select oid::text, pg_switch_wal()::text from pg_database where datname = current_database()"
    )
    with database.connect(settings, autocommit=True) as connection:
        connection.execute("checkpoint")
    folders = [place.data / "base" / number, place.data / "base" / "pgsql_tmp", place.data / "pg_wal"]
    return [*folders, place.data / "global", place.log_folder]


@pytest.fixture
def here(warehouse, monkeypatch, capfd, caplog):
    """Run the command line in this process: its exit code, and all that it said in any way."""
    monkeypatch.setattr(settings_module, "load", lambda: warehouse)

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["lagebild", *arguments])
        code = main.run([*arguments])
        said = "\n".join([*capfd.readouterr(), caplog.text])
        caplog.clear()
        return code, said

    return call


@pytest.mark.long
def test_marked_identifiers_are_found_nowhere_but_in_the_landing_zone(cluster, warehouse, tmp_path, marker, here):
    told = []

    def run(*arguments: str, code: int = 0, apart: bool = False) -> None:
        if apart:
            result = lagebild(warehouse, *arguments, home=tmp_path / "user")
            ended, said = result.returncode, f"{result.stdout}\n{result.stderr}"
        else:
            ended, said = here(*arguments)
        told.append(said)
        assert ended == code, said

    (tmp_path / "user").mkdir()
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    own = warehouse.config / "contracts" / "register.yml"
    own.parent.mkdir(parents=True)
    own.write_text(canary.switched_on())
    for file_name, content in [*deliveries(marker).items(), canary.switched(marker)]:
        drop(warehouse, "register", content, file_name)
    run("load", "register", code=1, apart=True)  # some are refused
    misnamed = [entry.path for entry, _ in inbox.look(warehouse, notifies=True).unknown]
    assert misnamed == ["register/Ausländer.csv"]
    (warehouse.drop / misnamed[0]).unlink()  # nobody took it, and its sender took it away again
    run("held")
    # A municipality without a key, and a database that refuses rows in the midst of a load.
    drop(warehouse, "register", register(line(marker, 1, "31.12.2019", OTHER)), f"register_{OTHER}_2019-12-31.csv")
    run("load", "register", code=1)
    inbox.local_files(warehouse)["register"][0].unlink()
    with database.connect(warehouse) as connection:
        connection.execute(
            "alter table raw.register__person add constraint refuses check (reference_date > '2011-01-01') not valid"
        )
    drop(warehouse, "register", register(line(marker, 1, "31.12.2010")), f"register_{MUNICIPALITY}_2010-12-31.csv")
    run("load", "register", code=1)
    inbox.local_files(warehouse)["register"][0].unlink()
    for source in ("employment", "structure_tables"):
        accept(warehouse, source)
    for source in LISTS:
        accept(warehouse, source, marked_list(source, marker))
    states = {delivery.period: delivery for delivery in delivery_ledger.deliveries(warehouse, "register")}
    assert states[f"{MUNICIPALITY}_2019-12-31"].state == "accepted", states
    assert states[f"{MUNICIPALITY}_2018-12-31"].rejected > 4
    assert states[f"{MUNICIPALITY}_2009-12-31"].rejected > 2 * len(TITLES) - len(PERSONAL)
    wide = states[f"{MUNICIPALITY}_2020-12-31"]
    assert (wide.loaded, wide.rejected) == (1, len(SWITCHED))
    assert {delivery.state for delivery in states.values()} >= {"accepted", "refused"}
    run("build", apart=True)
    run("extract", "--publisher", "Stadt Dortmund", "--licence", "DL-DE-BY-2.0")
    run("deliveries", "--format", "json")
    run("keys", "rotate", "--municipality", MUNICIPALITY, "--purpose", PURPOSE)
    run("retention")

    assert all(said.strip() for said in told), told
    assert [text for text in told if marker.lower() in text.lower()] == []
    assert [table for text in (marker, *BIRTH) for table in in_tables(warehouse, text)] == []
    own = [warehouse.home, warehouse.extracts, warehouse.keys, warehouse.drop, tmp_path / "user"]
    folders = server_files(cluster, warehouse)
    assert found_in_files([*own, *folders], marker) == []
    # In the landing zone they may be, and are: all that was marked went through.
    landed = found_in_files([warehouse.landing], marker)
    assert len(landed) == len(deliveries(marker)) + 1 - len(misnamed) + 2 + len(LISTS)

    # The search finds what is there: a rejected row with a marker is seen in its table, in data files, and in the log.
    with database.connect(warehouse) as connection:
        connection.execute(
            "insert into raw.rejected_row select min(delivery_id), 1, to_jsonb(%s::text), null from raw.delivery",
            [marker],
        )
    assert in_tables(warehouse, marker) == ["raw.rejected_row"]
    with pytest.raises(Exception, match="division by zero"):
        query(warehouse, f"select 1 / 0 as {marker}")
    kinds = {file.parent.name for file in found_in_files(server_files(cluster, warehouse), marker)}
    assert {folders[0].name, "pg_wal", "log"} <= kinds


def test_every_personal_column_of_every_source_is_marked(marker):
    every = [contracts.load(source) for source in contracts.sources()]
    personal = {c.source: [n for n, field in enumerate(c.fields) if field.is_personal] for c in every}
    personal = {source: columns for source, columns in personal.items() if columns}
    # Two lists are workbooks, archives with checksums: their texts cannot be marked in place.
    assert set(personal) == {"register", "esf_bremen", "esf_nrw", *LISTS}
    assert {contracts.load("register").fields[n].title for n in personal["register"]} == {*PERSONAL, *SWITCHED}
    for source in LISTS:
        rows = [row for _, row in read(contracts.load(source), marked_list(source, marker)).rows]
        assert all(any(marker in row[n] for row in rows) for n in personal[source]), source
