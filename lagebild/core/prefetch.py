"""Prefetch an iterator in a background thread."""

import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
DEPTH = 3
SWITCH_SECONDS = 0.0005
"""How long a thread waits for Python's lock before it asks for it. Compiled loops run without the lock and need it back
many times a second: with Python's default of 5 ms, threads wait longer than they work."""
_END = object()


@contextmanager
def prefetch(values: Iterable[T]) -> Generator[Iterator[T]]:
    """The same values, made up to `DEPTH` ahead of their use; what making them raises is raised to the user."""
    source, thread = iter(values), ThreadPoolExecutor(1, "ahead")
    sys.setswitchinterval(SWITCH_SECONDS)  # and it stays: who else works ahead in this process is not known here
    made = deque(thread.submit(next, source, _END) for _ in range(DEPTH))

    def taken() -> Iterator[T]:
        while (value := made.popleft().result()) is not _END:
            made.append(thread.submit(next, source, _END))
            yield value

    try:
        yield taken()
    finally:
        thread.shutdown(cancel_futures=True)
