"""Trees of figures: every node follows from its children, every leaf from the delivered rows, and no person shows."""

import csv
import io
import json
import random
from collections import defaultdict
from datetime import date
from decimal import Decimal, localcontext
from functools import reduce
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from ingest.deliveries import delivery_ledger
from lagebild.cli import main
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.provenance import explain
from lagebild.warehouse import build, marts
from tests.support import accept, bundled_bytes, deliver, query

NODES = "select * from marts.provenance"


def generated_ledger(year: int, seed: int) -> bytes:
    """A ledger of random postings, credit notes too, on the bundled accounts; one of them has very many."""
    chance = random.Random(seed)
    header, *lines = csv.reader(io.StringIO(bundled_bytes("ledger").decode("iso-8859-1")), delimiter=";")
    accounts = sorted({tuple(line[4:9]) for line in lines})
    busy = next(account for account in accounts if account[4] == "EU2")
    chosen = [chance.choice(accounts) for _ in range(700)] + [busy] * 250
    chance.shuffle(chosen)
    written = [
        ["05913000", str(year), f"SYN{number:06}", f"02.01.{year}", *account, german_amount(chance), "synthetisch"]
        for number, account in enumerate(chosen)
    ]
    return "\r\n".join(";".join(line) for line in [header, *written]).encode("iso-8859-1")


def german_amount(chance: random.Random) -> str:
    cents = chance.randint(-900_000, 4_000_000)
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100},{abs(cents) % 100:02}"


def deliver_named(settings: Settings, source: str, content: bytes, name: str) -> None:
    delivery = deliver(settings, source, content, name)
    assert delivery_ledger.decide(settings, delivery.delivery_id, []).state == "accepted"


def deliver_year_after(settings: Settings) -> None:
    """Ledger, register, employees and the country's persons of 2020: there is something to compare, and to bridge."""
    deliver_named(settings, "ledger", generated_ledger(2020, seed=4), "ledger_05913000_2020.csv")
    register = bundled_bytes("register").replace(b"31.12.2019", b"31.12.2020").splitlines(keepends=True)
    deliver_named(settings, "register", b"".join(register[:-200]), "register_05913000_2020-12-31.csv")
    employed = bundled_bytes("employment").decode().replace("31.12.2019", "31.12.2020").replace("2.525", "2.611")
    deliver_named(settings, "employment", employed.replace("572.574", "599.999").encode(), "eu2_employees_2020.csv")
    header, *_, last = bundled_bytes("eu2_series").decode().splitlines()
    persons = last.replace("31.12.2019", "31.12.2020").replace("1.108.393;75.104;7,3", "1.182.605;74.212;6,7")
    deliver_named(settings, "eu2_series", f"{header}\n{persons}\n".encode(), "eu2_series_2020-2020.csv")


def nodes_of(settings: Settings) -> list[dict]:
    with database.connect(settings, database.BI_READER) as connection:
        cursor = connection.execute(NODES)
        return [dict(zip([c.name for c in cursor.description], row, strict=True)) for row in cursor]


def recomputed(operation: str, digits: int | None, values: list[Decimal]) -> Decimal:
    """What an operation makes of its operands, written here a second time."""
    with localcontext() as context:
        context.prec = 60
        match operation:
            case "sum":
                return sum(values, Decimal(0))
            case "difference":
                return half_up(values[0] - sum(values[1:]), digits)
            case "product":
                return half_up(reduce(lambda a, b: a * b, values), digits)
            case "mean":
                return half_up(sum(values) / len(values), digits)
            case "largest":
                return max(values)
            case "share":
                amount, numerator, denominator = values
                return half_up(amount * numerator / denominator, 2)
            case "percentage":
                return half_up(100 * values[0] / values[1], digits)
            case "ratio":
                return half_up(values[0] / values[1], 10 if digits is None else digits)
            case "ratio_down" | "ratio_up":
                cost, persons, step = values
                return (cost / persons / step).to_integral_value(
                    f"ROUND_{'FLOOR' if operation[6:] == 'down' else 'CEILING'}"
                ) * step
            case "ratio_of_class":
                # each count from the lowest to the highest gives the one rate
                cost, shown, low, high, step = values
                assert low <= shown <= high and high - low == 4
                (rate,) = {half_up(cost / n / step, 0) * step for n in range(int(low), int(high) + 1)}
                return rate
            case "published_of_class":
                cost, shown, low, high, published = values
                assert low <= shown <= high and high - low == 4
                assert cost / high - Decimal("0.5") <= published <= cost / low + Decimal("0.5")
                return published
        (value,) = values
        return half_up(value, digits) if operation == "rounded" else value


