"""Follow deliveries during a run by reading the ledger, whichever task or command changes them."""

import contextlib
import threading
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from ingest import contracts
from ingest.contracts import counts
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.progress import Board
from lagebild.core.settings import Settings
from lagebild.core.stages import Stage, spent

POLL_SECONDS = 1
UNDECIDED = ("received", "loaded")
STANDS_OUT = ("held", "refused")


@dataclass(frozen=True)
class Seen:
    """A delivery that changed since the run began."""

    delivery_id: int
    source: str
    period: str
    state: str
    reason: str | None
    loaded: int | None
    rejected: int | None
    warnings: int
    seconds: float

    def __str__(self) -> str:
        parts = (
            []
            if self.loaded is None
            else [f"{self._told(self.loaded):>7} rows", f"{self._told(self.rejected or 0)} rejected"]
        )
        state = self.state.upper() if self.state in STANDS_OUT else self.state
        parts += [f"{self.warnings} warning{'s' * (self.warnings != 1)}"] if self.warnings else []
        what = ", ".join([*parts, state])
        reason = f": {self.reason}" if self.reason and self.state in STANDS_OUT else ""
        return f"{f'{self.source} {self.period}':<33} {what:<48} {spent(self.seconds):>5}{reason}"

    def _told(self, count: int) -> str:
        return counts.as_text(count, contracts.is_about_persons(self.source), ",")


_MOVED = """
select
    d.delivery_id,
    d.source,
    d.period,
    d.state,
    d.reason,
    d.loaded,
    d.rejected,
    (
        select count(*) from quality.verdict as v
        where v.delivery_id = d.delivery_id and not v.passed and v.severity = 'warn'
    ) as warnings,
    extract(epoch from coalesce(d.decided_at, clock_timestamp()) - d.received_at)::float as seconds
from raw.delivery as d
where greatest(d.received_at, d.loaded_at, d.decided_at) >= %s
order by d.decided_at nulls last, d.delivery_id
"""


def moved(connection: psycopg.Connection, since: datetime) -> list[Seen]:
    """Deliveries that were received, loaded or decided since a moment, in the order of decisions."""
    with connection.cursor(row_factory=class_row(Seen)) as cursor:
        return cursor.execute(_MOVED, [since]).fetchall()


class Followed:
    """Adds a line to the board for each decided delivery, and their number to the stage."""

    def __init__(self, board: Board, stage: Stage, expected: int = 0):
        self._board, self._stage, self._expected = board, stage, expected
        self._told: set[tuple[int, str]] = set()
        self._found: list[Seen] = []

    def show(self, found: list[Seen]) -> None:
        """Show what is new."""
        self._found = found
        decided = [seen for seen in found if seen.state not in UNDECIDED]
        for seen in decided:
            if (seen.delivery_id, seen.state) in self._told:
                continue
            self._told.add((seen.delivery_id, seen.state))
            if self._board.shows_many and seen.state in STANDS_OUT:
                self._board.warn(str(seen))
            else:
                self._board.done(str(seen), is_warned=seen.warnings > 0)
        under_way = [f"{seen.source} {seen.period}" for seen in found if seen.state in UNDECIDED]
        if under_way:
            others = f" and {len(under_way) - 1} more" if under_way[1:] else ""
            self._stage.doing = f"{under_way[0]}{others}"
        if decided:
            total = max(self._expected, len(found))
            self._stage.part = (len(decided), total)

    def summary(self) -> str:
        """A summary line, for a log."""
        if not self._found:
            return "nothing new"
        states = [seen.state for seen in self._found]
        told = ", ".join(
            f"{states.count(s)} {s.upper() if s in STANDS_OUT else s}" for s in sorted(set(states), key=states.index)
        )
        # A single number of a source of personal data would be its exact count.
        rows, rejected = (
            sum(
                counts.rounded(count) if contracts.is_about_persons(seen.source) else count
                for seen in self._found
                if (count := getattr(seen, name))
            )
            for name in ("loaded", "rejected")
        )
        warnings = sum(seen.warnings for seen in self._found)
        noted = f", {warnings} warning{'s' * (warnings != 1)}" if warnings else ""
        return f"{told}; {rows:,} rows, {rejected:,} rejected{noted}"


@contextlib.contextmanager
def followed(settings: Settings, board: Board, stage: Stage, expected: int = 0) -> Generator[None]:
    """Follow the ledger during the block. Read errors are ignored: the block itself reports what is wrong."""
    end = threading.Event()
    told = Followed(board, stage, expected)
    with database.connect(settings) as connection:
        (since,) = connection.execute("select clock_timestamp()").fetchone()

    def follow() -> None:
        with (
            contextlib.suppress(psycopg.Error, UserError),
            database.connect(settings, autocommit=True) as connection,
        ):
            while not end.wait(POLL_SECONDS):
                told.show(moved(connection, since))
            told.show(moved(connection, since))

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
        stage.result = told.summary()
