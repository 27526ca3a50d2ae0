#!/usr/bin/env bash
# frictionless 5.21.0. A German table of amounts says `decimalChar` "," and `groupChar` ".", for cells like 1.234,50.
# One would guess that a cell written the English way, 12.50, is an error, as its point does not group three digits, and
# as it is one where no `groupChar` is given. Seen: `groupChar` is taken out wherever it stands, and the rest is a
# number. 12.50 is valid and read as 1250, a hundred times what was meant; 1.2.3,4 is valid and read as 123.4. Where
# files are not known to group, leave `groupChar` out: then both cells are found, and so is each cell that does group.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check frictionless==5.21.0
cd "$folder"
printf 'amount\n"1234,50"\n"1.234,50"\n"12.50"\n"1.2.3,4"\n' >table.csv
seen=$("$folder/venv/bin/python" - <<'PYTHON'
from frictionless import Resource, Schema

for marks in ({"decimalChar": ","}, {"decimalChar": ",", "groupChar": "."}):
    schema = Schema.from_descriptor({"fields": [{"name": "amount", "type": "number", **marks}]})
    table = Resource(path="table.csv", schema=schema)
    errors = table.validate().flatten(["rowNumber", "type"])
    print(f"{''.join(marks.values())}", [str(row["amount"]) for row in table.read_rows()], f"errors {errors};", end=" ")
PYTHON
)
echo "frictionless 5.21.0: $seen"
[ "$seen" = ", ['1234.50', 'None', 'None', 'None'] errors [[3, 'type-error'], [4, 'type-error'], [5, 'type-error']]; \
,. ['1234.50', '1234.50', '1250', '123.4'] errors []; " ] || { echo "this has changed"; exit 1; }
