"""What `lagebild delivery held`, `accept` and `refuse` say and do, and what readers see of it."""

import json
from datetime import date, timedelta

import pytest
import yaml
from click.testing import CliRunner

from ingest.contracts import counts
from ingest.deliveries import delivery_ledger
from lagebild.cli import main
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import DBT_PROJECT, Settings
from lagebild.review import decisions
from lagebild.warehouse import build, inputs
from tests.ingest.support import BAD_BIRTH, deliver_register, person
from tests.support import accept, bundled_bytes, deliver, query

TOMORROW = date.today() + timedelta(days=1)
VIEW = (
    "select expectation, owner, observed, failing_rows, delivery_state, accepted_until, accepted_why"
    " from marts.quality_verdict where not passed order by verdict_id"
)


def lagebild(settings: Settings, *arguments: str, exit_code: int = 0) -> str:
    result = CliRunner().invoke(main.cli, arguments, obj=settings, catch_exceptions=True)
    assert result.exit_code == exit_code, result.output or result.exception
    return result.output


@pytest.fixture(autouse=True)
def _own_settings(warehouse, monkeypatch):
    monkeypatch.setattr("lagebild.core.settings.load", lambda: warehouse)


def verdict(settings: Settings, delivery_id: int, name: str, severity: str = "hold", passed: bool = False, **values):
    row = {"observed": "2 of 40 rows", "expected": "none", "failing_rows": [3, 7], "owner": "the office"} | values
    with database.connect(settings, database.LOADER) as connection:
        connection.execute(
            "insert into quality.verdict (delivery_id, expectation, why, severity, passed, owner, observed, expected,"
            " failing_rows) values (%s, %s, 'A reason.', %s, %s, %s, %s, %s, %s)",
            [delivery_id, name, severity, passed, *(row[k] for k in ("owner", "observed", "expected", "failing_rows"))],
        )


def held(settings: Settings, source: str, *arguments) -> delivery_ledger.Delivery:
    """A delivery whose last check failed in one expectation, as an earlier one did in another."""
    delivery = deliver(settings, source, *arguments)
    verdict(settings, delivery.delivery_id, "mended_since")
    verdict(settings, delivery.delivery_id, "share_recomputes")
    return delivery_ledger.decide(settings, delivery.delivery_id, ["share_recomputes: 2 of 40 rows (expected none)"])


def test_held_says_what_failed_in_which_lines_and_whom_to_ask(warehouse):
    assert lagebild(warehouse, "held") == "nothing is held\n"
    first = held(warehouse, "employment")
    printed = lagebild(warehouse, "held")
    for expected in (
        f"delivery {first.delivery_id} employment 2019 (eu2_employees_2019.csv",
        "share_recomputes (hold; ask the office)", "observed: 2 of 40 rows", "expected: none", "lines:    3, 7",
        "why:      A reason.", f"lagebild delivery accept {first.delivery_id} --until YYYY-MM-DD --reason",
        f"lagebild delivery refuse {first.delivery_id} --reason",
    ):  # fmt: skip
        assert expected in printed
    assert "mended_since" not in printed  # the last check alone counts
    (entry,) = json.loads(lagebild(warehouse, "held", "--format", "json"))
    assert entry["failed"][0]["failing_rows"] == [3, 7] and entry["needs_end"] is True


def test_held_and_rejected_say_why_rows_were_rejected(warehouse):
    content = bundled_bytes("employment").replace(b"2.525", b"zwei")
    delivery = deliver(warehouse, "employment", content)
    delivery_ledger.decide(warehouse, delivery.delivery_id, ["1 rejected rows, more than the contract's 0"])
    fault = "is not a number: 1 row (line 3), such as 'zwei'"
    assert fault in lagebild(warehouse, "held")
    assert fault in lagebild(warehouse, "rejected", str(delivery.delivery_id))
    (entry,) = json.loads(lagebild(warehouse, "rejected", str(delivery.delivery_id), "--format", "json"))
    assert (entry["code"], entry["rows"], entry["lines"], entry["values"]) == ("type", 1, [3], ["'zwei'"])
    whole = accept(warehouse, "eu2_series")
    assert "no row was rejected" in lagebild(warehouse, "rejected", str(whole.delivery_id))
    unknown = CliRunner().invoke(main.cli, ["rejected", "99"])
    assert unknown.exit_code == 1 and "there is no delivery 99" in str(unknown.exception)


