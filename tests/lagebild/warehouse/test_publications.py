"""Publications on prepared candidates: what is stored, the way back and what it keeps back, and what differs."""

import getpass
import json
import re
import threading
from dataclasses import replace
from decimal import Decimal
from unittest import mock

import psycopg
import pytest
from click.testing import CliRunner

from lagebild.cli import publication
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.version import code_version
from lagebild.local import run as steps
from lagebild.warehouse import build, difference, marts, publications
from tests import conftest
from tests import publications as prepared
from tests.support import query

MART = "cost_per_person"
IN_FORCE = "select publication_id from published.current_publication"
STORED = (
    "select (select count(*) from published.publication), (select count(*) from published.publication_mart),"
    " (select count(*) from published.content), (select count(*) from published.cost_per_person)"
)
NAMED_BY_NONE = "select content_id from published.content except select content_id from published.publication_mart"


@pytest.fixture(scope="module")
def template(cluster, tmp_path_factory):
    """Three publications, each with a delivery and a mart changed: 1, 2, 3. Made once, cloned by every test."""
    with conftest._fresh_database(cluster, conftest.TEMPLATE) as name:
        settings = conftest._own_folders(conftest.on_database(cluster, name), tmp_path_factory.mktemp("template"))
        prepared.fill(settings)
        for text in ("first", "second", "third"):
            prepared.publish(settings, MART, text)
        yield name


@pytest.fixture
def published(cluster, template, tmp_path):
    with conftest._fresh_database(cluster, template) as name:
        settings = conftest._own_folders(conftest.on_database(cluster, name), tmp_path)
        prepared.manifest(settings)
        yield settings


def shown(settings) -> list[tuple]:
    return query(settings, f"select distinct publication_id, municipality_name from marts.{MART}", role="bi_reader")


def run(command, settings, *arguments: str) -> str:
    with mock.patch("lagebild.core.settings.load", lambda: settings):
        result = CliRunner().invoke(command, arguments)
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


# --- what is stored ---------------------------------------------------------------------------------------------------


def test_an_unchanged_mart_is_referenced_and_unchanged_inputs_make_no_publication(published):
    contents = dict(
        query(published, "select mart, count(distinct content_id) from published.publication_mart group by 1")
    )
    assert {mart for mart, count in contents.items() if count > 1} == {MART} and contents[MART] == 3
    assert query(published, "select count(*) from published.eu2_population") == [(2,)]
    assert build.begin(published) is None and build.is_current(published)
    # The inputs are other ones, the figures of before came back: referenced as well.
    prepared.publish(published, MART, "first")
    assert query(published, "select count(*) from published.content where mart = %s", MART) == [(3,)]


def test_a_publication_that_fails_at_its_last_mart_leaves_nothing_of_itself(published):
    before = query(published, STORED)
    prepared.deliver(published)
    build_id = prepared.begin(published)
    prepared.mark(published, marts.definition(MART), "fourth")
    last = marts.definitions()[-1]
    with database.connect(published, database.BUILDER) as connection:
        connection.execute(f"drop table build.{last.name}")
    with pytest.raises(psycopg.errors.UndefinedTable):
        build.publish_build(published, build_id)
    assert query(published, STORED) == before
    assert query(published, NAMED_BY_NONE) == []
    assert shown(published) == [(3, "third")]


def test_a_publish_task_that_is_tried_again_after_its_commit_finds_it_done(warehouse):
    prepared.fill(warehouse)
    prepared.deliver(warehouse)
    build_id = prepared.begin(warehouse)
    first = build.publish_build(warehouse, build_id)
    assert build.publish_build(warehouse, build_id) == first
    assert query(warehouse, "select count(*) from published.publication") == [(1,)]


@pytest.mark.parametrize(
    ("change", "missing"),
    [({"columns": {"extra_eur": ("numeric(18,2)", "Extra.")}}, "cost_per_person.extra_eur"),
     ({"name": "cost_per_person_v2"}, "cost_per_person_v2.municipality_ags")],
)  # fmt: skip
def test_a_model_that_gives_more_than_the_warehouse_can_take_is_no_build(published, monkeypatch, change, missing):
    prepared.deliver(published)
    wider = tuple(replace(mart, **change) if mart.name == MART else mart for mart in marts.definitions())
    monkeypatch.setattr(marts, "definitions", lambda: wider)
    with pytest.raises(UserError, match=f"(?s){missing}.*lagebild warehouse migrate"):
        build.begin(published)
    assert query(published, "select max(state) from raw.build") == [("published",)]


