"""Files that lie in an inbox and that no contract claims: since when, and which of them may go.

They are their sender's, and may hold data about persons that nobody asked for. So each is answered with a receipt,
told to the operator for as long as it lies there, and removed where the operator's setting says so, once its receipt
has said so for the whole time.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from ingest.inbox import inbox, receipts
from ingest.inbox.stores import base, named
from ingest.inbox.stores.base import MARKERS, Entry, Store, StoreError
from lagebild.core.settings import BERLIN, Settings

WARNED_AFTER_DAYS = 30
"""A file that lies so long is no mistake of yesterday any more: whoever runs this house is warned."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unclaimed:
    """A file of an inbox that is not taken."""

    inbox: str
    entry: Entry
    markers: tuple[Entry, ...]
    """Files beside it that say it is complete."""
    why: str
    since: datetime | None
    """When its sender was told first; else when it changed last, where the store says so."""
    removed_on: date | None
    """From which day on it is removed, as its receipt says; None: never by itself."""

    @property
    def days(self) -> int:
        """For how many days it has lain there, as far as is known."""
        return 0 if self.since is None else (datetime.now(BERLIN) - self.since).days

    @property
    def path(self) -> str:
        """Where it lies. The name may be a person's: for a screen, and for no log."""
        return f"{self.inbox}/{base.shown(self.entry.path)}"

    def facts(self) -> dict[str, object]:
        """The same for programs."""
        since = None if self.since is None else self.since.isoformat(timespec="seconds")
        removed_on = None if self.removed_on is None else self.removed_on.isoformat()
        return {
            "path": self.path, "state": "unclaimed", "source": None, "size": self.entry.size, "why": self.why,
            "since": since, "days": self.days, "removed_on": removed_on,
        }  # fmt: skip

    def __str__(self) -> str:
        lain = f"for {self.days} day{'s' * (self.days != 1)}" if self.since else "nobody was told yet"
        goes = f", removed from {self.removed_on} on" if self.removed_on else ""
        return f"{self.path}: not taken ({self.why}), {lain}{goes}"


def of_store(store: Store) -> list[Unclaimed]:
    """Those of an inbox, by path: also what was never finished, is hidden, or lies too deep to be looked at."""
    entries = {entry.path: entry for entry in store.entries()}
    found = []
    for path, entry in entries.items():
        if path.endswith(MARKERS) and path.rpartition(".")[0] in entries:
            continue
        try:
            inbox.source_of(path)
        except inbox.UnknownFile as error:
            beside = tuple(entries[marker] for marker in base.markers(path) if marker in entries)
            since, removed_on = receipts.told_of(store, entry)
            found.append(Unclaimed(store.label, entry, beside, error.message, since or _changed(entry), removed_on))
    for entry in store.others():
        why = "it is hidden, lies too deep, or was never finished"
        found.append(Unclaimed(store.label, entry, (), why, _changed(entry), None))
    return sorted(found, key=lambda one: one.entry.path)


def every(settings: Settings, say: Callable[[str], None] = _log.warning, only: str | None = None) -> list[Unclaimed]:
    """Those of every inbox, or of one; an inbox that cannot be reached is said."""
    found = []
    for label in [only] if only else named.labels(settings):
        try:
            with named.opened(settings, label) as store:
                found += of_store(store)
        except StoreError as error:
            say(str(error))
    return found


def warning(found: list[Unclaimed]) -> str | None:
    """What to say of files that have lain for too long, without their names; None if there are none."""
    old = [one for one in found if one.days >= WARNED_AFTER_DAYS]
    if not old:
        return None
    one = len(old) == 1
    return (
        f"{len(old)} file{'' if one else 's'} that no contract claims lie{'s' if one else ''} in the inboxes for"
        f" {WARNED_AFTER_DAYS} days or more, the oldest for {max(file.days for file in old)}; data about persons may be"
        " in them, and neither retention nor an erasure reaches them: lagebild delivery inbox lists them, and"
        " LAGEBILD_UNCLAIMED_DAYS has them removed"
    )


def _changed(entry: Entry) -> datetime | None:
    return None if entry.changed_at is None else datetime.fromtimestamp(entry.changed_at, BERLIN)
