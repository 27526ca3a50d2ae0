"""A build: fix the inputs, run dbt layer by layer, check the candidate marts, publish.

The command line and the DAG `build_warehouse` call the same functions. The latest build has the token; an earlier
build that still runs fails at its next statement and publishes nothing.
"""

import getpass
import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection

from expectations import gate
from ingest.deliveries import delivery_ledger
from ingest.inbox import receipts
from lagebild.core import database, disk, lineage
from lagebild.core.errors import UserError
from lagebild.core.settings import DBT_PROJECT, Settings
from lagebild.core.version import code_version
from lagebild.warehouse import blame, marts, overlay, publications, publish, sandbox, transform
from lagebild.warehouse import inputs as build_inputs
from lagebild.warehouse.inputs import Numbered, SetAside
from lagebild.warehouse.publications import Rollback
from lagebild.warehouse.steps import Step

LAYERS = ("staging", "intermediate", "marts")
OVERTAKEN = "LB001"


class FailedBuildError(UserError):
    """A build that was stopped because dbt or a check of its marts failed."""

    def __init__(self, message: str, remedy: str, failures: Sequence[transform.Failure]):
        super().__init__(message, remedy)
        self.failures = tuple(failures)


def at_work(settings: Settings) -> AbstractContextManager[Connection]:
    """The one connection of a build: the builder's, in which each step is a transaction of its own.

    What has another for a reason: dbt and Great Expectations bring their drivers; an acceptance that is over is the
    loader's to move, and asked for by this one.
    """
    return database.connect(settings, database.BUILDER, autocommit=True)


def _expire(connection: Connection, settings: Settings, echo: Callable[[str], None] = print) -> None:
    """Hold again what was accepted until a day that is over, where there is such a delivery."""
    if delivery_ledger.over(connection) and delivery_ledger.expire(settings):
        receipts.renew(settings, echo)


def is_current(settings: Settings) -> bool:
    """Whether there is nothing to build.

    That is so if the current publication was made from exactly the accepted deliveries by this code (some may have been
    set aside); or such a build waits for approval; or a build would undo a rollback.
    """
    with database.connect(settings, database.BUILDER) as connection:
        asked = build_inputs.accepted(connection)
        version = _version(settings.config)
        fingerprint = build_inputs.fingerprint(asked, version)
        if _is_made(connection, fingerprint):
            return True
        return _standing_rollback(connection, asked, version) is not None


def blocked_by_rollback(settings: Settings) -> str | None:
    """The rollback that blocks a build of the accepted deliveries, if any, and what to fix."""
    with database.connect(settings, database.BUILDER) as connection:
        rollback = _standing_rollback(connection, build_inputs.accepted(connection), _version(settings.config))
        return publications.explained(connection, rollback) if rollback else None


def set_aside(settings: Settings) -> list[SetAside]:
    """The accepted deliveries that are not in the current publication."""
    with database.connect(settings, database.BUILDER) as connection:
        return build_inputs.set_aside(connection)


def begin(settings: Settings, echo: Callable[[str], None] = print, aside: Sequence[SetAside] = ()) -> int | None:
    """Fix the inputs of a new build and take the token; None if there is nothing new to build.

    Deliveries whose acceptance has expired are held again first, and their predecessors are read. `aside` is left out;
    if nothing else is new, there is nothing to build.
    """
    with at_work(settings) as connection:
        return _begin(connection, settings, echo, aside)


def _begin(
    connection: Connection, settings: Settings, echo: Callable[[str], None], aside: Sequence[SetAside] = ()
) -> int | None:
    _expire(connection, settings, echo)
    own = overlay.rows(settings.config)
    version = overlay.version(code_version(), own, overlay.layouts(settings.config))
    with connection.transaction():
        asked = build_inputs.accepted(connection)
        fingerprint = build_inputs.fingerprint(asked, version)
        if not asked or _is_made(connection, fingerprint):
            return None
        read = build_inputs.chosen(connection, asked, aside)
        if not read or (aside and _is_published(connection, read, version)):
            return None
        if rollback := publications.standing_rollback(connection, _pairs(read) | _of(version)):
            echo(publications.explained(connection, rollback))
            return None
        marts.require_synced(connection)
        disk.require(settings, "a build", {disk.DATABASE: transform.bytes_to_write(connection)})
        (build_id,) = connection.execute(
            "insert into raw.build (state, code_version, fingerprint) values ('running', %s, %s) returning build_id",
            [version, fingerprint],
        ).fetchone()
        build_inputs.fix(connection, build_id, read, [one for one in aside if one.delivery_id in _ids(asked)])
        connection.execute("update raw.build_token set build_id = %s", [build_id])
        overlay.fix(connection, own)
        connection.execute(
            "update raw.build set state = 'overtaken', reason = %s, ended_at = now()"
            " where state in ('running', 'waiting') and build_id < %s",
            [f"by build {build_id}", build_id],
        )
    sandbox.drop_outdated(connection)
    return build_id


