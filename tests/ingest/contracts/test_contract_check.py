"""A contract that is wrong is not loaded, and every fault is named with its file and line."""

from datetime import date
from decimal import Decimal

import jsonschema
import pytest

from ingest import contracts
from ingest.contracts import check as contract_check
from ingest.contracts import form
from lagebild.core.errors import UserError
from tests.contract_files import descriptor, fields, read, write


def field(name, /, **entries):
    def spoil(made):
        fields(made)[name].update(entries)

    return spoil


def own(**entries):
    return lambda made: made["lagebild"].update(entries)


def resource(**entries):
    return lambda made: made["resources"][0].update(entries)


DUE = {"every": "year", "lag": "P6M", "reason": "The tests expect it."}
RULE = {"name": "in_order", "check": "moved_out_on >= moved_in_on", "message": "leaves before it comes"}


def test_the_small_contract_is_good(tmp_path):
    assert contract_check.findings(write(tmp_path, descriptor())) == []


@pytest.mark.parametrize("source", contracts.sources())
def test_every_contract_names_the_schema_that_editors_complete_it_from(source):
    path = contracts.SOURCES / source / "contract.yml"
    first, schema = path.read_text().partition("\n")[0].split("$schema=")
    assert first == "# yaml-language-server: "
    assert (path.parent / schema).resolve() == form.SCHEMAS / "contract.json"