# --- inputs and token -------------------------------------------------------------------------------------------------


def test_a_delivery_accepted_while_a_build_runs_changes_nothing_in_it(published):
    earlier = prepared.deliver(published)
    build_id = prepared.begin(published)
    later, other = prepared.deliver(published), prepared.deliver(published, "register", "2019-12-31")
    publication_id = build.publish_build(published, build_id)
    inputs = "select delivery_id from raw.build_input where build_id = %s"
    assert query(published, inputs, build_id) == [(earlier,)]
    assert not build.is_current(published)
    following = build.publish_build(published, prepared.begin(published))
    assert [str(c) for c in publications.listing(published)[following - 1].changed_deliveries] == [
        f"employment 2019: delivery {earlier} (employment_2019.csv) -> delivery {later} (employment_2019.csv)",
        f"register 2019-12-31: none -> delivery {other} (register_2019-12-31.csv)",
    ]
    assert following == publication_id + 1


def test_a_build_whose_token_was_taken_over_writes_and_publishes_nothing(published):
    before = query(published, STORED)
    prepared.deliver(published)
    former = prepared.begin(published)
    prepared.mark(published, marts.definition(MART), "of the former")
    later = prepared.begin(published)
    with pytest.raises(UserError, match=f"build {former} was overtaken by build {later}"):
        build.publish_build(published, former)
    with pytest.raises(psycopg.DatabaseError, match="may not write"):  # as before every model
        query(published, "select raw.assert_build_token(%s)", former, role=database.BUILDER)
    assert query(published, STORED) == before and shown(published) == [(3, "third")]
    assert query(published, "select state from raw.build where build_id = %s", former) == [("overtaken",)]
    assert build.publish_build(published, later) == 4


def test_a_take_over_waits_for_the_statement_under_way(published):
    prepared.deliver(published)
    former = prepared.begin(published)
    with database.connect(published, database.BUILDER) as writing:
        writing.execute("select raw.assert_build_token(%s)", [former])
        taking = threading.Thread(target=build.begin, args=[published])
        taking.start()
        taking.join(0.3)
        assert taking.is_alive()
    taking.join(10)
    assert query(published, "select state from raw.build order by build_id desc limit 2") == [
        ("running",),
        ("overtaken",),
    ]


# --- the way back -----------------------------------------------------------------------------------------------------


def test_a_rollback_moves_the_pointer_and_says_who_why_and_when(published):
    printed = run(publication.rollback, published, "1", "--reason", "wrong district")
    assert "publication 1 is in force, rolled back from publication 3 to 1" in printed and "wrong district" in printed
    assert "what to do: withdraw or correct the delivery" in printed
    assert shown(published) == [(1, "first")]
    assert query(published, IN_FORCE) == [(1,)]
    rows = query(
        published,
        "select from_publication, to_publication, rolled_back_by, reason, code_version,"
        " rolled_back_at between now() - interval '1 minute' and now() from published.rollback",
    )
    assert rows == [(3, 1, getpass.getuser(), "wrong district", code_version(), True)]
    assert query(published, f"select count(distinct publication_id) from marts_history.{MART}") == [(3,)]
    seen = query(published, "select * from marts.publication_rollback", role=database.BI_READER)
    assert seen[0][:3] == (1, 3, 1) and getpass.getuser() not in seen[0]


@pytest.mark.parametrize(
    ("number", "reason", "error"),
    [("9", "x", "there is no publication 9.*one of: 1-3"), ("3", "x", "3 is in force already"), ("1", " ", "reason")],
)
def test_a_rollback_that_makes_no_sense_changes_nothing(published, number, reason, error):
    with pytest.raises(UserError, match=f"(?s){error}"):
        run(publication.rollback, published, number, "--reason", reason)
    assert query(published, IN_FORCE) == [(3,)] and query(published, "select * from published.rollback") == []


def test_a_rollback_is_not_undone_by_the_next_build_of_the_same(published, capsys):
    publications.rollback(published, 2, "wrong")
    assert build.is_current(published) and build.begin(published) is None
    printed = capsys.readouterr().out
    assert "publication 2 is in force" in printed and "employment 2019: delivery 2" in printed
    prepared.deliver(published, "register", "2019-12-31")  # has nothing to do with what was taken back
    assert build.begin(published) is None
    assert not steps.needs_build(published)
    assert "publication 2 is in force" in "\n".join(steps.waiting_lines(published, steps.now()))
    assert query(published, "select count(*) from raw.build") == [(3,)]


