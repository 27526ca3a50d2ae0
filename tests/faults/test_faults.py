"""A fixed sample of `make faults`, and loaders that are wrong on purpose, which it must catch."""

import dataclasses
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from lagebild.core.progress import Board
from lagebild.core.settings import Settings
from tests.faults import cases
from tests.faults.__main__ import page, run
from tests.faults.cases import Bench, Outcome, Point, scenarios
from tests.faults.proxy import AFTER, BEFORE, CUT, DISK_FULL, KILL, LOCK_TIMEOUT

SAMPLE = 10


@pytest.fixture(scope="module")
def bench(cluster: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One for all, as in `make faults`: its parent of the loading processes takes seconds to start."""
    with Bench(cluster, tmp_path_factory.mktemp("faults")) as bench:
        yield bench


def caught(cluster: Settings, folder: Path, loader: str, name: str, when: str, kind: str) -> tuple[str, ...]:
    """What the harness says of a wrong loader that is broken at the first point of this name."""
    employment = scenarios()[0]
    with Bench(cluster, folder, f"tests.faults.broken:{loader}") as bench:
        point = next(point for point in bench.points(employment) if name in point.name)
        return bench.outcome(point, when, kind).problems


def run_sample(cluster: Settings, folder: Path, size: int) -> tuple[list[Point], list[Outcome]]:
    with Board(Console(file=io.StringIO())) as board:
        return run(cluster, folder, cases.LOADER, size, board, workers=2)


@pytest.mark.long
def test_a_sample_of_all_faults_leaves_the_old_or_the_new_state_and_a_retry_converges(cluster, tmp_path):
    points, outcomes = run_sample(cluster, tmp_path, SAMPLE)
    assert len(outcomes) == SAMPLE
    assert [outcome for outcome in outcomes if outcome.problems] == []
    # What is drawn changes with every point that comes or goes; what is drawn from holds every fault.
    assert {kind for _, _, kind in cases.all_cases(points)} == {KILL, CUT, DISK_FULL, LOCK_TIMEOUT}
    assert {point.scenario.name for point in points} == {scenario.name for scenario in scenarios()}


@pytest.mark.nightly
def test_a_case_that_cannot_be_judged_is_bad_and_takes_no_other_with_it(cluster, tmp_path, monkeypatch):
    judge, seen = Bench.outcome, []

    def fails_once(bench, *case):
        seen.append(case)
        if len(seen) == 2:
            raise RuntimeError("a connection of the load is still open on the server")
        return judge(bench, *case)

    monkeypatch.setattr(Bench, "outcome", fails_once)
    monkeypatch.setattr("tests.faults.__main__.scenarios", lambda: scenarios()[:1])
    _, outcomes = run_sample(cluster, tmp_path, 4)
    assert len(outcomes) == 4
    (bad,) = [outcome for outcome in outcomes if outcome.problems]
    assert "could not be judged" in bad.problems[0] and bad.state == "between"


def test_the_first_and_the_last_of_steps_that_have_one_name_are_points(bench):
    points = bench.points(scenarios()[1])
    spilled = [point for point in points if point.name == "file: open for writing tmp"]
    assert [point.turn for point in spilled] == [1, spilled[0].turns] and spilled[0].turns > 2
    assert all(point.turn in (1, point.turns) for point in points)


def test_the_points_are_every_statement_and_file_operation_of_a_load(bench):
    points = bench.points(scenarios()[1])
    names = [point.name for point in points]
    for part in ("BEGIN", "pg_advisory_xact_lock", "insert into raw.delivery (", "copy ", "COPY data", "COPY end",
                 "rejected_row", "raw.delivery_event", "COMMIT", "file: fsync landing", "file: rename landing",
                 "file: remove drop"):  # fmt: skip
        assert any(part in name for name in names), part
    assert sorted(point.name for point in bench.points(scenarios()[1])) == sorted(names)  # the load is repeatable


def test_an_answer_to_the_commit_that_is_lost_leaves_the_new_state(bench):
    commit = next(point for point in bench.points(scenarios()[0]) if point.name.endswith("COMMIT"))
    assert (AFTER, CUT) in commit.faults
    outcome = bench.outcome(commit, AFTER, CUT)
    assert (outcome.state, outcome.problems) == ("new", ())
    assert "Error" in outcome.told


def test_the_client_sees_the_sqlstate_of_the_fault(bench):
    copy = next(point for point in bench.points(scenarios()[0]) if "COPY data" in point.name)
    assert "DiskFull" in bench.outcome(copy, BEFORE, DISK_FULL).told
    assert "LockNotAvailable" in bench.outcome(copy, BEFORE, LOCK_TIMEOUT).told


@pytest.mark.nightly
def test_a_table_that_another_session_really_holds_leaves_the_old_state(bench):
    scenario = scenarios()[1]
    written = {
        name for point in bench.points(scenario) for name in re.findall(r'"?(raw"?[.]"?\w+)\b(?![.]{3})', point.name)
    }
    tables = {name.replace('"', "") for name in written}
    assert tables >= {"raw.delivery", "raw.delivery_event", "raw.rejected_row", "raw.register__person"}
    for table in sorted(tables):
        run, state, problems = bench.held_lock(scenario, table)
        assert "LockNotAvailable" in run.told, (table, run.told)
        assert (state, problems) == ("old", []), table


@pytest.mark.parametrize("kind", [KILL, DISK_FULL])
def test_a_refusal_is_not_doubled_when_its_file_could_not_be_removed(bench, kind):
    remove = next(point for point in bench.points(scenarios()[2]) if point.name.startswith("file: remove"))
    assert bench.outcome(remove, BEFORE, kind).problems == ()


def test_a_killed_landing_leaves_no_copy_of_the_delivery_behind(bench):
    fsync = next(point for point in bench.points(scenarios()[1]) if point.name.startswith("file: fsync"))
    assert bench.outcome(fsync, BEFORE, KILL).litter == 0


def test_half_a_delivery_is_caught(cluster, tmp_path):
    problems = caught(cluster, tmp_path, "commits_each_statement", "raw.delivery_event", BEFORE, KILL)
    assert any("neither the old nor the new" in problem for problem in problems)


def test_a_delivery_that_is_lost_is_caught(cluster, tmp_path):
    problems = caught(cluster, tmp_path, "deletes_first", "COMMIT", BEFORE, KILL)
    assert any("the file left the drop folder" in problem for problem in problems)
    assert any("the retry did not lead" in problem for problem in problems)


def test_a_load_that_hides_an_error_is_caught(cluster, tmp_path):
    problems = caught(cluster, tmp_path, "hides_errors", "COMMIT", BEFORE, DISK_FULL)
    assert any("said that it was done" in problem for problem in problems)


def test_a_landed_file_that_is_not_whole_is_caught(warehouse):
    whole, torn = "a" * 64, "b" * 64
    folder = warehouse.landing / "employment" / "2019"
    folder.mkdir(parents=True)
    for name in (whole, torn, f".{torn}.csv.{os.getpid()}"):
        (folder / f"{name}.csv").write_bytes(b"x")
    assert len(cases.broken_landed(warehouse)) == 2


def test_the_page_counts_points_runs_and_what_was_bad():
    point = Point(scenarios()[0], False, "connection 1: COMMIT", 1, 3, ((BEFORE, KILL), (AFTER, KILL)))
    good = Outcome(point, BEFORE, KILL, "old", "nothing", (), 0)
    bad = dataclasses.replace(good, when=AFTER, state="between", problems=("the state is neither",))
    text = page([point], [good, bad], 1.0)
    assert "**1 points (1 distinct; 3 steps were seen, repeats among them), 2 runs, 1 bad.**" in text
    assert "| SIGKILL, answer lost | 1 | 0 | 0 | 1 |" in text
    assert "old 1 **bad**" in text
