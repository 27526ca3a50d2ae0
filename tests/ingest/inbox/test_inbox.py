"""Files that people send to a folder: taken when complete, once, whole, and never without an answer."""

import contextlib
import hashlib
import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ingest import contracts
from ingest.contracts import inbox_names
from ingest.deliveries import delivery_ledger, landing, pseudonyms
from ingest.inbox import files, inbox, receipts
from ingest.inbox.stores import base, local, named
from ingest.loading import intake
from ingest.privacy import retention
from lagebild.core import database, settings
from lagebild.core.errors import UserError
from lagebild.core.settings import ROOT
from tests.inboxes import drain, tell_unknown, unknown
from tests.ingest.support import person, register, taken_by_two_processes
from tests.support import MUNICIPALITY, PURPOSE, bundled_bytes, deliver, drop, query

SOURCE, NAME = "employment", "eu2_employees_2019.csv"


@pytest.fixture
def patient(warehouse):
    """A warehouse whose inboxes wait until nobody writes a file any more."""
    return replace(warehouse, inbox_settle_seconds=30)


def put(settings, path: str = f"{SOURCE}/{NAME}", content: bytes | None = None, age: float = 0) -> Path:
    file = settings.drop / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bundled_bytes(SOURCE) if content is None else content)
    return file


def keys(settings) -> list[str]:
    return [arrival.key for arrival in inbox.complete(settings)]


def texts(settings) -> list[str]:
    return [file.read_text() for file in sorted((settings.drop / "receipts").glob("*.txt"))]


def receipt(settings) -> dict:
    (file,) = (settings.drop / "receipts").glob("*.json")
    return json.loads(file.read_text())


def later(monkeypatch, seconds: float) -> None:
    """The clock by which local files are judged goes ahead."""
    ahead = time.time() + seconds
    monkeypatch.setattr(inbox.time, "time", lambda: ahead)


# --- complete ---------------------------------------------------------------------------------------------------------


def test_a_file_is_complete_when_it_has_lain_unchanged(patient, monkeypatch):
    put(patient)
    assert keys(patient) == [] and [a.path for a in inbox.look(patient).settling] == [f"{SOURCE}/{NAME}"]
    assert inbox.take(patient, f"drop/{SOURCE}/{NAME}") is None  # whoever asks for it does not get it either
    later(monkeypatch, 29)
    assert keys(patient) == []
    later(monkeypatch, 31)
    assert keys(patient) == [f"drop/{SOURCE}/{NAME}"]


def test_a_time_of_change_that_was_set_by_hand_does_not_make_a_file_complete(patient):
    os.utime(put(patient), (0, 0))
    assert keys(patient) == []


@pytest.mark.parametrize("marker", ["ok", "sha256"])
def test_a_marker_says_that_a_file_is_complete(patient, marker):
    file = put(patient)
    put(patient, f"{SOURCE}/{NAME}.{marker}", f"{landing.sha256(file)}  {NAME}\n".encode())
    (delivery,) = drain(patient)
    assert delivery.state == "loaded"
    assert sorted(p.name for p in (patient.drop / "taken" / "1").iterdir()) == [NAME, f"{NAME}.{marker}"]
    assert list((patient.drop / SOURCE).iterdir()) == []  # the next file of that name is not complete by this marker


def test_a_wrong_sum_is_refused_and_told_once_the_file_lies_still(patient, monkeypatch):
    file = put(patient)
    put(patient, f"{SOURCE}/{NAME}.sha256", b"0" * 64)
    assert drain(patient) == [] and keys(patient) == []  # the sum may have come before the last bytes
    assert not inbox.is_drained(patient)
    age_seen(patient, 31)
    (delivery,) = drain(patient)
    assert delivery.state == "refused" and "its sender says 000" in delivery.reason
    assert query(patient, "select count(*) from raw.employment__employees") == [(0,)]
    assert "its sender says 000" in texts(patient)[0] and not file.exists()
    put(patient)
    put(patient, f"{SOURCE}/{NAME}.sha256", delivery.sha256.upper().encode())
    (delivery,) = drain(patient)
    assert (delivery.state, delivery.attempt) == ("loaded", 2)


def age_seen(settings, seconds: float) -> None:
    with database.connect(settings) as connection:
        connection.execute("update raw.inbox_file set seen_at = seen_at - make_interval(secs => %s)", [seconds])


