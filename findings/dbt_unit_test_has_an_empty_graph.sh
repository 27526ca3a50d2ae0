#!/usr/bin/env bash
# dbt-core 1.11.16 with dbt-duckdb 1.11.1. A model takes words for its rows from the `meta` of another model, through
# `graph.nodes` under `if execute`, as dbt's documentation of `graph` shows it. `dbt run` builds it. One would guess that a
# unit test of the model, which gives rows for its inputs alone, sees the same project. Seen: while a unit test is
# compiled `execute` is true and `graph` an empty dictionary: the test ends in "'dict object' has no attribute 'nodes'", and
# a macro that asks with a default instead (`graph.get('nodes', {})`) passes quietly on nothing, so that the tested
# statement is another than the one that runs. What comes from `meta` has to be given to the test by overriding the macro.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dbt-core==1.11.16 dbt-duckdb==1.11.1 \
    dbt-common==1.39.0 dbt-adapters==1.24.5 agate==1.9.1 duckdb==2.0.1
mkdir -p "$folder/project/models" "$folder/project/macros"
cd "$folder/project"
printf 'name: demo\nversion: "1.0"\nprofile: demo\n' >dbt_project.yml
cat >profiles.yml <<YAML
demo:
  target: here
  outputs:
    here: {type: duckdb, path: $folder/demo.duckdb}
YAML
cat >macros/words.sql <<'SQL'
{% macro word_of(name) -%}
{%- if execute -%}{{ return(graph.nodes['model.demo.' ~ name].config.meta.word) }}{%- endif -%}
{%- endmacro %}
{% macro word_or_none(name) -%}
{%- if execute -%}{{ return((graph.get('nodes', {}).get('model.demo.' ~ name) or {'config': {'meta': {}}}).config.meta.word or 'none') }}{%- endif -%}
{%- endmacro %}
SQL
echo "select 1 as id" >models/origin.sql
echo "select id, '{{ word_of('origin') }}' as word from {{ ref('origin') }}" >models/asks.sql
echo "select id, '{{ word_or_none('origin') }}' as word from {{ ref('origin') }}" >models/asks_with_a_default.sql
cat >models/_models.yml <<'YAML'
version: 2
models:
  - name: origin
    config: {meta: {word: office}}
unit_tests:
  - name: as_it_runs
    model: asks
    given: [{input: ref('origin'), rows: [{id: 7}]}]
    expect: {rows: [{id: 7, word: office}]}
  - name: on_nothing
    model: asks_with_a_default
    given: [{input: ref('origin'), rows: [{id: 7}]}]
    expect: {rows: [{id: 7, word: none}]}
YAML
export DBT_SEND_ANONYMOUS_USAGE_STATS=false
dbt() { "$folder/venv/bin/dbt" --no-use-colors "$@" --profiles-dir . >"$folder/log" 2>&1; }
dbt run || { cat "$folder/log"; exit 1; }
rows=$("$folder/venv/bin/python" -c "
import duckdb
base = duckdb.connect('$folder/demo.duckdb')
print(base.sql('select word from asks').fetchall(), base.sql('select word from asks_with_a_default').fetchall())")
dbt test || true
said=$(grep -c "'dict object' has no attribute 'nodes'" "$folder/log" || true)
seen=$("$folder/venv/bin/python" -c "
import json
found = json.load(open('target/run_results.json'))['results']
print(*sorted(f\"{one['unique_id'].rsplit('.', 1)[1]} {one['status']}\" for one in found), sep=', ')")
echo "dbt-core 1.11.16: the tables hold $rows; $seen; no attribute 'nodes' was said $([ "$said" -gt 0 ] && echo yes || echo no)"
[ "$rows" = "[('office',)] [('office',)]" ] && [ "$seen" = "as_it_runs error, on_nothing pass" ] && [ "$said" -gt 0 ] \
    || { tail -20 "$folder/log"; echo "this has changed"; exit 1; }
