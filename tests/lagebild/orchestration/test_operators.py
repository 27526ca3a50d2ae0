"""The operator of the ingest DAGs, with real ledgers and a replaying service behind it."""

import contextlib

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException, AirflowSkipException

from ingest.deliveries import pseudonyms
from ingest.pulls import replay
from ingest.pulls.connectors.errors import ServiceDown
from lagebild.core.credentials import Access
from lagebild.core.errors import UserError
from lagebild.core.settings import DEMO_REPLIES
from lagebild.orchestration import arrivals, operators
from lagebild.review import pending
from tests.support import BUNDLED, MUNICIPALITY, PURPOSE, bundled_bytes, drop, query

TABLE = "12521-0041"


@pytest.fixture
def service(warehouse, tmp_path, monkeypatch):
    """A service that makes the table by a job which is not ready at the first look; tasks see it as Destatis."""
    folder = tmp_path / "replies" / "destatis"
    folder.mkdir(parents=True)
    (folder / f"{TABLE}.2024.csv").write_bytes((DEMO_REPLIES / "destatis" / f"{TABLE}.2024.csv").read_bytes())
    (folder / f"{TABLE}.json").write_text('{"jobs": true, "polls": 1, "changed": "2026-02-09"}')
    with replay.ReplayServer(folder.parent) as server:
        variables = warehouse.variables() | {"LAGEBILD_DESTATIS_URL": server.url}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(operators, "_connection", lambda host: Access(replay.DEMO_USER, "word"))
        yield server


@pytest.fixture
def seen(warehouse, monkeypatch):
    """The warehouse's settings as tasks find them."""
    for name, value in warehouse.variables().items():
        monkeypatch.setenv(name, value)
    return warehouse


def ingest(item: str | list[str] = f"table:{TABLE} 2024", source: str = "genesis") -> operators.Ingest:
    return operators.Ingest(task_id="ingest", source=source, item=item, outlets=[Asset(f"lagebild://raw/{source}")])


def test_a_task_is_put_off_while_the_job_runs_and_goes_on_where_another_left_it(service, warehouse, monkeypatch):
    monkeypatch.setattr(operators, "PUT_OFF_SECONDS", 1)
    for _ in range(2):
        with pytest.raises(AirflowRescheduleException):
            ingest().execute({})  # a new task each time, as after a restart
    task = ingest()
    assert "accepted" in task.execute({})
    assert task.label == f"{TABLE} 2024 accepted" and task.outlets
    assert sum(asked.fields.get("job") == "true" for asked in service.asked) == 1
    assert query(warehouse, "select state from raw.fetch") == [("delivered",)]
    assert len(service.removed) == 1
    again = ingest()
    assert "nothing new" in again.execute({})  # green, and no event
    assert again.outlets == [] and again.label.endswith("nothing new")


def test_short_pauses_are_slept_so_that_the_scheduler_hears_of_one_end_only(service, monkeypatch):
    slept = []
    monkeypatch.setattr(operators.time, "sleep", slept.append)
    assert "accepted" in ingest().execute({})
    assert slept and max(slept) < operators.PUT_OFF_SECONDS


def test_what_only_a_person_can_mend_is_not_tried_again_and_what_may_pass_is(service, monkeypatch):
    monkeypatch.setattr(operators, "_connection", lambda host: Access(replay.DEMO_USER))
    with pytest.raises(AirflowFailException):
        ingest().execute({})

    def away(*arguments, **options):
        raise ServiceDown(TABLE)

    monkeypatch.setattr("ingest.pulls.fetch.step", away)
    with pytest.raises(ServiceDown):  # Airflow tries again
        ingest().execute({})


def test_the_grid_shows_what_became_of_each_file_and_the_last_one_triggers_the_build(seen, caplog):
    misprinted = "structure_tables_2021_fliesstext.csv"
    drop(seen, "structure_tables", (BUNDLED / "structure_tables" / misprinted).read_bytes(), misprinted)
    drop(seen, "eu2_series")
    (held,) = arrivals.due(seen, "structure_tables")
    (good,) = arrivals.due(seen, "eu2_series")
    task = ingest(held, "structure_tables")
    with pytest.raises(AirflowSkipException, match="72 %"):
        task.execute({})
    assert task.label == "structure_tables_2021_fliesstext.csv held"

    bad = seen.drop / "employment" / "eu2_employees_2019.csv"
    bad.parent.mkdir(parents=True, exist_ok=True)
    bad.write_text("a;b\n1;2\n")
    refused = ingest("drop/employment/eu2_employees_2019.csv", "employment")
    with pytest.raises(AirflowFailException, match="refused"):
        refused.execute({})
    assert refused.label.endswith("refused")

    drop(seen, "mikrozensus")
    early = ingest(good, "eu2_series")
    with caplog.at_level("INFO"):
        early.execute({})
    assert early.outlets == []  # another file still waits
    told = "\n".join(record.getMessage() for record in caplog.records)
    (sha256,) = query(seen, "select sha256 from raw.delivery where source = 'eu2_series'")[0]
    for word in ("eu2_series_2007-2019.csv", sha256, "decision: accepted", "receipts/eu2_series", "0 rejected"):
        assert word in told
    last = ingest(*arrivals.due(seen, "mikrozensus"), "mikrozensus")
    last.execute({})
    assert last.label.endswith("accepted") and [asset.uri for asset in last.outlets] == ["lagebild://raw/mikrozensus"]


