"""A house in its second and third year: whatever the order of what happens, it publishes, and ends in the same marts.

`make life` lives ten orders of three years; here are two orders of one year of a few sources. A life that was lived
is kept in the run's folder, and the next one is compared with it, row by row.
"""

import json
import os
from pathlib import Path

import pytest

from ingest import contracts
from lagebild.local import ports
from tests.conftest import RUN
from tests.life import generate, live

ORDERS = int(os.environ.get("LIFE_ORDERS", "0"))
FEW = frozenset({"eu2_series", "foerderkatalog", "funding", "esf_hessen", "programme_measure", "programme_result"})


def compare(cluster, kind: str, rows: dict[str, list[str]]) -> None:
    """Hold a life against the first of its kind, or be that one."""
    path = Path(os.environ[RUN], f"life-{kind}.json")
    with ports.locked(cluster, "life"):
        if not path.exists():
            path.write_text(json.dumps(rows))
            return
        assert live.differences(json.loads(path.read_text()), rows) == []


def test_an_order_keeps_what_reality_orders():
    events = generate.events()
    assert len({event.name for event in events}) == len(events)
    assert {event.source for event in events} - {""} == set(contracts.sources())
    orders = [[event.name for event in generate.shuffled(events, seed)] for seed in range(4)]
    assert len({tuple(order) for order in orders}) == 4
    assert generate.shuffled(events, 3) == generate.shuffled(events, 3)
    for order in orders:
        place = {name: n for n, name in enumerate(order)}
        assert all(place[before] < place[event.name] for event in events for before in event.after)


def test_a_difference_between_two_lives_is_told():
    assert live.differences({"a": ["1", "2"], "b": ["3"]}, {"a": ["1", "4"], "b": ["3"]}) == ["a: 2 rows and 2; 2 | 4"]


def grants(figure: int | None, **of_another_cell: object) -> dict[str, list[str]]:
    """A life that ended in two cells of a list, with a tree of each that is shown."""
    key = {"source_sha256": "a", "funder": "EU", "region_code": "06"}
    reason = None if figure is not None else "confidential"
    cells = [
        {**key, "begin_year": "2030", "granted_eur": figure, "reason": reason},
        {**key, "begin_year": "2031", "granted_eur": 5, "reason": None, **of_another_cell},
    ]
    nodes = [
        {"mart": "funding_granted", "row_key": f"a|EU|06|{cell['begin_year']}", "row_numbers": reason and "2-4"}
        for cell in cells
        if cell["reason"] is None
    ]
    rows = {"funding_granted": cells, "provenance": [*nodes, {"mart": "b", "row_key": "c", "row_numbers": "1"}]}
    return {mart: sorted(json.dumps(row, sort_keys=True) for row in found) for mart, found in rows.items()}


def test_what_only_one_of_two_lives_hides_is_no_difference_between_them():
    assert live.differences(grants(7), grants(7)) == live.differences(grants(7), grants(None)) == []
    for other in (grants(8), grants(None, granted_eur=6), grants(None, begin_year="2032")):
        assert [told.split(":")[0] for told in live.differences(grants(7), other)][:1] == ["funding_granted"]


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, 1])
def test_a_year_of_some_sources_in_two_orders(cluster, warehouse, seed):
    events = generate.shuffled(generate.events((2022,), FEW), seed)
    compare(cluster, "few", live.live(warehouse, events, publications=1))


@pytest.mark.long
@pytest.mark.skipif(not ORDERS, reason="make life lives whole lives, which takes minutes")
@pytest.mark.parametrize("seed", range(max(ORDERS, 1)))
def test_three_years_of_every_source(cluster, warehouse, seed):
    events = generate.shuffled(generate.events(), seed)
    compare(cluster, "all", live.live(warehouse, events, publications=3))
