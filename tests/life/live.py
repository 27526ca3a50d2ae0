"""Lets events happen to a warehouse by the real loader, gates, builds and publications, and tells what it ends in."""

import itertools
import json
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from psycopg import Connection, sql

from expectations import keys
from ingest import contracts
from ingest.deliveries import delivery_ledger, pseudonyms
from ingest.deliveries.delivery_ledger import Delivery
from ingest.privacy import erasure, rotation
from lagebild.core import database
from lagebild.core.settings import Settings
from lagebild.review import pending
from lagebild.warehouse import build, inputs, marts
from tests.life.generate import CITIES, CORRECT, DOUBLE, ERASE, ERASED, JOINED, ROTATE, SAME_BYTES, WITHDRAW, Event
from tests.support import PURPOSE, load_file

FOR_EVER = date(2099, 12, 31)
OF_THE_HOUSE = frozenset(
    {
        *("publication_id", "input_age_days", "delivery_id", "accepted_at", "accepted_why"),
        *("checks_passed_count", "checks_warned_count", "checks_failed_count"),
    }
)
"""Columns that say when and by which number something came, or what checks said then: they differ between orders."""
OF_CELLS = (
    "operations", "total_cost_eur", "granted_eur", "granted_pct", "reason", "evidence", "is_synthetic",
    "computed_evidence",
)  # fmt: skip
"""Columns of `funding_granted` that a confidential cell does not show."""
OF_LINES = ("first_line", "last_line", "row_numbers")


def live(settings: Settings, events: Sequence[Event], publications: int) -> dict[str, list[str]]:
    """Let the events happen, in this order, and publish so often on the way, last at the end; the rows of each mart."""
    purposes = {contracts.load(source).pseudonym_purpose for source in contracts.sources()} - {None}
    for municipality, purpose in itertools.product((*CITIES, JOINED), sorted(purposes)):
        pseudonyms.ensure_key(settings.keys, municipality, purpose)
    stops = {round((n + 1) * len(events) / publications) for n in range(publications)}
    for number, event in enumerate(events, 1):
        happen(settings, event)
        require_publishable(settings, event.source)
        if number in stops:
            publish(settings)
    return rows(settings)


def happen(settings: Settings, event: Event) -> None:
    if event.kind == ROTATE:
        rotation.rotate(settings, event.municipality, PURPOSE)
    elif event.kind == ERASE:
        assert erasure.erase(settings, event.municipality, PURPOSE, ERASED).loaded_rows
    elif event.kind == WITHDRAW:
        (delivery,) = _accepted(settings, event)
        delivery_ledger.withdraw(settings, delivery.delivery_id, "sent by mistake")
    else:
        _deliver(settings, event)


def _deliver(settings: Settings, event: Event) -> None:
    before = len(delivery_ledger.deliveries(settings, event.source))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, event.file_name)
        file.write_bytes(event.content)
        loaded = load_file(settings, contracts.load(event.source), file)
    if event.kind == DOUBLE:
        assert len(delivery_ledger.deliveries(settings, event.source)) == before, event.name
        return
    assert loaded.state == "loaded" and loaded.loaded and not loaded.rejected, f"{event.name}: {loaded}"
    (decided,) = pending.check_pending(settings, event.source)
    if event.kind == SAME_BYTES:
        assert decided.state == "held" and "the same bytes came as delivery" in decided.reason, decided
        delivery_ledger.refuse(settings, decided.delivery_id, "it is the list of another period")
    elif decided.state == "held":
        # What the gate doubts is what is made up here: a person looks at it, and lets it pass.
        is_correction = event.kind == CORRECT
        delivery_ledger.accept(settings, decided.delivery_id, "made up", supersedes=is_correction, until=FOR_EVER)


def _accepted(settings: Settings, event: Event) -> list[Delivery]:
    return [
        d for d in delivery_ledger.deliveries(settings, event.source, ("accepted",)) if d.file_name == event.file_name
    ]


def require_publishable(settings: Settings, source: str) -> None:
    """Whether a build could read what is accepted of a source: by the keys that its tests of staging have."""
    with database.connect(settings, database.BUILDER) as connection:
        read = [pair for pair in inputs.chosen(connection, inputs.accepted(connection)) if pair[0].source == source]
        for model in keys.tested(source):
            if model.key and read:
                assert _alike(connection, contracts.load(source).table, model.key, read) == 0, (source, model.model)


