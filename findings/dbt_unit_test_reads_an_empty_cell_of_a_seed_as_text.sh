#!/usr/bin/env bash
# dbt-core 1.11.16 with dbt-duckdb 1.11.1. A seed has an empty cell, and a model asks for it with `is null`. A unit test of
# the model names the seed as an input and gives no rows: dbt documents that the seed's own file is read then. One would
# guess that the cell is what `dbt seed` makes of it, NULL, as it is in rows that a test gives as CSV. Seen: it is an empty
# text, so the model that finds one row in the table finds none in its test, and a test that expects what the table gives
# fails; in a column of dates the test ends in a database error. Give the rows in the test, or leave no cell empty.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dbt-core==1.11.16 dbt-duckdb==1.11.1 \
    dbt-common==1.39.0 dbt-adapters==1.24.5 agate==1.9.1 duckdb==2.0.1
mkdir -p "$folder/project/seeds" "$folder/project/models"
cd "$folder/project"
printf 'name: demo\nversion: "1.0"\nprofile: demo\n' >dbt_project.yml
cat >profiles.yml <<YAML
demo:
  target: here
  outputs:
    here: {type: duckdb, path: $folder/demo.duckdb}
YAML
printf 'state,ended_on,remark\nA,,\nB,1990-10-03,joined\n' >seeds/states.csv
cat >seeds/_seeds.yml <<'YAML'
version: 2
seeds:
  - name: states
    config: {column_types: {state: text, ended_on: date, remark: text}}
YAML
echo "select state from {{ ref('states') }} where remark is null" >models/without_remark.sql
echo "select state from {{ ref('states') }} where ended_on is null" >models/there_today.sql
cat >models/_tests.yml <<'YAML'
version: 2
unit_tests:
  - name: text_of_the_file
    model: without_remark
    given: [{input: ref('states')}]
    expect: {rows: [{state: A}]}
  - name: text_of_given_rows
    model: without_remark
    given: [{input: ref('states'), format: csv, rows: "state,remark\nA,\nB,joined"}]
    expect: {rows: [{state: A}]}
  - name: date_of_the_file
    model: there_today
    given: [{input: ref('states')}]
    expect: {rows: [{state: A}]}
YAML
export DBT_SEND_ANONYMOUS_USAGE_STATS=false
dbt() { "$folder/venv/bin/dbt" --no-use-colors "$@" --profiles-dir . >"$folder/log" 2>&1; }
dbt seed && dbt run || { cat "$folder/log"; exit 1; }
rows=$("$folder/venv/bin/python" -c "
import duckdb
base = duckdb.connect('$folder/demo.duckdb')
print(base.sql('select * from without_remark').fetchall(), base.sql('select * from there_today').fetchall())")
dbt test || true
seen=$("$folder/venv/bin/python" -c "
import json
found = json.load(open('target/run_results.json'))['results']
print(*sorted(f\"{one['unique_id'].rsplit('.', 1)[1]} {one['status']}\" for one in found), sep=', ')")
echo "dbt-core 1.11.16: the tables hold $rows; $seen"
[ "$rows" = "[('A',)] [('A',)]" ] \
    && [ "$seen" = "date_of_the_file error, text_of_given_rows pass, text_of_the_file fail" ] \
    || { grep -i -A3 "error" "$folder/log" | head -20; echo "this has changed"; exit 1; }