def make(
    connection: Connection,
    settings: Settings,
    build_id: int,
    tell: Callable[[Step], None] | None = None,
    echo: Callable[[str], None] = print,
) -> int:
    """Run all dbt layers of a started build; the id of the build that succeeded.

    If dbt fails on a delivery that is not in the current publication, that delivery is set aside and another build
    starts without it. UserError if no delivery can be the cause, or if nothing is new without it.
    """
    lineage.require(settings)
    while True:
        try:
            # One call: starting dbt takes longer than the models of a layer.
            variables = transform.environment(settings)
            done = partial(transform.tell_lineage, settings)
            run_layers(connection, variables, build_id, *LAYERS, tell=tell, done=done)
            return build_id
        except FailedBuildError as failure:
            build_id = _begin_without_blamed(connection, settings, build_id, failure, echo)


def pass_checks(
    connection: Connection,
    settings: Settings,
    build_id: int,
    tell: Callable[[Step], None] | None = None,
    echo: Callable[[str], None] = print,
) -> int:
    """Check the candidate marts of a build; the id of the build that passed, rebuilt if needed as in `make`."""
    while True:
        try:
            check_marts(connection, build_id, echo)
            return build_id
        except FailedBuildError as failure:
            again = _begin_without_blamed(connection, settings, build_id, failure, echo)
            build_id = make(connection, settings, again, tell, echo)


def _begin_without_blamed(
    connection: Connection, settings: Settings, build_id: int, failure: FailedBuildError, echo: Callable[[str], None]
) -> int:
    """Start another build without the deliveries that this one failed on or had left out."""
    with connection.transaction():
        found = blame.blamed(connection, build_id, failure.failures, transform.manifest_path(settings))
        before = build_inputs.left_out(connection, build_id)
    if not found:
        raise failure
    aside = [*before, *found]
    again = _begin(connection, settings, echo, aside)
    if again is None:
        raise UserError(
            "\n".join([failure.message, *map(str, found)]),
            remedy=f"nothing else is new: the last publication stays in force; {failure.remedy}",
        ) from failure
    echo(str(failure))
    for one in found:
        echo(str(one))
    echo(f"build {again}: again, without {len(aside)} deliver{'y' if len(aside) == 1 else 'ies'}")
    return again


def run_layers(
    connection: Connection,
    variables: Mapping[str, str],
    build_id: int,
    *layers: str,
    tell: Callable[[Step], None] | None = None,
    done: Callable[[Any], None] | None = None,
) -> None:
    """Run dbt layers (models and their tests) of a build in one dbt call; UserError names what failed.

    `variables` are those of `transform.environment`. `tell` is called for each finished model, seed and test, by one of
    dbt's threads at a time; `done` gets what dbt returned, before it is judged.
    """
    seeds = ["path:seeds"] if "staging" in layers and not _seeds_are_loaded(connection, build_id) else []
    # Unit tests only depend on the code, and `make test` runs them: dbt advises not to run them in a build.
    without_unit_tests = ["--exclude-resource-type", "unit_test"]
    select = [*(f"path:models/{layer}" for layer in layers), *seeds]
    dbt(connection, variables, build_id, select, *without_unit_tests, tell=tell, done=done)


def dbt(
    connection: Connection,
    variables: Mapping[str, str],
    build_id: int,
    select: list[str],
    *options: str,
    tell: Callable[[Step], None] | None = None,
    done: Callable[[Any], None] | None = None,
) -> None:
    """`dbt build` of a selection; UserError names what failed, and the build is stopped."""
    try:
        transform.build(variables, build_id, select, options, tell, done)
    except transform.FailedError as failure:
        _stop(connection, build_id, f"dbt failed in {' '.join(select)}")
        raise FailedBuildError(
            f"build {build_id}: dbt failed in {' '.join(select)}\n{failure}",
            f"the whole output is in {variables['DBT_LOG_PATH']}/dbt.log; the last publication stays in force",
            failure.failures,
        ) from failure