def test_a_sum_that_comes_before_the_last_bytes_is_waited_for(patient):
    content = bundled_bytes(SOURCE)
    file = put(patient, content=content)
    digest = landing.sha256(file)
    file.write_bytes(content[:100])
    put(patient, f"{SOURCE}/{NAME}.sha256", digest.encode())
    with file.open("ab") as writer:  # it has the file open when that is renamed
        assert drain(patient) == []
        writer.write(content[100:])
    age_seen(patient, 31)
    assert drain(patient) == []  # it has changed since
    age_seen(patient, 31)
    (delivery,) = drain(patient)
    assert (delivery.state, delivery.sha256) == ("loaded", digest)


def test_an_empty_file_waits_for_its_marker_and_is_told_of(patient, monkeypatch):
    put(patient, content=b"")
    later(monkeypatch, 100)
    assert keys(patient) == [] and inbox.is_drained(patient)
    assert tell_unknown(patient) == [f"drop/{SOURCE}/{NAME}"]
    assert "die Datei ist leer" in texts(patient)[0]
    put(patient, f"{SOURCE}/{NAME}.ok", b"")
    (delivery,) = drain(patient)
    assert delivery.state == "refused" and "the file is empty" in delivery.reason


def test_uploads_under_way_and_hidden_files_are_not_looked_at(warehouse):
    for name in (f"{NAME}.part", f"{NAME}.filepart", f".{NAME}", f"{NAME}.TMP"):
        put(warehouse, f"{SOURCE}/{name}")
        put(warehouse, name)
    assert keys(warehouse) == [] == unknown(warehouse) and inbox.is_drained(warehouse)


# --- whose it is ------------------------------------------------------------------------------------------------------


def test_every_contracts_example_fits_its_own_pattern_and_no_other():
    for source in contracts.sources():
        assert inbox.source_of(contracts.load(source).example) == source


def test_no_source_is_named_as_a_folder_of_the_inbox_itself():
    assert not {inbox_names.TAKEN, inbox_names.RECEIPTS} & set(contracts.sources())


def test_a_name_that_fits_two_contracts_is_told_and_not_taken(warehouse, monkeypatch):
    other = replace(contracts.load("ledger"), file_name=contracts.load(SOURCE).file_name)
    read = contracts.load
    monkeypatch.setattr("ingest.contracts.load", lambda source: other if source == "ledger" else read(source))
    file = put(warehouse, NAME)
    assert drain(warehouse) == [] and file.exists()
    assert tell_unknown(warehouse) == [f"drop/{NAME}"]
    assert "the name fits several sources (employment, ledger)" in texts(warehouse)[0]
    file.rename(warehouse.drop / NAME.replace("2019", "2018"))
    put(warehouse)  # in its folder it is no question
    assert [d.source for d in drain(warehouse)] == [SOURCE]


def test_a_file_in_the_root_is_matched_by_its_name_and_one_in_a_folder_by_both(warehouse):
    put(warehouse, NAME)
    put(warehouse, f"{SOURCE}/beschaeftigte.csv")
    assert {arrival.path: arrival.source for arrival in inbox.complete(warehouse)} == {NAME: SOURCE}
    assert [d.state for d in drain(warehouse)] == ["loaded"]
    assert tell_unknown(warehouse) == [f"drop/{SOURCE}/beschaeftigte.csv"]


JUNK = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared") / "cases" / "inbox_junk"
MISNAMED = {
    "beschaeftigte.csv": "eu2_employees_2019.csv",
    "eu2_employees_2021 (1).csv": "eu2_employees_2021.csv",
    "eu2_employees_2021(2).csv": "eu2_employees_2021.csv",
    "eu2_employees_2021 - Kopie.csv": "eu2_employees_2021.csv",
    "eu2_employees_2021 - Kopie (3).csv": "eu2_employees_2021.csv",
    "eu2_employees_2021 - Copy.CSV": "eu2_employees_2021.csv",
    "Kopie von eu2_employees_2021.csv": "eu2_employees_2021.csv",
    "eu2_employees_2021 copy 2.csv": "eu2_employees_2021.csv",
    "EU2_Employees_2021.CSV": "eu2_employees_2021.csv",
    "eu2 employees 2021.csv": "eu2_employees_2021.csv",
    "eu2_employees_2021.csv.txt": "eu2_employees_2021.csv",
}


