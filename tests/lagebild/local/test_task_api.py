"""The API of tasks has the routes of one version, the one that tasks here speak."""

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, logging
logging.disable(logging.CRITICAL)
from lagebild.local import task_api
task_api.keep_newest_version()
from airflow.api_fastapi.execution_api import versions
from airflow.api_fastapi.execution_api.app import create_task_execution_api_app
from airflow.sdk.api.datamodels._generated import API_VERSION
from lagebild.local.parent import REQUEST
app = create_task_execution_api_app()
told = []
async def answer(message):
    told.append(message.get("status"))
async def body():
    return {"type": "http.request", "body": b"", "more_body": False}
for path, version in (("/health", API_VERSION), ("/nothing", API_VERSION), ("/health", "2025-04-28")):
    headers = [(b"host", b"127.0.0.1"), (b"airflow-api-version", version.encode())]
    request = REQUEST | {"path": path, "raw_path": path.encode(), "headers": headers}
    asyncio.run(app(request, body, answer))
print([version.value for version in versions.bundle.versions] == [API_VERSION])
print([status for status in told if status])
print(sum(len(router.routes) for router in app.router.versioned_routers.values()))
"""


@pytest.mark.nightly
def test_tasks_are_answered_in_their_version_and_no_other_was_made():
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    is_only_one, statuses, routes = found.stdout.splitlines()[-3:]
    assert is_only_one == "True", found.stderr
    assert statuses.startswith("[200, 404, "), "in the version of the environment"
    assert "200" not in statuses.removeprefix("[200, "), "an earlier version is not served"
    assert 40 < int(routes) < 100
