"""`lagebild.read` and `lagebild.explain`: a mart as a data frame that knows what its figures are."""

import dataclasses
from decimal import Decimal

import pandas as pd
import pytest

import lagebild
from lagebild.core.errors import UserError
from lagebild.warehouse import descriptions, marts
from tests.support import query

AGS = "05913000"


@pytest.fixture
def house(published_warehouse, monkeypatch):
    monkeypatch.setattr("lagebild.core.settings.load", lambda: published_warehouse)
    return published_warehouse


def test_the_cost_per_person_is_read_with_all_that_must_be_known(house):
    costs = lagebild.read("cost_per_person", place="Dortmund", year=2019)
    assert list(costs["municipality_ags"]) == [AGS] and costs["total_cost_eur"].dtype == "Float64"
    assert costs["cost_per_person_rounded_eur"].item() == costs["published_cost_per_person_eur"].item()
    assert (costs["reference_year"].dtype, costs["municipality_name"].dtype) == ("Int64", "string")
    told = costs.attrs
    assert told["mart"] == "cost_per_person" and told["publication"]["publication_id"] == 1
    assert told["units"]["total_cost_eur"] == "EUR" and told["units"]["population_persons"] == "persons"
    assert told["labels"]["total_cost_eur"]["de"] and told["descriptions"]["total_cost_eur"]
    assert told["caption"]["de"].startswith("Nicht die Kosten") and told["caption"]["en"].startswith("Not the cost")
    assert "derived_from_result" in told["evidence"] and told["key"] == ["municipality_ags", "reference_year", "method"]


def test_money_keeps_every_digit_where_it_is_asked_for(house):
    exact = lagebild.read("cost_component", place=AGS, exact=True)
    shown = exact[exact["treatment"] == "attributed"]["amount_eur"]
    (whole,) = query(house, "select total_cost_eur from marts.cost_per_person where municipality_ags = %s", AGS)[0]
    assert isinstance(shown.iloc[0], Decimal) and shown.sum() == whole
    assert abs(lagebild.read("cost_component", place=AGS)["amount_eur"].sum() - float(exact["amount_eur"].sum())) < 0.01


def test_what_is_not_shown_is_missing_and_its_reason_stands_beside_it(house):
    seekers = lagebild.read("employment")
    hidden = seekers[seekers["persons"].isna()]
    assert len(hidden) and not (seekers["persons"] == 0).any()
    assert (hidden["reason"].notna() | hidden["value_sign"].notna()).all()


@pytest.mark.parametrize("mart", [one.name for one in marts.definitions() if one.schema == "marts"])
def test_every_mart_of_readers_is_read_and_its_types_are_nullable(house, mart):
    try:
        read = lagebild.read(mart)
    except UserError as error:
        assert "has no row for anything" in str(error)  # of the demo
        return
    assert "object" not in {str(kind) for name, kind in read.dtypes.items() if not read[name].isna().all()}
    assert "float64" not in {str(kind) for kind in read.dtypes}


def test_a_row_is_explained_down_to_the_line(house):
    costs = lagebild.read("cost_per_person", place="Dortmund")
    told = lagebild.explain(costs.iloc[0])
    assert "ledger_05913000_2019.csv" in told and "sha256" in told
    assert "Herkunft" not in told and "Haushalt" in lagebild.explain(costs.iloc[0], "de")
    population = lagebild.read("eu2_population", place="00")
    one = lagebild.explain(population.iloc[3])
    assert one.count("figure:") == 1 and str(population.iloc[3]["eu2_persons"]) in one.replace(",", "")


def test_faults_say_what_to_do(house):
    with pytest.raises(UserError, match="there is no mart|no mart"):
        lagebild.read("no_such_mart")
    with pytest.raises(UserError, match="is not released"):
        lagebild.read("eu2_population_unmasked")
    with pytest.raises(UserError, match="has no row for 05913000 1999"):
        lagebild.read("cost_per_person", place="Dortmund", year=1999)
    with pytest.raises(UserError, match="there is no publication 99"):
        lagebild.read("cost_per_person", publication=99)
    with pytest.raises(UserError, match=r"no row of a frame of lagebild\.read"):
        lagebild.explain(pd.Series({"a": 1}))
    with pytest.raises(AttributeError):
        lagebild.nothing  # noqa: B018


def test_the_unit_follows_from_the_name():
    assert [descriptions.unit_of(name) for name in ("total_cost_eur", "share_pct", "persons_low", "label")] == [
        "EUR", "%", "persons", "",
    ]  # fmt: skip
    assert dataclasses.is_dataclass(marts.definition("employment"))
