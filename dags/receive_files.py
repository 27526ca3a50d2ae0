"""Airflow DAG `receive_files`: poll the inboxes, and start `ingest_files` if there is a file.

A contract's own schedule is for what is pulled; what people send should not wait for it. An event of the asset
`lagebild://arrived` starts the ingest.
"""

from datetime import timedelta

from airflow.sdk import DAG, Asset, task

from lagebild.orchestration.tasks import ARRIVED, DEFAULTS, cron, deadline, settled

with DAG(
    dag_id="receive_files",
    dag_display_name="Receive files",
    description="Every five minutes: polls for sent files and starts loading them.",
    schedule=cron("*/5 * * * *"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    deadline=deadline(),
    doc_md="Every five minutes: complete files of the inboxes (drop folder, SFTP, S3) are loaded by `ingest_files`;"
    " a file that matches no contract gets a receipt that says so; receipts follow the state of their delivery.",
    tags=["ingest"],
) as dag:

    @task(
        execution_timeout=timedelta(minutes=10),
        outlets=[Asset(ARRIVED)],
        doc_md="Sources with a complete file; receipts for unknown files and after a change of state.",
    )
    def look(*, task) -> list[str]:
        from ingest.inbox import inbox, receipts
        from lagebild.core import settings

        with settled():
            own = settings.load()
            found = inbox.look(own, notifies=True)
            receipts.renew(own)
        sources = found.new_sources()
        if not sources:
            task.outlets = []  # no event: nothing new is there
        print("\n".join(f"{arrival.source}: {arrival.key}" for arrival in found.complete) or "no file waits")
        return sources

    look()
