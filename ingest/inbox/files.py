"""`raw.inbox_file`: state of each file of an inbox (seen, claimed, done), and what its last receipt said.

All statements use a connection that commits each of them, so that they survive a kill.
"""

from dataclasses import InitVar, dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from ingest.contracts import messages
from ingest.contracts.inbox_names import TAKEN
from ingest.contracts.messages import Message
from ingest.inbox.stores.base import Entry


@dataclass(frozen=True)
class InboxFile:
    """A row: one version of a file that somebody sent."""

    inbox_file_id: int
    inbox: str
    path: str
    state: str
    source: str
    version: str
    is_complete: bool
    claimed_at: datetime | None
    problem: str | None
    """A `Message` where its code was kept."""
    delivery_id: int | None
    done_at: datetime | None
    told_event_id: int | None
    problem_message: InitVar[dict[str, Any] | None] = None

    def __post_init__(self, problem_message: dict[str, Any] | None) -> None:
        object.__setattr__(self, "problem", self.problem and messages.restored(self.problem, problem_message))

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def taken_path(self) -> str:
        """Path below the inbox after it was taken."""
        return f"{TAKEN}/{self.inbox_file_id}/{self.name}"


_COLUMNS = ", ".join(InboxFile.__dataclass_fields__)


def _select(connection: Connection, where: str, *values: object) -> list[InboxFile]:
    with connection.cursor(row_factory=class_row(InboxFile)) as cursor:
        query = f"select {_COLUMNS} from raw.inbox_file where {where} order by inbox_file_id"
        return cursor.execute(query, values).fetchall()


def get(connection: Connection, number: int) -> InboxFile:
    """One row."""
    return _select(connection, "inbox_file_id = %s", number)[0]


def of_delivery(connection: Connection, delivery_id: int) -> list[InboxFile]:
    """Files of a delivery: more than one if the same bytes came again."""
    return _select(connection, "delivery_id = %s", delivery_id)


def claimed(connection: Connection, inbox: str) -> list[InboxFile]:
    """Claimed files of an inbox that are not done: running or interrupted."""
    return _select(connection, "inbox = %s and state = 'claimed'", inbox)


def undecided(connection: Connection, inbox: str) -> list[InboxFile]:
    """The files of an inbox that were taken and wait: to be loaded, checked, or decided on."""
    return _select(
        connection,
        "inbox = %s and (state = 'claimed' or state = 'done' and exists (select from raw.delivery as d"
        " where d.delivery_id = inbox_file.delivery_id and d.state in ('received', 'loaded', 'held')))",
        inbox,
    )


def numbered(connection: Connection, inbox: str, numbers: list[int]) -> list[InboxFile]:
    """Those of these numbers that belong to this inbox and are done."""
    return _select(connection, "inbox = %s and inbox_file_id = any(%s) and state = 'done'", inbox, numbers)


def watched(connection: Connection) -> list[str]:
    """The labels of folders of this machine that were watched."""
    rows = connection.execute("select distinct inbox from raw.inbox_file where inbox like 'file:%' order by 1")
    return [label for (label,) in rows]


def has_open(connection: Connection, inboxes: list[str]) -> bool:
    """Whether a file of these inboxes was seen or taken that is not done."""
    statement = "select exists (select from raw.inbox_file where inbox = any(%s) and state <> 'done')"
    (is_open,) = connection.execute(statement, [inboxes]).fetchone()
    return is_open


def is_unchanged(connection: Connection, inbox: str, source: str, entry: Entry, seconds: float) -> bool:
    """Record that a file was seen; whether this version is unchanged for so many seconds."""
    (unchanged,) = connection.execute(
        "insert into raw.inbox_file as f (inbox, path, source, state, version) values (%s, %s, %s, 'seen', %s)"
        " on conflict (inbox, path) where state = 'seen' do update set version = excluded.version,"
        " seen_at = case when f.version = excluded.version then f.seen_at else clock_timestamp() end"
        " returning clock_timestamp() - seen_at >= make_interval(secs => %s)",
        [inbox, entry.path, source, entry.version, seconds],
    ).fetchone()
    return unchanged


