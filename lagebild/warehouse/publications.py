"""List publications and roll back to one of them.

A rollback only moves the pointer. It stands until its cause is fixed: while a build would bring back every change that
the rollback undid, nothing is built and nothing is published.
"""

import getpass
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row

from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.core.version import code_version

UNPROTECTED = "not shown to readers: made before figures were protected"
CODE = ("code", "")
"""The key of the code version among a publication's inputs, whose other keys are (source, period)."""
Inputs = dict[tuple[str, str], int | str]


@dataclass(frozen=True)
class Rollback:
    """A manual move of the pointer."""

    rollback_id: int
    from_publication: int
    to_publication: int
    rolled_back_at: datetime
    rolled_back_by: str
    reason: str

    def __str__(self) -> str:
        return (
            f"rolled back from publication {self.from_publication} to {self.to_publication} by {self.rolled_back_by}"
            f" on {self.rolled_back_at:%Y-%m-%d %H:%M}: {self.reason}"
        )


@dataclass(frozen=True)
class Change:
    """What of one source and period two builds read, each a delivery's number and file; None if one read nothing."""

    source: str
    period: str
    former_id: int | None
    former_file: str | None
    latter_id: int | None
    latter_file: str | None

    def __str__(self) -> str:
        former = f"delivery {self.former_id} ({self.former_file})" if self.former_id else "none"
        latter = f"delivery {self.latter_id} ({self.latter_file})" if self.latter_id else "none"
        return f"{self.source} {self.period}: {former} -> {latter}"


@dataclass(frozen=True)
class Publication:
    """A publication, and what is new compared with the one before."""

    publication_id: int
    published_at: datetime
    build_id: int
    code_version: str
    is_current: bool
    deliveries: int
    """How many deliveries its build read."""
    changed_deliveries: tuple[Change, ...]
    changed_marts: tuple[str, ...]
    """Marts whose content changed since the publication before; all for the first one."""
    rollback: Rollback | None
    """The latest rollback that took it out of force."""
    is_protected: bool
    """Whether its figures are protected; readers see only such publications."""

    @property
    def is_rolled_back(self) -> bool:
        return self.rollback is not None and not self.is_current

    def __str__(self) -> str:
        lines = [
            f"{'*' if self.is_current else ' '} publication {self.publication_id}"
            f"  {self.published_at:%Y-%m-%d %H:%M}  build {self.build_id}  code {self.code_version}"
            f"  deliveries {self.deliveries}" + ("  in force" if self.is_current else ""),
            f"    marts changed: {', '.join(self.changed_marts) or 'none'}",
            *(f"    {change}" for change in self.changed_deliveries),
            *([] if self.is_protected else [f"    {UNPROTECTED}"]),
        ]
        return "\n".join(lines + ([f"    {self.rollback}"] if self.is_rolled_back else []))


def listing(settings: Settings) -> list[Publication]:
    """Every publication, oldest first."""
    with database.connect(settings, database.BUILDER) as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        rows = connection.execute(
            "select p.publication_id, p.published_at, p.build_id, p.code_version, p.publication_id = c.publication_id,"
            " p.is_protected from published.publication as p cross join published.current_publication as c order by 1"
        ).fetchall()
        contents: dict[int, dict[str, int]] = {}
        for publication_id, mart, content_id in connection.execute(
            "select publication_id, mart, content_id from published.publication_mart order by 1, 2"
        ):
            contents.setdefault(publication_id, {})[mart] = content_id
        taken_back = {rollback.from_publication: rollback for rollback in rollbacks(connection)}
        inputs = {row[0]: len(_inputs_of(connection, row[0])) - 1 for row in rows}
        found, former = [], None
        for publication_id, published_at, build_id, code, is_current, is_protected in rows:
            now, before = contents.get(publication_id, {}), contents.get(former, {})
            found.append(
                Publication(
                    publication_id,
                    published_at,
                    build_id,
                    code,
                    bool(is_current),
                    inputs[publication_id],
                    tuple(changes(connection, former, publication_id)) if former else (),
                    tuple(mart for mart, content in now.items() if before.get(mart) != content),
                    taken_back.get(publication_id),
                    is_protected,
                )
            )
            former = publication_id
        return found


def changes(connection: Connection, former: int, latter: int) -> list[Change]:
    """The deliveries in which the inputs of two publications differ, by source and period."""
    with connection.cursor(row_factory=class_row(Change)) as cursor:
        return cursor.execute(
            "select source, period, f.delivery_id as former_id, f.file_name as former_file,"
            " l.delivery_id as latter_id, l.file_name as latter_file"
            f" from ({_INPUTS}) as f full join ({_INPUTS}) as l using (source, period)"
            " where f.delivery_id is distinct from l.delivery_id order by source, period",
            [former, latter],
        ).fetchall()


_INPUTS = (
    "select i.source, i.period, i.delivery_id, d.file_name from published.publication as p"
    " inner join raw.build_input as i on p.build_id = i.build_id"
    " inner join raw.delivery as d on i.delivery_id = d.delivery_id where p.publication_id = %s"
)


