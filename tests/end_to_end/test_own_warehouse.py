"""One's own files in one's own PostgreSQL, through the real scheduler: nothing bundled gets in."""

import json
from dataclasses import replace

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from ingest.deliveries import pseudonyms
from lagebild.core import database, embedded
from lagebild.local import airflow, postgres
from tests import canary
from tests.conftest import settings_in
from tests.end_to_end.conftest import lagebild, pause
from tests.receiver import receiver
from tests.support import MUNICIPALITY, PURPOSE, bundled_bytes, drop, query

BROKEN_YEARS = (2018, 2014, 2009)  # rows that break rules, another header, columns that stand shifted


@pytest.fixture
def catalogue():
    """A service that takes OpenLineage events."""
    with receiver() as server:
        yield server


@pytest.mark.nightly
def test_own_files_in_a_postgresql_of_ones_own(city, catalogue, tmp_path):
    city = replace(city, lineage_file=city.home / "lineage.jsonl", lineage_endpoint=catalogue.url)
    empty = lagebild(city, "run")
    assert empty.returncode == 0 and "nothing new" in empty.stdout, empty.stdout
    assert query(city, "select count(*) from raw.delivery") == [(0,)]

    pause(city, "receive_files")  # it would take what is dropped below, once in five minutes, before the next run does
    header, _, rest = bundled_bytes("eu2_series").partition(b"\n")
    drop(city, "eu2_series", header.replace(b"EU2", b"EU-2", 1) + b"\n" + rest)
    drop(city, "employment")
    marker = canary.new_marker()
    marked = canary.deliveries(marker)
    pseudonyms.ensure_key(city.keys, MUNICIPALITY, PURPOSE)
    for year in (2019, *BROKEN_YEARS):
        name = f"register_{MUNICIPALITY}_{year}-12-31.csv"
        drop(city, "register", marked[name], name)
    ran = lagebild(city, "run")
    assert ran.returncode == 0, ran.stdout
    assert "refused" in ran.stdout and "eu2_series_2007-2019.csv: line 1" in ran.stdout, ran.stdout
    assert query(city, "select source, state from raw.delivery where source <> 'register' order by source") == [
        ("employment", "accepted"),
        ("eu2_series", "refused"),
    ]
    register = dict(query(city, "select right(period, 10), state from raw.delivery where source = 'register'"))
    assert register["2019-12-31"] == "accepted" and register["2014-12-31"] == "refused", register
    assert len(register) == 1 + len(BROKEN_YEARS)
    # nobody was asked yet, and nothing has left the house
    assert query(city, "select count(*) from published.publication") == [(0,)]
    assert "waits for approval" in ran.stdout and not list(city.extracts.glob("publication-*"))
    published = lagebild(city, "publish")
    assert published.returncode == 0 and "publication 1 is in force" in published.stdout, published.stdout
    assert query(city, "select count(*) from published.publication") == [(1,)]
    assert query(city, "select count(*) from marts.cost_per_person", role=database.BI_READER) == [(0,)]

    drop(city, "eu2_series")
    repaired = lagebild(city, "run")
    assert repaired.returncode == 0 and "waits for approval" in repaired.stdout, repaired.stdout
    published = lagebild(city, "publish")
    assert published.returncode == 0 and "publication 2 is in force" in published.stdout, published.stdout
    germany = "select eu2_persons from marts.eu2_population where region_code = '00' and reference_date = '2019-12-31'"
    found = query(city, germany)
    assert found == [(1108393,)]

    mixed = lagebild(city, "run", LAGEBILD_DEMO="1")
    assert mixed.returncode == 1 and "would mix" in mixed.stdout, mixed.stdout
    assert query(city, "select count(*) from raw.delivery where state = 'accepted' and source <> 'register'") == [(2,)]

    assert marker.lower() not in ran.stdout.lower() and marker.lower() not in repaired.stdout.lower()
    server = settings_in(tmp_path / "server")
    # As superusers: neither the city nor Airflow may read everything.
    warehouse = database.parameters(server) | {"dbname": "integration"}
    airflows = conninfo_to_dict(postgres.airflow_dsn(city))["dbname"]
    metadata = database.parameters(server) | {"dbname": airflows}
    with psycopg.connect(**warehouse, autocommit=True) as connection:
        assert [table for text in (marker, *canary.BIRTH) for table in canary.found_in_tables(connection, text)] == []
        connection.execute("checkpoint")
    with psycopg.connect(**metadata, autocommit=True) as connection:
        assert connection.execute("select count(*) > 0 from xcom").fetchone() == (True,)
        assert "dag_run" in canary.found_in_tables(connection, "ingest_files")  # the search finds what is there
        assert canary.found_in_tables(connection, marker) == []
        connection.execute("checkpoint")
    logs = airflow.home(city) / "logs"
    assert any("dag_id=ingest_files" in str(file) for file in canary.found_in_files([logs], MUNICIPALITY))
    places = [city.home, server.home, embedded.locate(server, create=False).folder]
    found = [file for file in canary.found_in_files(places, marker) if city.landing not in file.parents]
    assert found == []  # no log, result of an expectation, target of dbt or file of the server
    assert len(canary.found_in_files([city.landing], marker)) == len(register)

    # What left for the catalogue: tasks, the runs of dbt within them, tables; no row, no name of a file.
    events = [json.loads(body) for _, body in catalogue.got]
    ended = {event["job"]["name"]: event for event in events if event["eventType"] in ("COMPLETE", "FAIL")}
    assert {"ingest_files", "ingest_files.ingest", "build_warehouse", "build_warehouse.transform"} <= ended.keys()
    assert ended["ingest_files.ingest"]["run"]["facets"]["parent"]["job"]["name"] == "ingest_files"
    tasks = {event["run"]["runId"] for event in events if event["job"]["name"] == "build_warehouse.transform"}
    assert ended["dbt_build"]["run"]["facets"]["parent"]["run"]["runId"] in tasks
    assert any(table["name"].endswith(".build.stg_register__person") for event in events for table in event["outputs"])
    said = b"".join(body for _, body in catalogue.got).lower()
    for kept_back in (marker, *canary.BIRTH, "register_0", "errormessage", "rowcount", '"sql"'):
        assert kept_back.lower().encode() not in said, kept_back
    assert len((city.home / "lineage.jsonl").read_text().splitlines()) == len(events)
