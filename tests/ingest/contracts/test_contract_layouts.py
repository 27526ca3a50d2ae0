"""A header must be that of exactly one layout of its period; another one is refused, with what to add."""

import re

import pytest
import yaml

from ingest import contracts
from tests.contract_files import descriptor, fields, read, write

OLD = {
    "name": "2018-2020",
    "from": 2018,
    "to": 2020,
    "headers": {"nationality_code": "Nationalität"},
    "formats": {"moved_in_on": "%Y-%m-%d"},
}
NOW = ["Einzug", "Auszug", "Staatsangehörigkeit"]
THEN = ["Einzug", "Auszug", "Nationalität"]


@pytest.fixture
def contract(tmp_path):
    return read(tmp_path, descriptor(layouts=[OLD]))


@pytest.mark.parametrize(
    ("header", "period", "name"),
    [
        (NOW, "2021", "current"),
        (NOW, "2017", "current"),
        (NOW, "2020", None),
        (NOW, "2020-12", None),
        (THEN, "2018", "2018-2020"),
        (THEN, "2020-12-31", "2018-2020"),
        (THEN, "05913000_2019-12-31", "2018-2020"),
        (THEN, "2021-01", None),
        (THEN, "2017-12-31", None),
        (["Auszug", "Einzug", "Staatsangehörigkeit"], "2021", "current"),
        (NOW[:2], "2021", None),
        ([*NOW, "AZR-Nummer"], "2021", None),
        ([*NOW, NOW[0]], "2021", None),
        (["einzug", "Auszug", "Staatsangehörigkeit"], "2021", None),
        (THEN, None, "2018-2020"),
        (NOW, None, "current"),
    ],
)
def test_a_header_belongs_to_one_layout_of_its_period(contract, header, period, name):
    layout = contract.layout_for(header, period)
    assert (layout and layout.name) == name


def test_a_layout_has_its_own_titles_and_formats(contract):
    layout = contract.layout_for(THEN, "2019")
    assert [field.name for field in layout.fields] == ["moved_in_on", "moved_out_on", "nationality_code"]
    assert layout.fields[0].format == "%Y-%m-%d"
    assert contract.fields[0].format == "%d.%m.%Y"


def test_a_layout_may_lack_fields_and_have_another_order(tmp_path):
    entry = {"name": "2017", "to": 2017, "without": ["nationality_code"], "order": ["moved_out_on", "moved_in_on"]}
    contract = read(tmp_path, descriptor(layouts=[entry]))
    layout = contract.layout_for(["Auszug", "Einzug"], "2016")
    assert [field.name for field in layout.fields] == ["moved_out_on", "moved_in_on"]
    assert [(field.name, value) for field, value in layout.constants] == [("nationality_code", None)]
    assert contract.layout_for(["Einzug", "Auszug"], "2016") is None


def test_what_an_old_layout_lacks_may_be_a_constant(tmp_path):
    entry = {"name": "2017", "to": 2017, "without": {"nationality_code": "000"}}
    layout = read(tmp_path, descriptor(layouts=[entry])).layout_for(["Einzug", "Auszug"], "2016")
    assert [value for _, value in layout.constants] == ["000"]


def test_optional_columns_may_be_absent_in_every_layout(tmp_path):
    made = descriptor(layouts=[OLD])
    fields(made)["nationality_code"]["lagebild"] = {"optional": True, "default": "998"}
    contract = read(tmp_path, made)
    for period, name in (("2019", "2018-2020"), ("2021", "current")):
        layout = contract.layout_for(["Einzug", "Auszug"], period)
        assert layout.name == name
        assert [(field.name, value) for field, value in layout.constants] == [("nationality_code", "998")]


@pytest.mark.parametrize(
    ("header", "lacking"),
    [
        (["Einzug", "Auszug", "Staatsangehörigkeit"], []),
        (["Einzug", "Staatsangehörigkeit"], ["moved_out_on"]),
        (["Einzug", "Auszug"], ["nationality_code"]),
        (["Einzug"], ["moved_out_on", "nationality_code"]),
        (["Einzug", "Staatsangehörigkeit", "Auszug"], []),
        (["Einzug", "Wegzug"], None),
        (["Auszug"], None),
    ],
)
def test_where_the_contract_says_so_each_optional_column_may_be_absent_alone(tmp_path, header, lacking):
    made = descriptor(optional_apart=True)
    for name in ("moved_out_on", "nationality_code"):
        fields(made)[name]["lagebild"] = {"optional": True}
    layout = read(tmp_path, made).layout_for(header, "2021")
    assert (layout and [field.name for field, _ in layout.constants]) == lacking
    made["lagebild"]["optional_apart"] = False
    strict = read(tmp_path, made).layout_for(header, "2021")
    assert (strict is None) == (lacking not in ([], ["moved_out_on", "nationality_code"]))


def test_two_layouts_may_hold_in_one_period_when_their_headers_differ(tmp_path):
    changing = [OLD, {"name": "early", "from": 2020, "to": 2020}]
    contract = read(tmp_path, descriptor(layouts=changing))
    assert contract.layout_for(THEN, "2020").name == "2018-2020"
    assert contract.layout_for(NOW, "2020").name == "early"
    assert contract.layout_for(NOW, "2019") is None


def added(contract, remedy: str):
    """The contract with the line that the refusal names added as it stands."""
    line = re.search(r": (- \{.*\})$", remedy)[1]
    made = yaml.safe_load(contract.path.read_text())
    made["lagebild"].setdefault("layouts", []).extend(yaml.safe_load(line))
    return contracts.read(write(contract.path.parent.parent, made))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (THEN, "missing: Staatsangehörigkeit; unknown: Nationalität"),
        (["Einzug", "Staatsangehörigkeit"], "missing: Auszug"),
        (["Auszug", "Einzug", "Staatsangehörigkeit"], "another order"),
        (["Zuzug am", "Wegzug am", "Staatsangehörigkeit"], "missing: Einzug, Auszug; unknown: Zuzug am, Wegzug am"),
    ],
)
def test_the_refusal_names_the_difference_and_a_line_that_mends_it(tmp_path, header, said):
    contract = read(tmp_path, descriptor())
    message, remedy = contract.header_refusal(header, "2022-06")
    assert said in message and "of 2022-06" in message
    assert f"{contract.path}:" in remedy
    mended = added(contract, remedy)
    assert mended.layout_for(header, "2022-06").name == "2022-06"
    assert mended.layout_for(NOW, "2022-07").name == "current"


def test_new_columns_are_to_be_described_not_dropped(tmp_path):
    message, remedy = read(tmp_path, descriptor()).header_refusal([*NOW, "Geschlecht"], "2022")
    assert "unknown: Geschlecht" in message
    assert "describe the new columns in" in remedy


def test_a_header_of_a_hundred_thousand_columns_makes_no_long_message(tmp_path):
    message, remedy = read(tmp_path, descriptor()).header_refusal([f"column {n}" for n in range(100_000)], "2022")
    assert len(message) < 1_000 and len(remedy) < 1_000
    assert "and 99988 more" in message
