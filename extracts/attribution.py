"""Whose data a publication holds: source, publisher and licence of each delivery behind it.

A contract describes the file that this project ships; what it says of that file's origin and licence holds for it, and
for rows that are marked synthetic, alone. Of a real delivery the rows name their source, or the operator names the
publisher and licence (`LAGEBILD_PUBLISHER`, `LAGEBILD_LICENCE`, of one source `LAGEBILD_PUBLISHER_<SOURCE>`). Where
nobody does, nothing is released. Contracts that speak of whatever an office publishes are named in `package.yml`.
"""

import difflib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from psycopg import Connection, sql

from extracts.package import INTERNAL, PUBLIC, Package
from ingest import bundled, contracts
from lagebild.core import yaml_files
from lagebild.core.errors import UserError
from lagebild.core.settings import ROOT, Settings

CONTRACTS = ROOT / "ingest" / "sources"
_NAMED_IN_ROWS = ("source_name", "source_document")
_LISTED_SOURCES = 20


@dataclass(frozen=True)
class Statement:
    """What the operator says on the command line of all data that no setting names a publisher or licence for."""

    publisher: str = ""
    licence: str = ""


NOTHING_STATED = Statement()


def of_publication(
    connection: Connection, settings: Settings, package: Package, statement: Statement, publication_id: int
) -> dict[str, dict[str, Any]]:
    """Per source id behind the publication: title, licenses and sources, as a Data Package has them.

    UserError names the deliveries that nobody names a source for, and the setting in which it is stated.
    """
    _require_known(settings)
    deliveries = connection.execute(
        sql.SQL(
            "select distinct source, delivery_id, sha256, file_name from {}.publication_source"
            " where publication_id = %s order by source, delivery_id"
        ).format(sql.Identifier(INTERNAL if any(mart.schema == INTERNAL for mart in package.marts) else PUBLIC)),
        [publication_id],
    ).fetchall()
    found: dict[str, dict[str, Any]] = {}
    silent: dict[str, str] = {}
    for source, delivery_id, sha256, file_name in deliveries:
        contract = _contract(source)
        entry = found.setdefault(source, {"title": contract.get("title", source), "licenses": [], "sources": []})
        if source in package.speaks_of_every_delivery or not _is_own(
            connection, source, delivery_id, sha256, settings.demo
        ):
            licenses, sources = contract.get("licenses") or [], contract.get("sources") or []
        else:
            sources = [{"title": title} for title in _named_in_rows(connection, source, delivery_id)]
            if source in package.names_the_publisher:
                sources = sources or contract.get("sources") or []
            licence = settings.licences.get(source, "")
            if not sources:
                publisher = settings.publishers.get(source) or statement.publisher or settings.publishers.get("")
                sources = [{"title": publisher}] * bool(publisher)
                licence = licence or statement.licence or settings.licences.get("", "")
            licenses = _licences(licence)
            if not sources:
                silent.setdefault(source, file_name)
        entry["licenses"] += [one for one in licenses if one not in entry["licenses"]]
        entry["sources"] += [one for one in sources if one not in entry["sources"]]
    if silent:
        listed = ", ".join(f"{source} ({file_name})" for source, file_name in silent.items())
        raise UserError(
            f"whose data these deliveries are is stated nowhere: {listed}. Nothing is released without its source",
            remedy='set LAGEBILD_PUBLISHER in .env, such as "Stadt Bochum, Kämmerei" (of one source alone:'
            f" LAGEBILD_PUBLISHER_{next(iter(silent)).upper()}), or give it as --publisher",
        )
    return found


def _is_own(connection: Connection, source: str, delivery_id: int, sha256: str, demo: bool) -> bool:
    """Whether a delivery is neither a file that the project ships nor made up row by row."""
    if sha256 in _shipped():
        return False
    table = _table(source)
    if "evidence" not in _columns(connection, table):
        return True
    has_real, has_synthetic = connection.execute(
        sql.SQL(
            "select exists (select from {0} where delivery_id = %(id)s and evidence <> 'synthetic'),"
            " exists (select from {0} where delivery_id = %(id)s and evidence = 'synthetic')"
        ).format(sql.Identifier("raw", table)),
        {"id": delivery_id},
    ).fetchone()
    if has_real or has_synthetic:
        return has_real
    return not demo  # its rows are gone: the demo has none but those that are shipped


def _named_in_rows(connection: Connection, source: str, delivery_id: int) -> list[str]:
    """The sources that the rows of a delivery name themselves, sorted; none where they, or some of them, name none."""
    table = _table(source)
    column = next((name for name in _NAMED_IN_ROWS if name in _columns(connection, table)), None)
    if column is None:
        return []
    rows = connection.execute(
        sql.SQL("select distinct {0} from {1} where delivery_id = %s order by 1 limit %s").format(
            sql.Identifier(column), sql.Identifier("raw", table)
        ),
        [delivery_id, _LISTED_SOURCES],
    ).fetchall()
    names = [(name or "").strip() for (name,) in rows]
    return sorted(names) if all(names) else []


def _licences(text: str) -> list[dict[str, str]]:
    """A licence as a Data Package names it, from an identifier, an address or a text."""
    if not text:
        return []
    if text.startswith(("http://", "https://")):
        return [{"path": text, "title": text}]
    return [{"name": text}] if " " not in text else [{"name": "other", "title": text}]


def _require_known(settings: Settings) -> None:
    known = contracts.sources()
    for kind, stated in (("PUBLISHER", settings.publishers), ("LICENCE", settings.licences)):
        for source in sorted(set(stated) - {"", *known}):
            nearest = difflib.get_close_matches(source, known, n=1, cutoff=0)
            raise UserError(
                f"LAGEBILD_{kind}_{source.upper()} names no source",
                remedy=f"did you mean LAGEBILD_{kind}_{nearest[0].upper()}?",
            )


def _table(source: str) -> str:
    contract = contracts.load(source)
    return f"{contract.table}_snapshot" if contract.history else contract.table


def _columns(connection: Connection, table: str) -> set[str]:
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped",
        [f"raw.{table}"],
    )
    return {name for (name,) in rows}


def _contract(source: str) -> dict[str, Any]:
    path = CONTRACTS / source / "contract.yml"
    return yaml_files.read(path) if path.exists() else {}


@cache
def _shipped() -> frozenset[str]:
    """SHA-256 of every file that the project ships as a delivery."""
    return frozenset(hashlib.sha256(path.read_bytes()).hexdigest() for path in _shipped_files())


def _shipped_files() -> Iterator[Path]:
    return (path for path in Path(bundled.__file__).parent.rglob("*") if path.suffix in (".csv", ".xlsx", ".json"))
