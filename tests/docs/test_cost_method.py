"""The numbers of the method paper, computed anew from the bundled files: neither a stale one nor one too many."""

import math
import re
from decimal import ROUND_HALF_UP, Decimal

from lagebild.core.settings import ROOT
from tests.ingest.loading.test_bundled import german, ledger_rows, mapping, shares, table

PAPER = ROOT / "docs" / "methods" / "cost_per_person.md"
CENT = Decimal("0.01")


def numbers(text: str) -> set[str]:
    """Every number of the text that has a thousands separator."""
    return set(re.findall(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", text))


def ledger_parts() -> dict[str, Decimal]:
    """The ledger by what becomes of it, without any help of the models."""
    rules, split = mapping(), shares()
    parts = {"direct": Decimal(0), "unattributed": Decimal(0), "excluded": Decimal(0), "ledger": Decimal(0)}
    shared: dict[tuple[str, str, str], Decimal] = {}
    for row in ledger_rows():
        amount, rule = german(row["Betrag EUR"]), rules[row["Produkt"], row["Konto"]]
        parts["ledger"] += amount
        if rule["treatment"] == "excluded" or row["Zielgruppe"] == "andere":
            parts["excluded"] += amount
        elif row["Zielgruppe"] == "EU2":
            parts["direct"] += amount
        else:
            key = (row["Produkt"], row["Konto"], rule["attribution_rule"])
            shared[key] = shared.get(key, Decimal(0)) + amount
    for (*_, rule), amount in shared.items():
        part = Decimal(0)
        if rule in split:
            group, everybody = split[rule]
            part = (amount * group / everybody).quantize(CENT, ROUND_HALF_UP)
            parts |= {rule: part, f"{rule} of": amount, f"{rule} group": group, f"{rule} everybody": everybody}
        else:
            parts["without a rule"] = amount
        parts["unattributed"] += amount - part
    return parts


def recomputed() -> set[str]:
    """Every number that the paper may print, as it prints it."""
    parts = ledger_parts()
    attributed = parts["direct"] + sum(parts[rule] for rule in shares())
    assert attributed + parts["unattributed"] + parts["excluded"] == parts["ledger"]
    employment = {
        row["Gebietsschlüssel"]: german(row["Sozialversicherungspflichtig Beschäftigte"])
        for row in table("employment", "eu2_employees_2019.csv")
    }
    series = {row["Stichtag"]: german(row["EU2"]) for row in table("eu2_series", "eu2_series_2007-2019.csv")}
    counted = Decimal(9823)  # in the register, by test_bundled; readers see its class
    persons = 5 * round(counted / 5)
    denominator, country = persons - employment["05913000"], series["31.12.2019"] - employment["00"]
    possible = [denominator + offset for offset in range(-2, 3)]
    assert counted - employment["05913000"] in possible
    step = next(s for s in (1, 2, 5, 10) if len({round(attributed / count / s) for count in possible}) == 1)
    rate = step * round(attributed / denominator / step)
    published = Decimal(2143)
    assert (
        attributed / possible[-1] <= published + Decimal("0.5")
        and published - Decimal("0.5") <= attributed / possible[0]
    )
    # one employee more or less
    low = math.floor(attributed / (possible[-1] + 1) / step) * step
    high = math.ceil(attributed / (possible[0] - 1) / step) * step
    money = [
        attributed, *(parts[name] for name in ("direct", "unattributed", "excluded", "ledger", *shares()))
    ]  # fmt: skip
    counts = [persons, employment["05913000"], denominator, possible[0], possible[-1], series["31.12.2019"]]
    counts += [employment["00"], country, rate, published, low, high]
    counts += [shown * country for shown in (published, low, high)]
    counts += [parts[f"{rule} {what}"] for rule in shares() for what in ("of", "group", "everybody")]
    counts += [parts["without a rule"]]
    printed = {f"{amount:,.2f}" for amount in money}
    printed |= {f"{attributed / count:,.2f}" for count in (possible[0], possible[-1])}
    return printed | {f"{count:,.0f}" for count in counts}


def test_every_number_of_the_paper_is_recomputed():
    assert numbers(PAPER.read_text()) == numbers(" ".join(recomputed()))


def test_a_wrong_number_would_be_found():
    assert numbers("of 15,639,764.00 EUR, 12 and 2019") - recomputed() == {"15,639,764.00"}


def test_the_paper_is_of_the_methods_version():
    seed = (ROOT / "dbt_project" / "seeds" / "cost_method.csv").read_text().splitlines()[1].split(",")
    assert PAPER.read_text().startswith(f"# Method: cost per person and year (`{seed[0]}`, version {seed[1]})")
