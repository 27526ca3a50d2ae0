"""What a connection string asks for reaches every program as given: TLS above all, on a real server that has it."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import make_url

from lagebild.core import database, embedded
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.local import airflow, ports, postgres
from lagebild.local.backup import backup, restore
from lagebild.warehouse import build, transform
from lagebild.warehouse.migrate import migrate
from tests.conftest import settings_in
from tests.support import accept, make_models, query

DEBIAN = Path("/usr/lib/postgresql")
OPTIONS = {
    "sslmode": "verify-full",
    "sslrootcert": "/etc/ssl/city ca.crt",
    "sslcert": "/etc/ssl/lagebild.crt",
    "sslkey": "/etc/ssl/lagebild.key",
    "channel_binding": "require",
    "target_session_attrs": "read-write",
    "options": "-c work_mem=64MB",
}


def _own(tmp_path: Path, **options: str) -> Settings:
    dsn = make_conninfo(host="db.city", port=5433, dbname="integration", user="city", password="p@ss/word", **options)
    return replace(settings_in(tmp_path), warehouse_dsn=dsn)


def test_dbt_hears_of_every_option_by_a_variable_of_libpq(tmp_path):
    found = transform.environment(_own(tmp_path, keepalives_idle="30", **OPTIONS))
    assert {name: value for name, value in found.items() if name.startswith("PG")} == {
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/etc/ssl/city ca.crt",
        "PGSSLCERT": "/etc/ssl/lagebild.crt",
        "PGSSLKEY": "/etc/ssl/lagebild.key",
        "PGCHANNELBINDING": "require",
        "PGTARGETSESSIONATTRS": "read-write",
        "PGOPTIONS": "-c work_mem=64MB",
    }
    assert "PGSSLMODE" not in transform.environment(_own(tmp_path))


def test_an_option_that_dbt_cannot_be_told_is_refused_and_not_left_out(tmp_path):
    with pytest.raises(UserError, match="dbt cannot be told sslpassword") as refused:
        transform.environment(_own(tmp_path, sslpassword="x", **OPTIONS))
    assert "without a passphrase" in refused.value.remedy


@pytest.mark.parametrize("name", ["SQL_ALCHEMY_CONN", "SQL_ALCHEMY_CONN_ASYNC"])
def test_airflows_two_connections_keep_every_option(tmp_path, name):
    url = make_url(airflow.environment(_own(tmp_path, **OPTIONS))[f"AIRFLOW__DATABASE__{name}"])
    _, given = url.get_dialect()().create_connect_args(url)
    wanted = OPTIONS | {"host": "db.city", "port": 5433, "dbname": "integration_airflow", "password": "p@ss/word"}
    assert {key: given[key] for key in wanted} == wanted


# --- a real server ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Settings]:
    """A server that answers with TLS only, and settings that ask for all of it; its certificate is the test's own."""
    found = sorted(DEBIAN.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("no PostgreSQL with TLS on this machine: apt-get install postgresql (the wheel's has none)")
    folder = Path(tempfile.mkdtemp(prefix="lagebild-tls-"))
    folder.chmod(0o755)
    cluster = embedded.Cluster(folder / "server", found[-1].parent, embedded.server_user())
    try:
        port = _start(cluster, folder)
        own = {"host": "localhost", "port": port, "dbname": "postgres", "user": "postgres", "password": "of-the-server"}
        own |= {"sslmode": "verify-full", "sslrootcert": str(folder / "ca.crt"), "channel_binding": "require"}
        settings = replace(settings_in(folder / "home"), warehouse_dsn=make_conninfo(**own))
        settings.home.mkdir()
        migrate(settings)
        yield settings
    finally:
        cluster.run("pg_ctl", "-D", cluster.data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _start(cluster: embedded.Cluster, folder: Path) -> int:
    cluster.folder.mkdir()
    _give(cluster, cluster.folder)
    password = folder / "password"
    password.write_text("of-the-server")
    _give(cluster, password)
    made = cluster.run(
        "initdb", "-D", cluster.data, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={password}",
        "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    _certificates(folder, cluster.data)
    for path in (cluster.data / "server.key", cluster.data / "server.crt"):
        _give(cluster, path)
    port = ports.free()
    with open(cluster.data / "postgresql.conf", "a") as file:
        file.write(f"listen_addresses = 'localhost'\nport = {port}\nunix_socket_directories = ''\n")
        file.write("ssl = on\nfsync = off\nmax_connections = 200\n")
    (cluster.data / "pg_hba.conf").write_text("hostssl all all all scram-sha-256\n")
    started = cluster.run("pg_ctl", "-D", cluster.data, "-w", "-l", cluster.folder / "log", "-s", "start")
    assert started.returncode == 0, (cluster.folder / "log").read_text()
    return port


def _give(cluster: embedded.Cluster, path: Path) -> None:
    if cluster.user:
        os.chown(path, cluster.user.pw_uid, cluster.user.pw_gid)


def _certificates(folder: Path, data: Path) -> None:
    """An authority (`ca.crt`), the server's certificate for localhost made by it, and another authority."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def signed(name: str, key, issuer: str, by, *extensions: x509.ExtensionType) -> x509.Certificate:
        now = datetime.now(UTC)
        draft = x509.CertificateBuilder(
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]),
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]),
            key.public_key(), x509.random_serial_number(), now - timedelta(hours=1), now + timedelta(days=1),
        )  # fmt: skip
        for extension in extensions:
            draft = draft.add_extension(extension, critical=False)
        return draft.sign(by, hashes.SHA256())

    is_authority = x509.BasicConstraints(ca=True, path_length=None)
    authority, other, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.2"))])
    pem = serialization.Encoding.PEM
    for path, certificate in (
        (folder / "ca.crt", signed("ca", authority, "ca", authority, is_authority)),
        (folder / "other.crt", signed("other", other, "other", other, is_authority)),
        (data / "server.crt", signed("localhost", own, "ca", authority, names)),
    ):
        path.write_bytes(certificate.public_bytes(pem))
    plain = serialization.NoEncryption()
    key = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    (data / "server.key").write_bytes(key)
    (data / "server.key").chmod(0o600)


def _changed(settings: Settings, **options: str) -> Settings:
    return replace(settings, warehouse_dsn=make_conninfo(settings.warehouse_dsn, **options))


def _distrusting(server: Settings) -> Settings:
    """The same server by settings that trust another authority: whoever connects all the same did not look."""
    return _changed(server, sslrootcert=str(server.home.parent / "other.crt"))


@pytest.mark.nightly
@pytest.mark.own_server
def test_a_server_with_another_name_or_authority_is_refused(server):
    assert query(server, "select ssl from pg_stat_ssl where pid = pg_backend_pid()") == [(True,)]
    with pytest.raises(UserError, match="does not match host name"):
        query(_changed(server, host="127.0.0.1"), "select 1")
    with pytest.raises(UserError, match="certificate verify failed"):
        query(_distrusting(server), "select 1")
    with pytest.raises(UserError, match="LAGEBILD_WAREHOUSE_DSN.*certificate verify failed"):
        postgres.start(_distrusting(server))


@pytest.mark.nightly
@pytest.mark.own_server
@pytest.mark.parametrize("is_own", [True, False], ids=["servers_own_clients", "clients_of_the_wheel"])
def test_backup_and_restore(server, tmp_path, monkeypatch, is_own):
    """By the programs of the server's own version, and where there are none by the wheel's, with psycopg's libpq."""
    accepted = accept(server, "employment")
    if not is_own:
        monkeypatch.setattr(postgres, "_major", lambda program: None)
    program, _ = next(postgres.clients(server, "pg_dump"))
    assert (DEBIAN in program.parents) == is_own
    folder = backup(server, tmp_path / "backup")
    with pytest.raises(UserError, match="certificate verify failed"):
        backup(_distrusting(server), tmp_path / "another")
    monkeypatch.undo()
    name = f"restored_{is_own}".lower()
    with database.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    target = replace(_changed(server, dbname=name), home=tmp_path, landing=tmp_path / "landing", keys=tmp_path / "keys")
    (major,) = query(server, "select current_setting('server_version_num')::int / 10000")[0]
    if is_own or major >= 17:
        assert "1 deliveries" in restore(target, folder)
        assert query(target, "select sha256, state::text from raw.delivery") == [(accepted.sha256, "accepted")]
    else:  # 18 sets what a server before 17 does not know
        with pytest.raises(UserError, match="transaction_timeout(?s:.*)needs its own pg_dump and pg_restore"):
            restore(target, folder)


@pytest.mark.nightly
@pytest.mark.own_server
def test_dbt_and_airflow_look_at_the_certificate(server):
    accept(server, "reference_quantity")
    build_id = build.begin(server)
    with pytest.raises(transform.FailedError, match="certificate verify failed"):
        transform.build(transform.environment(_distrusting(server)), build_id, ["cost_method"])
    make_models(server, build_id, "cost_method")
    assert query(server, "select count(*) > 0 from build.cost_method") == [(True,)]
    beside = replace(server, airflow_dsn=server.warehouse_dsn)
    assert _asked_by_airflow(beside) == [True, True]
    wrong = replace(server, airflow_dsn=_distrusting(server).warehouse_dsn)
    assert _asked_by_airflow(wrong) == ["certificate verify failed"] * 2


def _asked_by_airflow(settings: Settings) -> list[bool | str]:
    """Whether Airflow's synchronous and asynchronous engines are encrypted, or why they do not connect."""
    from sqlalchemy import create_engine, exc, text
    from sqlalchemy.ext.asyncio import create_async_engine

    question = text("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
    found = airflow.environment(settings)

    def directly() -> bool:
        with create_engine(found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]).connect() as connection:
            return connection.execute(question).scalar_one()

    async def later() -> bool:
        engine = create_async_engine(found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"])
        async with engine.connect() as connection:
            return (await connection.execute(question)).scalar_one()

    answers = []
    for ask in (directly, lambda: asyncio.run(later())):
        try:
            answers.append(ask())
        except (exc.OperationalError, psycopg.OperationalError) as error:
            reason = "certificate verify failed"
            answers.append(reason if reason in str(error) else str(error))
    return answers
