"""Synthetic microdata in the layout of `mikrozensus_microdata`, whose weighted shares are those published.

    python -m tests.microdata --persons 500000 mikrozensus_05913000_2020.csv

Persons live in households, households in sampling districts, districts in strata; a background is shared in the
household and frequent in some districts, so that districts matter for the standard error. Weights are raked until every
share that the bundled delivery `mikrozensus` prints for 2020 holds. What it does not print, such as how many live in a
size class, is assumed (`fixtures/facts/mikrozensus_margins.csv`). Nobody in it is real, and every row says so.
"""

import argparse
import csv
import io
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from ingest import bundled

YEAR, SYNTHETIC = 2020, "synthetisch"
FACTS = Path(__file__).parent / "fixtures" / "facts" / "mikrozensus_margins.csv"
PUBLISHED = Path(bundled.__file__).parent / "mikrozensus" / "12211_migration_2005-2020_flat.csv"
HEADER = (
    "Berichtsjahr", "TPBerichtsquartal", "LAND", "Gemeindegrößenklasse", "Schicht", "AWBNummerFremd", "HHNummerFremd",
    "PERNr", "Alter", "Geschlecht", "Migrationshintergrund", "Ermittlung", "Erwerbsstatus", "Bildungsstand",
    "Jahreshochrechnungsfaktor", "Quartalshochrechnungsfaktor", "Herkunft",
)  # fmt: skip
STATES = {"05": 20, "09": 15, "08": 13, "03": 10, "06": 8, "14": 5, "07": 5, "11": 4, "01": 3, "12": 3, "15": 3,
          "16": 3, "02": 2, "13": 2, "10": 1, "04": 1}  # fmt: skip
"""State -> how many of a hundred districts lie there, about."""
EAST = ("12", "13", "14", "15", "16")
SIZES = {"X-GROSS": "Großstadt", "X-MITTEL": "Mittelstadt", "X-KLEIN": "Kleinstadt", "X-LAND": "Landgemeinde"}
NONE, NARROW, WIDER_ONLY = "kein", "im engeren Sinne", "nur im weiteren Sinne"
FREQUENCY = {"X-GROSS": 0.33, "X-MITTEL": 0.31, "X-KLEIN": 0.2, "X-LAND": 0.13}
QUARTER_TOTALS = (0.999, 1.001, 1.002, 0.998)
"""What a quarter's weights sum to, as a multiple of the year's."""


class Person(NamedTuple):
    """Who and where, before weights; codes and words as the file has them."""

    quarter: int
    state: str
    size: str
    stratum: str
    district: str
    household: int
    number: int
    age: int
    sex: str
    background: str
    basis: str
    employment: str
    education: str

    @property
    def cell(self) -> tuple[bool, str, bool, str]:
        """East or not, size class, under five or not, background: what weights depend on."""
        return self.state in EAST, self.size, self.age < 5, self.background


def content(persons: int, seed: int = YEAR, households: int = 8, states: Iterable[str] = STATES) -> bytes:
    """The file with as many persons, in districts of as many households; the same arguments, the same bytes."""
    people = list(itertools.islice(_people(random.Random(seed), households, tuple(states)), persons))
    weights = _raked(Counter(person.cell for person in people))
    whole, of_quarter = 0.0, defaultdict(float)
    for person in people:
        whole += weights[person.cell]
        of_quarter[person.quarter] += weights[person.cell]
    factor = {quarter: whole * QUARTER_TOTALS[quarter - 1] / part for quarter, part in of_quarter.items()}
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(HEADER)
    for person in people:
        weight = weights[person.cell]
        printed = (_german(weight), _german(weight * factor[person.quarter]))
        writer.writerow((YEAR, *person._replace(size=SIZES[person.size]), *printed, SYNTHETIC))
    return text.getvalue().encode()


def published(region: str, measure: str, sense: str, group: str = "", unit: str = "%", year: int = YEAR) -> Decimal:
    """A value of the bundled delivery by its codes."""
    with PUBLISHED.open(encoding="utf-8-sig", newline="") as file:
        (value,) = (
            Decimal(row["value"].replace(",", "."))
            for row in csv.DictReader(file, delimiter=";")
            if (row["time"], row["1_variable_attribute_code"], row["value_variable_code"])
            == (str(year), region, measure)
            and (row["2_variable_attribute_code"], row["3_variable_attribute_code"], row["value_unit"])
            == (sense, group, unit)
        )
    return value


def _margins() -> list[dict[tuple, float]]:
    """Margins, each a partition of all persons: key of the part -> persons. What keys are, `_keys` says."""
    with FACTS.open(encoding="utf-8", newline="") as file:
        assumed = {row["margin"]: float(row["persons"]) for row in csv.DictReader(file)}

    def share(*codes: str) -> float:
        return float(published(*codes)) / 100

    population = assumed["population"]
    wider = population * share("DG", "X-ANTMH", "X-WEIT")
    narrow = population * share("DG", "X-ANTMH", "X-ENG")
    east = assumed["east"] * share("X-OST", "X-ANTMH", "X-WEIT")
    young = assumed["under_five"] * share("DG", "X-ANTMH", "X-WEIT", "ALT000B05")
    rural = assumed["X-LAND"] * share("DG", "X-ANTMH", "X-ENG", "X-U5T")
    sizes: dict[tuple, float] = {}
    for size in SIZES:
        of_size = wider * share("DG", "X-ANTVT", "X-OHNE", size)
        sizes |= {(size, True): of_size, (size, False): assumed[size] - of_size}
    return [
        _parts(assumed["east"], east, population, wider),
        _parts(assumed["under_five"], young, population, wider),
        sizes,
        _parts(assumed["X-LAND"], rural, population, narrow),
    ]


