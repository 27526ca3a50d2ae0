"""The attack on lists of grants: for each cell the least and the most that all equations of a reader leave.

Years sum to the total of their table in each publication; a year that exists holds at least one grant; and where
nothing changed between two publications, the cell is one and the same in both. That a reader knows what did not change
is the worst case: some lists are public for a time. Linear and integer programmes by `scipy.optimize`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import optimize
from scipy.optimize import LinearConstraint, milp

from tests.disclosure.generate import CATALOGUE, Case, Grant
from tests.disclosure.reader import Row, Seen
from tests.disclosure.register import Finding

ALL = "all"
UNITS, TOTAL, GRANTED = "operations", "total_cost_eur", "granted_eur"
LEAST_UNITS, P_PERCENT, K_PERCENT = 3, 10, 90
"""As published in the guidance of the statistics offices: fewer than 3 units, p = 10 %, two units with 90 %."""
MOST = 1e6, 1e13
"""Of grants, and of cents: more than any table that is made up has."""
CENT = 0.5
"""Half a cent: amounts are in cents."""
Cell = tuple[int, str]
"""Publication (from 0), and year or `all`."""


@dataclass(frozen=True)
class Bounds:
    """The least and the most that something can be."""

    low: float
    high: float


class Programme:
    """What a reader knows of one measure of a table, over all publications."""

    def __init__(self, equal: Iterable[set[Cell]], shown: dict[Cell, int], tables: list[list[str]], least: int):
        self._of: dict[Cell, int] = {}
        for number, cells in enumerate(equal):
            self._of |= dict.fromkeys(cells, number)
        self._known = {self._of[cell]: value for cell, value in shown.items() if cell in self._of}
        self._least: dict[int, float] = defaultdict(lambda: least)
        self._equations: list[tuple[dict[int, int], float]] = []
        for at, years in enumerate(tables):
            self._equation(at, years)

    def _equation(self, at: int, years: list[str]) -> None:
        terms: dict[int, int] = defaultdict(int)
        right = 0
        for year, sign in (*((year, 1) for year in years), (ALL, -1)):
            variable = self._of[at, year]
            if variable in self._known:
                right -= sign * self._known[variable]
            else:
                terms[variable] += sign
        if terms and (dict(terms), right) not in self._equations:  # an unchanged table gives none
            self._equations.append((dict(terms), right))

    def bounds(self, *cells: tuple[Cell, int]) -> Bounds:
        """Of a sum of cells with signs."""
        known, terms = 0.0, defaultdict(int)
        for cell, sign in cells:
            variable = self._of[cell]
            if variable in self._known:
                known += sign * self._known[variable]
            else:
                terms[variable] += sign
        wanted = {variable: sign for variable, sign in terms.items() if sign}
        if not wanted:
            return Bounds(known, known)
        low, high = self._solved(tuple(sorted(wanted.items())))
        return Bounds(known + low, known + high)

    @cached_property
    def _components(self) -> dict[int, int]:
        """Variable -> its component: those that equations join."""
        of: dict[int, int] = {}
        for terms, _ in self._equations:
            joined = {of.get(variable, variable) for variable in terms}
            least = min(joined)
            of |= dict.fromkeys(terms, least)
            of = {variable: least if root in joined else root for variable, root in of.items()}
        return of

    def _solved(self, wanted: tuple[tuple[int, int], ...]) -> tuple[float, float]:
        roots = {self._components.get(variable, variable) for variable, _ in wanted}
        equations = [e for e in self._equations if self._components[next(iter(e[0]))] in roots]
        if len(wanted) == 1 and len(equations) == 1 and set(equations[0][0].values()) == {1}:
            return self._of_one(*wanted[0], *equations[0])
        variables = sorted({v for terms, _ in equations for v in terms} | {v for v, _ in wanted})
        place = {variable: n for n, variable in enumerate(variables)}
        matrix = np.zeros((len(equations), len(variables)))
        for n, (terms, _) in enumerate(equations):
            for variable, sign in terms.items():
                matrix[n, place[variable]] = sign
        right = np.array([right for _, right in equations])
        objective = np.zeros(len(variables))
        for variable, sign in wanted:
            objective[place[variable]] = sign
        return (self._end(objective, matrix, right, variables, 1), self._end(objective, matrix, right, variables, -1))

    def _of_one(self, variable: int, sign: int, terms: dict[int, int], right: float) -> tuple[float, float]:
        """One equation of hidden years alone: each has what the least of the others leaves."""
        others = sum(self._least[other] for other in terms if other != variable)
        most = right - others
        least = self._least[variable] if len(terms) > 1 else most
        return (least, most) if sign == 1 else (-most, -least)

    def _end(
        self, objective: np.ndarray, matrix: np.ndarray, right: np.ndarray, variables: list[int], way: int
    ) -> float:
        least = np.array([self._least[variable] for variable in variables], float)
        constraints = [LinearConstraint(matrix, right, right)] if len(matrix) else []
        is_count = least.max() > 0
        # No end is infinite: of an unbounded integer programme the solver cannot tell that it has a solution.
        limits = optimize.Bounds(least, np.full(len(variables), MOST[0 if is_count else 1]))
        whole = np.full(len(variables), int(is_count))
        result = milp(way * objective, constraints=constraints, bounds=limits, integrality=whole)
        if result.status != 0:
            raise AssertionError(f"what is shown fits together in no way, or no end was found: {result.message}")
        return way * result.fun


def attack(case: Case, seen: Seen) -> list[Finding]:
    """Everything about the case's grants that is disclosed."""
    rows = rows_of(case, seen)
    truth = [cells(state.grants) for state in case.states]
    tables = [sorted(year for year in cells if year != ALL) for cells in truth]
    equal = _equal(truth)
    measures = [UNITS, GRANTED] if case.source == CATALOGUE else [UNITS, TOTAL, GRANTED]
    programmes = {
        measure: Programme(equal, _shown(case, seen, rows, measure), tables, int(measure == UNITS))
        for measure in measures
    }
    found = [f for cells in equal for f in _of_cell(case, min(cells), truth, programmes)]
    for before in range(len(truth)):
        for after in range(before + 1, len(truth)):
            for year in sorted(truth[before].keys() & truth[after].keys()):
                found += _of_difference(case, before, after, year, truth, programmes)
    return [*found, *_beside(case, seen, rows)]


