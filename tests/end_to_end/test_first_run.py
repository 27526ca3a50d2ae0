"""The newcomer's way through the real scheduler, with everything killed in the middle of it.

One stack and one story, because a stack costs half a minute to start: a first run that loses
PostgreSQL, a kill -9 of everything, a run that repairs it, a run that finds nothing new, an end.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from lagebild.core import embedded
from lagebild.core.errors import UserError
from lagebild.local import airflow, demo, pages
from lagebild.local.rest import Rest, Run
from tests import figures
from tests.support import query


def lagebild(settings, *arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(**_call(settings, *arguments), text=True, timeout=900, **options)


def _call(settings, *arguments: str) -> dict:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAGEBILD_")}
    return {
        "args": [Path(sys.executable).with_name("lagebild"), *arguments],
        "env": environment | {"LAGEBILD_HOME": str(settings.home), "PYTHONUNBUFFERED": "1"},
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
    }


def postmaster(settings) -> psutil.Process:
    pid_file = embedded.locate(settings, create=False).data / "postmaster.pid"
    return psutil.Process(int(pid_file.read_text().split()[0]))


def wait_for_a_loaded_delivery(settings, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if query(settings, "select count(*) from raw.delivery")[0][0]:
                return
        except Exception:  # the database is not there yet
            pass
        time.sleep(0.2)
    pytest.fail(f"nothing was loaded: {process.communicate()[0]}")


def open_to_others(settings) -> list[str]:
    """Folders and files of a run that another user of this machine could read or list.

    As root the state folder itself is passed through, by PostgreSQL's user alone who knows what lies in it.
    """
    places = [settings.home, settings.drop, settings.landing, settings.keys, settings.extracts, settings.secrets]
    far = embedded.locate(settings, create=False).folder
    found = {path for place in (*places, far / "data", far / "log") for path in (place, *place.rglob("*"))}
    assert len(found) > 100
    return [
        f"{path} {path.lstat().st_mode & 0o777:o}"
        for path in sorted(found)
        if path.lstat().st_mode & (0o066 if path == settings.home else 0o077) and not path.is_symlink()
    ]


def answer_in_airflow(settings, option: str, **form: str) -> None:
    """Let Airflow ask about what is held, and answer each question that it asks, as a person does in its pages."""
    rest = airflow.client(settings)
    run = rest.trigger("decide_held")
    answer = {"chosen_options": [option], "params_input": form}
    answered, deadline = 0, time.monotonic() + 240
    while not rest.run(run).is_finished and time.monotonic() < deadline:
        tries = [task.try_number for task in rest.tasks(run) if task.state == "awaiting_input"]
        if max(tries, default=0) > answered:
            # A person reads first. Airflow fails a task that is answered while it still goes to rest, and asks again.
            time.sleep(3)
            path = f"dags/decide_held/dagRuns/{run.run_id}/taskInstances/ask/0/hitlDetails"
            rest._call("PATCH", path, json=answer)
            answered = max(tries)
        time.sleep(0.5)
    assert rest.run(run).state == "success", rest.tasks(run)


def pulled_and_sent(settings) -> None:
    """One source came from the replaying service by way of a job, one by SFTP; a backfill finds the first unchanged."""
    pulls = "select state, job is not null, source from raw.fetch order by fetch_id"
    assert query(settings, pulls)[-1] == ("delivered", True, "genesis")
    jobs = query(settings, "select count(distinct job) from raw.fetch")
    assert jobs == [(1,)]  # whatever was killed in the middle
    by_sftp = "select source, inbox like 'sftp://%' from raw.inbox_file where source = 'ledger'"
    assert query(settings, by_sftp) == [("ledger", True)]
    (receipt,) = (demo.sent(settings) / "receipts").glob("ledger_*.txt")
    assert "Stand: ANGENOMMEN" in receipt.read_text() and "State: ACCEPTED" in receipt.read_text()

    years = ("--from-date", "2024-01-01", "--to-date", "2024-12-31")
    assert lagebild(settings, "airflow", "backfill", "create", "--dag-id", "backfill__genesis", *years).returncode == 0
    rest = airflow.client(settings)
    wait_for(lambda: rest.runs(["backfill__genesis"]))
    (backfill,) = rest.runs(["backfill__genesis"])
    assert ended(rest, backfill) == "success"
    assert query(settings, pulls)[-1] == ("unchanged", False, "genesis")

    asked = len(query(settings, pulls))
    by_hand = rest.trigger("ingest__genesis", {"table": "12521-0041", "years": "2024"})
    assert ended(rest, by_hand) == "success"
    assert "12521-0041 2024 nothing new" in {task.shown for task in rest.tasks(by_hand)}
    assert len(query(settings, pulls)) == asked + 1
    with pytest.raises(UserError, match="400"):
        rest.trigger("ingest__genesis", {"years": "since 2019"})


def wait_for(found: Callable[[], object], seconds: float = 120) -> None:
    """Wait until there is something."""
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def ended(rest: Rest, run: Run) -> str:
    """The state in which a run ends."""
    wait_for(lambda: rest.run(run).is_finished)
    return rest.run(run).state


@pytest.mark.nightly
def test_a_first_run_that_is_killed_twice_gets_to_the_figures(newcomer):
    process = subprocess.Popen(**_call(newcomer, "run"), text=True)
    wait_for_a_loaded_delivery(newcomer, process)
    postmaster(newcomer).send_signal(signal.SIGKILL)
    output, _ = process.communicate(timeout=600)
    if process.returncode != 0:  # it may also have been repaired by the tasks' retries; then the figures are there
        assert "what to do" in output and "Traceback" not in output, output

    everything = airflow.processes(newcomer)
    with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):
        everything.append(postmaster(newcomer))
    for victim in everything:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
    psutil.wait_procs(everything, timeout=10)

    repaired = lagebild(newcomer, "run")
    assert repaired.returncode == 0, repaired.stdout
    assert figures.differences(newcomer) == []
    assert figures.extract_differences(figures.newest_extract(newcomer)) == []
    for shown in ("2,143 EUR", "rund 1,15 Mrd. EUR", "1,148,260,117", "postgresql://bi_reader@", "http://127.0.0.1:"):
        assert shown in repaired.stdout

    started = time.monotonic()
    again = lagebild(newcomer, "run")
    assert again.returncode == 0 and "nothing new" in again.stdout, again.stdout
    assert time.monotonic() - started < 60
    for output in (repaired.stdout, again.stdout):
        assert len(output.splitlines()) <= 37, output  # 40 with what making the environment says before
        secrets = [file for file in newcomer.secrets.iterdir() if file.is_file() and not file.name.endswith("_user")]
        assert secrets and not [file.name for file in secrets if file.read_text().strip() in output]
    assert query(newcomer, "select count(*) from published.publication") == [(1,)]

    assert open_to_others(newcomer) == []

    dsn = re.search(r"postgresql://bi_reader:\S+", lagebild(newcomer, "credentials").stdout).group()
    with psycopg.connect(dsn) as reader:
        assert reader.execute("select cost_per_person_rounded_eur from marts.cost_per_person").fetchall() == [(2143,)]

    runs = airflow.home(newcomer) / "logs" / "dag_id=build_warehouse"
    told = "".join(file.read_text() for file in runs.glob("**/task_id=publish/**/*.log"))
    assert "is in force" in told and '"logger":"great_expectations' not in told

    pulled_and_sent(newcomer)
    explained = lagebild(newcomer, "explain", "cost_per_person", "--place", "05913000", "--year", "2019").stdout
    for shown in ("formula", "derived_from_result", "sha256", "ledger_05913000_2019.csv", "retraced", "loaded"):
        assert shown in explained

    answer_in_airflow(newcomer, "refuse", reason="misprinted, sent back", until="")
    assert lagebild(newcomer, "held").stdout == "nothing is held\n"
    decided = "select state, by, why from raw.delivery_event order by event_id desc limit 1"
    assert query(newcomer, decided) == [("refused", airflow.ADMIN, "misprinted, sent back")]

    assert pages.SERVER.process(newcomer) and demo.SERVER.process(newcomer)
    assert lagebild(newcomer, "down").returncode == 0
    assert airflow.processes(newcomer) == [] and pages.SERVER.process(newcomer) is demo.SERVER.process(newcomer) is None
    with pytest.raises((FileNotFoundError, psutil.NoSuchProcess)):
        postmaster(newcomer)
