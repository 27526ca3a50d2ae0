"""The ledger `raw.delivery`: the state of each delivery, and who changed it and why.

States: received -> loaded -> accepted or held -> superseded or withdrawn; refused before anything was
loaded, or by hand while held; held again when an acceptance expires. A period of a source has at most
one accepted delivery.

Every transition locks first the period, then the row, so that concurrent transitions cannot deadlock.
"""

import getpass
import json
from dataclasses import InitVar, dataclass
from datetime import date, datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from ingest import contracts
from ingest.contracts import CURRENT, counts, messages, periods
from ingest.contracts.messages import Message
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.core.version import code_version

STATES = ("received", "loaded", "accepted", "held", "refused", "superseded", "withdrawn")
IN_FORCE = ("received", "loaded", "held", "accepted")
TODAY = "(now() at time zone 'Europe/Berlin')::date"
IS_ACCEPTED = f"(state = 'accepted' and coalesce(accepted_until >= {TODAY}, true))"
"""SQL: the delivery is accepted, and its acceptance has not expired (which the next build writes down)."""


@dataclass(frozen=True)
class Delivery:
    """A row of the ledger."""

    delivery_id: int
    source: str
    period: str
    sha256: str
    attempt: int
    file_name: str
    landing_path: str
    byte_size: int
    contract_version: str
    code_version: str
    layout: str | None
    """Name of the contract's layout that the header has; None if nothing was read, or before it was kept."""
    state: str
    reason: str | None
    """A `Message` where its code was kept; not so what a person wrote."""
    records: int | None
    loaded: int | None
    rejected: int | None
    supersedes: int | None
    received_at: datetime
    loaded_at: datetime | None
    decided_at: datetime | None
    accepted_until: date | None
    """Expiry date of an acceptance."""
    erased_at: datetime | None
    erased_why: str | None
    erased_loaded: int
    erased_rejected: int
    reason_message: InitVar[dict[str, Any] | None] = None

    def __post_init__(self, reason_message: dict[str, Any] | None) -> None:
        object.__setattr__(self, "reason", self.reason and messages.restored(self.reason, reason_message))

    def __str__(self) -> str:
        text = self.count_text
        rows = "" if self.records is None else f", {text(self.loaded)} of {text(self.records)} rows"
        rows += "" if self.layout in (None, CURRENT) else f", layout {self.layout}"
        until = f" until {self.accepted_until}" if self.accepted_until and self.state == "accepted" else ""
        reason = f": {self.reason}" if self.reason else ""
        erased = f" [bytes erased on {self.erased_at:%Y-%m-%d}: {self.erased_why}]" if self.erased_at else ""
        return (
            f"delivery {self.delivery_id} {self.source} {self.period} ({self.file_name}{rows})"
            f" {self.state}{until}{reason}{erased}"
        )

    def count_text(self, count: int, form: str = "") -> str:
        """A count of its rows as text for messages (`ingest/contracts/counts.py`)."""
        return counts.as_text(count, contracts.is_about_persons(self.source), form)


_COLUMNS = ", ".join(Delivery.__dataclass_fields__)


def deliveries(settings: Settings, source: str | None = None, states: tuple[str, ...] = ()) -> list[Delivery]:
    """The ledger's rows, oldest first, of one source or all, in the given states or any."""
    with database.connect(settings, database.LOADER) as connection:
        return found(connection, source, states)


def found(connection: Connection, source: str | None = None, states: tuple[str, ...] = ()) -> list[Delivery]:
    """The same by a connection that there is."""
    where = "source = coalesce(%(source)s, source) and (%(states)s::text[] = '{}' or state = any(%(states)s))"
    return _select(connection, where, {"source": source, "states": list(states)})


def get(connection: Connection, delivery_id: int, lock: bool = False) -> Delivery:
    """One row of the ledger, locked for a transition if asked."""
    found = _select(connection, "delivery_id = %(id)s", {"id": delivery_id}, lock)
    if not found:
        raise UserError(f"there is no delivery {delivery_id}", remedy="lagebild delivery list lists them")
    return found[0]


def newest(settings: Settings) -> int:
    """The number of the latest delivery; 0 if there is none."""
    with database.connect(settings, database.LOADER) as connection:
        return connection.execute("select coalesce(max(delivery_id), 0) from raw.delivery").fetchone()[0]


