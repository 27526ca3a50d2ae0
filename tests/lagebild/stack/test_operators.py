"""The operators of the ingest DAGs, with the real ledger of fetches and a replaying service behind them."""

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from ingest.connectors import replay
from ingest.connectors.access import Access
from ingest.connectors.errors import ServiceDown
from lagebild.stack import airflow, operators
from tests.support import query

TABLE = "12521-0041"


@pytest.fixture
def service(warehouse, tmp_path, monkeypatch):
    """A service that makes the table by a job which is not ready at the first look; tasks see it as Destatis."""
    folder = tmp_path / "replies" / "destatis"
    folder.mkdir(parents=True)
    (folder / f"{TABLE}.2024.csv").write_bytes((replay.BUNDLED / "destatis" / f"{TABLE}.2024.csv").read_bytes())
    (folder / f"{TABLE}.json").write_text('{"jobs": true, "polls": 1, "changed": "2026-02-09"}')
    with replay.ReplayServer(folder.parent) as server:
        variables = airflow.variables(warehouse) | {"LAGEBILD_DESTATIS_URL": server.url}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(operators, "_connection", lambda host: Access(replay.DEMO_USER, "word"))
        yield server


def fetch(item: str = f"{TABLE} 2024") -> operators.Fetch:
    return operators.Fetch(task_id="fetch", source="genesis", host="destatis", item=item)


def test_a_task_is_deferred_while_the_job_runs_and_goes_on_where_another_left_it(service, warehouse):
    for _ in range(2):
        with pytest.raises(TaskDeferred) as deferred:
            fetch().go_on({})  # a new task each time, as after a restart
        assert deferred.value.method_name == "go_on"
        assert deferred.value.trigger.serialize()[0].endswith("DateTimeTrigger")
    assert fetch().go_on({}) == f"{TABLE}_2024_flat.csv"
    assert sum(asked.fields.get("job") == "true" for asked in service.asked) == 1

    arrival = f"fetched/{TABLE}_2024_flat.csv"
    loaded = operators.Load(task_id="load", source="genesis", arrival=arrival).execute({})
    assert "loaded" in loaded and query(warehouse, "select state from raw.fetch") == [("delivered",)]
    assert len(service.removed) == 1
    with pytest.raises(AirflowSkipException, match="nothing new"):
        fetch().go_on({})
    with pytest.raises(AirflowSkipException, match="another one takes it"):
        operators.Load(task_id="load", source="genesis", arrival=arrival).execute({})


def test_what_only_a_person_can_mend_is_not_tried_again_and_what_may_pass_is(service, monkeypatch):
    monkeypatch.setattr(operators, "_connection", lambda host: Access(replay.DEMO_USER))
    with pytest.raises(AirflowFailException):
        fetch().go_on({})

    def away(*arguments, **options):
        raise ServiceDown(TABLE)

    monkeypatch.setattr("ingest.fetch.step", away)
    with pytest.raises(ServiceDown):  # Airflow tries again
        fetch().go_on({})


def test_a_file_whose_name_is_a_template_is_a_name(warehouse, monkeypatch):
    for name, value in airflow.variables(warehouse).items():
        monkeypatch.setenv(name, value)
    for task in (operators.Load(task_id="load", source="ledger", arrival="drop/{{ 7*7 }}.csv"), fetch("{{ 7*7 }}")):
        assert list(task.template_fields) == []