def test_a_rollback_stands_until_what_it_took_back_is_corrected(published):
    publications.rollback(published, 2, "wrong")
    prepared.deliver(published)
    assert build.publish_build(published, prepared.begin(published)) == 4
    assert steps.waiting_lines(published, steps.now()) == []
    prepared.deliver(published, "register", "2019-12-31")
    assert build.begin(published) is not None  # nothing of the rollback is left


def test_a_rollback_over_two_goes_on_with_the_good_one_when_the_bad_one_is_withdrawn(published):
    bad = prepared.deliver(published, "register", "2019-12-31")
    build.publish_build(published, prepared.begin(published))
    publications.rollback(published, 2, "one of the two is wrong")
    assert build.begin(published) is None
    prepared.withdraw(published, bad)
    assert build.publish_build(published, prepared.begin(published)) == 5


def test_a_withdrawal_that_was_taken_back_is_not_built_again(published):
    extra = prepared.deliver(published, "register", "2019-12-31")
    build.publish_build(published, prepared.begin(published))
    prepared.withdraw(published, extra)
    build.publish_build(published, prepared.begin(published))
    publications.rollback(published, 4, "it should not have been withdrawn")
    assert build.begin(published) is None
    prepared.deliver(published, "register", "2019-12-31")
    assert build.begin(published) is not None


def test_code_that_was_taken_back_is_not_built_with_again_until_it_changes(published, monkeypatch):
    monkeypatch.setattr(build, "code_version", lambda: "0.2.0+bad")
    build.publish_build(published, prepared.begin(published))
    publications.rollback(published, 3, "the new rate is wrong")
    prepared.deliver(published)
    assert build.begin(published) is None
    monkeypatch.setattr(build, "code_version", lambda: "0.2.1+mended")
    assert build.begin(published) is not None


def test_forward_again_is_a_rollback_of_the_rollback(published):
    publications.rollback(published, 1, "wrong")
    printed = run(publication.rollback, published, "3", "--reason", "it was right after all")
    assert "nothing is built" not in printed
    assert shown(published) == [(3, "third")] and build.is_current(published)
    prepared.deliver(published)
    assert build.begin(published) is not None


def test_a_rollback_during_a_build_keeps_it_from_being_published(published):
    prepared.deliver(published, "register", "2019-12-31")
    build_id = prepared.begin(published)
    publications.rollback(published, 2, "wrong")
    with pytest.raises(
        UserError, match=f"(?s)build {build_id} is not published: publication 2 is in force.*delivery 3"
    ):
        build.publish_build(published, build_id)
    assert query(published, IN_FORCE) == [(2,)]
    assert query(published, "select state from raw.build where build_id = %s", build_id) == [("stopped",)]


def test_a_rollback_waits_for_a_publication_under_way(published):
    with database.connect(published, database.BUILDER) as publishing:
        publications.lock_pointer(publishing)
        going_back = threading.Thread(target=publications.rollback, args=[published, 2, "wrong"])
        going_back.start()
        going_back.join(0.3)
        assert going_back.is_alive() and shown(published) == [(3, "third")]  # readers do not wait
    going_back.join(10)
    assert query(published, IN_FORCE) == [(2,)]


def test_marts_that_the_former_publication_did_not_hold_are_named(published):
    query(
        published,
        "delete from published.publication_mart where publication_id = 1 and mart = 'refinancing' returning 1",
    )
    printed = run(publication.rollback, published, "1", "--reason", "wrong")
    assert "empty now, for publication 1 did not hold them: refinancing" in printed


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_says_what_is_new_in_each_and_which_is_in_force(published):
    publications.rollback(published, 2, "wrong")
    text = run(publication.publications, published)
    first, second, third = re.split("^. publication ", text, flags=re.MULTILINE)[1:]
    assert "in force" in second and "in force" not in first + third
    assert f"code {code_version()}" in first and "deliveries 1\n" in first and "refinancing" in first
    assert f"marts changed: {MART}\n" in second and "delivery 1 (employment_2019.csv) -> delivery 2" in second
    assert f"rolled back from publication 3 to 2 by {getpass.getuser()}" in third
    listed = json.loads(run(publication.publications, published, "--last", "2", "--format", "json"))
    assert [(p["publication_id"], p["is_current"], p["is_rolled_back"]) for p in listed] == [
        (2, True, False),
        (3, False, True),
    ]


def test_an_empty_list_says_what_to_do(warehouse):
    assert "lagebild publication build" in run(publication.publications, warehouse)


# --- the difference ---------------------------------------------------------------------------------------------------