@pytest.mark.parametrize("source", contracts.sources())
def test_every_contract_is_good(source):
    assert contract_check.findings(contracts.SOURCES / source / "contract.yml") == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (own(retenton="P5Y"), "lagebild: the loader knows no entry 'retenton'"),
        (lambda d: d["lagebild"].pop("retention"), "lagebild: 'retention' is missing"),
        (own(retention="5 years"), "no ISO 8601 duration"),
        (own(retention="PT5H"), "no ISO 8601 duration"),
        (own(retention="P"), "no ISO 8601 duration"),
        (own(retenton="P5Y"), "did you mean retention?"),
        (own(max_rejected="5"), "max_rejected is no whole number from 0 on"),
        (own(max_rejected=True), "max_rejected is no whole number from 0 on"),
        (own(max_rejected=5.0), "max_rejected is no whole number from 0 on"),
        (own(max_rejected=-1), "max_rejected is no whole number from 0 on"),
        (own(owner=None), "lagebild: owner is no text"),
        (own(suite=["esf"]), "lagebild: suite is no text"),
        (own(periods="newest"), "periods 'newest' is none of all, latest, longest, holders"),
        (own(german={"titel": "Umzüge"}), "german: the loader knows no entry 'titel'; did you mean title?"),
        (own(german={"title": 5}), "german: title is no text"),
        (own(german={"title": "Umzüge"}), "german: moved_in_on has no meaning for the supplier"),
        (own(reader="guess"), "reader 'guess' is none of csv"),
        (own(schedule="daily"), "no cron expression"),
        (lambda d: d["lagebild"].pop("due"), "lagebild: 'due' is missing"),
        (own(due="yearly"), "lagebild: due is no mapping"),
        (own(due=DUE | {"every": "week"}), "due: every 'week' is none of month, quarter, year, irregular"),
        (own(due=DUE | {"until": 2030}), "due: the loader knows no entry 'until'"),
        (own(due={"every": "year", "lag": "P6M"}), "due: 'reason' is missing"),
        (own(due=DUE | {"reason": " "}), "due: the reason is missing"),
        (own(due={"every": "year", "reason": "r"}), "due: a lag after the period's end"),
        (own(due=DUE | {"every": "irregular"}), "due: a lag after the period's end"),
        (own(due={"every": "irregular", "first": 2024, "reason": "r"}), "an irregular source has no first period"),
        (own(due=DUE | {"lag": "6 months"}), "no ISO 8601 duration"),
        (own(due=DUE | {"first": "2024-Q1"}), "first '2024-Q1' is no year as in 2024"),
        (own(due=DUE | {"every": "quarter", "first": "2024-Q5"}), "first '2024-Q5' is no quarter"),
        (own(due=DUE | {"every": "month", "first": "2024-13"}), "first '2024-13' is no month"),
        (own(due=DUE | {"first": "0000"}), "first '0000' is no year"),
        (own(retired={"date": "soon", "reason": "r"}), "retired: date is no day as in 2026-06-30"),
        (own(retired={"date": date(2026, 6, 30)}), "retired: 'reason' is missing"),
        (own(retired={"date": date(2026, 6, 30), "reason": ""}), "retired: the reason is missing"),
        (own(retired={"on": date(2026, 6, 30), "reason": "r"}), "retired: the loader knows no entry 'on'"),
        (own(evidence="believed"), "evidence 'believed' is none of"),
        (own(file_name="^moves_(.csv"), "is no regular expression"),
        (own(file_name=r"^moves_\d{4}\.csv$"), "no group (?P<period>...)"),
        (own(example="other.csv"), "does not match file_name"),
        (own(pseudonym_purpose="statistics"), "needs a group (?P<ags>...)"),
        (own(optional_apart="yes"), "optional_apart is no true or false"),
        (own(optional_apart=True), "no field is optional"),
        (own(record_length=220), "only for fixed_width"),
        (own(reader="fixed_width"), "needs record_length"),
        (own(reader="xlsx"), "needs sheetName"),
        (own(code_lists={"sex": []}), "has no code"),
        (own(code_lists={"sex": [1, 2]}), "is no text, write it in quotes"),
        (own(code_lists={"sex": ["m", "m"]}), "a code stands twice"),
        (own(code_lists={"sex": "../secret.csv"}), "not the name of a .csv beside the contract"),
        (own(code_lists={"sex": "sex.csv"}), "there is no"),
        (own(rules=[RULE | {"check": "moved_out_on >= moved_in"}]), "moved_in is no field"),
        (own(rules=[RULE | {"check": "__import__('os').system('ls')"}]), "is not `field operator field`"),
        (own(rules=[RULE | {"check": "moved_out_on >= moved_in_on and 1"}]), "is not `field operator field`"),
        (own(rules=[RULE | {"check": "moved_out_on > nationality_code"}]), "is a date and nationality_code a string"),
        (own(rules=[RULE | {"check": "nationality_code > '125'"}]), "which has no order"),
        (own(rules=[RULE | {"check": "moved_in_on >= 2020"}]), "is compared with '2020-12-31'"),
        (own(rules=[{"check": "moved_out_on >= moved_in_on"}]), "a rule has exactly name, check and message"),
        (own(layouts=[{"name": "old", "headers": {"nationality": "Nat"}, "to": 2020}]), "nationality is no field"),
        (own(layouts=[{"name": "old", "header": {}, "to": 2020}]), "header is none of"),
        (own(layouts=[{"name": "old"}]), "neither from nor to"),
        (own(layouts=[{"name": "current", "to": 2020}]), "belongs to the fields as they stand"),
        (own(layouts=[{"name": "old", "from": 2021, "to": 2020}]), "ends before it begins"),
        (own(layouts=[{"name": "old", "to": "20"}]), "is no year, month or day"),
        (own(layouts=[{"name": "old", "to": 2020, "order": ["moved_in_on"]}]), "each of its fields once"),
        (own(layouts=[{"name": "old", "to": 2020, "formats": {"moved_in_on": "%Y"}}]), "day, month and year"),
        (own(layouts=[{"name": "a", "to": 2020}, {"name": "b", "from": 2020, "to": 2021}]), "one header in the same"),
        (own(layouts=[{"name": "a", "to": 2020}, {"name": "a", "from": 2021}]), "stands twice"),
        (resource(encoding="latin-15"), "is no text encoding"),
        (resource(encoding="rot13"), "is no text encoding"),
        (resource(dialect={"delimiter": "~"}), "none of ; , tab |"),
        (resource(dialect={"commentChar": "#"}), "the loader knows no entry 'commentChar'"),
        (resource(dialect={"doubleQuote": False}), "need an escapeChar"),
        (resource(dialect={"lineTerminator": "\v"}), "lineTerminator is none of LF, CRLF, CR"),
        (resource(name="Move"), "the resource's name is not small letters"),
        (resource(dialect=[]), "dialect is no mapping"),
        (resource(schema={"fields": []}), "there are no fields"),
        (resource(dialect={"quoteChar": "''"}), "is not one character"),
        (resource(dialect={"quoteChar": "´"}), "quoteChar is not one character of ASCII"),
        (resource(dialect={"escapeChar": "¬"}), "escapeChar is not one character of ASCII"),
        (resource(dialect={"delimiter": "¦"}), "the delimiter is none of"),
        (resource(dialect={"delimiter": "||"}), "the delimiter is none of"),
        (resource(dialect={"header": False}), "cannot be compared"),
        (resource(dialect={"headerRows": "1"}), "Data Package 2.0"),
        (field("moved_in_on", type="datum"), "type 'datum' is none of"),
        (field("moved_in_on", format="%Y"), "day, month and year"),
        (field("moved_in_on", format=None), "needs the format"),
        (field("moved_in_on", constraints={"unique": True}), "moved_in_on: constraints: the loader knows no entry"),
        (field("moved_in_on", formt="%d.%m.%Y"), "moved_in_on: the loader knows no entry 'formt'; did you mean"),
        (field("moved_in_on", title=None), "moved_in_on: title is no text"),
        (lambda d: fields(d)["moved_in_on"].pop("description"), "moved_in_on: 'description' is missing"),
        (field("moved_in_on", lagebild={"optional": "yes"}), "moved_in_on: lagebild: optional is no true or false"),
        (field("moved_in_on", constraints={"required": "yes"}), "Data Package 2.0: 'yes' is not of type 'boolean'"),
        (field("moved_in_on", lagebild={"privacy": "hash"}), "privacy 'hash' is none of"),
        (field("moved_in_on", lagebild={"privacy": "year"}), "without a legal_basis"),
        (field("nationality_code", lagebild={"privacy": "pseudonym"}), "needs pseudonym_purpose"),
        (field("nationality_code", lagebild={"privacy": "year"}), "only a date"),
        (field("nationality_code", lagebild={"code_list": "keys"}), "there is no code list 'keys'"),
        (field("nationality_code", lagebild={"dash_is_zero": True}), "set signs too"),
        (field("nationality_code", lagebild={"signs": True}), "official signs stand for numbers"),
        (field("nationality_code", lagebild={"columns": "1-3"}), "belong to the reader fixed_width"),
        (field("nationality_code", lagebild={"map": {"1": 2}}), "is no text: write it in quotes"),
        (field("nationality_code", lagebild={"map": {"a": "b"}}, constraints={"enum": ["b"]}), "leave one"),
        (field("nationality_code", constraints={"pattern": "["}), "is no regular expression"),
        (field("nationality_code", constraints={"maxLength": 40_000}), "no number of characters from 1 to 32000"),
        (field("moved_in_on", constraints={"maxLength": 10}), "maxLength has no effect for type date"),
        (field("nationality_code", name="moved_in_on"), "would be two columns"),
        (field("nationality_code", name="Nation"), "not small letters"),
        (field("nationality_code", decimalChar=",", groupChar=","), "are the same"),
        (lambda d: d["resources"][0]["schema"].update(primaryKey=["person"]), "the key's person is no field"),
        (lambda d: d["resources"].append(d["resources"][0]), "not exactly one"),
        (lambda d: d.pop("lagebild"), "'lagebild' is missing"),
        (lambda d: d.update(licence="EUPL"), "knows no entry 'licence'"),
        (lambda d: d.update(licenses="EUPL"), "Data Package 2.0"),
    ],
)
def test_a_fault_is_found(tmp_path, spoil, said):
    made = descriptor()
    spoil(made)
    found = [str(finding) for finding in contract_check.findings(write(tmp_path, made))]
    assert any(said in finding for finding in found), found


