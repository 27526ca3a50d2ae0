"""List the items of the catalogue that are due. Cheap to import, because most tasks end here."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from croniter import croniter

from ingest.pulls import fetch_log
from ingest.pulls.catalogue import Entry, entries
from ingest.pulls.connectors import files
from ingest.pulls.connectors.http import LOOPBACK
from ingest.pulls.hosts import host_of
from lagebild.core import database
from lagebild.core.credentials import access_of
from lagebild.core.errors import UserError
from lagebild.core.settings import BERLIN, Settings


@dataclass(frozen=True)
class Item:
    """An entry of the catalogue, or one year of it."""

    entry: Entry
    year: int | None = None

    @property
    def key(self) -> str:
        return self.entry.id if self.year is None else f"{self.entry.id} {self.year}"


def due_items(
    settings: Settings,
    source: str,
    now: datetime | None = None,
    tables: Iterable[str] = (),
    years: Iterable[int] = (),
) -> list[Item]:
    """Items to fetch now: the named tables without conditions; else permitted items that are due.

    An item is due if its last finished attempt is older than the last time of its schedule, and while it is open. With
    `years`, items of these years are due at any time.
    """
    now = (now or datetime.now(BERLIN)).astimezone(BERLIN)
    tables, years = list(tables), list(years)
    items = [item for entry in _entries_of(source, tables) for item in _items_of(entry, years, now)]
    if tables:
        return items
    items = [item for item in items if _is_permitted(settings, item)]
    if years:
        return items
    with database.connect(settings, database.LOADER) as connection:
        finished = fetch_log.finished_at(connection, source)
        is_open = {fetch.key for fetch in fetch_log.under_way(connection, source)}
    ticks = {item.entry.id: croniter(item.entry.schedule, now).get_prev(datetime) for item in items}
    return [i for i in items if i.key in is_open or i.key not in finished or finished[i.key] < ticks[i.entry.id]]


def _is_permitted(settings: Settings, item: Item) -> bool:
    """Whether an item may be fetched without naming its table: a host is asked only if the operator allowed it.

    That is a login, the host's name in LAGEBILD_PULL, or an address that the operator set. In the demo: what its own
    service has.
    """
    entry = item.entry
    if settings.demo:
        return may_ask(settings, entry) and item.key in settings.replayed
    is_named = entry.host in settings.pull or entry.is_set_by_operator
    return not entry.missing and (is_named or access_of(entry.host, settings) is not None)


def _entries_of(source: str, tables: list[str]) -> list[Entry]:
    own = entries(source)
    if not own:
        raise UserError(
            f"the catalogue has no entry for {source}",
            remedy="add one to catalogue.yml of your configuration (docs/runbooks/add-a-table.md)",
        )
    unknown = set(tables) - {entry.id for entry in own}
    if unknown:
        raise UserError(
            f"{source}: the catalogue has no entry {', '.join(sorted(unknown))}",
            remedy=f"it has {', '.join(entry.id for entry in own)}",
        )
    return [entry for entry in own if not tables or entry.id in tables]


def _items_of(entry: Entry, years: list[int], now: datetime) -> list[Item]:
    if not years:
        return [Item(entry, year) for year in entry.years_until(now.year)]
    inside = [year for year in years if entry.has_year(year)]
    return [Item(entry, year) for year in inside] if entry.is_by_year else [Item(entry)] * bool(inside)


def item_of(source: str, key: str) -> Item:
    """The item of a key such as `12411-01-01-4 2024`."""
    match = re.fullmatch(r"(\S+)(?: (\d{4}))?", key)
    (entry,) = _entries_of(source, [match[1] if match else key])
    return Item(entry, int(match[2]) if match[2] else None)


def may_ask(settings: Settings, entry: Entry) -> bool:
    """Whether the host may be asked: the demo only uses bundled and replayed deliveries."""
    url = host_of(entry.host, settings).root if entry.connector == "genesis" else files.address(settings, entry)
    return not settings.demo or urlsplit(url).hostname in LOOPBACK
