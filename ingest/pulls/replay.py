"""A server that answers as the GENESIS services and a file host do, from recordings in a folder; on loopback only.

    python -m ingest.pulls.replay FOLDER [--port N] [--user NAME ...] [--token TOKEN ...]

It is for trying the pulls out without an account, and for tests. It makes nothing up: what is not in the folder is not
there. The folder:

    <host>/<table>.<years>.csv      a table as flat file; years: `2024`, `2020-2024`, or `all`
    <host>/<table>.json             how the service treats the table; every entry may be left out:
                                    {"jobs": true,              too large at once (98): only a job makes it
                                     "polls": 2,                so many times a job is not ready (104)
                                     "changed": "2026-02-09"}   day of the statistic's last change
    <host>/<table>_job_flow.json    a recorded conversation, [{"request": {"uri", "body"}, "response": {"status":
                                    {"code"}, "headers", "body"}}, ...]: its answers are given in its order, the last
                                    for ever. A body `<n bytes ...>` was a zip: `<table>.all.csv` is sent
    ldb_nrw/<code>_00.csv           a table that needs no login: GET /ldbnrwws/downloader/00/tables/<code>_00.csv
    files/<path>                    any file: GET /files/<path>, with ETag, Last-Modified and 304

A request for years that have no file of their own is answered from `all`, cut to the rows of these years. Quality
flags (`value_q`) are left out unless they are asked for, of a job's result too, as the services do. Each host is found
at the path that it has in reality (`/genesisWS/rest/2020/...`), so that LAGEBILD_<HOST>_URL=http://127.0.0.1:N leads
any of them here.

Jobs are named `<table>_<first year><last year><number>`. The name says all, so that a server that was restarted goes on
with the jobs of the one before, as the real ones do. Logins: the users (by default `lagebild-demo`) with any password
but an empty one; tokens only where given at start; `GAST`, or nobody at all, is a guest.
"""

import argparse
import csv
import hashlib
import io
import json
import re
import signal
import socket
import sys
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ingest.pulls.hosts import HOSTS, Host
from lagebild.core.settings import DEMO_USER

ADDRESS = "127.0.0.1"
_GUEST = "GAST"
_MASK = "********************"
_RECORDED_ZIP = re.compile(r"<\d+ bytes ")
_LOGIN_OK = "Sie wurden erfolgreich an- und abgemeldet!"
_BAD_LOGIN = "Ein Fehler ist aufgetreten. (Bitte prüfen und korrigieren Sie Ihren Nutzernamen bzw.\n das Passwort.)"
_NO_LOGIN = "Sie sind nicht berechtigt diesen Service aufzurufen."
_SAYS = {
    0: ("erfolgreich", "Information"),
    90: ("Die angeforderte Tabelle ist nicht vorhanden.", "Information"),
    98: ("Die Tabelle ist zu gross, um im Dialog abgerufen zu werden.", "Fehler"),
    99: ("Die Tabelle kann in Kürze als Ergebnis mit folgendem Namen abgerufen werden: ", "Information"),
    104: ("Es gibt keine Objekte zum angegebenen Selektionskriterium", "Information"),
}


