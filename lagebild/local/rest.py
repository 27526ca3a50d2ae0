"""The calls of Airflow's REST API (v2) that we use."""

import http.client
import json
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from lagebild.core.errors import UserError

# `requests` is slow to import, and a health check does not need it.

FINISHED = ("success", "failed")
TIMEOUTS_SECONDS = (30, 60, 120)
"""Timeouts of the first, second and later tries: the machine may be slow."""
PATIENCE_SECONDS = 300
"""How long to retry a call that gets no answer."""
ERROR_PATIENCE_SECONDS = 60
"""How long to retry after a server error, which may be permanent."""
PAUSES_SECONDS = (0.5, 1, 2, 4, 8, 15)
TELL_AFTER_SECONDS = 5
TRY_AGAIN = (429, 500, 502, 503, 504)
CONFLICT = 409


@dataclass(frozen=True)
class Run:
    """One DAG run as Airflow sees it."""

    dag_id: str
    run_id: str
    state: str
    queued_at: str | None = None
    started_at: str | None = None
    ended_at: str | None = None

    @property
    def is_finished(self) -> bool:
        return self.state in FINISHED


@dataclass(frozen=True)
class Task:
    """One task of a DAG run, or one instance of a mapped task, at its latest try."""

    task_id: str
    state: str | None
    try_number: int
    started_at: str | None = None
    map_index: int = -1
    """Index of a mapped task's instance; -1 if the task is not mapped."""
    shown: str | None = None
    """Label of a mapped instance, such as a file name."""

    def __str__(self) -> str:
        return (f"{self.task_id} {self.shown}" if self.shown else self.task_id) + f" {self.state or 'waits'}"