def _seeds_are_loaded(connection: Connection, build_id: int) -> bool:
    """Whether the seed tables are those of this version; seeds are a third of dbt's time and change only with it.

    That is so if the previous build had the same version and succeeded, and all tables exist.
    """
    seeds = [path.stem for path in DBT_PROJECT.glob("seeds/**/*.csv")]
    (is_same, there) = connection.execute(
        "select (select state in ('published', 'waiting') and code_version = own.code_version from raw.build"
        " where build_id < own.build_id order by build_id desc limit 1), (select count(*) from pg_class"
        " where relnamespace = to_regnamespace('build') and relname = any(%s)) from raw.build as own"
        " where build_id = %s",
        [seeds, build_id],
    ).fetchone()
    return bool(is_same) and there == len(seeds)


def check_marts(connection: Connection, build_id: int, echo: Callable[[str], None] = print) -> None:
    """Run the expectations and the disclosure audit on the candidate marts.

    FailedBuildError if an expectation fails or protected figures could be worked out; UserError if a gate cannot run,
    because no delivery is the cause of that.

    Warnings are reported with their number and texts.
    """
    with _stopping(connection, build_id):
        verdicts = gate.check_marts(connection, build_id)
    failed = [v for v in verdicts if not v.passed and v.severity == "hold"]
    if failed:
        reason = "; ".join(f"{v.expectation}: {v.observed} (expected {v.expected})" for v in failed)
        _stop(connection, build_id, reason)
        raise FailedBuildError(
            f"build {build_id} is not published: {reason}",
            "mend the delivery or the model; the last publication stays in force",
            [transform.Failure.of_mart(v.expectation) for v in failed],
        )
    with _stopping(connection, build_id):
        verdict, findings = gate.check_disclosure(connection, build_id)
    if not verdict.passed:
        follows = [str(finding) for finding in findings]
        _stop(connection, build_id, "; ".join([verdict.observed, *follows]))
        raise FailedBuildError(
            "\n".join([f"build {build_id} is not published: {verdict.observed}", *follows]),
            "mend the model that shows what is named here, or withhold it; the last publication stays in force",
            blame.of_findings(verdict.expectation, [finding.requirement.source for finding in findings]),
        )
    for line in warnings(verdicts):
        echo(line)


@contextmanager
def _stopping(connection: Connection, build_id: int) -> Generator[None]:
    """Stop the build because a gate cannot check its marts."""
    try:
        yield
    except UserError as error:
        _stop(connection, build_id, error.message)
        raise


def warnings(verdicts: Iterable[gate.Verdict]) -> list[str]:
    """The number of warnings, and a line for each: what was found and why it matters."""
    warned = [v for v in verdicts if not v.passed and v.severity == "warn"]
    lines = [f"  {v.expectation}: {v.observed} (expected {v.expected}). {v.why}" for v in warned]
    return [f"Warnings: {len(warned)}", *lines]


def run(
    settings: Settings,
    echo: Callable[[str], None] = print,
    tell: Callable[[Step], None] | None = None,
    publishes: bool | None = None,
) -> int | None:
    """Run a whole build in this process; the new publication's id, None if there is none.

    There is none if nothing was new, or if the build waits for approval (`waiting`). `publishes` overrides the setting;
    if it is true and such a build waits already, that one is published.
    """
    publishes = settings.publishes_unasked if publishes is None else publishes
    with at_work(settings) as connection:
        build_id = _begin(connection, settings, echo)
        if build_id is None:
            return _approve(connection, settings) if publishes and waiting_build(connection) else None
        echo(f"build {build_id}: {', '.join(LAYERS)}")
        build_id = make(connection, settings, build_id, tell, echo)
        echo(f"build {build_id}: expectations")
        build_id = pass_checks(connection, settings, build_id, tell, echo)
        if publishes:
            return _publish(connection, settings, build_id)
        wait_for_approval(connection, build_id)
        return None


def wait_for_approval(connection: Connection, build_id: int) -> str:
    """Let the checked candidate marts of a build wait for approval; the message for that."""
    with _told_if_overtaken(), connection.transaction():
        connection.execute("select raw.assert_build_token(%s)", [build_id])
        _assert_passed(connection, build_id)
        connection.execute("update raw.build set state = 'waiting', ended_at = now() where build_id = %s", [build_id])
    return waiting_message(build_id)


def waiting(settings: Settings) -> int | None:
    """The build that passed its checks and waits for approval, if any."""
    with at_work(settings) as connection:
        return waiting_build(connection)


