"""Files at an address: lists of operations, the Förderkatalog, tables of the Landesdatenbank NRW that need no login.

A file that was delivered is asked for with its ETag and Last-Modified: a host that knows them answers 304 with no body.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ingest.pulls.catalogue import Entry
from ingest.pulls.connectors import http
from ingest.pulls.connectors.answers import Answer, Known
from ingest.pulls.connectors.errors import HtmlInstead, PullError, UnknownReport
from ingest.pulls.connectors.http import Http, Reply
from ingest.pulls.hosts import HOSTS, host_of
from lagebild.core.settings import Settings


def ask(settings: Settings, entry: Entry, year: int | None, known: Known, to: Path) -> Answer:
    """The entry's file, if it is another one than last time; PullError if the host would not."""
    session = Http.of(settings)
    hits = [_ask_before(session, entry.id, step) for step in entry.before]
    answer = download(session, entry.id, address(settings, entry), known, to)
    _require_whole(entry.id, answer, max(filter(None, hits), default=0))
    return answer


def address(settings: Settings, entry: Entry) -> str:
    """The entry's address, at the root that the settings say where its host is one of GENESIS's."""
    url = entry.address()
    if entry.host in HOSTS:
        url = url.replace(HOSTS[entry.host].root, host_of(entry.host, settings).root, 1)
    return url


def download(session: Http, subject: str, url: str, known: Known, to: Path) -> Answer:
    """A file by GET, unless the host says that it is the one known; what is known of another address counts nothing."""
    digest = hashlib.sha256(url.encode()).hexdigest()
    asked = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    headers = {name: value for name, value in asked.items() if value and known.address_sha256 == digest}
    reply = session.ask("GET", url, to, subject=subject, headers=headers)
    if reply.is_not_modified:
        return Answer(why=f"{urlsplit(url).hostname} says that the file is the one it sent before")
    return Answer(to, digest, etag=reply.headers.get("ETag"), last_modified=reply.headers.get("Last-Modified"))


def _ask_before(session: Http, subject: str, step: Mapping[str, Any]) -> int | None:
    """Ask for a page that the host wants to have shown first; the number of hits where the step says how to find it."""
    method = "post" if "post" in step else "get"
    reply = session.ask(method.upper(), step[method], subject=subject, form=step.get("form"), judge=_judge_page)
    if "hits" not in step:
        return None
    text = " ".join(re.sub(r"<[^>]*>|&nbsp;", " ", reply.body.decode("latin-1")).split())
    found = re.search(step["hits"], text)
    if found is None:
        raise UnknownReport(subject, what="the page of hits does not say how many there are")
    return int(found[1].replace(".", ""))


def _judge_page(subject: str, reply: Reply) -> None:
    """As for data, but that a page is a page."""
    try:
        http.judge(subject, reply)
    except HtmlInstead:
        return


def _require_whole(subject: str, answer: Answer, hits: int) -> None:
    """Refuse an export with fewer lines than the host counted hits: it was cut short."""
    if answer.path is None or not hits:
        return
    with answer.path.open("rb") as file:
        lines = sum(1 for _ in file)
    if lines <= hits:  # one line is the header
        raise PullError(
            subject,
            what=f"the host counted {hits} hits, but its file has {lines - 1} lines below the header",
            to_do="the export was cut short: narrow the search in the catalogue's entry",
        )
