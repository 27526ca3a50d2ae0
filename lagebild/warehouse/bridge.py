"""What changed between two publications: the bridge of the mart `cost_bridge`, over two vintages.

dbt sees only the publication that it builds. The formula is the macro `bridge_parts`
(dbt_project/macros/bridge.sql), rendered here for the views of schema `marts`.
"""

from decimal import Decimal
from typing import Any

import jinja2
from psycopg import Connection
from psycopg.rows import dict_row

from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import DBT_PROJECT, Settings
from lagebild.warehouse import publications

_MACROS = ("formulas.sql", "bridge.sql")
_NOT_SEPARABLE = "method_and_data_not_separable"


def bridge(
    settings: Settings, place: str, from_publication: int, to_publication: int, from_year: int, to_year: int
) -> list[dict[str, Any]]:
    """The parts of all figures of a municipality that are in both publications, in fixed order.

    Keys: `measure`, `region_code`, methods, versions and years from and to, `part`, `part_eur`,
    `from_eur`, `to_eur`, `difference_eur`, `reason`. The parts of a figure sum to its difference.
    UserError if a publication does not exist or there is nothing to bridge.
    """
    with database.connect(settings, database.BI_READER) as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        for number in (from_publication, to_publication):
            publications.require(connection, number, seen_by_readers=True)
        rows = _parts(
            connection,
            "municipality_ags = %(place)s and from_year = %(from_year)s and to_year = %(to_year)s",
            {
                "place": place,
                "from_publication": from_publication,
                "to_publication": to_publication,
                "from_year": from_year,
                "to_year": to_year,
            },
        )
    if not rows:
        raise UserError(
            f"no figure of {place} leads from {from_year} (publication {from_publication}) to {to_year}"
            f" (publication {to_publication})",
            remedy="both need a figure, by the same place of the employees, and the later one also for the first year",
        )
    return [_part(row) for row in rows]


def revisions(connection: Connection, from_publication: int, to_publication: int) -> list[dict[str, Any]]:
    """The same of every figure against itself, by a reader's connection: one place, year and method in both.

    `municipality_ags` is among the keys. A figure of which readers do not know all that its parts follow from has none.
    """
    rows = _parts(
        connection,
        "from_year = to_year and from_method = to_method",
        {"from_publication": from_publication, "to_publication": to_publication},
    )
    names = ("municipality_ags", "measure", "region_code", "from_method", "from_year")
    unknown = {
        tuple(row[name] for name in names) for row in rows if None in (row["part_eur"], row["from_eur"], row["to_eur"])
    }
    return [
        {"municipality_ags": row["municipality_ags"]} | _part(row)
        for row in rows
        if tuple(row[name] for name in names) not in unknown
    ]


def as_text(parts: list[dict[str, Any]]) -> str:
    """The bridges as lines for a terminal, amounts in EUR."""
    lines = []
    for part in parts:
        if part["part"] == "data_revision":
            lines += [
                f"{part['measure']} {part['region_code']}, {part['from_method']} {part['from_year']} to"
                f" {part['to_method']} {part['to_year']}: {part['from_eur']:,} to {part['to_eur']:,},"
                f" difference {part['difference_eur']:,}"
            ]
        lines.append(f"  {part['part']:<20}{part['part_eur']:>20,}{'  ' + part['reason'] if part['reason'] else ''}")
    return "\n".join(lines)


def macros() -> Any:
    """dbt's macros of the bridge: functions of relation names that return SQL."""
    text = "\n".join((DBT_PROJECT / "macros" / name).read_text() for name in _MACROS)
    return jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(text).module


def _parts(connection: Connection, condition: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        query = (
            f"select * from ({_parts_sql()}) as parts where {condition}"
            " order by measure desc, region_code, from_method, to_method, part_order"
        )
        return cursor.execute(query.encode(), values).fetchall()


def _parts_sql() -> str:
    """The bridge's SQL over two vintages; its parameters are the two publications."""
    relations = [
        f"(select * from marts_history.{mart} where publication_id = %({side}_publication)s) as {mart}"
        for side in ("from", "to")
        for mart in ("cost_per_person", "cost_extrapolation")
    ]
    return macros().bridge_parts(*relations)


def _part(row: dict[str, Any]) -> dict[str, Any]:
    names = ("measure", "region_code", "from_method", "from_method_version", "from_year")
    names += ("to_method", "to_method_version", "to_year", "part")
    cent = Decimal("0.01")
    is_merged = row["is_not_separable"] and row["part"] in ("data_revision", "method")
    return {name: row[name] for name in names} | {
        "part_eur": row["part_eur"].quantize(cent),
        "from_eur": row["from_eur"].quantize(cent),
        "to_eur": row["to_eur"].quantize(cent),
        "difference_eur": (row["to_eur"] - row["from_eur"]).quantize(cent),
        "reason": _NOT_SEPARABLE if is_merged else None,
    }