def rollback(settings: Settings, publication_id: int, reason: str) -> Rollback:
    """Put another publication in force, in one transaction, and record who, why and when.

    UserError for a publication from before figures were protected: readers do not see those.
    """
    if not reason.strip():
        raise UserError("a rollback needs a reason", remedy="--reason says why; it is kept with the rollback")
    with database.connect(settings, database.BUILDER) as connection:
        in_force = lock_pointer(connection)
        require(connection, publication_id)
        if not is_protected(connection, publication_id):
            raise UserError(
                f"publication {publication_id} is {UNPROTECTED}",
                remedy="withdraw what is wrong (lagebild delivery withdraw), then lagebild publication build",
            )
        if publication_id == in_force:
            raise UserError(f"publication {publication_id} is in force already", remedy="lagebild publication list")
        connection.execute("update published.current_publication set publication_id = %s", [publication_id])
        connection.execute(
            "insert into published.rollback (from_publication, to_publication, rolled_back_by, reason, code_version)"
            " values (%s, %s, %s, %s, %s)",
            [in_force, publication_id, getpass.getuser(), reason.strip(), code_version()],
        )
        return rollbacks(connection)[-1]


def as_text(settings: Settings, done: Rollback) -> str:
    """What a rollback did and what is left to do, as lines for a terminal."""
    with database.connect(settings, database.BUILDER) as connection:
        missing = connection.execute(
            "select array_agg(mart order by mart) from (select mart from published.publication_mart"
            " where publication_id = %s except select mart from published.publication_mart where publication_id = %s)"
            " as lacking",
            [done.from_publication, done.to_publication],
        ).fetchone()[0]
        lines = [explained(connection, done)] if done.to_publication < done.from_publication else [str(done)]
    if missing:
        lines.append(f"  empty now, for publication {done.to_publication} did not hold them: {', '.join(missing)}")
    return "\n".join(lines)


def lock_pointer(connection: Connection) -> int | None:
    """The current publication; locks the pointer until this transaction ends. Readers are not blocked."""
    (in_force,) = connection.execute("select publication_id from published.current_publication for update").fetchone()
    return in_force


def require(connection: Connection, publication_id: int, seen_by_readers: bool = False) -> None:
    """UserError unless the publication exists (and is visible to readers)."""
    schema = "marts" if seen_by_readers else "published"
    numbers = connection.execute(f"select publication_id from {schema}.publication order by 1")
    known = [number for (number,) in numbers]
    if publication_id not in known:
        raise UserError(f"there is no publication {publication_id}", remedy=f"one of: {spans(known) or 'none yet'}")


def is_protected(connection: Connection, publication_id: int) -> bool:
    """Whether readers see an existing publication."""
    return connection.execute(
        "select is_protected from published.publication where publication_id = %s", [publication_id]
    ).fetchone()[0]


def spans(numbers: Iterable[int]) -> str:
    """Ascending numbers in short: 1-3, 5."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in found)


def rollbacks(connection: Connection) -> list[Rollback]:
    """Every rollback, oldest first."""
    with connection.cursor(row_factory=class_row(Rollback)) as cursor:
        columns = ", ".join(Rollback.__dataclass_fields__)
        return cursor.execute(f"select {columns} from published.rollback order by rollback_id").fetchall()


def standing_rollback(connection: Connection, inputs: Inputs) -> Rollback | None:
    """The rollback that a build of these inputs would undo, if there is one.

    The publication that was rolled back changed some deliveries or the code. While all of these are unchanged, a build
    would bring back what was rolled back, even if other things are new.
    """
    (in_force,) = connection.execute("select publication_id from published.current_publication").fetchone()
    if in_force is None:
        return None
    kept = _inputs_of(connection, in_force)
    for taken in reversed(rollbacks(connection)):
        if taken.from_publication > in_force:
            undone = _inputs_of(connection, taken.from_publication)
            changed = {key for key in kept | undone if kept.get(key) != undone.get(key)}
            if changed and all(inputs.get(key) == undone.get(key) for key in changed):
                return taken
    return None


def explained(connection: Connection, taken: Rollback) -> str:
    """Why a rollback blocks a build, and how to unblock it."""
    (in_force,) = connection.execute("select publication_id from published.current_publication").fetchone()
    differing = [str(change) for change in changes(connection, in_force, taken.from_publication)]
    codes = [_inputs_of(connection, number)[CODE] for number in (in_force, taken.from_publication)]
    differing += [f"code: {codes[0]} -> {codes[1]}"] if codes[0] != codes[1] else []
    lines = [f"publication {in_force} is in force, {taken}"]
    if differing:
        lines.append("  nothing is built while all that this took back still stands:")
        lines += [f"    {line}" for line in differing]
        lines.append(
            "  what to do: withdraw or correct the delivery, or mend the code; if it was right after all,"
            f" lagebild publication rollback {taken.from_publication}"
        )
    return "\n".join(lines)


def _inputs_of(connection: Connection, publication_id: int) -> Inputs:
    """What a publication was made from: deliveries by source and period, and the code."""
    (code,) = connection.execute(
        "select code_version from published.publication where publication_id = %s", [publication_id]
    ).fetchone()
    rows = connection.execute(_INPUTS, [publication_id]).fetchall()
    return {(source, period): delivery_id for source, period, delivery_id, _ in rows} | {CODE: code}
