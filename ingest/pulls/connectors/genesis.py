"""GENESIS web services: Destatis, regionalstatistik.de, Landesdatenbank NRW, Zensus 2022.

POST with the login in the headers; never in an address, a log or an error. Answers come as a zip with one file, as a
JSON envelope (`{"Status": {"Code", "Content", "Type"}, ...}`), as a flat report (`{"Code", "Content", "Type"}`), and at
times as a web page, whatever the HTTP status: what came is judged by its bytes.

A table that is too large (98) is made by a job: `start_job` (99), `is_ready` (104 until it is), `result`, `remove`. A
job is known by its name alone, so that another process can go on with it.
"""

import json
import logging
import os
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import requests
from requests.auth import AuthBase

from ingest.pulls.connectors import http as http_module
from ingest.pulls.connectors.errors import (
    BrokenArchive,
    GuestLogin,
    NoData,
    NoJobs,
    NoLogin,
    NoObjects,
    NoSuchTable,
    NothingNewer,
    PullError,
    ServiceDown,
    TooLarge,
    TooManyRequests,
    UnknownReport,
    WrongMember,
    bounded,
)
from ingest.pulls.connectors.http import Http, Reply
from ingest.pulls.hosts import Host
from ingest.reading import archive
from ingest.reading.formats import genesis as flat_files
from ingest.reading.refused import Refused
from lagebild.core.credentials import Access
from lagebild.core.errors import UserError
from lagebild.core.settings import BERLIN

OK, ADJUSTED, ACCEPTED = 0, 22, 99
GUEST = "GAST"
_FAULTS: dict[int, type[PullError]] = {
    2: NoLogin,
    12: NoLogin,
    15: NoLogin,
    6: TooManyRequests,
    50: NothingNewer,
    90: NoSuchTable,
    98: TooLarge,
    104: NoObjects,
    -1: ServiceDown,
}
_WHOLE = {"area": "all", "compress": "false", "format": "ffcsv", "quality": "on", "language": "de"}
"""How a flat file is asked for: `compress` would leave out empty rows; of a job's result it must be said again."""
_SYSTEM_ERROR = "systemfehler"
"""The services report an outage of their own with code 2 too, and to logincheck: the text tells it from a bad login."""
_NO_DATA = re.compile(
    r"kein\w* (datenquader|daten|werte|inhalte?)\b"
    r"|(datenquader|tabelle|daten|werte)\b.*\b(nicht (gefunden|vorhanden)|leer)\b"
    r"|no (data|values|data cube)\b|data ?cube.*not found",
    re.IGNORECASE,
)
"""Code -1 stands for whatever went wrong inside; only the text tells a table without data from an outage."""
_MAX_MEMBER_BYTES = 2 * 2**30
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Query:
    """A selection from a table; what is left out is not restricted."""

    table: str
    """Code: `12411-0015`, `12411-01-01-4`, `1000A-0000`."""
    start_year: int | None = None
    end_year: int | None = None
    region_variable: str = ""
    regions: tuple[str, ...] = ()
    """Keys such as `05913` or `05*`."""
    classifying: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Up to five pairs of a variable and its keys."""
    contents: tuple[str, ...] = ()
    """Codes of measures."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9-]{1,15}", self.table):
            raise UserError(f"{self.table!r} is no code of a table", remedy="a code is such as 12411-0015")
        if self.start_year and self.end_year and self.start_year > self.end_year:
            raise UserError(f"{self.table}: years from {self.start_year} to {self.end_year}", remedy="swap them")
        if len(self.classifying) > 5:
            raise UserError(f"{self.table}: {len(self.classifying)} classifying variables", remedy="five at most")

    def form(self) -> dict[str, str]:
        """The fields as the service takes them: all rows, with quality flags."""
        given = {
            "startyear": self.start_year,
            "endyear": self.end_year,
            "contents": ",".join(self.contents),
            "regionalvariable": self.region_variable,
            "regionalkey": ",".join(self.regions),
        }
        for number, (variable, keys) in enumerate(self.classifying, start=1):
            given |= {f"classifyingvariable{number}": variable, f"classifyingkey{number}": ",".join(keys)}
        return {
            "name": self.table,
            "transpose": "false",
            **_WHOLE,
            **{name: str(value) for name, value in given.items() if value},
        }