def test_the_difference_names_figures_amounts_and_the_delivery(published):
    with database.connect(published, database.BUILDER) as connection:
        connection.execute(
            "update build.cost_per_person set total_cost_eur = 15639763.10, verdict = null"
            " where municipality_ags = 't1';"
            "delete from build.cost_per_person where municipality_ags = 't2';"
            "insert into build.cost_per_person (municipality_ags, reference_year, method) values ('t3', 2019, 'm')"
        )
    prepared.publish(published)
    found = difference.difference(published, 3, 4)
    (mart,) = found.marts
    assert [(row.state, row.key["municipality_ags"]) for row in mart.rows] == [
        ("changed", "t1"), ("removed", "t2"), ("added", "t3"),
    ]  # fmt: skip
    assert mart.rows[0].values == (
        difference.Value("total_cost_eur", Decimal("1.00"), Decimal("15639763.10"), Decimal("15639762.10")),
        difference.Value("verdict", "t1", None, None),
    )
    text = run(publication.diff, published, "3", "4")
    assert f"code: {code_version()}, the same" in text
    assert "cost_per_person: rows changed 1, added 1, removed 1" in text
    assert "due to employment 2019: delivery 3 (employment_2019.csv) -> delivery 4 (employment_2019.csv)\n" in text
    assert "total_cost_eur: 1.00 -> 15,639,763.10  (+15,639,762.10)" in text and "verdict: t1 -> empty" in text
    back = difference.difference(published, 4, 3).marts[0].rows[0].values[0]
    assert back.difference == Decimal("-15639762.10")
    listed = json.loads(run(publication.diff, published, "3", "4", "--format", "json"))
    assert listed["marts"][0]["rows"][0]["values"][0]["difference"] == "15639762.10"
    assert "no figure differs" in run(publication.diff, published, "3", "4", "--mart", "refinancing")


def test_the_difference_names_the_model_and_the_code(published, monkeypatch):
    monkeypatch.setattr(build, "code_version", lambda: "0.2.0+other")
    prepared.manifest(published, **{MART: "v2"})
    prepared.mark(published, marts.definition(MART), "fourth")
    build.publish_build(published, prepared.begin(published))
    text = run(publication.diff, published, "3", "4")
    assert f"code: {code_version()} -> 0.2.0+other" in text and "deliveries: the same" in text
    assert f"models that differ, or one before them: {MART}\n" in text
    assert "due to its model or one before it (" in text and "employment" not in text


def test_a_mart_that_changed_by_nothing_of_its_own_says_so(published):
    prepared.publish(published, "refinancing", "who knows why")
    assert "due to no delivery of its own sources and no model" in run(publication.diff, published, "3", "4")


def test_rows_with_an_empty_part_of_their_key_are_the_same_figure(published):
    with database.connect(published, database.BUILDER) as connection:
        connection.execute("update build.funding_cliff set receiving_programme_id = null, measure = 'x'")
    prepared.publish(published)
    with database.connect(published, database.BUILDER) as connection:
        connection.execute("update build.funding_cliff set measure = 'y'")
    prepared.publish(published)
    (mart,) = difference.difference(published, 4, 5).marts
    assert [(row.state, row.values[0].latter) for row in mart.rows] == [("changed", "y")] * 2


def test_a_long_difference_is_cut_where_no_mart_is_named(warehouse):
    prepared.fill(warehouse, rows=30)
    prepared.publish(warehouse, MART, "a")
    prepared.publish(warehouse, MART, "b")
    short, long = (run(publication.diff, warehouse, "1", "2", *o) for o in ([], ["--mart", MART]))
    assert f"rows more: 20; --mart {MART} lists them" in short and short.count("  changed ") == 10
    assert long.count("  changed ") == 30


def test_a_mart_that_only_one_of_the_two_holds_is_added_whole(published):
    query(
        published,
        "delete from published.publication_mart where publication_id = 1 and mart = 'refinancing' returning 1",
    )
    text = run(publication.diff, published, "1", "2")
    assert "refinancing: rows changed 0, added 2, removed 0\n  due to the mart itself" in text


def test_what_is_not_there_cannot_be_compared(published):
    with pytest.raises(UserError, match="there is no publication 9"):
        difference.difference(published, 1, 9)
    with pytest.raises(UserError, match="there is no mart 'x'"):
        difference.difference(published, 1, 2, "x")


def test_numbers_are_listed_in_short():
    assert publications.spans([1, 2, 3, 5, 7, 8]) == "1-3, 5, 7-8"
    assert publications.spans([]) == ""
