"""One way to ask any service over HTTP: politely, within bounds, and with errors that say what to do.

Politely: one request at a time a host, from all processes; a name in the User-Agent; growing, jittered pauses; what the
service says in Retry-After. Within bounds: time limits for the connection, for each read and for the whole, bytes
counted while they come. A request's credentials are put into its headers at the last moment, do not follow redirects,
and stand in no error: the errors of the libraries beneath, which hold the request, end here.
"""

import html
import logging
import random
import re
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import psycopg
import requests
import tenacity
import urllib3
from requests.auth import AuthBase

from ingest.pulls.connectors.errors import (
    HtmlInstead,
    Moved,
    NoLogin,
    NoSuchFile,
    Oversized,
    PullError,
    ServiceDown,
    TimeIsUp,
    TooManyRequests,
    UnknownReport,
)
from lagebild.core import database
from lagebild.core.settings import Settings

USER_AGENT = f"Lagebild/{version('lagebild')}"
TRIES = 5
TOTAL_SECONDS = 900.0
"""Of a request with all its tries; GENESIS itself ends requests after 15 minutes."""
CONNECT_SECONDS, READ_SECONDS = 10.0, 300.0
TURN_SECONDS = 3600
"""How long a request waits until other processes have asked the host."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
MAX_REPLY_BYTES = 16 * 2**20
"""Of an answer that is held in memory."""
MAX_FILE_BYTES = 2 * 2**30
_BLOCK = 2**16
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_NO_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Clock:
    """Time as this module sees it, so that tests need not wait."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(frozen=True)
class Reply:
    """An answer: `body` holds it, or its first bytes where it went into `file`."""

    status: int
    headers: Mapping[str, str]
    """Names in any case."""
    body: bytes = field(repr=False)
    file: Path | None = None

    @property
    def is_not_modified(self) -> bool:
        """The file is the one whose ETag or date was sent along: nothing was downloaded."""
        return self.status == 304


Judge = Callable[[str, Reply], None]
"""Raises for an answer that is none; takes the subject. What it raises decides whether there is another try."""


def judge(subject: str, reply: Reply) -> None:
    """Raise what an answer's status means, and for a web page where data should be."""
    said, status = _text_of(reply), reply.status
    if status == 429:
        raise TooManyRequests(subject, said)
    if status >= 500:
        raise ServiceDown(subject, said, what=f"{ServiceDown.what} (HTTP {status})")
    if status in (401, 403):
        raise NoLogin(subject, said, what=f"{NoLogin.what} (HTTP {status})")
    if status in (404, 410):
        raise NoSuchFile(subject, said, what=f"{NoSuchFile.what} (HTTP {status})")
    if reply.is_not_modified:
        return
    if 300 <= status < 400:
        target = urlsplit(reply.headers.get("Location", "")).hostname or "on this host"
        raise Moved(subject, what=f"{Moved.what} ({target})")
    if not 200 <= status < 300:
        raise UnknownReport(subject, said, what=f"{UnknownReport.what} (HTTP {status})")
    if is_page(reply):
        raise HtmlInstead(subject, said)


def is_page(reply: Reply) -> bool:
    """Whether an answer is a web page, by its content or by what it says of itself."""
    start = reply.body[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html")) or (
        reply.headers.get("Content-Type", "").lower().startswith(("text/html", "application/xhtml"))
        and start[:1] == b"<"
    )


def _text_of(reply: Reply) -> str:
    """What a page or a short text says, for an error."""
    text = reply.body[:8192].decode("utf-8", "replace")
    title = re.search(r"<(title|h1)[^>]*>(.*?)</\1", text, re.IGNORECASE | re.DOTALL)
    if title:
        return html.unescape(re.sub(r"<[^>]*>", " ", title[2]))
    return "" if "<" in text or "\ufffd" in text or "\x00" in text else text


