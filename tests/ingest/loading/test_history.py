"""Register history: whatever comes in whatever order, raw holds what the accepted snapshots say, and each can be read.

The model is a dictionary in Python; the database is real. Rows of made-up persons.
"""

import errno
import itertools
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ingest import contracts
from ingest.deliveries import delivery_ledger, pseudonyms
from ingest.deliveries.delivery_ledger import Delivery
from ingest.loading import load
from ingest.loading.engine import Engine
from ingest.loading.keys import ENTRY
from ingest.loading.snapshots import comparison as history
from ingest.loading.snapshots import digests, views
from ingest.loading.snapshots import rebuild as snapshots_rebuild
from ingest.privacy import erasure, rotation
from ingest.reading import kernels
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from tests.ingest.support import load_content, person, register
from tests.support import MUNICIPALITY, PURPOSE, checked, load_key, query

DAYS = [date(2020, month, 1) - timedelta(days=1) for month in range(2, 6)]
BIRTHS = ("01.01.1990", "02.02.1991", "03.03.1992")
_series = itertools.count(1)

PARTS = "select part_id from raw.snapshot_part where delivery_id = %s order by 1"
BASES = """
    with recursive part as (
        select delivery_id, delivery_id as part_id from raw.snapshot
        union all
        select part.delivery_id, snapshot.base_id
        from part inner join raw.snapshot on part.part_id = snapshot.delivery_id
        where snapshot.base_id is not null
    )
    select delivery_id, part_id from part
"""

Stock = dict[str, int]
"""What a snapshot says: person -> number of the birth date, -1 for a row that says another day than the snapshot's."""

STOCKS = st.dictionaries(st.sampled_from("ABCDE"), st.sampled_from([0, 0, 0, 0, 1, 1, 2, -1]), min_size=1)
COMMANDS = st.tuples(
    st.sampled_from(["comes", "comes", "comes", "withdraw", "reload", "refuse", "forget"]),
    st.integers(0, len(DAYS) - 1),
    st.integers(0, 5),
    st.booleans(),
)


class City:
    """The deliveries of one municipality of its own."""

    def __init__(self, warehouse: Settings, folder: Any):
        self.warehouse, self.folder = warehouse, folder
        self.ags = f"{next(_series):08d}"
        self.ags = f"05{self.ags[2:]}"
        self.stocks: dict[int, tuple[date, Stock]] = {}
        pseudonyms.ensure_key(warehouse.keys, self.ags, PURPOSE)
        key = load_key(warehouse, self.ags, PURPOSE)
        self.names = {key.pseudonym(name): name for name in "ABCDE"}

    def comes(self, day: date, stock: Stock) -> Delivery:
        content = register(
            *(
                person(name, BIRTHS[birth], ags=self.ags, day="30.11.2019" if birth < 0 else f"{day:%d.%m.%Y}")
                for name, birth in stock.items()
            )
        )
        name = f"register_{self.ags}_{day}.csv"
        delivery = load_content(self.warehouse, "register", content, name, self.folder)
        self.stocks[delivery.delivery_id] = (day, stock)
        return delivery

    def accept(self, delivery: Delivery) -> Delivery:
        decided = delivery_ledger.decide(self.warehouse, delivery.delivery_id, [])
        if decided.state == "held":
            return delivery_ledger.accept(self.warehouse, decided.delivery_id, "because", supersedes=True)
        return decided

    def in_state(self, *states: str) -> list[Delivery]:
        with database.connect(self.warehouse, database.LOADER) as connection:
            every = delivery_ledger.of_source(connection, "register")
        return [d for d in every if d.state in states and d.period.startswith(self.ags)]

    def snapshot(self, delivery_id: int) -> Stock:
        """A stored snapshot as raw gives it back."""
        day, _ = self.stocks[delivery_id]
        rows = query(
            self.warehouse,
            "select person_pseudonym, birth_year, reference_date from raw.register__person_snapshot"
            " where delivery_id = %s",
            delivery_id,
            role=database.BUILDER,
        )
        assert len(rows) == len({row[0] for row in rows})
        assert {row[2] for row in rows} <= {day, date(2019, 11, 30)}
        return {self.names[p]: _birth(year, said == day) for p, year, said in rows}

    def history(self) -> set[tuple]:
        """The history as raw gives it: (person, birth, from, to)."""
        rows = query(
            self.warehouse,
            "select person_pseudonym, birth_year, reference_date, valid_from, valid_to"
            " from raw.register__person_history where series = %s",
            self.ags,
            role=database.LOADER,
        )
        found = [(self.names[p], _birth(year, said is None), start, end) for p, year, said, start, end in rows]
        assert len(found) == len(set(found))
        return set(found)

    def expected(self) -> set[tuple]:
        """The same from the accepted snapshots in order: the longest runs of snapshots with the same row."""
        accepted = sorted((self.stocks[d.delivery_id] for d in self.in_state("accepted")), key=lambda stock: stock[0])
        found, open_ = set(), {}
        for day, stock in accepted:
            rows = set(stock.items())
            found |= {(*row, start, day) for row, start in open_.items() if row not in rows}
            open_ = {row: open_.get(row, day) for row in rows}
        return found | {(*row, start, None) for row, start in open_.items()}


