#!/usr/bin/env bash
# Airflow 3.3.2. The API server serves people (/api/v2) and tasks (/execution). It starts, answers its health check, and
# looks ready. Seen: the routes of the execution API, one set for each of its versions, are made at the first request to
# it, whatever that asks for. It takes seconds of CPU in the one process that serves all, so that the first task of a new
# server, and everybody else meanwhile, waits. The second request takes milliseconds. A request for a page that is not
# there makes the server ready.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    apache-airflow==3.3.2 apache-airflow-providers-standard==1.21.0 \
    cadwyn==7.0.0 fastapi==0.136.3 starlette==1.10.0 pydantic==2.14.3 sqlalchemy==2.1.9
cat >"$folder/ask.py" <<'PYTHON'
import time

from airflow.api_fastapi.main import app
from fastapi.testclient import TestClient

client = TestClient(app)


def cpu_seconds(path: str) -> float:
    began = time.process_time()
    client.get(path)
    return time.process_time() - began


health = cpu_seconds("/api/v2/monitor/health")
first, second = (cpu_seconds("/execution/not-there") for _ in range(2))
print(f"health {health:.2f} s, first request of the execution API {first:.2f} s, second {second:.3f} s")
raise SystemExit(0 if first > 1 and first > 20 * second else 1)
PYTHON
export AIRFLOW_HOME="$folder/home" AIRFLOW__CORE__LOAD_EXAMPLES=False
"$folder/venv/bin/airflow" db migrate >"$folder/log" 2>&1
seen=0
"$folder/venv/bin/python" "$folder/ask.py" 2>>"$folder/log" >"$folder/out" || seen=$?
echo "Airflow 3.3.2: $(tail -1 "$folder/out")"
[ "$seen" = 0 ] || { echo "this has changed"; exit 1; }
