"""Connections that serve again: each use as if it were new, and none left behind."""

import pytest

from lagebild.core import database
from lagebild.core.database import LOADER
from tests.support import query


def session(connection) -> int:
    return connection.info.backend_pid


def test_within_the_block_a_loaders_connection_serves_again_as_new(warehouse):
    with database.reused():
        with database.connect(warehouse, LOADER, autocommit=True) as connection:
            first = session(connection)
            connection.execute("set statement_timeout = 1")
            connection.execute("select pg_advisory_lock(1, 2)")
        locked = "select count(*) from pg_locks where pid = %s and locktype = 'advisory'"
        assert query(warehouse, locked, first) == [(0,)], "a lock ends with its use, not with the next one"
        with database.connect(warehouse, LOADER) as connection, database.connect(warehouse, LOADER) as other:
            assert session(connection) == first != session(other)
            assert not connection.autocommit and connection.execute("show statement_timeout").fetchone() == ("0",)
            connection.execute("create temporary table mine as select 1 as one")
            for _ in range(10):
                connection.execute("select %s::int", [1])
        with database.reused(), database.connect(warehouse, LOADER) as again:  # within itself it changes nothing
            assert session(again) in (first, session(other))
            assert again.execute("select to_regclass('pg_temp.mine')").fetchone() == (None,)
            for number in range(10):
                assert again.execute("select %s::int", [number]).fetchone() == (number,)
        with database.connect(warehouse) as admin:
            assert session(admin) != first
    assert connection.closed and other.closed and again.closed
    with database.connect(warehouse, LOADER) as connection:
        assert session(connection) != first


def test_what_raised_is_undone_and_gets_another_connection_and_so_does_one_that_was_ended(warehouse):
    with database.reused():
        with pytest.raises(ZeroDivisionError), database.connect(warehouse, LOADER) as connection:
            first = session(connection)
            connection.execute("create temporary table half as select 1 as one")
            raise ZeroDivisionError
        assert connection.closed
        with database.connect(warehouse, LOADER) as connection:
            second = session(connection)
        assert second != first
        assert query(warehouse, "select pg_terminate_backend(%s, 5000)", second) == [(True,)]
        with database.connect(warehouse, LOADER) as connection:
            assert session(connection) != second and connection.execute("select 1").fetchone() == (1,)
