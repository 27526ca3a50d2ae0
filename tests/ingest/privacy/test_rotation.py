"""Rotation: the same persons under new pseudonyms, all or none, wherever the process dies."""

import threading
import time

import pytest
from psycopg.types.json import Jsonb

from ingest import contracts
from ingest.deliveries import pseudonyms as privacy
from ingest.loading import load
from ingest.privacy import rotation
from ingest.reading import readers
from lagebild.core import database
from lagebild.core.errors import UserError
from tests.inboxes import drain
from tests.ingest.support import (
    command,
    deliver_register,
    follow,
    killed_at_each_step,
    person,
    pseudonyms,
    register,
)
from tests.support import MUNICIPALITY, PURPOSE, drop, load_key, query

OTHER = "05911000"


def chain(settings):
    return load_key(settings, MUNICIPALITY, PURPOSE)


def rotate(settings):
    return rotation.rotate(settings, MUNICIPALITY, PURPOSE)


def expected(settings, *identifiers):
    return sorted(chain(settings).pseudonym(identifier) for identifier in identifiers)


def test_every_row_is_wrapped_and_later_deliveries_meet_the_same_person(warehouse):
    deliver_register(warehouse, person("S1"), person("S2"))
    old = pseudonyms(warehouse)
    done = rotate(warehouse)
    assert (done.version, done.loaded_rows, done.rejected_rows) == (1, 2, 0)
    assert pseudonyms(warehouse) == expected(warehouse, "S1", "S2")
    assert not set(old) & set(pseudonyms(warehouse))
    deliver_register(warehouse, person("S1", day="31.12.2020"), day="2020-12-31")
    persons = "select count(distinct person_pseudonym), count(*) from raw.register__person_snapshot"
    assert query(warehouse, persons) == [(2, 3)]
    assert rotate(warehouse).version == 2
    assert query(warehouse, persons) == [(2, 3)]
    assert pseudonyms(warehouse) == expected(warehouse, "S1", "S1", "S2")


def test_another_municipality_keeps_its_pseudonyms(warehouse):
    privacy.ensure_key(warehouse.keys, OTHER, PURPOSE)
    deliver_register(warehouse, person("S1", ags=OTHER), ags=OTHER)
    before = pseudonyms(warehouse)
    deliver_register(warehouse, person("S1"))
    assert rotate(warehouse).loaded_rows == 1
    assert set(before) <= set(pseudonyms(warehouse))
    assert load_key(warehouse, OTHER, PURPOSE).version == 0


def test_rejected_rows_that_hold_a_pseudonym_are_wrapped_and_masks_stay(warehouse):
    delivery = deliver_register(warehouse, person("S1"), person("S2", "30.02.2004"))
    old = chain(warehouse).pseudonym("S2")
    with database.connect(warehouse) as connection:
        connection.execute(
            "insert into raw.rejected_row values (%s, 99, '[]', %s)",
            [delivery.delivery_id, Jsonb({"Ordnungsmerkmal": old, "AGS": MUNICIPALITY})],
        )
    assert rotate(warehouse).rejected_rows == 1
    rows = query(warehouse, "select line_number, fields ->> 'Ordnungsmerkmal' from raw.rejected_row order by 1")
    assert rows == [(3, contracts.MASK), (99, chain(warehouse).pseudonym("S2"))]


def test_tables_that_come_later_are_wrapped_too_and_one_of_nobodys_rows_stops_it(warehouse):
    deliver_register(warehouse, person("S1"))
    old = pseudonyms(warehouse)
    with database.connect(warehouse) as connection:
        connection.execute(
            "create table raw.register__history as select %s::text as municipality, person_pseudonym"
            " from raw.register__person",
            [MUNICIPALITY],
        )
    assert rotate(warehouse).loaded_rows == 2
    history = query(warehouse, "select person_pseudonym from raw.register__history")
    assert [value for (value,) in history] == pseudonyms(warehouse) != old
    with database.connect(warehouse) as connection:
        connection.execute("alter table raw.register__history drop column municipality")
    before = pseudonyms(warehouse)
    with pytest.raises(UserError, match="register__history holds pseudonyms, and its rows name neither"):
        rotate(warehouse)
    assert pseudonyms(warehouse) == before == expected(warehouse, "S1")


def test_no_relation_outside_raw_stores_pseudonyms(warehouse):
    """Rotation and erasure look into raw only: elsewhere they may be computed (views), not kept."""
    stored = query(
        warehouse,
        "select c.oid::regclass::text from pg_class as c inner join pg_attribute as a on c.oid = a.attrelid"
        " where a.attname = 'person_pseudonym' and c.relkind in ('r', 'm', 'p')",
    )
    assert stored == [("raw.register__person",)]


def test_neither_old_nor_new_key_is_in_the_database_and_the_version_is(warehouse):
    deliver_register(warehouse, person("S1"))
    rotate(warehouse)
    tables = query(warehouse, "select oid::regclass::text from pg_class where relkind = 'r' and oid >= 16384")
    content = "".join(str(query(warehouse, f"select t::text from {table} as t")) for (table,) in tables)
    assert len(content) > 1000
    assert not [key for key in chain(warehouse).keys if key.hex() in content]
    assert query(warehouse, "select version, rotated_by <> '' from raw.pseudonym_key") == [(1, True)]


