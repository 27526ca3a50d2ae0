"""A sandbox: changed models in a schema of their own, on the inputs of the publication in force.

dbt builds what differs from the project as it was published, and all behind it (`state:modified+`), and reads the rest
where the publication's build left it (`--defer --state`). Nothing is written outside the sandbox's schema, and nothing
is published from it: its models have no build token, and `publish` reads schema `build` alone.
"""

import json
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from psycopg import Connection, sql

from lagebild.core import database, disk
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.warehouse import difference, locks, marts, transform
from lagebild.warehouse.difference import MartDifference
from lagebild.warehouse.marts import Mart
from lagebild.warehouse.publish import Lineage
from lagebild.warehouse.steps import Step

PREFIX = "sandbox_"
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
ROLES = (database.BI_READER, database.STATISTICS_OFFICE, database.BUILDER)
_WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")


@dataclass(frozen=True)
class Sandbox:
    """What changed models make of the inputs of a publication."""

    schema: str
    publication: int
    """The publication that it is compared with."""
    marts: tuple[MartDifference, ...]
    """Marts with other rows than that publication's."""
    same: tuple[str, ...]
    """Marts that were built and have the same rows."""
    untouched: tuple[str, ...]
    """Marts that no change can reach: not built."""

    def only(self, mart: str) -> "Sandbox":
        """The same of one mart."""
        named = tuple(one for one in self.marts if one.mart == mart)
        same, untouched = (tuple(name for name in names if name == mart) for names in (self.same, self.untouched))
        return replace(self, marts=named, same=same, untouched=untouched)


@dataclass(frozen=True)
class _Inputs:
    """What a sandbox reads."""

    database: str
    publication: int
    build: int
    is_there: bool
    """Whether schema `build` still holds what this build wrote."""


def run(
    settings: Settings,
    name: str,
    role: str = database.BI_READER,
    keeps: bool = False,
    tell: Callable[[Step], None] | None = None,
) -> Sandbox:
    """Build the changed models as a role, and compare their marts with the publication in force.

    A reader's models see published marts alone; the builder's see every input. The schema `sandbox_<name>` is dropped
    afterwards, unless it is kept: then until the next build begins. UserError if nothing is published, the name is no
    name, dbt fails, or a build began meanwhile.
    """
    if not NAME.fullmatch(name):
        raise UserError(
            f"{name!r} cannot name a sandbox", remedy="--name: small letters, digits and _, a letter first, up to 40"
        )
    schema = PREFIX + name
    with database.connect(settings, autocommit=True) as administration:
        inputs = _inputs(administration)
        disk.require(settings, "a sandbox", {disk.DATABASE: transform.bytes_to_write(administration)})
        variables = _writing(transform.environment(settings, role, schema))
        published = transform.published_manifest(settings.home, inputs.publication)
        own = Path(variables["DBT_TARGET_PATH"])
        with _schema(administration, schema, role, keeps):
            try:
                transform.build(variables, inputs.build, *_selection(inputs, role, published, own / "published"), tell)
            except transform.FailedError as failure:
                raise UserError(f"dbt failed in {schema}\n{failure}", remedy=_remedy(role, str(failure))) from failure
            versions = [_lineage(path) for path in (published, own / transform.MANIFEST)]
            with administration.transaction():
                administration.execute("set transaction isolation level repeatable read")
                administration.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
                found = _compared(administration, schema, inputs.publication, *versions)
            if _inputs(administration) != inputs:
                raise UserError(
                    f"{schema}: a build or a publication came in between, so that its inputs are a mixture",
                    remedy="the same command again, when `lagebild stack status` shows no build under way",
                )
    return found


def drop_outdated(connection: Connection) -> None:
    """Drop the builder's sandboxes: what they copied may be of persons, and is no longer what is published."""
    names = connection.execute(
        "select nspname from pg_namespace where starts_with(nspname, %s) and nspowner = current_user::regrole",
        [PREFIX],
    ).fetchall()
    for (name,) in names:
        locks.patiently(connection, lambda name=name: _drop(connection, name), f"dropping {name}")


def as_text(found: Sandbox, shown_rows: int | None = difference.SHOWN_ROWS) -> str:
    """The difference as lines for a terminal, with at most so many rows a mart, or all."""
    return "\n".join(_lines(found, shown_rows))


def _inputs(connection: Connection) -> _Inputs:
    row = connection.execute(
        "select current_database(), p.publication_id, p.build_id, p.build_id = (select max(build_id) from raw.build)"
        " from published.current_publication as c"
        " inner join published.publication as p on c.publication_id = p.publication_id"
    ).fetchone()
    if row is None:
        raise UserError("nothing is published yet to compare with", remedy="lagebild publication build")
    return _Inputs(*row)


