"""Each rule of the protection is needed: with one of them taken away the audit finds what it kept.

A copy of the dbt project in which one rule is written otherwise, the models behind it run on real rows, and the audit.
The places and lists are made up for the rules. Those that look at earlier publications act in the second and the third.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest

from disclosure import audit
from disclosure.solve import UndecidedError
from lagebild.core import database
from lagebild.core.settings import DBT_PROJECT, Settings
from lagebild.warehouse import build, transform
from tests import publications
from tests.disclosure import place
from tests.disclosure.generate import BULGARIA, CATALOGUE, OTHER, ROMANIA, Case, Grant, Posting, State
from tests.disclosure.generate import STATES as LIST_STATES
from tests.support import query, run_dbt, run_layers

DAY = date(2019, 12, 31)
GRANT_CELL = "models/intermediate/disclosure/int_disclosure__grant_cell.sql"
GRANT_CHANGE = "models/intermediate/disclosure/int_disclosure__grant_change.sql"
DOMINANCE, CLASSES = "macros/dominance.sql", "macros/disclosure.sql"
EARLIER, LISTED = "macros/earlier.sql", "macros/grants.sql"
COST_GROUP = "models/intermediate/disclosure/int_disclosure__cost_group.sql"
DENOMINATOR = "models/intermediate/cost/int_cost__denominator.sql"
EXTRAPOLATION = "models/marts/cost/cost_extrapolation.sql"
Change = tuple[str, str, str]
"""File of the project, what stands there once, what stands there instead."""
_NO_NK: Change = (DOMINANCE, "* 100 / {{ parameters }}.dominance_percent - {{ total }}", "* 0")
_NO_P: Change = (DOMINANCE, "{{ first }} * {{ parameters }}.p_percent / 100 - (", "0 * (")
_NO_MOVED: Change = (GRANT_CELL, "coalesce(moved_safely.is_safe, true)", "true")
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
    _one("two units each in k years", "TWOS", DOMINANCE, " and {{ units }} <> 2 * {{ years }}", ""),
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
    _one("money of persons whom nobody has counted", "05000007", COST_GROUP,
         "        and denominators.region_code is null\n", "        and false\n"),
    _one("a denominator of few", "05000006", DENOMINATOR,
         "when denominator_class_low_persons < {{ var('minimum_cell_persons') }} then 'confidential'", ""),
    _one("the class at the end of an extrapolated cost", "07000000", EXTRAPOLATION,
         "round(cost_per_person_low_eur * price_factor * denominator_low_persons, 0)",
         "round(cost_per_person_low_eur * price_factor * coalesce("
         + _EXACT.format("judged", "region_code") + " - employees_persons, denominator_low_persons), 0)"),
    _one("the class in a caption", "05000003", EXTRAPOLATION, "verdicts.caption_en) as caption_en",
         "verdicts.caption_en, " + _EXACT.format("compared", "municipality_ags") + ") as caption_en"),
)  # fmt: skip
LATER: tuple[tuple[Mutant, ...], ...] = (
    (
        _one("publications of readers", "GROWS", EARLIER, "    {{ publication }}.is_protected\n    or", "   "),
        _one("differences", "GROWS", GRANT_CELL, "when compared.is_told_by_difference then", "when false then"),
        _one("an amount that is corrected is one grant", "CORRECTED", GRANT_CHANGE,
             "greatest(sum(more) filter (where more > 0), -sum(more) filter (where more < 0))", "sum(units)"),
        _one("hidden before", "BEFORE", GRANT_CELL, "when compared.was_hidden then", "when false then"),
        # What changed in the equation (one year of it is gone) stands in for it.
        _one("one hidden year", "BEFORE", GRANT_CELL, "where together.years > 1\n", "where true\n",
             only_with=(_NO_MOVED,)),
        _one("a year told by sums", "SUMS", GRANT_CELL, "            else 'all' = any(shown_years)",
             "            else false"),
        _one("all years told by sums", "TOTALS", GRANT_CELL,
             "kept_years = cardinality(array_remove(hidden_years, 'all'))", "false"),
        _one("changes of an equation", "MOVED", *_NO_MOVED),
        # The same: of what an earlier publication shows nothing changed but the hidden year.
        _one("a year that was shown hides no other", "KNOWN", GRANT_CELL, "        and not judged.was_shown\n", "",
             only_with=(_NO_MOVED,)),
        _one("lost grants", "esf_sachsen", GRANT_CELL, "when compared.is_lost then", "when false then"),
        Mutant("the list that a longer one replaced", "esf_bayern", (
            (LISTED, "split_part({{ one }}.list_period, '-', 2) >= split_part({{ other }}.list_period, '-', 2)",
             "{{ one }}.list_period = {{ other }}.list_period"),
        )),
        _one("a count has one class in all publications", "does not hold of the exact figures", CLASSES,
             "round({{ persons }} / cast(", "ceil({{ persons }} / cast("),
    ),
    (
        _one("every earlier publication", "AGAIN", EARLIER, "            and named.mart = '{{ mart }}'",
             "            and named.mart = '{{ mart }}' and named.publication_id ="
             " (select max(newest.publication_id) from {{ source('published', 'publication') }} as newest)"),
        _one("a year that was shown and is hidden hides no other", "RETURNS", GRANT_CELL,
             "                not was_shown\n                and", "               ", only_with=(_NO_MOVED,)),
    ),
    (_one("packages from before", "PACKAGE", EARLIER, "or {{ publication }}.publication_id in", "or -1 in"),),
)  # fmt: skip
"""Those of the second publication, of the third, and of the third where a package of the one before is handed out."""
PACKAGE = 2


def _grants(amounts: dict[int, list[int]]) -> frozenset[Grant]:
    """EUR by year."""
    each = [(year, eur) for year, of_year in amounts.items() for eur in of_year]
    return frozenset(Grant(number, year, eur * 100, eur * 100) for number, (year, eur) in enumerate(each))


Amounts = dict[int, list[int]]
"""EUR by year."""
SEVEN = {2015: [60_000] * 5, 2016: [50_000] * 7}
MORE = SEVEN | {2016: [50_000] * 7 + [77_777]}
SHARED = {2017: [500], 2018: [700] * 5, 2019: [800] * 7}
TOLD = {2016: [9_000_000], 2018: [900_000, 60_000], 2019: [50_000, 40_000]}
AGAIN = {2016: [600] * 7, 2017: [700] * 9}
LISTS: dict[str, tuple[Amounts, ...]] = {
    "FEW": ({2016: [0], 2017: [900] * 6, 2018: [800] * 7},),
    "DOMINATED": ({2016: [99_000, 500, 500], 2017: [40_000] * 5, 2018: [41_000] * 6},),
    "NEARLY": ({2016: [46_000, 45_000, 5_000, 4_000], 2017: [40_000] * 5, 2018: [41_000] * 6},),
    "EQUATION": ({2016: [500], 2017: [900] * 7, 2018: [800] * 5},),
    "ONES": ({2016: [11], 2017: [12], 2018: [13], 2019: [90, 90, 90, 91], 2020: [70] * 7},),
    "TWOS": ({2016: [11], 2017: [90, 91, 92], 2018: [70] * 7},),
    "AMOUNTS": ({2016: [50_000], 2017: [100] * 6, 2018: [40_000] * 8},),
    "GROWS": (SEVEN, MORE),
    "CORRECTED": (SEVEN | {2016: [900, 800, 700, 600]}, SEVEN | {2016: [950, 850, 700, 600]}),
    # A year that is gone, beside one that hid it.
    "BEFORE": (
        {2016: [99_000] + [500] * 4, 2017: [9_000] * 4, 2018: [8_000] * 7},
        {2017: [9_000] * 4, 2018: [8_000] * 7 + [50_000] * 10},
    ),
    "SUMS": (SHARED | {2016: [900, 950]}, SHARED | {2016: [900, 950] + [600] * 9}),
    # One grant has nearly all the money, until others come.
    "TOTALS": (TOLD | {2017: [900] * 9}, TOLD | {2017: [900] * 9 + [90_000] * 30}),
    "MOVED": (
        {2016: [500], 2017: [900] * 4, 2018: [800] * 7},
        {2016: [500], 2017: [900] * 4 + [1000], 2018: [800] * 7 + [810] * 10},
    ),
    "KNOWN": (
        {2016: [900] * 4, 2017: [700] * 5, 2018: [800] * 9},
        {2016: [900] * 4, 2017: [700] * 5, 2018: [800] * 9 + [810] * 10, 2019: [500]},
    ),
    # Beside the second publication five are gone and one is new, beside the first one is new.
    "AGAIN": (AGAIN, AGAIN | {2016: [600] * 7 + [610] * 5}, AGAIN | {2016: [600] * 7 + [620]}),
    "RETURNS": (
        {2016: [500] * 7, 2017: [900] * 5, 2018: [800] * 9},
        {2016: [500] * 7 + [1000], 2017: [900] * 5, 2018: [800] * 9 + [810] * 10},
        {2016: [500] * 7, 2017: [900] * 5, 2018: [800] * 9 + [810] * 20, 2019: [500]},
    ),
    "PACKAGE": (SEVEN, SEVEN, MORE),
    "esf_bayern": (SEVEN, MORE),
    "esf_sachsen": (SEVEN, MORE),
}
"""Grants in EUR by year, publication by publication (of more the last one stays); by funder, or a whole list."""
LONGER = {"esf_bayern": ("2014-2019", "2014-2020")}
"""Lists that end later from the second publication on."""
REGISTERS: dict[str, tuple[int, int, int, tuple[Posting, ...], tuple[int, int] | None]] = {
    "05000001": (1, 1, 5, (), None),
    "05000002": (3, 3, 5, (), None),
    "05000003": (21, 21, 5, (Posting("050101", "EU2", 420_000_00),), None),
    "05000004": (1, 1, 5, (Posting("050101", "EU2", 20_009_06),), None),
    "05000005": (20, 20, 5, (Posting("050101", "EU2", 90_000_00), Posting("050301", "all", 900_000_00)), (2, 500)),
    "05000006": (4, 4, 7, (Posting("050101", "EU2", 30_000_00),), None),
    "05000007": (1, 1, 5, (Posting("050101", "EU2", 20_009_06),), None),
    "05000009": (10, 13, 5, (), None),
    "07000000": (20, 21, 5, (), None),
}
"""Bulgarians, Romanians, employed of them, ledger, share of the group in what is for all; by place."""
COUNTED_LATER = "05000007"


def _cases() -> list[Case]:
    found = []
    for number, (name, lists) in enumerate(LISTS.items()):
        states = [State({}, {}, (), None, _grants(lists[min(n, len(lists) - 1)])) for n in range(PACKAGE + 1)]
        source, state = (name, LIST_STATES[name]) if name in LIST_STATES else (CATALOGUE, "05")
        found.append(Case(number, f"{6000000 + number:08}", source, name, state, "2014-2020", tuple(states)))
    for number, (ags, (bulgaria, romania, employed, postings, share)) in enumerate(REGISTERS.items(), len(LISTS)):
        persons = frozenset(enumerate([BULGARIA] * bulgaria + [ROMANIA] * romania + [OTHER] * 3))
        state = State({DAY: persons}, {DAY: employed}, postings, share, frozenset())
        states = (state,) * (PACKAGE + 1)
        found.append(Case(number, ags, CATALOGUE, "NONE", "05", "", states, is_register_late=ags == COUNTED_LATER))
    return found


def _deliver(settings: Settings, cases: Iterable[Case], number: int) -> None:
    """What is new in a publication; lists that end later are for another period then."""
    place.deliver(
        settings,
        [
            replace(case, period=LONGER[case.source][min(number, 1)]) if case.source in LONGER else case
            for case in cases
        ],
        number,
    )


GRANTS = {GRANT_CELL, GRANT_CHANGE, DOMINANCE, EARLIER, LISTED}
"""Files that nothing but grants is made by."""
OF_GRANTS = ("+funding_granted",)
SELECTED = (*OF_GRANTS, "+eu2_population", "+eu2_population_unmasked", "+cost_extrapolation", "+cost_component",
            "+lump_sum_simulation", "+ledger_choice", "+refinancing", "+cost_bridge")  # fmt: skip
MODELS_ALONE = ("--exclude-resource-types", "unit_test", "test", "seed")


def _audited(settings: Settings, build_id: int) -> str:
    """What the audit says of the candidate."""
    with database.connect(settings, database.BUILDER) as connection:
        try:
            return "\n".join(map(str, audit.findings(connection, build_id)))
        except UndecidedError as error:
            return str(error)


class House:
    """A warehouse, and a copy of the dbt project, which is what dbt runs."""

    def __init__(self, settings: Settings, project: Path):
        self.settings, self._project = settings, project
        self._changed: tuple[Change, ...] = ()
        self.cases = _cases()
        place.configure(settings, self.cases)

    def honest(self, number: int) -> None:
        """Deliver what is new and build it: nothing is to be found."""
        _deliver(self.settings, self.cases, number)
        self.build_id = build.begin(self.settings)
        run_layers(self.settings, self.build_id, *build.LAYERS)
        assert _audited(self.settings, self.build_id) == "", number

    def publish(self) -> None:
        publications.pass_checks(self.settings, self.build_id)
        build.publish_build(self.settings, self.build_id)

    def built(self, *changes: Change) -> str:
        """What the audit says of the models with these changes, on what is delivered."""
        files = {name for name, _, _ in (*changes, *self._changed)}
        for name in files:
            shutil.copy(DBT_PROJECT / name, self._project / name)
        _applied(self._project, changes)
        self._changed = changes
        self.build_id = build.begin(self.settings)
        selected = OF_GRANTS if files and files <= GRANTS else SELECTED
        run_dbt(self.settings, self.build_id, list(selected), *MODELS_ALONE)
        return _audited(self.settings, self.build_id)

    def unseen(self, mutants: Iterable[Mutant]) -> dict[str, str]:
        """Rules without which the audit does not find what they protect, and what it says instead."""
        found = {}
        for mutant in mutants:
            without_others = self.built(*mutant.only_with) if mutant.only_with else ""
            said = self.built(*mutant.only_with, *mutant.changes)
            if mutant.figure in without_others or mutant.figure not in said:
                found[mutant.rule] = f"{without_others}\n--\n{said}"
        return found


@pytest.fixture
def house(warehouse, tmp_path, monkeypatch) -> House:
    copied = tmp_path / "dbt_project"
    shutil.copytree(DBT_PROJECT, copied)
    monkeypatch.setattr(transform, "DBT_PROJECT", copied)
    return House(warehouse, copied)


@pytest.mark.long
@pytest.mark.nightly
def test_without_one_of_its_rules_the_protection_lets_something_through(house):
    house.honest(0)
    unseen = house.unseen(MUTANTS)
    assert unseen == {}, unseen


@pytest.mark.long
@pytest.mark.nightly
def test_without_one_of_its_rules_something_follows_from_an_earlier_publication(house):
    house.honest(0)
    house.publish()
    # The rows behind what was published are gone, of a list that shows all of it.
    gone = "with gone as (delete from raw.esf_sachsen__operation returning 1) select count(*) from gone"
    assert query(house.settings, gone) == [(len(house.cases[-1 - len(REGISTERS)].states[0].grants),)]
    unseen = {}
    for number, mutants in enumerate(LATER, 1):
        if number > PACKAGE:
            _hand_out_the_last(house.settings)
        else:
            house.honest(number)
        unseen |= house.unseen(mutants)
        # As it is, once more, and published.
        assert house.built() == "", number
        if number < PACKAGE:
            house.publish()
    assert unseen == {}, unseen


def _hand_out_the_last(settings: Settings) -> None:
    """Let all publications be from before figures were protected, and somebody have a package of the last one."""
    query(settings, "update published.publication set is_protected = false returning 1")
    statement = (
        "insert into release.register (publication_id, recipient, purpose, sha256)"
        " select max(publication_id), 'ministry', 'made up', 'ab' from published.publication returning 1"
    )
    query(settings, statement)


def _applied(project: Path, changes: Iterable[Change]) -> None:
    for name, old, new in changes:
        path = project / name
        text = path.read_text()
        assert text.count(old) == 1, (name, old, text.count(old))
        path.write_text(text.replace(old, new))


def test_every_rule_that_a_mutant_takes_away_stands_where_it_says(tmp_path):
    for mutant in (*MUTANTS, *(mutant for of_publication in LATER for mutant in of_publication)):
        for name, _, _ in (*mutant.only_with, *mutant.changes):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(DBT_PROJECT / name, tmp_path / name)
        _applied(tmp_path, (*mutant.only_with, *mutant.changes))
