"""Prepared candidates: publications with all that belongs to them but dbt and the expectations, in milliseconds."""

import json
import secrets

from psycopg import sql

from expectations import gate
from lagebild.core import database
from lagebild.core.settings import Settings
from lagebild.warehouse import build, marts
from lagebild.warehouse.marts import Mart

_VALUES = {
    "text": "'t' || n",
    "date": "date '2000-01-01' + n",
    "timestamp with time zone": "timestamptz '2000-01-01 00:00+00' + n * interval '1 day'",
    "boolean": "n % 2 = 0",
}
_NUMBER = "n % 1000"


def fill(settings: Settings, rows: int = 2) -> None:
    """A candidate of every mart in schema `build` with so many rows, and the manifest that a dbt run leaves."""
    with database.connect(settings, database.BUILDER) as connection:
        for mart in marts.definitions():
            columns = [
                sql.SQL("({})::{} as {}").format(
                    sql.SQL(_VALUES.get(data_type, _NUMBER)), sql.SQL(data_type), sql.Identifier(name)
                )
                for name, (data_type, _) in mart.columns.items()
            ]
            table = sql.Identifier("build", mart.name)
            connection.execute(sql.SQL("drop table if exists {} cascade").format(table))
            connection.execute(
                sql.SQL("create table {} as select {} from generate_series(1, {}) as n").format(
                    table, sql.SQL(", ").join(columns), rows
                )
            )
    manifest(settings)


def manifest(settings: Settings, **versions: str) -> None:
    """The manifest with a checksum for each mart: `v1`, or the one given under its name."""
    nodes = {
        f"model.lagebild.{mart.name}": {"checksum": {"checksum": versions.get(mart.name, "v1")}}
        for mart in marts.definitions()
    }
    path = settings.home / "dbt" / "target" / "manifest.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"parent_map": {}, "sources": {}, "nodes": nodes}))


def marker(mart: Mart) -> str:
    """The column of a mart that `mark` writes into: its first text that is no part of the key."""
    return next(name for name, (data_type, _) in mart.columns.items() if data_type == "text" and name not in mart.key)


def mark(settings: Settings, mart: Mart, text: str) -> None:
    """Give the candidate of one mart another content: every row of it says so."""
    with database.connect(settings, database.BUILDER) as connection:
        connection.execute(
            sql.SQL("update {} set {} = %s").format(sql.Identifier("build", mart.name), sql.Identifier(marker(mart))),
            [text],
        )


def deliver(settings: Settings, source: str = "employment", period: str = "2019") -> int:
    """Accept a delivery without rows, as a correction where there is one; its number."""
    with database.connect(settings) as connection:
        connection.execute(
            "update raw.delivery set state = 'superseded' where source = %s and period = %s and state = 'accepted'",
            [source, period],
        )
        (delivery_id,) = connection.execute(
            "insert into raw.delivery (source, period, sha256, attempt, file_name, byte_size, landing_path,"
            " contract_version, code_version, state, records, loaded, rejected)"
            " values (%s, %s, %s, 1, %s, 1, 'nowhere', '1', '1', 'accepted', 0, 0, 0) returning delivery_id",
            [source, period, secrets.token_hex(32), f"{source}_{period}.csv"],
        ).fetchone()
    return delivery_id


def withdraw(settings: Settings, delivery_id: int) -> None:
    with database.connect(settings) as connection:
        connection.execute("update raw.delivery set state = 'withdrawn' where delivery_id = %s", [delivery_id])


def begin(settings: Settings) -> int:
    """A build of what is accepted, whose marts have passed their expectations."""
    build_id = build.begin(settings)
    assert build_id is not None
    pass_checks(settings, build_id)
    return build_id


def pass_checks(settings: Settings, build_id: int) -> None:
    with database.connect(settings, database.BUILDER) as connection:
        connection.execute(
            "insert into quality.verdict (build_id, expectation, why, severity, passed)"
            " select %s, unnest(array['prepared', %s]), 'no dbt run made it', 'hold', true",
            [build_id, gate.DISCLOSURE],
        )


def publish(settings: Settings, mart: str | None = None, text: str = "") -> int:
    """A new delivery, a change of one mart if one is named, and the publication of both."""
    deliver(settings)
    if mart:
        mark(settings, marts.definition(mart), text)
    return build.publish_build(settings, begin(settings))
