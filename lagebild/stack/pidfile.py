"""A process of ours, known by its number and its start time: a number alone may be given to another process."""

import contextlib
import json
from pathlib import Path

import psutil


def write(path: Path, pid: int) -> None:
    """Remember a living process."""
    path.write_text(json.dumps({"pid": pid, "started": psutil.Process(pid).create_time()}))


def process(path: Path) -> psutil.Process | None:
    """The process that was remembered, if it still lives."""
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        known = json.loads(path.read_text())
        found = psutil.Process(known["pid"])
        is_same = abs(found.create_time() - known["started"]) < 0.05
        if is_same and found.status() != psutil.STATUS_ZOMBIE:
            return found
    return None
