"""Workers of the local executor that are there while there is something to do.

Airflow's own are forked when the scheduler starts, all of them, and stay: an idle stack holds for each what it touched
while it ran. Here a worker is forked when a task waits for one (10 ms: what it needs is imported), and all end when
nothing came for a while. A test holds the names that this relies on against the Airflow of the lock.
"""

import gc
from collections.abc import Sequence
from time import monotonic
from typing import Any

from airflow.executors.local_executor import LocalExecutor

IDLE_SECONDS = 10.0
"""So long workers wait for another task: what follows a task within a run finds one."""
RUNNING = "running"
"""What is told of a callback before it ends."""


class WorkersOnDemand(LocalExecutor):
    """A local executor without idle workers."""

    def start(self) -> None:
        self.under_way: set[Any] = set()
        """Keys of what was handed to workers and is not through. (`running` of a local executor is always empty.)"""
        self._killed = 0
        self._busy_at = monotonic()
        super().start()

    def _process_workloads(self, workload_list: Sequence[Any]) -> None:
        self.under_way.update(workload.key for workload in workload_list)
        super()._process_workloads(workload_list)

    def change_state(self, key: Any, state: Any, info: Any = None, remove_running: bool = True) -> None:
        if state != RUNNING:
            self.under_way.discard(key)
        super().change_state(key, state, info, remove_running)

    def sync(self) -> None:
        super().sync()
        if self.under_way:
            self._busy_at = monotonic()
        elif self.workers and monotonic() - self._busy_at > IDLE_SECONDS:
            self._end_workers()

    def _check_workers(self) -> None:
        # What those had in hand nobody will tell of; the scheduler notices that its heartbeat ceased.
        self._killed += sum(worker.exitcode not in (None, 0) for worker in self.workers.values())
        if len(self.under_way) <= self._killed:
            self.under_way.clear()
            self._killed = 0
        super()._check_workers()

    def _spawn_workers_with_gc_freeze(self, spawn_number: int) -> None:
        """As many as there are tasks without a worker, instead of all that may be.

        What is frozen stays so: the parent froze what it shares (`parent.py`), and one collection here would copy it.
        """
        gc.freeze()
        for _ in range(min(spawn_number, len(self.under_way) - len(self.workers))):
            self._spawn_worker()

    def _end_workers(self) -> None:
        for _ in self.workers:
            self.activity_queue.put(None)
        for worker in self.workers.values():
            worker.join(1)  # else a task that comes now might be left to one that is about to go
        self._check_workers()