def rows_of(case: Case, seen: Seen) -> dict[Cell, Row]:
    """The rows of the case's table, by publication and year."""
    place = case.funder if case.source == CATALOGUE else f"{case.source} {case.period}"
    at = {publication: n for n, publication in enumerate(seen.publications)}
    found: dict[Cell, Row] = {}
    for row in seen.of("funding_granted", place):
        found[at[row["publication_id"]], row["begin_year"]] = row
    return found


def cells(grants: frozenset[Grant]) -> dict[str, frozenset[Grant]]:
    """The grants of each cell of a table: its years, and all."""
    by_year: dict[str, set[Grant]] = defaultdict(set)
    for grant in grants:
        by_year[str(grant.year)].add(grant)
    return {ALL: grants} | {year: frozenset(of_year) for year, of_year in by_year.items()}


def _equal(truth: list[dict[str, frozenset[Grant]]]) -> list[set[Cell]]:
    """Cells that hold the same grants."""
    same: dict[tuple[str, frozenset[Grant]], set[Cell]] = defaultdict(set)
    for at, cells in enumerate(truth):
        for year, grants in cells.items():
            same[year, grants].add((at, year))
    return list(same.values())


def _shown(case: Case, seen: Seen, rows: dict[Cell, Row], measure: str) -> dict[Cell, int]:
    """What is shown of a measure, in grants or cents: by the mart, by the tree of a figure, by the length of a list."""
    found: dict[Cell, int] = {}
    for cell, row in rows.items():
        value = row[measure]
        key = f"funding_granted {row['source_sha256']}|{row['funder']}|{row['region_code']}|{row['begin_year']}"
        for node in seen.nodes.get(key, []):
            if node["publication_id"] == row["publication_id"] and value is None:
                value = node["row_count"] if measure == UNITS else node["value"] if node["figure"] == measure else None
        if value is not None:
            found[cell] = int(value) if measure == UNITS else round(value * 100)
    if measure == UNITS and case.source != CATALOGUE:
        at = {publication: n for n, publication in enumerate(seen.publications)}
        for row in seen.sources.get((case.source, case.period), []):
            if row["loaded"] is not None:
                found.setdefault((at[row["publication_id"]], ALL), int(row["loaded"]))
    return found


