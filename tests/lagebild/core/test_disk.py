"""Room on the disks: told before a load and a build begin, with figures and what to do; and when it ends meanwhile."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ingest.deliveries import delivery_ledger
from lagebild.core import disk
from lagebild.local import status
from lagebild.warehouse import build
from tests.conftest import settings_in
from tests.inboxes import drain
from tests.support import accept, deliver, drop, query

GB = 1_000_000_000


@pytest.fixture
def free(monkeypatch) -> dict[Path, int]:
    """Free bytes by folder: what is put here is what the file system says, each folder a disk of its own."""
    figures: dict[Path, int] = {}
    really = os.statvfs

    def statvfs(path):
        for folder, free in figures.items():
            if Path(path) == folder:
                return SimpleNamespace(f_bavail=free // 4096, f_frsize=4096, f_blocks=really("/").f_blocks)
        return really(path)

    monkeypatch.setattr(disk.os, "statvfs", statvfs)
    return figures


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Settings with the embedded server's data below `home`."""
    settings = settings_in(tmp_path)
    for folder in (settings.drop, settings.landing, settings.home / "data"):
        folder.mkdir()
    monkeypatch.setattr(disk, "_data_folder", lambda settings: settings.home / "data")
    return settings


def test_folders_on_one_disk_are_one_and_their_needs_add_up(folders, free):
    free[folders.drop] = 2 * GB
    (found,) = disk.disks(folders)
    assert str(found) == f"drop folder and landing zone and database ({folders.drop}): 2.0 GB free"
    disk.require(folders, "a load", {disk.LANDING: GB, disk.DATABASE: GB // 2 - 8192})
    says = "a load needs 1.5 GB and a reserve of 0.5 GB on the disk of .*2.0 GB free"
    with pytest.raises(disk.Full, match=says) as full:
        disk.require(folders, "a load", {disk.LANDING: GB, disk.DATABASE: GB // 2})
    for variable in ("LAGEBILD_DROP_DIR", "LAGEBILD_LANDING_DIR", "LAGEBILD_HOME"):
        assert variable in full.value.remedy
    assert full.value.transient  # a run of Airflow tries again
    assert len(disk.shared(folders)) == 1
    assert "files that fill it stop the database" in disk.shared(folders)[0]
    (short,) = disk.short(folders)
    assert short.startswith("little room for drop folder and landing zone and database")
    free[folders.drop] = 50 * GB
    assert disk.short(folders) == []


def test_only_the_disk_that_is_written_to_must_have_room(folders, free, monkeypatch):
    devices = {folders.drop: 1, folders.landing: 2, folders.home / "data": 3}
    really = Path.stat
    monkeypatch.setattr(
        Path, "stat", lambda p, **kw: SimpleNamespace(st_dev=devices[p]) if p in devices else really(p, **kw)
    )
    free |= {folders.drop: 0, folders.landing: 3 * GB, folders.home / "data": GB}
    assert disk.shared(folders) == []
    disk.require(folders, "a load", {disk.LANDING: 2 * GB})
    with pytest.raises(disk.Full, match="LAGEBILD_HOME"):
        disk.require(folders, "a load", {disk.LANDING: 2 * GB, disk.DATABASE: GB})
    free[folders.home / "data"] = disk.RESERVE_BYTES - 4096
    with pytest.raises(disk.Full, match="database"):  # a first build has nothing to go by: the reserve holds
        disk.require(folders, "a build", {disk.DATABASE: 0})


def test_a_load_and_a_build_without_room_begin_nothing_and_go_on_when_there_is(warehouse, free, monkeypatch):
    monkeypatch.setattr(disk, "_data_folder", lambda settings: settings.home)
    warehouse.home.mkdir(exist_ok=True)
    warehouse.landing.mkdir(parents=True, exist_ok=True)
    places = (warehouse.drop, warehouse.landing, warehouse.home)
    warehouse.drop.mkdir(parents=True, exist_ok=True)
    free |= dict.fromkeys(places, disk.RESERVE_BYTES)
    with pytest.raises(disk.Full, match=r"the load of .*\(0.0 MB\) needs .* MB and a reserve of 0.5 GB.*0.5 GB free"):
        deliver(warehouse, "employment")
    assert list(warehouse.landing.rglob("*.csv")) == []
    assert query(warehouse, "select count(*) from raw.delivery") == [(0,)]
    free |= dict.fromkeys(places, 3 * GB)
    assert any("little room for" in line for line in status.lines(warehouse))
    (delivery,) = drain(warehouse, "employment")  # the file waited where it was
    assert delivery_ledger.decide(warehouse, delivery.delivery_id, []).state == "accepted"
    free |= dict.fromkeys(places, disk.RESERVE_BYTES - 4096)
    with pytest.raises(disk.Full, match="a build needs"):
        build.begin(warehouse)
    assert query(warehouse, "select count(*) from raw.build") == [(0,)]
    free.clear()
    assert build.begin(warehouse) == 1


@pytest.fixture
def small(tmp_path) -> Iterator[Path]:
    """A real file system of 1 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"this machine mounts no file system for tests: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_real_disk_that_is_full(warehouse, small, monkeypatch):
    own = replace(warehouse, landing=small / "landing")
    drop(own, "employment")
    with pytest.raises(disk.Full, match=r"landing zone \(.*small.*\): 1.0 MB free"):
        deliver(own, "employment")
    monkeypatch.setattr(disk, "RESERVE_BYTES", 0)  # as if it filled up after it was looked at
    monkeypatch.setattr(disk, "require", lambda *_: None)
    rest = os.statvfs(small)
    (small / "other").write_bytes(bytes(rest.f_bavail * rest.f_frsize))
    with pytest.raises(disk.Full, match="no room is left: .*landing zone"):
        deliver(own, "employment")
    (small / "other").unlink()
    assert accept(own, "employment").state == "accepted"
