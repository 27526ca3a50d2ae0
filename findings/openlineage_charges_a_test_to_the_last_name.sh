#!/usr/bin/env bash
# openlineage-integration-common 1.54.0, which makes OpenLineage events of the manifest and the results of dbt-core
# 1.11.16. Three `relationships` tests of the model `orders` fail: against the models `customers` and `products`, and
# against the seed `countries`. One would guess that all three are assertions on `orders`, which dbt names in the test
# (`attached_node`). Seen: each goes to that parent of the test whose id sorts last. `customers` sorts before `orders`,
# so that one is right; `products` sorts after it, so that a table without a fault gets the event FAIL; a seed sorts
# after every model, and seeds have no event of tests, so that the third failure is told nowhere. Renaming a model moves
# the blame.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openlineage-integration-common==1.54.0 \
    openlineage-python==1.54.0 openlineage-sql==1.54.0 dbt-core==1.11.16 dbt-duckdb==1.11.1 dbt-common==1.39.0 \
    dbt-adapters==1.24.5 agate==1.9.1 duckdb==2.0.1
mkdir -p "$folder/project/models" "$folder/project/seeds"
cd "$folder/project"
cat >dbt_project.yml <<'YAML'
name: demo
version: "1.0"
profile: demo
YAML
cat >profiles.yml <<YAML
demo:
  target: here
  outputs:
    here: {type: duckdb, path: $folder/demo.duckdb}
YAML
echo "select 7 as id" >models/orders.sql
for name in customers products; do echo "select 1 as id" >"models/$name.sql"; done
printf 'id\n1\n' >seeds/countries.csv
cat >models/_models.yml <<'YAML'
models:
  - name: orders
    columns:
      - name: id
        data_tests:
          - relationships: {name: customer_is_known, arguments: {to: ref('customers'), field: id}}
          - relationships: {name: product_is_known, arguments: {to: ref('products'), field: id}}
          - relationships: {name: country_is_known, arguments: {to: ref('countries'), field: id}}
YAML
export DBT_SEND_ANONYMOUS_USAGE_STATS=false
"$folder/venv/bin/dbt" --no-use-colors build --profiles-dir . >"$folder/log" 2>&1 || true  # the tests fail
seen=$("$folder/venv/bin/python" - 2>>"$folder/log" <<'PYTHON'
import json

from openlineage.common.provider.dbt.local import DbtLocalArtifactProcessor

results = json.load(open("target/run_results.json"))["results"]
nodes = json.load(open("target/manifest.json"))["nodes"]
failed = [nodes[result["unique_id"]] for result in results if result["status"] == "fail"]
attached = {node["attached_node"].split(".")[-1] for node in failed}
print(f"dbt: {len(failed)} failed tests of {', '.join(attached)}", end="; ")
processor = DbtLocalArtifactProcessor(
    producer="https://example.org", job_namespace="demo", project_dir=".", profile_name="demo", target="here"
)
for event in processor.parse().fails:
    told = [assertion.name for assertion in event.inputs[0].inputFacets["dataQualityAssertions"].assertions]
    print(f"{event.eventType.value} of {event.inputs[0].name.split('.')[-1]} by {', '.join(told)}", end="; ")
PYTHON
) || { cat "$folder/log"; exit 1; }
echo "openlineage-integration-common 1.54.0: $seen"
[ "$seen" = "dbt: 3 failed tests of orders; FAIL of orders by customer_is_known; \
FAIL of products by product_is_known; " ] || { echo "this has changed"; exit 1; }
