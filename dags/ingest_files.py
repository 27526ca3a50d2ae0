"""Airflow DAG `ingest_files`: the files that people sent, whatever their source, each loaded and checked by a task.

    due -> ingest (a mapped task a file, or several of a source if there are many: loaded, checked, accepted or held)

Started by `receive_files` when it sees a file, and by `make run`. What is pulled, asked for by hand or left behind is
the business of `ingest__<source>`.
"""

from datetime import timedelta

from airflow.sdk import DAG, Asset, task

from ingest import contracts
from lagebild.orchestration.operators import Ingest
from lagebild.orchestration.tasks import ARRIVED, DEFAULTS, deadline, raw_asset, settled

with DAG(
    dag_id="ingest_files",
    dag_display_name="Ingest files that were sent",
    description="Loads and checks the files in the inboxes, each in a task of its own: accepted, held or refused.",
    schedule=[Asset(ARRIVED)],
    catchup=False,
    # A large file must not keep small ones of the next look waiting; each file is taken once, whoever comes first.
    max_active_runs=4,
    default_args=DEFAULTS,
    deadline=deadline(),
    doc_md="### Ingest files that were sent\n\nEvery complete file of the inboxes (drop folder, SFTP, S3) is loaded in"
    " one transaction and checked. Green: accepted. Pink: held, a person decides. Red: refused, to be corrected.",
    tags=["ingest"],
) as dag:

    @task(execution_timeout=timedelta(minutes=10), doc_md="List the complete files of the inboxes.")
    def due() -> list[dict]:
        from ingest.inbox import inbox
        from lagebild.core import settings
        from lagebild.orchestration import arrivals

        with settled():
            found = [(arrival.source, arrival.key) for arrival in inbox.complete(settings.load())]
        for source, item in found:
            print(f"{source}: {item}")
        # A mapped task without an item would be shown as skipped in a run that went well.
        tasks = arrivals.shared(found) or [("", arrivals.NOTHING)]
        return [{"source": source, "item": item} for source, item in tasks]

    Ingest.partial(
        task_id="ingest",
        # The event is that of the file's source, and sent only when nothing is on its way any more: see `Ingest`.
        outlets=[Asset(raw_asset(source)) for source in contracts.sources()],
        execution_timeout=timedelta(hours=2),
        map_index_template="{{ task.label }}",
        doc_md="Load a file in one transaction, check it and decide. The label shows the result. With more than 64"
        " files, several of a source share a task; its log names each.",
    ).expand_kwargs(due())
