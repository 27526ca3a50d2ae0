"""Whatever is said of a file has a code, and under it the same text in English and German."""

import ast
import copy
import io
import json
import pickle
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from babel.messages import extract, mofile, pofile

from ingest import contracts
from ingest.contracts import messages
from ingest.contracts.messages import DOMAIN, LOCALE, ONLY_ENGLISH, TEXTS, Message
from ingest.deliveries import delivery_ledger, rejected
from ingest.reading import records
from ingest.reading import refused as reading_refused
from lagebild.review import pending
from tests.ingest.contracts.said import INGEST, calls, texts
from tests.ingest.support import BAD_BIRTH, deliver_register, person
from tests.support import query

LANGUAGES = sorted(path.name for path in LOCALE.iterdir())
DAY = "2026-01-31"
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
        values = {name: DAY if name == "day" else f"<{name}>" for name in messages.names(text)}
        message = Message(code, **values)
        told = message.told(language)
        assert told and not set("{}") & set(message + told), code
        assert told.endswith(ONLY_ENGLISH[language]) == (code == "english"), code
        assert all(value in message for value in values.values()), code


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
    """`make messages` after a change of `ingest/contracts/messages.py` or of a .po."""
    compiled = io.BytesIO()
    mofile.write_mo(compiled, catalogue(language))
    assert (LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.mo").read_bytes() == compiled.getvalue()


def test_the_catalogues_are_extracted_from_the_code():
    keyword = {"_text": ((1, "c"), 2)}
    found = extract.extract_from_file("python", INGEST / "contracts" / "messages.py", keywords=keyword)
    assert {context: text for _, text, _, context in found} == TEXTS


# --- what says them ---------------------------------------------------------------------------------

WRONG_AND_REMEDY = (0, 1, "remedy")
TELLERS = {
    "Refused": WRONG_AND_REMEDY, "UserError": WRONG_AND_REMEDY, "StoreError": WRONG_AND_REMEDY, "BadValue": (1,),
    "Fault": (1,), "reason": (2,), "move": (3,), "append": (0,),
    "UnknownFile": (0,), "Why": (0, 1),
}  # fmt: skip
"""What is called with a text about a file, and which of its arguments are one; `append`: why a delivery is held."""
NO_LOAD = ("header.py", "onboarding", "connectors", "catalogue.py", "hosts.py", "replay.py", "bundled")
"""They read files that nobody sent: `contracts fit` and `sniff`."""
VERBS = (
    "check", "supplier_page", "model", "entries", "reader", "erasure", "fetch", "inbox", "landing", "delivery_ledger",
    "person_tables", "receipts", "deletion", "retention", "rotation", "raw_tables", "due",
)  # fmt: skip
"""Their UserErrors answer whoever gives a command; no file waits because of them."""
ASIDE = ("_require_reloadable", "count_without", "ensure_key")
"""Functions in other modules that only a command calls."""


def texts_in_place(path: Path) -> list[str]:
    """Texts about a file that are written where they are said, without a code."""
    found = []
    for function, name, call in calls(path):
        is_of_a_verb = name == "UserError" and path.stem in VERBS
        is_no_reason = name == "append" and path.stem not in ("delivery_ledger", "pending")
        if name in TELLERS and not (is_of_a_verb or is_no_reason or function in ASIDE):
            arguments = [call.args[n] for n in TELLERS[name] if isinstance(n, int) and n < len(call.args)]
            arguments += [keyword.value for keyword in call.keywords if keyword.arg in TELLERS[name]]
            found += [f"{path.name}:{text.lineno}" for node in arguments for text in texts(node)]
    return found


def sources() -> list[Path]:
    return [*(path for path in INGEST.rglob("*.py") if not set(path.parts) & set(NO_LOAD)), Path(pending.__file__)]


def wrong_calls(path: Path) -> list[str]:
    """Calls of Message whose code there is not, or whose values are not those of its text."""
    found = []
    for _, name, call in calls(path):
        if name not in ("Message", "said") or not (call.args and isinstance(call.args[0], ast.Constant)):
            continue
        code, given = call.args[0].value, {keyword.arg for keyword in call.keywords}
        asked = messages.names(TEXTS.get(code, ""))
        if code not in TEXTS or not (given - {None} <= asked if None in given else given == asked):
            found.append(f"{path.name}:{call.lineno}: {code}")
    return found


def test_everything_that_is_said_of_a_file_is_a_message():
    assert [place for path in sources() for place in texts_in_place(path)] == []


def test_messages_are_made_with_their_own_values_and_none_is_left_over():
    assert [place for path in sources() for place in wrong_calls(path)] == []
    others = [path for path in sources() if path.name != "messages.py"]
    named = {n.value for path in others for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)}
    assert TEXTS.keys() - named == {"english"}


