"""The attacker names what can be solved, finds nothing where nothing can, and nothing in a sample of real builds."""

import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from lagebild.core.settings import ROOT, Settings
from tests.disclosure import grants, page, register, run
from tests.disclosure.generate import BULGARIA, CATALOGUE, OTHER, ROMANIA, YEAR_ENDS, Case, Grant, Posting, State, cases
from tests.disclosure.reader import Seen
from tests.disclosure.register import Finding, rounded

DAY = YEAR_ENDS[1]
SAMPLE = 60
FIGURES = dict.fromkeys(
    ("total_cost_eur", "unattributed_cost_eur", "excluded_cost_eur", "cost_per_person_eur", "reason",
     "cost_per_person_rounded_eur", "cost_per_person_low_eur", "cost_per_person_high_eur", "population_persons",
     "denominator_persons")
)  # fmt: skip


def _persons(bulgaria: int, romania: int, first: int = 0) -> frozenset[tuple[int, str]]:
    return frozenset(enumerate([BULGARIA] * bulgaria + [ROMANIA] * romania + [OTHER], first))


def _case(*lists: Iterable[Grant], persons: tuple[frozenset, ...] = (), **of_state: Any) -> Case:
    """A case with these lists, or these persons, one a publication."""
    number = max(len(lists), len(persons))
    lists = lists or ([Grant(n, 2016, 100_00, None) for n in range(5)],) * number
    persons = persons or (_persons(20, 20),) * number
    own: dict[str, Any] = {"employees": {DAY: 5}, "postings": (), "share": None, **of_state}
    states = tuple(State({DAY: p}, grants=frozenset(g), **own) for p, g in zip(persons, lists, strict=True))
    return Case(7, "05000011", CATALOGUE, "R7", "05", "", states)


def _seen(case: Case, hidden: dict[int, set[str]] | None = None) -> Seen:
    """What a reader has of the case where these cells of its grants are hidden, and counts of persons by the rules."""
    seen = Seen(publications=list(range(1, len(case.states) + 1)))
    for at, state in enumerate(case.states):
        own = {"publication_id": at + 1}
        for year, of_year in grants.cells(state.grants).items():
            shows = year not in (hidden or {}).get(at, set())
            seen.rows["funding_granted"][case.funder].append(
                own
                | {
                    "source": CATALOGUE,
                    "source_sha256": "f" * 64,
                    "funder": case.funder,
                    "region_code": case.region_code,
                    "begin_year": year,
                    "operations": len(of_year) if shows else None,
                    "granted_eur": Decimal(sum(grant.granted for grant in of_year)) / 100 if shows else None,
                    "total_cost_eur": None,
                    "granted_pct": None,
                }
            )
        b, r = state.count(DAY, BULGARIA), state.count(DAY, ROMANIA)
        splits = min(b, r) >= 3 and rounded(b) + rounded(r) == rounded(b + r)
        seen.rows["eu2_population"][case.ags].append(
            own
            | {
                "reference_date": DAY,
                "source": "register",
                "bulgaria_persons": rounded(b) if splits else None,
                "romania_persons": rounded(r) if splits else None,
                "eu2_persons": rounded(b + r) if b + r >= 3 else None,
                "change_persons": None,
            }
        )
    return seen


def _of_year(year: int, *amounts: int, first: int = 0) -> list[Grant]:
    return [Grant(first + n, year, amount * 100, None) for n, amount in enumerate(amounts)]


LARGE = _of_year(2017, 100, 110, 120, 130, 140, 150, first=10)


def _found(case: Case, seen: Seen) -> list[Finding]:
    return grants.attack(case, seen) + register.attack(case, seen, {})


def _assert_names(found: list[Finding], kind: str, cell: str) -> None:
    assert [f for f in found if f.kind == kind and re.search(cell, f.cell)], found


def test_nothing_is_found_where_the_smallest_year_and_a_large_one_are_hidden() -> None:
    case = _case([*_of_year(2016, 100), *LARGE, *_of_year(2018, 90, 100, 110, first=30)])
    assert _found(case, _seen(case, {0: {"2016", "2017"}})) == []


