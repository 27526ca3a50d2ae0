"""Receipts say what became of a file, in every state, to clerks and to programs, and nothing about persons."""

import getpass
import json
from datetime import date, timedelta

import jsonschema
import pytest

from ingest import contracts
from ingest.deliveries import delivery_ledger
from ingest.inbox import receipts
from ingest.inbox.stores import local
from ingest.inbox.stores.base import StoreError
from ingest.loading import load
from lagebild.core import database
from lagebild.core.settings import ROOT
from lagebild.review import decisions
from tests.inboxes import drain, tell_unknown
from tests.ingest.support import BAD_BIRTH, deliver_register, person
from tests.support import bundled_bytes, deliver, drop, query

SOURCE = "employment"
VALIDATOR = jsonschema.Draft202012Validator(json.loads(receipts.SCHEMA.read_text()))


def told(settings) -> list[dict]:
    """Every receipt, in the order of their numbers, each valid."""
    found = [json.loads(file.read_text()) for file in (settings.drop / "receipts").glob("*.json")]
    for content in found:
        VALIDATOR.validate(content)
    return sorted(found, key=lambda content: content["number"] or 0)


def texts(settings) -> str:
    return "\n".join(file.read_text() for file in sorted((settings.drop / "receipts").glob("*.txt")))


def states(settings) -> list[str]:
    receipts.renew(settings)
    return [content["state"] for content in told(settings)]


def correction(settings):
    return deliver(settings, SOURCE, bundled_bytes(SOURCE) + b"\r\n")


def test_the_schema_is_one_and_refuses_what_is_no_receipt(warehouse):
    jsonschema.Draft202012Validator.check_schema(VALIDATOR.schema)
    deliver(warehouse, SOURCE)
    (content,) = told(warehouse)
    for wrong in ({**content, "decided_by": "x"}, {**content, "state": "fine"}, {**content, "delivery": {}}):
        with pytest.raises(jsonschema.ValidationError):
            VALIDATOR.validate(wrong)


def test_a_receipt_follows_its_delivery_through_every_state(warehouse):
    first = deliver(warehouse, SOURCE)
    assert states(warehouse) == ["loaded"]
    delivery_ledger.decide(warehouse, first.delivery_id, [])
    assert states(warehouse) == ["accepted"]
    second = correction(warehouse)
    delivery_ledger.decide(warehouse, second.delivery_id, ["odd"])
    assert states(warehouse) == ["accepted", "held"]
    today = date.today() + timedelta(days=1)
    delivery_ledger.accept(warehouse, second.delivery_id, "by phone", supersedes=True, until=today)
    assert states(warehouse) == ["superseded", "accepted"]
    assert told(warehouse)[1]["delivery"]["accepted_until"] == today.isoformat()
    with database.connect(warehouse) as connection:
        connection.execute("update raw.delivery set accepted_until = '2020-01-01' where state = 'accepted'")
    delivery_ledger.expire(warehouse)
    assert states(warehouse) == ["accepted", "held"]
    delivery_ledger.refuse(warehouse, second.delivery_id, "a wrong total")
    assert states(warehouse) == ["accepted", "refused"]
    delivery_ledger.withdraw(warehouse, first.delivery_id, "taken back")
    assert states(warehouse) == ["withdrawn", "refused"]
    assert "a wrong total" in texts(warehouse) and "ZURÜCKGEZOGEN" in texts(warehouse)


def test_receipts_are_renewed_once_and_only_where_something_moved(warehouse):
    first, other = deliver(warehouse, SOURCE), deliver(warehouse, "eu2_series")
    assert receipts.renew(warehouse) == []
    delivery_ledger.decide(warehouse, other.delivery_id, [])
    assert receipts.renew(warehouse) == [f"drop/eu2_series/{other.file_name}"]
    assert receipts.renew(warehouse) == []
    delivery_ledger.decide(warehouse, first.delivery_id, [])
    assert len(receipts.renew(warehouse)) == 1


def test_every_state_of_the_ledger_has_its_words():
    for state in (*delivery_ledger.STATES, receipts.UNKNOWN):
        assert all(receipts._STATES[state]) and state in VALIDATOR.schema["properties"]["state"]["enum"]


def test_it_says_what_was_loaded_and_which_lines_were_rejected_and_why_in_both_languages(warehouse):
    deliver_register(warehouse, person("S1"), person("S2", BAD_BIRTH), person("S3") + ";zu;viel")
    (content,) = told(warehouse)
    assert (content["delivery"]["records"], content["delivery"]["loaded"], content["delivery"]["rejected"]) == (3, 1, 2)
    assert [row["line"] for row in content["rejected_rows"]] == [3, 4]
    text = texts(warehouse)
    assert "3 Zeilen: 1 geladen, 2 zurückgewiesen" in text and "3 records: 1 loaded, 2 rejected" in text
    assert "Zeile 3: Geburtsdatum: die Angabe ist kein Datum der Form TT.MM.JJJJ" in text
    assert "line 3: Geburtsdatum is not a date written as %d.%m.%Y" in text
    assert "Zeile 4: die Zeile hat 15 Felder statt 13" in text
    assert "Statistikstelle der Gemeinde" in text and content["delivery"]["sha256"] in text


