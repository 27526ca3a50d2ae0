"""What tests of connectors share: the replaying server with faults on demand, its recordings, and a clock."""

import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ingest.pulls import hosts
from ingest.pulls.connectors.genesis import Client
from ingest.pulls.connectors.http import Clock, Http
from ingest.pulls.hosts import Host
from ingest.pulls.replay import DEMO_USER, Answer, Asked, ReplayServer, envelope, zipped
from lagebild.core.credentials import Access

PASSWORD = "pa55-Wort!nirgends"
TABLE, JOB_TABLE = "99999-0001", "99999-0002"
HEADER = (
    "statistics_code;statistics_label;time_code;time_label;time;1_variable_code;1_variable_label;"
    "1_variable_attribute_code;1_variable_attribute_label;value;value_unit;value_variable_code;value_variable_label;value_q"
)


def flat(*years: int) -> bytes:
    """A synthetic flat file with a row a year."""
    rows = [
        f"99999;Synthetisch;STAG;Stichtag;{year}-12-31;DINSG;Synthetisch;DG;Synthetisch;{year};Anzahl;BSP001;Beispiele;e"
        for year in years
    ]
    return ("\ufeff" + "\n".join([HEADER, *rows, ""])).encode()


def recordings(folder: Path) -> Path:
    """Synthetic recordings: `TABLE` comes at once, `JOB_TABLE` by a job that is ready at the third poll."""
    for host in hosts.HOSTS:
        own = folder / host
        own.mkdir(parents=True)
        for table in (TABLE, JOB_TABLE):
            (own / f"{table}.all.csv").write_bytes(flat(2022, 2023, 2024))
        about = {"jobs": True, "polls": 2, "changed": "2026-02-09"}
        (own / f"{JOB_TABLE}.json").write_text(json.dumps(about))
    (folder / "files").mkdir()
    (folder / "files" / "liste.csv").write_bytes(b"synthetisch;1\n")
    (folder / "ldb_nrw" / "99999-01i_00.csv").write_bytes(b"synthetisch;2\n")
    return folder


Fault = Callable[[Asked | None], Answer | None]
"""Makes an answer of a request; None leaves it to the recordings."""


class FaultyServer(ReplayServer):
    """The replaying server; each entry of `faults` spoils one request, in order, the last one all that follow."""

    ending_seconds = 0.01

    def __init__(self, folder: Path, *faults: Fault, **options: Any):
        super().__init__(folder, **options)
        self.faults = list(faults)
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and headers of every request."""
        self.seconds = 0.0
        """How long each answer takes."""
        self.shape = "whole"
        """How bodies are sent: whole, cut, drip."""

    def answer(self, method: str, path: str, headers: Any, form: dict[str, str]) -> Answer:
        self.seen.append((method, path, dict(headers)))
        time.sleep(self.seconds)
        if method == "GET" and (spoiled := self._spoiled(None)):
            return spoiled
        return super().answer(method, path, headers, form)

    def answer_service(self, asked: Asked, user: str, password: str) -> Answer:
        is_login = asked.endpoint == "helloworld/logincheck"
        return (None if is_login else self._spoiled(asked)) or super().answer_service(asked, user, password)

    def _spoiled(self, asked: Asked | None) -> Answer | None:
        if not self.faults:
            return None
        fault = self.faults.pop(0) if len(self.faults) > 1 else self.faults[0]
        return fault(asked)

    def write(self, handler: Any, body: bytes) -> bool:
        if self.shape == "cut":
            self.shape, handler.close_connection = "whole", True
            handler.wfile.write(body[: len(body) // 2])
            return False
        for byte in body if self.shape == "drip" else b"":
            handler.wfile.write(bytes([byte]))
            time.sleep(0.005)
        return True if self.shape == "drip" else super().write(handler, body)


# --- faults ----------------------------------------------------------------------------------------------------------


def fine(asked: Asked | None) -> None:
    """No fault: as recorded."""


def code(number: int, content: str = "Gesagt", kind: str = "Fehler") -> Fault:
    """An envelope with this code."""
    return lambda asked: envelope(asked, number, content, kind)


def report(status: int, number: int, content: str = "Gesagt", kind: str = "ERROR") -> Fault:
    """A flat report."""
    text = json.dumps({"Code": number, "Content": content, "Type": kind}).encode()
    return lambda asked: Answer(status, text, {"Content-Type": "application/json"})


def status(number: int, body: bytes = b"", **headers: str) -> Fault:
    """A bare HTTP status; underscores in headers' names are hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda asked: Answer(number, body, named)


def page(number: int = 200) -> Fault:
    """A web page, which says that it is none."""
    body = b"\xef\xbb\xbf\n<!DOCTYPE html><html><head><title>Wartung &amp; Pflege</title></head><body>x</body></html>"
    return status(number, body, Content_Type="application/json")


def archive(name: str, content: bytes, spoil: Callable[[bytes], bytes] = bytes) -> Fault:
    """A zip of one file."""
    packed = zipped(name, content)
    return lambda asked: replace(packed, body=spoil(packed.body))


# --- clients ---------------------------------------------------------------------------------------------------------


class FakeClock:
    """A clock that goes on only when somebody sleeps, and by `step` seconds whenever it is read."""

    def __init__(self, step: float = 0.0, now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)):
        self.seconds, self.step, self.start = 0.0, step, now
        self.pauses: list[float] = []
        self.on_sleep: Callable[[], None] = lambda: None

    def read(self) -> float:
        self.seconds += self.step
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds
        self.on_sleep()

    @property
    def clock(self) -> Clock:
        return Clock(self.read, self.sleep, lambda: self.start + timedelta(seconds=self.seconds))


def alone(**limits: Any) -> Http:
    """A session that takes turns with nobody."""
    return Http(lambda host: nullcontext(), **({"clock": FakeClock().clock} | limits))


def at(server: ReplayServer, name: str = "destatis") -> Host:
    """A host that is found at the server."""
    return replace(hosts.HOSTS[name], root=server.url)


def client(server: ReplayServer, name: str = "destatis", access: Access | None = None, **options: Any) -> Client:
    """A client of the server, with the demo's user."""
    http = options.pop("http", None) or alone()
    return Client(at(server, name), access or Access(DEMO_USER, PASSWORD), http, **options)