def half_up(value: Decimal, digits: int | None) -> Decimal:
    return value if digits is None else value.quantize(Decimal(1).scaleb(-digits), rounding="ROUND_HALF_UP")


def check_inner_nodes(nodes: list[dict]) -> int:
    """Each inner node of every tree against its children; how many there were."""
    children = defaultdict(list)
    for node in sorted(nodes, key=lambda node: node["node_order"]):
        children[node["mart"], node["row_key"], node["figure"], node["parent_path"]].append(node)
    checked = 0
    for node in nodes:
        below = children[node["mart"], node["row_key"], node["figure"], node["node_path"]]
        if node["value"] is None or not below:
            assert node["value"] is None or node["node_kind"] not in ("figure", "component"), named(node)
            continue
        values = [child["value"] for child in below]
        assert None not in values, named(node)
        assert node["value"] == recomputed(node["operation"], node["digits"], values), f"{named(node)} of {values}"
        checked += 1
    return checked


def named(node: dict) -> str:
    names = ("mart", "row_key", "figure", "node_path", "label", "operation", "value")
    return " ".join(str(node[name]) for name in names)


def check_references(nodes: list[dict]) -> int:
    known = {(n["mart"], n["row_key"], n["figure"], n["node_path"]): n["value"] for n in nodes}
    references = [n for n in nodes if n["node_kind"] == "figure_reference"]
    for node in references:
        target = tuple(node[f"refers_to_{part}"] for part in ("mart", "row_key", "figure", "path"))
        assert known[target] == node["value"], node
    return len(references)


def check_roots(settings: Settings, nodes: list[dict]) -> int:
    """Each root against the column of the mart that it explains."""
    roots = {(n["mart"], n["row_key"], n["figure"]): n["value"] for n in nodes if n["node_kind"] == "figure"}
    for mart in {mart for mart, _, _ in roots}:
        definition = marts.definition(mart)
        with database.connect(settings, database.BI_READER) as connection:
            cursor = connection.execute(f"select * from marts.{mart}")
            rows = [dict(zip([c.name for c in cursor.description], row, strict=True)) for row in cursor]
        shown = {explain.row_key(definition, row): row for row in rows}
        for (_, row_key, figure), value in [item for item in roots.items() if item[0][0] == mart]:
            assert shown[row_key][figure] == value, (mart, row_key, figure)
    return len(roots)


def check_ledger_leaves(settings: Settings, nodes: list[dict]) -> int:
    """Sums of postings against the raw lines that the leaf names: to the cent, and not a line too many."""
    lines = query(
        settings,
        "select d.sha256, p.line_number, p.amount_eur from raw.ledger__posting as p"
        " inner join raw.delivery as d using (delivery_id)",
    )
    amounts = {(sha256, line): amount for sha256, line, amount in lines}
    leaves = [n for n in nodes if n["source"] == "ledger" and n["row_numbers"]]
    for leaf in leaves:
        lines = listed(leaf["row_numbers"])
        assert len(lines) == leaf["row_count"]
        assert (min(lines), max(lines)) == (leaf["first_line"], leaf["last_line"])
        assert sum(amounts[leaf["sha256"], line] for line in lines) == leaf["value"], leaf
    return len(leaves)


