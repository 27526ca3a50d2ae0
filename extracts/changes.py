"""What differs from the last release to the same recipient: which figure, from what to what, and why.

Compared is what readers see of both publications (views `marts_history.<mart>`), by the key of `package.yml`. A mart
whose content both name is not read. A figure that is hidden in both says nothing, whatever became of it; one that is
hidden in one of them says no more than that. Why: docs/decisions/revisions-in-releases.md.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, LiteralString

from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from extracts import signs
from extracts.marts import HELD_ROWS, Mart, Publication, of_places, patterns
from extracts.model import Change, Earlier, MartChanges, Recipient
from extracts.tables import cell, is_figure
from extracts.texts import Texts
from lagebild.warehouse import bridge
from lagebild.warehouse import marts as definitions

LISTED = 2_000
"""Changes that a package lists; the others are counted."""
TREES = "provenance"
"""Explains the figures of the other marts, and has none of its own that could be revised."""
_VERSIONS = ("method_version", "method_edition", "definition_version", "attribution_rule_version", "lump_sum_version")
_BRIDGED = {"cost_per_person": "total_cost_eur", "cost_extrapolation": "extrapolated_cost_rounded_rate_eur"}
_STEP = "rate_step_eur"
_OF_RATE = ("cost_per_person_", "extrapolated_cost_", _STEP)
"""Beginnings of figures that follow from a rate and the step to which it is rounded."""
_KINDS: tuple[Literal["revised", "removed", "added"], ...] = ("revised", "removed", "added")
"""In the order in which they are kept where there are too many: what readers knew goes before what is new."""


@dataclass(frozen=True)
class Comparison:
    """Two publications compared, as far as a recipient receives them."""

    changes: tuple[Change, ...]
    """In the order of the package, by key; at most `LISTED`."""
    by_mart: tuple[MartChanges, ...]
    """Of each mart with a change how many there are."""
    revised: signs.Changed
    """Figures that have another number in both publications; of a mart that is not held whole those listed."""

    @property
    def total(self) -> int:
        """Every change, also those that are not listed."""
        return sum(mart.count for mart in self.by_mart)


_Used = dict[tuple[str, str], frozenset[int]]
"""By row of `provenance` and figure the deliveries that it rests on; under no figure those of the row."""
NOTHING = Comparison((), (), frozenset())


@dataclass(frozen=True)
class _Delivery:
    """What two publications read of one source and period; None where one read nothing."""

    source: str
    period: str
    former_id: int | None
    former_file: str | None
    former_sha256: str | None
    latter_id: int | None
    latter_file: str | None
    latter_sha256: str | None


@dataclass(frozen=True)
class _Evidence:
    """What readers are told of two publications, from which the reason of a change follows."""

    versions: dict[str, tuple[str | None, str | None]]
    """By mart its model's version in both."""
    deliveries: dict[str, tuple[_Delivery, ...]]
    """By mart those that differ."""
    remapped: frozenset[tuple[str, int, str]]
    """Municipality, year and method whose ledger lines are mapped otherwise."""
    bridges: dict[tuple[str, ...], list[dict[str, Any]]]
    """By measure, municipality, region, year and method the parts of a revision of costs."""
    is_set_otherwise: bool
    """Whether they are of different code, or of a different configuration of the house."""


