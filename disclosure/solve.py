"""Whether a protected figure can be worked out: bounds first, then an integer programme a component (HiGHS).

Bounds are carried through the equations until nothing changes; what is fixed drops out, and what is left falls into
components that share no unknown. Most requirements are decided by that alone. Of the others the least and the highest
value are solved for; whatever solution comes up is tried on all requirements of its component, so that one solution
often spares the next. The relaxed programme is asked first: what it cannot reach, whole numbers cannot either.
"""

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

import numpy
from scipy import optimize, sparse

from disclosure.equations import Cell, Equation, Few, Problem, Requirement, Source, Terms, Unknown

Ends = tuple[int | None, int | None]
LISTED = 10
"""So many findings have their equations looked for; of more, one each is enough to stop."""
ENOUGH = 3
"""A count that is possibly so large is neither one nor two."""
_AT_ONCE = 4
_LARGEST = 1e8
_NEAR = 1e-6
_OPTIMAL, _LIMIT, _INFEASIBLE, _UNBOUNDED = 0, 1, 2, 3


class UndecidedError(Exception):
    """The audit could not judge: its time was up, or what is published contradicts itself. Nothing passes."""


@dataclass(frozen=True)
class Finding:
    """A figure that can be worked out closer than it may be, and the equations that do it (none can be spared)."""

    requirement: Requirement
    equations: tuple[Source, ...]
    known_to: tuple[str, ...] = ()
    """Who has packages without which it does not follow; nobody where what every reader has is enough."""

    def __str__(self) -> str:
        by = "; ".join(map(str, self.equations)) or "nothing but what holds of every such figure"
        beside = f", with the packages of {', '.join(self.known_to)}" if self.known_to else ""
        return f"{self.requirement.source} follows from: {by}{beside}"


@dataclass
class Work:
    """What an audit did: requirements, those that needed the solver, calls of it."""

    requirements: int = 0
    solved: int = 0
    calls: int = 0


