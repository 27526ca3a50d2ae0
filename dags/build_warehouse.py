"""Airflow DAG `build_warehouse`: accepted deliveries -> marts -> a new publication.

The functions are the same that `lagebild build` calls; one task a dbt layer, not one a model, because dbt's start costs
more than a model.
"""

from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetAny, AssetOrTimeSchedule, task

from ingest import contracts
from lagebild.stack.tasks import DEFAULTS, MARTS, cron, deadline, raw_asset, settled

LAYERS = ("staging", "intermediate", "marts")

with DAG(
    dag_id="build_warehouse",
    # Events are hints, the ledger is the truth: the daily run finds what an event that got lost would have brought.
    schedule=AssetOrTimeSchedule(
        timetable=cron("0 7 * * *"),
        assets=AssetAny(*(Asset(raw_asset(source)) for source in contracts.sources())),
    ),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    deadline=deadline(),
    doc_md="### Build and publish\n\nFixes the inputs of a build, runs dbt layer by layer, checks the marts and"
    " publishes them in one transaction. Whatever fails, the last publication stays in force.",
    tags=["build"],
) as dag:

    @task.short_circuit(execution_timeout=timedelta(minutes=10))
    def fix_inputs(*, dag_run) -> int | None:
        """The new build; nothing, and the rest is skipped, when nothing is new or the next delivery is on its way."""
        from ingest.arrivals import is_drained
        from lagebild import settings
        from lagebild.warehouse import build

        with settled():
            own = settings.load()
            # A file that cannot be loaded must not stop the house: the daily run and one by hand build what is there.
            if dag_run.run_type == "asset_triggered" and not is_drained(own):
                print("deliveries are still on their way: the last of them triggers the build")
                return None
            return build.begin(own)

    @task(execution_timeout=timedelta(hours=2))
    def run_layer(layer: str, build_id: int) -> None:
        from lagebild import settings
        from lagebild.warehouse import build

        with settled():
            build.run_layers(settings.load(), build_id, layer)

    @task(execution_timeout=timedelta(hours=1))
    def check_marts(build_id: int) -> None:
        """The expectations on the candidate marts; one that must hold and does not stops the publication."""
        from lagebild import settings
        from lagebild.warehouse import build

        with settled():
            build.check_marts(settings.load(), build_id)

    @task(execution_timeout=timedelta(hours=1), outlets=[Asset(MARTS)])
    def publish(build_id: int) -> int:
        from lagebild import settings
        from lagebild.warehouse import build

        with settled():
            return build.publish_build(settings.load(), build_id)

    build_id = fix_inputs()
    previous = build_id
    for layer in LAYERS:
        previous = previous >> run_layer.override(task_id=layer)(layer, build_id)
    previous >> check_marts(build_id) >> publish(build_id)