class Client:
    """One host with one login.

    `say` is told the service's warnings (code 22: it changed a parameter and went on).
    """

    def __init__(self, host: Host, access: Access | None, http: Http, say: Callable[[str], None] = _log.warning):
        if access is None or not access.user:
            raise NoLogin(host.title, what="there are no credentials for this service")
        self.host, self._access, self._http, self._say = host, access, http, say
        self._login = _HeaderLogin(host, access)
        self._is_checked = False

    def check_login(self) -> None:
        """Raise unless the service knows the login. Success alone proves nothing: guests succeed too, as GAST."""
        self._ask("helloworld/logincheck", self.host.title, {"language": "de"}, self._judge_login)
        self._is_checked = True

    def last_change(self, table: str) -> str | None:
        """When the table's statistic last changed, as text to compare with the last one's; None if it is not told.

        One small request, `catalogue/modifieddata` for the statistic (`12411` of `12411-0015`): a list of a line or
        few. `metadata/table` is as small, but its `Updated` is the day the table's layout changed: the recorded one of
        11111-0001 says 2022 and has data of 2023. The service tells a day, no time. On that very day more may follow,
        so then the time of asking is part of the text, and the next day's differs from it.
        """
        statistic = table.split("-")[0]
        fields = {"selection": statistic, "date": "01.01.1970", "pagelength": "500", "language": "de"}
        try:
            entries = self._list("catalogue/modifieddata", table, fields)
        except NoObjects:
            return None
        days = [_day(entry.get("Date")) for entry in entries if entry.get("Code") in (table, statistic)]
        latest, now = max(filter(None, days), default=None), datetime.now(BERLIN)
        if latest is None:
            return None
        return f"{latest}" if latest < now.date() else f"{latest}, asked {now:%Y-%m-%dT%H:%M:%S}"

    def table(self, query: Query, to: Path) -> Path:
        """Download a table as flat file; TooLarge where a job must make it, NoSuchTable, NoObjects."""
        self._ensure_login()
        return self._file("data/tablefile", query.table, query.table, {**query.form(), "job": "false"}, to)

    def start_job(self, query: Query) -> str:
        """Have a table made in the background; the job's name, by which any process finds it again.

        NoJobs, before anything is asked, where the host has none or the login may only read.
        """
        self._refuse_jobs(query.table)
        self._ensure_login()
        accepted = self._report("data/tablefile", query.table, {**query.form(), "job": "true"}, expected=ACCEPTED)
        name = accepted["Status"]["Content"].rpartition(":")[2].strip()
        if not re.fullmatch(rf"{re.escape(query.table)}_[\w-]+", name):
            raise UnknownReport(query.table, self._access.hide(name), what="the service accepts a job without a name")
        return name

    def is_ready(self, job: str) -> bool:
        """Whether a job's result can be fetched.

        The list of results holds finished ones only: a running job is not in it (104), nor one that failed or was
        removed, which is no public knowledge. The caller sets the limit.
        """
        fields = {"selection": job, "area": "user", "pagelength": "1", "language": "de"}
        try:
            return any(entry.get("Code") == job for entry in self._list("catalogue/results", job, fields))
        except NoObjects:
            return False

    def result(self, job: str, to: Path) -> Path:
        """Download what a job made; NoObjects if it is gone."""
        return self._file("data/resultfile", job, job.partition("_")[0], {"name": job, **_WHOLE}, to)

    def remove(self, job: str) -> None:
        """Remove a job's result; one that is gone already is no error."""
        self._refuse_jobs(job)
        try:
            self._report("profile/removeResult", job, {"name": job, "area": "user", "language": "de"})
        except NoObjects:
            return

    # --- asking ---------------------------------------------------------------------------------------------------

    def _ensure_login(self) -> None:
        """Before whatever is expensive. Small requests are refused to guests by themselves."""
        if not self._is_checked:
            self.check_login()

    def _refuse_jobs(self, subject: str) -> None:
        if not self.host.has_jobs:
            raise NoJobs(subject, what=f"{self.host.title} has no jobs", to_do="ask for fewer years or regions")
        if self._access.is_token:
            raise NoJobs(
                subject,
                what=f"a token may only read: {self.host.title} starts and removes jobs for a user with password",
                to_do=f"set LAGEBILD_{self.host.name.upper()}_USER and _PASSWORD in place of the token",
            )

    def _ask(self, endpoint: str, subject: str, fields: dict[str, str], judge: http_module.Judge) -> Reply:
        url = self.host.url + endpoint
        return self._http.ask("POST", url, subject=subject, login=self._login, form=fields, judge=judge)

    def _report(self, endpoint: str, subject: str, fields: dict[str, str], expected: int = OK) -> dict[str, Any]:
        reply = self._ask(endpoint, subject, fields, self._judge(expected))
        return _envelope(reply.body)

    def _list(self, endpoint: str, subject: str, fields: dict[str, str]) -> list[dict[str, Any]]:
        entries = self._report(endpoint, subject, fields).get("List") or []
        return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []

    def _file(self, endpoint: str, subject: str, table: str, fields: dict[str, str], to: Path) -> Path:
        packed = to.with_name(f"{to.name}.packed")
        url = self.host.url + endpoint
        try:
            judge = self._judge(None)
            self._http.ask("POST", url, packed, subject=subject, login=self._login, form=fields, judge=judge)
            _unpack(packed, subject, table, to)
        finally:
            packed.unlink(missing_ok=True)
        return to

    # --- judging --------------------------------------------------------------------------------------------------

    def _judge(self, expected: int | None) -> http_module.Judge:
        """Raise unless the answer is an envelope with the code `expected`, or a file where None is."""

        def judge(subject: str, reply: Reply) -> None:
            envelope = _envelope(reply.body)
            status = _status(envelope)
            if status:
                self._raise_for(subject, *status)
            http_module.judge(subject, _scrubbed(reply, self._access))
            if expected is None and envelope is None:
                return
            if status is None:
                raise UnknownReport(subject, what=f"{UnknownReport.what}: {_shape(reply)}")
            code, content, kind = status
            if code == ADJUSTED and expected == OK:
                self._say(f"{subject}: {self.host.title} changed a parameter: {self._clean(content)}")
            elif code != expected or kind.lower() in ("fehler", "error"):
                raise UnknownReport(subject, self._clean(content), what=f"{UnknownReport.what} (code {code})")

        return judge

    def _raise_for(self, subject: str, code: int, content: str, kind: str) -> None:
        said = self._clean(content)
        fault = _FAULTS.get(code)
        if code == -1 and _NO_DATA.search(content):
            fault = NoData
        if _SYSTEM_ERROR in content.lower():
            fault = ServiceDown
        if fault is TooLarge and (not self.host.has_jobs or self._access.is_token):
            raise TooLarge(subject, said, to_do="ask for fewer years or regions: no job can be started here")
        if fault:
            raise fault(subject, said, what=f"{fault.what} (code {code})")

    def _judge_login(self, subject: str, reply: Reply) -> None:
        body = _json(reply.body)
        text, user = (body.get("Status"), body.get("Username")) if isinstance(body, dict) else (None, None)
        if not isinstance(text, str):
            self._judge(OK)(subject, reply)  # refused before logincheck itself answered
            raise UnknownReport(subject, what=f"{UnknownReport.what}: no word on the login")
        said = self._clean(text)
        if _SYSTEM_ERROR in text.lower():
            raise ServiceDown(subject, said)
        if str(user or "").strip().upper() in ("", GUEST):
            raise GuestLogin(subject, said)
        if "erfolgreich" not in text.lower():
            raise NoLogin(subject, said)

    def _clean(self, text: object) -> str:
        return self._access.hide(str(text or ""))


