"""Lineage: names leave and nothing else does; what receives them may be away; what makes them may be missing."""

import copy
import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lagebild.core import lineage
from lagebild.core import settings as settings_module
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.local import airflow
from tests.canary import BIRTH
from tests.conftest import settings_in
from tests.receiver import receiver

RUN = "0199c0de-0000-7000-8000-000000000001"
SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
TABLE = {"namespace": "postgres://db.example.org:5432", "name": "lagebild.build.stg_register__person"}
ASSERTIONS = {
    "dataQualityAssertions": {
        "assertions": [{"assertion": "not_null", "success": False, "column": "person_id", "severity": "error"}]
    }
}
EVENT = {
    "eventType": "COMPLETE",
    "eventTime": "2026-11-30T22:00:00.123456+00:00",
    "producer": "https://github.com/OpenLineage/OpenLineage/tree/1.54.0/integration/dbt",
    "schemaURL": SCHEMA,
    "run": {
        "runId": RUN,
        "facets": {"parent": {"run": {"runId": RUN}, "job": {"namespace": "lagebild", "name": "dbt_build"}}},
    },
    "job": {"namespace": "lagebild", "name": "build_warehouse.transform", "facets": {"jobType": {"jobType": "TASK"}}},
    "inputs": [{**TABLE, "inputFacets": ASSERTIONS}],
    "outputs": [
        {
            **TABLE,
            "facets": {
                "schema": {"fields": [{"name": "person_id", "type": "character varying(64)"}]},
                "columnLineage": {"fields": {"person_id": {"inputFields": [{**TABLE, "field": "person_id"}]}}},
            },
        }
    ],
}
MARKER = "KANARI0123456789"
SAID = [f"row of {MARKER}, born {BIRTH[0]}", {MARKER: BIRTH[1]}, [MARKER], 17, 17.5, None]
"""What a facet may say of a person: a text, something with its name as a key, a count."""

# First switched off; then as a task of Airflow has its events made: one that knows files, tables, SQL and a count, and
# that fails with a message.
EMIT = f"""
import importlib, json, os, sys
from airflow.providers.openlineage.plugins import openlineage as plugin

print(plugin.OpenLineageProviderPlugin.listeners, "openlineage.client" in sys.modules)
os.environ.update(json.load(sys.stdin))
plugin = importlib.reload(plugin)
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import output_statistics_output_dataset, sql_job
from airflow.providers.openlineage.extractors import OperatorLineage
from airflow.providers.openlineage.plugins.adapter import OpenLineageAdapter

rows = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=17)
about = dict(
    run_id="{RUN}", job_name="ingest_files.ingest", owners=["lagebild"], tags=["ingest"], job_description="{MARKER}",
    nominal_start_time=None, nominal_end_time=None,
    task=OperatorLineage(
        inputs=[InputDataset("file", "/drop/{MARKER}.csv"), InputDataset("{TABLE["namespace"]}", "{TABLE["name"]}")],
        outputs=[OutputDataset("{TABLE["namespace"]}", "{TABLE["name"]}", outputFacets={{"outputStatistics": rows}})],
        job_facets={{"sql": sql_job.SQLJobFacet(query="select '{MARKER}'")}},
    ),
)
adapter = OpenLineageAdapter()
adapter.start_task(event_time="2026-11-30T22:00:00+00:00", **about)
adapter.fail_task(end_time="2026-11-30T22:00:01+00:00", error=ValueError("{MARKER} {BIRTH[0]}"), **about)
print(len(plugin.OpenLineageProviderPlugin.listeners))
"""


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    dsn = "postgresql://nobody:nothing@127.0.0.1:1/nothing"  # never asked
    return replace(settings_in(tmp_path), warehouse_dsn=dsn)


def lines(settings: Settings) -> list[dict]:
    return [json.loads(line) for line in settings.lineage_file.read_text().splitlines()]


def warnings(caplog) -> list[str]:
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


def places(value, path=()):
    """Every place of an event at which a value stands, as keys and indexes."""
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(one, dict | list):
            yield from places(one, (*path, key))


def test_an_event_of_names_leaves_as_it_is():
    assert lineage.named(EVENT) == EVENT


@pytest.mark.parametrize("said", SAID, ids=str)
def test_wherever_an_event_speaks_of_a_person_it_is_cut(said):
    for path in places(EVENT):
        for is_added in (False, True):
            event = copy.deepcopy(EVENT)
            *way, last = path
            inner = event
            for step in way:
                inner = inner[step]
            if not is_added:
                inner[last] = said
            elif isinstance(inner, dict):
                inner["outputStatistics"] = inner[MARKER] = said
            else:
                inner.append(said)
            left = json.dumps(lineage.named(event))
            assert not any(text in left for text in (MARKER, *BIRTH, "17")), (path, left)


def test_a_dataset_that_is_no_table_of_a_warehouse_is_left_out_and_an_event_without_a_job_too():
    file = {"namespace": "file", "name": "/drop/register/Erika_Mustermann.csv"}
    assert lineage.named(EVENT | {"inputs": [file, TABLE]})["inputs"] == [TABLE]
    assert lineage.named(EVENT | {"job": {"namespace": "lagebild", "name": "Erika Mustermann"}}) is None