def test_a_refusal_says_in_german_what_its_supplier_can_do(warehouse):
    drop(warehouse, SOURCE, b"Falsch;Kopf\n1;2\n")
    drain(warehouse)
    half, english = texts(warehouse).split("-" * 72)
    assert "Zeile 1: die Kopfzeile ist nicht die für 2019 vereinbarte (es fehlt: Stichtag" in half
    assert "Abhilfe: schicken Sie die Datei im vereinbarten Aufbau" in half and "contract.yml" not in half
    assert (
        "line 1: the header is not the contract's of 2019 (missing: Stichtag" in english and "contract.yml" in english
    )


def test_what_a_person_wrote_stands_in_both_halves_as_it_was_written(warehouse):
    held = delivery_ledger.decide(warehouse, deliver(warehouse, SOURCE).delivery_id, ["odd"])
    receipts.renew(warehouse)
    assert texts(warehouse).count("odd (englisch im Original)") == 1
    with database.connect(warehouse) as connection:  # as it was before messages had codes
        connection.execute("update raw.delivery set reason_message = null")
        connection.execute("update raw.inbox_file set told_event_id = null")
    receipts.renew(warehouse)
    assert texts(warehouse).count("odd (englisch im Original)") == 1
    delivery_ledger.refuse(warehouse, held.delivery_id, "Summe falsch; siehe Mail")
    receipts.renew(warehouse)
    assert texts(warehouse).count("  Summe falsch; siehe Mail\n") == 2


def test_no_value_of_a_person_is_in_it(warehouse):
    lines = [person(f"GEHEIM{n}", BAD_BIRTH if n % 2 else "29.02.2004") for n in range(6)]
    deliver_register(warehouse, *lines, lines[0], '"GEHEIM')
    drop(warehouse, "register", b"GEHEIM;GEHEIM\n", "register_05913000_2020-12-31.csv")
    drain(warehouse)
    everything = texts(warehouse) + json.dumps(told(warehouse))
    assert "GEHEIM" not in everything and "30.02.2004" not in everything and len(told(warehouse)) == 2


def test_rejected_rows_are_listed_up_to_a_number(warehouse):
    deliver_register(warehouse, *(person(f"S{n}", BAD_BIRTH) for n in range(receipts.MAX_ROWS + 7)))
    (content,) = told(warehouse)
    assert len(content["rejected_rows"]) == receipts.MAX_ROWS
    assert "und 7 weitere" in texts(warehouse) and "and 7 more" in texts(warehouse)


def test_it_counts_the_rejected_rows_by_field_and_rule(warehouse):
    deliver_register(warehouse, *(person(f"S{n}", BAD_BIRTH) for n in range(7)), person("S9") + ";zu;viel")
    (content,) = told(warehouse)
    assert [(fault["field"], fault["code"], fault["rows"]) for fault in content["faults"]] == [
        ("Geburtsdatum", "type", 7),
        ("", "field_count", 1),
    ]
    text = texts(warehouse)
    assert "Form TT.MM.JJJJ: 7 Zeilen (Zeilen 2, 3, 4, 5, 6, ...)" in text and "%d.%m.%Y: 7 rows (lines 2" in text
    assert "die Zeile hat 15 Felder statt 13: 1 Zeile (Zeile 9)" in text


def test_an_erasure_and_what_other_rows_say_name_no_line_of_a_source_about_persons(warehouse):
    deliver_register(warehouse, *(person(f"S{n}", BAD_BIRTH) for n in range(3)))
    with database.connect(warehouse) as connection:
        blanked = [{"code": "type", "field": "Geburtsdatum", "message": "erased"}]
        joined = [{"code": "history", "field": "Geburtsdatum", "message": "Geburtsdatum is another than before"}]
        for line, reasons in ((2, blanked), (3, joined)):
            connection.execute(
                "update raw.rejected_row set reasons = %s where line_number = %s", [json.dumps(reasons), line]
            )
        connection.execute("update raw.inbox_file set told_event_id = null")
    receipts.renew(warehouse)
    (content,) = told(warehouse)
    assert [row["line"] for row in content["rejected_rows"]] == [4]
    assert {fault["message"]["en"].partition(" (line")[0] for fault in content["faults"]} == {
        "Geburtsdatum is not a date written as %d.%m.%Y: 2 rows",
        "Geburtsdatum is another than before: 1 row",
    }
    assert "erased" not in texts(warehouse) and "gelöscht" not in texts(warehouse)


