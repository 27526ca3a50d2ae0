"""Airflow DAG `housekeeping`: deletes old records that Airflow keeps about itself, once a day."""

from datetime import timedelta

from airflow.sdk import DAG, task

from lagebild.orchestration.tasks import DEFAULTS, cron, deadline, settled

with DAG(
    dag_id="housekeeping",
    dag_display_name="Housekeeping of Airflow",
    description="Deletes old rows of Airflow's metadata and old logs, daily at 03:30 Europe/Berlin.",
    schedule=cron("30 3 * * *"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    deadline=deadline(),
    doc_md="### Housekeeping\n\nRows of Airflow's metadata (`airflow db clean`) and logs older than"
    " LAGEBILD_AIRFLOW_LOG_DAYS are deleted; large logs of components are rotated. Deliveries, decisions and"
    " publications are in the warehouse and stay.",
    tags=["housekeeping"],
) as dag:

    @task(execution_timeout=timedelta(hours=1))
    def clean() -> str:
        from lagebild.core import settings
        from lagebild.local import housekeeping

        with settled():
            cleaned = str(housekeeping.clean(settings.load()))
            print(cleaned)
            return cleaned

    clean()
