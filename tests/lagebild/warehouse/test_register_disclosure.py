"""Counts of a register as their readers find them: made-up places go through real builds and are read as bi_reader."""

import json
from decimal import Decimal
from functools import reduce

import pytest

from ingest.deliveries import pseudonyms
from lagebild.core import database
from lagebild.core.settings import Settings
from lagebild.provenance import explain, headline
from lagebild.warehouse import build, marts
from tests.lagebild.warehouse.test_mapping import EMPLOYED, LEDGER, REGISTER, lines
from tests.support import PURPOSE, accept, bundled_bytes, query

DAY = "31.12.2019"
# Bulgarians, Romanians and employees of a place on the day; in the second release each count stays in its class.
FIRST = {
    "05911000": (1, 3, 0),  # the whole is shown, its parts are not
    "05112000": (1, 499, 100),
    "01001000": (0, 2, 0),  # hidden with all of its cost
    "01002000": (0, 0, 0),  # a zero as well
    "05116000": (3, 7, 9),  # of 10 persons 9 are employed: nobody is told that one is left
    "05117000": (40, 60, 50),
    "05119000": (3, 3, 0),  # 5, 5 and 5 would mean 3 or 4
    "05120000": (40, 60, 50),  # its share of the population has a numerator of 2
}
SECOND = {
    "05911000": (0, 5, 0),
    "05112000": (2, 500, 100),
    "01001000": (1, 0, 0),
    "01002000": (1, 1, 0),
    "05116000": (7, 5, 9),
    "05117000": (41, 58, 50),
    "05119000": (4, 3, 0),
    "05120000": (38, 62, 50),
}
SHARED, NUMERATORS = "05120000", (2, 1)
HIDDEN = ("01001000", "01002000")  # persons and all
CONFIDENTIAL = (*HIDDEN, "05911000", "05116000", "05119000", SHARED)  # cost; of no employees nobody is told either
# Amounts that stand nowhere else: booked for the group, for others, and in one place for everybody.
DIRECT = {ags: Decimal(f"{20009 + 1111 * n}.0{n + 1}") for n, ags in enumerate(FIRST)}
OTHERS = {ags: Decimal(f"{70007 + 3333 * n}.1{n + 1}") for n, ags in enumerate(FIRST)}
EVERYBODY = Decimal("54321.77")
# What differs between two releases whatever they say: who delivered which bytes when.
OF_A_DELIVERY = {
    *("sha256", "source_sha256", "share_sha256", "delivery_id", "source_file_name", "file_name", "row_key"),
    *("refers_to_row_key", "accepted_at", "accepted_why", "publication_id", "input_age_days"),
    *("checks_passed_count", "checks_warned_count", "checks_failed_count"),
}
LINES = {"first_line", "last_line", "row_numbers", "line_number"}


def german(amount: Decimal) -> str:
    return str(amount).replace(".", ",")


def deliver_places(settings: Settings, counts: dict[str, tuple[int, int, int]], numerator: int) -> None:
    for ags, (bulgarians, romanians, _) in counts.items():
        pseudonyms.ensure_key(settings.keys, ags, PURPOSE)
        nationalities = ["125"] * bulgarians + ["154"] * romanians + ["163"] * 5
        persons = [
            f"{DAY};{ags};P{number};;;;;01.02.1990;M;{nationality};01.03.2015;;H;synthetisch"
            for number, nationality in enumerate(nationalities)
        ]
        accept(settings, "register", lines(REGISTER, *persons), f"register_{ags}_2019-12-31.csv")
    header, *quantities = bundled_bytes("reference_quantity").decode().splitlines()
    shares = [
        f"{DAY};{SHARED};Bevölkerung;{group};{count};erfunden;synthetisch"
        for group, count in (("EU2", numerator), ("alle", 900))
    ]
    accept(settings, "reference_quantity", "\n".join([header, *quantities, *shares, ""]).encode())


