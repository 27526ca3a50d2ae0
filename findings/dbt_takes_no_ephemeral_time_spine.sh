#!/usr/bin/env bash
# dbt-core 1.11.16 with dbt-postgres 1.11.0. A project with a semantic model needs a time spine: a model whose YAML says
# `time_spine`. One would guess that it may be ephemeral, as it is read within other statements and nothing of the
# warehouse needs it, or that dbt names the model that it does not take. Seen: `dbt parse` of a project with an ephemeral
# time spine ends with pydantic's "none is not an allowed value" for `relation_name`; neither the model nor the time
# spine is named. The same project with the model as a view is parsed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dbt-core==1.11.16 dbt-postgres==1.11.0
mkdir -p "$folder/project/models"
cd "$folder/project"
cat >dbt_project.yml <<'YAML'
name: demo
version: "1.0"
profile: demo
model-paths: [models]
flags: {send_anonymous_usage_stats: false, use_colors: false}
YAML
cat >profiles.yml <<'YAML'
demo:
  target: demo
  outputs: {demo: {type: postgres, host: nowhere, port: 1, user: demo, password: demo, dbname: demo, schema: demo}}
YAML
echo "select 5 as persons, date '2024-12-31' as counted_on, 1 as id" >models/counts.sql
cat >models/counts.yml <<'YAML'
models:
  - name: days
    time_spine: {standard_granularity_column: day}
    columns: [{name: day, granularity: day}]
semantic_models:
  - name: counts
    model: ref('counts')
    defaults: {agg_time_dimension: counted_on}
    entities: [{name: id, type: primary}]
    dimensions: [{name: counted_on, type: time, type_params: {time_granularity: day}}]
    measures: [{name: persons, agg: sum}]
metrics:
  - {name: all_persons, label: Persons, type: simple, type_params: {measure: persons}}
YAML
echo "dbt-core 1.11.16, dbt parse with the time spine as"
seen=""
for kind in view ephemeral; do
    echo "{{ config(materialized='$kind') }} select date '2024-12-31' as day" >models/days.sql
    code=0
    "$folder/venv/bin/dbt" parse --profiles-dir . --no-partial-parse >"$folder/$kind" 2>&1 || code=$?
    named=$(grep -cE "days|time.spine" "$folder/$kind" || true)
    said=$(grep -q "none is not an allowed value" "$folder/$kind" && echo yes || echo no)
    line="$kind: exit code $code, lines that name model or time spine $named, pydantic speaks: $said"
    echo "$line"
    seen+="$line;"
done
[ "$seen" = "view: exit code 0, lines that name model or time spine 0, pydantic speaks: no;ephemeral: exit code 2, lines that name model or time spine 0, pydantic speaks: yes;" ] || {
    echo "this has changed"
    exit 1
}
