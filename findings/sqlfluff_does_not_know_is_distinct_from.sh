#!/usr/bin/env bash
# sqlfluff 4.5.0, dialect postgres. `a is distinct from b` is a comparison of the SQL standard that PostgreSQL knows.
# One would guess that the linter parses it wherever a comparison may stand. Seen: in a select list and in `case when` it is
# an unparsable section; in brackets, and after `where`, it parses. A model that compares values that may be null is written
# with brackets there, or fails the lint.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check sqlfluff==4.5.0
cd "$folder"
printf 'select a is distinct from b as differs\nfrom t\n' >list.sql
printf 'select case when a is distinct from b then 1 end as differs\nfrom t\n' >case.sql
printf 'select case when (a is distinct from b) then 1 end as differs\nfrom t\n' >brackets.sql
printf 'select a\nfrom t\nwhere a is distinct from b\n' >where.sql
seen=""
for name in list case brackets where; do
    if "$folder/venv/bin/sqlfluff" parse --dialect postgres "$name.sql" >"$folder/log" 2>&1; then
        seen="$seen$name parses; "
    elif grep -q unparsable "$folder/log"; then
        seen="$seen$name does not parse; "
    else
        cat "$folder/log"
        exit 1
    fi
done
echo "sqlfluff 4.5.0: $seen"
[ "$seen" = "list does not parse; case does not parse; brackets parses; where parses; " ] \
    || { echo "this has changed"; exit 1; }
