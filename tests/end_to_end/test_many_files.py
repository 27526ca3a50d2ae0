"""As many files of one source as a state's municipalities send, through the real scheduler and by the command line."""

import time

import pytest

from ingest import contracts
from lagebild.core.settings import Settings
from lagebild.local import airflow
from lagebild.orchestration import arrivals
from tests.end_to_end.conftest import lagebild, pause
from tests.support import bundled_bytes, query

SOURCE, MUNICIPALITIES, YEARS = "ledger", 400, 3
BY_HAND = 30
"""Municipalities: a file costs the same, however many there are."""
AT_MOST = 1.5
"""Of the wall time of `lagebild delivery load`."""


def drop_many(own: Settings, first_year: int, municipalities: int) -> int:
    """A ledger of a few postings for each of so many municipalities and three years; how many files that are."""
    header, *rows = bundled_bytes(SOURCE).splitlines(keepends=True)
    pattern, folder = contracts.load(SOURCE).example, own.drop / SOURCE
    folder.mkdir(parents=True, exist_ok=True)
    for year in range(first_year, first_year + YEARS):
        for number in range(municipalities):
            region = f"05{number:06}"
            text = b"".join([header, *rows[:5]]).replace(b"05913000", region.encode())
            name = pattern.replace("05913000", region).replace("2019", str(year))
            (folder / name).write_bytes(text.replace(b"2019", str(year).encode()))
    return municipalities * YEARS


def decided(own: Settings) -> int:
    return query(own, "select count(*) from raw.delivery where state not in ('received', 'loaded')")[0][0]


@pytest.mark.nightly
def test_more_files_than_airflow_maps_over_are_loaded_and_hardly_slower_than_by_hand(own):
    assert lagebild(own, "up").returncode == 0
    pause(own, "receive_files")  # it would take a part of them
    pause(own, "build_warehouse")
    by_hand = drop_many(own, 2015, BY_HAND)
    began = time.monotonic()
    loaded = lagebild(own, "load", SOURCE)
    hand_seconds = time.monotonic() - began
    assert decided(own) == by_hand, loaded.stdout[-2000:]

    count = drop_many(own, 2018, MUNICIPALITIES)
    rest = airflow.client(own)
    began = time.monotonic()
    run = rest.trigger("ingest_files")
    while not (now := rest.run(run)).is_finished:
        assert time.monotonic() - began < 1800, rest.tasks(run)
        time.sleep(0.5)
    seconds = time.monotonic() - began
    tasks = [task for task in rest.tasks(run) if task.task_id == "ingest"]
    print(f"{count} files: {60 * count / seconds:.0f} a minute, by hand {60 * by_hand / hand_seconds:.0f} a minute")
    assert decided(own) == by_hand + count, [(task.shown, task.state) for task in tasks]
    assert now.state == "success" and len(tasks) <= arrivals.MOST_TASKS
    assert sum(int(task.shown.split("(")[1].split(" files")[0]) for task in tasks) == count
    assert not [path for path in (own.drop / SOURCE).iterdir() if path.is_file()]
    assert seconds / count <= AT_MOST * hand_seconds / by_hand, (seconds, hand_seconds)
