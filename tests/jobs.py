"""The three jobs that the tests are split into, so that CI runs them side by side; no test says to which it belongs.

A job is a marker of the same name: `make test-unit` is `pytest -m unit`. It follows from the folder and the fixtures.
"""

from collections.abc import Collection, Sequence
from typing import TypeVar

UNIT, WAREHOUSE, END_TO_END = "unit", "warehouse", "end_to_end"
JOBS = (UNIT, WAREHOUSE, END_TO_END)
SERVER = "cluster"
"""The fixture behind all that have a database."""
OWN_SERVER = "own_server"
"""Marker of tests that start a PostgreSQL without that fixture; the others of job `unit` are kept from it."""
LONG = "long"
"""Marker of tests that take long: they begin first, so that no worker is left alone with one at the end."""
HEAVY = frozenset({"boto3", "dbt", "frictionless", "great_expectations", "moto", "sqlfluff"})
"""Modules that take from 0.3 to 7 seconds: tests import them where they use them, not while they are collected."""

Item = TypeVar("Item")


def job(folder: str, fixtures: Collection[str], markers: Collection[str]) -> str:
    """The one job of a test in this folder of `tests/`, with these fixtures and markers of its own."""
    by_hand = sorted(set(markers) & set(JOBS))
    if by_hand:
        raise ValueError(f"marked {by_hand[0]} by hand: the job follows from folder and fixtures (tests/jobs.py)")
    if folder == END_TO_END:
        return END_TO_END
    return WAREHOUSE if SERVER in fixtures or OWN_SERVER in markers else UNIT


def dealt(stacks: Sequence[Item], long: Sequence[Item], rest: Sequence[Item], workers: int) -> list[Item]:
    """The order of the tests, given that worker n of so many begins with the n-th equal part of them.

    `stacks` (of Airflow) follow each other in one worker: two at once would be slower than their own time limits.
    The other workers begin with the `long` ones, in turn.
    """
    heads = [list(stacks), *([] for _ in range(workers - 1))]
    others = heads[1:] or heads
    for number, item in enumerate(long):
        others[number % len(others)].append(item)
    left, order = list(rest), []
    remaining = len(stacks) + len(long) + len(rest)
    for number, head in enumerate(heads):
        size = remaining // (workers - number)  # as `--dist worksteal` cuts it
        remaining -= size
        fill = max(size - len(head), 0)
        order += head + left[:fill]
        left = left[fill:]
    return order + left
