#!/usr/bin/env bash
# python-calamine 0.9.1, a reader of workbooks. A column of amounts holds 3000.75 in good cells, and in others #REF!,
# #N/A and a formula that no program has calculated yet. One would expect an error, or something that is not a blank, so
# that a sum of the column can be told from a sum of what is left. Seen: all three are the empty text, as is a cell
# that nobody filled in: the sum is 3000.75, and nothing says that three amounts are missing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-calamine==0.9.1 openpyxl==3.1.5
cat >"$folder/amounts.py" <<'PYTHON'
import sys

import openpyxl
import python_calamine

book = openpyxl.Workbook()
for amount in ("Betrag", 3000.75, "#REF!", "#N/A", "=A2*2", None, "Ende"):
    book.active.append([amount])
for row in (3, 4):
    book.active.cell(row, 1).data_type = "e"
book.save(sys.argv[1])
rows = python_calamine.load_workbook(sys.argv[1]).get_sheet_by_index(0).to_python()
print([row[0] for row in rows])
PYTHON
seen=$("$folder/venv/bin/python" "$folder/amounts.py" "$folder/amounts.xlsx")
echo "python-calamine 0.9.1: $seen"
[ "$seen" = "['Betrag', 3000.75, '', '', '', '', 'Ende']" ] || { echo "this has changed"; exit 1; }