def deliver_books(settings: Settings) -> None:
    """Ledgers, employees and a mapping of the places: the same in each release."""
    columns = (
        "method,municipality_ags,valid_from_year,valid_to_year,product_code,account_code,cost_area,treatment,"
        "exclusion_reason,cost_basis,bearer,attribution_rule,remark"
    )
    mapped = [columns]
    for ags in FIRST:
        posted = [("050101", "533100", "EU2", DIRECT[ags]), ("020101", "501100", "andere", OTHERS[ags])]
        posted += [("020102", "501100", "alle", EVERYBODY)] if ags == SHARED else []
        rows = [
            f"{ags};2019;B{number};02.01.2019;{product};Leistung;{account};Konto;{group};{german(amount)};synthetisch"
            for number, (product, account, group, amount) in enumerate(posted)
        ]
        accept(settings, "ledger", lines(LEDGER, *rows), f"ledger_{ags}_2019.csv")
        mapped += [
            f"dortmund_2019,{ags},2019,,{product},{account},Soziales,attributed,,gross,municipality,"
            f"{'population_share' if group == 'alle' else 'none'},"
            for product, account, group, _ in posted
        ]
    settings.config.mkdir(parents=True, exist_ok=True)
    (settings.config / "cost_mapping.csv").write_text("\n".join(mapped) + "\n", encoding="utf-8")
    bundled = bundled_bytes("employment").decode().splitlines()
    employed = [
        f"{DAY};{ags};Ort;EU2;nicht angegeben;{count};erfunden;synthetisch" for ags, (_, _, count) in FIRST.items()
    ]
    accept(settings, "employment", "\n".join([*bundled, *employed, ""]).encode(), "eu2_employees_2019.csv")
    assert bundled[0] == EMPLOYED


def without_one_person() -> bytes:
    """The bundled register after an erasure: 9,822 instead of 9,823."""
    rows = bundled_bytes("register").decode("iso-8859-1").splitlines(keepends=True)
    rows.remove(next(row for row in rows if ";154;" in row and ";;H;" in row))
    return "".join(rows).encode("iso-8859-1")


def read(settings: Settings, publication: int) -> dict[str, list[dict]]:
    """All that bi_reader finds in a publication, by mart."""
    found = {}
    with database.connect(settings, database.BI_READER) as connection:
        for mart in marts.definitions():
            if mart.schema == "marts":
                cursor = connection.execute(
                    f"select * from marts_history.{mart.name} where publication_id = %s", [publication]
                )
                names = [column.name for column in cursor.description]
                found[mart.name] = [dict(zip(names, row, strict=True)) for row in cursor]
    return found


def of(rows: list[dict], ags: str) -> list[dict]:
    """The rows that any cell says are of a place."""
    return [row for row in rows if any(isinstance(value, str) and ags in value for value in row.values())]


def said(rows: list[dict], *names: str) -> list[str]:
    """What rows say, sorted, without what names a delivery; the place by none of the names that are given."""
    told = []
    for row in rows:
        # where a place's employees stand in their file, which everybody may read (mart employment: its line)
        left_out = OF_A_DELIVERY | (LINES if row.get("source") == "employment" else set())
        kept = {name: value for name, value in row.items() if name not in left_out}
        text = json.dumps(kept, default=str, sort_keys=True)
        told.append(reduce(lambda shown, name: shown.replace(name, "place"), names, text))
    return sorted(told)


def ends_of_classes(row: dict) -> set[str]:
    """The columns that say between what a shown count lies, where they follow from it: 9,818 and 9,822 from 9,820."""
    pairs = {name: (f"{name}_low", f"{name}_high") for name in row if {f"{name}_low", f"{name}_high"} <= row.keys()}
    return {
        end
        for name, ends in pairs.items()
        if row[name] is not None and [row[end] for end in ends] == [row[name] - 2, row[name] + 2]
        for end in ends
    }