class _HeaderLogin(AuthBase):
    """Puts the login into the headers of a request that is about to leave."""

    def __init__(self, host: Host, access: Access):
        if not (_is_plain(access.user) and _is_plain(access.password)):
            raise NoLogin(
                host.title,
                what="user or password hold characters that the service's headers do not carry for certain",
                to_do="choose a password of letters, digits and signs of ASCII, without spaces at its ends",
            )
        self._access = access

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["username"], request.headers["password"] = self._access.user, self._access.password
        return request


def _is_plain(text: str) -> bool:
    """Whether a text comes through a header as it is: ASCII, no spaces at its ends."""
    return re.fullmatch(r"([\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?)?", text) is not None


def _day(text: object) -> date | None:
    try:
        return datetime.strptime(str(text), "%d.%m.%Y").date()
    except ValueError:
        return None


def _scrubbed(reply: Reply, access: Access) -> Reply:
    """The answer as errors may quote it."""
    body = access.hide(reply.body.decode("latin-1")).encode("latin-1")
    return Reply(reply.status, reply.headers, body, reply.file)


def _json(body: bytes) -> Any:
    """What a JSON text holds; None if it is none."""
    if body.lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _envelope(body: bytes) -> dict[str, Any] | None:
    """A JSON answer, a flat report made an envelope; None if the answer is no JSON object at all."""
    found = _json(body)
    if not isinstance(found, dict):
        return None
    return {"Status": found} if "Code" in found and "Status" not in found else found


