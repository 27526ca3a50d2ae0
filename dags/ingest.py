"""Airflow DAGs `ingest__<source>`: one for each contract in `ingest/sources`.

What to do with a file stands in `ingest/`; here stands when, and in what order. Heavy modules are imported inside the
tasks, so that the DAG processor reads this file quickly.
"""

from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetAlias, get_parsing_context, task

from ingest import contracts
from lagebild.errors import UserError
from lagebild.stack.tasks import DEFAULTS, cron, deadline, owner, raw_asset, settled


def ingest_dag(source: str) -> DAG:
    """The DAG of one source; with a broken contract its task says what is wrong, and the other sources go on."""
    try:
        contract = contracts.load(source)
        schedule = cron(contract.schedule)
        about = f"### {contract.title}\n\n{contract.description}\n\n**Owner:** {contract.owner}"
        defaults = DEFAULTS | {"owner": owner(contract.owner)}
    except UserError as error:
        schedule, about, defaults = None, f"### The contract cannot be read\n\n{error}", DEFAULTS

    with DAG(
        dag_id=f"ingest__{source}",
        schedule=schedule,
        catchup=False,
        max_active_runs=1,
        default_args=defaults,
        deadline=deadline(),
        doc_md=f"{about}\n\nComplete files of the inboxes (`drop/{source}/`, LAGEBILD_INBOXES) are loaded, then"
        " checked: accepted, or held with the reason.",
        tags=["ingest", source],
    ) as dag:

        @task(
            execution_timeout=timedelta(hours=2),
            doc_md="Take every complete file of the inboxes, each in one transaction.",
        )
        def load() -> list[str]:
            from ingest.inbox import drain
            from lagebild import settings

            with settled():
                return [str(delivery) for delivery in drain(settings.load(), source)]

        # An alias, because the asset's event is sent only when nothing is on its way any more: of eight sources that
        # arrive together the last one triggers the build.
        @task(
            execution_timeout=timedelta(hours=1),
            outlets=[AssetAlias(f"checked__{source}")],
            doc_md="Run the expectations on every loaded delivery, of any source, and decide: accepted or"
            " held. Of sources that arrive together the first checks for all: importing the library costs the most.",
        )
        def check(*, outlet_events) -> list[str]:
            from ingest import inbox, receipts
            from lagebild import settings
            from lagebild.gatekeeper import check_pending

            with settled():
                own = settings.load()
                decided = [str(delivery) for delivery in check_pending(own)]
                receipts.renew(own, print)
                inbox.tell_unknown(own, print)
                if inbox.is_drained(own):
                    outlet_events[AssetAlias(f"checked__{source}")].add(Asset(raw_asset(source)))
            return decided

        load() >> check()
    return dag


# A task needs its own DAG only; the DAG processor needs all of them.
wanted = get_parsing_context().dag_id
for source in contracts.sources():
    if wanted in (None, f"ingest__{source}"):
        globals()[f"ingest__{source}"] = ingest_dag(source)