def test_a_year_that_its_total_tells_is_named() -> None:
    case = _case([*_of_year(2016, 777), *LARGE])
    found = _found(case, _seen(case, {0: {"2016"}}))
    _assert_names(found, "(i) small count of grants", "2016, publication 1")
    _assert_names(found, "(iii) amount", "2016, publication 1, granted_eur")
    assert "77700 to 77700 cents" in {finding.why for finding in found}


def test_hidden_years_that_hold_one_each_are_named() -> None:
    case = _case([*_of_year(2016, 1), *_of_year(2018, 2, first=3), *_of_year(2019, 3, first=5), *LARGE])
    found = _found(case, _seen(case, {0: {"2016", "2018", "2019"}}))
    assert len([finding for finding in found if finding.kind == "(i) small count of grants"]) == 3


def test_a_year_hidden_first_and_shown_later_tells_by_what_did_not_change() -> None:
    """Fixture 3: the second publication shows the year that was hidden with the one of one grant."""
    alone, grown = _of_year(2016, 54_321), _of_year(2016, 54_321, 900, 28_000)
    case = _case([*alone, *LARGE], [*grown, *LARGE])
    _assert_names(_found(case, _seen(case, {0: {"2016", "2017"}})), "(iii) amount", "2016, publication 1, granted_eur")


def test_a_grant_more_is_named_where_both_publications_show_the_year() -> None:
    case = _case(LARGE, [*LARGE, *_of_year(2017, 777, first=50)])
    found = _found(case, _seen(case))
    _assert_names(found, "(i) small difference of grants", "2017, publications 1 to 2")
    _assert_names(found, "(iii) amount of a difference", "2017, publications 1 to 2, granted_eur")


def test_a_difference_of_many_grants_is_no_finding() -> None:
    case = _case(LARGE, [*LARGE, *_of_year(2017, 100, 110, 120, 130, first=50)])
    assert _found(case, _seen(case)) == []


@pytest.mark.parametrize("amounts", [(100, 1, 1), (90, 89, 10, 5)], ids=["p percent", "two hold 90 percent"])
def test_a_dominated_year_that_is_shown_is_named(amounts: tuple[int, ...]) -> None:
    case = _case([*_of_year(2016, *amounts), *LARGE])
    _assert_names(_found(case, _seen(case)), "(iii) amount", "2016, publication 1, granted_eur")


def test_a_tree_that_counts_the_rows_of_a_hidden_year_is_named() -> None:
    case = _case([*_of_year(2016, 1), *LARGE])
    seen = _seen(case, {0: {"2016", "2017"}})
    seen.nodes[f"funding_granted {'f' * 64}|R7|05|2016"].append(
        {"publication_id": 1, "figure": "granted_eur", "value": None, "row_count": 1}
    )
    _assert_names(_found(case, seen), "(i) small count of grants", "2016, publication 1")


def test_lines_and_a_percentage_beside_what_is_hidden_are_named() -> None:
    case = _case([*_of_year(2016, 1), *LARGE])
    seen = _seen(case, {0: {"2016", "2017"}})
    seen.lined.add((1, "e" * 64))
    assert grants.attack(case, seen) == []
    seen.lined.add((1, "f" * 64))
    assert {finding.why for finding in grants.attack(case, seen)} == {"lines of its list are named"}
    seen.lined.clear()
    for row in seen.rows["funding_granted"][case.funder]:
        row["granted_pct"] = Decimal(50)
    assert sorted(finding.cell[-19:] for finding in grants.attack(case, seen)) == [
        "2016, publication 1",
        "2017, publication 1",
    ]


def test_the_length_of_a_list_tells_a_hidden_total() -> None:
    made = [*_of_year(2016, 1), *_of_year(2018, 2, 3, first=3)]
    case = replace(_case([replace(grant, total=2 * grant.granted) for grant in made]), source="esf_bayern", period="P")
    seen = _seen(replace(case, source=CATALOGUE), {0: {"2016", "2018", "all"}})
    seen.rows["funding_granted"]["esf_bayern P"] = seen.rows["funding_granted"]["R7"]
    assert grants.attack(case, seen) == []
    seen.sources["esf_bayern", "P"].append({"publication_id": 1, "loaded": 3})
    _assert_names(grants.attack(case, seen), "(i) small count of grants", "2016, publication 1")


