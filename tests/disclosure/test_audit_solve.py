"""The audit's core, without a database: what it finds is what trying all values finds."""

import itertools
import random

import pytest

from disclosure import solve
from disclosure.equations import Apart, Few, FewApart, Problem, Source, Values
from disclosure.solve import UndecidedError, Work, audit

SECONDS = 30.0


def source(what: str) -> Source:
    return Source("toy", "place", what)


def counts(*equations: tuple[dict[str, int], int, int], cells: str = "abc", **truth: int) -> Problem:
    """Counts from 0 to 6, with these equations."""
    problem = Problem()
    for cell in cells:
        problem.know(cell, high=6, truth=truth.get(cell))
    for number, (terms, low, high) in enumerate(equations):
        problem.state(source(f"equation {number}"), terms, low, high)
    return problem


def possible(problem: Problem) -> list[dict[str, int]]:
    """All values that the equations allow."""
    cells = sorted(problem.unknowns)
    points = (dict(zip(cells, point, strict=True)) for point in itertools.product(range(7), repeat=len(cells)))
    return [
        at
        for at in points
        if all(
            equation.low <= sum(factor * at[cell] for factor, cell in equation.terms) <= equation.high
            for equation in problem.equations.values()
        )
    ]


def ends(points: list[dict[str, int]], terms: dict[str, int]) -> tuple[int, int]:
    values = [sum(factor * at[cell] for cell, factor in terms.items()) for at in points]
    return min(values), max(values)


@pytest.mark.parametrize("knows_the_truth", [True, False])
def test_it_finds_what_trying_all_values_finds(knows_the_truth):
    dice = random.Random(20261130)
    broken = 0
    for _ in range(60):
        truth = {cell: dice.randint(0, 6) for cell in "abcd"}
        problem = counts(cells="abcd", **truth if knows_the_truth else {})
        for number in range(dice.randint(1, 3)):
            terms = {cell: dice.choice([-2, -1, 1, 1, 1]) for cell in dice.sample("abcd", dice.randint(1, 4))}
            total = sum(factor * truth[cell] for cell, factor in terms.items())
            problem.state(source(f"equation {number}"), terms, total - dice.randint(0, 1), total + dice.randint(0, 1))
        asked = [({cell: 1}, rule) for cell in "abcd" for rule in (Few(True), Values(5))]
        asked += [({"a": 1, "b": -1}, FewApart()), ({"c": 1, "d": -1}, FewApart())]
        for number, (terms, rule) in enumerate(asked):
            problem.protect(source(f"requirement {number}"), terms, rule)
        found = {finding.requirement.source.what for finding in audit(problem, SECONDS)}
        points = possible(problem)
        expected = {
            f"requirement {n}" for n, (terms, rule) in enumerate(asked) if rule.is_broken_by(*ends(points, terms))
        }
        assert found == expected
        broken += len(expected)
    assert 80 < broken < 500  # both ways were tried


def test_a_finding_names_the_equations_that_do_it_and_no_other():
    problem = counts(
        ({"a": 1, "b": 1}, 4, 4), ({"b": 1, "c": 1}, 5, 5), ({"c": 1}, 2, 2), ({"a": 1, "d": 1}, 3, 9), cells="abcd"
    )
    problem.protect(source("a"), {"a": 1}, Few())
    (finding,) = audit(problem, SECONDS)
    assert {equation.what for equation in finding.equations} == {"equation 0", "equation 1", "equation 2"}
    assert not any(digit in str(finding) for digit in "3456789")


def test_whatever_is_said_again_is_entered_once():
    problem = counts(({"a": 1, "b": 1}, 4, 4), ({"b": 1, "a": 1}, 4, 4), ({"a": 1, "b": 1}, 4, 5))
    assert len(problem.equations) == 2


def test_a_difference_of_unknowns_that_nothing_joins_is_judged_by_both():
    problem = counts(({"a": 1}, 3, 4), ({"b": 1}, 1, 2), cells="ab")
    problem.protect(source("apart"), {"a": 1, "b": -1}, FewApart())
    assert audit(problem, SECONDS) == []  # 1 to 3
    problem.state(source("more"), {"b": 1}, 2, 2)
    assert len(audit(problem, SECONDS)) == 1


