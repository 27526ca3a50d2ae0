"""An installation of the tagged version 0.1.0, with runs and a held delivery, goes on under the present code."""

import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from lagebild.core.settings import ROOT, Settings
from lagebild.local import airflow
from lagebild.local.rest import Rest, Run
from tests.end_to_end.conftest import lagebild, pause
from tests.support import bundled_bytes, drop, query

VERSION = "0.1.0"
STATES = "select delivery_id, source, period, state, sha256 from raw.delivery order by delivery_id"


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """A checkout of the tagged version."""
    if subprocess.run(["git", "rev-parse", f"refs/tags/{VERSION}"], cwd=ROOT, capture_output=True).returncode:
        pytest.skip(f"this clone has no tag {VERSION}: git fetch --tags")
    packed, folder = tmp_path / "former.tar", tmp_path / "former"
    subprocess.run(["git", "archive", "--output", packed, VERSION], cwd=ROOT, check=True)
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    return folder


def by_former(former: Path, settings: Settings, *arguments: str) -> str:
    """The output of a command of the tagged version; its processes have its code, too."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAGEBILD_")}
    done = subprocess.run(
        [sys.executable, "-m", "lagebild.cli", *arguments],
        cwd=former,
        env=environment | settings.variables() | {"PYTHONPATH": str(former)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def ended(rest: Rest, run: Run) -> str:
    """The state in which a run ends."""
    deadline = time.monotonic() + 240
    while not rest.run(run).is_finished:
        assert time.monotonic() < deadline, rest.tasks(run)
        time.sleep(0.5)
    return rest.run(run).state


def runs_from(settings: Settings) -> str:
    """The checkout whose DAGs run."""
    folder = airflow.components(settings)[airflow.PARENT].environ()["AIRFLOW__CORE__DAGS_FOLDER"]
    return str(Path(folder).parent)


@pytest.mark.nightly
def test_a_held_delivery_and_the_history_of_runs_outlive_an_upgrade(own, former):
    by_former(former, own, "stack", "up")
    assert runs_from(own) == str(former)
    for dag in ("receive_files", "build_warehouse"):
        pause(own, dag)
    rest = airflow.client(own)
    drop(own, "employment")
    first = rest.trigger("ingest_files")
    assert ended(rest, first) == "success"
    # the same period again, with other bytes: held until somebody calls it a correction
    drop(own, "employment", bundled_bytes("employment") + b"\n")
    second = rest.trigger("ingest_files")
    ended(rest, second)
    states = [rest.run(run).state for run in (first, second)]
    before = query(own, STATES)
    assert [row[3] for row in before] == ["accepted", "held"]
    by_former(former, own, "stack", "down")

    assert lagebild(own, "stack", "up").returncode == 0
    assert runs_from(own) == str(ROOT)
    assert query(own, STATES) == before
    held = lagebild(own, "delivery", "held")
    assert "employment" in held.stdout, held.stdout
    rest = airflow.client(own)
    assert {first.run_id, second.run_id} <= {run.run_id for run in rest.runs(["ingest_files"])}
    assert [rest.run(run).state for run in (first, second)] == states
    assert rest.tasks(first)

    number = str(before[1][0])
    accepted = lagebild(own, "delivery", "accept", number, "--supersedes", "--reason", "a line end more")
    assert accepted.returncode == 0, accepted.stdout
    assert query(own, STATES)[1][3] == "accepted"
    # and runs go on beside the old ones
    third = rest.trigger("ingest_files")
    assert ended(rest, third) == "success"
