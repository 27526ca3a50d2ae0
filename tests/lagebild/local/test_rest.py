"""Airflow's API over a real connection to a server that is slow, broken, or loses what it answered."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lagebild.core.errors import UserError
from lagebild.local import rest as rest_module
from lagebild.local.rest import Rest

Answer = Callable[["Handler"], None]
RUNS = "/api/v2/dags/ingest__ledger/dagRuns"


class Handler(BaseHTTPRequestHandler):
    """Plays what the test wrote down: for each call of the API the next answer, the last one again and again."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        if self.path == "/auth/token":
            self.server.logins += 1
            if self.server.broken_logins:
                self.server.broken_logins -= 1
                return self.say(503, {})
            return self.say(201, {"access_token": "t"})
        self.server.calls.append((self.command, self.path, body))
        script = self.server.script
        (script.pop(0) if len(script) > 1 else script[0])(self)

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815

    def say(self, status: int, content: Any) -> None:
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.calls: list[tuple[str, str, Any]] = []
        self.script: list[Answer] = []
        self.logins = self.broken_logins = 0
        self.started: dict[str, dict] = {}

    def rest(self) -> Rest:
        return Rest(f"http://127.0.0.1:{self.server_address[1]}", "admin", "p")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server, with a client that has little patience."""
    monkeypatch.setattr(rest_module, "TIMEOUTS_SECONDS", (0.3, 0.3, 0.3))
    monkeypatch.setattr(rest_module, "PAUSES_SECONDS", (0.01,))
    monkeypatch.setattr(rest_module, "TELL_AFTER_SECONDS", 0)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def says(status: int, content: Any) -> Answer:
    return lambda handler: handler.say(status, content)


def is_silent(handler: Handler) -> None:
    time.sleep(0.8)


def hangs_up(handler: Handler) -> None:
    handler.close_connection = True
    handler.connection.close()


def breaks_off(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"dags"')
    handler.wfile.flush()
    hangs_up(handler)


FAILURES = {
    "slow": is_silent,
    "hangs up": hangs_up,
    "half an answer": breaks_off,
    "no JSON": says(200, b"<html>starting</html>"),
    "no object": says(200, []),
    "error": says(500, {"detail": "database"}),
    "bad gateway": says(502, b"<html>"),
    "unavailable": says(503, {}),
}
DAG = {"dag_id": "a"}


@pytest.mark.parametrize("name", FAILURES)
def test_a_call_is_tried_again_and_that_is_said(server, name):
    server.script = [FAILURES[name], FAILURES[name], says(200, {"dags": [DAG]})]
    rest = server.rest()
    said: list[str] = []
    rest.say = said.append
    assert rest.dags() == {"a": DAG}
    assert len(server.calls) == 3 and len(said) == 1 and said[0].startswith("Airflow is slow (")


@pytest.mark.parametrize("name", FAILURES)
def test_what_does_not_pass_is_a_message_with_a_remedy(server, monkeypatch, name):
    monkeypatch.setattr(rest_module, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(rest_module, "ERROR_PATIENCE_SECONDS", 0.2)
    server.script = [FAILURES[name]]
    with pytest.raises(UserError, match=r"(?s)does not answer GET dags: .*tries\).*make run goes on") as caught:
        server.rest().dags()
    assert len(str(caught.value).splitlines()) == 2


def test_nothing_is_waited_for_once_the_stack_is_dead(server):
    server.script = [says(500, {})]
    rest = server.rest()
    rest.is_alive = lambda: False
    with pytest.raises(UserError, match="it answers 500"):
        rest.dags()
    assert len(server.calls) == 1


def test_a_port_where_nobody_listens_is_a_message(server, monkeypatch):
    monkeypatch.setattr(rest_module, "PATIENCE_SECONDS", 0.1)
    rest = Rest("http://127.0.0.1:1", "admin", "p")
    with pytest.raises(UserError, match="no connection"):
        rest.dags()
    assert rest.health() is None


def starts(handler: Handler) -> None:
    """As Airflow does: a run with a name that there is already is a conflict."""
    name = handler.server.calls[-1][2]["dag_run_id"]
    if name in handler.server.started:
        return handler.say(409, {"detail": "exists"})
    handler.server.started[name] = row = {"dag_id": "ingest__ledger", "dag_run_id": name, "state": "queued"}
    handler.say(200, row)


def starts_and(loses: Answer) -> Answer:
    def answer(handler: Handler) -> None:
        real, handler.say = handler.say, lambda *_: None
        starts(handler)
        handler.say = real
        loses(handler)

    return answer


def shows(handler: Handler) -> None:
    handler.say(200, handler.server.started[handler.path.rsplit("/", 1)[1]])


@pytest.mark.parametrize("loses", [is_silent, hangs_up, says(504, {}), says(200, b"")])
def test_a_run_whose_start_was_not_answered_is_not_started_twice(server, loses):
    server.script = [starts_and(loses), starts, shows]
    run = server.rest().trigger("ingest__ledger", {"years": "2024"})
    assert list(server.started) == [run.run_id] and run.state == "queued"
    assert [(method, path) for method, path, _ in server.calls] == [
        ("POST", RUNS),
        ("POST", RUNS),
        ("GET", f"{RUNS}/{run.run_id}"),
    ]
    assert server.calls[0][2] == server.calls[1][2]
    assert run.run_id.startswith("manual__")


def test_two_runs_have_two_names(server):
    server.script = [starts]
    rest = server.rest()
    assert rest.trigger("ingest__ledger").run_id != rest.trigger("ingest__ledger").run_id


def test_what_airflow_refuses_is_not_tried_again(server):
    server.script = [says(400, {"detail": "years: does not match"})]
    with pytest.raises(UserError, match="400.*does not match"):
        server.rest().trigger("ingest__ledger", {"years": "x"})
    assert len(server.calls) == 1


def test_a_token_that_has_run_out_is_renewed_once(server):
    server.script = [says(401, {}), says(200, {"dags": []})]
    assert server.rest().dags() == {} and server.logins == 2
    server.script = [says(401, {})]
    with pytest.raises(UserError, match="401"):
        server.rest().dags()


def test_a_login_that_fails_for_a_while_is_tried_again(server):
    server.broken_logins = 2
    server.script = [says(200, {"dags": []})]
    assert server.rest().dags() == {}


@pytest.mark.parametrize(
    ("answer", "health"),
    [
        (says(200, {"scheduler": {"status": "healthy"}}), {"scheduler": {"status": "healthy"}}),
        (says(503, {}), None),
        (says(200, b"<html>"), None),
        (says(200, []), None),
        (hangs_up, None),
        (breaks_off, None),
    ],
)
def test_the_health_is_what_airflow_says_or_nothing(server, answer, health):
    server.script = [answer]
    assert server.rest().health() == health
