"""A server that restarts: what comes after it works at once, and what comes meanwhile waits and says so."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
import sqlalchemy
from psycopg.conninfo import make_conninfo

from expectations import gate
from ingest import contracts
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.local import airflow, postgres
from lagebild.warehouse import build
from lagebild.warehouse.migrate import migrate
from tests.conftest import own_folder
from tests.support import accept, make_models, query, step


@pytest.fixture
def server() -> Iterator[Settings]:
    with own_folder(f"lagebild-restart-{os.getpid()}") as settings:
        postgres.start(settings, durable=False)
        yield settings


def _restart(server: Settings) -> None:
    postgres.stop(server)
    postgres.start(server, durable=False)


def _as_own(server: Settings) -> Settings:
    return replace(server, warehouse_dsn=make_conninfo(**database.parameters(server)))


@pytest.mark.own_server
def test_a_connection_waits_for_a_server_that_restarts_and_airflows_pool_notices(server, capsys, monkeypatch):
    own = _as_own(server)
    engine = sqlalchemy.create_engine(
        airflow.environment(own)["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("lagebild_airflow", "lagebild"),
        pool_pre_ping=airflow.environment(own)["AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_PRE_PING"] == "True",
    )
    with engine.connect() as connection:  # it goes back into the pool, and dies there
        connection.execute(sqlalchemy.text("select 1"))
    postgres.stop(server)
    starts = threading.Thread(target=postgres.start, args=(server,), kwargs={"durable": False})
    starts.start()
    assert query(own, "select 1") == [(1,)]
    starts.join()
    assert "restarts: waiting" in capsys.readouterr().err
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("select 1")).scalar_one() == 1
    monkeypatch.setattr(database, "REFUSED_SECONDS", 0.3)
    postgres.stop(server)
    began = time.monotonic()
    with pytest.raises(UserError, match="(?s)no connection to the warehouse.*make up starts it"):
        query(server, "select 1")  # the embedded one is stopped: that is the answer
    assert "waiting" not in capsys.readouterr().err
    with pytest.raises(UserError, match="no connection to the warehouse"):
        query(own, "select 1")
    assert time.monotonic() - began >= database.REFUSED_SECONDS


@pytest.mark.nightly
@pytest.mark.long
@pytest.mark.own_server
def test_a_load_a_build_and_a_reader_work_at_once_after_a_restart_in_the_same_process(server):
    migrate(server)
    *first, last = contracts.sources()
    for source in first:
        accept(server, source)
    assert build.run(server) == 1
    _restart(server)
    assert query(server, "select count(*) > 0 from marts.cost_per_person", role=database.BI_READER) == [(True,)]
    _restart(server)
    assert accept(server, last).state == "accepted"
    _restart(server)
    build_id = build.begin(server)
    make_models(server, build_id, "cost_per_person")
    _restart(server)
    step(server, build.make, server, build_id)
    _restart(server)
    assert step(server, gate.check_marts, build_id)
    with psycopg.connect(**database.parameters(server)) as connection:
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")
    assert query(server, "select count(*) > 0 from marts.cost_per_person", role=database.BI_READER) == [(True,)]