def test_a_file_gets_a_line_an_event_and_does_not_grow_for_ever(own, tmp_path, monkeypatch):
    settings = replace(own, lineage_file=tmp_path / "events" / "lineage.jsonl")
    lineage.send(settings, [EVENT, EVENT])
    assert lines(settings) == [EVENT, EVENT] and settings.lineage_file.stat().st_mode & 0o077 == 0
    monkeypatch.setattr(lineage, "FILE_BYTES", 1)
    lineage.send(settings, [EVENT])
    assert lines(settings) == [EVENT] and len(Path(f"{settings.lineage_file}.1").read_text().splitlines()) == 2


def test_an_endpoint_that_fails_is_told_once_left_alone_and_tried_again(own, caplog, monkeypatch):
    with receiver() as server:
        settings = replace(own, lineage_endpoint=server.url, lineage_file=own.home / "lineage.jsonl")
        settings.secrets.mkdir(parents=True)
        (settings.secrets / lineage.TOKEN).write_text("abc\n")
        lineage.send(settings, [EVENT])
        assert [path for path, _ in server.got] == ["/api/v1/lineage"] and json.loads(server.got[0][1]) == EVENT
        assert server.headers[0]["Authorization"] == "Bearer abc"
        server.status = 503
        for _ in range(3):
            lineage.send(settings, [EVENT, EVENT])
        assert len(server.got) == 2, "after the first refusal it is left alone"
        (told,) = warnings(caplog)
        assert "the endpoint answered 503" in told and "what to do:" in told
        assert "answered 503 since 20" in lineage.line(settings)
        monkeypatch.setattr(lineage, "AGAIN_SECONDS", 0)
        lineage.send(settings, [EVENT])
        assert len(warnings(caplog)) == 1, "it was tried again, and is told once"
        server.status = 201
        lineage.send(settings, [EVENT])
        assert warnings(caplog)[1:] == ["lineage: the endpoint works again"]
        assert lineage.line(settings) == f"{settings.lineage_file}, {server.url}"
    lineage.send(settings, [EVENT])  # nobody listens there any more
    assert "did not answer (ConnectionError)" in warnings(caplog)[2]
    assert len(lines(settings)) == 10, "the file has them all"


def test_a_file_that_cannot_be_written_is_told_once(own, tmp_path, caplog):
    (tmp_path / "taken").write_text("")
    settings = replace(own, lineage_file=tmp_path / "taken" / "lineage.jsonl")
    for _ in range(2):
        lineage.send(settings, [EVENT])
    (told,) = warnings(caplog)
    assert "the file cannot be written" in told


def test_an_endpoint_that_is_slow_is_not_waited_for_for_ever(own, caplog, monkeypatch):
    monkeypatch.setattr(lineage, "AT_MOST_SECONDS", -1)
    with receiver() as server:
        lineage.send(replace(own, lineage_endpoint=server.url), [EVENT, EVENT])
        assert server.got == [] and "2 of 2 events not sent" in warnings(caplog)[0]


def test_without_the_extra_whoever_asks_for_lineage_is_told_what_to_install(own, monkeypatch):
    monkeypatch.setattr(lineage, "PACKAGES", (*lineage.PACKAGES, "no-such-package"))
    assert airflow.environment(own)["AIRFLOW__OPENLINEAGE__DISABLED"] == "True"
    with pytest.raises(UserError, match="no-such-package is not installed") as caught:
        airflow.environment(replace(own, lineage_file=Path("lineage.jsonl")))
    assert "uv sync --extra lineage" in caught.value.remedy


def test_the_settings_are_read_and_an_address_that_is_none_is_refused(tmp_path):
    given = {"LAGEBILD_HOME": str(tmp_path), "LAGEBILD_LINEAGE_FILE": str(tmp_path / "a.jsonl")}
    assert settings_module.load(given).lineage_file == tmp_path / "a.jsonl"
    assert not settings_module.load({"LAGEBILD_HOME": str(tmp_path)}).sends_lineage
    with pytest.raises(UserError, match="LAGEBILD_LINEAGE_ENDPOINT is not an URL"):
        settings_module.load(given | {"LAGEBILD_LINEAGE_ENDPOINT": "lineage:5000"})


def test_what_airflow_sends_are_names_whatever_a_shell_says_and_off_it_sends_nothing(own, monkeypatch):
    with receiver() as server, receiver() as foreign:
        monkeypatch.setenv("OPENLINEAGE_URL", foreign.url)
        off = airflow.environment(own)
        on = airflow.environment(replace(own, lineage_endpoint=server.url))
        assert not [name for name in (*off, *on) if name.startswith("OPENLINEAGE")]
        on["AIRFLOW__OPENLINEAGE__DISABLED"] = "False"  # what `off` set is in that process
        command = [sys.executable, "-c", EMIT]
        told = subprocess.run(command, env=off, input=json.dumps(on), capture_output=True, text=True)
        said = [line for line in told.stdout.splitlines() if line in ("[] False", "1")]
        assert said == ["[] False", "1"], told.stdout + told.stderr
        sent = [json.loads(body) for _, body in server.got]
        assert [event["eventType"] for event in sent] == ["START", "FAIL"]
        assert {event["job"]["name"] for event in sent} == {"ingest_files.ingest"}
        assert [table["name"] for event in sent for table in event["inputs"] + event["outputs"]] == [TABLE["name"]] * 4
        assert not any(text in repr(server.got) for text in (MARKER, *BIRTH, "rowCount", "errorMessage"))
        assert foreign.got == []
