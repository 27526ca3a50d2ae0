"""Where a published figure comes from: its tree, from the publication to the bytes of the deliveries.

Reads schema `marts` only, as any BI tool could.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import class_row, dict_row

from lagebild.core import database, places
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.provenance import trees as provenance
from lagebild.warehouse import marts
from lagebild.warehouse.marts import Mart

# Columns for a place and for a year: the first one that the mart has and that matches is used.
_PLACE_COLUMNS = ("municipality_ags", "left_municipality_ags", "region_code")
_ID_COLUMNS = ("programme_id", "measure_id", "figure_id")
_YEAR_COLUMNS = (
    "reference_year", "fiscal_year", "accrual_year", "stated_year", "last_year", "left_year", "to_year",
    "begin_year", "amount_first_year", "reference_date",
)  # fmt: skip

# Columns of a row that is one delivered line: it names its source itself and needs no tree.
_OWN_FILE, _OWN_LINE = "source_sha256", "line_number"

LANGUAGES = ("de", "en")
_WORDS = {
    "en": {
        "publication": "publication {id} of {at}, code {code}", "model": ", model {version}", "formula": "formula",
        "figure": "figure", "not_given": "not given", "compared": "computed {} | published {}{} | {}",
        "tree": "tree", "no_tree": "none: the publication is from before there were trees, or the row has no figure",
        "own_line": "none needed, the row names its file and line: {}, line {}",
        "inputs": "inputs", "from": "from", "nowhere": "nowhere", "deliveries": "deliveries", "delivery": "delivery",
        "records": "{} records = {} loaded + {} rejected", "about": "about {}", "few": "fewer than 3",
        "rounded": "{} records: {} loaded, {} rejected", "layout": ", read by layout {}",
        "untold": "how many records is confidential", "unnamed": "{} rows; which ones is confidential",
        "erased": "the landed bytes were erased on {}: {}", "line": "line {}", "lines": "lines {} ({} rows)",
        "span": "{} rows between lines {} and {}", "aggregate": "an aggregate; no row of a person is named",
        "checks": "checks: {} passed, {} warned, {} failed", "accepted": "accepted by hand on {}: {}",
        "above": "see above", "digits": "{} decimals",
        "units": {"yes or no": ""}, "evidence": {}, "verdicts": {}, "point": (",", "."),
    },
    "de": {
        "publication": "Veröffentlichung {id} vom {at}, Code {code}", "model": ", Modell {version}",
        "formula": "Formel", "figure": "Zahl", "not_given": "ohne Angabe",
        "compared": "berechnet {} | veröffentlicht {}{} | {}", "tree": "Baum",
        "no_tree": "keiner: die Veröffentlichung ist älter als die Bäume, oder die Zeile hat keine Zahl",
        "own_line": "nicht nötig, die Zeile nennt Datei und Zeile: {}, Zeile {}",
        "inputs": "Eingänge", "from": "aus", "nowhere": "keiner Quelle", "deliveries": "Lieferungen",
        "delivery": "Lieferung", "records": "{} Sätze = {} geladen + {} abgewiesen", "about": "etwa {}",
        "few": "weniger als 3", "rounded": "{} Sätze: {} geladen, {} abgewiesen", "layout": ", gelesen als {}",
        "untold": "wie viele Sätze, ist vertraulich", "unnamed": "{} Sätze; welche, ist vertraulich",
        "erased": "die abgelegten Bytes wurden am {} gelöscht: {}", "line": "Zeile {}", "lines": "Zeilen {} ({} Sätze)",
        "span": "{} Sätze zwischen Zeile {} und {}",
        "aggregate": "Aggregat; keine Zeile einer Person wird genannt",
        "checks": "Prüfungen: {} bestanden, {} mit Warnung, {} nicht bestanden",
        "accepted": "von Hand angenommen am {}: {}",
        "above": "siehe oben", "digits": "{} Nachkommastellen",
        "units": {
            "persons": "Personen", "count": "gezählt", "cases": "Fälle", "courses": "Kurse", "factor": "(Faktor)",
            "year": "(Jahr)", "yes or no": "", "unit of delivery": "in der Einheit der Lieferung",
        },
        "evidence": {
            "published": "veröffentlicht", "delivered": "geliefert", "derived": "berechnet",
            "derived_from_result": "aus dem Ergebnis zurückgerechnet", "synthetic": "synthetisch",
        },
        "verdicts": {
            "retraced": "nachvollzogen", "confirmed": "bestätigt", "differs": "weicht ab",
            "not_published": "nicht veröffentlicht", "agrees": "stimmt überein",
        },
        "point": (".", ","),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Publication:
    """The publication that a figure was read from."""

    publication_id: int
    published_at: datetime
    code_version: str
    """Version of the package, and a digest of the dbt project."""
    is_current: bool
    """Whether readers see it now."""


@dataclass(frozen=True)
class Input:
    """A value that a row was computed from, as the mart declares it under `config.meta.inputs`."""

    column: str
    value: Any
    evidence: str
    """`published`, `delivered`, `derived`, `derived_from_result` or `synthetic`."""
    sources: list[str]
    """Ids of the sources (folders of `ingest/sources/`), sorted."""


@dataclass(frozen=True)
class DeliveryBehind:
    """A delivery behind a figure, as the mart `publication_source` shows it to all readers."""

    source: str
    period: str
    delivery_id: int
    file_name: str
    sha256: str
    records: int | None
    """Records of the file. For personal data this and the next two are rounded to 5, and None below 3; for lists of
    grants they are None."""
    loaded: int | None
    rejected: int | None
    has_rounded_rows: bool
    """Whether the three are rounded because the delivery is of persons."""
    received_at: datetime
    model_version: str
    """Version of the mart's SQL, and of all before it."""
    erased_at: datetime | None
    """When the landed bytes were erased; never shown for personal data."""
    erased_why: str | None
    layout: str | None
    """The layout of the contract that the file was read by."""


