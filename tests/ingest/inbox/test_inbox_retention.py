"""Retention in inboxes: what is old and decided goes from `taken/` and `receipts/`; nothing younger or waiting does."""

import json
import os
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pytest

from ingest import contracts
from ingest.deliveries import delivery_ledger
from ingest.inbox import receipts, unclaimed
from ingest.inbox import retention as inbox_retention
from ingest.privacy import retention
from lagebild.core import settings
from lagebild.core.alerts import Message
from lagebild.core.errors import UserError
from lagebild.core.settings import BERLIN
from lagebild.local import status
from lagebild.orchestration import unclaimed_files
from tests import conftest
from tests.inboxes import drain, tell_unknown
from tests.ingest.support import age, command, killed_at_each_step, later, person, register
from tests.support import bundled_bytes, deliver, drop, query

SOURCE, NAME = "employment", "eu2_employees_2019.csv"


def accepted(settings, source: str = SOURCE, content: bytes | None = None, name: str | None = None):
    return delivery_ledger.decide(settings, deliver(settings, source, content, name).delivery_id, [])


def names(settings, folder: str) -> list[str]:
    """Every file of a folder of the drop folder, below it."""
    root = settings.drop / folder
    return sorted(str(file.relative_to(root)) for file in root.rglob("*") if file.is_file())


def removed(settings) -> list[str]:
    return [str(old) for old in retention.apply(settings)]


def test_copies_go_when_their_contracts_time_is_over_and_the_rows_stay(warehouse):
    file = drop(warehouse, SOURCE)
    file.with_name(f"{NAME}.ok").touch()
    delivery_ledger.decide(warehouse, drain(warehouse)[0].delivery_id, [])
    accepted(warehouse, "eu2_series")
    age(warehouse, 1, "10 years 2 days")
    age(warehouse, 2, "9 years 364 days")
    before = query(warehouse, "select * from raw.inbox_file"), query(warehouse, "select * from raw.delivery")
    listed = [str(old) for old in retention.due(warehouse)]
    assert listed == ["drop/taken/1: retention of P10Y is over"] and len(names(warehouse, "taken")) == 3
    assert removed(warehouse) == listed
    assert [path.partition("/")[0] for path in names(warehouse, "taken")] == ["2"]
    assert not (warehouse.drop / "taken" / "1").exists() and retention.apply(warehouse) == []
    assert before == (query(warehouse, "select * from raw.inbox_file"), query(warehouse, "select * from raw.delivery"))
    assert (warehouse.landing / query(warehouse, "select landing_path from raw.delivery")[0][0]).exists()


def test_what_waits_stays_however_old_it_is(warehouse, monkeypatch):
    held = delivery_ledger.decide(warehouse, deliver(warehouse, SOURCE).delivery_id, ["odd"])
    deliver(warehouse, "eu2_series")  # loaded, not checked
    drop(warehouse, "register", register(person("S1")), "register_05911000_2019-12-31.csv")  # whose key nobody made
    with pytest.raises(UserError, match="keys create"):
        drain(warehouse)
    for number in (1, 2):
        age(warehouse, number, "30 years")
    later(monkeypatch, 9_000)
    assert len(names(warehouse, "taken")) == 3 and len(names(warehouse, "receipts")) == 6
    assert retention.apply(warehouse) == []
    delivery_ledger.refuse(warehouse, held.delivery_id, "sent back")
    assert len(retention.apply(warehouse)) == 3  # the copy, and its receipt as text and JSON
    assert len(names(warehouse, "taken")) == 2 and len(names(warehouse, "receipts")) == 4


def test_receipts_go_some_days_after_they_were_written_last(warehouse, monkeypatch):
    accepted(warehouse)
    receipts.renew(warehouse)
    later(monkeypatch, 729)
    assert retention.apply(warehouse) == []
    own = replace(warehouse, receipt_days=728)
    assert [entry.why for entry in retention.due(own)] == ["written more than 728 days ago"] * 2
    later(monkeypatch, 731)
    assert removed(warehouse) == [
        f"drop/receipts/{NAME}.1.{kind}: written more than 730 days ago" for kind in ("json", "txt")
    ]
    assert names(warehouse, "receipts") == [] and names(warehouse, "taken") == [f"1/{NAME}"]
    delivery_ledger.withdraw(warehouse, 1, "taken back")  # who moves a delivery tells its sender all the same
    receipts.renew(warehouse)
    assert names(warehouse, "receipts") == [f"{NAME}.1.json", f"{NAME}.1.txt"]


