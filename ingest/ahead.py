"""Work ahead: the next values of an iterator are made in a thread while the last ones are used."""

import queue
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
DEPTH = 2
SWITCH_SECONDS = 0.0005
"""How long a thread that wants Python's lock waits before it asks for it. Compiled loops work without the lock and want
it back many times a second: with Python's own 5 ms, threads wait longer for it than they work."""


@contextmanager
def ahead(values: Iterable[T]) -> Iterator[Iterator[T]]:
    """The same values, made up to `DEPTH` ahead of their use; what making them raises is raised to the user."""
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
        except BaseException as error:  # it is the user's thread that has to know
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
    sys.setswitchinterval(SWITCH_SECONDS)  # and it stays: who else works ahead in this process is not known here
    thread.start()
    try:
        yield taken()
    finally:
        is_over.set()
        thread.join()