@pytest.mark.parametrize(
    ("path", "right", "kind"),
    [
        ("ledger/ledger_05913000_2020.xlsx", "ledger_05913000_2020.csv", "csv"),
        ("ledger_05913000_2020.XLS", "ledger_05913000_2020.csv", "csv"),
        ("esf_hessen/esf_hessen_2014-2020.pdf", "esf_hessen_2014-2020.csv", "csv"),
        ("funding_programmes_2024.csv", "funding_programmes_2024.xlsx", "xlsx"),
    ],
)
def test_a_file_of_another_kind_is_to_be_saved_anew_and_not_renamed(path, right, kind):
    with pytest.raises(inbox.UnknownFile, match=f"and .{kind} is agreed") as caught:
        inbox.source_of(path)
    assert caught.value.remedy == f"save it as .{kind}, for example under {right}; renaming alone is not enough"
    assert "umbenennen allein genügt nicht" in caught.value.why.to_do.told("de")


@pytest.mark.parametrize("folder", [f"{SOURCE}/", ""])
@pytest.mark.parametrize(("name", "right"), MISNAMED.items())
def test_a_wrong_name_is_answered_with_one_remedy_and_a_right_name(warehouse, name, right, folder):
    file = put(warehouse, f"{folder}{name}")
    assert drain(warehouse) == [] and tell_unknown(warehouse) == [f"drop/{folder}{name}"]
    (text,) = texts(warehouse)
    if folder or right == "eu2_employees_2021.csv":
        assert f"Benennen Sie die Datei um, zum Beispiel in {right}." in text
        assert f"Rename the file, for example to {right}." in text
        assert "eu2_series" not in text  # files of other sources are no help
    else:
        assert "passt zu keiner Quelle" in text
    assert "?P<" not in text and "demselben Namen" not in text and "under the same name" not in text
    assert file.exists() and query(warehouse, "select count(*) from raw.delivery") == [(0,)]
    assert calendar(warehouse) == []


def calendar(settings) -> list:
    """Entries of the calendar that a delivery made."""
    return query(settings, "select period from quality.delivery_calendar() where delivery_id is not null")


@pytest.mark.skipif(not JUNK.is_dir(), reason=f"the case is not here: {JUNK}")
def test_the_case_of_locks_system_files_and_copies(warehouse):
    for file in JUNK.iterdir():
        folder = "funding" if "funding" in file.name else "esf_hessen"
        if file.name != "README":
            put(warehouse, f"{folder}/{file.name}", file.read_bytes())
    assert drain(warehouse) == []
    names = ["ESF_Hessen_2014-2020.CSV", "esf_hessen_2014-2020 (1).csv"]
    assert sorted(tell_unknown(warehouse)) == [f"drop/esf_hessen/{name}" for name in names]
    assert all("zum Beispiel in esf_hessen_2014-2020.csv." in text for text in texts(warehouse))
    assert delivery_ledger.deliveries(warehouse) == []


def test_a_download_from_genesis_is_taken_by_its_own_name(warehouse):
    for path in ("12411-01-01-4_de_flat.csv", "genesis/12521-0041_de.csv"):
        put(warehouse, path)
    assert {a.source for a in inbox.complete(warehouse)} == {"genesis"} and unknown(warehouse) == []


def test_capitals_of_the_extension_are_no_wrong_name(warehouse):
    put(warehouse, f"{SOURCE}/eu2_employees_2019.CSV")
    (delivery,) = drain(warehouse)
    assert (delivery.state, delivery.period, delivery.file_name) == ("loaded", "2019", "eu2_employees_2019.CSV")


@pytest.mark.parametrize(
    "name",
    [f"~${NAME}", "Thumbs.db", "THUMBS.DB", "desktop.ini", ".DS_Store", f"._{NAME}", f".~lock.{NAME}#",
     f"{NAME}.crdownload", f"{NAME}.part", "Unbestätigt 4711.crdownload", f".{NAME}.swp", "~WRL0001.tmp"],
)  # fmt: skip
def test_locks_and_what_systems_put_into_folders_are_left_alone(warehouse, name):
    for path in (name, f"{SOURCE}/{name}"):
        put(warehouse, path)
    assert keys(warehouse) == [] == unknown(warehouse) and inbox.is_drained(warehouse)
    assert tell_unknown(warehouse) == [] and not (warehouse.drop / "receipts").exists()


