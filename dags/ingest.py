"""Airflow DAGs `ingest__<source>`: one for each contract in `ingest/sources`, and `backfill__<source>` for pulled ones.

What to do with a file stands in `ingest/`; here stands when, and in what order. Heavy modules are imported inside the
tasks, so that the DAG processor reads this file quickly.

    look__<host> -> fetch__<host> (a mapped task a table) -> arrivals -> load (a mapped task a file) -> check

The first two are there for sources that the catalogue pulls. Whatever one table or file does, the others go on; a task
that failed fails the run at its end. `backfill__<source>` has the same tasks and asks for the year of its logical date,
so that `airflow backfill create` makes one run a year, not one a tick of the contract's schedule.
"""

from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetAlias, Param, get_parsing_context, task

from ingest import contracts
from ingest.connectors import catalogue
from ingest.connectors.catalogue import Entry
from lagebild.errors import UserError
from lagebild.stack import pools
from lagebild.stack.operators import Fetch, Load
from lagebild.stack.tasks import DEFAULTS, cron, deadline, owner, raw_asset, settled

JOBS_MAY_TAKE = timedelta(hours=4)
MIDDLE_OF_THE_YEAR = "0 12 1 7 *"  # so that a range of dates never cuts a year by an hour of the time zone


def dags_of(source: str) -> list[DAG]:
    """The DAGs of one source; with a broken contract its task says what is wrong, and the other sources go on."""
    entries: list[Entry] = []
    try:
        contract = contracts.load(source)
        schedule = cron(contract.schedule)
        about = f"### {contract.title}\n\n{contract.description}\n\n**Owner:** {contract.owner}"
        defaults = DEFAULTS | {"owner": owner(contract.owner)}
        entries = catalogue.entries(source)
    except UserError as error:
        schedule, about, defaults = None, f"### The contract cannot be read\n\n{error}", DEFAULTS
    dags = [ingest_dag(f"ingest__{source}", source, entries, schedule, about, defaults)]
    if any(entry.is_by_year for entry in entries):
        yearly = f"{about}\n\nMade for `airflow backfill create`: each run asks for the year of its logical date."
        dags.append(ingest_dag(f"backfill__{source}", source, entries, cron(MIDDLE_OF_THE_YEAR), yearly, defaults))
    return dags


def ingest_dag(dag_id: str, source: str, entries: list[Entry], schedule, about: str, defaults: dict) -> DAG:
    """Look, fetch, load, check; see above."""
    with DAG(
        dag_id=dag_id,
        schedule=schedule,
        catchup=False,
        max_active_runs=1,
        default_args=defaults,
        deadline=deadline(),
        params=parameters(entries),
        doc_md=f"{about}\n\n{what_it_takes(source, entries)}",
        tags=["ingest", source],
    ) as dag:

        @task(
            execution_timeout=timedelta(minutes=10),
            trigger_rule="all_done",
            doc_md="List what has arrived: files that were fetched or sent, complete and not loaded yet.",
        )
        def arrivals(*, params) -> list[str]:
            from ingest import arrivals
            from lagebild import settings

            with settled():
                return arrivals.waiting(settings.load(), source, params["file"])

        # An alias, because the asset's event is sent only when nothing is on its way any more: of eight sources that
        # arrive together the last one triggers the build.
        @task(
            execution_timeout=timedelta(hours=1),
            trigger_rule="all_done",
            outlets=[AssetAlias(f"checked__{source}")],
            doc_md="Run the expectations on every loaded delivery, of any source, and decide: accepted or"
            " held. Of sources that arrive together the first checks for all: importing the library costs the most.",
        )
        def check(*, outlet_events) -> list[str]:
            from ingest import receipts
            from ingest.arrivals import is_drained
            from lagebild import settings
            from lagebild.gatekeeper import check_pending

            with settled():
                own = settings.load()
                decided = [str(delivery) for delivery in check_pending(own)]
                receipts.renew(own, print)
                if is_drained(own):
                    outlet_events[AssetAlias(f"checked__{source}")].add(Asset(raw_asset(source)))
            return decided

        @task(
            execution_timeout=timedelta(minutes=1),
            trigger_rule="one_failed",
            doc_md="Fail the run where a task before failed: those after it go on all the same.",
        )
        def tell_failure() -> None:
            from airflow.sdk.exceptions import AirflowFailException

            raise AirflowFailException("a task of this run failed; its own log says why")

        arrived = arrivals()
        failure = tell_failure()
        loaded = Load.partial(
            task_id="load",
            source=source,
            execution_timeout=timedelta(hours=2),
            map_index_template="{{ task.arrival }}",
            doc_md="Load a file, in one transaction.",
        ).expand(arrival=arrived)
        for host in sorted({entry.host for entry in entries}):
            fetched = pull(source, host)
            fetched >> arrived
            fetched >> failure
        [arrived, loaded] >> failure
        loaded >> check() >> failure
    return dag


def pull(source: str, host: str):
    """The two tasks that ask a host for what is due of a source."""

    @task(
        task_id=f"look__{host}",
        execution_timeout=timedelta(minutes=10),
        doc_md=f"List what of the catalogue is due from {host}.",
    )
    def look(*, params, dag_run) -> list[str]:
        from ingest import wanted
        from lagebild import settings
        from lagebild.stack.tasks import years_of

        with settled():
            tables = [params["table"]] if params["table"] else []
            due = wanted.due(settings.load(), source, tables=tables, years=years_of(params["years"], dag_run))
        return [item.key for item in due if item.entry.host == host]

    return Fetch.partial(
        task_id=f"fetch__{host}",
        source=source,
        host=host,
        pool=pools.name_of(host),
        execution_timeout=JOBS_MAY_TAKE,
        map_index_template="{{ task.item }}",
        doc_md="Fetch one table; deferred while the service works on a job.",
    ).expand(item=look())


def parameters(entries: list[Entry]) -> dict[str, Param]:
    """What the trigger form asks for; nothing is filled in by default."""
    asked = {"file": Param(None, type=["null", "string"], title="File", description="Load only this file, by name.")}
    if entries:
        names = sorted(entry.id for entry in entries)
        asked["table"] = Param(None, type=["null", "string"], enum=[None, *names], title="Table")
        asked["years"] = Param(
            None,
            type=["null", "string"],
            pattern=r"^\d{4}(-\d{4})?$",
            title="Years",
            description="2019 or 2015-2019; asked for whatever the schedule says.",
        )
    return asked


def what_it_takes(source: str, entries: list[Entry]) -> str:
    """For the DAG's page: where its files come from."""
    sent = f"Files of this source in an inbox (`drop/`, `drop/{source}/`, SFTP, S3) are loaded, then checked: accepted,"
    pulled = "".join(f"\n- {entry.id}: {entry.title}" for entry in entries)
    return f"{sent} or held with the reason." + (f"\n\nPulled when they are due:\n{pulled}" if pulled else "")


# A task needs its own DAG only; the DAG processor needs all of them.
own_dag = get_parsing_context().dag_id
for source in contracts.sources():
    if own_dag in (None, f"ingest__{source}", f"backfill__{source}"):
        globals().update({dag.dag_id: dag for dag in dags_of(source)})
