"""The inputs of a build: the accepted deliveries that count, without those that an earlier build failed on.

`raw.build.fingerprint` covers all accepted deliveries. Of these a build reads what `ingest/contracts/periods.py`
selects, fixed in `raw.build_input` before it starts. A delivery that is set aside is replaced by the one that the
current publication read for its source and period, unless that was withdrawn.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from psycopg import Connection
from psycopg.rows import class_row

from ingest import contracts
from ingest.contracts import periods
from ingest.contracts.periods import Input
from ingest.deliveries import delivery_ledger

Numbered = list[tuple[Input, int]]


@dataclass(frozen=True)
class SetAside:
    """An accepted delivery that a build leaves out."""

    source: str
    period: str
    delivery_id: int
    file_name: str
    read_instead: int | None
    """The delivery of the same source and period that is read in its place."""
    failed_build: int
    """The build that read it, and failed."""
    reason: str
    """Which tests and models failed; no value."""

    def __str__(self) -> str:
        instead = f"delivery {self.read_instead} is read in its place" if self.read_instead else "nothing in its place"
        return (
            f"delivery {self.delivery_id} ({self.source} {self.period}, {self.file_name}) is set aside, {instead}:"
            f" {self.reason} failed in build {self.failed_build} -"
            f" lagebild delivery withdraw {self.delivery_id} --reason ..., or load a corrected file and accept it with"
            " --supersedes; then lagebild publication build"
        )


def accepted(connection: Connection) -> list[Input]:
    """Every accepted delivery, by source and period."""
    with connection.cursor(row_factory=class_row(Input)) as cursor:
        return cursor.execute(
            f"select delivery_id, source, period, sha256 from raw.delivery where {delivery_ledger.IS_ACCEPTED}"
            " order by source, period"
        ).fetchall()


def fingerprint(inputs: Iterable[Input], code: str) -> str:
    """A digest of the deliveries and the code version."""
    named = [(one.delivery_id, one.source, one.period) for one in inputs]
    return hashlib.sha256(f"{code} {named}".encode()).hexdigest()


def chosen(connection: Connection, asked: Iterable[Input], aside: Sequence[SetAside] = ()) -> Numbered:
    """Deliveries that a build of these accepted ones reads, with their rank among the source's periods."""
    by_id = {one.delivery_id: one for one in aside}
    read = []
    for one in asked:
        left_out = by_id.get(one.delivery_id)
        if left_out is None:
            read.append(one)
        elif left_out.read_instead is not None:
            (sha256,) = connection.execute(
                "select sha256 from raw.delivery where delivery_id = %s", [left_out.read_instead]
            ).fetchone()
            read.append(replace(one, delivery_id=left_out.read_instead, sha256=sha256))
    known = contracts.sources()
    rules = {source: contracts.load(source).periods for source in {one.source for one in read} if source in known}
    return periods.chosen(read, rules)


def fix(connection: Connection, build_id: int, read: Numbered, aside: Sequence[SetAside]) -> None:
    """Store what a build reads and what it leaves out."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into raw.build_input (build_id, source, period, delivery_id, period_order)"
            " values (%s, %s, %s, %s, %s)",
            [(build_id, one.source, one.period, one.delivery_id, order) for one, order in read],
        )
        cursor.executemany(
            "insert into raw.build_set_aside (build_id, source, period, delivery_id, read_instead, failed_build,"
            " reason) values (%s, %s, %s, %s, %s, %s, %s)",
            [
                (build_id, a.source, a.period, a.delivery_id, a.read_instead, a.failed_build, a.reason)
                for a in aside
            ],
        )  # fmt: skip
    connection.execute("select raw.count_build_input()")


def of_publication_in_force(connection: Connection) -> dict[tuple[str, str], int]:
    """The deliveries of the current publication, by source and period."""
    rows = connection.execute(
        "select i.source, i.period, i.delivery_id from published.current_publication as c"
        " inner join published.publication as p on c.publication_id = p.publication_id"
        " inner join raw.build_input as i on p.build_id = i.build_id"
    ).fetchall()
    return {(source, period): delivery_id for source, period, delivery_id in rows}


def set_aside(connection: Connection) -> list[SetAside]:
    """Deliveries that the current publication left out."""
    (build_id,) = connection.execute(
        "select max(p.build_id) from published.current_publication as c"
        " inner join published.publication as p on c.publication_id = p.publication_id"
    ).fetchone()
    return left_out(connection, build_id)


def left_out(connection: Connection, build_id: int | None) -> list[SetAside]:
    """Deliveries that a build leaves out."""
    with connection.cursor(row_factory=class_row(SetAside)) as cursor:
        return cursor.execute(
            "select s.source, s.period, s.delivery_id, d.file_name, s.read_instead, s.failed_build, s.reason"
            " from raw.build_set_aside as s inner join raw.delivery as d on s.delivery_id = d.delivery_id"
            " where s.build_id = %s order by s.source, s.period",
            [build_id],
        ).fetchall()
