"""Each rule of the protection is needed: with one of them taken away the audit finds what it kept.

A copy of the dbt project in which one rule is written otherwise, the models behind it run on real rows, and the audit.
The places are made up for the rules, all of one publication; what differs from an earlier one, the attacker judges.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from disclosure import audit
from disclosure.solve import UndecidedError
from lagebild import database
from lagebild.settings import DBT_PROJECT, Settings
from lagebild.warehouse import build, transform
from tests.disclosure import place
from tests.disclosure.generate import BULGARIA, CATALOGUE, OTHER, ROMANIA, Case, Grant, Posting, State
from tests.support import run_dbt, run_layers

DAY = date(2019, 12, 31)
GRANT_CELL = "models/intermediate/disclosure/int_disclosure__grant_cell.sql"
DOMINANCE, CLASSES = "macros/dominance.sql", "macros/disclosure.sql"
COST_GROUP = "models/intermediate/disclosure/int_disclosure__cost_group.sql"
DENOMINATOR = "models/intermediate/cost/int_cost__denominator.sql"
EXTRAPOLATION = "models/marts/cost/cost_extrapolation.sql"
Change = tuple[str, str, str]
"""File of the project, what stands there once, what stands there instead."""
_NO_NK: Change = (DOMINANCE, "* 100 / {{ parameters }}.dominance_percent - {{ total }}", "* 0")
_NO_P: Change = (DOMINANCE, "{{ first }} * {{ parameters }}.p_percent / 100 - (", "0 * (")
_EXACT = (
    "(select max(counted.eu2_persons) from {{{{ ref('int_population__counted_register') }}}} as counted"
    " where counted.region_code = {0}.{1} and extract(year from counted.reference_date) = {0}.persons_year)"
)


@dataclass(frozen=True)
class Mutant:
    """A rule taken away, and the place or list that it protected."""

    rule: str
    figure: str
    changes: tuple[Change, ...]
    only_with: tuple[Change, ...] = ()
    """What else must be changed for the rule to be the only one: with that alone the figure is not found."""


def _one(rule: str, figure: str, *change: str, only_with: tuple[Change, ...] = ()) -> Mutant:
    return Mutant(rule, figure, (change,), only_with)


MUTANTS = (
    _one("few units", "FEW", GRANT_CELL, "when units < minimum_units then", "when false then"),
    # Of two largest n and k ask more than p percent at these parameters, and so stand in for it.
    _one("p percent", "DOMINATED", *_NO_P, only_with=(_NO_NK,)),
    _one("n and k", "NEARLY", *_NO_NK),
    _one("secondary cells", "EQUATION", GRANT_CELL, "        and bool_or(rule is not null)\n", "and false\n"),
    _one("k units in k years", "ONES", DOMINANCE,
         "{{ units }} >= {{ years }} + {{ parameters }}.minimum_units - 1 and", "true and"),
    _one("amounts of an equation", "AMOUNTS", GRANT_CELL, "        and together.hides_amounts\n", ""),
    _one("the minimum of persons", "05000001", CLASSES,
         "when {{ persons }} >= {{ var('minimum_cell_persons') }}", "when {{ persons }} >= 1"),
    _one("the class", "05000003", CLASSES,
         "round({{ persons }} / cast({{ var('register_rounding_base') }} as numeric))"
         " * {{ var('register_rounding_base') }}", "{{ persons }}"),
    _one("parts beside their sum", "05000002", CLASSES,
         "coalesce({{ first }} + {{ second }} = {{ whole }}, false)", "{{ first }} + {{ second }} is not null"),
    _one("the step of a rate", "05000003", CLASSES, "select min(steps.step_eur)", "select min(0.01)"),
    _one("money of few persons", "05000004", COST_GROUP, "'persons' as rule\n    from ledgers\n",
         "'persons' as rule\n    from (select * from ledgers where false) as ledgers\n"),
    _one("money of a share of few", "05000005", COST_GROUP, "share_numerator <", "0 <> 0 and 0 <"),
    _one("a denominator of few", "05000006", DENOMINATOR,
         "when denominator_class_low_persons < {{ var('minimum_cell_persons') }} then 'confidential'", ""),
    _one("the class at the end of an extrapolated cost", "07000000", EXTRAPOLATION,
         "round(cost_per_person_low_eur * price_factor * denominator_low_persons, 0)",
         "round(cost_per_person_low_eur * price_factor * coalesce("
         + _EXACT.format("judged", "region_code") + " - employees_persons, denominator_low_persons), 0)"),
    _one("the class in a caption", "05000003", EXTRAPOLATION, "verdicts.caption_en) as caption_en",
         "verdicts.caption_en, " + _EXACT.format("compared", "municipality_ags") + ") as caption_en"),
)  # fmt: skip


def _grants(amounts: dict[int, list[int]]) -> frozenset[Grant]:
    """EUR by year."""
    each = [(year, eur) for year, of_year in amounts.items() for eur in of_year]
    return frozenset(Grant(number, year, eur * 100, None) for number, (year, eur) in enumerate(each))


LISTS: dict[str, dict[int, list[int]]] = {
    "FEW": {2016: [0], 2017: [900] * 6, 2018: [800] * 7},
    "DOMINATED": {2016: [99_000, 500, 500], 2017: [40_000] * 5, 2018: [41_000] * 6},
    "NEARLY": {2016: [46_000, 45_000, 5_000, 4_000], 2017: [40_000] * 5, 2018: [41_000] * 6},
    "EQUATION": {2016: [500], 2017: [900] * 7, 2018: [800] * 5},
    "ONES": {2016: [11], 2017: [12], 2018: [13], 2019: [90, 90, 90, 91], 2020: [70] * 7},
    "AMOUNTS": {2016: [50_000], 2017: [100] * 6, 2018: [40_000] * 8},
}
"""EUR by year, by funder."""
REGISTERS: dict[str, tuple[int, int, int, tuple[Posting, ...], tuple[int, int] | None]] = {
    "05000001": (1, 1, 5, (), None),
    "05000002": (3, 3, 5, (), None),
    "05000003": (21, 21, 5, (Posting("050101", "EU2", 420_000_00),), None),
    "05000004": (1, 1, 5, (Posting("050101", "EU2", 20_009_06),), None),
    "05000005": (20, 20, 5, (Posting("050101", "EU2", 90_000_00), Posting("050301", "all", 900_000_00)), (2, 500)),
    "05000006": (4, 4, 7, (Posting("050101", "EU2", 30_000_00),), None),
    "05000009": (10, 13, 5, (), None),
    "07000000": (20, 21, 5, (), None),
}
"""Bulgarians, Romanians, employed of them, ledger, share of the group in what is for all; by place."""


def _cases() -> list[Case]:
    found = []
    for number, (funder, amounts) in enumerate(LISTS.items()):
        state = State({}, {}, (), None, _grants(amounts))
        found.append(Case(number, f"{6000000 + number:08}", CATALOGUE, funder, "05", "", (state,)))
    for number, (ags, (bulgaria, romania, employed, postings, share)) in enumerate(REGISTERS.items(), len(LISTS)):
        persons = frozenset(enumerate([BULGARIA] * bulgaria + [ROMANIA] * romania + [OTHER] * 3))
        state = State({DAY: persons}, {DAY: employed}, postings, share, frozenset())
        found.append(Case(number, ags, CATALOGUE, "NONE", "05", "", (state,)))
    return found


SELECTED = ("+funding_granted", "+eu2_population", "+eu2_population_unmasked", "+cost_extrapolation", "+cost_component",
            "+lump_sum_simulation", "+ledger_choice", "+refinancing", "+cost_bridge")  # fmt: skip
MODELS_ALONE = ("--exclude-resource-types", "unit_test", "test", "seed")


def _audited(settings: Settings, build_id: int) -> str:
    """What the audit says of the candidate."""
    with database.connect(settings, database.BUILDER) as connection:
        try:
            return "\n".join(map(str, audit.findings(connection, build_id)))
        except UndecidedError as error:
            return str(error)


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A copy of the dbt project, which is what dbt runs."""
    copied = tmp_path / "dbt_project"
    shutil.copytree(DBT_PROJECT, copied)
    monkeypatch.setattr(transform, "DBT_PROJECT", copied)
    return copied


