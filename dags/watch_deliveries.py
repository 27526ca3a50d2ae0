"""Airflow DAG `watch_deliveries`: once a day, checks for late deliveries and for those that wait for a decision.

A DAG of its own, because the DAG of a source that is sent nothing runs, finds nothing, and is green.
"""

from datetime import timedelta

from airflow.sdk import DAG, Asset, task

from lagebild.orchestration.tasks import DEFAULTS, HELD, cron, deadline, settled

with DAG(
    dag_id="watch_deliveries",
    dag_display_name="Watch deliveries",
    description="Notifies of late deliveries and asks about held ones, daily at 08:00 Europe/Berlin.",
    schedule=cron("0 8 * * *"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    deadline=deadline(),
    doc_md="### Watch deliveries\n\nReads the delivery calendar and notifies each channel of LAGEBILD_ALERT_* once of"
    " late deliveries. `lagebild delivery calendar --late` lists it; what to do: docs/runbooks/late-delivery.md.",
    tags=["watch"],
) as dag:

    @task(execution_timeout=timedelta(minutes=10))
    def tell_late() -> list[str]:
        from lagebild.core import settings
        from lagebild.review import calendar

        with settled():
            return [str(entry) for entry in calendar.tell_late(settings.load())]

    @task(
        execution_timeout=timedelta(minutes=10),
        outlets=[Asset(HELD)],
        doc_md="Start `decide_held` if a delivery is held.",
    )
    def look_for_held(*, task) -> list[str]:
        from ingest.deliveries import delivery_ledger
        from lagebild.core import settings

        with settled():
            held = [str(delivery) for delivery in delivery_ledger.deliveries(settings.load(), states=("held",))]
        if not held:
            task.outlets = []  # no event
        print("\n".join(held) or "no delivery is held")
        return held

    @task(execution_timeout=timedelta(minutes=10), doc_md="Warn of files in inboxes that match no contract.")
    def look_for_unclaimed() -> str:
        import logging

        from lagebild.core import settings
        from lagebild.orchestration import unclaimed_files

        with settled():
            said = unclaimed_files.tell(settings.load())
        if said:
            logging.getLogger(__name__).warning(said)
        return said or "no file that no contract claims lies in an inbox for long"

    tell_late()
    look_for_held()
    look_for_unclaimed()
