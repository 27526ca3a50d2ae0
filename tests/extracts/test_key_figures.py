"""Key figures and charts: cells of the marts in words of both languages; what is hidden stays hidden."""

from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest

from extracts import about, attribution, key_figures, marts, package, recipient, signs
from extracts import contents as contents_of
from extracts.about import Sender
from extracts.contents import Contents
from extracts.marts import Mart
from extracts.model import Publisher, Recipient
from extracts.release import desk
from extracts.tables import is_figure
from extracts.texts import LANGUAGES, Texts
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.warehouse import marts as definitions

ENTRIES = key_figures.entries()


def gathered(settings: Settings, receiver: Recipient) -> Contents:
    """The contents for a recipient, with everything beside their rows."""
    wanted = package.load().of(receiver)
    with desk(settings) as opened, marts.reader(settings, receiver.profile) as connection:
        attributed = partial(attribution.of_publication, opened.register, settings, wanted, attribution.NOTHING_STATED)
        found = contents_of.gather(connection, wanted, None, attributed, Texts(receiver.language), receiver)
        return about.of(connection, found, Sender(receiver, Publisher("Stadt", ""), None))


@pytest.fixture
def ministry() -> Recipient:
    return recipient.named(recipient.SHIPPED, True, "ministry")


@pytest.fixture
def told(published_warehouse, ministry) -> Contents:
    return gathered(published_warehouse, ministry)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.get("name") or entry["value"])
def test_an_entry_names_what_there_is_and_has_both_languages(entry):
    known = {column for column in definitions.definition(entry["mart"]).columns}
    assert key_figures.columns(entry) <= known | {"input_age_days"}
    for words in (entry.get("label") or entry["title"], entry["unit"]):
        assert set(words) == set(LANGUAGES) and all(words.values())
    if "caption" in entry and entry["caption"] is not True:
        assert "caption_de" in definitions.definition(entry["caption"]).columns


def test_every_figure_of_costs_has_its_caption(told):
    costs = [one for one in told.about.key_figures if one.mart.startswith("cost_") and one.unit == "EUR"]
    assert len(costs) == 3 and all("Nicht die Kosten" in one.caption or "Hochrechnung" in one.caption for one in costs)
    (areas,) = [one for one in told.about.charts if one.name == "cost_by_area"]
    assert "Nicht die Kosten" in areas.caption and "Evidenz: " in areas.caption


def _cell(contents: Contents, mart: str, row_key: tuple[tuple[str, str], ...]) -> dict:
    (found,) = [one for one in contents.marts if one.entry.name == mart]
    (row,) = [row for row in found.rows if signs.row_key(found, signs.named(found, row)) == row_key]
    return signs.named(found, row)


def test_each_figure_is_a_cell_of_its_mart(told):
    assert len(told.about.key_figures) >= 12
    for one in told.about.key_figures:
        row = _cell(told, one.mart, one.row_key)
        columns = [each["value"] for each in ENTRIES if each["mart"] == one.mart and "label" in each]
        assert one.value in [row[column] for column in columns], one


def test_charts_add_up_to_the_marts_and_say_every_number(told):
    names = [one.name for one in told.about.charts]
    assert names == list(dict.fromkeys(names)) and len(names) >= 6
    by_name = {one.name: one for one in told.about.charts}
    (cost,) = [one for one in told.marts if one.entry.name == "cost_per_person"]
    assert sum(by_name["cost_by_area"].series[0].values) == cost.values("total_cost_eur")[0]
    texts = told.texts
    for one in told.about.charts:
        for series in one.series:
            assert len(series.values) == len(one.categories)
            for value in series.values:
                assert value is None or texts.number(value, one.digits) in one.alt_text, (one.name, value)
    gaps = by_name["eu2_in_germany"]
    assert [c for c, v in zip(gaps.categories, gaps.series[0].values, strict=True) if v is None] == ["2009", "2011"]
    assert "Keine Zahl: 2009, 2011." in gaps.alt_text


def test_no_money_is_counted_twice(told):
    (funding,) = [one for one in told.about.charts if one.name == "funding_by_year"]
    (mart,) = [one for one in told.marts if one.entry.name == "programme_funding_year"]
    rows = [signs.named(mart, row) for row in mart.rows]
    drawn = sum(value for series in funding.series for value in series.values if value is not None)
    assert drawn == sum(row["amount_eur"] for row in rows if row["is_addable"] and row["amount_eur"] is not None)
    assert drawn < sum(row["amount_eur"] for row in rows if row["amount_eur"] is not None)


def test_the_same_figures_in_english(published_warehouse, ministry, told):
    english = gathered(published_warehouse, replace(ministry, language="en"))
    assert [one.value for one in english.about.key_figures] == [one.value for one in told.about.key_figures]
    first = english.about.key_figures[0]
    assert first.label.startswith("Dortmund 2019: cost per person and year") and first.caption.startswith(
        "Not the cost"
    )
    assert all("Diagramm" not in one.alt_text and "Evidenz" not in one.caption for one in english.about.charts)


