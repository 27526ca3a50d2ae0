"""Further publications of a warehouse, made from its last one by hand: real tables and views, no build."""

import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg import Connection, sql

from extracts.model import Earlier, Recipient
from extracts.release import release as _release
from lagebild.core import database
from lagebild.core.settings import Settings
from lagebild.warehouse import marts

MINISTRY = Recipient("ministry", "Ministerium", "§ 1 Beispielgesetz", "Haushalt", "de", "public")


def release(settings: Settings, *arguments: Any, **options: Any) -> Path:
    """The folder of a release."""
    return _release(settings, *arguments, **options).folder


def earlier(publication_id: int) -> Earlier:
    """A last release of that publication."""
    return Earlier(1, publication_id, datetime(2026, 1, 1, tzinfo=UTC))


def republish(
    settings: Settings,
    edits: Mapping[str, Iterable[str]],
    deliveries: Iterable[tuple[str, str, str | None]] = (),
    versions: Mapping[str, str] | None = None,
    code: str | None = None,
    absent: Iterable[str] = (),
) -> int:
    """The number of a new publication like the last one, but for what is named; it is put in force.

    `edits`: by mart statements on its new content, with `{table}` and `{content}`. `deliveries`: source, period and
    file read instead, or in addition; without a file what was read of it is withdrawn. `versions`: of models.
    `absent`: marts that it does not hold.
    """
    with database.connect(settings) as connection:
        (former, build) = connection.execute(
            "select publication_id, build_id from published.publication order by 1 desc limit 1"
        ).fetchone()
        (own_build,) = connection.execute(
            "insert into raw.build (state, code_version) select 'published', coalesce(%s, code_version)"
            " from raw.build where build_id = %s returning build_id",
            [code, build],
        ).fetchone()
        (number,) = connection.execute(
            "insert into published.publication (build_id, code_version, fingerprint, is_protected)"
            " select build_id, code_version, %s, true from raw.build where build_id = %s returning publication_id",
            [secrets.token_hex(8), own_build],
        ).fetchone()
        connection.execute(
            "insert into raw.build_input (build_id, source, period, delivery_id)"
            " select %s, source, period, delivery_id from raw.build_input where build_id = %s",
            [own_build, build],
        )
        connection.execute(
            "insert into published.publication_mart (publication_id, mart, content_id, model_version, sources,"
            " input_age_days) select %s, mart, content_id, coalesce(%s::jsonb ->> mart, model_version), sources, 0"
            " from published.publication_mart where publication_id = %s and mart <> all(%s)",
            [number, json.dumps(dict(versions or {})), former, list(absent)],
        )
        for source, period, file_name in deliveries:
            _deliver(connection, own_build, source, period, file_name)
        for mart, statements in edits.items():
            _edit(connection, number, mart, statements)
        connection.execute("update published.current_publication set publication_id = %s", [number])
    return number


def _deliver(connection: Connection, build: int, source: str, period: str, file_name: str | None) -> None:
    connection.execute(
        "delete from raw.build_input where build_id = %s and source = %s and period = %s", [build, source, period]
    )
    state = "withdrawn" if file_name is None else "superseded"
    connection.execute(
        "update raw.delivery set state = %s where source = %s and period = %s and state = 'accepted'",
        [state, source, period],
    )
    if file_name is None:
        return
    connection.execute(
        "with new as (insert into raw.delivery (source, period, sha256, attempt, file_name, byte_size, landing_path,"
        " contract_version, code_version, state, records, loaded, rejected)"
        " values (%(source)s, %(period)s, %(sha256)s, 1, %(file)s, 1, 'nowhere', '1', '1', 'accepted', 9, 8, 1)"
        " returning delivery_id)"
        " insert into raw.build_input (build_id, source, period, delivery_id)"
        " select %(build)s, %(source)s, %(period)s, delivery_id from new",
        {"source": source, "period": period, "sha256": secrets.token_hex(32), "file": file_name, "build": build},
    )  # fmt: skip


def _edit(connection: Connection, publication_id: int, mart: str, statements: Iterable[str]) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, marts.definition(mart).columns))
    table = sql.Identifier("published", mart)
    (content,) = connection.execute(
        "insert into published.content (mart, sha256, row_count) values (%s, %s, 0) returning content_id",
        [mart, secrets.token_hex(32)],
    ).fetchone()
    connection.execute(
        sql.SQL(
            "insert into {0} (content_id, {1}) select {2}, {1} from {0} where content_id ="
            " (select content_id from published.publication_mart where publication_id = {3} and mart = {4})"
        ).format(table, columns, content, publication_id, mart)
    )
    for statement in statements:
        connection.execute(statement.format(table=f"published.{mart}", content=content))
    connection.execute(
        sql.SQL(
            "update published.content set row_count = (select count(*) from {0} where content_id = {1})"
            " where content_id = {1}"
        ).format(table, content)
    )
    connection.execute(
        "update published.publication_mart set content_id = %s where publication_id = %s and mart = %s",
        [content, publication_id, mart],
    )
