"""Counts of delivered population registers and the money of their groups, as readers see them: equations.

A count of a register is shown by its class (`class_of`) or not at all; figures made from it say again something of it.
A figure that was made from the class says nothing that the class does not; whatever else it says is entered.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from psycopg import sql

from disclosure.equations import CANDIDATE, Apart, Cell, Few, FewApart, Problem, Source, Values
from disclosure.numbers_in_text import half_digit, numbers
from disclosure.shown import Publication, Row, Shown

BASE, MINIMUM = 5, 3
SOURCE, PUBLISHED, ATTRIBUTED = "register", "published", "attributed"
GROUPS = {"BG": "bulgaria_persons", "RO": "romania_persons", "EU2": "eu2_persons"}
PERCENT = 10
"""A known amount of a group below the minimum must leave this share of itself open, either way."""
POPULATION, UNMASKED, COST, COMPONENT = "eu2_population", "eu2_population_unmasked", "cost_per_person", "cost_component"
EXTRAPOLATION, LUMP_SUM, PROVENANCE, BRIDGE = "cost_extrapolation", "lump_sum_simulation", "provenance", "cost_bridge"
CHOICE, REFINANCING, DISTRICTS = "ledger_choice", "refinancing", "city_district_population"
TEXTS = ("caption_de", "caption_en", "presentation_de")
CAPTIONED = ("cost_method", "cost_basis", "verdict", "lump_sum")
"""Seeds whose texts stand in captions; their numbers are the same for every place."""
_TEXT_OF = sql.SQL("select to_jsonb(s)::text as text from {} as s")
_HALF = Fraction(1, 2)
Place = tuple[str, date]
Group = tuple[str, int, str]
"""Municipality, year and method of a cost."""


@dataclass(frozen=True)
class Withheld:
    """A count that one mart withholds must stay what withholding says: possibly below the minimum."""

    def is_broken_by(self, low: int | None, high: int | None) -> bool:
        return low is not None and low >= MINIMUM


def class_of(value: int) -> tuple[int, int]:
    """Fewest and most persons that a shown value stands for; one that is no multiple of the base was not rounded."""
    if value <= 0 or value % BASE:
        return value, value
    return value - BASE // 2, value + BASE // 2


def rounded(value: int) -> int:
    """The nearest multiple of the base."""
    return (value + BASE // 2) // BASE * BASE


@dataclass
class _Facts:
    """What one publication says where its marts must be read together."""

    publication: Publication
    costs: dict[tuple[str, int, str], Row] = field(default_factory=dict)
    lump_sums: dict[str, Row] = field(default_factory=dict)
    """Rows by the key that provenance calls them by."""
    products: dict[str, list[Decimal]] = field(default_factory=dict)
    """What provenance says of a rate times persons, by row."""
    published: dict[Place, int] = field(default_factory=dict)
    """Counts that the municipality published itself, by region and date."""
    precisions: dict[tuple[str, date, str], int] = field(default_factory=dict)
    """Persons by which a published statistic may be off, by region, date and source."""
    ends: dict[tuple[str, str], tuple[Fraction, int]] = field(default_factory=dict)
    """Cost at an end of the interval of a rate, and by how many persons its denominator is off; by row key and end."""


def enter(problem: Problem, shown: Shown) -> list[tuple[Publication, Callable[[Place], Cell]]]:
    """Everything that readers see of register counts, and what must not follow.

    Each publication with what gives the unknown count of a place there, for whoever has more to say of it.
    """
    return _Register(problem, shown).enter()


class _Register:
    def __init__(self, problem: Problem, shown: Shown):
        self._problem, self._shown = problem, shown
        self._versions: dict[Place, dict[Any, int]] = {}
        self._truth = {
            (row["region_code"], row["reference_date"]): tuple(row[column] for column in GROUPS.values())
            for row in shown.query("select * from build.int_population__counted_register")
        }
        self._employees = _employees(shown)
        self._employee_precisions = {
            (row["region_code"], row["reference_year"], row["value"]): int(row["half"] or 0)
            for row in shown.query(
                "select region_code, reference_year, value, precision_half_width as half from build.control_total"
                " where source = 'employment' and measure = 'employees_persons'"
            )
        }
        self._constant = numbers(
            " ".join(
                row["text"] for seed in CAPTIONED for row in shown.query(_TEXT_OF.format(sql.Identifier("build", seed)))
            )
        )

    def enter(self) -> list[tuple[Publication, Callable[[Place], Cell]]]:
        marts = (POPULATION, UNMASKED, COST, EXTRAPOLATION, LUMP_SUM, PROVENANCE, DISTRICTS)
        entered = []
        for publication in self._shown.publications(*marts):
            facts = _Facts(publication)
            truths = self._truth if publication.number == CANDIDATE else self._former(publication)
            cells = _Cells(self, facts, truths)
            self._population(facts, cells)
            self._cost(facts, cells)
            self._lump_sum(facts, cells)
            self._provenance(facts, cells)
            self._extrapolation(facts, cells)
            cells.protect()
            entered.append((publication, cells.cell))
        self._differences()
        self._money()
        return entered

    def _former(self, publication: Publication) -> dict[Place, tuple[int | None, ...]]:
        """Exact counts of an earlier publication: the statistics office's mart of the same one."""
        rows = self._shown.rows(publication, UNMASKED, f"source = '{SOURCE}'")
        return {
            (row["region_code"], row["reference_date"]): tuple(row[column] for column in GROUPS.values())
            for row in rows
        }

    def version(self, place: Place, truth: Any, publication: Publication) -> int:
        """The same number wherever the exact counts are the same; readers may well know that nothing changed."""
        versions = self._versions.setdefault(place, {})
        return versions.setdefault(("unknown", publication.number) if truth is None else truth, len(versions))

    def _population(self, facts: _Facts, cells: "_Cells") -> None:
        for row in self._shown.rows(facts.publication, POPULATION, f"source <> '{SOURCE}'"):
            if row["eu2_precision_persons"]:
                facts.precisions[row["region_code"], row["reference_date"], row["source"]] = row[
                    "eu2_precision_persons"
                ]
        rows = self._shown.rows(facts.publication, POPULATION, f"source = '{SOURCE}'")
        for row in rows:
            place = (row["region_code"], row["reference_date"])
            if row["eu2_evidence"] == PUBLISHED and row["eu2_persons"] is not None:
                facts.published[place] = row["eu2_persons"]
        for row in rows:
            place = (row["region_code"], row["reference_date"])
            for group, column in GROUPS.items():
                if row[column] is None:
                    cells.withheld(POPULATION, place, group)
                else:
                    cells.shown(POPULATION, _key(*place, group), "persons", place, row[column], group)
            cells.split(place)
        by_place = {(row["region_code"], row["reference_date"]): row for row in rows}
        for place, row in by_place.items():
            former = by_place.get((place[0], row["previous_reference_date"]))
            if former:
                self._change(place, row, former, cells)

    def _change(self, place: Place, row: Row, former: Row, cells: "_Cells") -> None:
        """A change that is not the difference of what stands in the two rows says more than they do."""
        now, before = row["eu2_persons"], former["eu2_persons"]
        both = now is not None and before is not None
        terms = {cells.cell(place): 1, cells.cell((place[0], former["reference_date"])): -1}
        change = row["change_persons"]
        if change is not None and not (both and now - before == change):
            cells.state(POPULATION, _key(*place), "change", terms, change, change)
        percent = row["change_pct"]
        if percent is None or (
            both and before and abs(100 * Fraction(now - before, before) - Fraction(percent)) <= Fraction(1, 20)
        ):
            return
        # 100 * (now - before) / before lies within half of the last digit
        for end, is_low in ((percent - Decimal("0.05"), True), (percent + Decimal("0.05"), False)):
            factor = int(end * 100)
            scaled = {cells.cell(place): 10_000, cells.cell((place[0], former["reference_date"])): -10_000 - factor}
            low, high = (0, None) if is_low else (None, 0)
            cells.state(POPULATION, _key(*place), "change in per cent", scaled, low, high)

    def _cost(self, facts: _Facts, cells: "_Cells") -> None:
        for row in self._shown.rows(facts.publication, COST):
            if row["population_source"] != SOURCE or row["reference_date"] is None:
                continue
            key = (row["municipality_ags"], row["reference_year"], row["method"])
            facts.costs[key] = row
            place = (row["municipality_ags"], row["reference_date"])
            text = _key(*key)
            if row["population_persons"] is not None:
                cells.shown(COST, text, "persons", place, row["population_persons"])
            less = self._less(row, place)
            if less is None:
                continue
            cells.denominators.setdefault(place, set()).add(less)
            if row["denominator_persons"] is not None:
                cells.shown(COST, text, "denominator", place, row["denominator_persons"] + less)
            for column in ("cost_per_person_eur", "cost_per_person_rounded_eur"):
                if row[column] and row[column] != row["published_cost_per_person_eur"]:
                    half = half_step(row, row[column])
                    self._rate(COST, text, "rate", place, row["total_cost_eur"], row[column], half, less, cells)
            self._captions(COST, text, row, row, place, less, cells)

    def _captions(self, mart, key, row, cost, place, less, cells: "_Cells") -> None:
        """Numbers in texts of a row that neither it nor its cost shows: an exact count, a denominator, a rate."""
        exact = cells.truth(place)
        if exact is None:
            return
        shown = (*row.values(), *cost.values())
        figures = [value for value in shown if isinstance(value, int | float | Decimal) and value is not True]
        texts = " ".join(row[column] for column in TEXTS if row.get(column))
        for number in numbers(texts) - self._constant - set(map(Fraction, figures)):
            total, over = cost["total_cost_eur"], None if less is None else exact - less
            if number in (exact, over):
                cells.state(mart, key, "caption", {cells.cell(place): 1}, exact, exact)
            elif total and over and over > 0 and abs(Fraction(total) / over - number) <= half_digit(number):
                self._rate(mart, key, "caption", place, total, number, half_digit(number), less, cells)

    def _rate(self, mart, key, what, place, cost, rate, half, less, cells: "_Cells") -> None:
        """Persons over whom a cost gives a rate, give or take half a step of it."""
        if not cost:
            return
        low, high = _over(Fraction(cost), Fraction(rate), half)
        cells.state(mart, key, what, {cells.cell(place): 1}, low + less, None if high is None else high + less)

    def _less(self, row: Row, place: Place) -> int | None:
        """What was taken from the persons to give the denominator; a published statistic, shown or not."""
        persons, denominator = row["population_persons"], row["denominator_persons"]
        if denominator is not None and persons == denominator:
            return 0
        if row["employees_persons"] is not None:
            return row["employees_persons"]
        if persons is not None and denominator is not None:
            return persons - denominator
        return self._employees.get(place)

    def _lump_sum(self, facts: _Facts, cells: "_Cells") -> None:
        for row in self._shown.rows(facts.publication, LUMP_SUM):
            if row["population_source"] != SOURCE:
                continue
            place = (row["municipality_ags"], row["reference_date"])
            key = _key(row["municipality_ags"], row["reference_year"], row["method"], row["lump_sum"])
            if row["population_persons"] is not None:
                cells.shown(LUMP_SUM, key, "persons", place, row["population_persons"])
            facts.lump_sums[key.replace(" ", "|")] = row
            self._over_lump_sum(LUMP_SUM, key, "lump sum", row["lump_sum_eur"], row, place, cells)
            self._covered(row, key, place, cells)
            self._captions(LUMP_SUM, key, row, row, place, None, cells)

    def _over_lump_sum(self, mart, key, what, amount, row: Row, place: Place, cells: "_Cells") -> None:
        """Persons to whom a lump sum gives an amount, to the cent."""
        if amount is None or not row["rate_eur"]:
            return
        cent, rate = Fraction(1, 200), Fraction(row["rate_eur"])
        low, high = _up((Fraction(amount) - cent) / rate), _down((Fraction(amount) + cent) / rate)
        if low == high:
            cells.shown(mart, key, what, place, low)
        else:
            cells.state(mart, key, what, {cells.cell(place): 1}, *sorted((low, high)))

    def _covered(self, row: Row, key: str, place: Place, cells: "_Cells") -> None:
        share, cost, rate = row["covered_pct"], row["total_cost_eur"], row["rate_eur"]
        if not share or not cost or not rate or cost < 0:
            return
        low, high = (
            Fraction(share + half) * Fraction(cost) / 100 / Fraction(rate)
            for half in (Decimal("-0.05"), Decimal("0.05"))
        )
        persons = row["population_persons"]
        if persons is None or not low <= persons <= high:
            cells.state(LUMP_SUM, key, "covered share", {cells.cell(place): 1}, _up(low), _down(high))

    def _extrapolation(self, facts: _Facts, cells: "_Cells") -> None:
        for row in self._shown.rows(facts.publication, EXTRAPOLATION):
            key = _key(
                row["municipality_ags"], row["reference_year"], row["method"], row["region_code"], row["persons_year"]
            )
            if row["population_source"] == SOURCE and row["reference_date"] is not None:
                place = (row["region_code"], row["reference_date"])
                if row["population_persons"] is not None:
                    cells.shown(EXTRAPOLATION, key, "persons", place, row["population_persons"])
                less = self._less(row, place)
                if less is not None and row["denominator_persons"] is not None:
                    cells.shown(EXTRAPOLATION, key, "denominator", place, row["denominator_persons"] + less)
                self._captions(EXTRAPOLATION, key, row, row | {"total_cost_eur": None}, place, less, cells)
            cost = facts.costs.get((row["municipality_ags"], row["reference_year"], row["method"]))
            if cost:
                place = (cost["municipality_ags"], cost["reference_date"])
                less = self._less(cost, place)
                self._captions(EXTRAPOLATION, key, row, cost, place, less, cells)
                if less is not None:
                    self._extrapolated(row, key, cost, place, less, facts, cells)

    def _extrapolated(self, row, key, cost, place, less, facts: _Facts, cells: "_Cells") -> None:
        """Rates times persons, and the rates themselves: what is no product of what is shown says one or the other."""
        rates = {Fraction(cost[c]) for c in ("cost_per_person_eur", "cost_per_person_rounded_eur") if cost[c]}
        factor, total = Fraction(row["price_factor"] or 1), cost["total_cost_eur"]
        for column in ("cost_per_person_eur", "cost_per_person_rounded_eur"):
            if row[column] and Fraction(row[column]) not in rates:
                half = _step(row[column]) / 2
                self._rate(EXTRAPOLATION, key, "extrapolation", place, total, row[column], half, less, cells)
        persons = row["denominator_persons"]
        if not persons:
            return
        target, target_less, off = self._target(row, facts)
        repriced = {round(rate * factor, digits) for rate in rates for digits in range(-6, 7)} | rates
        products = [
            (row["extrapolated_cost_rounded_rate_eur"], repriced, persons, 0, (total, 0)),
            (row["extrapolated_cost_unrounded_rate_eur"], {rate * factor for rate in rates}, persons, 0, (total, 0)),
            *((value, repriced, persons, 0, (total, 0)) for value in facts.products.get(key.replace(" ", "|"), ())),
        ]
        for end, sign in (("low", -1), ("high", 1)):
            rate, amount = cost[f"cost_per_person_{end}_eur"], row[f"extrapolated_cost_{end}_eur"]
            at_end = persons + sign * off
            if target:
                at_end = cells.class_at(target, row["population_persons"])[sign > 0] - target_less + sign * off
            known = set() if rate is None else {Fraction(rate) * factor}
            ends = facts.ends.get(
                (_key(cost["municipality_ags"], cost["reference_year"], cost["method"]), end), (total, 0)
            )
            products.append((amount, known, at_end, -sign, ends))
        for amount, known, over, sign, (cost_eur, width) in products:
            if amount is None or any(abs(rate * over - Fraction(amount)) <= _HALF for rate in known):
                continue
            options = []
            if cost_eur and over > 0:
                low, high = _over(Fraction(cost_eur) * factor * over, Fraction(amount), _HALF)
                for off_by in dict.fromkeys((width, max(width - BASE // 2, 0))):
                    shift = less - sign * off_by
                    options.append((place, low + shift, None if high is None else high + shift))
            if target:
                for rate in filter(None, known):
                    low, high = (
                        (Fraction(amount) + half) / rate + target_less + sign * off for half in (-_HALF, _HALF)
                    )
                    options.append((target, _up(low), _down(high)))
            cells.state_true(EXTRAPOLATION, key, "extrapolation", options)

    def _target(self, row: Row, facts: _Facts) -> tuple[Place | None, int, int]:
        """Whose persons the rate is taken times, where a register counts them; what is less in its denominator; and by
        how many persons published statistics may be off."""
        target = (row["region_code"], row["reference_date"])
        year = None if row["reference_date"] is None else row["reference_date"].year
        off = self._employee_precisions.get((row["region_code"], year, row["employees_persons"]), 0)
        if row["population_source"] == SOURCE and row["population_persons"] is not None:
            return target, self._less(row, target) or 0, off
        return None, 0, off + facts.precisions.get((*target, row["population_source"]), 0)

    def _provenance(self, facts: _Facts, cells: "_Cells") -> None:
        """Nodes that say again what a mart shows, with their own digits; the ends of the interval with their parts."""
        wanted = "node_kind <> 'missing' and label in ('eu2_persons', 'population_persons', 'denominator_persons',"
        wanted += " 'denominator_low_persons', 'denominator_high_persons', 'denominator_precision_persons',"
        wanted += " 'denominator_class_low_persons', 'denominator_class_high_persons', 'lump_sum_eur',"
        wanted += " 'extrapolated_cost_eur', 'extrapolated_cost_rounded_rate_eur',"
        wanted += " 'total_cost_low_eur', 'total_cost_high_eur', 'total_cost_eur', 'cost_per_person_eur')"
        trees: dict[tuple[str, str, str], dict[str, Row]] = {}
        for row in self._shown.rows(facts.publication, PROVENANCE, wanted):
            parts = (row["row_key"] or "").split("|")
            if row["label"] == "eu2_persons":
                self._counted(row, cells)
            elif row["mart"] == LUMP_SUM and row["label"] == "lump_sum_eur" and row["row_key"] in facts.lump_sums:
                lump_sum = facts.lump_sums[row["row_key"]]
                place = (lump_sum["municipality_ags"], lump_sum["reference_date"])
                self._over_lump_sum(
                    PROVENANCE, _key(*parts), "node of a lump sum", row["value"], lump_sum, place, cells
                )
            elif row["mart"] == EXTRAPOLATION and row["label"].startswith("extrapolated") and row["value"] is not None:
                facts.products.setdefault(row["row_key"], []).append(row["value"])
            elif row["mart"] == COST and len(parts) == 3:
                trees.setdefault((row["mart"], row["row_key"], row["figure"]), {})[row["label"]] = row
        for (_, row_key, figure), nodes in trees.items():
            ags, year, method = row_key.split("|")
            cost = facts.costs.get((ags, int(year), method))
            if cost:
                self._tree(cost, row_key.replace("|", " "), figure, nodes, facts, cells)

    def _counted(self, row: Row, cells: "_Cells") -> None:
        key = row["refers_to_row_key"] if row["refers_to_mart"] == POPULATION else row["row_key"]
        parts = (key or "").split("|")
        if len(parts) == 3 and parts[2] == SOURCE and (row["refers_to_mart"] or row["mart"]) == POPULATION:
            place = (parts[0], date.fromisoformat(parts[1]))
            for column in ("value", "row_count"):
                if row[column] is not None and row["refers_to_mart"] is None:
                    cells.shown(PROVENANCE, _key(*place), "node of a count", place, int(row[column]))

    def _tree(self, cost: Row, key: str, figure: str, nodes: Mapping[str, Row], facts, cells) -> None:
        place = (cost["municipality_ags"], cost["reference_date"])
        value = {label: row["value"] for label, row in nodes.items() if row["value"] is not None}
        less = self._less(cost, place)
        for column in ("value", "row_count"):
            node = nodes.get("population_persons")
            if node and node[column] is not None and node["node_kind"] == "delivery_aggregate":
                cells.shown(PROVENANCE, key, "node of a count", place, int(node[column]))
        if less is None:
            return
        if figure == "cost_per_person_rounded_eur":
            lowest, highest = (value.get(f"denominator_class_{end}_persons") for end in ("low", "high"))
            if lowest is not None and highest is not None:
                ends = (int(lowest) + less, int(highest) + less)
                cells.state(PROVENANCE, key, "node of a class", {cells.cell(place): 1}, *ends)
        if "denominator_persons" in value:
            cells.shown(PROVENANCE, key, "node of a count", place, int(value["denominator_persons"]) + less)
        rate, total = value.get("cost_per_person_eur"), value.get("total_cost_eur")
        if rate and rate != cost["published_cost_per_person_eur"]:
            # A node that says what the row says is rounded as the row is.
            half = half_step(cost if rate == cost["cost_per_person_eur"] else {}, rate)
            self._rate(PROVENANCE, key, "node of a rate", place, total, rate, half, less, cells)
        for end, sign in (("low", 1), ("high", -1)):
            other = "high" if end == "low" else "low"
            persons, width = value.get(f"denominator_{other}_persons"), value.get("denominator_precision_persons")
            amount, shown = value.get(f"total_cost_{end}_eur"), cost[f"cost_per_person_{end}_eur"]
            if figure != f"cost_per_person_{end}_eur" or persons is None or width is None:
                continue
            cells.shown(PROVENANCE, key, "node of an interval", place, int(persons - sign * width) + less)
            if amount is not None:
                facts.ends[key, end] = (Fraction(amount), int(width))
            if amount and shown:
                self._end(cost, key, place, amount, shown, int(sign * width), less, cells)

    def _end(self, cost, key, place, amount, shown, width, less, cells: "_Cells") -> None:
        """An end of the interval, where it is not that of the class: the denominator that it was divided by."""
        low, high = _over(Fraction(amount), Fraction(shown), _step(shown) / 2)
        bounds = (low - width + less, None if high is None else high - width + less)
        persons = cost["population_persons"]
        if persons is not None and not persons % BASE:
            # Rounded outwards: at the end of the class it lies within a step.
            by_class = Fraction(amount) / (persons + width - less) if persons + width - less > 0 else None
            if by_class is not None and abs(by_class - Fraction(shown)) < _step(shown):
                return
        cells.state(COST, key, "interval", {cells.cell(place): 1}, *bounds)

    def _differences(self) -> None:
        """Of every two exact counts that readers saw one after the other."""
        for place, versions in self._versions.items():
            for group in GROUPS:
                cells = [(SOURCE, *place, group, number) for number in versions.values()]
                known = [cell for cell in cells if cell in self._problem.unknowns]
                for n, one in enumerate(known):
                    for other in known[:n]:
                        source = Source(POPULATION, _key(*place, group), "difference of two publications")
                        self._problem.protect(source, {other: 1, one: -1}, FewApart())

    def _is_of_few(self, place: Place, has_employees: bool) -> bool:
        """Whether the group is fewer than three persons, or those of it are whom a rate is over."""
        exact = self._truth.get(place, (None,))[-1]
        return exact is not None and _is_few(exact, self._employees.get(place, 0) if has_employees else None)

    def _money(self) -> None:
        """The money of groups below the minimum, in the candidate: totals, their parts, what repeats them."""
        candidate = self._shown.candidate
        rates = {
            (row["municipality_ags"], row["fiscal_year"], row["method"]): row
            for row in self._shown.query(
                "select municipality_ags, fiscal_year, method, reference_date, employees_place_basis, population_source"
                " from build.int_cost__rate"
            )
        }
        published = {
            (row["region_code"], row["reference_year"], row["method"])
            for row in self._shown.query(
                f"select region_code, reference_year, method from build.published_figure where mart = '{COST}'"
            )
        }
        groups = {
            group
            for group, row in rates.items()
            if self._is_of_few((group[0], row["reference_date"]), row["employees_place_basis"] is not None)
            # Whose register comes later may turn out to be two, unless the municipality has published what they cost.
            or (row["population_source"] is None and group not in published)
        }
        # What one or two persons of a share got is theirs, however many the group counts.
        groups |= {
            (row["municipality_ags"], row["fiscal_year"], row["method"])
            for row in self._shown.query(
                "select distinct municipality_ags, fiscal_year, method from build.int_cost__component"
                f" where treatment = '{ATTRIBUTED}' and share_numerator < {MINIMUM}"
            )
        }
        former = self._former_totals()
        if groups or former:
            _Money(self._problem, self._shown, candidate, groups, former).enter()

    def _former_totals(self) -> dict[Group, dict[int, int]]:
        """Total costs (cents) in packages from before the protection, by publication: of groups that were or are few,
        and so few came or went since that what the totals differ by would be theirs."""
        found: dict[Group, dict[int, int]] = {}
        for publication in self._shown.publications(COST, UNMASKED):
            if publication.number not in self._shown.handed_out:
                continue
            counts = self._former(publication)
            for row in self._shown.rows(publication, COST):
                place = (row["municipality_ags"], row["reference_date"])
                then, now = (known.get(place, (None,))[-1] for known in (counts, self._truth))
                if row["total_cost_eur"] is None or row["population_source"] != SOURCE or None in (then, now):
                    continue
                both = ((then, row["employees_persons"]), (now, self._employees.get(place)))
                if any(_is_few(*one) for one in both) and _are_few_apart(*both):
                    group = (row["municipality_ags"], row["reference_year"], row["method"])
                    found.setdefault(group, {})[publication.number] = _cents(row["total_cost_eur"])
        return found


class _Cells:
    """The counts of one publication: unknowns, and what is said of them."""

    def __init__(self, register: _Register, facts: _Facts, truths: Mapping[Place, tuple[int | None, ...]]):
        self._register, self._facts, self._truths = register, facts, truths
        self._problem = register._problem
        self._seen: dict[tuple[Place, str], bool] = {}
        self.denominators: dict[Place, set[int]] = {}

    def cell(self, place: Place, group: str = "EU2") -> Cell:
        """The unknown count."""
        truth = self._truths.get(place)
        number = self._register.version(place, truth, self._facts.publication)
        self._seen.setdefault((place, group), False)
        exact = truth[list(GROUPS).index(group)] if truth else None
        return self._problem.know((SOURCE, *place, group, number), truth=exact)

    def state(
        self, mart: str, key: str, what: str, terms: Mapping[Cell, int], low: int | None, high: int | None
    ) -> None:
        self._problem.state(Source(mart, key, what, self._facts.publication.number), terms, low, high)

    def state_true(self, mart: str, key: str, what: str, options: Sequence[tuple[Place, int, int | None]]) -> None:
        """The first of these readings that holds of the exact counts; where none does, one that stops the audit."""
        for place, low, high in options:
            exact = self.truth(place)
            if exact is None or (low <= exact and (high is None or exact <= high)):
                break
        else:
            if not options:
                return
            place, low, high = options[0]
        self.state(mart, key, what, {self.cell(place): 1}, low, high)

    def truth(self, place: Place) -> int | None:
        """The exact count of the group, where it is known here."""
        truth = self._truths.get(place)
        return truth and truth[2]

    def class_at(self, place: Place, value: int, group: str = "EU2") -> tuple[int, int]:
        """Fewest and most persons that a value stands for; one that the municipality published is of its class.

        Before figures were protected a count stood as it was, also one that is a multiple of the base.
        """
        if self._facts.publication.number in self._register._shown.handed_out:
            return value, value
        is_published = group == "EU2" and value == self._facts.published.get(place)
        return class_of(rounded(value)) if is_published else class_of(value)

    def shown(self, mart: str, key: str, what: str, place: Place, value: int, group: str = "EU2") -> None:
        """A count, or what stands for it."""
        self.state(mart, key, what, {self.cell(place, group): 1}, *self.class_at(place, value, group))

    def withheld(self, mart: str, place: Place, group: str) -> None:
        """A count that a mart does not show; of the whole group that tells that it is below the minimum."""
        cell = self.cell(place, group)
        self._seen[place, group] = True
        truth = self._problem.unknowns[cell].truth
        if group == "EU2" and truth is not None and truth < MINIMUM:
            self.state(mart, _key(*place, group), "withheld", {cell: 1}, 0, MINIMUM - 1)

    def split(self, place: Place) -> None:
        """Bulgarians and Romanians are all of the group, but for who is both."""
        truth = self._truths.get(place)
        is_sum = truth is None or None in truth or truth[0] + truth[1] == truth[2]
        first, second, whole = (self.cell(place, group) for group in GROUPS)
        key = _key(*place)
        if is_sum:
            self.state(POPULATION, key, "parts of the group", {first: 1, second: 1, whole: -1}, 0, 0)
        else:
            self.state(POPULATION, key, "parts of the group", {first: 1, second: 1, whole: -1}, 0, None)

    def protect(self) -> None:
        """What must not follow of these counts, by what they are."""
        for (place, group), is_withheld in self._seen.items():
            cell = self.cell(place, group)
            truth = self._problem.unknowns[cell].truth
            source = Source(POPULATION, _key(*place, group), "persons", self._facts.publication.number)
            if truth is None or truth < MINIMUM:
                self._problem.protect(source, {cell: 1}, Few(is_zero_protected=True))
            if truth is None or truth >= MINIMUM:
                self._problem.protect(source, {cell: 1}, Values(BASE))
                if is_withheld and group == "EU2":
                    self._problem.protect(source, {cell: 1}, Withheld())
        for place, lessers in self.denominators.items():
            for less in lessers:
                source = Source(COST, _key(*place), "denominator", self._facts.publication.number)
                self._problem.protect(source, {self.cell(place): 1}, Few(), -less)


class _Money:
    """Amounts of groups below the minimum, in cents; and those of groups of which packages hold former totals."""

    def __init__(
        self,
        problem: Problem,
        shown: Shown,
        publication: Publication,
        few: set[Group],
        former: Mapping[Group, Mapping[int, int]],
    ):
        self._problem, self._shown, self._publication = problem, shown, publication
        self._few, self._former, self._groups = few, former, few | former.keys()

    def enter(self) -> None:
        parts = self._parts()
        for group in self._groups:
            truth = sum(amount for key, amount in parts.items() if key[:3] == group)
            self._know(("cost", *group), COST, _key(*group), "total cost", truth)
            for number, before in self._former.get(group, {}).items():
                self._compare(group, truth, number, before)
        for key, amount in parts.items():
            self._know(("part", *key), COMPONENT, _key(*key[:5]), "attributed amount", amount)
        self._components(parts)
        self._totals()

    def _parts(self) -> dict[tuple[Any, ...], int]:
        """Exact attributed amounts in cents, by the columns of `_part`."""
        rows = self._shown.query(
            "select municipality_ags, fiscal_year, method, product_code, account_code, target_group, source_sha256,"
            f" sum(amount_eur) as amount_eur from build.int_cost__component where treatment = '{ATTRIBUTED}'"
            " group by 1, 2, 3, 4, 5, 6, 7"
        )
        return {key: _cents(row["amount_eur"]) for row in rows for key in [_part(row)] if key[:3] in self._groups}

    def _know(self, cell: Cell, mart: str, key: str, what: str, truth: int) -> None:
        """An amount; that of few must not be known."""
        self._problem.know(cell, whole=False, low=None, truth=truth)
        if truth and cell[1:4] in self._few:
            margin = abs(truth) * PERCENT // 100
            self._problem.protect(Source(mart, key, what), {cell: 1}, Apart(truth, margin))

    def _compare(self, group: Group, truth: int, number: int, before: int) -> None:
        """What a total is more or less than one of a package is what those got who came or went."""
        more = truth - before
        if more:
            source = Source(COST, _key(*group), f"difference of the total cost to publication {number}")
            rule = Apart(more, abs(more) * PERCENT // 100, is_either_side_enough=True)
            self._problem.protect(source, {("cost", *group): 1}, rule, -before)

    def _state(self, mart: str, key: str, what: str, terms: Mapping[Cell, int], amount: int) -> None:
        self._problem.state(Source(mart, key, what, self._publication.number), terms, amount, amount)

    def _components(self, parts: Mapping[tuple[Any, ...], int]) -> None:
        """Each attributed amount; with the rest of its posting the booked one; all of them the total."""
        booked: dict[tuple[Any, ...], tuple[int, int]] = {}
        seen: dict[tuple[str, int, str], list[tuple[Any, ...]]] = {}
        for row in self._shown.rows(self._publication, COMPONENT):
            key = _part(row)
            if key[:3] not in self._groups:
                continue
            text = _key(*key[:5])
            if row["treatment"] == ATTRIBUTED:
                seen.setdefault(key[:3], []).append(key)
                if key in parts and row["amount_eur"] is not None:
                    self._state(COMPONENT, text, "attributed amount", {("part", *key): 1}, _cents(row["amount_eur"]))
            elif row["booked_amount_eur"] is not None and row["amount_eur"] is not None:
                whole, rest = booked.get(key, (_cents(row["booked_amount_eur"]), 0))
                booked[key] = (whole, rest + _cents(row["amount_eur"]))
        for key, (whole, rest) in booked.items():
            if key in parts:
                self._state(COMPONENT, _key(*key[:5]), "booked amount", {("part", *key): 1}, whole - rest)
        for group, keys in seen.items():
            known = set(keys) & parts.keys()
            if known == {key for key in parts if key[:3] == group}:
                terms = {("part", *key): 1 for key in known} | {("cost", *group): -1}
                self._state(COMPONENT, _key(*group), "sum of the attributed amounts", terms, 0)

    def _totals(self) -> None:
        shown, publication = self._shown, self._publication
        for row in shown.rows(publication, COST):
            self._total(COST, (row["municipality_ags"], row["reference_year"], row["method"]), row["total_cost_eur"])
        for row in shown.rows(publication, LUMP_SUM):
            group = (row["municipality_ags"], row["reference_year"], row["method"])
            self._total(LUMP_SUM, group, row["total_cost_eur"])
        for row in shown.rows(publication, BRIDGE):
            if row["measure"] == "total_cost_eur":
                for end in ("from", "to"):
                    group = (row["municipality_ags"], row[f"{end}_year"], row[f"{end}_method"])
                    self._total(BRIDGE, group, row[f"{end}_eur"])
        for row in shown.rows(publication, REFINANCING):
            self._total(REFINANCING, (row["region_code"], row["reference_year"], row["method"]), row["cost_eur"])
        for row in shown.rows(publication, PROVENANCE):
            parts = (row["row_key"] or "").split("|")
            if row["mart"] == COST and row["label"] == "total_cost_eur" and len(parts) == 3:
                self._total(PROVENANCE, (parts[0], int(parts[1]), parts[2]), row["value"])
        self._ledger()

    def _total(self, mart: str, group: tuple[str, int, str], amount: Decimal | None) -> None:
        if group in self._groups and amount is not None:
            self._state(mart, _key(*group), "total cost", {("cost", *group): 1}, _cents(amount))

    def _ledger(self) -> None:
        """What was counted of the ledger is attributed, unattributed or excluded."""
        counted: dict[tuple[str, int], int] = {}
        for row in self._shown.rows(self._publication, CHOICE):
            if row["is_counted"] and row["amount_eur"] is not None:
                place = (row["municipality_ags"], row["fiscal_year"])
                counted[place] = counted.get(place, 0) + _cents(row["amount_eur"])
        for row in self._shown.rows(self._publication, COST):
            group = (row["municipality_ags"], row["reference_year"], row["method"])
            others = [row["unattributed_cost_eur"], row["excluded_cost_eur"]]
            if group in self._groups and group[:2] in counted and None not in others:
                rest = counted[group[:2]] - sum(map(_cents, others))
                self._state(COST, _key(*group), "rest of the ledger", {("cost", *group): 1}, rest)


def _is_few(persons: int, employees: int | None) -> bool:
    """Whether a group is below the minimum, or those of it are who are not employed."""
    return persons < MINIMUM or (employees is not None and 0 < persons - employees < MINIMUM)


def _are_few_apart(one: tuple[int, int | None], other: tuple[int, int | None]) -> bool:
    """Whether two groups, or those of them who are not employed, differ by so few that their costs differ by theirs."""
    persons = one[0] - other[0]
    over = persons - (one[1] or 0) + (other[1] or 0)
    return 0 < abs(persons) < MINIMUM or 0 < abs(over) < MINIMUM


def _part(row: Row) -> tuple[Any, ...]:
    columns = (
        "municipality_ags",
        "fiscal_year",
        "method",
        "product_code",
        "account_code",
        "target_group",
        "source_sha256",
    )
    return tuple(row[column] for column in columns)


def _employees(shown: Shown) -> dict[Place, int]:
    """Published employees of the group by region and date, where one count alone is known."""
    rows = shown.query(
        "select region_code, reference_date, min(employees_persons) as persons from build.stg_employment__employees"
        " where employees_persons is not null and nationality_group = 'EU2' group by 1, 2"
        " having count(distinct employees_persons) = 1"
    )
    return {(row["region_code"], row["reference_date"]): row["persons"] for row in rows}


def _over(cost: Fraction, rate: Fraction, half: Fraction) -> tuple[int, int | None]:
    """Fewest and most whole numbers by which a cost divided gives a rate, give or take half a step."""
    cost, rate = abs(cost), abs(rate)
    return _up(cost / (rate + half)), (None if rate <= half else _down(cost / (rate - half)))


def half_step(row: Mapping[str, Any], rate: Decimal) -> Fraction:
    """Half of the step that a row says its rate is rounded to, else of the coarsest one that the digits allow."""
    told = row.get("rate_step_eur")
    return Fraction(told) / 2 if told else _step(rate) / 2


def _step(value: Decimal) -> Fraction:
    """The coarsest of 1, 2, 5, 10, 20 ... (and of their tenths, hundredths ...) that a value is a multiple of."""
    fraction, best = Fraction(value), Fraction(1, 10**12)
    for exponent in range(-12, 13):
        for digit in (1, 2, 5):
            step = digit * Fraction(10) ** exponent
            if fraction and fraction % step == 0:
                best = step
    return best


def _up(value: Fraction) -> int:
    return -((-value.numerator) // value.denominator)


def _down(value: Fraction) -> int:
    return value.numerator // value.denominator


def _cents(amount: Decimal) -> int:
    return round(Decimal(amount) * 100)


def _key(*parts: Any) -> str:
    return " ".join(map(str, parts))