def of_source(connection: Connection, source: str) -> list[Delivery]:
    """Every delivery of a source, in any state, oldest first."""
    return _select(connection, "source = %(source)s", {"source": source})


def of_path(connection: Connection, landing_path: str) -> list[Delivery]:
    """Every attempt that names these landed bytes."""
    return _select(connection, "landing_path = %(path)s", {"path": landing_path})


def accepted(connection: Connection, source: str, period: str) -> Delivery | None:
    """The delivery that is accepted for this source and period, if there is one."""
    where = "source = %(source)s and period = %(period)s and state = 'accepted'"
    found = _select(connection, where, {"source": source, "period": period})
    return found[0] if found else None


def in_force(connection: Connection, source: str, period: str, sha256: str) -> Delivery | None:
    """The delivery of exactly these bytes that is loaded, held or accepted, if there is one."""
    where = "source = %(source)s and period = %(period)s and sha256 = %(sha256)s and state = any(%(states)s)"
    values = {"source": source, "period": period, "sha256": sha256, "states": list(IN_FORCE)}
    found = _select(connection, where, values)
    return found[0] if found else None


def of_same_bytes(connection: Connection, delivery: Delivery) -> Delivery | None:
    """An earlier delivery of the same bytes for another period of the source that was not refused.

    A later one counts if it is accepted already: the first decision wins. Where each holder's file is a stock of
    its own (`periods: holders`), that of another holder does not count.
    """
    where = (
        "source = %(source)s and sha256 = %(sha256)s and period <> %(period)s"
        " and case when delivery_id < %(id)s then state = any(%(earlier)s) else state = any(%(decided)s) end"
    )
    values = {"source": delivery.source, "sha256": delivery.sha256, "period": delivery.period}
    values |= {"id": delivery.delivery_id, "decided": ["accepted", "superseded"]}
    values |= {"earlier": [*IN_FORCE, "superseded"]}
    found = _select(connection, where, values)
    rule = _rule_of_periods(delivery.source) if found else contracts.ALL
    own = periods.same(delivery.period, delivery.sha256, rule)
    return next((one for one in found if periods.same(one.period, one.sha256, rule) == own), None)


def _rule_of_periods(source: str) -> str:
    """As the contract has it. One that cannot be read holds its deliveries by the gate, and here makes no exception."""
    try:
        return contracts.load(source).periods
    except UserError:
        return contracts.ALL


def lock_period(connection: Connection, source: str, period: str) -> None:
    """Lock a source and period for transitions until the transaction ends."""
    connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{source} {period}"])


def move(connection: Connection, delivery: Delivery, state: str, reason: str | None, **details: Any) -> None:
    """Change the state of a delivery, and record who and why; `details` as for `record`."""
    connection.execute(
        "update raw.delivery set state = %s, reason = %s, reason_message = %s, decided_at = clock_timestamp()"
        " where delivery_id = %s",
        [state, reason, messages.kept_json(reason), delivery.delivery_id],
    )
    record(connection, delivery.delivery_id, state, reason, **details)


def record(
    connection: Connection,
    delivery_id: int,
    state: str,
    why: str | None,
    by: str | None = None,
    until: date | None = None,
    problems: list[str] | None = None,
) -> None:
    """Write a transition into the log of the ledger: who (else this process's account), why, when, by which code;
    of an acceptance its last day and what it overrules, of a held delivery what the gate found.

    The first transition of an attempt brings its arrival along; with `loaded` the clock of the load stops.
    """
    values = {"id": delivery_id, "state": state, "by": by or getpass.getuser(), "why": why, "code": code_version()}
    values |= {"until": until, "problems": None, "messages": None}
    if problems is not None:
        values["problems"] = list(map(str, problems))
        values["messages"] = json.dumps(list(map(messages.kept, problems)))
    connection.execute(
        "insert into raw.delivery_event (delivery_id, state, at, by, why, code_version)"
        " select delivery_id, 'received', received_at, %(by)s, file_name, %(code)s from raw.delivery as d"
        " where delivery_id = %(id)s and %(state)s <> 'received' and not exists"
        " (select 1 from raw.delivery_event as e where e.delivery_id = d.delivery_id)",
        values,
    )
    connection.execute(
        "insert into raw.delivery_event (delivery_id, state, at, by, why, code_version, until, problems,"
        " problem_messages) values (%(id)s, %(state)s, clock_timestamp(), %(by)s, %(why)s, %(code)s, %(until)s,"
        " %(problems)s, %(messages)s)",
        values,
    )
    if state == "loaded":
        connection.execute(
            "update raw.delivery set loaded_at = clock_timestamp() where delivery_id = %s and loaded_at is null",
            [delivery_id],
        )


