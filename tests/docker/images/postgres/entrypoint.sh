#!/bin/sh
# What the image postgres:18 does of which compose.yaml makes use: a new cluster with a password, the scripts of
# /docker-entrypoint-initdb.d once, over the socket alone, then the server.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p -m 0700 "$PGDATA"
    # Word splitting is wanted: these are options.
    # shellcheck disable=SC2086
    initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" \
        --auth-local=trust --auth-host=scram-sha-256 $POSTGRES_INITDB_ARGS "$PGDATA"
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl --pgdata "$PGDATA" --options "-c listen_addresses='' -c unix_socket_directories=/var/run/postgresql" --wait start
    export PGHOST=/var/run/postgresql
    psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres --command "create database $POSTGRES_DB"
    for script in /docker-entrypoint-initdb.d/*.sh; do "$script"; done
    pg_ctl --pgdata "$PGDATA" --mode fast --wait stop
fi
exec "$@" -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql
