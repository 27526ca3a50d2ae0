"""What processes that run for weeks do with memory that they no longer need.

Python looks for garbage when much was made, so what the last burst of work left behind stays while nothing happens; and
what is freed the allocator keeps. Both are cheap to do once after the work: 0.1 s for the API server, 50 MB.
"""

import ctypes
import gc
import threading
import time

LOOK_SECONDS = 20
WORTH_IT = 1_000
"""Objects made since the last collection; while nothing is asked, the API server makes some fifty."""


def give_back() -> None:
    """Collect garbage, and hand free memory back to the system."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def give_back_now_and_then() -> None:
    """In a thread of a server that has no quiet moment of its own to do it: after each burst of work."""
    threading.Thread(target=_look, daemon=True).start()


def _look() -> None:
    while True:
        time.sleep(LOOK_SECONDS)
        if gc.get_count()[0] > WORTH_IT or any(gc.get_count()[1:]):
            give_back()
