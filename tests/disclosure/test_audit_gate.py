"""The audit as a gate: what it finds, and whatever keeps it from judging, stops the publication."""

import json
from collections.abc import Iterator
from datetime import date
from functools import partial

import pytest

from disclosure import audit, grants
from expectations import gate
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.warehouse import blame, build
from lagebild.warehouse.transform import manifest_path
from tests import publications
from tests.disclosure.audit_toy import DAY, Toy
from tests.support import query, step

SAID = "select expectation, passed, severity, observed, expected from quality.verdict where build_id = %s"


@pytest.fixture
def toy(warehouse, monkeypatch) -> Iterator[Toy]:
    """A candidate whose marts pass their own expectations; it holds the token."""
    monkeypatch.setattr(gate, "check_marts", _passed)
    with database.connect(warehouse) as connection:
        made = Toy(warehouse, connection)
        connection.execute("update raw.build_token set build_id = %s", [made.build_id])
        connection.execute("grant select on all tables in schema build to lagebild_builder")
        connection.commit()
        yield made


def _passed(connection, build_id: int) -> list[gate.Verdict]:
    verdict = gate.Verdict("marts", "made up", "hold", True, "", "", "nobody")
    gate._write(connection, "build_id", build_id, [verdict])
    return [verdict]


def test_a_figure_that_can_be_worked_out_stops_the_publication_and_is_named_to_whoever_runs_the_build(warehouse, toy):
    toy.register("05913000", (400, 577, 977), (None, None, 977))
    toy.connection.commit()
    with pytest.raises(UserError, match="is not published: protected figures can be worked out") as stopped:
        step(warehouse, build.check_marts, toy.build_id)
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
    step(warehouse, build.check_marts, toy.build_id)
    assert query(warehouse, SAID, toy.build_id)[-1][:2] == ("disclosure.nothing_follows", True)
    assert build.publish_build(warehouse, toy.build_id) == 1


class House:
    """Builds are toys of what each accepted file shows; those of `bad` show what can be worked out."""

    PERSONS, LISTS = "stg_register__person", "esf_bayern"

    def __init__(self, settings, toy: Toy):
        self._settings, self._toy = settings, toy
        self.bad: set[int] = set()
        self.begun: list[int] = []
        toy.connection.execute(
            f"create table build.{self.PERSONS} (region_code text, reference_date date, source_sha256 text)"
        )
        toy.connection.execute(f"grant select on build.{self.PERSONS} to lagebild_builder")
        toy.connection.commit()
        path = manifest_path(settings)
        manifest = json.loads(path.read_text())
        for source, model in {"register": self.PERSONS, self.LISTS: grants.MART}.items():
            manifest["nodes"].setdefault(f"model.lagebild.{model}", {}).setdefault("config", {})
            manifest["sources"][f"source.{source}"] = {"name": f"{source}__row", "config": {}}
            manifest["parent_map"][f"model.lagebild.{model}"] = [f"source.{source}"]
        path.write_text(json.dumps(manifest))

    def make(self, connection, settings, build_id: int, tell=None, echo=print) -> int:
        self.begun.append(build_id)
        toy = self._toy
        toy.clear()
        toy.connection.execute(f"delete from build.{self.PERSONS}")
        toy.show(build_id)
        for delivery_id, source, period, sha256 in query(
            settings,
            "select d.delivery_id, i.source, i.period, d.sha256 from raw.build_input as i"
            " inner join raw.delivery as d on i.delivery_id = d.delivery_id where i.build_id = %s order by 1",
            build_id,
        ):
            is_bad = delivery_id in self.bad
            if source == self.LISTS:
                toy.grants(source, {"2015": [99_000 if is_bad else 700, 600, 500], "2016": [900] * 9}, sha256=sha256)
            else:
                place, day = period.split("_")
                toy.put(self.PERSONS, {"region_code": place, "reference_date": day, "source_sha256": sha256})
                shown = (None, None, 977 if is_bad else 975)
                toy.register(place, (400, 577, 977), shown, day=date.fromisoformat(day))
        toy.connection.commit()
        return build_id

    def build(self) -> int:
        """A build that passed its checks."""
        build_id = self.make(None, self._settings, build.begin(self._settings))
        return step(self._settings, build.pass_checks, self._settings, build_id, echo=lambda line: None)

    def read(self, build_id: int) -> set[int]:
        rows = query(self._settings, "select delivery_id from raw.build_input where build_id = %s", build_id)
        return {delivery_id for (delivery_id,) in rows}


@pytest.fixture
def house(warehouse, toy, monkeypatch) -> House:
    made = House(warehouse, toy)
    monkeypatch.setattr(build, "make", made.make)
    return made


def test_the_file_behind_what_can_be_worked_out_is_set_aside_and_the_others_are_published(warehouse, house):
    before = publications.deliver(warehouse, "register", f"05913000_{DAY}")
    house.bad = {publications.deliver(warehouse, "register", "05315000_2018-12-31")}
    good = {before, publications.deliver(warehouse, "register", f"05315000_{DAY}")}
    build_id = house.build()
    assert build.publish_build(warehouse, build_id) == 1
    assert (house.read(build_id), len(house.begun)) == (good, 2)
    # A correction and a list: in the place of the one is read what was published, of the other nothing.
    house.bad |= {
        publications.deliver(warehouse, "register", f"05913000_{DAY}"),
        publications.deliver(warehouse, house.LISTS, "2014-2020"),
    }
    news = publications.deliver(warehouse, "register", "05315000_2020-12-31")
    build_id = house.build()
    assert build.publish_build(warehouse, build_id) == 2
    assert house.read(build_id) == good | {news}
    aside = {one.delivery_id: one for one in build.set_aside(warehouse)}
    assert aside.keys() == house.bad and {one.reason for one in aside.values()} == {gate.DISCLOSURE}
    assert [one.read_instead for one in aside.values() if one.period == f"05913000_{DAY}"] == [before]
    said = "select delivery_id from marts.publication_set_aside where publication_id = 2"
    assert {one for (one,) in query(warehouse, said, role=database.BI_READER)} == house.bad
    # What is known already is due no more.
    assert build.is_current(warehouse)


def test_where_no_file_can_be_set_aside_nothing_is_published(warehouse, house, monkeypatch):
    house.bad = {publications.deliver(warehouse, "register", f"05913000_{DAY}")}
    publications.deliver(warehouse, "register", f"05315000_{DAY}")
    monkeypatch.setattr(blame, "blamed", lambda *_: [])
    with pytest.raises(build.FailedBuildError, match="is not published: protected figures can be worked out"):
        house.build()
    assert query(warehouse, "select state from raw.build") == [("overtaken",), ("stopped",)]
    assert query(warehouse, "select * from published.publication") == []


def test_an_audit_that_cannot_judge_sets_nothing_aside(warehouse, house, monkeypatch):
    publications.deliver(warehouse, "register", f"05913000_{DAY}")
    monkeypatch.setattr(audit, "findings", partial(audit.findings, seconds=0))
    with pytest.raises(gate.GateError):
        house.build()
    assert query(warehouse, "select * from raw.build_set_aside") == []


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
        step(warehouse, build.check_marts, toy.build_id)
    assert [row[0] for row in query(warehouse, SAID, toy.build_id)] == ["marts"]
    with pytest.raises(UserError, match="was stopped"):
        build.publish_build(warehouse, toy.build_id)


def test_a_build_that_was_never_audited_is_not_published(warehouse, toy):
    step(warehouse, _passed, toy.build_id)
    with pytest.raises(UserError, match="its marts were never checked"):
        build.publish_build(warehouse, toy.build_id)