@contextmanager
def _schema(connection: Connection, name: str, role: str, keeps: bool) -> Generator[None]:
    """A new, empty schema of a role; dropped at the end, unless it is kept and all went well."""
    _drop(connection, name)
    connection.execute(sql.SQL("create schema {} authorization {}").format(sql.Identifier(name), sql.Identifier(role)))
    is_kept = False
    try:
        yield
        is_kept = keeps
    finally:
        if not is_kept:
            _drop(connection, name)


def _drop(connection: Connection, name: str) -> None:
    connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(name)))


def _writing(variables: dict[str, str]) -> dict[str, str]:
    """The variables, for a session that may write where its role may: readers' sessions do not, unless they ask."""
    return variables | {"PGOPTIONS": f"{variables.get('PGOPTIONS', '')} -c default_transaction_read_only=off".strip()}


def _selection(inputs: _Inputs, role: str, published: Path, state: Path) -> tuple[list[str], list[str]]:
    """What dbt is to build, and its options; `state` is the folder that dbt reads the published manifest from."""
    if not published.exists():  # published by an earlier version, or returned to: what differs from it is not known
        return ["path:models", "path:seeds"], [*_WITHOUT_UNIT_TESTS]
    _write_state(published, state, role, inputs.database)
    options = [*_WITHOUT_UNIT_TESTS, "--state", str(state)]
    if role in database.READERS or inputs.is_there:
        return ["state:modified+"], [*options, "--defer"]
    return ["+state:modified+"], options  # a later build wrote over the inputs of the publication: they are made again


def _write_state(kept: Path, folder: Path, role: str, database_name: str) -> None:
    """The manifest for this database, which may be a copy; for readers with the marts where they find them: protected,
    and of the publication in force."""
    manifest = json.loads(kept.read_text())
    is_reader = role in database.READERS
    of_role = {mart.name: mart.schema for mart in marts.definitions() if role in marts.AUDIENCES[mart.schema]}
    for node in (*manifest["nodes"].values(), *manifest["sources"].values()):
        node["database"] = database_name
        if is_reader and node["resource_type"] == "model" and node["name"] in of_role:
            node["schema"] = of_role[node["name"]]
        if node.get("relation_name"):
            parts = (database_name, node["schema"], node.get("alias") or node["identifier"])
            node["relation_name"] = ".".join(f'"{part}"' for part in parts)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / transform.MANIFEST).write_text(json.dumps(manifest))


def _remedy(role: str, failure: str) -> str:
    if role in database.READERS and "permission denied" in failure:
        return (
            f"{role} sees published marts alone, and a changed model reads more; who may see protected inputs has the"
            f" password of {database.BUILDER}: --role {database.BUILDER}"
        )
    return "mend the model; nothing that is published changed"


def _lineage(manifest: Path) -> Lineage | None:
    return Lineage(json.loads(manifest.read_text())) if manifest.exists() else None


def _compared(
    connection: Connection, schema: str, publication: int, published: Lineage | None, own: Lineage | None
) -> Sandbox:
    tables = connection.execute("select tablename from pg_tables where schemaname = %s", [schema]).fetchall()
    made = {name for (name,) in tables}
    differing, same, untouched = [], [], []
    for mart in marts.definitions():
        if mart.name not in made:
            untouched.append(mart.name)
        elif rows := tuple(difference.rows(connection, mart, *_sides(connection, mart, schema))):
            versions = [one.version(mart.name) if one and one.holds(mart.name) else None for one in (published, own)]
            differing.append(MartDifference(mart.name, *versions, (), rows))
        else:
            same.append(mart.name)
    return Sandbox(schema, publication, tuple(differing), tuple(same), tuple(untouched))


def _sides(connection: Connection, mart: Mart, schema: str) -> tuple[sql.Composable, sql.Composable]:
    """The rows of a mart as published, none if it is a new one, and those of the sandbox."""
    query = sql.SQL("select to_jsonb(m) - array['publication_id', {}] as row from {} as m")
    is_published = connection.execute(
        "select viewname from pg_views where (schemaname, viewname) = (%s, %s)", [mart.schema, mart.name]
    ).fetchone()
    former = (
        query.format(marts.AGE, sql.Identifier(mart.schema, mart.name))
        if is_published
        else sql.SQL("select null::jsonb as row where false")
    )
    return former, query.format(marts.AGE, sql.Identifier(schema, mart.name))


def _lines(found: Sandbox, shown_rows: int | None) -> Iterator[str]:
    yield f"{found.schema} compared with publication {found.publication}; nothing is published"
    if not found.marts:
        yield "no figure differs"
    for mart in found.marts:
        yield ""
        yield from difference.mart_lines(mart, _cause(mart), shown_rows)
    yield ""
    yield f"built and the same: {', '.join(found.same) or 'none'}"
    yield f"not reached by the change: {len(found.untouched)} marts"


def _cause(mart: MartDifference) -> str:
    if mart.former_version is None:
        return "its model, of which the publication has no version to compare"
    return f"its model or one before it ({mart.former_version} -> {mart.latter_version})"