@pytest.mark.long
@pytest.mark.nightly
def test_without_one_of_its_rules_the_protection_lets_something_through(warehouse, project):
    cases = _cases()
    place.configure(warehouse, cases)
    said: dict[str, str] = {}

    def built(changes: Iterable[Change] = ()) -> str:
        """What the audit says of the models with these changes, on what is delivered."""
        for name in {name for mutant in MUTANTS for name, _, _ in (*mutant.changes, *mutant.only_with)}:
            shutil.copy(DBT_PROJECT / name, project / name)
        _applied(project, changes)
        build_id = build.begin(warehouse)
        run_dbt(warehouse, build_id, list(SELECTED), *MODELS_ALONE)
        return _audited(warehouse, build_id)

    place.deliver(warehouse, cases, 0)
    build_id = build.begin(warehouse)
    run_layers(warehouse, build_id, *build.LAYERS)
    assert _audited(warehouse, build_id) == ""
    for mutant in MUTANTS:
        if mutant.only_with:
            assert mutant.figure not in built(mutant.only_with), mutant.rule
        said[mutant.rule] = built((*mutant.only_with, *mutant.changes))
    unseen = {mutant.rule: said[mutant.rule] for mutant in MUTANTS if mutant.figure not in said[mutant.rule]}
    assert unseen == {}, unseen


def _applied(project: Path, changes: Iterable[Change]) -> None:
    for name, old, new in changes:
        path = project / name
        text = path.read_text()
        assert text.count(old) == 1, (name, old, text.count(old))
        path.write_text(text.replace(old, new))


def test_every_rule_that_a_mutant_takes_away_stands_where_it_says(tmp_path):
    for mutant in MUTANTS:
        for name, _, _ in (*mutant.only_with, *mutant.changes):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(DBT_PROJECT / name, tmp_path / name)
        _applied(tmp_path, (*mutant.only_with, *mutant.changes))
