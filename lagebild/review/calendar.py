"""What was due and when it came; notifies once of each late delivery. The rule: `quality.delivery_calendar` (SQL)."""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime

from psycopg import Connection
from psycopg.rows import class_row

from lagebild.core import alerts, database
from lagebild.core.alerts import Message, Notifier, PartlySent
from lagebild.core.settings import BERLIN, Settings

_LOCK = 7_260_190_009  # any number, the same for all processes that notify


@dataclass(frozen=True)
class Entry:
    """A row of the calendar; `marts.delivery_calendar` describes the columns."""

    source: str
    region_code: str | None
    period: str | None
    period_ends_on: date | None
    due_on: date | None
    first_delivered_at: datetime | None
    days_late: int | None
    state: str
    is_late: bool
    delivery_id: int | None
    retired_on: date | None
    reason: str | None
    owner: str | None

    def __str__(self) -> str:
        name = " ".join(filter(None, [self.source, self.region_code, self.period]))
        if self.retired_on:
            return f"{name}: retired since {self.retired_on} ({self.reason})"
        parts = [self.state]
        if self.due_on:
            parts.append(f"due on {self.due_on}")
        if self.days_late:
            parts.append(f"{self.days_late} day{'s' * (self.days_late != 1)} late")
        if self.delivery_id:
            first = self.first_delivered_at.astimezone(BERLIN)
            parts.append(f"delivery {self.delivery_id}, first came on {first:%Y-%m-%d}")
        return f"{name}: {', '.join(parts)}"


def entries(settings: Settings, today: date | None = None) -> list[Entry]:
    """The calendar, today in Germany or on another day, by source, municipality and period."""
    with database.connect(settings, database.LOADER) as connection:
        return _entries(connection, today)


def tell_late(settings: Settings, channels: list[Notifier] | None = None, today: date | None = None) -> list[Entry]:
    """Notify each channel of what became late since its last message; return what is late.

    NotSent if a channel failed, after the others were notified: the next call retries it. Safe to call concurrently.
    A process that dies between sending and recording notifies twice rather than never.
    """
    channels = alerts.notifiers(settings) if channels is None else channels
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [_LOCK])
        late = [entry for entry in _entries(connection, today) if entry.is_late]
        _forget_all_but(connection, late)

        def tell(channel: Notifier) -> None:
            told = _told(connection, channel)
            news = [entry for entry in late if _key(entry) not in told]
            if not news:
                return
            try:
                channel.send(_message(news))
            except PartlySent:
                _remember(connection, channel, news)
                raise
            _remember(connection, channel, news)

        alerts.to_each(channels, tell)
    return late


def _entries(connection: Connection, today: date | None) -> list[Entry]:
    call = "quality.delivery_calendar(%(today)s)" if today else "quality.delivery_calendar()"
    with connection.cursor(row_factory=class_row(Entry)) as cursor:
        order = "source, region_code nulls first, period_ends_on nulls first, period"
        return cursor.execute(f"select * from {call} order by {order}", {"today": today}).fetchall()


def _key(entry: Entry) -> tuple[str, str, str]:
    return entry.source, entry.region_code or "", entry.period


def _message(late: list[Entry]) -> Message:
    number = "1 delivery is" if len(late) == 1 else f"{len(late)} deliveries are"
    lines = [f"{entry}. Owner: {entry.owner}. {entry.reason}" for entry in late]
    todo = "What to do: docs/runbooks/late-delivery.md; lagebild delivery calendar --late lists all."
    text = "\n".join([*lines, "", todo])
    return Message(f"Lagebild: {number} late", text, [json.loads(json.dumps(asdict(e), default=str)) for e in late])


def _told(connection: Connection, channel: Notifier) -> set[tuple[str, str, str]]:
    query = "select source, region_code, period from quality.late_alert where channel = %s"
    return set(connection.execute(query, [channel.name]).fetchall())


def _remember(connection: Connection, channel: Notifier, late: list[Entry]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into quality.late_alert (source, region_code, period, channel) values (%s, %s, %s, %s)",
            [(*_key(entry), channel.name) for entry in late],
        )


def _forget_all_but(connection: Connection, late: list[Entry]) -> None:
    """Forget entries that are no longer late: if they become late again, they are notified again."""
    keys = [list(column) for column in zip(*map(_key, late), strict=True)] or [[], [], []]
    connection.execute(
        "delete from quality.late_alert where (source, region_code, period) not in"
        " (select * from unnest(%s::text[], %s::text[], %s::text[]))",
        keys,
    )
