"""Airflow DAG `watch_server`: ends readers' sessions that run too long, and reports what the server lacks."""

from datetime import timedelta

from airflow.sdk import DAG, task

from lagebild.orchestration.tasks import DEFAULTS, cron, deadline, settled

with DAG(
    dag_id="watch_server",
    dag_display_name="Watch the server",
    description="Ends overlong sessions of readers and reports what the server lacks, hourly.",
    schedule=cron("40 * * * *"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    deadline=deadline(),
    doc_md="### Watch the server\n\nEnds sessions of readers far beyond their limits"
    " (`lagebild/warehouse/sessions.py`). Notifies the channels of LAGEBILD_ALERT_* once of what the server lacks:"
    " fixes of PostgreSQL, guards against readers, disk space. `lagebild stack status` lists the same.",
    tags=["watch"],
) as dag:

    @task(execution_timeout=timedelta(minutes=10))
    def look() -> list[str]:
        from lagebild.core import settings
        from lagebild.local import server

        with settled():
            found = server.look_after(settings.load())
            print("\n".join(found) or "no session was ended, and nothing is lacking")
            return found

    look()
