#!/usr/bin/env bash
# great-expectations 1.24.1 on SQLite. A table without rows is judged by three expectations on its column. One would guess
# that each finds nothing unexpected and says 0. Seen: all three succeed, though there was nothing to judge; of values
# between bounds and of values that are not null the count is None, of unique values it is 0. Where the table has one row,
# and that is null, all three counts are numbers. So a gate that adds counts up must take None for 0, and one that must not
# pass an empty delivery has to ask for its rows apart.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check great-expectations==1.24.1 sqlalchemy==2.1.9 \
    pandas==3.1.1
cd "$folder"
export GX_ANALYTICS_ENABLED=false
seen=$("$folder/venv/bin/python" -W ignore - <<'PYTHON' 2>"$folder/log"
import great_expectations as gx
import sqlalchemy

url = "sqlite:///demo.db"
with sqlalchemy.create_engine(url).begin() as connection:
    for statement in (
        "create table no_row (n integer)",
        "create table one_null (n integer)",
        "insert into one_null values (null)",
    ):
        connection.execute(sqlalchemy.text(statement))
source = gx.get_context(mode="ephemeral").data_sources.add_sqlite("demo", connection_string=url)
expect = gx.expectations
for table in ("no_row", "one_null"):
    batch = source.add_table_asset(table, table_name=table).add_batch_definition_whole_table("all").get_batch()
    told = []
    for expectation in (
        expect.ExpectColumnValuesToBeBetween(column="n", min_value=0, max_value=5),
        expect.ExpectColumnValuesToNotBeNull(column="n"),
        expect.ExpectColumnValuesToBeUnique(column="n"),
    ):
        result = batch.validate(expectation, result_format="SUMMARY")
        told.append(f"{result.success} {result.result['unexpected_count']}")
    print(f"{table}: {', '.join(told)};", end=" ")
PYTHON
) || { cat "$folder/log"; exit 1; }
echo "great-expectations 1.24.1: $seen"
[ "$seen" = "no_row: True None, True None, True 0; one_null: True 0, False 1, True 0; " ] \
    || { echo "this has changed"; exit 1; }