def test_rejected_shows_no_value_of_a_person(warehouse):
    delivery = deliver_register(warehouse, person("GEHEIM1", BAD_BIRTH))
    printed = lagebild(warehouse, "rejected", str(delivery.delivery_id))
    assert "Geburtsdatum is not a date written as %d.%m.%Y: 1 row (line 2)\n" in printed
    assert "GEHEIM" not in printed and "30.02" not in printed


def test_held_names_what_no_expectation_said_and_the_delivery_it_would_correct(warehouse):
    first = accept(warehouse, "employment")
    second = deliver(warehouse, "employment", bundled_bytes("employment") + b"\n")
    delivery_ledger.decide(warehouse, second.delivery_id, ["the gate could not run: no table"])
    printed = lagebild(warehouse, "held")
    assert "  the gate could not run: no table\n" in printed
    assert f"delivery {first.delivery_id} is accepted for 2019: does this one correct it?" in printed
    assert f"lagebild delivery accept {second.delivery_id} --supersedes --until YYYY-MM-DD" in printed


def test_accepting_in_spite_of_a_finding_needs_a_day_and_refusing_does_not(warehouse):
    number = str(held(warehouse, "employment").delivery_id)
    result = CliRunner().invoke(main.cli, ["accept", number, "--reason", "confirmed"])
    assert "needs an end" in str(result.exception) and query(warehouse, "select state from raw.delivery") == [("held",)]
    assert CliRunner().invoke(main.cli, ["accept", number, "--reason", "x", "--until", "soon"]).exit_code == 2
    printed = lagebild(warehouse, "accept", number, "--reason", "confirmed", "--until", f"{TOMORROW}")
    assert f"accepted until {TOMORROW}: confirmed" in printed
    assert lagebild(warehouse, "held") == "nothing is held\n"
    lagebild(warehouse, "withdraw", number, "--reason", "after all")
    again = held(warehouse, "employment")
    assert "refused: sent back" in lagebild(warehouse, "refuse", str(again.delivery_id), "--reason", "sent back")
    assert query(warehouse, "select why from raw.delivery_event order by event_id desc limit 1") == [("sent back",)]


def test_other_sources_go_on_while_one_is_held(warehouse):
    waits = held(warehouse, "employment")
    goes_on = accept(warehouse, "eu2_series")
    build_id = build.begin(warehouse)
    read = query(warehouse, "select delivery_id from raw.build_input where build_id = %s", build_id)
    assert read == [(goes_on.delivery_id,)] and decisions.waiting(warehouse)[0].delivery == waits


def test_a_form_that_was_filled_in_decides_as_the_commands_do(warehouse):
    number = held(warehouse, "employment").delivery_id
    for form, message in (
        ({"is_accepted": False}, "needs a reason"),
        ({"is_accepted": True, "reason": "confirmed"}, "needs an end"),
        ({"is_accepted": True, "reason": "confirmed", "until": "31.03.2027"}, "'31.03.2027' is no day"),
    ):
        with pytest.raises(UserError, match=message):
            decisions.answered(warehouse, number, **form)
    assert query(warehouse, "select state from raw.delivery") == [("held",)]
    answer = {"is_accepted": True, "reason": "confirmed", "until": f"{TOMORROW}", "by": "ada"}
    assert decisions.answered(warehouse, number, **answer).accepted_until == TOMORROW
    delivery_ledger.withdraw(warehouse, number, "after all")
    again = held(warehouse, "employment").delivery_id
    assert decisions.answered(warehouse, again, is_accepted=False, reason="back", by="ada").state == "refused"
    assert query(warehouse, "select count(*) from raw.delivery_event where by = 'ada'") == [(2,)]