def test_the_receipt_of_an_unknown_file_stays_as_long_as_the_file(warehouse, monkeypatch):
    file = warehouse.drop / "Unbekannt.csv"
    warehouse.drop.mkdir()
    file.write_bytes(b"1")
    tell_unknown(warehouse)
    later(monkeypatch, 800)
    assert retention.apply(warehouse) == [] and tell_unknown(warehouse) == []
    file.unlink()
    assert len(retention.apply(warehouse)) == 2 and names(warehouse, "receipts") == []


def test_what_is_not_ours_stays_and_drafts_of_killed_writers_go(warehouse, monkeypatch):
    accepted(warehouse)
    age(warehouse, 1, "20 years")
    others = ["receipts/Notiz.txt", "receipts/a.1.pdf", "taken/1/Notiz.txt", "taken/99/a.csv", "taken/x/a.csv"]
    for path in [*others, f"receipts/.{'a' * 32}.part"]:
        (warehouse.drop / path).parent.mkdir(parents=True, exist_ok=True)
        (warehouse.drop / path).write_bytes(b"1")
    later(monkeypatch, 800)
    assert len(retention.apply(warehouse)) == 4
    assert [str(Path(top) / name) for top in ("receipts", "taken") for name in names(warehouse, top)] == others


@pytest.mark.parametrize("folder", ["taken", "receipts"])
def test_a_link_in_the_place_of_a_folder_leads_nothing_out(warehouse, monkeypatch, tmp_path, folder):
    accepted(warehouse)
    age(warehouse, 1, "20 years")
    later(monkeypatch, 800)
    (warehouse.drop / folder).rename(tmp_path / "outside")
    (warehouse.drop / folder).symlink_to(tmp_path / "outside")
    retention.apply(warehouse)
    assert [file for file in (tmp_path / "outside").rglob("*") if file.is_file()]


def test_killed_at_every_step_the_next_run_finishes(warehouse):
    numbers = []

    def prepare(n):
        name = f"eu2_employees_{2000 + n}.csv"
        drop(warehouse, SOURCE, bundled_bytes(SOURCE) + b"\r\n" * n, name).with_name(f"{name}.ok").touch()
        (delivery,) = drain(warehouse)
        delivery_ledger.decide(warehouse, delivery.delivery_id, [])
        numbers.append(query(warehouse, "select max(inbox_file_id) from raw.inbox_file")[0][0])
        age(warehouse, numbers[-1], "20 years")
        return lambda: inbox_retention.apply(warehouse)

    steps = []
    for _, step in killed_at_each_step(prepare):
        steps.append(step)
        inbox_retention.apply(warehouse)
        assert list((warehouse.drop / "taken").iterdir()) == [], step
        assert len(query(warehouse, "select * from raw.inbox_file where state = 'done'")) == len(numbers)
    assert {"execute", "remove", "rmdir"} <= set(steps) and steps.count("remove") == 2
    assert names(warehouse, "receipts")  # they are young


def test_a_receipt_that_is_renewed_meanwhile_stays(warehouse, monkeypatch):
    accepted(warehouse)
    later(monkeypatch, 800)
    found = retention.due(warehouse)
    receipts.renew(warehouse)  # it told of the load only
    monkeypatch.setattr(inbox_retention, "_receipts", lambda *_: found)
    assert inbox_retention.apply(warehouse) == [] and len(names(warehouse, "receipts")) == 2


def test_copies_of_a_source_that_was_given_up_stay(warehouse, monkeypatch):
    accepted(warehouse)
    age(warehouse, 1, "20 years")
    others = [source for source in contracts.sources() if source != SOURCE]
    monkeypatch.setattr("ingest.contracts.sources", lambda: others)
    assert retention.apply(warehouse) == []


