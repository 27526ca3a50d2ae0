"""A local executor that starts workers on demand.

Airflow forks all workers when the scheduler starts and keeps them: each keeps its memory on an idle stack. Here a
worker is forked when a task waits for one (10 ms, because libraries are imported already), and all end after a while
without tasks. This uses private names of Airflow; a test checks them against the locked version.
"""

import gc
from collections.abc import Sequence
from time import monotonic
from typing import Any

from airflow.executors.local_executor import LocalExecutor

IDLE_SECONDS = 10.0
"""How long workers wait for another task: the next task of a run finds one."""
RUNNING = "running"
"""States reported for a callback before it ends."""


class WorkersOnDemand(LocalExecutor):
    """A local executor without idle workers."""

    def start(self) -> None:
        self.under_way: set[Any] = set()
        """Keys of running work. (`running` of a local executor is always empty.)"""
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
        # Nobody reports the work of lost workers; the scheduler notices missing heartbeats.
        self._killed += sum(worker.exitcode not in (None, 0) for worker in self.workers.values())
        if len(self.under_way) <= self._killed:
            self.under_way.clear()
            self._killed = 0
        super()._check_workers()

    def _spawn_workers_with_gc_freeze(self, spawn_number: int) -> None:
        """Start as many workers as there are waiting tasks, instead of the maximum.

        Nothing is unfrozen: the parent froze shared objects (`parent.py`), and a collection here would copy them.
        """
        gc.freeze()
        for _ in range(min(spawn_number, len(self.under_way) - len(self.workers))):
            self._spawn_worker()

    def _end_workers(self) -> None:
        for _ in self.workers:
            self.activity_queue.put(None)
        for worker in self.workers.values():
            worker.join(1)  # else a new task might be given to a worker that is about to end
        self._check_workers()
