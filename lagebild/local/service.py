"""One process of the stack as a service of a server's own init system: `docker/systemd/`.

    python -m lagebild.local.service prepare         migrations, Airflow's metadata, pools, login
    python -m lagebild.local.service pools           only the pools, for containers
    python -m lagebild.local.service scheduler       run it; also dag-processor and api-server

It replaces `lagebild stack up` if systemd keeps the processes and PostgreSQL is the server's own. It writes nothing
below the checkout.
"""

import os
import subprocess
import sys
from pathlib import Path

from lagebild.core import settings as settings_module
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.local import airflow, ports, postgres
from lagebild.orchestration import pools

COMMANDS = {
    # It imports once the libraries of its tasks.
    "scheduler": ("python", "-m", "lagebild.local.parent", "--only", "scheduler"),
    "dag-processor": ("airflow", "dag-processor"),
    "api-server": ("airflow", "api-server"),
}


def main(arguments: list[str]) -> int:
    """Exit code: of `prepare` 0 done, 1 a problem that the message explains, 2 wrong usage; else the component's."""
    if len(arguments) != 1 or arguments[0] not in ("prepare", "pools", *COMMANDS):
        print(f"usage: python -m lagebild.local.service prepare|pools|{'|'.join(COMMANDS)}", file=sys.stderr)
        return 2
    os.umask(0o077)
    try:
        if arguments[0] == "pools":  # a container has no port of its own to state
            pools.ensure(postgres.airflow_dsn(settings_module.load()))
            return 0
        settings = required(settings_module.load())
        if arguments[0] == "prepare":
            prepare(settings)
            return 0
        program, *rest = COMMANDS[arguments[0]]
        os.chdir(airflow.home(settings))
        os.execve(Path(sys.executable).with_name(program), [program, *rest], airflow.environment(settings))
    except UserError as error:
        print(f"lagebild: {error}", file=sys.stderr)
        return 1


def required(settings: Settings) -> Settings:
    """The settings; UserError if one that a server needs is missing."""
    given = {
        "LAGEBILD_WAREHOUSE_DSN": settings.warehouse_dsn,
        "LAGEBILD_AIRFLOW_PORT": settings.airflow_port,
        "LAGEBILD_DEMO=0": not settings.demo,
    }
    if missing := [name for name, value in given.items() if not value]:
        raise UserError(f"a service needs {', '.join(missing)}", remedy="docker/README.md, With systemd; .env.example")
    return settings


def prepare(settings: Settings) -> None:
    """Migrate databases and folders to this version. Safe while services run; UserError."""
    from lagebild.warehouse.migrate import migrate

    (airflow.home(settings) / "logs").mkdir(parents=True, exist_ok=True)
    settings.make_folders()
    postgres.start(settings, print)  # an external server: missing databases are created
    ports.remember(settings, airflow=settings.airflow_port)
    airflow.write_files(settings)
    for name in migrate(settings):
        print(f"migration {name} applied")
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    if subprocess.run(command, env=airflow.environment(settings), cwd=airflow.home(settings)).returncode:
        raise UserError("Airflow's metadata database could not be prepared", remedy="read what Airflow said above")
    pools.ensure(postgres.airflow_dsn(settings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
