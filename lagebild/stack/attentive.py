"""Airflow's loops look when there is something to see: at once while tasks run, seldom while nothing does.

Its scheduler sleeps a second whatever happens, so a task that ended waits for its successor; its DAG processor asks the
database every second for work that comes once an hour. On a quiet stack these two were most of what it costs.
A test holds the names that this relies on against the Airflow of the lock.
"""

import time
from multiprocessing import connection
from typing import Any

from lagebild.stack import memory

IDLE_SECONDS = 2.0
"""While no task runs: how long a run that a person started may wait."""
RUNNING_SECONDS = 1.0
"""While a task runs; its end is heard at once."""
BETWEEN_SECONDS = 0.1
AFTERWARDS_SECONDS = 3.0
"""After the last task ended: its successor, or a run that it set off, comes within this time."""
PARSING_SECONDS = 5.0


def scheduler_class() -> type:
    """The scheduler, waiting for what its workers say instead of sleeping."""
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

    class AttentiveScheduler(SchedulerJobRunner):
        _busy_until = 0.0

        @property
        def _scheduler_idle_sleep_time(self) -> float:
            """Asked for when there is nothing to schedule, as the time to sleep: waits here, and says none."""
            wait(self.executors, self._pause())
            return 0.0

        @_scheduler_idle_sleep_time.setter
        def _scheduler_idle_sleep_time(self, seconds: float) -> None:
            """What the configuration says counts for a scheduler that cannot be told."""

        def _pause(self) -> float:
            now = time.monotonic()
            if any(_has_work(executor) for executor in self.executors):
                self._busy_until = now + AFTERWARDS_SECONDS
                return RUNNING_SECONDS
            if now < self._busy_until:
                return BETWEEN_SECONDS
            if self._busy_until:
                self._busy_until = 0.0
                memory.give_back()
            return IDLE_SECONDS

    return AttentiveScheduler


def _has_work(executor: Any) -> bool:
    # `running` of Airflow's local executor is always empty; ours (`workers.py`) says what is under way.
    return bool(executor.running or executor.queued_tasks or getattr(executor, "under_way", ()))


def wait(executors: list, seconds: float) -> None:
    """Until a worker of a local executor says something, but not longer than this."""
    queues = [queue._reader for executor in executors if (queue := getattr(executor, "result_queue", None))]
    if queues:
        connection.wait(queues, seconds)
    else:
        time.sleep(seconds)


def run_on_events(component: str) -> None:
    """Let this component, which this process or a child of it will run, take its loop of here."""
    if component == "scheduler":
        from airflow.cli.commands import scheduler_command

        scheduler_command.SchedulerJobRunner = scheduler_class()
    elif component == "dag-processor":
        from airflow.dag_processing.manager import DagFileProcessorManager

        listen = DagFileProcessorManager._service_processor_sockets

        parsed = False

        def _service_processor_sockets(self, timeout: float | None = 1.0) -> None:
            nonlocal parsed
            if self._processors:
                parsed = True
            elif timeout:
                if parsed:
                    parsed = False
                    memory.give_back()
                timeout = PARSING_SECONDS
            listen(self, timeout)

        DagFileProcessorManager._service_processor_sockets = _service_processor_sockets