def test_watched_folders_are_cleared_and_inboxes_that_are_away_are_said(warehouse, tmp_path):
    folder = tmp_path / "incoming"
    folder.mkdir()
    (folder / NAME).write_bytes(bundled_bytes(SOURCE))
    drain(replace(warehouse, inboxes=(folder.as_uri(),)))
    delivery_ledger.decide(warehouse, 1, [])
    age(warehouse, 1, "20 years")
    own = replace(warehouse, inboxes=("sftp://nobody@127.0.0.1:1/x",))
    listed = command(own, "retention")
    assert "due (nothing was deleted" in listed.stdout and (folder / "taken" / "1" / NAME).exists()
    said = []
    assert [old.inbox for old in retention.apply(own, said.append)] == [folder.as_uri()]
    assert list((folder / "taken").iterdir()) == []
    assert "known_hosts is missing" in said[0] and "known_hosts is missing" in listed.stderr


def test_how_long_receipts_are_kept_is_a_setting():
    own = settings.load({"LAGEBILD_RECEIPT_DAYS": "90"})
    assert settings.load(own.variables()).receipt_days == 90
    assert timedelta(days=settings.load({}).receipt_days) == timedelta(days=730)
    for wrong in ("0", "P2Y", "-1", "99999999"):
        with pytest.raises(UserError, match="LAGEBILD_RECEIPT_DAYS"):
            settings.load({"LAGEBILD_RECEIPT_DAYS": wrong})


def test_a_receipt_says_until_when_its_file_is_kept(warehouse):
    deliver(warehouse, SOURCE)
    (file,) = (warehouse.drop / "receipts").glob("*.json")
    assert "bis die vereinbarte Frist um ist" in json.loads(file.read_text())["kept"]["de"]


# --- what no contract claims ------------------------------------------------------------------------------------------

MISNAMED = "Melderegister Mustermann.csv"


def misnamed(settings) -> Path:
    """A register under a wrong name, answered with a receipt."""
    file = drop(settings, "register", register(person("S1")), MISNAMED)
    file.with_name(f"{MISNAMED}.ok").touch()
    tell_unknown(settings)
    return file


def receipt_of(settings) -> dict:
    (file,) = (settings.drop / "receipts").glob(f"{MISNAMED}*.json")
    return json.loads(file.read_text())


def told_before(settings, days: int) -> None:
    """Let the receipt have said so for some days."""
    (file,) = (settings.drop / "receipts").glob(f"{MISNAMED}*.json")
    content = json.loads(file.read_text())
    content["state_since"] = (datetime.fromisoformat(content["state_since"]) - timedelta(days=days)).isoformat()
    if content["removed_on"]:
        content["removed_on"] = (date.fromisoformat(content["removed_on"]) - timedelta(days=days)).isoformat()
    file.write_text(json.dumps(content))


def test_what_no_contract_claims_stays_by_default_and_is_told_after_a_month(warehouse):
    file = misnamed(warehouse)
    assert receipt_of(warehouse)["removed_on"] is None
    assert unclaimed.warning(unclaimed.every(warehouse)) is None
    told_before(warehouse, 29)
    assert unclaimed.warning(unclaimed.every(warehouse)) is None
    told_before(warehouse, 1)
    tell_unknown(warehouse)  # the same version: since when stays
    assert "1 file with other names: not loaded" in command(warehouse, "load", "register").output
    listed = command(warehouse, "inbox")
    assert f"drop/register/{MISNAMED}: not taken (" in listed.stdout and "for 30 days" in listed.stdout
    assert "1 file that no contract claims lies in the inboxes for 30 days or more" in listed.stderr
    (found,) = json.loads(command(warehouse, "inbox", "--format", "json").stdout)
    assert (found["state"], found["days"], found["removed_on"]) == ("unclaimed", 30, None)
    sent: list[Message] = []
    channel = SimpleNamespace(name="log", send=sent.append)
    said = unclaimed_files.tell(warehouse, [channel])
    assert "1 file that no contract claims" in said and [m.text for m in sent] == [said]
    assert MISNAMED not in str(sent)  # it may be a person's
    assert any(line.startswith("not taken:      1 file that") for line in status.lines(warehouse))
    told_before(warehouse, 1)
    assert unclaimed_files.tell(warehouse, [channel]) and len(sent) == 1  # the channels once a month, the log daily
    told_before(warehouse, 9_000)
    assert retention.apply(warehouse) == [] and file.exists()


