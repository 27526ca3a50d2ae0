"""Retention in inboxes: delete copies in `taken/` after their contract's retention, and old receipts.

A file that matches no contract is deleted if the setting allows it, after its receipt announced that for as long. Rows
of `raw.inbox_file` and of the ledger stay. Files that wait for their load or a decision stay, and receipts of unknown
files that are still there. After a kill the next run deletes the rest.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from ingest import contracts
from ingest.contracts.inbox_names import RECEIPTS, TAKEN
from ingest.inbox import files as inbox_files
from ingest.inbox import receipts, unclaimed
from ingest.inbox.files import InboxFile
from ingest.inbox.stores import base, named
from ingest.inbox.stores.base import Entry, Store, StoreError
from lagebild.core import database
from lagebild.core.settings import BERLIN, Settings

_RECEIPT = re.compile(r"(?P<name>.+\.(\d+|[0-9a-f]{8}))\.(txt|json)|\.[0-9a-f]{32}\.part")
"""A receipt, or the draft of one whose writer was killed."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Old:
    """A folder of `taken/` or a receipt whose retention has ended."""

    inbox: str
    path: str
    entries: tuple[Entry, ...]
    why: str
    may_be_logged: bool = True
    """Whether its name matches a contract; other names may contain a person's name."""

    @property
    def logged(self) -> str:
        """The same for a log."""
        return str(self) if self.may_be_logged else f"{self.inbox}: a file of a name that was not agreed: {self.why}"

    def facts(self) -> dict[str, str]:
        """The same for programs: what goes, and why."""
        return {"path": f"{self.inbox}/{base.shown(self.path)}", "why": self.why}

    def __str__(self) -> str:
        return f"{self.inbox}/{base.shown(self.path)}: {self.why}"


def due(settings: Settings, say: Callable[[str], None] = _log.warning) -> list[Old]:
    """What `apply` would remove now; unreachable inboxes are reported."""
    return _each(settings, say, lambda store, old: True)


def apply(settings: Settings, say: Callable[[str], None] = _log.warning) -> list[Old]:
    """Remove copies and receipts whose retention has ended; what was removed. Unreachable inboxes are reported."""
    return _each(settings, say, _remove)


def _each(settings: Settings, say: Callable[[str], None], does: Callable[[Store, Old], bool]) -> list[Old]:
    found = []
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        for label in dict.fromkeys([*named.labels(settings), *inbox_files.watched(connection)]):
            try:
                with named.opened(settings, label) as store:
                    undecided = inbox_files.undecided(connection, label)
                    kept = (*_taken(connection, store, undecided), *_receipts(settings, store, undecided))
                    for old in (*kept, *_unclaimed(settings, store)):
                        if does(store, old):
                            found.append(old)
            except StoreError as error:
                say(str(error))
    return found


def _remove(store: Store, old: Old) -> bool:
    is_gone = all([store.remove(entry) for entry in old.entries])
    if old.path.startswith(f"{TAKEN}/"):
        store.remove_folder(old.path)
    elif is_gone and not old.path.startswith(f"{RECEIPTS}/"):
        receipts.write_removed(store, old.entries[0])
    return is_gone


def _taken(connection: Connection, store: Store, undecided: list[InboxFile]) -> Iterator[Old]:
    """Folders of `taken/` that hold a file whose contract's time is over, or held it until a run was killed."""
    folders, _ = store.inside(TAKEN)
    numbers = [int(name) for name in (path.rpartition("/")[2] for path in folders) if re.fullmatch(r"\d{1,18}", name)]
    waiting, today = {row.inbox_file_id for row in undecided}, datetime.now(BERLIN).date()
    for row in inbox_files.numbered(connection, store.label, numbers):
        if row.inbox_file_id in waiting or row.source not in contracts.sources():
            continue
        retention = contracts.load(row.source).retention
        if retention.after(row.done_at.astimezone(BERLIN).date()) < today:
            paths = (row.taken_path, *base.markers(row.taken_path))
            entries = tuple(filter(None, map(store.entry, paths)))
            yield Old(store.label, f"{TAKEN}/{row.inbox_file_id}", entries, f"retention of {retention.text} is over")


def _is_of_taken(receipt: str) -> bool:
    """Whether a receipt, named without its ending, is of a file that was taken, and so has a name that was agreed."""
    return receipt.rpartition(".")[2].isdecimal() and len(receipt.rpartition(".")[2]) != 8


def _unclaimed(settings: Settings, store: Store) -> Iterator[Old]:
    """Files that no contract claims, from the day on that their receipt names."""
    today = datetime.now(BERLIN).date()
    for one in unclaimed.of_store(store) if settings.unclaimed_days is not None else ():
        if one.removed_on and one.removed_on <= today:
            why = f"no contract claims it, and it has lain there for {one.days} days"
            yield Old(store.label, one.entry.path, (one.entry, *one.markers), why, may_be_logged=False)


def _receipts(settings: Settings, store: Store, undecided: list[InboxFile]) -> Iterator[Old]:
    """Receipts that were written last so long ago."""
    _, files = store.inside(RECEIPTS)
    limit = time.time() - settings.receipt_days * 86_400
    found = [(entry, match) for entry in files if (match := _RECEIPT.fullmatch(entry.name))]
    found = [(entry, match["name"]) for entry, match in found if entry.changed_at and entry.changed_at < limit]
    waiting = {receipts.name_of(row) for row in undecided}
    if found:
        waiting |= {receipts.name_of_unknown(entry) for entry in store.entries()}
    for entry, name in found:
        if name not in waiting:
            why = f"written more than {settings.receipt_days} days ago"
            yield Old(store.label, entry.path, (entry,), why, may_be_logged=not name or _is_of_taken(name))
