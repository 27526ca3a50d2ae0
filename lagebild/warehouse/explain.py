"""Where a published figure comes from: the chain from the publication to the bytes of the deliveries.

Reads schema `marts` only, as any BI tool could.
"""

from typing import Any

from psycopg import Connection, sql
from psycopg.rows import dict_row

from lagebild import database
from lagebild.errors import UserError
from lagebild.settings import Settings
from lagebild.warehouse import marts
from lagebild.warehouse.marts import Mart

_PLACE_COLUMNS = ("municipality_ags", "region_code")
_YEAR_COLUMNS = {
    "reference_year": "reference_year",
    "fiscal_year": "fiscal_year",
    "reference_date": "extract(year from reference_date)::integer",
}


def explain(
    settings: Settings, mart_name: str, place: str, year: int, publication_id: int | None = None
) -> dict[str, Any]:
    """The chain behind every row of a mart for a place (AGS or region code) and year.

    Keys: `mart`, `formula`, `publication`, `rows` (each a dict of the mart's columns), `inputs` (one
    list a row: column, value, evidence, sources), `compared` (the computed and the published
    column), and `deliveries` (source, period, file, SHA-256, records, loaded, rejected, layout, when and
    why its bytes were erased) of the sources that these rows come from; where the mart does not say
    which, of all that it reads.
    UserError when the mart, the publication or the row is not there.
    """
    mart = marts.definition(mart_name)
    with database.connect(settings, database.BI_READER) as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        publication = _publication(connection, publication_id)
        rows = _rows(connection, mart, publication["publication_id"], place, year)
        inputs = [[_input(entry, row) for entry in mart.meta.get("inputs", ())] for row in rows]
        return {
            "mart": mart.name,
            "description": mart.description,
            "formula": mart.meta.get("formula"),
            "publication": publication,
            "rows": rows,
            "inputs": inputs,
            "compared": mart.meta.get("compared"),
            "deliveries": _deliveries(
                connection,
                mart,
                publication["publication_id"],
                sorted({s for row in inputs for i in row for s in i["sources"]}),
            ),
        }


def as_text(chain: dict[str, Any]) -> str:
    """The chain as an indented page for a terminal."""
    publication = chain["publication"]
    lines = [
        f"{chain['mart']}: {chain['description']}",
        f"  publication {publication['publication_id']} of {publication['published_at']:%Y-%m-%d %H:%M %Z},"
        f" code {publication['code_version']}"
        + (f", model {chain['deliveries'][0]['model_version']}" if chain["deliveries"] else ""),
    ]
    if chain["formula"]:
        lines.append(f"  formula: {' '.join(chain['formula'].split())}")
    for row, inputs in zip(chain["rows"], chain["inputs"], strict=True):
        lines += ["  figure:", *(f"    {name}: {_shown(value)}" for name, value in row.items() if value is not None)]
        missing = [name for name, value in row.items() if value is None]
        if missing:
            lines.append(f"    not given: {', '.join(missing)}")
        if chain["compared"]:
            computed, published = (_shown(row[column]) for column in chain["compared"])
            precision = f" ({row['published_precision']})" if row.get("published_precision") else ""
            lines.append(f"  computed {computed} | published {published}{precision} | {row['verdict']}")
        lines += ["  inputs:"] * bool(inputs)
        lines += [
            f"    {i['column']} = {_shown(i['value'])}, {i['evidence']}, from {', '.join(i['sources']) or 'nowhere'}"
            for i in inputs
        ]
    lines.append("  deliveries:")
    for d in chain["deliveries"]:
        lines += [
            f"    {d['source']} {d['period']}: {d['file_name']} (delivery {d['delivery_id']})",
            f"      sha256 {d['sha256']}",
            f"      {d['records']} records = {d['loaded']} loaded + {d['rejected']} rejected"
            + (f", read by layout {d['layout']}" if d["layout"] else ""),
        ]
        if d["erased_at"]:
            lines.append(f"      the landed bytes were erased on {d['erased_at']:%Y-%m-%d}: {d['erased_why']}")
    return "\n".join(lines)


def _publication(connection: Connection, publication_id: int | None) -> dict[str, Any]:
    found = _select(
        connection,
        "select publication_id, published_at, code_version, is_current from marts.publication"
        " where publication_id = %(id)s or (%(id)s::bigint is null and is_current)",
        {"id": publication_id},
    )
    if not found:
        wanted = "nothing has been published" if publication_id is None else f"there is no publication {publication_id}"
        raise UserError(wanted, remedy="lagebild build publishes what was accepted")
    return found[0]


def _input(entry: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """An input of a row as the mart declares it under `config.meta.inputs`."""
    named = row[entry["source_column"]] if "source_column" in entry else None
    return {
        "column": entry["column"],
        "value": row[entry["column"]],
        "evidence": row[entry["evidence"]],
        "sources": sorted({*entry.get("sources", ()), *([named] if named else ())}),
    }


def _deliveries(connection: Connection, mart: Mart, publication_id: int, sources: list[str]) -> list[dict[str, Any]]:
    return _select(
        connection,
        "select source, period, delivery_id, file_name, sha256, records, loaded, rejected, received_at, model_version,"
        " erased_at, erased_why, layout"
        " from marts.publication_source where publication_id = %(id)s and mart = %(mart)s"
        " and (%(sources)s::text[] = '{}' or source = any(%(sources)s)) order by source, period",
        {"id": publication_id, "mart": mart.name, "sources": sources},
    )


def _rows(connection: Connection, mart: Mart, publication_id: int, place: str, year: int) -> list[dict[str, Any]]:
    place_column = next((c for c in _PLACE_COLUMNS if c in mart.columns), None)
    year_column = next((_YEAR_COLUMNS[c] for c in _YEAR_COLUMNS if c in mart.columns), None)
    if place_column is None or year_column is None:
        raise UserError(f"{mart.name} has no place and year to choose by", remedy="read it as a table in schema marts")
    view = sql.Identifier(mart.schema, f"{mart.name}_vintage")
    rows = _select(
        connection,
        sql.SQL("select * from {} where publication_id = %s and {} = %s and {} = %s").format(
            view, sql.Identifier(place_column), sql.SQL(year_column)
        ),
        [publication_id, place, year],
    )
    if not rows:
        there = _select(
            connection,
            sql.SQL("select distinct {} as place, {} as year from {} where publication_id = %s order by 1, 2").format(
                sql.Identifier(place_column), sql.SQL(year_column), view
            ),
            [publication_id],
        )
        known = ", ".join(f"{r['place']} {r['year']}" for r in there[:20]) or "nothing"
        raise UserError(
            f"{mart.name} has no row for {place} in {year}", remedy=f"there is {known}{' ...' * (len(there) > 20)}"
        )
    return [{name: value for name, value in row.items() if name != "publication_id"} for row in rows]


def _select(connection: Connection, query: Any, values: Any) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) and value > 9999 else str(value)
