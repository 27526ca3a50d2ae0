#!/usr/bin/env bash
# dbt-core 1.11.16, in the process of its caller (`dbtRunner`). A scheduler ends a task by SIGTERM, and its handler
# raises SystemExit, as is usual. One would guess that this passes through `invoke`, which documents that exceptions of
# dbt come back in its result. Seen: the SystemExit comes back as `result.exception`, like an error of dbt's, and the
# process that was told to end goes on. Callers must raise what is no Exception again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dbt-core==1.11.16 dbt-postgres==1.11.0 \
    dbt-common==1.39.0 dbt-adapters==1.24.5
mkdir -p "$folder/project/models"
cat >"$folder/project/dbt_project.yml" <<'YAML'
name: demo
version: "1.0"
profile: demo
YAML
cat >"$folder/project/profiles.yml" <<'YAML'
demo:
  target: here
  outputs:
    here: {type: postgres, host: 127.0.0.1, port: 1, user: u, password: p, dbname: d, schema: s}
YAML
echo "select 1 as x" >"$folder/project/models/one.sql"
cat >"$folder/told_to_end.py" <<'PYTHON'
import os
import signal
import sys

from dbt.cli.main import dbtRunner


def end(number, frame):
    raise SystemExit(143)


def hear(event):
    if event.info.name == "MainReportVersion":
        os.kill(os.getpid(), signal.SIGTERM)


signal.signal(signal.SIGTERM, end)
place = ["--project-dir", sys.argv[1], "--profiles-dir", sys.argv[1]]
result = dbtRunner(callbacks=[hear]).invoke(["--quiet", "parse", *place])
print(f"goes on, success {result.success}, exception {result.exception!r}")
PYTHON
export DBT_SEND_ANONYMOUS_USAGE_STATS=false
seen=$("$folder/venv/bin/python" "$folder/told_to_end.py" "$folder/project" 2>"$folder/log" | tail -1) || true
echo "dbt-core 1.11.16: $seen"
[ "$seen" = "goes on, success False, exception SystemExit(143)" ] || { echo "this has changed"; exit 1; }