def listed(row_numbers: str) -> list[int]:
    ends = [[int(end) for end in part.split("-")] for part in row_numbers.split(", ")]
    return [line for end in ends for line in range(end[0], end[-1] + 1)]


def leaves_below(tree: dict) -> list[dict]:
    return [leaf for child in tree["children"] for leaf in leaves_below(child)] or [tree]


@pytest.mark.long
def test_every_node_of_generated_ledgers_sums_back_to_its_figure(published_warehouse):
    warehouse = published_warehouse
    accept(warehouse, "ledger", generated_ledger(2019, seed=1))
    deliver_named(warehouse, "ledger", generated_ledger(2018, seed=2), "ledger_05913000_2018.csv")
    deliver_year_after(warehouse)
    header, *operations = bundled_bytes("esf_sachsen").splitlines(keepends=True)
    accept(warehouse, "esf_sachsen", header + b"".join(operations) * 3)
    build.run(warehouse)
    nodes = nodes_of(warehouse)
    assert check_inner_nodes(nodes) > 400
    assert check_references(nodes) > 40
    assert check_roots(warehouse, nodes) > 250
    assert check_ledger_leaves(warehouse, nodes) > 100

    # Trees of intervals, comparisons and bridges ran with rows; the parts of a bridge sum to its difference.
    roots = {(n["mart"], n["row_key"], n["figure"]): n["value"] for n in nodes if n["node_kind"] == "figure"}
    assert {(mart, figure) for mart, _, figure in roots} >= {
        ("cost_per_person", "cost_per_person_low_eur"), ("cost_per_person", "cost_per_person_high_eur"),
        ("cost_comparability", "is_same"), ("cost_comparability", "is_comparable"),
        ("cost_bridge", "part_eur"), ("cost_bridge", "difference_eur"),
        ("ledger_choice", "amount_eur"), ("funding_granted", "total_cost_eur"), ("funding_granted", "granted_eur"),
    }  # fmt: skip
    bridges = defaultdict(Decimal)
    for (mart, row_key, figure), value in roots.items():
        if (mart, figure) == ("cost_bridge", "part_eur"):
            bridges[row_key.rpartition("|")[0]] += value
    assert {key.split("|")[1] for key in bridges} == {"total_cost_eur", "extrapolated_cost_eur"}
    assert all(sum_of_parts == roots["cost_bridge", f"{key}|price", "difference_eur"] != 0
               for key, sum_of_parts in bridges.items())  # fmt: skip
    # Three of 775 EUR and three of 1,580.38 EUR, each 80 % to the cent; a list of two says nothing.
    granted = "select operations, total_cost_eur, granted_eur, granted_pct, reason from marts.funding_granted"
    whole = f"{granted} where begin_year = 'all' and source = %s"
    cents = [Decimal("7066.14"), Decimal("5652.90"), Decimal("80.00")]
    assert query(warehouse, whole, "esf_sachsen") == [(6, *cents, None)]
    assert query(warehouse, whole, "esf_bayern") == [(*[None] * 4, "confidential")]
    # Of a figure only its own deliveries are listed: those of its year.
    listed_periods = {
        delivery.period for delivery in explain.explain(warehouse, "cost_per_person", "05913000", 2020).deliveries
    }
    assert listed_periods == {"05913000_2020", "05913000_2020-12-31", "2020"}
    bridge = explain.as_text(explain.explain(warehouse, "cost_bridge", "05913000", 2020), "en")
    assert "Part of the bridge: price" in bridge and "mean of the two values" in bridge

    # The planner knows every seed and intermediate table: none was left to autovacuum.
    unknown = query(
        warehouse,
        "select relname from pg_class where relnamespace = 'build'::regnamespace and relkind = 'r' and reltuples < 0"
        " and relname <> all(%s)",
        [mart.name for mart in marts.definitions()],
    )
    assert unknown == []

    # Very many postings are one leaf, with its span instead of its lines.
    spans = [n for n in nodes if n["source"] == "ledger" and n["row_numbers"] is None]
    assert spans and {n["row_count"] > 200 and n["last_line"] - n["first_line"] >= n["row_count"] for n in spans}
    # Every leaf of a delivery names it; a person's row is never named.
    for node in nodes:
        if node["node_kind"] in ("delivery_rows", "delivery_aggregate"):
            assert node["file_name"] and node["sha256"] and node["checks_passed_count"] is not None, node
        assert node["source"] != "register" or (node["first_line"], node["row_numbers"]) == (None, None)

    # A random walk through the printed tree ends at a delivered line that the total was summed from.
    chain = explain.explain(warehouse, "cost_per_person", "05913000", 2019)
    ((tree, *_),) = chain.trees
    total = tree["children"][0]["children"][0]
    chosen = random.Random(3).sample(total["children"], 8)
    for component in chosen:
        assert component["value"] == recomputed(
            component["operation"], component.get("digits"), [child["value"] for child in component["children"]]
        )
    assert sum(component["value"] for component in total["children"]) == chain.rows[0]["total_cost_eur"]
    # A year without persons has no figure, and says which operand is missing.
    ((tree,),) = explain.explain(warehouse, "cost_per_person", "05913000", 2018).trees
    assert tree["reason"] == "population_of_another_date" and "value" not in tree
    assert {leaf["node_kind"] for leaf in leaves_below(tree["children"][0]["children"][1])} == {"missing"}

    # The rate of 2020 is nobody's print: it is that of each count of its class. Of 2019 it is the published one, where
    # the generated ledger happens to meet it, and else one of a class.
    operations = {node["operation"] for node in nodes}
    assert operations >= {"ratio_of_class", "ratio_down", "ratio_up", "rounded_count"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"node_path": "1.1.1", "value": Decimal(1)}, "1.1 rate ratio"),
        ({"node_path": "1.1.2.2", "value": Decimal(1)}, "1.1.2 denominator_persons difference"),
    ],
)
def test_the_check_of_the_nodes_finds_a_wrong_value(change, complaint):
    def node(path, operation, value, label, digits=None):
        parent = path.rpartition(".")[0] or None
        kind = "figure" if parent is None else "component"
        return {
            "mart": "m", "row_key": "r", "figure": "f", "node_path": path, "parent_path": parent, "node_order": path,
            "operation": operation, "value": Decimal(value), "label": label, "digits": digits, "node_kind": kind,
        }  # fmt: skip

    nodes = [
        node("1", "rounded", "3", "rounded", 0),
        node("1.1", "ratio", "2.5", "rate"),
        node("1.1.1", "sum", "10", "total_cost_eur"),
        node("1.1.1.1", "read", "10", "amount"),
        node("1.1.2", "difference", "4", "denominator_persons"),
        node("1.1.2.1", "read", "7", "population"),
        node("1.1.2.2", "read", "3", "employees"),
    ]
    leaves = {"1.1.1.1", "1.1.2.1", "1.1.2.2"}
    for leaf in nodes:
        leaf["node_kind"] = "delivery_rows" if leaf["node_path"] in leaves else leaf["node_kind"]
    assert check_inner_nodes(nodes) == 4
    wrong = [{**n, **change} if n["node_path"] == change["node_path"] else n for n in nodes]
    with pytest.raises(AssertionError, match=complaint):
        check_inner_nodes(wrong)