@dataclass
class Clock:
    """Seconds that are left."""

    seconds: float
    began: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds; UndecidedError where there are none."""
        left = self.seconds - (time.monotonic() - self.began)
        if left <= 0:
            raise UndecidedError(f"the time limit of {self.seconds:g} s was reached")
        return left


def audit(problem: Problem, seconds: float, work: Work | None = None, before: Sequence[Equation] = ()) -> list[Finding]:
    """Every requirement that is broken, with the equations that break it; UndecidedError where that is not known.

    What the equations of `before` break by themselves is known already, and no finding.
    """
    clock, work = Clock(seconds), work if work is not None else Work()
    _require_true(problem)
    system = _System(problem.unknowns, list(problem.equations.values()), clock, work)
    broken = system.broken(list(problem.requirements.values()))
    if before and broken:
        told = set(_System(problem.unknowns, before, clock, work).broken(broken))
        broken = [requirement for requirement in broken if requirement not in told]
    findings = []
    for requirement in broken[:LISTED]:
        findings.append(Finding(requirement, _least(problem, system, requirement, clock)))
    return findings + [Finding(requirement, ()) for requirement in broken[LISTED:]]


def leave_out_untrue(problem: Problem, publications: Collection[int]) -> None:
    """Forget what these publications say that does not hold of the true values: it was meant otherwise then."""
    problem.equations = {
        words: equation
        for words, equation in problem.equations.items()
        if equation.source.publication not in publications or _is_true(problem, equation)
    }


def _is_true(problem: Problem, equation: Equation) -> bool:
    """Whether it holds of the true values, as far as these are known."""
    values = [(factor, problem.unknowns[cell].truth) for factor, cell in equation.terms]
    return any(value is None for _, value in values) or _holds(sum(f * value for f, value in values), equation)


def _require_true(problem: Problem) -> None:
    """UndecidedError where an equation does not hold of the true values: then it is not what the publications say."""
    for equation in problem.equations.values():
        if not _is_true(problem, equation):
            raise UndecidedError(f"this does not hold of the exact figures: {equation.source}")


def _least(problem: Problem, system: "_System", requirement: Requirement, clock: Clock) -> tuple[Source, ...]:
    """Equations that break the requirement, of which none can be spared: found by leaving out, first in large parts."""

    def breaks(equations: list[Equation]) -> bool:
        clock.left()
        return bool(_System(problem.unknowns, equations, clock, Work()).broken([requirement]))

    kept = system.near(requirement.terms, problem)
    size = len(kept)
    while size:
        size = -(-size // 2) if size > 1 else 0
        start = 0
        while size and start < len(kept):
            without = kept[:start] + kept[start + size :]
            if breaks(without):
                kept = without
            else:
                start += size
        if size == 1:
            break
    return tuple(sorted({equation.source for equation in kept}))


class _System:
    """Equations after all that follows without a solver: bounds, what is fixed, components."""

    def __init__(self, unknowns: dict[Cell, Unknown], equations: Sequence[Equation], clock: Clock, work: Work):
        self._unknowns, self.clock, self.work = unknowns, clock, work
        self._ends: dict[Cell, Ends] = {}
        self._joint = [equation for equation in equations if len(equation.terms) > 1]
        for equation in equations:
            if len(equation.terms) == 1:
                self._carry(equation)
            elif not equation.terms and not _holds(0, equation):
                raise UndecidedError(f"what is said of nothing does not hold: {equation.source}")
        self._carry_all()
        self.components: list[_Component] = []
        self._of: dict[Cell, int] = {}
        self._split()

    def broken(self, requirements: Sequence[Requirement]) -> list[Requirement]:
        """Those of the requirements that are broken, in their order."""
        self.work.requirements += len(requirements)
        asked = [_Asked(requirement, self) for requirement in requirements]
        for one in asked:
            for number in one.parts:
                if number is not None:
                    self.components[number].asked.append(one)
        for component in self.components:
            if component.asked:
                component.begin()
        return [one.requirement for one in asked if one.is_broken()]

    def near(self, terms: Terms, problem: Problem) -> list[Equation]:
        """Every equation that could have to do with these unknowns: those that a chain of equations leads to."""
        by_cell = defaultdict(list)
        for equation in problem.equations.values():
            for _, cell in equation.terms:
                by_cell[cell].append(equation)
        found: dict[int, Equation] = {}
        seen: set[Cell] = set()
        waiting = [cell for _, cell in terms]
        while waiting:
            cell = waiting.pop()
            if cell in seen:
                continue
            seen.add(cell)
            for equation in by_cell[cell]:
                if id(equation) not in found:
                    found[id(equation)] = equation
                    waiting += [other for _, other in equation.terms]
        return list(found.values())

    def unknown(self, cell: Cell) -> Unknown:
        """What holds of an unknown whatever is published."""
        return self._unknowns[cell]

    def ends(self, cell: Cell) -> Ends:
        """Least and highest value of an unknown by what was carried so far."""
        if cell not in self._ends:
            unknown = self._unknowns[cell]
            self._ends[cell] = (unknown.low, unknown.high)
        return self._ends[cell]

    def _carry_all(self) -> None:
        by_cell: dict[Cell, list[int]] = defaultdict(list)
        for number, equation in enumerate(self._joint):
            for _, cell in equation.terms:
                by_cell[cell].append(number)
        waiting, queued = deque(range(len(self._joint))), set(range(len(self._joint)))
        # What narrows by one for ever ends here; the solver finds the rest.
        left = 50 * len(self._joint) + 1000
        while waiting and left:
            left -= 1
            number = waiting.popleft()
            queued.discard(number)
            for cell in self._carry(self._joint[number]):
                for other in by_cell[cell]:
                    if other not in queued:  # itself, too: what is rounded to whole numbers narrows the rest
                        queued.add(other)
                        waiting.append(other)
        self.clock.left()

    def _carry(self, equation: Equation) -> list[Cell]:
        """Narrow the unknowns of an equation by each other; those that it narrowed."""
        parts = [_times(factor, self.ends(cell)) for factor, cell in equation.terms]
        lows = [low for low, _ in parts if low is not None]
        highs = [high for _, high in parts if high is not None]
        low_sum, high_sum = sum(lows), sum(highs)
        open_lows, open_highs = len(parts) - len(lows), len(parts) - len(highs)
        narrowed = []
        for (factor, cell), (low, high) in zip(equation.terms, parts, strict=True):
            most = least = None
            if equation.high is not None and open_lows - (low is None) == 0:
                most = equation.high - (low_sum - (low or 0))
            if equation.low is not None and open_highs - (high is None) == 0:
                least = equation.low - (high_sum - (high or 0))
            new = _divided(least, most, factor)
            old = self.ends(cell)
            both = (_higher(old[0], new[0]), _lower(old[1], new[1]))
            if both != old:
                if both[0] is not None and both[1] is not None and both[0] > both[1]:
                    raise UndecidedError(f"what is published contradicts itself: {equation.source}")
                self._ends[cell] = both
                narrowed.append(cell)
        return narrowed

    def _split(self) -> None:
        """Components of unknowns that are not fixed yet, joined by the equations that hold two of them at least."""
        parent: dict[Cell, Cell] = {}

        def root(cell: Cell) -> Cell:
            while parent[cell] != cell:
                parent[cell] = parent[parent[cell]]
                cell = parent[cell]
            return cell

        rows: list[tuple[Equation, list[tuple[int, Cell]], int]] = []
        for equation in self._joint:
            free, fixed = [], 0
            for factor, cell in equation.terms:
                low, high = self.ends(cell)
                if low is not None and low == high:
                    fixed += factor * low
                else:
                    free.append((factor, cell))
            if not free and not _holds(fixed, equation):
                raise UndecidedError(f"what is published contradicts itself: {equation.source}")
            if free:
                for _, cell in free:
                    parent.setdefault(cell, cell)
                for _, cell in free[1:]:
                    parent[root(cell)] = root(free[0][1])
                rows.append((equation, free, fixed))
        numbers: dict[Cell, int] = {}
        for cell in parent:
            number = numbers.setdefault(root(cell), len(numbers))
            if number == len(self.components):
                self.components.append(_Component(self))
            self.components[number].add(cell)
            self._of[cell] = number
        for equation, free, fixed in rows:
            # One unknown left: what follows was carried already.
            if len(free) > 1:
                self.components[self._of[free[0][1]]].rows.append((free, equation, fixed))

    def number(self, cell: Cell) -> int | None:
        """Component of an unknown; None where nothing joins it with another."""
        return self._of.get(cell)


class _Component:
    """Unknowns that equations join, the solutions found so far, and the requirements that wait."""

    def __init__(self, system: _System):
        self._system = system
        self.cells: list[Cell] = []
        self.index: dict[Cell, int] = {}
        self.rows: list[tuple[list[tuple[int, Cell]], Equation, int]] = []
        self.asked: list[_Asked] = []
        self._programme: tuple[numpy.ndarray, optimize.Bounds, list[optimize.LinearConstraint]] | None = None

    def add(self, cell: Cell) -> None:
        self.index[cell] = len(self.cells)
        self.cells.append(cell)

    @property
    def is_plain(self) -> bool:
        """One equation with factors of one at most: what was carried are the true ends of each unknown."""
        return len(self.rows) == 1 and all(abs(factor) == 1 for factor, _ in self.rows[0][0])

    def begin(self) -> None:
        """Try the true values on all requirements that wait; then let as many counts as can be three at once."""
        truth = [self._system.unknown(cell).truth for cell in self.cells]
        if any(value is None for value in truth):
            return
        self._try([float(value) for value in truth])
        waiting = self._small()
        while len(waiting) > _AT_ONCE:
            costs, bounds, constraints = self._built()
            costs, high = costs.copy(), numpy.array(bounds.ub)
            for number in waiting:
                costs[number] = -1
                high[number] = min(high[number], ENOUGH)
            found = self._best(costs, optimize.Bounds(bounds.lb, high), constraints)
            if found is not None:
                self._try(found)
            left = self._small()
            if len(left) > 0.9 * len(waiting):
                break
            waiting = left

    def _small(self) -> list[int]:
        """Counts that nothing shows yet to be possibly three, by their place among the component's."""
        return [
            self.index[one.requirement.terms[0][1]]
            for one in self.asked
            if isinstance(one.requirement.rule, Few)
            and len(one.requirement.terms) == 1
            and one.requirement.constant == 0
            and one.is_small()
        ]

    def least(self, terms: Sequence[tuple[int, Cell]]) -> int | None:
        """Lowest value of the sum of these terms; None where it has none."""
        costs, bounds, constraints = self._built()
        costs = costs.copy()
        for factor, cell in terms:
            costs[self.index[cell]] = factor
        values = self._best(costs, bounds, constraints)
        if values is None:
            return None
        self._try(values)
        return math.ceil(sum(factor * values[self.index[cell]] for factor, cell in terms) - _NEAR * self._scale)

    def _best(self, costs, bounds, constraints) -> list[float] | None:
        """A solution of least cost, counts whole; None where there is no least."""
        whole = numpy.array([self._system.unknown(cell).whole for cell in self.cells])
        found = self._solve(costs, bounds, constraints, numpy.zeros(len(whole)))
        if found is not None and whole.any() and numpy.abs(found - numpy.round(found))[whole].max() > _NEAR:
            found = self._solve(costs, bounds, constraints, whole.astype(float))
        if found is None:
            return None
        return [float(round(v)) if w else v * self._scale for v, w in zip(found, whole, strict=True)]

    def _solve(self, costs, bounds, constraints, integrality) -> numpy.ndarray | None:
        self._system.work.calls += 1
        result = optimize.milp(
            costs,
            integrality=integrality,
            bounds=bounds,
            constraints=constraints,
            options={"time_limit": self._system.clock.left(), "mip_rel_gap": 0},
        )
        if result.status == _OPTIMAL:
            return result.x
        if result.status == _UNBOUNDED:
            return None
        if result.status == _INFEASIBLE:
            sources = "; ".join(str(equation.source) for _, equation, _ in self.rows[:3])
            raise UndecidedError(f"what is published contradicts itself, near {sources}")
        if result.status == _LIMIT:
            self._system.clock.left()
            raise UndecidedError(f"the time limit of {self._system.clock.seconds:g} s was reached")
        raise UndecidedError(f"the solver gave up: {result.message}")

    def _built(self):
        """Costs of nothing, bounds and constraints; amounts scaled so that the tolerance is below a cent."""
        if self._programme is None:
            system = self._system
            ends = [system.ends(cell) for cell in self.cells]
            sides = [
                (
                    -math.inf if equation.low is None else equation.low - fixed,
                    math.inf if equation.high is None else equation.high - fixed,
                )
                for _, equation, fixed in self.rows
            ]
            is_money = not any(system.unknown(cell).whole for cell in self.cells)
            sizes = [abs(v) for side in [*sides, *ends] for v in side if v is not None and math.isfinite(v)]
            self._scale = max(1.0, max(sizes, default=0) / _LARGEST) if is_money else 1.0
            rows, columns, factors = [], [], []
            for number, (free, _, _) in enumerate(self.rows):
                for factor, cell in free:
                    rows.append(number)
                    columns.append(self.index[cell])
                    factors.append(factor)
            matrix = sparse.csr_array((factors, (rows, columns)), shape=(len(self.rows), len(self.cells)), dtype=float)
            low, high = (numpy.array([side[n] for side in sides]) / self._scale for n in (0, 1))
            self._programme = (
                numpy.zeros(len(self.cells)),
                optimize.Bounds(
                    [-math.inf if low is None else low / self._scale for low, _ in ends],
                    [math.inf if high is None else high / self._scale for _, high in ends],
                ),
                [optimize.LinearConstraint(matrix, low, high)] if len(self.rows) else [],
            )
        return self._programme

    def _try(self, values: Sequence[float]) -> None:
        self.asked = [one for one in self.asked if not one.is_decided]
        for one in self.asked:
            one.hear(self, values)


