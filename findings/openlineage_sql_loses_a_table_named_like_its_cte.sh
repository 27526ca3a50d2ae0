#!/usr/bin/env bash
# openlineage-sql 1.54.0, dialect postgres, with which OpenLineage's integrations read SQL. A CTE is often called like
# the table that it takes in: `with orders as (select id from raw.orders)`. One would guess that `raw.orders` is an
# input whatever the CTE is called, all the more as the query names its schema. Seen: with the CTE called `o` it is one;
# called `orders` there is no input at all, and no error, while the column lineage of the same answer says
# `raw.orders.id`. Where a second table is joined, that one alone is the input. So a graph made of inputs has no edge
# from such a table, and only the columns tell.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openlineage-sql==1.54.0
seen=$("$folder/venv/bin/python" - <<'PYTHON'
from openlineage_sql import parse

for query in (
    "with o as (select id from raw.orders) select id from o",
    "with orders as (select id from raw.orders) select id from orders",
    "with orders as (select id from raw.orders) select orders.id from orders join raw.items as i on i.id = orders.id",
):
    found = parse([f"create table report as {query}"], dialect="postgres")
    columns = [f"{source.origin}.{source.name}" for column in found.column_lineage for source in column.lineage]
    inputs = ", ".join(str(table) for table in found.in_tables) or "none"
    print(f"inputs {inputs}, columns {', '.join(columns)}, errors {len(found.errors)}", end="; ")
PYTHON
)
echo "openlineage-sql 1.54.0: $seen"
[ "$seen" = "inputs raw.orders, columns raw.orders.id, errors 0; inputs none, columns raw.orders.id, errors 0; \
inputs raw.items, columns raw.orders.id, errors 0; " ] || { echo "this has changed"; exit 1; }