@pytest.fixture
def releases(published_warehouse):
    """Publication 2 of the first counts and 3 of the second, beside Dortmund's, of whom one person was erased."""
    deliver_books(published_warehouse)
    deliver_places(published_warehouse, FIRST, NUMERATORS[0])
    first = build.run(published_warehouse)
    deliver_places(published_warehouse, SECOND, NUMERATORS[1])
    accept(published_warehouse, "register", without_one_person())
    return published_warehouse, first, build.run(published_warehouse)


@pytest.mark.long
def test_readers_learn_of_a_register_what_its_classes_say_and_no_more(releases):
    warehouse, first, second = releases
    published = {publication: read(warehouse, publication) for publication in (first, second)}
    marts_of = published[first]

    # 1. What one mart hides no other says: 1 + 3 is 5 without parts, 1 + 499 is 500, and 2 or 0 are nobody's to know.
    shown = {
        row["region_code"]: (row["bulgaria_persons"], row["romania_persons"], row["eu2_persons"], row["reason"])
        for row in marts_of["eu2_population"]
        if row["source"] == "register"
    }
    assert shown == {
        "05913000": (*shown["05913000"][:2], 9825, None),
        "05911000": (None, None, 5, "confidential"),
        "05112000": (None, None, 500, "confidential"),
        "01001000": (None, None, None, "confidential"),
        "01002000": (None, None, None, "confidential"),
        "05116000": (5, 5, 10, None),
        "05117000": (40, 60, 100, None),
        "05119000": (None, None, 5, "confidential"),
        "05120000": (40, 60, 100, None),
    }
    assert sum(shown["05913000"][:2]) == 9825
    costs = {row["municipality_ags"]: row for row in marts_of["cost_per_person"]}
    assert {ags for ags, row in costs.items() if row["reason"] == "confidential"} == set(CONFIDENTIAL)
    # 26,675.07 over 48 to 52 persons: 555.73 to 512.98, which 500 is in steps of 500 (550 and 500, 600 and 600 before)
    numbers = ("population_persons", "employees_persons", "denominator_persons", "cost_per_person_eur", "rate_step_eur")
    assert [costs["05117000"][name] for name in numbers] == [100, 50, 50, *hand_rate(DIRECT["05117000"], 48, 52)]
    assert [costs["05112000"][name] for name in numbers] == [500, 100, 400, *hand_rate(DIRECT["05112000"], 398, 402)]
    lump_sums = {(row["municipality_ags"], row["lump_sum"]): row for row in marts_of["lump_sum_simulation"]}
    assert lump_sums["05117000", "scenario_1000_eur"]["lump_sum_eur"] == 100_000
    assert {lump_sums[ags, "scenario_1000_eur"]["reason"] for ags in CONFIDENTIAL} == {"confidential"}

    # 2. No amount of one or two persons: nowhere, in no product, no total of a ledger, no sentence and no tree.
    for publication, mart_rows in published.items():
        for ags in CONFIDENTIAL:
            amounts = {DIRECT[ags], OTHERS[ags], DIRECT[ags] + OTHERS[ags]}
            amounts |= {EVERYBODY, DIRECT[ags] + EVERYBODY, amounts and DIRECT[ags] + OTHERS[ags] + EVERYBODY}
            texts = {f"{amount:,.2f}" for amount in amounts} | {f"{amount:.2f}" for amount in amounts}
            texts |= {text.translate(str.maketrans(",.", ".,")) for text in texts}
            for mart, rows in mart_rows.items():
                for row in of(rows, ags):
                    cells = [value for value in row.values() if isinstance(value, Decimal | int)]
                    assert not amounts & {Decimal(value) for value in cells}, (publication, mart, row)
                    words = " ".join(value for value in row.values() if isinstance(value, str))
                    assert not [text for text in texts if text in words], (publication, mart, row)
        assert {row["amount_reason"] for ags in CONFIDENTIAL for row in of(mart_rows["cost_component"], ags)} == {
            "confidential"
        }
        assert {row["amount_reason"] for row in of(mart_rows["ledger_choice"], "05117000")} == {None}
        assert {row["reason"] for row in of(mart_rows["refinancing"], "01001000")} == {"confidential"}

    # 5. A row that is there does not mean that somebody is: two persons and nobody read the same.
    of_registers = {mart: rows for mart, rows in marts_of.items() if mart != "official_statistic"}
    for mart, rows in of_registers.items():
        both = [id(row) for row in of(of(rows, HIDDEN[0]), HIDDEN[1])]  # a comparison of the two
        two, nobody = ([row for row in of(rows, ags) if id(row) not in both] for ags in HIDDEN)
        assert said(two, HIDDEN[0], "Flensburg") == said(nobody, HIDDEN[1], "Kiel"), mart

    # All counts but Dortmund's moved within their classes: whatever a reader finds is what it was, in every mart.
    for mart in marts_of:
        for ags in FIRST:
            before, after = (
                [row for row in of(of_release[mart], ags) if not of([row], "05913000")]
                for of_release in published.values()
            )
            assert said(before) == said(after), (mart, ags)

    # 4. One person less of 9,823: 9,825 and 9,820, which bounds the difference to 1 to 9.
    dortmund = "select eu2_persons from marts_history.eu2_population where source = 'register' and region_code = %s"
    vintages = query(warehouse, f"{dortmund} order by publication_id", "05913000", role=database.BI_READER)
    assert vintages == [(9825,), (9825,), (9820,)]
    persons = {9823, 9822, 7297}
    for mart, rows in published[second].items():
        for row in of(rows, "05913000"):
            lowest = {row["value"]} if row.get("label", "").startswith("denominator_class") else set()
            others = (value for name, value in row.items() if name not in ends_of_classes(row))
            cells = {int(v) for v in others if isinstance(v, Decimal | int) and v == int(v)} - lowest
            assert not cells & persons, (mart, row)
    rate = "select cost_per_person_eur, denominator_persons, verdict from marts_history.cost_per_person"
    rates = query(warehouse, f"{rate} where municipality_ags = '05913000' order by publication_id")
    assert rates == [(2143, 7300, "retraced"), (2143, 7300, "retraced"), (2143, 7295, "retraced")]

    # The statistics office reads what was counted and booked.
    exact = "select eu2_persons from marts_internal.eu2_population_unmasked where source = 'register'"
    office = database.STATISTICS_OFFICE
    assert query(warehouse, f"{exact} and region_code = %s", "01002000", role=office) == [(2,)]
    assert query(warehouse, f"{exact} and region_code = %s", "05913000", role=office) == [(9822,)]
    sensitivity = "select total_cost_eur, denominator_persons, reason from marts_internal.sensitivity_cost_per_person"
    (found,) = query(warehouse, f"{sensitivity} where municipality_ags = '01002000'", role=office)
    assert found == (DIRECT["01002000"], 2, None)

    # What the command line says is no more than that.
    for ags in HIDDEN:
        for mart in ("cost_per_person", "eu2_population", "cost_component"):
            told = explain.as_text(explain.explain(warehouse, mart, ags, 2019), "en")
            assert "confidential" in told
            assert f"{DIRECT[ags]:,.2f}" not in told and str(DIRECT[ags]) not in told
    told = "\n".join(headline.lines(warehouse))
    assert "15,639,763 EUR / 7,295 persons, rounded to 5" in told and "9,822" not in told


def hand_rate(cost: Decimal, low: int, high: int) -> tuple[Decimal, Decimal]:
    """The rate that all counts from low to high give, and its step: written here a second time, for every count."""
    for step in (digit * 10**exponent for exponent in range(6) for digit in (1, 2, 5)):
        rates = {int((cost / persons / step) + Decimal("0.5")) * step for persons in range(low, high + 1)}
        if len(rates) == 1:
            return Decimal(rates.pop()), Decimal(step)
    raise AssertionError("no step gives one rate")
