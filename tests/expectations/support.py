"""Hand-made deliveries and marts for the gate's tests: a few rows, straight into the tables."""

import secrets
from collections.abc import Callable, Iterable
from typing import Any

from psycopg import sql

from expectations import gate
from ingest import contracts
from ingest.loading.snapshots import comparison
from lagebild.core import database
from lagebild.core.settings import Settings

Rows = list[dict[str, Any]]


def deliver_rows(
    settings: Settings,
    source: str,
    table: str,
    period: str,
    rows: Rows,
    loaded: int | None = None,
    sha256: str | None = None,
) -> int:
    """Put rows into a raw table as a loaded delivery; line numbers start at 2, below the header. Returns its number."""
    with database.connect(settings) as connection:
        (delivery_id,) = connection.execute(
            "insert into raw.delivery (source, period, sha256, attempt, file_name, byte_size, landing_path,"
            " contract_version, code_version, state, records, loaded, rejected)"
            " values (%s, %s, %s, 1, 'by_hand.csv', 1, 'nowhere', '1', '1', 'loaded', %s, %s, 0) returning delivery_id",
            [source, period, sha256 or secrets.token_hex(32), *[len(rows) if loaded is None else loaded] * 2],
        ).fetchone()
        if rows and source in contracts.sources() and contracts.load(source).history:
            series, day = comparison.series_of(contracts.load(source), period)
            connection.execute(
                "insert into raw.snapshot (delivery_id, source, series, taken_on) values (%s, %s, %s, %s)",
                [delivery_id, source, series, day],
            )
        common = {"delivery_id": delivery_id, "evidence": "synthetic"}
        insert(connection, table, [{**common, "line_number": n, **row} for n, row in enumerate(rows, start=2)])
    return delivery_id


def begin_build(settings: Settings, delivery_ids: Iterable[int] = ()) -> int:
    """A running build that reads these deliveries."""
    with database.connect(settings) as connection:
        (build_id,) = connection.execute(
            "insert into raw.build (state, code_version) values ('running', '1') returning build_id"
        ).fetchone()
        connection.execute(
            "insert into raw.build_input (build_id, source, period, delivery_id)"
            " select %s, source, period, delivery_id from raw.delivery where delivery_id = any(%s)",
            [build_id, list(delivery_ids)],
        )
    return build_id


def failed(verdicts: Iterable[gate.Verdict]) -> set[str]:
    """Names of the expectations that failed."""
    return {verdict.expectation for verdict in verdicts if not verdict.passed}


def changed(rows: Rows, index: int, **values: Any) -> Rows:
    """A copy of the rows with one of them changed."""
    return [{**row, **values} if n == index % len(rows) else row for n, row in enumerate(rows)]


def without(rows: Rows, drop: Callable[[dict[str, Any]], bool]) -> Rows:
    """A copy of the rows without those that `drop` names."""
    return [row for row in rows if not drop(row)]


def insert(connection: Any, table: str, rows: Rows) -> None:
    """Insert rows; a column that only some of them name is null in the others."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if rows:
        connection.cursor().executemany(
            sql.SQL("insert into {} ({}) values ({})").format(
                sql.Identifier(*table.split(".")),
                sql.SQL(", ").join(map(sql.Identifier, names)),
                sql.SQL(", ").join([sql.Placeholder()] * len(names)),
            ),
            [[row.get(name) for name in names] for row in rows],
        )
