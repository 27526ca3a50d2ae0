"""Two warehouses on one server, a user without rights, and what a server's log holds of passwords."""

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lagebild.core import database, embedded
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.local import postgres
from lagebild.warehouse import roles
from lagebild.warehouse.migrate import migrate
from tests.conftest import own_folder


@pytest.fixture(scope="module")
def server() -> Iterator[Settings]:
    """A server whose log says every statement, with the warehouse that was there first. Roles are all its own."""
    with own_folder(f"lagebild-roles-{uuid.uuid4().hex[:8]}") as settings:
        postgres.start(settings, durable=False)
        with database.connect(settings, autocommit=True) as connection:
            connection.execute("alter system set log_statement = 'all'")
            connection.execute("select pg_reload_conf()")
        _as_own_server(settings, "city", "createrole createdb")
        yield settings


def _as_own_server(settings: Settings, owner: str, rights: str = "", password: str = "of-the-owner") -> Settings:
    """A database of a new owner on this server, and settings that lead to it as to a server of one's own."""
    with database.connect(settings, autocommit=True) as connection:
        kept = database.verifier(connection, owner, password)
        connection.execute(
            sql.SQL("create role {} login {} password {}").format(
                sql.Identifier(owner), sql.SQL(rights), sql.Literal(kept)
            )
        )
        connection.execute(sql.SQL("create database {0} owner {0}").format(sql.Identifier(owner)))
    dsn = database.parameters(settings) | {"user": owner, "dbname": owner, "password": password}
    home = settings.home / owner
    return replace(settings, home=home, secrets=home / "secrets", warehouse_dsn=make_conninfo(**dsn))


def _opens(settings: Settings, of: Settings, role: str) -> bool:
    """Whether the password that a warehouse has of a role opens another warehouse."""
    own = database.parameters(of) | {"user": role, "password": settings.secret(role)}
    try:
        psycopg.connect(**own).close()
        return True
    except psycopg.OperationalError as error:
        assert "password authentication failed" in str(error)
        return False


@pytest.mark.nightly
@pytest.mark.own_server
def test_a_second_warehouse_takes_no_role_of_the_first(server):
    first = _as_own_server(server, "production", "createrole")
    test = _as_own_server(server, "test_system", "superuser")
    migrate(first)
    with pytest.raises(UserError, match="role bi_reader of this server belongs to database production") as refused:
        migrate(test)
    assert f"copy the files {', '.join(database.ROLES)}" in refused.value.remedy
    for role in database.ROLES:
        assert not _opens(test, first, role), f"a test system's password opens production as {role}"
        assert _opens(first, first, role), f"production's own {role} was locked out"
    # The same people's second database knows the passwords, and is welcome; the first one stays as it was.
    for role in database.ROLES:
        shutil.copy(first.secrets / role, test.secrets / role)
    assert migrate(test)
    assert migrate(first) == []
    # A warehouse that is alone with its roles may set them anew (its secrets were lost, or came from a backup).
    with database.connect(server, autocommit=True) as connection:
        connection.execute("drop database test_system")
    shutil.rmtree(first.secrets)
    migrate(first)
    assert all(_opens(first, first, role) for role in database.ROLES)


@pytest.mark.nightly
@pytest.mark.own_server
def test_a_user_who_may_make_no_role_gets_the_sql_for_whoever_may(server):
    with database.connect(server, autocommit=True) as connection:  # as on a server that never had a warehouse
        connection.execute("drop database if exists production")
        connection.execute(sql.SQL("drop role if exists {}").format(_listed(database.ROLES)))
    plain = _as_own_server(server, "plain")
    with pytest.raises(UserError, match="plain may not make the roles of the warehouse") as refused:
        migrate(plain)
    path = plain.home / "roles.sql"
    assert str(path) in refused.value.remedy
    assert path.stat().st_mode & 0o077 == 0
    said = path.read_text()
    assert not [role for role in database.ROLES if plain.secret(role) in said]
    with database.connect(server, autocommit=True) as connection:  # the administrator
        connection.execute(said)
    assert migrate(plain)
    assert migrate(plain) == []
    assert all(_opens(plain, plain, role) for role in database.ROLES)
    log = "".join(file.read_text() for file in embedded.locate(server, create=False).log_folder.glob("*.log"))
    assert log.count("create role") > len(database.ROLES), "the server does not log what is said to it"
    for name in (*database.ROLES, "airflow_database", "postgres"):
        for settings in (server, plain):
            assert settings.secret(name) not in log, f"the password of {name} is in the server's log"


# --- the same on the tests' own server, where the roles are there --------------------------------------------------


@pytest.fixture
def second(warehouse: Settings, tmp_path: Path) -> Iterator[Settings]:
    """An empty database beside the warehouse, of a user who may make no role, with the passwords of a test system."""
    name = f"second_{uuid.uuid4().hex[:12]}"
    settings = _as_own_server(replace(warehouse, home=tmp_path), name)
    yield settings
    with database.connect(warehouse, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")
        connection.execute(f"drop role {name}")


def test_roles_that_exist_and_do_not_open_are_another_warehouses(warehouse, second):
    with pytest.raises(UserError, match="of this server belongs to database .*password authentication failed"):
        migrate(second)
    with (
        database.connect(warehouse) as connection,
        pytest.raises(UserError, match="belongs to database"),  # before a restore writes anything
    ):
        roles.require_ours(connection, warehouse, second.secrets)
    assert all(_opens(warehouse, warehouse, role) for role in database.ROLES)


def test_an_owner_of_a_database_who_may_make_no_role_needs_an_administrator_once(warehouse, second):
    name = database.parameters(second)["dbname"]
    second = replace(second, secrets=warehouse.secrets)
    with pytest.raises(UserError, match=f"{name} may not make the roles of the warehouse"):
        migrate(second)
    with database.connect(warehouse, autocommit=True) as connection:  # the administrator
        connection.execute((second.home / "roles.sql").read_text())
        connection.execute(f"alter database {name} owner to postgres")
    with pytest.raises(UserError, match=f"{name} may not change database {name}") as refused:
        migrate(second)
    assert f'alter database "{name}" owner to "{name}"' in refused.value.remedy
    with database.connect(warehouse, autocommit=True) as connection:
        connection.execute(refused.value.remedy.partition(": ")[2])
    assert migrate(second)
    assert migrate(second) == []


def _listed(names: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
