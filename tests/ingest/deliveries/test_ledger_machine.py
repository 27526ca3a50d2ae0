"""The ledger as a state machine: whatever comes in whatever order, also two at once, it is what a small model says.

The model is a dictionary; the database is real. Deliveries come twice, late (another period first), out of order,
corrected, withdrawn, refused, loaded again, and by two threads at the same time.
"""

import copy
import hashlib
import itertools
import threading
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from ingest import contracts
from ingest.deliveries import delivery_ledger
from ingest.loading import load
from lagebild.core import database
from lagebild.core.errors import UserError
from tests.ingest.support import load_content
from tests.support import query

SOURCE = "employment"
PERIODS, VARIANTS, BROKEN = 2, 3, 3  # content number 3 has a header that the contract does not know
IN_FORCE = {"loaded", "held", "accepted"}
# What is drawn must not depend on which of two threads was first: a number, of which the state makes a delivery.
PICK = st.integers(0, 59)
OPERATION = st.tuples(
    st.sampled_from(["load", "decide", "accept", "withdraw", "refuse", "reload"]),
    PICK,
    st.integers(0, PERIODS - 1),
    st.integers(0, VARIANTS),
)
_examples = itertools.count()

Key = tuple[int, int, int]  # period, content, attempt


@dataclass
class Entry:
    """A delivery in the model."""

    state: str
    counts: tuple[int | None, int | None, int | None] = (None, None, None)
    supersedes: Key | None = None


class Impossible(Exception):
    """The model says that this cannot be done; the ledger must raise UserError."""


class Model:
    """What the ledger's rules say, without a database."""

    def __init__(self) -> None:
        self.entries: dict[Key, Entry] = {}

    def do(self, verb: str, *arguments: Any) -> None:
        getattr(self, verb)(*arguments)

    def load(self, period: int, content: int) -> None:
        same = [key for key in self.entries if key[:2] == (period, content)]
        if any(self.entries[key].state in IN_FORCE for key in same):
            return
        if content == BROKEN and same:
            return  # refused again for the same reason: nothing new to say
        rejected = content % 2
        entry = Entry("refused") if content == BROKEN else Entry("loaded", (1 + rejected, 1, rejected))
        self.entries[(period, content, 1 + len(same))] = entry

    def decide(self, key: Key, is_odd: bool) -> None:
        if self.entries[key].state == "loaded":
            self.entries[key].state = "held" if is_odd or self.accepted(key[0]) else "accepted"

    def accept(self, key: Key, supersedes: bool) -> None:
        self.require(key, "held")
        former = self.accepted(key[0])
        if former and not supersedes:
            raise Impossible
        if former:
            self.entries[former].state = "superseded"
        self.entries[key].supersedes = former
        self.entries[key].state = "accepted"

    def refuse(self, key: Key) -> None:
        self.require(key, "held")
        self.entries[key].state = "refused"

    def withdraw(self, key: Key) -> None:
        self.require(key, "accepted", "superseded")
        was_accepted = self.entries[key].state == "accepted"
        self.entries[key].state = "withdrawn"
        if was_accepted:
            self.reinstate(self.entries[key].supersedes)

    def expire(self, key: Key) -> None:
        self.require(key, "accepted")
        self.entries[key].state = "held"
        self.reinstate(self.entries[key].supersedes)

    def reinstate(self, former: Key | None) -> None:
        while former and self.entries[former].state != "superseded":
            former = self.entries[former].supersedes
        if former:
            for other, entry in self.entries.items():
                if other[:2] == former[:2] and entry.state in IN_FORCE:
                    entry.state = "refused"
            self.entries[former].state = "accepted"

    def reload(self, key: Key) -> None:
        self.require(key, "refused", "withdrawn", "held")
        if self.entries[key].state == "held":
            self.entries[key].state = "refused"
        self.load(*key[:2])

    def accepted(self, period: int) -> Key | None:
        return next((k for k, entry in self.entries.items() if k[0] == period and entry.state == "accepted"), None)

    def require(self, key: Key, *states: str) -> None:
        if self.entries[key].state not in states:
            raise Impossible


def content_of(number: int, year: int) -> bytes:
    """A variant of a year's file: the same bytes for two years would be held for that alone."""
    titles = [field.title for field in contracts.load(SOURCE).fields]
    lines = [";".join(["?" if number == BROKEN else titles[0], *titles[1:]])]
    lines.append(f"31.12.2019;00;Deutschland;EU2;Wohnort;{number};Quelle {year};geliefert")
    if number % 2:
        lines.append("31.12.2019;05913000;Dortmund;EU2;Wohnort;viele;eine Quelle;geliefert")
    return "\n".join([*lines, ""]).encode()