def _with_ledger(bulgaria: int, romania: int, **figures: Any) -> tuple[Case, Seen]:
    case = _case(persons=(_persons(bulgaria, romania),), postings=(Posting("050101", "EU2", 1_000_000),))
    seen = _seen(case)
    row = {**FIGURES, "reference_year": 2019, "unmapped_cost_eur": Decimal(0), **figures}
    seen.rows["cost_per_person"][case.ags].append({"publication_id": 1, **row})
    return case, seen


@pytest.mark.parametrize("counts", [(0, 0), (1, 1), (1, 3), (3, 3), (1, 499), (5, 6), (40, 41)])
def test_counts_by_the_rules_tell_nothing(counts: tuple[int, int]) -> None:
    case = _case(persons=(_persons(*counts),))
    assert _found(case, _seen(case)) == []


@pytest.mark.parametrize(
    ("counts", "figures", "kind", "cell"),
    [
        ((1, 3), {"population_persons": 4}, "(ii) rounded count", "EU2"),
        ((1, 498), {"denominator_persons": 494}, "(ii) rounded count", "EU2"),
        ((0, 2), {"population_persons": 2}, "(i) small count", "EU2"),
        ((0, 0), {"population_persons": 0}, "(i) small count", "BG"),
        ((3, 4), {"reason": "small_cell"}, "(ii) rounded count", "EU2"),
        ((0, 2), {"total_cost_eur": Decimal(10_000)}, "(iii) money of few persons", "total_cost_eur"),
        ((0, 2), {"unattributed_cost_eur": Decimal(1), "excluded_cost_eur": Decimal(2)},
         "(iii) money of few persons", "the rest of the ledger"),
        ((10, 13), {"total_cost_eur": Decimal(10_000), "cost_per_person_eur": Decimal("555.555556")},
         "(ii) rounded count", "EU2"),
        ((10, 13), {"total_cost_eur": Decimal(10_000), "cost_per_person_low_eur": Decimal("555.56")},
         "(ii) rounded count", "EU2"),
    ],
    ids=["another mart", "less employees", "two", "none", "reason", "total", "rest", "rate", "end of an interval"],
)  # fmt: skip
def test_a_figure_that_is_made_from_the_count_itself_is_named(
    counts: tuple[int, int], figures: dict[str, Any], kind: str, cell: str
) -> None:
    case, seen = _with_ledger(*counts, **figures)
    _assert_names(_found(case, seen), kind, cell)


def test_a_rate_rounded_so_far_that_the_class_gives_one_is_no_finding() -> None:
    # 10,000 EUR by 18 to 22 persons are 454 to 556 EUR: 500 EUR is the first step at which they are all the same.
    rate = {"cost_per_person_eur": Decimal(500), "cost_per_person_rounded_eur": Decimal(500)}
    ends = {"cost_per_person_low_eur": Decimal(0), "cost_per_person_high_eur": Decimal(1000)}
    case, seen = _with_ledger(10, 13, total_cost_eur=Decimal(10_000), population_persons=25, **rate, **ends)
    assert _found(case, seen) == []


def test_a_lump_sum_and_an_extrapolation_tell_as_much_as_a_count() -> None:
    case, seen = _with_ledger(10, 13, total_cost_eur=Decimal(10_000), cost_per_person_rounded_eur=Decimal(500))
    when = {"reference_year": 2019, "reference_date": DAY}
    by_lump_sum = {**when, "population_persons": None, "lump_sum_eur": Decimal(11_500), "rate_eur": Decimal(500)}
    seen.rows["lump_sum_simulation"][case.ags] = [
        {"publication_id": 1, "total_cost_eur": None, "covered_pct": None, **by_lump_sum}
    ]
    _assert_names(_found(case, seen), "(ii) rounded count", "EU2")
    seen.rows["lump_sum_simulation"].clear()
    assert _found(case, seen) == []
    exact = {**when, "extrapolated_cost_unrounded_rate_eur": Decimal(297_677_222), "denominator_persons": 535_819}
    seen.rows["cost_extrapolation"][case.ags] = [
        {"publication_id": 1, "extrapolated_cost_rounded_rate_eur": None, **exact}
    ]
    _assert_names(_found(case, seen), "(ii) rounded count", "EU2")