def of(
    connection: Connection,
    marts: tuple[Mart, ...],
    recipient: Recipient,
    earlier: Earlier | None,
    publication: Publication,
    texts: Texts,
) -> Comparison:
    """The changes since the last release to the recipient, by a reader's connection; nothing where there was none.

    Nothing either where readers do not see the earlier publication any more: it was made before figures were protected.
    """
    if earlier is None or earlier.publication_id == publication.publication_id:
        return NOTHING
    pair = (earlier.publication_id, publication.publication_id)
    codes = dict(
        connection.execute(
            "select publication_id, code_version from marts.publication where publication_id = any(%s)", [list(pair)]
        ).fetchall()
    )
    if pair[0] not in codes:
        return NOTHING
    held = _contents(connection, pair)
    differing = [
        mart for mart in marts if mart.entry.name != TREES and figures(mart) and _differs(held.get(mart.entry.name))
    ]
    if not differing:
        return NOTHING
    deliveries = _deliveries(connection, differing, pair)
    values = _values(recipient, pair, deliveries)
    evidence = _evidence(connection, differing, pair, held, deliveries, codes[pair[0]] != codes[pair[1]])
    by_kind: dict[str, list[tuple[int, Change]]] = {kind: [] for kind in _KINDS}
    known: set[tuple[str, tuple[tuple[str, str], ...], str]] = set()
    order = 0
    for mart in differing:
        rows = _rows(connection, mart, recipient, values, held[mart.entry.name])
        used = _used(connection, mart, rows, pair) if len(deliveries.get(mart.entry.name, ())) > 1 else {}
        for before, after in rows:
            for change in _of_row(mart, before, after, evidence, used, texts):
                order += 1
                if change.kind == "revised":
                    known.add((change.mart, change.row_key, change.figure))
                if len(by_kind[change.kind]) < LISTED:
                    by_kind[change.kind].append((order, change))
    listed = sorted([one for kind in _KINDS for one in by_kind[kind]][:LISTED], key=lambda one: one[0])
    counts = (_counts(connection, mart, recipient, values) for mart in differing)
    return Comparison(
        tuple(change for _, change in listed), tuple(one for one in counts if one.count), frozenset(known)
    )


def revised(changes: Iterable[Change]) -> signs.Changed:
    """Mart, row key and figure of each change that replaced a number by another one."""
    return frozenset((c.mart, c.row_key, c.figure) for c in changes if c.kind == "revised")


def figures(mart: Mart) -> tuple[str, ...]:
    """The columns of a mart that can be revised."""
    return tuple(column.name for column in mart.columns if is_figure(mart, column))


# --- what differs -----------------------------------------------------------------------------------------------------


def _contents(connection: Connection, pair: tuple[int, int]) -> dict[str, list[tuple[str, str, int] | None]]:
    """By mart: SHA-256 of the content, version of the model, and number of rows in both publications."""
    found: dict[str, list[tuple[str, str, int] | None]] = {}
    for number, mart, *rest in connection.execute(
        "select publication_id, mart, sha256, model_version, row_count from marts.publication_content"
        " where publication_id = any(%s)",
        [list(pair)],
    ):
        found.setdefault(mart, [None, None])[pair.index(number)] = tuple(rest)
    return found


def _differs(held: list[tuple[str, str, int] | None] | None) -> bool:
    """Whether a mart names other contents; one that neither publication holds does not."""
    if held is None:
        return False
    former, latter = held
    return former is None or latter is None or former[0] != latter[0]


def _rows(
    connection: Connection,
    mart: Mart,
    recipient: Recipient,
    values: dict[str, Any],
    held: list[tuple[str, str, int] | None],
) -> list[tuple[tuple | None, tuple | None]]:
    """The rows with another figure, as in the mart's columns: before and after, None where there is no such row."""
    # Of a mart with more rows not every change is read: PostgreSQL counts them, and the first are listed.
    is_held_whole = all(side is None or side[2] <= HELD_ROWS for side in held)
    names = [column.name for column in mart.columns]
    kinds = {column.name: column.kind for column in mart.columns}
    order = [
        sql.SQL("coalesce(b.{0}, a.{0}){1}").format(
            sql.Identifier(name), sql.SQL('::text collate "C"' if kinds[name] == "text" else "")
        )
        for name in mart.entry.key
    ]
    query = sql.SQL(
        "select b.publication_id is not null, a.publication_id is not null, {}, {} {} order by {}{}"
    ).format(
        _listed("b", names),
        _listed("a", names),
        _joined(mart, recipient),
        sql.SQL(", ").join(order),
        sql.SQL("") if is_held_whole else sql.SQL(" limit {}").format(LISTED),
    )
    width = len(names)
    return [
        (row[2 : 2 + width] if row[0] else None, row[2 + width :] if row[1] else None)
        for row in connection.execute(query, values)
    ]


