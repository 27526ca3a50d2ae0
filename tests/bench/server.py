"""The bench's own PostgreSQL: durable settings, one migrated database to clone for every run."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ingest.contracts import load as load_contract
from ingest.deliveries import pseudonyms
from lagebild.core import database, embedded
from lagebild.core.errors import UserError
from lagebild.core.settings import WAREHOUSE_DATABASE, Settings
from lagebild.local import postgres
from lagebild.warehouse.migrate import migrate
from tests.bench import generate
from tests.conftest import on_database, own_folder, remove_leftovers

PREFIX = "lagebild-bench-"
RAW_TABLES = ("raw_before", "raw_after")
MUST_BE_ON = ("fsync", "full_page_writes", "synchronous_commit")


@dataclass(frozen=True)
class Server:
    """The running server of this bench."""

    settings: Settings
    postmaster: int
    version: str

    @property
    def psql(self) -> Path:
        return postgres.binaries(self.settings) / "psql"

    @contextlib.contextmanager
    def database(self, file: Path | None = None) -> Iterator["Warehouse"]:
        """A warehouse of its own with every table in place, empty, and the register `file` in the drop folder."""
        name, folder = "bench_run", self.settings.home / "run"
        with self._administration() as connection:
            connection.execute(
                sql.SQL("create database {} template {}").format(
                    sql.Identifier(name), sql.Identifier(WAREHOUSE_DATABASE)
                )
            )
        folders = {part: folder / part for part in ("home", "drop", "landing", "keys", "extracts")}
        settings = replace(on_database(self.settings, name), **folders)
        pseudonyms.ensure_key(settings.keys, generate.AGS, load_contract(generate.SOURCE).pseudonym_purpose)
        try:
            with database.connect(settings) as connection:
                columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(t)) for t in generate.header())
                for table in RAW_TABLES:
                    create = sql.SQL("create table public.{} ({})")
                    connection.execute(create.format(sql.Identifier(table), columns))
            warehouse = Warehouse(settings, self)
            if file is not None:
                warehouse.arrives(file, generate.FILE_NAME)
            yield warehouse
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with self._administration() as connection:
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    def checkpoint(self) -> None:
        """Write everything to disk, so that the next run does not pay for the one before."""
        with self._administration() as connection:
            connection.execute("checkpoint")

    def _administration(self) -> psycopg.Connection:
        return psycopg.connect(**(database.parameters(self.settings) | {"dbname": "postgres"}), autocommit=True)


@dataclass(frozen=True)
class Warehouse:
    """One run's database and folders."""

    settings: Settings
    server: Server

    def arrives(self, file: Path, name: str, source: str = generate.SOURCE) -> None:
        """Put a file into the drop folder."""
        folder = self.settings.drop / source
        folder.mkdir(parents=True, exist_ok=True)
        os.link(file, folder / name)  # a copy would only warm the disk

    def vacuumed_bytes(self) -> int:
        """How large the database is when nothing in it is waste."""
        with database.connect(self.settings, autocommit=True) as connection:
            connection.execute("vacuum (analyze)")
            return connection.execute("select pg_database_size(current_database())").fetchone()[0]

    @property
    def dsn(self) -> str:
        """As the owner, for psql."""
        return make_conninfo(**database.parameters(self.settings))

    @property
    def url(self) -> str:
        """As the owner, for dlt."""
        return database.url(self.settings)

    @property
    def environment(self) -> dict[str, str]:
        """For our job: the settings as variables."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("LAGEBILD_")}
        return own | self.settings.variables()


@contextlib.contextmanager
def started(parent: Path | None, bytes_needed: int) -> Iterator[Server]:
    """A server in a folder of its own, durable; both are gone afterwards. UserError where the disk is too small."""
    parent = parent or Path(tempfile.gettempdir())
    remove_leftovers(PREFIX, parent)
    free = shutil.disk_usage(parent).free
    if free < bytes_needed:
        raise UserError(
            f"{parent} has {free / 1e9:.1f} GB free, and the bench needs about {bytes_needed / 1e9:.1f} GB",
            remedy="make bench ROWS=... with fewer rows, OPTIONS=--no-memory to skip the run at four times the rows, or"
            " OPTIONS='--folder ...' on another disk",
        )
    with own_folder(f"{PREFIX}{os.getpid()}", parent) as settings:
        postgres.start(settings, durable=True)
        migrate(settings)
        yield _checked(settings)


def _checked(settings: Settings) -> Server:
    with database.connect(settings) as connection:
        off = [name for name in MUST_BE_ON if connection.execute(f"show {name}").fetchone() != ("on",)]
        if off:
            raise UserError(f"{', '.join(off)} is off: figures from such a server say nothing")
        (version,) = connection.execute("show server_version").fetchone()
    data = embedded.locate(settings, create=False).data
    return Server(settings, int((data / "postmaster.pid").read_text().split()[0]), version)
