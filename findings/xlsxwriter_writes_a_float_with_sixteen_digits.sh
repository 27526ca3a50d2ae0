#!/usr/bin/env bash
# XlsxWriter 3.3.1. A cell of a workbook holds a double, and Python's `repr` gives the shortest digits that name one. One
# would guess that a number written by `write_number` stands in the sheet with digits that give it back, and with no more
# than it has. Seen: it is written with 16 significant digits. Of most decimals that is harmless; 0.00064 stands in the
# sheet as 0.0006400000000000001 (the same double, but what a reader of the XML sees, and compares with the CSV beside it,
# is not what was written), and 0.1 + 0.2 stands as 0.3, which is another double than the one that was given.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xlsxwriter==3.3.1
seen=$("$folder/venv/bin/python" - "$folder/book.xlsx" <<'PY'
import re
import sys
import zipfile

import xlsxwriter

with xlsxwriter.Workbook(sys.argv[1]) as book:
    sheet = book.add_worksheet()
    for row, number in enumerate((0.00064, 0.1 + 0.2, 2143.05)):
        sheet.write_number(row, 0, number)
with zipfile.ZipFile(sys.argv[1]) as parts:
    cells = re.findall(r"<v>([^<]*)</v>", parts.read("xl/worksheets/sheet1.xml").decode())
print(cells, float(cells[1]) == 0.1 + 0.2)
PY
)
echo "xlsxwriter 3.3.1: $seen"
test "$seen" = "['0.0006400000000000001', '0.3', '2143.05'] False"
