"""The section on readers says which queries are within their bound; the queries run on marts and on plain tables."""

import pytest

from tests.bench import page, readers
from tests.bench.readers import Asked, Read


def found(marts: float, plain: float) -> Read:
    asked = {"a place": Asked([marts] * 30, [plain] * 30), readers.NO_TABLE: Asked([0.01] * 30, [])}
    return Read(200, 1_000_000, 10, 3, asked)


@pytest.mark.parametrize(("marts", "met"), [(0.0011, "aim"), (0.0019, "must"), (0.003, "no")])
def test_a_query_is_held_against_the_plain_table_of_its_turn(marts, met):
    text = page.render_readers(found(marts, 0.001), "18", "A busy machine.")
    (line,) = [line for line in text.splitlines() if line.startswith("| a place: p95")]
    assert line.split("|")[-2].strip() == met and "**A busy machine.**" in text
    (calendar,) = [line for line in text.splitlines() if line.startswith(f"| {readers.NO_TABLE}")]
    assert [cell.strip() for cell in calendar.split("|")[2:4]] == ["10.0", "-"]


def test_a_slow_turn_shows_in_the_spread():
    slow = Asked([0.001] * 20 + [0.004] * 10, [0.001] * 30)
    text = page.render_readers(Read(200, 5, 10, 3, {"a place": slow}), "18", "")
    assert "1.00-4.00" in text


def test_a_query_of_plain_tables_reads_no_mart():
    for text in readers.QUERIES.values():
        assert "marts" in text and "marts" not in readers.plain(text)


def test_every_query_answers_alike_on_marts_and_on_plain_tables(published_warehouse):
    """A small form of the whole: two publications, two readers."""
    settings = published_warehouse
    readers._published(settings, 300, 1)
    readers._copied(settings)
    told = [sorted(name for name, _ in readers._answered(settings, 2, is_plain)) for is_plain in (False, True)]
    assert told[0] == sorted([*readers.QUERIES] * 2)
    assert told[1] == [name for name in told[0] if name != readers.NO_TABLE]