def _birth(year: int, is_own_day: bool) -> int:
    return [birth[-4:] for birth in BIRTHS].index(str(year)) if is_own_day else -1


def _check(city: City) -> None:
    assert city.history() == city.expected()
    for delivery_id, (_, stock) in city.stocks.items():
        assert city.snapshot(delivery_id) == stock
    for delivery in city.in_state(*delivery_ledger.STATES):
        assert delivery.records == delivery.loaded == len(city.stocks[delivery.delivery_id][1])
    kept, led = "select delivery_id, part_id from raw.snapshot_part order by 1, 2", f"{BASES} order by 1, 2"
    assert query(city.warehouse, kept) == query(city.warehouse, led)


def _do(city: City, command: tuple, stocks: list[Stock]) -> None:
    verb, day, pick, is_accepted = command
    if verb == "comes":
        delivery = city.comes(DAYS[day], stocks[pick])
        if is_accepted and delivery.state in ("loaded", "held"):
            city.accept(delivery)
        elif pick % 2:
            delivery_ledger.decide(city.warehouse, delivery.delivery_id, ["odd"])
        return
    if verb == "forget":
        digests.forget(city.warehouse.home, "register")
        return
    states = {"withdraw": ("accepted", "superseded"), "reload": ("refused", "withdrawn", "held"), "refuse": ("held",)}
    found = city.in_state(*states[verb])
    if not found:
        return
    delivery = found[pick % len(found)]
    if verb == "reload":
        again = load.reload(city.warehouse, delivery.delivery_id)
        city.stocks[again.delivery_id] = city.stocks[delivery.delivery_id]
        if is_accepted and again.state == "loaded":
            city.accept(again)
    else:
        getattr(delivery_ledger, verb)(city.warehouse, delivery.delivery_id, "because")