@dataclass(frozen=True)
class Explanation:
    """The chain behind rows of a mart, down to the deliveries; `dataclasses.asdict` gives what JSON prints of it."""

    mart: str
    label: dict[str, str]
    """The mart's name for readers, by language (`de`, `en`)."""
    description: str
    formula: str | None
    publication: Publication
    rows: list[dict[str, Any]]
    """Each a dict of the mart's columns, ordered by the mart's key."""
    trees: list[list[dict[str, Any]]]
    """One list a row: a tree a figure, in the order of the columns (`provenance.trees`)."""
    inputs: list[list[Input]]
    """One list a row."""
    compared: list[str] | None
    """The columns of the computed and of the published value, where a row has both."""
    deliveries: list[DeliveryBehind]
    """Those at the leaves of the trees; if a row has no leaf, those of the sources that the mart names, or of all
    sources that it reads."""


def explain(
    settings: Settings,
    mart_name: str,
    place: str | None = None,
    year: int | None = None,
    publication_id: int | None = None,
    method: str | None = None,
) -> Explanation:
    """The chain behind every row of a mart for a place (name, AGS, region code, programme's id), year and method.

    Omitted arguments do not filter. UserError if the mart, the publication or the row does not exist.
    """
    mart = marts.definition(mart_name)
    if database.BI_READER not in marts.AUDIENCES[mart.schema]:
        raise UserError(f"{mart.name} is not released", remedy="it is read by the statistics office in its own schema")
    with database.connect(settings, database.BI_READER) as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        chosen = publication(connection, publication_id)
        found = rows(connection, mart, chosen.publication_id, place, year, method)
        keys = [row_key(mart, row) for row in found]
        trees = provenance.trees(connection, chosen.publication_id, mart.name, keys)
        order = list(mart.columns).index
        inputs = [[_input(entry, row) for entry in mart.meta.get("inputs", ())] for row in found]
        return Explanation(
            mart=mart.name,
            label={language: mart.meta[f"label_{language}"] for language in LANGUAGES},
            description=mart.description,
            formula=mart.meta.get("formula"),
            publication=chosen,
            rows=found,
            trees=[sorted(trees.get(key, []), key=lambda tree: order(tree["figure"])) for key in keys],
            inputs=inputs,
            compared=mart.meta.get("compared"),
            deliveries=_deliveries(
                connection,
                mart,
                chosen.publication_id,
                sorted({s for row in inputs for i in row for s in i.sources}),
                _read(found, trees, keys),
            ),
        )


def row_key(mart: Mart, row: dict[str, Any]) -> str:
    """The key of a mart's row in the mart `provenance` (macro row_key)."""
    return "|".join(str(row[column]) for column in mart.key)


