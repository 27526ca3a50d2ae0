"""The audit as a gate: what it finds, and whatever keeps it from judging, stops the publication."""

from collections.abc import Iterator
from functools import partial

import pytest

from disclosure import audit
from expectations import gate
from lagebild import database
from lagebild.errors import UserError
from lagebild.warehouse import build
from tests.disclosure.audit_toy import DAY, Toy
from tests.support import query

SAID = "select expectation, passed, severity, observed, expected from quality.verdict where build_id = %s"


@pytest.fixture
def toy(warehouse, monkeypatch) -> Iterator[Toy]:
    """A candidate whose marts pass their own expectations; it holds the token."""
    monkeypatch.setattr(gate, "check_marts", lambda settings, build_id: _passed(warehouse, build_id))
    with database.connect(warehouse) as connection:
        made = Toy(warehouse, connection)
        connection.execute("update raw.build_token set build_id = %s", [made.build_id])
        connection.execute("grant select on all tables in schema build to lagebild_builder")
        connection.commit()
        yield made


def _passed(warehouse, build_id: int) -> list[gate.Verdict]:
    verdict = gate.Verdict("marts", "made up", "hold", True, "", "", "nobody")
    gate._write(warehouse, database.BUILDER, "build_id", build_id, [verdict])
    return [verdict]


def test_a_figure_that_can_be_worked_out_stops_the_publication_and_is_named_to_whoever_runs_the_build(warehouse, toy):
    toy.register("05913000", (400, 577, 977), (None, None, 977))
    toy.connection.commit()
    with pytest.raises(UserError, match="is not published: protected figures can be worked out") as stopped:
        build.check_marts(warehouse, toy.build_id)
    assert f"eu2_population 05913000 {DAY} EU2, persons (candidate)" in stopped.value.message
    assert "977" not in stopped.value.message
    said = query(warehouse, SAID, toy.build_id)[-1]
    assert said[:4] == ("disclosure.nothing_follows", False, "hold", "protected figures can be worked out")
    assert "05913000" not in str(said) and "977" not in str(said)
    assert query(warehouse, "select state from raw.build where build_id = %s", toy.build_id) == [("stopped",)]
    with pytest.raises(UserError, match="was stopped"):
        build.publish_build(warehouse, toy.build_id)


def test_what_is_shown_by_class_is_published(warehouse, toy):
    toy.register("05913000", (400, 577, 977), (400, 575, 975))
    toy.connection.commit()
    build.check_marts(warehouse, toy.build_id)
    assert query(warehouse, SAID, toy.build_id)[-1][:2] == ("disclosure.nothing_follows", True)
    assert build.publish_build(warehouse, toy.build_id) == 1


@pytest.mark.parametrize("broken", ["time", "table", "solver"])
def test_an_audit_that_cannot_judge_stops_the_publication(warehouse, toy, broken, monkeypatch):
    if broken == "time":
        monkeypatch.setattr(audit, "findings", partial(audit.findings, seconds=0))
    elif broken == "table":
        toy.connection.execute("drop table build.int_population__counted_register")
    else:
        toy.register("05913000", (400, 577, 977), (400, 580, 975))  # these classes do not hold the exact counts
    toy.connection.commit()
    with pytest.raises(gate.GateError, match="what readers could work out"):
        build.check_marts(warehouse, toy.build_id)
    assert [row[0] for row in query(warehouse, SAID, toy.build_id)] == ["marts"]
    with pytest.raises(UserError, match="was stopped"):
        build.publish_build(warehouse, toy.build_id)


def test_a_build_that_was_never_audited_is_not_published(warehouse, toy):
    _passed(warehouse, toy.build_id)
    with pytest.raises(UserError, match="its marts were never checked"):
        build.publish_build(warehouse, toy.build_id)