def end_of(settings: Settings, delivery_id: int) -> None:
    with database.connect(settings) as connection:
        yesterday = date.today() - timedelta(days=1)
        connection.execute(
            "update raw.delivery set accepted_until = %s where delivery_id = %s", [yesterday, delivery_id]
        )


def test_a_build_reads_the_predecessor_of_an_expired_acceptance_or_goes_without_the_source(warehouse):
    first = accept(warehouse, "employment")
    second = held(warehouse, "employment", bundled_bytes("employment") + b"\n")
    delivery_ledger.accept(warehouse, second.delivery_id, "confirmed", supersedes=True, until=TOMORROW)
    alone = held(warehouse, "eu2_series")
    delivery_ledger.accept(warehouse, alone.delivery_id, "confirmed", until=TOMORROW)

    def inputs() -> list[tuple]:
        read = "select delivery_id from raw.build_input where build_id = %s order by 1"
        return query(warehouse, read, build.begin(warehouse))

    assert inputs() == [(second.delivery_id,), (alone.delivery_id,)]
    end_of(warehouse, alone.delivery_id)
    assert inputs() == [(second.delivery_id,)]
    end_of(warehouse, second.delivery_id)
    assert inputs() == [(first.delivery_id,)]
    assert {entry.delivery.delivery_id for entry in decisions.waiting(warehouse)} == {
        second.delivery_id,
        alone.delivery_id,
    }


def test_an_expired_acceptance_alone_makes_a_build_due(warehouse):
    accept(warehouse, "eu2_series")
    delivery = held(warehouse, "employment")
    delivery_ledger.accept(warehouse, delivery.delivery_id, "confirmed", until=TOMORROW)
    with database.connect(warehouse, database.BUILDER) as connection:
        fingerprint = inputs.fingerprint(inputs.accepted(connection), build.code_version())
        connection.execute("insert into raw.build (state, code_version) values ('published', '1')")
        connection.execute(
            "insert into published.publication (build_id, code_version, fingerprint, is_protected)"
            " values (1, '1', %s, true)",
            [fingerprint],
        )
        connection.execute("update published.current_publication set publication_id = 1")
    assert build.is_current(warehouse)
    end_of(warehouse, delivery.delivery_id)
    assert not build.is_current(warehouse)
    assert build.begin(warehouse) is not None
    assert query(warehouse, "select publication_id from published.current_publication") == [(1,)]  # it stays


def test_readers_see_the_verdict_and_who_overruled_it_when_and_why_but_no_account(warehouse):
    delivery = held(warehouse, "employment")
    before = query(warehouse, VIEW, role=database.BI_READER)
    assert before[-1] == ("share_recomputes", "the office", "2 of 40 rows", "3, 7", "held", None, None)
    delivery_ledger.accept(warehouse, delivery.delivery_id, "confirmed", until=TOMORROW, by="account-of-somebody")
    for role in (database.BI_READER, database.STATISTICS_OFFICE, database.BUILDER):
        assert query(warehouse, VIEW, role=role)[-1] == (*before[-1][:4], "accepted", TOMORROW, "confirmed")
    shown = query(warehouse, "select v::text from marts.quality_verdict as v", role=database.BI_READER)
    assert "account-of-somebody" not in str(shown)
    (subject,) = query(warehouse, "select source, period, sha256, attempt, build_id from marts.quality_verdict limit 1")
    assert subject == ("employment", "2019", delivery.sha256, 1, None)


