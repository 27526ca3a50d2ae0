"""Airflow's pools: one slot for each fetched source, so that its tasks run one after another.

A lock already ensures that one process at a time asks a host; the pool keeps waiting tasks from holding workers.

A task whose pool is missing waits forever without a message. So the local stack creates the pools at each start, and
in containers `python -m lagebild.local.service pools` does, after Airflow's migration.
"""


def name_of(source: str) -> str:
    """The pool of a source's tasks."""
    return f"pull_{source}"


def ensure(dsn: str) -> None:
    """Create the pools of all fetched sources in Airflow's metadata (`dsn`). Other pools are not changed."""
    # Late: DAGs ask for names only.
    import psycopg

    from ingest.pulls import catalogue

    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "insert into slot_pool (pool, slots, description, include_deferred) values (%s, 1, %s, false)"
            " on conflict (pool) do update set slots = 1, description = excluded.description, include_deferred = false",
            [
                (name_of(source), f"one pull of {source} at a time")
                for source in {e.source for e in catalogue.entries()}
            ],
        )