def test_the_history_is_that_of_the_accepted_snapshots_in_order(warehouse, tmp_path):
    seen = set()

    @hypothesis_settings(
        max_examples=30,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(stocks=st.lists(STOCKS, min_size=6, max_size=6), commands=st.lists(COMMANDS, min_size=4, max_size=14))
    def holds(stocks, commands):
        city = City(warehouse, tmp_path)
        for command in commands:
            _do(city, command, stocks)
        _check(city)
        # The same accepted set, entered in order into a fresh series, gives the same history.
        fresh = City(warehouse, tmp_path)
        for day, stock in sorted((city.stocks[d.delivery_id] for d in city.in_state("accepted")), key=lambda s: s[0]):
            fresh.accept(fresh.comes(day, stock))
        assert fresh.history() == city.history()
        seen.update(d.state for d in city.in_state(*delivery_ledger.STATES))

    holds()
    assert seen >= {"accepted", "held", "loaded", "superseded", "withdrawn"}


@pytest.fixture
def city(warehouse, tmp_path) -> City:
    return City(warehouse, tmp_path)


def test_raw_keeps_only_what_changed(city):
    first = city.accept(city.comes(DAYS[0], {"A": 0, "B": 0, "C": 0}))
    second = city.accept(city.comes(DAYS[1], {"A": 0, "B": 1, "D": 0}))
    rows = query(city.warehouse, "select delivery_id, count(*) from raw.register__person group by 1 order by 1")
    assert rows == [(first.delivery_id, 3), (second.delivery_id, 2)]
    assert query(city.warehouse, "select count(*) from raw.register__person_end") == [(2,)]
    assert (second.records, second.loaded, second.rejected) == (3, 3, 0)
    _check(city)


def test_a_snapshot_enters_the_history_on_acceptance(city):
    city.accept(city.comes(DAYS[0], {"A": 0}))
    pending = city.comes(DAYS[1], {"B": 0})
    assert city.history() == {("A", 0, DAYS[0], None)}
    assert city.snapshot(pending.delivery_id) == {"B": 0}
    city.accept(pending)
    assert city.history() == {("A", 0, DAYS[0], DAYS[1]), ("B", 0, DAYS[1], None)}


def test_a_late_month_splits_and_its_withdrawal_joins_again(city):
    city.accept(city.comes(DAYS[0], {"A": 0}))
    city.accept(city.comes(DAYS[2], {"A": 0, "B": 0}))
    before = city.history()
    late = city.accept(city.comes(DAYS[1], {"B": 0}))
    assert city.history() == {("A", 0, DAYS[0], DAYS[1]), ("A", 0, DAYS[2], None), ("B", 0, DAYS[1], None)}
    delivery_ledger.withdraw(city.warehouse, late.delivery_id, "wrong")
    assert city.history() == before == city.expected()


def test_what_a_build_has_fixed_stays_as_it_was(city):
    city.accept(city.comes(DAYS[0], {"A": 0}))
    fixed = city.accept(city.comes(DAYS[1], {"A": 0, "B": 0}))
    city.accept(city.comes(DAYS[1], {"A": 1}))
    delivery_ledger.withdraw(city.warehouse, fixed.delivery_id, "wrong")
    assert city.snapshot(fixed.delivery_id) == {"A": 0, "B": 0}


@pytest.mark.parametrize(
    ("damage", "is_used"),
    [
        (lambda path: None, True),
        (lambda path: path.unlink(), False),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), False),
        (lambda path: path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]), False),
        (lambda path: path.write_bytes(b""), False),
    ],
)
def test_digests_are_but_a_cache(city, monkeypatch, damage, is_used):
    first = city.accept(city.comes(DAYS[0], {"A": 0, "B": 1, "C": -1}))
    path = digests.path_of(city.warehouse.home, "register", city.ags, first.delivery_id)
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    damage(path)
    rebuilt = []
    rebuild = snapshots_rebuild.rebuild
    monkeypatch.setattr(
        "ingest.loading.snapshots.comparison.rebuild", lambda *given: (rebuilt.append(1), rebuild(*given))
    )
    second = city.accept(city.comes(DAYS[1], {"A": 0, "B": 2, "C": -1}))
    assert bool(rebuilt) != is_used
    brought = "select count(*) from raw.register__person where delivery_id = %s"
    assert query(city.warehouse, brought, second.delivery_id) == [(1,)]
    _check(city)


def test_digests_made_from_raw_are_those_of_the_load(city, monkeypatch):
    first = city.comes(DAYS[0], {"A": 0, "B": 1, "C": -1})
    path = digests.path_of(city.warehouse.home, "register", city.ags, first.delivery_id)
    loaded = path.read_bytes()
    path.unlink()
    contract = contracts.load("register")
    with history.comparing(city.warehouse, contract, f"{city.ags}_{DAYS[1]}", None) as comparison:
        comparison._key_version = 0
        with database.connect(city.warehouse, database.LOADER) as connection:
            comparison._digests(connection, first.delivery_id, None).close()
    made = [_entries(data) for data in (path.read_bytes(), loaded)]
    assert made[0] == made[1] and len(made[0]) == 3