class Http:
    """A session with any number of services.

    `turn(host)` is entered for every request and kept until its last try is through; see `host_turn`.
    """

    def __init__(
        self,
        turn: Callable[[str], AbstractContextManager],
        *,
        tries: int = TRIES,
        total_seconds: float = TOTAL_SECONDS,
        read_seconds: float = READ_SECONDS,
        clock: Clock | None = None,
    ):
        self._turn, self._tries, self._total, self._read = turn, tries, total_seconds, read_seconds
        self._clock = clock or Clock()
        self._session = requests.Session()
        self._session.headers["User-Agent"] = USER_AGENT
        self._session.max_redirects = 5

    @classmethod
    def of(cls, settings: Settings, **limits: float) -> "Http":
        """A session that takes turns with every other process of this warehouse."""
        return cls(partial(host_turn, settings), **limits)

    def ask(
        self,
        method: str,
        url: str,
        to: Path | None = None,
        *,
        subject: str,
        login: AuthBase | None = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        judge: Judge = judge,
        most: int | None = None,
    ) -> Reply:
        """An answer of at most `most` bytes, held in memory, or as a file `to`; raises PullError with `subject`.

        The file is there whole, once the answer was judged, or as it was before. With `If-None-Match` or
        `If-Modified-Since` among `headers` see `Reply.is_not_modified`.
        """
        most = most or (MAX_FILE_BYTES if to else MAX_REPLY_BYTES)
        part = to.with_name(f"{to.name}.part") if to else None
        try:
            reply = self._with_tries(_Request(method, url, part, subject, login, form, headers, judge, most))
            if part and not reply.is_not_modified:
                part.replace(to)
        finally:
            if part:
                part.unlink(missing_ok=True)
        return reply

    def _with_tries(self, request: "_Request") -> Reply:
        clock = self._clock
        with self._turn(urlsplit(request.url).netloc):
            deadline = clock.monotonic() + self._total
            request.deadline = deadline
            return tenacity.Retrying(
                retry=tenacity.retry_if_exception_type((TooManyRequests, ServiceDown)),
                wait=_pause,
                stop=lambda state: (
                    state.attempt_number >= self._tries or clock.monotonic() + state.upcoming_sleep >= deadline
                ),
                before_sleep=lambda state: _log.info("%s; next try in %.0f s", _failure(state), state.upcoming_sleep),
                sleep=clock.sleep,
                reraise=True,
            )(self._once, request)

    def _once(self, request: "_Request") -> Reply:
        """One try; what the libraries raise is told in our words outside their errors, which hold the request."""
        try:
            reply = self._exchange(request)
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            failure = _told(request, error)
        else:
            failure = None
        if failure:
            raise failure
        try:
            request.judge(request.subject, reply)
        except PullError as error:
            error.pause_seconds = self._asked_pause(reply)
            raise
        return reply

    def _exchange(self, request: "_Request") -> Reply:
        left = request.deadline - self._clock.monotonic()
        if left <= 0:
            raise TimeIsUp(request.subject)
        # Never to a proxy: what listens here is ours.
        self._session.trust_env = urlsplit(request.url).hostname not in LOOPBACK
        response = self._session.request(
            request.method,
            request.url,
            data=request.form,
            headers=request.headers,
            auth=request.login,
            timeout=(min(CONNECT_SECONDS, left), min(self._read, left)),
            stream=True,
            allow_redirects=request.login is None,
        )
        with response, open(request.file, "w+b") if request.file else BytesIO() as sink:
            self._copy(request, response.raw, sink)
            sink.seek(0)
            body = sink.read(_BLOCK if request.file else -1)
        return Reply(response.status_code, response.headers, body, request.file)

    def _copy(self, request: "_Request", source: urllib3.BaseHTTPResponse, sink: IO[bytes]) -> None:
        """Take whatever has come, again and again: a body that drips never fills a block, and is noticed so."""
        written = 0
        while block := source.read1(_BLOCK, decode_content=True):
            written += len(block)
            if written > request.most:
                raise Oversized(request.subject, what=f"{Oversized.what} ({request.most // 2**20} MB)")
            if self._clock.monotonic() >= request.deadline:
                raise TimeIsUp(request.subject, what=f"{TimeIsUp.what}: {written} bytes came in {self._total:.0f} s")
            sink.write(block)

    def _asked_pause(self, reply: Reply) -> float | None:
        """Seconds of Retry-After: a number, or a date, which is the service's own clock's."""
        text = reply.headers.get("Retry-After", "").strip()
        if re.fullmatch(r"\d{1,9}", text):
            return float(text)
        until, now = _date(text), _date(reply.headers.get("Date", "")) or self._clock.now()
        return None if until is None else max(0.0, (until - now).total_seconds())


@dataclass
class _Request:
    method: str
    url: str
    file: Path | None
    subject: str
    login: AuthBase | None = field(repr=False)
    form: Mapping[str, str] | None
    headers: Mapping[str, str] | None = field(repr=False)
    judge: Judge
    most: int
    deadline: float = 0.0


def _told(request: _Request, error: Exception) -> PullError:
    host = urlsplit(request.url).netloc.rpartition("@")[2]
    if isinstance(error, requests.TooManyRedirects):
        return Moved(request.subject, what=f"{host} redirects without end", to_do="check the address of the entry")
    if isinstance(error, _NO_ADDRESS):
        return NoSuchFile(request.subject, what="the entry's address is none")
    if isinstance(error, requests.exceptions.InvalidHeader):
        return NoLogin(request.subject, what="user or password hold what no header can carry")
    if not isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError)):
        return UnknownReport(request.subject, what=f"{UnknownReport.what}: an address or a header in it is malformed")
    if isinstance(error, requests.exceptions.SSLError):
        reason = "its certificate is not trusted, or the encrypted connection failed"
    elif isinstance(error, (requests.Timeout, urllib3.exceptions.TimeoutError)):
        reason = "no answer in time"
    elif isinstance(error, requests.ConnectionError) and not isinstance(
        error, requests.exceptions.ChunkedEncodingError
    ):
        reason = "no connection, or it broke off"
    else:
        reason = f"the answer broke off ({type(error).__name__})"
    return ServiceDown(request.subject, what=f"{host}: {reason}")


def _failure(state: tenacity.RetryCallState) -> str:
    return str(getattr(state.outcome.exception(), "message", ""))


_growing = tenacity.wait_exponential_jitter(initial=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS, jitter=1)


def _pause(state: tenacity.RetryCallState) -> float:
    """Seconds before the next try: as the service asks, and a little more so that not all come at once; or growing."""
    asked = getattr(state.outcome.exception(), "pause_seconds", None)
    return _growing(state) if asked is None else asked + random.random()


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


@contextmanager
def host_turn(settings: Settings, host: str) -> Generator[None]:
    """Be the only one of all processes of this warehouse that asks `host` (name and port), while the block runs.

    An advisory lock of a connection of its own: whoever is killed loses it with the connection. Raises TimeIsUp
    when the others take longer than `TURN_SECONDS`.
    """
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        connection.execute("select set_config('lock_timeout', %s, false)", [f"{TURN_SECONDS}s"])
        try:
            connection.execute("select pg_advisory_lock(hashtextextended('lagebild host ' || %s, 0))", [host])
        except psycopg.errors.LockNotAvailable:
            minutes = TURN_SECONDS // 60
            raise TimeIsUp(host, what=f"other processes have been asking this host for {minutes} minutes") from None
        yield
