"""Identify a process of ours by its id, its boot and its start in clock ticks since that boot.

A process id alone may be reused. The start time of day does not identify a process either: it is computed from the
current time, so it changes for a running process when the clock is set.
"""

import contextlib
import json
from pathlib import Path

import psutil

from lagebild.core import atomic_files

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_START_TICKS = 19
"""Which of the fields behind the name in `/proc/<pid>/stat` is the start (`man 5 proc`)."""


def write(path: Path, pid: int) -> None:
    """Record a running process."""
    atomic_files.write(path, json.dumps({"pid": pid, **_marks(pid)}))


def process(path: Path) -> psutil.Process | None:
    """The recorded process, if it still runs."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, psutil.Error):
        known = json.loads(path.read_text())
        found = psutil.Process(known["pid"])
        if {"pid": found.pid, **_marks(found.pid)} == known and found.status() != psutil.STATUS_ZOMBIE:
            return found
    return None


def _marks(pid: int) -> dict[str, str | int | float]:
    """Values that distinguish this process from others with the same id."""
    if not BOOT_ID.exists():  # no Linux: there the system itself keeps when a process began
        return {"started": psutil.Process(pid).create_time()}
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise psutil.NoSuchProcess(pid) from error
    return {"boot": BOOT_ID.read_text().strip(), "ticks": int(fields[_START_TICKS])}
