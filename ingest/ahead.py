"""Prefetch an iterator in a background thread."""

import queue
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
DEPTH = 2
SWITCH_SECONDS = 0.0005
"""How long a thread waits for Python's lock before it asks for it. Compiled loops run without the lock and need it back
many times a second: with Python's default of 5 ms, threads wait longer than they work."""


@contextmanager
def prefetch(values: Iterable[T]) -> Iterator[Iterator[T]]:
    """The same values, computed up to `DEPTH` in advance in a thread. Its exceptions are raised to the consumer."""
    ready: queue.Queue = queue.Queue(DEPTH)
    is_over = threading.Event()

    def put(item) -> bool:
        while not is_over.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def make() -> None:
        try:
            for value in values:
                if not put((value, None)):
                    return
            put((None, StopIteration()))
        except BaseException as error:  # the consumer's thread has to know
            put((None, error))

    def taken() -> Iterator[T]:
        while True:
            try:
                value, error = ready.get(timeout=0.1)
            except queue.Empty:
                if is_over.is_set():
                    return
                continue
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield value

    thread = threading.Thread(target=make, daemon=True)
    sys.setswitchinterval(SWITCH_SECONDS)  # not reset: others in this process may prefetch too
    thread.start()
    try:
        yield taken()
    finally:
        is_over.set()
        thread.join()
