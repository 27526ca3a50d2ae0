"""Workers of the local executor come when a task waits, and go when none does; they are still Airflow's."""

import inspect
from types import SimpleNamespace

import pytest
from airflow.executors import local_executor
from airflow.executors.local_executor import LocalExecutor

from lagebild.local import workers
from lagebild.local.workers import WorkersOnDemand


def test_the_names_that_this_relies_on_are_those_of_airflow():
    start = inspect.getsource(LocalExecutor.start)
    assert "self._spawn_workers_with_gc_freeze(self.parallelism)" in start
    check = inspect.getsource(LocalExecutor._check_workers)
    assert "self._spawn_workers_with_gc_freeze(self.parallelism - len(self.workers))" in check
    assert "self._check_workers()" in inspect.getsource(LocalExecutor._process_workloads)
    assert "self.change_state(key, state)" in inspect.getsource(LocalExecutor._read_results)
    assert "if workload is None" in inspect.getsource(local_executor._run_worker)
    assert "running.add" not in inspect.getsource(LocalExecutor)  # else `under_way` is not needed


class Process:
    """A worker that does nothing but live."""

    exitcode: int | None = None

    def is_alive(self) -> bool:
        return self.exitcode is None

    def join(self, seconds: float) -> None:
        self.exitcode = 0

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def executor(monkeypatch):
    """Started, with processes that are none; tasks stay in the queue."""
    made = WorkersOnDemand(parallelism=2)
    made.is_mp_using_fork = True
    monkeypatch.setattr(made, "_spawn_worker", lambda: made.workers.update({len(made.workers) + 1: Process()}))
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(workers, "monotonic", lambda: clock.now)
    made.clock = clock
    made.start()
    return made


def hand_over(executor: WorkersOnDemand, *keys: str) -> None:
    for key in keys:
        executor.queued_tasks[key] = SimpleNamespace(key=key)
    executor._process_workloads([SimpleNamespace(key=key) for key in keys])


def take(executor: WorkersOnDemand, number: int = 1) -> None:
    """What a worker does when it begins."""
    for _ in range(number):
        executor.activity_queue.get()
        executor._unread_messages.value -= 1


def test_none_is_there_before_a_task_and_only_as_many_as_tasks_wait_or_may_run(executor):
    assert not executor.workers
    hand_over(executor, "a")
    assert len(executor.workers) == 1
    hand_over(executor, "b", "c")
    assert len(executor.workers) == 2


def test_they_end_when_nothing_came_for_a_while_and_one_comes_for_the_next_task(executor):
    hand_over(executor, "a")
    take(executor)
    executor.clock.now += 1000
    executor.sync()
    assert executor.workers, "its task still runs"
    executor.result_queue.put(("a", "success", None))
    executor.sync()
    executor.clock.now += workers.IDLE_SECONDS - 1
    executor.sync()
    assert executor.workers and not executor.under_way
    executor.clock.now += 2
    executor.sync()
    assert not executor.workers and executor.activity_queue.get() is None
    hand_over(executor, "b")
    assert len(executor.workers) == 1


def test_a_callback_that_began_is_still_under_way(executor):
    hand_over(executor, "a")
    executor.change_state("a", "running")
    assert executor.under_way == {"a"}


def test_a_killed_worker_does_not_keep_the_others_for_ever(executor):
    hand_over(executor, "a", "b")
    take(executor, 2)
    executor.workers[1].exitcode = -9
    executor.result_queue.put(("b", "success", None))
    executor.sync()
    executor.sync()
    assert not executor.under_way and len(executor.workers) == 1
    hand_over(executor, "c")
    assert executor.under_way == {"c"}


def test_a_real_worker_takes_a_task_and_ends(monkeypatch):
    """With processes, queues and a workload that needs no server."""
    monkeypatch.setattr(local_executor.BaseExecutor, "run_workload", staticmethod(lambda *_, **__: None))
    executor = WorkersOnDemand(parallelism=2)
    executor.start()
    try:
        workload = SimpleNamespace(key="a", running_state=None, success_state="success", display_name="a")
        executor.queued_tasks["a"] = workload
        executor._process_workloads([workload])
        (worker,) = executor.workers.values()
        executor.result_queue._reader.poll(30)
        executor.sync()
        assert executor.event_buffer["a"][0] == "success"
        monkeypatch.setattr(workers, "IDLE_SECONDS", -1.0)
        executor.sync()
        assert not executor.workers
        with pytest.raises(ValueError, match="closed"):
            worker.is_alive()
    finally:
        executor.end()
