"""The audit of a candidate: what readers could work out from it and from all that was published before.

Packages that were handed out from before figures were protected are known to their recipients. What these tell already
nobody can take back; of what they do not tell nothing may follow with the candidate beside them.
"""

from dataclasses import replace

from psycopg import Connection

from disclosure import city_districts, grants, register, solve
from disclosure.equations import CANDIDATE, Problem
from disclosure.shown import Shown
from disclosure.solve import Clock, Finding, Work

SECONDS = 120.0
"""Reaching it is a failure: what was not judged does not pass."""


def problem(connection: Connection, build_id: int) -> Problem:
    """Every equation that readers have of the candidate of a build and of all publications that they see."""
    return _entered(Shown(connection, build_id))


def _entered(shown: Shown) -> Problem:
    found = Problem()
    city_districts.enter(found, shown, register.enter(found, shown))
    grants.enter(found, shown)
    return found


def findings(
    connection: Connection, build_id: int, seconds: float = SECONDS, work: Work | None = None
) -> list[Finding]:
    """What can be worked out; `solve.UndecidedError` where that is not known."""
    clock, shown = Clock(seconds), Shown(connection, build_id)
    readers = _entered(shown)
    found = solve.audit(readers, clock.left(), work)
    known = {finding.requirement for finding in found}
    for numbers, recipients in shown.recipients().items():
        theirs = _entered(shown.beside(numbers))
        solve.leave_out_untrue(theirs, numbers)
        before = [equation for equation in theirs.equations.values() if equation.source.publication != CANDIDATE]
        for finding in solve.audit(theirs, clock.left(), work, before):
            if finding.requirement not in known:
                known.add(finding.requirement)
                found.append(replace(finding, known_to=tuple(recipients)))
    return found
