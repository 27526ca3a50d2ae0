"""A guess written as a proposed contract (YAML)."""

import re
from collections.abc import Iterator
from datetime import date

from ingest.onboarding.columns import NAME_REVIEW, slug_of
from ingest.onboarding.guess import Column, Guess, quoted
from lagebild.core import ags


def name_pattern(file_name: str) -> str:
    """A pattern of the file's name, its last date or year as the group `period`, with an AGS before it where one is."""
    found = [*re.finditer(r"\d{4}-\d{2}-\d{2}|\d{4}-\d{2}(?!\d)|(?<!\d)(?:19|20)\d{2}(?!\d)", file_name)]
    if not found:
        return re.escape(file_name)
    start, end = found[-1].span()
    period = re.sub(r"\d+", lambda digits: rf"\d{{{len(digits[0])}}}", found[-1][0])
    place = re.search(rf"(?<!\d){ags.PATTERN.pattern}_$", file_name[:start])
    if place:
        start, period = place.start(), rf"(?P<ags>\d{{8}})_{period}"
    return f"{re.escape(file_name[:start])}(?P<period>{period}){re.escape(file_name[end:])}"


def as_yaml(file_name: str, guess: Guess) -> str:
    return "\n".join(_lines(file_name, guess)) + "\n"


def _review(guess: Guess, key: str) -> str:
    return f"  # review: {guess.reviews[key]}" if key in guess.reviews else ""


def _lines(file_name: str, guess: Guess) -> Iterator[str]:
    stem = file_name.rsplit(".", 1)[0]
    source = re.sub(r"_?\d+(_\d+)*$", "", slug_of(stem)) or "source"
    pattern = name_pattern(file_name)
    today = date.today().isoformat()
    yield f"# Proposed by `lagebild source sniff` on {today} from one file: each `review:` is a guess."
    yield from (f"# review: {remark}" for remark in guess.remarks)
    yield "$schema: https://datapackage.org/profiles/2.0/datapackage.json"
    yield f"name: {source}  # review: the folder's name, English"
    yield f"title: {quoted(stem)}  # review: one line, what the delivery is"
    yield f"description: {quoted('To be written.')}  # review: what a row is, what the figures cannot say"
    yield "licenses:\n  - name: other-closed  # review: the licence of the data"
    yield f"sources:\n  - title: {quoted('To be named.')}  # review: who publishes or delivers it"
    yield f"resources:\n  - name: record  # review: what a row is, one word\n    path: {quoted(file_name)}"
    yield f"    format: {'xlsx' if guess.reader == 'xlsx' else 'csv'}"
    if guess.encoding:
        yield f"    encoding: {guess.encoding}{_review(guess, 'encoding')}"
    if guess.dialect:
        yield "    dialect:"
        for key, value in guess.dialect.items():
            yield f"      {key}: {value}{_review(guess, key)}"
    missing = ", ".join(quoted(text) for text in ["", *guess.missing])
    yield f"    schema:\n      missingValues: [{missing}]  # review: other words for no value, such as k.A."
    if guess.key:
        yield f"      primaryKey: [{', '.join(guess.key)}]  # review: the fields that tell a row from every other"
    else:
        yield "      # review: no three fields tell the rows of the sample apart; primaryKey names those that do"
    yield "      fields:"
    for column in guess.columns:
        yield from _field_lines(column)
    yield from _own_lines(file_name, guess, pattern)


def _field_lines(column: Column) -> Iterator[str]:
    def review(key: str) -> str:
        return f"  # review: {column.reviews[key]}" if key in column.reviews else ""

    yield f"        - name: {column.name}{review('name')}"
    yield f"          title: {quoted(column.title)}"
    yield f"          description: {quoted('To be written.')}  # review: meaning and unit"
    yield f"          type: {column.type}{review('type')}"
    for key, value in column.entries.items():
        yield f"          {key}: {value}{review(key)}"
    if column.constraints:
        yield f"          constraints: {{{', '.join(column.constraints)}}}{review('constraints')}"
    if column.own:
        yield f"          lagebild: {{{', '.join(column.own)}}}{review('lagebild') or review('columns')}"


def _own_lines(file_name: str, guess: Guess, pattern: str) -> Iterator[str]:
    privacy = {entry.split(": ")[1] for column in guess.columns for entry in column.own if entry.startswith("privacy")}
    yield "lagebild:"
    yield f"  owner: {quoted('To be named.')}  # review: who answers for the delivery"
    if privacy:
        yield '  legal_basis: ""  # review: which law allows it; empty, the source does not load'
    yield "  retention: P1Y  # review: how long rows and files may be kept"
    yield f"  reader: {guess.reader}{_review(guess, 'reader')}"
    missing = "" if "(?P<period>" in pattern else "(?P<period>current)?"
    yield f"  file_name: {quoted(f'^{missing}{pattern}$')}  # review: {NAME_REVIEW[bool(missing)]}"
    yield f"  example: {quoted(file_name)}"
    for key, value in guess.own.items():
        yield f"  {key}: {value}{_review(guess, key)}"
    yield "  evidence: delivered  # review: published, delivered, derived or synthetic"
    yield "  schedule: '0 5 * * 1'  # review: when to look for it"
    yield "  due: {every: irregular, reason: To be named.}  # review: or {every: year, lag: P6M, reason: ...}"
    yield "  max_rejected: 0  # review: how many rejected rows a delivery may have"
    if "pseudonym" in privacy:
        yield "  pseudonym_purpose: statistics  # review: names the key; file_name then needs a group ags"
