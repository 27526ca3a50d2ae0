"""Every recorded file goes through the whole loader, and raw holds what an independent reading finds in it.

Read here with the csv module alone. The files lie outside the project (`../shared/samples`); without them this skips.
"""

import csv
import io
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from ingest.deliveries.delivery_ledger import Delivery
from lagebild.core.settings import ROOT, Settings
from lagebild.review import pending
from tests.ingest.onboarding.test_sniff import proposed
from tests.ingest.support import load_by, load_content
from tests.support import query

SAMPLES = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared") / "samples"
FLAT = {  # rows of each file
    "12211-0001_de_flat.csv": 225,
    "12211-Z-11_de_q_flat.csv": 1956,
    "12411-01-01-4_de_flat.csv": 1467,
    "12411-01-01-4_en_flat.csv": 1467,
    "12531-0043_de_flat.subset_ruhr.csv": 1454,
    "13111-01-03-4_de_flat.csv": 3300,
    "23111-0001_de_flat.csv": 272,
    "3000G-1008_de_flat.csv": 20,
    "46181-0001_de_flat.csv": 16,
    "AI-N-01-2-5_de_flat.subset_nrw.csv": 812,
}
SLOTS = 6
NUMBER = re.compile(r"-?\d+(,\d+)?")


def sample(name: str) -> bytes:
    path = SAMPLES / name
    if not path.is_file():
        pytest.skip(f"the recorded file is not here: {path}")
    return path.read_bytes()


def records(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))


def named(name: str, rows: list[dict[str, str]]) -> str:
    """The file's name as it is delivered: table and years."""
    years = sorted({row["time"][:4] for row in rows})
    table = re.match(r"(.*?)_(?:de|en)_", name)[1]
    return f"{table}_{'-'.join(sorted({years[0], years[-1]}))}_flat.csv"


