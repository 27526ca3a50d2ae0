"""Airflow DAG `receive_files`: look into the inboxes often, and start the ingest of each source that has a file.

A contract's own schedule is for what is pulled; what people send should not wait for it.
"""

from datetime import timedelta

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, task

from lagebild.stack.tasks import DEFAULTS, cron, deadline, settled

with DAG(
    dag_id="receive_files",
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
        doc_md="Sources with a complete file; receipts for what nobody knows, and renewed ones where a state changed.",
    )
    def look() -> list[str]:
        from ingest import inbox, receipts
        from lagebild import settings

        with settled():
            own = settings.load()
            found = inbox.look(own, tells=True)
            receipts.renew(own)
        return [f"ingest__{source}" for source in found.new_sources()]

    TriggerDagRunOperator.partial(
        task_id="start",
        execution_timeout=timedelta(minutes=5),
        map_index_template="{{ task.trigger_dag_id }}",
        doc_md="Start the source's DAG; a run of it that goes on already is followed by this one.",
    ).expand(trigger_dag_id=look())
