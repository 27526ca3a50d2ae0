"""A warehouse that an earlier commit left is taken over: nothing is lost, and work goes on in it."""

import pytest

from lagebild.core import database
from lagebild.warehouse import build, roles
from lagebild.warehouse.migrate import migrate
from tests import state
from tests.support import accept, query

SNAPSHOTS = sorted(state.FOLDER.glob("*.sql"))


def test_there_is_a_snapshot():
    assert SNAPSHOTS


@pytest.mark.long
@pytest.mark.parametrize("snapshot", SNAPSHOTS, ids=lambda path: path.stem)
def test_todays_code_takes_over_what_an_earlier_commit_left(cluster, empty_warehouse, snapshot):
    with database.connect(empty_warehouse) as connection:
        roles.ensure(connection, empty_warehouse)
    state.restore(empty_warehouse, snapshot)
    before = query(empty_warehouse, "select delivery_id, source, period, sha256, state from raw.delivery order by 1")
    assert len(before) == len(state.SOURCES)

    migrate(empty_warehouse)

    after = query(empty_warehouse, "select delivery_id, source, period, sha256, state from raw.delivery order by 1")
    assert after == before
    assert query(empty_warehouse, "select count(layout) from raw.delivery") == [(0,)]  # nobody knows
    figure = "select eu2_persons from {} where region_code = '00' and reference_date = '2019-12-31'"
    # from before figures were protected: readers see none of it until the next build, the statistics office all
    earlier, now = figure.format("marts_internal.eu2_population_unprotected"), figure.format("marts.eu2_population")
    assert query(empty_warehouse, earlier, role=database.STATISTICS_OFFICE) == [(1108393,)]
    assert query(empty_warehouse, now, role=database.BI_READER) == []

    accept(empty_warehouse, "structure_tables")
    assert build.run(empty_warehouse) == 2
    assert query(empty_warehouse, now, role=database.BI_READER) == [(1108393,)]
    vintages = query(empty_warehouse, "select distinct publication_id from marts_history.eu2_population order by 1")
    assert vintages == [(2,)]
    assert query(empty_warehouse, earlier, role=database.STATISTICS_OFFICE) == [(1108393,)]