def forget_seen(connection: Connection, inbox: str, still_there: list[str]) -> None:
    """Forget files that were seen and then removed by their sender."""
    connection.execute(
        "delete from raw.inbox_file where inbox = %s and state = 'seen' and not path = any(%s)", [inbox, still_there]
    )


def claim(connection: Connection, inbox: str, source: str, entry: Entry) -> InboxFile:
    """Record the claim of a complete file, before anything is moved."""
    with connection.transaction():
        connection.execute(
            "delete from raw.inbox_file where inbox = %s and state = 'seen' and path = %s", [inbox, entry.path]
        )
        (number,) = connection.execute(
            "insert into raw.inbox_file (inbox, path, source, state, version, is_complete, claimed_at)"
            " values (%s, %s, %s, 'claimed', %s, true, clock_timestamp()) returning inbox_file_id",
            [inbox, entry.path, source, entry.version],
        ).fetchone()
    return get(connection, number)


def drop(connection: Connection, row: InboxFile) -> None:
    """Forget a claim whose file is gone or was written again before it could be taken."""
    connection.execute("delete from raw.inbox_file where inbox_file_id = %s", [row.inbox_file_id])


def wait_again(connection: Connection, row: InboxFile, version: str) -> None:
    """A claimed file is still being written: it is complete when it is stable."""
    connection.execute(
        "update raw.inbox_file set is_complete = false, version = %s, delivery_id = null,"
        " seen_at = case when version = %s and not is_complete then seen_at else clock_timestamp() end"
        " where inbox_file_id = %s",
        [version, version, row.inbox_file_id],
    )


def is_stable(connection: Connection, row: InboxFile, seconds: float) -> bool:
    """Whether a claimed file is unchanged for so many seconds."""
    (settled,) = connection.execute(
        "select clock_timestamp() - seen_at >= make_interval(secs => %s) from raw.inbox_file where inbox_file_id = %s",
        [seconds, row.inbox_file_id],
    ).fetchone()
    return settled


def set_problem(connection: Connection, row: InboxFile, problem: Message) -> None:
    """Why it could not be loaded yet; its receipt is due again."""
    connection.execute(
        "update raw.inbox_file set problem = %s, problem_message = %s, told_event_id = null where inbox_file_id = %s",
        [problem, messages.kept_json(problem), row.inbox_file_id],
    )


def set_delivery(connection: Connection, row: InboxFile, delivery_id: int) -> InboxFile:
    """The ledger knows the bytes of a claimed file."""
    connection.execute(
        "update raw.inbox_file set delivery_id = %s, problem = null, problem_message = null, is_complete = true"
        " where inbox_file_id = %s",
        [delivery_id, row.inbox_file_id],
    )
    return get(connection, row.inbox_file_id)


def finish(connection: Connection, row: InboxFile) -> InboxFile:
    """Only its receipt is left to do."""
    connection.execute(
        "update raw.inbox_file set state = 'done', done_at = clock_timestamp(), told_event_id = null"
        " where inbox_file_id = %s",
        [row.inbox_file_id],
    )
    return get(connection, row.inbox_file_id)


def not_notified(connection: Connection) -> list[InboxFile]:
    """Files whose delivery changed since their last receipt, or that have no receipt yet."""
    return _select(
        connection,
        "state = 'done' and coalesce(told_event_id, -1) <> coalesce("
        "(select max(e.event_id) from raw.delivery_event as e where e.delivery_id = inbox_file.delivery_id), -1)"
        " or state = 'claimed' and problem is not null and told_event_id is null",
    )


def last_event(connection: Connection, delivery_id: int | None) -> int:
    """The last transition of a delivery; 0 before there is one."""
    (event,) = connection.execute(
        "select coalesce(max(event_id), 0) from raw.delivery_event where delivery_id = %s", [delivery_id]
    ).fetchone()
    return event


def set_notified(connection: Connection, row: InboxFile, event_id: int) -> None:
    """Its receipt covers everything up to this transition."""
    connection.execute(
        "update raw.inbox_file set told_event_id = %s where inbox_file_id = %s", [event_id, row.inbox_file_id]
    )