def test_findings_name_the_line(tmp_path):
    path = write(tmp_path, descriptor(reader="guess", retention="never"))
    found = contract_check.findings(path)
    lines = path.read_text().splitlines()
    assert [lines[finding.line - 1].split(":")[0].strip() for finding in found] == ["retention", "reader"]
    assert str(found[0]).startswith(f"{path}:")


def test_all_that_is_wrong_is_said_when_a_contract_is_read(tmp_path):
    with pytest.raises(UserError) as caught:
        read(tmp_path, descriptor(reader="guess", retention="never"))
    assert "reader 'guess'" in caught.value.message and "never" in caught.value.message


def test_an_entry_that_stands_twice_is_found(tmp_path):
    path = write(tmp_path, descriptor())
    path.write_text(path.read_text() + "  retention: P50Y\n")
    assert "'retention' stands twice" in str(contract_check.findings(path)[0])


def test_what_is_no_yaml_is_found_with_its_line(tmp_path):
    path = write(tmp_path, descriptor())
    path.write_text("name: a\ntitle: [\n")
    assert "is no YAML" in str(contract_check.own_findings(path, path.read_bytes())[0])


def test_a_source_with_personal_fields_and_no_legal_basis_does_not_load(tmp_path):
    made = descriptor()
    fields(made)["moved_in_on"]["lagebild"] = {"privacy": "year"}
    with pytest.raises(UserError, match="without a legal_basis"):
        read(tmp_path, made)
    assert read(tmp_path, made | {"lagebild": made["lagebild"] | {"legal_basis": "BMG Par. 34"}})


