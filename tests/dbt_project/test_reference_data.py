"""The keys of places and nationalities are whole."""

import csv
from collections.abc import Iterator
from typing import Any

import pytest

from ingest import contracts
from lagebild.core.settings import DBT_PROJECT


def _rows(seed: str) -> Iterator[dict[str, Any]]:
    with (DBT_PROJECT / "seeds" / f"{seed}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def test_north_rhine_westphalia_has_its_53_districts_and_396_municipalities() -> None:
    kinds = [row["place_kind"] for row in _rows("place") if not row["valid_to"]]
    districts = kinds.count("rural_district") + kinds.count("urban_district")
    assert (districts, kinds.count("municipality") + kinds.count("urban_district")) == (53, 396)


def test_each_place_lies_in_a_district_that_is_a_place_of_the_same_time() -> None:
    districts = {row["district_code"]: row for row in _rows("place") if row["place_kind"].endswith("_district")}
    for row in _rows("place"):
        if row["place_kind"] == "municipality":
            district = districts[row["district_code"]]
            assert row["region_code"].startswith(row["district_code"])
            assert (row["valid_from"], row["valid_to"]) == (district["valid_from"], district["valid_to"])


def test_the_regional_key_of_a_municipality_holds_its_municipality_key() -> None:
    for row in _rows("place"):
        if row["place_kind"] in {"municipality", "urban_district"}:
            ars = row["ars"]
            assert len(ars) == 12
            assert ars[:5] + ars[9:] == row["region_code"]


@pytest.mark.parametrize(
    ("group", "size"), [("EU2", 2), ("EU26", 26), ("WESTERN_BALKANS", 6), ("ASYLUM8", 8), ("UKRAINE", 1)]
)
def test_a_group_has_all_its_nationalities_by_their_names_in_the_key(group: str, size: int) -> None:
    names = {row["nationality_code"]: row["nationality_name"] for row in _rows("nationality")}
    members = [row for row in _rows("nationality_group") if row["nationality_group"] == group]
    assert len(members) == size
    assert all(names[row["nationality_code"]] == row["nationality_name"] for row in members)


def test_a_state_that_was_dissolved_is_in_no_group() -> None:
    gone = {row["nationality_code"] for row in _rows("nationality") if row["valid_to"]}
    assert gone
    assert not gone & {row["nationality_code"] for row in _rows("nationality_group")}


def test_each_column_of_a_stacked_table_has_its_measure_but_the_one_that_stands_twice() -> None:
    listed = {(row["source"], row["field"]) for row in _rows("ldb_measure") if row["source"].startswith("ldb_")}
    sources = [source for source in contracts.sources() if contracts.load(source).suite == "ldb"]
    columns = {(source, field.name) for source in sources for field in contracts.load(source).fields if field.signs}
    assert columns - listed == {("ldb_22811_05i", "sgb_ii_first_persons")} and listed <= columns


def test_each_code_of_a_hierarchy_lies_below_one_that_is_there() -> None:
    """Three levels at most: the mart protection_status counts them by two steps upwards."""
    rows = {(row["variable_code"], row["code"]): row for row in _rows("genesis_hierarchy")}
    for (variable, _), row in rows.items():
        above = [row]
        while above[-1]["parent_code"]:
            above.append(rows[variable, above[-1]["parent_code"]])
            assert len(above) <= 3, row
    assert {code for variable, code in rows if variable == "SCHST2"} >= {"SCHUTZST-AK-1", "SCHUTZST-X"}
    assert [code for (_, code), row in rows.items() if row["is_total"] == "true"] == ["LB-INS"]