def _entries(data: bytes) -> list[tuple]:
    """Key, content and place of each row, without the hash of its text."""
    body = data[: -8 - int.from_bytes(data[-8:], "little")]
    return np.frombuffer(body, ENTRY)[["key", "content", "line"]].tolist()


def test_a_load_that_fails_leaves_no_digests(city, monkeypatch):
    monkeypatch.setattr(delivery_ledger, "record", _fails)
    with pytest.raises(RuntimeError):
        city.comes(DAYS[0], {"A": 0})
    assert [p for p in (city.warehouse.home / "digests").rglob("*") if p.is_file()] == []


def _fails(*_):
    raise RuntimeError


def test_a_disk_that_is_full_after_the_commit_costs_the_digests_alone(city, monkeypatch):
    monkeypatch.setattr("pathlib.Path.rename", _is_full)
    # Landing needs it, too: only the one of the digests fails.
    assert city.comes(DAYS[0], {"A": 0}).state == "loaded"
    assert [p for p in (city.warehouse.home / "digests").rglob("*") if p.is_file()] == []
    monkeypatch.undo()
    city.comes(DAYS[1], {"A": 0, "B": 0})
    assert query(city.warehouse, "select count(*) from raw.register__person") == [(2,)]


_rename = Path.rename


def _is_full(path: Path, target: Path) -> Path:
    if target.suffix == ".digests":
        raise OSError(errno.ENOSPC, "no space left on the device")
    return _rename(path, target)


def test_a_coincidence_of_hashes_is_noticed(city, monkeypatch):
    city.accept(city.comes(DAYS[0], {"A": 0}))
    monkeypatch.setattr(digests.Members, "has", lambda self, hashes: hashes == hashes)
    with pytest.raises(UserError, match="rows are new, but PostgreSQL took 0"):
        city.comes(DAYS[1], {"B": 0})
    assert len(city.in_state(*delivery_ledger.STATES)) == 1


def test_doubled_keys_among_known_rows(city):
    city.accept(city.comes(DAYS[0], {"A": 0, "B": 0, "C": 0}))
    day = f"{DAYS[1]:%d.%m.%Y}"

    def row(name: str, birth: int) -> str:
        return person(name, BIRTHS[birth], ags=city.ags, day=day)

    # A stands twice as it was; B as it was and otherwise; C stands twice otherwise.
    content = register(row("A", 0), row("A", 0), row("B", 0), row("B", 1), row("C", 1), row("C", 1))
    name = f"register_{city.ags}_{DAYS[1]}.csv"
    delivery = load_content(city.warehouse, "register", content, name, city.folder)
    assert (delivery.records, delivery.loaded, delivery.rejected) == (6, 2, 4)
    rejected = query(
        city.warehouse, "select line_number, reasons->0->>'code', fields->>'AGS' from raw.rejected_row order by 1"
    )
    codes = {3: "repeat", 4: "conflict", 5: "conflict", 7: "repeat"}
    assert rejected == [(line, code, city.ags) for line, code in codes.items()]
    city.stocks[delivery.delivery_id] = (DAYS[1], {})
    assert city.snapshot(delivery.delivery_id) == {"A": 0, "C": 1}


def _unchanged_by_text(monkeypatch) -> list[int]:
    """Numbers of records that were told by their texts, block by block, of the loads to come."""
    told, check = [], Engine.check

    def spied(engine: Engine, block: Any) -> Any:
        told.append((checked := check(engine, block)).unchanged)
        return checked

    monkeypatch.setattr(Engine, "check", spied)
    return told


def test_a_record_with_the_same_texts_is_not_looked_at_again(city, monkeypatch):
    told = _unchanged_by_text(monkeypatch)
    city.accept(city.comes(DAYS[1], {"A": 0, "B": 0, "C": -1}))
    city.accept(city.comes(DAYS[2], {"A": 0, "B": 1, "C": -1}))
    city.accept(city.comes(DAYS[0], {"A": 0, "B": 1}))  # before it: a rule that speaks of the day may say otherwise
    city.accept(city.comes(DAYS[3], {"A": 0, "B": 1, "C": -1}))
    assert told == [0, 2, 0, 0]
    _check(city)