@pytest.mark.long
@pytest.mark.nightly
def test_a_small_count_of_persons_is_nowhere_in_a_tree(published_warehouse):
    warehouse = published_warehouse
    header, *lines = bundled_bytes("register").decode("iso-8859-1").splitlines(keepends=True)
    others = [line for line in lines if ";154;" not in line and ";125;" not in line]
    two = [line for line in lines if ";154;" in line and ";;A;" in line][:2]
    accept(warehouse, "register", "".join([header, *others, *two]).encode("iso-8859-1"))
    quantities = bundled_bytes("reference_quantity").decode().replace("EU2;9.900", "EU2;2")
    accept(warehouse, "reference_quantity", quantities.encode())
    build.run(warehouse)
    (shown,) = query(warehouse, "select eu2_persons, is_suppressed from marts.eu2_population where source = 'register'")
    assert shown == (None, True)
    of_register = [node for node in nodes_of(warehouse) if node["source"] == "register"]
    assert len(of_register) == 4  # population, cost per person, two lump sums
    assert {(n["value"], n["row_count"], n["first_line"], n["row_numbers"]) for n in of_register} == {(None,) * 4}
    persons = [n for n in nodes_of(warehouse) if n["unit"] in ("persons", "count") and n["source"] != "eu2_series"]
    assert not [n for n in persons if n["value"] is not None and 0 < n["value"] < 3]
    text = explain.as_text(explain.explain(warehouse, "cost_per_person", "05913000", 2019))
    assert "an aggregate; no row of a person is named" in text and "reason: confidential" in text


