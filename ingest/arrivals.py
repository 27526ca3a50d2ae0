"""What has arrived and is not loaded yet: files that were fetched, and files that people sent."""

from collections.abc import Callable
from pathlib import Path

from ingest import fetch_ledger, inbox
from ingest.connectors.access import Access
from ingest.ledger import Delivery
from lagebild.settings import Settings

_FETCHED = "fetched/"


def waiting(settings: Settings, source: str, only: str | None = None) -> list[str]:
    """A key for each file of a source that is complete, in the order of loading; of `only` the file of that name."""
    keys = [f"{_FETCHED}{path.name}" for path in fetch_ledger.waiting_files(settings, source)]
    keys += [arrival.key for arrival in inbox.complete(settings, source)]
    return [key for key in keys if only in (None, Path(key).name)]


def load(
    settings: Settings, source: str, key: str, login: Callable[[str], Access | None] = lambda host: None
) -> Delivery | None:
    """Load the file of a key; None if another one takes it. `login` is for the host that a file was fetched from."""
    if key.startswith(_FETCHED):
        for path in fetch_ledger.waiting_files(settings, source):
            if path.name == key.removeprefix(_FETCHED):
                from ingest import fetch  # late, as there: compiled loops take a second

                return fetch.deliver(settings, source, path, login)
        return None
    return inbox.take(settings, key)


def is_drained(settings: Settings) -> bool:
    """Whether everything that arrived has been decided: no file waits, nothing is loaded and unchecked.

    A job that a service still works on is not waited for.
    """
    return not fetch_ledger.waiting_sources(settings) and inbox.is_drained(settings)