class LedgerMachine(RuleBasedStateMachine):
    warehouse: Any = None
    folder: Any = None
    reader: Any = None

    @initialize(chain=st.permutations(range(VARIANTS)), length=st.integers(0, VARIANTS))
    def begin(self, chain, length):
        # Every example has periods of its own, so that nothing has to be cleared away in between.
        self.first = 1000 + PERIODS * next(_examples)
        self.numbers = {
            hashlib.sha256(content_of(number, self.first + period)).hexdigest(): number
            for period in range(PERIODS)
            for number in range(VARIANTS + 1)
        }
        self.model = Model()
        self.seen: list[tuple] = []
        self.ids: dict[Key, int] = {}
        for content in chain[:length]:
            self.is_corrected_by(0, content)

    # --- one after the other ---

    @rule(period=st.sampled_from([0, 0, 0, 1]), content=st.integers(0, VARIANTS))
    def comes(self, period, content):
        self.one(("load", period, content))

    @rule(pick=PICK, is_odd=st.sampled_from([False, False, True]))
    def is_decided(self, pick, is_odd):
        self.on_some(pick, ("loaded",), lambda key: ("decide", key, is_odd))

    @rule(pick=PICK, supersedes=st.sampled_from([True, True, False]))
    def is_accepted(self, pick, supersedes):
        self.on_some(pick, ("held",), lambda key: ("accept", key, supersedes))

    @rule(pick=PICK)
    def expires(self, pick):
        self.on_some(pick, ("accepted",), lambda key: ("expire", key))

    @rule(period=st.sampled_from([0, 0, 0, 1]), content=st.integers(0, VARIANTS - 1))
    def is_corrected(self, period, content):
        self.is_corrected_by(period, content)

    @rule(pick=PICK, is_correction_wrong=st.booleans())
    def superseded_bytes_come_again(self, pick, is_correction_wrong):
        """The supplier sends the former file once more, and perhaps it had been right all along."""
        again = self.some(pick, "superseded")
        if again:
            self.one(("load", *again[:2]))
            if is_correction_wrong:
                self.one(("withdraw", self.model.accepted(again[0]) or again))

    @rule(pick=PICK, state=st.sampled_from(["accepted", "superseded"]))
    def is_withdrawn(self, pick, state):
        self.on_some(pick, (state,), lambda key: ("withdraw", key))

    @rule(pick=PICK, verb=st.sampled_from(["withdraw", "refuse", "reload", "reload"]))
    def is_moved(self, pick, verb):
        self.on_some(pick, delivery_ledger.STATES, lambda key: (verb, key))

    # --- two at once ---

    @rule(period=st.integers(0, PERIODS - 1), content=st.integers(0, VARIANTS))
    def comes_twice_at_once(self, period, content):
        self.two(("load", period, content), ("load", period, content))

    @rule(first=OPERATION, second=OPERATION)
    def two_things_happen_at_once(self, first, second):
        if self.model.entries:
            self.two(self.operation(*first), self.operation(*second))

    def operation(self, verb, pick, period, content):
        key = self.some(pick, *delivery_ledger.STATES)
        return {
            "load": ("load", period, content),
            "decide": ("decide", key, False),
            "accept": ("accept", key, True),
        }.get(verb, (verb, key))

    # --- how they are done ---

    def is_corrected_by(self, period, content):
        """The whole way of a correction: it comes, waits where it must, and is accepted."""
        self.one(("load", period, content))
        for state, verb in (("loaded", "decide"), ("held", "accept")):
            keys = [k for k, entry in self.model.entries.items() if k[:2] == (period, content) and entry.state == state]
            for key in keys:
                self.one((verb, key, verb == "accept"))

    def some(self, pick, *states):
        """A delivery in one of these states, None when there is none."""
        keys = sorted(key for key, entry in self.model.entries.items() if entry.state in states)
        return keys[pick % len(keys)] if keys else None

    def on_some(self, pick, states, operation):
        key = self.some(pick, *states)
        if key:
            self.one(operation(key))

    def one(self, operation):
        is_possible = self.modelled(self.model, operation)
        assert self.done(operation) == is_possible, operation
        self.compare(self.model)

    def two(self, *operations):
        outcomes: dict[int, Any] = {}
        barrier = threading.Barrier(2)

        def run(number):
            barrier.wait(20)
            try:
                outcomes[number] = self.done(operations[number])
            except BaseException as error:
                outcomes[number] = error

        threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        possible = []
        for order in ((0, 1), (1, 0)):
            model = copy.deepcopy(self.model)
            expected = {number: self.modelled(model, operations[number]) for number in order}
            possible.append((expected, model))
        # Two at once are as one after the other, in one of the two orders.
        found = self.stored()
        for expected, model in possible:
            if expected == outcomes and model.entries == found:
                self.model = model
                return
        raise AssertionError(f"{operations}: {outcomes} and {found} are neither of {possible}")

    def modelled(self, model, operation) -> bool:
        try:
            model.do(*operation)
        except Impossible:
            return False
        except KeyError:
            return False
        return True

    def done(self, operation) -> bool:
        verb, subject, *rest = operation
        try:
            if verb == "load":
                name = f"eu2_employees_{self.first + subject}.csv"
                folder = self.folder / f"{threading.get_ident()}"
                load_content(self.warehouse, SOURCE, content_of(rest[0], self.first + subject), name, folder)
                return True
            number = self.ids[subject]
            if verb == "decide":
                delivery_ledger.decide(self.warehouse, number, ["odd"] if rest[0] else [])
            elif verb == "accept":
                delivery_ledger.accept(self.warehouse, number, "because", supersedes=rest[0], until=date.max)
            elif verb == "expire":
                self.end_acceptance(number)
                assert [d.delivery_id for d in delivery_ledger.expire(self.warehouse)] == [number]
            elif verb == "reload":
                load.reload(self.warehouse, number)
            else:
                getattr(delivery_ledger, verb)(self.warehouse, number, "because")
            return True
        except UserError:
            return False

    def end_acceptance(self, number):
        with database.connect(self.warehouse, database.LOADER) as connection:
            yesterday = date.today() - timedelta(days=1)
            connection.execute(
                "update raw.delivery set accepted_until = %s where delivery_id = %s", [yesterday, number]
            )

    # --- what must hold ---

    def rows(self):
        return self.reader.execute(
            "select d.delivery_id, d.period::integer, d.sha256, d.attempt, d.state, d.records, d.loaded, d.rejected,"
            " d.supersedes, (select count(*) from raw.employment__employees as e where e.delivery_id = d.delivery_id),"
            " (select count(*) from raw.rejected_row as r where r.delivery_id = d.delivery_id),"
            " (select array_agg(v.state order by v.event_id) from raw.delivery_event as v"
            " where v.delivery_id = d.delivery_id)"
            " from raw.delivery as d where d.period::integer between %s and %s order by 1",
            [self.first, self.first + PERIODS - 1],
        ).fetchall()

    def stored(self) -> dict[Key, Entry]:
        self.seen = rows = self.rows()
        self.ids = {(row[1] - self.first, self.numbers[row[2]], row[3]): row[0] for row in rows}
        keys = {number: key for key, number in self.ids.items()}
        return {keys[row[0]]: Entry(row[4], row[5:8], keys.get(row[8])) for row in rows}

    def compare(self, model):
        found = self.stored()
        assert found == model.entries

    @invariant()
    def the_ledger_is_sound(self):
        rows = self.seen
        accepted = [row[1] for row in rows if row[4] == "accepted"]
        assert len(accepted) == len(set(accepted))
        in_force = [row[1:3] for row in rows if row[4] in IN_FORCE]
        assert len(in_force) == len(set(in_force))
        for _, _, _, _, state, records, loaded, rejected, _, present, kept, events in rows:
            assert (present, kept) == ((loaded, rejected) if loaded is not None else (0, 0))
            assert records is None or records == loaded + rejected
            assert events[0] == "received" and events[-1] == state
            assert ("loaded" in events) == (loaded is not None)


def test_the_ledger_is_what_the_model_says(warehouse, tmp_path):
    with database.connect(warehouse, autocommit=True) as reader:
        own = {"warehouse": warehouse, "folder": tmp_path / "files", "reader": reader}
        machine = type("Machine", (LedgerMachine,), own)
        run_state_machine_as_test(
            machine,
            settings=hypothesis_settings(
                max_examples=24,
                stateful_step_count=18,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    # Every way a delivery can go was gone, else the examples prove nothing.
    ways = {row for (row,) in query(warehouse, "select distinct state from raw.delivery_event")}
    assert ways == set(delivery_ledger.STATES)
    assert query(warehouse, "select count(*) > 0 from raw.delivery_event where why like 'reinstated%'") == [(True,)]
    ended = "select count(*) > 0 from raw.delivery_event where why like '%the acceptance of delivery % ended'"
    assert query(warehouse, ended) == [(True,)]
    assert query(warehouse, "select count(*) > 0 from raw.delivery where attempt > 1") == [(True,)]
