"""Rules on columns in a contract and in a city's file: what is wrong with one is told with line and remedy."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ingest import contracts
from ingest.contracts import check, own_layouts, quality
from lagebild.core.errors import UserError
from lagebild.warehouse import overlay
from tests import conftest
from tests.contract_files import descriptor, fields, write
from tests.ingest.support import command

RULE = {
    "name": "codes",
    "column": "nationality_code",
    "metric": "invalidValues",
    "arguments": {"validValues": ["125", "154"]},
    "severity": "hold",
    "owner": "tests",
    "description": "Nobody else moves here.",
}
DAYS = RULE | {"name": "days", "column": "moved_in_on", "arguments": {"minimum": "2020-01-01"}}
SHARE = {key: value for key, value in RULE.items() if key != "arguments"} | {
    "name": "filled", "metric": "nullValues", "mustBeLessOrEqualTo": 2.5, "unit": "percent", "severity": "warn"
}  # fmt: skip


def made(*rules) -> dict:
    """The small contract with these rules, and a column that is dropped and one that is a pseudonym."""
    told = descriptor(
        quality=list(rules), legal_basis="a law", pseudonym_purpose="tests",
        file_name=r"^moves_(?P<period>(?P<ags>\d{8})_\d{4})\.csv$", example="moves_05911000_2021.csv",
    )  # fmt: skip
    entries = told["resources"][0]["schema"]["fields"]
    for name, privacy in (("name", "drop"), ("person", "pseudonym")):
        entries.append({"name": name, "title": name, "description": name, "type": "string"})
        entries[-1]["lagebild"] = {"privacy": privacy}
    fields(told)["nationality_code"]["constraints"] = {"enum": ["125", "154", "163"]}
    return told


def test_good_rules_are_read_and_said_in_words(tmp_path):
    path = write(tmp_path, made(RULE, DAYS, SHARE, SHARE | {"name": "known", "column": "person"}))
    assert check.findings(path) == []
    found = contracts.read(path).quality
    assert [rule.expected for rule in found] == [
        "is one of 125, 154",
        "is not below 2020-01-01",
        "is not empty, in at least 97.5 % of the rows",
        "is not empty, in at least 97.5 % of the rows",
    ]
    assert str(found[0]) == "rule codes: nationality_code is one of 125, 154 (hold; tests)"


@pytest.mark.parametrize(
    ("change", "key", "said"),
    [
        ({"column": "nationality"}, "column", "did you mean nationality_code?"),
        ({"column": "name"}, "column", "column name is dropped at landing"),
        ({"column": "person"}, "column", "holds pseudonyms, of which only nullValues can be said"),
        ({"metric": "invalidValue"}, "metric", "did you mean invalidValues?"),
        ({"metric": "nullValues"}, "arguments", "nullValues has no arguments"),
        ({"arguments": {}}, "metric", "needs arguments: one or more of validValues, pattern"),
        ({"arguments": {"validvalues": ["125"]}}, "validvalues", "did you mean validValues?"),
        ({"arguments": {"validValues": [125]}}, "validValues", "125 is no string, as nationality_code is: write it in"),
        ({"arguments": {"validValues": ["124"]}}, "validValues", "'124' is none of 125, 154, 163; did you mean"),
        ({"arguments": {"validValues": "125"}}, "validValues", "is no list of values"),
        ({"arguments": {"pattern": "[0-9"}}, "pattern", "is no regular expression"),
        ({"arguments": {"pattern": "(?i)[0-9]+"}}, "pattern", "PostgreSQL reads otherwise"),
        ({"arguments": {"pattern": r"\b125"}}, "pattern", "PostgreSQL reads otherwise"),
        ({"arguments": {"minimum": 1}}, "minimum", "is of numbers and days, and nationality_code is a string"),
        ({"column": "moved_in_on", "arguments": {"minimum": 2020}}, "minimum", "2020 is no date, as moved_in_on is"),
        ({"column": "moved_in_on", "arguments": {"maximum": "soon"}}, "maximum", "'soon' is no date"),
        (
            {"column": "moved_in_on", "arguments": {"minimum": "2021-01-01", "maximum": "2020-01-01"}},
            "maximum",
            "maximum is below minimum",
        ),
        ({"severity": "error"}, "severity", "'error' is none of hold, warn"),
        ({"owner": " "}, "owner", "owner is no text"),
        ({"name": "Codes"}, "name", "not small letters"),
        ({"mustBe": 3}, "mustBe", "a share is said by mustBeLessOrEqualTo"),
        ({"mustBeLessOrEqualTo": 3}, "mustBeLessOrEqualTo", "write unit: percent beside it"),
        ({"mustBeLessOrEqualTo": 100, "unit": "percent"}, "mustBeLessOrEqualTo", "from 0 to below 100"),
        ({"unit": "percent"}, "unit", "unit belongs to mustBeLessOrEqualTo"),
        ({"because": "x"}, "because", "'because' is none of name, column"),
    ],
)
def test_what_is_wrong_with_a_rule_is_told_with_its_line(tmp_path, change, key, said):
    path = write(tmp_path, made(DAYS, RULE | change))
    lines = path.read_text(encoding="utf-8").splitlines()
    rule = next(n for n, line in enumerate(lines, 1) if f"name: {(RULE | change)['name']}" in line)
    line = next(n for n, text in enumerate(lines, 1) if n >= rule and text.strip(" -").startswith(f"{key}:"))
    found = check.own_findings(path, path.read_bytes())
    assert [finding.line for finding in found] == [line] and said in found[0].message, [*map(str, found)]


def test_a_name_stands_once_and_what_is_missing_is_named(tmp_path):
    path = write(tmp_path, made(RULE, RULE, {"name": "empty"}, "text"))
    told = [finding.message for finding in check.own_findings(path, path.read_bytes())]
    assert "rule codes: another one has this name" in told and "rule empty: owner is missing" in told
    assert any(text.startswith("a rule: is no mapping of name, column") for text in told)


_ODD = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.dates(), st.datetimes())
_ANY = _ODD | st.lists(_ODD, max_size=2) | st.dictionaries(st.text(max_size=2), _ODD, max_size=2)
_ARGUMENTS = st.dictionaries(st.sampled_from(quality.ARGUMENTS[quality.INVALID]), _ANY)
_COLUMNS = st.sampled_from(["birth_year", "nationality_code", "reference_date", "sex", "person_pseudonym", "tax_id"])


@given(
    st.dictionaries(st.sampled_from([*RULE, "mustBe", "unit"]), _ANY, max_size=3),
    _ARGUMENTS | _ANY,
    _COLUMNS,
)
def test_whatever_stands_there_it_is_told_or_read(change, arguments, column):
    known = {field.name: field for field in contracts.load("register").fields}
    rule = RULE | {"column": column, "arguments": arguments} | change
    if not list(quality.findings([rule], known)):
        assert quality.read(rule).expected


def test_a_citys_file_adds_rules_to_a_source_of_the_product(tmp_path):
    city = conftest.settings_in(tmp_path)
    path = city.config / "contracts" / "ledger.yml"
    path.parent.mkdir(parents=True)
    rule = RULE | {"name": "areas", "column": "product_code", "arguments": {"pattern": "[0-9]{6}"}}

    def write_rules(*rules):
        path.write_text(yaml.safe_dump({"quality": list(rules)}), encoding="utf-8")

    write_rules(rule)
    (found,) = own_layouts.quality(city.config, contracts.load("ledger"))
    assert found.expected == "matches [0-9]{6}" and own_layouts.every(city.config) == []
    told = command(city, "config").output
    assert told == f"{path}:2: ledger: rule areas: product_code matches [0-9]{{6}} (hold; tests)\n"
    assert overlay.layouts(city.config) == []  # what is expected of deliveries changes no build
    write_rules(rule | {"column": "product_cod"}, rule | {"name": "areas2"})
    (finding,) = own_layouts.findings(city.config)
    assert (finding.path, finding.line) == (path, 4) and "did you mean product_code?" in finding.message
    with pytest.raises(UserError, match=f"{path}:4: "):
        own_layouts.quality(city.config, contracts.load("ledger"))
    assert command(city, "contracts", "check", "ledger").exit_code == 1
    Path(path).write_text("quality: all\n")
    assert "is no mapping with a list layouts:, a list quality:" in own_layouts.findings(city.config)[0].message
