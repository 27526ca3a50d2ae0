"""The made-up registers of the bench are snapshots as the loader stores them, and the builds count them rightly."""

from lagebild.core import database
from tests.bench import registers
from tests.support import build_models, query

PLACES, ROWS = 2, 100


def test_months_change_by_two_per_cent_and_are_counted_as_from_the_beginning(warehouse):
    with database.connect(warehouse) as connection:
        for month in range(3):
            registers.add_month(connection, month, PLACES, ROWS)
    sizes = query(
        warehouse,
        "select reference_date::text, count(*), count(*) filter (where line_number is not null)"
        " from raw.register__person_snapshot group by 1 order by 1",
    )
    assert sizes == [("2020-01-01", 200, 200), ("2020-02-01", 200, 4), ("2020-03-01", 200, 4)]

    counts = (
        "select reference_date::text, sum(eu2_persons) from build.int_population__delivery_count group by 1 order by 1"
    )
    build_models(warehouse, "int_population__delivery_count")
    kept = query(warehouse, counts)
    # Of lines 2 to 101 each twentieth is of the group; of 25 lines one is a secondary residence.
    assert [day for day, _ in kept] == ["2020-01-01", "2020-02-01", "2020-03-01"]
    assert kept[0][1] == PLACES * len([line for line in range(2, ROWS + 2) if line % 20 == 0 and line % 25 != 3])
    with database.connect(warehouse) as connection:
        registers.add_month(connection, 3, PLACES, ROWS)
    build_models(warehouse, "int_population__delivery_count")
    assert query(warehouse, counts)[:3] == kept
