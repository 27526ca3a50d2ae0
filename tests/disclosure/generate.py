"""Random registers, ledgers and lists of grants, and what becomes of them from one publication to the next.

A case is a place of its own: a municipality with a register, employees, and sometimes a ledger; and a table of grants
of its own, a funder and state of the federal catalogue or a whole list of the European Social Fund. Everything is made
up, and follows from the seed alone. Small counts, dominated amounts and small changes are far more frequent than in
life: that is where something can be disclosed.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

PUBLICATIONS = 4
"""The most that a case has; one of fewer stays as it is afterwards."""
YEAR_ENDS = (date(2018, 12, 31), date(2019, 12, 31))
BULGARIA, ROMANIA, OTHER = "125", "154", "000"
CATALOGUE = "foerderkatalog"
LISTS = ("esf_bayern", "esf_sachsen")
STATES = {"esf_bayern": "09", "esf_sachsen": "14"}
WITH_LEDGER = 0.05
"""Share of the places that have one: pairs of rates are compared, so that their square makes a build slow."""
TOWNS_OF_THEIR_OWN = 6
"""Of 500 places those whose key ends in 000: every rate is extrapolated to their persons."""

Persons = frozenset[tuple[int, str]]
"""Person (a number) and nationality code."""


@dataclass(frozen=True)
class Posting:
    """A line of a ledger; the product names it within the place."""

    product: str
    target_group: str
    cents: int


@dataclass(frozen=True)
class Grant:
    """A row of a list as it is delivered, which is its identity; amounts in cents, None where the list has none."""

    number: int
    year: int
    granted: int
    total: int | None


@dataclass(frozen=True)
class State:
    """What is delivered of a case when something is published."""

    persons: dict[date, Persons]
    employees: dict[date, int]
    postings: tuple[Posting, ...]
    share: tuple[int, int] | None
    """Persons of the group and of all, by which what is booked for all is shared."""
    grants: frozenset[Grant]
    erased: frozenset[int] = field(default=frozenset())
    """Persons who are erased from what was delivered; no file comes instead."""

    def count(self, day: date, nationality: str) -> int:
        return sum(code == nationality for _, code in self.persons[day])


@dataclass(frozen=True)
class Case:
    """A place, its table of grants, and its states in the order of the publications."""

    number: int
    ags: str
    source: str
    funder: str
    region_code: str
    period: str
    """Of the list; the catalogue has one period for all cases."""
    states: tuple[State, ...]
    is_register_late: bool = False
    """Whether the register comes with the second publication, and the ledger with the first."""

    @property
    def has_ledger(self) -> bool:
        return bool(self.states[0].postings)


def cases(seed: int, count: int, first: int = 0) -> list[Case]:
    """`count` cases from number `first` on; a case depends on seed and number alone."""
    return [_case(random.Random(f"{seed} {number}"), number) for number in range(first, first + count)]


def batches(seed: int, count: int, size: int) -> Iterator[list[Case]]:
    """The same in batches, each for a warehouse of its own."""
    for first in range(0, count, size):
        yield cases(seed, min(size, count - first), first)


def _case(chance: random.Random, number: int) -> Case:
    state = _first(chance, number)
    states = [state]
    for _ in range(chance.randint(2, PUBLICATIONS) - 1):
        states.append(_next(chance, states[-1]))
    states += [replace(states[-1], erased=frozenset())] * (PUBLICATIONS - len(states))
    is_late = bool(states[0].postings) and number % 2 == 1
    if is_late:
        # What nobody delivered before is what the register then holds.
        states[0] = replace(states[0], persons=states[1].persons)
    town = number % 500
    ags = f"05{number:05}{1 + number % 9}"
    if town < TOWNS_OF_THEIR_OWN:
        ags = f"07{number // 500 * TOWNS_OF_THEIR_OWN + town:03}000"
    has_totals = any(grant.total is not None for grant in states[0].grants)
    if has_totals:
        source = LISTS[number % len(LISTS)]
        return Case(number, ags, source, "EU", STATES[source], f"{1000 + number % 9000}-{1000 + number % 9000}",
                    tuple(states), is_late)  # fmt: skip
    return Case(number, ags, CATALOGUE, f"R{number:05}", f"{1 + number % 16:02}", "", tuple(states), is_late)


def _first(chance: random.Random, number: int) -> State:
    newest = _people(chance)
    persons = {YEAR_ENDS[1]: newest}
    if chance.random() < 0.4:
        before = frozenset(p for p in sorted(newest) if p[1] == OTHER or chance.random() < 0.85)
        persons = {YEAR_ENDS[0]: before | _newcomers(chance, newest, chance.randint(0, 3)), **persons}
    employees = {day: _employees(chance, _eu2(of_day)) for day, of_day in persons.items()}
    postings: tuple[Posting, ...] = ()
    share = None
    if chance.random() < WITH_LEDGER:
        postings = _ledger(chance)
        if any(posting.target_group == "all" for posting in postings):
            share = (chance.choice((0, 1, 2, 3, 5, 12, 40)), chance.randint(200, 5000))
    return State(persons, employees, postings, share, _grants(chance, number))


def _people(chance: random.Random) -> Persons:
    kind = chance.random()
    if kind < 0.5:
        counts = chance.randint(0, 4), chance.randint(0, 4)
    elif kind < 0.7:
        counts = chance.sample((chance.randint(0, 2), chance.randint(3, 60)), 2)
    elif kind < 0.9:
        counts = chance.randint(3, 40), chance.randint(3, 40)
    else:
        counts = chance.randint(20, 150), chance.randint(20, 150)
    codes = [BULGARIA] * counts[0] + [ROMANIA] * counts[1] + [OTHER] * chance.randint(1, 4)
    return frozenset(enumerate(codes))


def _eu2(persons: Persons) -> int:
    return sum(code != OTHER for _, code in persons)


def _newcomers(chance: random.Random, known: Persons, count: int) -> Persons:
    first = 1 + max((number for number, _ in known), default=0)
    return frozenset((first + n, chance.choice((BULGARIA, ROMANIA))) for n in range(count))


def _employees(chance: random.Random, persons: int) -> int:
    """As another office counts them: often near the persons, sometimes above them."""
    kind = chance.random()
    if kind < 0.35:
        return max(0, persons - chance.randint(-3, 8))
    return chance.randint(0, max(1, persons)) if kind < 0.8 else chance.randint(0, 12)


def _ledger(chance: random.Random) -> tuple[Posting, ...]:
    def cents() -> int:
        return round(100 * chance.lognormvariate(9, 1.6))

    of_group = [Posting(f"0501{n:02}", "EU2", cents()) for n in range(1, chance.randint(2, 4))]
    of_others = [Posting(f"0502{n:02}", "other", cents()) for n in range(1, chance.randint(1, 3))]
    shared = [Posting("050301", "all", cents())] if chance.random() < 0.4 else []
    unmapped = [Posting("059901", "EU2", max(1, of_group[0].cents // 50))] if chance.random() < 0.2 else []
    return (*of_group, *of_others, *shared, *unmapped)


def _grants(chance: random.Random, number: int) -> frozenset[Grant]:
    has_totals = chance.random() < 0.3
    is_large = chance.random() < 0.35
    first = 2014 + chance.randint(0, 6)
    made: list[Grant] = []
    for year in range(first, first + chance.randint(1, 6)):
        count = chance.randint(5, 20) if is_large else _count(chance)
        has_dominant = not is_large and chance.random() < 0.2
        for n in range(count):
            made.append(_grant(chance, len(made), year, has_totals, 0.5 if is_large else 1.1))
            if has_dominant and n == 0:
                grown = chance.randint(50, 300)
                made[-1] = replace(
                    made[-1],
                    granted=made[-1].granted * grown,
                    total=made[-1].total and made[-1].total * grown,
                )
    return frozenset(made)


def _count(chance: random.Random) -> int:
    kind = chance.random()
    if kind < 0.55:
        return chance.choice((1, 1, 1, 2, 2, 3))
    return chance.randint(4, 8) if kind < 0.85 else chance.randint(9, 25)


def _grant(chance: random.Random, number: int, year: int, has_total: bool, spread: float) -> Grant:
    granted = max(100, round(100 * chance.lognormvariate(10.5, spread)))
    return Grant(number, year, granted, granted * 2 if has_total else None)


def _next(chance: random.Random, state: State) -> State:
    persons, erased = _changed_persons(chance, state.persons)
    employees = state.employees
    if chance.random() < 0.1:
        employees = {day: max(0, n + chance.choice((-2, -1, 1, 2))) for day, n in employees.items()}
    postings = state.postings
    if postings and chance.random() < 0.25:
        postings = (replace(postings[0], cents=postings[0].cents + chance.randint(-5000, 90_000)), *postings[1:])
        postings = (replace(postings[0], cents=max(100, postings[0].cents)), *postings[1:])
    return State(persons, employees, postings, state.share, _changed_grants(chance, state.grants), erased)


def _changed_persons(chance: random.Random, persons: dict[date, Persons]) -> tuple[dict[date, Persons], frozenset[int]]:
    group = sorted({number for of_day in persons.values() for number, code in of_day if code != OTHER})
    kind = chance.random()
    if kind < 0.3 or (kind >= 0.55 and not group):
        return persons, frozenset()
    newest = max(persons)
    if kind < 0.55:
        come = _newcomers(chance, frozenset().union(*persons.values()), chance.choice((1, 1, 2, 3, 6)))
        return {**persons, newest: persons[newest] | come}, frozenset()
    if kind < 0.8:
        gone = set(chance.sample(group, min(len(group), chance.choice((1, 1, 2, 3)))))
        return {**persons, newest: frozenset(p for p in persons[newest] if p[0] not in gone)}, frozenset()
    if kind < 0.95:
        one = chance.choice(group)
        return {day: frozenset(p for p in of_day if p[0] != one) for day, of_day in persons.items()}, frozenset({one})
    other = {BULGARIA: ROMANIA, ROMANIA: BULGARIA, OTHER: OTHER}
    one = chance.choice(group)
    return {
        day: frozenset((number, other[code] if number == one else code) for number, code in of_day)
        for day, of_day in persons.items()
    }, frozenset()


def _changed_grants(chance: random.Random, grants: frozenset[Grant]) -> frozenset[Grant]:
    ordered: Sequence[Grant] = sorted(grants, key=lambda grant: grant.number)
    has_totals = ordered[0].total is not None
    free = 1 + ordered[-1].number
    years = sorted({grant.year for grant in ordered})
    kind = chance.random()
    if kind < 0.3:
        return grants
    if kind < 0.7:
        count = 1 if kind < 0.5 else chance.randint(2, 4) if kind < 0.62 else chance.randint(5, 10)
        year = chance.choice((*years, years[-1] + 1))
        return grants | {_grant(chance, free + n, year, has_totals, 1.0) for n in range(count)}
    if kind < 0.85:
        one = chance.choice(ordered)
        more = chance.randint(1, 40_000)
        total = None if one.total is None else one.total + 2 * more
        return grants - {one} | {replace(one, granted=one.granted + more, total=total)}
    if kind < 0.92 and len(ordered) > 1:
        return grants - {chance.choice(ordered)}
    return frozenset(
        _grant(chance, free + n, year, has_totals, 1.0)
        for n, year in enumerate(year for year in years for _ in range(_count(chance)))
    )
