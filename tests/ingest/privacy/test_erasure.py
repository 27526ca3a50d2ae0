"""Erasure: a person's rows and bytes go, others' rows stay, and nothing tells afterwards who it was."""

import json

import pytest
from psycopg.types.json import Jsonb

from ingest.deliveries import delivery_ledger
from ingest.deliveries import pseudonyms as privacy
from ingest.loading import load
from ingest.privacy import erasure, rotation
from lagebild.core import database
from lagebild.core.errors import UserError
from tests.ingest.support import (
    BAD_BIRTH,
    command,
    deliver_register,
    follow,
    killed_at_each_step,
    lagebild,
    load_content,
    person,
    pseudonyms,
    register,
)
from tests.support import MUNICIPALITY, PURPOSE, checked, deliver, drop, load_key, query

OTHER = "05911000"


def erase(settings, identifier="S1", unseen=False):
    return erasure.erase(settings, MUNICIPALITY, PURPOSE, identifier, unseen_too=unseen)


def pseudonym(settings, identifier):
    return load_key(settings, MUNICIPALITY, PURPOSE).pseudonym(identifier)


def get(settings, delivery):
    with database.connect(settings) as connection:
        return delivery_ledger.get(connection, delivery.delivery_id)


def is_landed(settings, delivery):
    return (settings.landing / delivery.landing_path).exists()


def everything(settings) -> str:
    """All that the warehouse's tables hold, as text."""
    tables = query(settings, "select oid::regclass::text from pg_class where relkind in ('r', 'm') and oid >= 16384")
    return "\n".join(str(query(settings, f"select t::text from {table} as t")) for (table,) in tables)


def test_a_person_leaves_every_delivery_and_the_files_that_held_it(warehouse):
    first = deliver_register(warehouse, person("S1"), person("S2"))
    second = deliver_register(warehouse, person("S1", day="31.12.2020"), day="2020-12-31")
    without = deliver_register(warehouse, person("S2", day="31.12.2021"), day="2021-12-31")
    gone = pseudonym(warehouse, "S1")
    done = erase(warehouse)
    assert (done.loaded_rows, done.rejected_rows, done.landed_files) == (1, 0, 2)  # raw holds the row once
    assert pseudonyms(warehouse) == [pseudonym(warehouse, "S2")] * 2
    assert [is_landed(warehouse, d) for d in (first, second, without)] == [False, False, True]
    after = get(warehouse, first)
    assert (after.records, after.loaded, after.rejected) == (2, 2, 0)  # as of loading
    assert (after.erased_loaded, after.erased_rejected, after.erased_why) == (1, 0, "a person was erased")
    assert get(warehouse, without).erased_at is None
    assert gone not in everything(warehouse) and "S1" not in everything(warehouse)


def stock(settings) -> list[tuple]:
    """Rows of each stored snapshot, with the ledger's counts: what the order of loads and erasures may not change."""
    return query(
        settings,
        "select d.period, d.records, d.loaded, d.rejected, d.erased_loaded, d.erased_why is not null,"
        " count(s.delivery_id) from raw.delivery as d left join raw.register__person_snapshot as s"
        " on d.delivery_id = s.delivery_id where d.state <> 'refused' group by d.delivery_id order by d.period",
    )


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("rotates", [False, True])
def test_an_older_file_that_comes_after_the_erasure_ends_as_if_it_had_come_before(warehouse, late, rotates):
    deliver_register(warehouse, person("S1", day="31.12.2020"), person("S2", day="31.12.2020"), day="2020-12-31")
    if not late:
        deliver_register(warehouse, person("S1"), person("S2"), person("S3"))
    erase(warehouse)
    if rotates:
        rotation.rotate(warehouse, MUNICIPALITY, PURPOSE)
    if late:
        older = deliver_register(warehouse, person("S1"), person("S2"), person("S3"))
        assert not is_landed(warehouse, older) and older.erased_loaded == 1
        assert {v.expectation for v in checked(warehouse, older.delivery_id) if v.expectation == "has_rows"}
    assert stock(warehouse) == [
        ("05913000_2019-12-31", 3, 3, 0, 1, True, 2),
        ("05913000_2020-12-31", 2, 2, 0, 1, True, 1),
    ]
    assert pseudonym(warehouse, "S1") not in everything(warehouse)


