"""Airflow DAG `build_warehouse`: accepted deliveries -> marts -> a new publication.

Calls the same functions as `lagebild publication build`, in two tasks: one for the models, which can be repeated, and
one for the checks and the publication. Starting dbt takes longer than a layer, so one task runs all layers.
"""

import logging
import time
from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetAny, AssetOrTimeSchedule, task

from ingest import contracts
from lagebild.orchestration.tasks import DEFAULTS, MARTS, WAITING, cron, deadline, raw_asset, settled

EVERYTHING = [{"about": "nothing", "line": ""}]
"""Item if no delivery was left out: without an item a mapped task would be shown as skipped."""
log = logging.getLogger(__name__)

with DAG(
    dag_id="build_warehouse",
    dag_display_name="Build and publish the marts",
    description="Accepted deliveries -> dbt models -> checks -> a new publication. Daily at 07:00 Europe/Berlin too.",
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
    " publishes them in one transaction. A delivery that dbt or a check fails on is set aside, the others are"
    " published, and the run fails to say so. Whatever else fails, the last publication stays in force. With"
    " LAGEBILD_PUBLISH=ask a build that passed waits for DAG `publish`.",
    tags=["build"],
) as dag:

    @task(
        execution_timeout=timedelta(hours=2),
        doc_md="Fix the inputs, then run dbt: staging, intermediate, marts, with their tests.",
    )
    def transform(*, dag_run, ti) -> int:
        """The new build; 0 if nothing is new or another delivery is waiting."""
        from lagebild.core import settings
        from lagebild.orchestration.arrivals import is_drained, is_fetching
        from lagebild.warehouse import build
        from lagebild.warehouse.steps import Layers, Step

        layers = Layers()

        def warn(line: str) -> None:
            for told in layers.taken():  # of the build that failed; what follows is another one
                print(told)
            log.warning(line)

        def tell(step: Step) -> None:
            layers.add(step)
            if step.is_bad or step.kind != "test":
                print(step)

        with settled():
            own = settings.load()
            # A file that cannot be loaded must not stop the house: the daily run and one by hand build what is there.
            if dag_run.run_type == "asset_triggered" and not is_drained(own):
                print("deliveries are still on their way: the last of them triggers the build")
                return 0
            while dag_run.run_type == "asset_triggered" and is_fetching(own):
                print("a table was asked for a moment ago: the build waits for it")
                time.sleep(1)
            if own.sends_lineage:
                from lagebild.local import lineage_transport

                lineage_transport.be_parent(ti)
            build_id = build.begin(own)
            if build_id is None:
                print("nothing new to build")
            else:
                with build.at_work(own) as connection:
                    build_id = build.make(connection, own, build_id, tell, warn)
                print("\n".join(layers.taken()))
            return build_id or 0

    @task(
        execution_timeout=timedelta(hours=1),
        outlets=[Asset(MARTS), Asset(WAITING)],
        doc_md="Check the candidate marts. If a check fails, build again without the deliveries that caused it; if none"
        " did, the current publication stays. Then publish, or with LAGEBILD_PUBLISH=ask leave it to DAG `publish`.",
    )
    def publish(build_id: int, *, task, dag_run) -> list[dict[str, str]]:
        """Deliveries left out of the current publication, each with what to do, for one task each."""
        from lagebild.core import settings
        from lagebild.warehouse import build

        own = settings.load()
        with settled():
            if not build_id:
                waiting = build.waiting(own)
                # Nothing new, so no event; but a question that nobody answered for a day is asked again.
                is_asked_again = waiting is not None and dag_run.run_type == "scheduled"
                task.outlets = [Asset(WAITING)] if is_asked_again else []
                told = "there was nothing new to build: the publication in force stays"
                print(told if waiting is None else build.waiting_message(waiting))
            else:
                with build.at_work(own) as connection:
                    build_id = build.pass_checks(connection, own, build_id, echo=log.warning)
                    if not own.publishes_unasked:
                        task.outlets = [Asset(WAITING)]  # no publication yet: whoever may is asked
                        print(build.wait_for_approval(connection, build_id))
                        return EVERYTHING
                task.outlets = [Asset(MARTS)]
                print(f"publication {build.publish_build(own, build_id)} is in force")
            left_out = [{"about": f"{one.source} {one.period}", "line": str(one)} for one in build.set_aside(own)]
            return left_out or EVERYTHING

    @task(
        execution_timeout=timedelta(minutes=5),
        map_index_template="{{ about }}",
        doc_md="Red for each accepted delivery that the current publication left out: the label names it, the end of"
        " the log says why and what to do. The others are published. It stays red in each run until the delivery is"
        " withdrawn or corrected.",
    )
    def set_aside(about: str, line: str) -> None:
        from airflow.sdk import get_current_context
        from airflow.sdk.exceptions import AirflowFailException

        get_current_context()["about"] = about
        if line:
            log.error(line)
            raise AirflowFailException(line)
        print("nothing: every accepted delivery is in what was published")

    set_aside.expand_kwargs(publish(transform()))
