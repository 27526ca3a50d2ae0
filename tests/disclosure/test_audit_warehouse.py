"""The audit of toy marts in a warehouse: what each way to a protected figure is found by, and what it lets pass."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from disclosure import audit, grants, register, solve
from disclosure.audit import problem as read
from disclosure.equations import Problem
from lagebild.core import database
from tests.disclosure.audit_toy import DAY, METHOD, YEAR, Toy, cost_key

SECONDS = 60.0


@pytest.fixture
def toy(warehouse) -> Iterator[Toy]:
    with database.connect(warehouse) as connection:
        yield Toy(warehouse, connection)


def found(problem: Problem) -> set[str]:
    """Mart and key of each figure that can be worked out, and what of it."""
    return {
        f"{cell.mart} {cell.key}, {cell.what}" for cell in (f.requirement.source for f in solve.audit(problem, SECONDS))
    }


def key(place: str) -> str:
    return f"{place}|{YEAR}|{METHOD}"


# The fixtures of the issue, as the marts showed them before there was a protection across marts.


def _another_mart_says_it(toy: Toy) -> set[str]:
    toy.register("one_three", (1, 3, 4), (None, None, None))
    toy.cost("one_three", population_persons=4, denominator_persons=4)
    toy.put(
        "lump_sum_simulation",
        cost_key("one_three")
        | {
            "reference_date": DAY,
            "population_source": "register",
            "lump_sum": "a",
            "rate_eur": 1000,
            "lump_sum_eur": 4000,
            "population_persons": 4,
        },
    )
    toy.register("many", (1, 499, 500), (None, None, None))
    toy.cost("many", population_persons=500, denominator_persons=500)
    return {f"eu2_population {place} {DAY} EU2, persons" for place in ("one_three", "many")}


def _money_of_two_persons(toy: Toy) -> set[str]:
    place = "two"
    toy.register(place, (0, 2, 2), (None, None, None))
    amount = Decimal("20009.06")
    toy.put("int_cost__rate", {"municipality_ags": place, "fiscal_year": YEAR, "method": METHOD, "reference_date": DAY})
    part = {
        "municipality_ags": place,
        "fiscal_year": YEAR,
        "method": METHOD,
        "product_code": "05",
        "account_code": "7",
        "target_group": "EU2",
        "source_sha256": "ab",
        "treatment": "attributed",
        "amount_eur": amount,
    }
    toy.put("int_cost__component", part)
    toy.put("cost_component", part)
    toy.cost(place, total_cost_eur=amount, reason="small_cell")
    group = f"{place} {YEAR} {METHOD}"
    return {f"cost_per_person {group}, total cost", f"cost_component {group} 05 7, attributed amount"}


BEGUN = {"2015": [7000, 7000, 7000, 7000], "2016": [54321], "2017": [100, 200, 300]}
GROWN = BEGUN | {"2016": [54321, 60000, 70000]}
SEVEN = {"2015": [1000, 2000, 3000], "2016": [1500, 2500, 3500, 4500]}
EIGHT = SEVEN | {"2016": [1500, 2500, 3500, 4500, 77777]}


def _earlier_lists(toy: Toy) -> None:
    toy.grants("esf_subtract", BEGUN, hidden=("2016", "2017"))
    toy.grants("esf_one_more", SEVEN)
    toy.register("erased", (4000, 5823, 9823), (4000, 5823, 9823))


def _two_publications_subtract(toy: Toy) -> set[str]:
    toy.grants("esf_subtract", GROWN)
    table = "funding_granted esf_subtract 2014-2020 EU 09 2016"
    return {f"{table}, total_cost_eur", f"{table}, operations", f"{table}, granted_eur"}


def _one_unit_more(toy: Toy) -> set[str]:
    toy.grants("esf_one_more", EIGHT)
    toy.register("erased", (4000, 5822, 9822), (4000, 5822, 9822))
    table = "funding_granted esf_one_more 2014-2020 EU 09 2016"
    persons = f"eu2_population erased {DAY}"
    return {
        f"{table}, difference of operations to publication 1",
        f"{table}, difference of total_cost_eur to publication 1",
        f"{persons} EU2, difference of two publications",
        f"{persons} EU2, persons",
    }


def _rows_hold_one(toy: Toy) -> set[str]:
    toy.grants(
        "esf_each_one",
        {"2015": [900] * 7, "2016": [900], "2017": [950], "2018": [960]},
        hidden=("2016", "2017", "2018"),
    )
    toy.grants(
        "esf_each_two",
        {"2015": [900] * 7, "2016": [900, 910], "2017": [950, 940], "2018": [960, 9]},
        hidden=("2016", "2017", "2018"),
    )
    one = {f"funding_granted esf_each_one 2014-2020 EU 09 {year}, operations" for year in (2016, 2017, 2018)}
    together = {f"funding_granted esf_each_{n} 2014-2020 EU 09 all, hidden years together" for n in ("one", "two")}
    return one | together


def _dominance(toy: Toy) -> set[str]:
    toy.grants("esf_dominated", {"2015": [99_000, 600, 400], "2016": [1000] * 12})
    return {f"funding_granted esf_dominated 2014-2020 EU 09 2015, {column}" for column in grants.AMOUNTS}


def test_each_fixture_of_the_issue_is_found(toy):
    _earlier_lists(toy)
    assert toy.publish() == 1
    toy.clear()
    build_id = toy.begin()
    expected = set().union(
        *(
            fixture(toy)
            for fixture in (
                _another_mart_says_it,
                _money_of_two_persons,
                _two_publications_subtract,
                _one_unit_more,
                _rows_hold_one,
                _dominance,
            )
        )
    )
    work = solve.Work()
    findings = audit.findings(toy.connection, build_id, SECONDS, work)
    said = {f"{f.requirement.source.mart} {f.requirement.source.key}, {f.requirement.source.what}" for f in findings}
    assert expected - said == set()
    text = "\n".join(str(finding) for finding in findings)
    # Equations are named by place and key, never by what they hold.
    assert "publication 1" in text and not any(figure in text for figure in ("9823", "9822", "54321", "82921", "77777"))
    assert "(candidate)" in text


# Each kind of equation, with a case that no other kind finds.


def _kinds(toy: Toy) -> None:
    later = date(2020, 12, 31)
    toy.register("persons", (4, 8, 12), (None, None, 12))
    toy.register("withheld", (0, 1, 1), (None, None, None))
    _lump_sum(toy, "withheld", total_cost_eur=100_000, covered_pct=Decimal("0.1"), rate_eur=50)
    toy.register("parts", (3, 3, 6), (5, 5, 5))
    toy.register("change", (4, 15, 19), (None, None, 20))
    toy.register("change", (4, 26, 30), (None, None, 30), day=later, previous_reference_date=DAY, change_persons=11)
    toy.register("percent", (4, 15, 19), (None, None, 20))
    toy.register(
        "percent", (4, 26, 30), (None, None, 30), day=later, previous_reference_date=DAY, change_pct=Decimal("57.9")
    )
    toy.register("denominator", (4, 17, 21), (None, None, 20))
    toy.cost("denominator", population_persons=20, employees_persons=10, denominator_persons=11)
    for place, rate in (("rate", "109.09"), ("interval", "100"), ("extrapolation", "100"), ("node_rate", "100")):
        toy.register(place, (4, 17, 21), (None, None, 20))
        toy.cost(
            place,
            population_persons=20,
            employees_persons=10,
            denominator_persons=10,
            total_cost_eur=1200,
            cost_per_person_eur=Decimal(rate),
            cost_per_person_low_eur=Decimal("92.31") if place == "interval" else None,
        )
    low = ("cost_per_person", key("interval"), "cost_per_person_low_eur")
    for label, value in (
        ("denominator_high_persons", 12),
        ("denominator_precision_persons", 2),
        ("total_cost_low_eur", 1200),
    ):
        toy.node(*low, label, value)
    toy.put(
        "cost_extrapolation",
        cost_key("extrapolation")
        | {
            "region_code": "DE",
            "persons_year": YEAR,
            "denominator_persons": 500_000,
            "extrapolated_cost_unrounded_rate_eur": round(500_000 * 1200 / 11),
        },
    )
    rate = ("cost_per_person", key("node_rate"), "cost_per_person_rounded_eur")
    toy.node(*rate, "cost_per_person_eur", Decimal(1200) / 11)
    toy.node(*rate, "total_cost_eur", 1200)
    toy.register("lump_sum", (4, 17, 21), (None, None, 20))
    _lump_sum(toy, "lump_sum", rate_eur=1000, lump_sum_eur=21_000)
    toy.register("covered", (4, 17, 21), (None, None, 20))
    _lump_sum(toy, "covered", rate_eur=1000, total_cost_eur=100_000, covered_pct=Decimal("21.0"), population_persons=20)
    toy.register("node", (4, 17, 21), (None, None, 20))
    toy.node("eu2_population", f"node|{DAY}|register", "eu2_persons", "eu2_persons", 20, row_count=21)
    toy.register("node_interval", (4, 17, 21), (None, None, 20))
    toy.cost("node_interval", population_persons=20, employees_persons=10, denominator_persons=10)
    high = ("cost_per_person", key("node_interval"), "cost_per_person_high_eur")
    toy.node(*high, "denominator_low_persons", 9)
    toy.node(*high, "denominator_precision_persons", 2)
    _more_figures(toy)
    _money_kinds(toy)
    toy.grants("esf_shown", {"2015": [5], "2016": [7] * 9, "2017": [8] * 9})
    toy.grants(
        "esf_ones", {"2015": [900] * 7, "2016": [900], "2017": [950], "2018": [960]}, hidden=("2016", "2017", "2018")
    )
    toy.grants("esf_left", {"2015": [900] * 7, "2016": [500, 400]}, hidden=("2016",))
    toy.grants("esf_share", {"2015": [99_000, 600, 400], "2016": [1000] * 12}, hidden=("2015",))
    years = {"2015": [900] * 7, "2016": [500], "2017": [300, 310, 320]}
    sha256 = toy.grants("esf_node", years, hidden=("2016", "2017"))
    toy.node("funding_granted", f"{sha256}|EU|09|2016", "granted_eur", "union_share_eur", 250, row_count=1)


def _rate_of_21(toy: Toy, place: str, **more) -> None:
    """A place of 21 persons that says 20, of them 10 employed: 100 EUR for each of the others, to hundreds."""
    toy.register(place, (4, 17, 21), (None, None, 20))
    row = {"population_persons": 20, "employees_persons": 10, "denominator_persons": 10}
    toy.cost(
        place, **row | {"total_cost_eur": 1200, "cost_per_person_eur": 100, "cost_per_person_rounded_eur": 100} | more
    )


def _extrapolated(toy: Toy, place: str, **more) -> None:
    row = {"region_code": "DE", "persons_year": YEAR, "denominator_persons": 500_000, "population_source": "eu2_series"}
    toy.put("cost_extrapolation", cost_key(place) | row | {"reference_date": DAY} | more)


def _more_figures(toy: Toy) -> None:
    """Every other number that is made from the 21 persons, exactly, each in a place of its own."""
    whole = round(Decimal(500_000 * 1200) / 11)
    for column, amount in (
        ("extrapolated_cost_rounded_rate_eur", whole),
        ("extrapolated_cost_low_eur", whole),
        ("extrapolated_cost_high_eur", whole),
        ("cost_per_person_eur", Decimal(1200) / 11),
    ):
        _rate_of_21(toy, f"extrapolation_{column}", cost_per_person_low_eur=50, cost_per_person_high_eur=200)
        _extrapolated(toy, f"extrapolation_{column}", **{column: amount})
    _rate_of_21(toy, "extrapolation_node")
    _extrapolated(toy, "extrapolation_node")
    node = ("cost_extrapolation", f"{key('extrapolation_node')}|DE|{YEAR}", "extrapolated_cost_rounded_rate_eur")
    toy.node(*node, "extrapolated_cost_eur", whole)
    # The persons of the other place, where a register counts them, too.
    _rate_of_21(toy, "extrapolation_to")
    toy.register("extrapolation_at", (4, 17, 21), (None, None, 20))
    target = {"population_persons": 20, "employees_persons": 10, "denominator_persons": 10}
    _extrapolated(
        toy,
        "extrapolation_to",
        **target | {"region_code": "extrapolation_at", "population_source": "register"},
        extrapolated_cost_unrounded_rate_eur=1100,
    )
    for mart, text in (("cost_per_person", "of 21 persons"), ("lump_sum_simulation", "for 21"), ("rate", "109,09 EUR")):
        place = f"caption_{mart}"
        _rate_of_21(toy, place, **{} if mart == "lump_sum_simulation" else {"caption_en": f"Rounded to 5, {text}."})
        if mart == "lump_sum_simulation":
            _lump_sum(toy, place, caption_en=f"Rounded to 5, {text}.")
    _rate_of_21(toy, "caption_extrapolation")
    _extrapolated(toy, "caption_extrapolation", caption_de="bei 11 Personen")
    _rate_of_21(toy, "class_node")
    for end in ("low", "high"):
        toy.node(
            "cost_per_person", key("class_node"), "cost_per_person_rounded_eur", f"denominator_class_{end}_persons", 11
        )
    toy.register("sum_node", (4, 17, 21), (None, None, 20))
    _lump_sum(toy, "sum_node", rate_eur=1000)
    toy.node("lump_sum_simulation", f"{key('sum_node')}|a", "lump_sum_eur", "lump_sum_eur", 21_000)


def _lump_sum(toy: Toy, place: str, **more) -> None:
    row = cost_key(place) | {"reference_date": DAY, "population_source": "register", "lump_sum": "a"}
    toy.put("lump_sum_simulation", row | more)


def _money_kinds(toy: Toy) -> None:
    """Places of two persons, one for each way to their money."""
    for place in ("total", "part", "booked", "sum", "rest"):
        toy.register(place, (0, 2, 2), (None, None, None))
        toy.put(
            "int_cost__rate", {"municipality_ags": place, "fiscal_year": YEAR, "method": METHOD, "reference_date": DAY}
        )
        for product in ("051", "052"):
            part = {
                "municipality_ags": place,
                "fiscal_year": YEAR,
                "method": METHOD,
                "product_code": product,
                "account_code": "7",
                "target_group": "EU2",
                "source_sha256": "ab",
            }
            own = part | {"treatment": "attributed", "amount_eur": 5000}
            toy.put("int_cost__component", own)
            if place == "sum" or (place == "part" and product == "051"):
                toy.put("cost_component", own)
            if place == "booked" and product == "051":
                toy.put(
                    "cost_component",
                    part | {"treatment": "unattributed", "amount_eur": 95_000, "booked_amount_eur": 100_000},
                )
    toy.cost("total", total_cost_eur=10_000)
    toy.cost("rest", unattributed_cost_eur=60_000, excluded_cost_eur=30_000)
    toy.put(
        "ledger_choice", {"municipality_ags": "rest", "fiscal_year": YEAR, "is_counted": True, "amount_eur": 100_000}
    )


KINDS = {
    "persons": "eu2_population persons",
    "withheld": "eu2_population withheld",
    "parts of the group": "eu2_population parts",
    "change": "eu2_population change",
    "change in per cent": "eu2_population percent",
    "denominator": "eu2_population denominator",
    "rate": "eu2_population rate",
    "interval": "eu2_population interval",
    "extrapolation": "eu2_population extrapolation",
    "caption": "eu2_population caption",
    "node of a class": "eu2_population class_node",
    "node of a lump sum": "eu2_population sum_node",
    "lump sum": "eu2_population lump_sum",
    "covered share": "eu2_population covered",
    "node of a count": "eu2_population node ",
    "node of a rate": "eu2_population node_rate",
    "node of an interval": "eu2_population node_interval",
    "total cost": "cost_per_person total",
    "attributed amount": "cost_component part",
    "booked amount": "cost_component booked",
    "sum of the attributed amounts": "cost_per_person sum",
    "rest of the ledger": "cost_per_person rest",
    "operations": "funding_granted esf_shown 2014-2020 EU 09 2015, operations",
    "total_cost_eur": "funding_granted esf_shown 2014-2020 EU 09 2015, total_cost_eur",
    "granted_eur": "funding_granted esf_shown 2014-2020 EU 09 2015, granted_eur",
    "node of grants": "funding_granted esf_node 2014-2020 EU 09 2016, operations",
    "a row that is there": "funding_granted esf_ones 2014-2020 EU 09 2016, operations",
    "operations of the years and of all": "funding_granted esf_left 2014-2020 EU 09 2016, operations",
    "total_cost_eur of the years and of all": "funding_granted esf_share 2014-2020 EU 09 2015, total_cost_eur",
    "granted_eur of the years and of all": "funding_granted esf_share 2014-2020 EU 09 2015, granted_eur",
}
"""Kind of equation -> how the figure begins that only equations of this kind tell."""


def test_each_kind_of_equation_finds_what_no_other_does(toy):
    _kinds(toy)
    problem = read(toy.connection, toy.build_id)
    assert {equation.source.what for equation in problem.equations.values()} == set(KINDS)
    whole = found(problem)
    equations = problem.equations
    for kind, figure in KINDS.items():
        assert [cell for cell in whole if cell.startswith(figure)], kind
        problem.equations = {words: e for words, e in equations.items() if e.source.what != kind}
        assert [cell for cell in found(problem) if cell.startswith(figure)] == [], kind


def test_every_number_of_a_row_is_read(toy):
    _more_figures(toy)
    places = {row["region_code"] for row in toy.rows("int_population__counted_register")} - {"extrapolation_to"}
    assert {one.split()[1] for one in found(read(toy.connection, toy.build_id))} == places and len(places) == 12


def test_that_nothing_changed_between_two_publications_is_used(toy, monkeypatch):
    _earlier_lists(toy)
    toy.publish()
    toy.clear()
    toy.begin()
    _two_publications_subtract(toy)
    figure = "funding_granted esf_subtract 2014-2020 EU 09 2016, total_cost_eur"
    assert figure in found(read(toy.connection, toy.build_id))
    monkeypatch.setattr(grants, "_is_shown_so", lambda *_: False)  # as if no delivery were known any more
    assert figure not in found(read(toy.connection, toy.build_id))


# What the protection lets readers see passes.


def _protected(toy: Toy, dortmund: int, erased: int) -> None:
    """Counts by class, rates and intervals of the class, grants hidden as they must be."""
    for place, exact in (("dortmund", dortmund), ("erased", erased)):
        shown = round(exact / 5) * 5
        toy.register(place, (exact - 5800, 5800, exact), (None, None, shown))
        toy.cost(
            place,
            population_persons=shown,
            employees_persons=2525,
            denominator_persons=shown - 2525,
            total_cost_eur=Decimal("15600000"),
            cost_per_person_eur=2000,
            cost_per_person_rounded_eur=2000,
        )
        toy.node("eu2_population", f"{place}|{DAY}|register", "eu2_persons", "eu2_persons", shown, row_count=shown)
        _lump_sum(toy, place, rate_eur=1000, lump_sum_eur=1000 * shown, population_persons=shown)
    toy.register("split", (5, 11, 16), (5, 10, 15))
    toy.register("none", (0, 0, 0), (None, None, None))
    toy.register("few", (1, 3, 4), (None, None, 5))
    toy.register("published", (4000, 6931, 10931), (None, None, 10929), eu2_evidence="published")


def test_what_is_shown_by_class_passes_and_a_change_of_one_person_does_too(toy):
    _protected(toy, 9823, 9823)
    toy.grants("esf_hidden", BEGUN | {"2018": [400, 500, 600, 650]}, hidden=("2015", "2016"))
    toy.grants("esf_unchanged", {"2015": [900] * 7, "2016": [900, 800, 700]})
    assert audit.findings(toy.connection, toy.build_id, SECONDS) == []
    toy.publish()
    toy.clear()
    build_id = toy.begin()
    _protected(toy, 9823, 9822)
    toy.grants("esf_hidden", GROWN | {"2018": [400, 500, 600, 650]}, hidden=("2015", "2016", "all"))
    toy.grants("esf_unchanged", {"2015": [900] * 7, "2016": [900, 800, 700]})
    assert list(map(str, audit.findings(toy.connection, build_id, SECONDS))) == []


def test_a_publication_that_readers_do_not_see_is_not_counted(toy, monkeypatch):
    _earlier_lists(toy)
    toy.publish()
    toy.clear()
    build_id = toy.begin()
    _two_publications_subtract(toy)
    assert audit.findings(toy.connection, build_id, SECONDS) != []
    toy.connection.execute("update published.publication set is_protected = false")
    toy.connection.execute(
        "update build.funding_granted set operations = null, total_cost_eur = null, granted_eur = null"
    )
    assert list(map(str, audit.findings(toy.connection, build_id, SECONDS))) == []


def _handed_out(toy: Toy, recipient: str = "ministry") -> None:
    """The publications so far are from before figures were protected; a package of each was handed out."""
    toy.connection.execute("update published.publication set is_protected = false")
    toy.connection.execute(
        "insert into release.register (publication_id, recipient, purpose, sha256)"
        " select publication_id, %s, 'made up', 'ab' from published.publication",
        [recipient],
    )


def _before_the_protection(toy: Toy) -> int:
    """Exact counts and a year of one grant in a publication that none but a recipient has; then protected figures."""
    toy.register("erased", (4000, 5823, 9823), (4000, 5823, 9823))
    toy.grants("esf_more", {"2015": [900] * 7})
    toy.grants("esf_alone", {"2015": [900] * 7, "2016": [500]})
    toy.publish()
    toy.clear()
    build_id = toy.begin()
    toy.grants("esf_more", {"2015": [900] * 8})
    toy.grants("esf_alone", {"2015": [900] * 7, "2016": [500]}, hidden=("2015", "2016"))
    toy.register("erased", (4000, 5822, 9822), (None, None, 9820))
    return build_id


def test_what_a_recipient_has_in_a_package_from_before_is_known_and_nothing_more_may_follow(toy):
    build_id = _before_the_protection(toy)
    toy.connection.execute("update published.publication set is_protected = false")
    assert audit.findings(toy.connection, build_id, SECONDS) == []  # no reader sees it
    _handed_out(toy)
    found = audit.findings(toy.connection, build_id, SECONDS)
    told = {(one.requirement.source.key.split()[0], one.requirement.source.what) for one in found}
    # Not the year of one grant, which he knows to the cent; but the grant that came, which he does not.
    assert told == {
        ("esf_more", f"difference of {column} to publication 1") for column in ("operations", *grants.AMOUNTS)
    }
    assert all(one.known_to == ("ministry",) and "with the packages of ministry" in str(one) for one in found)


def test_who_has_a_package_learns_by_a_later_one_no_more_than_by_the_candidate(toy):
    """Two recipients are judged each by what he has."""
    build_id = _before_the_protection(toy)
    _handed_out(toy)
    toy.connection.execute("delete from build.funding_granted where source = 'esf_more'")
    assert list(map(str, audit.findings(toy.connection, build_id, SECONDS))) == []
    toy.publish()
    toy.clear()
    build_id = toy.begin()
    toy.grants("esf_more", {"2015": [900] * 8})
    found = audit.findings(toy.connection, build_id, SECONDS)
    assert {one.known_to for one in found} == {("ministry",)} and len(found) == 6
    # what no role can do by a statement alone
    toy.connection.execute("alter table release.register disable trigger append_only")
    toy.connection.execute("update release.register set publication_id = 2")
    assert list(map(str, audit.findings(toy.connection, build_id, SECONDS))) == []


def test_what_an_old_package_means_otherwise_than_today_keeps_nobody_from_publishing(toy):
    toy.register("05913000", (400, 577, 977), (400, 577, 970))
    toy.publish()
    _handed_out(toy)
    toy.clear()
    build_id = toy.begin()
    toy.register("05913000", (400, 577, 977), (None, None, 975))
    assert list(map(str, audit.findings(toy.connection, build_id, SECONDS))) == []


def test_each_file_is_read_once_however_many_publications_were_made_of_it(toy, monkeypatch):
    asked: list[tuple] = []
    read = grants._Lists._read
    monkeypatch.setattr(
        grants._Lists, "_read", lambda self, build_id, files: asked.extend(files) or read(self, build_id, files)
    )
    for growth in range(3):
        toy.grants("esf_same", {"2015": [900] * 7})
        toy.grants("esf_grows", {"2015": [900] * (7 + 5 * growth)})
        toy.publish()
        toy.clear()
        build_id = toy.begin()
    toy.grants("esf_same", {"2015": [900] * 7})
    assert list(map(str, audit.findings(toy.connection, build_id, SECONDS))) == []
    assert sorted(source for source, *_ in asked) == ["esf_grows"] * 3 + ["esf_same"]


def test_a_delivery_that_is_gone_lets_no_difference_pass(toy):
    toy.grants("esf_gone", {"2015": [900] * 7, "2016": [900, 800, 700, 600]})
    toy.publish()
    toy.clear()
    build_id = toy.begin()
    toy.connection.execute("delete from build.delivered_esf")
    toy.grants("esf_gone", {"2015": [900] * 7, "2016": [900, 800, 700, 600, 500, 400, 300, 200]})
    said = {str(finding.requirement.source) for finding in audit.findings(toy.connection, build_id, SECONDS)}
    assert any("esf_gone 2014-2020 EU 09 2016, difference of total_cost_eur" in one for one in said)


@pytest.mark.parametrize(
    ("amounts", "margin"),
    [
        ([100], 10),
        ([100, 50], 10),
        ([100, 50, 9], 1),  # the rest leaves the second a guess of 9 per cent
        ([100, 50, 10, 10], None),
        ([99_000, 600, 400], 9500),
        ([46, 45, 5, 4], 0),  # the two largest hold more than nine tenths
        ([0, 0, 0], None),
        ([None, None], None),
    ],
)
def test_what_an_amount_must_leave_open_follows_from_its_grants(amounts, margin):
    assert grants.protection(amounts, len(amounts)) == margin


@pytest.mark.parametrize(
    ("told", "rate", "half"),
    [(None, "2140", 10), (5, "2140", 2.5), (None, "2143", 0.5), (None, "109.09", 0.005), (None, "0.25", 0.025)],
)
def test_a_rate_is_as_exact_as_its_row_says_or_else_its_digits(told, rate, half):
    assert float(register.half_step({"rate_step_eur": told}, Decimal(rate))) == half


def test_one_grant_more_of_many_that_came_and_went_is_no_grant_alone(toy):
    gone, came = [910, 920, 930, 940], [1010, 1020, 1030, 1040, 1050]
    toy.grants("esf_replaced", {"2015": [900] * 7, "2016": [500, *gone]})
    toy.publish()
    toy.clear()
    build_id = toy.begin()
    toy.grants("esf_replaced", {"2015": [900] * 7, "2016": [500, *came]})
    assert list(map(str, audit.findings(toy.connection, build_id, SECONDS))) == []


def test_two_grants_whose_amounts_changed_are_a_difference_of_two(toy):
    toy.grants("esf_changed", {"2015": [900] * 7, "2016": [900, 800, 700, 600]})
    toy.publish()
    toy.clear()
    build_id = toy.begin()
    toy.grants("esf_changed", {"2015": [900] * 7, "2016": [950, 850, 700, 600]})
    said = {finding.requirement.source.what for finding in audit.findings(toy.connection, build_id, SECONDS)}
    assert said == {"difference of total_cost_eur to publication 1", "difference of granted_eur to publication 1"}


def _twos(toy: Toy) -> None:
    """Two years of two grants each, hidden beside a shown one."""
    toy.grants("esf_twos", {"2015": [900] * 7, "2016": [900, 910], "2017": [950, 940]}, hidden=("2016", "2017"))


TWOS = "funding_granted esf_twos 2014-2020 EU 09 all, hidden years together"


def test_hidden_years_of_two_grants_each_are_found_unless_one_of_them_is_known_or_their_sum_is_not(toy):
    _twos(toy)
    assert found(read(toy.connection, toy.build_id)) == {TWOS}
    toy.connection.execute("update build.funding_granted set operations = null where begin_year = 'all'")
    assert found(read(toy.connection, toy.build_id)) == set()


def test_a_year_that_an_earlier_publication_shows_is_no_hidden_one_among_others(toy):
    """Of 7 in three years, of which 3 are known, 4 are left to two."""
    years = {"2015": [900] * 7, "2016": [900, 910], "2017": [950, 940], "2018": [960, 970, 980]}
    toy.grants("esf_twos", years, hidden=("2016", "2017", "all"))
    toy.publish()
    toy.clear()
    build_id = toy.begin()
    toy.grants("esf_twos", years, hidden=("2016", "2017", "2018"))
    said = {f"{one.requirement.source}" for one in audit.findings(toy.connection, build_id, SECONDS)}
    assert f"{TWOS} (publication 1)" in said


def test_hidden_totals_are_sums_of_their_years(toy):
    """One grant has nearly all the money, until others come and the total is shown, less what came."""
    told = {"2016": [9_000_000], "2018": [900_000, 60_000], "2019": [50_000, 40_000]}
    toy.grants("esf_total", told | {"2017": [900] * 9}, hidden=(*told, "all"))
    toy.publish()
    toy.clear()
    build_id = toy.begin()
    toy.grants("esf_total", told | {"2017": [900] * 9 + [90_000] * 30}, hidden=told)
    said = {str(one.requirement.source) for one in audit.findings(toy.connection, build_id, SECONDS)}
    key = "funding_granted esf_total 2014-2020 EU 09 all"
    assert said == {f"{key}, {column} (publication 1)" for column in grants.AMOUNTS}


def test_a_title_that_is_worded_anew_is_no_other_grant(toy):
    """Nothing is told by a difference of nothing, and what a hidden year holds is known to be the same."""
    shown, alone = {"2015": [99_000, 98_000, 97_000], "2016": [900] * 7}, {"2016": [500], "2017": [900] * 4}
    for titles, more in (("", {}), ("anew ", {"2018": [810] * 10})):
        toy.clear()
        build_id = toy.begin()
        toy.grants("esf_shown", shown, titles=titles)
        toy.grants("esf_alone", alone | {"2018": [800] * 7 + more.get("2018", [])},
                   hidden=("2016", "2017") if not more else ("2016",), titles=titles)  # fmt: skip
        found = audit.findings(toy.connection, build_id, SECONDS)
        assert not [one for one in found if "esf_shown" in str(one)]
        if not more:
            assert list(map(str, found)) == []
            toy.publish()
    assert any("esf_alone 2014-2020 EU 09 2016, operations (publication 1)" in str(one) for one in found)


def test_the_cost_of_persons_whom_nobody_has_counted_is_protected_unless_the_municipality_published_it(toy):
    place, row = "05913000", {"municipality_ags": "05913000", "fiscal_year": YEAR, "method": METHOD}
    toy.put("int_cost__rate", row | {"reference_date": DAY, "population_source": None})
    part = row | {"product_code": "05", "account_code": "7", "target_group": "EU2", "source_sha256": "ab"}
    toy.put("int_cost__component", part | {"treatment": "attributed", "amount_eur": 10_000})
    toy.put("cost_per_person", cost_key(place) | {"total_cost_eur": 10_000})
    total = f"cost_per_person {place} {YEAR} {METHOD}, total cost"
    assert found(read(toy.connection, toy.build_id)) == {total}
    toy.put("cost_component", part | {"treatment": "attributed", "amount_eur": 10_000})
    assert found(read(toy.connection, toy.build_id)) == {
        total, f"cost_component {place} {YEAR} {METHOD} 05 7, attributed amount"
    }  # fmt: skip
    figure = {"mart": "cost_per_person", "region_code": place, "reference_year": YEAR, "method": METHOD}
    toy.put("published_figure", figure)
    assert found(read(toy.connection, toy.build_id)) == set()


def _of_five_employed(toy: Toy, places: dict[str, tuple[int, int | None, int]]) -> None:
    """Persons, what is shown of them, and the total cost shown of the group, of whom five are employed; by place."""
    for place, (persons, shown, total) in places.items():
        toy.register(place, (2, persons - 2, persons), (None, None, shown))
        row = {"municipality_ags": place, "fiscal_year": YEAR, "method": METHOD}
        toy.put("int_cost__rate", row | {"reference_date": DAY, "employees_place_basis": "residence"})
        part = row | {"product_code": "05", "account_code": "7", "target_group": "EU2", "source_sha256": "ab"}
        toy.put("int_cost__component", part | {"treatment": "attributed", "amount_eur": total})
        employed = {"region_code": place, "reference_date": DAY, "nationality_group": "EU2", "employees_persons": 5}
        toy.put("stg_employment__employees", employed)
        toy.cost(place, total_cost_eur=total, employees_persons=5)


def test_the_cost_of_who_came_since_a_package_from_before_is_found(toy):
    """Two of seven were not employed. Of who came alone the cost is what both totals differ by; not of five."""
    _of_five_employed(toy, dict.fromkeys(("one_came", "same_cost", "five_came"), (7, 7, 10_000)))
    toy.publish()
    toy.clear()
    build_id = toy.begin()
    now = {"one_came": (8, 10, 13_000), "same_cost": (8, 10, 10_000), "five_came": (12, 10, 13_000)}
    _of_five_employed(toy, now)
    toy.connection.execute("update published.publication set is_protected = false")
    assert list(map(str, audit.findings(toy.connection, build_id, SECONDS))) == []
    _handed_out(toy)
    (one,) = audit.findings(toy.connection, build_id, SECONDS)
    assert one.requirement.source.what == "difference of the total cost to publication 1"
    assert one.requirement.source.key.startswith("one_came") and one.known_to == ("ministry",)
    assert "13000" not in str(one) and f"one_came {YEAR} {METHOD}, total cost (candidate)" in str(one)
    toy.connection.execute("update build.cost_per_person set total_cost_eur = null")
    assert list(map(str, audit.findings(toy.connection, build_id, SECONDS))) == []


@pytest.mark.parametrize(("period", "is_one"), [("2014-2019", True), ("2021-2027", False)])
def test_a_list_is_set_against_the_shorter_one_that_it_replaced_and_no_other(toy, period, is_one):
    toy.grants("esf_bayern", SEVEN, period=period)
    toy.publish()
    toy.clear()
    build_id = toy.begin()
    toy.grants("esf_bayern", EIGHT)
    said = {finding.requirement.source.what for finding in audit.findings(toy.connection, build_id, SECONDS)}
    assert ("difference of operations to publication 1" in said) == is_one