def test_a_file_of_a_later_day_brings_a_person_back(warehouse):
    deliver_register(warehouse, person("S1"), person("S2"))
    erase(warehouse)
    with database.connect(warehouse) as connection:
        connection.execute("update raw.erased_person set erased_on = '2020-06-30'")
    newer = deliver_register(warehouse, person("S1", day="31.12.2020"), day="2020-12-31")
    assert newer.erased_loaded == 0 and is_landed(warehouse, newer)
    # The older one does not, though its row is the one that raw holds of the later day.
    older = deliver_register(
        warehouse, person("S1", day="30.06.2020"), person("S2", day="30.06.2020"), day="2020-06-30"
    )
    assert (older.loaded, older.erased_loaded) == (2, 1)
    assert pseudonyms(warehouse).count(pseudonym(warehouse, "S1")) == 1


def test_what_could_not_be_read_of_an_older_file_may_be_the_persons(warehouse):
    privacy.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    erase(warehouse, unseen=True)
    older = deliver_register(warehouse, person("S1", BAD_BIRTH), person("S2"), person("S3", BAD_BIRTH))
    assert (older.loaded, older.rejected, older.erased_loaded) == (2, 1, 1)  # of S1 nothing is looked at
    assert not is_landed(warehouse, older)
    assert query(warehouse, "select fields from raw.rejected_row") == [(None,)]


def test_nobody_is_dropped_of_another_municipality(warehouse):
    for municipality in (MUNICIPALITY, OTHER):
        privacy.ensure_key(warehouse.keys, municipality, PURPOSE)
    erase(warehouse, unseen=True)
    assert deliver_register(warehouse, person("S1", ags=OTHER), ags=OTHER).erased_loaded == 0


def test_the_event_says_how_much_and_never_who(warehouse):
    deliver_register(warehouse, person("S1"))
    erase(warehouse)
    (event,) = query(warehouse, "select * from raw.erasure")
    assert event[1:3] == (MUNICIPALITY, PURPOSE) and event[6:] == (1, 0, 0, 1)
    why = query(warehouse, "select why from raw.delivery_event order by event_id desc limit 1")
    assert why == [("landed bytes erased: a person was erased",)]


def test_an_identifier_of_which_nothing_is_stored_is_an_error_and_changes_nothing(warehouse):
    deliver_register(warehouse, person("S2"), person("S3", BAD_BIRTH))
    refused = deliver(warehouse, "register", register(person("S4")).replace(b"Stichtag", b"Tag"))
    drop(warehouse, "register", register(person("S5")), f"register_{MUNICIPALITY}_2020-12-31.csv")
    before = everything(warehouse)
    arguments = ["erase", "--municipality", "dortmund", "--purpose", PURPOSE, "--identifier-file", "-"]
    tried = command(warehouse, *arguments, text="S1-SECRET\n")
    said = str(tried.exception)
    assert tried.exit_code == 1 and "SECRET" not in said + tried.output
    assert "nothing of this person is stored, and nothing was changed: looked into 1 deliveries of register" in said
    waiting = f"drop/register/register_{MUNICIPALITY}_2020-12-31.csv"
    assert f"could not look into 1 rejected rows (masked), 1 refused files, {waiting}" in said
    assert everything(warehouse) == before and is_landed(warehouse, refused)

    done = command(warehouse, *arguments, "--unseen", text="S1-SECRET\n")
    assert done.exit_code == 0 and "emptied 1 rejected rows" in done.output and "deleted 2 landed files" in done.output
    assert command(warehouse, *arguments, text="S1-SECRET\n").exit_code == 0  # it was erased before


def test_with_unseen_the_event_is_recorded_though_the_person_is_not_there(warehouse):
    kept = deliver_register(warehouse, person("S2"))
    done = erase(warehouse, unseen=True)
    assert (done.loaded_rows, done.landed_files) == (0, 0) and is_landed(warehouse, kept)
    assert query(warehouse, "select count(*) from raw.erasure") == [(1,)]


