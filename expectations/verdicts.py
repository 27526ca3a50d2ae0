"""Verdicts as they were written: of what, by which expectation, with what outcome. No value of a person is in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from psycopg import Connection
from psycopg.rows import class_row

from expectations.suite import SEVERITIES


@dataclass(frozen=True)
class Written:
    """A row of `quality.verdict` with the delivery or the build that it is about."""

    verdict_id: int
    delivery_id: int | None
    build_id: int | None
    source: str | None
    """None: it is about the marts of a build."""
    period: str | None
    sha256: str | None
    expectation: str
    why: str
    severity: str
    owner: str | None
    passed: bool
    observed: str | None
    expected: str | None
    failing_rows: list[int] | None
    checked_at: datetime


_SELECT = (
    "select v.verdict_id, v.delivery_id, v.build_id, d.source, d.period, d.sha256, v.expectation, v.why, v.severity,"
    " v.owner, v.passed, v.observed, v.expected, v.failing_rows, v.checked_at"
    " from quality.verdict as v left join raw.delivery as d on v.delivery_id = d.delivery_id"
)


def last_check(connection: Connection, delivery_id: int) -> list[Written]:
    """What the last check of a delivery said: what failed first, the gravest before the others."""
    found = _select(
        connection,
        "where v.delivery_id = %(id)s and v.checked_at ="
        " (select max(checked_at) from quality.verdict where delivery_id = %(id)s)",
        id=delivery_id,
    )
    return sorted(found, key=lambda v: (v.passed, SEVERITIES.index(v.severity), v.verdict_id))


def checks(connection: Connection) -> Iterator[list[Written]]:
    """Every check that was ever written, oldest first: the verdicts of one delivery or build at one moment."""
    for _, verdicts in groupby(_select(connection), key=lambda v: (v.checked_at, v.delivery_id, v.build_id)):
        yield list(verdicts)


def _select(connection: Connection, where: str = "", **values: int) -> list[Written]:
    order = " order by v.checked_at, v.delivery_id, v.build_id, v.verdict_id"
    with connection.cursor(row_factory=class_row(Written)) as cursor:
        return cursor.execute(f"{_SELECT} {where}{order}", values).fetchall()