class _Asked:
    """A requirement, what is certain of its ends so far (`outer`), and what was seen to be possible (`inner`)."""

    def __init__(self, requirement: Requirement, system: _System):
        self.requirement, self._system = requirement, system
        self.is_decided = False
        self.parts: dict[int | None, list[tuple[int, Cell]]] = defaultdict(list)
        self._fixed = requirement.constant
        for factor, cell in requirement.terms:
            self.parts[system.number(cell)].append((factor, cell))
        self._outer: dict[int | None, Ends] = {}
        self._inner: dict[int, Ends] = {}
        self._exact: dict[int | None, list[bool]] = {}
        for number, terms in self.parts.items():
            ends = [_times(factor, system.ends(cell)) for factor, cell in terms]
            self._outer[number] = (_sum(low for low, _ in ends), _sum(high for _, high in ends))
            is_exact = number is None or (len(terms) == 1 and system.components[number].is_plain)
            self._exact[number] = [is_exact, is_exact]

    def hear(self, component: _Component, values: Sequence[float]) -> None:
        """Of a solution: so low and so high its part can be."""
        number = self._system.number(component.cells[0])
        value = sum(factor * values[component.index[cell]] for factor, cell in self.parts[number])
        low, high = self._inner.get(number, (None, None))
        down, up = math.ceil(value - _NEAR), math.floor(value + _NEAR)
        self._inner[number] = (down if low is None else min(low, down), up if high is None else max(high, up))

    def is_small(self) -> bool:
        """Whether no solution so far makes the count three or more."""
        (number,) = self.parts
        high = self._possible(number)[1]
        return high is not None and high < ENOUGH

    def is_broken(self) -> bool:
        """Solve for as much as the answer needs."""
        broken = self._decided()
        self.is_decided = True
        return broken

    def _decided(self) -> bool:
        rule = self.requirement.rule
        is_counted = False
        while True:
            outer = tuple(self._total(self._outer[n][side] for n in self.parts) for side in (0, 1))
            if rule.is_broken_by(*outer):
                return True
            inner = tuple(self._total(self._possible(n)[side] for n in self.parts) for side in (0, 1))
            if all(n in self._inner or all(self._exact[n]) for n in self.parts) and not rule.is_broken_by(*inner):
                return False
            waiting = [(n, side) for n in self.parts for side in (1, 0) if not self._exact[n][side]]
            if not waiting:
                return rule.is_broken_by(*outer)
            if not is_counted:
                self._system.work.solved += 1
                is_counted = True
            self._refine(*waiting[0])

    def _possible(self, number: int | None) -> Ends:
        """What was seen to be possible of a part; ends that are exact are."""
        outer, exact = self._outer[number], self._exact[number]
        inner = self._inner.get(number, outer)
        return tuple(outer[side] if exact[side] else inner[side] for side in (0, 1))

    def _refine(self, number: int, side: int) -> None:
        sign = -1 if side else 1
        found = self._system.components[number].least([(sign * factor, cell) for factor, cell in self.parts[number]])
        ends = list(self._outer[number])
        ends[side] = None if found is None else sign * found
        self._outer[number] = tuple(ends)
        self._exact[number][side] = True

    def _total(self, ends: Iterable[int | None]) -> int | None:
        total = _sum(ends)
        return None if total is None else total + self._fixed


def _holds(value: int, equation: Equation) -> bool:
    return (equation.low is None or value >= equation.low) and (equation.high is None or value <= equation.high)


def _times(factor: int, ends: Ends) -> Ends:
    low, high = (None if end is None else factor * end for end in ends)
    return (low, high) if factor > 0 else (high, low)


def _divided(least: int | None, most: int | None, factor: int) -> Ends:
    """Ends of x where factor * x lies between these, whole numbers only."""
    if factor < 0:
        least, most, factor = _negated(most), _negated(least), -factor
    return (None if least is None else -(-least // factor)), (None if most is None else most // factor)


def _negated(value: int | None) -> int | None:
    return None if value is None else -value


def _higher(one: int | None, other: int | None) -> int | None:
    return _chosen(max, one, other)


def _lower(one: int | None, other: int | None) -> int | None:
    return _chosen(min, one, other)


def _chosen(choose: Callable[[int, int], int], one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)


def _sum(values: Iterable[int | None]) -> int | None:
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total
