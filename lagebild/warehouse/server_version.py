"""Whether the server's version lacks published fixes, by this project's list `server_versions.yml`.

Nothing is asked over the network: a warehouse may be offline. So the list has a date, and an old list is reported, too.
"""

from datetime import date, datetime
from pathlib import Path

from psycopg import Connection

from lagebild.core import yaml_files
from lagebild.core.settings import BERLIN

LIST = Path(__file__).with_name("server_versions.yml")
OLD_DAYS = 150
"""PostgreSQL publishes fixes every quarter: an older list misses one."""


def findings(connection: Connection, today: date | None = None) -> list[str]:
    """Messages about missing fixes of this connection's server; empty if none is known."""
    return known(connection.info.server_version, today or datetime.now(BERLIN).date())


def known(number: int, today: date) -> list[str]:
    """The same for a version number of libpq: 180006 is 18.6."""
    major, minor = divmod(number, 10_000)
    listed = yaml_files.read(LIST)
    found = []
    if major < listed["oldest_major"]:
        found.append(f"PostgreSQL {major} is too old for a build: {listed['oldest_major']} or newer is needed")
    entry = next((entry for entry in listed["versions"] if entry["major"] == major), None)
    if entry is None:
        found.append(f"of PostgreSQL {major} no version is known to {LIST.name}, so nothing is said of its fixes")
    elif minor <= entry["lacks"]:
        wanted = f"{major}.{entry['has']}" if "has" in entry else f"a version after {major}.{entry['lacks']}"
        found.append(
            f"PostgreSQL {major}.{minor} lacks published fixes, some for roles that may log in: {wanted} is needed"
            f" (known since {entry['known_on']}, {entry['evidence']}: {entry['source']})"
        )
    if (today - listed["looked_on"]).days > OLD_DAYS:
        found.append(
            f"{LIST.name} was looked up on {listed['looked_on']}: update Lagebild, and see whether your server is new"
        )
    return found