@pytest.mark.long
@pytest.mark.nightly
def test_a_leaf_keeps_what_was_said_of_its_delivery_when_it_was_read(published_warehouse):
    warehouse = published_warehouse
    late = deliver(warehouse, "employment", bundled_bytes("employment").replace(b"2.525", b"2.526"))
    with database.connect(warehouse, database.LOADER) as connection:
        connection.cursor().executemany(
            "insert into quality.verdict (delivery_id, expectation, why, severity, passed)"
            " values (%s, %s, 'why', %s, %s)",
            [(late.delivery_id, "a", "hold", False), (late.delivery_id, "a", "hold", True),
             (late.delivery_id, "b", "hold", False), (late.delivery_id, "c", "warn", False)],
        )  # fmt: skip
    delivery_ledger.decide(warehouse, late.delivery_id, ["b"])
    delivery_ledger.accept(warehouse, late.delivery_id, "confirmed by the office", supersedes=True, until=date.max)
    publication = build.run(warehouse)

    def leaf() -> dict:
        chain = explain.explain(warehouse, "cost_per_person", "05913000", 2019, publication)
        (found,) = [leaf for leaf in leaves_below(chain.trees[0][0]) if leaf["label"] == "employees_persons"]
        return found

    before = leaf()
    assert [before[f"checks_{outcome}_count"] for outcome in ("passed", "warned", "failed")] == [1, 1, 1]
    assert before["accepted_at"] and before["accepted_why"] == "confirmed by the office"
    # Everybody is told that it was accepted, when and why; by whom, only the house.
    (account,) = {by for (by,) in query(warehouse, "select by from raw.delivery_event")}
    assert account not in {value for node in nodes_of(warehouse) for value in node.values()}
    decided = "select decided_by, decided_at from marts_internal.delivery_decision where decided_why = %s"
    told = query(warehouse, decided, before["accepted_why"], role=database.STATISTICS_OFFICE)
    assert told == [(account, before["accepted_at"])]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        query(warehouse, "select by from raw.delivery_event", role=database.BUILDER)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        query(warehouse, decided, "", role=database.BI_READER)
    assert (before["file_name"], before["row_numbers"], before["sha256"]) == (
        "eu2_employees_2019.csv",
        "3",
        late.sha256,
    )
    with database.connect(warehouse, database.LOADER) as connection:
        connection.execute(
            "insert into quality.verdict (delivery_id, expectation, why, severity, passed)"
            " values (%s, 'd', 'why', 'hold', false)",
            [late.delivery_id],
        )
    assert leaf() == before


