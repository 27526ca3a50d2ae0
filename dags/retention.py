"""Airflow DAG `retention`: deletes files whose retention has ended, once a day."""

from datetime import timedelta

from airflow.sdk import DAG, task

from lagebild.orchestration.tasks import DEFAULTS, cron, deadline, settled

with DAG(
    dag_id="retention",
    dag_display_name="Retention",
    description="Deletes files whose retention has ended, daily at 02:30 Europe/Berlin.",
    schedule=cron("30 2 * * *"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    deadline=deadline(),
    doc_md="### Retention\n\nDeletes landed bytes of personal sources and copies in `taken/` after their contract's"
    " retention, and old receipts; finishes interrupted deletions. Path, hash and ledger stay. The same as"
    " `lagebild privacy retention --apply`.",
    tags=["privacy"],
) as dag:

    @task(execution_timeout=timedelta(hours=1))
    def delete_expired() -> list[str]:
        from ingest.privacy import retention
        from lagebild.core import settings

        with settled():
            return [entry.logged for entry in retention.apply(settings.load())]

    delete_expired()
