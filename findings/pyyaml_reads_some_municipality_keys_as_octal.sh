#!/usr/bin/env bash
# PyYAML 6.0.3. The official key of a German municipality (AGS) has eight digits, the first of them a zero in nine of the
# sixteen states. One would guess that a list of such keys, written without quotes, is a list of one type: numbers,
# or texts. Seen: it depends on the digits. 05111000 (Düsseldorf) is an octal number and comes as 1348096; 05913000
# (Dortmund) has a 9, is no octal number, and comes as the text "05913000". A file in which one city was tried by hand
# works, and the next city gets another place's number, or none, without an error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyyaml==6.0.3
seen=$("$folder/venv/bin/python" -c '
import yaml
print(yaml.safe_load("places: [05913000, 05111000, 05315000, 08111000]"))
')
echo "pyyaml 6.0.3: $seen"
test "$seen" = "{'places': ['05913000', 1348096, 1415680, '08111000']}"
