"""A resource of a CKAN portal (Open.NRW) by its id: where it lies now, then the file itself.

The portal's own `last_modified` is not asked whether there is something new: portals that harvest others hold links,
and do not notice when a file behind one changes. The host of the file does (ETag, Last-Modified), and the bytes.
"""

import json
from pathlib import Path
from urllib.parse import quote, urlsplit

from ingest.pulls.catalogue import Entry
from ingest.pulls.connectors import files
from ingest.pulls.connectors.answers import Answer, Known
from ingest.pulls.connectors.errors import UnknownReport
from ingest.pulls.connectors.http import Http
from lagebild.core.settings import Settings


def ask(settings: Settings, entry: Entry, year: int | None, known: Known, to: Path) -> Answer:
    """The resource's file, if it is another one than last time."""
    session = Http.of(settings)
    shown = f"{entry.address().rstrip('/')}/api/3/action/resource_show?id={quote(entry.resource_id(), safe='')}"
    return files.download(
        session, entry.id, _url(entry.id, session.ask("GET", shown, subject=entry.id).body), known, to
    )


def _url(subject: str, body: bytes) -> str:
    """Where the portal says that the resource lies."""
    try:
        described = json.loads(body)
        url = described["result"]["url"] if described["success"] is True else ""
        parts = urlsplit(url)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UnknownReport(subject, what="the portal's answer is no resource of CKAN") from None
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username:
        raise UnknownReport(subject, what="the portal names no address for the resource")
    return url