def test_an_unknown_file_stays_and_gets_one_receipt_that_names_what_is_expected(warehouse):
    file = put(warehouse, "Beschäftigte 2019 (neu).csv")
    assert unknown(warehouse) == ["Beschäftigte 2019 (neu).csv"]
    assert tell_unknown(warehouse) == ["drop/Beschäftigte 2019 (neu).csv"]
    (text,) = texts(warehouse)
    written = next((warehouse.drop / "receipts").glob("*.txt")).stat().st_mtime_ns
    assert tell_unknown(warehouse) == []
    assert next((warehouse.drop / "receipts").glob("*.txt")).stat().st_mtime_ns == written
    assert "der Name passt zu keiner Quelle" in text and "the name fits no source" in text
    for source in contracts.sources():
        assert contracts.load(source).example in text
    assert file.exists() and query(warehouse, "select count(*) from raw.inbox_file") == [(0,)]
    file.write_bytes(b"another one")
    assert tell_unknown(warehouse) == ["drop/Beschäftigte 2019 (neu).csv"]


def test_one_look_lists_what_is_complete_and_answers_what_nobody_knows(warehouse, monkeypatch):
    put(warehouse)
    put(warehouse, "Unbekanntes.xlsx")
    connected, store = [], named._store
    monkeypatch.setattr(named, "_store", lambda own, label: connected.append(label) or store(own, label))
    found = inbox.look(warehouse, notifies=True)
    assert (found.new_sources(), found.notified, connected) == ([SOURCE], ["drop/Unbekanntes.xlsx"], ["drop"])


def test_the_name_of_an_unknown_file_does_not_enter_the_database(warehouse):
    put(warehouse, "Lebenslauf Erika Mustermann.pdf")
    drain(warehouse)
    tell_unknown(warehouse)
    assert "Mustermann" not in str(query(warehouse, "select f::text from raw.inbox_file as f"))


@pytest.mark.parametrize(
    "path",
    ["nobody/eu2_employees_2019.csv", f"{SOURCE}/2019/{NAME}", "a\nb.csv", "x" * 250 + ".csv", "-rf", "~", "a\\..\\b",
     "eu2_employees_2019.csv\n"],
)  # fmt: skip
def test_odd_names_and_folders_are_told_and_left_alone(warehouse, path):
    put(warehouse, path)
    assert drain(warehouse) == []
    assert tell_unknown(warehouse) == [f"drop/{path}"]
    (text,) = texts(warehouse)
    assert "\x0b" not in text and (warehouse.drop / path).exists()
    assert all("\n" not in file.name for file in (warehouse.drop / "receipts").iterdir())


def test_a_name_that_is_no_utf_8_is_told_and_left_alone(warehouse):
    for folder in ("", f"{SOURCE}/"):
        put(warehouse, f"{folder}umsatz_\udcfc.csv")
    assert drain(warehouse) == []
    assert len(tell_unknown(warehouse)) == 2 and len(texts(warehouse)) == 2


def test_odd_names_in_a_sources_folder_are_told_and_left_alone(warehouse):
    names = ["a\nb.csv", "x" * 251 + ".csv", "eu2 employees 2019.csv", "'; drop table raw.delivery; --.csv"]
    for name in names:
        put(warehouse, f"{SOURCE}/{name}")
    assert drain(warehouse) == [] and len(tell_unknown(warehouse)) == len(texts(warehouse)) == len(names)


@pytest.mark.parametrize(
    "key",
    ["drop/../secrets/known_hosts", "drop//etc/passwd", "drop/employment/../../keys/x", "drop/taken/1/a.csv",
     "drop/receipts/a.json", "elsewhere/a.csv", "drop", "sftp://x/y", "drop/employment/./a.csv"],
)  # fmt: skip
def test_a_key_that_leads_elsewhere_is_refused(warehouse, key):
    with pytest.raises(UserError, match="is no file of an inbox"):
        inbox.take(warehouse, key)


def test_links_are_not_followed(warehouse, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / NAME).write_bytes(bundled_bytes(SOURCE))
    warehouse.drop.mkdir(parents=True, exist_ok=True)
    (warehouse.drop / SOURCE).symlink_to(outside)
    (warehouse.drop / NAME).symlink_to(outside / NAME)
    assert keys(warehouse) == [] == unknown(warehouse)
    assert inbox.take(warehouse, f"drop/{NAME}") is None
    assert inbox.take(warehouse, f"drop/{SOURCE}/{NAME}") is None
    assert (outside / NAME).exists() and (warehouse.drop / NAME).is_symlink()