def _counts(connection: Connection, mart: Mart, recipient: Recipient, values: dict[str, Any]) -> MartChanges:
    """How many figures differ, counted by PostgreSQL."""
    of_kind: dict[str, LiteralString] = {
        "revised": "b.{0} is not null and a.{0} is not null and b.{0} <> a.{0}",
        "added": "b.{0} is null and a.{0} is not null",
        "removed": "b.{0} is not null and a.{0} is null",
    }
    sums = [
        sql.SQL(" + ").join(
            sql.SQL("count(*) filter (where {})").format(sql.SQL(condition).format(sql.Identifier(figure)))
            for figure in figures(mart)
        )
        for condition in of_kind.values()
    ]
    largest = sql.SQL(", ").join(
        sql.SQL("max(abs(a.{0} - b.{0})::numeric / abs(nullif(b.{0}, 0)))").format(sql.Identifier(figure))
        for figure in figures(mart)
    )
    query = sql.SQL("select {}, greatest({}) {}").format(sql.SQL(", ").join(sums), largest, _joined(mart, recipient))
    ((*numbers, share),) = connection.execute(query, values).fetchall()
    return MartChanges(mart.entry.name, *numbers, None if not share else share * 100)


def _joined(mart: Mart, recipient: Recipient) -> sql.Composed:
    """Both publications side by side (`b` before, `a` after), reduced to rows with another figure.

    A key may hold the SHA-256 of a file: of a corrected one it counts as that of the correction.
    """
    view = sql.Identifier(*definitions.history(mart.entry.schema, mart.entry.name))
    places = of_places(mart.columns, recipient)
    text = sql.SQL("(select array[{}] as row_key, * from {} where publication_id = %({})s{})")
    sides = [text.format(_row_key(mart), view, sql.SQL(side), places) for side in ("former", "latter")]
    return sql.SQL("from {} as b full join {} as a on b.row_key = a.row_key where ({}) is distinct from ({})").format(
        *sides, _listed("b", figures(mart)), _listed("a", figures(mart))
    )


def _row_key(mart: Mart) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL(
            "coalesce(%(hashes)s::jsonb ->> {0}, {0}, '')" if name.endswith("sha256") else "coalesce({0}::text, '')"
        ).format(sql.Identifier(name))
        for name in mart.entry.key
    )


def _values(recipient: Recipient, pair: tuple[int, int], deliveries: dict[str, list[_Delivery]]) -> dict[str, Any]:
    hashes = {
        one.former_sha256: one.latter_sha256
        for found in deliveries.values()
        for one in found
        if one.former_sha256 and one.latter_sha256
    }
    return {"former": pair[0], "latter": pair[1], "places": patterns(recipient), "hashes": Jsonb(hashes)}


def _listed(side: str, names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(side, name) for name in names)


# --- why --------------------------------------------------------------------------------------------------------------


def _deliveries(connection: Connection, marts: list[Mart], pair: tuple[int, int]) -> dict[str, list[_Delivery]]:
    """By mart the deliveries in which the publications differ, as readers know them."""
    found: dict[str, list[_Delivery]] = {}
    for mart, *rest in connection.execute(
        _DELIVERIES, {"former": pair[0], "latter": pair[1], "marts": [mart.entry.name for mart in marts]}
    ):
        found.setdefault(mart, []).append(_Delivery(*rest))
    return found


def _evidence(
    connection: Connection,
    marts: list[Mart],
    pair: tuple[int, int],
    held: dict[str, list[tuple[str, str, int] | None]],
    deliveries: dict[str, list[_Delivery]],
    is_set_otherwise: bool,
) -> _Evidence:
    names = [mart.entry.name for mart in marts]
    bridges: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    if set(names) & set(_BRIDGED):
        for part in bridge.revisions(connection, *pair):
            bridges.setdefault(_bridge_key(part["measure"], part, "from_year", "from_method"), []).append(part)
    return _Evidence(
        {mart: (former and former[1], latter and latter[1]) for mart in names for former, latter in [held[mart]]},
        {mart: tuple(found) for mart, found in deliveries.items()},
        frozenset(connection.execute(_REMAPPED, {"former": pair[0], "latter": pair[1]}).fetchall())
        if "cost_component" in names or set(names) & set(_BRIDGED)
        else frozenset(),
        bridges,
        is_set_otherwise,
    )


def _used(
    connection: Connection, mart: Mart, rows: Iterable[tuple[tuple | None, tuple | None]], pair: tuple[int, int]
) -> _Used:
    """Of each figure that differs, which deliveries it rests on in either publication, also through other figures.

    Asked where several deliveries differ: a figure's tree says which of them is behind it.
    """
    asked = {
        (_tree_key(mart, row), figure, *_tree(mart, figure))
        for sides in rows
        for figure in ("", *_differing(mart, *sides))
        for row in sides
        if row is not None
    }
    found: dict[tuple[str, str], set[int]] = {}
    columns = [list(column) for column in zip(*sorted(asked), strict=True)]
    for number in pair if asked else ():
        for row_key, figure, ids in connection.execute(_LEAVES, [number, *columns, mart.entry.name]):
            found.setdefault((row_key, figure), set()).update(ids)
    return {figure: frozenset(ids) for figure, ids in found.items()}