def test_bytes_with_rejected_rows_go_because_any_of_them_may_be_the_persons(warehouse):
    mixed = deliver_register(warehouse, person("S2"), person("S1", BAD_BIRTH))
    done = erase(warehouse, unseen=True)
    assert (done.loaded_rows, done.blanked_rows, done.landed_files) == (0, 1, 1)
    assert not is_landed(warehouse, mixed)
    ((line, reasons, fields),) = query(warehouse, "select line_number, reasons, fields from raw.rejected_row")
    assert (line, fields) == (3, None)
    assert [sorted(reason) for reason in reasons] == [["code", "field", "message"]]
    assert {reason["message"] for reason in reasons} == {"erased"} and reasons[0]["field"] == "Geburtsdatum"
    assert erase(warehouse).blanked_rows == 0  # a second time there is nothing left to empty


def test_rejected_rows_that_are_known_to_be_the_persons_go(warehouse):
    delivery = deliver_register(warehouse, person("S1"), person("S2", BAD_BIRTH))
    with database.connect(warehouse) as connection:
        for line, fields in ((2, None), (98, {"x": pseudonym(warehouse, "S1")}), (99, {"x": "other"})):
            connection.execute(
                "insert into raw.rejected_row values (%s, %s, '[]', %s)", [delivery.delivery_id, line, Jsonb(fields)]
            )
    assert erase(warehouse).rejected_rows == 2
    assert query(warehouse, "select line_number from raw.rejected_row order by 1") == [(3,), (99,)]
    after = get(warehouse, delivery)
    assert (after.rejected, after.erased_rejected) == (1, 2)


def test_bytes_that_nobody_could_read_go_and_those_of_another_municipality_stay(warehouse, tmp_path):
    privacy.ensure_key(warehouse.keys, OTHER, PURPOSE)
    theirs = deliver_register(warehouse, person("S1", ags=OTHER), person("S9", BAD_BIRTH, ags=OTHER), ags=OTHER)
    refused = deliver(warehouse, "register", register(person("S1")).replace(b"Stichtag", b"Tag"))
    nameless = load_content(warehouse, "register", register(person("S1")), "export.csv", tmp_path)
    assert [refused.state, nameless.state] == ["refused", "refused"]
    assert erase(warehouse, unseen=True).landed_files == 2
    assert [is_landed(warehouse, d) for d in (refused, nameless, theirs)] == [False, False, True]
    assert query(warehouse, "select count(*) from raw.register__person") == [(1,)]
    assert query(warehouse, "select fields is null from raw.rejected_row") == [(False,)]


def test_bytes_that_a_later_attempt_read_completely_are_known_to_be_clean(warehouse):
    first = deliver_register(warehouse, person("S2"))
    with database.connect(warehouse) as connection:  # as if an earlier contract had refused them
        connection.execute("delete from raw.register__person")
        connection.execute("update raw.delivery set state = 'refused', records = null, loaded = null, rejected = null")
    deliver_register(warehouse, person("S2"))
    assert erase(warehouse, unseen=True).landed_files == 0 and is_landed(warehouse, first)


def test_a_person_is_found_after_rotations(warehouse):
    deliver_register(warehouse, person("S1"), person("S2"))
    for _ in range(2):
        rotation.rotate(warehouse, MUNICIPALITY, PURPOSE)
    assert erase(warehouse).loaded_rows == 1
    assert pseudonyms(warehouse) == [pseudonym(warehouse, "S2")]


def test_a_delivery_that_waits_for_its_check_is_judged_by_what_is_left(warehouse):
    delivery = deliver_register(warehouse, person("S1"), person("S2"))
    erase(warehouse)
    verdicts = {v.expectation: v.passed for v in checked(warehouse, delivery.delivery_id)}
    assert verdicts["rows_as_in_the_ledger"]
    with database.connect(warehouse) as connection:
        connection.execute("delete from raw.register__person")
    verdicts = {v.expectation: v.passed for v in checked(warehouse, delivery.delivery_id)}
    assert not verdicts["rows_as_in_the_ledger"]


