"""Of sources about persons lines are named of faults that stand in the file itself, and of no others."""

import ast
from collections.abc import Iterator
from pathlib import Path

from ingest import contracts
from ingest.deliveries import rejected
from tests.ingest.contracts.said import INGEST, calls, texts
from tests.ingest.support import HEADER, command, deliver_register, person

OF_OTHER_DATA: frozenset[str] = frozenset()
"""Codes of faults that only a history, a join or another delivery shows: their lines are not named. None today."""
PLACES = {"BadValue": 0, "Fault": 0, "reason": 0, "Broken": 1}
"""What is called with a code, and which argument it is."""
WHOLE = "cells"
"""A workbook's row whose cells have a code each."""


def codes(folder: Path) -> set[str]:
    """Every code of a fault that the modules of a folder can give to a row."""
    return {text.value for path in folder.rglob("*.py") for node in _codes(path) for text in texts(node)} - {WHOLE}


def _codes(path: Path) -> Iterator[ast.AST]:
    for _, name, call in calls(path):
        yield from call.args[PLACES[name] :][:1] if name in PLACES else ()
    if path.name == "scan.py":
        # It notes a broken record before it makes it: first line, line after, code, number of fields.
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Tuple) and len(node.elts) == 4:
                yield node.elts[2]


def test_of_every_code_it_is_decided_whether_its_lines_may_be_named():
    found = codes(INGEST)
    assert {"type", "year", "header", "cell_merged", "spreadsheet_error", "conflict", "quoting"} <= found
    assert found == set(rejected._OF_THE_FILE) | OF_OTHER_DATA
    assert not set(rejected._OF_THE_FILE) & OF_OTHER_DATA


def test_a_new_code_is_noticed(tmp_path):
    (tmp_path / "new.py").write_text('raise BadValue("seen_before", "is in last year\'s file")')
    assert codes(tmp_path) == {"seen_before"}


def test_a_code_that_needs_other_data_names_no_line_of_a_person():
    register, open_source = contracts.load("register"), contracts.load("ledger")
    assert rejected.may_name_lines(register, "header") and not rejected.may_name_lines(register, "seen_before")
    assert rejected.may_name_lines(open_source, "seen_before") and not rejected.may_name_lines(None, "header")


def test_faults_of_form_in_a_register_are_told_with_their_lines(warehouse):
    lines = [person("A"), HEADER, person("B", day="#REF!"), person("C", birth="01.01.0024")]
    number = deliver_register(warehouse, *lines).delivery_id
    printed = command(warehouse, "rejected", str(number)).output
    for said in ("the header stands here again: 1 row (line 3)", "is the error #REF! of a spreadsheet: 1 row (line 4)"):
        assert said in printed
    assert "lies outside the years 1800 to 2200" in printed and "1 row (line 5)" in printed
