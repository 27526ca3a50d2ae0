"""Airflow DAG `release_extract`: a new publication -> the package for reviewers."""

from datetime import timedelta

from airflow.sdk import DAG, Asset, task

from lagebild.orchestration.tasks import DEFAULTS, MARTS, deadline, settled

with DAG(
    dag_id="release_extract",
    dag_display_name="Release an extract",
    description="A new publication -> workbook, CSV, datapackage.json and checksums.",
    schedule=[Asset(MARTS)],
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    deadline=deadline(),
    doc_md="### Release an extract\n\nWorkbook, CSV, `datapackage.json` and checksums of the publication in force,"
    " registered in the log of releases.",
    tags=["extract"],
) as dag:

    @task(execution_timeout=timedelta(hours=1))
    def release() -> str:
        from extracts.release import release
        from lagebild.core import settings

        with settled():
            return str(release(settings.load()))

    release()
