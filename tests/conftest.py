"""One PostgreSQL cluster a test run, shared by all pytest-xdist workers; one database a test, cloned from a template.

Roles belong to the cluster, not to a database, so all tests share the secrets folder with the roles' passwords.
Each test gets the marker of its job (`jobs.py`), and those that take longest begin first.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lagebild.core import database, embedded
from lagebild.core.settings import Settings
from lagebild.local import ports, postgres
from lagebild.warehouse import build
from lagebild.warehouse.migrate import migrate
from tests import jobs
from tests.support import deliver, deliver_all

# Copied file by file: a fifth less work for the server than through its log, which nobody needs here.
CREATE = sql.SQL("create database {} template {} strategy file_copy")
TEMPLATE = "template_warehouse"
PUBLISHED = "template_published"
RUN = "LAGEBILD_TEST_RUN"  # the run's folder; workers inherit the variable from the process that starts them
SHARED = "LAGEBILD_SHARED"  # where the recorded files lie, if not beside the checkout
PREFIX = "lagebild-tests-"
MEMORY = Path("/dev/shm")
ROOM_BYTES = 6 * 2**30
"""What the cluster takes at most, several times over."""
JOB_OF = pytest.StashKey[dict[str, str]]()  # job of every collected test, also of those that `-m` leaves out
HEAVY_AT_COLLECTION = pytest.StashKey[list[str]]()
_in_use: list[str] = []


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    for name in [name for name in os.environ if name.startswith("LAGEBILD_") and name not in (RUN, SHARED)]:
        del os.environ[name]  # a developer's own settings do not reach the tests
    for parent in {MEMORY, Path(tempfile.gettempdir())}:
        remove_leftovers(PREFIX, parent)
    # Not below pytest's own temporary folder: that is closed to the user that the server runs as.
    folder = _place_of_the_cluster() / f"{PREFIX}{os.getpid()}"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    os.environ[RUN] = str(folder)


def _place_of_the_cluster() -> Path:
    """Memory, where there is room: a thousand databases are made and dropped, each of several hundred files.

    Measured on an ext4 disk that much was deleted on: 0.2 to 0.6 s of CPU a database, against 0.03 s. TMPDIR wins.
    """
    if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK):
        room = min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available)
        if room > ROOM_BYTES:
            return MEMORY
    return Path(tempfile.gettempdir())


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and RUN in os.environ:
        remove_state(settings_in(Path(os.environ.pop(RUN))))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    config.stash[JOB_OF] = {}
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        try:
            job = jobs.job(folder, item.fixturenames, [marker.name for marker in item.iter_markers()])
        except ValueError as error:
            raise pytest.UsageError(f"{item.nodeid}: {error}") from error
        item.add_marker(job)
        config.stash[JOB_OF][item.nodeid] = job
    config.stash[HEAVY_AT_COLLECTION] = sorted(jobs.HEAVY & set(sys.modules))
    yield  # here `-m` and `-k` choose
    stacks = [item for item in items if item.get_closest_marker(jobs.END_TO_END)]
    long = [item for item in items if item.get_closest_marker(jobs.LONG)]
    first = {*stacks, *long}
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    items[:] = jobs.dealt(stacks, long, [item for item in items if item not in first], workers)


@pytest.fixture(autouse=True)
def _no_server_in_a_unit_test(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep job `unit` free of databases: a test that starts one without fixture `cluster` must say so."""
    if request.node.get_closest_marker(jobs.UNIT):
        monkeypatch.setattr(postgres, "_launch", _not_in_a_unit_test)


def _not_in_a_unit_test(*_: object) -> None:
    pytest.fail(f"a unit test has no database: use fixture `warehouse`, or mark it `{jobs.OWN_SERVER}`")


@pytest.fixture(scope="session")
def cluster() -> Settings:
    """Settings of the run's cluster: the database that they lead to is the cluster's own, not for tests to fill."""
    settings = settings_in(Path(os.environ[RUN]))
    with ports.locked(settings, "tests"):
        postgres.start(settings, durable=False)
        with _administration(settings) as connection:
            _hash_passwords_once(connection)
            _make_template(connection, TEMPLATE, "template1", lambda draft: migrate(on_database(settings, draft)))
    return settings


def _hash_passwords_once(connection: psycopg.Connection) -> None:
    """Tests connect many thousand times, and both sides would hash a password 4096 times each: half of the wait."""
    user, password = connection.info.user, connection.info.password
    connection.execute("set scram_iterations = 1")
    connection.execute(sql.SQL("alter role {} set scram_iterations = 1").format(sql.Identifier(user)))
    connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(user), sql.Literal(password)))


@pytest.fixture(scope="session")
def publication(cluster: Settings) -> Path:
    """Folders of the warehouse in database `PUBLISHED`: all bundled deliveries, decided, built and published once."""
    folder = Path(os.environ[RUN], "published")

    def publish(draft: str) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        settings = _own_folders(on_database(cluster, draft), folder)
        deliver_all(settings)
        deliver(settings, "structure_tables", name="structure_tables_2021_fliesstext.csv")
        assert build.run(settings) == 1

    with ports.locked(cluster, "publication"), _administration(cluster) as connection:
        _make_template(connection, PUBLISHED, TEMPLATE, publish)
    return folder


