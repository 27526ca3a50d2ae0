"""Start one process of the stack in a container: `lagebild warehouse migrate`, `airflow scheduler`, or any program.

It gives the process the settings and Airflow's configuration that the local stack uses (`lagebild.local.airflow`), and
changes what is different between containers: where PostgreSQL and the API server are, where passwords lie, and who may
log in: named persons with roles (`lagebild.local.people`). Every password is a file below LAGEBILD_SECRETS_DIR
(Docker's `/run/secrets`), read here and nowhere stored; a process gets those alone that it needs.
"""

import os
import sys
from pathlib import Path

from psycopg.conninfo import make_conninfo

from lagebild.core import settings as settings_module
from lagebild.core.database import ROLES
from lagebild.core.settings import AIRFLOW_DATABASE, WAREHOUSE_DATABASE, Settings
from lagebild.local import airflow, postgres

API_PORT = "8080"
WAREHOUSE = ("postgres", *ROLES)
NEEDS = {
    "lagebild": WAREHOUSE,
    "airflow": ("airflow_database",),
    "airflow api-server": ("airflow_database", *airflow.SECRETS),
    "python -m lagebild.local.service pools": ("airflow_database",),
    "python -m lagebild.local.people": ("airflow_database",),
    "python -m lagebild.local.parent --only scheduler": (*WAREHOUSE, "airflow_database", "airflow_jwt"),
}
"""The secrets without which a command does not start; of several that fit the longest counts."""


def main(arguments: list[str]) -> None:
    """Replace this process by the program that `arguments` name."""
    if not arguments:
        sys.exit("usage: entrypoint.py PROGRAM [ARGUMENT ...]")
    os.umask(0o077)
    needed = needs(arguments)
    settings = settings_module.load(with_databases(dict(os.environ), needed))
    for name in needed:
        _read(settings.secrets / name, is_own=_is_own(settings, name))
    airflow.write_empty_configuration(settings)
    os.execvpe(arguments[0], arguments, environment(settings, needed))


def needs(arguments: list[str]) -> tuple[str, ...]:
    """The secrets that a command needs."""
    fitting = [known for known in NEEDS if arguments[: len(known.split())] == known.split()]
    return NEEDS[max(fitting, key=len)] if fitting else ()


def with_databases(values: dict[str, str], needed: tuple[str, ...]) -> dict[str, str]:
    """The variables, with the DSNs of the PostgreSQL beside us where none was set and the process needs one."""
    secrets = Path(values.get("LAGEBILD_SECRETS_DIR") or "/run/secrets")
    beside = {"host": "postgres", "port": 5432}
    if values.get("LAGEBILD_WAREHOUSE_DSN") and not values.get("LAGEBILD_AIRFLOW_DSN"):
        sys.exit(
            "LAGEBILD_WAREHOUSE_DSN is set and LAGEBILD_AIRFLOW_DSN is not: containers that may not know the one would"
            " look for Airflow's database elsewhere than the others\n  what to do: set both, see .env.example"
        )
    if "postgres" in needed and not values.get("LAGEBILD_WAREHOUSE_DSN"):
        own = {"dbname": WAREHOUSE_DATABASE, "user": "postgres", "password": _read(secrets / "postgres")}
        values["LAGEBILD_WAREHOUSE_DSN"] = make_conninfo(**beside, **own)
    if "airflow_database" in needed and not values.get("LAGEBILD_AIRFLOW_DSN"):
        password = _read(secrets / "airflow_database")
        own = {"dbname": AIRFLOW_DATABASE, "user": postgres.AIRFLOW_ROLE, "password": password}
        values["LAGEBILD_AIRFLOW_DSN"] = make_conninfo(**beside, **own)
    return values


def environment(settings: Settings, needed: tuple[str, ...]) -> dict[str, str]:
    """The local stack's environment, with the addresses and folders of the containers."""
    if "airflow_database" not in needed:
        return dict(os.environ) | settings.variables()
    public = f"http://127.0.0.1:{settings.airflow_port or API_PORT}"
    configured = airflow.environment(settings, secrets=[name for name in airflow.SECRETS if name in needed])
    simple = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_"
    return {name: value for name, value in configured.items() if not name.startswith(simple)} | {
        "AIRFLOW__API__HOST": "0.0.0.0",  # inside the container; compose publishes it on 127.0.0.1 only
        "AIRFLOW__API__PORT": API_PORT,
        "AIRFLOW__API__BASE_URL": public,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://api-server:{API_PORT}/execution/",
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "AIRFLOW__FAB__CONFIG_FILE": str(Path(__file__).with_name("webserver_config.py")),
    }


def _is_own(settings: Settings, name: str) -> bool:
    """Whether the login that this secret is for stands in a DSN of the user's own."""
    return bool({"postgres": settings.warehouse_dsn, "airflow_database": settings.airflow_dsn}.get(name))


def _read(path: Path, is_own: bool = False) -> str:
    if not path.exists() and not is_own:
        sys.exit(f"the secret {path} is missing\n  what to do: docker/make-secrets FOLDER, see docker/README.md")
    return path.read_text().strip() if path.exists() else ""


if __name__ == "__main__":
    main(sys.argv[1:])