@pytest.mark.parametrize("folder", ["taken", "receipts"])
def test_a_link_in_the_place_of_a_folder_of_ours_leads_nothing_out(warehouse, tmp_path, folder):
    (tmp_path / "outside").mkdir()
    file = put(warehouse)
    (warehouse.drop / folder).symlink_to(tmp_path / "outside")
    if folder == "taken":
        with pytest.raises(UserError, match="has no folder taken"):
            drain(warehouse)
        assert file.exists()
    else:
        assert len(drain(warehouse)) == 1
    assert list((tmp_path / "outside").iterdir()) == []
    (warehouse.drop / folder).unlink()
    drain(warehouse)
    receipts.renew(warehouse)
    assert len(delivery_ledger.deliveries(warehouse)) == 1 and receipt(warehouse)["state"] == "loaded"


# --- taken ------------------------------------------------------------------------------------------------------------


def test_a_taken_file_lies_in_taken_and_one_about_persons_only_in_the_landing_zone(warehouse):
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    put(warehouse)
    drop(warehouse, "register", register(person("S1")))
    put(warehouse, f"register/{contracts.load('register').example}.ok", b"")
    for delivery in drain(warehouse):
        assert (warehouse.landing / delivery.landing_path).exists()
    kept = [file.name for file in (warehouse.drop / "taken").rglob("*") if file.is_file()]
    assert kept == [NAME]
    (told,) = [text for text in texts(warehouse) if "register" in text]
    assert "weil sie Angaben über Personen enthält" in told and "because it holds data about persons" in told
    assert list((warehouse.drop / "register").iterdir()) == []


def test_a_file_about_persons_that_is_refused_is_not_kept_in_taken_either(warehouse):
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    put(warehouse, "register/Melderegister neu.csv", register(person("S1")))
    drop(warehouse, "register", b"Falsch;" + register(person("S1")))
    assert {d.state for d in drain(warehouse)} == {"refused"}
    assert [file for file in (warehouse.drop / "taken").rglob("*") if file.is_file()] == []


def test_a_file_that_cannot_be_loaded_is_answered_tried_again_and_does_not_stop_others(warehouse):
    drop(warehouse, "register", register(person("S1")))
    put(warehouse)
    with pytest.raises(UserError, match="keys create"):
        drain(warehouse)
    assert [d.source for d in delivery_ledger.deliveries(warehouse)] == [SOURCE]
    (told,) = [text for text in texts(warehouse) if "register" in text]
    assert "EINGEGANGEN, noch nicht geladen" in told and "keys create" in told
    assert not inbox.is_drained(warehouse) and list(inbox.local_files(warehouse)) == ["register"]
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    (delivery,) = drain(warehouse)
    assert delivery.state == "loaded" and inbox.local_files(warehouse) == {}
    assert "GELADEN" in next(text for text in texts(warehouse) if "register" in text)


def test_the_same_bytes_again_are_answered_and_loaded_once(warehouse):
    deliver(warehouse, SOURCE)
    deliver(warehouse, SOURCE)
    assert len(delivery_ledger.deliveries(warehouse)) == 1
    first, second = texts(warehouse)
    assert "nothing was loaded twice" not in first and "nothing was loaded twice" in second


# --- two at once, overwritten, killed ---------------------------------------------------------------------------------


def test_two_workers_never_take_the_same_file(warehouse, monkeypatch):
    put(warehouse)
    inside, go_on = threading.Event(), threading.Event()
    original = intake.load_file

    def slow(*arguments):
        inside.set()
        assert go_on.wait(20)
        return original(*arguments)

    monkeypatch.setattr(intake, "load_file", slow)
    found = []
    first = threading.Thread(target=lambda: found.append(inbox.take(warehouse, f"drop/{SOURCE}/{NAME}")))
    first.start()
    assert inside.wait(20)
    assert inbox.take(warehouse, f"drop/{SOURCE}/{NAME}") is None
    go_on.set()
    first.join(20)
    assert [delivery.state for delivery in found] == ["loaded"]


