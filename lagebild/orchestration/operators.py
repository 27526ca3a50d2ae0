"""The operator of the ingest DAGs. It has no template fields: Airflow would render text from suppliers.

A file may be named `{{ ... }}.csv`, and rendering that could read connections.
"""

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException, AirflowSkipException

from lagebild.core.errors import UserError
from lagebild.orchestration.tasks import may_pass, raw_asset, settled

PUT_OFF_SECONDS = 10
"""Shorter pauses are slept. A task that is rescheduled sooner may run again before the scheduler knows that its first
run ended, and is then considered dead (Airflow 3.3.2)."""
_log = logging.getLogger(__name__)


class Ingest(BaseOperator):
    """Fetch an item if needed, load it in one transaction, check it, and report the outcome.

    The grid shows it: accepted is green, held (a person decides) pink, refused red, and the label names the outcome.
    While a service works on a long job, the task is rescheduled and holds no worker.

    With a list of files it does this for each, even if others fail. It fails if one was refused or could not be loaded;
    the retry continues with the rest. Log, label and return value name the files.

    `outlets` includes the source's asset. Its event is sent only when nothing else is waiting: of files that arrive
    together, the last one triggers the build.
    """

    template_fields: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, source: str, item: str | list[str], **options: Any) -> None:
        super().__init__(**options)
        self.source, self.item = source, item
        self.outcome = ""

    @property
    def label(self) -> str:
        """Label in the grid: the file or table (or the first of several) and the outcome."""
        from lagebild.orchestration import arrivals

        if isinstance(self.item, str):
            return " ".join(filter(None, [arrivals.named(self.item), self.outcome]))
        first, last = arrivals.named(self.item[0]), arrivals.named(self.item[-1])
        named = f"{first} to {last} ({len(self.item)} files)" if self.item[1:] else first
        return ": ".join(filter(None, [named, self.outcome]))

    def execute(self, context: Any) -> str | list[str]:
        from lagebild.core import database, settings
        from lagebild.orchestration import arrivals

        own = settings.load()
        if not isinstance(self.item, str):
            with database.reused():
                return self._each(own, self.item)
        with settled():
            while isinstance(taken := arrivals.take(own, self.source, self.item, _connection), arrivals.RetryLater):
                _log.info("%s: %s; the next look is in %.0f s", self.item, taken.why, taken.seconds)
                if taken.seconds >= PUT_OFF_SECONDS:
                    raise AirflowRescheduleException(datetime.now(UTC) + timedelta(seconds=taken.seconds))
                time.sleep(taken.seconds)
            deliveries = self._checked(own, [] if isinstance(taken, arrivals.NothingDue) else [taken])
        if isinstance(taken, arrivals.NothingDue):
            self.outcome = "" if self.item == arrivals.NOTHING else "nothing new"
            _log.info("%s: %s", self.item, taken.why)
            return taken.why
        (delivery,) = deliveries
        self._tell(own, delivery)
        self.outcome = delivery.state
        if delivery.state == "refused":
            raise AirflowFailException(f"refused: {delivery.reason}")
        if delivery.state == "held":
            raise AirflowSkipException(f"held: {delivery.reason}")
        return str(delivery)

    def _each(self, own: Any, items: list[str]) -> list[str]:
        """Load these files one by one, then check them together; a line reports the outcome of each."""
        from lagebild.orchestration import arrivals

        taken, problems = [], {}
        for item in items:
            try:
                found = arrivals.take(own, self.source, item, _connection)
            except UserError as error:
                problems[item] = error
                _log.error("%s: %s", item, error)
                continue
            if isinstance(found, arrivals.NothingDue):
                _log.info("%s: %s", item, found.why)
            else:
                taken.append(found)
        with settled():
            deliveries = self._checked(own, taken)
        for delivery in deliveries:
            self._tell(own, delivery)
        states = [delivery.state for delivery in deliveries]
        counts = {state: states.count(state) for state in sorted(set(states))} | {"not loaded": len(problems)}
        self.outcome = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing new"
        bad = [f"{delivery.file_name}: {delivery.reason}" for delivery in deliveries if delivery.state == "refused"]
        if problems:
            told = "\n".join(
                [f"{len(problems)} of {len(items)} files were not loaded:", *map(str, problems.values()), *bad]
            )
            if any(may_pass(error) for error in problems.values()):
                raise RuntimeError(told)  # Airflow retries, and finds the others done
            raise AirflowFailException(told)
        if bad:
            raise AirflowFailException("\n".join([f"{len(bad)} of {len(items)} files were refused:", *bad]))
        if "held" in states:
            held = [f"{d.file_name}: {d.reason}" for d in deliveries if d.state == "held"]
            raise AirflowSkipException("\n".join([f"{len(held)} of {len(items)} files are held:", *held]))
        return [f"{delivery.file_name}: {delivery.state}" for delivery in deliveries]

    def _checked(self, own: Any, taken: list[Any]) -> list[Any]:
        """Check loaded deliveries and return them with their new state. Sends the event if nothing else waits."""
        from ingest.deliveries import delivery_ledger
        from ingest.inbox import receipts
        from lagebild.core import database
        from lagebild.orchestration import arrivals
        from lagebild.review.pending import check_pending

        # For the whole source: this also checks what a killed task left unchecked.
        decided = check_pending(own, self.source) if self.source else []
        is_due = bool(taken or decided) and arrivals.is_drained(own)
        self.outlets = [asset for asset in self.outlets if is_due and asset.uri == raw_asset(self.source)]
        receipts.renew(own, _log.warning)
        with database.connect(own, database.LOADER) as connection:  # another task may have checked it meanwhile
            return [delivery_ledger.get(connection, delivery.delivery_id) for delivery in taken]

    def _tell(self, own: Any, delivery: Any) -> None:
        """Log the outcome of the delivery."""
        from ingest.inbox import receipts

        _log.info("file:     %s (%s bytes)", delivery.file_name, f"{delivery.byte_size:,}")
        _log.info("SHA-256:  %s", delivery.sha256)
        _log.info("period:   %s of %s, attempt %s", delivery.period, delivery.source, delivery.attempt)
        if delivery.records is not None:
            rows = map(delivery.count_text, (delivery.records, delivery.loaded, delivery.rejected))
            _log.info("records:  %s: %s loaded, %s rejected", *rows)
        for receipt in receipts.places(own, delivery.delivery_id):
            _log.info("receipt:  %s", receipt)
        if delivery.state == "held":
            _log.warning("delivery %s is held: %s", delivery.delivery_id, delivery.reason)
            todo = "what to do: lagebild delivery held; lagebild delivery accept, or refuse, %s"
            _log.warning(todo, delivery.delivery_id)
        elif delivery.state != "refused":
            _log.info("decision: %s", delivery.state)


def _connection(host: str):
    """The login of Airflow's connection `lagebild_<host>`; None if there is none: the environment is asked then."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    from lagebild.core.credentials import Access

    try:
        found = Connection.get(f"lagebild_{host}")
    except AirflowNotFoundException:
        return None
    return Access(found.login or "", found.password or "")
