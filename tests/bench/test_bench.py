"""The bench's own parts: the files it writes, what it counts, what its table says."""

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import psutil
import pytest

from ingest import contracts
from ingest.deliveries import pseudonyms
from ingest.reading import values
from lagebild.core.errors import UserError
from tests.bench import generate, ledger, measure, page
from tests.bench.__main__ import Results, has_loaded
from tests.bench.building import Building
from tests.bench.generate import without_padding
from tests.bench.measure import Cost
from tests.bench.server import started
from tests.support import MUNICIPALITY, PURPOSE, deliver, query

COST = Cost(seconds=1.0, client_seconds=0.5, server_seconds=0.5, peak_mb=100.0, output="loaded 10 10 0")


def written(rows: int, broken: float = 0.0) -> tuple[bytes, dict[str, int]]:
    file = io.BytesIO()
    counts = generate.write(file, rows, broken)
    return file.getvalue(), counts


def test_the_clean_file_loads_whole(warehouse):
    content, _ = written(2_000)
    assert contracts.load("register").file_name.fullmatch(generate.FILE_NAME)
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    delivery = deliver(warehouse, "register", content, generate.FILE_NAME)
    assert (delivery.state, delivery.loaded, delivery.rejected) == ("loaded", 2_000, 0), delivery.reason
    assert query(warehouse, "select count(distinct person_pseudonym) from raw.register__person") == [(2_000,)]
    assert query(warehouse, "select distinct evidence from raw.register__person") == [("synthetic",)]


def test_the_same_arguments_give_the_same_bytes_in_latin_1():
    content, _ = written(3_000)
    assert content == written(3_000)[0] != written(3_001)[0]
    assert not content.isascii() and "ü" in content.decode("iso-8859-1")
    assert 100 <= len(content) / 3_000 <= generate.BYTES_A_ROW


def test_a_file_larger_than_a_chunk_repeats_no_person(monkeypatch):
    monkeypatch.setattr(generate, "CHUNK_ROWS", 1_000)
    content, _ = written(4_500)
    numbers = [line.split(b";")[2] for line in content.splitlines()[1:]]
    assert len(numbers) == len(set(numbers)) == 4_500


def test_the_next_months_export_has_the_same_persons_of_whom_some_moved_out():
    file = io.BytesIO()
    generate.write(file, 10_000, changed=0.02)
    before = [line.split(b";") for line in written(10_000)[0].splitlines()[1:]]
    after = [line.split(b";") for line in file.getvalue().splitlines()[1:]]
    differing = [
        {n for n, (a, b) in enumerate(zip(*pair, strict=True)) if a != b} for pair in zip(before, after, strict=True)
    ]
    moved_out = generate.header().index("Auszugsdatum")
    assert all(places <= {0, moved_out} and 0 in places for places in differing)
    assert 150 < sum(moved_out in places for places in differing) < 250


def test_the_broken_file_has_every_kind_and_line_breaks_in_quotes():
    content, counts = written(30_000, 0.001)
    kinds = {name for name, _ in generate._kinds(generate.header())}
    assert set(counts) == kinds | {"quoted_line_break"}
    assert sum(count for name, count in counts.items() if name in kinds) == counts["quoted_line_break"] == 30
    assert content.count(b'"Pr\xfcf\nmann; ""zweite"" Zeile"') == 30
    assert content.count(b'"Offen;') == counts["quote_never_closed"]


def test_a_column_that_the_contract_gained_is_not_left_empty_in_silence():
    with pytest.raises(ValueError, match="Augenfarbe"):
        generate.Columns(0, 1).bytes_of("Augenfarbe")


def test_memory_and_cpu_of_a_program_are_counted():
    program = "x = bytearray(150 << 20); x[::4096] = b'1' * len(x[::4096])\nfor _ in range(5_000_000): pass"
    cost = measure.run([sys.executable, "-c", program], dict(os.environ), os.getpid(), Path("/"))
    assert 150 < cost.peak_mb < 200
    assert 0.05 < cost.client_seconds <= cost.seconds * psutil.cpu_count()


def test_memory_of_children_counts():
    child = "import time; x = bytearray(b'1' * (60 << 20)); time.sleep(0.5)"
    program = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"
    cost = measure.run([sys.executable, "-c", program], dict(os.environ), os.getpid(), Path("/"))
    assert cost.peak_mb > 65