def test_an_amount_must_stay_possible_on_both_sides():
    def found(hidden_beside: int) -> int:
        problem = Problem()
        problem.know("largest", whole=False, truth=100_00)
        problem.know("beside", whole=False, truth=hidden_beside)
        total = 100_00 + hidden_beside
        problem.state(source("sum"), {"largest": 1, "beside": 1}, total, total)
        problem.protect(source("largest"), {"largest": 1}, Apart(100_00, 10_00))
        return len(audit(problem, SECONDS))

    assert (found(9_00), found(10_00)) == (1, 0)


@pytest.mark.parametrize("share", [0.25, 0.75])
def test_large_amounts_are_solved_to_the_cent(share):
    whole = 12_345_678_901_23
    problem = Problem()
    truth = {"a": int(share * whole), "c": 5}
    truth |= {"b": whole - truth["a"], "d": 7}
    for cell, value in truth.items():
        problem.know(cell, whole=False, truth=value)
    for terms in ({"a": 1, "b": 1}, {"c": 1, "d": 1, "a": 1}, {"b": 1, "c": -1}):
        total = sum(factor * truth[cell] for cell, factor in terms.items())
        problem.state(source(str(sorted(terms))), terms, total, total)
    # a + b, a + c + d, b - c: a - but for d - is fixed by c, which lies between nothing and the second sum
    problem.protect(source("c"), {"c": 1}, Apart(truth["c"], truth["c"] + 3))
    problem.protect(source("d"), {"d": 1}, Apart(truth["d"], 0))
    assert {finding.requirement.source.what for finding in audit(problem, SECONDS)} == {"c", "d"}


def test_most_cells_need_no_solver():
    problem, work = Problem(), Work()
    for place in range(100):
        cells = [(place, year) for year in range(6)]
        for cell in cells:
            problem.know(cell, low=1)
            problem.protect(source(f"{cell}"), {cell: 1}, Few())
        for cell in cells[3:]:
            problem.state(source(f"shown {cell}"), {cell: 1}, 20, 20)
        problem.state(source(f"all {place}"), dict.fromkeys(cells, 1), 70, 70)
    assert audit(problem, SECONDS, work) == []
    assert (work.requirements, work.calls) == (600, 0)


def test_reaching_the_time_limit_is_no_pass():
    with pytest.raises(UndecidedError, match="time limit"):
        audit(counts(({"a": 1, "b": 1}, 4, 4)), 0.0)


def test_a_solver_out_of_time_is_no_pass(monkeypatch):
    class Late:
        status, x, message = 1, None, "time limit"

    problem = counts(({"a": 1, "b": 2}, 4, 4), ({"b": 1, "c": 2}, 5, 7))
    problem.protect(source("a"), {"a": 1}, Few())
    monkeypatch.setattr(solve.optimize, "milp", lambda *_, **__: Late)
    with pytest.raises(UndecidedError, match="time limit"):
        audit(problem, SECONDS)


@pytest.mark.parametrize(
    "equations",
    [
        [({"a": 1}, 2, 2), ({"a": 1}, 3, 3)],
        [({"a": 1, "b": 1}, 4, 4), ({"a": 1}, 3, 3), ({"b": 1}, 2, 2)],
        [({"a": 2, "b": 2, "c": 2}, 5, 5)],
    ],
)
def test_what_contradicts_itself_is_no_pass(equations):
    problem = counts(*equations)
    problem.protect(source("a"), {"a": 1}, Few())
    with pytest.raises(UndecidedError, match="contradicts itself"):
        audit(problem, SECONDS)


def test_an_equation_that_is_not_true_is_no_pass():
    problem = counts(({"a": 1, "b": 1}, 4, 4), a=3, b=3)
    with pytest.raises(UndecidedError, match="does not hold of the exact figures: toy place, equation 0"):
        audit(problem, SECONDS)
