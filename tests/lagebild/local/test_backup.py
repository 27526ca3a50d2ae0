"""Backup and restore, and the runbook that describes them, followed to the letter."""

import dataclasses
import os
import re
import shutil
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import ROOT, Settings
from lagebild.local.backup import DUMP, backup, restore
from lagebild.warehouse import guards

RUNBOOK = ROOT / "docs" / "runbooks" / "backup-and-restore.md"
SHA256 = "cd" * 32


@pytest.fixture
def filled(warehouse: Settings, tmp_path: Path) -> Settings:
    """A warehouse with a delivery, a publication, a landed file and a key, all in folders of the test."""
    settings = dataclasses.replace(warehouse, landing=tmp_path / "landing", keys=tmp_path / "keys")
    with database.connect(settings) as connection:
        connection.execute(
            "insert into raw.delivery (source, period, sha256, attempt, file_name, byte_size, landing_path,"
            " contract_version, code_version, state, records, loaded, rejected) values"
            f" ('ledger', '2019', '{SHA256}', 1, 'ledger.csv', 1, 'ledger/2019/x', '1', 'c', 'accepted', 1, 1, 0);"
            "insert into raw.build (state, code_version) values ('published', 'c');"
            "insert into published.publication (build_id, code_version, fingerprint, is_protected)"
            " select max(build_id), 'c', 'f', true from raw.build;"
            "update published.current_publication set publication_id = 1"
        )
    with database.connect(settings, database.BUILDER) as connection:
        connection.execute("create table build.something as select 'Köln' as city")
    landed = settings.landing / "ledger" / "2019" / SHA256
    landed.parent.mkdir(parents=True)
    landed.write_bytes(b"posting;\xe4\r\n")
    landed.chmod(0o400)
    settings.keys.mkdir()
    (settings.keys / "05913000.integration_statistics.key").write_text("ef" * 32)
    settings.config.mkdir()
    (settings.config / "cost_mapping.csv").write_text("method,municipality_ags\n")
    (settings.config / "contracts").mkdir()
    (settings.config / "contracts" / "ledger.yml").write_text("layouts: []\n")
    return settings


@pytest.fixture
def empty(warehouse: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a machine that has nothing yet: an empty database beside the other, and folders of its own."""
    name = f"restored_{uuid.uuid4().hex[:12]}"
    parameters = database.parameters(warehouse)
    with database.connect(warehouse, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    home = tmp_path / "restored"
    folders = {part: home / part for part in ("drop", "landing", "keys", "extracts", "secrets")}
    yield dataclasses.replace(
        warehouse,
        home=home,
        warehouse_dsn=make_conninfo(**(parameters | {"dbname": name})),
        airflow_dsn=None,
        **folders,
    )
    with database.connect(warehouse, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _state(settings: Settings) -> tuple:
    with database.connect(settings) as connection:
        deliveries = connection.execute("select source, period, sha256, state from raw.delivery").fetchall()
        current = connection.execute("select publication_id from published.current_publication").fetchall()
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for folder in (settings.landing, settings.keys, settings.config)
        for path in folder.rglob("*")
        if path.is_file()
    }
    return deliveries, current, files


def test_round_trip(filled, empty, tmp_path):
    folder = backup(filled, tmp_path / "backup")
    assert "1 deliveries and 1 publications" in restore(empty, folder)
    assert _state(empty) == _state(filled)
    for role in database.ROLES:  # passwords and rights came along
        with database.connect(empty, role) as connection:
            assert connection.execute("select current_user").fetchone() == (role,)
    with database.connect(empty, database.BUILDER) as connection:
        assert connection.execute("select city from build.something").fetchone() == ("Köln",)
        connection.execute("drop table build.something")  # dbt replaces what it made
    with database.connect(empty, database.BI_READER) as connection:
        assert connection.execute("select publication_id, is_current from marts.publication").fetchall() == [(1, True)]
    with database.connect(empty) as connection:  # identity columns go on where they were
        connection.execute("insert into raw.build (state, code_version) values ('running', 'c')")
        # The other databases of the tests are as open as any that a server's administrator makes.
        assert [lack for lack in guards.lacking(connection) if not lack.startswith("readers may enter")] == []


def test_backup_is_for_its_owner_only(filled, tmp_path):
    folder = backup(filled, tmp_path / "new" / "backup")
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]}
    assert not {str(path): oct(mode) for path, mode in modes.items() if mode & 0o077}
    assert not (folder / "secrets" / "postgres").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["backup"]


def test_used_folder_is_not_written_over(filled, tmp_path):
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "mine").touch()
    with pytest.raises(UserError, match="is not empty"):
        backup(filled, tmp_path / "backup")


def test_non_empty_warehouse_is_refused(filled, tmp_path):
    folder = backup(filled, tmp_path / "backup")
    with pytest.raises(UserError, match="not empty"):
        restore(filled, folder)


@pytest.mark.parametrize("damage", ["changed", "missing", "added"])
def test_damaged_backup_changes_nothing(filled, empty, tmp_path, damage):
    folder = backup(filled, tmp_path / "backup")
    if damage == "changed":
        data = bytearray((folder / DUMP).read_bytes())
        data[-1] ^= 1
        (folder / DUMP).write_bytes(data)
    elif damage == "missing":
        shutil.rmtree(folder / "landing")
    else:
        (folder / "keys" / "05112000.integration_statistics.key").write_text("00" * 32)
    with pytest.raises(UserError, match="is damaged"):
        restore(empty, folder)
    assert not empty.home.exists()


def test_differing_key_is_kept_and_nothing_restored(filled, empty, tmp_path):
    folder = backup(filled, tmp_path / "backup")
    empty.keys.mkdir(parents=True)
    key = empty.keys / "05913000.integration_statistics.key"
    key.write_text("11" * 32)
    with pytest.raises(UserError, match="differs from"):
        restore(empty, folder)
    assert key.read_text() == "11" * 32
    with database.connect(empty) as connection:
        assert connection.execute("select to_regclass('raw.delivery')").fetchone() == (None,)


def test_folder_without_manifest_is_no_backup(empty, tmp_path):
    with pytest.raises(UserError, match="is no backup"):
        restore(empty, tmp_path)


def test_runbook_works_as_it_stands(filled, empty, tmp_path):
    _follow("Back up", filled, tmp_path)
    printed = _follow("Restore", empty, tmp_path)
    assert "restored 1 deliveries and 1 publications" in printed
    assert "ledger" in printed.split("make up", 1)[1]  # nothing can be asked before
    assert "publication:    1" in printed
    left = [line for line in printed.splitlines() if line.startswith("guard lacks")]
    assert [line for line in left if "readers may enter" not in line] == []  # the tests' other databases are as open
    assert _state(empty) == _state(filled)


def _follow(section: str, settings: Settings, home: Path) -> str:
    """Run the fenced commands of one section of the runbook in one shell; return what they print."""
    text = re.search(rf"^## {section}$(.*?)(?=^## |\Z)", RUNBOOK.read_text(), re.MULTILINE | re.DOTALL).group(1)
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    assert blocks, f"{RUNBOOK}: no commands under {section!r}"
    make = home / "bin" / "make"  # PostgreSQL runs, and no test of a backup needs Airflow
    make.parent.mkdir(exist_ok=True)
    make.write_text('#!/bin/sh\necho "make $*"\n')
    make.chmod(0o755)
    environment = {
        "PATH": os.pathsep.join([str(make.parent), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(home),
        **settings.variables(),
    }
    result = subprocess.run(
        ["bash", "-eu", "-c", "\n".join(blocks)], env=environment, cwd=home, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
