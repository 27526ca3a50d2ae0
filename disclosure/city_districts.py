"""Counts of city districts as readers see them, beside one another and the count of the whole city: equations.

The districts of a city sum to its EU2 persons, of which other marts tell the class; groups of nationalities are parts
of each other and of all foreign persons. Exact counts of earlier publications are not kept, so that what their rows say
is judged by itself, and not against the candidate's.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable

from disclosure.equations import CANDIDATE, Cell, Few, Problem, Source, Values
from disclosure.register import BASE, DISTRICTS, MINIMUM, SOURCE, Place, class_of
from disclosure.shown import Publication, Row, Shown

WHOLE, OF_CITY = "ALL", "EU2"
City = Callable[[Place], Cell]


def enter(problem: Problem, shown: Shown, cities: Iterable[tuple[Publication, City]]) -> None:
    """Everything that readers see of districts; `cities` gives the unknown EU2 persons of a city by publication."""
    for publication, city in cities:
        rows = shown.rows(publication, DISTRICTS)
        by_city: dict[Place, list[Row]] = defaultdict(list)
        for row in rows:
            by_city[row["region_code"], row["reference_date"]].append(row)
        if by_city:
            told = _Told(problem, shown, publication)
            for place, of_city in by_city.items():
                told.enter(place, of_city, city(place))


class _Told:
    """What one publication says of districts."""

    def __init__(self, problem: Problem, shown: Shown, publication: Publication):
        self._problem, self._number = problem, publication.number
        exact = "select * from build.int_city_district__counted"
        self._truth = {
            (row["region_code"], row["reference_date"], row["city_district"], row["nationality"]): row["persons"]
            for row in (shown.query(exact) if publication.number == CANDIDATE else ())
        }
        members: dict[str, set[str]] = defaultdict(set)
        for row in shown.query("select nationality_group, nationality_code from build.nationality_group"):
            members[row["nationality_group"]].add(row["nationality_code"])
        self._within = {(a, b) for a in members for b in members if a != b and members[a] <= members[b]}
        self._parts = set(members) - {part for part, _ in self._within}
        """Groups that are parts of no other one; they share no person."""

    def enter(self, place: Place, rows: list[Row], city: Cell) -> None:
        shown_groups = {row["nationality"] for row in rows if row["persons"] is not None}
        cells: dict[str, dict[str, Cell]] = defaultdict(dict)
        for row in rows:
            district, group, persons = row["city_district"], row["nationality"], row["persons"]
            truth = self._truth.get((*place, district, group))
            cell = self._problem.know((f"{SOURCE} district", *place, district, group, self._number), truth=truth)
            cells[district][group] = cell
            source = self._source(place, district, group, "persons")
            if persons is not None:
                self._problem.state(source, {cell: 1}, *class_of(persons))
            elif group in shown_groups and truth is not None and truth < MINIMUM:
                # where nothing of a group is shown, that it is hidden tells of no district
                self._problem.state(self._source(place, district, group, "withheld"), {cell: 1}, 0, MINIMUM - 1)
            if truth is None or truth < MINIMUM:
                self._problem.protect(source, {cell: 1}, Few(is_zero_protected=True))
            if truth is None or truth >= MINIMUM:
                self._problem.protect(source, {cell: 1}, Values(BASE))
        for district, groups in cells.items():
            self._parts_of(place, district, groups)
        terms = {groups[OF_CITY]: 1 for groups in cells.values() if OF_CITY in groups}
        if len(terms) == len(cells):
            self._problem.state(self._source(place, "all districts", OF_CITY, "sum"), terms | {city: -1}, 0, 0)

    def _parts_of(self, place: Place, district: str, groups: dict[str, Cell]) -> None:
        for part, whole in self._within:
            if part in groups and whole in groups:
                source = self._source(place, district, part, f"part of {whole}")
                self._problem.state(source, {groups[part]: 1, groups[whole]: -1}, None, 0)
        if WHOLE in groups:
            terms = {cell: 1 for group, cell in groups.items() if group in self._parts} | {groups[WHOLE]: -1}
            self._problem.state(self._source(place, district, WHOLE, "sum of groups"), terms, None, 0)

    def _source(self, place: Place, district: str, group: str, what: str) -> Source:
        return Source(DISTRICTS, " ".join(map(str, (*place, district or "(none)", group))), what, self._number)