def amounts(grants: frozenset[Grant], measure: str) -> list[int]:
    """In cents, the largest first."""
    values = (grant.granted if measure == GRANTED else grant.total or 0 for grant in grants)
    return sorted(values, reverse=True)


def protection(grants: frozenset[Grant], measure: str) -> float | None:
    """How far from its value the bounds of a primary cell's amount have to be, in cents; None: it may be shown.

    Of a cell that is primary by (n, k) alone p percent asks for nothing: it must not be known to the cent.
    """
    values = amounts(grants, measure)
    first, second, rest = values[0], sum(values[1:2]), sum(values[2:])
    by_percent = P_PERCENT / 100 * first - rest
    if len(values) < LEAST_UNITS or rest < P_PERCENT / 100 * first:
        return max(by_percent, CENT)
    return CENT if first + second > K_PERCENT / 100 * (first + second + rest) else None


def is_primary(grants: frozenset[Grant], measures: Iterable[str]) -> bool:
    """Whether a cell must be hidden for its own sake."""
    return len(grants) < LEAST_UNITS or any(protection(grants, m) is not None for m in measures if m != UNITS)


def _of_cell(
    case: Case, cell: Cell, truth: list[dict[str, frozenset[Grant]]], programmes: dict[str, Programme]
) -> list[Finding]:
    at, year = cell
    grants = truth[at][year]
    name = f"{_table(case)} {year}, publication {at + 1}"
    found = []
    if len(grants) < LEAST_UNITS:
        bounds = programmes[UNITS].bounds((cell, 1))
        if bounds.high < LEAST_UNITS:
            found.append(Finding(case.number, "(i) small count of grants", name, _told(bounds)))
    for measure, programme in programmes.items():
        needed = None if measure == UNITS else protection(grants, measure)
        if needed is not None:
            found += _if_narrow(case, name, measure, programme.bounds((cell, 1)), sum(amounts(grants, measure)), needed)
    return found


def _if_narrow(
    case: Case, name: str, measure: str, bounds: Bounds, value: int, needed: float, kind: str = "(iii) amount"
) -> list[Finding]:
    """Either side closer than what is needed; nobody gets less than nothing, so that below there may be no room."""
    is_narrow = bounds.high < value + needed - 1e-3 or bounds.low > max(value - needed, 0) + 1e-3
    return [Finding(case.number, kind, f"{name}, {measure}", f"{_told(bounds)} cents")] if is_narrow else []


def _table(case: Case) -> str:
    return " ".join(filter(None, (case.source, case.funder, case.region_code, case.period)))


def _told(bounds: Bounds) -> str:
    return f"{bounds.low:.0f} to {bounds.high:.0f}"


def _of_difference(
    case: Case,
    before: int,
    after: int,
    year: str,
    truth: list[dict[str, frozenset[Grant]]],
    programmes: dict[str, Programme],
) -> list[Finding]:
    """The grants that one of two publications has and the other has not are a cell, too."""
    old, new = truth[before][year], truth[after][year]
    come, gone = new - old, old - new
    if not come and not gone:
        return []
    name = f"{_table(case)} {year}, publications {before + 1} to {after + 1}"
    cells = ((after, year), 1), ((before, year), -1)
    found = []
    if 0 < len(come) + len(gone) < LEAST_UNITS:
        bounds = programmes[UNITS].bounds(*cells)
        if bounds.high < LEAST_UNITS and bounds.low > -LEAST_UNITS and bounds.low * bounds.high > 0:
            found.append(Finding(case.number, "(i) small difference of grants", name, _told(bounds)))
    if not come or not gone:  # of what came and went together the reader learns neither
        for measure, programme in programmes.items():
            needed = None if measure == UNITS else protection(come or gone, measure)
            if needed is not None:
                sign = 1 if come else -1
                bounds = programme.bounds(*((cell, sign * own) for cell, own in cells))
                value = sum(amounts(come or gone, measure))
                found += _if_narrow(case, name, measure, bounds, value, needed, "(iii) amount of a difference")
    return found