def decide(settings: Settings, delivery_id: int, problems: list[str]) -> Delivery:
    """Accept a loaded delivery, or hold it: because of `problems`, because its period has one already, or because
    its bytes came for another period.
    """
    with database.connect(settings, database.LOADER) as connection:
        delivery = _locked(connection, delivery_id)
        if delivery.state != "loaded":
            return delivery  # decided by another run meanwhile
        predecessor = accepted(connection, delivery.source, delivery.period)
        reasons = list(problems)
        if first := of_same_bytes(connection, delivery):
            this = {"period": delivery.period, "delivery": delivery_id}
            earlier = {"earlier": first.delivery_id, "earlier_period": first.period, "file_name": first.file_name}
            reasons.append(Message("bytes_came_before", **earlier, **this))
        if predecessor:
            number = predecessor.delivery_id
            reasons.append(Message("period_is_taken", accepted=number, period=delivery.period, delivery=delivery_id))
        if reasons:
            move(connection, delivery, "held", _held_for(reasons), problems=problems)
        else:
            move(connection, delivery, "accepted", None)
        return get(connection, delivery_id)


def accept(
    settings: Settings,
    delivery_id: int,
    reason: str,
    supersedes: bool = False,
    until: date | None = None,
    by: str | None = None,
) -> Delivery:
    """Accept a held delivery; with `supersedes` it replaces the accepted one of its period.

    If checks failed, an expiry date (`until`, the last day) is required.
    """
    with database.connect(settings, database.LOADER) as connection:
        delivery = _held(connection, delivery_id)
        predecessor = accepted(connection, delivery.source, delivery.period)
        if predecessor and not supersedes:
            raise UserError(
                f"delivery {predecessor.delivery_id} is accepted for {delivery.source} {delivery.period}",
                remedy=f"if this one corrects it: lagebild delivery accept {delivery_id} --supersedes --reason ...",
            )
        overruled = problems_of(connection, delivery)
        options = " --supersedes" if predecessor else ""
        _require_end(connection, delivery, overruled, until, f"lagebild delivery accept {delivery_id}{options}")
        if predecessor:
            superseded = Message("superseded_by", delivery=delivery_id, reason=reason)
            move(connection, predecessor, "superseded", superseded, by=by)
        # Also when it is none: a link from an earlier acceptance, which expired, could lead in a circle.
        connection.execute(
            "update raw.delivery set supersedes = %s, accepted_until = %s where delivery_id = %s",
            [predecessor.delivery_id if predecessor else None, until, delivery_id],
        )
        move(connection, delivery, "accepted", reason, by=by, until=until, problems=overruled)
        return get(connection, delivery_id)


def expire(settings: Settings) -> list[Delivery]:
    """Hold deliveries whose acceptance has expired, and accept their predecessors again.

    A build begins with this; existing publications stay.
    """
    expired: list[Delivery] = []
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        while late := over(connection):  # again, because one that is accepted again may be over too
            expired += filter(None, [_hold_again(connection, delivery_id) for delivery_id in late])
    return expired


def refuse(settings: Settings, delivery_id: int, reason: str, by: str | None = None) -> Delivery:
    """Refuse a held delivery; the same bytes may be loaded again later."""
    with database.connect(settings, database.LOADER) as connection:
        move(connection, _held(connection, delivery_id), "refused", reason, by=by)
        return get(connection, delivery_id)


def withdraw(settings: Settings, delivery_id: int, reason: str) -> Delivery:
    """Withdraw an accepted or superseded delivery; the one superseded by an accepted one is accepted again.

    A withdrawn superseded delivery is never reinstated: the one before it takes its place in the chain of corrections.
    If the bytes of the reinstated delivery came again and wait, that later attempt is refused: the same bytes are
    accepted once.
    """
    with database.connect(settings, database.LOADER) as connection:
        delivery = _locked(connection, delivery_id)
        if delivery.state not in ("accepted", "superseded"):
            raise UserError(
                f"{delivery}: only an accepted or superseded delivery can be withdrawn",
                remedy=f"lagebild delivery refuse {delivery_id} --reason ..." if delivery.state == "held" else None,
            )
        move(connection, delivery, "withdrawn", reason)
        if delivery.state == "accepted":
            why = Message("delivery_withdrawn", delivery=delivery_id, reason=reason)
            _reinstate_predecessor(connection, delivery, why)
        return get(connection, delivery_id)


