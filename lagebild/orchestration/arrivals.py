"""List what is due for a source (tables to fetch, fetched or sent files not loaded yet), and load one such item.

An item is a string, so that Airflow can map a task over it: `table:<key>`, `fetched/<file>` or `<inbox>/<path>`. Many
files share fewer tasks (`shared`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.deliveries.delivery_ledger import Delivery
from ingest.inbox import inbox
from ingest.pulls import catalogue, fetch_log
from lagebild.core.credentials import Access
from lagebild.core.settings import Settings

NOTHING = "nothing is due"
"""Item of a run without items: it loads nothing, and checks what an earlier run left unchecked."""
YOUNG_SECONDS = 30
"""How long a build that was started by an event waits for tables that are being fetched."""
MOST_TASKS = 64
"""Up to this many files get a task each; more files share tasks. Airflow maps a task over at most 1,024 items, and
starting a task takes as long as loading a small file."""
FEWEST_SHARED = 10
"""Minimum number of files in a shared task: with fewer, starting tasks would cost more than it saves."""
MOST_TABLES = 900
"""Tables of a run, each a task of its own; the ledger says what is left, and the next run finds it."""
_FETCHED = "fetched/"
_TABLE = "table:"


@dataclass(frozen=True)
class RetryLater:
    """A service prepares the item, or another process loads it: try again after `seconds`."""

    why: str
    seconds: float


@dataclass(frozen=True)
class NothingDue:
    """There is nothing to load; this is not an error."""

    why: str


def due(
    settings: Settings,
    source: str,
    table: str | None = None,
    years: Iterable[int] = (),
    file: str | None = None,
) -> list[str]:
    """The items of a source: those of `table` and `years` if given (the schedule is ignored), else all that are due.

    With `file` only the file of that name. UserError if the catalogue does not have the table.
    """
    items = [] if file else _tables(settings, source, table, list(years))
    items += [f"{_FETCHED}{path.name}" for path in fetch_log.waiting_files(settings, source)]
    items += [arrival.key for arrival in inbox.complete(settings, source)]
    return [item for item in items if file in (None, Path(item).name)]


def _tables(settings: Settings, source: str, table: str | None, years: list[int]) -> list[str]:
    if not (table or catalogue.entries(source)):
        return []
    from ingest.pulls import due as wanted  # late: sources that are only sent do without the clients

    found = wanted.due_items(settings, source, tables=[table] if table else [], years=years)
    return [f"{_TABLE}{item.key}" for item in found]


def shared(items: Sequence[tuple[str, str]]) -> list[tuple[str, str | list[str]]]:
    """Items of each task of a run, given (source, item): one item, or several files of one source if there are many."""
    files, tables = ([one for one in items if one[1].startswith(_TABLE) is is_table] for is_table in (False, True))
    size = 1 if len(files) <= MOST_TASKS else max(FEWEST_SHARED, -(-len(files) // MOST_TASKS))
    by_source: dict[str, list[str]] = {}
    for source, item in files:
        by_source.setdefault(source, []).append(item)
    parts = [(source, found[n : n + size]) for source, found in by_source.items() for n in range(0, len(found), size)]
    return [*tables[:MOST_TABLES], *((source, part if size > 1 else part[0]) for source, part in parts)]


def named(item: str) -> str:
    """What people call an item: the table and year, or the file's name."""
    return item.removeprefix(_TABLE) if item.startswith(_TABLE) else Path(item).name


def take(
    settings: Settings, source: str, item: str, login: Callable[[str], Access | None] = lambda host: None
) -> Delivery | RetryLater | NothingDue:
    """Fetch an item if it is a table, and load it. If it is killed at any point, the next call continues.

    `login` gives the access to a host by its name. PullError if the host refuses, UserError if the item cannot be
    loaded.
    """
    if item == NOTHING:
        return NothingDue("no file and no table was due")
    if item.startswith(_TABLE):
        return _fetch_and_load(settings, source, item.removeprefix(_TABLE), login)
    if item.startswith(_FETCHED):
        for path in fetch_log.waiting_files(settings, source):
            if path.name == item.removeprefix(_FETCHED):
                from ingest.pulls import fetch  # late, as there: compiled loops take a second

                return fetch.deliver(settings, source, path, login)
        return NothingDue("it was loaded meanwhile")
    return inbox.take(settings, item) or NothingDue("another process takes it, or it is still being written")


def _fetch_and_load(
    settings: Settings, source: str, key: str, login: Callable[[str], Access | None]
) -> Delivery | RetryLater | NothingDue:
    from ingest.pulls import due as wanted
    from ingest.pulls import fetch

    host = wanted.item_of(source, key).entry.host
    found = fetch.step(settings, key, source, access=login(host))
    if isinstance(found, fetch.Waiting):
        why = f"{host} works on job {found.job}" if found.job else "another process asks for it"
        return RetryLater(why, found.seconds)
    if isinstance(found, fetch.Fetched):
        return fetch.deliver(settings, source, found.path, login)
    return NothingDue(found.why)


def is_drained(settings: Settings) -> bool:
    """Whether everything that arrived is decided: no file waits, and every loaded delivery is checked.

    Jobs that a service still works on do not count.
    """
    return not fetch_log.waiting_sources(settings) and inbox.is_drained(settings)


def is_fetching(settings: Settings) -> bool:
    """Whether a table was requested recently and is not there yet: a build now would soon be followed by another."""
    return fetch_log.is_any_young(settings, YOUNG_SECONDS)