def _status(envelope: dict[str, Any] | None) -> tuple[int, str, str] | None:
    """Code, message and type of an envelope; None if it has no such thing."""
    status = envelope.get("Status") if envelope else None
    if not isinstance(status, dict) or not re.fullmatch(r"-?\d{1,6}", str(status.get("Code"))):
        return None
    return int(status["Code"]), str(status.get("Content") or ""), str(status.get("Type") or "")


def _shape(reply: Reply) -> str:
    """What an unknown answer looks like, without its content."""
    found = _json(reply.body)
    if isinstance(found, dict):
        return f"JSON with the keys {', '.join(sorted(map(str, found))[:8])}"
    kind = reply.headers.get("Content-Type", "of no type")
    return f"{len(reply.body)} bytes {kind}"


def _unpack(packed: Path, subject: str, table: str, to: Path) -> None:
    """Write the flat file of an answer to `to`, whole or not at all."""
    part = to.with_name(f"{to.name}.part")
    try:
        with open(packed, "rb") as file, open(part, "wb") as sink:
            for block in _flat_file(file, subject, table):
                sink.write(block)
            sink.flush()
            os.fsync(sink.fileno())
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)


def _flat_file(file: Any, subject: str, table: str) -> Iterator[bytes]:
    """The bytes of the one file in a zip, or of the answer itself if it is a flat file."""
    start = file.read(8192)
    file.seek(0)
    if not start.startswith(b"PK"):
        header = start.partition(b"\n")[0].decode("utf-8-sig", "replace").strip().split(";")
        if flat_files.shape_of(header) is None:
            raise UnknownReport(subject, what=f"{UnknownReport.what}: neither a zip nor a flat file")
        yield from iter(lambda: file.read(2**16), b"")
        return
    with _told_as_broken(subject):
        members = archive.files(file, _MAX_MEMBER_BYTES)
        names = [name for name, _ in members]
    if len(names) != 1 or not re.fullmatch(rf"{re.escape(table)}(_[\w-]*)?\.csv", names[0], re.IGNORECASE):
        held = bounded(", ".join(name[:60] for name in names[:5])) or "nothing"
        raise WrongMember(subject, what=f"{WrongMember.what}: it holds {held}")
    with _told_as_broken(subject):
        yield from members[0][1]


@contextmanager
def _told_as_broken(subject: str) -> Generator[None]:
    try:
        yield
    except Refused as error:
        raise BrokenArchive(subject, what=f"{BrokenArchive.what}: {error.message}") from error
