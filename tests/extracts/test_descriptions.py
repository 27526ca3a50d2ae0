"""What marts and columns are, in German: whole, none left over, none older than the English text, and in German."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest

from extracts import package
from extracts.texts import Texts
from lagebild.core import yaml_files
from lagebild.warehouse import descriptions, marts

PACKAGED = {one.name for one in package.load().every}
MARTS = {mart.name: mart for mart in marts.definitions() if mart.schema == "marts" or mart.name in PACKAGED}
BESIDE_THE_MODEL = {"publication_id": "Publication this row belongs to.", marts.AGE: marts.AGE_MEANS}
ENGLISH = re.compile(
    r"\b(?:the|of|and|with|where|which|from|whose|are|empty|than|this|that|there|not|is|it|for|to|by|or|share|rows?"
    r"|number|counts?)\b"
)
"""Words that no German text has; single codes stand in the texts as the data has them."""
CODES = re.compile(r"\w*_\w+|\b\w+(?= \()|\ball\b")
UNITS = {"_eur": r"\bEUR\b", "_pct": r"Prozent|je 100|-%-"}
"""By the end of a column's name, what its text must say."""


def english(mart: str) -> dict[str, str]:
    """The columns of a mart with their English texts."""
    return BESIDE_THE_MODEL | {name: text for name, (_, text) in MARTS[mart].columns.items()}


def faults(german: dict[str, Any]) -> Iterator[str]:
    """What lacks, is left over or stale."""
    used = set()
    for mart in MARTS:
        yield from _stale(f"marts.{mart}", german["marts"].get(mart), MARTS[mart].description)
        for column, text in english(mart).items():
            entry = german["columns"].get(column, {})
            own = mart in entry.get("in", {})
            found = entry["in"][mart] if own else entry if "de" in entry else None
            used.add((column, mart if own else None))
            yield from _stale(f"columns.{column}{f'.in.{mart}' if own else ''}, {mart}", found, text)
    for column, entry in german["columns"].items():
        known = {(column, mart) for mart in entry.get("in", {})} | ({(column, None)} if "de" in entry else set())
        yield from (f"columns.{column}: left over, {mart or 'of every mart'}" for _, mart in known - used)
    yield from (f"marts.{mart}: left over" for mart in german["marts"].keys() - MARTS.keys())


def _stale(name: str, found: dict[str, Any] | None, text: str) -> Iterator[str]:
    if not found or not found["de"]:
        yield f"{name}: no German text of {text!r}"
    elif descriptions.digest(text) not in found["of"]:
        yield f"{name}: the English text is now {text!r}; mend the German one and write of: {descriptions.digest(text)}"


def words(german: dict[str, Any]) -> list[str]:
    """English words in German texts, and units that lack."""
    found = []
    for name, text in said(german):
        plain = re.sub(r"`[^`]*`", "", CODES.sub("", text))
        found += [f"{name}: {word}" for word in ENGLISH.findall(plain)]
        found += [f"{name}: no unit" for end, unit in UNITS.items() if name.endswith(end) and not re.search(unit, text)]
    return found


def said(german: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every German text with the name of its mart or column."""
    for name, entry in [*german["marts"].items(), *german["columns"].items()]:
        yield from ((name, one["de"]) for one in [entry, *entry.get("in", {}).values()] if "de" in one)


@pytest.fixture
def german() -> dict[str, Any]:
    return copy.deepcopy(yaml_files.read(descriptions.DESCRIPTIONS))


def test_every_mart_and_column_has_a_german_text_as_new_as_the_english_one(german):
    assert MARTS.keys() >= PACKAGED
    assert list(faults(german)) == []


def test_a_changed_english_text_names_the_german_one_that_is_stale(german):
    german["columns"]["change_pct"]["of"] = [descriptions.digest("Change in percent.")]
    german["columns"]["persons"]["in"]["toleration"]["of"] = ["00000000"]
    german["marts"]["refinancing"]["of"] = ["00000000"]
    told = "\n".join(faults(german))
    assert "columns.change_pct, eu2_population: the English text is now 'Change on the previous year" in told
    assert "columns.persons.in.toleration, toleration: the English" in told and "marts.refinancing: the English" in told


def test_a_text_that_lacks_and_one_left_over_are_noticed(german):
    del german["columns"]["change_pct"], german["marts"]["refinancing"]
    german["columns"]["gone"] = german["marts"]["gone"] = {"of": [], "de": "Weg."}
    german["columns"]["unit"]["in"]["refinancing"] = {"of": [], "de": "Weg."}
    told = "\n".join(faults(german))
    noticed = [
        "columns.change_pct, eu2_population: no German",
        "marts.refinancing: no German",
        "marts.gone: left over",
        "columns.gone: left over, of every mart",
        "columns.unit: left over, refinancing",
    ]
    assert [one for one in noticed if one not in told] == []


def test_german_texts_are_german_and_say_their_units(german):
    assert words(german) == []
    german["columns"]["gap_eur"]["de"] = "Kosten less what others pay, where known."
    assert words(german) == ["gap_eur: where", "gap_eur: no unit"]


def test_an_english_text_says_nothing_to_developers():
    texts = [text for mart in MARTS for text in [MARTS[mart].description, *english(mart).values()]]
    assert [text for text in map(descriptions.for_readers, texts) if re.search(r"\bseeds?\b|\braw\.", text)] == []
    reason = "Why there is no figure, coded (seed reason, scope figure): no rate."
    assert descriptions.for_readers(reason) == "Why there is no figure, coded: no rate."
    assert re.search(r"\bseed\b", reason)


def test_a_description_is_in_the_language_of_the_recipient():
    told = {
        code: Texts(code).description("refinancing", "gap_eur", "Cost less money (seed x).") for code in ("de", "en")
    }
    assert told["de"].startswith("Kosten abzüglich") and told["en"] == "Cost less money."
    assert Texts("de").description("refinancing", english="x").startswith("Welchen Teil")
    assert Texts("de").description("toleration", "persons") != Texts("de").description("employment", "persons")
    assert Texts("de").description("tiny", "of_nobody", "Said in English.") == "Said in English."