def test_two_processes_take_each_file_once(warehouse, tmp_path):
    years = range(2010, 2022)
    for year in years:
        put(warehouse, f"{SOURCE}/eu2_employees_{year}.csv")
    assert sum(taken_by_two_processes(warehouse, tmp_path)) == len(years)
    periods = [delivery.period for delivery in delivery_ledger.deliveries(warehouse)]
    assert sorted(periods) == [str(year) for year in years]
    assert query(warehouse, "select count(*), count(distinct delivery_id) from raw.inbox_file") == [(12, 12)]
    assert len(list((warehouse.drop / "receipts").glob("*.json"))) == len(years)


def test_a_file_that_is_overwritten_while_it_is_read_is_a_new_delivery(warehouse, monkeypatch):
    content = bundled_bytes(SOURCE)
    put(warehouse, content=content)
    original = intake.load_file

    def overwritten(*arguments):
        put(warehouse, content=content + b"\r\n")  # the name is free again: this is another file
        return original(*arguments)

    monkeypatch.setattr(intake, "load_file", overwritten)
    (first,) = drain(warehouse)
    monkeypatch.undo()
    (second,) = drain(warehouse)
    assert first.sha256 != second.sha256 and {first.byte_size, second.byte_size} == {len(content), len(content) + 2}
    assert (warehouse.landing / first.landing_path).read_bytes() == content


def test_a_writer_that_goes_on_in_the_taken_file_is_waited_for(patient, monkeypatch):
    content = bundled_bytes(SOURCE)
    file = put(patient, content=content[:-5])
    put(patient, f"{SOURCE}/{NAME}.ok", b"")
    writer = file.open("ab")
    fsync = landing.os.fsync

    def written_meanwhile(handle):
        writer.write(content[-5:])
        writer.close()
        fsync(handle)

    monkeypatch.setattr(landing.os, "fsync", written_meanwhile)
    assert drain(patient) == []
    monkeypatch.undo()
    assert keys(patient) == [] and delivery_ledger.deliveries(patient) == []
    age_seen(patient, 31)
    (delivery,) = drain(patient)
    assert (patient.landing / delivery.landing_path).read_bytes() == content


def test_what_is_written_after_the_read_is_loaded_as_the_next_delivery(warehouse, monkeypatch):
    file = put(warehouse)
    original = intake.load_file

    def written_after(*arguments):
        with file.open("ab") if file.exists() else (warehouse.drop / f"taken/1/{NAME}").open("ab") as writer:
            delivery = original(*arguments)
            writer.write(b"\r\n")
        return delivery

    monkeypatch.setattr(intake, "load_file", written_after)
    assert drain(warehouse) == []
    monkeypatch.undo()
    (second,) = drain(warehouse)
    first = delivery_ledger.deliveries(warehouse)[0]
    assert first.byte_size + 2 == second.byte_size and first.delivery_id != second.delivery_id


def test_a_file_that_is_replaced_between_look_and_claim_is_not_taken_unseen(patient, monkeypatch):
    put(patient)
    put(patient, f"{SOURCE}/{NAME}.ok", b"")
    claim = files.claim

    def replaced(*arguments):
        row = claim(*arguments)
        put(patient, content=b"half a file")
        return row

    monkeypatch.setattr(inbox.files, "claim", replaced)
    assert drain(patient) == []
    monkeypatch.undo()
    assert delivery_ledger.deliveries(patient) == []
    assert (patient.drop / SOURCE / NAME).read_bytes() == b"half a file"
    assert query(patient, "select count(*) from raw.inbox_file where state = 'claimed'") == [(0,)]


STEPS = (
    (files, "claim"),
    (local.Local, "move"),
    (intake, "load_file"),
    (files, "set_delivery"),
    (local.Local, "remove"),
    (files, "finish"),
    (local.Local, "write"),
    (files, "set_notified"),
)
"""What taking a file does, one after the other."""


