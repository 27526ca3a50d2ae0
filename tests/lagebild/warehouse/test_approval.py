"""A checked build waits until somebody publishes it, and what was checked is published or nothing."""

import getpass
from dataclasses import replace

import pytest

from lagebild.core import settings as settings_module
from lagebild.core.errors import UserError
from lagebild.local import run as steps
from lagebild.local import status
from lagebild.warehouse import build
from tests import publications as prepared
from tests.ingest.support import command
from tests.support import query, step

IN_FORCE = "select publication_id from published.current_publication"


@pytest.fixture
def house(warehouse, monkeypatch):
    """Own files; a build is of prepared candidates that pass their checks, without dbt."""
    prepared.fill(warehouse)
    monkeypatch.setattr(build, "make", lambda connection, settings, build_id, tell=None, echo=print: build_id)
    monkeypatch.setattr(
        build, "check_marts", lambda connection, build_id, echo=print: prepared.pass_checks(warehouse, build_id)
    )
    return replace(warehouse, publish="ask")


def waits(house) -> int:
    """A new delivery, and the build of it that waits."""
    prepared.deliver(house)
    assert build.run(house) is None
    return build.waiting(house)


def test_own_files_ask_and_the_demo_does_not_unless_the_setting_says_otherwise(warehouse):
    assert warehouse.publishes_unasked and not replace(warehouse, demo=False).publishes_unasked
    assert replace(warehouse, demo=False, publish="auto").publishes_unasked
    assert not settings_module.load({"LAGEBILD_PUBLISH": "ask"}).publishes_unasked
    again = settings_module.load(replace(warehouse, publish="ask", demo=False).variables())
    assert (again.publish, again.publishes_unasked) == ("ask", False)
    with pytest.raises(UserError, match="LAGEBILD_PUBLISH=never is neither ask nor auto"):
        settings_module.load({"LAGEBILD_PUBLISH": "never"})


def test_a_build_that_waits_publishes_and_releases_nothing_and_is_not_made_again(house):
    build_id = waits(house)
    assert query(house, IN_FORCE) == [(None,)] and query(house, "select state from raw.build") == [("waiting",)]
    assert build.is_current(house) and build.begin(house) is None
    assert not steps.needs_build(house) and not steps.needs_release(house)
    (line,) = steps.waiting_lines(house, steps.now())
    assert line == (
        f"build {build_id} passed its checks and waits for approval; nothing is published:"
        f" lagebild publication publish {build_id}"
    )
    assert f"to publish:     {line}" in status.lines(house)
    assert command(house, "build").output.splitlines()[-1] == line

    said = command(house, "publish", str(build_id))
    assert said.exit_code == 0 and said.output == "publication 1 is in force\n"
    assert query(house, IN_FORCE) == [(1,)] and query(house, "select state from raw.build") == [("published",)]
    assert query(house, "select published_by from raw.build") == [(getpass.getuser(),)]
    assert steps.needs_release(house) and steps.waiting_lines(house, steps.now()) == []
    assert build.is_current(house) and build.waiting(house) is None
    with pytest.raises(UserError, match="no build waits to be published"):
        build.approve(house)
    with pytest.raises(UserError, match=f"build {build_id} does not wait to be published: it is published"):
        build.approve(house, build_id)


def test_build_publish_publishes_at_once_and_also_what_waits(house):
    waits(house)
    assert command(house, "build", "--publish").output.splitlines()[-1] == "publication 1 is in force"
    prepared.deliver(house)
    assert command(house, "build", "--publish").output.splitlines()[-1] == "publication 2 is in force"
    assert command(house, "build", "--publish").output.splitlines()[-1] == "nothing new to build"


def test_the_demo_publishes_unasked(house):
    prepared.deliver(house)
    assert build.run(replace(house, publish=None, demo=True)) == 1
    assert query(house, "select published_by from raw.build") == [(None,)]  # nobody asked for it


def test_a_build_is_not_published_after_a_later_one_has_begun(house):
    former = waits(house)
    later = waits(house)
    with pytest.raises(
        UserError, match=f"build {former} does not wait to be published: it is overtaken by build {later}"
    ):
        build.approve(house, former)
    prepared.deliver(house)
    running = build.begin(house)
    # it writes over the candidates of the one that waited, and where it fails there is nothing left to publish
    with pytest.raises(UserError, match=f"overtaken by build {running}"):
        build.approve(house, later)
    step(house, build._stop, running, "dbt failed")
    with pytest.raises(UserError, match=f"overtaken by build {running}"):
        build.approve(house, later)
    assert query(house, IN_FORCE) == [(None,)]


@pytest.mark.parametrize("change", ["accepted", "withdrawn", "code"])
def test_a_build_is_not_published_once_its_inputs_are_others(house, monkeypatch, change):
    build_id = waits(house)
    if change == "accepted":
        prepared.deliver(house, period="2020")
    elif change == "withdrawn":
        prepared.withdraw(house, query(house, "select max(delivery_id) from raw.delivery")[0][0])
    else:
        monkeypatch.setattr(build, "code_version", lambda *_: "0.2.0+other")
    with pytest.raises(UserError, match=f"build {build_id} is not published: since it was checked") as refused:
        build.approve(house)
    assert "lagebild publication build" in refused.value.remedy
    assert query(house, IN_FORCE) == [(None,)]


def test_a_build_whose_checks_did_not_pass_never_waits(house):
    prepared.deliver(house)
    build_id = build.begin(house)
    with pytest.raises(UserError, match="its marts were never checked"):
        step(house, build.wait_for_approval, build_id)
    with pytest.raises(UserError, match="does not wait to be published: it is running"):
        build.approve(house, build_id)
    with pytest.raises(UserError, match="there is no build 99"):
        build.approve(house, 99)


def test_who_approves_is_told_what_is_new(house):
    first = waits(house)
    assert "new: employment 2019, delivery 1" in build.about(house, first)
    build.approve(house)
    prepared.deliver(house, "eu2_series", "2007-2019")
    build.run(house)
    told = build.about(house, build.waiting(house))
    build.approve(house, by="Test Decider")
    assert query(house, "select max(published_by) from raw.build where published_by like 'Test%'") == [
        ("Test Decider",)
    ]
    assert told == [
        f"build {first + 1} reads 2 deliveries and passed its checks",
        "new: eu2_series 2007-2019, delivery 2",
        "warnings: 0",
    ]
