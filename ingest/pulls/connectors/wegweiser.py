"""Wegweiser Kommune: indicators of all municipalities from 5,000 inhabitants, by its open REST API.

One small request says when its data were last brought in (`/rest/statistics/version`); only then the data are asked
for: as JSON from `/rest/statistics/data/<friendly URL>`, whose form its OpenAPI description (2.9.2) gives, or as CSV
from `/rest/export/<friendly URL>.csv`. A friendly URL names indicators, regions, years and "tabelle", joined by "+".
What comes is read by `ingest/reading/formats/wegweiser.py`.
"""

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from ingest.pulls.catalogue import Entry
from ingest.pulls.connectors import files
from ingest.pulls.connectors.answers import Answer, Known
from ingest.pulls.connectors.errors import NoSuchFile, UnknownReport
from ingest.pulls.connectors.http import Http
from ingest.reading.formats import wegweiser
from ingest.reading.refused import Refused
from lagebild.core.settings import Settings


def ask(settings: Settings, entry: Entry, year: int | None, known: Known, to: Path) -> Answer:
    """The entry's indicators of a year, if data were brought in since last time."""
    session, base = Http.of(settings), entry.address().rstrip("/")
    version = _version(session, entry.id, base)
    if known.last_change == version:
        return Answer(why=f"Wegweiser Kommune brought in no data since {version}", last_change=version)
    try:
        answer = files.download(session, entry.id, base + _path(entry, year), Known(), to)
    except NoSuchFile as error:  # what it answers where an indicator has no data for a level or a year
        return Answer(why=error.message, last_change=version, is_absent=True)
    try:
        is_empty = not wegweiser.has_values(answer.path.read_bytes())
    except Refused as refusal:
        raise UnknownReport(entry.id, what=f"{UnknownReport.what}: {refusal}") from refusal
    if is_empty:
        return Answer(why=f"Wegweiser Kommune has no value for {year}", last_change=version, is_absent=True)
    return replace(answer, last_change=version)


def _version(session: Http, subject: str, base: str) -> str:
    """When data were last brought in, as the service says it."""
    text = session.ask("GET", f"{base}/rest/statistics/version", subject=subject).body.decode("utf-8", "replace")
    version = text.strip().strip('"')
    if not version or len(version) > 100 or "<" in version:
        raise UnknownReport(subject, what="the service does not say of when its data are")
    return version


def _path(entry: Entry, year: int | None) -> str:
    years = str(year) if year else f"{entry.first_year}-{entry.last_year}"
    friendly = quote("+".join([*entry.indicators, *entry.regions, years, "tabelle"]), safe="+*")
    if entry.file.endswith(".csv"):
        return f"/rest/export/{friendly}.csv?charset=UTF-8"
    return f"/rest/statistics/data/{friendly}"
