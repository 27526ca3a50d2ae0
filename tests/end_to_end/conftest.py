"""What the tests with a real scheduler share: stacks of their own, a city with its own server, the command line."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lagebild.core import database
from lagebild.core import settings as settings_module
from lagebild.core.settings import Settings
from lagebild.local import airflow, postgres
from tests.conftest import remove_state, settings_in

PASSWORD = "of-the-city"
OWN = {"publishers": {"": "Stadt Dortmund"}, "licences": {"": "DL-DE-BY-2.0"}}


@pytest.fixture
def newcomer(tmp_path_factory: pytest.TempPathFactory):
    """Settings of a newcomer's stack, stopped at the end whatever happened."""
    # As root, PostgreSQL's user cannot reach this folder, so that this also walks the way over /var/lib.
    settings = settings_module.load({"LAGEBILD_HOME": str(tmp_path_factory.mktemp("newcomer") / "state")})
    yield settings
    lagebild(settings, "down")
    remove_state(settings)


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory):
    """Settings of a stack to practise in with files of one's own, stopped at the end whatever happened."""
    settings = replace(settings_in(tmp_path_factory.mktemp("own")), demo=False, practice=True, **OWN)
    yield settings
    lagebild(settings, "down")
    remove_state(settings)


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
    settings = replace(settings_in(tmp_path / "state"), warehouse_dsn=dsn, demo=False, **OWN)
    yield settings
    lagebild(settings, "down")
    remove_state(settings)
    remove_state(server)


def lagebild(settings: Settings, *arguments: str, **changed: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAGEBILD_")}
    program = Path(sys.executable).with_name("lagebild")
    return subprocess.run(
        [program, *arguments],
        env=environment | settings.variables() | changed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )


def pause(settings: Settings, dag_id: str) -> None:
    """Switch a DAG off, as soon as Airflow has read it."""
    deadline = time.monotonic() + 120
    while dag_id not in airflow.client(settings).dags() and time.monotonic() < deadline:
        time.sleep(1)
    airflow.client(settings)._call("PATCH", f"dags/{dag_id}", json={"is_paused": True})
