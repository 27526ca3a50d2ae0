"""What Superset answers for each chart, beside the same question asked of `marts` by hand-made SQL."""

import math
import re
from typing import Any

import psycopg
import requests
from psycopg import sql

from lagebild.local import bi_bundle, bi_datasets


def faults(address: str, password: str, connection: psycopg.Connection) -> list[str]:
    """`<dashboard> <chart>: what differs` of every chart of a mart; charts of queries are asked, and must answer."""
    session = logged_in(address, password)
    charts = {one["uuid"]: one["id"] for one in every(session, address, "chart")}
    found = []
    for name, definition in bi_bundle.definitions().items():
        for chart, told in definition["charts"].items():
            for language in bi_datasets.LANGUAGES:
                number = charts[bi_bundle.uuid_of("chart", name, chart, language)]
                answer = session.get(f"{address}api/v1/chart/{number}/data/", timeout=60)
                if answer.status_code != 200:
                    found.append(f"{name} {chart} {language}: {answer.text[:200]}")
                    continue
                rows = answer.json()["result"][0]["data"]
                if told["kind"] == "cartogram" or told["mart"] in definition.get("queries", {}):
                    wanted = None
                else:
                    wanted = asked(connection, told, definition)
                if wanted is not None and (said := difference(wanted, rows)):
                    found.append(f"{name} {chart} {language}: {said}")
    return found


def logged_in(address: str, password: str, user: str = "admin") -> requests.Session:
    session = requests.Session()
    body = {"username": user, "password": password, "provider": "db", "refresh": False}
    answer = session.post(f"{address}api/v1/security/login", json=body, timeout=60)
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return session


def every(session: requests.Session, address: str, kind: str) -> list[dict[str, Any]]:
    found, page = [], 0
    while True:
        query = f"(page:{page},page_size:100)"
        answer = session.get(f"{address}api/v1/{kind}/", params={"q": query}, timeout=60).json()
        found += answer["result"]
        if len(found) >= answer["count"] or not answer["result"]:
            return found
        page += 1


def asked(connection: psycopg.Connection, told: dict[str, Any], definition: dict[str, Any]) -> list[tuple]:
    """The same rows from the current view of the mart; of tables the numbers that are the mart's own columns."""
    dataset = bi_datasets.load(told["mart"])
    computed = definition.get("computed", {}).get(told["mart"], {})
    inner = sql.SQL("select m.*{} from {} as m").format(
        sql.SQL("").join(
            sql.SQL(", {} as {}").format(
                sql.SQL(re.sub(r"[$]text[(](\w+)[)]", r"m.\1", one["sql"])), sql.Identifier(name)
            )
            for name, one in computed.items()
        ),
        sql.Identifier("marts", told["mart"]),
    )
    where = sql.SQL(told.get("where", "true"))
    if told["kind"] in ("table", "timeline"):
        names = [n for n in told.get("columns", []) if n in dataset.names and is_number(dataset, n)]
        columns = sql.SQL(", ").join(map(sql.Identifier, names)) if names else sql.SQL("null::int")  # rows count
        query = sql.SQL("select {} from ({}) as one where {}").format(columns, inner, where)
    else:
        axes = [n for n in (told["x"], told.get("series")) if n]
        axes = ["reference_year" if n == "year" else n for n in axes]
        groups = sql.SQL(", ").join(map(sql.Identifier, axes))
        sums = sql.SQL(", ").join(sql.SQL("sum({})").format(sql.Identifier(n)) for n in told["measures"])
        query = sql.SQL("select {} from ({}) as one where {} group by {}").format(sums, inner, where, groups)
    return connection.execute(query).fetchall()


def as_codes(expression: str) -> str:
    """A computed column that groups by codes in place of their words: as many groups."""
    return re.sub(r"[$]text[(](\w+)[)]", r"m.\1", expression)


def is_number(dataset: bi_datasets.Dataset, name: str) -> bool:
    return any(one["name"] == name and one["type"] in bi_datasets.NUMBERS for one in dataset.columns)


def difference(wanted: list[tuple], rows: list[dict[str, Any]]) -> str:
    """What differs between the numbers of both; empty if nothing does."""
    if len(wanted) != len(rows):
        return f"{len(rows)} rows, and marts has {len(wanted)}"
    ours = sorted(repr(number(v)) for row in wanted for v in row if v is not None)
    theirs = [repr(number(v)) for row in rows for v in row.values() if isinstance(v, int | float) and v is not True]
    left = list(theirs)
    for one in ours:
        if one not in left:
            return f"{one} of marts is not in it"
        left.remove(one)
    return ""


def number(value: Any) -> float:
    return float(f"{float(value):.6g}") if math.isfinite(float(value)) else math.nan