def test_nobody_is_named_who_decided_and_no_folder_of_this_machine(warehouse):
    held = delivery_ledger.decide(warehouse, deliver(warehouse, SOURCE).delivery_id, ["odd"])
    decisions.answered(warehouse, held.delivery_id, is_accepted=False, reason="sent back", by="a.clerk@example.org")
    drop(warehouse, SOURCE, b"Falsch;Kopf\n1;2\n")
    drain(warehouse)
    assert states(warehouse) == ["refused", "refused"]
    everything = texts(warehouse) + json.dumps(told(warehouse))
    assert "a.clerk" not in everything and "sent back" in everything and "contract.yml:" in everything
    assert str(ROOT) not in everything
    assert getpass.getuser() not in everything.replace(str(warehouse.drop), "")


def test_a_reload_is_a_delivery_of_its_own_and_the_receipt_stays_with_the_first(warehouse):
    held = delivery_ledger.decide(warehouse, deliver(warehouse, SOURCE).delivery_id, ["odd"])
    load.reload(warehouse, held.delivery_id)
    assert states(warehouse) == ["refused"] and "loaded again as a new attempt" in texts(warehouse)


def test_an_answer_in_the_form_renews_the_receipt(warehouse):
    held = delivery_ledger.decide(warehouse, deliver(warehouse, SOURCE).delivery_id, ["odd"])
    decisions.answered(warehouse, held.delivery_id, is_accepted=False, reason="sent back")
    assert told(warehouse)[0]["state"] == "refused"


def test_a_receipt_is_written_whole_or_not_at_all(warehouse, monkeypatch):
    delivery = deliver(warehouse, SOURCE)
    before = texts(warehouse)
    delivery_ledger.decide(warehouse, delivery.delivery_id, [])

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(local.Local, "_rename", full)
    said = []
    assert receipts.renew(warehouse, said.append) == [] and "No space left" in said[0]
    assert texts(warehouse) == before
    monkeypatch.undo()
    assert len(receipts.renew(warehouse)) == 1 and "ANGENOMMEN" in texts(warehouse)


def test_a_receipt_that_cannot_be_written_fails_no_load(warehouse, monkeypatch):
    def away(*arguments):
        raise StoreError("the store is away", "wait")

    monkeypatch.setattr(local.Local, "write", away)
    assert deliver(warehouse, SOURCE).state == "loaded"
    monkeypatch.undo()
    assert len(receipts.renew(warehouse)) == 1 and told(warehouse)[0]["state"] == "loaded"


@pytest.mark.parametrize(
    "name", ["a" * 250 + ".csv", "ä" * 120 + ".csv", "..", "…", "x/y", "\x1b[31m.csv", "con", ".x"]
)
def test_the_name_of_a_receipt_is_one_that_every_system_takes(name):
    safe = receipts._safe(name)
    assert safe and len(f"{safe}.12345678.json".encode()) < 255 and not safe.startswith(".")
    assert not set(safe) & set('/\\\n\x1b:*?"<>|')


def test_a_receipt_of_an_unknown_file_that_somebody_wrote_into_is_written_anew(warehouse):
    warehouse.drop.mkdir()
    (warehouse.drop / "x.csv").write_bytes(b"1")
    tell_unknown(warehouse)
    (file,) = (warehouse.drop / "receipts").glob("*.json")
    for spoiled in ("{", "[]", "null"):
        file.write_text(spoiled)
        assert tell_unknown(warehouse) == ["drop/x.csv"] and told(warehouse)


def test_a_source_that_was_given_up_fails_no_decision(warehouse, monkeypatch):
    held = delivery_ledger.decide(warehouse, deliver(warehouse, SOURCE).delivery_id, ["odd"])
    others = [source for source in contracts.sources() if source != SOURCE]
    monkeypatch.setattr("ingest.contracts.sources", lambda: others)
    delivery_ledger.refuse(warehouse, held.delivery_id, "sent back")
    assert receipts.renew(warehouse) == []


def test_receipts_name_contracts_contacts(warehouse):
    for source in contracts.sources():
        assert receipts._contact(contracts.load(source))


def test_the_database_keeps_no_receipt_of_a_file_that_nobody_knows(warehouse):
    (warehouse.drop).mkdir()
    (warehouse.drop / "x.csv").write_bytes(b"1")
    assert tell_unknown(warehouse) == ["drop/x.csv"]
    (content,) = told(warehouse)
    assert content["state"] == "unknown" and len(content["known_files"]) == len(contracts.sources())
    assert query(warehouse, "select count(*) from raw.inbox_file") == [(0,)]
