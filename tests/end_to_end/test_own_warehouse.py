"""One's own files in one's own PostgreSQL, through the real scheduler: nothing bundled gets in."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lagebild import database
from lagebild.settings import Settings
from lagebild.stack import airflow, postgres
from tests.conftest import remove_state, settings_in
from tests.support import bundled_bytes, drop, query

PASSWORD = "of-the-city"


@pytest.fixture
def city(tmp_path: Path):
    """Settings that lead to a server of the city, as a database owner who is no superuser."""
    server = settings_in(tmp_path / "server")
    postgres.start(server, durable=False)
    with psycopg.connect(**database.parameters(server), autocommit=True) as connection:
        connection.execute(
            sql.SQL("create role city login createrole createdb password {}").format(sql.Literal(PASSWORD))
        )
        connection.execute("create database integration owner city")
    dsn = make_conninfo(
        **(database.parameters(server) | {"user": "city", "password": PASSWORD, "dbname": "integration"})
    )
    settings = replace(settings_in(tmp_path / "state"), warehouse_dsn=dsn, demo=False)
    yield settings
    lagebild(settings, "down")
    remove_state(settings)
    remove_state(server)


def lagebild(settings: Settings, *arguments: str, **changed: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAGEBILD_")}
    program = Path(sys.executable).with_name("lagebild")
    return subprocess.run(
        [program, *arguments],
        env=environment | airflow.variables(settings) | changed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )


def test_own_files_in_a_postgresql_of_ones_own(city):
    empty = lagebild(city, "run")
    assert empty.returncode == 0 and "nothing new" in empty.stdout, empty.stdout
    assert query(city, "select count(*) from raw.delivery") == [(0,)]

    header, _, rest = bundled_bytes("eu2_series").partition(b"\n")
    drop(city, "eu2_series", header.replace(b"EU2", b"EU-2", 1) + b"\n" + rest)
    drop(city, "employment")
    ran = lagebild(city, "run")
    assert ran.returncode == 0, ran.stdout
    assert "refused" in ran.stdout and "eu2_series_2007-2019.csv: line 1" in ran.stdout, ran.stdout
    assert query(city, "select source, state from raw.delivery order by source") == [
        ("employment", "accepted"),
        ("eu2_series", "refused"),
    ]
    assert query(city, "select count(*) from published.publication") == [(1,)]
    assert query(city, "select count(*) from marts.cost_per_person", role=database.BI_READER) == [(0,)]

    drop(city, "eu2_series")
    repaired = lagebild(city, "run")
    assert repaired.returncode == 0, repaired.stdout
    found = query(city, "select eu2_persons from marts.eu2_population where reference_date = '2019-12-31'")
    assert found == [(1108393,)]

    mixed = lagebild(city, "run", LAGEBILD_DEMO="1")
    assert mixed.returncode == 1 and "would mix" in mixed.stdout, mixed.stdout
    assert query(city, "select count(*) from raw.delivery where state = 'accepted'") == [(2,)]
