"""The compose file without a container engine: its form, its variables, its commands, its ports, its entry script."""

import importlib.util
import json
import os
import re
import stat
import subprocess
import sys
import uuid
from functools import partial
from pathlib import Path

import click
import pytest
import yaml
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from lagebild.cli import main
from lagebild.core import database, embedded, settings, variables
from lagebild.core.settings import ROOT
from lagebild.local import parent, people, postgres
from tests.docker import compose_file, rules

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


def test_every_service_is_closed(compose):
    assert [problem for name, service in compose["services"].items() for problem in rules.broken(name, service)] == []


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("cap_drop", None, "drops every capability"),
        ("cap_add", ["SYS_ADMIN"], "drops every capability"),
        ("security_opt", [], "gains no privileges"),
        ("privileged", True, "gains no privileges"),
        ("read_only", False, "writes to no image"),
        ("tmpfs", ["/tmp"], "has memory of a stated size as /tmp"),
        ("tmpfs", ["/tmp:size=1g", "/run"], "has memory of a stated size as /tmp"),
        ("mem_limit", None, "limits memory"),
        ("pids_limit", -1, "limits processes"),
        ("logging", {"driver": "json-file"}, "limits its log"),
        ("healthcheck", None, "says whether it is well, or ends"),
        ("network_mode", "host", "shares nothing of the host but folders"),
        ("secrets", [], "names its secrets"),
        ("volumes", ["/etc/passwords:/run/secrets"], "names its secrets"),
        ("init", None, "reaps what its children leave"),
    ],
)  # fmt: skip
def test_a_service_that_lacks_one_of_these_is_found(compose, key, value, rule):
    service = {name: kept for name, kept in compose["services"]["scheduler"].items() if name != key}
    service |= {} if value is None else {key: value}
    assert rules.broken("scheduler", service) == [f"scheduler: {rule}"]


def test_every_rule_has_its_failing_case():
    marks = test_a_service_that_lacks_one_of_these_is_found.pytestmark
    (cases,) = (mark.args[1] for mark in marks if mark.name == "parametrize")
    assert {rule for _, _, rule in cases} == set(rules.RULES)


def test_each_container_has_the_secrets_that_its_command_needs_and_no_others(compose):
    needs = _entrypoint().needs
    optional = {"scheduler": {"alert_smtp_password"}}  # of the mail server, where alerts go by mail
    for name, service in compose["services"].items():
        if name != "postgres":
            assert set(service["secrets"]) == set(needs(service["command"])) | optional.get(name, set()), name
    warehouse = {name for name, service in compose["services"].items() if "postgres" in service["secrets"]}
    assert warehouse == {"postgres", "migrate-warehouse", "scheduler", "command"}
    keys = {name for name, s in compose["services"].items() if any(v.endswith("/keys") for v in s["volumes"])}
    assert keys == {"scheduler", "command"}, "pseudonym keys are secrets too"


def test_what_may_hold_a_password_reaches_the_services_that_need_it_alone(compose):
    secret = {one.name for one in settings.VARIABLES if one.compose == variables.WAREHOUSE}
    told = {name for name, service in compose["services"].items() if secret & service.get("environment", {}).keys()}
    assert told == {"migrate-warehouse", "scheduler", "command"}


def test_images_of_others_can_be_pinned(compose):
    """Their digests are the operator's to write: `docker/pin-images` names each that is not made here."""
    images = {s["image"] for s in compose["services"].values() if "build" not in s}
    images |= {s["build"]["args"]["PYTHON_IMAGE"] for s in compose["services"].values() if "build" in s}
    pinned = dict(re.findall(r"^pin ([A-Z_]+) (\S+)$", (DOCKER / "pin-images").read_text(), re.MULTILINE))
    assert images == {f"${{{name}:-{image}}}" for name, image in pinned.items()}