def _tree(mart: Mart, figure: str) -> tuple[str, str]:
    """The figure and the path of the tree that explains a figure, as the mart's YAML says (`meta.trees`)."""
    told = definitions.definition(mart.entry.name).meta.get("trees", {}).get(figure, {})
    return (told["part_of"], told["path"]) if "part_of" in told else (figure, "1")


_DELIVERIES = """
    with read as (
        select publication_id, mart, source, period, delivery_id, file_name, sha256
        from marts.publication_source
        where publication_id in (%(former)s, %(latter)s) and mart = any(%(marts)s)
    )
    select mart, source, period, f.delivery_id, f.file_name, f.sha256, l.delivery_id, l.file_name, l.sha256
    from (select * from read where publication_id = %(former)s) as f
    full join (select * from read where publication_id = %(latter)s) as l using (mart, source, period)
    where f.delivery_id is distinct from l.delivery_id
    order by mart collate "C", source collate "C", period collate "C"
"""
_REMAPPED = """
    with line as (
        select
            publication_id, municipality_ags, fiscal_year, method, product_code, account_code,
            array_agg(distinct concat_ws('|', cost_area, target_group, attribution_rule, exclusion_reason)
                order by concat_ws('|', cost_area, target_group, attribution_rule, exclusion_reason)) as how
        from marts_history.cost_component
        where publication_id in (%(former)s, %(latter)s)
            and coalesce(exclusion_reason, '') not in ('share_input_missing', 'share_not_between_0_and_1')
        group by 1, 2, 3, 4, 5, 6
    )
    select distinct municipality_ags, fiscal_year, method
    from (select * from line where publication_id = %(former)s) as f
    inner join (select * from line where publication_id = %(latter)s) as l
        using (municipality_ags, fiscal_year, method, product_code, account_code)
    where f.how <> l.how
"""
_LEAVES = """
    with recursive node as materialized (
        select mart, row_key, figure, node_path || '.' as path, delivery_id, refers_to_mart, refers_to_row_key,
            refers_to_figure, refers_to_path
        from marts_history.provenance
        where publication_id = %s and (delivery_id is not null or node_kind = 'figure_reference')
    ),
    -- under no figure are all trees of the row
    below as (
        select w.row_key as of_row, w.of_figure, m.mart, w.row_key, w.figure, w.path
        from unnest(%s::text[], %s::text[], %s::text[], %s::text[]) as w (row_key, of_figure, figure, path)
        cross join (select %s::text as mart) as m
        union
        select b.of_row, b.of_figure, n.refers_to_mart, n.refers_to_row_key, n.refers_to_figure,
            n.refers_to_path
        from below as b
        inner join node as n on b.mart = n.mart and b.row_key = n.row_key
        where n.refers_to_mart is not null and b.figure in ('', n.figure) and starts_with(n.path, b.path || '.')
    )
    select b.of_row, b.of_figure, array_agg(distinct n.delivery_id)
    from below as b
    inner join node as n on b.mart = n.mart and b.row_key = n.row_key
    where n.delivery_id is not null and b.figure in ('', n.figure) and starts_with(n.path, b.path || '.')
    group by 1, 2
"""


def _of_row(
    mart: Mart, before: tuple | None, after: tuple | None, evidence: _Evidence, used: _Used, texts: Texts
) -> Iterator[Change]:
    former, latter = _named(mart, before), _named(mart, after)
    present = latter or former
    for figure in _differing(mart, before, after):
        was, now = former.get(figure), latter.get(figure)
        yield Change(
            mart.entry.name,
            signs.row_key(mart, present),
            figure,
            "added" if was is None else "removed" if now is None else "revised",
            cell(was),
            cell(now),
            _why(mart, before, after, figure, evidence, used, texts),
        )


def _differing(mart: Mart, before: tuple | None, after: tuple | None) -> list[str]:
    former, latter = _named(mart, before), _named(mart, after)
    return [figure for figure in figures(mart) if former.get(figure) != latter.get(figure)]


