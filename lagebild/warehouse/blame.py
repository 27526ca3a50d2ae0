"""Find the deliveries that made a build fail, so that the others can be published without them.

Only deliveries that the current publication did not read can be the cause: the others were built and passed. If the
rows that a test found name their delivery, that one is set aside; otherwise every new delivery of the sources behind
the failure. So nothing that failed is published, and a delivery set aside by mistake returns with the next build.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection, sql

from disclosure import grants, register
from disclosure.equations import Source
from lagebild.warehouse import inputs
from lagebild.warehouse.inputs import SetAside
from lagebild.warehouse.publish import Lineage
from lagebild.warehouse.transform import PROJECT, Failure

_LEDGER = "int_cost__component"
_OF_PLACE = (
    ("stg_register__person", "region_code"),
    (_LEDGER, "municipality_ags"),
    ("stg_employment__employees", "region_code"),
    ("stg_reference_quantity__quantity", "region_code"),
)
"""Models whose rows name their file, and their column with the place; the model of the figure comes first."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def blamed(connection: Connection, build_id: int, failures: Iterable[Failure], manifest: Path) -> list[SetAside]:
    """What to set aside for these failures of a build; nothing if no delivery can be the cause."""
    failures = list(failures)
    new = _new(connection, build_id)
    lineage = Lineage(json.loads(manifest.read_text()))
    reasons: dict[int, list[str]] = {}
    for failure in failures:
        while True:
            behind = _behind(lineage, failure) & {source for _, source, _, _ in new}
            suspects = {delivery_id for delivery_id, source, _, _ in new if source in behind}
            shown = _shown_by_rows(connection, build_id, failure) & suspects
            if shown or failure.instead is None:
                break
            failure = failure.instead
        for delivery_id in shown or suspects:
            reasons.setdefault(delivery_id, []).append(failure.name)
    published = inputs.of_publication_in_force(connection)
    return [
        SetAside(
            source,
            period,
            delivery_id,
            file_name,
            _readable(connection, published.get((source, period))),
            build_id,
            ", ".join(sorted(set(reasons[delivery_id]))),
        )
        for delivery_id, source, period, file_name in new
        if delivery_id in reasons
    ]


def of_findings(expectation: str, figures: Iterable[Source]) -> list[Failure]:
    """Failures for figures that readers could work out, to find the deliveries behind them; without values."""
    return list({failure: None for figure in figures for failure in [_of_figure(expectation, figure)]})


def _of_figure(expectation: str, figure: Source) -> Failure:
    first, second, *_ = [*figure.key.split(), ""]
    if figure.mart == grants.MART:
        chain = [(grants.MART, {"source": first, "period": second})]
    else:
        chain = [(model, {column: first}) for model, column in _OF_PLACE]
        if figure.mart != register.POPULATION:
            chain.sort(key=lambda one: one[0] != _LEDGER)
        elif _DAY.fullmatch(second):
            chain.insert(0, (_OF_PLACE[0][0], {_OF_PLACE[0][1]: first, "reference_date": second}))
    failure = replace(Failure.of_mart(figure.mart), name=expectation)
    for model, columns in reversed(chain):
        failure = replace(
            failure, unique_id=f"model.{PROJECT}.{model}", model=model, query=_rows(model, columns), instead=failure
        )
    return failure


def _rows(model: str, columns: Mapping[str, str]) -> str:
    """Files of the rows of a model that have these values."""
    told = [sql.Identifier(column) for column in (*columns, "source_sha256")]
    held = [sql.SQL("{} = {}").format(sql.Identifier(column), sql.Literal(value)) for column, value in columns.items()]
    statement = sql.SQL("select distinct {} from {} where {}").format(
        sql.SQL(", ").join(told), sql.Identifier("build", model), sql.SQL(" and ").join(held)
    )
    return statement.as_string()


def _new(connection: Connection, build_id: int) -> list[tuple[int, str, str, str]]:
    """Deliveries (id, source, period, file) that the build reads and the current publication did not."""
    published = set(inputs.of_publication_in_force(connection).values())
    rows = connection.execute(
        "select i.delivery_id, i.source, i.period, d.file_name from raw.build_input as i"
        " inner join raw.delivery as d on i.delivery_id = d.delivery_id where i.build_id = %s"
        " order by i.source, i.period",
        [build_id],
    ).fetchall()
    return [row for row in rows if row[0] not in published]


def _behind(lineage: Lineage, failure: Failure) -> set[str]:
    """Sources behind the failure: those of its figures, else also those of place names."""
    return set(lineage.sources_of(failure.unique_id) or lineage.sources_of(failure.unique_id, names_too=True))


def _shown_by_rows(connection: Connection, build_id: int, failure: Failure) -> set[int]:
    """Deliveries of the rows that a test found, if the rows of its model name their file."""
    if failure.model is None or not failure.query:
        return set()
    model = sql.Identifier("build", failure.model)
    # Errors here (another kind of test, a model without files) only mean that the delivery is unknown.
    try:
        with connection.transaction():
            found = _columns(connection, sql.SQL("select * from ({}) as f limit 0").format(sql.SQL(failure.query)))
            own = _columns(connection, sql.SQL("select * from {} limit 0").format(model))
            shared = [name for name in own if name in found]
            sha256 = next((name for name in ("source_sha256", "sha256") if name in own), None)
            if not shared or sha256 is None:
                return set()
            same = sql.SQL(" and ").join(
                sql.SQL("m.{0} is not distinct from f.{0}").format(sql.Identifier(name)) for name in shared
            )
            rows = connection.execute(
                sql.SQL(
                    "select distinct i.delivery_id from {} as m inner join ({}) as f on {}"
                    " inner join raw.delivery as d on m.{} = d.sha256"
                    " inner join raw.build_input as i on d.delivery_id = i.delivery_id where i.build_id = {}"
                ).format(model, sql.SQL(failure.query), same, sql.Identifier(sha256), sql.Literal(build_id))
            ).fetchall()
            return {delivery_id for (delivery_id,) in rows}
    except psycopg.Error:
        return set()


def _columns(connection: Connection, query: Any) -> list[str]:
    return [column.name for column in connection.execute(query).description]


def _readable(connection: Connection, delivery_id: int | None) -> int | None:
    """The delivery of the current publication, unless it was withdrawn; a superseded one is the last good state."""
    if delivery_id is None:
        return None
    row = connection.execute(
        "select 1 from raw.delivery where delivery_id = %s and state in ('accepted', 'superseded')", [delivery_id]
    ).fetchone()
    return delivery_id if row else None