def test_each_figure_stands_in_the_tree_that_its_mart_declares(published_warehouse):
    """What meta.trees says against the rows: the root of a tree, or a node of another one, has the mart's value."""
    compared = 0
    with database.connect(published_warehouse, database.BI_READER) as connection:
        made = set(connection.execute("select distinct mart, figure from marts.provenance").fetchall())
        declared = set()
        for mart in (mart for mart in marts.definitions() if mart.schema == "marts" and mart.name != "provenance"):
            trees = {figure: tree for figure, tree in mart.meta["trees"].items() if "none" not in tree}
            declared |= {(mart.name, figure) for figure, tree in trees.items() if "part_of" not in tree}
            key = "concat_ws('|', {})".format(", ".join(f"m.{column}" for column in mart.key))
            for figure, tree in trees.items():
                data_type = mart.columns[figure][0].replace("boolean", "integer")
                where = f"and p.label = '{tree['label']}'" if "label" in tree else ""
                # a tree tells the value to ten decimals, its mart to those of its column
                rows = connection.execute(
                    f"select m.{figure}::{data_type}, p.value::{data_type}, t.value is not null"
                    f" from marts.{mart.name} as m left join marts.provenance as t on t.mart = %(mart)s"
                    f" and t.row_key = {key} and t.figure = %(root)s and t.node_path = '1'"
                    f" left join marts.provenance as p on p.mart = t.mart and p.row_key = t.row_key"
                    f" and p.figure = t.figure and p.node_path = %(path)s {where}"
                    f" where m.{figure} is not null and ({tree.get('only', 'true')})",
                    {"mart": mart.name, "root": tree.get("part_of", figure), "path": tree.get("path", "1")},
                ).fetchall()
                for shown, told, has_tree in rows:
                    if "label" in tree and told is None:
                        continue  # of what is no share, another node stands there
                    assert shown == told or ("part_of" in tree and not has_tree), (mart.name, figure, shown, told)
                    compared += told is not None
    assert made <= declared and compared > 250, (made - declared, compared)


def test_every_released_mart_is_explained_in_both_languages(published_warehouse, monkeypatch):
    warehouse = published_warehouse
    for mart in marts.definitions():
        if mart.schema != "marts" or mart.name == "provenance":
            continue
        (count,) = query(warehouse, f"select count(*) from marts.{mart.name}")[0]
        if not count:  # nothing to compare where one city and year are delivered, and no city names its districts
            assert mart.name in ("city_district_population", "cost_bridge", "cost_comparability")
            continue
        chain = explain.explain(warehouse, mart.name)
        assert len(chain.rows) == len(chain.trees) == count
        for language in explain.LANGUAGES:
            assert explain.as_text(chain, language)

    chain = explain.explain(warehouse, "cost_per_person", "05913000", 2019, method="dortmund_2019")
    german, english = explain.as_text(chain, "de"), explain.as_text(chain, "en")
    assert "1.1.1 Zugeordnete Kosten des Jahres = 15.639.763 EUR; Summe; aus dem Ergebnis zurückgerechnet" in german
    assert "1.1.1 Attributed cost of the year = 15,639,763 EUR; sum; derived_from_result" in english
    assert "register_05913000_2019-12-31.csv, Aggregat; keine Zeile einer Person wird genannt" in german
    # The way to 2,143: what was counted is rounded, and the published rate lies within what that allows.
    assert "1.1.2 Persons over whom the cost is spread = 7,300 persons; the first less the second" in english
    assert (
        "1.1.2.1 EU2 population = 9,825 persons; counted, as an aggregate only; counts of the population register are"
        " rounded to 5" in english
    )
    assert "1.1.2.2 Employees subject to social insurance = 2,525 persons" in english
    assert (
        "1.1 Cost per person, before the method rounds it = 2,143 EUR; the published rate, which lies within" in english
    )
    assert (
        "9823" not in english + german
        and "9,823" not in english
        and "7,298" not in english.replace("lowest count of its class = 7,298", "")
    )
    assert "berechnet 2.143 | veröffentlicht 2.143 (rounded to 1 EUR) | nachvollzogen" in german
    assert "ledger_05913000_2019.csv, lines 26-27, 54" in english
    # The tree of an extrapolation goes on in the one of its rate.
    extrapolated = explain.as_text(explain.explain(warehouse, "cost_extrapolation", "05913000", 2019), "en")
    assert "Employees subject to social insurance = 572,574 persons" in extrapolated
    assert "1.1.1.1.1.1 Attributed cost of the year = 15,639,763 EUR" in extrapolated

    # A share as it was printed, to one decimal: not 18,60 and not 22.
    shares = explain.as_text(explain.explain(warehouse, "migration_background", "00", 2005), "de")
    assert "share_pct: 18,6\n" in shares and "1 Anteil = 18,6 %;" in shares and "18,60" not in shares
    assert "Gelieferter Wert = 15,3 in der Einheit der Lieferung" in shares
    profile = explain.as_text(explain.explain(warehouse, "municipal_profile", "13003000", 2021), "en")
    assert "day_care_migration_background_pct_printed: 22.0\n" in profile and "printed = 22.0 %;" in profile
    assert "cost_per_person_low_eur: 2.140\n" in german and "Kosten je Person, Untergrenze = 2.140 EUR;" in german

    by_programme = explain.explain(warehouse, "funding_cliff", "suedosteuropa", 2024)
    assert {row["programme_id"] for row in by_programme.rows} == {"suedosteuropa"}
    assert {tree["value"] for trees in by_programme.trees for tree in trees} == {Decimal(2024)}
    stated = explain.explain(warehouse, "integration_course", "00", by_year(warehouse))
    assert {tree["figure"] for tree in stated.trees[0]} >= {"courses", "federal_money_eur", "eur_per_course"}
    with pytest.raises(UserError, match="cost_per_person has no row for 05913000 1999"):
        explain.explain(warehouse, "cost_per_person", "05913000", 1999)
    with pytest.raises(UserError, match="sensitivity_cost_per_person is not released"):
        explain.explain(warehouse, "sensitivity_cost_per_person", "05913000", 2019)

    monkeypatch.setattr("lagebild.core.settings.load", lambda: warehouse)
    arguments = ["explain", "cost_per_person", "--place", "05913000", "--year", "2019"]
    shown = CliRunner().invoke(main.cli, [*arguments, "--language", "de"])
    assert "Kosten je Person, gerundet: Dortmunder Rechnung 2019 = 2.143 EUR" in shown.output
    as_json = json.loads(CliRunner().invoke(main.cli, [*arguments, "--format", "json"]).output)
    assert as_json["trees"][0][0]["children"][0]["operation"] == "published_of_class"
    assert CliRunner().invoke(main.cli, arguments[:4]).exit_code == 2
    assert CliRunner().invoke(main.cli, ["explain", "programme_funding"]).exit_code == 0