def sums(pairs: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for unit, value in pairs:
        found[unit] += value
    return dict(found)


def load(settings: Settings, name: str, folder: Path) -> tuple[Delivery, list[dict[str, str]]]:
    content = sample(f"genesis_ffcsv/{name}")
    rows = records(content)
    return load_content(settings, "genesis", content, named(name, rows), folder), rows


def raw(settings: Settings, delivery: Delivery, statement: str) -> list[tuple]:
    text = f"with batch as (select * from raw.genesis__value where delivery_id = %s) {statement}"
    return query(settings, text, delivery.delivery_id)


def test_every_recorded_flat_file_is_listed_here():
    if not SAMPLES.is_dir():
        pytest.skip(f"the recorded files are not here: {SAMPLES}")
    assert {path.name for path in (SAMPLES / "genesis_ffcsv").iterdir()} == set(FLAT)


@pytest.mark.parametrize("name", FLAT)
def test_a_recorded_flat_file_is_loaded_as_it_says(warehouse, tmp_path, name):
    delivery, rows = load(warehouse, name, tmp_path)
    found = (delivery.state, delivery.records, delivery.loaded, delivery.rejected)
    assert found == ("loaded", FLAT[name], FLAT[name], 0) and len(rows) == FLAT[name]

    signs = Counter(row["value"] for row in rows if not NUMBER.fullmatch(row["value"]))
    assert dict(raw(warehouse, delivery, "select value_sign, count(*) from batch group by 1")) == signs | {
        None: len(rows) - signs.total()
    }
    assert raw(warehouse, delivery, "select 1 from batch where (value is null) = (value_sign is null)") == []

    numbers = [row for row in rows if row["value"] not in signs]
    stated = sums((row["value_unit"], Decimal(row["value"].replace(",", "."))) for row in numbers)
    by_unit = "select value_unit, sum(value) from batch where value is not null group by 1"
    assert dict(raw(warehouse, delivery, by_unit)) == stated

    times = "select time_code, time_text, count(*) from batch group by 1, 2"
    assert Counter({(a, b): n for a, b, n in raw(warehouse, delivery, times)}) == Counter(
        (row["time_code"], row["time"]) for row in rows
    )
    quality = "select value_quality, count(*) from batch group by 1"
    assert dict(raw(warehouse, delivery, quality)) == Counter(row.get("value_q") for row in rows)


@pytest.mark.parametrize("name", FLAT)
def test_every_text_of_a_recorded_flat_file_is_in_its_own_column(warehouse, tmp_path, name):
    """Slots that the table lacks are null, totals are empty: nothing is shifted."""
    delivery, rows = load(warehouse, name, tmp_path)
    titles = [f"{n}_variable_{part}" for n in range(1, SLOTS + 1) for part in _PARTS]
    columns = [f"slot_{n}_{column}" for n in range(1, SLOTS + 1) for column in _PARTS.values()]
    titles += ["statistics_code", "statistics_label", "time_label", "value_unit", "value_variable_code"]
    columns += titles[-5:]
    found = raw(warehouse, delivery, f"select line_number, {', '.join(columns)} from batch order by 1")
    assert found == [(line, *(row.get(title) for title in titles)) for line, row in enumerate(rows, 2)]
    totals = sum(row.get(f"{n}_variable_attribute_code") == "" for row in rows for n in range(1, SLOTS + 1))
    counted = " + ".join(f"count(*) filter (where slot_{n}_code = '')" for n in range(1, SLOTS + 1))
    assert raw(warehouse, delivery, f"select {counted} from batch") == [(totals,)]


_PARTS = {
    "code": "variable_code",
    "label": "variable_label",
    "attribute_code": "code",
    "attribute_label": "label",
}


def test_tables_and_years_stand_side_by_side(warehouse, tmp_path):
    names = ["12211-0001_de_flat.csv", "23111-0001_de_flat.csv", "46181-0001_de_flat.csv"]
    periods = [load(warehouse, name, tmp_path)[0].period for name in names]
    assert periods == ["12211-0001_2024", "23111-0001_1991-2024", "46181-0001_2023-2024"]


def test_recorded_tables_pass_the_gate(warehouse, tmp_path):
    """All but the English one, which is the same table and year as the German one again."""
    periods = {load(warehouse, name, tmp_path)[0].period for name in FLAT if "_en_" not in name}
    decided = pending.check_pending(warehouse, "genesis")
    assert {(delivery.period, delivery.state, delivery.reason) for delivery in decided} == {
        (period, "accepted", None) for period in periods
    }


def test_the_cube_file_is_no_flat_file(warehouse, tmp_path):
    content = sample("genesis_http/cubefile_47414BJ002.csv")
    delivery = load_content(warehouse, "genesis", content, "47414-BJ002_2024_flat.csv", tmp_path)
    assert delivery.state == "refused" and "no flat layout of GENESIS" in delivery.reason


@pytest.mark.parametrize(
    ("name", "rows", "key"),
    [
        ("12411-15i_2024.csv", 444, 2),
        ("13111-54i_2024.csv", 854, 3),
        ("22811-01i_2023.csv", 434, 1),
        ("22811-05i_2024.csv", 434, 2),
    ],
)
def test_tables_of_the_landesdatenbank_are_read_by_the_contract_proposed_for_them(warehouse, tmp_path, name, rows, key):
    content = sample(f"ldb_nrw/{name}")
    contract = proposed(tmp_path, name, content)
    # The key is the one thing that a proposal leaves to its reader: here the first columns.
    contract = replace(contract, primary_key=tuple(field.name for field in contract.fields[:key]))
    delivery = load_by(warehouse, contract, content, name, tmp_path)
    assert (delivery.state, delivery.loaded, delivery.rejected) == ("loaded", rows, 0)


def test_the_table_of_foreigners_is_read_by_its_own_contract(warehouse, tmp_path):
    name = "12521-03i_2024.csv"
    delivery = load_content(warehouse, "azr_nrw", sample(f"ldb_nrw/{name}"), name, tmp_path)
    assert (delivery.state, delivery.loaded, delivery.rejected) == ("loaded", 13481, 0)


@pytest.mark.parametrize(
    ("source", "name", "rows"),
    [
        ("ldb_12411_15i", "12411-15i_2024.csv", 444),
        ("ldb_13111_54i", "13111-54i_2024.csv", 854),
        ("ldb_22811_01i", "22811-01i_2023.csv", 434),
        ("ldb_22811_05i", "22811-05i_2024.csv", 434),
    ],
)
def test_whole_tables_of_the_landesdatenbank_are_loaded_and_accepted_by_their_contracts(
    warehouse, tmp_path, source, name, rows
):
    delivery = load_content(warehouse, source, sample(f"ldb_nrw/{name}"), name, tmp_path)
    assert (delivery.state, delivery.loaded, delivery.rejected) == ("loaded", rows, 0)
    (decided,) = pending.check_pending(warehouse, source)
    assert (decided.state, decided.reason) == ("accepted", None)
