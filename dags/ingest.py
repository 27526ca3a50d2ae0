"""Airflow DAGs `ingest__<source>`: one for each contract in `ingest/sources`, and `backfill__<source>` for pulled ones.

What to do with a file stands in `ingest/`; here stands when, and in what order. Heavy modules are imported inside the
tasks, so that the DAG processor reads this file quickly. Files that people send are loaded by `ingest_files` as soon as
they are seen; here what is pulled, asked for by hand or left behind.

    due -> ingest (a mapped task a file or table: fetched if it is pulled, loaded, checked, accepted or held)

Whatever one of them does, the others go on. `backfill__<source>` has the same tasks and asks for the year of its
logical date, so that `airflow backfill create` makes one run a year, not one a tick of the contract's schedule.
"""

from datetime import timedelta

from airflow.sdk import DAG, Asset, Param, get_parsing_context, task

from ingest import contracts
from ingest.pulls import catalogue
from ingest.pulls.catalogue import Entry
from lagebild.core.errors import UserError
from lagebild.orchestration import pools
from lagebild.orchestration.operators import Ingest
from lagebild.orchestration.tasks import DEFAULTS, cron, deadline, owner, raw_asset, settled

PULLED_FIRST = 10  # a service needs its time: meanwhile files are loaded
MIDDLE_OF_THE_YEAR = "0 12 1 7 *"  # so that a range of dates never cuts a year by an hour of the time zone


def dags_of(source: str) -> list[DAG]:
    """The DAGs of one source. If its contract is broken, its task reports that; other sources are not affected."""
    entries: list[Entry] = []
    try:
        contract = contracts.load(source)
        title, schedule = contract.title, cron(contract.schedule)
        about = f"### {contract.title}\n\n{contract.description}\n\n**Owner:** {contract.owner}"
        defaults = DEFAULTS | {"owner": owner(contract.owner)}
        entries = catalogue.entries(source)
    except UserError as error:
        title, schedule, about, defaults = source, None, f"### The contract cannot be read\n\n{error}", DEFAULTS
    dags = [ingest_dag(f"ingest__{source}", f"Ingest {source}: {title}", source, entries, schedule, about, defaults)]
    if any(entry.is_by_year for entry in entries):
        yearly = f"{about}\n\nMade for `airflow backfill create`: each run asks for the year of its logical date."
        named = f"Backfill {source}: {title}"
        years = cron(MIDDLE_OF_THE_YEAR)
        dags.append(ingest_dag(f"backfill__{source}", named, source, entries, years, yearly, defaults))
    return dags


def ingest_dag(dag_id: str, title: str, source: str, entries: list[Entry], schedule, about: str, defaults: dict) -> DAG:
    """Find what is due, ingest each of it; see above."""
    with DAG(
        dag_id=dag_id,
        dag_display_name=title,
        description="Loads and checks the files of a source: accepted, held or refused. Schedule: Europe/Berlin.",
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
            priority_weight=PULLED_FIRST if entries else 1,
            doc_md="List what is due: tables of the catalogue, and files that were sent, complete and not loaded yet.",
        )
        def due(*, params, dag_run) -> list[str | list[str]]:
            from lagebild.core import settings
            from lagebild.orchestration import arrivals
            from lagebild.orchestration.tasks import years_of

            with settled():
                years = years_of(params.get("years"), dag_run)
                found = arrivals.due(settings.load(), source, params.get("table"), years, params["file"])
                for item in found:
                    print(item)
                # A mapped task without an item would be shown as skipped in a run that went well.
                return [item for _, item in arrivals.shared([(source, item) for item in found])] or [arrivals.NOTHING]

        Ingest.partial(
            task_id="ingest",
            source=source,
            # Its event is sent only when nothing is on its way any more: see `Ingest`.
            outlets=[Asset(raw_asset(source))],
            pool=pools.name_of(source) if entries else "default_pool",
            priority_weight=PULLED_FIRST if entries else 1,
            execution_timeout=timedelta(hours=2),
            map_index_template="{{ task.label }}",
            doc_md="Fetch a table if needed, load it in one transaction, check it and decide: accepted, held"
            " (pink: a person decides) or refused (red: the file must be corrected). The label says which.",
        ).expand(item=due())
    return dag


def parameters(entries: list[Entry]) -> dict[str, Param]:
    """Fields of the trigger form; all empty by default."""
    asked = {"file": Param(None, type=["null", "string"], title="File", description="Load only this file, by name.")}
    if entries:
        names = sorted(entry.id for entry in entries)
        asked["table"] = Param(None, type=["null", "string"], enum=[None, *names], title="Table")
        asked["years"] = Param(
            None,
            type=["null", "string"],
            pattern=r"^\d{4}(-\d{4})?$",
            title="Years",
            description="2019 or 2015-2019; fetched regardless of the schedule.",
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