def test_a_text_without_a_code_and_a_wrong_value_are_noticed(tmp_path):
    path = tmp_path / "new.py"
    path.write_text('raise Refused(f"a {colour} file", "paint it")\nBadValue("type", "odd" if x else bad)\n')
    assert texts_in_place(path) == ["new.py:1", "new.py:1", "new.py:2"]
    path.write_text('Message("at_line", number=3)\nMessage("no_such_code")\nMessage("file_empty", line=3)\n')
    assert len(wrong_calls(path)) == 3
    path.write_text('raise Refused(Message("file_empty"), Message("ask_again"))\nMessage("at_line", line=3, what=x)\n')
    assert texts_in_place(path) == wrong_calls(path) == []


@pytest.mark.parametrize("source", ["employment", "register"])
def test_every_refusal_of_a_header_is_german(source):
    contract = contracts.load(source)
    header = [field.title for field in contract.agreed_fields]
    many = [f"neu{n}" for n in range(30)]
    for found in (header[1:], [*header, "neu"], header[::-1], [*header, header[0]], ["?", *header[1:]], many):
        for period in ("2019", None):
            message, remedy = contract.header_refusal(found, period)
            assert message.told("de").startswith("die Kopfzeile ist nicht die "), message
            assert remedy.told("de").startswith("schicken Sie die Datei im vereinbarten Aufbau"), remedy
            assert not any(word in message.told("de") for word in ("missing", "unknown", " and ", "columns")), message


def test_python_says_of_broken_quotes_what_is_expected():
    contract = replace(contracts.load("genesis"), delimiter=";", quote='"')
    for line, words in (('"a";"b', "die Datei endet mitten in einer Angabe"), ('"a"b;c', "hinter '\"' fehlt ';'")):
        with pytest.raises(reading_refused.Refused) as refused:
            list(records.parse(contract, [line], 1))
        assert refused.value.message.told("de") == f"Zeile 1: {words}"
        assert refused.value.remedy.told("de").startswith("die Anführungszeichen sind dort falsch gesetzt")


def test_reasons_of_several_parts():
    ended, taken = (
        Message("acceptance_ended", day="2026-01-31"),
        Message("period_is_taken", accepted=3, period="2019", delivery=4),
    )
    failed = Message("check_failed", expectation="ledger_sum", observed="5; 6", expected="7")
    assert delivery_ledger._held_for([ended, failed, taken]).told("de") == (
        "ihre Annahme war bis 2026-01-31 befristet; die Prüfung ledger_sum ist nicht bestanden (englisch im Original):"
        " 5; 6; erwartet: 7; für 2019 ist schon die Lieferung 3 angenommen; berichtigt diese Datei sie, sagen Sie es"
        " der Ansprechstelle"
    )
    withdrawn = Message("delivery_withdrawn", delivery=5, reason="falsches Jahr")
    said = "wieder angenommen, denn die Lieferung 5 wurde zurückgezogen: falsches Jahr"
    assert Message("reinstated", why=withdrawn).told("de") == said


def test_rules_of_contracts_are_said_as_on_the_suppliers_page():
    found = [(contract, rule) for contract in map(contracts.load, contracts.sources()) for rule in contract.rules]
    for contract, rule in found:
        message = contract.broken(rule)
        entry = {"code": "rule", "field": "x", "message": rule.message, "said": message.kept()}
        assert message == rule.message and rejected.in_german(entry).startswith("nicht erfüllt: „")
        assert rejected.in_german(entry) == f"nicht erfüllt: {contract.asked(rule).told('de')}"
    assert found


def test_rows_that_were_rejected_say_in_german_why(warehouse):
    late = person("S2", BAD_BIRTH).replace("01.02.2010", "01.02.2030")
    delivery = deliver_register(warehouse, person("S1"), late, person("S3") + ";zu;viel", person("S1"))
    rows = query(warehouse, "select reasons from raw.rejected_row where delivery_id = %s", delivery.delivery_id)
    said = [rejected.in_german(entry) for (reasons,) in rows for entry in reasons]
    assert len(said) >= 4 and not any(MARK in text for text in said), said
    old = [rejected.in_german(entry | {"said": None}) for (reasons,) in rows for entry in reasons]
    assert old == [entry["message"] + MARK for (reasons,) in rows for entry in reasons]
