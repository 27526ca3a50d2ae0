"""The words of a package: both languages are there, and a column is headed as no other of its mart."""

from datetime import date
from decimal import Decimal
from string import Formatter

import pytest

from extracts import package, texts
from extracts.texts import Texts
from lagebild.core import yaml_files
from lagebild.core.errors import UserError
from lagebild.core.settings import DBT_PROJECT
from lagebild.warehouse import descriptions

DE, EN = Texts("de"), Texts("en")
ENTRIES = {entry.name: entry for entry in package.load().marts}
BESIDE_THE_MODEL = ["publication_id", "input_age_days"]


def columns() -> dict[str, list[str]]:
    """The columns of each mart of the package, as its YAML has them."""
    found = {}
    for path in DBT_PROJECT.glob("models/marts/*/_*__models.yml"):
        for model in yaml_files.read(path)["models"]:
            if model["name"] in ENTRIES:
                found[model["name"]] = [column["name"] for column in model["columns"]] + BESIDE_THE_MODEL
    return found


def placeholders(text: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def faults(labels: dict[str, dict[str, str]]) -> list[str]:
    """Columns without a heading, and headings that two columns of one mart have."""
    found = []
    for mart, names in columns().items():
        for language in texts.LANGUAGES:
            headings: dict[str, str] = {}
            for name in names:
                heading = labels.get(name, {}).get(language)
                if not heading:
                    found.append(f"{name} has no heading in {language}")
                elif heading in headings:
                    found.append(f"{mart}: {name} and {headings[heading]} are both headed {heading!r}")
                headings[heading or name] = name
    return found


def test_every_column_of_the_package_has_a_heading_of_its_own_in_both_languages():
    assert columns().keys() == ENTRIES.keys()
    assert faults(descriptions.labels()) == []


@pytest.mark.parametrize(
    ("label", "said"),
    [({"de": "AGS"}, "municipality_ags has no heading in en"), ({"de": "Bezugsjahr", "en": "x"}, "are both headed")],
)
def test_a_heading_that_is_missing_or_there_twice_is_noticed(label, said):
    assert any(said in fault for fault in faults({**descriptions.labels(), "municipality_ags": label}))


def test_every_mart_has_a_title_in_both_languages():
    for entry in ENTRIES.values():
        assert entry.title.keys() == {"de", "en"}, entry.name
        assert entry.title["de"] != entry.title["en"]


def test_every_phrase_has_both_languages_and_the_same_values():
    for key in texts.phrase_keys():
        phrase = texts._phrase(key)
        assert placeholders(phrase["de"]) == placeholders(phrase["en"]), key


def test_a_phrase_that_is_not_there_is_said_with_its_file_and_the_nearest():
    with pytest.raises(UserError, match=r"phrases\.yml: file\.reprot has no text in de and en\n.*say file\.report"):
        DE.say("file.reprot")


def test_a_phrase_without_one_language_is_said(monkeypatch):
    monkeypatch.setattr(texts, "_phrases", lambda: {"file": {"report": {"de": "bericht.pdf"}}})
    with pytest.raises(UserError, match="has no text in de and en"):
        EN.say("file.report")


@pytest.mark.parametrize(
    ("value", "digits", "german", "english"),
    [
        (Decimal("15639763.00"), 2, "15.639.763,00", "15,639,763.00"),
        (Decimal("2143.05"), 0, "2.143", "2,143"),
        (Decimal("2.5"), 0, "3", "3"),
        (Decimal("-1234.5"), 1, "\N{MINUS SIGN}1.234,5", "\N{MINUS SIGN}1,234.5"),
        (Decimal("-0.04"), 1, "0,0", "0.0"),
        (535819, 0, "535.819", "535,819"),
    ],
)
def test_numbers_are_written_as_the_language_does(value, digits, german, english):
    assert DE.number(value, digits) == german
    assert EN.number(value, digits) == english


def test_dates_are_written_as_the_language_does():
    assert DE.date(date(2019, 12, 31)) == "31.12.2019"
    assert EN.date(date(2019, 12, 31)) == "31 December 2019"


def test_codes_are_read_in_the_language():
    assert (DE.code("sex", "female"), EN.code("sex", "female")) == ("weiblich", "female")
    assert DE.code("region_name", "Dortmund") is None