def waiting_build(connection: Connection) -> int | None:
    """The same, for a connection that may read the ledger."""
    row = connection.execute("select max(build_id) from raw.build where state = 'waiting'").fetchone()
    return row[0]


def waiting_message(build_id: int) -> str:
    """The message about a build that waits for approval."""
    return (
        f"build {build_id} passed its checks and waits for approval; nothing is published:"
        f" lagebild publication publish {build_id}"
    )


def about(settings: Settings, build_id: int) -> list[str]:
    """What to know before approval: what is new since the current publication, and the warnings."""
    with database.connect(settings, database.BUILDER) as connection:
        in_force = build_inputs.of_publication_in_force(connection)
        read = _fixed_inputs(connection, build_id)
        new = sorted((*pair, number) for pair, number in read.items() if in_force.get(pair) != number)
        gone = sorted(pair for pair in in_force.keys() - read.keys())
        warned = connection.execute(
            "select expectation, observed, expected from quality.verdict where build_id = %s and not passed"
            " and severity = 'warn' order by verdict_id",
            [build_id],
        ).fetchall()
    return [
        f"build {build_id} reads {len(read)} deliveries and passed its checks",
        *(f"new: {source} {period}, delivery {number}" for source, period, number in new),
        *(f"no longer read: {source} {period}" for source, period in gone),
        f"warnings: {len(warned)}",
        *(f"  {expectation}: {observed} (expected {expected})" for expectation, observed, expected in warned),
    ]


def approve(settings: Settings, build_id: int | None = None, by: str | None = None) -> int:
    """Publish the waiting build, or this one; the new publication's id. Records who did it: `by`, else the account of
    this process.

    UserError if none waits, if a later build has begun, or if its inputs or the code changed since the checks: only
    what was reviewed is published.
    """
    with at_work(settings) as connection:
        return _approve(connection, settings, build_id, by)


def _approve(connection: Connection, settings: Settings, build_id: int | None = None, by: str | None = None) -> int:
    _expire(connection, settings)
    with connection.transaction():
        latest = waiting_build(connection)
        wanted = latest if build_id is None else build_id
        if wanted is None:
            raise UserError("no build waits to be published", remedy="lagebild publication build")
        row = connection.execute(
            "select state, reason, fingerprint from raw.build where build_id = %s", [wanted]
        ).fetchone()
        if row is None:
            raise UserError(f"there is no build {wanted}", remedy=_instead(latest))
        state, reason, fingerprint = row
        if state != "waiting":
            why = f"{state} {reason}" if state == "overtaken" else f"{state}{f' ({reason})' if reason else ''}"
            raise UserError(f"build {wanted} does not wait to be published: it is {why}", remedy=_instead(latest))
        if fingerprint != build_inputs.fingerprint(build_inputs.accepted(connection), _version(settings.config)):
            raise UserError(
                f"build {wanted} is not published: since it was checked, deliveries were accepted or withdrawn, or the"
                " code or the city's own rows changed",
                remedy="lagebild publication build makes and checks another one",
            )
    return _publish(connection, settings, wanted, by or getpass.getuser())


def _instead(waiting: int | None) -> str:
    return f"build {waiting} waits: lagebild publication publish {waiting}" if waiting else "lagebild publication build"


def publish_build(settings: Settings, build_id: int, by: str | None = None) -> int:
    """Publish the checked candidate marts in one transaction; the new publication's id. `by`: who asked for it.

    If a task was killed after its commit, the retry returns the id of the existing publication.
    """
    with at_work(settings) as connection:
        return _publish(connection, settings, build_id, by)


def _publish(connection: Connection, settings: Settings, build_id: int, by: str | None = None) -> int:
    version = _version(settings.config)
    with _told_if_overtaken(), connection.transaction():
        done = connection.execute(
            "select publication_id from published.publication where build_id = %s", [build_id]
        ).fetchone()
        if done:
            return done[0]
        connection.execute("select raw.assert_build_token(%s)", [build_id])
        _assert_passed(connection, build_id)
        publications.lock_pointer(connection)
        rollback = publications.standing_rollback(connection, _fixed_inputs(connection, build_id) | _of(version))
        if rollback is None:
            manifest = transform.manifest_path(settings)
            (fingerprint,) = connection.execute(
                "select fingerprint from raw.build where build_id = %s", [build_id]
            ).fetchone()
            # A build of an older version has none: then nothing counts as built already.
            publication_id = publish.publish(connection, build_id, fingerprint or "unknown", manifest)
            transform.keep_manifest(settings.home, publication_id, manifest)
            connection.execute(
                "update raw.build set state = 'published', ended_at = now(), published_by = %s where build_id = %s",
                [by, build_id],
            )
            connection.execute("update raw.build_token set build_id = null where build_id = %s", [build_id])
            return publication_id
        standing = publications.explained(connection, rollback)
    # There was a rollback during the build.
    _stop(connection, build_id, str(rollback))
    raise UserError(f"build {build_id} is not published: {standing}")