def by_year(settings: Settings) -> int:
    (year,) = query(settings, "select stated_year from marts.integration_course where eur_per_course is not null")[0]
    return year


def test_a_place_is_asked_for_by_its_name_too(published_warehouse):
    warehouse = published_warehouse

    def asked(mart: str, place: str, year: int | None = None) -> list:
        return explain.explain(warehouse, mart, place, year).rows

    assert asked("cost_per_person", "dortmund", 2019) == asked("cost_per_person", "05913000", 2019)
    assert asked("migration_background", "Deutschland", 2005) == asked("migration_background", "00", 2005)
    assert asked("eu2_population", "Nordrhein-Westfalen", 2024) == asked("eu2_population", "05", 2024)
    for wrong, said in (
        ("0591300", "0591300: an AGS has 8 digits, this has 7"),
        ("Dortmud", r"no place is known by the name Dortmud; the nearest is Dortmund \(05913000\)"),
        ("Bochum", "cost_per_person has no row for 05911000 2019"),
    ):
        with pytest.raises(UserError, match=said):
            asked("cost_per_person", wrong, 2019)
    with pytest.raises(UserError, match="funding_cliff has no row for nowhere"):
        asked("funding_cliff", "nowhere")  # its places are programmes


def test_seeds_name_every_value_of_a_tree_in_both_languages():
    path = Path(__file__).parents[3] / "dbt_project" / "seeds" / "provenance_label.csv"
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    assert not [row for row in rows if not (row["label_de"] and row["label_en"])]
    assert not [row for row in rows if (row["scope"] == "value") != bool(row["unit"])]
