"""The two operators of the ingest DAGs. Neither has template fields: Airflow would render what a supplier writes.

A file may be named `{{ ... }}.csv`, and a rendered one could read connections.
"""

from datetime import timedelta
from typing import Any, ClassVar

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from lagebild.stack.tasks import settled


class Fetch(BaseOperator):
    """Pull one item of the catalogue. While the service works on a job the task is deferred and holds no worker."""

    template_fields: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, source: str, host: str, item: str, **options: Any) -> None:
        super().__init__(**options)
        self.source, self.host, self.item = source, host, item

    def execute(self, context: Any) -> str:
        return self.go_on(context)

    def go_on(self, context: Any, event: Any = None) -> str:
        """The next step, which the ledger of fetches knows: so a run that was killed while it waited goes on, too."""
        from ingest import fetch
        from lagebild import settings

        with settled():
            found = fetch.step(settings.load(), self.item, self.source, access=_connection(self.host))
        if isinstance(found, fetch.Waiting):
            self.log.info("job %s is not ready; the next look is in %.0f s", found.job, found.seconds)
            self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=found.seconds)), method_name="go_on")
        if not isinstance(found, fetch.Fetched):
            raise AirflowSkipException(f"{self.item}: {found.why}")
        return found.path.name


class Load(BaseOperator):
    """Load one file that arrived, in one transaction."""

    template_fields: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, source: str, arrival: str, **options: Any) -> None:
        super().__init__(**options)
        self.source, self.arrival = source, arrival

    def execute(self, context: Any) -> str:
        from ingest import arrivals
        from lagebild import settings

        with settled():
            delivery = arrivals.load(settings.load(), self.source, self.arrival, _connection)
        if delivery is None:
            raise AirflowSkipException(f"{self.arrival}: another one takes it")
        return str(delivery)


def _connection(host: str):
    """The login of Airflow's connection `lagebild_<host>`; None where there is none: the environment is asked then."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    from ingest.connectors.access import Access

    try:
        found = Connection.get(f"lagebild_{host}")
    except AirflowNotFoundException:
        return None
    return Access(found.login or "", found.password or "")
