"""The attack on counts of persons: every count that all of what is shown of a place leaves possible.

The reader knows the rules: a count below three is hidden, any other is shown as the nearest multiple of five, and each
figure that is made from it is made from that. A figure that cannot be made so comes from the count itself, and tells
it.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from functools import partial
from itertools import count as numbers
from typing import NamedTuple

from tests.disclosure.generate import BULGARIA, ROMANIA, Case, State
from tests.disclosure.reader import Row, Seen

MOST = 1000
"""No place that is made up has so many persons."""
Pairs = set[tuple[int, int]]
"""Bulgarians and Romanians that are possible together."""
Evidence = tuple[str, Callable[[int], bool]]
"""A figure that is shown, and what it says of a number of persons."""


class Finding(NamedTuple):
    """Something that is disclosed: which of the three senses, which cell, and what it is narrowed to."""

    case: int
    kind: str
    cell: str
    why: str


class Shown(NamedTuple):
    """A place's rows of one publication."""

    population: dict[date, Row]
    rates: dict[int, Row]
    """By year."""
    lump_sums: list[Row]
    extrapolations: list[Row]
    as_target: list[Row]
    nodes: list[Row]
    bridges: list[Row]


def rounded(count: int) -> int:
    return (count + 2) // 5 * 5


def stands_for(shown: int) -> set[int]:
    """The counts that a shown one may be: a multiple of five is rounded, all else is the count itself."""
    return set(range(shown - 2, shown + 3)) if shown >= 5 and shown % 5 == 0 else {shown}


def attack(case: Case, seen: Seen, targets: dict[str, list[Row]]) -> list[Finding]:
    """Everything about the case's persons that is disclosed. `targets`: extrapolations by the place they are to."""
    shown = [_shown(case, seen, publication, targets) for publication in seen.publications]
    found: list[Finding] = []
    possible: dict[tuple[int, date], Pairs] = {}
    for day in case.states[0].persons:
        for at, of_publication in enumerate(shown):
            possible[at, day], odd = _pairs(case.states[at], of_publication, day)
            cell = f"{case.ags} {day} EU2, publication {at + 1}"
            found += [Finding(case.number, "unexplained", cell, f"{name} fits to nothing else") for name in odd]
    _by_changes(possible, shown, sorted(case.states[0].persons))
    _by_bridges(possible, shown, sorted(case.states[0].persons), case)
    for day in case.states[0].persons:
        for together in _unchanged(case, day, len(shown)):
            # The same persons in several publications: what one of them tells holds in the others.
            pairs = set.intersection(*(possible[at, day] for at in together))
            for at in together:
                possible[at, day] = pairs
            found += _judged(case, day, together[0], pairs)
        found += _differences(case, day, possible, len(shown))
    for at, of_publication in enumerate(shown):
        found += _money(case, at, of_publication, seen)
    return [*found, *_deliveries(case, seen)]


def _shown(case: Case, seen: Seen, publication: int, targets: dict[str, list[Row]]) -> Shown:
    def own(rows: Iterable[Row]) -> list[Row]:
        return [row for row in rows if row["publication_id"] == publication]

    return Shown(
        {row["reference_date"]: row for row in own(seen.of("eu2_population", case.ags)) if row["source"] == "register"},
        {row["reference_year"]: row for row in own(seen.of("cost_per_person", case.ags))},
        own(seen.of("lump_sum_simulation", case.ags)),
        own(seen.of("cost_extrapolation", case.ags)),
        own(targets.get(case.ags, [])),
        own(seen.nodes.get(case.ags, [])),
        own(seen.of("cost_bridge", case.ags)),
    )


