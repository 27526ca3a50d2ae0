"""A package speaks one language: no German of ours in an English one, no English of ours in a German one.

What deliveries say (names of products, remarks of documents, file names) stands as it was delivered, in either.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from extracts import key_figures, marts, package, texts
from extracts.attribution import CONTRACTS
from extracts.codes import CODES
from extracts.texts import Texts
from lagebild.core import yaml_files
from lagebild.warehouse import descriptions
from tests.extracts.test_descriptions import ENGLISH
from tests.extracts.test_release_metadata import _contents, _files

GERMAN = re.compile(
    r"\b(?:der|die|das|und|nicht|mit|für|von|eine?[rnms]?|ist|sind|wird|werden|aus|ohne|zum|zur|nach|oder|ja|nein"
    r"|nur|dem|des|auf|bei|Zahl(?:en)?|Zeilen?|Zeichen|Quelle|Stand|Spalte|keine?)\b"
)
"""Words that no English text has."""
ENGLISH_ONLY = re.compile(r"\b(?:the|of|and|with|which|from|whose|are|this|that|not|is|for|to|by|as|made|written)\b")


def german_in(text: str) -> list[str]:
    """German words in an English text; what stands in quotes is quoted."""
    return GERMAN.findall(re.sub(r"`[^`]*`|\"[^\"]*\"|„[^“]*“", "", text))


def contract_texts() -> Iterator[tuple[str, str]]:
    """Title, sources and licences of every contract, with its folder's name."""
    for path in sorted(CONTRACTS.glob("*/contract.yml")):
        contract = yaml_files.read(path)
        yield path.parent.name, contract["title"]
        for kind in ("sources", "licenses"):
            yield from ((path.parent.name, one["title"]) for one in contract.get(kind) or [] if one.get("title"))


def without_german(contracts: Iterator[tuple[str, str]], known: dict[str, str]) -> list[str]:
    """Texts of contracts that are in English and have no German."""
    return [f"{name}: {text}" for name, text in contracts if text not in known and ENGLISH_ONLY.search(text)]


def said(node: Any, language: str, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a language in a file of texts, `{de: ..., en: ...}` however deep it stands."""
    if isinstance(node, dict):
        if isinstance(node.get(language), str):
            yield path, node[language]
        for name, below in node.items():
            yield from said(below, language, f"{path}.{name}")
    elif isinstance(node, list):
        for n, below in enumerate(node):
            yield from said(below, language, f"{path}[{n}]")


FILES = {
    path.name: yaml_files.read(path)
    for path in (
        texts.PHRASES,
        descriptions.LABELS,
        CODES,
        package.PACKAGE,
        key_figures.FILE,
        package.ROOM / "topics.yml",
    )
}


@pytest.mark.parametrize("name", FILES)
def test_no_german_stands_among_the_english_words(name):
    found = {path: german_in(text) for path, text in said(FILES[name], "en")}
    assert found and {path: words for path, words in found.items() if words} == {}


@pytest.mark.parametrize("name", FILES)
def test_no_english_stands_among_the_german_words(name):
    plain = {path: re.sub(r"`[^`]*`|\{[^}]*\}|\w*_\w+|\w+(?= \()", "", text) for path, text in said(FILES[name], "de")}
    found = {path: ENGLISH_ONLY.findall(text) for path, text in plain.items()}
    assert found and {path: words for path, words in found.items() if words} == {}


def test_what_every_contract_says_has_a_german_text_and_none_is_left_over():
    known = yaml_files.read(texts.SOURCES)
    assert without_german(contract_texts(), known) == []
    assert known.keys() - {text for _, text in contract_texts()} == set()
    assert {german for german in known.values() if ENGLISH_ONLY.search(german)} == set()


def test_a_contract_in_english_alone_is_noticed():
    known = yaml_files.read(texts.SOURCES)
    one = ("azr_nrw", "Foreign population of the Saarland")
    assert without_german(iter([one]), known) == ["azr_nrw: Foreign population of the Saarland"]
    assert without_german(iter([("ledger", "Buchungen der Kommune")]), known) == []


def test_a_contract_s_texts_are_in_the_language_of_the_package():
    title = "Figures written by this project"
    assert Texts("de").source(title) == "Von diesem Projekt geschriebene Zahlen" and Texts("en").source(title) == title
    assert Texts("de").source("Stadt Bochum, Kämmerei") == "Stadt Bochum, Kämmerei"


def package_faults(files: dict[str, bytes]) -> list[str]:
    """German words in the texts of an English package that are ours: readme, descriptor, values of the tables."""
    told = json.loads(files["datapackage.json"])
    ours = [files["README.txt"].decode("utf-8-sig")]
    for resource in told["resources"]:
        ours += [resource.get("title", ""), resource.get("description", "")]
        ours += [str(field.get("trueValues", "")) for field in resource.get("schema", {}).get("fields", [])]
    ours += [data.decode("utf-8-sig") for name, data in files.items() if name.startswith("daten/lump")]
    return [word for text in ours for word in german_in(text.replace('"', " "))]


def test_an_english_package_has_no_german_of_ours():
    files = _files(_contents("en"))
    assert package_faults(files) == []
    assert b'"yes"' in files["daten/lump_sum_simulation.csv"]


def test_a_german_word_in_an_english_package_is_noticed():
    files = _files(_contents("en"))
    files["daten/lump_sum_simulation.csv"] = files["daten/lump_sum_simulation.csv"].replace(b'"yes"', b'"ja"')
    assert set(package_faults(files)) == {"ja"}
    assert b'"ja"' in _files(_contents("de"))["daten/lump_sum_simulation.csv"]


def test_the_mark_of_a_cut_text_is_in_no_language():
    cut = marts.shortened("x" * 40_000)
    assert marts.SHORTENED.search(cut)[1] == "40000" and not german_in(cut) and not ENGLISH.search(cut)
