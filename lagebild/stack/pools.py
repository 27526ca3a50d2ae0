"""Airflow's pools: one of one slot for each host that is pulled from, so that its tasks follow each other.

A task whose pool is missing waits for ever, without a word. So the local stack makes them at each start, and in
containers `python -m lagebild.stack.pools` does, after Airflow's own migration.
"""

from lagebild import settings as settings_module
from lagebild.settings import Settings


def name_of(host: str) -> str:
    """The pool of a host's tasks."""
    return f"host_{host}"


def ensure(settings: Settings) -> None:
    """Make every host's pool in Airflow's metadata; deferred tasks hold no slot. Pools of others stay as they are."""
    # Late: DAGs ask for names only.
    import psycopg

    from ingest.connectors import catalogue
    from lagebild.stack import postgres

    with psycopg.connect(postgres.airflow_dsn(settings)) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "insert into slot_pool (pool, slots, description, include_deferred) values (%s, 1, %s, false)"
            " on conflict (pool) do update set slots = 1, description = excluded.description, include_deferred = false",
            [(name_of(host), f"one request at a time to {host}") for host in {e.host for e in catalogue.entries()}],
        )


if __name__ == "__main__":
    ensure(settings_module.load())
