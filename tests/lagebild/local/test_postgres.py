"""The life cycle of the embedded server: every test has a cluster of its own."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest

from lagebild.core import database, embedded
from lagebild.core.errors import UserError
from lagebild.local import ports, postgres
from tests.conftest import settings_in

pytestmark = pytest.mark.own_server

is_root = os.geteuid() == 0
only_root = pytest.mark.skipif(not is_root, reason="only root starts the server as another user")


@pytest.fixture
def home():
    """Not below tmp_path: that is closed to the user that the server runs as."""
    folder = Path(tempfile.mkdtemp(prefix="lagebild-postgres-"))
    folder.chmod(0o755)
    yield folder
    _clean(folder)


@pytest.fixture
def settings(home):
    settings = settings_in(home)
    postgres.start(settings, durable=False)
    return settings


def _clean(folder):
    settings = settings_in(folder)
    far = None
    with suppress(UserError):
        found = embedded.locate(settings, create=False).folder
        far = found if embedded.UNREACHABLE_HOME in found.parents else None
        postgres.stop(settings)
    shutil.rmtree(folder, ignore_errors=True)
    if far:
        for left in far.parent.glob(f"{far.name}*"):
            shutil.rmtree(left, ignore_errors=True)


def show(settings, name):
    with database.connect(settings) as connection:
        return connection.execute(f"show {name}").fetchone()[0]


@contextmanager
def listener(port=0):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((ports.HOST, port))
        taken.listen()
        yield taken.getsockname()[1]


def test_it_listens_on_loopback_only_asks_for_passwords_and_keeps_what_was_written(settings):
    assert show(settings, "listen_addresses") == "127.0.0.1"
    assert show(settings, "unix_socket_directories") == ""
    assert show(settings, "data_checksums") == "on"
    assert show(settings, "timezone") == "Europe/Berlin"
    with database.connect(settings) as connection:
        assert connection.execute(
            "select datlocprovider::text, datlocale, pg_encoding_to_char(encoding) from pg_database"
            " where datname = 'lagebild'"
        ).fetchone() == ("b", "C.UTF-8", "UTF8")
        assert connection.execute("select distinct auth_method from pg_hba_file_rules").fetchall() == [
            ("scram-sha-256",)
        ]
        assert (
            connection.execute("select rolpassword from pg_authid where rolname = 'postgres'")
            .fetchone()[0]
            .startswith("SCRAM-SHA-256$")
        )
        connection.execute("create table kept as select 1 as n")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(**(database.parameters(settings) | {"password": "wrong"}))
    port = settings.ports()["postgres"]
    postgres.stop(settings)
    assert not postgres.is_running(settings)
    assert ports.is_free(port)
    postgres.stop(settings)  # twice is no error
    postgres.start(settings, durable=False)
    assert settings.ports()["postgres"] == port
    with database.connect(settings) as connection:
        assert connection.execute("select n from kept").fetchone() == (1,)


def test_a_second_start_changes_nothing(settings):
    before = (settings.home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0]
    postgres.start(settings, durable=False)
    assert (settings.home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0] == before


def test_airflows_role_reaches_its_own_database_and_no_password_is_on_a_command_line(settings):
    with psycopg.connect(postgres.airflow_dsn(settings)) as connection:
        assert connection.execute("select current_user::text, current_database()::text").fetchone() == (
            "lagebild_airflow",
            "lagebild_airflow",
        )
    commands = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert not [command for command in commands if settings.secret("postgres") in command]


def test_after_kill_9_and_with_the_port_taken_it_comes_back_on_another_port(settings):
    before = settings.ports()["postgres"]
    pid = int((settings.home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=5)
    said = []
    with listener(before):
        assert not postgres.is_running(settings)
        postgres.start(settings, said.append, durable=False)
    assert settings.ports()["postgres"] != before
    assert any(str(before) in line for line in said)
    assert postgres.is_running(settings)


def test_a_stale_pid_that_another_process_has_now_does_not_stand_in_the_way(settings):
    postgres.stop(settings)
    cluster = embedded.locate(settings)
    path = cluster.data / "postmaster.pid"
    path.write_text(f"{os.getpid()}\n{cluster.data}\n0\n{settings.ports()['postgres']}\n")
    assert not postgres.is_running(settings)
    postgres.start(settings, durable=False)
    assert postgres.is_running(settings)


def test_a_killed_initdb_is_begun_anew(home):
    settings = settings_in(home)
    half = home / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    if is_root:
        shutil.chown(home / "postgres", embedded.server_user().pw_uid)
    postgres.start(settings, durable=False)
    assert postgres.is_running(settings)
    assert not half.exists()


def test_a_port_that_was_set_and_is_taken_is_named(home):
    with listener() as taken, pytest.raises(UserError, match=f"LAGEBILD_POSTGRES_PORT={taken}.*another program"):
        postgres.start(replace(settings_in(home), postgres_port=taken), durable=False)


def test_a_port_that_was_set_is_used_and_moves_a_running_server(settings):
    wanted = ports.free()
    postgres.start(replace(settings, postgres_port=wanted), durable=False)
    assert settings.ports()["postgres"] == wanted
    assert show(settings, "port") == str(wanted)


def test_a_configuration_that_postgresql_refuses_is_shown_with_its_log(settings):
    postgres.stop(settings)
    (embedded.locate(settings).data / "postgresql.auto.conf").write_text("shared_buffers = 'plenty'\n")
    with pytest.raises(UserError, match=r"(?s)did not start.*shared_buffers"):
        postgres.start(settings, durable=False)


def test_a_lost_password_file_is_named(settings):
    (settings.secrets / "postgres").unlink()
    with pytest.raises(UserError, match=f"{settings.secrets}/postgres"):
        postgres.start(settings, durable=False)


def test_the_binaries_are_those_of_the_server(settings):
    for name in ("psql", "pg_dump", "pg_restore"):
        assert (
            "18."
            in subprocess.run(
                [postgres.binaries(settings) / name, "--version"], capture_output=True, text=True, check=True
            ).stdout
        )


# --- a checkout that the server's user cannot reach ------------------------------------------------------------------


@only_root
def test_below_a_closed_folder_the_cluster_goes_to_var_lib_and_no_mode_changes(home):
    home.chmod(0o700)
    settings = settings_in(home / "checkout" / ".lagebild")
    try:
        postgres.start(settings, durable=False)
        cluster = embedded.locate(settings, create=False)
        assert cluster.folder.parent == embedded.UNREACHABLE_HOME
        assert postgres.is_running(settings)
        assert not (settings.home / "postgres").exists()
        assert [stat.S_IMODE(p.stat().st_mode) for p in (home, cluster.data)] == [0o700, 0o700]
        # Reachable later or not: the cluster stays where it is.
        home.chmod(0o755)
        assert embedded.locate(settings).folder == cluster.folder
        home.chmod(0o700)
        # Another checkout at the same path does not take over the data of the deleted one.
        shutil.rmtree(settings.home)
        with database_of_a_new_checkout(settings) as tables:
            assert tables == []
        assert list(embedded.UNREACHABLE_HOME.glob(f"{cluster.folder.name}.of-a-former-checkout.*"))
    finally:
        _clean(settings.home)


@contextmanager
def database_of_a_new_checkout(settings):
    postgres.start(settings, durable=False)
    with database.connect(settings) as connection:
        yield connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()


@only_root
def test_a_cluster_that_became_unreachable_is_an_error_not_a_new_empty_cluster(settings):
    postgres.stop(settings)
    settings.home.chmod(0o700)
    with pytest.raises(UserError, match="now he cannot"):
        postgres.start(settings, durable=False)
    settings.home.chmod(0o755)


@only_root
def test_a_cluster_of_another_user_is_named(settings):
    postgres.stop(settings)
    os.chown(settings.home / "postgres", 12345, -1)
    with pytest.raises(UserError, match="belongs to user 12345"):
        postgres.start(settings, durable=False)


# --- a server of the user's own --------------------------------------------------------------------------------------


def test_with_a_dsn_nothing_is_started_and_airflows_database_is_made_beside_it(empty_warehouse, tmp_path):
    settings = replace(empty_warehouse, home=tmp_path / "own")
    postgres.start(settings)
    assert not (settings.home / "postgres").exists()
    name = database.parameters(settings)["dbname"]
    with psycopg.connect(postgres.airflow_dsn(settings)) as connection:
        assert connection.info.dbname == f"{name}_airflow"
        query = "select has_database_privilege('public', current_database(), 'connect')"
        assert connection.execute(query).fetchone() == (False,)  # readers of the warehouse stay outside
    with database.connect(settings, autocommit=True) as connection:
        connection.execute(f'drop database "{name}_airflow" with (force)')


def test_a_user_who_may_not_create_databases_is_told_which_variable_helps(empty_warehouse):
    with database.connect(empty_warehouse) as connection:
        role = f"plain_{connection.info.dbname}"
        connection.execute(f"create role {role} login password 'x'")
    dsn = psycopg.conninfo.make_conninfo(empty_warehouse.warehouse_dsn, user=role, password="x")
    try:
        with pytest.raises(UserError, match="LAGEBILD_AIRFLOW_DSN"):
            postgres.start(replace(empty_warehouse, warehouse_dsn=dsn))
    finally:
        with database.connect(empty_warehouse) as connection:
            connection.execute(f"drop role {role}")


def test_a_dsn_that_leads_nowhere_is_named(empty_warehouse):
    dsn = psycopg.conninfo.make_conninfo(empty_warehouse.warehouse_dsn, port="1")
    with pytest.raises(UserError, match="LAGEBILD_WAREHOUSE_DSN"):
        postgres.start(replace(empty_warehouse, warehouse_dsn=dsn))
    assert not postgres.is_running(replace(empty_warehouse, warehouse_dsn=dsn))


def test_who_reads_the_warehouse_does_not_reach_airflows_metadata(settings):
    """The warehouse keeps PostgreSQL's defaults (dbt's unit tests need temporary tables), the metadata do not."""
    query = "select has_database_privilege('public', %s, 'connect'), has_database_privilege('public', %s, 'temporary')"
    with database.connect(settings) as connection:
        assert connection.execute(query, ["lagebild"] * 2).fetchone() == (True, True)
        assert connection.execute(query, ["lagebild_airflow"] * 2).fetchone() == (False, False)
