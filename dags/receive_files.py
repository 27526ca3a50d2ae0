"""Airflow DAG `receive_files`: look into the inboxes often, and start the ingest of each source that has a file.

A contract's own schedule is for what is pulled; what people send should not wait for it. An event of the source's asset
`lagebild://arrived/<source>` starts its DAG: a run that goes on already is followed by another one.
"""

from datetime import timedelta

from airflow.sdk import DAG, Asset, task

from ingest import contracts
from lagebild.stack.tasks import DEFAULTS, arrived_asset, cron, deadline, settled

with DAG(
    dag_id="receive_files",
    dag_display_name="Receive files",
    description="Every five minutes: files that were sent are given to their source's DAG.",
    schedule=cron("*/5 * * * *"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    deadline=deadline(),
    doc_md="Every five minutes: complete files of the inboxes (drop folder, SFTP, S3) are given to their source's DAG;"
    " a file that no contract knows gets a receipt that says so; receipts follow their delivery's state.",
    tags=["ingest"],
) as dag:

    @task(
        execution_timeout=timedelta(minutes=10),
        outlets=[Asset(arrived_asset(source)) for source in contracts.sources()],
        doc_md="Sources with a complete file; receipts for what nobody knows, and renewed ones where a state changed.",
    )
    def look(*, task) -> list[str]:
        from ingest import inbox, receipts
        from lagebild import settings

        with settled():
            own = settings.load()
            found = inbox.look(own, tells=True)
            receipts.renew(own)
        sources = found.new_sources()
        task.outlets = [Asset(arrived_asset(source)) for source in sources]  # only these have an event
        print("\n".join(f"{arrival.source}: {arrival.key}" for arrival in found.complete) or "no file waits")
        return sources

    look()
