"""A block's rows are what the rules say of each text alone, whatever else stands in the block."""

import re
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import contracts
from ingest.contracts import Contract
from ingest.deliveries.pseudonyms import KeyChain
from ingest.loading import copy
from ingest.loading.engine import MASK, Engine
from ingest.loading.keys import Keys
from ingest.reading import values
from ingest.reading.block import Block
from lagebild.core.errors import UserError

KEY = KeyChain("05913000", "test", (bytes(range(200, 232)), b"k" * 32))  # not UTF-8, as a random key; rotated once


def layout_of(contract):
    return contract.layout_for([field.title for field in contract.fields], None)


def whole(source: str) -> Contract:
    """A contract with every field that has a switch."""
    contract = contracts.load(source)
    return replace(contract, switched_on=frozenset(field.name for field in contract.switched_off))


REGISTER = replace(contracts.load("register"), fields=contracts.load("register").agreed_fields)
SERIES = contracts.load("eu2_series")


def block(rows: list[list[str]], contract: Contract = REGISTER) -> Block:
    records, lines = [[text.encode() for text in row] for row in rows], list(range(2, len(rows) + 2))
    return Block.of(records, len(contract.fields), lines, [])


def cells_of(payload: bytes) -> list[list[bytes | None]]:
    """Rows of a binary COPY."""
    rows, at = [], 0
    while at < len(payload):
        n, at, row = int.from_bytes(payload[at : at + 2]), at + 2, []
        for _ in range(n):
            size = int.from_bytes(payload[at : at + 4], signed=True)
            row.append(None if size < 0 else payload[at + 4 : at + 4 + size])
            at += 4 + max(size, 0)
        rows.append(row)
    return rows


def expected(contract, row: list[str]) -> list[bytes | None] | set[str]:
    """What raw gets of a row, by each rule alone; the titles of the fields that break one."""
    found, bad, typed = [], set(), {}
    for field, text in zip(contract.fields, row, strict=True):
        try:
            kept = values.cells(field, text, contract.missing_values, KEY)
            if field.privacy == "background":
                kept = [values.background(typed.get(field.nationality), kept[0])]
            for value, (_, kind) in zip(kept, field.columns, strict=True):
                found += cells_of(b"\0\1" + copy.cell(value, kind))[0]
            typed[field.name] = kept[0] if kept else None
        except values.BadValue:
            bad.add(field.title)
    titles = {field.name: field.title for field in contract.fields}
    for rule in contract.rules:
        left, right = typed.get(rule.left), rule.literal if rule.right is None else typed.get(rule.right)
        if left is not None and right is not None and not rule.compare(left, right):
            bad.add(", ".join(titles[name] for name in rule.fields))
    return bad or found


def texts(field) -> st.SearchStrategy[str]:
    """Right, wrong and odd texts for a field."""
    free = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
    right = ["", " ", "31.12.2019", "1.1.2019", "31.02.2019", "05913000", "000", "154", "M", "W", "A", "synthetisch"]
    right += [
        "geliefert",
        "1.108.393",
        "-1.234,5",
        "1.234,5-",
        "7,3",
        "-",
        "...",
        "x",
        "00",
        "abgeleitet",
        "\\N",
        "\\.",
        "\x85a\xa0",
        "998",
        "05911000",
        "ohne",
    ]
    return st.one_of(st.sampled_from(right), free)


