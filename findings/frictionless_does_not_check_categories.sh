#!/usr/bin/env bash
# frictionless 5.21.0. Data Package 2.0 lets a field name its `categories`: the specification says that the values of the
# field must be among them. One would guess that `frictionless validate`, which reads a descriptor of version 2.0, finds a
# value outside them, as it finds one outside `constraints.enum`. Seen: the table with the unknown code is valid; the same
# codes as an enum find it. Who describes codes by categories alone has no check.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check frictionless==5.21.0
cd "$folder"
printf 'sex\nfemale\nmale\nunknown\n' >table.csv
describe() {
    cat >"$1.json" <<JSON
{"\$schema": "https://datapackage.org/profiles/2.0/datapackage.json", "name": "demo", "resources": [
  {"name": "table", "path": "table.csv", "type": "table", "format": "csv", "mediatype": "text/csv", "schema":
    {"fields": [{"name": "sex", "type": "string", $2}]}}]}
JSON
    "$folder/venv/bin/frictionless" validate "$1.json" --json >"$1.report" 2>&1 && echo valid || echo invalid
}
categories=$(describe categories '"categories": ["female", "male"]')
enum=$(describe enum '"constraints": {"enum": ["female", "male"]}')
echo "frictionless 5.21.0: unknown code, categories: $categories, enum: $enum"
test "$categories $enum" = "valid invalid"
grep -q constraint-error enum.report
