"""A fixed sample of the mutants (`make mutants` tries all), and that the search for survivors finds one."""

from dataclasses import replace

import pytest

from expectations.suite import NOTE, no_row
from tests.expectations import mutate

SAMPLE = ["eu2_series", "structure_tables", "marts.municipal_profile", "marts.integration_course"]


@pytest.mark.long
def test_no_mutant_of_the_sample_survives(warehouse):
    tried = mutate.run(warehouse, SAMPLE, lambda *_: None)
    assert len(tried) > 100
    assert [f"{t.mutant.name}: {t.mutant.how}" for t in tried if t.is_wrong] == []


def test_every_source_and_mart_is_tried():
    assert len(mutate.subjects()) == len(set(mutate.subjects())) > 35


def test_a_mutant_that_no_case_notices_survives():
    original = no_row("a", "select 1 from batch where b > 5", why="why", expected="x", severity=NOTE, owner="nobody")
    (looser,) = [m for m in mutate.mutants(original, []) if m.how == "doubled: > 5"]
    assert "b > 10" in looser.expectation.arguments["unexpected_rows_query"]
    unnoticed = mutate.Tried(looser, NOTE, sound=[True], broken=[False])
    assert unnoticed.survives and "survived: a: doubled: > 5" in mutate.report([unnoticed], 1)
    unbroken = mutate.Tried(mutate.mutants(original, [])[0], NOTE, sound=[True], broken=[True])
    assert "not as its cases say: a" in mutate.report([unbroken], 1)
    for noticed in ({"sound": [False]}, {"broken": [False, True]}, {"severity": "hold"}):
        assert not replace(unnoticed, **noticed).survives
