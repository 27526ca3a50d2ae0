"""A delivery loads whole or not at all; the ledger accounts for every record."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ingest import contracts
from ingest.deliveries import delivery_ledger, landing, pseudonyms
from ingest.inbox import inbox
from ingest.loading import load
from ingest.reading import kernels
from lagebild.core import database, partial_files
from lagebild.core.errors import UserError
from tests.inboxes import drain
from tests.ingest.loading.test_made_up_rows import MADE_UP
from tests.ingest.support import load_content
from tests.support import MUNICIPALITY, PURPOSE, bundled_bytes, deliver, drop, load_file, load_key, query


def test_records_are_loaded_or_rejected_and_the_file_leaves_the_drop_folder(warehouse):
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    dropped = drop(warehouse, "register")
    (delivery,) = drain(warehouse, "register")
    assert delivery.state == "loaded"
    assert delivery.records == delivery.loaded + delivery.rejected
    assert query(warehouse, "select count(*) from raw.register__person") == [(delivery.loaded,)]
    assert query(warehouse, "select count(*) from raw.rejected_row") == [(delivery.rejected,)]
    assert delivery.rejected > 0
    assert not dropped.exists()
    landed = warehouse.landing / delivery.landing_path
    assert landing.sha256(landed) == delivery.sha256 == landed.stem


def test_the_same_bytes_twice_are_a_no_op(warehouse):
    drop(warehouse, "employment")
    first = drain(warehouse, "employment")
    drop(warehouse, "employment")
    assert drain(warehouse, "employment") == first
    assert len(delivery_ledger.deliveries(warehouse)) == 1


def test_no_identifier_reaches_the_database(warehouse):
    deliver(warehouse, "register")
    rows = query(
        warehouse,
        "select r::text from raw.register__person as r union all select j::text from raw.rejected_row as j"
        " union all select d::text from raw.delivery as d",
    )
    stored = {word for (row,) in rows for word in re.findall(r"[\w-]+", row)}
    content = bundled_bytes("register").decode("iso-8859-1")
    header, *lines = [line.split(";") for line in content.splitlines()]
    for name in ("Ordnungsmerkmal", "AZR-Nummer", "IdNr", "Familienname", "Vorname"):
        column = header.index(name)
        identifiers = {fields[column] for fields in lines if len(fields) == len(header) and fields[column]}
        assert len(identifiers) > 5
        assert not identifiers & stored, name


def test_pseudonyms_differ_between_keys(warehouse):
    assert pseudonyms.pseudonym(b"a" * 32, "1") != pseudonyms.pseudonym(b"b" * 32, "1")
    assert pseudonyms.pseudonym(b"a" * 32, "1") == pseudonyms.pseudonym(b"a" * 32, "1")


def test_a_missing_key_loads_nothing_and_says_how_to_make_one(warehouse):
    dropped = drop(warehouse, "register")
    with pytest.raises(UserError, match=f"keys create --municipality {MUNICIPALITY} --purpose {PURPOSE}"):
        drain(warehouse, "register")
    (waiting,) = inbox.local_files(warehouse)["register"]
    assert waiting.name == dropped.name and waiting.read_bytes() == bundled_bytes("register")
    assert delivery_ledger.deliveries(warehouse) == []


@pytest.mark.parametrize("damage", ["not hexadecimal", "00ff"])
def test_a_damaged_key_is_named(warehouse, damage):
    warehouse.keys.mkdir(parents=True, exist_ok=True)
    pseudonyms.key_path(warehouse.keys, MUNICIPALITY, PURPOSE).write_text(damage)
    with pytest.raises(UserError, match="restore it from your backup"):
        load_key(warehouse, MUNICIPALITY, PURPOSE)


def test_rejected_rows_say_line_and_reason_and_mask_personal_fields(warehouse):
    deliver(warehouse, "register")
    rejected = query(warehouse, "select line_number, reasons, fields from raw.rejected_row order by 1")
    codes = {reason["code"] for _, reasons, _ in rejected for reason in reasons}
    assert {"type", "field_count"} <= codes
    for _, reasons, fields in rejected:
        if reasons[0]["code"] == "field_count":
            assert fields is None  # no column can be trusted, so no text is kept
        else:
            assert {fields[name] for name in ("Familienname", "Vorname", "Geburtsdatum", "IdNr")} == {load.MASK}


def test_a_wrong_header_is_refused_and_loads_after_the_file_was_mended(warehouse):
    header = contracts.load("employment").fields[0].title.encode()
    drop(warehouse, "employment", bundled_bytes("employment").replace(header, b"Unbekannt", 1))
    (refused,) = drain(warehouse, "employment")
    assert refused.state == "refused"
    assert refused.file_name in refused.reason and "line 1" in refused.reason and "contract.yml:" in refused.reason
    assert query(warehouse, "select count(*) from raw.employment__employees") == [(0,)]
    drop(warehouse, "employment")
    (loaded,) = drain(warehouse, "employment")
    assert loaded.state == "loaded"


def test_a_refused_file_loads_after_the_contract_was_mended(warehouse, monkeypatch):
    contract = contracts.load("employment")
    broken = replace(contract, fields=(replace(contract.fields[0], title="Anders"), *contract.fields[1:]))
    monkeypatch.setattr("ingest.contracts.load", lambda source: broken)
    drop(warehouse, "employment")
    (refused,) = drain(warehouse, "employment")
    assert refused.state == "refused"
    monkeypatch.undo()
    mended = load.reload(warehouse, refused.delivery_id)
    assert (mended.state, mended.attempt, mended.sha256) == ("loaded", 2, refused.sha256)
    assert [d.state for d in delivery_ledger.deliveries(warehouse)] == ["refused", "loaded"]


def test_a_file_name_without_a_period_is_refused(warehouse, tmp_path):
    refused = load_content(warehouse, "employment", bundled_bytes("employment"), "beschaeftigte.csv", tmp_path)
    assert refused.state == "refused" and "name of the file" in refused.reason
    assert "eu2_employees_2019.csv" in refused.reason and "?P<" not in refused.reason


def test_files_still_being_written_are_left_alone(warehouse):
    drop(warehouse, "employment", name="eu2_employees_2019.csv.part")
    assert drain(warehouse, "employment") == []


def test_a_reader_that_loses_a_row_loads_nothing(warehouse, monkeypatch):
    split = kernels.split

    def losing(*arguments):
        split(*arguments)
        arguments[-2][0] = kernels.BLANK  # the kind of the first line

    monkeypatch.setattr(kernels, "split", losing)
    drop(warehouse, "employment")
    with pytest.raises(UserError, match="lost rows"):
        drain(warehouse, "employment")
    assert delivery_ledger.deliveries(warehouse) == []
    assert query(warehouse, "select count(*) from raw.employment__employees") == [(0,)]


def test_a_load_that_dies_in_the_middle_leaves_nothing_and_a_retry_converges(warehouse, monkeypatch):
    def dying(*arguments):
        raise ConnectionError("the server went away")

    drop(warehouse, "employment")
    monkeypatch.setattr(load.delivery_ledger, "record", dying)
    with pytest.raises(ConnectionError):
        drain(warehouse, "employment")
    assert query(warehouse, "select count(*) from raw.employment__employees") == [(0,)]
    monkeypatch.undo()
    (delivery,) = drain(warehouse, "employment")
    assert delivery.state == "loaded"


def register_rows(*changes: dict[int, str]) -> bytes:
    """A register of one good row a change, the changed fields (by place) put in; CRLF and a blank line."""
    header, good = bundled_bytes("register").decode("iso-8859-1").splitlines()[:2]
    rows = []
    for n, change in enumerate(changes):
        fields = good.split(";")
        fields[2] = str(n)
        for place, text in change.items():
            fields[place] = text
        rows.append(";".join(fields))
    return "\r\n".join([header, "", *rows, ""]).encode("iso-8859-1")


@pytest.mark.parametrize("moment", ["fcntl.flock", "os.chmod"])
def test_a_copy_under_way_is_not_cleared_by_another_load_of_the_same_file(tmp_path, warehouse, monkeypatch, moment):
    """Before it is locked, and when it is written: another load tidies up just then."""
    file, folder = tmp_path / "a.csv", warehouse.landing / "employment" / "2019"
    file.write_bytes(b"whole")
    module, name = moment.split(".")
    original, others = getattr(sys.modules[module], name), []

    def meets_another(*arguments):
        if not others:
            others.append(True)
            partial_files.clear(folder, ".unfinished-*")
        return original(*arguments)

    monkeypatch.setattr(sys.modules[module], name, meets_another)
    digest, target = landing.land(warehouse.landing, file, "employment", "2019")
    assert others and [path.name for path in folder.iterdir()] == [f"{digest}.csv"]
    assert target.read_bytes() == b"whole"


def test_exact_repeats_keep_the_first_and_conflicting_keys_are_all_rejected(warehouse):
    same = {2: "4711"}
    delivery = deliver(warehouse, "register", register_rows({}, same, {}, same, {2: "12"}, {2: "12", 8: "D"}, same))
    assert (delivery.records, delivery.loaded, delivery.rejected) == (7, 3, 4)
    rejected = query(warehouse, "select line_number, reasons->0->>'code', fields from raw.rejected_row order by 1")
    assert [row[:2] for row in rejected] == [(6, "repeat"), (7, "conflict"), (8, "conflict"), (9, "repeat")]
    assert {fields["Ordnungsmerkmal"] for _, _, fields in rejected} == {load.MASK}
    assert query(warehouse, "select line_number from raw.register__person order by 1") == [(3,), (4,), (5,)]


def test_rows_taken_back_show_no_free_text_beside_personal_fields(warehouse, tmp_path):
    contract = contracts.load("register")
    fields = tuple(replace(field, mapping=None) if field.name == "sex" else field for field in contract.fields)
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    file = tmp_path / contract.example
    file.write_bytes(register_rows({2: "12", 8: "Geheimname"}, {2: "12", 8: "Geheimname", 9: "125"}))
    assert load_file(warehouse, replace(contract, fields=fields), file).rejected == 2
    shown = query(warehouse, "select fields from raw.rejected_row")
    assert [fields["Geschlecht"] for (fields,) in shown] == [load.MASK] * 2
    assert {fields["Staatsangehörigkeit"] for (fields,) in shown} >= {"125"}


def test_the_loader_takes_back_only_what_it_loads_in_the_same_transaction(warehouse):
    delivery = deliver(warehouse, "employment")
    with pytest.raises(Exception, match="is not being loaded in this transaction"):
        query(
            warehouse,
            "select raw.take_back('employment__employees', %s, '{2}')",
            delivery.delivery_id,
            role=database.LOADER,
        )


def test_a_broken_quote_in_a_register_costs_one_row_and_keeps_no_text_of_a_person(warehouse):
    content = register_rows({}, {5: '"Geheimname'}, {}, {6: 'Geheim"name'}, {5: '"von\r\nGeheim"'}, {})
    delivery = deliver(warehouse, "register", content)
    assert (delivery.records, delivery.loaded, delivery.rejected) == (6, 4, 2)
    rejected = query(warehouse, "select line_number, reasons, fields from raw.rejected_row order by 1")
    assert [line for line, _, _ in rejected] == [4, 6]
    for _, (reason,), fields in rejected:
        assert reason["code"] == "quoting" and "of the file" in reason["message"] and fields is None
    lines = query(warehouse, "select line_number from raw.register__person order by 1")
    assert lines == [(3,), (5,), (7,), (9,)]
    statement = "select r::text from raw.rejected_row as r union all select d::text from raw.delivery as d"
    everything = query(warehouse, statement)
    assert "eheim" not in str(everything)


def test_rows_stand_in_the_order_of_the_file(warehouse, monkeypatch):
    monkeypatch.setattr("ingest.reading.scan.BLOCK_BYTES", 500)
    deliver(warehouse, "register", register_rows(*[{}] * 200))
    rows = query(warehouse, "select line_number, person_pseudonym from raw.register__person order by ctid")
    key = load_key(warehouse, MUNICIPALITY, PURPOSE)
    assert rows == [(n + 3, key.pseudonym(str(n))) for n in range(200)]


def test_utf_8_that_shows_only_at_the_end_of_a_file_loads_nothing(warehouse, monkeypatch):
    monkeypatch.setattr("ingest.reading.scan.BLOCK_BYTES", 500)
    content = register_rows(*[{}] * 200).decode("iso-8859-1").encode()
    delivery = deliver(warehouse, "register", content)
    assert delivery.state == "refused" and "UTF-8" in delivery.reason
    assert query(warehouse, "select count(*) from raw.register__person") == [(0,)]


def test_official_signs_are_no_zeros(warehouse):
    deliver(warehouse, "azr_nrw")
    signs = query(warehouse, "select persons, persons_sign from raw.azr_nrw__nationality where region_code = '05313'")
    assert signs and set(signs) == {(None, "-")}


def test_synthetic_rows_say_so_and_others_do_not(warehouse):
    for source in contracts.sources():
        deliver(warehouse, source)
        table = contracts.load(source).table
        classes = {row for (row,) in query(warehouse, f"select distinct evidence from raw.{table}")}
        assert (classes == {"synthetic"}) == (source in MADE_UP), source


def test_a_real_export_without_the_evidence_column_counts_as_delivered(warehouse):
    lines = bundled_bytes("register").decode("iso-8859-1").splitlines()[:20]
    deliver(warehouse, "register", "\n".join(line.rsplit(";", 1)[0] for line in lines).encode("iso-8859-1"))
    assert query(warehouse, "select distinct evidence from raw.register__person") == [("delivered",)]


def test_a_landed_copy_is_whole_or_absent(warehouse, tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(b"x" * 1000)
    for _ in range(2):
        digest, target = landing.land(warehouse.landing, file, "source", "2019")
        assert target.read_bytes() == file.read_bytes()
        assert [path.name for path in target.parent.iterdir()] == [f"{digest}.csv"]


@pytest.mark.parametrize("meanwhile", [lambda file: file.write_bytes(b"y" * 1001), Path.unlink])
def test_a_file_that_is_still_written_is_not_landed(warehouse, tmp_path, monkeypatch, meanwhile):
    file = tmp_path / "a.csv"
    file.write_bytes(b"x" * 1000)
    monkeypatch.setattr(landing.os, "fsync", lambda handle: meanwhile(file))
    with pytest.raises(UserError, match="changed while it was read"):
        landing.land(warehouse.landing, file, "source", "2019")
    assert not any(path.is_file() for path in warehouse.landing.rglob("*"))


@pytest.mark.parametrize("source", ["register", "azr_nrw"])  # in blocks, and whole
def test_progress_is_told_up_to_the_last_byte(warehouse, source):
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    file, told = drop(warehouse, source), []
    load_file(warehouse, contracts.load(source), file, progress=told.append)
    assert sum(told) == file.stat().st_size


def test_a_file_with_another_sum_than_its_sender_says_is_landed_and_refused(warehouse):
    file = drop(warehouse, "employment")
    refused = load_file(warehouse, contracts.load("employment"), file, "0" * 64)
    assert refused.state == "refused" and f"its SHA-256 is {refused.sha256}" in refused.reason
    assert (warehouse.landing / refused.landing_path).exists()
    loaded = load_file(warehouse, contracts.load("employment"), file, refused.sha256)
    assert (loaded.state, loaded.attempt) == ("loaded", 2)
