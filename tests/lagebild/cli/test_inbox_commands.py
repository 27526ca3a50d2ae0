"""`lagebild delivery load` and `watch`: files by name, inboxes by source or place, and a clean end."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ingest import contracts
from ingest.deliveries import delivery_ledger
from ingest.inbox.stores import named
from lagebild.core import database
from lagebild.core.settings import Settings
from tests.ingest.support import command, environment
from tests.support import bundled_bytes, drop, query

SOURCE, NAME = "employment", "eu2_employees_2019.csv"


def receipts_in(folder: Path) -> list[dict]:
    return [json.loads(file.read_text()) for file in sorted((folder / "receipts").glob("*.json"))]


def test_files_are_loaded_by_their_names_and_stay(warehouse, tmp_path):
    files = [tmp_path / contracts.load(source).example for source in (SOURCE, "eu2_series")]
    for file, source in zip(files, (SOURCE, "eu2_series"), strict=True):
        file.write_bytes(bundled_bytes(source))
    result = command(warehouse, "load", *map(str, files))
    assert result.exit_code == 0 and result.stdout.count(" accepted") == 2, result.output
    assert all(file.exists() for file in files)


def test_a_file_of_another_name_needs_its_source_and_is_refused_by_its_name(warehouse, tmp_path):
    file = tmp_path / "export.csv"
    file.write_bytes(bundled_bytes(SOURCE))
    result = command(warehouse, "load", str(file))
    assert "the name fits no source" in str(result.exception) and "--source" in str(result.exception)
    result = command(warehouse, "load", str(file), "--source", SOURCE)
    assert result.exit_code == 1 and "is not the agreed one" in result.stdout
    assert "there is no source 'nobody'" in str(command(warehouse, "load", str(file), "--source", "nobody").exception)
    assert command(warehouse, "load", "no.csv").exit_code == 2


def test_a_file_of_any_name_is_loaded_for_a_period(warehouse, tmp_path):
    file = tmp_path / "Auszug vom Amt.CSV"
    file.write_bytes(bundled_bytes(SOURCE))
    result = command(warehouse, "load", str(file), "--source", SOURCE, "--period", "2019")
    assert result.exit_code == 0 and f"{SOURCE} 2019 ({NAME}" in result.stdout, result.output
    (landed,) = query(warehouse, "select landing_path from raw.delivery")
    assert landed[0].endswith(".csv") and (warehouse.landing / landed[0]).read_bytes() == file.read_bytes()
    again = command(warehouse, "load", str(file), "--source", SOURCE, "--period", "2019")
    assert "Auszug vom Amt.CSV: nothing new, same as delivery 1\n" in again.stdout
    wrong = command(warehouse, "load", str(file), "--source", SOURCE, "--period", "19")
    assert "'19' is no period of employment" in str(wrong.exception) and "written as 20" in str(wrong.exception)
    for line in ([str(file), "--period", "2019"], [SOURCE, "--source", SOURCE, "--period", "2019"]):
        assert command(warehouse, "load", *line).exit_code == 2


@pytest.mark.parametrize("source", contracts.sources())
def test_every_contract_names_the_file_of_a_period(source):
    contract = contracts.load(source)
    assert contract.name_for(contract.period_of(contract.example)) == contract.example


def test_loading_a_file_says_why_rows_were_rejected(warehouse, tmp_path):
    file = tmp_path / NAME
    file.write_bytes(bundled_bytes(SOURCE).replace(b"2.525", b"zwei"))
    result = command(warehouse, "load", str(file))
    assert "is not a number: 1 row (line 3), such as 'zwei'" in result.stdout, result.stdout


def test_a_source_takes_what_waits_and_answers_it(warehouse):
    drop(warehouse, SOURCE)
    (warehouse.drop / "Unbekannt.csv").write_bytes(b"1")
    result = command(warehouse, "load", SOURCE)
    assert result.exit_code == 0 and " accepted" in result.stdout, result.output
    assert [content["state"] for content in receipts_in(warehouse.drop)] == ["unknown", "accepted"]
    assert "no files for employment in " in command(warehouse, "load", SOURCE).stdout


@pytest.mark.parametrize("line", ["load employment", "watch DROP --once"])
def test_a_command_that_finds_nothing_connects_once_to_each_inbox(warehouse, monkeypatch, line):
    warehouse.drop.mkdir()
    (warehouse.drop / "Unbekannt.csv").write_bytes(b"1")
    connected, store = [], named._store
    monkeypatch.setattr(named, "_store", lambda own, label: connected.append(label) or store(own, label))
    assert command(warehouse, *line.replace("DROP", str(warehouse.drop)).split()).exit_code == 0
    assert connected == ["drop"] and len(receipts_in(warehouse.drop)) == 1


def test_decisions_by_command_renew_the_receipt(warehouse):
    drop(warehouse, SOURCE)
    command(warehouse, "load", SOURCE)
    drop(warehouse, SOURCE, bundled_bytes(SOURCE) + b"\r\n")
    assert " held" in command(warehouse, "load", SOURCE).stdout
    command(warehouse, "accept", "2", "--supersedes", "--reason", "a correction")
    assert [content["state"] for content in receipts_in(warehouse.drop)] == ["superseded", "accepted"]
    command(warehouse, "withdraw", "2", "--reason", "a mistake")
    assert [content["state"] for content in receipts_in(warehouse.drop)] == ["accepted", "withdrawn"]
    command(warehouse, "reload", "2")
    assert [content["state"] for content in receipts_in(warehouse.drop)] == ["accepted", "withdrawn"]


def test_an_inbox_that_cannot_be_reached_ends_with_1_after_the_rest_was_done(warehouse):
    own = replace(warehouse, inboxes=("sftp://nobody@127.0.0.1:1/x",))
    drop(warehouse, SOURCE)
    result = command(own, "load", SOURCE)
    assert " accepted" in result.stdout and "known_hosts is missing" in str(result.exception)


def test_a_folder_is_watched_once(warehouse, tmp_path):
    folder = tmp_path / "Ein gang?"
    folder.mkdir()
    (folder / NAME).write_bytes(bundled_bytes(SOURCE))
    (folder / "Unbekannt.csv").write_bytes(b"1")
    result = command(warehouse, "watch", str(folder), "--once")
    assert result.exit_code == 0 and " accepted" in result.stdout, result.output
    assert [content["state"] for content in receipts_in(folder)] == ["unknown", "accepted"]
    assert (folder / "taken" / "1" / NAME).exists()
    delivery_ledger.withdraw(warehouse, 1, "taken back")
    assert command(warehouse, "watch", str(folder), "--once").exit_code == 0
    command(warehouse, "held")
    assert command(warehouse, "reload", "1").exit_code == 0  # any command that moves deliveries renews, also elsewhere
    assert receipts_in(folder)[1]["state"] == "withdrawn"


def test_a_file_that_cannot_be_loaded_is_said_once_and_answered(warehouse):
    drop(warehouse, "register")
    result = command(warehouse, "watch", str(warehouse.drop), "--once")
    assert result.exit_code == 1 and result.stderr.count("keys create") == 1
    assert receipts_in(warehouse.drop)[0]["state"] == "received"


@pytest.mark.parametrize("place", ["no such folder", "ftp://example.org/x", "sftp://user:GEHEIM@example.org/x"])
def test_a_place_that_is_no_inbox_is_wrong(warehouse, place):
    result = command(warehouse, "watch", place, "--once")
    assert result.exit_code != 0 and "GEHEIM" not in result.output + str(result.exception)


def watching(settings: Settings, home: Path) -> subprocess.Popen:
    program = [Path(sys.executable).with_name("lagebild"), "watch", str(settings.drop), "--every", "0.2"]
    return subprocess.Popen(
        program, env=environment(settings, home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_the_file_in_hand_is_finished_before_the_watch_ends(warehouse, tmp_path):
    drop(warehouse, SOURCE)
    with database.connect(warehouse, database.LOADER) as connection:
        delivery_ledger.lock_period(connection, SOURCE, "2019")  # the load waits here
        process = watching(warehouse, tmp_path)
        waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted and database ="
        deadline = time.monotonic() + 60
        while query(warehouse, f"{waits} (select oid from pg_database where datname = current_database())") == [(0,)]:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        process.terminate()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert " accepted" in out and "finishing the current file, then stopping" in err
    assert [content["state"] for content in receipts_in(warehouse.drop)] == ["accepted"]


def test_a_watch_with_nothing_to_do_ends_at_ctrl_c(warehouse, tmp_path):
    warehouse.drop.mkdir()
    process = watching(warehouse, tmp_path)
    assert "Ctrl-C stops it" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