def problems_of(connection: Connection, delivery: Delivery) -> list[str]:
    """Findings of the gate when it last held the delivery; a second delivery for the period is not one of them."""
    row = connection.execute(
        "select problems, problem_messages, why from raw.delivery_event where delivery_id = %s and state = 'held'"
        " order by event_id desc limit 1",
        [delivery.delivery_id],
    ).fetchone()
    problems, kept, why = row or ([], None, None)
    if problems is None:
        return [why or "unknown"]  # held before problems were kept
    return list(map(messages.restored, problems, kept or [None] * len(problems)))


def _held_for(reasons: list[str]) -> Message:
    return Message("held", reasons=list(map(messages.translatable, reasons)))


def _locked(connection: Connection, delivery_id: int) -> Delivery:
    """A row of the ledger, with its period locked for a transition."""
    found = get(connection, delivery_id)
    lock_period(connection, found.source, found.period)
    return get(connection, delivery_id, lock=True)


def _held(connection: Connection, delivery_id: int) -> Delivery:
    delivery = _locked(connection, delivery_id)
    if delivery.state != "held":
        raise UserError(f"{delivery}: it is not held", remedy="lagebild delivery held lists what waits")
    return delivery


def _require_end(
    connection: Connection, delivery: Delivery, overruled: list[str], until: date | None, command: str
) -> None:
    again = f"{command} --until YYYY-MM-DD --reason ..."
    if overruled and until is None:
        raise UserError(
            f"{delivery}: the gate found something wrong, and accepting it all the same needs an end", remedy=again
        )
    (today,) = connection.execute(f"select {TODAY}").fetchone()
    if until is not None and until < today:
        raise UserError(f"{until} is over: an acceptance until then would not be one", remedy=again)


def over(connection: Connection) -> list[int]:
    """Accepted deliveries whose acceptance has expired."""
    rows = connection.execute(
        f"select delivery_id from raw.delivery where state = 'accepted' and not {IS_ACCEPTED} order by delivery_id"
    )
    return [delivery_id for (delivery_id,) in rows]


def _hold_again(connection: Connection, delivery_id: int) -> Delivery | None:
    """Each in a transaction of its own, one period at a time; None if somebody decided on it meanwhile."""
    with connection.transaction():
        delivery = _locked(connection, delivery_id)
        (today,) = connection.execute(f"select {TODAY}").fetchone()
        if delivery.state != "accepted" or delivery.accepted_until is None or delivery.accepted_until >= today:
            return None
        overruled = problems_of(connection, delivery)
        ended = Message("acceptance_ended", day=delivery.accepted_until)
        move(connection, delivery, "held", _held_for([ended, *overruled]), problems=overruled)
        _reinstate_predecessor(connection, delivery, Message("acceptance_of_ended", delivery=delivery_id))
        return get(connection, delivery_id)


def _reinstate_predecessor(connection: Connection, delivery: Delivery, why: Message) -> None:
    """Accept again what a delivery had superseded that is accepted no more, if there is something left of it."""
    predecessor = _superseded_by(connection, delivery)
    if predecessor is None:
        return
    again = in_force(connection, predecessor.source, predecessor.period, predecessor.sha256)
    if again:
        move(connection, again, "refused", Message("bytes_accepted_again", delivery=predecessor.delivery_id))
    overruled = problems_of(connection, predecessor)
    until = predecessor.accepted_until
    move(connection, predecessor, "accepted", Message("reinstated", why=why), until=until, problems=overruled)


def _superseded_by(connection: Connection, delivery: Delivery) -> Delivery | None:
    """The latest delivery in the chain of corrections below this one that was not withdrawn itself."""
    while delivery.supersedes is not None:
        delivery = get(connection, delivery.supersedes, lock=True)
        if delivery.state == "superseded":
            return delivery
    return None


def _select(connection: Connection, where: str, values: dict, lock: bool = False) -> list[Delivery]:
    with connection.cursor(row_factory=class_row(Delivery)) as cursor:
        query = f"select {_COLUMNS} from raw.delivery where {where} order by delivery_id"
        return cursor.execute(query + (" for update" if lock else ""), values).fetchall()
