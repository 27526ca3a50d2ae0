"""School coverage from the bundled lists: what the statistics office finds, and what nobody does."""

import pytest

from ingest.privacy import erasure
from lagebild.core import database
from tests.support import MUNICIPALITY, accept, build_models, bundled_bytes, query

ROWS = (
    "select age_years, nationality, children_persons, on_list_persons, not_on_list_persons, coverage_pct::text,"
    " coverage_low_pct::text, coverage_high_pct::text, reason from {}.school_coverage order by 1, 2"
)


def test_the_bundled_lists_reach_the_statistics_office_and_nobody_else(published_warehouse):
    found = query(published_warehouse, ROWS.format("marts_internal"), role=database.STATISTICS_OFFICE)
    assert found == [
        (7, "DE", 45, 40, 5, "88.9", "84.4", "93.3", None),
        (8, "DE", 40, None, None, None, None, None, "confidential"),  # 41 and 1 of 42
        (8, "EU2", 20, None, None, None, None, None, "confidential"),  # 17 and 2 of 19: the one would tell the other
        (9, "EU2", 15, 10, 5, "66.7", "53.3", "80.0", None),
        (9, "OTHER", 35, 20, 15, "57.1", "51.4", "62.9", None),
        (15, "EU2", 15, 5, 10, "33.3", "20.0", "46.7", None),
        (16, "DE", 20, None, None, None, None, None, "confidential"),  # 13 and 8 of 21: 15 and 10 of 20 would tell both
    ]
    for role in (database.BI_READER, database.LOADER):
        with pytest.raises(Exception, match="permission denied"):
            query(published_warehouse, "select * from marts_internal.school_coverage", role=role)
    stated = "select distinct evidence, reference_date::text, register_on::text from marts_internal.school_coverage"
    assert query(published_warehouse, stated) == [("synthetic", "2024-10-15", "2024-10-31")]
    rules = "select rule, count(*) from build.int_disclosure__cell where mart = 'school_coverage' group by 1"
    assert dict(query(published_warehouse, rules))["split"] >= 2


@pytest.mark.nightly
def test_an_erased_child_is_not_in_the_next_build(warehouse):
    accept(warehouse, "pupil_list")
    build_models(warehouse, "school_coverage")
    of_nine = [row for row in query(warehouse, ROWS.format("build")) if row[:2] == (9, "EU2")]
    assert of_nine == [(9, "EU2", 15, 10, 5, "66.7", "53.3", "80.0", None)]
    erasure.erase(warehouse, MUNICIPALITY, "school_statistics", child_of_nine())
    build_models(warehouse, "school_coverage")
    of_nine = [row for row in query(warehouse, ROWS.format("build")) if row[:2] == (9, "EU2")]
    assert of_nine == [(9, "EU2", 15, 10, 5, "66.7", "53.3", "80.0", None)]  # 10 and 4 are of the same classes
    cells = "build.int_disclosure__school_cell where age_years = 9 and nationality_group = 'EU2'"
    assert sorted(query(warehouse, f"select exact_persons from {cells}")) == [(4,), (10,), (14,)]


def child_of_nine() -> str:
    """The number of a child of nine years, of a nationality of the group, in the bundled lists."""
    rows = [line.split(";") for line in bundled_bytes("pupil_list").decode("iso-8859-1").splitlines()[1:]]
    return next(row[3] for row in rows if row[4].endswith("2015") and row[5] == "125" and row[7] == "")