def test_readers_see_no_line_and_no_small_count_of_a_source_about_persons(warehouse):
    delivery = deliver(warehouse, "register")
    written = {  # by the code of then, and by that of now
        "2 of 9823 rows": "some rows", "1 row": "some rows", "12 findings": "some findings", "9823": "not shown",
        "0.0066, usual 0.0512 to 0.0854": "other than usual", "no value, usual -1 to 2.5": "other than usual",
        "share: 21 of 322 rows (expected 322 rows); 3 rejected rows, more than the contract's 0":
        "share: some rows (expected some rows); some rejected rows, more than the contract's 0",
    }  # fmt: skip
    now = ("fewer than 3 of about 9825 rows", "about 10 findings", "lower than usual (lagebild statistics 7)")
    for observed in (*written, *now):
        verdict(warehouse, delivery.delivery_id, "moved_in", observed=observed)
    shown = query(warehouse, "select observed, failing_rows from marts.quality_verdict order by verdict_id")
    assert shown == [(text, None) for text in (*written.values(), *now)]
    smallest = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text())["vars"]["minimum_cell_persons"]
    assert smallest == counts.SMALLEST
    rounded = "select n, quality.told_rows(n, true), quality.told_rows(n, false) from generate_series(0, 12) as n"
    for number, told, whole in query(warehouse, rounded):
        assert (told, whole) == (None if number < smallest else counts.rounded(number), number)
    # What no contract vouches for is treated as persons.
    with database.connect(warehouse) as connection:
        connection.execute("delete from raw.source where source = 'register'")
    assert query(warehouse, "select observed, failing_rows from marts.quality_verdict order by verdict_id") == shown


def test_every_column_that_readers_see_says_what_it_is(warehouse):
    lacking = query(
        warehouse,
        "select c.relname, a.attname from pg_class as c inner join pg_attribute as a on c.oid = a.attrelid"
        " where c.relnamespace = 'marts'::regnamespace and c.relname in ('quality_verdict', 'publication_acceptance')"
        " and a.attnum > 0 and (col_description(c.oid, a.attnum) is null or obj_description(c.oid) is null)",
    )
    assert lacking == []


def test_a_mart_tells_how_old_its_inputs_were_when_it_was_published(warehouse):
    """Two sources: one came twice, 400 and 30 days before, the other once, 90 days before; a correction was held."""
    first = accept(warehouse, "employment")
    held(warehouse, "employment", bundled_bytes("employment") + b"\n")
    old = accept(warehouse, "employment", bundled_bytes("employment") + b"\n\n", "eu2_employees_2018.csv")
    series = accept(warehouse, "eu2_series")
    with database.connect(warehouse) as connection:
        for delivery, days in ((first, 30), (old, 400), (series, 90)):
            connection.execute(
                "update raw.delivery set received_at = now() - make_interval(days => %s) where delivery_id = %s",
                [days, delivery.delivery_id],
            )
        (build_id,) = connection.execute(
            "insert into raw.build (state, code_version) values ('published', '1') returning build_id"
        ).fetchone()
        connection.execute(
            "insert into raw.build_input select %s, source, period, delivery_id from raw.delivery"
            " where state = 'accepted'",
            [build_id],
        )
        connection.execute(
            "insert into published.publication (build_id, code_version, fingerprint, is_protected)"
            " values (%s, '1', 'f', true)",
            [build_id],
        )
        connection.execute("insert into published.content (mart, sha256, row_count) values ('published_claim', 'a', 1)")
        connection.execute("insert into published.published_claim (content_id, figure_id) values (1, 'a claim')")
        connection.execute(
            "insert into published.publication_mart values (1, 'published_claim', 1, '1', %(s)s,"
            " published.input_age_days(%(b)s, %(s)s, now()))",
            {"s": ["employment", "eu2_series"], "b": build_id},
        )
        connection.execute("update published.current_publication set publication_id = 1")
    for view in ("published_claim", "published_claim_vintage"):
        assert query(warehouse, f"select input_age_days from marts.{view}", role=database.BI_READER) == [(90,)]
    ages = "select source, period, age_days, held_delivery_id from marts.publication_source order by source, period"
    shown = query(warehouse, ages, role=database.BI_READER)
    assert [row[:3] for row in shown] == [
        ("employment", "2018", 400),
        ("employment", "2019", 30),
        ("eu2_series", "2007-2019", 90),
    ]
    assert [row[3] for row in shown] == [None, decisions.waiting(warehouse)[0].delivery.delivery_id, None]
    # What happens later is no matter of that publication.
    lagebild(warehouse, "refuse", str(shown[1][3]), "--reason", "sent back")
    lagebild(warehouse, "withdraw", str(series.delivery_id), "--reason", "wrong")
    assert query(warehouse, ages) == shown