def test_the_length_of_a_register_and_an_erasure_are_named() -> None:
    case = _case(persons=(_persons(10, 13),))
    seen = _seen(case)
    delivered = {"publication_id": 1, "records": None, "loaded": None, "erased_at": None}
    seen.sources["register", f"{case.ags}_{DAY}"] = [
        delivered | {"records": 25},
        delivered | {"records": 24},
        delivered | {"erased_at": date.today()},
    ]
    found = _found(case, seen)
    _assert_names(found, "(ii) persons of a file", "publication_source")
    assert len(found) == 2
    _assert_names(found, "(i) erasure", "publication_source")


def test_one_person_less_is_named_where_counts_are_exact_and_not_where_they_are_rounded() -> None:
    case = _case(persons=(_persons(10, 13), _persons(10, 12)))
    seen = _seen(case)
    assert _found(case, seen) == []
    for row, persons in zip(seen.rows["eu2_population"][case.ags], (23, 22), strict=True):
        row["eu2_persons"] = persons
    _assert_names(_found(case, seen), "(i) small difference", "EU2, publications 1 to 2")


def test_the_least_that_a_table_has_to_hide() -> None:
    alone = frozenset([*_of_year(2016, 1), *LARGE, *_of_year(2018, 100, 110, 120, first=30)])
    assert grants.least_hidden(alone, False)[0] == 2
    assert grants.least_hidden(frozenset(LARGE), False) == (0, 0)
    # A grant more than was shown: the year and the total are to be hidden, or what it got is known.
    lists = [frozenset(LARGE), frozenset([*LARGE, *_of_year(2017, 777, first=50)])]
    assert grants.forced_before(lists, [set()], False) == {"2017", "all"}
    assert grants.forced_before(lists, [{"2017", "all"}], False) == set()
    # What protected a year then protects it still, as long as it is the same.
    lists = [alone, alone]
    assert grants.forced_before(lists, [{"2016", "2018"}], False) == {"2018"}
    least = {(0, 0): 3, (1, 1): 3, (2, 2): 2, (1, 20): 1, (3, 3): 1, (5, 5): 0}
    assert {counts: run.least_hidden(*counts) for counts in least} == least


def test_a_case_follows_from_seed_and_number_alone() -> None:
    assert cases(3, 5) == [*cases(3, 2), *cases(3, 3, first=2)]
    assert cases(3, 5) != cases(4, 5)
    many = cases(3, 600)
    assert len({case.ags for case in many}) == len({(case.source, case.funder, case.period) for case in many}) == 600


def test_another_process_makes_the_same_cases() -> None:
    parts = "for c in cases(3, 200) for s in c.states for part in (*s.persons.values(), map(repr, s.grants))"
    told = f"from tests.disclosure.generate import cases; print([sorted(part) {parts}])"
    command = [sys.executable, "-c", told]
    said = {
        subprocess.run(command, env={"PYTHONHASHSEED": seed}, cwd=ROOT, capture_output=True, check=True).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_more_than_is_needed_and_a_safe_cell_that_is_hidden_break_the_musts() -> None:
    outcome = run.Outcome(1)
    outcome.losses[run.GRANTS] = run.Loss(cells=10, hidden=3, least=1, needed=2, safe=4, safe_shown=4)
    assert page.broken(outcome) == []
    outcome.losses[run.REGISTERS] = run.Loss(cells=3, hidden=1, safe=3, safe_shown=2)
    assert len(page.broken(outcome)) == 2
    outcome.findings.append(Finding(1, "(i) small count", "cell", "why"))
    assert "**Disclosed: 1 of 1**" in page.page(outcome, 15, 1000, 1)


@pytest.mark.long
def test_nothing_is_disclosed_in_a_sample_of_real_builds(warehouse: Settings) -> None:
    # Two publications, so that one is subtracted from another; `make disclosure` makes four of each.
    sample = [replace(case, states=case.states[:2]) for case in cases(15, SAMPLE)]
    outcome = run.through_builds(warehouse, sample)
    assert outcome.findings == []
    assert page.broken(outcome) == []
