"""Whatever ingest can write about a file has its German text."""

import re
from dataclasses import replace

import pytest

from ingest import contracts, german, readers
from tests.ingest.said import TELLERS, VALUE, Source, told
from tests.ingest.support import BAD_BIRTH, deliver_register, person
from tests.support import query

GIVEN = {
    ("contracts.py", "header_refusal"): "its own _way_out",
    ("readers.py", "layout_of"): "contracts.header_refusal",
    ("readers.py", "refuse_other_delimiter"): "its own _where",
    ("readers.py", "_head_in"): "its own _where",
    ("readers.py", "_first_line"): "its own _where",
    ("readers.py", "_require_line_end"): "its own _where",
    ("genesis.py", "read"): "contracts.header_refusal",
    ("readers.py", "parse"): "Python's csv",
    ("wegweiser.py", "_csv_rows"): "Python's csv",
    ("engine.py", "_rejected"): "values.BadValue, and the contract's own rules",
    ("engine.py", "_broken_cells"): "values.BadValue and workbook_parts.Fault",
    ("ledger.py", "decide"): "what the gate found",
    ("ledger.py", "_hold_again"): "what the gate had found",
    ("ledger.py", "accept"): "what a person gives as a reason",
    ("ledger.py", "refuse"): "what a person gives as a reason",
    ("ledger.py", "withdraw"): "what a person gives as a reason",
}
"""Where a text comes from elsewhere: looked at there, or below."""
LEFT = {
    f"the header is not the contract's ({VALUE}; compared with layout {VALUE})": "the difference is below",
    f"the header is not the contract's of {VALUE} ({VALUE}; compared with layout {VALUE})": "the difference is below",
}
"""Texts that hold others, which are put together at run time."""
EXAMPLES = (
    "missing: a", "missing: a and 1 more", "unknown: b", "unknown: b and 2 more", "more than once: c",
    "more than once: c and 3 more", "the columns stand in another order", "the columns stand otherwise",
    "of the optional columns, which are all there or none, missing: a",
    "of the optional columns, which are all there or none, missing: a and 2 more",
    "3 columns, 1 of them unknown", "unexpected end of data", "';' expected after '\"'", "nothing", "erased",
    "fewer than 3 rejected rows, more than the contract's 0", "about 5 rejected rows, more than the contract's 0",
    "lower than usual (lagebild statistics 7)", "higher than usual (lagebild statistics 7)",
    "a dash", "three dots", "a dot", "an asterisk", "a slash", "an x", "empty brackets", "point", "comma",
)  # fmt: skip
"""Such texts."""
FINDINGS = ("ledger_sum: 5 (expected 7)", "the gate could not run: no suite")
"""What the gate found is English, and said to be."""


def is_german(text: str) -> bool:
    """Whether all of a text has its German one, with the file's name before it or without."""
    said = (german.reason(text, VALUE), german.reason(f"{text} - {text}", "file.csv"))
    return any("im Original" not in one for one in said)


def test_the_search_finds_what_it_should():
    texts = {text for _, _, text in told()}
    assert len(texts) > 120
    for known in (
        "the file is empty",  # a function that makes the refusal
        f"line {VALUE}: a byte is not {VALUE}",  # a text handed over to one
        "another row has the same key and other values",  # a loop
        f"the file is no zip archive, or a damaged one ({VALUE})",  # a constant handed over
        "ask for the table as a job, it is too large for one answer",  # a mapping
        f"its SHA-256 is {VALUE}, but its sender says none that could be read",
        "is not a whole number",
        f"{VALUE} rejected rows, more than the contract's {VALUE}",
    ):
        assert known in texts, known


def test_everything_that_is_said_of_a_file_has_its_german_text():
    given = {entry for entry in told() if re.fullmatch(rf"(line )?{VALUE}+([: ]+{VALUE})*", entry[2])}
    assert {entry[:2] for entry in given} == set(GIVEN)
    assert {text for _, _, text in told() - given if not is_german(text)} == set(LEFT)
    assert all(map(is_german, EXAMPLES)) and not any(map(is_german, FINDINGS))


def test_a_text_without_an_entry_is_noticed_and_said_to_be_english(tmp_path):
    (tmp_path / "new.py").write_text('raise Refused(f"a {colour} file", "paint it")')
    source = Source(tmp_path / "new.py")
    ((name, call),) = source.calls(*TELLERS)
    texts = source.arguments(call, TELLERS[name])
    assert texts == [f"a {VALUE} file", "paint it"] and not any(map(is_german, texts))
    assert german.reason("x.csv: a red file - paint it", "x.csv") == "a red file - paint it (englisch im Original)"


