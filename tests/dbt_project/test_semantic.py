"""Semantic models: no metric adds what may not be added. dbt itself checks their form whenever it parses."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest

from lagebild.core import yaml_files
from lagebild.core.settings import DBT_PROJECT
from lagebild.warehouse import marts, relations

FILE = DBT_PROJECT / "models" / "semantic" / "_semantic.yml"
HEADLINES = {"cost_per_person", "cost_component", "eu2_population", "programme_funding_year"}
SUMS = ("sum", "sum_boolean", "count", "average")


def mart_of(model: dict[str, Any]) -> str:
    return re.fullmatch(r"ref\('(\w+)'\)", model["model"])[1]


def refused(content: dict[str, Any]) -> Iterator[str]:
    """Measures that add what may not be added, and metrics of measures that are not there."""
    measures = set()
    for model in content["semantic_models"]:
        mart = marts.definition(mart_of(model))
        additive = dict(relations.of(mart.name).additive)
        times = {one["name"] for one in model["dimensions"] if one["type"] == "time"}
        for measure in model["measures"]:
            measures.add(measure["name"])
            named = set(re.findall(r"\w+", measure.get("expr", measure["name"]))) & set(mart.columns)
            figures = named - {added.where for added in additive.values()}
            if not figures:
                yield f"{measure['name']}: no column of {mart.name}"
            for figure in sorted(figures):
                added = additive.get(figure)
                if added and added.where and added.where not in named:
                    yield f"{measure['name']}: {figure} is added where {added.where} is false, too"
                if not added and (measure["agg"] in SUMS or mart.columns[figure][0] == "text"):
                    kept = measure.get("non_additive_dimension", {})
                    if kept.get("name") not in times or kept.get("window_choice") != "max":
                        yield f"{measure['name']}: {figure} is added over time"
                    if not kept.get("window_groupings"):
                        yield f"{measure['name']}: {figure} of several places is added"
    names = {metric["name"] for metric in content["metrics"]}
    for metric in content["metrics"]:
        told = metric["type_params"]
        for measure in {told.get("measure")} - {None} - measures:
            yield f"{metric['name']}: no measure {measure}"
        for part in {told.get("numerator"), told.get("denominator")} - {None} - names:
            yield f"{metric['name']}: no metric {part}"


@pytest.fixture
def content() -> dict[str, Any]:
    return copy.deepcopy(yaml_files.read(FILE))


def measure(content: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for model in content["semantic_models"] for one in model["measures"] if one["name"] == name)


def test_the_headline_marts_are_semantic_models_and_add_nothing_that_may_not_be_added(content):
    assert {mart_of(model) for model in content["semantic_models"]} == HEADLINES
    assert list(refused(content)) == []


def test_persons_that_are_added_over_years_are_refused(content):
    del measure(content, "persons_of_cost")["non_additive_dimension"]
    told = list(refused(content))
    assert told[0] == "persons_of_cost: denominator_persons is added over time"


def test_a_sum_over_places_whose_levels_hold_each_other_is_refused(content):
    one = measure(content, "eu2_persons")
    one |= {"agg": "sum", "non_additive_dimension": {"name": "reference_date", "window_choice": "max"}}
    assert list(refused(content)) == ["eu2_persons: eu2_persons of several places is added"]


def test_an_amount_is_not_added_to_what_it_is_part_of(content):
    measure(content, "addable_amount_eur")["expr"] = "amount_eur"
    assert list(refused(content)) == ["addable_amount_eur: amount_eur is added where is_addable is false, too"]


def test_a_metric_of_a_measure_that_is_not_there_is_refused(content):
    content["metrics"][0]["type_params"]["measure"] = "gone"
    content["metrics"][2]["type_params"]["denominator"] = "nobody"
    assert list(refused(content)) == ["attributable_cost: no measure gone", "cost_per_person: no metric nobody"]


def test_each_says_its_unit_and_what_is_not_added(content):
    for metric in content["metrics"]:
        assert metric["description"].endswith(".") and metric["label"], metric["name"]
    assert "not the cost of an EU2 immigrant" in content["metrics"][2]["description"]
