"""Whatever is said of a file has a code, and under it the same text in English and German."""

import copy
import io
import json
import pickle
from decimal import Decimal
from pathlib import Path

import pytest
from babel.messages import extract, mofile, pofile

from ingest import messages
from ingest.messages import DOMAIN, LOCALE, ONLY_ENGLISH, TEXTS, Message

LANGUAGES = sorted(path.name for path in LOCALE.iterdir())
REMEDY, MARK = "\nAbhilfe: ", ONLY_ENGLISH["de"]

# --- the type ---------------------------------------------------------------------------------------


def nested() -> Message:
    fault = Message("date_other_form", found="%d.%m.%Y", agreed="%Y-%m-%d")
    reasons = [Message("ask_again"), messages.translatable("odd")]
    remedy = Message("held", reasons=reasons)
    return Message("refused", file_name="x.csv", wrong=Message("at_line", line=3, what=fault), remedy=remedy)


def test_a_message_is_its_english_text_and_is_told_in_german_with_all_that_it_holds():
    assert nested() == "x.csv: line 3: is a date written as %d.%m.%Y, agreed is %Y-%m-%d - ask for the file again; odd"
    assert nested().told("en") == nested()
    assert nested().told("de") == (
        "Zeile 3: die Angabe ist ein Datum der Form TT.MM.JJJJ, vereinbart ist JJJJ-MM-TT\n"
        f"Abhilfe: schicken Sie die Datei noch einmal; odd{MARK}"
    )


def test_a_kept_message_is_told_by_another_process_as_by_this_one():
    kept = json.loads(json.dumps(nested().kept()))
    for again in (
        messages.restored(str(nested()), kept),
        pickle.loads(pickle.dumps(nested())),
        copy.deepcopy(nested()),
        messages.restored(str(nested()), json.loads(messages.kept_json(messages.restored(str(nested()), kept)))),
    ):
        assert again == nested() and again.told("de") == nested().told("de")


def test_numbers_and_other_values_are_kept_as_texts_where_json_has_none():
    message = Message("value_below", bound=Decimal("0.10"))
    assert message == "is below 0.10" and message.kept()["parameters"] == {"bound": "0.10"}
    assert Message("at_line", line=3, what="").kept()["parameters"]["line"] == 3


def test_what_is_not_known_is_shown_in_english_and_never_lost():
    old = messages.restored("the file is odd", None)
    assert old == "the file is odd" and messages.kept_json(old) is None
    assert messages.translatable(old).told("de") == "the file is odd" + MARK
    for kept in ({"code": "given_up", "parameters": {}}, {"code": "at_line", "parameters": {"number": 3}}):
        later = messages.restored("line 3: odd", kept)
        assert later.told("en") == "line 3: odd" and later.told("de") == "line 3: odd" + MARK
        outer = Message("not_loaded", wrong=later, remedy=Message("remove_it"))
        again = messages.restored(str(outer), json.loads(messages.kept_json(outer)))
        assert again.told("de") == f"line 3: odd{MARK}{REMEDY}nehmen Sie es weg"


def test_a_wrong_code_or_a_lacking_value_is_no_message():
    for code, values in (("no_such_code", {}), ("at_line", {"line": 3})):
        with pytest.raises(KeyError):
            Message(code, **values)
    with pytest.raises(ValueError, match="two messages have the code"):
        messages._text("at_line", "again")


def test_numbers_have_the_signs_of_their_language():
    assert [messages.figure(1234567, language) for language in ("en", "de")] == ["1,234,567", "1.234.567"]
    assert messages.figure(Decimal("-1234.50"), "de") == "-1.234,50"


# --- the catalogues ---------------------------------------------------------------------------------


def catalogue(language: str):
    with (LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        return pofile.read_po(file, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_told_in_every_language(language):
    for code, text in TEXTS.items():
        values = {name: f"<{name}>" for name in messages.names(text)}
        message = Message(code, **values)
        told = message.told(language)
        assert told and not set("{}") & set(message + told), code
        assert told.endswith(ONLY_ENGLISH[language]) == (code == "english"), code
        assert all(f"<{name}>" in message for name in values), code


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_is_whole_and_names_no_value_that_the_message_lacks(language):
    found = catalogue(language)
    assert {message.context: message.id for message in found if message.id} == TEXTS
    assert not found.obsolete and [message.context for message in found if message.fuzzy and message.id] == []
    assert [message.context for message in found if not message.string] == []
    wrong = [m.context for m in found if m.id and not messages.names(m.string) <= messages.names(m.id)]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language):
    """`make messages` after a change of `ingest/messages.py` or of a .po."""
    compiled = io.BytesIO()
    mofile.write_mo(compiled, catalogue(language))
    assert (LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.mo").read_bytes() == compiled.getvalue()


def test_the_catalogues_are_extracted_from_the_code():
    keyword = {"_text": ((1, "c"), 2)}
    found = extract.extract_from_file("python", Path(messages.__file__), keywords=keyword)
    assert {context: text for _, text, _, context in found} == TEXTS