def needs_place_and_year(mart: Mart) -> bool:
    """Whether place and year are required; marts of programmes have few rows, and an id is optional."""
    return not set(_ID_COLUMNS) & set(mart.columns)


def as_text(chain: Explanation, language: str = "en") -> str:
    """The chain as indented text for a terminal, in German (de) or English (en)."""
    words = _WORDS[language]
    publication = chain.publication
    about = words["publication"].format(
        id=publication.publication_id,
        at=f"{publication.published_at:%Y-%m-%d %H:%M %Z}",
        code=publication.code_version,
    )
    lines = [
        f"{chain.mart}: {chain.description if language == 'en' else chain.label[language]}",
        f"  {about}" + (words["model"].format(version=chain.deliveries[0].model_version) if chain.deliveries else ""),
    ]
    if chain.formula:
        lines.append(f"  {words['formula']}: {' '.join(chain.formula.split())}")
    for row, trees, inputs in zip(chain.rows, chain.trees, chain.inputs, strict=True):
        lines += [f"  {words['figure']}:"]
        lines += [f"    {name}: {_shown(value, words, name)}" for name, value in row.items() if value is not None]
        missing = [name for name, value in row.items() if value is None]
        if missing:
            lines.append(f"    {words['not_given']}: {', '.join(missing)}")
        if chain.compared:
            computed, published = (_shown(row[column], words, column) for column in chain.compared)
            precision = f" ({row['published_precision']})" if row.get("published_precision") else ""
            verdict = words["verdicts"].get(row["verdict"], row["verdict"])
            lines.append("  " + words["compared"].format(computed, published, precision, verdict))
        lines.append(f"  {words['tree']}:" + ("" if trees else f" {_without_tree(row, words)}"))
        followed: set[tuple] = set()
        for tree in trees:
            lines += _branch(tree, words, language, "    ", "1", followed, _decimals(row[tree["figure"]]))
        lines += [f"  {words['inputs']}:"] * bool(inputs)
        lines += [
            f"    {i.column} = {_shown(i.value, words, i.column)},"
            f" {words['evidence'].get(i.evidence, i.evidence)},"
            f" {words['from']} {', '.join(i.sources) or words['nowhere']}"
            for i in inputs
        ]
    lines.append(f"  {words['deliveries']}:")
    for d in chain.deliveries:
        lines += [
            f"    {d.source} {d.period}: {d.file_name} ({words['delivery']} {d.delivery_id})",
            f"      sha256 {d.sha256}",
            "      " + _records(d, words) + (words["layout"].format(d.layout) if d.layout else ""),
        ]  # fmt: skip
        if d.erased_at:
            lines.append("      " + words["erased"].format(f"{d.erased_at:%Y-%m-%d}", d.erased_why))
    return "\n".join(lines)


def _records(delivery: DeliveryBehind, words: dict[str, Any]) -> str:
    numbers = [delivery.records, delivery.loaded, delivery.rejected]
    if not delivery.has_rounded_rows:
        if delivery.records is None:
            return words["untold"]
        return words["records"].format(*numbers)
    return words["rounded"].format(*(words["few"] if n is None else words["about"].format(n) for n in numbers))


def _names_its_line(row: dict[str, Any]) -> bool:
    return row.get(_OWN_FILE) is not None and row.get(_OWN_LINE) is not None


def _without_tree(row: dict[str, Any], words: dict[str, Any]) -> str:
    if not _names_its_line(row):
        return words["no_tree"]
    return words["own_line"].format(row["source_file_name"], row[_OWN_LINE])