def _alike(connection: Connection, table: str, key: dict[str, str], read: inputs.Numbered) -> int:
    columns = sql.SQL(", ").join(map(sql.SQL, key.values()))
    query = sql.SQL(
        "select count(*) from (select count(*) from (select {0}, rank() over (partition by {0} order by i.place desc)"
        " as n from raw.{1} as r inner join unnest(%s::bigint[], %s::int[]) as i (id, place) on r.delivery_id = i.id)"
        " as k ({2}, n) where n = 1 group by {2} having count(*) > 1) as alike"
    ).format(columns, sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, key)))
    numbers = [[one.delivery_id for one, _ in read], [order for _, order in read]]
    return connection.execute(query, numbers).fetchone()[0]


def publish(settings: Settings) -> None:
    """A build of all that is accepted, and its publication: nothing is missing from it."""
    build.run(settings, lambda line: None)
    assert build.is_current(settings)
    assert build.set_aside(settings) == []
    assert miscounted(settings) == []


def miscounted(settings: Settings) -> list[tuple]:
    """What was kept of registers' counts, of whatever delivery, and is not what the build's deliveries hold now."""
    with database.connect(settings) as connection:
        return connection.execute(
            """
            with residing as (
                select delivery_id, region_code, reference_date, count(distinct person_pseudonym) filter (
                    where nationality_code in ('125', '154') and residence_type = 'main'
                        and moved_in_on <= reference_date and coalesce(moved_out_on > reference_date, true)
                ) as persons
                from raw.register__person_snapshot
                where delivery_id in (
                    select delivery_id from raw.build_input where build_id = (select max(build_id) from raw.build)
                )
                group by delivery_id, region_code, reference_date
            ), kept as (
                select delivery_id, region_code, reference_date, eu2_persons as persons
                from build.int_population__delivery_count
            )
            (table kept except all table residing) union all (table residing except all table kept)
            """
        ).fetchall()


def rows(settings: Settings) -> dict[str, list[str]]:
    """The rows of every mart in force, as text, sorted; without what differs between two orders of the same events."""
    found = {}
    with database.connect(settings) as connection:
        for mart in marts.definitions():
            named = sql.Identifier(mart.meta["audience"], mart.name)
            query = sql.SQL("select to_jsonb(m) from {} as m").format(named)
            told = [{k: v for k, v in row.items() if k not in OF_THE_HOUSE} for (row,) in connection.execute(query)]
            found[mart.name] = sorted(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in told)
    return found


def differences(first: dict[str, list[str]], second: dict[str, list[str]]) -> list[str]:
    """In which marts two lives ended otherwise, with a row of each.

    Which cells of lists of grants are confidential depends on what was published before (docs/decisions/
    protected-grants.md): of those that one of the two hides nothing but their keys is compared.
    """
    told = []
    hidden = _confidential(first) | _confidential(second)
    first, second = _without(first, hidden), _without(second, hidden)
    for mart in sorted(first.keys() | second.keys()):
        here, there = first.get(mart, []), second.get(mart, [])
        if here != there:
            only = [next(iter(sorted(set(a) - set(b))), "-") for a, b in ((here, there), (there, here))]
            told.append(f"{mart}: {len(here)} rows and {len(there)}; {only[0]} | {only[1]}")
    return told


def _confidential(lived: dict[str, list[str]]) -> set[str]:
    """Keys, as trees have them, of the cells of lists of grants that a life ended in hiding."""
    found = [json.loads(row) for row in lived.get("funding_granted", ())]
    return {_cell(row) for row in found if row["reason"] == "confidential"}


def _cell(row: dict[str, str]) -> str:
    return "|".join(row[column] for column in ("source_sha256", "funder", "region_code", "begin_year"))


def _without(lived: dict[str, list[str]], hidden: set[str]) -> dict[str, list[str]]:
    """The rows of a life, where of these cells nothing is said, nor which lines of a list a cell holds."""
    cells, nodes = ([json.loads(row) for row in lived.get(mart, ())] for mart in ("funding_granted", "provenance"))
    for row in cells:
        for column in OF_CELLS if _cell(row) in hidden else ():
            row.pop(column, None)
    nodes = [node for node in nodes if node["mart"] != "funding_granted" or node["row_key"] not in hidden]
    for node in nodes:
        for column in OF_LINES if node["mart"] == "funding_granted" else ():
            node.pop(column, None)
    changed = {"funding_granted": cells, "provenance": nodes}
    return lived | {
        mart: sorted(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows)
        for mart, rows in changed.items()
        if mart in lived
    }
