"""The operator of the ingest DAGs. It has no template fields: Airflow would render what a supplier writes.

A file may be named `{{ ... }}.csv`, and a rendered one could read connections.
"""

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException, AirflowSkipException

from lagebild.stack.tasks import raw_asset, settled

PUT_OFF_SECONDS = 10
"""Shorter pauses are slept. A task that is put off for less may run again before the scheduler hears that its first run
ended, and is then taken for dead (Airflow 3.3.2)."""
_log = logging.getLogger(__name__)


class Ingest(BaseOperator):
    """Fetch an item if it is pulled, load it in one transaction, check it, and say what became of it.

    The grid shows it: accepted is green, held (a person decides) pink, refused red, and the label names the outcome.
    While a service works on a job for longer the task is put off and holds no worker.

    `outlets` holds the source's asset, among others. Its event is sent only when nothing is on its way any more: of
    files that arrive together the last one triggers the build.
    """

    template_fields: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, source: str, item: str, **options: Any) -> None:
        super().__init__(**options)
        self.source, self.item = source, item
        self.outcome = ""

    @property
    def label(self) -> str:
        """What the grid shows: the file or table, and what became of it."""
        from ingest import arrivals

        return " ".join(filter(None, [arrivals.named(self.item), self.outcome]))

    def execute(self, context: Any) -> str:
        from ingest import arrivals
        from lagebild import settings
        from lagebild.gatekeeper import check_pending

        own = settings.load()
        with settled():
            while isinstance(taken := arrivals.take(own, self.source, self.item, _connection), arrivals.Later):
                _log.info("%s: %s; the next look is in %.0f s", self.item, taken.why, taken.seconds)
                if taken.seconds >= PUT_OFF_SECONDS:
                    raise AirflowRescheduleException(datetime.now(UTC) + timedelta(seconds=taken.seconds))
                time.sleep(taken.seconds)
            # Of the whole source: what a task that was killed left unchecked is checked now.
            decided = check_pending(own, self.source) if self.source else []
            is_new = bool(decided) or not isinstance(taken, arrivals.Nothing)
            is_due = is_new and arrivals.is_drained(own)
            self.outlets = [asset for asset in self.outlets if is_due and asset.uri == raw_asset(self.source)]
        if isinstance(taken, arrivals.Nothing):
            self.outcome = "" if self.item == arrivals.NOTHING else "nothing new"
            _log.info("%s: %s", self.item, taken.why)
            return taken.why
        delivery = next((d for d in decided if d.delivery_id == taken.delivery_id), taken)
        return self._told(own, delivery)

    def _told(self, own: Any, delivery: Any) -> str:
        """Write into the log what became of the delivery, and end in the state that shows it."""
        from ingest import receipts

        receipts.renew(own, _log.warning)
        _log.info("file:     %s (%s bytes)", delivery.file_name, f"{delivery.byte_size:,}")
        _log.info("SHA-256:  %s", delivery.sha256)
        _log.info("period:   %s of %s, attempt %s", delivery.period, delivery.source, delivery.attempt)
        if delivery.records is not None:
            rows = map(delivery.told, (delivery.records, delivery.loaded, delivery.rejected))
            _log.info("records:  %s: %s loaded, %s rejected", *rows)
        for receipt in receipts.places(own, delivery.delivery_id):
            _log.info("receipt:  %s", receipt)
        self.outcome = delivery.state
        if delivery.state == "refused":
            raise AirflowFailException(f"refused: {delivery.reason}")
        if delivery.state == "held":
            _log.warning("delivery %s is held: %s", delivery.delivery_id, delivery.reason)
            _log.warning("what to do: lagebild held; lagebild accept, or refuse, %s", delivery.delivery_id)
            raise AirflowSkipException(f"held: {delivery.reason}")
        _log.info("decision: %s", delivery.state)
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
