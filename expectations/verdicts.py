"""Verdicts as they were written. No value of a person is in them."""

from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import class_row

from expectations.suite import SEVERITIES


@dataclass(frozen=True)
class Written:
    """What a row of `quality.verdict` says."""

    expectation: str
    why: str
    severity: str
    owner: str | None
    passed: bool
    observed: str | None
    expected: str | None
    failing_rows: list[int] | None
    """Line numbers of the file."""


def last_check(connection: Connection, delivery_id: int) -> list[Written]:
    """What the last check of a delivery said: what failed first, the gravest before the others."""
    with connection.cursor(row_factory=class_row(Written)) as cursor:
        found = cursor.execute(
            f"select {', '.join(Written.__dataclass_fields__)} from quality.verdict where delivery_id = %(id)s"
            " and checked_at = (select max(checked_at) from quality.verdict where delivery_id = %(id)s)"
            " order by verdict_id",
            {"id": delivery_id},
        ).fetchall()
    return sorted(found, key=lambda v: (v.passed, SEVERITIES.index(v.severity)))