def _pairs(state: State, shown: Shown, day: date) -> tuple[Pairs, list[str]]:
    """What one publication leaves possible of one day, and the figures that contradict what others say."""
    row = shown.population.get(day)
    if row is None:
        return {(b, e - b) for e in range(MOST // 3) for b in range(e + 1)}, []
    possible, odd = set(range(MOST)), []
    for name, keep in _evidence(shown, day, state.employees[day]):
        left = {n for n in possible if keep(n)}
        if left:
            possible = left
        else:
            odd.append(name)
    hidden = row["eu2_persons"] is None
    possible = {n for n in possible if n < 3} or possible if hidden else possible
    pairs: Pairs = set()
    for n in possible:
        for bulgaria in range(n + 1):
            parts = bulgaria, n - bulgaria
            if _fits(row["bulgaria_persons"], parts[0]) and _fits(row["romania_persons"], parts[1]):
                both_hidden = row["bulgaria_persons"] is None and row["romania_persons"] is None
                needed = min(parts) < 3 or rounded(parts[0]) + rounded(parts[1]) != rounded(n)
                if hidden or not both_hidden or needed:
                    pairs.add(parts)
    return pairs, odd


def _fits(shown: int | None, count: int) -> bool:
    return shown is None or count in stands_for(int(shown))


def _evidence(shown: Shown, day: date, employees: int) -> Iterable[Evidence]:
    """What each figure says of the persons of a day."""
    rate_of_year = shown.rates.get(day.year)
    values: list[tuple[str, int]] = []

    def tell(name: str, value: Decimal | int | None, plus: int = 0) -> None:
        if value is not None:
            values.append((f"{name} {value}", int(value) + plus))

    tell("eu2_persons", shown.population[day]["eu2_persons"])
    for row in shown.as_target:
        if row["reference_date"] == day:
            tell("target's population", row["population_persons"])
            tell("target's denominator", row["denominator_persons"], employees)
            rate, product = row["cost_per_person_rounded_eur"], row["extrapolated_cost_rounded_rate_eur"]
            if rate and product is not None and row["denominator_persons"] is None:
                tell("extrapolation by rate", product / rate, employees)
    for node in shown.nodes:
        if _is_about(node, day):
            plus = {"eu2_persons": 0, "population_persons": 0, "persons": 0, "denominator_persons": employees}
            if node["label"] in plus:
                tell(f"node {node['label']}", node["value"], plus[node["label"]])
            elif node["label"] in ("denominator_low_persons", "denominator_high_persons"):
                end = int(node["value"]) + employees
                shift = 2 if node["label"] == "denominator_low_persons" else -2
                tell(f"node {node['label']}", end + shift if (end + shift) % 5 == 0 else end)
    if rate_of_year is not None:
        tell("population", rate_of_year["population_persons"])
        tell("denominator", rate_of_year["denominator_persons"], employees)
    for row in shown.lump_sums:
        if row["reference_date"] == day:
            tell("lump sum's population", row["population_persons"])
            if row["lump_sum_eur"] is not None:
                tell("lump sum by rate", row["lump_sum_eur"] / row["rate_eur"])
    for name, value in values:
        yield name, stands_for(value).__contains__
    if rate_of_year is not None:
        yield from _rate_evidence(shown, rate_of_year, employees, values[0][1] if values else None)


def _is_about(node: Row, day: date) -> bool:
    """Whether a node tells of the persons of a day: a change has those of two days, by the keys of their rows."""
    if node["mart"] == "eu2_population" and node["figure"] == "change_persons":
        return str(day) in (node["refers_to_row_key"] or "")
    return node["mart"] in ("eu2_population", "cost_per_person") and node["reference_year"] == day.year


def _rate_evidence(shown: Shown, rate: Row, employees: int, count: int | None) -> Iterable[Evidence]:
    reason, year = rate["reason"], rate["reference_year"]
    if reason == "small_cell":
        yield reason, lambda n: n < 3 or 0 < n - employees < 3 or 0 < employees < 3
    if reason == "denominator_not_positive":
        yield reason, lambda n: n <= employees
    total = rate["total_cost_eur"]
    if rate["cost_per_person_eur"] is not None:
        yield "a rate there is", lambda n: n >= employees + 3
    if total is None:
        return
    unmapped = rate["unmapped_cost_eur"] or 0
    of_class = _of_class(total, total + unmapped, count, employees)
    figures = {
        "cost_per_person_eur": (rate["cost_per_person_eur"], total),
        "cost_per_person_rounded_eur": (rate["cost_per_person_rounded_eur"], total),
        "cost_per_person_low_eur": (rate["cost_per_person_low_eur"], total),
        "cost_per_person_high_eur": (rate["cost_per_person_high_eur"], total + unmapped),
    }
    for name, (value, cost) in figures.items():
        if value is not None and value != of_class.get(name):
            yield f"{name} {value}", lambda n, v=value, c=cost: n > employees and _is_quotient(c, n - employees, v)
    for row in shown.lump_sums:
        covered = row["covered_pct"]
        if (
            row["reference_year"] == year
            and covered is not None
            and not (count and covered == _percent(row["rate_eur"] * count, total))
        ):
            yield f"covered {covered} %", lambda n, r=row["rate_eur"], c=covered: _percent(r * n, total) == c
    shown_rates = [v for v in (rate["cost_per_person_eur"], rate["cost_per_person_rounded_eur"]) if v is not None]
    for row in (row for row in shown.extrapolations if row["reference_year"] == year):
        for name in ("extrapolated_cost_rounded_rate_eur", "extrapolated_cost_unrounded_rate_eur"):
            value, persons = row[name], row["denominator_persons"]
            if value is None or persons is None or any(_whole(r * persons) == value for r in shown_rates):
                continue
            of_count = partial(_extrapolates_to, total, employees, persons, value)
            yield f"{name} {value}", of_count


def _of_class(total: Decimal, high_total: Decimal, count: int | None, employees: int) -> dict[str, Decimal]:
    """Rate and ends of its interval, made from the class of a count; nothing where it has none."""
    if count is None or count % 5:
        return {}
    low, high = count - 2 - employees, count + 2 - employees
    if low < 1:
        return {}
    for step in _steps():
        made = {_to_step(total / n, step, ROUND_HALF_UP) for n in range(low, high + 1)}
        if len(made) == 1:
            value = made.pop()
            return {
                "cost_per_person_eur": value,
                "cost_per_person_rounded_eur": value,
                "cost_per_person_low_eur": _to_step(total / high, step, ROUND_FLOOR),
                "cost_per_person_high_eur": _to_step(high_total / low, step, ROUND_CEILING),
            }
    raise AssertionError("at some step all are zero")


def _steps() -> Iterable[int]:
    for power in numbers():
        yield from (step * 10**power for step in (1, 2, 5))


def _to_step(value: Decimal, step: int, how: str) -> Decimal:
    return (value / step).quantize(Decimal(1), how) * step


def _whole(value: Decimal) -> Decimal:
    return value.quantize(Decimal(1), ROUND_HALF_UP)


def _extrapolates_to(total: Decimal, employees: int, persons: int, value: Decimal, count: int) -> bool:
    return count > employees and _whole(total / (count - employees) * persons) == value


def _percent(part: Decimal | int, whole: Decimal) -> Decimal | None:
    return (100 * Decimal(part) / whole).quantize(Decimal("0.1"), ROUND_HALF_UP) if whole else None


def _is_quotient(total: Decimal, persons: int, value: Decimal) -> bool:
    """Whether a printed value may be this quotient, by the digits that it is printed with."""
    digits = value.normalize().as_tuple().exponent
    half = Decimal(1).scaleb(min(int(digits), 0)) / 2
    return abs(total / persons - value) <= half


def _by_changes(possible: dict[tuple[int, date], Pairs], shown: list[Shown], days: list[date]) -> None:
    """Changes from year to year: between rounded counts they say nothing more, else they join two exact counts."""
    if len(days) < 2:
        return
    before, after = days
    for at, of_publication in enumerate(shown):
        row, former = of_publication.population.get(after), of_publication.population.get(before)
        if row is None or former is None or row["change_persons"] is None:
            continue
        change = int(row["change_persons"])
        ends = row["eu2_persons"], former["eu2_persons"]
        if None not in ends and ends[0] - ends[1] == change and ends[0] % 5 == 0 and ends[1] % 5 == 0:
            continue
        sums = {sum(pair) for pair in possible[at, before]}
        kept = {pair for pair in possible[at, after] if sum(pair) - change in sums}
        sums = {sum(pair) for pair in kept}
        possible[at, after] = kept or possible[at, after]
        left = {pair for pair in possible[at, before] if sum(pair) + change in sums}
        possible[at, before] = left or possible[at, before]


def _by_bridges(possible: dict[tuple[int, date], Pairs], shown: list[Shown], days: list[date], case: Case) -> None:
    """What persons alone move a cost from year to year: their change times the mean rate, by rounded counts or not."""
    for at, of_publication in enumerate(shown):
        for row in of_publication.bridges:
            ends = row["from_year"], row["to_year"]
            rates = [of_publication.rates.get(year) for year in ends]
            before, after = (next((day for day in days if day.year == year), None) for year in ends)
            is_own = row["measure"] == "total_cost_eur" and row["part"] == "quantity_population"
            if not is_own or row["part_eur"] is None or None in rates or before is None or after is None:
                continue
            totals = [rate and rate["total_cost_eur"] for rate in rates]
            if None in totals:
                continue
            employees = case.states[at].employees
            counts = [rate and rate["population_persons"] for rate in rates]
            if None not in counts and row["part_eur"] == _moved(totals, counts, employees[before], employees[after]):
                continue
            kept = {
                (old, new)
                for old in {sum(pair) for pair in possible[at, before]}
                for new in {sum(pair) for pair in possible[at, after]}
                if row["part_eur"] == _moved(totals, (old, new), employees[before], employees[after])
            }
            for day, end in ((before, 0), (after, 1)):
                left = {pair for pair in possible[at, day] if sum(pair) in {both[end] for both in kept}}
                possible[at, day] = left or possible[at, day]


def _moved(totals: Sequence, counts: Sequence, old_employees: int, new_employees: int) -> Decimal | None:
    old, new = counts[0] - old_employees, counts[1] - new_employees
    if old <= 0 or new <= 0:
        return None
    mean = (totals[0] / old + totals[1] / new) / 2
    return ((counts[1] - counts[0]) * mean).quantize(Decimal("0.01"), ROUND_HALF_UP)


def _unchanged(case: Case, day: date, publications: int) -> list[list[int]]:
    """Publications by what the register held that day: a reader may know that nothing has changed."""
    groups: list[list[int]] = []
    for at in range(publications):
        for group in groups:
            if case.states[group[0]].persons[day] == case.states[at].persons[day]:
                group.append(at)
                break
        else:
            groups.append([at])
    return groups


def _judged(case: Case, day: date, at: int, pairs: Pairs) -> list[Finding]:
    state, found = case.states[at], []
    true = {"BG": state.count(day, BULGARIA), "RO": state.count(day, ROMANIA)}
    true["EU2"] = true["BG"] + true["RO"]
    left = {
        "BG": {bulgaria for bulgaria, _ in pairs},
        "RO": {romania for _, romania in pairs},
        "EU2": {sum(pair) for pair in pairs},
    }
    for group, count in true.items():
        cell = f"{case.ags} {day} {group}, publication {at + 1}"
        possible = sorted(left[group])
        if count not in left[group]:
            found.append(Finding(case.number, "unexplained", cell, f"shown figures leave {possible[:9]}"))
        elif count < 3:
            if len(possible) == 1 or set(possible) <= {1, 2}:
                found.append(Finding(case.number, "(i) small count", cell, f"narrowed to {possible}"))
        elif len(possible) < 5:
            found.append(Finding(case.number, "(ii) rounded count", cell, f"narrowed to {possible}"))
    return found


def _differences(case: Case, day: date, possible: dict[tuple[int, date], Pairs], publications: int) -> list[Finding]:
    found = []
    for before in range(publications):
        for after in range(before + 1, publications):
            earlier, later = case.states[before].persons[day], case.states[after].persons[day]
            if earlier == later:
                continue
            for group, of_pair in (("BG", lambda p: p[0]), ("RO", lambda p: p[1]), ("EU2", sum)):
                olds = {of_pair(pair) for pair in possible[before, day]}
                news = {of_pair(pair) for pair in possible[after, day]}
                if not olds or not news:  # told by `_judged`: nothing fits to what is shown
                    continue
                low, high = min(news) - max(olds), max(news) - min(olds)
                if low > -3 and high < 3 and low * high > 0:
                    cell = f"{case.ags} {day} {group}, publications {before + 1} to {after + 1}"
                    found.append(Finding(case.number, "(i) small difference", cell, f"{low} to {high}"))
    return found


def _money(case: Case, at: int, shown: Shown, seen: Seen) -> list[Finding]:
    """What a group of fewer than three costs: shown, or what the other parts of a ledger leave."""
    if not case.has_ledger:
        return []
    return [finding for day in case.states[at].persons for finding in _money_of_year(case, at, shown, seen, day)]


def _money_of_year(case: Case, at: int, shown: Shown, seen: Seen, day: date) -> list[Finding]:
    publication = seen.publications[at]
    share = case.states[at].share if day.year == 2019 else None
    is_small = sum(case.states[at].count(day, code) for code in (BULGARIA, ROMANIA)) < 3
    if not is_small and not (share and share[0] < 3):
        return []

    def own(view: str) -> list[Row]:
        found = (row for row in seen.of(view, case.ags) if row["publication_id"] == publication)
        return [row for row in found if row.get("reference_year", row.get("fiscal_year")) == day.year]

    rate = shown.rates.get(day.year) or {}
    parts = [rate.get(name) for name in ("unattributed_cost_eur", "excluded_cost_eur")]
    places = {
        "cost_per_person.total_cost_eur": rate.get("total_cost_eur"),
        "lump_sum_simulation.total_cost_eur": next(
            (r["total_cost_eur"] for r in own("lump_sum_simulation") if r["total_cost_eur"] is not None), None
        ),
        "refinancing.cost_eur": next((r["cost_eur"] for r in own("refinancing") if r["cost_eur"] is not None), None),
        "cost_component.amount_eur": next(
            (
                r["amount_eur"]
                for r in own("cost_component")
                if r["amount_eur"] is not None and (r["treatment"] == "attributed" or r["target_group"] == "EU2")
            ),
            None,
        ),
        "provenance": next((n["value"] for n in shown.nodes if n["reference_year"] == day.year and _is_cost(n)), None),
        "the rest of the ledger": None if None in parts else sum(p for p in parts if p is not None),
    }
    why = "fewer than 3 persons" if is_small else "a share of fewer than 3"
    return [
        Finding(case.number, "(iii) money of few persons", f"{case.ags} {day}, publication {at + 1}: {name}", why)
        for name, value in places.items()
        if value is not None
    ]


def _is_cost(node: Row) -> bool:
    of_group = ("amount_eur", "booked_amount_eur", "shared_amount_eur", "total_cost_eur", "total_with_unmapped_eur")
    return node["mart"] != "eu2_population" and node["label"] in of_group and node["value"] is not None


def _deliveries(case: Case, seen: Seen) -> list[Finding]:
    """How many persons a register's file holds, and that one was erased, are nobody's but the office's."""
    found = []
    for day in case.states[0].persons:
        for row in seen.sources.get(("register", f"{case.ags}_{day}"), []):
            cell = f"{case.ags} {day}, publication {row['publication_id']}: publication_source"
            told = [row[name] for name in ("records", "loaded") if row[name] is not None]
            if any(len(stands_for(int(rows))) == 1 for rows in told):
                found.append(Finding(case.number, "(ii) persons of a file", cell, f"{told}, to the person"))
            if row["erased_at"] is not None:
                found.append(Finding(case.number, "(i) erasure", cell, "that a person was erased, and when"))
    return found
