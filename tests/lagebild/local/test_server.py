"""What is told of the warehouse's server, and which readers' sessions are ended."""

import contextlib
import re
from collections.abc import Iterator
from datetime import date
from types import SimpleNamespace

import psycopg
import pytest
from psycopg import sql

from lagebild.core import alerts, database, yaml_files
from lagebild.core.settings import Settings
from lagebild.local import server, status
from lagebild.warehouse import server_version, sessions
from tests.support import query

TODAY = date(2026, 11, 30)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (180006, "PostgreSQL 18.6 lacks published fixes.*a version after 18.6 is needed.*2026-11-13, derived: Debian"),
        (180007, None),
        (170011, "17.12 is needed.*stated"),
        (170012, None),
        (160015, "a version after 16.15 is needed"),
        (150020, "PostgreSQL 15 is too old for a build: 16 or newer"),
        (190000, "of PostgreSQL 19 no version is known"),
    ],
)
def test_a_version_is_held_against_the_list(number, says):
    found = "\n".join(server_version.known(number, TODAY))
    assert found == "" if says is None else re.search(says, found)


def test_an_old_list_says_so():
    assert server_version.known(180007, date(2027, 5, 30)) == [
        "server_versions.yml was looked up on 2026-11-30: update Lagebild, and see whether your server is new"
    ]


def test_every_entry_of_the_list_has_its_source_and_day():
    listed = yaml_files.read(server_version.LIST)
    majors = [entry["major"] for entry in listed["versions"]]
    assert majors == sorted(set(majors), reverse=True)
    for entry in listed["versions"]:
        assert entry.keys() - {"has"} == {"major", "lacks", "evidence", "known_on", "source"}
        assert entry["known_on"] <= listed["looked_on"]
        assert entry["evidence"] == ("stated" if "has" in entry else "derived")
        assert entry.get("has", entry["lacks"] + 1) > entry["lacks"]


class Told:
    """A channel that keeps what it is sent, or cannot send."""

    name, is_away = "told", False

    def __init__(self):
        self.texts = []

    def send(self, message):
        if self.is_away:
            raise alerts.NotSent("it is away")
        self.texts.append(message.text)


def test_what_the_server_lacks_is_told_once_by_each_channel_and_again_when_it_comes_back(warehouse, monkeypatch):
    lines = ["PostgreSQL 1.1 lacks published fixes: 1.2", "little room for database (/x): 3.1 GB free"]
    monkeypatch.setattr(server, "lacking", lambda settings: lines)
    told = Told()
    told.is_away = True
    with pytest.raises(alerts.NotSent):
        server.look_after(warehouse, [told])
    told.is_away = False
    assert server.look_after(warehouse, [told]) == lines
    assert told.texts == ["\n".join(lines)]
    lines[1] = "little room for database (/x): 2.9 GB free"  # the same, a little later
    server.look_after(warehouse, [told])
    assert len(told.texts) == 1
    back = lines.pop()
    server.look_after(warehouse, [told])
    lines.append(back)
    server.look_after(warehouse, [told])
    assert told.texts[1:] == [back]


def test_status_and_daily_look_say_the_same_of_the_version(warehouse, monkeypatch):
    monkeypatch.setattr(server_version, "findings", lambda connection: ["PostgreSQL 1.1 lacks published fixes"])
    assert "server:         PostgreSQL 1.1 lacks published fixes" in status.lines(warehouse)
    assert "PostgreSQL 1.1 lacks published fixes" in server.lacking(warehouse)


# --- sessions --------------------------------------------------------------------------------------------------------


@pytest.fixture
def person(warehouse: Settings) -> Iterator[Settings]:
    """A login of a person's own, a member of `bi_reader` without its limits."""
    name = f"person_{database.parameters(warehouse)['dbname']}"
    with database.connect(warehouse, autocommit=True) as connection:
        connection.execute(sql.SQL("create role {} login password 'x' in role bi_reader").format(sql.Identifier(name)))
        connection.execute(
            sql.SQL("grant connect on database {} to {}").format(
                sql.Identifier(connection.info.dbname), sql.Identifier(name)
            )
        )
    yield SimpleNamespace(**database.parameters(warehouse) | {"user": name, "password": "x"})
    with database.connect(warehouse, autocommit=True) as connection:
        connection.execute(sql.SQL("drop owned by {0}; drop role {0}").format(sql.Identifier(name)))


def test_sessions_of_readers_far_beyond_their_limits_are_ended_and_no_others(warehouse, person):
    with contextlib.ExitStack() as open_sessions:

        def session(**parameters) -> psycopg.Connection:
            connection = open_sessions.enter_context(
                contextlib.closing(psycopg.connect(**database.parameters(warehouse) | parameters, autocommit=True))
            )
            connection.execute("set statement_timeout = 0")  # as every role may
            return connection

        def as_role(role: str) -> dict:
            return {"user": role, "password": warehouse.secret(role)}

        reader, office, builder = (session(**as_role(role)) for role in (*database.READERS, database.BUILDER))
        member, admin = session(**vars(person)), session()
        reader.pgconn.send_query(b"select pg_sleep(600)")
        for connection in (office, builder, admin):
            connection.execute("begin")
        with database.connect(warehouse, autocommit=True) as watch:
            for _ in range(100):  # until the server has begun with it
                sleeping = "datname = current_database() and query like 'select pg_sleep%' and state = 'active'"
                if watch.execute(f"select count(*) from pg_stat_activity where {sleeping}").fetchone() == (1,):
                    break
            assert sessions.end_overlong(watch) == []  # all of them are young
            ended = sessions.end_overlong(watch, statement=0, transaction=0, idle=0)
        pids = {"bi_reader": reader, "statistics_office": office, person.user: member}
        assert len(ended) == len(pids)
        for user, connection in pids.items():
            (line,) = [line for line in ended if f"session {connection.info.backend_pid} of {user} was ended" in line]
            assert "pg_sleep" not in line
        assert any("a statement of 1 minutes" in line for line in ended)
        assert any("transaction" in line for line in ended)
        for connection in (office, member):
            with pytest.raises(psycopg.OperationalError):
                connection.execute("select 1")
        for connection in (builder, admin):
            assert connection.execute("select 1").fetchone() == (1,)
    assert query(warehouse, "select 1", role=database.BI_READER) == [(1,)]