def _with(contents: Contents, mart: str, **changed) -> Contents:
    """The contents with other values in the first row of a mart."""

    def other(one: Mart) -> Mart:
        names = [column.name for column in one.columns]
        first = tuple(changed.get(name, value) for name, value in zip(names, one.rows[0], strict=True))
        return replace(one, rows=(first, *one.rows[1:]))

    return replace(contents, marts=tuple(other(m) if m.entry.name == mart else m for m in contents.marts))


def test_a_hidden_figure_has_a_status_and_no_number(told):
    hidden = _with(
        told, "cost_per_person", cost_per_person_rounded_eur=None, total_cost_eur=None, reason="confidential"
    )
    figures = {one.label: one for one in key_figures.of(hidden)}
    rate = next(one for label, one in figures.items() if "Kosten je Person" in label)
    assert (rate.value, rate.low, rate.high, rate.status) == (None, None, None, "confidential")
    area = _with(told, "cost_component", amount_eur=None)
    (chart,) = [one for one in key_figures.charts(area) if one.name == "cost_by_area"]
    assert "Keine Zahl: Ordnung." in chart.alt_text and "Ordnung 0" not in chart.alt_text


def test_what_a_recipient_does_not_receive_is_in_no_figure(told):
    fewer = replace(told, marts=tuple(m for m in told.marts if m.entry.name == "eu2_population"))
    assert {one.mart for one in key_figures.of(fewer)} == {"eu2_population"}
    assert {one.mart for one in key_figures.charts(fewer)} == {"eu2_population"}
    empty = replace(told, marts=tuple(replace(mart, rows=()) for mart in told.marts))
    assert key_figures.of(empty) == key_figures.charts(empty) == ()


def test_two_rows_for_one_point_are_refused(told):
    (mart,) = [one for one in told.marts if one.entry.name == "eu2_population"]
    twice = replace(told, marts=(replace(mart, rows=mart.rows + mart.rows),))
    with pytest.raises(UserError, match=r"key_figures.yml: eu2_in_germany: two rows are one point \( 2007\)"):
        key_figures.charts(twice)


def test_a_waterfall_goes_from_the_first_total_to_the_second(told):
    (mart,) = [one for one in told.marts if one.entry.name == "cost_bridge"]
    parts = (("rates", Decimal(5)), ("persons", Decimal(-2)))
    base = {"municipality_ags": "05913000", "measure": "total_cost_eur", "from_method": "m", "to_method": "m",
            "from_year": 2019, "to_year": 2020, "from_eur": Decimal(10), "to_eur": Decimal(13), "caption_de": "Achtung",
            "evidence": "derived"}  # fmt: skip
    rows = tuple(
        tuple({**base, "part": part, "part_eur": eur, "part_order": n}.get(column.name) for column in mart.columns)
        for n, (part, eur) in enumerate(parts)
    )
    (chart,) = key_figures.charts(replace(told, marts=(replace(mart, rows=rows),)))
    assert (chart.kind, chart.categories[0], chart.categories[-1]) == ("waterfall", "2019", "2020")
    assert chart.series[0].values == (10, 5, -2, 13) and chart.caption.startswith("Achtung")


# --- figures without a number ----------------------------------------------------------------------------------------


def unexplained(contents: Contents) -> dict[str, list[str]]:
    """By mart the figures that have no number in some row, and neither reason nor sign nor a word of package.yml."""
    found: dict[str, set[str]] = {}
    for mart in contents.marts:
        figures = [column.name for column in mart.columns if is_figure(mart, column)]
        for row in mart.rows:
            values = signs.named(mart, row)
            for figure in figures:
                if values[figure] is None and not signs.is_told(mart, values, figure):
                    found.setdefault(mart.entry.name, set()).add(figure)
    return {mart: sorted(figures) for mart, figures in found.items()}


def test_every_figure_without_a_number_says_why(published_warehouse):
    told = gathered(published_warehouse, recipient.named(recipient.SHIPPED, True, "statistics_office"))
    assert sum(len(mart.rows) for mart in told.marts) > 5_000
    assert unexplained(told) == {}
    forgotten = tuple(replace(mart, entry=replace(mart.entry, figures={})) for mart in told.marts)
    assert {"cost_component", "employment", "indicator"} <= set(unexplained(replace(told, marts=forgotten)))


def test_what_package_yml_says_of_a_figure_is_of_one_that_there_is():
    for entry in package.load().every:
        columns = definitions.definition(entry.name).columns
        for figure, told in entry.figures.items():
            assert figure in columns, (entry.name, figure)
            assert {told[key] for key in ("reason", "sign") if key in told} <= set(columns), (entry.name, figure)
            assert told.get("empty") in (None, "not_meaningful", "not_available"), (entry.name, figure)
