"""What of a source is due: tables to pull, files that were fetched or sent and are not loaded yet; and what takes one.

An item is a text, so that Airflow can map a task over it: `table:<key>`, `fetched/<file>` or `<inbox>/<path>`. Many
files are shared out among fewer tasks (`shared`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest import fetch_ledger, inbox
from ingest.connectors import catalogue
from ingest.connectors.access import Access
from ingest.ledger import Delivery
from lagebild.settings import Settings

NOTHING = "nothing is due"
"""Item of a run that has none: it takes nothing, and checks what an earlier run left unchecked."""
YOUNG_SECONDS = 30
"""How long a build that an event started waits for tables that are just being pulled."""
MOST_TASKS = 64
"""Files of a run that get a task each; of more several share one. Airflow maps a task over 1,024 items at most, and
starting one takes as long as loading a small file."""
FEWEST_SHARED = 10
"""Where tasks take several files, they take as many: else their own start would cost more than it saves."""
MOST_TABLES = 900
"""Tables of a run, each a task of its own; the ledger says what is left, and the next run finds it."""
_FETCHED = "fetched/"
_TABLE = "table:"


@dataclass(frozen=True)
class Later:
    """A service works on it, or another process is at it: try again in so many seconds."""

    why: str
    seconds: float


@dataclass(frozen=True)
class Nothing:
    """There was nothing to load, which is no failure."""

    why: str


def due(
    settings: Settings,
    source: str,
    table: str | None = None,
    years: Iterable[int] = (),
    file: str | None = None,
) -> list[str]:
    """The items of a source: of `table` and `years` if given (whatever the schedule says), else all that is due.

    With `file` only the file of that name. UserError for a table that the catalogue does not have.
    """
    items = [] if file else _tables(settings, source, table, list(years))
    items += [f"{_FETCHED}{path.name}" for path in fetch_ledger.waiting_files(settings, source)]
    items += [arrival.key for arrival in inbox.complete(settings, source)]
    return [item for item in items if file in (None, Path(item).name)]


def _tables(settings: Settings, source: str, table: str | None, years: list[int]) -> list[str]:
    if not (table or catalogue.entries(source)):
        return []
    from ingest import wanted  # late: sources that are only sent do without the clients

    found = wanted.due(settings, source, tables=[table] if table else [], years=years)
    return [f"{_TABLE}{item.key}" for item in found]


def shared(items: Sequence[tuple[str, str]]) -> list[tuple[str, str | list[str]]]:
    """What each task of a run takes, given (source, item): one item, or, where there are many, files of one source."""
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
) -> Delivery | Later | Nothing:
    """Fetch an item if it is a table, and load it; killed at any point, it goes on when it is called again.

    `login` gives the access to the host that it is fetched from, by the host's name. PullError where the host would
    not, UserError where it cannot be loaded.
    """
    if item == NOTHING:
        return Nothing("no file and no table was due")
    if item.startswith(_TABLE):
        return _pulled(settings, source, item.removeprefix(_TABLE), login)
    if item.startswith(_FETCHED):
        for path in fetch_ledger.waiting_files(settings, source):
            if path.name == item.removeprefix(_FETCHED):
                from ingest import fetch  # late, as there: compiled loops take a second

                return fetch.deliver(settings, source, path, login)
        return Nothing("it was loaded meanwhile")
    return inbox.take(settings, item) or Nothing("another process takes it, or it is still being written")


def _pulled(
    settings: Settings, source: str, key: str, login: Callable[[str], Access | None]
) -> Delivery | Later | Nothing:
    from ingest import fetch, wanted

    host = wanted.item_of(source, key).entry.host
    found = fetch.step(settings, key, source, access=login(host))
    if isinstance(found, fetch.Waiting):
        return Later(f"{host} works on job {found.job}" if found.job else "another process asks for it", found.seconds)
    if isinstance(found, fetch.Fetched):
        return fetch.deliver(settings, source, found.path, login)
    return Nothing(found.why)


def is_drained(settings: Settings) -> bool:
    """Whether everything that arrived has been decided: no file waits, nothing is loaded and unchecked.

    A job that a service still works on is not waited for.
    """
    return not fetch_ledger.waiting_sources(settings) and inbox.is_drained(settings)


def is_pulling(settings: Settings) -> bool:
    """Whether a table was asked for a moment ago and is not there yet: a build now would be followed by another one."""
    return fetch_ledger.is_any_young(settings, YOUNG_SECONDS)
