"""The jobs that CI runs side by side cover every test once, and each is what it says."""

import re
import subprocess

import pytest

from lagebild.core.settings import ROOT
from lagebild.local import postgres
from tests import jobs
from tests.conftest import HEAVY_AT_COLLECTION, JOB_OF, settings_in


def marker_expressions(target: str) -> list[str | None]:
    """What `-m` says in each call of pytest that `make target` does."""
    told = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    calls = [line for line in told.splitlines() if re.match(r"\S*pytest\b", line)]
    return [found[1] if (found := re.search(r" -m (\S+)", call)) else None for call in calls]


def test_the_three_jobs_are_three_targets_and_make_test_is_all_of_them():
    assert [marker_expressions(f"test-{job.replace('_', '-')}") for job in jobs.JOBS] == [[job] for job in jobs.JOBS]
    assert marker_expressions("test") == [None]


def test_every_test_that_was_collected_has_one_job(request):
    job_of = request.config.stash[JOB_OF]
    assert request.node.nodeid in job_of
    assert set(job_of.values()) <= set(jobs.JOBS)
    marked = {item.nodeid: {m.name for m in item.iter_markers()} & set(jobs.JOBS) for item in request.session.items}
    assert marked == {nodeid: {job_of[nodeid]} for nodeid in marked}


@pytest.mark.parametrize(
    ("folder", "fixtures", "markers", "job"),
    [
        ("ingest", ["tmp_path"], [], "unit"),
        ("ingest", ["warehouse", "cluster"], [], "warehouse"),
        ("lagebild", [], ["own_server"], "warehouse"),
        ("end_to_end", ["own"], [], "end_to_end"),
        ("end_to_end", ["cluster"], [], "end_to_end"),
    ],
)
def test_the_job_follows_from_folder_and_fixtures(folder, fixtures, markers, job):
    assert jobs.job(folder, fixtures, markers) == job


def test_a_job_is_not_chosen_by_hand():
    with pytest.raises(ValueError, match="marked unit by hand"):
        jobs.job("ingest", ["cluster"], ["unit", "skipif"])


def test_collection_imports_nothing_heavy(request):
    """Each worker collects all tests, whichever it runs."""
    assert request.config.stash[HEAVY_AT_COLLECTION] == []


def test_a_unit_test_gets_no_server(tmp_path):
    with pytest.raises(pytest.fail.Exception, match="a unit test has no database"):
        postgres.start(settings_in(tmp_path), durable=False)


def halves(order: list[str], workers: int) -> list[list[str]]:
    """What each worker begins with, as pytest-xdist cuts it."""
    parts, left = [], list(order)
    for number in range(workers):
        size = len(left) // (workers - number)
        parts.append(left[:size])
        left = left[size:]
    return parts


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
def test_the_longest_begin_first_and_stacks_follow_each_other(workers):
    stacks, long, rest = ["s1", "s2"], ["l1", "l2", "l3"], [f"t{n}" for n in range(20)]
    order = jobs.dealt(stacks, long, rest, workers)
    assert sorted(order) == sorted([*stacks, *long, *rest])
    first, *others = halves(order, workers)
    assert first[:2] == stacks
    heads = [part[0] for part in others[: len(long)]]
    assert heads == long[: len(heads)]
    if workers == 1:
        assert order[:5] == [*stacks, *long]
    assert [test for test in order if test in rest] == rest


def test_few_tests_are_dealt_whole():
    assert sorted(jobs.dealt(["s1", "s2", "s3"], ["l1"], [], 4)) == ["l1", "s1", "s2", "s3"]
    assert jobs.dealt([], [], [], 2) == []