def test_killed_at_every_step_nothing_is_lost(warehouse):
    deliver_register(warehouse, person("S1"), person("S2"))
    steps, finished, thrown_away = [], 0, 0
    for n, step in killed_at_each_step(lambda n: lambda: rotate(warehouse)):
        steps.append(step)
        (version,) = query(warehouse, "select coalesce(max(version), 0) from raw.pseudonym_key")[0]
        has_name = privacy.key_path(warehouse.keys, MUNICIPALITY, PURPOSE, version).exists()
        thrown_away += privacy.pending_path(warehouse.keys, MUNICIPALITY, PURPOSE, version + 1).exists()
        assert chain(warehouse).version == version, (n, step)
        finished += not has_name  # died after the commit: whoever reads the chain puts the key in its place
        assert pseudonyms(warehouse) == expected(warehouse, "S1", "S2"), (n, step)
    assert {"fsync", "commit", "replace", "copy", "execute"} <= set(steps)
    assert len(steps) > 20 and finished and thrown_away, steps
    assert not list(warehouse.keys.glob("*.pending"))
    deliver_register(warehouse, person("S1", day="31.12.2020"), day="2020-12-31")
    assert pseudonyms(warehouse) == expected(warehouse, "S1", "S1", "S2")


def test_a_load_that_read_the_key_before_a_rotation_does_not_commit_after_it(warehouse, monkeypatch):
    deliver_register(warehouse, person("S1"))
    stale = chain(warehouse)
    rotate(warehouse)
    monkeypatch.setattr(load.pseudonyms, "load_key", lambda *arguments: stale)
    with pytest.raises(UserError, match="was rotated meanwhile"):
        deliver_register(warehouse, person("S1", day="31.12.2020"), day="2020-12-31")
    monkeypatch.undo()
    (delivery,) = drain(warehouse, "register")  # the file was left in the drop folder
    assert delivery.state == "loaded"
    assert pseudonyms(warehouse) == expected(warehouse, "S1", "S1")


def test_a_rotation_waits_for_the_load_under_way(warehouse, monkeypatch):
    deliver_register(warehouse, person("S1"))
    reading, go_on, read = threading.Event(), threading.Event(), readers.open_source

    def slow(contract, file, period):
        reading.set()
        assert go_on.wait(20)
        return read(contract, file, period)

    monkeypatch.setattr(load.readers, "open_source", slow)
    content = register(*(person(identifier, day="31.12.2020") for identifier in ("S1", "S3")))
    drop(warehouse, "register", content, f"register_{MUNICIPALITY}_2020-12-31.csv")
    loading = threading.Thread(target=drain, args=(warehouse, "register"))
    loading.start()
    assert reading.wait(20)
    rotating = threading.Thread(target=rotate, args=(warehouse,))
    rotating.start()
    waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted and database ="
    deadline = time.monotonic() + 20
    while query(warehouse, f"{waits} (select oid from pg_database where datname = current_database())") == [(0,)]:
        assert time.monotonic() < deadline, "the rotation did not wait"
        time.sleep(0.02)
    go_on.set()
    loading.join(20)
    rotating.join(20)
    assert chain(warehouse).version == 1
    assert pseudonyms(warehouse) == expected(warehouse, "S1", "S1", "S3")


def test_keys_newer_than_a_restored_warehouse_are_left_out_and_not_written_over(warehouse):
    deliver_register(warehouse, person("S1"))
    ahead = privacy.key_path(warehouse.keys, MUNICIPALITY, PURPOSE, 1)
    privacy.write_key(ahead)
    assert chain(warehouse).version == 0 and pseudonyms(warehouse) == expected(warehouse, "S1")
    with pytest.raises(UserError, match="was never rotated to it"):
        rotate(warehouse)
    assert ahead.exists() and pseudonyms(warehouse) == expected(warehouse, "S1")


def test_two_rotations_at_once_make_two_links(warehouse):
    deliver_register(warehouse, person("S1"))
    both = [threading.Thread(target=rotate, args=(warehouse,)) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(30)
    assert chain(warehouse).version == 2
    assert pseudonyms(warehouse) == expected(warehouse, "S1")


def test_a_key_that_never_was_cannot_be_rotated(warehouse):
    with pytest.raises(UserError, match="keys create"):
        rotate(warehouse)
    with pytest.raises(UserError, match="no contract has the purpose"):
        privacy.ensure_key(warehouse.keys, MUNICIPALITY, "nonsense")
        rotation.rotate(warehouse, MUNICIPALITY, "nonsense")


def test_the_runbook_works_as_it_stands(warehouse, tmp_path):
    deliver_register(warehouse, person("S1"))
    printed = follow("rotate-a-key.md", "Rotate", warehouse, tmp_path, MUNICIPALITY=MUNICIPALITY)
    assert "key version 1 is in force; 1 rows" in printed
    assert (tmp_path / "lagebild-keys" / f"{MUNICIPALITY}.{PURPOSE}.1.key").exists()
    assert pseudonyms(warehouse) == expected(warehouse, "S1")


def test_the_command_says_what_is_wrong(warehouse):
    result = command(warehouse, "keys", "rotate", "--municipality", "5913", "--purpose", PURPOSE)
    assert result.exit_code == 1 and "an AGS has 8 digits, this has 4" in str(result.exception)