def test_a_layout_without_a_column_changes_no_row(city, monkeypatch):
    told = _unchanged_by_text(monkeypatch)
    for day, title, value in zip(DAYS, ["", *[";Herkunft"] * 2], ["", ";geliefert", ";synthetisch"], strict=False):
        lines = [person(name, ags=city.ags, day=f"{day:%d.%m.%Y}") + value for name in "AB"]
        content = register(*lines).replace(b"Wohnungsart", f"Wohnungsart{title}".encode())
        name = f"register_{city.ags}_{day}.csv"
        load_content(city.warehouse, "register", content, name, city.folder)
    assert told == [0, 0, 0]
    rows = query(city.warehouse, "select evidence, count(*) from raw.register__person group by 1 order by 1")
    assert rows == [("delivered", 2), ("synthetic", 2)]


@pytest.mark.parametrize(
    ("check", "later", "earlier"),
    [
        ("moved_in_on <= reference_date", True, False),
        ("reference_date > moved_in_on", True, False),
        ("reference_date <= moved_in_on", False, True),
        ("moved_in_on > reference_date", False, True),
        ("moved_in_on != reference_date", False, False),
        ("reference_date >= '2019-01-01'", True, False),
        ("moved_out_on >= moved_in_on", True, True),
    ],
)
def test_a_rule_on_the_day_must_hold_on_the_other_day_too(check, later, earlier):
    contract = contracts.load("register")
    fields = {field.name: field for field in contract.fields}
    ruled = replace(contract, rules=(contracts.rule({"name": "x", "check": check, "message": "x"}, fields),))
    assert history._holds_on(ruled, DAYS[1], DAYS[2]) == later
    assert history._holds_on(ruled, DAYS[1], DAYS[0]) == earlier
    assert history._holds_on(ruled, DAYS[1], DAYS[1])


def test_the_same_texts_and_no_others_have_the_same_hash_under_a_key():
    data = np.frombuffer(b"abcabdabc" + b"x" * 20, np.uint8)
    start = np.array([[0, 3, 6, 0, 0], [9, 9, 9, 9, 9]], np.int32)
    size = np.array([[3, 3, 3, 2, 3], [20, 20, 20, 20, 19]], np.int32)
    columns, key = np.array([0, 1], np.int32), np.array([1, 2], np.uint64)
    hashes = kernels.sip(data, start, size, columns, key).tolist()
    assert hashes[0] == hashes[2] and len(set(hashes)) == 4
    assert not set(hashes) & set(kernels.sip(data, start, size, columns, key + np.uint64(1)).tolist())