@dataclass(frozen=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A request, without its credentials."""

    host: Host
    endpoint: str
    """Such as `data/tablefile`."""
    fields: dict[str, str]


class ReplayServer:
    """The server, as a context: `with ReplayServer(folder) as server: ... server.url`."""

    ending_seconds = 0.2
    """How long it may take to notice that it shall end."""

    def __init__(self, folder: Path, *, port: int = 0, users: Iterable[str] = (DEMO_USER,), tokens: Iterable[str] = ()):
        self.folder, self.users, self.tokens = Path(folder), set(users), set(tokens)
        self.asked: list[Asked] = []
        """Every request to a web service, in order."""
        self.most_at_once = 0
        """How many requests were answered at the same time, at most."""
        self.removed: set[str] = set()
        self._polls: Counter[str] = Counter()
        self._told: Counter[tuple[str, ...]] = Counter()
        self._at_once, self._serial = 0, int(time.time())  # no job's name is given twice, by no server
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._http = _Server((ADDRESS, port), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(self.ending_seconds,), daemon=True)

    @property
    def url(self) -> str:
        """Scheme, host and port, as LAGEBILD_<HOST>_URL takes them."""
        return f"http://{ADDRESS}:{self._http.server_port}"

    def __enter__(self) -> "ReplayServer":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        for connection in list(self._connections):  # kept alive by clients; a server that ended answers nobody
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    # --- answering ------------------------------------------------------------------------------------------------

    @contextmanager
    def counted(self):
        """Count a request while it is answered."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1

    def answer(self, method: str, path: str, headers: Any, form: dict[str, str]) -> Answer:
        """The answer to a request."""
        if method == "GET":
            return self._file(unquote(urlsplit(path).path), headers)
        for host in HOSTS.values():
            if host.rest and path.startswith(f"/{host.rest}"):
                asked = Asked(host, path.removeprefix(f"/{host.rest}"), form)
                with self._lock:
                    self.asked.append(asked)
                return self.answer_service(asked, headers.get("username") or "", headers.get("password") or "")
        return Answer(404, b"")

    def answer_service(self, asked: Asked, user: str, password: str) -> Answer:
        """The answer to a request to one of the web services."""
        is_guest = user in ("", _GUEST)
        is_known = (user in self.users and bool(password)) or (user in self.tokens and not password)
        if asked.endpoint == "helloworld/logincheck":
            status = _LOGIN_OK if is_guest or is_known else _BAD_LOGIN
            return _json(200, {"Status": status, "Username": _GUEST if is_guest else user})
        if is_guest or not is_known:
            return _flat(401, 15, _NO_LOGIN) if is_guest else _flat(404, 2, _BAD_LOGIN)
        writes = asked.fields.get("job") == "true" or asked.endpoint.startswith("profile/")
        if writes and not password:
            return _flat(401, 15, _NO_LOGIN)
        answers = {
            "data/tablefile": self._tablefile,
            "data/resultfile": self._resultfile,
            "catalogue/results": self._results,
            "catalogue/modifieddata": self._modified,
            "profile/removeResult": self._remove,
        }
        if asked.endpoint not in answers:
            return Answer(404, b"")
        return self._recorded(asked) or answers[asked.endpoint](asked)

    def write(self, handler: BaseHTTPRequestHandler, body: bytes) -> bool:
        """Send an answer's body but for its last byte; whether that shall follow."""
        handler.wfile.write(body)
        return True

    def _tablefile(self, asked: Asked) -> Answer:
        table, fields = asked.fields.get("name", ""), asked.fields
        if not self._is_known(asked.host, table):
            return envelope(asked, 90)
        first, last = fields.get("startyear", ""), fields.get("endyear", "")
        rows = self._table(asked.host, table, first, last)
        if rows is None:
            return envelope(asked, 104)
        if fields.get("job") == "true" and asked.host.has_jobs:
            with self._lock:
                self._serial += 1
                name = f"{table}_{first or '0000'}{last or '0000'}{self._serial}"
            return envelope(asked, 99, _SAYS[99][0] + name)
        if self._about(asked.host, table).get("jobs"):
            return envelope(asked, 98)
        return zipped(f"{table}_flat.csv", _of_quality(rows, fields))

    def _results(self, asked: Asked) -> Answer:
        job = asked.fields.get("selection", "")
        if self._job(asked.host, job) is None:
            return envelope(asked, 104)
        with self._lock:
            self._polls[job] += 1
            polls = self._polls[job]
        if polls <= self._about(asked.host, job.partition("_")[0]).get("polls", 0):
            return envelope(asked, 104)
        return envelope(asked, 0, List=[{"Code": job, "Content": "", "Values": "0"}])

    def _resultfile(self, asked: Asked) -> Answer:
        job = asked.fields.get("name", "")
        rows = self._job(asked.host, job)
        return envelope(asked, 104) if rows is None else zipped(f"{job}_flat.csv", _of_quality(rows, asked.fields))

    def _remove(self, asked: Asked) -> Answer:
        job = asked.fields.get("name", "")
        if self._job(asked.host, job) is None:
            return envelope(asked, 104)
        self.removed.add(job)
        return envelope(asked, 0)

    def _modified(self, asked: Asked) -> Answer:
        statistic = asked.fields.get("selection", "")
        tables = self.folder.joinpath(asked.host.name).glob(f"{statistic}-*.json")
        days = [about["changed"] for about in map(_read, tables) if isinstance(about, dict) and "changed" in about]
        if not days or not re.fullmatch(r"\w+", statistic):
            return envelope(asked, 104)
        entry = {"Code": statistic, "Content": "", "Type": "Aktualisierte Statistiken", "Added": ""}
        return envelope(asked, 0, List=[entry | {"Date": f"{date.fromisoformat(max(days)):%d.%m.%Y}"}])

    def _file(self, path: str, headers: Any) -> Answer:
        if path.startswith("/files/"):
            folder, name = self.folder / "files", path.removeprefix("/files/")
        else:
            folder, name = self.folder / "ldb_nrw", path.removeprefix(f"/{HOSTS['ldb_nrw'].downloads}")
            if not re.fullmatch(r"[\w-]+_00\.csv", name):
                return Answer(404, b"")
        file = (folder / name).resolve()
        if not file.is_relative_to(folder.resolve()) or not file.is_file():
            return Answer(404, b"")
        content = file.read_bytes()
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        changed = datetime.fromtimestamp(int(file.stat().st_mtime), UTC)
        about = {"ETag": tag, "Last-Modified": format_datetime(changed, usegmt=True)}
        since = headers.get("If-Modified-Since")
        # An ETag decides alone if there is one.
        known = (
            headers.get("If-None-Match") == tag
            if headers.get("If-None-Match")
            else bool(since and changed <= parsedate_to_datetime(since))
        )
        return Answer(304, b"", about) if known else Answer(200, content, about | {"Content-Type": "text/csv"})

    # --- recordings -----------------------------------------------------------------------------------------------

    def _about(self, host: Host, table: str) -> dict[str, Any]:
        path = self.folder / host.name / f"{table}.json"
        return _read(path) if path.exists() else {}

    def _is_known(self, host: Host, table: str) -> bool:
        return bool(re.fullmatch(r"[\w-]+", table)) and any(self.folder.joinpath(host.name).glob(f"{table}.*.csv"))

    def _table(self, host: Host, table: str, first: str, last: str) -> bytes | None:
        """The flat file of a table and its years; None if there is none."""
        folder, years = self.folder / host.name, first if first == last else f"{first}-{last}"
        own = folder / f"{table}.{years or 'all'}.csv"
        if own.exists():
            return own.read_bytes()
        whole = folder / f"{table}.all.csv"
        return _of_years(whole.read_bytes(), first or "0000", last or "9999") if whole.exists() else None

    def _job(self, host: Host, job: str) -> bytes | None:
        """What a job makes; None if the name is no job's, or its result was removed."""
        match = re.fullmatch(r"([\w-]+)_(\d{4})(\d{4})\d+", job)
        if match is None or job in self.removed or not self._is_known(host, match[1]):
            return None
        first, last = ("" if year == "0000" else year for year in match.groups()[1:])
        return self._table(host, match[1], first, last)

    def _recorded(self, asked: Asked) -> Answer | None:
        """The next answer of a recorded conversation; None if none has this request."""
        name = asked.fields.get("name") or asked.fields.get("selection") or ""
        table = name.partition("_")[0]
        path = self.folder / asked.host.name / f"{table}_job_flow.json"
        if not re.fullmatch(r"[\w-]+", table) or not path.exists():
            return None
        wanted = (asked.endpoint, name, asked.fields.get("job", ""))
        found = [exchange["response"] for exchange in _read(path) if _asked_in(exchange["request"], *wanted)]
        if not found:
            return None
        with self._lock:
            number = self._told[wanted]
            self._told[wanted] += 1
        response = found[min(number, len(found) - 1)]
        if _RECORDED_ZIP.match(response["body"]):
            rows = self._table(asked.host, table, "", "")
            return None if rows is None else zipped(f"{name}_flat.csv", rows)
        kind = response["headers"].get("Content-Type", ["application/json"])[0]
        return Answer(response["status"]["code"], response["body"].encode(), {"Content-Type": kind})


def _asked_in(request: dict[str, Any], endpoint: str, name: str, job: str) -> bool:
    fields = dict(parse_qsl(request["body"], keep_blank_values=True))
    is_same = name in (fields.get("name"), fields.get("selection"))
    # A recorded request may say job=false if ours leaves it out.
    return request["uri"].endswith(f"/{endpoint}") and is_same and (job == "true") == (fields.get("job") == "true")


def _of_years(content: bytes, first: str, last: str) -> bytes | None:
    """The rows of a flat file whose time (fifth column) lies in these years; None if none does."""
    lines = content.decode("utf-8-sig").splitlines(keepends=True)
    kept = [line for line in lines[1:] if first <= _time_of(line)[:4] <= last]
    return ("\ufeff" + lines[0] + "".join(kept)).encode() if kept else None


def _of_quality(content: bytes, fields: dict[str, str]) -> bytes:
    """A flat file without its last column `value_q`, unless it was asked for."""
    lines = content.decode("utf-8-sig").splitlines()
    if fields.get("quality") == "on" or not lines[0].endswith(";value_q"):
        return content
    return ("\ufeff" + "".join(line.rpartition(";")[0] + "\n" for line in lines)).encode()


def _time_of(line: str) -> str:
    return next(csv.reader([line], delimiter=";"))[4]


def _read(path: Path) -> Any:
    return json.loads(path.read_text())


def envelope(asked: Asked, code: int, content: str | None = None, kind: str | None = None, **rest: object) -> Answer:
    """An answer of a web service without a file; it repeats the parameters, and masks the login, as the services do."""
    says, type_of = _SAYS.get(code, ("", "Fehler"))
    service, _, method = asked.endpoint.partition("/")
    body = {
        "Ident": {"Service": service, "Method": method},
        "Status": {"Code": code, "Content": says if content is None else content, "Type": kind or type_of},
        "Parameter": {"username": _MASK, "password": _MASK, **asked.fields},
        "Copyright": "Lagebild's replaying server",
    }
    return _json(200, body | rest)


def zipped(name: str, content: bytes) -> Answer:
    """A file as the services send it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return Answer(200, packed.getvalue(), {"Content-Type": "application/zip"})


def _flat(status: int, code: int, content: str) -> Answer:
    return _json(status, {"Code": code, "Content": content, "Type": "ERROR"})


def _json(status: int, body: dict[str, Any]) -> Answer:
    text = json.dumps(body, ensure_ascii=False).encode()
    return Answer(status, text, {"Content-Type": "application/json;charset=UTF-8"})


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to print; anything else is a mistake of ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def _handler(server: ReplayServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            server._connections.add(self.connection)

        def finish(self) -> None:
            server._connections.discard(self.connection)
            super().finish()

        def do_GET(self) -> None:
            self._do("GET", {})

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            self._do("POST", dict(parse_qsl(text, keep_blank_values=True)))

        def _do(self, method: str, form: dict[str, str]) -> None:
            with server.counted():
                answer = server.answer(method, self.path, self.headers, form)
                self.send_response_only(answer.status)
                for name, value in ({"Date": self.date_time_string()} | answer.headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                goes_on = server.write(self, answer.body[:-1])
            # Whoever has the last byte may ask again, before this thread comes to say that it is through.
            if goes_on:
                self.wfile.write(answer.body[-1:])

        def log_message(self, *arguments: object) -> None:
            """Nothing is printed a request."""

    return Handler


def main(arguments: list[str]) -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m ingest.pulls.replay", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; without it any free one")
    parser.add_argument("--user", action="append", help=f"who may log in (default {DEMO_USER}), with any password")
    parser.add_argument("--token", action="append", default=[], help="a token that may read")
    given = parser.parse_args(arguments)
    if not given.folder.is_dir():
        parser.error(f"{given.folder} is no folder")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    users = given.user or [DEMO_USER]
    with ReplayServer(given.folder, port=given.port, users=users, tokens=given.token) as server:
        print(server.url, flush=True)
        stop.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