# --- small languages --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("P5Y", date(2019, 12, 31), date(2024, 12, 31)),
        ("P1Y", date(2024, 2, 29), date(2025, 2, 28)),
        ("P1M", date(2023, 1, 31), date(2023, 2, 28)),
        ("P18M", date(2023, 11, 30), date(2025, 5, 30)),
        ("P2W", date(2024, 12, 25), date(2025, 1, 8)),
        ("P1Y2M3D", date(2023, 12, 31), date(2025, 3, 3)),
    ],
)
def test_a_duration_ends_on_a_day(text, start, end):
    assert contracts.duration(text).after(start) == end


def test_a_rule_compares_what_raw_would_hold(tmp_path):
    contract = read(tmp_path, descriptor(rules=[RULE]))
    (rule,) = contract.rules
    assert (rule.left, rule.operator, rule.right, rule.fields) == (
        "moved_out_on",
        ">=",
        "moved_in_on",
        ("moved_out_on", "moved_in_on"),
    )
    early, late = date(2020, 1, 1), date(2021, 1, 1)
    assert rule.holds({"moved_in_on": early, "moved_out_on": late})
    assert rule.holds({"moved_in_on": early, "moved_out_on": early})
    assert not rule.holds({"moved_in_on": late, "moved_out_on": early})
    assert rule.holds({"moved_in_on": late, "moved_out_on": None})


@pytest.mark.parametrize(
    ("check", "literal"),
    [
        ("moved_in_on >= '1900-01-01'", date(1900, 1, 1)),
        ("nationality_code != '000'", "000"),
        ("moved_in_on<'2100-01-01'", date(2100, 1, 1)),
    ],
)
def test_a_rule_may_have_a_literal_of_its_fields_kind(tmp_path, check, literal):
    contract = read(tmp_path, descriptor(rules=[RULE | {"check": check}]))
    assert contract.rules[0].literal == literal
    assert contract.rules[0].right is None


def test_numbers_are_compared_exactly():
    entry = {"name": "share", "check": "a_pct <= 33.3", "message": "too much"}
    number = contracts.field_of({"name": "a_pct", "title": "", "description": "", "type": "number"}, {})
    assert contracts.rule(entry, {"a_pct": number}).literal == Decimal("33.3")


def test_code_lists_become_the_allowed_words(tmp_path):
    made = descriptor(code_lists={"keys": {"125": "Bulgarien", "154": "Rumänien"}})
    fields(made)["nationality_code"]["lagebild"] = {"code_list": "keys"}
    contract = read(tmp_path, made)
    nationality = contract.fields[2]
    assert nationality.enum == {"125", "154"}
    assert contract.code_lists[nationality.code_list].labels["154"] == "Rumänien"


def test_a_code_list_may_be_a_file_and_is_part_of_the_version(tmp_path):
    made = descriptor(code_lists={"keys": "keys.csv"})
    fields(made)["nationality_code"]["lagebild"] = {"code_list": "keys"}
    path = write(tmp_path, made)
    (path.parent / "keys.csv").write_text("code;label\n000;deutsch\n125;bulgarisch\n")
    first = contracts.read(path)
    assert first.fields[2].enum == {"000", "125"}
    (path.parent / "keys.csv").write_text("code;label\n000;deutsch\n154;rumänisch\n")
    assert contracts.read(path).version != first.version
    for text, said in (
        ("key;label\n", "is not code;label"),
        ("code;label\n000\n", ":2 has not 2 fields"),
        ("code\n1\n1\n", "or one twice"),
    ):
        (path.parent / "keys.csv").write_text(text)
        with pytest.raises(UserError, match=said):
            contracts.read(path)


VALUES = {
    "headerRows": [1, 2], "headerJoin": " / ", "delimiter": ";", "quoteChar": "'", "doubleQuote": True,
    "escapeChar": "\\", "lineTerminator": "\r\n", "skipInitialSpace": True, "sheetName": "Daten",
    "footer": "^Summe", "excel_text": True, "record_length": 20, "optional_apart": True, "ordered": True,
}  # fmt: skip
EVERYWHERE = {"$schema", "header"}
EFFECTIVE, TYPED = (
    [(part, entry) for part in parts for entry, told in contract_check.entries_of(part).items() if word in told]
    for word, parts in (("readers", ("dialect", "lagebild")), ("types", ("field", "own", "constraints")))
)