def test_pin_images_writes_digests_or_fails(tmp_path):
    engine = tmp_path / "engine"
    digest = "sha256:" + "0" * 64
    engine.write_text(f'#!/bin/sh\ntest "$1" = image && echo "somewhere/image@{digest}"; exit 0\n')
    engine.chmod(0o755)
    run = partial(subprocess.run, [DOCKER / "pin-images"], capture_output=True, text=True, check=False)
    written = run(env={"PATH": os.environ["PATH"], "ENGINE": str(engine)})
    assert written.stdout.splitlines() == [
        f"PYTHON_IMAGE=somewhere/image@{digest}",
        f"POSTGRES_IMAGE=somewhere/image@{digest}",
    ]
    engine.write_text("#!/bin/sh\necho no registry >&2; exit 1\n")
    failed = run(env={"PATH": os.environ["PATH"], "ENGINE": str(engine)})
    assert (failed.returncode, failed.stdout) == (1, "") and "no registry" in failed.stderr


def test_podman_is_given_all_that_compose_says(compose):
    services = compose_file.services({})
    options = compose_file.run_options(services["scheduler"])
    assert {"--read-only=true", "--cap-drop", "--security-opt", "--pids-limit", "--memory"} <= set(options)
    assert compose_file.started(services)[0] == "postgres" and "command" not in compose_file.started(services)
    with pytest.raises(ValueError, match="compose.yaml says sysctls"):
        compose_file.run_options({"sysctls": {}})


