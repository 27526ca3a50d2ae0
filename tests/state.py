"""Snapshots of a warehouse as earlier commits left it, for the test that today's code takes them over.

`python -m tests.state NAME` writes `tests/fixtures/state/NAME.sql`: a warehouse with two deliveries
and one publication, as this commit makes it. A snapshot is written once and never again: it is
what users have.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from psycopg.conninfo import make_conninfo

from lagebild.core import database
from lagebild.core.settings import Settings
from lagebild.local import postgres
from lagebild.warehouse import build
from lagebild.warehouse.migrate import migrate
from tests.conftest import remove_state, settings_in
from tests.support import accept

FOLDER = Path(__file__).parent / "fixtures" / "state"
SOURCES = ("employment", "eu2_series")


def restore(settings: Settings, snapshot: Path) -> None:
    """Fill an empty database with a snapshot; the roles must be there."""
    _client(settings, "psql", "--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1", "-f", str(snapshot))


def _make(name: str) -> None:
    target = FOLDER / f"{name}.sql"
    if target.exists():
        sys.exit(f"{target} is there already: a snapshot is never written again")
    home = settings_in(Path(tempfile.mkdtemp()))
    try:
        postgres.start(home, durable=False)
        migrate(home)
        for source in SOURCES:
            accept(home, source)
        build.run(home)
        target.write_text(_client(home, "pg_dump", "--exclude-table=build.*"))
    finally:
        remove_state(home)


def _client(settings: Settings, program: str, *arguments: str) -> str:
    """Run one of PostgreSQL's client programs as the owner of the warehouse; what it printed."""
    parameters = database.parameters(settings)
    environment = {"PGPASSWORD": parameters["password"], "PATH": "/usr/bin:/bin"}
    dsn = make_conninfo(**{k: v for k, v in parameters.items() if k != "password"})
    command = [postgres.binaries(settings) / program, f"--dbname={dsn}", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    _make(sys.argv[1])