class Rest:
    """A session with the API server: logs in at the first call, and again when the token has run out.

    Calls that fail temporarily (no connection, timeout, incomplete answer, server error) are retried with growing
    pauses. Retries are safe: a run is started under a name of our own.
    """

    def __init__(self, address: str, user: str, password: str):
        self.address, self._login = address, {"username": user, "password": password}
        self._http: Any = None
        self._has_token = False
        self.say: Callable[[str], None] = lambda line: None
        """Called when a call has to wait."""
        self.is_alive: Callable[[], bool] = lambda: True
        """Whether a server could still answer; if not, waiting ends."""

    def health(self) -> dict | None:
        """The components' health as Airflow reports it; None while the API does not answer."""
        parts = urlsplit(self.address)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)  # no proxy
        try:
            connection.request("GET", "/api/v2/monitor/health", headers={"Accept": "application/json"})
            answer = connection.getresponse()
            found = json.loads(answer.read()) if answer.status == 200 else None
            return found if isinstance(found, dict) else None
        except (OSError, ValueError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def dags(self) -> dict[str, dict]:
        """Every parsed DAG by its id, with `is_paused` and `last_parsed_time`."""
        return {dag["dag_id"]: dag for dag in self._get("dags", limit=100)["dags"]}

    def import_errors(self) -> dict[str, str]:
        """Stack traces of DAG files that could not be read, by file."""
        return {error["filename"]: error["stack_trace"] for error in self._get("importErrors")["import_errors"]}

    def unpause(self, dag_id: str) -> None:
        self._call("PATCH", f"dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, parameters: dict[str, str] | None = None) -> Run:
        """Start a run now with the parameters of its form. UserError if the form rejects them.

        The run has a name of our own, so that a call whose answer was lost can be repeated: Airflow then answers 409
        (run exists), and it is not started twice.
        """
        name = f"manual__{datetime.now(UTC).isoformat()}_{secrets.token_hex(4)}"
        body = {"dag_run_id": name, "logical_date": None, "conf": parameters or {}}
        started = self._call("POST", f"dags/{dag_id}/dagRuns", json=body, accepts=CONFLICT)
        return _run(self._get(f"dags/{dag_id}/dagRuns/{name}") if started is None else started)

    def runs(self, dag_ids: Iterable[str], since: str | None = None) -> list[Run]:
        """Runs of these DAGs that were due at or after the ISO time `since`, oldest first."""
        body = {"dag_ids": sorted(dag_ids), "order_by": "run_after", "page_limit": 100}
        if since:
            body["run_after_gte"] = since
        return [_run(row) for row in self._call("POST", "dags/~/dagRuns/list", json=body)["dag_runs"]]

    def run(self, run: Run) -> Run:
        """The run's present state."""
        return _run(self._get(f"dags/{run.dag_id}/dagRuns/{run.run_id}"))

    def tasks(self, run: Run) -> list[Task]:
        rows = self._get(f"dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances", limit=100)["task_instances"]
        names = ("task_id", "state", "try_number", "start_date", "map_index", "rendered_map_index")
        return [Task(*(row[name] for name in names)) for row in rows]

    def _get(self, path: str, **parameters) -> dict:
        return self._call("GET", path, params=parameters)

    def _call(self, method: str, path: str, accepts: int | None = None, **options) -> Any:
        """The answer; None if it has the status `accepts`. UserError if there is no answer or another status."""
        began, attempt, has_told = time.monotonic(), 0, False
        while True:
            try:
                return self._once(method, path, accepts, TIMEOUTS_SECONDS[min(attempt, 2)], options)
            except _RetryLater as problem:
                waited = time.monotonic() - began
                if waited > problem.patience or not self.is_alive():
                    raise UserError(
                        f"Airflow's API at {self.address} does not answer {method} {path}: {problem}"
                        f" ({waited:.0f} s, {attempt + 1} tries)",
                        remedy="make status shows what runs; what was done stays done, and make run goes on from there",
                    ) from problem.__cause__
                if waited > TELL_AFTER_SECONDS and not has_told:
                    self.say(f"Airflow is slow ({problem}); it is asked again for up to {problem.patience} s")
                    has_told = True
                time.sleep(PAUSES_SECONDS[min(attempt, len(PAUSES_SECONDS) - 1)])
                attempt += 1

    def _once(self, method: str, path: str, accepts: int | None, timeout: float, options: dict) -> Any:
        """One try; two if the token has expired."""
        if not self._has_token:
            self._log_in(timeout)
        answer = self._request(method, f"/api/v2/{path}", timeout, options)
        if answer.status_code == 401:
            self._log_in(timeout)
            answer = self._request(method, f"/api/v2/{path}", timeout, options)
        if answer.status_code == accepts:
            return None
        if not answer.ok:
            raise UserError(f"Airflow refuses {method} {path}: {answer.status_code} {answer.text[:500]}")
        return _json(answer)

    def _request(self, method: str, path: str, timeout: float, options: dict) -> Any:
        import requests

        if self._http is None:
            self._http = requests.Session()
            self._http.trust_env = False  # no proxy for 127.0.0.1
        try:
            answer = self._http.request(method, f"{self.address}{path}", timeout=(10, timeout), **options)
        except requests.RequestException as error:
            raise _RetryLater(_why(error, timeout)) from error
        if answer.status_code in TRY_AGAIN:
            raise _RetryLater(f"it answers {answer.status_code}", ERROR_PATIENCE_SECONDS)
        return answer

    def _log_in(self, timeout: float) -> None:
        self._has_token = False
        answer = self._request("POST", "/auth/token", timeout, {"json": self._login})
        if not answer.ok:
            raise UserError(
                f"Airflow at {self.address} refuses the login of {self._login['username']}: {answer.status_code}",
                remedy="make down, then make up: the password file is written at the start",
            )
        token = _json(answer).get("access_token")
        if not token:
            raise _RetryLater("its login has no token", ERROR_PATIENCE_SECONDS)
        self._http.headers["Authorization"] = f"Bearer {token}"
        self._has_token = True


class _RetryLater(Exception):
    """A call failed temporarily."""

    def __init__(self, message: str, patience: int | None = None):
        super().__init__(message)
        self.patience = PATIENCE_SECONDS if patience is None else patience


def _json(answer: Any) -> Any:
    try:
        found = answer.json()
    except ValueError as error:
        raise _RetryLater("its answer is no JSON", ERROR_PATIENCE_SECONDS) from error
    if not isinstance(found, dict):
        raise _RetryLater("its answer is no object", ERROR_PATIENCE_SECONDS)
    return found


def _why(error: Exception, timeout: float) -> str:
    """The reason in a few words; the library's text contains memory addresses."""
    import requests

    if isinstance(error, requests.ReadTimeout):
        return f"no answer within {timeout:g} s"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return "half an answer" if isinstance(error, requests.exceptions.ChunkedEncodingError) else type(error).__name__


def _run(row: dict) -> Run:
    return Run(
        row["dag_id"], row["dag_run_id"], row["state"], row.get("queued_at"), row.get("start_date"), row.get("end_date")
    )