def _branch(
    node: dict[str, Any],
    words: dict[str, Any],
    language: str,
    indent: str,
    number: str,
    followed: set[tuple],
    decimals: int,
) -> list[str]:
    """Lines of a node and of all below it; a figure with several references is expanded once.

    `decimals` is the number of decimals in its mart: a share printed as 22,0 is shown like that.
    """
    unit = node.get("unit", "")
    value = _amount(node.get("value"), words, unit, decimals if unit == "%" else 0)
    parts = [f"{number} {node[f'label_{language}']} = {value}", node[f"operation_{language}"]]
    if "digits" in node:
        parts[-1] += f" ({words['digits'].format(node['digits'])})"
    if "evidence" in node:
        parts.append(words["evidence"].get(node["evidence"], node["evidence"]))
    if "reason" in node:
        parts.append(node.get(f"reason_{language}", node["reason"]))
    if node["node_kind"] == "figure_reference":
        target = (node["refers_to_mart"], node["refers_to_row_key"], node["refers_to_figure"], node["refers_to_path"])
        parts[1] = f"{parts[1]}: {' '.join(target[:3])}"
        if target in followed:
            return [indent + "; ".join([*parts, words["above"]])]
        followed.add(target)
    lines = [indent + "; ".join(parts)]
    if "sha256" in node:
        lines += [f"{indent}    {line}" for line in _origin(node, words)]
    for position, child in enumerate(node["children"], 1):
        lines += _branch(child, words, language, f"{indent}  ", f"{number}.{position}", followed, decimals)
    return lines


def _origin(node: dict[str, Any], words: dict[str, Any]) -> list[str]:
    """The origin of a leaf: file and lines (or that it is an aggregate), hash, verdicts, decision."""
    if node["node_kind"] == "delivery_aggregate":
        rows = words["aggregate"]
    elif "first_line" not in node:
        rows = words["unnamed"].format(_shown(node["row_count"], words))
    elif "row_numbers" not in node:
        rows = words["span"].format(*(_shown(node[name], words) for name in ("row_count", "first_line", "last_line")))
    elif node["row_count"] == 1:
        rows = words["line"].format(node["row_numbers"])
    else:
        rows = words["lines"].format(node["row_numbers"], _shown(node["row_count"], words))
    checks = [node[f"checks_{outcome}_count"] for outcome in ("passed", "warned", "failed")]
    lines = [
        f"{node['file_name']}, {rows} ({words['delivery']} {node['delivery_id']})",
        f"sha256 {node['sha256']}; {words['checks'].format(*checks)}",
    ]
    if "accepted_at" in node:
        lines.append(words["accepted"].format(f"{node['accepted_at']:%Y-%m-%d}", node.get("accepted_why", "")))
    return lines


def publication(connection: Connection, publication_id: int | None) -> Publication:
    with connection.cursor(row_factory=class_row(Publication)) as cursor:
        found = cursor.execute(
            "select publication_id, published_at, code_version, is_current from marts.publication"
            " where publication_id = %(id)s or (%(id)s::bigint is null and is_current)",
            {"id": publication_id},
        ).fetchone()
    if found is None:
        wanted = "nothing has been published" if publication_id is None else f"there is no publication {publication_id}"
        raise UserError(wanted, remedy="lagebild publication build publishes what was accepted")
    return found


def _input(entry: dict[str, Any], row: dict[str, Any]) -> Input:
    """An input of a row as the mart declares it under `config.meta.inputs`."""
    named = row[entry["source_column"]] if "source_column" in entry else None
    sources = sorted({*entry.get("sources", ()), *([named] if named else ())})
    return Input(entry["column"], row[entry["column"]], row[entry["evidence"]], sources)


def _read(rows: list[dict[str, Any]], trees: dict[str, list[dict[str, Any]]], keys: list[str]) -> list[str]:
    """SHA-256 of the deliveries that rows name themselves, and at the leaves of trees; empty if no row names its own
    and one has no leaf.
    """
    own = [{row[_OWN_FILE]} if _names_its_line(row) else set() for row in rows]
    leaves = [{sha256 for tree in trees.get(key, ()) for sha256 in provenance.hashes(tree)} for key in keys]
    found = [named | below for named, below in zip(own, leaves, strict=True)]
    return sorted(set().union(*found)) if all(found) or any(own) else []


def _deliveries(
    connection: Connection, mart: Mart, publication_id: int, sources: list[str], hashes: list[str]
) -> list[DeliveryBehind]:
    """The mart's deliveries in a publication: of these hashes, else of these sources, else all."""
    with connection.cursor(row_factory=class_row(DeliveryBehind)) as cursor:
        return cursor.execute(
            "select source, period, delivery_id, file_name, sha256, records, loaded, rejected, has_rounded_rows,"
            " received_at, model_version, erased_at, erased_why, layout"
            " from marts.publication_source where publication_id = %(id)s and mart = %(mart)s"
            " and case when %(hashes)s::text[] <> '{}' then sha256 = any(%(hashes)s)"
            " else %(sources)s::text[] = '{}' or source = any(%(sources)s) end order by source, period",
            {"id": publication_id, "mart": mart.name, "sources": sources, "hashes": hashes},
        ).fetchall()


