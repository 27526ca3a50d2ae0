#!/usr/bin/env bash
# dbt-core 1.11.16 with dbt-postgres 1.11.0, called in the process of its caller (`dbtRunner`), as task frameworks do
# again and again. One would guess that the hundredth call costs what the second did. Seen: each call extends a list of the
# module, `DEFAULT_BASE_BEHAVIOR_FLAGS`, by the adapter's own flags, so that it grows as long as the process lives; and
# each flag in it looks for the module that made it by `inspect.stack()`, which reads the source line of every frame up to
# the program's first. So call n describes about n x the depth of its caller's stack. Cutting the list back after each
# call keeps them equal.
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
cat >"$folder/deep.py" <<'PYTHON'
import inspect
import sys
import time

from dbt.adapters.base import impl
from dbt.cli.main import dbtRunner

described = 0
plain = inspect.getframeinfo


def counted(*arguments, **options):
    global described
    described += 1
    return plain(*arguments, **options)


inspect.getframeinfo = counted


def invoke(deeper):
    if deeper:
        return invoke(deeper - 1)
    place = ["--project-dir", sys.argv[1], "--profiles-dir", sys.argv[1]]
    result = dbtRunner().invoke(["--quiet", "parse", *place])
    assert result.success, result.exception


def calls(number, cut):
    """How many frames the last of so many calls describes, and how many flags there are then."""
    global described
    for _ in range(number):
        described, begun, flags = 0, time.process_time(), len(impl.DEFAULT_BASE_BEHAVIOR_FLAGS)
        invoke(40)
        if cut:
            del impl.DEFAULT_BASE_BEHAVIOR_FLAGS[flags:]
    print(f"{described} frames, {time.process_time() - begun:.2f} CPU s", file=sys.stderr)
    return described, len(impl.DEFAULT_BASE_BEHAVIOR_FLAGS)


first, flags = calls(1, cut=True)
for number, cut in ((30, True), (30, False)):
    last, there = calls(number, cut)
    print(f"after {number} calls{', cut' if cut else ''}: {there - flags} flags more, {last / first:.1f} x the frames", end="; ")
PYTHON
export DBT_SEND_ANONYMOUS_USAGE_STATS=false
seen=$("$folder/venv/bin/python" "$folder/deep.py" "$folder/project")
echo "dbt-core 1.11.16: $seen"
[ "$seen" = "after 30 calls, cut: 0 flags more, 1.0 x the frames; after 30 calls: 30 flags more, 10.7 x the frames; " ] \
    || { echo "this has changed"; exit 1; }