def test_a_run_with_nothing_to_do_is_green_sends_nothing_and_checks_what_was_left(seen):
    task = ingest(arrivals.NOTHING, "eu2_series")
    task.execute({})
    assert task.label == arrivals.NOTHING and task.outlets == []
    drop(seen, "eu2_series")
    arrivals.take(seen, "eu2_series", *arrivals.due(seen, "eu2_series"))  # loaded, and killed before the check
    task = ingest(arrivals.NOTHING, "eu2_series")
    task.execute({})
    assert query(seen, "select state from raw.delivery") == [("accepted",)]
    assert task.outlets


def test_a_file_whose_name_is_a_template_is_a_name():
    assert list(ingest("drop/{{ 7*7 }}.csv").template_fields) == []
    assert ingest("drop/{{ 7*7 }}.csv").label == "{{ 7*7 }}.csv"


def test_a_task_of_several_files_takes_each_and_its_next_try_what_is_left(seen, caplog):
    good = bundled_bytes("employment")
    names = [f"eu2_employees_{year}.csv" for year in (2016, 2017, 2018, 2019)]
    for name, content in zip(names[1:], (b"a;b\n1;2\n", good, good + b"\n"), strict=True):
        drop(seen, "employment", content, name)
    items = [f"drop/employment/{name}" for name in names]  # the first one is gone already
    task = ingest(items, "employment")
    with caplog.at_level("INFO"), pytest.raises(AirflowFailException, match=r"1 of 4 files were refused:\n.*2017"):
        task.execute({})
    assert task.label.startswith(f"{names[0]} to {names[3]} (4 files): ") and task.label.endswith(" 1 refused")
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert all(f"file:     {name}" in told for name in names[1:])
    states = dict(query(seen, "select file_name, state from raw.delivery"))
    assert states[names[1]] == "refused" and len(states) == 3 and "loaded" not in states.values()

    again = ingest(items, "employment")
    assert again.execute({}) == [] and again.label.endswith(": nothing new")


def test_a_file_of_several_that_cannot_be_loaded_keeps_no_other_back(seen):
    drop(seen, "register")  # whose key nobody made
    second = f"register_{MUNICIPALITY}_2018-12-31.csv"
    drop(seen, "register", bundled_bytes("register") + b"\n", second)
    items = arrivals.due(seen, "register")
    task = ingest(items, "register")
    with pytest.raises(AirflowFailException, match="2 of 2 files were not loaded"):
        task.execute({})
    assert task.label.endswith("2 not loaded") and task.outlets == []
    pseudonyms.ensure_key(seen.keys, MUNICIPALITY, PURPOSE)
    task = ingest(items, "register")
    with contextlib.suppress(AirflowFailException, AirflowSkipException):
        task.execute({})
    assert len(query(seen, "select 1 from raw.delivery where source = 'register'")) == 2


@pytest.mark.parametrize("is_one", [True, False])
def test_what_another_task_checked_meanwhile_is_told_as_it_is(seen, monkeypatch, is_one):
    drop(seen, "eu2_series")
    (item,) = arrivals.due(seen, "eu2_series")
    check = pending.check_pending
    monkeypatch.setattr(pending, "check_pending", lambda *where: [] if check(*where) else None)
    task = ingest(item if is_one else [item], "eu2_series")
    task.execute({})
    assert task.label == "eu2_series_2007-2019.csv" + (" accepted" if is_one else ": 1 accepted") and task.outlets


def test_what_may_pass_is_tried_again_by_airflow(seen, monkeypatch):
    def away(*_: object, **__: object) -> None:
        error = UserError("the store is away")
        error.transient = True
        raise error

    monkeypatch.setattr("lagebild.orchestration.arrivals.take", away)
    with pytest.raises(RuntimeError, match="not loaded"):
        ingest(["drop/a/b.csv", "drop/a/c.csv"], "employment").execute({})
