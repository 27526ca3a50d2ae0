#!/usr/bin/env bash
# dbt-core 1.11.16 with dbt-duckdb 1.11.1. A seed's CSV of two rows ends with a blank line, as editors leave one. One would
# guess that it is no row: DuckDB's own reader, pandas and Python's csv.DictReader pass over it. Seen: dbt loads a third
# row in which every column is null, says 3, and ends well; a test of uniqueness passes, for it leaves nulls out. Where the
# adapter loads the file itself (dbt-duckdb's default, `fast: true`) the table has two rows, and dbt still says 3. So a
# seed needs `not_null` on its key, and a count of dbt's is none of the table.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dbt-core==1.11.16 dbt-duckdb==1.11.1 \
    dbt-common==1.39.0 dbt-adapters==1.24.5 agate==1.9.1 duckdb==2.0.1
mkdir -p "$folder/project/seeds"
cd "$folder/project"
cat >dbt_project.yml <<'YAML'
name: demo
version: "1.0"
profile: demo
seeds:
  demo:
    by_dbt: {fast: false}
    by_adapter: {fast: true}
YAML
cat >profiles.yml <<YAML
demo:
  target: here
  outputs:
    here: {type: duckdb, path: $folder/demo.duckdb}
YAML
for name in by_dbt by_adapter; do printf 'code,label\n125,Bulgarien\n154,Rumaenien\n\n' >"seeds/$name.csv"; done
cat >seeds/_seeds.yml <<'YAML'
version: 2
seeds:
  - name: by_dbt
    columns:
      - name: code
        data_tests: [unique]
YAML
export DBT_SEND_ANONYMOUS_USAGE_STATS=false
"$folder/venv/bin/dbt" --no-use-colors build --profiles-dir . >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
seen=$("$folder/venv/bin/python" - "$folder" <<'PYTHON'
import re
import sys

import duckdb

folder = sys.argv[1]
said = dict(re.findall(r"OK loaded seed file main\.(\w+) .*\[\w+ (\d+) in", open(f"{folder}/log").read()))
base = duckdb.connect(f"{folder}/demo.duckdb")
for name in ("by_dbt", "by_adapter"):
    rows = base.sql(f"select * from {name} order by code nulls last").fetchall()
    print(f"{name}: said {said[name]}, there are {rows};", end=" ")
print("by DuckDB's own reader", len(duckdb.read_csv("seeds/by_dbt.csv").fetchall()))
PYTHON
)
echo "dbt-core 1.11.16: $seen"
two="(125, 'Bulgarien'), (154, 'Rumaenien')"
[ "$seen" = "by_dbt: said 3, there are [$two, (None, None)]; by_adapter: said 3, there are [$two]; by DuckDB's own reader 2" ] \
    || { echo "this has changed"; exit 1; }