def test_the_schema_says_of_every_entry_of_a_dialect_for_which_readers_it_is():
    known = set(contract_check.entries_of("dialect"))
    assert {entry for part, entry in EFFECTIVE if part == "dialect"} | EVERYWHERE == known


def test_the_schema_has_the_words_of_the_loader():
    of_source, of_field, own = (contract_check.entries_of(part) for part in ("lagebild", "field", "own"))
    assert of_source["reader"]["enum"] == [*contracts.READERS]
    assert of_source["evidence"]["enum"] == [*contracts.EVIDENCE]
    assert of_source["periods"]["enum"] == [*contracts.PERIODS]
    assert of_field["type"]["enum"] == [*contracts.TYPES]
    assert of_source["due"]["properties"]["every"]["enum"] == [*contracts.EVERY]
    assert own["privacy"]["enum"] == ["keep", *contracts.PERSONAL]
    assert contract_check.entries_of("dialect")["delimiter"]["enum"] == [*contracts.DELIMITERS]
    assert contract_check.entries_of("constraints")["maxLength"]["maximum"] == contracts.LONGEST_AGREED
    changed = set(of_source["layouts"]["items"]["properties"])
    assert changed == {"name", "from", "to", "headers", "formats", "without", "order"} | contracts._BESIDE


def test_the_schema_is_one_and_the_guide_names_every_entry():
    for name in ("contract", "own_layouts"):
        jsonschema.Draft7Validator.check_schema(form.schema(name))
    guide = (contracts.SOURCES / "README.md").read_text()
    of_source = contract_check.entries_of("lagebild")
    named = [*of_source, *of_source["layouts"]["items"]["properties"]]
    named += [entry for part in ("dialect", "field", "constraints") for entry in contract_check.entries_of(part)]
    named += [f"lagebild.{entry}" for entry in contract_check.entries_of("own")]
    headings = {"$schema", "lagebild", "constraints"}
    assert [
        entry for entry in named if f"{entry}`" not in guide and f"{entry}:" not in guide and entry not in headings
    ] == []
    assert all("description" in told for told in of_source.values())


@pytest.mark.parametrize("reader", contracts.READERS)
@pytest.mark.parametrize(("part", "entry"), EFFECTIVE)
def test_an_entry_without_effect_for_its_reader_is_found(tmp_path, reader, part, entry):
    made = descriptor()
    made["lagebild"]["reader"] = reader
    place = made["lagebild"] if part == "lagebild" else made["resources"][0].setdefault("dialect", {})
    place[entry] = VALUES[entry]
    found = [str(finding) for finding in contract_check.findings(write(tmp_path, made))]
    has_effect = reader in contract_check.entries_of(part)[entry]["readers"]
    assert any(f"{entry} has no effect for reader {reader}" in said for said in found) == (not has_effect)


@pytest.mark.parametrize("kind", contracts.TYPES)
@pytest.mark.parametrize(("part", "entry"), TYPED)
def test_an_entry_without_effect_for_its_type_is_found(tmp_path, kind, part, entry):
    value = {"format": "%d.%m.%Y", "decimalChar": ",", "groupChar": "'", "bareNumber": False, "trailing_minus": True}
    made = descriptor()
    field = fields(made)["nationality_code"]
    field["type"] = kind
    place = field if part == "field" else field.setdefault({"own": "lagebild"}.get(part, part), {})
    place[entry] = value.get(entry, 1)
    found = [str(finding) for finding in contract_check.findings(write(tmp_path, made))]
    has_effect = kind in contract_check.entries_of(part)[entry]["types"]
    assert any(f"{entry} has no effect for type {kind}" in said for said in found) == (not has_effect)


@pytest.mark.parametrize("rows", [[], [0], [2, 1], [1, 1], [-1, 2], ["1"], [True]])
def test_header_rows_rise_from_one(tmp_path, rows):
    made = descriptor()
    made["resources"][0].setdefault("dialect", {})["headerRows"] = rows
    assert any("rising line numbers" in str(f) for f in contract_check.own_findings(*_written(tmp_path, made)))


def test_one_header_row_has_nothing_to_join(tmp_path):
    made = descriptor()
    made["resources"][0].setdefault("dialect", {})["headerJoin"] = " "
    assert any("there is one header row" in str(f) for f in contract_check.own_findings(*_written(tmp_path, made)))


def _written(folder, made):
    path = write(folder, made)
    return path, path.read_bytes()