def test_no_entry_is_left_over():
    """An English text that nothing says any more has no German one either."""
    said = {text for _, _, text in told()} | {*EXAMPLES, *FINDINGS}
    said |= {text[match.end() :] for text in said for match in re.finditer(r"[:,(]? ", text)}
    patterns = {pattern for pattern, _, _ in german._patterns()}
    assert {pattern.pattern for pattern in patterns if not any(map(pattern.fullmatch, said))} == set()


@pytest.mark.parametrize("source", ["employment", "register"])
def test_every_refusal_of_a_header_is_german(source):
    contract = contracts.load(source)
    header = [field.title for field in contract.fields]
    for found in (header[1:], [*header, "neu"], header[::-1], [*header, header[0]], ["?", *header[1:]], ["a"] * 30):
        for period in ("2019", None):
            message, remedy = contract.header_refusal(found, period)
            said = german.reason(f"x.csv: line 1: {message} - {remedy}", "x.csv")
            assert said.startswith("Zeile 1: die Kopfzeile ist nicht die ") and "im Original" not in said, message
            assert said.endswith("\nAbhilfe: " + german._AS_AGREED), remedy


def test_python_says_of_broken_quotes_what_is_expected():
    contract = replace(contracts.load("genesis"), delimiter=";", quote='"')
    for line, words in (('"a";"b', "die Datei endet mitten in einer Angabe"), ('"a"b;c', "hinter '\"' fehlt ';'")):
        with pytest.raises(readers.Refused) as refused:
            list(readers.parse(contract, [line], 1))
        said = german.reason(f"x.csv: {refused.value} - {refused.value.remedy}", "x.csv")
        assert said.startswith(f"Zeile 1: {words}\nAbhilfe: die Anführungszeichen sind dort falsch gesetzt")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "its acceptance ended on 2026-01-31; ledger_sum: 5; 6 (expected 7); delivery 3 is accepted for 2019: if"
            " this one corrects it, lagebild accept 4 --supersedes --reason ...",
            "ihre Annahme war bis 2026-01-31 befristet; die Prüfung ledger_sum ist nicht bestanden (englisch im"
            " Original): 5; 6; erwartet: 7; für 2019 ist schon die Lieferung 3 angenommen; berichtigt diese Datei sie,"
            " sagen Sie es der Ansprechstelle",
        ),
        ("odd; even", "odd; even (englisch im Original)"),
        (
            "reinstated, delivery 5 was withdrawn: falsches Jahr",
            "wieder angenommen, denn die Lieferung 5 wurde zurückgezogen: falsches Jahr",
        ),
        (
            "the pseudonym key keys/05913000.x.key is missing\n  what to do: restore it from your backup",
            "ein Schlüssel für Pseudonyme fehlt hier oder ist beschädigt; an der Datei liegt es nicht\n"
            "Abhilfe: nichts; die annehmende Stelle richtet es",
        ),
    ],
)
def test_reasons_of_several_parts(text, said):
    assert german.reason(text, "x.csv") == said


def test_what_a_person_wrote_is_left_as_it_is():
    assert german.reason("Summe falsch; siehe Mail", "x.csv", is_by_person=True) == "Summe falsch; siehe Mail"


def test_rules_of_contracts_are_said_as_on_the_suppliers_page():
    found = [(contract, rule) for contract in map(contracts.load, contracts.sources()) for rule in contract.rules]
    for contract, rule in found:
        said = german.rejection(contract, {"code": "rule", "field": "x", "message": rule.message})
        assert said == f"nicht erfüllt: {german.rule_text(contract, rule)}"
    assert found


def test_rows_that_were_rejected_say_in_german_why(warehouse):
    late = person("S2", BAD_BIRTH).replace("01.02.2010", "01.02.2030")
    delivery = deliver_register(warehouse, person("S1"), late, person("S3") + ";zu;viel", person("S1"))
    rows = query(warehouse, "select reasons from raw.rejected_row where delivery_id = %s", delivery.delivery_id)
    said = [german.rejection(contracts.load("register"), entry) for (reasons,) in rows for entry in reasons]
    assert len(said) >= 4 and not any("im Original" in text for text in said), said
