"""Held deliveries, with everything that is needed to decide on them, and the decisions."""

from dataclasses import dataclass
from datetime import date

from psycopg import Connection

from expectations import verdicts
from expectations.suite import NOTE
from expectations.verdicts import Written
from ingest.deliveries import delivery_ledger, rejected
from ingest.deliveries.delivery_ledger import Delivery
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings


@dataclass(frozen=True)
class Waiting:
    """A held delivery with everything that is needed to decide on it."""

    delivery: Delivery
    failed: list[Written]
    """Findings of its last check, the most severe first; row numbers are lines of the file."""
    problems: list[str]
    """Other reasons: rejected rows, a gate that could not run."""
    faults: list[rejected.Fault]
    """What is wrong with its rejected rows."""
    predecessor: int | None
    """The accepted delivery of its period, which it would supersede."""
    needs_end: bool
    """Whether an expiry date is required to accept it."""
    same_bytes: str | None = None
    """The delivery that brought the same bytes for another period, as a reader knows it."""

    @property
    def subject(self) -> str:
        """The question as one line."""
        d = self.delivery
        return f"Delivery {d.delivery_id} is held: {d.source} {d.period} ({d.file_name})"

    @property
    def decisions(self) -> list[str]:
        """The two commands to decide."""
        number = self.delivery.delivery_id
        options = " --supersedes" if self.predecessor else ""
        options += " --until YYYY-MM-DD" if self.needs_end else ""
        answers = (f"accept {number}{options}", f"refuse {number}")
        return [f'lagebild delivery {answer} --reason "..."' for answer in answers]

    def __str__(self) -> str:
        d = self.delivery
        rows = "" if d.records is None else f", {d.count_text(d.loaded)} of {d.count_text(d.records)} rows"
        lines = [f"delivery {d.delivery_id} {d.source} {d.period} ({d.file_name}{rows})"]
        lines[0] += f" held since {d.decided_at:%Y-%m-%d %H:%M}" if d.decided_at else ""
        for v in self.failed:
            lines += [
                f"  {v.expectation} ({v.severity}; ask {v.owner or 'whoever wrote it'})",
                f"    observed: {v.observed}",
                f"    expected: {v.expected}",
                *([f"    lines:    {', '.join(map(str, v.failing_rows))}"] if v.failing_rows else []),
                f"    why:      {v.why}",
            ]
        lines += [f"  {problem}" for problem in self.problems]
        lines += [f"    {fault}" for fault in self.faults]
        if self.same_bytes:
            lines.append(f"  the same bytes came as {self.same_bytes}: are they right for {d.period}, too?")
        if self.predecessor:
            lines.append(f"  delivery {self.predecessor} is accepted for {d.period}: does this one correct it?")
        return "\n".join([*lines, *(f"  {'or' if n else 'decide:'} {c}" for n, c in enumerate(self.decisions))])


def waiting(settings: Settings) -> list[Waiting]:
    """Every held delivery, oldest first."""
    with database.connect(settings, database.LOADER) as connection:
        return [_waiting(connection, delivery) for delivery in delivery_ledger.found(connection, states=("held",))]


def answered(
    settings: Settings,
    delivery_id: int,
    *,
    is_accepted: bool,
    supersedes: bool = False,
    reason: str = "",
    until: str = "",
    by: str | None = None,
) -> Delivery:
    """Accept or refuse a held delivery as the form says; UserError names what is missing in the form."""
    from ingest.inbox import receipts  # late: listing what is held does not need it

    if not reason.strip():
        raise UserError("a decision needs a reason", remedy="fill in the reason; it is logged and shown to readers")
    if is_accepted:
        try:
            last_day = date.fromisoformat(until) if until else None
        except ValueError as error:
            raise UserError(f"{until!r} is no day", remedy="write it as YYYY-MM-DD, such as 2027-03-31") from error
        delivery = delivery_ledger.accept(settings, delivery_id, reason, supersedes, last_day, by)
    else:
        delivery = delivery_ledger.refuse(settings, delivery_id, reason, by)
    receipts.renew(settings, print)
    return delivery


def _waiting(connection: Connection, delivery: Delivery) -> Waiting:
    problems = delivery_ledger.problems_of(connection, delivery)
    failed = [v for v in verdicts.last_check(connection, delivery.delivery_id) if not v.passed and v.severity != NOTE]
    said = tuple(f"{v.expectation}: " for v in failed)
    predecessor = delivery_ledger.accepted(connection, delivery.source, delivery.period)
    first = delivery_ledger.of_same_bytes(connection, delivery)
    return Waiting(
        delivery=delivery,
        failed=failed,
        problems=[problem for problem in problems if not problem.startswith(said)],
        faults=rejected.faults(connection, delivery),
        predecessor=predecessor.delivery_id if predecessor else None,
        needs_end=bool(problems),
        same_bytes=f"delivery {first.delivery_id} for {first.period} ({first.file_name})" if first else None,
    )
