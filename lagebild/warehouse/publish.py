"""Publication: one transaction stores changed marts, names them, and moves the one-row pointer.

Rows only, no DDL while readers read. Each content is stored once: an unchanged mart is referenced.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from psycopg import Connection, sql

from ingest import contracts
from lagebild.warehouse import marts
from lagebild.warehouse.marts import Mart


def publish(connection: Connection, build_id: int, fingerprint: str, manifest: Path) -> int:
    """Publish the content of schema `build` in the caller's transaction; the new publication's id.

    `manifest` is dbt's, of this build: it says which sources and which SQL each mart comes from.
    """
    # A row is identified by its text, which must not depend on session settings.
    connection.execute("set local datestyle = 'ISO, YMD'; set local timezone = 'UTC'; set local bytea_output = 'hex'")
    (publication_id,) = connection.execute(
        "insert into published.publication (build_id, code_version, fingerprint, is_protected)"
        " select build_id, code_version, %s, true from raw.build where build_id = %s returning publication_id",
        [fingerprint, build_id],
    ).fetchone()
    lineage = Lineage(json.loads(manifest.read_text()))
    for mart in marts.definitions():
        connection.execute(
            "insert into published.publication_mart (publication_id, mart, content_id, model_version, sources,"
            " input_age_days) values (%(publication)s, %(mart)s, %(content)s, %(version)s, %(sources)s,"
            " published.input_age_days(%(build)s, %(sources)s, now()))",
            {
                "publication": publication_id,
                "mart": mart.name,
                "content": _store(connection, mart),
                "version": lineage.version(mart.name),
                "sources": _sources(connection, mart) or lineage.sources(mart.name),
                "build": build_id,
            },
        )
    connection.execute("update published.current_publication set publication_id = %s", [publication_id])
    return publication_id


def _sources(connection: Connection, mart: Mart) -> list[str]:
    """Sources of the candidate's own rows as the mart declares them under `config.meta.inputs`, sorted; else none."""
    inputs = mart.meta.get("inputs", ())
    found = {source for entry in inputs for source in entry.get("sources", ())}
    for column in {entry["source_column"] for entry in inputs if "source_column" in entry}:
        rows = connection.execute(
            sql.SQL("select distinct {0} from {1} where {0} is not null").format(
                sql.Identifier(column), sql.Identifier("build", mart.name)
            )
        )
        found |= {source for (source,) in rows}
    return sorted(found)


def _store(connection: Connection, mart: Mart) -> int:
    """The content id of a candidate mart; stores it unless the same content exists."""
    candidate, columns = sql.Identifier("build", mart.name), sql.SQL(", ").join(map(sql.Identifier, mart.columns))
    sha256, row_count = connection.execute(
        sql.SQL(
            "select encode(sha256(convert_to(coalesce(string_agg(r::text, e'\\n' order by r::text collate \"C\"), ''),"
            " 'UTF8')), 'hex'), count(*) from (select {} from {}) as r"
        ).format(columns, candidate)
    ).fetchone()
    known = connection.execute(
        "select content_id from published.content where mart = %s and sha256 = %s", [mart.name, sha256]
    ).fetchone()
    if known:
        return known[0]
    (content_id,) = connection.execute(
        "insert into published.content (mart, sha256, row_count) values (%s, %s, %s) returning content_id",
        [mart.name, sha256, row_count],
    ).fetchone()
    connection.execute(
        sql.SQL("insert into {} (content_id, {}) select %s, {} from {}").format(
            sql.Identifier("published", mart.name), columns, columns, candidate
        ),
        [content_id],
    )
    return content_id


class Lineage:
    """What dbt's manifest says of a model: the sources its figures come from, and a version of all its SQL.

    A model with `config.meta.provides: names` (names of places) has no figures: its deliveries are not named as
    sources of a figure.
    """

    def __init__(self, manifest: dict[str, Any]):
        self._parents = manifest["parent_map"]
        self._nodes = {**manifest["nodes"], **manifest["sources"]}

    def sources(self, model: str) -> list[str]:
        """Source ids (folders below ingest/sources) behind a model, sorted."""
        return self.sources_of(self._named(model))

    def sources_of(self, unique_id: str, names_too: bool = False) -> list[str]:
        """Source ids behind a node of any kind, sorted; `names_too`: including those with names of places only."""
        ancestors = self._ancestors(
            unique_id, lambda node: names_too or node["config"].get("meta", {}).get("provides") != "names"
        )
        tables = (self._nodes[a]["name"] for a in ancestors if a.startswith("source."))
        return sorted({table.split("__")[0] for table in tables} & set(contracts.sources()))

    def holds(self, model: str) -> bool:
        """Whether there is a model of this name."""
        return any(n.startswith("model.") and n.endswith(f".{model}") for n in self._nodes)

    def version(self, model: str) -> str:
        """12 hexadecimal digits that change when the model, or a model or seed before it, changes."""
        ancestors = (a for a in self._ancestors(self._named(model)) if not a.startswith("source."))
        checksums = sorted(f"{a} {self._nodes[a]['checksum']['checksum']}" for a in ancestors)
        return hashlib.sha256("\n".join(checksums).encode()).hexdigest()[:12]

    def _named(self, model: str) -> str:
        (unique_id,) = (n for n in self._nodes if n.startswith("model.") and n.endswith(f".{model}"))
        return unique_id

    def _ancestors(self, start: str, follow: Callable[[dict[str, Any]], bool] = lambda node: True) -> set[str]:
        found, waiting = {start}, [start]
        while waiting:
            parents = {p for p in self._parents.get(waiting.pop(), ()) if follow(self._nodes[p])} - found
            found |= parents
            waiting += parents
        return found