def rows(
    connection: Connection, mart: Mart, publication_id: int, place: str | None, year: int | None, method: str | None
) -> list[dict[str, Any]]:
    """Matching rows of the mart in a publication, ordered by key."""
    every = _select(
        connection,
        sql.SQL("select * from {} where publication_id = %s order by {}").format(
            sql.Identifier(*marts.history(mart.schema, mart.name)), sql.SQL(", ").join(map(sql.Identifier, mart.key))
        ),
        [publication_id],
    )
    rows = every
    place = place if place is None else _named_place(connection, mart, every, place)
    for wanted, columns in ((place, (*_PLACE_COLUMNS, *_ID_COLUMNS)), (year, _YEAR_COLUMNS), (method, ("method",))):
        rows = rows if wanted is None else _fitting(rows, [c for c in columns if c in mart.columns], str(wanted))
    if not rows:
        columns = [next((c for c in names if c in mart.columns), None) for names in (_PLACE_COLUMNS, _YEAR_COLUMNS)]
        there = sorted({" ".join(_chosen_by(row[c]) for c in columns if c and row[c] is not None) for row in every})
        asked = " ".join(str(w) for w in (place, year, method) if w is not None)
        raise UserError(
            f"{mart.name} has no row for {asked or 'anything'}",
            remedy=f"there is {', '.join(there[:20]) or 'nothing'}{' ...' * (len(there) > 20)}",
        )
    return [{name: value for name, value in row.items() if name != "publication_id"} for row in rows]


def _named_place(connection: Connection, mart: Mart, rows: list[dict[str, Any]], place: str) -> str:
    """The key of a place given by name; unchanged if a row has it, or if only programmes are possible."""
    columns = [column for column in _PLACE_COLUMNS if column in mart.columns]
    ids = [column for column in _ID_COLUMNS if column in mart.columns]
    if not columns or _fitting(rows, [*columns, *ids], place):
        return place
    try:
        return places.region(connection, place, {row[column] for column in columns for row in rows})
    except UserError:
        if ids:  # then the error lists what exists, including programmes
            return place
        raise


def _fitting(rows: list[dict[str, Any]], columns: list[str], wanted: str) -> list[dict[str, Any]]:
    """Rows with the wanted value in the first column where any row has it."""
    found = ([row for row in rows if _chosen_by(row[column]) == wanted] for column in columns)
    return next((fitting for fitting in found if fitting), [])


def _chosen_by(value: Any) -> str:
    """What a user types for the value: for a date its year."""
    return str(value.year if isinstance(value, date) else value)


def _select(connection: Connection, query: Any, values: Any) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()


def _decimals(value: Any) -> int:
    """Decimals of a value that was printed with one decimal; the marts record no others."""
    return 1 if isinstance(value, Decimal) and value.as_tuple().exponent == -1 else 0


def _shown(value: Any, words: dict[str, Any], column: str = "") -> str:
    """A value in the format of the language; small integers (years, versions) unchanged."""
    if isinstance(value, Decimal) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) > 9999):
        shown = _amount(Decimal(value), words, "EUR" if _is_money(column) else "", _decimals(value))
        return shown.removesuffix(" EUR")
    return str(value)


def _is_money(column: str) -> bool:
    return "eur" in column.split("_")


def _amount(value: Decimal | None, words: dict[str, Any], unit: str, least: int = 0) -> str:
    """A number with the language's separators and its unit: money whole or with two to six decimals, all else with
    as many as it has, and `least` of them."""
    if value is None:
        return f"({words['not_given']})"
    shortest = format(round(value, 6).normalize(), "f")
    decimals = len(shortest.partition(".")[2])
    decimals = max(decimals, 2) if decimals and unit == "EUR" else max(decimals, least)
    digits = f"{value:,.{decimals}f}" if unit != "year" else shortest
    group, point = words["point"]
    written = digits.replace(",", " ").replace(".", point).replace(" ", group)
    return f"{written} {words['units'].get(unit, unit)}".rstrip()
