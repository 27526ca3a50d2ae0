"""Lists of grants by list, funder, state and year in which they begin, as readers see them: equations.

A unit is one grant. A row that stands there holds one unit at least; the years sum to the row of all years. What a unit
is, is read from the deliveries of each publication by the staging views, never from what decides what is shown.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from psycopg import sql

from disclosure.equations import Apart, Cell, Each, Few, FewApart, Problem, Rule, Source
from disclosure.register import MINIMUM
from disclosure.shown import Publication, Row, Shown
from ingest import contracts
from ingest.contracts import periods

MART, PROVENANCE, ALL = "funding_granted", "provenance", "all"
AMOUNTS = ("total_cost_eur", "granted_eur")
COLUMNS = ("operations", *AMOUNTS)
P_PERCENT, N_DOMINANT, K_PERCENT = 10, 2, 90
"""p-percent and (n,k) rule: an amount is protected where the rest but two could tell the largest to p percent, or where
the two largest hold more than k percent."""
Table = tuple[str, str, str, str]
"""Source, list (by its longest period; of a cumulative one all periods are one), funder, state."""
Unit = tuple[int | None, int | None]
"""What a grant is in figures: its amounts in cents. A title or a period that is worded anew changes none of them."""


@dataclass
class _List:
    """The grants of one table as delivered, by year; None where the delivery is gone or is read otherwise today."""

    years: dict[str, Counter[Unit]] = field(default_factory=lambda: defaultdict(Counter))

    def of(self, year: str) -> Counter[Unit]:
        if year == ALL:
            return sum(self.years.values(), Counter())
        return self.years.get(year, Counter())


@dataclass
class _Content:
    """Rows of one table as one publication shows them, and its grants where they are known."""

    publication: Publication
    period: str
    rows: dict[str, Row]
    units: _List | None
    nodes: list[Row] = field(default_factory=list)
    """What provenance says of it again, in whatever publication."""


def enter(problem: Problem, shown: Shown) -> None:
    """Everything that readers see of grants, and what must not follow."""
    tables: dict[Table, list[_Content]] = defaultdict(list)
    lists = _Lists(shown)
    publications = list(shown.publications(MART))
    names = _names({(row["source"], row["period"]) for one in publications for row in shown.rows(one, MART)})
    for publication in publications:
        rows: dict[tuple[str, str, str, str, str], dict[str, Row]] = defaultdict(dict)
        for row in shown.rows(publication, MART):
            key = (row["source"], row["period"], row["source_sha256"], row["funder"], row["region_code"])
            rows[key][row["begin_year"]] = row
        units = lists.of(publication.build_id, {(source, sha256) for source, _, sha256, _, _ in rows})
        for (source, period, sha256, *place), years in rows.items():
            known = units.get((source, sha256, *place))
            if known is not None and not _is_shown_so(years, known):
                known = None
            table = (source, names[source, period], *place)
            tables[table].append(_Content(publication, period, years, known))
    _add_nodes(shown, tables)
    for table, contents in tables.items():
        _Table(problem, table, contents).enter()


def _names(lists: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """What a list of a source and period is called: deliveries of one list are compared, whatever period they are for.

    As the contracts' `periods` say: of a cumulative list (`latest`) every period is the same one, of the others
    (`longest`) a period that lies within a longer one is of that.
    """
    found = {}
    known = contracts.sources()
    for source, period in lists:
        rule = contracts.load(source).periods if source in known else contracts.ALL
        found[source, period] = period
        if rule == contracts.LATEST:
            found[source, period] = rule
        elif rule == contracts.LONGEST and (own := periods.span(period)):
            spans = {other: periods.span(other) for of, other in lists if of == source}
            longer = [other for other, span in spans.items() if span and span.holds(own)]
            found[source, period] = min(
                longer, key=lambda other: (spans[other].first, -spans[other].last.toordinal()), default=period
            )
    return found


def _add_nodes(shown: Shown, tables: Mapping[Table, list[_Content]]) -> None:
    """Nodes of provenance, each to the content that it is about: that of the same publication."""
    by_key = {
        (content.publication.contents.get(MART), row["source_sha256"], row["funder"], row["region_code"]): content
        for contents in tables.values()
        for content in contents
        for row in content.rows.values()
    }
    for publication in shown.publications(MART, PROVENANCE):
        for node in shown.rows(publication, PROVENANCE, f"mart = '{MART}'"):
            *key, _ = (node["row_key"] or "").split("|")
            content = by_key.get((publication.contents.get(MART), *key))
            if node["mart"] == MART and content:
                content.nodes.append(node | {"publication": publication.number})


def _is_shown_so(rows: Mapping[str, Row], units: _List) -> bool:
    """Whether what is shown are these grants: an earlier version of the code may have read them otherwise."""
    return set(rows) <= {ALL, *units.years} and all(
        row[column] is None or _whole(row[column], column) == _sum(units.of(year), column)
        for year, row in rows.items()
        for column in COLUMNS
    )


class _Table:
    """One list of a funder and a state: the years, all of them, and their contents over the publications."""

    def __init__(self, problem: Problem, table: Table, contents: list[_Content]):
        self._problem, self._table, self._contents = problem, table, contents
        self._versions: dict[str, list[tuple[Any, _Content]]] = defaultdict(list)
        self._counted: set[Cell] = set()
        """Numbers of grants that some publication shows."""

    def enter(self) -> None:
        for content in self._contents:
            for year in content.rows:
                self._row(content, year)
            for node in content.nodes:
                self._node(content, node)
            if ALL in content.rows:
                self._years(content)
        for year, versions in self._versions.items():
            for n, (_, one) in enumerate(versions):
                for _, other in versions[:n]:
                    self._difference(year, one, other)
        for content in self._contents:
            self._hidden_together(content)

    def _cell(self, content: _Content, year: str, column: str) -> Cell:
        """The same unknown wherever the same grants stand: readers may well know that nothing changed."""
        identity: Any = ("unknown", content.publication.contents.get(MART))
        if content.units is not None:
            identity = ("grants", frozenset(content.units.of(year).items()))
        versions = self._versions[year]
        known = [n for n, (other, _) in enumerate(versions) if other == identity]
        if not known:
            versions.append((identity, content))
        number = known[0] if known else len(versions) - 1
        truth = None if content.units is None else _sum(content.units.of(year), column)
        return self._problem.know((*self._table, year, column, number), whole=column == "operations", truth=truth)

    def _source(self, content: _Content, year: str, what: str) -> Source:
        return Source(MART, self._key(content, year), what, content.publication.number)

    def _key(self, content: _Content, year: str) -> str:
        source, _, *place = self._table
        return " ".join((source, content.period, *place, year))

    def _row(self, content: _Content, year: str) -> None:
        row = content.rows[year]
        for column in COLUMNS:
            cell = self._cell(content, year, column)
            if row[column] is not None:
                self._say(self._source(content, year, column), cell, row[column], column)
        count = self._cell(content, year, "operations")
        self._problem.state(self._source(content, year, "a row that is there"), {count: 1}, 1, None)
        self._problem.protect(self._source(content, year, "operations"), {count: 1}, Few())
        if content.units is not None:
            units = content.units.of(year)
            for column, margin in _margins(units, units.total()):
                truth = _sum(units, column)
                if truth is not None:
                    terms = {self._cell(content, year, column): 1}
                    self._problem.protect(self._source(content, year, column), terms, Apart(truth, margin))

    def _node(self, content: _Content, node: Row) -> None:
        """An amount that provenance says again, and how many lines of the list it is the sum of."""
        year = node["row_key"].rpartition("|")[2]
        source = Source(PROVENANCE, self._key(content, year), "node of grants", node["publication"])
        for column, value in ((node["figure"], node["value"]), ("operations", node["row_count"])):
            if column in COLUMNS and value is not None and year in content.rows:
                self._say(source, self._cell(content, year, column), value, column)

    def _say(self, source: Source, cell: Cell, value: Decimal | int, column: str) -> None:
        """A figure as it is shown."""
        whole = _whole(value, column)
        self._problem.state(source, {cell: 1}, whole, whole)
        if column == "operations":
            self._counted.add(cell)

    def _years(self, content: _Content) -> None:
        """The years sum to all of them; an amount that one grant lacks is no sum of all."""
        for column in COLUMNS:
            if column in AMOUNTS and _is_lacking(content, column):
                continue
            terms = {self._cell(content, ALL, column): -1}
            for year in content.rows:
                if year != ALL:
                    terms[self._cell(content, year, column)] = 1
            self._problem.state(self._source(content, ALL, f"{column} of the years and of all"), terms, 0, 0)

    def _hidden_together(self, content: _Content) -> None:
        """Rows that nobody has shown and that are one each, or two each to whoever takes all of them for small."""
        cells = [self._cell(content, year, "operations") for year in content.rows if year != ALL]
        hidden = [cell for cell in cells if cell not in self._counted]
        if len(hidden) > 1:
            source = self._source(content, ALL, "hidden years together")
            self._problem.protect(source, dict.fromkeys(hidden, 1), Each(len(hidden)))

    def _difference(self, year: str, one: _Content, other: _Content) -> None:
        """What two publications differ by is a cell, too: the grants in one of them and not in the other."""
        earlier = other.publication.number

        def protect(column: str, rule: Rule) -> None:
            source = self._source(one, year, f"difference of {column} to publication {earlier}")
            terms = {self._cell(one, year, column): 1, self._cell(other, year, column): -1}
            self._problem.protect(source, terms, rule)

        if one.units is None or other.units is None:
            protect("operations", FewApart())
            for column in AMOUNTS:
                protect(column, Apart(0, 0))
            return
        now, before = one.units.of(year), other.units.of(year)
        added, removed = now - before, before - now
        # An amount that changed is a grant removed and one added, and still one grant.
        changed = max(added.total(), removed.total())
        if changed < MINIMUM:
            # Of five that came and four that went one is left over, and is nobody's.
            protect("operations", FewApart())
        for column, margin in _margins(added + removed, changed):
            sums = (_sum(now, column), _sum(before, column))
            if None not in sums:
                # A difference ends where the amount of one of the two does, at nothing: one side is enough.
                protect(column, Apart(sums[0] - sums[1], margin, is_either_side_enough=True))


def _margins(units: Counter[Unit], count: int) -> Iterator[tuple[str, int]]:
    """Amounts of these grants that need protection, and how much."""
    for column in AMOUNTS:
        margin = protection([_amount(unit, column) for unit in units.elements()], count)
        if margin is not None:
            yield column, margin


def _is_lacking(content: _Content, column: str) -> bool:
    """Whether the amount of all years is no sum, because a grant has none; a sum that is hidden is one."""
    if content.units is not None:
        return _sum(content.units.of(ALL), column) is None
    return content.rows[ALL][column] is None and content.rows[ALL]["operations"] is not None


def _amount(unit: Unit, column: str) -> int | None:
    return unit[AMOUNTS.index(column)]


def protection(amounts: Iterable[int | None], count: int) -> int | None:
    """How far from the truth the sum of the amounts (cents) of so many grants must stay possible; None: not at all."""
    known = sorted((abs(amount) for amount in amounts if amount is not None), reverse=True)
    total = sum(known)
    if not total:
        return None
    largest, others = known[0], sum(known[1:N_DOMINANT])
    margin = -(-P_PERCENT * largest // 100) - (total - largest - others)
    is_dominated = 100 * (largest + others) > K_PERCENT * total
    if count < MINIMUM or margin > 0 or is_dominated:
        return max(margin, 0)
    return None


class _Lists:
    """The grants of lists as builds read them, each delivery once, however many publications were made of it."""

    def __init__(self, shown: Shown):
        self._shown = shown
        self._known: dict[tuple[str, str, int | None], dict[tuple[str, str], _List]] = {}

    def of(self, build_id: int, files: set[tuple[str, str]]) -> dict[tuple[str, str, str, str], _List]:
        """By source, SHA-256, funder and state the grants of these files (source, SHA-256), as the build read them."""
        numbers = {
            (row["source"], row["sha256"]): row["delivery_id"]
            for row in self._shown.query(
                "select i.source, d.sha256, i.delivery_id from raw.build_input as i"
                " inner join raw.delivery as d on i.delivery_id = d.delivery_id where i.build_id = %s",
                [build_id],
            )
        }
        # The same bytes may have been read anew: then they are another delivery.
        asked = {(*file, numbers.get(file)) for file in files}
        self._read(build_id, asked - self._known.keys())
        return {(*file[:2], *place): units for file in asked for place, units in self._known[file].items()}

    def _read(self, build_id: int, files: set[tuple[str, str, int | None]]) -> None:
        by_name = {file[:2]: file for file in files}
        for file in files:
            self._known[file] = defaultdict(_List)
        hashes = sorted({sha256 for _, sha256 in by_name})
        for view, statement in _STATEMENTS if hashes else ():
            read = _read_by(self._shown, view, build_id)
            for row in self._shown.query(sql.SQL(statement).format(read, sql.Literal(hashes))):
                file = by_name.get((row["source"], row["source_sha256"]))
                if file is not None:
                    units = self._known[file][row["funder"] or "not_stated", row["region_code"] or "not_stated"]
                    year = "not_stated" if row["starts_on"] is None else str(row["starts_on"].year)
                    cost, granted = (None if row[column] is None else _whole(row[column], column) for column in AMOUNTS)
                    units.years[year][cost, granted] += 1


_STATEMENTS = (
    (
        "stg_esf__operation",
        "select source, source_sha256, 'EU' as funder, region_code, starts_on, total_cost_eur,"
        " union_share_eur as granted_eur from ({}) as u where source_sha256 = any({})",
    ),
    (
        "stg_foerderkatalog__project",
        "select 'foerderkatalog' as source, source_sha256, ministry as funder,"
        " left(recipient_ags, 2) as region_code, starts_on, null::numeric as total_cost_eur,"
        " federal_amount_eur as granted_eur from ({}) as u where source_sha256 = any({})",
    ),
)
"""Staging views of grants, and what is read of them."""


def _read_by(shown: Shown, view: str, build_id: int) -> sql.SQL:
    """The query of a staging view, on what another build read: a view reads raw by the number of its build alone."""
    (row,) = shown.query("select pg_get_viewdef(format('build.%%I', %s::text)::regclass) as query", [view])
    query, replaced = re.subn(r"(build_id = )(\d+|'\d+'::bigint)", rf"\g<1>{build_id:d}", row["query"])
    if not replaced:
        raise LookupError(f"{view} no longer reads by the number of its build")
    return sql.SQL(query.rstrip().rstrip(";"))


def _sum(units: Counter[Unit], column: str) -> int | None:
    """As the mart sums: grants are counted, an unknown cost is left out, an unknown grant makes the sum unknown."""
    if column == "operations":
        return units.total()
    amounts = [_amount(unit, column) for unit in units.elements()]
    known = [amount for amount in amounts if amount is not None]
    if not known or (column == "granted_eur" and len(known) < len(amounts)):
        return None
    return sum(known)


def _whole(value: Decimal | int, column: str) -> int:
    """Whole grants, or cents."""
    return int(value) if column == "operations" else round(value * 100)