def test_members_are_those_that_were_given():
    random = np.random.default_rng(5)
    for size in (0, 1, 2, 1000):
        hashes = random.integers(0, 1 << 63, size, dtype=np.uint64) << np.uint64(1)
        others = random.integers(0, 1 << 63, 1000, dtype=np.uint64) << np.uint64(1) | np.uint64(1)
        members = digests.Members(hashes)
        asked = hashes[: size // 2]
        assert members.has(random.permutation(asked)).all()
        assert members.were_found(len(asked)).all() and not members.were_found(size - len(asked)).any()
        assert members.has(hashes).all() and not members.has(others).any()
        assert not members.has(np.zeros(1, np.uint64)).any() and not members.has(~np.zeros(1, np.uint64)).any()


def test_two_municipalities_are_two_series(warehouse, tmp_path):
    one, other = City(warehouse, tmp_path), City(warehouse, tmp_path)
    one.accept(one.comes(DAYS[0], {"A": 0}))
    other.accept(other.comes(DAYS[1], {"B": 0}))
    assert one.history() == {("A", 0, DAYS[0], None)} and other.history() == {("B", 0, DAYS[1], None)}


def test_snapshots_that_were_stored_whole_become_changes(city):
    stocks = [{"A": 0, "B": 0, "C": -1}, {"A": 0, "B": 1, "C": -1}, {"A": 0, "B": 0}]
    loaded = []
    for day, stock in zip(DAYS, stocks, strict=False):
        with database.connect(city.warehouse) as connection:  # as before there was a history: nothing to compare with
            connection.execute("truncate raw.snapshot")
        digests.forget(city.warehouse.home, "register")
        loaded.append(city.accept(city.comes(day, stock)))
    whole = "select count(*) from raw.register__person"
    assert query(city.warehouse, whole) == [(8,)]
    contract = contracts.load("register")
    with database.connect(city.warehouse) as connection:
        connection.execute("truncate raw.snapshot")
        connection.execute("drop table raw.register__person_end cascade")
        views.sync(connection, contract)
    assert query(city.warehouse, whole) == [(5,)]
    _check(city)
    city.accept(city.comes(DAYS[3], {"A": 0}))
    _check(city)


def test_erasing_a_person_reaches_every_snapshot_and_the_digests(city):
    first = city.accept(city.comes(DAYS[0], {"A": 0, "B": 0}))
    second = city.accept(city.comes(DAYS[1], {"A": 0, "B": 1}))
    pending = city.comes(DAYS[2], {"A": 1, "B": 1})
    without = city.comes(DAYS[3], {"B": 1})
    done = erasure.erase(city.warehouse, city.ags, PURPOSE, "A")
    assert done.loaded_rows == 2 and done.landed_files == 3
    assert not list((city.warehouse.home / "digests").rglob("*"))
    left = query(city.warehouse, "select delivery_id, loaded - erased_loaded from raw.delivery order by 1")
    assert left == [(d.delivery_id, 1) for d in (first, second, pending, without)]
    assert city.history() == {("B", 0, DAYS[0], DAYS[1]), ("B", 1, DAYS[1], None)}
    assert city.snapshot(pending.delivery_id) == {"B": 1}
    assert query(city.warehouse, "select count(*) from raw.register__person_end") == [(1,)]
    # The next month is compared with what is left, and an older file does not bring the person back.
    city.accept(city.comes(DAYS[2], {"A": 1, "B": 1, "C": 0}))
    assert city.history() == {("B", 0, DAYS[0], DAYS[1]), ("B", 1, DAYS[1], None), ("C", 0, DAYS[2], None)}


def test_a_rotation_changes_no_snapshot(city):
    city.accept(city.comes(DAYS[0], {"A": 0, "B": 0}))
    city.accept(city.comes(DAYS[1], {"A": 0, "B": 1}))
    rotation.rotate(city.warehouse, city.ags, PURPOSE)
    assert not list((city.warehouse.home / "digests").rglob("*"))
    key = load_key(city.warehouse, city.ags, PURPOSE)
    city.names = {key.pseudonym(name): name for name in "ABCDE"}
    third = city.accept(city.comes(DAYS[2], {"A": 0, "B": 1, "C": 0}))
    brought = "select count(*) from raw.register__person where delivery_id = %s"
    assert query(city.warehouse, brought, third.delivery_id) == [(1,)]
    _check(city)


def test_the_gate_judges_the_whole_snapshot(city):
    city.accept(city.comes(DAYS[0], {"A": 0, "B": 0, "C": -1}))
    second = city.comes(DAYS[1], {"A": 0, "B": 0, "C": -1, "D": -1})
    found = {v.expectation: v for v in checked(city.warehouse, second.delivery_id)}
    assert found["rows_as_in_the_ledger"].passed
    wrong = found["reference_date_is_the_period"]
    assert not wrong.passed and wrong.observed == "fewer than 3 of about 5 rows" and wrong.failing_rows == (5,)


def test_a_period_without_a_day_is_refused():
    with pytest.raises(Exception, match="ends in no day"):
        history.series_of(contracts.load("register"), f"{MUNICIPALITY}_2019")


def test_the_base_of_a_snapshot_that_others_rest_on_cannot_change(city):
    first, second, third = (city.accept(city.comes(day, {"A": n})) for n, day in enumerate(DAYS[:3]))
    with (
        database.connect(city.warehouse) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="is a part of others"),
    ):
        connection.execute("update raw.snapshot set base_id = null where delivery_id = %s", [second.delivery_id])
    assert query(city.warehouse, PARTS, third.delivery_id) == [(d.delivery_id,) for d in (first, second, third)]
