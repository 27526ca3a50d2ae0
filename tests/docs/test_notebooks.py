"""The notebooks run on the bundled data, and say what their page says."""

import json
import runpy
from typing import Any

import pytest

import lagebild
from lagebild.core.errors import UserError
from lagebild.core.settings import ROOT
from tests.extracts.releases import republish
from tests.support import query

FOLDER = ROOT / "docs" / "notebooks"
DUISBURG = (
    "insert into {table} select r.* from {table} as t cross join lateral jsonb_populate_record(t, jsonb_build_object("
    "'municipality_ags', '05112000', 'municipality_name', 'Duisburg', 'cost_per_person_eur', 2000,"
    " 'cost_per_person_low_eur', 1990, 'cost_per_person_high_eur', 2010)) as r where t.content_id = {content}"
)
"""A second city with a cost, made up."""
PAIR = (
    "insert into {{table}} (content_id, left_municipality_ags, left_year, left_method, right_municipality_ags,"
    " right_year, right_method, dimension, left_value, right_value, is_same, reason)"
    " values ({{content}}, '05112000', 2019, 'dortmund_2019', '05913000', 2019, 'dortmund_2019', {values})"
)
SAME = PAIR.format(values="'task_split', 'town_of_its_own', 'town_of_its_own', true, null")
OTHER = PAIR.format(values="'cost_basis', 'gross', 'net', false, 'cost_basis_differs'")


@pytest.fixture
def house(published_warehouse, monkeypatch, tmp_path):
    monkeypatch.setattr("lagebild.core.settings.load", lambda: published_warehouse)
    monkeypatch.chdir(tmp_path)
    return published_warehouse


def run(name: str) -> dict[str, Any]:
    return runpy.run_path(str(FOLDER / name))


def test_the_page_names_every_notebook():
    page = (FOLDER / "README.md").read_text()
    names = sorted(path.name for path in FOLDER.glob("*.py"))
    assert len(names) == 3 and [name for name in names if f"]({name})" not in page] == []


def test_the_cost_per_person_is_reproduced_from_its_parts(house, capsys):
    found = run("reproduce_2143.py")
    ((printed,),) = query(house, "select published_cost_per_person_eur from marts.cost_per_person")
    assert found["result"] == printed and found["numerator"] / int(found["denominator"]) == found["rate"]
    assert "retraced" in capsys.readouterr().out


def test_a_component_that_is_missing_stops_the_reproduction(house):
    gone = "delete from {table} where content_id = {content} and treatment = 'attributed' and amount_eur > 0"
    republish(house, {"cost_component": [gone]})
    with pytest.raises((AssertionError, KeyError)):
        run("reproduce_2143.py")


def test_a_city_without_a_ledger_is_not_compared(house, capsys):
    found = run("compare_two_cities.py")
    assert "has no row for" in found["refused"]["Duisburg"]
    assert sorted(found["shown"]["region_name"]) == ["Dortmund", "Duisburg"]


def test_two_cities_are_compared_where_everything_is_the_same_and_refused_where_not(house, capsys):
    republish(house, {"cost_per_person": [DUISBURG], "cost_comparability": [SAME]})
    run("compare_two_cities.py")
    costs = lagebild.read("cost_per_person")
    dortmund, duisburg = (costs[costs["municipality_name"] == name].iloc[0] for name in ("Dortmund", "Duisburg"))
    found = lagebild.compare(duisburg, dortmund)
    assert found["difference_eur"] == 2000 - dortmund["cost_per_person_eur"]
    assert found["low_eur"] == 1990 - dortmund["cost_per_person_high_eur"] and found.attrs["same"] == ["task_split"]
    assert lagebild.compare(dortmund, duisburg)["difference_eur"] == -found["difference_eur"]
    republish(house, {"cost_comparability": [OTHER]})
    told = run("compare_two_cities.py")["refused"]["Duisburg"]
    assert "cost basis: gross in one, net in the other" in told and "are not to be compared" in told


def test_what_is_no_pair_of_one_publication_is_refused(house):
    costs, population = lagebild.read("cost_per_person"), lagebild.read("eu2_population")
    with pytest.raises(UserError, match="two rows of cost_per_person of one publication"):
        lagebild.compare(costs.iloc[0], population.iloc[0])
    with pytest.raises(UserError, match="nothing is known of this pair"):
        lagebild.compare(costs.iloc[0], costs.iloc[0])
    hidden = costs.copy()
    hidden.attrs = costs.attrs
    hidden.loc[0, "cost_per_person_eur"] = None
    hidden.loc[0, "reason"] = "confidential"
    with pytest.raises(UserError, match="has no cost per person"):
        lagebild.compare(hidden.iloc[0], costs.iloc[0])


def test_every_district_is_drawn_with_its_interval(house, tmp_path):
    found = run("eu2_by_district.py")
    ((districts,),) = query(
        house,
        "select count(*) from marts.foreign_population where source = 'azr_nrw' and nationality = 'EU2'"
        " and sex = 'all' and persons is not null and reference_date = '2024-12-31'"
        " and (region_level = 'district' or (region_level = 'municipality' and region_code like '%%000'))",
    )
    assert len(found["eu2"]) == districts == 53
    assert (found["eu2"]["persons_low"] <= found["eu2"]["persons"]).all()
    drawn = json.loads((tmp_path / ".lagebild" / "eu2_by_district.vl.json").read_text())
    assert [layer["mark"]["type"] for layer in drawn["layer"]] == ["bar", "errorbar"]
