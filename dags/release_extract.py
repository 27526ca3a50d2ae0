"""Airflow DAG `release_extract`: a new publication -> a package for each recipient who is due."""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, task

from lagebild.orchestration.tasks import DEFAULTS, MARTS, deadline, settled

with DAG(
    dag_id="release_extract",
    dag_display_name="Release to recipients",
    description="A new publication -> a signed package for each recipient who is due.",
    schedule=[Asset(MARTS)],
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    deadline=deadline(),
    doc_md="### Release to recipients\n\nOne task a recipient whose schedule says so: workbook, reports, CSV,"
    " descriptions, checksums and signature of the publication in force, stored, registered and put where the"
    " recipient fetches them. A recipient who wants nothing while a delivery is held receives nothing;"
    " the log of `due` says why.",
    tags=["extract"],
) as dag:

    @task(execution_timeout=timedelta(minutes=10))
    def due() -> list[str]:
        """Names of the recipients to whom the publication in force is released now."""
        from extracts.due import due
        from lagebild.core import database, settings

        house = settings.load()
        with settled(), database.connect(house, database.BUILDER) as register:
            wanted, refused = due(register, house.config, house.demo)
            for one in refused:
                print(one)
            return wanted

    @task(execution_timeout=timedelta(hours=1), map_index_template="{{ about }}")
    def release(recipient_name: str) -> str:
        """The folder of the package."""
        from airflow.sdk import get_current_context

        from extracts import recipient
        from extracts.release import release
        from lagebild.core import settings

        context: Any = get_current_context()
        context["about"] = recipient_name
        with settled():
            house = settings.load()
            return str(release(house, to=recipient.named(house.config, house.demo, recipient_name)).folder)

    release.expand(recipient_name=due())
