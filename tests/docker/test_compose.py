"""The compose file without a container engine: its form, its variables, its commands, its ports, its entry script."""

import importlib.util
import json
import os
import re
import stat
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import yaml
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from lagebild import cli, database
from lagebild.settings import ROOT
from lagebild.stack import parent, postgres

DOCKER = ROOT / "docker"
COMPOSE = DOCKER / "compose.yaml"
ENTRYPOINT = "/opt/lagebild/docker/entrypoint.py"


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load(COMPOSE.read_text())


def _check_schema(path: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_compose_file_fits_the_compose_specification():
    result = _check_schema(COMPOSE)
    assert result.returncode == 0, result.stdout


def test_schema_check_fails_on_a_wrong_key(tmp_path):
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(COMPOSE.read_text().replace("healthcheck:", "health_check:", 1))
    assert _check_schema(wrong).returncode == 1


def test_every_variable_is_named_in_the_example():
    used = set(re.findall(r"\$\{?([A-Z_][A-Z0-9_]*)", COMPOSE.read_text()))
    used |= set(re.findall(r"^ +(LAGEBILD_[A-Z0-9_]+):", COMPOSE.read_text(), re.MULTILINE))
    used |= set(re.findall(r'"(LAGEBILD_[A-Z_]+)"', (DOCKER / "entrypoint.py").read_text()))
    named = set(re.findall(r"^#? ?([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert used, "no variable found: the pattern is wrong"
    assert used <= named


def test_no_port_is_published_beyond_this_host(compose):
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_every_secret_is_a_file_that_make_secrets_writes(compose, tmp_path):
    folder = tmp_path / "secrets"
    for _ in range(2):  # the second time it leaves what is there
        subprocess.run([DOCKER / "make-secrets", folder], check=True)
        written = {path.name: path.read_text() for path in folder.iterdir()}
        assert len(set(written.values())) == len(written)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (
        {Path(secret["file"]).name for secret in compose["secrets"].values()} == set(written) == set(compose["secrets"])
    )
    assert {len(text) for text in written.values()} == {64}
    used = {name for service in compose["services"].values() for name in service["secrets"]}
    assert used == set(compose["secrets"])


def _commands(compose: dict) -> list[list[str]]:
    services = compose["services"].values()
    commands = [service["command"] for service in services if "command" in service]
    checks = [service["healthcheck"]["test"] for service in services if "healthcheck" in service]
    return commands + [check[check.index(ENTRYPOINT) + 1 :] for check in checks if ENTRYPOINT in check]


def test_every_lagebild_command_exists(compose):
    commands = [command[1:] for command in _commands(compose) if command[0] == "lagebild"]
    assert commands
    for name, *arguments in commands:
        cli.cli.get_command(None, name).make_context(name, arguments, parent=None, resilient_parsing=False)


@pytest.mark.nightly
def test_every_airflow_command_exists(compose, tmp_path):
    commands = [command[1:] for command in _commands(compose) if command[0] == "airflow"]
    only = ["python", "-m", "lagebild.stack.parent", "--only"]
    forked = [command[len(only) :] for command in _commands(compose) if command[: len(only)] == only]
    assert forked == [["scheduler"]]
    commands += [[name, *parent.LOGS[name]] for (name,) in forked]
    assert len(commands) == 6
    parse = (
        "import json, sys\nfrom airflow.cli import cli_parser\nfor arguments in json.loads(sys.stdin.read()):\n"
        "    cli_parser.get_parser().parse_args(arguments)\n    print('parsed', *arguments)"
    )
    environment = {"PATH": os.environ["PATH"], "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__UNIT_TEST_MODE": "True"}
    # The last one must fail: it shows that the parser judges at all.
    result = subprocess.run(
        [sys.executable, "-c", parse], input=json.dumps([*commands, ["no-such-command"]]), env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    parsed = [line.split()[1:] for line in result.stdout.splitlines() if line.startswith("parsed ")]
    assert parsed == commands, result.stderr
    assert result.returncode == 2
    assert "no-such-command" in result.stderr


def test_files_that_are_mounted_or_copied_exist(compose):
    for service in compose["services"].values():
        if "build" in service:
            assert (DOCKER / service["build"]["context"] / service["build"]["dockerfile"]).resolve().is_file()
    assert (DOCKER / "initdb" / "10-airflow-database.sh").stat().st_mode & 0o111
    allowed = [line[1:] for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"]
    assert [name for name in allowed if not (ROOT / name).exists()] == []


def test_image_has_no_secret_and_no_root():
    text = (DOCKER / "Dockerfile").read_text()
    assert re.findall(r"^USER (\w+)$", text, re.MULTILINE)[-1] == "lagebild"
    assert not re.search(r"password|token|secret=", text, re.IGNORECASE)
    assert "--locked" in text


@pytest.fixture
def container(tmp_path) -> dict[str, str]:
    """The variables that a container has."""
    subprocess.run([DOCKER / "make-secrets", tmp_path / "secrets"], check=True)
    folders = {f"LAGEBILD_{name}_DIR": str(tmp_path / name.lower()) for name in ("DROP", "LANDING", "KEYS", "EXTRACTS")}
    return {
        "PATH": os.environ["PATH"],
        "LAGEBILD_HOME": str(tmp_path / "state"),
        "LAGEBILD_SECRETS_DIR": str(tmp_path / "secrets"),
        "LAGEBILD_WAREHOUSE_DSN": "",
        "LAGEBILD_AIRFLOW_DSN": "",
        "LAGEBILD_AIRFLOW_PORT": "18080",
        "LAGEBILD_DEMO": "0",
        **folders,
    }


def _run_entrypoint(variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, DOCKER / "entrypoint.py", *arguments]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, cwd=ROOT)


def test_entrypoint_gives_a_process_its_environment(container, tmp_path):
    result = _run_entrypoint(container, "env", "-0")
    assert result.returncode == 0, result.stderr
    seen = dict(line.split("=", 1) for line in result.stdout.split("\0") if line)
    warehouse = conninfo_to_dict(seen["LAGEBILD_WAREHOUSE_DSN"])
    assert (warehouse["host"], warehouse["dbname"]) == ("postgres", "lagebild")
    assert warehouse["password"] == (tmp_path / "secrets" / "postgres").read_text()
    assert "@postgres:5432/lagebild_airflow" in seen["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert seen["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://api-server:8080/execution/"
    assert seen["AIRFLOW__API__HOST"] == "0.0.0.0"
    assert seen["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:18080"
    login = Path(seen["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    assert login.is_relative_to(tmp_path / "state")
    assert stat.S_IMODE(login.stat().st_mode) == 0o600


def test_entrypoint_takes_a_database_of_the_users_own(container):
    own = {
        "LAGEBILD_WAREHOUSE_DSN": "host=db.example dbname=w user=u",
        "LAGEBILD_AIRFLOW_DSN": "host=db.example dbname=a user=u",
    }
    result = _run_entrypoint(container | own, "printenv", *own)
    assert result.stdout.splitlines() == list(own.values()), result.stderr


def test_entrypoint_names_a_missing_secret(container, tmp_path):
    (tmp_path / "secrets" / "postgres").unlink()
    result = _run_entrypoint(container, "true")
    assert result.returncode == 1
    assert "secrets/postgres is missing" in result.stderr
    assert "Traceback" not in result.stderr


def test_initdb_script_makes_airflows_database(cluster, warehouse, tmp_path):
    """The script runs against a real server, under another role and database name: those may exist there already.

    The server logs every statement of it, and still no password.
    """
    name = f"airflow_{uuid.uuid4().hex[:12]}"
    script = (DOCKER / "initdb" / "10-airflow-database.sh").read_text()
    assert postgres.AIRFLOW_ROLE in script
    own = tmp_path / "initdb.sh"
    own.write_text(script.replace(postgres.AIRFLOW_ROLE, name))
    (tmp_path / "password").write_text(f"it's secret {name}")
    parameters = database.parameters(warehouse)
    environment = {
        "PATH": os.pathsep.join([str(postgres.binaries(warehouse)), os.environ["PATH"]]),
        "PGHOST": parameters["host"], "PGPORT": parameters["port"], "PGPASSWORD": parameters.get("password", ""),
        "POSTGRES_USER": parameters["user"], "POSTGRES_DB": parameters["dbname"],
        "AIRFLOW_PASSWORD_FILE": str(tmp_path / "password"), "PGOPTIONS": "-c log_statement=all",
    }  # fmt: skip
    try:
        subprocess.run(["sh", own], env=environment, check=True, capture_output=True)
        with database.connect(warehouse) as connection:
            owner = connection.execute("select pg_get_userbyid(datdba) from pg_database where datname = %s", [name])
            assert owner.fetchone() == (name,)
            allowed = "select has_database_privilege('bi_reader', %s, 'connect')"
            assert connection.execute(allowed, [name]).fetchone() == (False,)
        logs = postgres.locate(cluster, create=False).log_folder.glob("*.log")
        log = "".join(path.read_text(errors="replace") for path in logs)
        assert "set log_statement = 'none'" in log and f"secret {name}" not in log
    finally:
        with database.connect(warehouse, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))
            connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(name)))


def test_entrypoint_starts_without_importing_airflow():
    """A health check starts it every minute."""
    assert importlib.util.find_spec("airflow") is not None
    code = "import runpy, sys; runpy.run_path('docker/entrypoint.py'); sys.exit('airflow.settings' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
