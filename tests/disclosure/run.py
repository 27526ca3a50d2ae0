"""Cases through real builds, the attack on what is read of them, and what was hidden beside the least needed."""

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from itertools import product

from lagebild.core.settings import Settings
from tests.disclosure import grants, place, reader, register
from tests.disclosure.generate import BULGARIA, ROMANIA, Case
from tests.disclosure.reader import Row, Seen
from tests.disclosure.register import Finding, rounded, stands_for

REGISTERS, GRANTS = "counts of persons", "grants"


@dataclass
class Loss:
    """What one domain lost, over all publications."""

    cells: int = 0
    hidden: int = 0
    least: int = 0
    """Hidden cells that each table alone would need."""
    needed: int = 0
    """The same beside what the publications before it showed and hid; more may be needed, so this is a least, too."""
    safe: int = 0
    """Cells of tables of which nothing has to be hidden, nor was anything before."""
    safe_shown: int = 0
    amount: int = 0
    """In cents, of hidden cells; each cell's own, so that a total and its years both count."""
    least_amount: int = 0

    def add(self, other: "Loss") -> None:
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass
class Outcome:
    """What is found of some cases."""

    cases: int = 0
    findings: list[Finding] = field(default_factory=list)
    losses: dict[str, Loss] = field(default_factory=lambda: {REGISTERS: Loss(), GRANTS: Loss()})
    seconds: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Outcome") -> None:
        self.cases += other.cases
        self.findings += other.findings
        for domain, loss in other.losses.items():
            self.losses[domain].add(loss)
        self.seconds.update(other.seconds)

    @property
    def disclosed(self) -> int:
        """Cases of which anything is disclosed, or shown that no rule explains."""
        return len({finding.case for finding in self.findings})


def through_builds(
    settings: Settings, cases: Sequence[Case], processes: int = 1, tell: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Publish all states of the cases in a warehouse that holds nothing else, read them, and attack."""
    began = time.monotonic()
    place.configure(settings, cases)
    publications = len(cases[0].states)
    for number in range(publications):
        at = f"publication {number + 1} of {publications}"
        place.publish(settings, cases, number, lambda what, at=at: tell(f"{at}: {what}"))
    built = time.monotonic()
    seen = reader.read(settings, tell)
    read = time.monotonic()
    tell("attacking")
    outcome = attacked(cases, seen, processes)
    outcome.seconds.update(building=built - began, reading=read - built, attacking=time.monotonic() - read)
    return outcome


_shared: tuple[Sequence[Case], Seen, dict[str, list[Row]]] | None = None


def attacked(cases: Sequence[Case], seen: Seen, processes: int = 1) -> Outcome:
    """The attack on each case, in so many processes."""
    global _shared
    targets: dict[str, list[Row]] = {}
    for rows in seen.rows["cost_extrapolation"].values():
        for row in rows:
            targets.setdefault(row["region_code"], []).append(row)
    _shared = cases, seen, targets
    try:
        outcome = Outcome()
        if processes == 1:
            parts = map(_attacked, range(len(cases)))
            for part in parts:
                outcome.add(part)
        else:
            with multiprocessing.get_context("fork").Pool(processes) as pool:
                for part in pool.imap(_attacked, range(len(cases)), chunksize=50):
                    outcome.add(part)
        return outcome
    finally:
        _shared = None


def _attacked(number: int) -> Outcome:
    assert _shared is not None
    cases, seen, targets = _shared
    case = cases[number]
    findings = register.attack(case, seen, targets) + grants.attack(case, seen)
    return Outcome(1, findings, {REGISTERS: _registers_lost(case, seen), GRANTS: _grants_lost(case, seen)})


def _registers_lost(case: Case, seen: Seen) -> Loss:
    loss = Loss()
    at = {publication: n for n, publication in enumerate(seen.publications)}
    for row in seen.of("eu2_population", case.ags):
        if row["source"] != "register":
            continue
        state = case.states[at[row["publication_id"]]]
        shown = sum(row[name] is not None for name in ("bulgaria_persons", "romania_persons", "eu2_persons"))
        day = row["reference_date"]
        least = least_hidden(state.count(day, BULGARIA), state.count(day, ROMANIA))
        loss.add(Loss(3, 3 - shown, least, least, 0 if least else 3, 0 if least else shown))
    for row in seen.of("cost_per_person", case.ags):
        if row["total_cost_eur"] is None:
            state = case.states[at[row["publication_id"]]]
            amount = sum(posting.cents for posting in state.postings if posting.target_group == "EU2")
            is_small = state.count(day := date(row["reference_year"], 12, 31), BULGARIA) + state.count(day, ROMANIA) < 3
            loss.amount += amount
            loss.least_amount += amount if is_small else 0
    return loss


@cache
def least_hidden(bulgaria: int, romania: int) -> int:
    """The fewest of three rounded counts (two parts and their sum) that a table alone has to hide.

    Every choice is tried: counts below three and others until each count that is shown keeps its five values, and each
    that is hidden has another one below three or above two beside itself.
    """
    true = bulgaria, romania, bulgaria + romania
    for size in range(4):
        for hidden in product((False, True), repeat=3):
            if sum(hidden) == size and all(h or n >= 3 for h, n in zip(hidden, true, strict=True)):
                possible = _possible(true, hidden)
                left = [{cells[n] for cells in possible} for n in range(3)]
                if all(_is_wide(left[n], true[n], hidden[n]) for n in range(3)):
                    return size
    raise AssertionError("a table of which nothing is shown is safe")


def _possible(true: tuple[int, int, int], hidden: tuple[bool, ...]) -> set[tuple[int, int, int]]:
    choices = [
        range(true[n] + 10) if hidden[n] else sorted(stands_for(rounded(true[n]))) for n in range(2)
    ]  # hidden parts that are larger still make no difference
    found = {(b, r, b + r) for b in choices[0] for r in choices[1]}
    return {cells for cells in found if hidden[2] or cells[2] in stands_for(rounded(true[2]))}


def _is_wide(left: set[int], count: int, is_hidden: bool) -> bool:
    if count < 3:
        return len(left) > 1 and not left <= {1, 2}
    return is_hidden or len(left) >= 5


def _grants_lost(case: Case, seen: Seen) -> Loss:
    loss = Loss()
    rows = grants.rows_of(case, seen)
    has_totals = case.source != grants.CATALOGUE
    hidden_before: list[set[str]] = []
    for at, state in enumerate(case.states):
        lists = [state.grants for state in case.states[: at + 1]]
        forced = grants.forced_before(lists, hidden_before, has_totals)
        least, least_amount = grants.least_hidden(state.grants, has_totals)
        needed, _ = grants.least_hidden(state.grants, has_totals, forced)
        own = {year: row for (number, year), row in rows.items() if number == at}
        hidden = [year for year, row in own.items() if row["operations"] is None or row["granted_eur"] is None]
        cells = grants.cells(state.grants)
        amount = sum(sum(grants.amounts(cells[year], grants.GRANTED)) for year in hidden)
        hidden_before.append(set(hidden))
        is_safe = grants.is_safe_sequence(lists, has_totals)
        safe = len(own) if is_safe else 0
        shown = safe and len(own) - len(hidden)
        loss.add(Loss(len(own), len(hidden), least, needed, safe, shown, amount, least_amount))
    return loss
