"""Room on the disks, looked at before a load and a build: a database whose disk is full ends for all who use it."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lagebild.errors import UserError
from lagebild.settings import Settings

RESERVE_BYTES = 500_000_000
"""Kept free: below it nothing is begun. The write-ahead log alone grows to 2 GB between two checkpoints at most."""
LITTLE_BYTES = 5_000_000_000
"""Below it somebody is told, who can make room before anything stops."""
DROP, LANDING, DATABASE = "drop folder", "landing zone", "database"
_MOVED_BY = {DROP: "LAGEBILD_DROP_DIR", LANDING: "LAGEBILD_LANDING_DIR", DATABASE: "LAGEBILD_HOME"}


class Full(UserError):
    """Too little room to begin; nothing was changed, and another try may find more."""

    transient = True


@dataclass(frozen=True)
class Disk:
    """A file system, what of ours lies on it, how many bytes are free for us, and how many there are."""

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
    """The disks of drop folder, landing zone and, where it is the embedded one, database with write-ahead log."""
    return under({DROP: settings.drop, LANDING: settings.landing, DATABASE: _data_folder(settings)})


def under(places: Mapping[str, Path | None]) -> list[Disk]:
    """The disks under folders, by name, or under where they will be made; each once."""
    found: dict[int, list[tuple[str, Path]]] = {}
    for name, place in places.items():
        if place is not None:
            path = next(folder for folder in (place, *place.parents) if folder.exists())
            found.setdefault(path.stat().st_dev, []).append((name, path))
    return [Disk(tuple(name for name, _ in on), on[0][1], *_room(on[0][1])) for on in found.values()]


def require(settings: Settings, what: str, needs: Mapping[str, int]) -> None:
    """Full where a disk has not the bytes that `what` needs there, by place, beside its reserve."""
    for disk in disks(settings):
        need = sum(needs.get(name, 0) for name in disk.names)
        if needs.keys() & set(disk.names) and disk.free < need + RESERVE_BYTES:
            raise Full(
                f"{what} needs {_shown(need)} and a reserve of {_shown(RESERVE_BYTES)} on the disk of {disk}",
                remedy=f"{disk.remedy}; nothing was begun",
            )


@contextmanager
def noticing_full(settings: Settings, what: str) -> Iterator[None]:
    """Full, with the disks' figures, where one fills in the middle of the block."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        found = "; ".join(map(str, disks(settings)))
        raise Full(f"{what}: no room is left: {found}", remedy=f"make room there; {what} is begun anew") from error


def short(settings: Settings) -> list[str]:
    """Disks with little room, each in words with its remedy."""
    return [f"little room for {disk}; {disk.remedy}" for disk in disks(settings) if disk.free < LITTLE_BYTES]


def shared(settings: Settings) -> list[str]:
    """Disks that the database shares with folders that others fill, each in words."""
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
    from lagebild.stack import postgres  # late: most of what loads talks to a server only

    return postgres.locate(settings, create=False).data


def _room(path: Path) -> tuple[int, int]:
    """Bytes that are free for us, and all of them."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def _shown(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 100_000_000 else f"{count / 1e6:.1f} MB"
