"""The pages of the checks: what stands in them, what never does, and that they need nothing from outside."""

import re

import pytest

from expectations import docs
from ingest.deliveries import delivery_ledger
from ingest.deliveries import pseudonyms as privacy
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.review.decisions import waiting
from lagebild.review.pending import check_pending
from tests import canary
from tests.expectations.support import begin_build
from tests.inboxes import drain
from tests.support import MUNICIPALITY, PURPOSE, deliver, drop, query


def verdict(settings, subject: str, number: int, passed: bool, **values: str) -> None:
    row = {"expectation": "share_recomputes", "why": "A reason.", "severity": "hold", "observed": "1 row"} | values
    names = ", ".join(row)
    with database.connect(settings) as connection:
        connection.execute(
            f"insert into quality.verdict ({subject}, passed, expected, owner, failing_rows, {names})"
            f" values (%s, %s, 'no row', 'the office', '{{7}}', {', '.join(['%s'] * len(row))})",
            [number, passed, *row.values()],
        )


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("</style>")[-1]))


def test_every_check_is_a_page_with_what_was_found_and_whom_to_ask(warehouse, tmp_path):
    delivery = deliver(warehouse, "employment")
    verdict(warehouse, "delivery_id", delivery.delivery_id, False)
    delivery_ledger.decide(warehouse, delivery.delivery_id, ["share_recomputes: 1 row (expected no row)"])
    verdict(warehouse, "build_id", begin_build(warehouse), True, expectation="cost_per_person.denominator_positive")
    index = docs.write(warehouse, tmp_path / "state" / "quality-docs")
    listed = text_of(index.read_text())
    assert f"delivery {delivery.delivery_id}: employment 2019, held now 1 must hold and failed" in listed
    assert "marts of build 1, not published passed" in listed
    pages = {path.name: path.read_text() for path in index.parent.glob("check-*.html")}
    assert set(pages) == set(re.findall(r'href="(check-\d+\.html)"', index.read_text())) and len(pages) == 2
    shown = text_of(pages["check-1.html"])
    for expected in (
        "share_recomputes",
        "hold; ask the office",
        "expected: no row",
        "why: A reason.",
        "1 row (lines 7)",
    ):
        assert expected in shown
    assert "Unsuccessful Expectations 1" in shown and 'class="fas fa-times' in pages["check-1.html"]


def test_the_pages_ask_nothing_of_the_internet_and_run_no_text_that_was_delivered(warehouse, tmp_path):
    delivery = deliver(warehouse, "employment")
    hostile = 'line 2: <script>alert("$v")</script>'
    verdict(warehouse, "delivery_id", delivery.delivery_id, False, observed=hostile, why=hostile, expectation="$name")
    folder = docs.write(warehouse, tmp_path / "docs").parent
    for page in folder.glob("*.html"):
        text = page.read_text()
        assert "<script" not in text and not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", text), page
    shown = (folder / "check-1.html").read_text()
    assert shown.count("&lt;script&gt;alert(&quot;&#36;v&quot;)") == 2 and "&#36;name" in shown


def test_pages_are_current_until_a_verdict_or_a_decision_comes(warehouse, tmp_path):
    folder = tmp_path / "docs"
    assert not docs.is_current(warehouse, folder)
    docs.write(warehouse, folder)
    assert docs.is_current(warehouse, folder) and "nothing was checked yet" in (folder / "index.html").read_text()
    delivery = deliver(warehouse, "employment")
    verdict(warehouse, "delivery_id", delivery.delivery_id, False)
    assert not docs.is_current(warehouse, folder)
    docs.write(warehouse, folder)
    delivery_ledger.decide(warehouse, delivery.delivery_id, ["odd"])
    assert not docs.is_current(warehouse, folder)
    docs.write(warehouse, folder)
    assert docs.is_current(warehouse, folder) and [p.name for p in tmp_path.glob(".docs*")] == []


def test_a_folder_with_something_else_in_it_is_left_alone(warehouse, tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(UserError, match="holds other files"):
        docs.write(warehouse, tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "mine"


def test_no_person_stands_in_a_verdict_or_a_page_whatever_the_register_brings(warehouse, tmp_path):
    marker = canary.new_marker()
    privacy.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    for name, content in canary.deliveries(marker).items():
        drop(warehouse, "register", content, name)
    drain(warehouse, "register")
    # expectations that fail on the very rows that hold the marked persons, and a gate that cannot run
    with database.connect(warehouse) as connection:
        connection.execute("update raw.register__person set region_code = '05315000', nationality_code = '100'")
    check_pending(warehouse, "register")
    folder = docs.write(warehouse, tmp_path / "docs").parent
    with database.connect(warehouse, database.BI_READER) as connection:
        shown = connection.execute("select v::text from marts.quality_verdict as v").fetchall()
    failed = query(warehouse, "select count(*) from quality.verdict where not passed and failing_rows <> '{}'")
    assert failed[0][0] > 2 and len(list(folder.glob("check-*.html"))) > 1
    waits = waiting(warehouse)
    assert waits and waits[0].failed
    told = [str(shown), "".join(map(str, waits)), str(query(warehouse, "select v::text from quality.verdict as v"))]
    told += [
        str(
            query(
                warehouse,
                "select reason, reason_message, problems, problem_messages"
                " from raw.delivery left join raw.delivery_event using (delivery_id)",
            )
        )
    ]
    assert canary.found_in_files([folder], marker) == [] and not [
        text for text in told if marker.lower() in text.lower()
    ]
    pseudonyms = {p for (p,) in query(warehouse, "select person_pseudonym from raw.register__person")}
    everything = " ".join([*told, *(page.read_text() for page in folder.glob("*.html"))])
    assert pseudonyms and not [p for p in pseudonyms if p in everything]
    # The search finds what is there.
    (folder / "index.html").write_text(f"<td>{marker}-Fam-1</td>")
    assert canary.found_in_files([folder], marker) == [folder / "index.html"]