def test_the_parents_memory_is_not_counted_as_the_programs():
    ballast = b"1" * (200 << 20)
    cost = measure.run([sys.executable, "-c", ""], dict(os.environ), os.getpid(), Path("/"))
    assert cost.peak_mb < 100 < len(ballast)


def test_cpu_of_children_that_ended_is_on_the_servers_account():
    before = measure.server_seconds(os.getpid())
    subprocess.run([sys.executable, "-c", "for _ in range(10_000_000): pass"], check=True)
    assert measure.server_seconds(os.getpid()) - before > 0.1


def test_a_program_that_fails_says_why():
    with pytest.raises(measure.Failed, match="no such thing"):
        measure.run(
            [sys.executable, "-c", "raise SystemExit('no such thing')"], dict(os.environ), os.getpid(), Path("/")
        )


def test_a_disk_that_is_too_small_is_named_before_anything_is_written(tmp_path):
    with pytest.raises(UserError, match="GB free"), started(tmp_path, bytes_needed=1 << 60):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("output", "is_whole"),
    [("loaded 10 10 0 ", True), ("accepted 10 10 0", True), ("loaded 10 9 1", False), ("loaded 9 9 0", False),
     ("refused None None None x", False), ("", False)],
)  # fmt: skip
def test_a_job_that_did_not_load_everything_is_no_measurement(output, is_whole):
    assert has_loaded(output, 10) == is_whole


@pytest.mark.parametrize(("seconds", "met"), [(1.0, "aim"), (1.9, "must"), (2.1, "no")])
def test_the_table_says_whether_a_figure_is_reached(seconds, met):
    raw = (replace(COST, seconds=0.9), replace(COST, seconds=1.1))
    results = Results(10, 1000, raw=[raw], clean=[replace(COST, seconds=seconds)], broken=[COST])
    line = next(line for line in page.render(results, "18", 0.0, False).splitlines() if "raw `\\copy`  " in line)
    assert line.split("|")[-2].strip() == met


def test_a_figure_that_must_be_small_is_reached_below():
    assert page._at_most("x", [1.0, 2.0, 3.5], 3.0, 1.8)[-1] == "must"
    assert page._at_most("x", [3.1], 3.0, 1.8)[-1] == "no"
    assert page._at_most("peak (MB)", [100, 600], 512, 256)[-1] == "no"  # of memory the highest counts


@pytest.mark.parametrize(("digest", "met"), [("a", "must"), ("b", "no")])
def test_the_table_says_whether_a_build_of_one_more_ends_where_a_full_one_ends(digest, met):
    built, again = (replace(COST, output=json.dumps({"model_seconds": 1, "digest": name})) for name in ("a", digest))
    results = Results(10, 1000, raw=[(COST, COST)], clean=[COST], broken=[COST])
    results.building = Building(20, built, built, again)
    line = next(line for line in page.render(results, "18", 0.0, False).splitlines() if "to the cent" in line)
    assert line.split("|")[-2].strip() == met


@pytest.mark.parametrize("cents", [1, 99, 100, 99_999, 100_000, 123_456_789])
def test_money_of_the_generated_ledger_is_written_as_the_contract_reads_it(cents):
    text = without_padding([ledger._money(np.array([cents]), np.array([True]))]).decode().strip()
    field = next(field for field in contracts.load("ledger").fields if field.type == "number")
    assert values.parse(field, text, frozenset()) == -Decimal(cents) / 100


def test_a_page_says_when_the_machine_was_busy():
    results = Results(5_000, 1000, raw=[(COST, COST)], clean=[COST], broken=[COST])
    assert "Other programs were running" in page.render(results, "18", 2.8, False)
    assert "Other programs were running" not in page.render(results, "18", 0.3, False)


def test_a_page_of_more_rows_stays(tmp_path):
    path = tmp_path / "benchmarks.md"
    results = Results(5_000, 1000, raw=[(COST, COST)], clean=[COST], broken=[COST])
    assert "written" in page.write(path, page.render(results, "18", 0.0, False), 5_000)
    assert "stays" in page.write(path, "less", 200)
    assert "rows: 5,000" in path.read_text()
    assert "written" in page.write(path, "as many", 5_000)