@pytest.mark.parametrize("source", ["register", "eu2_series", "ledger", "ledger_totals", "mikrozensus"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_block_gives_what_the_rules_give_row_by_row(source, data):
    contract = whole(source)
    rows = data.draw(st.lists(st.tuples(*map(texts, contract.fields)).map(list), min_size=1, max_size=8))
    engine = Engine(contract, layout_of(contract), KEY, 7)
    # Answers that are remembered are the same, also when other texts come in another order.
    for part in (rows, rows[::-1], rows[1:], rows[:1]):
        checked = engine.check(block(part, contract))
        wanted = [expected(contract, row) for row in part]
        tail = [] if contract.evidence is None else [contract.evidence.encode()]
        assert [row[2:] for row in cells_of(checked.payload.tobytes())] == [
            row + tail for row in wanted if isinstance(row, list)
        ]
        assert [{reason["field"] for reason in row.reasons} for row in checked.rejected] == [
            row for row in wanted if isinstance(row, set)
        ]
        assert checked.lines.tolist() == [n for n, row in enumerate(wanted, 2) if isinstance(row, list)]


GOOD = ["31.12.2019", "05913000", "1001", "123", "456", "Müller", "Anna", "01.02.1980"]
GOOD += ["W", "000", "01.01.2010", "", "A", "synthetisch"]


def register_engine() -> Engine:
    return Engine(REGISTER, layout_of(REGISTER), KEY, 7)


def test_every_reason_of_a_row_is_given_and_personal_fields_are_masked():
    row = [*GOOD]
    row[2], row[7], row[8] = "", "31.02.1980", "Q"
    (rejected,) = register_engine().check(block([GOOD, row])).rejected
    assert rejected.line == 3
    assert [(reason["code"], reason["field"]) for reason in rejected.reasons] == [
        ("required", "Ordnungsmerkmal"),
        ("type", "Geburtsdatum"),
        ("code_list", "Geschlecht"),
    ]
    masked = {title for title, text in rejected.fields.items() if text == MASK}
    personal = {"Ordnungsmerkmal", "AZR-Nummer", "IdNr", "Familienname", "Vorname", "Geburtsdatum"}
    # The sex broke its rule; the other dates could be one of birth.
    assert masked == personal | {"Geschlecht", "Stichtag", "Einzugsdatum", "Auszugsdatum"}
    assert "31.02.1980" not in str(rejected)


def test_dropped_fields_are_never_looked_at():
    given = block([GOOD])
    for n, field in enumerate(REGISTER.fields):
        if field.privacy == "drop":
            given.start[n], given.size[n] = 1 << 30, 1 << 30
    assert len(register_engine().check(given).lines) == 1


def test_beside_personal_fields_a_text_that_breaks_its_rule_is_not_shown():
    row = [*GOOD]
    row[0], row[1], row[8] = "Müller", "Anna", "Anna"  # as where the columns stand shifted
    (rejected,) = register_engine().check(block([row])).rejected
    assert [reason["field"] for reason in rejected.reasons] == ["Stichtag", "AGS", "Geschlecht"]
    assert "Müller" not in str(rejected) and "Anna" not in str(rejected)
    assert rejected.fields["Staatsangehörigkeit"] == "000" and rejected.fields["Einzugsdatum"] == MASK


def test_a_source_without_personal_fields_shows_what_broke_its_rule():
    titles = [field.title for field in SERIES.fields]
    (rejected,) = Engine(SERIES, layout_of(SERIES), None, 7).check(block([["x"] * len(titles)], SERIES)).rejected
    assert rejected.fields == dict.fromkeys(titles, "x")


def test_beside_personal_fields_free_text_is_not_shown():
    free = replace(REGISTER, fields=tuple(replace(f, mapping=None) if f.name == "sex" else f for f in REGISTER.fields))
    row = [*GOOD]
    row[1], row[8] = "x", "Müller"
    (rejected,) = Engine(free, layout_of(free), KEY, 7).check(block([row])).rejected
    assert rejected.fields["Geschlecht"] == MASK and "Müller" not in str(rejected)


@pytest.mark.parametrize(
    ("pattern", "keeps_names_out"),
    [
        ("^(0[1-9]|1[0-6])[0-9]{6}$", True),
        (r"\d{3}(?:\.\d{1,2})?", True),
        ("[A-Z]{2}[0-9]", False),
        (".{8}", False),
        (r"\w+", False),
        ("[^0-9]+", False),
        ("[ -~]+", False),
        ("(?i)1", False),
    ],
)
def test_a_pattern_keeps_names_out_where_no_letter_can_match_it(pattern, keeps_names_out):
    field = next(field for field in REGISTER.fields if field.name == "region_code")
    assert replace(field, pattern=re.compile(pattern)).excludes_names is keeps_names_out


def test_a_row_is_what_keeps_every_rule():
    engine = register_engine()
    assert engine.is_row(GOOD)
    assert not engine.is_row(GOOD[:-1])
    assert not engine.is_row(["31.02.2019", *GOOD[1:]])


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=200)))
@settings(deadline=None)
def test_pseudonyms_are_those_of_privacy(identifiers):
    # An error of a spreadsheet is no identifier, nor is a control sign: its row is rejected.
    bad = (values.spreadsheet_error, values.control_sign)
    identifiers = [text.strip() for text in identifiers if text.strip() and not any(of(text.strip()) for of in bad)]
    rows = [[*GOOD[:2], text, *GOOD[3:]] for text in identifiers]
    found = [row[4].decode() for row in cells_of(register_engine().check(block(rows)).payload.tobytes())]
    assert found == [KEY.pseudonym(text) for text in identifiers]


