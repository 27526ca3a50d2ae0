"""A delivery loads whole or not at all; the ledger accounts for every record."""

import re
from dataclasses import replace

import pytest

from ingest import contracts, engine, landing, ledger, load, privacy
from lagebild.errors import UserError
from tests.support import MUNICIPALITY, PURPOSE, bundled_bytes, deliver, drop, query


def test_records_are_loaded_or_rejected_and_the_file_leaves_the_drop_folder(warehouse):
    privacy.ensure_key(warehouse, MUNICIPALITY, PURPOSE)
    dropped = drop(warehouse, "register")
    (delivery,) = load.drain(warehouse, "register")
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
    first = load.drain(warehouse, "employment")
    drop(warehouse, "employment")
    assert load.drain(warehouse, "employment") == first
    assert len(ledger.deliveries(warehouse)) == 1


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
    assert privacy.pseudonym(b"a" * 32, "1") != privacy.pseudonym(b"b" * 32, "1")
    assert privacy.pseudonym(b"a" * 32, "1") == privacy.pseudonym(b"a" * 32, "1")


def test_a_missing_key_loads_nothing_and_says_how_to_make_one(warehouse):
    dropped = drop(warehouse, "register")
    with pytest.raises(UserError, match=f"keys create --municipality {MUNICIPALITY} --purpose {PURPOSE}"):
        load.drain(warehouse, "register")
    assert dropped.exists()
    assert ledger.deliveries(warehouse) == []


@pytest.mark.parametrize("damage", ["not hexadecimal", "00ff"])
def test_a_damaged_key_is_named(warehouse, damage):
    warehouse.keys.mkdir(parents=True, exist_ok=True)
    privacy.key_path(warehouse, MUNICIPALITY, PURPOSE).write_text(damage)
    with pytest.raises(UserError, match="restore it from your backup"):
        privacy.load_key(warehouse, MUNICIPALITY, PURPOSE)


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
    (refused,) = load.drain(warehouse, "employment")
    assert refused.state == "refused"
    assert refused.file_name in refused.reason and "line 1" in refused.reason and "contract.yml:" in refused.reason
    assert query(warehouse, "select count(*) from raw.employment__employees") == [(0,)]
    drop(warehouse, "employment")
    (loaded,) = load.drain(warehouse, "employment")
    assert loaded.state == "loaded"


def test_a_refused_file_loads_after_the_contract_was_mended(warehouse, monkeypatch):
    contract = contracts.load("employment")
    broken = replace(contract, fields=(replace(contract.fields[0], title="Anders"), *contract.fields[1:]))
    monkeypatch.setattr(contracts, "load", lambda source: broken)
    drop(warehouse, "employment")
    (refused,) = load.drain(warehouse, "employment")
    assert refused.state == "refused"
    monkeypatch.undo()
    mended = load.reload(warehouse, refused.delivery_id)
    assert (mended.state, mended.attempt, mended.sha256) == ("loaded", 2, refused.sha256)
    assert [d.state for d in ledger.deliveries(warehouse)] == ["refused", "loaded"]


def test_a_file_name_without_a_period_is_refused(warehouse):
    drop(warehouse, "employment", name="beschaeftigte.csv")
    (refused,) = load.drain(warehouse, "employment")
    assert refused.state == "refused" and "file name" in refused.reason


def test_files_still_being_written_are_left_alone(warehouse):
    drop(warehouse, "employment", name="eu2_employees_2019.csv.part")
    assert load.drain(warehouse, "employment") == []


def test_a_reader_that_loses_a_row_loads_nothing(warehouse, monkeypatch):
    read_csv = engine.pl.read_csv

    def losing(*arguments, **options):
        return read_csv(*arguments, **options)[1:]

    monkeypatch.setattr(engine.pl, "read_csv", losing)
    drop(warehouse, "employment")
    with pytest.raises(UserError, match="lost rows"):
        load.drain(warehouse, "employment")
    assert ledger.deliveries(warehouse) == []
    assert query(warehouse, "select count(*) from raw.employment__employees") == [(0,)]


def test_a_load_that_dies_in_the_middle_leaves_nothing_and_a_retry_converges(warehouse, monkeypatch):
    def dying(*arguments):
        raise ConnectionError("the server went away")

    drop(warehouse, "employment")
    monkeypatch.setattr(load.ledger, "record", dying)
    with pytest.raises(ConnectionError):
        load.drain(warehouse, "employment")
    assert query(warehouse, "select count(*) from raw.employment__employees") == [(0,)]
    monkeypatch.undo()
    (delivery,) = load.drain(warehouse, "employment")
    assert delivery.state == "loaded"


def test_official_signs_are_no_zeros(warehouse):
    deliver(warehouse, "azr_nrw")
    signs = query(warehouse, "select persons, persons_sign from raw.azr_nrw__nationality where region_code = '05313'")
    assert signs and set(signs) == {(None, "-")}


def test_synthetic_rows_say_so_and_others_do_not(warehouse):
    for source in contracts.sources():
        deliver(warehouse, source)
        table = contracts.load(source).table
        classes = {row for (row,) in query(warehouse, f"select distinct evidence from raw.{table}")}
        assert (classes == {"synthetic"}) == (source in ("ledger", "register")), source


def test_a_real_export_without_the_evidence_column_counts_as_delivered(warehouse):
    lines = bundled_bytes("register").decode("iso-8859-1").splitlines()[:20]
    deliver(warehouse, "register", "\n".join(line.rsplit(";", 1)[0] for line in lines).encode("iso-8859-1"))
    assert query(warehouse, "select distinct evidence from raw.register__person") == [("delivered",)]


def test_a_landed_copy_is_whole_or_absent(warehouse, tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(b"x" * 1000)
    target = landing.land(warehouse, file, "source/2019/abc.csv")
    assert target.read_bytes() == file.read_bytes()
    assert [path.name for path in target.parent.iterdir()] == ["abc.csv"]
