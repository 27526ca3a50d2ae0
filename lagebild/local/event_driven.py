"""Make Airflow's loops event-driven: they react at once while tasks run, and poll rarely while nothing runs.

Its scheduler always sleeps a second, so the next task waits; its DAG processor asks the database every second for work
that comes once an hour. On an idle stack these two loops used most of the CPU. This uses private names of Airflow; a
test checks them against the locked version.
"""

import time
from multiprocessing import connection
from typing import Any

from lagebild.local import memory

IDLE_SECONDS = 2.0
"""Poll interval while no task runs: how long a run that a person started may wait."""
RUNNING_SECONDS = 1.0
"""Poll interval while a task runs; its end is noticed at once."""
BETWEEN_SECONDS = 0.1
AFTERWARDS_SECONDS = 3.0
"""Time after the last task in which its successor, or a run that it triggered, is expected."""
PARSING_SECONDS = 5.0


def scheduler_class() -> type:
    """The scheduler; it waits for messages of its workers instead of sleeping."""
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

    class AttentiveScheduler(SchedulerJobRunner):
        _busy_until = 0.0

        @property
        def _scheduler_idle_sleep_time(self) -> float:
            """Airflow reads this as the time to sleep when there is nothing to schedule: waits here and returns 0."""
            wait(self.executors, self._pause())
            return 0.0

        @_scheduler_idle_sleep_time.setter
        def _scheduler_idle_sleep_time(self, seconds: float) -> None:
            """The configured value, for a scheduler that gets no messages."""

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
    # `running` of Airflow's local executor is always empty; ours (`workers.py`) knows what runs.
    return bool(executor.running or executor.queued_tasks or getattr(executor, "under_way", ()))


def wait(executors: list, seconds: float) -> None:
    """Wait until a worker of a local executor sends a message, at most this long."""
    queues = [queue._reader for executor in executors if (queue := getattr(executor, "result_queue", None))]
    if queues:
        connection.wait(queues, seconds)
    else:
        time.sleep(seconds)


def run_on_events(component: str) -> None:
    """Use the loop of this module for a component that this process or its child will run."""
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
