"""Airflow's metrics: off unless an endpoint is set; what the dashboard asks for is what a collector gets."""

import json
import re
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import airflow
import pytest
import yaml

from lagebild.core import settings as settings_module
from lagebild.core.errors import UserError
from lagebild.core.settings import ROOT
from lagebild.local.airflow import environment
from tests.conftest import settings_in

# As Airflow's components set theirs up: first without an endpoint, then with what standard input adds.
EMIT = """
import json, os, sys
from airflow._shared.observability.metrics import stats
from airflow.configuration import conf
from airflow.observability.metrics import stats_utils

def emit():
    legacy = conf.getboolean("metrics", "legacy_names_on")
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=legacy)
    stats.incr("scheduler_heartbeat", 1, 1)
    stats.gauge("executor.open_slots", 4, tags={"executor_class_name": "LocalExecutor"})

emit()
print("opentelemetry.sdk.metrics" in sys.modules)
os.environ.update(json.load(sys.stdin))
emit()
from opentelemetry import metrics
print(metrics.get_meter_provider().force_flush())
"""


@pytest.fixture
def collector():
    """What is posted to a collector on loopback, as (path, body)."""
    got = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    server.server_close()


def _own(tmp_path: Path, endpoint: str | None):
    dsn = "postgresql://nobody:nothing@127.0.0.1:1/nothing"  # never asked
    return replace(settings_in(tmp_path), warehouse_dsn=dsn, metrics_endpoint=endpoint)


def test_a_collector_gets_what_airflow_counts_and_without_one_nothing_is_imported(tmp_path, collector):
    endpoint, got = collector
    off, on = environment(_own(tmp_path, None)), environment(_own(tmp_path, endpoint))
    done = subprocess.run([sys.executable, "-c", EMIT], env=off, input=json.dumps(on), capture_output=True, text=True)
    told = done.stdout.splitlines()  # between them Airflow logs where it connects to
    assert (told[0], told[-1]) == ("False", "True"), done.stderr
    assert {path for path, _ in got} == {"/v1/metrics"}
    sent = b"".join(body for _, body in got)
    assert b"airflow.scheduler_heartbeat" in sent and b"airflow.executor.open_slots" in sent and b"lagebild" in sent
    assert not [name for name in off if name.startswith("OTEL_") or "__METRICS__" in name]


def test_an_endpoint_that_is_none_is_refused(tmp_path):
    given = {"LAGEBILD_HOME": str(tmp_path), "LAGEBILD_METRICS_ENDPOINT": "collector:4318"}
    with pytest.raises(UserError, match="LAGEBILD_METRICS_ENDPOINT is not an URL"):
        settings_module.load(given)


def _known() -> dict[str, str]:
    """The type of every metric that Airflow has, by the name that Prometheus gives it."""
    (folder,) = airflow.__path__
    path = Path(folder) / "_shared" / "observability" / "metrics" / "metrics_template.yaml"
    suffix = {"counter": "_total"}
    return {
        "airflow_" + metric["name"].replace(".", "_") + suffix.get(metric["type"], ""): metric["type"]
        for metric in yaml.safe_load(path.read_text())["metrics"]
    }


def _unknown(dashboard: dict) -> set[str]:
    asked = {target["expr"] for panel in dashboard["panels"] for target in panel["targets"]}
    names = {name for query in asked for name in re.findall(r"\bairflow_\w+", query)}
    assert len(names) == len(dashboard["panels"])
    return names - _known().keys()


def test_every_metric_of_the_dashboard_exists():
    dashboard = json.loads((ROOT / "docker" / "grafana-dashboard.json").read_text())
    assert _unknown(dashboard) == set()
    page = (ROOT / "docs" / "metrics.md").read_text()
    for panel in dashboard["panels"]:
        (target,) = panel["targets"]
        assert f"| {panel['title']} | `{target['expr']}` | {panel['description']} |" in page


def test_a_metric_that_does_not_exist_is_found():
    dashboard = {"panels": [{"targets": [{"expr": "rate(airflow_scheduler_heartbeats_total[5m])"}]}]}
    assert _unknown(dashboard) == {"airflow_scheduler_heartbeats_total"}
