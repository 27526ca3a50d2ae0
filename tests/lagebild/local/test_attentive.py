"""Airflow's loops with a wait of ours: they hear at once, sleep when nothing runs, and are still Airflow's."""

import inspect
import threading
import time
from multiprocessing import SimpleQueue
from types import SimpleNamespace

import pytest
from airflow.dag_processing.manager import DagFileProcessorManager
from airflow.executors.local_executor import LocalExecutor
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

from lagebild.local import event_driven


def test_the_names_that_this_relies_on_are_those_of_airflow():
    loop = inspect.getsource(SchedulerJobRunner._run_scheduler_loop)
    assert "time.sleep(min(self._scheduler_idle_sleep_time, next_event or 0))" in loop
    assert "self.result_queue = SimpleQueue()" in inspect.getsource(LocalExecutor.start)
    local = LocalExecutor(parallelism=1)
    assert (local.running, local.queued_tasks) == (set(), {})
    parsing = inspect.getsource(DagFileProcessorManager._run_parsing_loop)
    assert "self._service_processor_sockets(timeout=poll_time)" in parsing


def executor(queue=None, running=(), queued=(), under_way=()) -> SimpleNamespace:
    work = {"running": set(running), "queued_tasks": dict.fromkeys(queued), "under_way": set(under_way)}
    return SimpleNamespace(result_queue=queue, **work)


@pytest.fixture
def gave_back(monkeypatch) -> list[str]:
    """Grows by one where memory is given back."""
    times: list[str] = []
    monkeypatch.setattr(event_driven.memory, "give_back", lambda: times.append("now"))
    return times


def test_what_a_worker_says_ends_the_wait():
    queue = SimpleQueue()
    threading.Timer(0.2, queue.put, ["done"]).start()
    began = time.monotonic()
    event_driven.wait([executor(queue)], 10)
    assert time.monotonic() - began < 5
    assert queue.get() == "done"


@pytest.mark.parametrize("queue", [None, SimpleQueue()])
def test_without_news_the_wait_ends_in_time(queue):
    began = time.monotonic()
    event_driven.wait([executor(queue)], 0.2)
    assert 0.15 < time.monotonic() - began < 5


def test_a_scheduler_waits_briefly_after_a_task_and_long_when_nothing_runs(monkeypatch, gave_back):
    waits = []
    monkeypatch.setattr(event_driven, "wait", lambda executors, seconds: waits.append(seconds))
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(event_driven.time, "monotonic", lambda: clock.now)
    scheduler = event_driven.scheduler_class().__new__(event_driven.scheduler_class())
    scheduler._scheduler_idle_sleep_time = 60
    tasks = [executor(), executor(running="a"), executor(), executor(queued="b"), executor(under_way="b")]
    for now, task in enumerate(tasks, 100):
        clock.now, scheduler.executors = now, [task]
        assert scheduler._scheduler_idle_sleep_time == 0
    assert not gave_back
    for seconds in (0.1, 1):
        clock.now, scheduler.executors = 104 + event_driven.AFTERWARDS_SECONDS + seconds, [executor()]
        assert scheduler._scheduler_idle_sleep_time == 0
    idle, running, between = event_driven.IDLE_SECONDS, event_driven.RUNNING_SECONDS, event_driven.BETWEEN_SECONDS
    assert waits == [idle, running, between, running, running, idle, idle]
    assert gave_back == ["now"], "once after the work"


def test_the_dag_processor_waits_long_only_when_no_file_is_parsed(monkeypatch, gave_back):
    waits = []
    monkeypatch.setattr(
        DagFileProcessorManager, "_service_processor_sockets", lambda self, timeout: waits.append(timeout)
    )
    event_driven.run_on_events("dag-processor")
    for processors, timeout in (({}, 0.9), ({"dag": 1}, 0.9), ({}, 0.0)):
        DagFileProcessorManager._service_processor_sockets(SimpleNamespace(_processors=processors), timeout=timeout)
    assert waits == [event_driven.PARSING_SECONDS, 0.9, 0.0]
    assert not gave_back
    for _ in range(2):
        DagFileProcessorManager._service_processor_sockets(SimpleNamespace(_processors={}), timeout=0.9)
    assert gave_back == ["now"], "once after the files were parsed"


def test_the_scheduler_command_makes_the_attentive_one(monkeypatch):
    from airflow.cli.commands import scheduler_command

    monkeypatch.setattr(scheduler_command, "SchedulerJobRunner", SchedulerJobRunner)
    event_driven.run_on_events("scheduler")
    assert issubclass(scheduler_command.SchedulerJobRunner, SchedulerJobRunner)
    assert scheduler_command.SchedulerJobRunner is not SchedulerJobRunner
