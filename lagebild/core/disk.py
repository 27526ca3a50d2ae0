"""Free disk space, checked before each load and build: a full disk stops the database for everybody."""

import errno
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lagebild.core import embedded
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings

RESERVE_BYTES = 500_000_000
"""Reserve: with less free space nothing is started. The write-ahead log alone may grow to 2 GB between checkpoints."""
LITTLE_BYTES = 5_000_000_000
"""Below this a warning is sent, so that somebody can free space in time."""
DROP, LANDING, DATABASE = "drop folder", "landing zone", "database"
_MOVED_BY = {DROP: "LAGEBILD_DROP_DIR", LANDING: "LAGEBILD_LANDING_DIR", DATABASE: "LAGEBILD_HOME"}


class Full(UserError):
    """Not enough disk space to start. Nothing was changed; a later try may succeed."""

    transient = True


@dataclass(frozen=True)
class Disk:
    """A file system: our folders on it, free bytes and total bytes."""

    names: tuple[str, ...]
    path: Path
    free: int
    total: int

    def __str__(self) -> str:
        return f"{' and '.join(self.names)} ({self.path}): {_shown(self.free)} free"

    @property
    def remedy(self) -> str:
        moved = " or ".join(_MOVED_BY[name] for name in self.names)
        return f"make room there, or move a folder to another disk ({moved})"


def disks(settings: Settings) -> list[Disk]:
    """The disks of drop folder, landing zone and (embedded server only) database with write-ahead log."""
    return under({DROP: settings.drop, LANDING: settings.landing, DATABASE: _data_folder(settings)})


def under(places: Mapping[str, Path | None]) -> list[Disk]:
    """The disks of folders (by name) that exist or will be created; each disk once."""
    found: dict[int, list[tuple[str, Path]]] = {}
    for name, place in places.items():
        if place is not None:
            path = next(folder for folder in (place, *place.parents) if folder.exists())
            found.setdefault(path.stat().st_dev, []).append((name, path))
    return [Disk(tuple(name for name, _ in on), on[0][1], *_room(on[0][1])) for on in found.values()]


def require(settings: Settings, what: str, needs: Mapping[str, int]) -> None:
    """Raise Full if a disk does not have the bytes that `what` needs there, plus the reserve."""
    for disk in disks(settings):
        need = sum(needs.get(name, 0) for name in disk.names)
        if needs.keys() & set(disk.names) and disk.free < need + RESERVE_BYTES:
            raise Full(
                f"{what} needs {_shown(need)} and a reserve of {_shown(RESERVE_BYTES)} on the disk of {disk}",
                remedy=f"{disk.remedy}; nothing was begun",
            )


@contextmanager
def noticing_full(settings: Settings, what: str) -> Generator[None]:
    """Raise Full, with figures of the disks, if a disk becomes full during the block."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        found = "; ".join(map(str, disks(settings)))
        raise Full(f"{what}: no room is left: {found}", remedy=f"make room there; {what} is begun anew") from error


def short(settings: Settings) -> list[str]:
    """A message with a remedy for each disk with little free space."""
    return [f"little room for {disk}; {disk.remedy}" for disk in disks(settings) if disk.free < LITTLE_BYTES]


def shared(settings: Settings) -> list[str]:
    """A message for each disk that the database shares with folders that others fill."""
    return [
        f"one disk for {disk}; files that fill it stop the database, so move a folder to another disk"
        f" ({' or '.join(_MOVED_BY[name] for name in disk.names)})"
        for disk in disks(settings)
        if DATABASE in disk.names and len(disk.names) > 1
    ]


@cache
def _data_folder(settings: Settings) -> Path | None:
    if settings.warehouse_dsn:
        return None

    return embedded.locate(settings, create=False).data


def _room(path: Path) -> tuple[int, int]:
    """Free bytes (for this user) and total bytes."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def _shown(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 100_000_000 else f"{count / 1e6:.1f} MB"
