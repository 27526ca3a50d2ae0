#!/bin/sh
# Run once by the postgres image, when the cluster is new: Airflow's metadata database and its owner.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set password="$(cat "${AIRFLOW_PASSWORD_FILE:-/run/secrets/airflow_database}")" <<'SQL'
-- The password is said to the server once, and its log never holds a statement of this session.
set log_statement = 'none'; set log_min_duration_statement = -1; set log_min_error_statement = 'panic';
create role lagebild_airflow login password :'password';
create database lagebild_airflow owner lagebild_airflow;
-- Readers of the warehouse have no business in Airflow's metadata.
revoke all on database lagebild_airflow from public;
-- Nor in databases where the server's counters are open to all: they count the rows of the warehouse, too.
revoke connect on database postgres, template1 from public;
SQL
