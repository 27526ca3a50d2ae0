"""Readers under publications, in a small fixed form; and that the watch sees what it must."""

import threading

import pytest

from lagebild.core import database
from lagebild.warehouse import locks, marts
from tests import publications as prepared
from tests.bench import page, publishing
from tests.bench.publishing import Pass, Point, Publishing, Storm
from tests.support import query


def test_readers_see_no_error_no_wait_and_no_mixture(warehouse):
    prepared.fill(warehouse)
    prepared.publish(warehouse)
    found = publishing.storm(warehouse, count=10)
    assert (found.errors, found.mixtures) == ([], [])
    assert (found.publications, found.rollbacks, found.failed_builds, found.migrations) == (10, 2, 1, 1)
    assert found.longest_wait_ms <= publishing.LOCK_WAIT_MS
    assert found.passes > 10 and found.publications_seen > 5
    assert query(warehouse, "select added from marts.cost_per_person", role=database.BI_READER) == [(None,)] * 2


def test_a_reader_that_has_to_wait_is_an_error_and_its_wait_is_seen(warehouse, monkeypatch):
    prepared.fill(warehouse)
    prepared.publish(warehouse)
    reader, waits = publishing.Reader(warehouse), publishing.LockWaits(warehouse)
    with database.connect(warehouse) as blocking:
        blocking.execute("lock table published.cost_per_person in access exclusive mode")
        reader.start()
        waits.start()
        while not reader.errors:
            reader.join(0.01)
    reader.end()
    waits.end()
    assert "lock timeout" in reader.errors[0]
    assert waits.longest_ms > publishing.LOCK_WAIT_MS / 2


def test_a_migration_that_does_not_give_way_is_noticed(warehouse, monkeypatch):
    monkeypatch.setattr(locks, "WAIT_MILLISECONDS", 5000)
    prepared.fill(warehouse)
    prepared.publish(warehouse)
    reader = publishing.Reader(warehouse)
    with database.connect(warehouse, database.BI_READER) as report:
        report.execute("select * from marts.cost_per_person")
        widening = threading.Thread(target=publishing._widen, args=[warehouse])
        widening.start()
        reader.start()
        while not reader.errors and widening.is_alive():
            reader.join(0.01)
    widening.join()
    reader.end()
    assert "lock timeout" in reader.errors[0]


def test_a_mixture_is_told():
    whole = Pass(2, {"a": {2}, "b": {2}}, {"a": (1, 11), "b": (1, 12)})
    expected = {2: dict(whole.contents)}
    assert list(publishing.mixed(whole, expected)) == []
    two = Pass(2, {"a": {2}, "b": {1}}, whole.contents)
    assert list(publishing.mixed(two, expected)) == ["b: publication [1] where 2 is in force"]
    nothing = Pass(2, {"a": {2}, "b": set()}, whole.contents | {"b": (0, 0)})
    assert list(publishing.mixed(nothing, expected)) == ["b: not the content of publication 2"]
    assert list(publishing.mixed(nothing, {2: dict(nothing.contents)})) == []  # a mart may be empty
    other = Pass(2, whole.ids, {"a": (1, 11), "b": (1, 13)})
    assert list(publishing.mixed(other, expected)) == ["b: not the content of publication 2"]


def test_only_what_changed_makes_published_grow(warehouse, monkeypatch):
    monkeypatch.setattr(publishing, "READINGS", 1)
    points = publishing.growth(warehouse, count=4, rows=200)
    assert [point.publications for point in points] == [1, 2, 3, 4]
    assert query(warehouse, "select count(*) from published.content") == [(len(marts.definitions()) + 3,)]
    assert points[-1].published_bytes < points[0].published_bytes * 1.5
    assert all(point.pages > 0 and point.read_ms > 0 for point in points)


def test_every_published_table_has_an_index_led_by_the_content(warehouse):
    led = query(
        warehouse,
        "select c.relname from pg_index as i inner join pg_class as c on i.indrelid = c.oid"
        " inner join pg_attribute as a on a.attrelid = c.oid and a.attnum = i.indkey[0]"
        " where c.relnamespace = 'published'::regnamespace and a.attname = 'content_id'",
    )
    assert {mart.name for mart in marts.definitions()} <= {name for (name,) in led}


A_MART = 900_000
FIRST = A_MART * len(marts.definitions())
FOUND = Publishing(
    [
        Point(1, FIRST, 100, 1000, 10),
        Point(50, FIRST + 49 * 1_000_000, 100, 1000, 20),
        Point(200, FIRST + 199 * 1_000_000, 120, 1300, 30),
    ],
    Storm(publications=200, passes=1234, longest_wait_ms=12),
)


@pytest.mark.parametrize(
    ("what", "met"),
    [("growth", "must"), ("reading all", "must"), ("pages", "must"), ("last quarter", "no"), ("errors", "must"),
     ("longest wait", "must")],
)  # fmt: skip
def test_the_section_says_what_is_met(what, met):
    text = page.render_publishing(FOUND, "18", 0.0)
    line = next(line for line in text.splitlines() if line.startswith("|") and what in line)
    assert line.split("|")[-2].strip() == met


def test_what_went_wrong_stands_in_the_section():
    storm = Storm(passes=1, errors=["55P03 canceling statement"], mixtures=["b: publication [1] where 2 is in force"])
    text = page.render_publishing(Publishing(FOUND.points, storm), "18", 9.9)
    assert "55P03 canceling statement" in text and "[1] where 2" in text and "the ratios are of runs in turn" in text


def test_each_part_of_the_page_is_written_without_the_other(tmp_path):
    path = tmp_path / "benchmarks.md"
    section = page.render_publishing(FOUND, "18", 0.0)
    path.write_text("# Benchmarks\n\nrows: 5,000\n")
    assert "written" in page.write_publishing(path, section, 200)
    assert "written" in page.write(path, "# Benchmarks\n\nnew\n\nrows: 5,000\n", 5000)
    assert path.read_text() == f"# Benchmarks\n\nnew\n\nrows: 5,000\n\n{section}"
    assert "stays" in page.write_publishing(path, "less", 10)
    assert "written" in page.write_publishing(path, "\n" + section.replace("1,234", "4,321"), 200)
    assert "4,321" in path.read_text() and path.read_text().count(page.PUBLISHING) == 1
