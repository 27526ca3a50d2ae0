"""What runs, where it listens, where the files are; separately, the passwords."""

from pathlib import Path
from typing import Any

import psycopg

from lagebild.core import database, disk, embedded, lineage
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.local import airflow, bi, pages, postgres, supervisor
from lagebild.warehouse import build, guards, inputs, publications, server_version

AIRFLOW_SECRET = "airflow_admin"


def lines(settings: Settings) -> list[str]:
    """What `lagebild stack status` prints, without passwords."""
    runs = postgres.is_running(settings)
    found = [f"state folder:   {settings.home}", f"drop folder:    {settings.drop}/<source>/"]
    found += [f"inbox:          {url}" for url in settings.inboxes]
    if settings.warehouse_dsn:
        where = f"{_of(settings, 'host')}:{_of(settings, 'port')}, database {_of(settings, 'dbname')}"
        found.append(f"warehouse:      {'answers' if runs else 'does not answer'} at {where} (LAGEBILD_WAREHOUSE_DSN)")
    else:
        port = settings.ports().get("postgres")
        found.append(f"PostgreSQL:     {f'runs on 127.0.0.1:{port}' if runs else 'is stopped'}")
        if settings.home.exists():
            cluster = embedded.locate(settings, create=False)
            found.append(f"  cluster:      {cluster.data}")
            found.append(f"  programs:     {cluster.binaries}")
    found.append(f"Airflow:        {_airflow(settings)}")
    if airflow.components(settings):
        found += [f"  {line}" for line in supervisor.lines(airflow.home(settings))]
    found.append(f"checks:         {pages.url(settings) or f'are not served (log: {pages.SERVER.log_path(settings)})'}")
    found += bi.Superset(settings).lines()
    if where := lineage.line(settings):
        found.append(f"lineage:        {where}")
    if not runs:
        return [*found, "make up starts it"]
    found += [f"disk:           {one}" for one in disk.short(settings)]
    from ingest.inbox import unclaimed
    from ingest.inbox.stores import base

    if said := unclaimed.warning(unclaimed.every(settings, only=base.DROP)):  # others are slow
        found.append(f"not taken:      {said}")
    return [*found, *_warehouse(settings), _for_bi(settings), _extract(settings.extracts)]


def addresses(settings: Settings) -> list[str]:
    """Addresses of the results only, for the end of a run."""
    found = [_for_bi(settings)]
    if (url := airflow.url(settings)) and airflow.is_running(settings):
        found.append(f"Airflow:        {url}  {_login(settings)}")
    return [*found, _extract(settings.extracts)]


def credentials(settings: Settings) -> dict[str, Any]:
    """The address of role `bi_reader` with its password, logins of Airflow and Superset. UserError before a start."""
    for name in (database.BI_READER, AIRFLOW_SECRET):
        if not (settings.secrets / name).exists():  # reading it would create a new one
            raise UserError(f"there is no secret {settings.secrets / name} yet", remedy="make up")
    url = airflow.url(settings)
    login = {"url": url, "user": airflow.ADMIN, "password": settings.secret(AIRFLOW_SECRET)} if url else None
    return {
        "bi_reader": database.url(settings, database.BI_READER),
        "airflow": login,
        "dashboards": bi.Superset(settings).logins(),
    }


def _airflow(settings: Settings) -> str:
    if airflow.is_running(settings):
        return f"runs at {airflow.url(settings)}  {_login(settings)}"
    alive = airflow.components(settings)
    if alive or airflow.processes(settings):
        return f"partly runs ({', '.join(alive) or 'left-overs'}); make up repairs it"
    return "is stopped"


def _warehouse(settings: Settings) -> list[str]:
    with database.connect(settings) as connection:
        try:
            kind = connection.execute("select kind from raw.warehouse").fetchone()
            (publication,) = connection.execute("select publication_id from published.current_publication").fetchone()
            note = _about(connection, publication)
            states = connection.execute("select state, count(*) from raw.delivery group by 1 order by 1").fetchall()
            is_known = connection.execute("select to_regclass('raw.build_set_aside') is not null").fetchone()[0]
            left_out = inputs.set_aside(connection) if is_known else []
            waiting = build.waiting_build(connection)
            open_to_readers = guards.lacking(connection)
            versions = server_version.findings(connection)
        except psycopg.errors.UndefinedTable:
            connection.rollback()
            return ["warehouse:      empty, not prepared yet"]
    held = {"demo": "bundled (demo) deliveries", "own": "own deliveries"}[kind[0]] if kind else "nothing yet"
    counts = ", ".join(f"{count} {state}" for state, count in states) or "none"
    return [
        f"warehouse:      holds {held}",
        f"deliveries:     {counts}",
        f"publication:    {publication or 'none yet'}{note}",
        *([f"to publish:     {build.waiting_message(waiting)}"] if waiting is not None else []),
        *(f"set aside:      {one}" for one in left_out),
        *(f"server:         {one}" for one in versions),
        *(f"guard lacks:    {one}" for one in open_to_readers),
        *(
            ["  lagebild warehouse migrate sets what it may; the rest a superuser: docs/decisions/hidden-statistics.md"]
            * bool(open_to_readers)
        ),
    ]


def _about(connection: psycopg.Connection, publication: int | None) -> str:
    """A note that readers do not see the current publication, if it is from before the protection."""
    is_known = connection.execute(
        "select exists (select from pg_attribute where attrelid = 'published.publication'::regclass"
        " and attname = 'is_protected')"
    ).fetchone()[0]
    if publication is None or (is_known and publications.is_protected(connection, publication)):
        return ""
    return f" ({publications.UNPROTECTED}; lagebild warehouse migrate and lagebild publication build publish anew)"


def _for_bi(settings: Settings) -> str:
    url = database.url(settings, database.BI_READER, shows_password=False)
    return f"for BI tools:   {url}  (schema marts; password: {_shown(settings, database.BI_READER)})"


def _login(settings: Settings) -> str:
    return f"(user {airflow.ADMIN}; password: {_shown(settings, AIRFLOW_SECRET)})"


def _shown(settings: Settings, secret: str) -> str:
    """The file of a secret, relative if it is below the current folder."""
    path, here = settings.secrets / secret, Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _extract(extracts: Path) -> str:
    """The folder with the packages of the latest release."""
    folders = [path for path in extracts.glob("publication-*/*") if not path.name.startswith(".")]
    if not folders:
        return f"packages:       none yet in {extracts}"
    newest = max(folders, key=lambda path: path.stat().st_mtime).parent
    names = sorted(path.name for path in folders if path.parent == newest)
    return f"packages:       {newest} ({', '.join(names)})"


def _of(settings: Settings, name: str) -> str:
    return database.parameters(settings).get(name, "")
