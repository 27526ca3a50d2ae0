"""The OpenLineage events of a run of dbt, made by OpenLineage's own processor from the manifest and the results.

It gets of a result what names it and when: not how many rows it wrote or found, and no message.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.facet_v2 import job_type_job
from openlineage.client.serde import Serde
from openlineage.client.uuid import generate_new_uuid
from openlineage.common.provider.dbt.facets import ParentRunMetadata
from openlineage.common.provider.dbt.processor import DbtArtifactProcessor
from openlineage.common.provider.dbt.utils import PRODUCER, get_parent_run_metadata

from lagebild.core import lineage

JOB = "dbt_build"
NEWEST_MANIFEST = 12
"""The newest schema of dbt's manifest that the processor knows (`DbtLocalArtifactProcessor.get_dbt_metadata`)."""
_TOLD = ("success", "error", "pass", "fail", "warn")
"""What was skipped has no event: the processor would call a test that never ran a failed one."""


class _Processor(DbtArtifactProcessor):
    """Reads what is in memory in place of dbt's files."""

    def __init__(self, manifest: dict, results: dict, profile: Mapping[str, str]):
        super().__init__(producer=PRODUCER, job_namespace=lineage.NAMESPACE)
        self._given = manifest, results, dict(profile), None

    def get_dbt_metadata(self):
        return self._given

    def dbt_run_run_facet(self):
        return {}


def events(manifest_path: Path, results: Any, profile: Mapping[str, str], is_good: bool) -> list[dict[str, Any]]:
    """The events of a run as JSON has them: the run itself, its models, its tests.

    `results` are dbt's (`RunExecutionResult`); `profile` has `host` and `port` of the warehouse. ValueError for a
    manifest of a schema that the processor does not know.
    """
    manifest = json.loads(manifest_path.read_text())
    if DbtArtifactProcessor.get_schema_version(manifest) > NEWEST_MANIFEST:
        raise ValueError(f"dbt's manifest has a schema newer than {NEWEST_MANIFEST}, which OpenLineage does not know")
    _put_tested_last(manifest)
    told = [one for one in results.results if str(one.status) in _TOLD]
    for one in told:
        if one.node.unique_id in manifest["nodes"]:  # the file is of before the run: without the SQL that ran
            manifest["nodes"][one.node.unique_id]["compiled_code"] = getattr(one.node, "compiled_code", None)
    given = {
        "metadata": {"dbt_version": manifest["metadata"]["dbt_version"]},
        "args": {"which": "build"},
        "results": [_named(one) for one in told],
    }
    processor = _Processor(manifest, given, {**profile, "type": "postgres"})
    run = str(generate_new_uuid())
    processor.dbt_run_metadata = ParentRunMetadata(run_id=run, job_name=JOB, job_namespace=lineage.NAMESPACE)
    parsed = processor.parse().events()
    times = [event.eventTime for event in parsed]
    if not times:
        return []
    starter = get_parent_run_metadata()  # the task of Airflow that this process is, if it is one
    facets = {**processor.processing_engine_facet(), **({"parent": starter.to_openlineage()} if starter else {})}
    kind = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="DBT", jobType="JOB", producer=PRODUCER)

    def of_run(state: RunState, when: str) -> RunEvent:
        job = Job(namespace=lineage.NAMESPACE, name=JOB, facets={"jobType": kind})
        return RunEvent(eventType=state, eventTime=when, run=Run(run, facets), job=job, producer=PRODUCER)

    ended = RunState.COMPLETE if is_good else RunState.FAIL
    whole = [of_run(RunState.START, min(times)), *parsed, of_run(ended, max(times))]
    return [json.loads(Serde.to_json(event)) for event in whole]


def _put_tested_last(manifest: dict[str, Any]) -> None:
    """Of a test's parents, put the one that it is written for last: the processor charges a test to the last one, by
    name, so that a table without a fault would get the failure of another."""
    for unique_id, node in manifest["nodes"].items():
        parents = manifest.get("parent_map", {}).get(unique_id, [])
        if (tested := node.get("attached_node")) in parents:
            manifest["parent_map"][unique_id] = [*(one for one in parents if one != tested), tested]


def _named(result: Any) -> dict[str, Any]:
    """What the processor is told of a result; `+00:00`, because dbt's times are UTC and say nothing of it."""
    timing = [
        {"name": one.name, "started_at": _utc(one.started_at), "completed_at": _utc(one.completed_at)}
        for one in result.timing
    ]
    return {"unique_id": result.node.unique_id, "status": str(result.status), "timing": timing}


def _utc(moment: Any) -> str | None:
    return moment and moment.isoformat() + ("" if moment.tzinfo else "+00:00")