@contextmanager
def _told_if_overtaken() -> Generator[None]:
    """Turn the database's refusal of a build that lost the token into a message."""
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate == OVERTAKEN:
            raise UserError(
                error.diag.message_primary, remedy="nothing was published by it; the later build goes on"
            ) from error
        raise


def _assert_passed(connection: Connection, build_id: int) -> None:
    """Refuse a build that was stopped or whose marts did not pass the expectations: the gate fails closed."""
    state, reason, expected, audited, failed = connection.execute(
        "select b.state, b.reason, count(v.verdict_id) filter (where v.expectation <> %(audit)s),"
        " count(v.verdict_id) filter (where v.expectation = %(audit)s), count(v.verdict_id) filter (where not v.passed"
        " and v.severity = 'hold') from raw.build as b left join quality.verdict as v on b.build_id = v.build_id"
        " where b.build_id = %(build)s group by b.build_id",
        {"audit": gate.DISCLOSURE, "build": build_id},
    ).fetchone()
    if state not in ("running", "waiting"):
        raise UserError(
            f"build {build_id} was {state} ({reason}): it is not published", remedy="lagebild publication build"
        )
    if not expected or not audited or failed:
        found = f"{failed} expectations failed" if expected and audited else "its marts were never checked"
        raise UserError(f"build {build_id} is not published: {found}", remedy="lagebild publication build")


def _pairs(read: Numbered) -> dict[tuple[str, str], int]:
    return {(one.source, one.period): one.delivery_id for one, _ in read}


def _ids(asked: Sequence[build_inputs.Input]) -> set[int]:
    return {one.delivery_id for one in asked}


def _fixed_inputs(connection: Connection, build_id: int) -> dict[tuple[str, str], int]:
    rows = connection.execute(
        "select source, period, delivery_id from raw.build_input where build_id = %s", [build_id]
    ).fetchall()
    return {(source, period): delivery_id for source, period, delivery_id in rows}


def _in_force(connection: Connection) -> tuple[str | None, str | None]:
    """Fingerprint and code version of the current publication; None if readers see none."""
    row = connection.execute(
        "select p.fingerprint, p.code_version from published.current_publication as c"
        " inner join published.publication as p on c.publication_id = p.publication_id and p.is_protected"
    ).fetchone()
    return row or (None, None)


def _is_made(connection: Connection, fingerprint: str) -> bool:
    """Whether these deliveries are published by this code, or a build of them waits and still has the token."""
    waiting = connection.execute(
        "select b.fingerprint from raw.build_token as t inner join raw.build as b on t.build_id = b.build_id"
        " where b.state = 'waiting'"
    ).fetchone()
    return fingerprint in (_in_force(connection)[0], waiting and waiting[0])


def _is_published(connection: Connection, read: Numbered, version: str) -> bool:
    """Whether the current publication was made from exactly these deliveries by this code version."""
    return _in_force(connection)[1] == version and build_inputs.of_publication_in_force(connection) == _pairs(read)


def _standing_rollback(connection: Connection, asked: Sequence[build_inputs.Input], version: str) -> Rollback | None:
    """The rollback that blocks a build of these accepted deliveries; the slow query comes last."""
    if not publications.rollbacks(connection):
        return None
    read = build_inputs.chosen(connection, asked)
    return publications.standing_rollback(connection, _pairs(read) | _of(version))


def _version(config: Path) -> str:
    """What else determines the figures: the code, and a city's own rows and layouts."""
    return overlay.version(code_version(), overlay.rows(config), overlay.layouts(config))


def _of(version: str) -> dict[tuple[str, str], str]:
    return {publications.CODE: version}


def _stop(connection: Connection, build_id: int, reason: str) -> None:
    connection.execute(
        "update raw.build set state = 'stopped', reason = %s, ended_at = now()"
        " where build_id = %s and state in ('running', 'waiting')",
        [reason, build_id],
    )


def dbt_environment(settings: Settings) -> dict[str, str]:
    """The environment of a separate dbt process."""
    return os.environ | transform.environment(settings)