def _beside(case: Case, seen: Seen, rows: dict[Cell, Row]) -> list[Finding]:
    """What stands beside hidden figures and follows from them: a percentage, or the lines that others leave."""
    found = []
    for (at, year), row in rows.items():
        cell = f"{_table(case)} {year}, publication {at + 1}"
        if row[UNITS] is None and row["granted_pct"] is not None:
            found.append(Finding(case.number, "unexplained", cell, f"{row['granted_pct']} %"))
        if row[UNITS] is None and (row["publication_id"], row["source_sha256"]) in seen.lined:
            found.append(Finding(case.number, "unexplained", cell, "lines of its list are named"))
    return found


def least_hidden(grants: frozenset[Grant], has_totals: bool, forced: frozenset[str] = frozenset()) -> tuple[int, int]:
    """The fewest cells that a single table has to hide, and the amount in cents of the best such choice.

    Every choice of cells beside the primary ones, and others that are `forced`, is tried, those of few cells first.
    """
    table = cells(grants)
    measures = [GRANTED, TOTAL] if has_totals else [GRANTED]
    primary = {cell for cell in table if cell in forced or is_primary(table[cell], measures)}
    others = sorted(table.keys() - primary)
    by_size: Callable[[int], int] = int.bit_count
    best: tuple[int, int] | None = None
    for choice in sorted(range(1 << len(others)), key=by_size):
        if best is not None and by_size(choice) + len(primary) > best[0]:
            break
        hidden = primary | {cell for n, cell in enumerate(others) if choice >> n & 1}
        if _is_safe(table, hidden, measures):
            amount = sum(sum(amounts(table[cell], GRANTED)) for cell in hidden)
            best = min(best or (len(hidden), amount), (len(hidden), amount))
    assert best is not None, "a table of which nothing is shown is safe"
    return best


def _is_safe(table: dict[str, frozenset[Grant]], hidden: set[str], measures: list[str]) -> bool:
    years = {year for year in hidden if year != ALL}
    if ALL in hidden:
        return len(years) > 0 or not is_primary(table[ALL], measures)
    units = sum(len(table[year]) for year in years)
    for year in years:
        grants = table[year]
        if len(grants) < LEAST_UNITS and units - (len(years) - 1) < LEAST_UNITS:
            return False
        for measure in measures:
            needed = protection(grants, measure)
            rest = sum(sum(amounts(table[other], measure)) for other in years - {year})
            if needed is not None and rest < needed:
                return False
    return True


def forced_before(lists: Sequence[frozenset[Grant]], hidden: Sequence[set[str]], has_totals: bool) -> frozenset[str]:
    """Cells of the last of these lists that what earlier ones hid, or did not hide, keeps from being shown.

    A cell that was shown then, less its changes, tells them where they are few or dominated. A cell of the same grants
    that was hidden then protected others, and still does. More may be needed: so what is made of this is the least.
    """
    measures = [GRANTED, TOTAL] if has_totals else [GRANTED]
    *earlier, last = map(cells, lists)
    found = set()
    for table, then in zip(earlier, hidden, strict=False):
        for cell in table.keys() & last.keys():
            change = table[cell] ^ last[cell]
            if cell not in then and change and is_primary(change, measures):
                found.add(cell)
            if cell in then and not change and not _is_safe(table, then - {cell}, measures):
                found.add(cell)
    return frozenset(found)


def is_safe_sequence(lists: Sequence[frozenset[Grant]], has_totals: bool) -> bool:
    """Whether nothing of any of these lists has to be hidden, nor anything because of what changed between two."""
    if any(least_hidden(grants, has_totals)[0] for grants in lists):
        return False
    measures = [GRANTED, TOTAL] if has_totals else [GRANTED]
    tables = [cells(grants) for grants in lists]
    pairs = [(old, new) for n, old in enumerate(tables) for new in tables[n + 1 :]]
    changes = [old[year] ^ new[year] for old, new in pairs for year in old.keys() & new.keys()]
    return not any(change and is_primary(change, measures) for change in changes)