def test_a_machine_that_runs_no_container_says_so(tmp_path):
    """The target fails with the error of what starts containers; it never passes without having run."""
    (tmp_path / "podman").write_text(
        '#!/bin/sh\ncase "$*" in *" run "*) echo "cgroups: no such thing" >&2; exit 126;; esac\n'
    )
    for name in ("debootstrap", "ip", "nsenter", "crun"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 0\n")
    for path in tmp_path.iterdir():
        path.chmod(0o755)
    run = [sys.executable, "-m", "tests.docker.stack", "--work", tmp_path / "work"]
    environment = {"PATH": str(tmp_path), "LAGEBILD_HOME": str(tmp_path / "home")}
    result = subprocess.run(run, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    wanted = (
        "no container can be started here\ncrun: cgroups: no such thing" if os.geteuid() == 0 else "root is missing"
    )
    assert result.returncode == 1 and wanted in result.stderr
    (tmp_path / "podman").unlink()
    result = subprocess.run(run, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1 and "podman is missing" in result.stderr


def _entrypoint():
    specification = importlib.util.spec_from_file_location("entrypoint", DOCKER / "entrypoint.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_roles_decide_apart(compose):
    """Who may answer a question may edit its two DAGs only; who runs DAGs answers nothing."""
    viewer, operator, decider = (set(people.PERMISSIONS[r]) for r in (people.VIEWER, people.OPERATOR, people.DECIDER))
    assert viewer < operator and viewer < decider
    answers = ("can_edit", "HITL Detail")
    assert answers in decider and answers not in operator
    assert ("can_edit", "DAGs") in operator and ("can_edit", "DAGs") not in decider
    touched = {resource for action, resource in decider - viewer if ":" in resource}
    assert touched == {f"{kind}:{dag}" for kind in ("DAG", "DAG Run") for dag in ("decide_held", "publish")}
    assert {dag for dag in people.DECISIONS if (ROOT / "dags" / f"{dag}.py").is_file()} == set(people.DECISIONS)
    secrets = {"Connections", "Variables", "Configurations", "Roles", "Users"}
    assert not {resource for _, resource in viewer | operator | decider} & secrets


def _commands(compose: dict) -> list[list[str]]:
    services = compose["services"].values()
    commands = [service["command"] for service in services if "command" in service]
    checks = [service["healthcheck"]["test"] for service in services if "healthcheck" in service]
    return commands + [check[check.index(ENTRYPOINT) + 1 :] for check in checks if ENTRYPOINT in check]


def test_every_lagebild_command_exists(compose):
    commands = [command[1:] for command in _commands(compose) if command[0] == "lagebild"]
    assert commands
    for arguments in commands:
        command = main.cli
        while isinstance(command, click.Group):
            name, command, arguments = command.resolve_command(click.Context(command), arguments)
        command.make_context(name, arguments)


@pytest.mark.nightly
def test_every_airflow_command_exists(compose, tmp_path):
    commands = [command[1:] for command in _commands(compose) if command[0] == "airflow"]
    only = ["python", "-m", "lagebild.local.parent", "--only"]
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
    seen = _seen(container, "python -m lagebild.local.parent --only scheduler")
    warehouse = conninfo_to_dict(seen["LAGEBILD_WAREHOUSE_DSN"])
    assert (warehouse["host"], warehouse["dbname"]) == ("postgres", "lagebild")
    assert warehouse["password"] == (tmp_path / "secrets" / "postgres").read_text()
    assert "@postgres:5432/lagebild_airflow" in seen["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert seen["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://api-server:8080/execution/"
    assert seen["AIRFLOW__API__HOST"] == "0.0.0.0"
    assert seen["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:18080"
    assert seen["AIRFLOW__CORE__AUTH_MANAGER"].endswith(".FabAuthManager")
    assert Path(seen["AIRFLOW__FAB__CONFIG_FILE"]) == DOCKER / "webserver_config.py"
    assert not any(name.startswith("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER") for name in seen)
    assert "AIRFLOW__API_AUTH__JWT_SECRET" in seen and "AIRFLOW__CORE__FERNET_KEY" not in seen


def test_entrypoint_gives_a_process_no_password_that_it_does_not_need(container, tmp_path):
    secrets = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    for command, needed in _entrypoint().NEEDS.items():
        seen = "\n".join(_seen(container, command).values())
        derived = {"airflow_fernet"}  # Airflow's key is made of it
        told = {name for name, password in secrets.items() if password in seen}
        # what else a process needs it reads from its file when it needs it
        assert told <= set(needed) - derived, command
    assert "LAGEBILD_AIRFLOW_DSN" in _seen(container, "airflow api-server")
    assert _seen(container, "airflow api-server")["LAGEBILD_WAREHOUSE_DSN"] == ""
    assert not any(name.startswith("AIRFLOW") for name in _seen(container, "lagebild warehouse migrate"))


def _seen(container: dict[str, str], command: str) -> dict[str, str]:
    """The environment that a command would be started with."""
    entrypoint = _entrypoint()
    needed = entrypoint.needs(command.split())
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("LAGEBILD_", "AIRFLOW"))]:
            patch.delenv(name)
        own = settings.load(entrypoint.with_databases(dict(container), needed))
        return entrypoint.environment(own, needed)


def test_entrypoint_takes_a_database_of_the_users_own(container, tmp_path):
    own = {
        "LAGEBILD_WAREHOUSE_DSN": "host=db.example dbname=w user=u",
        "LAGEBILD_AIRFLOW_DSN": "host=db.example dbname=a user=u",
    }
    for name in ("postgres", "airflow_database"):
        (tmp_path / "secrets" / name).unlink()  # those are in the DSNs
    seen = _seen(container | own, "python -m lagebild.local.parent --only scheduler")
    assert {name: seen[name] for name in own} == own
    result = _run_entrypoint(container | own | {"LAGEBILD_AIRFLOW_DSN": ""}, "airflow", "db", "migrate")
    assert result.returncode == 1 and "set both" in result.stderr


def test_entrypoint_names_a_missing_secret(container, tmp_path):
    (tmp_path / "secrets" / "postgres").unlink()
    result = _run_entrypoint(container, "lagebild", "warehouse", "migrate")
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
        logs = embedded.locate(cluster, create=False).log_folder.glob("*.log")
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
