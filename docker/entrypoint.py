"""Start one process of the stack in a container: `lagebild migrate`, `airflow scheduler`, or any other program.

It gives the process the settings and Airflow's configuration that the local stack uses (`lagebild.stack.airflow`), and
changes what is different between containers: where PostgreSQL and the API server are, and where passwords lie. Every
password is a file below LAGEBILD_SECRETS_DIR (Docker's `/run/secrets`), read here and nowhere stored.
"""

import json
import os
import sys
from pathlib import Path

from psycopg.conninfo import make_conninfo

from lagebild import settings as settings_module
from lagebild.settings import AIRFLOW_DATABASE, WAREHOUSE_DATABASE, Settings
from lagebild.stack import airflow, postgres

API_PORT = "8080"


def main(arguments: list[str]) -> None:
    """Replace this process by the program that `arguments` name."""
    if not arguments:
        sys.exit("usage: entrypoint.py PROGRAM [ARGUMENT ...]")
    os.umask(0o077)
    settings = settings_module.load(with_databases(dict(os.environ)))
    write_login(settings)
    os.execvpe(arguments[0], arguments, environment(settings))


def with_databases(values: dict[str, str]) -> dict[str, str]:
    """The variables, with the DSNs of the PostgreSQL beside us where none was set."""
    secrets = Path(values.get("LAGEBILD_SECRETS_DIR") or "/run/secrets")
    beside = {"host": "postgres", "port": 5432}
    if not values.get("LAGEBILD_WAREHOUSE_DSN"):
        own = {"dbname": WAREHOUSE_DATABASE, "user": "postgres", "password": _read(secrets / "postgres")}
        values["LAGEBILD_WAREHOUSE_DSN"] = make_conninfo(**beside, **own)
        if not values.get("LAGEBILD_AIRFLOW_DSN"):
            password = _read(secrets / "airflow_database")
            own = {"dbname": AIRFLOW_DATABASE, "user": postgres.AIRFLOW_ROLE, "password": password}
            values["LAGEBILD_AIRFLOW_DSN"] = make_conninfo(**beside, **own)
    return values


def environment(settings: Settings) -> dict[str, str]:
    """The local stack's environment, with the addresses and folders of the containers."""
    public = f"http://127.0.0.1:{settings.airflow_port or API_PORT}"
    return airflow.environment(settings) | {
        "AIRFLOW__API__HOST": "0.0.0.0",  # inside the container; compose publishes it on 127.0.0.1 only
        "AIRFLOW__API__PORT": API_PORT,
        "AIRFLOW__API__BASE_URL": public,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://api-server:{API_PORT}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_login_path(settings)),
    }


def write_login(settings: Settings) -> None:
    """Write Airflow's password file into the state folder: the secrets folder cannot be written to."""
    path = _login_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        json.dump({airflow.ADMIN: settings.secret("airflow_admin")}, file)
    draft.replace(path)


def _login_path(settings: Settings) -> Path:
    return airflow.home(settings) / "passwords.json"


def _read(path: Path) -> str:
    if not path.exists():
        sys.exit(f"the secret {path} is missing\n  what to do: docker/make-secrets FOLDER, see docker/README.md")
    return path.read_text().strip()


if __name__ == "__main__":
    main(sys.argv[1:])
