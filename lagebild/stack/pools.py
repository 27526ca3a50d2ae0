"""Airflow's pools: one of one slot for each source that is pulled, so that its tasks follow each other.

A host is asked by one process at a time whatever Airflow does; the pool keeps tasks from holding workers meanwhile.

A task whose pool is missing waits for ever, without a word. So the local stack makes them at each start, and in
containers `python -m lagebild.stack.pools` does, after Airflow's own migration.
"""

from lagebild import settings as settings_module
from lagebild.settings import Settings


def name_of(source: str) -> str:
    """The pool of a pulled source's tasks."""
    return f"pull_{source}"


def ensure(settings: Settings) -> None:
    """Make every pulled source's pool in Airflow's metadata. Pools of others stay as they are."""
    # Late: DAGs ask for names only.
    import psycopg

    from ingest.connectors import catalogue
    from lagebild.stack import postgres

    with psycopg.connect(postgres.airflow_dsn(settings)) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "insert into slot_pool (pool, slots, description, include_deferred) values (%s, 1, %s, false)"
            " on conflict (pool) do update set slots = 1, description = excluded.description, include_deferred = false",
            [
                (name_of(source), f"one pull of {source} at a time")
                for source in {e.source for e in catalogue.entries()}
            ],
        )


if __name__ == "__main__":
    ensure(settings_module.load())