def test_a_number_too_large_for_its_column_is_rejected():
    field = next(f for f in SERIES.fields if f.type == "integer")
    contract = replace(SERIES, fields=(field,), evidence="published")
    (rejected,) = Engine(contract, layout_of(contract), None, 1).check(block([["9" * 30]], contract)).rejected
    assert rejected.reasons[0]["code"] == "type"


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_text_that_is_too_long_is_rejected_however_its_column_is_read(is_whole):
    field = next(f for f in SERIES.fields if f.type == "string")
    field = replace(field, pattern=None if is_whole else re.compile(".*"), enum=None, mapping=None, max_length=10)
    contract = replace(SERIES, fields=(field,), primary_key=(), evidence="published")
    engine = Engine(contract, layout_of(contract), None, 1)
    checked = engine.check(block([["kurz"], ["ü" * 10], ["ü" * 11], ["x" * 40_000]], contract))
    assert [(row.line, row.reasons[0]["code"]) for row in checked.rejected] == [(4, "length"), (5, "length")]
    first, second = cells_of(checked.payload.tobytes())
    assert b"kurz" in first and "üüüüüüüüüü".encode() in second


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_text_with_a_control_sign_is_rejected_and_the_sign_named(is_whole):
    field = next(f for f in SERIES.fields if f.type == "string")
    field = replace(field, pattern=None if is_whole else re.compile("(?s).*"), enum=None, mapping=None, max_length=None)
    contract = replace(SERIES, fields=(field,), primary_key=(), evidence="published")
    texts = ["fine", "a\x07b", "tab\there", "two\nlines", "two\r\nlines", "ü\x1bx", "\x01", "del\x7f", "a\x0bb"]
    checked = Engine(contract, layout_of(contract), None, 1).check(block([[text] for text in texts], contract))
    told = [(row.line, row.reasons[0]["code"], row.reasons[0]["message"]) for row in checked.rejected]
    assert [(line, code) for line, code, _ in told] == [(line, "control_sign") for line in (3, 7, 8, 10)]
    assert [message.partition("holds ")[2].partition(":")[0] for _, _, message in told] == [
        "the control sign U+0007 as character 2", "the control sign U+001B as character 2",
        "the control sign U+0001 as character 1", "the control sign U+000B as character 2",
    ]  # fmt: skip


def test_a_reader_that_finds_other_records_than_the_scan_stops_the_load():
    lost = replace(block([GOOD]), lines=np.arange(2, 4))
    with pytest.raises(UserError, match="lost rows"):
        register_engine().check(lost)


def test_answers_that_are_forgotten_are_given_again(monkeypatch):
    monkeypatch.setattr("ingest.loading.engine.MOST_ANSWERS", 0)
    engine = register_engine()
    first, second = (engine.check(block([GOOD])).payload.tobytes() for _ in range(2))
    assert first == second


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), max_size=40), st.sampled_from([0, 10, 1000]))
@settings(deadline=None)
def test_repeats_keep_the_first_and_conflicting_keys_all_go(rows, few):
    by_key: dict[int, list[tuple[int, int]]] = {}
    for line, (key, content) in enumerate(rows):
        by_key.setdefault(key, []).append((line, content))
    repeats, conflicts = [], []
    for found in by_key.values():
        lines = [line for line, _ in found]
        if len({content for _, content in found}) > 1:
            conflicts += lines
        else:
            repeats += lines[1:]
    spread = np.uint64(0x9E3779B97F4A7C15)
    with mock.patch("ingest.loading.keys.FEW", few), Keys() as keys:
        for first in range(0, len(rows), 7):
            part = np.array(rows[first : first + 7], np.uint64).reshape(-1, 2)
            keys.add(part[:, 0] * spread, part[:, 1], np.arange(first, first + len(part)))
        found = keys.doubled()
    assert found.repeats.tolist() == sorted(repeats)
    assert found.conflicts.tolist() == sorted(conflicts)
