"""What we ask of Airflow's REST API (v2), and nothing more."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import requests

from lagebild.errors import UserError

TIMEOUT_SECONDS = 30
FINISHED = ("success", "failed")


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
    """One task of a DAG run, or one of those that a mapped task became, at its latest try."""

    task_id: str
    state: str | None
    try_number: int
    started_at: str | None = None
    map_index: int = -1
    """Which of a mapped task's it is; -1 where the task is not mapped."""
    shown: str | None = None
    """What a mapped one is about, such as a file's name."""

    def __str__(self) -> str:
        return (f"{self.task_id} {self.shown}" if self.shown else self.task_id) + f" {self.state or 'waits'}"


class Rest:
    """A session with the API server: logs in at the first call, and again when the token has run out."""

    def __init__(self, address: str, user: str, password: str):
        self.address, self._login = address, {"username": user, "password": password}
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy stands between us and 127.0.0.1
        self._has_token = False

    def health(self) -> dict | None:
        """The components' health as Airflow reports it; None while the API does not answer."""
        try:
            answer = self._session.get(f"{self.address}/api/v2/monitor/health", timeout=5)
            return answer.json() if answer.ok else None
        except (requests.RequestException, ValueError):
            return None

    def dags(self) -> dict[str, dict]:
        """Every parsed DAG by its id, with `is_paused` and `last_parsed_time`."""
        return {dag["dag_id"]: dag for dag in self._get("dags", limit=100)["dags"]}

    def import_errors(self) -> dict[str, str]:
        """Stack traces of DAG files that could not be read, by file."""
        return {error["filename"]: error["stack_trace"] for error in self._get("importErrors")["import_errors"]}

    def unpause(self, dag_id: str) -> None:
        self._call("PATCH", f"dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, parameters: dict[str, str] | None = None) -> Run:
        """Start a run now, with what its form asks for. UserError where the form does not take it."""
        body = {"logical_date": None, "conf": parameters or {}}
        return _run(self._call("POST", f"dags/{dag_id}/dagRuns", json=body))

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

    def _call(self, method: str, path: str, **options) -> dict:
        # The API may be starting up or restarting; only calls that never arrived are sent again.
        for attempt in range(10):
            try:
                if not self._has_token:
                    self._log_in()
                answer = self._session.request(
                    method, f"{self.address}/api/v2/{path}", timeout=TIMEOUT_SECONDS, **options
                )
            except requests.ConnectionError as error:
                if attempt == 9:
                    raise UserError(
                        f"Airflow's API at {self.address} does not answer: {error}", remedy="make status, then make up"
                    ) from error
                time.sleep(0.5)
                continue
            if answer.status_code == 401 and attempt < 2:
                self._has_token = False
                continue
            break
        if not answer.ok:
            raise UserError(f"Airflow refuses {method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()

    def _log_in(self) -> None:
        answer = self._session.post(f"{self.address}/auth/token", json=self._login, timeout=TIMEOUT_SECONDS)
        if not answer.ok:
            raise UserError(
                f"Airflow at {self.address} refuses the login of {self._login['username']}: {answer.status_code}",
                remedy="make down, then make up: the password file is written at the start",
            )
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        self._has_token = True


def _run(row: dict) -> Run:
    return Run(
        row["dag_id"], row["dag_run_id"], row["state"], row.get("queued_at"), row.get("start_date"), row.get("end_date")
    )
