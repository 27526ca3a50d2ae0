"""The stores that settings name, opened."""

import contextlib
from collections.abc import Generator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ingest.inbox.stores.base import DROP, Store
from ingest.inbox.stores.local import Local
from ingest.inbox.stores.s3 import S3
from ingest.inbox.stores.sftp import Sftp
from lagebild.core.settings import Settings


def labels(settings: Settings) -> list[str]:
    """Every inbox of this house: the drop folder, then those of LAGEBILD_INBOXES."""
    return [DROP, *settings.inboxes]


@contextlib.contextmanager
def opened(settings: Settings, label: str) -> Generator[Store]:
    """The store of an inbox, connected; StoreError if it cannot be reached."""
    store = _store(settings, label)
    try:
        yield store
    finally:
        store.close()


def _store(settings: Settings, label: str) -> Store:
    if label == DROP:
        return Local(label, settings.drop)
    scheme = urlsplit(label).scheme
    if scheme == "file":
        return Local(label, Path(unquote(urlsplit(label).path)))
    return {"sftp": Sftp, "s3": S3}[scheme](label, settings)