def _parts(part: float, with_it: float, whole: float, all_with_it: float) -> dict[tuple, float]:
    """Persons by part or rest and with or without a background, from the four sums."""
    rest = all_with_it - with_it
    return {
        (True, True): with_it,
        (True, False): part - with_it,
        (False, True): rest,
        (False, False): whole - part - rest,
    }


def _keys(cell: tuple[bool, str, bool, str]) -> tuple[tuple, ...]:
    """The part of each margin that a cell belongs to."""
    is_east, size, is_young, background = cell
    wider = background != NONE
    return (is_east, wider), (is_young, wider), (size, wider), (size == "X-LAND", background == NARROW)


def _raked(counts: Counter[tuple]) -> dict[tuple, float]:
    """Weight of a person of each cell: all margins hold (iterative proportional fitting)."""
    masses = {cell: float(count) for cell, count in counts.items()}
    margins = _margins()
    for _ in range(5000):
        worst = 0.0
        for position, margin in enumerate(margins):
            sums: dict[tuple, float] = defaultdict(float)
            for cell, mass in masses.items():
                sums[_keys(cell)[position]] += mass
            if missing := margin.keys() - sums.keys():
                raise ValueError(f"too few persons: nobody of {sorted(missing, key=str)}")
            worst = max([worst, *(abs(sums[key] / persons - 1) for key, persons in margin.items())])
            masses = {cell: mass * margin[_keys(cell)[position]] / sums[_keys(cell)[position]]
                      for cell, mass in masses.items()}  # fmt: skip
        if worst < 1e-9:
            return {cell: mass / counts[cell] for cell, mass in masses.items()}
    raise ValueError("the margins cannot be met: too few persons in some cell")


def _people(rng: random.Random, households: int, states: tuple[str, ...]) -> Iterator[Person]:
    """Persons, district by district, without end."""
    frequent = [STATES[state] for state in states]
    for number in itertools.count(1):
        state = _chosen(rng, states, frequent)
        size = _chosen(rng, tuple(SIZES), (35, 25, 26, 14))
        if state == "02" or state == "11":
            size = "X-GROSS"  # city states
        stratum = f"{state}-{size[2:]}-{'ABC'[int(rng.random() * 3)]}"
        frequency = FREQUENCY[size] * (0.4 if state in EAST else 1.1) * (0.3 + 1.4 * rng.random())
        for household in range(1, households + 1):
            background = NONE
            if rng.random() < frequency:
                background = NARROW if rng.random() < 0.9 else WIDER_ONLY
            members = _chosen(rng, (1, 2, 3, 4, 5), (42, 33, 12, 9, 4))
            for member in range(1, members + 1):
                age = int(20 + rng.random() * 66) if member < 3 else int(rng.random() * rng.random() * 24)
                own = NONE if background != NONE and rng.random() < 0.08 else background
                basis = "abgeleitet" if own == WIDER_ONLY or (age < 15 and own == NARROW) else "angegeben"
                yield Person(1 + number % 4, state, size, stratum, f"A{number:05}", household, member, age,
                             "MW"[int(rng.random() * 2)], own, basis, *_status(rng, age, own))  # fmt: skip


def _status(rng: random.Random, age: int, background: str) -> tuple[str, str]:
    """Employment and education."""
    if age < 15:
        return "unter 15", "unter 15"
    has = background != NONE
    at_work = 0.05 if age >= 65 else 0.68 if has else 0.78
    chance = rng.random()
    employment = "erwerbstätig" if chance < at_work else "Nichterwerbsperson"
    if employment != "erwerbstätig" and age < 65 and chance < at_work + (0.06 if has else 0.03):
        employment = "erwerbslos"
    return employment, _chosen(rng, ("niedrig", "mittel", "hoch"), (38, 36, 26) if has else (15, 55, 30))


def _chosen(rng: random.Random, options: tuple, frequent: Iterable[int]) -> Any:
    # Only random() is promised to give the same sequence in every Python version.
    ends = list(itertools.accumulate(frequent))
    point = rng.random() * ends[-1]
    return next(option for option, end in zip(options, ends, strict=True) if point < end)


def _german(weight: float) -> str:
    return f"{weight:.4f}".replace(".", ",")


def main(arguments: list[str] | None = None) -> None:
    """Write one file."""
    parser = argparse.ArgumentParser(description="Write synthetic microdata of the Mikrozensus.")
    parser.add_argument("--persons", type=int, default=500_000, help="how many (default: 500,000)")
    parser.add_argument("--seed", type=int, default=YEAR, help="another seed gives other persons")
    parser.add_argument("file", type=Path, help="where to write it")
    given = parser.parse_args(arguments)
    given.file.write_bytes(content(given.persons, given.seed))


if __name__ == "__main__":
    main()