def _make_template(connection: psycopg.Connection, name: str, origin: str, fill: Callable[[str], None]) -> None:
    """Make a database to clone from, unless another worker did."""
    if connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
        return
    # Filled under another name: a worker that dies half-way leaves no half template.
    draft = f"{name}_draft"
    connection.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(draft)))
    connection.execute(CREATE.format(sql.Identifier(draft), sql.Identifier(origin)))
    fill(draft)
    rename = sql.SQL("alter database {} rename to {}")
    connection.execute(rename.format(sql.Identifier(draft), sql.Identifier(name)))


@pytest.fixture
def warehouse(cluster: Settings, tmp_path: Path) -> Iterator[Settings]:
    """A migrated, empty warehouse of the test's own; drop, landing, keys, extracts and home are in `tmp_path`."""
    with _fresh_database(cluster, TEMPLATE) as name:
        yield _parsed_before(_own_folders(on_database(cluster, name), tmp_path), name)


@pytest.fixture
def published_warehouse(cluster: Settings, publication: Path, tmp_path: Path) -> Iterator[Settings]:
    """The same with all bundled deliveries accepted, built, and published as publication 1."""
    shutil.copytree(publication, tmp_path, dirs_exist_ok=True)
    with _fresh_database(cluster, PUBLISHED) as name:
        yield _parsed_before(_own_folders(on_database(cluster, name), tmp_path), name)


@pytest.fixture
def empty_warehouse(cluster: Settings, tmp_path: Path) -> Iterator[Settings]:
    """The same, before any migration."""
    with _fresh_database(cluster, "template1") as name:
        yield _parsed_before(_own_folders(on_database(cluster, name), tmp_path), name)


def settings_in(home: Path) -> Settings:
    """Settings with every folder below `home` and the embedded server."""
    folders = {name: home / name for name in ("drop", "landing", "keys", "extracts", "secrets")}
    nothing_set = dict.fromkeys(("warehouse_dsn", "airflow_dsn", "postgres_port", "airflow_port"))
    return Settings(home=home, demo=True, inbox_settle_seconds=0, **folders, **nothing_set)


def on_database(cluster: Settings, name: str) -> Settings:
    """Settings that lead to another database of the cluster."""
    return replace(cluster, warehouse_dsn=make_conninfo(**(database.parameters(cluster) | {"dbname": name})))


def _own_folders(settings: Settings, folder: Path) -> Settings:
    names = ("drop", "landing", "keys", "extracts")
    return replace(settings, home=folder / "home", **{name: folder / name for name in names})


def _parsed_before(settings: Settings, database_name: str) -> Settings:
    """Let dbt find what it parsed for the last test with a database of this name: parsing takes longer than a build."""
    target = settings.home / "dbt" / "target"
    target.mkdir(parents=True, exist_ok=True)
    parsed = target / "partial_parse.msgpack"
    parsed.unlink(missing_ok=True)
    parsed.symlink_to(Path(os.environ[RUN], f"{database_name}.msgpack"))
    return settings


@contextlib.contextmanager
def _fresh_database(cluster: Settings, template: str) -> Iterator[str]:
    # The same name for a worker's every test: see `_parsed_before`.
    name = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{len(_in_use)}"
    _in_use.append(name)
    with _administration(cluster) as connection:
        connection.execute(CREATE.format(sql.Identifier(name), sql.Identifier(template)))
    yield name
    _in_use.remove(name)
    with _administration(cluster) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _administration(cluster: Settings) -> psycopg.Connection:
    parameters = database.parameters(cluster) | {"dbname": "postgres"}
    return psycopg.connect(**parameters, autocommit=True)


@contextlib.contextmanager
def own_folder(name: str, parent: Path | None = None) -> Iterator[Settings]:
    """Settings of a new folder for a server of its own, which the caller starts; both are gone afterwards."""
    folder = (parent or Path(tempfile.gettempdir())) / name
    folder.mkdir()
    folder.chmod(0o755)  # the server's user passes through
    settings = settings_in(folder)
    try:
        yield settings
    finally:
        remove_state(settings)


def remove_leftovers(prefix: str, parent: Path | None = None) -> None:
    """Remove such folders of runs that were killed; the process that made one stands behind the prefix in its name."""
    for left in (parent or Path(tempfile.gettempdir())).glob(f"{prefix}*"):
        if not psutil.pid_exists(int(left.name.removeprefix(prefix).partition("-")[0])):
            remove_state(settings_in(left))


def remove_state(settings: Settings) -> None:
    """Stop the server of a test's own home and delete the home, also the part of it below /var/lib."""
    with contextlib.suppress(Exception):
        postgres.stop(settings)
    with contextlib.suppress(Exception):
        far = embedded.locate(settings, create=False).folder
        if embedded.UNREACHABLE_HOME in far.parents:
            shutil.rmtree(far, ignore_errors=True)
    shutil.rmtree(settings.home, ignore_errors=True)