def _why(
    mart: Mart, before: tuple | None, after: tuple | None, figure: str, evidence: _Evidence, used: _Used, texts: Texts
) -> str:
    """The reasons of a change in the recipient's language; of a figure that is or was hidden no more than that."""
    former, latter = _named(mart, before), _named(mart, after)
    if after is not None and latter[figure] is None and signs.status_in(mart, latter, figure) == "confidential":
        return texts.say("changes_data.confidential")
    if before is not None and former[figure] is None and signs.status_in(mart, former, figure) == "confidential":
        return texts.say("changes_data.no_longer_confidential")
    name, present = mart.entry.name, latter or former
    if None in evidence.versions[name]:
        return texts.say("changes_data.new_mart" if evidence.versions[name][0] is None else "changes_data.mart_gone")
    found = [_delivered(one, texts) for one in _of_deliveries(mart, before, after, figure, evidence, used)]
    if _place_year_method(present) in evidence.remapped:
        found.append(texts.say("changes_data.mapping"))
    edited = [
        texts.say("changes_data.method", column=texts.label(column), before=former[column], after=latter[column])
        for column in _VERSIONS
        if before and after and column in former and None not in (former[column], latter[column])
        and former[column] != latter[column]
    ]  # fmt: skip
    found += edited
    if evidence.versions[name][0] != evidence.versions[name][1] and not edited:
        versions = evidence.versions[name]
        found.append(texts.say("changes_data.model", before=versions[0], after=versions[1]))
    if figure.startswith(_OF_RATE) and before and after and former.get(_STEP) != latter.get(_STEP):
        found.append(texts.say("changes_data.rounding"))
    if not found:
        found = [texts.say("changes_data.configuration" if evidence.is_set_otherwise else "changes_data.beside")]
    if _BRIDGED.get(name) == figure:
        measure = "total_cost_eur" if name == "cost_per_person" else "extrapolated_cost_eur"
        found += _parts(evidence.bridges.get(_bridge_key(measure, present, "reference_year", "method"), ()), texts)
    return "; ".join(found)


def _of_deliveries(
    mart: Mart, before: tuple | None, after: tuple | None, figure: str, evidence: _Evidence, used: _Used
) -> tuple[_Delivery, ...]:
    """Those that differ and that the figure rests on; without a tree by the row's, else all of the mart's."""
    differing = evidence.deliveries.get(mart.entry.name, ())
    keys = {_tree_key(mart, row) for row in (before, after) if row is not None}
    for tree in (figure, ""):
        behind = frozenset().union(*(used.get((key, tree), ()) for key in keys))
        if found := tuple(one for one in differing if {one.former_id, one.latter_id} & behind):
            return found
    return differing


def _delivered(one: _Delivery, texts: Texts) -> str:
    kind = "new" if one.former_id is None else "withdrawn" if one.latter_id is None else "corrected"
    files = dict.fromkeys(filter(None, (one.former_file, one.latter_file)))
    return texts.say(f"changes_data.{kind}", source=one.source, period=one.period, files=" → ".join(files))


def _parts(parts: Iterable[dict[str, Any]], texts: Texts) -> list[str]:
    """The parts of the bridge that are not nothing."""
    told = [
        texts.say(f"changes_data.part_{part['part']}", amount=f"{'+' if part['part_eur'] > 0 else ''}{amount}")
        for part in parts
        if part["part_eur"]
        for amount in [texts.number(part["part_eur"], 2)]
    ]
    return [texts.say("changes_data.bridge", parts=", ".join(told))] if told else []


def _bridge_key(measure: str, row: dict[str, Any], year: str, method: str) -> tuple[str, ...]:
    place = row.get("municipality_ags")
    return tuple(map(str, (measure, place, row.get("region_code") or place, row.get(year), row.get(method))))


def _place_year_method(row: dict[str, Any]) -> tuple[Any, ...]:
    year = row.get("reference_year", row.get("fiscal_year"))
    return row.get("municipality_ags"), year, row.get("method")


def _tree_key(mart: Mart, row: tuple) -> str:
    """The row's name in mart `provenance`."""
    values = _named(mart, row)
    parts = (values.get(name) for name in definitions.definition(mart.entry.name).key)
    return "|".join(str(part) for part in parts if part is not None)


def _named(mart: Mart, row: tuple | None) -> dict[str, Any]:
    return {} if row is None else signs.named(mart, row)
