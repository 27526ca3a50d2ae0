"""The page on writing packages says what was measured, and whether time and memory are kept."""

import json

import pytest

from tests.bench import page
from tests.bench.measure import Cost
from tests.bench.release import Pair, Sized


def pair(copied: float, data: float, whole: float, peak_mb: float) -> Pair:
    told = json.dumps({"seconds": whole - 0.3, "peak_mb": peak_mb})
    return Pair(Cost(copied, 0, 0, 3, ""), Cost(data, 0, 0, peak_mb, told), Cost(whole, 0, 0, peak_mb, told))


DEMO = Sized(5_200, [pair(0.1, 0.5, 2.0, 140), pair(0.1, 0.6, 2.2, 140), pair(0.1, 0.4, 1.9, 140)], 2_000_000)
LARGE = Sized(1_000_000, [pair(5, 15, 20, 300), pair(5, 14, 19, 310)], 9_000_000)


def met(text: str, what: str) -> str:
    line = next(line for line in text.splitlines() if line.startswith("|") and what in line)
    return line.split("|")[-2].strip()


@pytest.mark.parametrize(("slower", "less_mb", "time", "memory"), [(0, 290, "must", "must"), (9, 100, "no", "no")])
def test_the_section_says_whether_time_and_memory_are_kept(slower, less_mb, time, memory):
    demo = Sized(DEMO.rows, [pair(0.1, 0.5, 2.0 + slower, 140)] * 3, DEMO.file_bytes)
    text = page.render_release([demo, LARGE], less_mb, "18", "A busy machine.")
    assert (met(text, "package of the demo"), met(text, "peak memory")) == (time, memory)
    assert "**A busy machine.**" in text


def test_ratios_are_of_the_runs_of_one_turn_with_their_spread():
    text = page.render_release([DEMO, LARGE], 290, "18", "")
    (line,) = [line for line in text.splitlines() if "CSV and Parquet against" in line and "1,000,000" in line]
    assert [cell.strip() for cell in line.split("|")[2:4]] == ["2.90", "2.80-3.00"]
    assert text.count("| whole package ") == 5


def test_a_page_of_more_rows_stays_and_so_do_the_other_sections(tmp_path):
    path = tmp_path / "benchmarks.md"
    path.write_text("# Benchmarks\n\nrows: 5\n\n## The disclosure audit\n\nsolved\n")
    text = page.render_release([DEMO, LARGE], 290, "18", "")
    assert "written" in page.write_release(path, text) and "solved" in path.read_text()
    assert "stays" in page.write_release(path, text.replace("rows of all marts: 1,000,000", "rows of all marts: 9"))
    assert path.read_text().count(page.RELEASE) == 1