def test_it_goes_when_its_receipt_has_named_the_day_for_as_long_as_the_setting_says(warehouse):
    file = misnamed(warehouse)
    told_before(warehouse, 400)
    own = replace(warehouse, unclaimed_days=60)
    assert retention.apply(own) == []  # nobody was told of a removal yet
    tell_unknown(own)
    receipt = receipt_of(own)
    assert date.fromisoformat(receipt["removed_on"]) == datetime.now(BERLIN).date() + timedelta(days=60)
    assert "is removed from" in receipt["kept"]["en"] and "wird ab dem" in receipt["kept"]["de"]
    told_before(own, 59)
    assert retention.apply(own) == []
    told_before(own, 1)
    tell_unknown(own)
    (due,) = retention.due(own)
    assert (
        due.logged
        == "drop: a file of a name that was not agreed: no contract claims it, and it has lain there for 460 days"
    )
    written = file.stat().st_mtime_ns
    file.touch()  # written anew: another file, of which nobody was told
    assert retention.apply(own) == []
    os.utime(file, ns=(written, written))
    assert [old.path for old in retention.apply(own)] == [f"register/{MISNAMED}"]
    assert not file.exists() and not file.with_name(f"{MISNAMED}.ok").exists()
    receipt = receipt_of(own)
    assert receipt["state"] == "removed" and "GELÖSCHT" in next(
        (own.drop / "receipts").glob(f"{MISNAMED}*.txt")
    ).read_text(encoding="utf-8")
    jsonschema.validate(receipt, json.loads(receipts.SCHEMA.read_text()))
    assert retention.apply(own) == []


def test_a_longer_setting_puts_the_day_off_and_a_shorter_one_brings_it_no_nearer_than_itself():
    today, since = datetime.now(BERLIN).date(), datetime.now(BERLIN).date() - timedelta(days=10)
    said = today + timedelta(days=50)
    assert receipts._removed_on(since, said.isoformat(), 60) == said
    assert receipts._removed_on(since, said.isoformat(), 90) == since + timedelta(days=90)
    assert receipts._removed_on(since, said.isoformat(), 5) == today + timedelta(days=5)
    assert receipts._removed_on(since, said.isoformat(), None) is None


def test_what_is_never_looked_at_is_listed_too(tmp_path):
    own = conftest.settings_in(tmp_path)
    for path in ("register/.versteckt.csv", "register/alt/2019/tief/register.csv", "register_05913000.csv.part",
                 "Thumbs.db", "~$register.xlsx"):  # fmt: skip
        file = own.drop / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    assert [one.entry.path for one in unclaimed.every(own)] == [
        "register/.versteckt.csv", "register/alt/2019/tief/register.csv", "register_05913000.csv.part",
    ]  # fmt: skip


def test_an_erasure_says_what_it_did_not_look_into(warehouse):
    deliver(warehouse, "register", register(person("S1")), "register_05913000_2019-12-31.csv")
    misnamed(warehouse)
    arguments = ("--municipality", "05913000", "--purpose", "integration_statistics", "--identifier-file", "-")
    done = command(warehouse, "erase", *arguments, text="S1\n")
    assert done.exit_code == 0 and "not searched: 1 files in inboxes that match no contract" in done.stderr


def test_after_how_long_what_nobody_claims_is_removed_is_a_setting():
    assert settings.load({}).unclaimed_days is None
    own = settings.load({"LAGEBILD_UNCLAIMED_DAYS": "60"})
    assert settings.load(own.variables()).unclaimed_days == 60
    for wrong in ("0", "-1", "P2M", "sixty"):
        with pytest.raises(UserError, match="LAGEBILD_UNCLAIMED_DAYS"):
            settings.load({"LAGEBILD_UNCLAIMED_DAYS": wrong})