def killed(owner: object, name: str, is_before: bool, action) -> bool:
    """Run in a process that kills itself before or after this function; whether it came there."""
    child = os.fork()
    if child == 0:
        original = getattr(owner, name)

        def die(*arguments):
            if not is_before:
                original(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(owner, name, die)
        with contextlib.suppress(BaseException):
            action()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def wait_for_others(settings) -> None:
    """Wait until the server has noticed that a killed process is gone, and with it its turn at a file."""
    others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    deadline = time.monotonic() + 10
    while query(settings, others) != [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("is_before", [True, False])
@pytest.mark.parametrize("source", [SOURCE, "register"])
def test_killed_at_any_step_the_next_look_converges(warehouse, source, is_before):
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    died = []
    for n, (owner, name) in enumerate(STEPS):
        content = bundled_bytes(source) + b"\r\n" * n if source == SOURCE else register(person(f"S{n}"))
        file = drop(warehouse, source, content)
        (file.parent / f"{file.name}.sha256").write_text(hashlib.sha256(content).hexdigest())
        if killed(owner, name, is_before, lambda: drain(warehouse)):
            died.append(name)
            wait_for_others(warehouse)
        drain(warehouse)
        receipts.renew(warehouse)
        assert inbox.local_files(warehouse) == {} and list(file.parent.iterdir()) == [], name
        digests = [d.sha256 for d in delivery_ledger.deliveries(warehouse)]
        assert len(digests) == len(set(digests)) == n + 1, name
        told = {json.loads(f.read_text())["delivery"]["sha256"] for f in (warehouse.drop / "receipts").glob("*.json")}
        assert told == set(digests), name
        kept = [file for file in (warehouse.drop / "taken").rglob("*.csv")]
        assert len(kept) == (0 if source == "register" else n + 1), name
        assert query(warehouse, "select count(*) from raw.inbox_file where state <> 'done'") == [(0,)]
    assert died == [name for _, name in STEPS if name != "remove" or source == "register"]


def test_what_a_killed_copy_of_a_remote_file_leaves_is_found_by_retention(warehouse):
    left = warehouse.landing / "register" / ".incoming-7" / "register_05913000_2019-12-31.csv"
    left.parent.mkdir(parents=True)
    left.write_bytes(register(person("S1")))
    os.utime(left, (0, 0))
    assert [entry.why for entry in retention.apply(warehouse)] == ["left by a load that was cut off"]
    assert not left.exists()


def test_drained_knows_what_other_inboxes_had_at_the_last_look(warehouse):
    url = "sftp://user@sftp.example.org/incoming"
    own = replace(warehouse, inboxes=(url,))
    with database.connect(warehouse, database.LOADER) as connection:
        files.is_unchanged(connection, url, SOURCE, base.Entry(NAME, 1, "1", None), 30)
    assert inbox.is_drained(warehouse) and not inbox.is_drained(own)


@pytest.mark.parametrize(
    "text",
    ["ftp://example.org/x", "sftp://user:GEHEIM@example.org/x", "sftp:///x", "s3://bucket/x?key=GEHEIM", "/srv/drop",
     "sftp://example.org:99999/x", "s3://b/x?endpoint=https://s3.example.org#GEHEIM"],
)  # fmt: skip
def test_a_setting_that_is_no_inbox_is_named_without_its_text(text):
    with pytest.raises(UserError, match="LAGEBILD_INBOXES") as error:
        settings.load({"LAGEBILD_INBOXES": text})
    assert "GEHEIM" not in str(error.value)


def test_inboxes_and_patience_are_settings(tmp_path):
    home = {"LAGEBILD_HOME": str(tmp_path)}  # not that of this checkout, whose demo may run
    urls = "sftp://user@sftp.example.org:2222/in/  s3://bucket/x?endpoint=https://s3.example.org:9000"
    own = settings.load(home | {"LAGEBILD_INBOXES": urls, "LAGEBILD_INBOX_SETTLE_SECONDS": "7"})
    assert own.inboxes == ("sftp://user@sftp.example.org:2222/in", urls.split()[1]) and own.inbox_settle_seconds == 7
    again = settings.load(own.variables())
    assert (again.inboxes, again.inbox_settle_seconds) == (own.inboxes, 7)
    assert settings.load(home).inbox_settle_seconds == 30
    with pytest.raises(UserError, match="LAGEBILD_INBOX_SETTLE_SECONDS=soon"):
        settings.load({"LAGEBILD_INBOX_SETTLE_SECONDS": "soon"})


def test_inboxes_of_two_hosts_have_credentials_of_their_own():
    names = [base.access_name(url) for url in ("sftp://a@SFTP.example.org:22/x", "s3://my-bucket/x")]
    assert names == ["inbox_sftp_example_org", "inbox_my_bucket"]
