"""The audit of a candidate: what readers could work out from it and from all that was published before."""

from psycopg import Connection

from disclosure import grants, register, solve
from disclosure.equations import Problem
from disclosure.shown import Shown
from disclosure.solve import Finding, Work

SECONDS = 120.0
"""Reaching it is a failure: what was not judged does not pass."""


def problem(connection: Connection, build_id: int) -> Problem:
    """Every equation that readers have of the candidate of a build and of all publications that they see."""
    found, shown = Problem(), Shown(connection, build_id)
    register.enter(found, shown)
    grants.enter(found, shown)
    return found


def findings(
    connection: Connection, build_id: int, seconds: float = SECONDS, work: Work | None = None
) -> list[Finding]:
    """What can be worked out; `solve.UndecidedError` where that is not known."""
    return solve.audit(problem(connection, build_id), seconds, work)