def test_reload_says_that_the_bytes_are_erased(warehouse):
    held = delivery_ledger.decide(warehouse, deliver_register(warehouse, person("S1")).delivery_id, ["odd"])
    erase(warehouse)
    with pytest.raises(UserError, match="were erased on .*: a person was erased"):
        load.reload(warehouse, held.delivery_id)


def test_files_that_nobody_looked_into_are_named(warehouse):
    deliver_register(warehouse, person("S2"))
    drop(warehouse, "register", register(person("S1")), f"register_{MUNICIPALITY}_2020-12-31.csv")
    done = erase(warehouse, unseen=True)
    assert done.unseen == (f"drop/register/register_{MUNICIPALITY}_2020-12-31.csv",)
    assert "not looked into" in str(done)


@pytest.mark.nightly
def test_killed_at_every_step_nothing_is_half_erased_and_the_next_run_finishes(warehouse):
    made = []

    def prepare(n):
        day = f"20{n // 300:02d}-{1 + n // 28 % 12:02d}-{1 + n % 28:02d}"
        with database.connect(warehouse) as connection:
            connection.execute("delete from raw.erased_person")  # else the file would come without the person
        made.append(deliver_register(warehouse, person("S1"), person("S2"), day=day))
        return lambda: erase(warehouse)

    steps, before, after = [], 0, 0
    for n, step in killed_at_each_step(prepare):
        steps.append(step)
        delivery = get(warehouse, made[-1])
        (rows,) = query(
            warehouse, "select count(*) from raw.register__person_snapshot where delivery_id = %s", delivery.delivery_id
        )[0]
        asked = query(warehouse, "select landing_path from raw.landing_deletion")
        if rows == 2:
            before += 1
            assert (delivery.erased_at, delivery.erased_loaded) == (None, 0) and is_landed(warehouse, delivery), n
        else:
            after += 1
            assert rows == 1 and delivery.erased_at and delivery.erased_loaded == 1, (n, step)
            assert not is_landed(warehouse, delivery) or asked == [(delivery.landing_path,)], (n, step)
        erase(warehouse)
        assert get(warehouse, delivery).erased_loaded == 1 and not is_landed(warehouse, delivery), (n, step)
    assert before > 10 and after > 3 and {"commit", "unlink"} <= set(steps), steps
    assert set(pseudonyms(warehouse)) == {pseudonym(warehouse, "S2")}
    assert query(warehouse, "select count(*) from raw.landing_deletion") == [(0,)]


def test_wrong_input_erases_nothing_and_does_not_repeat_the_identifier(warehouse, tmp_path):
    deliver_register(warehouse, person("S1"))
    arguments = ["erase", "--municipality", MUNICIPALITY, "--purpose", PURPOSE, "--identifier-file", "-"]
    for text in ("", "  \n", "S1\nS2\n"):
        assert "exactly one line" in str(command(warehouse, *arguments, text=text).exception)
    (tmp_path / "binary").write_bytes(b"\xffS1")
    result = lagebild(warehouse, *arguments[:-1], str(tmp_path / "binary"), home=tmp_path)
    assert result.returncode == 1 and "S1" not in result.stderr and "Traceback" not in result.stderr
    with pytest.raises(UserError, match="no contract has the purpose"):
        erasure.erase(warehouse, MUNICIPALITY, "nonsense", "S1")
    with pytest.raises(UserError, match="keys create"):
        erasure.erase(warehouse, OTHER, PURPOSE, "S1")
    assert query(warehouse, "select count(*) from raw.register__person") == [(1,)]
    assert query(warehouse, "select count(*) from raw.erasure") == [(0,)]


def test_the_runbook_works_as_it_stands(warehouse, tmp_path):
    deliver_register(warehouse, person("S1"), person("S2"))
    (tmp_path / "identifier").write_text("S1\n")
    printed = follow("erase-a-person.md", "Erase", warehouse, tmp_path, MUNICIPALITY="Dortmund")
    assert "erased 1 rows and 0 rejected rows" in printed and "S1" not in printed
    assert not (tmp_path / "identifier").exists()
    assert pseudonyms(warehouse) == [pseudonym(warehouse, "S2")]
    shown = command(warehouse, "deliveries", "--format", "json").stdout
    assert json.loads(shown)[0]["erased_loaded"] == 1
